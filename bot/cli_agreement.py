"""`threadline agreement`: how often operators sent what the assistant suggested: what it can be let do alone."""

import argparse
from contextlib import AsyncExitStack

from rich.markup import escape
from rich.table import Table

from bot.settings import Settings
from bot.terminal import Commands, add, open_store, out, print_json, takes_json
from channels.web import render

_DAY = 86_400.0
_DAYS = 30.0


def add_agreement(commands: Commands) -> None:
    """Add the command."""
    about = "show how often operators sent what the assistant suggested, by article"
    command = add(commands, "agreement", _agreement, about, "threadline agreement --days 7")
    command.add_argument("--days", type=float, default=_DAYS, help=f"how far back (default {_DAYS:g})")
    takes_json(command)


async def _agreement(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, now = await open_store(settings, stack)
        found = await store.figures.agreement(now - options.days * _DAY)
    if options.json:
        print_json([render.agreed(one) for one in found])
        return 0
    if not found:
        out.print(f"No operator has answered beside a suggestion in the last {options.days:g} days.")
        return 0
    table = Table("Article", "Suggested", "Sent", "Edited", "Not used", "Agreement", box=None, padding=(0, 2, 0, 0))
    for one in found:
        counts = (one.drafts, one.used, one.edited, one.ignored)
        table.add_row(escape(one.subject), *map(str, counts), f"{one.share:.0%}")
    out.print(table)
    return 0
