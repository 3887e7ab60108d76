"""Migrations: the tables as they came to be. Run at every start, under a lock, by `migrate`.

Several replicas may start at once: on PostgreSQL an advisory lock lets one of them work while the
others wait; on SQLite the writing transaction itself is the lock.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from core.store.engine import Database

_ADVISORY_LOCK = 7_148_402_317  # any number that nothing else on this database uses


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """Return the revision this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


async def current(database: Database) -> str | None:
    """Return the revision the database is at, or None for an empty one."""
    async with database.reading() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def migrate(database: Database) -> None:
    """Bring the database to the newest revision; safe to run in many processes at once."""
    async with database.writing("migrate", much=True) as connection:
        if not database.is_sqlite:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        await connection.run_sync(lambda sync: command.upgrade(_config(sync), "head"))
