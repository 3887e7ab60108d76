"""Sessions of the built-in chat: who is behind each."""

from sqlalchemy import insert, select

from core.chat import Session, anonymous
from core.store.engine import Database
from core.store.schema import sessions


class Sessions:
    """The chat sessions of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, session: Session, now: float) -> None:
        """Keep a new session."""
        async with self._database.writing("sessions.start") as connection:
            await connection.execute(
                insert(sessions).values(
                    id=session.id,
                    customer=session.customer,
                    name=session.name,
                    verified=session.verified,
                    email=session.email,
                    created_at=now,
                )
            )

    async def get(self, session: str) -> Session:
        """Return the session; one that was never kept is anonymous."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(sessions).where(sessions.c.id == session))).one_or_none()
        return Session(row.id, row.customer, row.name, row.verified, row.email) if row else anonymous(session)
