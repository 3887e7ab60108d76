"""What every command needs: how it joins the parser, how it prints, how it reaches a serving process or the store."""

import argparse
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bot.home import Home
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.bootstrap import Threadline
    from bot.platforms import Parts
    from core.store.store import Store

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

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
    """Print `value` for programs."""
    print(json.dumps(value, ensure_ascii=False))


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
