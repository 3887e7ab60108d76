"""`threadline eval` with a language model configured: what it asks, counts and says when the model fails."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.evaluation import AT_ONCE, measure
from bot.settings import SAMPLE_KB, Settings
from core.errors import TemporaryError
from tests.fakes.openai_server import FakeOpenAI, Step, call, error, say, slow
from tests.support import plain_settings

BEFORE = [{"role": "user", "text": "I bought a Lark 3"}, {"role": "assistant", "text": "A fine bike."}]
QUERIES: list[dict[str, Any]] = [
    {"id": "q1", "query": "How much does delivery cost?", "doc_ids": ["delivery-times-and-costs"]},
    {
        "id": "q2",
        "query": "How long do I have to return an article?",
        "doc_ids": ["returns-and-refunds"],
        "history": BEFORE,
    },
]
OUTSIDE = [{"id": "o1", "query": "What is the capital of France?", "kind": "off_topic"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An evaluation folder with a question, a question within a conversation, and one that has no article."""
    made = tmp_path / "questions"
    shutil.copytree(SAMPLE_KB, made / "kb")
    (made / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES)), encoding="utf-8")
    (made / "out_of_scope.jsonl").write_text("\n".join(map(json.dumps, OUTSIDE)), encoding="utf-8")
    return made


def is_trial(body: dict[str, Any]) -> bool:
    """Whether the model is only asked for one word, to see whether it is there."""
    return "Answer with the word: ready" in str(body["messages"])


def answers(body: dict[str, Any]) -> Step:
    """Search for what was asked; answer with the first source, or call a person where there is none."""
    if is_trial(body):
        return say("ready")
    messages = body["messages"]
    asked = next(str(one["content"]) for one in reversed(messages) if one["role"] == "user")
    if messages[-1]["role"] != "tool":
        return call("search_knowledge_base", {"query": asked})
    if "France" in asked:
        return call("hand_off", {"reason": "It is not about us."})
    return say("It is as you read here. [1]")


def with_model(home: Path, server: FakeOpenAI, **more: Any) -> Settings:
    """Return settings with that model, and searching by words alone."""
    named = {"openai_base_url": server.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
    return plain_settings(home, embedding_model="none", **{**named, "model_price": "1,10", **more})


async def figures(home: Path, folder: Path, server: FakeOpenAI, *said: list[str], **more: Any) -> dict[str, Any]:
    """Measure by words alone, with that model; what those who wait are told is added to `said`."""
    settings = with_model(home, server, **more)
    tell = said[0].append if said else lambda _: None
    return await measure(settings, folder, split=None, limit=None, progress=lambda *_: None, tell=tell)


async def test_questions_are_put_to_the_configured_model_with_what_was_said_before(
    tmp_path: Path, folder: Path
) -> None:
    async with FakeOpenAI() as server:
        server.otherwise = answers
        found = await figures(tmp_path / "home", folder, server)
    inside = found["decisions"]["in_scope"]
    assert (inside["answered"], inside["answered_with_right_document"], inside["found_right_document"]) == (1, 1, 1)
    assert found["decisions"]["out_of_scope"]["answered"] == 0
    model = found["model"]
    assert "gpt-test" in model["name"]
    assert model["tokens_in"] > model["tokens_out"] > 0
    assert model["cost"] == pytest.approx((model["tokens_in"] + 10 * model["tokens_out"]) / 1_000_000, abs=1e-4)
    assert model["failed"] == 0
    [first, *_] = [r.json["messages"] for r in server.requests if "return an article" in str(r.json["messages"][-1])]
    assert [BEFORE[0]["text"], BEFORE[1]["text"]] == [one["content"] for one in first[1:3]]


async def test_a_model_that_is_busy_for_a_while_is_asked_again_and_who_waits_is_told(
    tmp_path: Path, folder: Path
) -> None:
    said: list[str] = []
    async with FakeOpenAI() as server:
        server.otherwise = lambda body: answers(body) if said or is_trial(body) else error(500)
        found = await figures(tmp_path / "home", folder, server, said, model_pause_seconds=0.3)
    assert found["model"]["failed"] == 0
    assert found["decisions"]["in_scope"]["answered"] == 1
    assert "model_failed" not in found["decisions"]["reasons"]
    assert "The language model does not answer: a question waits 0.6 s and is asked again." in said


async def test_a_model_that_comes_back_within_a_moment_is_measured(tmp_path: Path, folder: Path) -> None:
    said: list[str] = []
    async with FakeOpenAI() as server:
        server.otherwise = lambda body: answers(body) if said else error(500)
        found = await figures(tmp_path / "home", folder, server, said, model_pause_seconds=0.1)
    assert found["model"]["failed"] == 0
    assert said == [
        "The language model does not answer (InternalServerError (HTTP 500)): it is asked once more in 0.1 s."
    ]


async def test_a_model_that_never_answers_ends_the_measuring_before_anything_is_read(
    tmp_path: Path, folder: Path
) -> None:
    said: list[str] = []
    steps: list[str] = []

    def show(step: str, *_: int) -> None:
        steps.append(step)

    async with FakeOpenAI() as server:
        server.otherwise = lambda _: error(500)
        settings = with_model(tmp_path / "home", server, model_pause_seconds=0.1)
        with pytest.raises(TemporaryError, match=r"does not answer: InternalServerError \(HTTP 500\)\. `threadline"):
            await measure(settings, folder, split=None, limit=None, progress=show, tell=said.append)
        assert steps == ["Waiting for the model"]
        assert all(is_trial(request.json) for request in server.requests)
    assert len(said) == 1


async def test_a_model_that_falls_silent_is_given_up_with_a_few_questions_too(tmp_path: Path, folder: Path) -> None:
    async with FakeOpenAI() as server:
        server.otherwise = lambda body: answers(body) if is_trial(body) else error(500)
        with pytest.raises(TemporaryError, match="does not answer"):
            await figures(tmp_path / "home", folder, server, model_pause_seconds=0.01)


async def test_a_model_that_is_not_to_be_had_ends_the_measuring_with_the_fix(tmp_path: Path, folder: Path) -> None:
    more = [
        {"id": f"m{n}", "query": "How much does delivery cost?", "doc_ids": ["delivery-times-and-costs"]}
        for n in range(10)
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, more)), encoding="utf-8")
    async with FakeOpenAI() as server:
        server.otherwise = lambda _: error(401, message="Incorrect API key provided: sk-test.")
        with pytest.raises(TemporaryError, match="does not answer") as caught:
            await figures(tmp_path / "home", folder, server, model_pause_seconds=0.01)
    assert "threadline doctor" in str(caught.value)
    assert "sk-test" not in str(caught.value)


async def test_a_model_is_asked_a_few_questions_at_a_time(tmp_path: Path, folder: Path) -> None:
    many = [{**QUERIES[0], "id": f"m{n}"} for n in range(12)]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, many)), encoding="utf-8")
    at_once: list[int] = []
    async with FakeOpenAI() as server:

        def counting(body: dict[str, Any]) -> Step:
            at_once.append(sum(request.outcome == "open" for request in server.requests))
            return slow(0.05, answers(body))

        server.otherwise = counting
        found = await figures(tmp_path / "home", folder, server)
    assert found["decisions"]["in_scope"]["answered"] == 1
    assert 1 < max(at_once) <= AT_ONCE
