"""What is done after an event was taken: it goes on by itself, and is awaited or broken off at the end."""

import asyncio

import structlog

from channels.later import Later


async def test_at_the_end_all_is_done_that_was_begun_and_what_that_began() -> None:
    later, done = Later("failed"), []

    async def second() -> None:
        await asyncio.sleep(0)
        done.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        later.begin(second())
        done.append("first")

    later.begin(first())
    assert done == []
    await later.finish()
    assert done == ["first", "second"]


async def test_what_is_broken_off_stays_undone() -> None:
    later, never = Later("failed"), asyncio.Event()
    ended = []

    async def waits() -> None:
        try:
            await never.wait()
        finally:
            ended.append("ended")

    later.begin(waits())
    await asyncio.sleep(0)
    await later.break_off()
    assert ended == ["ended"]


async def test_a_failure_is_written_down_and_stops_nobody() -> None:
    later, done = Later("not_told", desk="slack:C1"), []

    async def fails() -> None:
        raise ValueError("no")

    async def works() -> None:
        done.append("works")

    with structlog.testing.capture_logs() as logs:
        later.begin(fails())
        later.begin(works())
        await later.finish()
    assert done == ["works"]
    [log] = logs
    assert (log["event"], log["desk"], log["log_level"], str(log["exc_info"])) == (
        "not_told",
        "slack:C1",
        "error",
        "no",
    )
