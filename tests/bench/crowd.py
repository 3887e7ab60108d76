"""What the load on Slack and on Teams has alike: a platform in a process of its own, its timetable, and the judgement.

Events come some at once, to a timetable, and each tenth comes three times more. A wait counts from when an event was
due to the 'ok', so that an app that holds the platform up doesn't look quick. Used by `slack` and `teams`.
"""

import asyncio
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bot.bootstrap import Threadline
from core.ids import ThreadKey
from core.messages import Author

RATE = 100
SECONDS = 60.0
AT_ONCE = 20
AGAIN = (0.1, 1.0, 3.0)  # seconds after which each tenth event comes again
DRAINED = 600.0  # seconds in which all must be answered afterwards

# In the process that is the platform


class Ack(Protocol):
    """What an app said to one delivery."""

    @property
    def ok(self) -> bool:
        """Whether it took it."""
        ...


D = TypeVar("D")


async def load(
    writes: Callable[[], Awaitable[D]], deliver: Callable[[D], Awaitable[Ack]], rate: int, seconds: float
) -> dict[str, Any]:
    """Have people write `rate` times a second and tell the app of it; return what the platform saw."""
    times: list[float] = []
    failed = repeats = 0
    started = time.perf_counter()

    async def tell(delivery: D, due: float) -> None:
        nonlocal failed
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        ack = await deliver(delivery)
        times.append((time.perf_counter() - due) * 1000)
        failed += not ack.ok

    tasks = []
    for number in range(int(rate * seconds)):
        due = started + number // AT_ONCE * AT_ONCE / rate
        if number % AT_ONCE == 0:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        delivery = await writes()
        tasks.append(asyncio.create_task(tell(delivery, due)))
        if number % 10 == 0:
            repeats += len(AGAIN)
            tasks += [asyncio.create_task(tell(delivery, due + later)) for later in AGAIN]
    await asyncio.gather(*tasks)
    cuts = statistics.quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    told = {"events": len(tasks) - repeats, "repeats": repeats, "failed": failed}
    return {**told, "p50": cuts[49], "p99": cuts[98], "longest": max(times), "seconds": time.perf_counter() - started}


async def be_asked(about: dict[str, Any], answer: Callable[[str], Awaitable[Any]]) -> None:
    """Say what an app needs to know, then answer each line of the input until it ends."""
    print(json.dumps(about), flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        print(json.dumps(await answer(line)), flush=True)


# In the process with the apps


class Platform:
    """The other process; `about` is what an app needs to know."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.about: dict[str, Any] = {}

    async def read(self) -> Any:
        """Return what it says next."""
        assert self._process.stdout
        return json.loads(await self._process.stdout.readline())

    async def ask(self, line: str) -> Any:
        """Have it do something, and return what it says then."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())
        return await self.read()


@asynccontextmanager
async def another(*words: str) -> AsyncIterator[Platform]:
    """Run a platform in a process of its own: the module and what it takes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26
    )
    platform = Platform(process)
    try:
        platform.about = await platform.read()
        yield platform
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


def heading(events: str) -> str:
    """Return the head of the table."""
    columns = f"{'':<20}{events:>11}{'repeats':>9}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'cpu s':>8}"
    return f"{columns}    load {os.getloadavg()[0]:.1f}"


def row(name: str, seen: dict[str, Any], busy: float) -> str:
    """Return a line of the table."""
    told = f"{name:<20}{seen['events']:>11}{seen['repeats']:>9}{seen['failed']:>8}"
    return f"{told}{seen['p50']:>9.1f}{seen['p99']:>9.1f}{seen['longest']:>9.1f}{busy:>8.2f}"


async def loaded(name: str, told: Awaitable[Any]) -> dict[str, Any]:
    """Print and return what the platform saw of the app in this process while `told` it of events."""
    busy = time.process_time()
    seen: dict[str, Any] = await told
    print(row(name, seen, time.process_time() - busy))
    return seen


async def measure(
    made: Threadline,
    told: Awaitable[Any],
    talks: Callable[[], Awaitable[Sequence[dict[str, Any]]]],
    key: Callable[[dict[str, Any]], ThreadKey],
    *,
    goal: float,
    seconds: float,
) -> None:
    """Print how the whole program stood the load, whether 99 of 100 had their 'ok' within `goal` ms, and what became
    of the `talks`: each with what was 'said' and the number of the app's 'posts'; `key` names its thread.
    """
    held: list[float] = []
    gc.collect()  # and never in between: it holds everything up
    held.append(resident())
    halfway = asyncio.get_running_loop().call_later(seconds / 2, lambda: held.append(resident()))
    seen = await loaded("threadline", told)
    halfway.cancel()
    print(f"99 of 100 within {goal:g} ms: {'yes' if seen['p99'] <= goal and not seen['failed'] else 'NO'}")
    took = await drained(made)
    gc.collect()
    held.append(resident())
    print(f"the last answer {took:.1f} s after the last event")
    print("memory in MB at the start, in the middle, at the end:", *(f"{one:.0f}" for one in held))
    found = await judged(made, await talks(), key)
    print(", ".join(f"{number} {what}" for what, number in found.items()))


def resident() -> float:
    """Return how much memory this process holds, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def drained(made: Threadline) -> float:
    """Wait until everything is answered; return the seconds that took."""
    began = time.perf_counter()
    async with asyncio.timeout(DRAINED):
        while any((await made.store.backlog()).values()):  # noqa: ASYNC110 (looking seldom costs what is measured least)
            await asyncio.sleep(0.2)
    return time.perf_counter() - began


async def judged(
    made: Threadline, talks: Sequence[dict[str, Any]], key: Callable[[dict[str, Any]], ThreadKey]
) -> dict[str, int]:
    """Return how many conversations are as they should be, and what is wrong with the others."""
    found = dict.fromkeys(("conversations", "lost", "doubled", "out of order", "unanswered", "answered twice"), 0)
    for talk in talks:
        thread = await made.store.find_thread(key(talk))
        messages = await made.store.messages(thread.id) if thread else []
        kept = [said.text for said in messages if said.author is Author.CUSTOMER]
        found["conversations"] += 1
        found["lost"] += len(kept) < len(talk["said"])
        found["doubled"] += len(kept) > len(talk["said"])
        found["out of order"] += sorted(kept) == sorted(talk["said"]) and kept != talk["said"]
        found["unanswered"] += not messages or messages[-1].author is Author.CUSTOMER or not talk["posts"]
        found["answered twice"] += talk["posts"] > len(talk["said"])  # who writes again before the answer has one
    return found
