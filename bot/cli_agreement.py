"""`threadline agreement`: how often operators sent what the assistant suggested: what it can be let do alone."""

import argparse
from collections.abc import Sequence
from contextlib import AsyncExitStack

from rich.table import Table

from bot.settings import Settings
from bot.terminal import Commands, add, brief, cell, days, last, open_store, out, print_json, takes_json
from channels.web import render
from core.shadow import Agreement

_DAY = 86_400.0
_DAYS = 30.0
_SUBJECT = 120  # characters of an article's name that are shown


def add_agreement(commands: Commands) -> None:
    """Add the command."""
    about = "show how often operators sent what the assistant suggested, by article"
    command = add(commands, "agreement", _agreement, about, "threadline agreement --days 7")
    command.add_argument("--days", type=days, default=_DAYS, help=f"how far back (default {_DAYS:g})")
    takes_json(command)


async def _agreement(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, now = await open_store(settings, stack)
        found = await store.figures.agreement(now - options.days * _DAY)
    if options.json:
        print_json([render.agreed(one) for one in found])
        return 0
    if not found:
        out.print(f"No operator has answered beside a suggestion in {last(options.days)}.")
        return 0
    out.print(_table(found))
    return 0


def _table(found: Sequence[Agreement]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("Article", overflow="fold")
    for name in ("Suggested", "Sent", "Edited", "Not used", "Agreement"):
        table.add_column(name)
    for one in found:
        counts = (one.drafts, one.used, one.edited, one.ignored)
        table.add_row(cell(brief(one.subject, _SUBJECT)), *map(str, counts), f"{one.share:.0%}")
    return table
