"""How fast mails are accepted for good: `make bench`, or `python -m tests.bench.mail` alone.

The real `receive` behind the real door, over SQLite, for senders that nobody vouches for; its DNS knows nothing, at
once. Nothing is answered. Goal: 200 mails a second for 30 s, 99 of 100 accepted within 250 ms, on a quiet machine.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.telemetry import configure_logging
from channels.email.addresses import Addresses
from channels.email.doors.smtp import Receive
from channels.email.mail import Envelope
from channels.email.mailroom import Mailroom
from channels.email.senders.trust import Authenticator
from core.bell import Bell
from core.store.engine import Database, sqlite_url
from core.store.files import Files
from core.store.inbox import Inbox
from core.store.migrations import migrate
from core.store.store import Store
from tests.bench import mail_load

GOAL = 250.0  # milliseconds for 99 of 100
RATES = (25, 50, 75, 100, 150, 200, 300, 400)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receive]:
    """Give the `receive` of a support mailbox with a store of its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(Database(sqlite_url(folder / "threadline.db")))
        await migrate(store.database)
        files, inbox = Files(store.database, folder / "files"), Inbox(store, Bell(), time.time)
        authenticator = Authenticator(lookup=lambda name, kind: ())
        mailroom = Mailroom(store, files, inbox, Addresses(mail_load.TO, b"bench"), authenticator, time.time)

        async def receive(raw: bytes, envelope: Envelope) -> None:
            await mailroom.receive(raw, envelope)

        try:
            yield receive
        finally:
            authenticator.close()
            await store.close()


async def farthest(seconds: float = 5.0) -> int:
    """Return the highest of `RATES` at which 99 of 100 mails are accepted in time."""
    reached = 0
    for rate in RATES:
        async with receiving() as receive, mail_load.door(receive) as port:
            seen = await mail_load.load(port, rate=rate, seconds=seconds)
        if seen.refused or seen.p99 > GOAL:
            break
        reached = rate
    return reached


async def main() -> None:
    """Print the figures."""
    print(f"load {os.getloadavg()[0]:.1f}")
    async with receiving() as receive:
        await mail_load.main(receive)
    print(f"99 of 100 within {GOAL:g} ms: up to {await farthest()} mails a second")


if __name__ == "__main__":
    configure_logging("error")
    asyncio.run(main())
