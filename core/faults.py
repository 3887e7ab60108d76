"""Named places where a test may kill the process, so that every commit boundary can be tried.

The store reaches a point before and after each commit. In production no point is armed and
reaching one costs a comparison.
"""

import os
import signal
from dataclasses import dataclass, field


@dataclass(slots=True)
class FaultPoints:
    """Kills this process with SIGKILL when the armed point is reached for the `countdown`-th time."""

    armed: str = ""
    countdown: int = 1
    reached: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, text: str) -> "FaultPoints":
        """Read 'POINT' or 'POINT*COUNT', for example 'after:receipts.accept*3'; '' arms nothing."""
        point, _, count = text.partition("*")
        return cls(armed=point, countdown=int(count or 1))

    def reach(self, point: str) -> None:
        """Note that `point` was reached; does not return if it was the armed one and its turn has come."""
        self.reached.add(point)
        if point != self.armed:
            return
        self.countdown -= 1
        if self.countdown <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
