"""200 mails a second by SMTP: how long a sender waits for '250', beside a bare aiosmtpd that keeps nothing.

`python -m tests.bench.mail_load` measures the door with a `receive` that does nothing; `main(receive)` measures it with
the real one. The senders are a process of their own. They keep to a timetable whatever the server does, and a mail's
time counts from when it was due, so that a server that holds up its senders doesn't look quick.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from aiosmtpd.smtp import SMTP

from channels.email.doors.smtp import Receive, SmtpDoor, SmtpLimits, SmtpSettings
from channels.email.mail import Envelope

RATE = 200
SECONDS = 30.0
CONNECTIONS = 40
MAILS_PER_CONNECTION = 10
TO = "help@support.example"


@dataclass(frozen=True, slots=True)
class Load:
    """What the senders saw. Times are in milliseconds, from when a mail was due to its '250'."""

    sent: int
    accepted: int
    refused: int
    seconds: float
    p50: float
    p99: float
    longest: float


class Sender:
    """One connection, made anew after some mails."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._left = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, mail: bytes, sender: str) -> bool:
        """Send one mail; return whether it was accepted."""
        try:
            if not self._left:
                await self._connect()
            self._left -= 1
            for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{TO}>", "DATA"):
                if (await self._say(command.encode() + b"\r\n"))[:1] not in b"23":
                    self._left = 0
                    return False
            return (await self._say(mail + b".\r\n")).startswith(b"250")
        except (OSError, EOFError):
            self._left = 0
            return False

    async def _connect(self) -> None:
        if self._writer:
            self._writer.close()
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._reader.readline()
        await self._say(b"EHLO sender.example\r\n")
        self._left = MAILS_PER_CONNECTION

    async def _say(self, data: bytes) -> bytes:
        if self._reader is None or self._writer is None:
            raise EOFError
        self._writer.write(data)
        while line := await self._reader.readline():
            if line[3:4] != b"-":
                return line
        raise EOFError


def a_mail(number: int) -> bytes:
    """Return a mail of about 6 kB, each with its own id and sender."""
    words = "My order has not arrived yet and I would like to know where it is.\r\n" * 40
    boundary = f"b{number}"
    head = (
        f"From: Customer {number} <c{number}@customer.example>\r\nTo: {TO}\r\nSubject: Order {number}\r\n"
        f"Message-ID: <{number}.{time.time_ns()}@customer.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary={boundary}\r\n\r\n"
    )
    plain = f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{words}\r\n"
    page = f"--{boundary}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{words}</p>\r\n--{boundary}--\r\n"
    return (head + plain + page).encode()


async def send_all(port: int, rate: int, seconds: float, connections: int) -> Load:
    """Send `rate` mails a second for `seconds` over `connections` connections."""
    free: asyncio.Queue[Sender] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(Sender(port))
    times: list[float] = []
    refused = 0
    started = time.perf_counter()

    async def one(number: int) -> None:
        nonlocal refused
        due = started + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        sender = await free.get()
        accepted = await sender.send(a_mail(number), f"c{number}@customer.example")
        free.put_nowait(sender)
        if accepted:
            times.append((time.perf_counter() - due) * 1000)
        else:
            refused += 1

    count = int(rate * seconds)
    await asyncio.gather(*(one(number) for number in range(count)))
    took = time.perf_counter() - started
    cuts = statistics.quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    return Load(count, len(times), refused, took, cuts[49], cuts[98], max(times, default=0.0))


async def load(port: int, *, rate: int = RATE, seconds: float = SECONDS, connections: int = CONNECTIONS) -> Load:
    """Load the server at `port` from another process."""
    command = ["-m", "tests.bench.mail_load", "--port", str(port), "--rate", str(rate), "--seconds", str(seconds)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--connections", str(connections), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return Load(**json.loads(output))


class Sink:
    """Takes every mail and keeps none."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        return "250 OK"


@asynccontextmanager
async def bare() -> AsyncIterator[int]:
    """Run an aiosmtpd as it comes; give its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink(), hostname="sink", loop=loop), "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


@asynccontextmanager
async def door(receive: Receive) -> AsyncIterator[int]:
    """Run the door before `receive`; give its port."""
    opened = SmtpDoor(receive, SmtpSettings(port=0, limits=SmtpLimits()), accepts=lambda address: address == TO)
    await opened.start()
    try:
        yield opened.port
    finally:
        await opened.close()


async def nothing(raw: bytes, envelope: Envelope) -> None:
    """Keep nothing."""


async def main(
    receive: Callable[[bytes, Envelope], Awaitable[None]] = nothing, *, rate: int = RATE, seconds: float = SECONDS
) -> None:
    """Measure and print the figures, both servers in one run."""
    print(f"{rate} mails a second for {seconds:g} s, by SMTP over {CONNECTIONS} connections")
    print(f"{'':<16}{'accepted':>10}{'refused':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'cpu s':>8}")
    for name, server in (("bare aiosmtpd", bare()), ("threadline", door(receive))):
        async with server as port:
            busy = time.process_time()
            seen = await load(port, rate=rate, seconds=seconds)
            busy = time.process_time() - busy
        row = f"{name:<16}{seen.accepted:>10}{seen.refused:>9}{seen.p50:>9.1f}{seen.p99:>9.1f}{seen.longest:>9.1f}"
        print(f"{row}{busy:>8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="be the senders, to a server at this port")
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    given = parser.parse_args()
    if given.port:
        print(json.dumps(asdict(asyncio.run(send_all(given.port, given.rate, given.seconds, given.connections)))))
    else:
        asyncio.run(main(rate=given.rate, seconds=given.seconds))
