"""`threadline gaps`: what customers asked that the knowledge base did not carry."""

import argparse
from contextlib import AsyncExitStack

from rich.table import Table

from bot.settings import Settings
from bot.terminal import Commands, add, brief, cell, days, last, open_store, out, print_json, takes_json
from channels.web import render
from core.gaps import GAP_DAYS, Gap

_DAY = 86_400.0
_QUESTION, _TITLE = 300, 120  # characters that are shown


def add_gaps(commands: Commands) -> None:
    """Add the command."""
    command = add(
        commands, "gaps", _gaps, "list what was asked that the knowledge base did not carry", "threadline gaps --days 7"
    )
    command.add_argument("--days", type=days, default=GAP_DAYS, help=f"how far back (default {GAP_DAYS})")
    takes_json(command)


async def _gaps(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, now = await open_store(settings, stack)
        since = now - options.days * _DAY
        found, asked = await store.gaps.since(since), await store.gaps.asked(since)
    if options.json:
        print_json([render.gap(gap) for gap in found])
    elif found:
        out.print(_table(found))
    else:
        why = "every question found an answer" if asked else "nothing was asked"
        out.print(f"No missing article in {last(options.days)}: {why}.")
    return 0


def _table(found: list[Gap]) -> Table:
    table = Table("Times", box=None, padding=(0, 2, 0, 0))
    table.add_column("Question", ratio=3, overflow="fold")
    table.add_column("Nearest article", ratio=2, overflow="fold")
    for name in ("Last asked", "Cases"):
        table.add_column(name, no_wrap=name == "Last asked")
    for gap in found:
        cases = ", ".join(f"#{asked.number}" for asked in gap.asked if asked.number)
        when = render.at(gap.asked[0].at)[:10]
        table.add_row(
            str(gap.times), cell(brief(gap.question, _QUESTION)), cell(brief(gap.nearest, _TITLE)), when, cases
        )
    return table
