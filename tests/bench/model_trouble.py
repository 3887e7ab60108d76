"""What customers get while the language model is in trouble or its budget is used up: from whom, and after how long.

`make bench`, or `python -m tests.bench.model_trouble [--json]` alone. The model is a server on the loopback that
hangs, refuses, fails and recovers as each row says; the rest is the whole program, asked over the web chat's API and
by mail in turn. `MODEL_SECONDS` and `MODEL_PAUSE_SECONDS` are made small, and times are given in them: a wait of 1.0
is one whole `MODEL_SECONDS`, whatever an owner sets. What an owner reads of it stands in docs/model.md.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.bootstrap import build
from bot.home import Home
from bot.telemetry import configure_logging
from channels.recording import quiet
from channels.testing import CustomerHand
from core import wording
from core.budget import Budget, Spent
from core.ids import ThreadId
from core.wording import Line
from kb.embed import Embedder
from tests.fakes.openai_server import FakeOpenAI, Step, call, error, hang, say, slow
from tests.scenario.everywhere import Door, Everywhere, everywhere
from tests.support import plain_settings

MODEL_SECONDS, PAUSE = 1.0, 2.0
RETRY_AFTER, DOWN = 3.0, 10.0  # seconds
APART = 0.25  # seconds from one customer to the next, at least
LOOKS = 0.02  # seconds between two looks
LONGEST = 30.0
DOORS: tuple[Door, ...] = ("web", "email")
SPARE = "gpt-spare"
QUESTION, PRICE = "How much does delivery cost?", "£3.95"
DRAFT = "SUMMARY: About delivery.\nREPLY: Hello!"
TO_PEOPLE = {wording.text(line) for line in (Line.HANDED_OFF, Line.HANDED_OFF_FAILED)}


class By(StrEnum):
    """Who answered a customer, with the words that give them away."""

    MODEL = "The model says it costs £3.95 [1]."
    FALLBACK = "The fallback says it costs £3.95 [1]."
    QUOTE = "a quotation"
    PEOPLE = "people"


def told_by(text: str) -> By:
    """Return whose answer `text` is. Raises ValueError where nobody should say that."""
    plain = " ".join(text.split())
    for model in (By.MODEL, By.FALLBACK):
        if plain == model:
            return model
    if plain in TO_PEOPLE:
        return By.PEOPLE
    if PRICE in plain:
        return By.QUOTE
    raise ValueError(f"A customer should not read this: {plain}")


class Patient:
    """The models at the wire: the first is ill for `seconds` from its first question on, then well; the spare works.

    `does` gets the seconds that the illness lasts yet. A turn `takes` so many seconds.
    """

    def __init__(
        self, does: Callable[[float], Step] | None = None, seconds: float = 0.0, *, takes: float = 0.0
    ) -> None:
        self._does = does
        self._seconds = seconds
        self._takes = takes
        self.ill_until = 0.0
        self.asked_while_ill = 0

    def __call__(self, body: dict[str, Any]) -> Step:
        """Return what the server does with a request."""
        if body["model"] == SPARE:
            return _well(body, By.FALLBACK)
        now = time.perf_counter()
        self.ill_until = self.ill_until or now + self._seconds
        if self._does and now < self.ill_until:
            self.asked_while_ill += 1
            return self._does(self.ill_until - now)
        return slow(self._takes, _well(body, By.MODEL))


def _well(body: dict[str, Any], by: By) -> Step:
    """Draft for operators; for customers search, then answer."""
    if not body.get("tools"):
        return say(DRAFT)
    return say(by) if body["messages"][-1]["role"] == "tool" else call("search_knowledge_base", {"query": QUESTION})


@dataclass(frozen=True, slots=True)
class Served:
    """One question that was answered: by whom, after how many seconds, and when."""

    by: By
    seconds: float
    at: float


class Stage:
    """The running program, its models, and the customers who ask it."""

    def __init__(self, program: Everywhere, patient: Patient) -> None:
        self.program = program
        self.patient = patient
        self.customers: list[CustomerHand] = []
        self.served: list[Served] = []

    async def come(self, number: int) -> Sequence[CustomerHand]:
        """Have new customers come, by each door in turn."""
        known = len(self.customers)
        for turn in range(known, known + number):
            self.customers.append(await self.program.customer(DOORS[turn % len(DOORS)]))
        return self.customers[known:]

    async def asks(self, customer: CustomerHand) -> None:
        """Have a customer ask, and look until something can be read."""
        before = len(await customer.reads())
        began = time.perf_counter()
        await customer.says(QUESTION)
        async with asyncio.timeout(LONGEST):
            while len(said := await customer.reads()) == before:  # noqa: ASYNC110 (as people look)
                await asyncio.sleep(LOOKS)
        now = time.perf_counter()
        self.served.append(Served(told_by(said[before].text), now - began, now))

    def count(self, by: By) -> int:
        """Return how many were answered so."""
        return sum(one.by is by for one in self.served)

    async def spent(self, customer: CustomerHand) -> Spent:
        """Return what was used in a customer's conversation, and by all."""
        thread = await self.program.store.find_thread(customer.key)
        return await self.program.store.runs.spent(thread.id if thread else ThreadId(""), self.program.clock())


# How customers come


Crowd = Callable[[Stage], Awaitable[None]]


def one_by_one(number: int, *, questions: int = 1, apart: float = APART) -> Crowd:
    """Customers who come when the one before has an answer, and not more often than each `apart` seconds."""

    async def crowd(stage: Stage) -> None:
        for _ in range(number):
            [customer] = await stage.come(1)
            for _ in range(questions):
                await asyncio.gather(stage.asks(customer), asyncio.sleep(apart))

    return crowd


def until_well(answers: int = 3) -> Crowd:
    """Customers who come one by one until the model has answered so many. Raises TimeoutError if it never does."""

    async def crowd(stage: Stage) -> None:
        async with asyncio.timeout(LONGEST):
            while stage.count(By.MODEL) < answers:
                await one_by_one(1)(stage)

    return crowd


def at_once(number: int) -> Crowd:
    """Customers who all ask at the same moment."""

    async def crowd(stage: Stage) -> None:
        await asyncio.gather(*(stage.asks(customer) for customer in await stage.come(number)))

    return crowd


# What is to be told of a row beside the figures that all have


Told = Callable[[Stage], Awaitable[str]]


async def nothing(stage: Stage) -> str:
    """Tell nothing more."""
    return ""


async def before_its_time(stage: Stage) -> str:
    """Tell how often a model was asked that had asked for time."""
    return f"asked {stage.patient.asked_while_ill - 1} times before Retry-After was over"


async def recovery(stage: Stage) -> str:
    """Tell how long a model that is well again still has no customer."""
    well = stage.patient.ill_until
    first = min((one.at for one in stage.served if one.by is By.MODEL and one.at > well), default=inf)
    return f"answers again {(first - well) / PAUSE:.1f} pauses after it is well"


async def over_for_one(stage: Stage) -> str:
    """Tell how far the conversations went over their limit."""
    limit = _budget(stage).conversation
    used = [(await stage.spent(customer)).conversation for customer in stage.customers]
    return _over(max(used), limit, sum(used) / stage.count(By.MODEL))


async def over_for_all(stage: Stage) -> str:
    """Tell how far all together went over the limit of the day."""
    limit, spent = _budget(stage), await stage.spent(stage.customers[0])
    used = spent.cost if limit.cost else spent.today
    return _over(used, limit.cost or limit.today, used / stage.count(By.MODEL))


def _budget(stage: Stage) -> Budget:
    return stage.program.threadline.assistant.budget


def _over(used: float, limit: float, run: float) -> str:
    """Tell it in parts of the limit and in answers, of which each takes `run`."""
    return f"limit {limit / run:.1f} answers, used {used / limit:.0%} of it: {(used - limit) / run:.1f} answers over"


# The rows


@dataclass(frozen=True, slots=True)
class Trouble:
    """One row: how the model is, how customers come, what the owner has set, and what more is to be told."""

    name: str
    patient: Callable[[], Patient]
    crowd: Crowd
    settings: dict[str, Any] = field(default_factory=dict)
    told: Told = nothing


def hanging() -> Patient:
    """A model that never says a word."""
    return Patient(lambda left: hang(), inf)


def busy() -> Patient:
    """A model that asks for time, and works when it is over."""
    return Patient(lambda left: error(429, retry_after=left), RETRY_AFTER)


def failing() -> Patient:
    """A model that fails for a while."""
    return Patient(lambda left: error(500), DOWN)


TWO = {"fallback_model": SPARE}
TODAY = {"budget_day_tokens": 10_000}
TROUBLES = (
    Trouble("none", Patient, one_by_one(16, apart=0.0)),
    Trouble("hangs, asked each time", hanging, one_by_one(6), {"model_pause_seconds": 0}),
    Trouble("hangs", hanging, one_by_one(12)),
    Trouble("hangs, with a fallback", hanging, one_by_one(12), TWO),
    Trouble("429 with Retry-After", busy, until_well(), told=before_its_time),
    Trouble("the same, with a fallback", busy, until_well(), TWO, before_its_time),
    Trouble("500 for 10 s", failing, until_well(), told=recovery),
    Trouble(
        "budget of a conversation",
        Patient,
        one_by_one(2, questions=5, apart=0.0),
        {"budget_conversation_tokens": 5_000},
        over_for_one,
    ),
    Trouble("budget of the day", Patient, one_by_one(10, apart=0.0), TODAY, over_for_all),
    Trouble("the same, 20 at once", lambda: Patient(takes=0.05), at_once(20), TODAY, over_for_all),
    Trouble(
        "budget of the day, in money",
        Patient,
        one_by_one(10, apart=0.0),
        {"model_price": "0.25,2", "budget_day_cost": 0.0025},
        over_for_all,
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one trouble. `p50` and `p95` are waits, in MODEL_SECONDS.

    `in_vain`: who waited a whole one for the model before a fallback or people took over.
    `requests` are what the first model got, `drafts` those of them that were suggestions for operators.
    """

    trouble: str
    questions: int
    model: int
    fallback: int
    quoted: int
    people: int
    p50: float
    p95: float
    in_vain: int
    requests: int
    drafts: int
    told: str

    @property
    def line(self) -> str:
        """The row as a line of the table."""
        by = f"{self.questions:>10}{self.model:>7}{self.fallback:>10}{self.quoted:>8}{self.people:>8}"
        waits = f"{self.p50:>7.2f}{self.p95:>7.2f}{self.in_vain:>9}"
        return f"{self.trouble:<28}{by}{waits}{self.requests:>10}{self.drafts:>8}   {self.told}"


HEADING = (
    f"{'':<28}{'questions':>10}{'model':>7}{'fallback':>10}{'quoted':>8}{'people':>8}{'p50':>7}{'p95':>7}{'in vain':>9}"
    f"{'requests':>10}{'drafts':>8}"
)


async def measure(trouble: Trouble, folder: Path, shelf: Path, embedder: Embedder) -> Row:
    """Run one trouble on a program of its own."""
    patient = trouble.patient()
    settings = {"model_seconds": MODEL_SECONDS, "model_pause_seconds": PAUSE, **trouble.settings}
    async with (
        FakeOpenAI(otherwise=patient) as server,
        everywhere(folder, embedder, server, shelf=shelf, **settings) as program,
    ):
        await program.threadline.readiness.assistant()
        stage = Stage(program, patient)
        await trouble.crowd(stage)
        await quiet(program.store)
        asked = [one for one in server.requests if one.json["model"] != SPARE]
        waits = [one.seconds / MODEL_SECONDS for one in stage.served]
        return Row(
            trouble.name,
            len(stage.served),
            model=stage.count(By.MODEL),
            fallback=stage.count(By.FALLBACK),
            quoted=stage.count(By.QUOTE),
            people=stage.count(By.PEOPLE),
            p50=round(statistics.median(waits), 2),
            p95=round(statistics.quantiles(waits, n=20, method="inclusive")[-1], 2),
            in_vain=sum(one.seconds >= MODEL_SECONDS and one.by in (By.FALLBACK, By.PEOPLE) for one in stage.served),
            requests=len(asked),
            drafts=sum(not one.tools for one in asked),
            told=await trouble.told(stage),
        )


async def stock(shelf: Path, embedder: Embedder) -> None:
    """Make a HOME that knows the sample articles."""
    threadline = build(plain_settings(shelf), Home(shelf), embedder=embedder)
    async with threadline.opened():
        await threadline.readiness.sync()


async def main(*, as_json: bool = False) -> None:
    """Print the figures."""
    rows = []
    embedder = Embedder()
    if not as_json:
        print(f"{HEADING}   waits in MODEL_SECONDS")
    with TemporaryDirectory() as name:
        await stock(Path(name) / "shelf", embedder)
        for number, trouble in enumerate(TROUBLES):
            rows.append(await measure(trouble, Path(name) / str(number), Path(name) / "shelf", embedder))
            if not as_json:
                print(rows[-1].line, flush=True)
    await embedder.close()
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    configure_logging("error")
    asyncio.run(main(as_json=parser.parse_args().json))
