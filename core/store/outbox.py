"""Parts on their way out, written with the decision that sends them: in the lane of their thread, or of a card.

Used by `core.store.writer` alone.
"""

from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.delivery import DeliveryState, PartKind
from core.desk import RESENDABLE
from core.effects import CheckArrival, MarkBounced, Remind, Resend
from core.errors import Refused
from core.ids import CaseId, MessageId, RunId, new_id
from core.messages import Author
from core.policy import WEB_DESK, Moment
from core.store.leases import WAITING
from core.store.schema import cases, deliveries, messages
from core.thread import Thread

STREAM = PartKind.STREAM.value
_OPEN_STREAM = update(deliveries).where(
    deliveries.c.key == bindparam("of_key"), deliveries.c.kind == STREAM, deliveries.c.state == WAITING
)
_ALREADY_THERE = "Everything of this message has arrived or is on its way."
_NOT_UNKNOWN = "Nothing of this message is of unknown fate."


async def close_stream(connection: AsyncConnection, run: RunId, now: float) -> None:
    """Have the stream of `run` end without a message, if it is still open and none has taken its place.

    A piece on its way keeps its lease: the end waits for it, and so do those who take over.
    """
    cut = {"kind": PartKind.CUT_OFF.value, "fenced": False, "available_at": now}
    await connection.execute(_OPEN_STREAM, {"of_key": stream_key(run), **cut})


async def cut_off(connection: AsyncConnection, part: Row[Any], now: float) -> None:
    """Have the stream that `part` was to end with the whole message end without it; nothing for any other part."""
    if part.key == stream_key(part.run_id):
        await connection.execute(
            insert(deliveries).values(
                id=new_id("d"),
                lane=part.lane,
                key=f"cut_off:{part.run_id}",
                kind=PartKind.CUT_OFF.value,
                thread_id=part.thread_id,
                epoch=part.epoch,
                fenced=False,
                run_id=part.run_id,
                platform_id=part.platform_id,
                available_at=now,
                created_at=now,
            )
        )


def stream_key(run: str) -> str:
    """Return the key of the stream of `run`: one row, which becomes the part that ends it."""
    return f"stream:{run}"


class Outbox:
    """The parts that one decision puts on their way; their epoch is that of the thread's new state."""

    def __init__(self, connection: AsyncConnection, thread: Thread, moment: Moment) -> None:
        self._connection = connection
        self._thread = thread
        self._now = moment.at
        self._policy = moment.policy

    async def enqueue(
        self, key: str, kind: PartKind, *, fenced: bool = False, lane: str = "", **columns: object
    ) -> None:
        """Queue a part behind the others of its lane (the thread's, unless named); `fenced` ones belong to the bot."""
        row = {
            "id": new_id("d"),
            "lane": lane or self._thread.id,
            "key": key,
            "kind": kind.value,
            "thread_id": self._thread.id,
            "epoch": self._thread.epoch,
            "fenced": fenced,
            "available_at": self._now,
            "created_at": self._now,
        }
        await self._connection.execute(insert(deliveries), {**row, **columns})

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

    async def resend(self, effect: Resend) -> None:
        """Send what did not arrive once more. Raises `Refused` where there is nothing to."""
        parts = await self._parts(effect.message, RESENDABLE)
        if not parts:
            raise Refused(_ALREADY_THERE)
        for key, file in parts:
            again = f"{key.partition('#')[0]}#{new_id('again')}"
            kind = PartKind.FILE if file else PartKind.TEXT
            await self.enqueue(again, kind, message_id=effect.message, file_id=file)

    async def check_arrival(self, effect: CheckArrival) -> None:
        """Ask about what may have arrived. Raises `Refused` where there is nothing to."""
        parts = await self._parts(effect.message, frozenset({DeliveryState.UNKNOWN}))
        if not parts:
            raise Refused(_NOT_UNKNOWN)
        for key, file in parts:
            lane = new_id("check")
            await self.enqueue(lane, PartKind.CHECK, lane=lane, message_id=effect.message, file_id=file, text=key)

    async def mark_bounced(self, effect: MarkBounced) -> None:
        """Give a part of this thread that had gone out, or may have, the fate that its platform reports now."""
        went = (DeliveryState.DELIVERED, DeliveryState.UNKNOWN, DeliveryState.PARTIAL)
        await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id == effect.delivery,
                deliveries.c.thread_id == self._thread.id,
                deliveries.c.state.in_([state.value for state in went]),
            )
            .values(state=DeliveryState.BOUNCED.value, error=effect.detail)
        )

    async def supersede_sends(self) -> None:
        """Only lines that nobody has begun to send: one on its way ends as whatever becomes of it."""
        ended = await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.thread_id == self._thread.id,
                deliveries.c.fenced.is_(True),
                deliveries.c.state == WAITING,
                deliveries.c.attempts == deliveries.c.retries,
            )
            .values(state="superseded", finished_at=self._now)
            .returning(deliveries)
        )
        for part in ended.all():
            await cut_off(self._connection, part, self._now)

    async def remind(self, effect: Remind) -> None:
        """Remind the case's desk; everyone means the second desk, where there is one."""
        desk = await self._desk_of(effect.case)
        if effect.everyone and self._policy.second_desk:
            desk = self._policy.second_desk
        await self.enqueue(
            new_id("reminder"),
            PartKind.REMINDER,
            lane=f"card:{effect.case}",
            case_id=effect.case,
            desk=desk,
            text=effect.text,
            everyone=effect.everyone,
        )

    async def whole_stream(self, run: RunId, message: MessageId) -> bool:
        """Have the open stream of `run` end with the whole message, a part like any other; False if there is none."""
        text = {
            "kind": PartKind.TEXT.value,
            "message_id": message,
            "epoch": self._thread.epoch,
            "available_at": self._now,
            "lease_until": None,
        }
        ended = await self._connection.execute(_OPEN_STREAM, {"of_key": stream_key(run), **text})
        return ended.rowcount == 1

    async def mirror(self, case: CaseId, message: MessageId, *, written_on: str = "") -> None:
        """Post the line into the case's desk thread, unless it was written there."""
        desk = await self._desk_of(case)
        if desk not in {WEB_DESK, written_on}:
            lane = f"card:{case}"
            await self.enqueue(new_id("line"), PartKind.LINE, lane=lane, case_id=case, message_id=message, desk=desk)

    async def _desk_of(self, case: CaseId) -> str:
        return str(await self._connection.scalar(select(cases.c.desk).where(cases.c.id == case)))

    async def show_card(self, case: CaseId) -> None:
        """One waiting card a case: it shows the state at sending, so an older one still waiting has nothing to add."""
        lane = f"card:{case}"
        waiting = await self._connection.scalar(
            select(deliveries.c.id).where(
                deliveries.c.lane == lane,
                deliveries.c.kind == PartKind.CARD.value,
                deliveries.c.state == WAITING,
                deliveries.c.attempts == deliveries.c.retries,
            )
        )
        if waiting is None:
            await self.enqueue(new_id(lane), PartKind.CARD, lane=lane, case_id=case, desk=await self._desk_of(case))
