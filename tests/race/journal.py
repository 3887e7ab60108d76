"""A journal that the database keeps of itself: what was claimed, said and decided, in the order of the commits.

Triggers write it in the transaction of the change, with the epoch and the owner that the thread has at that
moment: what the invariants of `test_voices` look at when order counts.
"""

import asyncio
from pathlib import Path

from core.store.engine import Database, sqlite_url
from core.store.migrations import migrate

_JOURNAL = """
CREATE TABLE journal (n INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, id TEXT, thread TEXT, own INTEGER, now INTEGER,
                      owner TEXT, detail TEXT);
CREATE TRIGGER j_begun AFTER INSERT ON threads BEGIN
  INSERT INTO journal (what, id, thread, own, now, owner, detail)
  VALUES ('owner', NEW.id, NEW.id, NEW.epoch, NEW.epoch, NEW.owner, ''); END;
CREATE TRIGGER j_owner AFTER UPDATE ON threads WHEN NEW.epoch != OLD.epoch OR NEW.owner != OLD.owner BEGIN
  INSERT INTO journal (what, id, thread, own, now, owner, detail)
  VALUES ('owner', NEW.id, NEW.id, NEW.epoch, NEW.epoch, NEW.owner, ''); END;
CREATE TRIGGER j_claimed AFTER UPDATE ON deliveries WHEN NEW.lease_token != OLD.lease_token BEGIN
  INSERT INTO journal (what, id, thread, own, now, owner, detail)
  SELECT 'claimed', NEW.id, NEW.thread_id, NEW.epoch, epoch, owner, CASE NEW.fenced WHEN 1 THEN 'bot' ELSE '' END
  FROM threads WHERE id = NEW.thread_id; END;
CREATE TRIGGER j_ended AFTER UPDATE ON deliveries WHEN NEW.state != OLD.state BEGIN
  INSERT INTO journal (what, id, thread, own, now, owner, detail)
  SELECT 'ended', NEW.id, NEW.thread_id, NEW.epoch, epoch, owner, NEW.state FROM threads WHERE id = NEW.thread_id; END;
CREATE TRIGGER j_run AFTER UPDATE ON runs WHEN NEW.lease_token != OLD.lease_token OR NEW.state != OLD.state BEGIN
  INSERT INTO journal (what, id, thread, own, now, owner, detail)
  SELECT CASE WHEN NEW.state = OLD.state THEN 'run' ELSE 'run ended' END, NEW.id, NEW.thread_id, NEW.epoch, epoch,
         owner, NEW.state FROM threads WHERE id = NEW.thread_id; END;
CREATE TRIGGER j_said AFTER INSERT ON messages BEGIN
  INSERT INTO journal (what, id, thread, own, now, owner, detail)
  SELECT 'said', NEW.id, NEW.thread_id, NEW.seq, epoch, owner, NEW.author FROM threads WHERE id = NEW.thread_id; END;
CREATE TRIGGER j_decided AFTER UPDATE ON receipts WHEN NEW.state != OLD.state BEGIN
  INSERT INTO journal (what, id, thread, own, now, owner, detail)
  SELECT 'decided', NEW.id, NEW.lane, epoch, epoch, owner, NEW.state FROM threads WHERE id = NEW.lane; END;
CREATE TRIGGER j_case AFTER INSERT ON cases BEGIN
  INSERT INTO journal (what, id, thread, own, now, owner, detail)
  SELECT 'case', NEW.id, NEW.thread_id, epoch, epoch, owner, NEW.reason FROM threads WHERE id = NEW.thread_id; END;
"""
"""`own` is the epoch of the row (of a message: its seq), `now` and `owner` are the thread's at that moment."""


EMPTY = "empty.db"


def make_template(folder: Path) -> None:
    """Put a migrated database with the journal's triggers into `folder`, to be copied."""
    database = Database(sqlite_url(folder / EMPTY))

    async def make() -> None:
        await migrate(database)
        async with database.writing("journal") as connection:
            for statement in filter(str.strip, _JOURNAL.split(";\n")):
                await connection.exec_driver_sql(statement)
        await database.close()

    asyncio.run(make())
