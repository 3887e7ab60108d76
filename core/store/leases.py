"""The right of one worker to one row for a time: the one mechanism behind receipts, runs and deliveries.

A claim raises `lease_token`; whoever finishes, retries or heartbeats must still hold that token,
else `Superseded` is raised and nothing is written. A row whose lease ran out is claimed again, and
the late worker's finish is refused. Within a lane only the first unfinished row can be claimed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    Integer,
    Row,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    exists,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import Superseded

LEASE_SECONDS = 30.0
HEARTBEAT_SECONDS = LEASE_SECONDS / 3
WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed row: `token` proves the claim, `attempts` counts this one too, `row` is the row as claimed.

    `followed`: others of its lane waited behind it at the claim.
    """

    table: Table
    id: str
    token: int
    attempts: int
    row: Row[Any]
    followed: bool

    @property
    def was_dropped(self) -> bool:
        """Whether an earlier holder vanished with the row in hand: what it had begun may have happened."""
        return self.attempts - 1 > int(self.row.retries)


def backoff(attempts: int) -> float:
    """Return the seconds to wait before attempt `attempts` + 1: 1, 4, 16, 60, 60 ..."""
    return float(min(60, 4 ** (attempts - 1)))


class Claim:
    """How rows of one table are claimed: the statement is built once and takes the time and the number.

    One `UPDATE ... RETURNING` for the first unfinished row of each lane that is due; on PostgreSQL
    other workers' rows are skipped. `join` adds a table (with its ON clause) whose rows are locked
    with the claim; `where` may name its columns.
    """

    def __init__(
        self,
        table: Table,
        *,
        join: tuple[FromClause, ColumnElement[bool]] | None = None,
        where: Sequence[ColumnElement[bool]] = (),
    ) -> None:
        self._table = table
        now = bindparam("now", type_=Float)
        earlier, later = table.alias("earlier"), table.alias("later")
        lane_is_busy = exists().where(
            earlier.c.lane == table.c.lane, earlier.c.n < table.c.n, earlier.c.state == WAITING
        )
        mine = f"{table.name}."  # for SQLite the names of columns would stand bare in RETURNING, and mean `later`'s own
        followed = exists().where(
            later.c.lane == literal_column(f"{mine}lane"),
            later.c.n > literal_column(f"{mine}n"),
            later.c.state == WAITING,
        )
        head = (
            select(table.c.n)
            .select_from(table.join(*join) if join else table)
            .where(
                table.c.state == WAITING,
                table.c.available_at <= now,
                or_(table.c.lease_until.is_(None), table.c.lease_until < now),
                ~lane_is_busy,
                *where,
            )
            .order_by(table.c.n)
            .limit(bindparam("most", type_=Integer))
            .with_for_update(skip_locked=True, of=[table, join[0]] if join else [table])
            .cte("head")
        )
        self._statement = (
            update(table)
            .where(table.c.n.in_(select(head.c.n)))
            .values(
                lease_token=table.c.lease_token + 1,
                lease_until=bindparam("until", type_=Float),
                attempts=table.c.attempts + 1,
            )
            .returning(table, followed.label("followed"))
        )

    async def __call__(self, connection: AsyncConnection, now: float, limit: int) -> list[Lease]:
        """Claim up to `limit` rows that are due at `now`, oldest first."""
        values = {"now": now, "until": now + LEASE_SECONDS, "most": limit}
        claimed = await connection.execute(self._statement, values)
        rows = sorted(claimed.all(), key=lambda row: row.n)
        return [Lease(self._table, row.id, row.lease_token, row.attempts, row, bool(row.followed)) for row in rows]


@cache
def _mine(table: Table) -> ColumnElement[bool]:
    """Whether a row is the one that `_by(lease)` names, and still held."""
    token = table.c.lease_token == bindparam("of_token")
    return and_(table.c.id == bindparam("of_id"), token, table.c.state == WAITING)


def _by(lease: Lease) -> dict[str, object]:
    return {"of_id": lease.id, "of_token": lease.token}


# Built once for each table: making a statement costs more than SQLite takes to run it.
@cache
def _writing(table: Table) -> Update:
    return update(table).where(_mine(table))


@cache
def _giving_back(table: Table) -> Update:
    return _writing(table).values(lease_until=None, retries=table.c.retries + 1)


@cache
def _holding(table: Table) -> Select[tuple[str]]:
    return select(table.c.id).where(_mine(table)).with_for_update()


def _lost(lease: Lease) -> Superseded:
    return Superseded(f"the lease {lease.token} on {lease.table.name} {lease.id} is lost")


async def _write(connection: AsyncConnection, lease: Lease, values: dict[str, object]) -> None:
    await _do(connection, lease, _writing(lease.table), values)


async def _do(connection: AsyncConnection, lease: Lease, statement: Update, values: dict[str, object]) -> None:
    done = await connection.execute(statement, {**_by(lease), **values})
    if done.rowcount != 1:
        raise _lost(lease)


async def hold(connection: AsyncConnection, lease: Lease) -> None:
    """Make sure of the lease until the transaction ends. Raises `Superseded` if it is lost."""
    if await connection.scalar(_holding(lease.table), _by(lease)) is None:
        raise _lost(lease)


async def heartbeat(connection: AsyncConnection, lease: Lease, now: float) -> None:
    """Keep the lease for another `LEASE_SECONDS`. Raises `Superseded` if it is lost."""
    await _write(connection, lease, {"lease_until": now + LEASE_SECONDS})


async def note(connection: AsyncConnection, lease: Lease, **values: object) -> None:
    """Write other columns of the leased row. Raises `Superseded` if the lease is lost."""
    await _write(connection, lease, values)


async def finish(connection: AsyncConnection, lease: Lease, state: str, now: float, **values: object) -> None:
    """Finish the row for good as `state`. Raises `Superseded` if the lease is lost."""
    await _write(connection, lease, {"state": state, "finished_at": now, "lease_until": None, **values})


async def retry(connection: AsyncConnection, lease: Lease, at: float, error: str) -> None:
    """Give the row back, to be claimed again from `at` on. Raises `Superseded` if the lease is lost."""
    await _do(connection, lease, _giving_back(lease.table), {"available_at": at, "error": error})


async def forget_all(connection: AsyncConnection, tables: Sequence[Table]) -> None:
    """End every lease at once: for the only process on a database, at its start, when all holders are dead."""
    for table in tables:
        await connection.execute(update(table).where(table.c.state == WAITING).values(lease_until=None))
