"""Where a desk is whose place is chosen live, and the one-time code by which an owner proves that they may choose.

`threadline teams-desk` makes the code, `channels.teams.desk.chosen` takes it and asks where the desk is. A code has
eight digits, so it is good for minutes and a few tries, and only scrypt's hash of it is kept: whoever reads the
database, or a copy of it, has not found the code before its time is over.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, insert, select, update

from core.store.engine import Database
from core.store.schema import desks

CODE_SECONDS = 900.0
CODE_DIGITS = 8
MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class DeskPlace:
    """The place that a desk is now, by its platform's own name, with what it takes to speak there, since `at`."""

    name: str
    route: Mapping[str, object]
    at: float


class Desks:
    """The desks of one database whose places are chosen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, desk: str) -> DeskPlace | None:
        """Return where `desk` is, None if nobody has chosen yet."""
        query = select(desks.c.place, desks.c.route, desks.c.moved_at).where(desks.c.name == desk, desks.c.place != "")
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return DeskPlace(row.place, row.route or {}, row.moved_at) if row else None

    async def offer(self, desk: str, now: float) -> str:
        """Return a new code for `desk`, eight digits, good for `CODE_SECONDS`; it ends the one before."""
        code, salt = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}", secrets.token_hex(16)
        values = {"code": await _hash(code, salt), "salt": salt, "code_until": now + CODE_SECONDS, "code_tries": 0}
        async with self._database.writing("desks.offer") as connection:
            known = await connection.execute(update(desks).where(desks.c.name == desk).values(values))
            if not known.rowcount:
                await connection.execute(insert(desks).values(name=desk, **values))
        return code

    async def move(self, desk: str, code: str, place: DeskPlace) -> bool:
        """Have `desk` be at `place` from `place.at` on, if `code` is the one that was offered last; whether it was.

        A good code is used up by that, and any code by `MOST_TRIES` wrong ones.
        """
        async with self._database.reading() as connection:
            salt = await connection.scalar(select(desks.c.salt).where(desks.c.name == desk, *_alive(place.at)))
        if salt is None:
            return False
        hashed = await _hash(code, salt)
        async with self._database.writing("desks.move") as connection:
            known = await connection.scalar(
                select(desks.c.code).where(desks.c.name == desk, *_alive(place.at)).with_for_update()
            )
            if known is None:
                return False
            good = hmac.compare_digest(known, hashed)
            moved = {"place": place.name, "route": dict(place.route), "moved_at": place.at, "code": ""}
            tried = {"code_tries": desks.c.code_tries + 1}
            await connection.execute(update(desks).where(desks.c.name == desk).values(moved if good else tried))
        return good


def _alive(now: float) -> tuple[ColumnElement[bool], ...]:
    return (desks.c.code != "", desks.c.code_until > now, desks.c.code_tries < MOST_TRIES)


async def _hash(code: str, salt: str) -> str:
    """Return scrypt's hash of a code (RFC 7914): with these numbers it takes 16 MB and some 50 ms."""
    hashed = await asyncio.to_thread(hashlib.scrypt, code.encode(), salt=salt.encode(), n=2**14, r=8, p=1)
    return hashed[:32].hex()
