"""`threadline` and `python -m bot`."""

import os
import sys

from bot.cli import run


def main() -> None:
    """Run the command line and end the process with its status, at once.

    By then everything of ours is closed. A library that is still being imported in a thread (torch
    takes seconds) can't be interrupted, and Python would wait for it.
    """
    status = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
