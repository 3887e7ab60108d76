"""Keeping a platform's pace, and waiting where it asks for a pause."""

import asyncio
import time

import pytest
import structlog

from channels.pace import Pace
from channels.patience import patiently, surely
from core.errors import PermanentError, TemporaryError


async def test_turns_of_a_lane_keep_apart_in_their_order_and_other_lanes_do_not_wait() -> None:
    pace, went = Pace(0.05), []

    async def go(lane: str, name: str) -> None:
        await pace.turn(lane)
        went.append((name, time.monotonic()))

    await asyncio.gather(go("a", "1"), go("a", "2"), go("b", "other"), go("a", "3"))
    assert [name for name, _ in went] == ["1", "other", "2", "3"]
    times = dict(went)
    assert times["3"] - times["1"] >= 0.1
    assert times["other"] - times["1"] < 0.05


def test_a_lane_that_is_closed_says_for_how_long_and_others_are_open() -> None:
    pace = Pace(0.0)
    pace.close("a", 30.0)
    pace.check("b", "Wait.")
    with pytest.raises(TemporaryError, match="Wait") as later:
        pace.check("a", "Wait.")
    assert later.value.retry_after == pytest.approx(30.0, abs=1.0)


def test_a_lane_opens_by_itself() -> None:
    pace = Pace(0.0)
    pace.close("a", -1.0)
    pace.check("a", "Wait.")


class Platform:
    """One that is away so many times, for a moment each."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self.away:
            raise TemporaryError("Away.", retry_after=0.001)
        return "done"


async def test_what_is_done_patiently_is_done_once_the_platform_is_back() -> None:
    platform = Platform(away=3)
    assert await patiently(platform) == "done"
    assert platform.asked == 4


async def test_patience_ends() -> None:
    platform = Platform(away=99)
    with pytest.raises(TemporaryError):
        await patiently(platform)
    assert platform.asked == 6


async def test_a_no_is_not_asked_again() -> None:
    asked = []

    async def no() -> None:
        asked.append(1)
        raise PermanentError("No.")

    with pytest.raises(PermanentError):
        await patiently(no)
    with structlog.testing.capture_logs() as logs:
        await surely("transcript", no)
    assert len(asked) == 2
    assert [(log["event"], log["what"]) for log in logs] == [("desk_incomplete", "transcript")]
