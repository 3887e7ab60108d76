"""A store and its clock, moved by hand: what tests of the store do instead of the worker, one step at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sqlalchemy import Table, select

from core.decision import Decision
from core.delivery import DeliveryState, Part, PartKind
from core.events import HandoffReason, Outcome, RunResult, Suggestion
from core.ids import CaseId, OperatorId, ThreadId, ThreadKey
from core.inbound import Inbound
from core.messages import Author, DeskAction, DeskEvent, InboundMessage
from core.store import schema
from core.store.engine import Database
from core.store.leases import Lease
from core.store.receipts import Receipt
from core.store.store import Store
from tests.support import ManualClock

TABLES = (
    schema.threads,
    schema.messages,
    schema.runs,
    schema.deliveries,
    schema.cases,
    schema.facts,
    schema.files,
    schema.ratings,
)
DAY = 86_400.0
ADA, BEN = OperatorId("o_ada"), OperatorId("o_ben")
NAMES = {ADA: "Ada", BEN: "Ben"}
ASKED = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.CUSTOMER_ASKED)


def answered(words: str, **more: Any) -> RunResult:
    """Return the result of a run that answered `words`."""
    return RunResult(Outcome.ANSWERED, words, **more)


def message(words: str, event: str, session: str = "s_1") -> InboundMessage:
    """Return what a chat session sends."""
    return InboundMessage(ThreadKey("web", "chat", session), event, f"web:{session}", words)


@dataclass
class Scene:
    """One store and its clock, moved by hand."""

    store: Store
    clock: ManualClock
    events: "count[int]" = field(default_factory=count)

    async def accept(self, words: str, session: str = "s_1") -> Receipt:
        """Accept a message, without deciding it."""
        return await self.store.receipts.accept(message(words, f"event-{next(self.events)}", session), self.clock())

    async def decide_all(self) -> list[Decision | None]:
        """Decide every receipt that is due."""
        decisions = []
        while leases := await self.store.receipts.claim(self.clock(), 50):
            decisions += [await self.store.receipts.decide(lease, self.clock()) for lease in leases]
        return decisions

    async def say(self, words: str, session: str = "s_1") -> ThreadId:
        """Have the customer say `words`, and decide it."""
        receipt = await self.accept(words, session)
        await self.decide_all()
        return receipt.thread

    async def claim_runs(self, kind: str = "answer") -> list[Lease]:
        """Claim every run there is to claim now, and return those of `kind`: answers, or drafts for operators."""
        return [lease for lease in await self.store.runs.claim(self.clock(), 50) if lease.row.kind == kind]

    async def claim_run(self) -> Lease:
        """Claim the only answer there is to claim."""
        [lease] = await self.claim_runs()
        return lease

    async def finish_draft(self, suggestion: Suggestion | None = None) -> Decision:
        """Claim the only draft and finish it with `suggestion`."""
        [lease] = await self.claim_runs("draft")
        return await self.store.runs.finish_draft(lease, suggestion, self.clock())

    async def finish_run(self, result: RunResult) -> Decision:
        """Claim the only run and finish it with `result`."""
        return await self.store.runs.finish(await self.claim_run(), result, self.clock())

    async def hand_off(self, words: str = "I want a person", session: str = "s_1") -> CaseId:
        """Have the customer ask for a person; returns the case."""
        thread = await self.say(words, session)
        await self.finish_run(ASKED)
        await self.finish_draft()
        case = (await self.store.thread(thread)).case
        assert case
        return case

    async def act(
        self, case: CaseId, action: DeskAction, words: str = "", by: OperatorId = ADA, **more: Any
    ) -> Receipt:
        """Have an operator act on `case`; returns the decided receipt."""
        event = DeskEvent(case, f"event-{next(self.events)}", by, NAMES.get(by, by), action, words, **more)
        return await self.enter(event)

    async def enter(self, inbound: Inbound) -> Receipt:
        """Accept `inbound` and decide it; returns the decided receipt."""
        receipt = await self.store.receipts.accept(inbound, self.clock())
        await self.decide_all()
        return await self.store.receipts.get(receipt.id)

    async def claim_parts(self, kind: str = "text") -> list[Lease]:
        """Claim every delivery there is to claim now, and return those of `kind`."""
        return [lease for lease in await self.store.deliveries.claim(self.clock(), 50) if lease.row.kind == kind]

    async def deliver_parts(self, *ends: tuple[PartKind, DeliveryState]) -> list[Part]:
        """Deliver until nothing is left to claim, those kinds with those `ends`; returns the parts as they went out.

        Whoever takes a part calls it 'p:' and its kind.
        """
        states = dict(ends)
        sent: list[Part] = []
        while leases := await self.store.deliveries.claim(self.clock(), 50):
            for lease in leases:
                part = await self.store.deliveries.part(lease)
                sent.append(part)
                state = states.get(part.kind, DeliveryState.DELIVERED)
                error = "" if state is DeliveryState.DELIVERED else "It was lost."
                name = f"p:{part.kind}"
                await self.store.deliveries.finish(lease, state, self.clock(), platform_id=name, error=error)
        return sent

    async def deliver_all(self) -> list[str]:
        """Deliver lines until nothing is left to claim; returns their texts in the order they went out."""
        return [part.message.text for part in await self.deliver_parts() if part.message]

    async def transcript(self, thread: ThreadId) -> list[tuple[Author, str]]:
        """Return who said what."""
        return [(said.author, said.text) for said in await self.store.messages(thread)]

    async def rows(self, table: Table, *columns: str) -> list[Any]:
        """Return the rows of `table`, in order of their first column, or some of their columns."""
        chosen = [table.c[name] for name in columns] or list(table.c)
        async with self.store.database.reading() as connection:
            return [tuple(row) for row in await connection.execute(select(*chosen).order_by(*table.primary_key))]

    async def everything(self) -> dict[str, list[Any]]:
        """Return all there is but receipts, to tell whether anything was written."""
        return {table.name: await self.rows(table) for table in TABLES}

    async def line_states(self) -> list[str]:
        """Return what became of the parts of all lanes but the cards', in the order they were queued."""
        rows = await self.rows(schema.deliveries, "kind", "state")
        return [state for kind, state in rows if kind != "card"]


@asynccontextmanager
async def another(database: Database) -> AsyncIterator[Database]:
    """Open the same database a second time, as another replica would."""
    again = Database(database.url)
    try:
        yield again
    finally:
        await again.close()
