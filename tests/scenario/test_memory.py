"""What the assistant remembers: long conversations in short, and facts about a customer, which people see and erase."""

from typing import Any

from tests.fakes.openai_server import FakeOpenAI, Step, call, empty, error, say
from tests.scenario.conftest import Start

ANSWER = "Standard delivery takes 2 to 4 working days. [1]"
RECAP = "The customer rides a Lark 3 and wants it delivered to the Isle of Man."
LONG = "It is about my order, and I will tell you all of it. " + "The parcel came late and then it was wet. " * 30
SUMS_UP = "Sum up the conversation below"


class Model:
    """A language model that searches, then answers; it sums up what it is asked to sum up."""

    def __init__(self, recap: Step, *, fact: str = "") -> None:
        self.recap = recap
        self.fact = fact
        self.asked: list[dict[str, Any]] = []
        self.summed_up: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Step:
        messages = body["messages"]
        if SUMS_UP in str(messages[0]["content"]):
            self.summed_up.append(str(messages[-1]["content"]))
            return self.recap
        if not body.get("tools"):
            return say("SUMMARY: Late parcel.\nREPLY: Hello!")
        self.asked.append(body)
        if messages[-1]["role"] != "tool":
            return call("search_knowledge_base", {"query": "How long does delivery take?"})
        done = [one["function"]["name"] for said in messages for one in said.get("tool_calls") or ()]
        return say(ANSWER) if "remember" in done or not self.fact else call("remember", {"fact": self.fact})

    @property
    def read(self) -> str:
        """All that the model read of the conversation the last time."""
        return "\n".join(str(one.get("content")) for one in self.asked[-1]["messages"])


def settings(server: FakeOpenAI, model: Model, **more: Any) -> dict[str, Any]:
    """The settings that name it."""
    server.otherwise = model
    named = {"openai_base_url": server.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
    return {**named, "memory_tokens": 4_000, **more}


async def test_what_is_too_long_to_be_read_is_summed_up_once_and_kept(program: Start) -> None:
    model = Model(say(RECAP))
    async with FakeOpenAI() as server, program(**settings(server, model)) as client:
        chat = await client.chat()
        for number in range(20):
            [reply] = await chat.say(f"Part {number}. {LONG}")
            assert reply["text"] == ANSWER
        assert 1 <= len(model.summed_up) <= 4, "not with each answer"
        assert f"What was said before, in short: {RECAP}" in model.read
        assert "Articles quoted then: Delivery times and costs" in model.read
        assert "Part 0." not in model.read
        assert "Part 0." in model.summed_up[0]
        assert all(RECAP in again for again in model.summed_up[1:]), "the next recap stands on the one before"
        assert "Part 18." in model.read
        assert len(await chat.read()) == 40, "the customer's own page has all of it"


async def test_what_can_not_be_summed_up_is_left_out_and_the_customer_is_answered(program: Start) -> None:
    for recap in (error(500), empty(), say("It was said that " * 4_000)):
        model = Model(recap)
        async with FakeOpenAI() as server, program(**settings(server, model, model_pause_seconds=0)) as client:
            chat = await client.chat()
            for number in range(12):
                [reply] = await chat.say(f"Part {number}. {LONG}")
                assert reply["text"] == ANSWER
            assert model.summed_up
            assert "in short" not in model.read
            assert "Part 0." not in model.read


async def test_what_is_known_about_a_customer_is_on_the_desk_and_can_be_erased_there(program: Start) -> None:
    model = Model(say(RECAP), fact="Rides a Lark 3")
    async with FakeOpenAI() as server, program(**settings(server, model)) as client:
        chat, ada = await client.chat(), await client.operator()
        await chat.say("How long does delivery take?")
        await chat.say("I want to talk to a person")
        [case] = await ada.cases()
        [known] = (await ada.case(case["id"]))["known"]
        assert known["text"] == "Rides a Lark 3"
        answer = await ada.act(case["id"], "forget", text=known["id"])
        assert answer.status == 200
        detail = await ada.case(case["id"])
        assert detail["known"] == []
        assert detail["log"][-1]["action"] == "forget"
