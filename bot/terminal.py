"""What every command needs: how it joins the parser, how it prints, how it reaches a serving process or the store.

Words of customers go through `plain` or `brief` before they are printed: a terminal obeys some of the signs in them.
"""

import argparse
import json
import math
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from bot.home import Home
from bot.settings import Settings
from core.signs import REORDERING

if TYPE_CHECKING:
    from bot.bootstrap import Threadline
    from bot.platforms import Parts
    from core.store.store import Store

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

_OBEYED = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f-\x9f{REORDERING}\ud800-\udfff]")
"""Control characters (Unicode's Cc) but newlines, the signs that reorder text (its Bidi_Control), half characters."""

Commands = Any  # argparse keeps the type of its sub-parsers to itself
Run = Callable[[Settings, argparse.Namespace], Awaitable[int]]


def add(commands: Commands, name: str, run_: Run, does: str, example: str) -> argparse.ArgumentParser:
    """Add the command `name`, which `run_` runs; `does` and `example` are its help."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=does,
        description=does[0].upper() + does[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run_, failed=1)
    return command


def takes_json(command: argparse.ArgumentParser) -> None:
    """Give the command `--json`."""
    command.add_argument("--json", action="store_true", help="print one JSON value, for programs")


def print_json(value: Any) -> None:
    """Print `value` for programs; what a terminal would obey is escaped, as JSON may."""
    print(_OBEYED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(value, ensure_ascii=False)))


def plain(text: str) -> str:
    """Return `text` without what a terminal obeys: control characters other than newlines, signs that reorder text.

    A tab becomes a space; half characters, which can't be printed, go, too.
    """
    return _OBEYED.sub("", text.replace("\t", " "))


def brief(text: str, most: int) -> str:
    """Return `text` plain and in one line, of at most `most` characters; one that is cut ends in '…'."""
    line = " ".join(plain(" ".join(text.split())).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def cell(text: str) -> Text:
    """Return `text` for a table: plain, and never read as rich's markup."""
    return Text(plain(text))


def counted(number: int, one: str, many: str = "") -> str:
    """Return '1 question' or '2 questions'; `many` where that is not `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def whole(text: str) -> int:
    """Read the value of an option that is a number of things: 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return int(text)


def days(text: str) -> float:
    """Read the value of an option that says how many days back: more than 0."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of days above 0")
    return found


def last(days: float) -> str:
    """Return 'the last 90 days', 'the last day'."""
    return "the last day" if days == 1 else f"the last {days:g} days"


async def through_serve(
    settings: Settings, path: str, body: dict[str, Any], alone: "Callable[[Threadline], Awaitable[Any]]"
) -> Any:
    """Let the serving process do it, or do it here with HOME locked when none serves."""
    home = Home(settings.threadline_home)
    serving = home.serving()
    if serving:
        from bot.client import call

        return await call(serving, path, body)
    from bot.bootstrap import build

    with home.lock():
        return await alone(build(settings, home))


async def open_store(settings: Settings, stack: AsyncExitStack) -> "tuple[Store, float]":
    """Open the store beside a running `serve`: operators' rows are SQL only."""
    from bot.bootstrap import open_database
    from core.store.migrations import migrate
    from core.store.store import Store

    store = Store(open_database(settings, Home(settings.threadline_home)))
    stack.push_async_callback(store.close)
    await migrate(store.database)
    return store, time.time()


async def open_parts(settings: Settings, stack: AsyncExitStack) -> "Parts":
    """Return what platforms are made from, beside a running `serve` or without one, until the stack is closed."""
    from bot.bootstrap import open_files
    from bot.platforms import Parts
    from core.bell import Bell
    from core.store.inbox import Inbox

    store, now = await open_store(settings, stack)
    home = Home(settings.threadline_home)
    files = open_files(settings, home, store.database)
    return Parts(settings, home, store, files, Inbox(store, Bell(), lambda: now), lambda: now)
