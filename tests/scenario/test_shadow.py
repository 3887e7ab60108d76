"""A week in shadow mode: the assistant drafts, people answer, and an owner sees where it can be let speak."""

import asyncio
import json
from typing import Any

import pytest

from core.ids import ThreadId
from tests.fakes.openai_server import FakeOpenAI, call, say
from tests.scenario.conftest import Start
from tests.support import Client, ManualClock, Operator, until

DAY = 86_400.0
WEEK = (
    ("How long does delivery take?", "as it is"),
    ("How much does delivery cost?", "as it is"),
    ("How long does delivery take to Spain?", "edited"),
    ("How long does delivery take for a bike?", "as it is"),
    ("How do I send a return back?", "otherwise"),
    ("How long do I have to return something?", "otherwise"),
    ("How do gift cards work?", "as it is"),
)
"""What is asked on each day, and what the operator makes of the suggestion."""


async def answered(client: Client, ada: Operator, question: str, how: str) -> None:
    """Have a customer ask, and the operator answer with or without what is suggested."""
    chat = await client.chat()
    assert await chat.say(question) == [], "the customer reads nothing of the assistant's"
    [case] = await ada.cases()

    async def suggested() -> str:
        return str((await ada.case(case["id"]))["suggestion"]["text"])

    suggestion = await until(suggested)
    words = {
        "as it is": suggestion,
        "edited": f"Hello!\n\n{suggestion}",
        "otherwise": "I have looked into it myself, and we make an exception.",
    }[how]
    for action, text in (("claim", ""), ("reply", words), ("resolve", "")):
        assert (await ada.act(case["id"], action, text)).status == 200
    assert [said["author"] for said in await chat.read() if said["author"] == "bot"] == []


async def test_after_a_week_the_owner_sees_by_article_how_often_people_agreed(program: Start) -> None:
    clock = ManualClock()
    async with program(clock=clock, shadow=True) as client:
        ada = await client.operator()
        for question, how in WEEK:
            await answered(client, ada, question, how)
            clock.tick(DAY)
        answer = await client.call("GET", "/api/v1/desk/digest", token=ada.token)
        agreement = {one["subject"]: one for one in answer.data["agreement"]}
        assert sum(one["drafts"] for one in agreement.values()) == len(WEEK)
        assert [sum(one[fate] for one in agreement.values()) for fate in ("used", "edited", "ignored")] == [4, 1, 2]
        delivery = agreement["Delivery times and costs"]
        assert (delivery["used"], delivery["edited"], delivery["share"]) == (3, 1, 1.0)


@pytest.mark.parametrize("with_model", [False, True], ids=["without a model", "with a model"])
async def test_every_message_has_its_suggestion_and_the_customer_reads_people_alone(
    program: Start, *, with_model: bool
) -> None:
    async with FakeOpenAI() as server:
        server.otherwise = lambda body: (
            say("It takes 2 to 4 working days [1].")
            if body["messages"][-1]["role"] == "tool"
            else call("search_knowledge_base", {"query": "How long does delivery take?"})
        )
        model = {"openai_base_url": server.base_url, "openai_model": "gpt-test"} if with_model else {}
        async with program(shadow=True, **model) as client:
            chat, ada = await client.chat(), await client.operator()
            await chat.say("How long does delivery take?")
            [case] = await ada.cases()
            first = (await ada.case(case["id"]))["suggestion"]["text"]
            assert case["reason"] == "shadow"
            assert "working days" in first
            await ada.act(case["id"], "claim")
            await ada.act(case["id"], "reply", "Two days, as a rule.")
            await chat.post("And how do gift cards work?")

            async def anew() -> bool:
                detail = await ada.case(case["id"])
                heard = detail["messages"][-1]["text"] == "And how do gift cards work?"
                suggestion = detail["suggestion"]
                return heard and not suggestion["writing"] and (with_model or suggestion["text"] != first)

            await until(anew)
            said = [(one["author"], one["text"]) for one in await chat.read() if one["author"] != "system"]
            assert said == [
                ("customer", "How long does delivery take?"),
                ("operator", "Two days, as a rule."),
                ("customer", "And how do gift cards work?"),
            ]


def hands_over(body: dict[str, Any]) -> Any:
    """Play a model that calls for people, and drafts what it is asked to draft."""
    words = str(body["messages"][-1]["content"])
    if words.endswith("Write the two parts now."):
        return say("SUMMARY: They ask about Mars. REPLY: I shall ask our pilots.")
    return call("hand_off", {"reason": "Nothing about Mars."})


async def test_all_that_a_suggestion_took_of_the_model_counts_and_nothing_is_asked_twice(program: Start) -> None:
    async with FakeOpenAI() as server:
        server.otherwise = hands_over
        model = {"openai_base_url": server.base_url, "openai_model": "gpt-test", "budget_conversation_tokens": 10**6}
        async with program(shadow=True, **model) as client:
            chat, ada = await client.chat(), await client.operator()
            runs, clock = client.threadline.store.runs, client.threadline.clock

            async def drafted(times: int) -> bool:
                drafts = [one for one in server.requests if "two parts now" in json.dumps(one.items)]
                [case] = await ada.cases()
                detail = await ada.case(case["id"])
                return len(drafts) == times and not detail["suggestion"]["writing"]

            await chat.say("When do you fly to Mars?")
            await until(lambda: drafted(1))
            assert len(server.requests) == 2, "the run that called for people, and the draft"
            await chat.post("And to Venus?")
            await until(lambda: drafted(2))
            assert len(server.requests) == 4
            spent = await runs.spent(ThreadId("t_any"), clock())
            read = sum(len(json.dumps(request.items)) // 4 for request in server.requests)
            assert spent.today >= read


@pytest.mark.parametrize(
    ("settings", "waits"),
    [({"slow_seconds": 0}, False), ({"slow_seconds": 60, "shadow": True}, False), ({"slow_seconds": 60}, True)],
    ids=["nobody is told that it takes", "in shadow mode", "told"],
)
async def test_the_apology_is_waited_for_only_where_one_is_due(
    program: Start, settings: dict[str, Any], *, waits: bool
) -> None:
    async with FakeOpenAI() as server:
        tasks: set[str] = set()

        def seen(body: dict[str, Any]) -> Any:
            tasks.update(task.get_name() for task in asyncio.all_tasks())
            return hands_over(body)

        server.otherwise = seen
        async with program(openai_base_url=server.base_url, openai_model="gpt-test", **settings) as client:
            await (await client.chat()).say("When do you fly to Mars?")
            assert any(name.startswith("patience:") for name in tasks) is waits
            assert tasks
