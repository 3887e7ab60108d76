"""Effects become rows: what `core.decide` said must happen, written in the transaction that holds the thread.

Used by `core.store.threads.advance` alone. Effects that may be refused are refused before anything is
written: `core.operating` puts them first.
"""

from typing import assert_never

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.delivery import DeliveryState, PartKind
from core.desk import RESENDABLE, judge_draft
from core.effects import (
    Amend,
    CheckArrival,
    CloseCase,
    Effect,
    JudgeDraft,
    MarkDesk,
    OpenCase,
    Post,
    Rate,
    Remember,
    Remind,
    ReopenCase,
    Resend,
    SaveDraft,
    ShowCard,
    StartDraft,
    StartRun,
    SupersedeRun,
    SupersedeSends,
)
from core.errors import Refused
from core.events import HandoffReason
from core.ids import CaseId, MessageId, RunId, new_id
from core.messages import Author
from core.policy import WEB_DESK, Moment
from core.store import facts, ratings
from core.store.codec import dump_citations, dump_result, dump_suggestion, load_suggestion
from core.store.leases import WAITING
from core.store.schema import cases, deliveries, files, messages, runs
from core.store.transcript import read_messages
from core.summary import summarise
from core.thread import Thread

STREAM = PartKind.STREAM.value
_ALREADY_THERE = "Everything of this message has arrived or is on its way."
_NOT_UNKNOWN = "Nothing of this message is of unknown fate."
_NOT_YOURS = "Only the writer of a line may change it."
_MIRRORED = frozenset({Author.CUSTOMER, Author.OPERATOR, Author.NOTE})
"""What a desk other than the web desk has posted into a case's thread; the rest is on the card."""


async def close_stream(connection: AsyncConnection, run: RunId, now: float) -> None:
    """Finish the stream of `run` as partial, if it is still open and no message has taken its place."""
    await connection.execute(
        update(deliveries)
        .where(deliveries.c.key == f"stream:{run}", deliveries.c.kind == STREAM, deliveries.c.state == WAITING)
        .values(state="partial", finished_at=now, lease_until=None)
    )


class Writer:
    """Turns the effects of one decision into rows, in order; the epoch of each row is the new state's."""

    def __init__(
        self,
        connection: AsyncConnection,
        thread: Thread,
        last_seq: int,
        moment: Moment,
        message: MessageId | None,
        quiet: float,
    ) -> None:
        """`thread` is the new state, `last_seq` the old one's; `message` the id promised for the first post."""
        self._connection = connection
        self._thread = thread
        self._seq = last_seq
        self._now = moment.at
        self._policy = moment.policy
        self._message = message
        self._quiet = quiet

    async def write(self, effect: Effect) -> None:
        """Write the rows that `effect` stands for. Raises `Refused`."""
        match effect:
            case Post():
                await self._post(effect)
            case Amend():
                await self._amend(effect)
            case Resend():
                await self._resend(effect)
            case CheckArrival():
                await self._check_arrival(effect)
            case Remember():
                await facts.remember(self._connection, self._thread, effect.text, self._now)
            case Rate():
                await ratings.rate(self._connection, self._thread, effect, self._now)
            case StartRun() | StartDraft():
                await self._start_run(effect)
            case SupersedeRun():
                await self._supersede_run(effect)
            case SupersedeSends():
                await self._supersede_sends()
            case Remind():
                await self._remind(effect)
            case _:
                await self._write_case(effect)

    async def _write_case(
        self, effect: OpenCase | ReopenCase | CloseCase | ShowCard | MarkDesk | SaveDraft | JudgeDraft
    ) -> None:
        match effect:
            case OpenCase():
                await self._open_case(effect)
            case ReopenCase():
                await self._change_case(
                    effect.case,
                    state="open",
                    outcome="",
                    closed_by="",
                    closed_at=None,
                    times_reopened=cases.c.times_reopened + 1,
                )
            case CloseCase():
                await self._close_case(effect)
            case ShowCard():
                await self._show_card(effect)
            case MarkDesk():
                await self._change_case(effect.case, desk_error=effect.error, updated_at=self._now)
            case SaveDraft():
                await self._save_draft(effect)
            case JudgeDraft():
                await self._judge_draft(effect)
            case _:
                assert_never(effect)

    # Messages

    async def _post(self, post: Post) -> None:
        self._seq += 1
        id_ = self._message or MessageId(new_id("m"))
        self._message = None
        await self._connection.execute(
            insert(messages).values(
                id=id_,
                thread_id=self._thread.id,
                seq=self._seq,
                author=post.author.value,
                name=post.name,
                text=post.text,
                citations=dump_citations(post.citations),
                at=self._now,
                operator=post.operator,
                survey=post.survey,
            )
        )
        if post.files:
            await self._connection.execute(
                update(files)
                .where(files.c.id.in_(post.files), files.c.message_id.is_(None))
                .values(message_id=id_, thread_id=self._thread.id)
            )
        if post.author in _MIRRORED and self._thread.case:
            await self._mirror(self._thread.case, id_, written_on=post.desk)
        if post.author not in {Author.CUSTOMER, Author.NOTE}:
            await self._send(post, id_)

    async def _send(self, post: Post, message: MessageId) -> None:
        """Put the parts of the message on their way: its text, then each file."""
        fenced = post.author is Author.BOT
        if post.author is Author.OPERATOR and self._thread.case:
            await self._change_case(self._thread.case, answered_at=func.coalesce(cases.c.answered_at, self._now))
        streamed = post.run is not None and await self._whole_stream(post.run, message)
        if post.text.strip() and not streamed:
            await self._enqueue(f"message:{message}", PartKind.TEXT, message_id=message, run_id=post.run, fenced=fenced)
        for file in post.files:
            await self._enqueue(f"file:{file}", PartKind.FILE, message_id=message, file_id=file, fenced=fenced)

    async def _whole_stream(self, run: RunId, message: MessageId) -> bool:
        """Have the open stream of `run` end with the whole message, a part like any other; False if there is none."""
        ended = await self._connection.execute(
            update(deliveries)
            .where(deliveries.c.key == f"stream:{run}", deliveries.c.kind == STREAM, deliveries.c.state == WAITING)
            .values(
                kind=PartKind.TEXT.value,
                message_id=message,
                epoch=self._thread.epoch,
                available_at=self._now,
                lease_until=None,
            )
        )
        return ended.rowcount == 1

    async def _mirror(self, case: CaseId, message: MessageId, *, written_on: str = "") -> None:
        """Post the line into the case's desk thread, unless it was written there."""
        desk = await self._desk_of(case)
        if desk not in {WEB_DESK, written_on}:
            lane = f"card:{case}"
            await self._enqueue(new_id("line"), PartKind.LINE, lane=lane, case_id=case, message_id=message, desk=desk)

    async def _desk_of(self, case: CaseId) -> str:
        return str(await self._connection.scalar(select(cases.c.desk).where(cases.c.id == case)))

    async def _amend(self, effect: Amend) -> None:
        """Change a message and keep its first words; an operator's change travels to the customer."""
        mine = [messages.c.id == effect.message, messages.c.thread_id == self._thread.id]
        if effect.by_operator:
            mine += [messages.c.operator == effect.by_operator, messages.c.author == Author.OPERATOR.value]
        changed = await self._connection.execute(
            update(messages)
            .where(*mine, messages.c.withdrawn.is_(False))
            .values(
                original=func.coalesce(messages.c.original, messages.c.text),
                text=effect.text or "",
                withdrawn=effect.text is None,
                changed_at=self._now,
            )
        )
        if changed.rowcount != 1 and effect.by_operator:
            raise Refused(_NOT_YOURS)
        if effect.by_operator:
            await self._enqueue(new_id("edit"), PartKind.EDIT, message_id=effect.message)
        if self._thread.case:
            await self._mirror(self._thread.case, effect.message, written_on=effect.desk)

    # Parts on their way

    async def _enqueue(
        self, key: str, kind: PartKind, *, fenced: bool = False, lane: str = "", **columns: object
    ) -> None:
        await self._connection.execute(
            insert(deliveries).values(
                id=new_id("d"),
                lane=lane or self._thread.id,
                key=key,
                kind=kind.value,
                thread_id=self._thread.id,
                epoch=self._thread.epoch,
                fenced=fenced,
                available_at=self._now,
                created_at=self._now,
                **columns,
            )
        )

    async def _parts(self, message: MessageId, states: frozenset[DeliveryState]) -> list[tuple[str, str | None]]:
        """Return the key and the file of each part of an operator's message whose last attempt is in `states`."""
        newest = (
            select(func.max(deliveries.c.n))
            .join(messages, messages.c.id == deliveries.c.message_id)
            .where(
                deliveries.c.message_id == message,
                deliveries.c.thread_id == self._thread.id,
                deliveries.c.kind.in_((PartKind.TEXT.value, PartKind.FILE.value)),
                messages.c.author == Author.OPERATOR.value,
            )
            .group_by(deliveries.c.kind, deliveries.c.file_id)
        )
        rows = await self._connection.execute(
            select(deliveries.c.key, deliveries.c.file_id).where(
                deliveries.c.n.in_(newest), deliveries.c.state.in_([state.value for state in states])
            )
        )
        return [(row.key, row.file_id) for row in rows]

    async def _resend(self, effect: Resend) -> None:
        parts = await self._parts(effect.message, RESENDABLE)
        if not parts:
            raise Refused(_ALREADY_THERE)
        for key, file in parts:
            again = f"{key.partition('#')[0]}#{new_id('again')}"
            kind = PartKind.FILE if file else PartKind.TEXT
            await self._enqueue(again, kind, message_id=effect.message, file_id=file)

    async def _check_arrival(self, effect: CheckArrival) -> None:
        parts = await self._parts(effect.message, frozenset({DeliveryState.UNKNOWN}))
        if not parts:
            raise Refused(_NOT_UNKNOWN)
        for key, file in parts:
            lane = new_id("check")
            await self._enqueue(lane, PartKind.CHECK, lane=lane, message_id=effect.message, file_id=file, text=key)

    async def _supersede_sends(self) -> None:
        """Only lines that nobody has begun to send: one on its way ends as whatever becomes of it."""
        await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.thread_id == self._thread.id,
                deliveries.c.fenced.is_(True),
                deliveries.c.state == WAITING,
                deliveries.c.attempts == deliveries.c.retries,
            )
            .values(state="superseded", finished_at=self._now)
        )

    async def _remind(self, effect: Remind) -> None:
        desk = await self._desk_of(effect.case)
        if effect.everyone and self._policy.second_desk:
            desk = self._policy.second_desk
        await self._enqueue(
            new_id("reminder"),
            PartKind.REMINDER,
            lane=f"card:{effect.case}",
            case_id=effect.case,
            desk=desk,
            text=effect.text,
            everyone=effect.everyone,
        )

    # Runs

    async def _start_run(self, effect: StartRun | StartDraft) -> None:
        if isinstance(effect, StartRun):
            what = {"lane": self._thread.id, "seen_up_to": effect.seen_up_to, "available_at": self._now + self._quiet}
        else:
            lane, case = f"draft:{effect.case}", effect.case
            what = {"lane": lane, "seen_up_to": self._thread.last_seq, "available_at": self._now}
            what |= {"kind": "draft", "case_id": case, "hint": effect.hint}
        await self._connection.execute(
            insert(runs).values(
                id=effect.run, thread_id=self._thread.id, epoch=self._thread.epoch, created_at=self._now, **what
            )
        )

    async def _supersede_run(self, effect: SupersedeRun) -> None:
        await self._connection.execute(
            update(runs)
            .where(runs.c.id == effect.run, runs.c.state == WAITING)
            .values(state="superseded", finished_at=self._now, lease_until=None)
        )
        await close_stream(self._connection, effect.run, self._now)

    # Cases

    async def _change_case(self, case: CaseId, **values: object) -> None:
        await self._connection.execute(update(cases).where(cases.c.id == case).values(**values))

    async def _open_case(self, effect: OpenCase) -> None:
        said = await read_messages(self._connection, self._thread.id)
        await self._connection.execute(
            insert(cases).values(
                id=effect.case,
                thread_id=self._thread.id,
                state="open",
                reason=effect.result.reason or HandoffReason.INTERNAL_ERROR,
                summary=summarise(said, effect.result.question),
                result=dump_result(effect.result),
                desk=self._policy.desk,
                opened_at=self._now,
                updated_at=self._now,
            )
        )

    async def _close_case(self, effect: CloseCase) -> None:
        await self._change_case(
            effect.case, state="resolved", outcome=effect.outcome, closed_by=effect.by, closed_at=self._now
        )
        await self._judge_draft(JudgeDraft(effect.case, ""))

    async def _show_card(self, effect: ShowCard) -> None:
        """One waiting card a case: it shows the state at sending, so an older one still waiting has nothing to add."""
        await self._change_case(effect.case, updated_at=self._now)
        lane = f"card:{effect.case}"
        waiting = await self._connection.scalar(
            select(deliveries.c.id).where(
                deliveries.c.lane == lane,
                deliveries.c.kind == PartKind.CARD.value,
                deliveries.c.state == WAITING,
                deliveries.c.attempts == deliveries.c.retries,
            )
        )
        if waiting is None:
            desk = await self._desk_of(effect.case)
            await self._enqueue(new_id(lane), PartKind.CARD, lane=lane, case_id=effect.case, desk=desk)

    async def _save_draft(self, effect: SaveDraft) -> None:
        """Keep the suggestion; with it the summary, where it has one."""
        if effect.suggestion is None:
            return
        values: dict[str, object] = {"suggestion": dump_suggestion(effect.suggestion), "suggestion_fate": ""}
        if effect.suggestion.summary:
            values["summary"] = effect.suggestion.summary
        await self._change_case(effect.case, **values)

    async def _judge_draft(self, effect: JudgeDraft) -> None:
        row = (
            await self._connection.execute(
                select(cases.c.suggestion, cases.c.suggestion_fate).where(cases.c.id == effect.case)
            )
        ).one()
        suggestion = load_suggestion(row.suggestion) if row.suggestion else None
        if suggestion and suggestion.text and not row.suggestion_fate:
            await self._change_case(effect.case, suggestion_fate=judge_draft(suggestion.text, effect.text).value)
