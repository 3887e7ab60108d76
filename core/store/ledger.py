"""Where a run writes down its calls of the owner's tools: a change is begun and settled in commits of their own.

A change is begun under the lease of the run that makes it, and with its own id as the idempotency key: whoever dies
between the two commits leaves it to be tried again, as the same change. `bot.worker` hands one to each run.
"""

from dataclasses import replace

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actions import MOST_TRIES, Action, ActionState, Call
from core.errors import Superseded
from core.ids import ActionId, ThreadId, new_id
from core.store import threads
from core.store.actions import load
from core.store.engine import Database
from core.store.inbox import Clock
from core.store.leases import Lease
from core.store.runs import check_counts
from core.store.schema import actions

_TRIED = f"It was begun {MOST_TRIES} times and never came to an end: whether it was done is not known."


class RunLedger:
    """Where one run writes down its calls; the lease tells whether it still counts."""

    def __init__(self, database: Database, lease: Lease, clock: Clock) -> None:
        self._database = database
        self._lease = lease
        self._clock = clock

    async def begin(self, action: ActionId) -> Action:
        """Write that the change is being made, before it is; after `MOST_TRIES` beginnings its fate is unknown.

        Raises `Superseded` once the run no longer counts, or the change is not to be made any more.
        """
        async with self._database.writing("actions.begin") as connection:
            thread = await threads.load(connection, ThreadId(self._lease.row.thread_id), lock=True)
            await check_counts(connection, self._lease)
            found = await load(connection, action)
            if found is None or thread.pending is None or thread.pending.id != action:
                raise Superseded(f"the change {action} is not to be made any more")
            if found.state is not ActionState.CONFIRMED:
                return found
            if found.tries >= MOST_TRIES:
                return await self._give_up(connection, found)
            values = {"tries": found.tries + 1, "run_id": self._lease.id}
            await connection.execute(update(actions).where(actions.c.id == action).values(**values))
            return replace(found, tries=found.tries + 1)

    async def _give_up(self, connection: AsyncConnection, action: Action) -> Action:
        ended = {"state": ActionState.UNKNOWN.value, "result": _TRIED, "settled_at": self._clock()}
        given_up = update(actions).where(actions.c.id == action.id).values(**ended, arguments=actions.c.shown)
        await connection.execute(given_up)
        return replace(action, state=ActionState.UNKNOWN, result=_TRIED)

    async def settle(self, action: ActionId, state: ActionState, result: str, took: int) -> None:
        """Write what came of the change: the truth, even if the run no longer counts."""
        async with self._database.writing("actions.settle") as connection:
            await connection.execute(
                update(actions)
                .where(actions.c.id == action, actions.c.state != ActionState.DONE.value)
                .values(
                    state=state.value, result=result, took=took, settled_at=self._clock(), arguments=actions.c.shown
                )
            )

    async def note(self, call: Call) -> None:
        """Write down a call that changed nothing."""
        now = self._clock()
        row = {
            "id": new_id("k"),
            "thread_id": self._lease.row.thread_id,
            "run_id": self._lease.id,
            "tool": call.tool,
            "arguments": dict(call.shown),
            "shown": dict(call.shown),
            "state": call.state.value,
            "epoch": self._lease.row.epoch,
            "tries": 1,
            "result": call.result,
            "took": call.took,
            "asked_at": now,
            "settled_at": now,
        }
        async with self._database.writing("actions.note") as connection:
            await connection.execute(insert(actions), row)
