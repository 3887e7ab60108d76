"""The calls of the owner's tools, as rows. `core.store.writer` writes what `decide` said of a change that was proposed,
`core.store.ledger` what a run did, and cases show the calls of their thread.
"""

from typing import Any

from sqlalchemy import Row, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.actions import Action, ActionState, Call
from core.effects import MarkAction, Propose
from core.ids import ActionId, ThreadId
from core.store.engine import Database
from core.store.schema import actions
from core.thread import Thread

MOST_SHOWN = 50
_OPEN = (ActionState.PROPOSED.value, ActionState.CONFIRMED.value)
_BEGUN = "It had been begun when it was broken off: whether it was done is not known."


async def propose(connection: AsyncConnection, thread: Thread, effect: Propose, now: float) -> None:
    """Keep the change that the customer of `thread` is asked about, in the caller's transaction."""
    proposal = effect.proposal
    row = {
        "id": effect.action,
        "thread_id": thread.id,
        "run_id": effect.run,
        "tool": proposal.tool,
        "arguments": dict(proposal.arguments),
        "shown": dict(proposal.shown),
        "sentence": proposal.sentence,
        "state": ActionState.PROPOSED.value,
        "epoch": thread.epoch,
        "asked_at": now,
    }
    await connection.execute(insert(actions), row)


async def mark(connection: AsyncConnection, effect: MarkAction, now: float) -> None:
    """Write what became of a proposed change, unless it has ended; its secrets go when it ends.

    One that had been begun is of unknown fate when it is broken off.
    """
    open_one = update(actions).where(actions.c.id == effect.action, actions.c.state.in_(_OPEN))
    if effect.state is ActionState.CONFIRMED:
        await connection.execute(open_one.values(state=effect.state.value))
        return
    begun = actions.c.tries > 0
    await connection.execute(
        open_one.values(
            state=case((begun, ActionState.UNKNOWN.value), else_=effect.state.value),
            result=case((begun, _BEGUN), else_=""),
            arguments=actions.c.shown,
            settled_at=now,
        )
    )


async def load(connection: AsyncConnection, action: ActionId) -> Action | None:
    """Return the change, None if there is no such."""
    row = (await connection.execute(select(actions).where(actions.c.id == action))).one_or_none()
    return _to_action(row) if row else None


def _to_action(row: Row[Any]) -> Action:
    state = ActionState(row.state)
    return Action(ActionId(row.id), row.tool, row.arguments, row.shown, row.sentence, state, row.tries, row.result)


async def calls_of(connection: AsyncConnection, thread: ThreadId, *, but: str = "") -> list[Call]:
    """Return the newest `MOST_SHOWN` calls made in `thread`, oldest first; `but` leaves out those of one run."""
    query = select(actions).where(actions.c.thread_id == thread).order_by(actions.c.n.desc()).limit(MOST_SHOWN)
    rows = (await connection.execute(query.where(actions.c.run_id != but) if but else query)).all()
    return [_to_call(row) for row in reversed(rows)]


def _to_call(row: Row[Any]) -> Call:
    state = ActionState(row.state)
    return Call(row.tool, row.shown, state, row.result, row.took, row.sentence, row.asked_at, row.tries)


class Actions:
    """The calls of the owner's tools of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_thread(self, thread: ThreadId) -> list[Call]:
        """Return the newest calls made in `thread`, oldest first."""
        async with self._database.reading() as connection:
            return await calls_of(connection, thread)

    async def forget_unanswered(self, before: float) -> None:
        """Expire the changes that a customer was asked about before then and never answered; their secrets go."""
        async with self._database.writing("actions.forget_unanswered") as connection:
            await connection.execute(
                update(actions)
                .where(actions.c.state == ActionState.PROPOSED.value, actions.c.asked_at < before)
                .values(state=ActionState.EXPIRED.value, arguments=actions.c.shown, settled_at=before)
            )
