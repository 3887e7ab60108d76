"""What language models may cost in a day, and what customers and operators notice when it is used up."""

from typing import Any

import pytest

from core import wording
from core.wording import Line
from tests.fakes.openai_server import FakeOpenAI, call, say
from tests.scenario.conftest import Start
from tests.support import ManualClock

QUESTION, OTHER = "How long does delivery take?", "How much does delivery cost?"
BY_THE_MODEL = "Standard delivery takes 2 to 4 working days. [1]"
DAY = 86_400.0


def settings(server: FakeOpenAI, **budget: Any) -> dict[str, Any]:
    """A model and a budget."""
    server.otherwise = lambda body: (
        say(BY_THE_MODEL)
        if body["messages"][-1]["role"] == "tool"
        else call("search_knowledge_base", {"query": QUESTION})
    )
    model = {"openai_base_url": server.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
    return {**model, "model_price": "1,1", **budget}


async def test_a_conversation_that_used_its_tokens_is_quoted_to_and_others_go_on(program: Start) -> None:
    async with FakeOpenAI() as server, program(**settings(server, budget_conversation_tokens=1)) as client:
        chat, another = await client.chat(), await client.chat()
        [first] = await chat.say(QUESTION)
        assert first["text"] == BY_THE_MODEL
        asked = len(server.requests)
        [second] = await chat.say(OTHER)
        assert len(server.requests) == asked, "no model was asked"
        assert "£3.95" in second["text"]
        assert second["citations"]
        [theirs] = await another.say(QUESTION)
        assert theirs["text"] == BY_THE_MODEL


@pytest.mark.parametrize("limit", [{"budget_day_tokens": 1}, {"budget_day_cost": 0.0000001}], ids=["tokens", "cost"])
async def test_what_all_may_use_in_a_day_is_there_again_the_next_day(program: Start, limit: dict[str, Any]) -> None:
    clock = ManualClock()
    async with FakeOpenAI() as server, program(clock=clock, **settings(server, **limit)) as client:
        [first] = await (await client.chat()).say(QUESTION)
        [second] = await (await client.chat()).say(QUESTION)
        clock.tick(DAY)
        [third] = await (await client.chat()).say(QUESTION)
        assert [one["text"] == BY_THE_MODEL for one in (first, second, third)] == [True, False, True]


async def test_an_owner_may_have_people_answer_instead(program: Start) -> None:
    budget = {"budget_day_tokens": 1, "budget_then": "people"}
    async with FakeOpenAI() as server, program(**settings(server, **budget)) as client:
        await (await client.chat()).say(QUESTION)
        chat, ada = await client.chat(), await client.operator()
        [told] = await chat.say(QUESTION)
        assert (told["author"], told["text"]) == ("system", wording.text(Line.HANDED_OFF))
        [case] = await ada.cases()
        assert (case["reason"], (await ada.case(case["id"]))["detail"]) == (
            "model_budget",
            "Today's 1 tokens are used up.",
        )


async def test_people_read_that_an_answer_did_without_the_model(program: Start) -> None:
    async with FakeOpenAI() as server, program(**settings(server, budget_day_tokens=1)) as client:
        await (await client.chat()).say(QUESTION)
        chat, ada = await client.chat(), await client.operator()
        await chat.say("Do you rent out helicopters on the moon?")
        await chat.say("I want to talk to a person")
        [case] = await ada.cases()
        steps = [step["step"] for step in (await ada.case(case["id"]))["trace"]]
        assert steps[0] == "Did without the language model"
