"""`threadline eval`: how good the answers are on questions whose answer is known, the owner's own among them."""

import argparse
from pathlib import Path

from bot.report import eval_report, progress_bar
from bot.settings import Settings
from bot.terminal import Commands, add, err, out, print_json, takes_json


def add_eval(commands: Commands) -> None:
    """Add the command."""
    command = add(
        commands,
        "eval",
        _eval,
        "measure retrieval and decisions on a folder of questions",
        "threadline eval my-questions --split dev",
    )
    command.add_argument("folder", type=Path)
    command.add_argument("--split", help="keep the questions of this split")
    command.add_argument("--limit", type=int, help="keep the first N questions of each file")
    takes_json(command)


async def _eval(settings: Settings, options: argparse.Namespace) -> int:
    from bot.evaluation import measure

    with progress_bar(err) as show:
        figures = await measure(settings, options.folder, split=options.split, limit=options.limit, progress=show)
    if options.json:
        print_json(figures)
    else:
        for part in eval_report(figures):
            out.print(part)
    return 0
