"""Fault points: nothing in production, a kill at the right moment in tests."""

import subprocess
import sys

import pytest

from core.faults import FaultPoints


def test_without_one_armed_reaching_points_does_nothing() -> None:
    points = FaultPoints.parse("")
    points.reach("before:runs.finish")
    assert points.reached == {"before:runs.finish"}


@pytest.mark.parametrize(
    ("text", "armed", "countdown"),
    [("", "", 1), ("after:runs.finish", "after:runs.finish", 1), ("after:runs.finish*3", "after:runs.finish", 3)],
)
def test_a_point_is_written_with_how_often_it_is_passed(text: str, armed: str, countdown: int) -> None:
    points = FaultPoints.parse(text)
    assert (points.armed, points.countdown) == (armed, countdown)


def test_the_process_is_killed_when_the_point_is_reached_for_the_last_time() -> None:
    program = (
        "from core.faults import FaultPoints\n"
        "points = FaultPoints.parse('here*3')\n"
        "for count in range(1, 6):\n"
        "    points.reach('there')\n"
        "    print(count, flush=True)\n"
        "    points.reach('here')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (-9, ["1", "2", "3"])
