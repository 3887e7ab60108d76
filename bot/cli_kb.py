"""`threadline kb`: the knowledge base from the command line."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.report import progress_bar
from bot.settings import Settings
from bot.terminal import Commands, add, counted, err, out, plain, print_json, takes_json, through_serve, whole
from core.errors import SetupError

if TYPE_CHECKING:
    from bot.bootstrap import Threadline
    from kb.documents import Progress


def add_kb(commands: Commands) -> None:
    """Add the commands of `threadline kb`."""
    group = commands.add_parser("kb", help="the knowledge base: sync, search, drop").add_subparsers(
        metavar="COMMAND", required=True
    )
    command = add(
        group, "sync", _kb_sync, "bring the index in line with the sources", "threadline kb sync ./help-centre"
    )
    command.add_argument(
        "sources",
        nargs="*",
        metavar="PATH_OR_URL",
        help="folders, pages, sitemaps, or sites (an address that ends in '/'); those of KB_PATH when none is given",
    )
    takes_json(command)
    command = add(group, "drop", _kb_drop, "drop what was read from a source", "threadline kb drop ./old-manuals")
    command.add_argument("sources", nargs="+", metavar="PATH_OR_URL", help="as they were given to kb sync")
    takes_json(command)
    command = add(
        group, "search", _kb_search, "show the passages found for a query", "threadline kb search 'return a bike' --k 3"
    )
    command.add_argument("query")
    command.add_argument("--k", type=whole, default=5, help="how many passages (default 5)")
    takes_json(command)


async def _kb_sync(settings: Settings, options: argparse.Namespace) -> int:
    async def alone(threadline: "Threadline") -> Any:
        async with threadline.opened():
            with progress_bar(err) as show:

                def progress(at: "Progress") -> None:
                    show(at.step, at.done, at.total)

                if sources:
                    report = await threadline.readiness.read(sources, progress)
                else:
                    report = await threadline.readiness.sync(progress)
        return report.as_json()

    sources = _absolute(options.sources)
    report = await through_serve(settings, "/api/v1/admin/kb/sync", {"sources": sources}, alone)
    if options.json:
        print_json(report)
    else:
        counts = ", ".join(f"{report[what]} {what}" for what in ("added", "changed", "removed", "unchanged"))
        out.print(f"{counts}: {counted(report['passages'], 'passage')}, {report['seconds']:.1f} s")
        for failure in report["failed"]:
            out.print(plain(f"  not read: {failure['source']}: {failure['reason']}"), style="yellow", markup=False)
    done = report["added"] + report["changed"] + report["removed"] + report["unchanged"]
    return 1 if report["failed"] and not done else 0


def _absolute(sources: Sequence[str]) -> list[str]:
    """Return the folders as a serving process elsewhere must name them; addresses stay as they are."""
    return [source if "://" in source else str(Path(source).resolve()) for source in sources]


async def _kb_drop(settings: Settings, options: argparse.Namespace) -> int:
    async def alone(threadline: "Threadline") -> Any:
        async with threadline.opened():
            return {"removed": await threadline.readiness.drop(sources)}

    sources = _absolute(options.sources)
    dropped = await through_serve(settings, "/api/v1/admin/kb/drop", {"sources": sources}, alone)
    if options.json:
        print_json(dropped)
    else:
        out.print(f"{counted(dropped['removed'], 'document')} dropped.")
    return 0


async def _kb_search(settings: Settings, options: argparse.Namespace) -> int:
    async def alone(threadline: "Threadline") -> Any:
        async with threadline.opened():
            if not await threadline.knowledge.documents():
                raise SetupError("The index is empty. Fill it first: threadline kb sync")
            found = await threadline.knowledge.search(options.query, k=options.k)
        return [asdict(passage) for passage in found.passages]

    body = {"query": options.query, "k": options.k}
    found = await through_serve(settings, "/api/v1/admin/kb/search", body, alone)
    kept = ("document", "title", "source", "score", "text")
    if options.json:
        print_json([{key: passage[key] for key in kept} for passage in found])
        return 0
    for rank, passage in enumerate(found, 1):
        where = f"{passage['title']}{' > ' + passage['heading'] if passage['heading'] else ''}"
        found_there = f"{rank}. {where}  ({passage['source']}, {passage['score']:.2f})"
        out.print(plain(found_there), style="bold", markup=False)
        out.print(plain(passage["text"]), style="dim", markup=False)
    if not found:
        out.print("Nothing found.")
    return 0
