"""The store against a model of it: whatever happens in whatever order, the two agree.

Hypothesis chooses what customers, operators, workers and crashes do; the model says in a few lines
what should come of it. At the end everything that still waits is worked, and nothing may be stuck.
"""

import asyncio
import shutil
from collections import Counter, defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Row, Table, insert, select

from core.delivery import DeliveryState
from core.errors import Superseded
from core.events import HandoffReason, Outcome, RunResult, Suggestion
from core.ids import CaseId, OperatorId, ThreadId, ThreadKey
from core.messages import Author, DeskAction, DeskEvent, InboundMessage, Resolution
from core.store import schema
from core.store.engine import Database, sqlite_url
from core.store.leases import LEASE_SECONDS, Lease
from core.store.migrations import migrate
from core.store.receipts import Receipt
from core.store.store import Store
from core.store.threads import to_thread
from tests.support import ManualClock

T = TypeVar("T")

SESSIONS = ("s_1", "s_2")
OPERATORS = {OperatorId("o_ada"): "Ada", OperatorId("o_ben"): "Ben"}
CLOSING = {DeskAction.RESOLVE, DeskAction.HAND_BACK}
SURVEYED = {Resolution.SOLVED, Resolution.UNSOLVED}
WEEK = 7 * 86_400.0  # a message in this time goes on with a resolved case

READ: Mapping[Table, Sequence[Any]] = {
    schema.threads: (),
    schema.messages: (schema.messages.c.thread_id, schema.messages.c.seq),
    schema.receipts: (),
    schema.runs: (),
    schema.deliveries: (schema.deliveries.c.n,),
    schema.cases: (),
}
Rows = Mapping[str, Sequence[Row[Any]]]

which = st.integers(min_value=0, max_value=5)
"""Which of several: 0 is the newest."""


@dataclass(eq=False)
class RunModel:
    """A run that was asked for."""

    id: str
    seen: int
    speaking: bool = False
    ended: bool = False


@dataclass
class ThreadModel:
    """What one conversation should be like. The texts of our own fixed lines don't matter here: they are ''."""

    owner: str = "bot"
    epoch: int = 0
    said: list[tuple[Author, str]] = field(default_factory=list)
    asked_up_to: int = 0
    answered_up_to: int = 0
    run: RunModel | None = None
    case: CaseId | None = None
    resolved: tuple[CaseId, OperatorId, float] | None = None
    surveyed: CaseId | None = None
    cases: list[CaseId] = field(default_factory=list)
    inbox: list[str] = field(default_factory=list)  # ids of the receipts still to decide


@cache
def _template() -> Path:
    """Return a migrated database to copy: migrating for each example would take most of the time."""
    folder = Path(mkdtemp(prefix="threadline-machine-"))
    database = Database(sqlite_url(folder / "empty.db"))

    async def make() -> None:
        await migrate(database)
        async with database.writing("test") as connection:  # both can sign in, so that cases are assigned to them
            for id_, name in OPERATORS.items():
                await connection.execute(insert(schema.operators).values(id=id_, name=name, created_at=0.0))
                token = {"digest": name, "kind": "operator", "subject": id_, "created_at": 0.0}
                await connection.execute(insert(schema.credentials).values(**token))
        await database.close()

    asyncio.run(make())
    return folder


class Conversations(RuleBasedStateMachine):
    """Two customers, two operators, workers that die, and a database."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.file = _template() / "example.db"
        for leftover in _template().glob("example.db*"):
            leftover.unlink()
        shutil.copy(_template() / "empty.db", self.file)
        self.store = Store(Database(sqlite_url(self.file)))
        self.clock = ManualClock()
        self.threads: dict[ThreadId, ThreadModel] = {}
        self.events: list[InboundMessage | DeskEvent] = []
        self.receipts: dict[str, Receipt] = {}
        self.of_event: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.runs: dict[str, tuple[ThreadId, RunModel]] = {}
        self.held: dict[str, list[Lease]] = defaultdict(list)
        self.token: dict[str, int] = {}  # the newest claim of each row
        self.ended: set[str] = set()  # rows that are finished for good
        self.before: dict[ThreadId, tuple[str, int]] = {}
        self.unreachable: set[str] = set()  # cases whose desk is known to be away

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    # Events come in

    def accept(self, event: InboundMessage | DeskEvent) -> None:
        receipt = self.do(self.store.receipts.accept(event, self.clock()))
        if event.event_id in self.of_event:
            assert self.of_event[event.event_id] == receipt.id
            return
        self.events.append(event)
        self.of_event[event.event_id] = receipt.id
        self.receipts[receipt.id] = receipt
        self.threads.setdefault(receipt.thread, ThreadModel()).inbox.append(receipt.id)

    @initialize(handed_over=st.booleans())
    def begin(self, *, handed_over: bool) -> None:
        """Half of the examples start where a person was asked for."""
        if handed_over:
            self.customer_gets_a_person(SESSIONS[0], streams=False)

    @rule(session=st.sampled_from(SESSIONS), blank=st.sampled_from([False, False, False, True]))
    def customer_says(self, session: str, *, blank: bool) -> None:
        number = f"{len(self.events)}"
        words = " " if blank else f"question {number}"
        self.accept(InboundMessage(ThreadKey("web", "chat", session), number, f"web:{session}", words))

    @precondition(lambda self: any(thread.cases for thread in self.threads.values()))
    @rule(
        at=which,
        by=st.sampled_from(sorted(OPERATORS)),
        action=st.sampled_from(sorted(DeskAction)),
        has_text=st.sampled_from([True, True, True, False]),
        to=st.sampled_from([None, *sorted(OPERATORS), OperatorId("o_nobody")]),
        outcome=st.sampled_from([Resolution.SOLVED, Resolution.SPAM]),
    )
    def operator_acts(
        self,
        at: int,
        by: OperatorId,
        action: DeskAction,
        to: OperatorId | None,
        outcome: Resolution,
        *,
        has_text: bool,
    ) -> None:
        cases = [case for thread in self.threads.values() for case in thread.cases]
        number = f"{len(self.events)}"
        words = f"line {number}" if has_text else ""
        case = cases[-1 - at % len(cases)]
        self.accept(DeskEvent(case, number, by, OPERATORS[by], action, words, to=to, outcome=outcome))

    @precondition(lambda self: self.events)
    @rule(at=which)
    def an_event_is_repeated(self, at: int) -> None:
        self.accept(self.events[-1 - at % len(self.events)])

    # Workers claim, work, and die

    @rule(what=st.sampled_from(["receipts", "runs", "deliveries"]))
    def claim(self, what: str) -> None:
        store = self.store
        claims = {"receipts": store.receipts.claim, "runs": store.runs.claim, "deliveries": store.deliveries.claim}
        for lease in self.do(claims[what](self.clock(), 50)):
            assert lease.id not in self.ended
            assert lease.token == self.token.get(lease.id, 0) + 1
            self.token[lease.id] = lease.token
            if what == "runs" and lease.row.kind == "draft":
                self.held["drafts"].append(lease)
                continue
            self.held[what].append(lease)
            match what:
                case "receipts":
                    assert self.threads[ThreadId(lease.row.lane)].inbox[0] == lease.id, "in order of acceptance"
                case "runs":
                    thread = self.threads[ThreadId(lease.row.lane)]
                    assert thread.run
                    assert (lease.id, lease.row.epoch) == (thread.run.id, thread.epoch)
                case "deliveries" if lease.row.fenced:
                    assert lease.row.epoch == self.threads[ThreadId(lease.row.thread_id)].epoch

    @rule()
    def leases_run_out(self) -> None:
        self.clock.tick(LEASE_SECONDS + 1)

    @rule(really=st.sampled_from([False, False, True]))
    def a_week_goes_by(self, *, really: bool) -> None:
        if really:
            self.clock.tick(WEEK + 1)

    @rule()
    def a_process_starts_alone(self) -> None:
        self.do(self.store.forget_leases())

    def counts(self, lease: Lease) -> bool:
        """Whether the model says that the holder of `lease` may still finish it."""
        return self.token[lease.id] == lease.token and lease.id not in self.ended

    def take(self, what: str, at: int) -> Lease:
        """Return one of the leases ever held: sometimes one that somebody else has by now, or that is finished."""
        return self.held[what][-1 - at % len(self.held[what])]

    # Receipts are decided

    @rule()
    def work_receipts(self) -> None:
        self.claim("receipts")
        for lease in self.held["receipts"][::-1][: len(SESSIONS)]:
            if self.counts(lease):
                self.decide(lease)

    # Longer ways at one stroke, so that examples get far

    @rule(streams=st.booleans())
    def the_bot_answers(self, *, streams: bool) -> None:
        self.end_runs(RunResult(Outcome.ANSWERED, "answer"), streams=streams)

    @rule(session=st.sampled_from(SESSIONS), streams=st.booleans())
    def customer_is_answered(self, session: str, *, streams: bool) -> None:
        self.customer_says(session, blank=False)
        self.the_bot_answers(streams=streams)

    @rule(session=st.sampled_from(SESSIONS))
    def customer_interrupts_the_bot(self, session: str) -> None:
        self.customer_says(session, blank=False)
        self.work_receipts()
        self.claim("runs")
        if self.held["runs"]:
            self.open_stream(self.held["runs"][-1])
        self.customer_says(session, blank=False)
        self.work_receipts()

    @rule(session=st.sampled_from(SESSIONS))
    def a_newer_message_overtakes_a_run(self, session: str) -> None:
        for _ in range(2):
            self.customer_says(session, blank=False)
            self.work_receipts()
            self.claim("runs")
        if self.held["runs"]:
            self.run_ends(1, RunResult(Outcome.ANSWERED, "too late"))

    @rule(session=st.sampled_from(SESSIONS), line=st.sampled_from(["waits", "is on its way", "came back"]))
    def a_handoff_overtakes_a_line(self, session: str, line: str) -> None:
        self.the_lines_go_out(away=False)
        self.customer_is_answered(session, streams=False)
        if line == "is on its way":
            self.claim("deliveries")
        if line == "came back":
            self.the_lines_go_out(away=True)
        self.customer_gets_a_person(session, streams=False)

    @rule(away=st.booleans())
    def the_lines_go_out(self, *, away: bool) -> None:
        before = len(self.held["deliveries"])
        self.claim("deliveries")
        for lease in self.held["deliveries"][before:]:
            self.send(lease, None if away else DeliveryState.DELIVERED)

    @rule(by=st.sampled_from(sorted(OPERATORS)), action=st.sampled_from(sorted(CLOSING)))
    def the_cases_are_closed(self, by: OperatorId, action: DeskAction) -> None:
        for case in [thread.case for thread in self.threads.values() if thread.case]:
            self.accept(DeskEvent(case, f"{len(self.events)}", by, OPERATORS[by], action, ""))
        self.work_receipts()

    @rule(by=st.sampled_from(sorted(OPERATORS)), to=st.sampled_from(sorted(OPERATORS)))
    def the_cases_are_assigned(self, by: OperatorId, to: OperatorId) -> None:
        for case in [thread.case for thread in self.threads.values() if thread.case]:
            self.accept(DeskEvent(case, f"{len(self.events)}", by, OPERATORS[by], DeskAction.ASSIGN, to=to))
        self.work_receipts()

    @rule(session=st.sampled_from(SESSIONS), late=st.booleans(), outcome=st.sampled_from(Resolution))
    def customer_comes_back(self, session: str, outcome: Resolution, *, late: bool) -> None:
        for thread in [thread for thread in self.threads.values() if thread.case]:
            by = next((one for one in OPERATORS if thread.owner == f"operator:{one}"), sorted(OPERATORS)[0])
            resolve = DeskAction.RESOLVE
            assert thread.case
            self.accept(DeskEvent(thread.case, f"{len(self.events)}", by, OPERATORS[by], resolve, outcome=outcome))
        self.work_receipts()
        self.a_week_goes_by(really=late)
        self.customer_says(session, blank=False)
        self.work_receipts()

    @rule(session=st.sampled_from(SESSIONS), streams=st.booleans())
    def customer_gets_a_person(self, session: str, *, streams: bool) -> None:
        self.customer_says(session, blank=False)
        self.end_runs(RunResult(Outcome.HANDED_OFF, reason=HandoffReason.CUSTOMER_ASKED), streams=streams)

    def end_runs(self, result: RunResult, *, streams: bool) -> None:
        self.work_receipts()
        self.claim("runs")
        for lease in self.held["runs"][::-1][: len(SESSIONS)]:
            if self.counts(lease):
                if streams:
                    self.open_stream(lease)
                self.end_run(lease, result)

    @rule(what=st.sampled_from(["receipts", "runs", "deliveries"]))
    def a_worker_dies_and_another_goes_on(self, what: str) -> None:
        self.claim(what)
        self.leases_run_out()
        self.claim(what)

    @rule(session=st.sampled_from(SESSIONS), really=st.sampled_from([False, False, True]))
    def a_message_breaks_its_worker(self, session: str, *, really: bool) -> None:
        if not really:
            return  # it hands the thread to people: not too often
        self.customer_says(session, blank=False)
        self.work_receipts()
        self.customer_says(session, blank=False)
        self.claim("receipts")
        self.receipt_is_given_up(0)

    @precondition(lambda self: self.held["receipts"])
    @rule(at=which)
    def receipt_is_decided(self, at: int) -> None:
        self.decide(self.take("receipts", at))

    def decide(self, lease: Lease) -> None:
        if not self.counts(lease):
            with pytest.raises(Superseded):
                self.do(self.store.receipts.decide(lease, self.clock()))
            return
        self.do(self.store.receipts.decide(lease, self.clock()))
        self.ended.add(lease.id)
        id_ = ThreadId(lease.row.lane)
        thread = self.threads[id_]
        assert thread.inbox.pop(0) == lease.id
        event = next(e for e in self.events if self.of_event[e.event_id] == lease.id)
        if isinstance(event, InboundMessage):
            self.states[lease.id] = self.model_customer(id_, thread, event)
        else:
            self.states[lease.id] = self.model_operator(id_, thread, event)

    def model_customer(self, id_: ThreadId, thread: ThreadModel, event: InboundMessage) -> str:
        if not event.text.strip():
            return "ignored"
        thread.said.append((Author.CUSTOMER, event.text))
        thread.asked_up_to = len(thread.said)
        if thread.owner == "bot" and thread.resolved and self.clock() - thread.resolved[2] <= WEEK:
            case, operator, _ = thread.resolved
            self.model_goes_on(thread, case, operator)
        elif thread.owner == "bot" and not (thread.run and thread.run.speaking):
            self.model_start_run(id_, thread)
        return "done"

    def model_start_run(self, id_: ThreadId, thread: ThreadModel) -> None:
        run = self.do(self.store.thread(id_)).run
        assert run, "a question is waiting"
        assert run.id not in self.runs
        thread.run = RunModel(run.id, thread.asked_up_to)
        self.runs[run.id] = (id_, thread.run)

    def model_operator(self, id_: ThreadId, thread: ThreadModel, event: DeskEvent) -> str:
        me = f"operator:{event.operator}"
        mine = event.case == thread.case and thread.owner == me
        if event.action in {DeskAction.NOTE, DeskAction.WRITE}:
            reply = event.action is DeskAction.WRITE and mine
            if event.text:
                thread.said.append((Author.OPERATOR if reply else Author.NOTE, event.text))
                thread.answered_up_to = thread.asked_up_to if reply else thread.answered_up_to
            return "done" if event.text else "refused"
        if event.action is DeskAction.REOPEN and not thread.case:
            self.model_goes_on(thread, event.case, event.operator)
            thread.surveyed = event.case
            return "done"
        if event.case != thread.case:
            return "refused"
        to = f"operator:{event.to}" if event.to in OPERATORS else ""
        match event.action, thread.owner:
            case DeskAction.DRAFT, _:
                return "done"
            case DeskAction.CLAIM, owner if owner == me:
                return "done"
            case DeskAction.ASSIGN, owner if owner == to:
                return "done"
            case DeskAction.ASSIGN, _ if to:
                self.model_change_owner(thread, to)
                if to != me:
                    thread.said.append((Author.NOTE, ""))
            case DeskAction.CLAIM, "desk":
                self.model_change_owner(thread, me)
            case DeskAction.RELEASE, owner if owner == me:
                self.model_change_owner(thread, "desk")
            case DeskAction.REPLY, owner if owner == me and event.text:
                thread.said.append((Author.OPERATOR, event.text))
                thread.answered_up_to = thread.asked_up_to
            case action, owner if action in CLOSING and owner in {me, "desk"}:
                self.model_change_owner(thread, "bot")
                thread.case = None
                if action is DeskAction.RESOLVE:
                    self.model_resolved(thread, event)
                elif thread.asked_up_to > thread.answered_up_to:
                    self.model_start_run(id_, thread)
            case _:
                return "refused"
        return "done"

    def model_resolved(self, thread: ThreadModel, event: DeskEvent) -> None:
        thread.resolved = (event.case, event.operator, self.clock())
        thread.answered_up_to = thread.asked_up_to
        if event.outcome in SURVEYED and thread.surveyed != event.case:
            thread.said.append((Author.SYSTEM, ""))
            thread.surveyed = event.case

    def model_goes_on(self, thread: ThreadModel, case: CaseId, operator: OperatorId) -> None:
        self.model_change_owner(thread, f"operator:{operator}")
        thread.run = thread.resolved = None
        thread.case = case

    def model_change_owner(self, thread: ThreadModel, owner: str) -> None:
        thread.owner = owner
        thread.epoch += 1
        thread.said.append((Author.SYSTEM, ""))

    def model_hand_off(self, id_: ThreadId, thread: ThreadModel) -> None:
        self.model_change_owner(thread, "desk")
        thread.answered_up_to = thread.asked_up_to
        thread.run = thread.resolved = None
        thread.case = self.do(self.store.thread(id_)).case
        assert thread.case
        thread.cases.append(thread.case)

    @precondition(lambda self: self.held["receipts"])
    @rule(at=which)
    def receipt_is_given_up(self, at: int) -> None:
        lease = self.take("receipts", at)
        if not self.counts(lease):
            with pytest.raises(Superseded):
                self.do(self.store.receipts.give_up(lease, self.clock(), "broken"))
            return
        self.do(self.store.receipts.give_up(lease, self.clock(), "broken"))
        self.ended.add(lease.id)
        self.states[lease.id] = "failed"
        id_ = ThreadId(lease.row.lane)
        thread = self.threads[id_]
        assert thread.inbox.pop(0) == lease.id
        if thread.owner == "bot":
            self.model_hand_off(id_, thread)
        else:
            thread.said.append((Author.NOTE, ""))

    # Runs end

    @precondition(lambda self: self.held["runs"])
    @rule(at=which)
    def run_opens_its_stream(self, at: int) -> None:
        self.open_stream(self.take("runs", at))

    def open_stream(self, lease: Lease) -> None:
        id_, run = self.runs[lease.id]
        if self.counts(lease) and self.threads[id_].run is run:
            begun = self.do(self.store.runs.speak(lease, self.clock())) is not None
            assert begun or not run.speaking, "what waits in the lane holds up only the beginning"
            run.speaking = begun
        else:
            with pytest.raises(Superseded):
                self.do(self.store.runs.speak(lease, self.clock()))

    @precondition(lambda self: self.held["runs"])
    @rule(
        at=which,
        result=st.sampled_from(
            [
                RunResult(Outcome.ANSWERED, "answer"),
                RunResult(Outcome.CLARIFIED, "which one?"),
                RunResult(Outcome.HANDED_OFF, reason=HandoffReason.CUSTOMER_ASKED),
                RunResult(Outcome.HANDED_OFF, "half an ans", reason=HandoffReason.MODEL_FAILED),
            ]
        ),
    )
    def run_ends(self, at: int, result: RunResult) -> None:
        self.end_run(self.take("runs", at), result)

    def end_run(self, lease: Lease, result: RunResult) -> None:
        id_, run = self.runs[lease.id]
        thread = self.threads[id_]
        finish = self.store.runs.finish(lease, result, self.clock())
        if not self.counts(lease):
            with pytest.raises(Superseded):
                self.do(finish)
            return
        decision = self.do(finish)
        if thread.run is not run:
            assert decision.ignored == "stale"
            return
        self.ended.add(lease.id)
        thread.run = None
        if result.text:
            thread.said.append((Author.BOT, result.text))
        thread.answered_up_to = run.seen
        if result.outcome is Outcome.HANDED_OFF:
            self.model_hand_off(id_, thread)
        elif thread.asked_up_to > run.seen:
            self.model_start_run(id_, thread)

    # Drafts end

    @precondition(lambda self: self.held["drafts"])
    @rule(at=which, suggestion=st.sampled_from([None, Suggestion(), Suggestion("Two days.")]))
    def draft_ends(self, at: int, suggestion: Suggestion | None) -> None:
        self.end_draft(self.take("drafts", at), suggestion)

    def end_draft(self, lease: Lease, suggestion: Suggestion | None) -> None:
        finish = self.store.runs.finish_draft(lease, suggestion, self.clock())
        if not self.counts(lease):
            with pytest.raises(Superseded):
                self.do(finish)
            return
        decision = self.do(finish)
        self.ended.add(lease.id)
        is_open = lease.row.case_id == self.threads[ThreadId(lease.row.thread_id)].case
        assert decision.ignored == (None if is_open else "stale")

    # Parts go out

    @precondition(lambda self: self.held["deliveries"])
    @rule(at=which, outcome=st.sampled_from([DeliveryState.DELIVERED, DeliveryState.FAILED, None]))
    def part_is_sent(self, at: int, outcome: DeliveryState | None) -> None:
        self.send(self.take("deliveries", at), outcome)

    def send(self, lease: Lease, outcome: DeliveryState | None) -> None:
        """Finish a part, or give it back with None: the platform is away."""
        row = self.do(self.part_row(lease.id))
        work: Coroutine[Any, Any, object]
        if outcome is None:
            work = self.store.deliveries.retry(lease, self.clock() + 4, "away")
        else:
            work = self.store.deliveries.finish(lease, outcome, self.clock())
        if row.lease_token == lease.token and row.state == "waiting":
            self.do(work)
            if row.kind == "card" and outcome:
                self.model_card(self.threads[ThreadId(row.thread_id)], row.case_id, outcome)
        else:
            with pytest.raises(Superseded):
                self.do(work)

    def model_card(self, thread: ThreadModel, case: str, outcome: DeliveryState) -> None:
        """Operators read a note when a card can't be posted, and one when it can again."""
        if (outcome is DeliveryState.FAILED) != (case in self.unreachable):
            thread.said.append((Author.NOTE, ""))
            self.unreachable ^= {case}

    async def part_row(self, id_: str) -> Any:
        async with self.store.database.reading() as connection:
            return (await connection.execute(select(schema.deliveries).where(schema.deliveries.c.id == id_))).one()

    # What always holds

    @invariant()
    def everything_is_as_it_should_be(self) -> None:
        rows = self.do(self.read())
        self.threads_are_as_the_model_says(rows)
        self.the_epoch_grows_with_each_change_of_owner_and_only_then(rows)
        self.one_run_counts_at_a_time(rows)
        self.a_case_is_open_exactly_while_people_own_its_thread(rows)
        self.every_message_for_the_customer_is_one_part_and_notes_are_none(rows)
        self.a_run_speaks_at_most_once(rows)
        self.what_was_on_its_way_is_never_said_to_be_superseded(rows)
        self.a_case_has_at_most_one_card_that_nobody_has_begun(rows)
        self.receipts_end_as_the_model_says(rows)

    async def read(self) -> dict[str, Sequence[Row[Any]]]:
        """Return every row of the tables that the invariants look at."""
        async with self.store.database.reading() as connection:
            return {
                table.name: (await connection.execute(select(table).order_by(*order))).all()
                for table, order in READ.items()
            }

    def threads_are_as_the_model_says(self, rows: Rows) -> None:
        said = defaultdict(list)
        for row in rows["messages"]:
            said[ThreadId(row.thread_id)].append(row)
        assert {row.id for row in rows["threads"]} == set(self.threads)
        for row in rows["threads"]:
            thread, model = to_thread(row), self.threads[row.id]
            mine = said[thread.id]
            assert [m.seq for m in mine] == list(range(1, thread.last_seq + 1)), "dense"
            assert [m.author for m in mine] == [author for author, _ in model.said]
            assert all(words in ("", m.text) for (_, words), m in zip(model.said, mine, strict=True))
            assert (str(thread.owner), thread.epoch, thread.case) == (model.owner, model.epoch, model.case)
            assert (thread.asked_up_to, thread.answered_up_to) == (model.asked_up_to, model.answered_up_to)
            resolved = thread.resolved
            assert model.resolved == (resolved and (resolved.case, resolved.operator, resolved.at))
            assert (thread.run is None) == (model.run is None)
            if thread.run and model.run:
                assert (thread.run.id, thread.run.seen_up_to) == (model.run.id, model.run.seen)
                assert thread.run.speaking == model.run.speaking
            elif model.owner == "bot" and not model.inbox:
                assert thread.answered_up_to == thread.asked_up_to, "nobody waits for an answer that nobody works on"

    def the_epoch_grows_with_each_change_of_owner_and_only_then(self, rows: Rows) -> None:
        for row in rows["threads"]:
            was, stood = self.before.get(row.id, (row.owner, row.epoch))
            assert row.epoch >= stood
            assert (row.epoch > stood) or row.owner == was, "a new owner means a new epoch"
            self.before[row.id] = (row.owner, row.epoch)

    def one_run_counts_at_a_time(self, rows: Rows) -> None:
        waiting = Counter(row.lane for row in rows["runs"] if (row.kind, row.state) == ("answer", "waiting"))
        assert waiting == {id_: 1 for id_, thread in self.threads.items() if thread.run}

    def a_case_is_open_exactly_while_people_own_its_thread(self, rows: Rows) -> None:
        is_open = sorted(row.id for row in rows["cases"] if row.state == "open")
        assert is_open == sorted(t.case for t in self.threads.values() if t.owner != "bot" and t.case)
        assert all((t.case is None) == (t.owner == "bot") for t in self.threads.values())

    def every_message_for_the_customer_is_one_part_and_notes_are_none(self, rows: Rows) -> None:
        parts = Counter(row.message_id for row in rows["deliveries"] if row.message_id)
        for row in rows["messages"]:
            assert parts.pop(row.id, 0) == (row.author not in {Author.CUSTOMER, Author.NOTE}), row.author
        assert not parts

    def a_run_speaks_at_most_once(self, rows: Rows) -> None:
        spoken = Counter(row.run_id for row in rows["deliveries"] if row.run_id and row.kind != "cut_off")
        assert max(spoken.values(), default=0) <= 1

    def what_was_on_its_way_is_never_said_to_be_superseded(self, rows: Rows) -> None:
        assert all(row.attempts == row.retries for row in rows["deliveries"] if row.state == "superseded")

    def a_case_has_at_most_one_card_that_nobody_has_begun(self, rows: Rows) -> None:
        untouched = Counter(
            row.lane for row in rows["deliveries"] if (row.kind, row.state, row.attempts) == ("card", "waiting", 0)
        )
        assert max(untouched.values(), default=0) <= 1

    def receipts_end_as_the_model_says(self, rows: Rows) -> None:
        assert {row.id for row in rows["receipts"]} == set(self.receipts)
        for row in rows["receipts"]:
            assert row.state == self.states.get(row.id, "waiting")

    # At last everything that waits is worked

    def teardown(self) -> None:
        try:
            self.work_off_everything()
        finally:
            self.do(self.store.close())
            self.loop.close()

    def work_off_everything(self) -> None:
        for _ in range(100):
            self.clock.tick(LEASE_SECONDS + 1)
            busy = False
            for what in ("receipts", "runs", "deliveries"):
                before, drafts = len(self.held[what]), len(self.held["drafts"])
                self.claim(what)
                for lease in self.held["drafts"][drafts:]:
                    busy = True
                    self.end_draft(lease, None)
                for lease in self.held[what][before:]:
                    busy = True
                    match what:
                        case "receipts":
                            self.decide(lease)
                        case "runs":
                            self.end_run(lease, RunResult(Outcome.ANSWERED, "answer"))
                        case _:
                            self.send(lease, DeliveryState.DELIVERED)
            if not busy:
                break
        waiting = self.do(self.store.backlog()) | {"receipts_failed": 0}
        assert set(waiting.values()) == {0}, f"nothing is stuck: {waiting}"
        self.everything_is_as_it_should_be()
        assert set(self.states) == set(self.receipts), "what was accepted has an end"
        for thread in self.threads.values():
            assert thread.run is None, "nobody waits for the bot"


TestWhateverHappensTheStoreAgreesWithItsModel = Conversations.TestCase
TestWhateverHappensTheStoreAgreesWithItsModel.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # shrinking takes minutes; add Phase.shrink to look into a failure
)
