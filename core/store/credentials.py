"""Bearer tokens of every kind: operators', chat sessions' and the one-time tickets of WebSockets.

Only a token's SHA-256 is stored; tokens are 256 random bits, so no salt or slow hash is needed.
A token is found by its digest, so no comparison of secrets takes place in our code.
"""

import hashlib
import secrets
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.desk import Operator
from core.errors import SetupError
from core.ids import OperatorId, new_id
from core.store.engine import Database
from core.store.schema import credentials, operator_accounts, operators

TICKET_SECONDS = 30.0


class Kind(StrEnum):
    """What a token is good for."""

    OPERATOR = "operator"
    SESSION = "session"
    CHAT_TICKET = "chat_ticket"
    DESK_TICKET = "desk_ticket"


def digest(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _taken(name: str) -> SetupError:
    return SetupError(
        f"There is an operator named {name!r}. Choose another name, or revoke theirs first: "
        f"threadline operator revoke {name!r}"
    )


def _live() -> Select[tuple[str]]:
    return select(credentials.c.subject).where(credentials.c.kind == Kind.OPERATOR, credentials.c.revoked_at.is_(None))


async def operator_names(connection: AsyncConnection, *, active: bool = False) -> dict[OperatorId, str]:
    """Return the operators' names, those whose tokens were revoked included unless only the `active` are wanted."""
    query = select(operators).order_by(operators.c.name)
    rows = await connection.execute(query.where(operators.c.id.in_(_live())) if active else query)
    return {OperatorId(row.id): row.name for row in rows}


class Credentials:
    """The tokens of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, kind: Kind, subject: str, now: float, *, lasts: float | None = None) -> str:
        """Make a token of `kind` for `subject` (an operator's or a session's id), good for `lasts` seconds."""
        async with self._database.writing("credentials.issue") as connection:
            return await self._issue(connection, kind, subject, now, lasts=lasts)

    async def _issue(
        self,
        connection: AsyncConnection,
        kind: Kind,
        subject: str,
        now: float,
        *,
        lasts: float | None = None,
        token: str = "",
    ) -> str:
        token = token or secrets.token_urlsafe(32)
        await connection.execute(
            insert(credentials).values(
                digest=digest(token),
                kind=kind.value,
                subject=subject,
                created_at=now,
                expires_at=now + lasts if lasts else None,
            )
        )
        return token

    async def subject(self, kind: Kind, token: str, now: float) -> str | None:
        """Return whom `token` speaks for, or None if it is unknown, of another kind, expired or revoked."""
        async with self._database.reading() as connection:
            query = select(credentials.c.subject).where(*self._good(kind, token, now))
            subject: str | None = await connection.scalar(query)
            return subject

    async def exists(self, kind: Kind, subject: str) -> bool:
        """Whether a token of `kind` was ever issued for `subject`."""
        async with self._database.reading() as connection:
            query = select(credentials.c.digest).where(credentials.c.kind == kind, credentials.c.subject == subject)
            return await connection.scalar(query.limit(1)) is not None

    async def holds_token(self, operator: str) -> bool:
        """Whether the operator of that id still holds a token."""
        async with self._database.reading() as connection:
            return any(known.id == operator and known.active for known in await self._operators(connection))

    async def redeem(self, kind: Kind, token: str, now: float) -> str | None:
        """As `subject`, and the token is used up: of two redeemers one gets None."""
        async with self._database.writing("credentials.redeem") as connection:
            used = update(credentials).where(*self._good(kind, token, now)).values(revoked_at=now)
            subject: str | None = await connection.scalar(used.returning(credentials.c.subject))
            return subject

    def _good(self, kind: Kind, token: str, now: float) -> tuple[ColumnElement[bool], ...]:
        return (
            credentials.c.digest == digest(token),
            credentials.c.kind == kind.value,
            credentials.c.revoked_at.is_(None),
            or_(credentials.c.expires_at.is_(None), credentials.c.expires_at > now),
        )

    async def drop_expired(self, before: float) -> None:
        """Forget tokens that expired before `before`."""
        async with self._database.writing("credentials.drop_expired") as connection:
            await connection.execute(delete(credentials).where(credentials.c.expires_at < before))

    async def add_operator(self, name: str, now: float, *, token: str = "") -> tuple[Operator, str]:
        """Make an operator, or a new token for one who has none left; the token is never shown again.

        Raises `SetupError` if an operator of that name holds a token.
        """
        name = " ".join(name.split())
        if not name or len(name) > 80:
            raise SetupError("An operator's name has 1 to 80 characters.")
        async with self._database.writing("credentials.add_operator") as connection:
            known = {operator.name: operator for operator in await self._operators(connection)}
            operator = known.get(name)
            if operator and operator.active:
                raise _taken(name)
            if operator is None:
                operator = Operator(OperatorId(new_id("o")), name, now)
                try:
                    await connection.execute(insert(operators).values(id=operator.id, name=name, created_at=now))
                except IntegrityError:  # another added the same name at this moment
                    raise _taken(name) from None
            return operator, await self._issue(connection, Kind.OPERATOR, operator.id, now, token=token)

    async def link(self, name: str, account: str) -> Operator:
        """Have the operator `name` act on another desk as `account` ('email:ada@example.com'), and nobody else.

        Raises `SetupError` if there is no such operator.
        """
        async with self._database.writing("credentials.link") as connection:
            known = {operator.name: operator for operator in await self._operators(connection)}
            if name not in known:
                raise SetupError(f"There is no operator named {name!r}; add one: threadline operator add {name!r}")
            await connection.execute(delete(operator_accounts).where(operator_accounts.c.account == account))
            await connection.execute(insert(operator_accounts).values(account=account, operator=known[name].id))
        return known[name]

    async def operator_of(self, account: str) -> Operator | None:
        """Return the operator who acts as `account` on another desk, or None; one without a token is not active."""
        async with self._database.reading() as connection:
            query = select(operator_accounts.c.operator).where(operator_accounts.c.account == account)
            found = await connection.scalar(query)
            return next((known for known in await self._operators(connection) if known.id == found), None)

    async def accounts(self) -> dict[OperatorId, list[str]]:
        """Return what each operator is called on other desks."""
        linked: dict[OperatorId, list[str]] = {}
        async with self._database.reading() as connection:
            for row in await connection.execute(select(operator_accounts).order_by(operator_accounts.c.account)):
                linked.setdefault(OperatorId(row.operator), []).append(row.account)
        return linked

    async def revoke_operator(self, name: str, now: float) -> None:
        """End every token of the operator. Raises `SetupError` if no operator of that name holds one."""
        async with self._database.writing("credentials.revoke_operator") as connection:
            operator = await connection.scalar(select(operators.c.id).where(operators.c.name == name))
            ended = await connection.execute(
                update(credentials)
                .where(
                    credentials.c.kind.in_((Kind.OPERATOR, Kind.DESK_TICKET)),
                    credentials.c.subject == operator,
                    credentials.c.revoked_at.is_(None),
                )
                .values(revoked_at=now)
            )
            if ended.rowcount == 0:
                raise SetupError(f"No operator named {name!r} holds a token; see: threadline operator list")

    async def operators(self) -> Sequence[Operator]:
        """Return all operators, by name."""
        async with self._database.reading() as connection:
            return await self._operators(connection)

    async def _operators(self, connection: AsyncConnection) -> Sequence[Operator]:
        rows = await connection.execute(select(operators, operators.c.id.in_(_live()).label("active")).order_by("name"))
        return [Operator(OperatorId(row.id), row.name, row.created_at, row.active) for row in rows]

    async def operator(self, token: str, now: float) -> Operator | None:
        """Return the operator whose token this is, or None."""
        subject = await self.subject(Kind.OPERATOR, token, now)
        if subject is None:
            return None
        async with self._database.reading() as connection:
            row = (await connection.execute(select(operators).where(operators.c.id == subject))).one()
        return Operator(OperatorId(row.id), row.name, row.created_at)
