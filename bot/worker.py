"""The worker: claims receipts, files to read, runs and deliveries, and does what they ask, side by side.

Four loops of the same shape. Each claimed row is worked in a task of its own that keeps its lease
alive; a row whose lease is lost is dropped. Whatever fails is tried again a few times and then ends
where people see it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import uniform

import structlog

from bot.sending import Sender
from bot.telemetry import Metrics
from channels.base import Channel, Sent, Streams
from core import shadow
from core.agent.assistant import Assistant
from core.attachments.extract import extract
from core.attachments.values import Extracted
from core.bell import DELIVERIES, DESK, EXTRACTIONS, RECEIPTS, RUNS, Bell
from core.decision import Decision
from core.delivery import DeliveryState, Part, PartKind
from core.effects import (
    Amend,
    CheckArrival,
    MarkBounced,
    MarkDesk,
    Post,
    Rate,
    Remind,
    Resend,
    ShowCard,
    StartDraft,
    StartRun,
    SupersedeRun,
)
from core.errors import PermanentError, Superseded, TemporaryError
from core.events import HandoffReason, Outcome, RunResult, Suggestion
from core.ids import CaseId, FileId, ThreadId
from core.messages import Author, FileOutcome
from core.store.inbox import Clock
from core.store.leases import HEARTBEAT_SECONDS, Lease, backoff
from core.store.ledger import RunLedger
from core.store.runs import DRAFT
from core.store.store import Store
from core.turn import Silence, Turn

log = structlog.get_logger()

POLL_SECONDS = 1.0
SLOTS = {RECEIPTS: 8, EXTRACTIONS: 2, RUNS: 8, DELIVERIES: 16}
MOST_CLAIMS = 20  # a row in hand at so many deaths of the process may be what kills it
_LAST_WORDS = 5.0  # seconds that a piece of an answer may still take once its run's time is over
_SPREAD = 1.2
"""How much longer than it asks for a platform may be left in peace: not all that it put off comes back at once."""
MOST_ATTEMPTS = {RECEIPTS: 5, EXTRACTIONS: 3, RUNS: 3, DELIVERIES: 8}
_POISON = "The program stopped each time it read this file, so it is left alone."
_UNREAD = "This file could not be read: something failed inside."
_LOST = "This file is not kept any more."

Claim = Callable[[float, int], Awaitable[list[Lease]]]
Beat = Callable[[Lease, float], Awaitable[None]]
Work = Callable[[Lease], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Loop:
    topic: str
    claim: Claim
    work: Work
    beat: Beat | None = None


class Worker:
    """Works one store. `assistant` is awaited for each run: it is ready once the model and the index are."""

    def __init__(
        self,
        store: Store,
        bell: Bell,
        clock: Clock,
        assistant: Callable[[], Awaitable[Assistant]],
        sender: Sender,
        metrics: Metrics,
        *,
        slow_seconds: float = 0.0,
    ) -> None:
        """`slow_seconds`: after so long without a word of the answer its customer is told that it takes; 0: never."""
        self._slow_seconds = slow_seconds
        self._store = store
        self._bell = bell
        self._clock = clock
        self._assistant = assistant
        self._sender = sender
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled; rows in hand are given up to their leases."""
        store = self._store
        loops = (
            _Loop(RECEIPTS, store.receipts.claim, self._decide),
            _Loop(EXTRACTIONS, store.extractions.claim, self._extract, store.extractions.heartbeat),
            _Loop(RUNS, store.runs.claim, self._answer, store.runs.heartbeat),
            _Loop(DELIVERIES, store.deliveries.claim, self._deliver, store.deliveries.heartbeat),
        )
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(self._turn(loop), name=f"worker:{loop.topic}")
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _turn(self, loop: _Loop) -> None:
        """One loop: claim what is free to claim, work it, wait for the bell."""
        running: set[asyncio.Task[None]] = set()
        behind = False  # whether rows may wait for one that is being worked
        with self._bell.listen(loop.topic) as ear:

            def done(task: asyncio.Task[None]) -> None:
                running.discard(task)
                self._tasks.pop(task.get_name(), None)
                if behind:
                    ear.ring()

            while True:
                await ear.wait(POLL_SECONDS)
                free = SLOTS[loop.topic] - len(running)
                claimed = await self._claim(loop, free)
                behind = bool(running) or len(claimed) == free or any(lease.followed for lease in claimed)
                for lease in claimed:
                    task = asyncio.create_task(self._guard(loop, lease), name=lease.id)
                    running.add(task)
                    self._tasks[lease.id] = task
                    task.add_done_callback(done)

    async def _claim(self, loop: _Loop, free: int) -> list[Lease]:
        self._metrics.beat.labels(loop.topic).set(self._clock())
        if free <= 0:
            return []
        try:
            return await loop.claim(self._clock(), free)
        except Exception:  # the edge of the process: a database that is away comes back
            log.exception("claim_failed", loop=loop.topic)
            await asyncio.sleep(POLL_SECONDS)
            return []

    async def _guard(self, loop: _Loop, lease: Lease) -> None:
        """Work one row; nothing that goes wrong with it may stop the others."""
        try:
            await self._keep_alive(loop, lease)
        except Superseded as superseded:
            log.info("superseded", loop=loop.topic, row=lease.id, why=str(superseded))
        except Exception as error:  # the edge of the process: logged, tried again, then given up
            log.exception("work_failed", loop=loop.topic, row=lease.id, attempt=lease.attempts)
            await self._after_failure(loop, lease, error)

    async def _keep_alive(self, loop: _Loop, lease: Lease) -> None:
        if lease.attempts - lease.row.retries > MOST_CLAIMS:
            raise PermanentError("the program stopped each time it worked on this")
        if loop.beat is None:
            await loop.work(lease)
            return
        work = asyncio.ensure_future(loop.work(lease))
        try:
            while not (await asyncio.wait({work}, timeout=HEARTBEAT_SECONDS))[0]:
                await loop.beat(lease, self._clock())
            work.result()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _after_failure(self, loop: _Loop, lease: Lease, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:300]
        again = lease.attempts < MOST_ATTEMPTS[loop.topic]
        now = self._clock()
        try:
            match loop.topic, again:
                case (topic, True) if topic == RECEIPTS:
                    await self._store.receipts.retry(lease, now + backoff(lease.attempts), reason)
                case (topic, False) if topic == RECEIPTS:
                    await self._store.receipts.give_up(lease, now, reason)
                    self._bell.ring(lease.row.lane, DELIVERIES)
                case (topic, True) if topic == EXTRACTIONS:
                    await self._store.extractions.retry(lease, now + backoff(lease.attempts), reason)
                case (topic, False) if topic == EXTRACTIONS:
                    await self._end_extraction(lease, Extracted(FileOutcome.FAILED, "", note=_UNREAD), reason)
                case (topic, True) if topic == RUNS:
                    await self._store.runs.retry(lease, now + backoff(lease.attempts), reason)
                case (topic, False) if topic == RUNS and lease.row.kind == DRAFT:
                    await self._end_draft(lease, None)
                case (topic, False) if topic == RUNS:
                    await self._end_run(lease, _internal_error(reason))
                case (_, True):
                    await self._store.deliveries.retry(lease, now + backoff(lease.attempts), reason)
                case _:
                    asked = lease.row.kind == PartKind.CHECK.value  # a question that failed has learnt nothing
                    state = DeliveryState.UNKNOWN if asked else DeliveryState.FAILED
                    await self._store.deliveries.finish(lease, state, now, error=reason)
        except Superseded:
            return
        except Exception:  # the edge of the process: the lease runs out and the row is claimed again
            log.exception("failure_not_stored", loop=loop.topic, row=lease.id)

    async def _decide(self, lease: Lease) -> None:
        decision = await self._store.receipts.decide(lease, self._clock())
        outcome = "refused" if decision is None else (decision.ignored or "done")
        self._metrics.receipts.labels(outcome).inc()
        self._announce(ThreadId(lease.row.lane), decision)

    def _announce(self, thread: ThreadId, decision: Decision | None) -> None:
        """Wake whoever has something to do now, and stop the runs that no longer count."""
        self._bell.ring(thread)
        for effect in decision.effects if decision else ():
            match effect:
                case SupersedeRun():
                    if effect.run in self._tasks:
                        self._tasks[effect.run].cancel()
                case StartRun() | StartDraft():
                    self._bell.ring(RUNS)
                case Post() if effect.files:
                    self._bell.ring(EXTRACTIONS, DELIVERIES, DESK)
                case (
                    Post()
                    | MarkBounced()
                    | ShowCard()
                    | Amend()
                    | Remind()
                    | Resend()
                    | CheckArrival()
                    | Rate()
                    | MarkDesk()
                ):
                    self._bell.ring(DELIVERIES, DESK)

    async def _extract(self, lease: Lease) -> None:
        """Read one customer's file, whose id is the lease's."""
        extracted = Extracted(FileOutcome.REFUSED, "", note=_POISON)
        if lease.attempts <= MOST_ATTEMPTS[EXTRACTIONS]:
            try:
                extracted = await self._read(ThreadId(lease.row.thread_id), FileId(lease.id))
            except LookupError:
                extracted = Extracted(FileOutcome.FAILED, "", note=_LOST)
            except PermanentError as refused:
                extracted = Extracted(FileOutcome.REFUSED, "", note=str(refused))
        await self._end_extraction(lease, extracted)

    async def _read(self, thread: ThreadId, id_: FileId) -> Extracted:
        file, _ = await self._sender.files.of_thread(thread, id_)
        content = await self._sender.content(id_)
        with self._metrics.extraction_seconds.time():
            return await extract(content, file.name)

    async def _end_extraction(self, lease: Lease, extracted: Extracted, error: str = "") -> None:
        await self._store.extractions.finish(lease, extracted, self._clock(), error=error)
        self._metrics.extractions.labels(extracted.outcome.value).inc()
        self._bell.ring(RUNS, DESK)

    async def _answer(self, lease: Lease) -> None:
        assistant = await self._assistant()
        turn = await self._store.runs.turn(lease)
        if assistant.budget.is_set:
            turn = replace(turn, spent=await self._store.runs.spent(turn.thread.id, self._clock()))
        if lease.row.kind == DRAFT:
            await self._end_draft(lease, await self._suggested(assistant, turn, lease))
            return
        channel = None if self._store.policy.shadow else self._sender.channels.get(turn.thread.key.channel)
        voice = _RunVoice(self._store, self._bell, lease, channel, self._clock)
        with self._patience(lease), self._metrics.run_seconds.time():
            ledger = RunLedger(self._store.database, lease, self._clock)
            result = await assistant.answer(turn, voice, ledger)
        await self._end_run(lease, result)

    async def _suggested(self, assistant: Assistant, turn: Turn, lease: Lease) -> Suggestion | None:
        """Return a suggestion for operators: in shadow mode what the bot would answer, if it would."""
        if not self._store.policy.shadow or turn.hint or await self._opened_its_case(lease):
            return await assistant.draft(turn)
        result = await assistant.answer(turn, Silence())
        return shadow.would_say(result) or shadow.charged(await assistant.draft(turn), result)

    async def _opened_its_case(self, lease: Lease) -> bool:
        """Whether a draft was asked for as its case was opened: the run before it had no words to suggest."""
        return (await self._store.cases.get(CaseId(lease.row.case_id))).opened_at == float(lease.row.created_at)

    @contextmanager
    def _patience(self, lease: Lease) -> Iterator[None]:
        """Have a customer who waits for long told so, if customers are told at all."""
        if not self._slow_seconds or self._store.policy.shadow:
            yield
            return
        waiting = asyncio.create_task(self._apologise(lease), name=f"patience:{lease.id}")
        try:
            yield
        finally:
            waiting.cancel()

    async def _apologise(self, lease: Lease) -> None:
        """Have a customer told that it takes, while the run goes on."""
        await asyncio.sleep(self._slow_seconds)
        try:
            self._announce(ThreadId(lease.row.lane), await self._store.runs.slow(lease, self._clock()))
        except TemporaryError:
            log.exception("apology_not_stored", run=lease.id)

    async def _end_run(self, lease: Lease, result: RunResult) -> None:
        decision = await self._store.runs.finish(lease, result, self._clock())
        outcome = "superseded" if decision.ignored else result.outcome.value
        self._metrics.runs.labels(outcome).inc()
        log.info("run_ended", run=lease.id, thread=lease.row.lane, outcome=outcome, reason=result.reason)
        self._announce(ThreadId(lease.row.lane), decision)

    async def _end_draft(self, lease: Lease, suggestion: Suggestion | None) -> None:
        decision = await self._store.runs.finish_draft(lease, suggestion, self._clock())
        self._announce(ThreadId(lease.row.thread_id), decision)
        self._bell.ring(DESK)

    async def _deliver(self, lease: Lease) -> None:
        """Send one part. What fails before the sending is tried again; after it, nothing is repeated blindly."""
        part = await self._store.deliveries.part(lease)
        try:
            sent = await self._sender.send(part, dropped=lease.was_dropped)
        except TemporaryError as away:
            waited = self._clock() - lease.row.created_at
            if lease.attempts < MOST_ATTEMPTS[DELIVERIES] or waited < self._sender.patience(part):
                pause = (away.retry_after or backoff(lease.attempts)) * uniform(1.0, _SPREAD)  # noqa: S311 (no secret)
                again = self._clock() + pause
                await self._store.deliveries.retry(lease, again, str(away))
                return
            sent = Sent(_unsent(part), error=str(away))
        except PermanentError as refused:
            sent = Sent(_unsent(part), error=str(refused))
        try:
            decision = await self._store.deliveries.finish(
                lease, sent.state, self._clock(), platform_id=sent.platform_id, error=sent.error
            )
        except TemporaryError:  # it went out, and the lease runs out: the next holder sees that it was dropped
            log.exception("delivery_not_stored", delivery=part.id, state=sent.state.value)
            return
        self._metrics.deliveries.labels(sent.state.value).inc()
        if decision:
            log.error("desk_unreachable", desk=part.desk, case=part.case, error=sent.error or "")
            self._announce(ThreadId(lease.row.thread_id), decision)
        told = part.message and part.message.author is Author.OPERATOR  # its outcome may be due at a desk now
        self._bell.ring(DESK, *([part.thread.id] if part.thread else []), *([DELIVERIES] if told else []))


class _RunVoice:
    """How one run speaks: its stream's row is committed before the first words flow, and checked before more."""

    def __init__(self, store: Store, bell: Bell, lease: Lease, channel: Channel | None, clock: Clock) -> None:
        self._store = store
        self._bell = bell
        self._lease = lease
        self._flows = channel if isinstance(channel, Streams) else None
        self._clock = clock

    async def check(self) -> None:
        await self._store.runs.check(self._lease)

    @property
    def is_heard(self) -> bool:
        return self._flows is not None

    async def say(self, text: str) -> bool:
        piece = await self._store.runs.speak(self._lease, self._clock()) if self._flows else None
        if self._flows is None or piece is None:
            return False
        platform_id = piece.platform_id
        sending = asyncio.create_task(self._flows.stream(piece, text))
        try:
            platform_id = await asyncio.shield(sending)
        except asyncio.CancelledError:  # the run's time is over: what is on its way arrives all the same
            platform_id = await _outcome(sending, platform_id)
            raise
        finally:
            await asyncio.shield(self._spoken(platform_id))
        return True

    async def _spoken(self, platform_id: str) -> None:
        if not await self._store.runs.spoken(self._lease, platform_id):
            self._bell.ring(self._lease.row.lane, DELIVERIES)  # who took over waits for this piece, and so does the end


async def _outcome(sending: "asyncio.Task[str]", otherwise: str) -> str:
    """Return what a piece of a stream became that nobody waits for any more; `otherwise` if it can't be known."""
    await asyncio.wait({sending}, timeout=_LAST_WORDS)
    if sending.done() and not sending.cancelled() and not sending.exception():
        return sending.result()
    sending.cancel()
    return otherwise


def _unsent(part: Part) -> DeliveryState:
    """What a part is that did not go out: failed; a question about another part has learnt nothing."""
    return DeliveryState.UNKNOWN if part.kind is PartKind.CHECK else DeliveryState.FAILED


def _internal_error(detail: str) -> RunResult:
    return RunResult(Outcome.HANDED_OFF, reason=HandoffReason.INTERNAL_ERROR, detail=detail)
