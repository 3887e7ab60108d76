"""`threadline eval`: how good the answers are on questions whose answer is known, the owner's own among them."""

import argparse
import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from bot.report import eval_report, progress_bar
from bot.settings import Settings
from bot.terminal import Commands, add, counted, days, err, open_store, out, plain, print_json, takes_json, whole

_DAY = 86_400.0
_DAYS = 365.0


def add_eval(commands: Commands) -> None:
    """Add the commands."""
    command = add(
        commands,
        "eval",
        _eval,
        "measure retrieval and decisions on a folder of questions",
        "threadline eval my-questions --split dev",
    )
    command.add_argument("folder", type=Path)
    command.add_argument("--split", help="keep the questions of this split")
    command.add_argument("--limit", type=whole, help="keep the first N questions of each file")
    takes_json(command)
    command = add(
        commands,
        "eval-set",
        _eval_set,
        "write such a folder out of your own solved conversations",
        "threadline eval-set my-questions --days 90",
    )
    command.add_argument("folder", type=Path, help="a new folder")
    command.add_argument("--days", type=days, default=_DAYS, help=f"how far back (default {_DAYS:g})")
    takes_json(command)


async def _eval_set(settings: Settings, options: argparse.Namespace) -> int:
    from bot.examples import collect, write

    async with AsyncExitStack() as stack:
        store, now = await open_store(settings, stack)
        collected = await collect(store, now - options.days * _DAY)
    await asyncio.to_thread(write, collected, options.folder)
    counts = collected.counts
    if options.json:
        print_json({"folder": str(options.folder), **counts})
        return 0
    out.print(
        f"{counted(counts['queries'], 'question')} that an article answers, {counts['out_of_scope']} that people "
        f"answered, and {counted(counts['documents'], 'article')} are in {options.folder}. Its NOTE.md says how to "
        "read them.",
        markup=False,
    )
    if counts["lost"]:
        out.print(f"{counts['lost']} more had an answer out of articles that are not in the index any more.")
    out.print(f"Measure: threadline eval {options.folder} --split dev", markup=False)
    return 0


async def _eval(settings: Settings, options: argparse.Namespace) -> int:
    from bot.evaluation import measure

    def tell(sentence: str) -> None:
        err.print(plain(sentence), markup=False, soft_wrap=True)

    chosen = {"split": options.split, "limit": options.limit}
    with progress_bar(err) as show:
        figures = await measure(settings, options.folder, **chosen, progress=show, tell=tell)
    if options.json:
        print_json(figures)
    else:
        for part in eval_report(figures):
            out.print(part)
    return 0
