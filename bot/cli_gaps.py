"""`threadline gaps`: what customers asked that the knowledge base did not carry."""

import argparse
from contextlib import AsyncExitStack

from rich.markup import escape
from rich.table import Table

from bot.settings import Settings
from bot.terminal import Commands, add, open_store, out, print_json, takes_json
from channels.web import render
from core.gaps import GAP_DAYS, Gap

_DAY = 86_400.0


def add_gaps(commands: Commands) -> None:
    """Add the command."""
    command = add(
        commands, "gaps", _gaps, "list what was asked that the knowledge base did not carry", "threadline gaps --days 7"
    )
    command.add_argument("--days", type=float, default=GAP_DAYS, help=f"how far back (default {GAP_DAYS})")
    takes_json(command)


async def _gaps(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, now = await open_store(settings, stack)
        found = await store.gaps.since(now - options.days * _DAY)
    if options.json:
        print_json([render.gap(gap) for gap in found])
    elif found:
        out.print(_table(found))
    else:
        out.print(f"Nothing in the last {options.days:g} days: every question found an answer.")
    return 0


def _table(found: list[Gap]) -> Table:
    table = Table("Times", box=None, padding=(0, 2, 0, 0))
    table.add_column("Question", ratio=3)
    table.add_column("Nearest article", ratio=2)
    for name in ("Last asked", "Cases"):
        table.add_column(name, no_wrap=name == "Last asked")
    for gap in found:
        cases = ", ".join(f"#{asked.number}" for asked in gap.asked if asked.number)
        when = render.at(gap.asked[0].at)[:10]
        question = " ".join(gap.question.split())
        table.add_row(str(gap.times), escape(question[:300]), escape(gap.nearest), when, cases)
    return table
