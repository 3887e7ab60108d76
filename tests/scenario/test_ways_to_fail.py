"""What a language model and an owner's tools can do wrong, and what a customer reads then, on every channel.

Each row of `WAYS` is one thing that goes wrong. Whoever asks reads one answer or one fixed line: never an error, never
a promise that nobody keeps, nothing twice. What they had begun to read stays as far as it was, above that line. Where
nobody has answered them, a case stands on the desk and says why.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
import pytest_asyncio

from channels.testing import CustomerHand, Shown
from core import wording
from core.events import HandoffReason
from core.tools import Caller, Tool
from core.wording import Line
from kb.embed import Embedder
from tests.fakes.openai_server import (
    Answer,
    FakeOpenAI,
    Script,
    Step,
    call,
    drop_after,
    empty,
    error,
    fail_after,
    hang,
    say,
    together,
)
from tests.scenario.everywhere import DOORS, Door, Everywhere, everywhere

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "How long does delivery take?"
ANSWER = "Standard delivery takes 2 to 4 working days. [1]"
TALE = ["Parcels take two days [1]. ", "Bikes take a week [2]. ", "Shops hold them for ten days [1]. ", "That is all."]
"""Four sentences, one a piece."""
SECRET = "secret-of-somebody"


def fixed(line: Line, **values: str) -> str:
    """Return a fixed line as customers of these tests read it."""
    return wording.text(line, **values)


SORRY, TO_A_PERSON = fixed(Line.HANDED_OFF_FAILED), fixed(Line.HANDED_OFF)
BROKEN_OFF = f"Parcels take two days [1]. Bikes take a week [2]. {fixed(Line.CUT_SHORT)}"


def search(query: str = QUESTION) -> Answer:
    """The model looks something up."""
    return call("search_knowledge_base", {"query": query})


def looks_up() -> Answer:
    """The model asks the owner's tool."""
    return call("order_status", {"order": "1042"})


# The owner's tools

Order = Annotated[str, "The order's number"]
MOVE = "Please send order 1042 to 4 Oak Road instead"
SENTENCE = "Change the address of order 1042 to 4 Oak Road"
ASKED = " ".join(fixed(Line.CONFIRM, what=SENTENCE).split())
MOVED: list[str] = []


async def hangs(caller: Caller, order: Order) -> str:
    """Look an order up."""
    await asyncio.Event().wait()
    return ""


async def raises(caller: Caller, order: Order) -> str:
    """Look an order up."""
    raise RuntimeError(f"no route to {SECRET}")


async def returns_too_much(caller: Caller, order: Order) -> str:
    """Look an order up."""
    return SECRET * (10_000_000 // len(SECRET))


async def moves(caller: Caller, order: Order, to: Annotated[str, "Where to"]) -> str:
    """Change where an order goes."""
    MOVED.append(to)
    return "Moved."


async def never_ends_moving(caller: Caller, order: Order, to: Annotated[str, "Where to"]) -> str:
    """Change where an order goes."""
    await asyncio.Event().wait()
    return ""


async def moves_elsewhere(
    caller: Caller, order: Order, street: Annotated[str, "Street"], town: Annotated[str, "Town"]
) -> str:
    """Change where an order goes."""
    MOVED.append(street)
    return "Moved."


def looking_up(function: Callable[..., Any]) -> Tool:
    """Return the owner's tool that looks an order up, behaving like this."""
    return Tool(function, name="order_status", for_anyone=True, seconds=0.2)


def moving(function: Callable[..., Any], to: str = "{to}") -> Tool:
    """Return the owner's tool that changes an order's address, behaving like this."""
    sentence = f"Change the address of order {{order}} to {to}"
    return Tool(function, name="move", for_anyone=True, seconds=0.2, changes=True, sentence=sentence)


# What goes wrong


@dataclass(frozen=True, slots=True)
class Way:
    """One thing that goes wrong when a customer asks `QUESTION`.

    The model does `does`, then `at_last` for ever. The customer reads `reads`, or `by_mail` where nobody reads along
    while an answer grows, and a case is there `because` of it. The program is that of `SETTINGS[program]`, with the
    owner's `tool`.
    """

    wrong: str
    does: Sequence[Script]
    reads: Sequence[str]
    because: HandoffReason | None = None
    at_last: Script | None = None
    by_mail: Sequence[str] = ()
    program: str = "plain"
    tool: Tool | None = None


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "in a hurry": {"run_seconds": 2, "model_seconds": 1},
    "with another model": {"fallback_model": "gpt-spare"},
    "thrifty, then quoting": {"budget_conversation_tokens": 1},
    "thrifty, then people": {"budget_conversation_tokens": 1, "budget_then": "people"},
    "forgetful": {"memory_tokens": 500, "email_answers_per_hour": 100},
}


def first_is_down(body: dict[str, Any]) -> Step:
    """Answer as the model that stands by does; the first one is down."""
    if body["model"] == "gpt-test":
        return error(500, message=SECRET)
    return works(body)


def works(body: dict[str, Any]) -> Step:
    """Search, then answer."""
    return say(ANSWER) if body["messages"][-1]["role"] == "tool" else search()


SLOW_DOWN, DOWN = error(429, retry_after=0.01), error(500, retry_after=0.01, message=SECRET)
MADE_UP = say("It is on its way to you.")
R = HandoffReason

WAYS = [
    Way("the model returns nothing", [search(), empty()], [SORRY], R.MODEL_EMPTY),
    Way("the model returns nothing at once", [empty()], [SORRY], R.MODEL_EMPTY),
    Way(
        "it promises a person without calling one",
        [search(), say("I am connecting you with a colleague now. [1] Please hold on.")],
        [TO_A_PERSON],
        R.PROMISED_PERSON,
    ),
    Way(
        "it promises a person in a question back",
        [call("ask_back", {"question": "I am connecting you with a colleague now."})],
        [TO_A_PERSON],
        R.PROMISED_PERSON,
    ),
    Way(
        "it promises a person after two sentences",
        [
            search(),
            say(
                "".join(TALE[:2]) + "I'm passing you to a colleague now. Bye.",
                [*TALE[:2], "I'm passing you to a colleague now. ", "Bye."],
            ),
        ],
        [BROKEN_OFF, TO_A_PERSON],
        R.PROMISED_PERSON,
        by_mail=[TO_A_PERSON],
    ),
    Way("it calls a tool twice at once", [together(search(), search()), say(ANSWER)], [ANSWER]),
    Way("it calls a tool twice in a row", [search(), search(), say(ANSWER)], [ANSWER]),
    Way("it calls a tool that is not there", [call("refund", {"amount": 100}), search(), say(ANSWER)], [ANSWER]),
    Way(
        "it calls a tool that is not there again and again",
        [],
        [SORRY],
        R.MODEL_EXHAUSTED,
        at_last=call("refund", {"amount": 100}),
    ),
    Way("its arguments are malformed", [call("hand_off", '{"reason": '), search(), say(ANSWER)], [ANSWER]),
    Way(
        "its arguments are malformed again and again",
        [],
        [SORRY],
        R.MODEL_EXHAUSTED,
        at_last=call("search_knowledge_base", '{"query": '),
    ),
    Way("it searches for ever", [], [SORRY], R.MODEL_EXHAUSTED, at_last=search()),
    Way(
        "its stream breaks off",
        [search(), drop_after(3, say("".join(TALE), TALE))],
        [BROKEN_OFF, SORRY],
        R.MODEL_FAILED,
        by_mail=[SORRY],
    ),
    Way(
        "its stream ends early without an error",
        [search(), drop_after(3, say("".join(TALE), TALE), cleanly=True)],
        [BROKEN_OFF, SORRY],
        R.MODEL_FAILED,
        by_mail=[SORRY],
    ),
    Way(
        "its stream fails with an error",
        [search(), fail_after(3, say("".join(TALE), TALE))],
        [BROKEN_OFF, SORRY],
        R.MODEL_FAILED,
        by_mail=[SORRY],
    ),
    Way(
        "its stream breaks off in its first sentence",
        [search(), drop_after(1, say(ANSWER, 4))],
        [SORRY],
        R.MODEL_FAILED,
    ),
    Way("it hangs", [search(), hang()], [SORRY], R.MODEL_FAILED, program="in a hurry"),
    Way(
        "it hangs after two sentences",
        [search(), say("".join(TALE), ["".join(TALE[:3]), TALE[3]], pace=asyncio.Event())],
        [BROKEN_OFF, SORRY],
        R.MODEL_FAILED,
        by_mail=[SORRY],
        program="in a hurry",
    ),
    Way("it is rate-limited for a moment", [SLOW_DOWN, search(), SLOW_DOWN, say(ANSWER)], [ANSWER]),
    Way("it is down for good", [], [SORRY], R.MODEL_FAILED, at_last=DOWN),
    Way("it goes down after a search", [search()], [SORRY], R.MODEL_FAILED, at_last=DOWN),
    Way("its key is refused", [], [SORRY], R.MODEL_FAILED, at_last=error(401, message=SECRET)),
    Way("it is down but another one stands by", [], [ANSWER], at_last=first_is_down, program="with another model"),
    Way("it is down and so is the other one", [], [SORRY], R.MODEL_FAILED, at_last=DOWN, program="with another model"),
    Way(
        "it breaks off after two sentences though another one stands by",
        [search(), drop_after(3, say("".join(TALE), TALE))],
        [BROKEN_OFF, SORRY],
        R.MODEL_FAILED,
        by_mail=[SORRY],
        program="with another model",
    ),
    Way(
        "it hands off twice at once",
        [together(call("hand_off", {"reason": "an account"}), call("hand_off", {"reason": "again"}))],
        [TO_A_PERSON],
        R.MODEL_ASKED,
    ),
    Way(
        "it would hand off for ever",
        [],
        [TO_A_PERSON],
        R.MODEL_ASKED,
        at_last=call("hand_off", {"reason": "an account"}),
    ),
    Way("its answer never ends", [search(), say("Parcels are sent soon. " * 2_000, 1)], [SORRY], R.MODEL_FAILED),
    Way("its answer is cut at its length", [search(), say(ANSWER, ending="length")], [SORRY], R.MODEL_FAILED),
    Way("its answer is cut by a filter", [search(), say(ANSWER, ending="content_filter")], [SORRY], R.MODEL_FAILED),
    Way("its answer names no source", [search(), say("About two days. Trust me.")], [TO_A_PERSON], R.WEAK_GROUNDING),
    Way("it answers without a search", [say("It takes two days [1].")], [TO_A_PERSON], R.WEAK_GROUNDING),
    Way("a tool hangs", [looks_up(), MADE_UP], [TO_A_PERSON], R.WEAK_GROUNDING, tool=looking_up(hangs)),
    Way("a tool raises", [looks_up(), MADE_UP], [TO_A_PERSON], R.WEAK_GROUNDING, tool=looking_up(raises)),
    Way(
        "a tool returns ten megabytes",
        [looks_up(), MADE_UP],
        [TO_A_PERSON],
        R.WEAK_GROUNDING,
        tool=looking_up(returns_too_much),
    ),
]


# The stage


class Programs:
    """The programs of `SETTINGS`, each started when it is first needed; all of them ask one model."""

    def __init__(self, stack: AsyncExitStack, folder: Path, sample_home: Path, embedder: Embedder) -> None:
        self._stack = stack
        self._folder = folder
        self._sample_home = sample_home
        self._embedder = embedder
        self._running: dict[str, Everywhere] = {}
        self.model: FakeOpenAI

    async def open(self, name: str) -> Everywhere:
        """Return the program with these settings."""
        if name not in self._running:
            settings = {"model_pause_seconds": 0, **SETTINGS[name]}  # what fails in one test is asked again in the next
            folder = self._folder / name
            opening = everywhere(folder, self._embedder, self.model, shelf=self._sample_home, **settings)
            self._running[name] = await self._stack.enter_async_context(opening)
        return self._running[name]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def programs(
    tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder
) -> AsyncIterator[Programs]:
    """The programs, and the model that they ask."""
    async with FakeOpenAI() as model, AsyncExitStack() as stack:
        made = Programs(stack, tmp_path_factory.mktemp("ways"), sample_home, embedder)
        made.model = model
        yield made


@pytest.fixture
def model(programs: Programs) -> Iterator[FakeOpenAI]:
    """The model, which has heard nothing yet, drafts for operators, and does as the test scripts it."""
    model = programs.model
    model.requests.clear()
    model.asides.clear()
    model.otherwise = None
    model.without_tools = say("SUMMARY: About delivery.\nREPLY: Hello!")
    yield model
    unused = model.left
    model.steps.clear()
    assert unused == 0, "the program asked the model less often than the test says"


def read(said: Sequence[Shown]) -> list[str]:
    """Return the words of what a customer read, however a channel breaks its lines."""
    return [" ".join(one.text.split()) for one in said]


async def the_case(program: Everywhere, customer: CustomerHand, because: HandoffReason) -> dict[str, Any]:
    """Return the only case of a customer, which is there `because` of something; no secret stands in it."""
    [case] = await program.cases(customer)
    assert (case["reason"], case["state"]) == (because, "open")
    assert SECRET not in json.dumps(case)
    return case


ROWS = [pytest.param(way, door, id=f"{way.wrong}, {door}") for way in WAYS for door in DOORS]


@pytest.mark.parametrize(("way", "door"), ROWS)
async def test_a_customer_reads_one_answer_or_one_line_when(
    programs: Programs, model: FakeOpenAI, way: Way, door: Door
) -> None:
    program = await programs.open(way.program)
    program.owns(*([way.tool] if way.tool else []))
    model.then(*way.does)
    model.otherwise = way.at_last
    kim = await program.customer(door)
    said = await program.answers(kim, QUESTION)
    reads = way.by_mail if way.by_mail and door == "email" else way.reads
    assert read(said) == list(reads)
    assert [bool(one.sources) for one in said] == ["[1]" in text for text in reads]
    assert len(model.requests) <= 8
    assert not any(SECRET in json.dumps(one.json) for one in (*model.requests, *model.asides))
    if way.because:
        await the_case(program, kim, way.because)
    else:
        assert await program.cases(kim) == []


# What goes wrong later in a conversation

on_every_channel = pytest.mark.parametrize("door", DOORS)


@on_every_channel
async def test_a_stream_without_an_end_is_ended_and_goes_to_a_person(
    programs: Programs, model: FakeOpenAI, door: Door
) -> None:
    program = await programs.open("in a hurry")
    endless = [f"Parcel {number} takes two days [1]. " for number in range(20_000)]
    model.then(search(), say("".join(endless), endless))
    kim = await program.customer(door)
    *begun, line = read(await program.answers(kim, QUESTION))
    assert line == SORRY
    await the_case(program, kim, R.MODEL_FAILED)
    if door == "email":
        assert begun == [], "nobody reads along"
        return
    words, _, end = " ".join(begun).partition(f" {fixed(Line.CUT_SHORT)}")  # a long one is several posts
    told = words.count("[1]")
    assert told > 1
    assert words == "".join(endless[:told]).rstrip(), "each sentence once, in order"
    assert end == ""


@pytest.mark.parametrize(("door", "which"), [("slack", 1), ("slack", 2), ("teams", 1)])
async def test_a_piece_that_is_on_its_way_when_the_time_is_over_is_read_once(
    programs: Programs, model: FakeOpenAI, door: Door, which: int
) -> None:
    program = await programs.open("in a hurry")
    late = 3.0  # seconds, where a run has two
    if door == "slack":
        program.slack.fail("chat.startStream" if which == 1 else "chat.appendStream", late=late)
    else:
        program.teams.fail("send", late=late, when=lambda body: "Parcels take" in str(body.get("text")))
    model.then(search(), say("".join(TALE), TALE))
    kim = await program.customer(door)
    try:
        said = read(await program.answers(kim, QUESTION))
    finally:
        program.slack.heal()
        program.teams.heal()
    assert said[-1] == SORRY
    assert " ".join(said).count("Parcels take two days") == 1
    assert " ".join(said).count("Bikes take a week") <= 1
    await the_case(program, kim, R.MODEL_FAILED)


GERMAN, GERMAN_ANSWER = "Wie lange dauert die Lieferung?", "Die Lieferung dauert zwei bis vier Werktage. [1]"


@on_every_channel
async def test_an_answer_in_another_language_is_asked_for_again_and_nobody_reads_it(
    programs: Programs, model: FakeOpenAI, door: Door
) -> None:
    program = await programs.open("plain")
    kim = await program.customer(door)
    model.then(search(), say(ANSWER), search(), say(GERMAN_ANSWER))
    assert read(await program.answers(kim, GERMAN)) == [GERMAN_ANSWER]
    assert "Write all of your answer in German." in str(model.requests[-1].json)
    assert await program.cases(kim) == []


@on_every_channel
async def test_a_model_that_keeps_to_another_language_leaves_the_answer_to_people(
    programs: Programs, model: FakeOpenAI, door: Door
) -> None:
    program = await programs.open("plain")
    kim = await program.customer(door)
    model.otherwise = works
    assert read(await program.answers(kim, GERMAN)) == [wording.text(Line.HANDED_OFF_FAILED, "de")]
    case = await the_case(program, kim, R.MODEL_FAILED)
    assert case["detail"] == "It answered in English, and the customer writes German."


@pytest.mark.parametrize("wish", ["auf Englisch", "in English"])
async def test_who_names_another_language_may_be_answered_in_it(
    programs: Programs, model: FakeOpenAI, wish: str
) -> None:
    program = await programs.open("plain")
    kim = await program.customer("web")
    model.then(search(), say(ANSWER))
    assert read(await program.answers(kim, f"{GERMAN} Bitte antworten Sie {wish}, danke.")) == [ANSWER]


@on_every_channel
async def test_a_budget_that_is_used_up_leaves_quotations(programs: Programs, model: FakeOpenAI, door: Door) -> None:
    program = await programs.open("thrifty, then quoting")
    model.then(search(), say(ANSWER))
    kim = await program.customer(door)
    assert read(await program.answers(kim, QUESTION)) == [ANSWER]
    [quoted] = await program.answers(kim, "How much does delivery cost?")
    assert "£3.95" in quoted.text
    assert quoted.sources
    assert len(model.requests) == 2, "no model was asked"
    assert await program.cases(kim) == []


@on_every_channel
async def test_a_budget_that_is_used_up_leaves_people(programs: Programs, model: FakeOpenAI, door: Door) -> None:
    program = await programs.open("thrifty, then people")
    model.then(search(), say(ANSWER))
    kim = await program.customer(door)
    assert read(await program.answers(kim, QUESTION)) == [ANSWER]
    assert read(await program.answers(kim, "How much does delivery cost?")) == [TO_A_PERSON]
    case = await the_case(program, kim, R.MODEL_BUDGET)
    assert case["detail"] == "This conversation has used its 1 tokens for today."
    assert len(model.requests) == 2, "no model was asked"


@on_every_channel
async def test_a_change_that_hangs_is_not_called_done(programs: Programs, model: FakeOpenAI, door: Door) -> None:
    program = await programs.open("plain")
    program.owns(moving(never_ends_moving))
    model.then(call("move", {"order": "1042", "to": "4 Oak Road"}))
    kim = await program.customer(door)
    assert read(await program.answers(kim, MOVE)) == [ASKED]
    assert read(await program.answers(kim, "yes")) == [SORRY]
    case = await the_case(program, kim, R.TOOL_FAILED)
    assert [one["state"] for one in case["calls"]] == ["unknown"]


@on_every_channel
async def test_a_change_whose_tool_takes_other_arguments_by_now_is_not_made_and_not_called_done(
    programs: Programs, model: FakeOpenAI, door: Door
) -> None:
    program = await programs.open("plain")
    program.owns(moving(moves))
    model.then(call("move", {"order": "1042", "to": "4 Oak Road"}))
    kim = await program.customer(door)
    assert read(await program.answers(kim, MOVE)) == [ASKED]
    program.owns(moving(moves_elsewhere, "{street} in {town}"))
    model.then(say("Order 1042 goes to 4 Oak Road now."))
    not_done = fixed(Line.NOT_DONE, what=SENTENCE)
    [said] = read(await program.answers(kim, "yes"))
    assert said == f"{not_done} Order 1042 goes to 4 Oak Road now.", "what is so is said before what a model says of it"
    assert MOVED == []
    [told] = model.requests[-1].tool_results.values()
    assert json.loads(told) == {"tool": "move", "ok": False, "returned": "The tool takes other arguments now."}


# What is remembered

DAY = 86_400.0


def day(at: float) -> str:
    """Return the day of a time, as models read it."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


@on_every_channel
async def test_of_two_facts_that_contradict_each_other_the_newer_one_stands_as_newer(
    programs: Programs, model: FakeOpenAI, door: Door
) -> None:
    program = await programs.open("forgetful")
    kim = await program.customer(door)
    days: list[str] = []
    for fact in ("Lives in Leeds", "Lives in York"):
        model.then(call("remember", {"fact": fact}), search(), say(ANSWER))
        assert read(await program.answers(kim, f"{QUESTION} {fact}.")) == [ANSWER]
        days.append(day(program.clock()))
        program.clock.ahead += DAY
    model.then(search(), say(ANSWER))
    await program.answers(kim, QUESTION)
    told = "\n".join(text for _, text in model.requests[-1].said)
    assert f"the later one counts):\n- {days[0]}: Lives in Leeds\n- {days[1]}: Lives in York" in told
    await program.answers(kim, "I want to talk to a person, please.")
    case = await the_case(program, kim, R.CUSTOMER_ASKED)
    known = [(one["at"][:10], one["text"]) for one in case["known"]]
    assert known == [(days[0], "Lives in Leeds"), (days[1], "Lives in York")]


@on_every_channel
async def test_a_summary_longer_than_what_it_sums_up_is_not_used(
    programs: Programs, model: FakeOpenAI, door: Door
) -> None:
    program = await programs.open("forgetful")
    model.otherwise = works
    model.without_tools = say("It was said that " * 200)
    kim = await program.customer(door)
    for number in range(6):
        story = f"Part {number}. {'The parcel came late and then it was wet. ' * 8}"
        assert read(await program.answers(kim, f"{story} {QUESTION}")) == [ANSWER]
    assert model.asides, "nothing had to be summed up"
    told = "\n".join(text for _, text in model.requests[-1].said)
    assert "It was said" not in told
    assert "Part 0." not in told
    assert "Part 4." in told
