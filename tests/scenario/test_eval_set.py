"""`threadline eval-set`: a team's own solved conversations, as questions that `threadline eval` asks."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.evaluation import measure
from bot.examples import collect, write
from core.errors import SetupError
from tests.scenario.chatting import command
from tests.scenario.conftest import Start
from tests.support import Chat, Client, Operator, plain_settings, until

DELIVERY = "How much does delivery cost?"
RENT = "Can I rent a bike for the weekend? I am Kim Lane, kim.lane@example.com, card 4111 1111 1111 1111."
PRICE = "Yes, Kim, a rental bike costs 35 EUR a day."


async def helped(client: Client, *before: str) -> Chat:
    """Have a customer ask about delivery, after having said `before`, and call the answer helpful."""
    chat = await client.chat()
    for text in before:
        await chat.say(text)
    [reply] = await chat.say(DELIVERY)
    path = f"{chat.path}/messages/{reply['id']}/feedback"
    assert (await client.call("POST", path, token=chat.token, json={"score": 1})).status in {200, 204}
    return chat


async def solved(client: Client, ada: Operator, question: str, answer: str, outcome: str = "solved") -> dict[str, Any]:
    """Have a customer ask, and an operator answer and close the case."""
    chat = await client.chat()
    await chat.say(question)
    if not await ada.cases():
        await chat.say("I want to talk to a person")
    [case] = await ada.cases()
    await ada.act(case["id"], "claim")
    await ada.act(case["id"], "reply", answer)
    await ada.act(case["id"], "resolve", outcome=outcome)
    return case


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the lines of a file of the folder."""
    return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]


async def test_what_was_solved_is_asked_again_by_eval(program: Start, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    async with program() as client:
        ada = await client.operator("Ada")
        await helped(client, "Hello!")
        await (await client.chat()).say(DELIVERY)
        rent = await solved(client, ada, RENT, PRICE)
        await solved(client, ada, "Do you sell cheap pills?", "We don't.", outcome="spam")
        collected = await collect(client.threadline.store, 0)
        assert collected.counts == {"queries": 1, "out_of_scope": 1, "documents": 18, "lost": 0}
        write(collected, folder)
    [query] = rows(folder, "queries.jsonl")
    assert (query["query"], query["doc_ids"], query["kind"]) == (DELIVERY, ["delivery-times-and-costs"], "answered")
    assert "£3.95" in query["answer"]
    hello, greeted = query["history"]
    assert (hello, greeted["role"]) == ({"role": "user", "text": "Hello!"}, "assistant")
    [person] = rows(folder, "out_of_scope.jsonl")
    assert person["id"] == rent["id"]
    assert person["kind"] in {"weak_grounding", "customer_asked"}
    assert person["query"].startswith("Can I rent a bike for the weekend?")
    for secret in ("4111", "kim.lane@example.com"):
        assert secret not in (folder / "out_of_scope.jsonl").read_text("utf-8")
    assert (folder.stat().st_mode & 0o077) == 0, "nobody else reads it"
    settings = plain_settings(tmp_path / "home", embedding_model="none")
    found = await measure(settings, folder, split=None, limit=None, progress=lambda *_: None)
    assert found["retrieval"]["hit@1"] == 1.0
    assert found["decisions"]["questions"] == {"in_scope": 1, "out_of_scope": 1}
    assert set(found["decisions"]["in_scope"]["by_kind"]) == {"answered"}


async def test_a_suggested_reply_that_was_sent_names_its_articles(program: Start, tmp_path: Path) -> None:
    async with program() as client:
        ada = await client.operator("Ada")
        chat = await client.chat()
        await chat.say("I want to talk to a person")
        await chat.say(DELIVERY)
        [case] = await ada.cases()
        await ada.act(case["id"], "claim")

        async def drafted() -> dict[str, Any] | None:
            draft: dict[str, Any] | None = (await ada.case(case["id"]))["suggestion"]
            return draft if draft and draft["text"] else None

        await ada.act(case["id"], "draft")
        draft = await until(drafted)
        await ada.act(case["id"], "reply", draft["text"])
        await ada.act(case["id"], "resolve")
        collected = await collect(client.threadline.store, 0)
    [query] = collected.queries
    assert query["doc_ids"] == ["delivery-times-and-costs"]
    assert query["kind"] == "customer_asked"


async def test_nothing_of_the_owners_is_overwritten_and_nothing_solved_is_said(program: Start, tmp_path: Path) -> None:
    async with program() as client:
        with pytest.raises(SetupError, match="Nothing was solved"):
            await collect(client.threadline.store, 0)
        await helped(client)
        collected = await collect(client.threadline.store, 0)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(SetupError, match="is not empty"):
        write(collected, tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


async def test_the_command_works_beside_a_running_serve(program: Start, tmp_path: Path) -> None:
    async with program() as client:
        await helped(client)
        status, said, wrong = await command(client.threadline.home.path, "eval-set", str(tmp_path / "mine"))
    assert (status, wrong) == (0, "")
    assert " ".join(said.split()).startswith(
        "1 question that an article answers, 0 that people answered, and 18 articles"
    )
