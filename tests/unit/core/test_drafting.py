"""The reply suggested to operators: what it is looked up by, and what comes of a model that does as it likes."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from core.agent.assistant import Assistant
from core.agent.drafting import what_was_asked
from core.agent.providers import ModelSettings, Provider, extractive, load_instructions, openai_provider
from core.errors import TemporaryError
from core.events import Suggestion
from core.grounding import Grounding, Passage
from core.ids import MessageId, ThreadId, ThreadKey
from core.messages import Author, Message
from core.thread import Thread
from core.turn import Turn
from tests.fakes.openai_server import FakeOpenAI, Step, drop_after, empty, error, hang, say

THREAD = Thread(ThreadId("t_1"), ThreadKey("web", "chat", "s_1"), "web:s_1")
CUSTOMER, BOT, SYSTEM = Author.CUSTOMER, Author.BOT, Author.SYSTEM
DELIVERY = "Parcels take two days. Bikes take a week."

Said = tuple[Author, str]


class Shelf:
    """A knowledge base with one passage, which notes what it was asked."""

    def __init__(self, relatedness: float = 0.9, *, away: bool = False) -> None:
        self.grounding = Grounding(
            (Passage("p1", "d", "Delivery", "", "delivery.md", DELIVERY, 1.0),), 0.9, relatedness
        )
        self.away = away
        self.asked: list[str] = []

    async def search(self, query: str, *, k: int = 5) -> Grounding:
        self.asked.append(query)
        if self.away:
            raise TemporaryError("The index is away.")
        return self.grounding


def turn(*said: Said, hint: str = "") -> Turn:
    messages = tuple(Message(MessageId(f"m_{n}"), n, who, text, 0.0) for n, (who, text) in enumerate(said, 1))
    return Turn(THREAD, messages, hint=hint)


def assistant(shelf: Shelf, provider: Provider | None = None) -> Assistant:
    return Assistant(
        provider or extractive(),
        shelf,
        "",
        floor=0.5,
        related_floor=0.3,
        drafting=load_instructions("Acme", "drafting"),
    )


ASKED = turn(
    (CUSTOMER, "How long does delivery take?"), (CUSTOMER, "I want to talk to a person"), (SYSTEM, "Of course.")
)


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ([(CUSTOMER, "Delivery?")], "Delivery?"),
        ([(CUSTOMER, "Delivery?"), (CUSTOMER, "A person please")], "Delivery?"),
        ([(CUSTOMER, "Delivery?"), (BOT, "Two days."), (CUSTOMER, "I want to talk to a person")], "Delivery?"),
        ([(CUSTOMER, "Delivery?"), (BOT, "Two days."), (CUSTOMER, "And by express?")], "And by express?"),
        ([(CUSTOMER, "Delivery?"), (BOT, "Two days."), (CUSTOMER, "Thanks!")], "Delivery?"),
        ([(CUSTOMER, "Hello! How long does it take? I want to talk to a person.")], "How long does it take?"),
        ([(CUSTOMER, "Delivery?\nBy post, I mean.\nA human please")], "Delivery?\nBy post, I mean."),
        ([(CUSTOMER, "Hello"), (CUSTOMER, "I want to talk to a person")], ""),
        ([], ""),
    ],
)
def test_a_suggestion_is_looked_up_by_the_last_words_that_ask_something(said: list[Said], question: str) -> None:
    assert what_was_asked(turn(*said)) == question


async def test_without_a_model_the_best_passage_is_suggested_with_its_source() -> None:
    shelf = Shelf()
    suggestion = await assistant(shelf).draft(ASKED)
    assert suggestion
    assert (suggestion.text, suggestion.summary) == (f"{DELIVERY} [1]", "")
    assert [citation.source for citation in suggestion.citations] == ["delivery.md"]
    assert shelf.asked == ["How long does delivery take?"]


async def test_nothing_is_suggested_from_passages_about_something_else() -> None:
    assert await assistant(Shelf(relatedness=0.2)).draft(ASKED) == Suggestion()


async def test_nothing_is_looked_up_for_who_asked_for_nothing_but_a_person() -> None:
    shelf = Shelf()
    assert await assistant(shelf).draft(turn((CUSTOMER, "I want to talk to a person"))) == Suggestion()
    assert shelf.asked == []


async def test_while_the_knowledge_base_is_away_there_is_no_suggestion_and_an_earlier_one_stays() -> None:
    assert await assistant(Shelf(away=True)).draft(ASKED) is None


# With a language model


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    """A language model at the wire."""
    async with FakeOpenAI() as listening:
        yield listening


@pytest.fixture
async def model(server: FakeOpenAI) -> AsyncIterator[Provider]:
    """The provider that speaks to it."""
    provider = openai_provider(ModelSettings("gpt-test", "sk-test", server.base_url, "chat"))
    yield provider
    await provider.close()


async def test_a_model_writes_the_reply_with_known_sources_and_the_summary(server: FakeOpenAI, model: Provider) -> None:
    text = "SUMMARY: Wants to know\nhow long delivery takes.\nREPLY: Hello! Two days [1], see [7] http://evil.example/x"
    server.steps.append(say(text))
    suggestion = await assistant(Shelf(), model).draft(replace(ASKED, hint="mention the discount"))
    assert suggestion
    assert suggestion.summary == "Wants to know how long delivery takes."
    assert suggestion.text.startswith("Hello! Two days [1], see")
    assert "evil.example" not in suggestion.text
    assert "[7]" not in suggestion.text
    assert [citation.index for citation in suggestion.citations] == [1]


async def test_a_model_is_shown_the_conversation_the_passages_and_the_hint_and_no_tools(
    server: FakeOpenAI, model: Provider
) -> None:
    server.steps.append(say("SUMMARY: x\nREPLY: y"))
    await assistant(Shelf(), model).draft(replace(ASKED, hint="mention the discount"))
    [request] = server.requests
    shown = str(request.json["messages"])
    for words in ("How long does delivery take?", DELIVERY, "mention the discount", "Acme"):
        assert words in shown
    assert request.tools == []


@pytest.mark.parametrize(
    "step",
    [
        say("Two days."),
        say("SUMMARY: Delivery.\nREPLY:  "),
        say("REPLY: Two days."),
        empty(),
        error(400),
        drop_after(1),
    ],
    ids=["not the form", "no reply", "no summary", "empty", "refused", "cut"],
)
async def test_a_model_that_fails_leaves_the_quotation(server: FakeOpenAI, model: Provider, step: Step) -> None:
    server.otherwise = lambda _: step
    suggestion = await assistant(Shelf(), model).draft(ASKED)
    assert suggestion
    assert suggestion.text == f"{DELIVERY} [1]"


async def test_a_model_that_takes_too_long_leaves_the_quotation(server: FakeOpenAI, model: Provider) -> None:
    server.steps.append(hang())
    suggestion = await replace(assistant(Shelf(), model), seconds=0.05).draft(ASKED)
    assert suggestion
    assert suggestion.text == f"{DELIVERY} [1]"
