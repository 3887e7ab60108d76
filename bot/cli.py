"""The command line. Each command prints for people, or one JSON value with `--json`.

Commands import what they need when they run: `--help` and errors must not wait for the libraries.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from bot.home import Home
from bot.report import eval_tables, progress_bar
from bot.settings import Settings, load_settings
from bot.telemetry import configure_logging
from core.errors import SetupError, ThreadlineError

if TYPE_CHECKING:
    from bot.bootstrap import Threadline
    from core.store.store import Store
    from kb.documents import Progress

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit status: 0 done, 1 it could not be done, 2 the words are off."""
    parser = make_parser()
    options = parser.parse_args(arguments or ["serve"])
    try:
        settings = load_settings()
        configure_logging("warning" if options.command != "serve" else settings.log_level)
        done: int = asyncio.run(options.run(settings, options))
        return done
    except ThreadlineError as error:
        err.print(f"threadline: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="threadline",
        description="A customer-support agent for Slack, Microsoft Teams, email and the web.",
        epilog="examples:\n  threadline serve\n  threadline ask 'How much does delivery cost?'\n  threadline doctor",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add(commands, "serve", _serve, "run everything that is configured", "threadline serve")
    command = _add(
        commands, "ask", _ask, "ask one question, as a customer would", "threadline ask 'Can I return a bike?' --json"
    )
    command.add_argument("question")
    _json(command)
    _add_kb(commands)
    command = _add(
        commands,
        "eval",
        _eval,
        "measure retrieval and decisions on a folder of questions",
        "threadline eval my-questions --split dev",
    )
    command.add_argument("folder", type=Path)
    command.add_argument("--split", help="keep the questions of this split")
    command.add_argument("--limit", type=int, help="keep the first N questions of each file")
    _json(command)
    _add_operator(commands)
    command = _add(
        commands, "doctor", _doctor, "say what is configured, what is missing, and the fix", "threadline doctor"
    )
    _json(command)
    return parser


Commands = Any  # argparse keeps the type of its sub-parsers to itself
Run = Callable[[Settings, argparse.Namespace], Awaitable[int]]


def _add(commands: Commands, name: str, run_: Run, does: str, example: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=does,
        description=does[0].upper() + does[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run_)
    return command


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON value, for programs")


def _add_kb(commands: Commands) -> None:
    group = commands.add_parser("kb", help="the knowledge base: sync, search").add_subparsers(
        metavar="COMMAND", required=True
    )
    command = _add(
        group, "sync", _kb_sync, "bring the index in line with the sources", "threadline kb sync ./help-centre"
    )
    command.add_argument("sources", nargs="*", metavar="PATH", help="folders; those of KB_PATH when none is given")
    _json(command)
    command = _add(
        group, "search", _kb_search, "show the passages found for a query", "threadline kb search 'return a bike' --k 3"
    )
    command.add_argument("query")
    command.add_argument("--k", type=int, default=5, help="how many passages (default 5)")
    _json(command)


def _add_operator(commands: Commands) -> None:
    group = commands.add_parser("operator", help="operators' tokens: add, list, revoke").add_subparsers(
        metavar="COMMAND", required=True
    )
    command = _add(
        group, "add", _operator_add, "make an operator and show the token, once", "threadline operator add Ada"
    )
    command.add_argument("name")
    _add(group, "list", _operator_list, "list the operators", "threadline operator list")
    command = _add(group, "revoke", _operator_revoke, "end an operator's tokens", "threadline operator revoke Ada")
    command.add_argument("name")


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


async def _serve(settings: Settings, _options: argparse.Namespace) -> int:
    from bot.serve import serve

    await serve(settings, lambda text: print(text, flush=True))
    return 0


async def _through_serve(
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


async def _ask(settings: Settings, options: argparse.Namespace) -> int:
    async def alone(threadline: "Threadline") -> Any:
        from bot.work import ask

        async with threadline.running():
            return await ask(threadline, options.question)

    if not options.question.strip():
        raise SetupError("The question is empty. For example: threadline ask 'How much does delivery cost?'")
    with err.status("Asking …"):
        answer = await _through_serve(settings, "/api/v1/admin/ask", {"text": options.question}, alone)
    if options.json:
        _print_json({key: answer[key] for key in ("text", "citations", "outcome", "handoff")})
        return 0
    out.print(Markdown(answer["text"]))
    for citation in answer["citations"]:
        out.print(f"  [{citation['index']}] {citation['title']} ({citation['source']})", style="dim", markup=False)
    if answer["handoff"]:
        out.print(f"  Handed to the desk: {answer['handoff']['reason']}", style="yellow", markup=False)
    return 0


async def _kb_sync(settings: Settings, options: argparse.Namespace) -> int:
    async def alone(threadline: "Threadline") -> Any:
        from bot.readiness import sync_folders

        async with threadline.opened():
            with progress_bar(err) as show:

                def progress(at: "Progress") -> None:
                    show("Reading", at.done, at.total)

                if sources:
                    report = await sync_folders(threadline.knowledge, sources, progress=progress)
                else:
                    report = await threadline.readiness.sync(progress)
        return report.as_json()

    sources = _absolute(options.sources)
    report = await _through_serve(settings, "/api/v1/admin/kb/sync", {"sources": sources}, alone)
    if options.json:
        _print_json(report)
    else:
        counts = ", ".join(f"{report[what]} {what}" for what in ("added", "changed", "removed", "unchanged"))
        out.print(f"{counts}: {report['passages']} passages, {report['seconds']:.1f} s")
        for failure in report["failed"]:
            out.print(f"  not read: {failure['source']}: {failure['reason']}", style="yellow", markup=False)
    done = report["added"] + report["changed"] + report["removed"] + report["unchanged"]
    return 1 if report["failed"] and not done else 0


def _absolute(sources: Sequence[str]) -> list[str]:
    """Return the folders as a serving process elsewhere must name them; addresses stay as they are."""
    return [source if "://" in source else str(Path(source).resolve()) for source in sources]


async def _kb_search(settings: Settings, options: argparse.Namespace) -> int:
    async def alone(threadline: "Threadline") -> Any:
        async with threadline.opened():
            if not await threadline.knowledge.documents():
                raise SetupError("The index is empty. Fill it first: threadline kb sync")
            found = await threadline.knowledge.search(options.query, k=options.k)
        return [asdict(passage) for passage in found.passages]

    body = {"query": options.query, "k": options.k}
    found = await _through_serve(settings, "/api/v1/admin/kb/search", body, alone)
    kept = ("document", "title", "source", "score", "text")
    if options.json:
        _print_json([{key: passage[key] for key in kept} for passage in found])
        return 0
    for rank, passage in enumerate(found, 1):
        where = f"{passage['title']}{' > ' + passage['heading'] if passage['heading'] else ''}"
        out.print(f"{rank}. {where}  ({passage['source']}, {passage['score']:.2f})", style="bold", markup=False)
        out.print(passage["text"], style="dim", markup=False)
    if not found:
        out.print("Nothing found.")
    return 0


async def _eval(settings: Settings, options: argparse.Namespace) -> int:
    from bot.work import measure

    with progress_bar(err) as show:
        figures = await measure(settings, options.folder, split=options.split, limit=options.limit, progress=show)
    if options.json:
        _print_json(figures)
    else:
        for table in eval_tables(figures):
            out.print(table)
    return 0


async def _operator_add(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, now = await _open_store(settings, stack)
        operator, token = await store.credentials.add_operator(options.name, now)
        out.print(f"{operator.name} is an operator. The token, shown this once:", markup=False)
        print(token)
    return 0


async def _operator_list(settings: Settings, _options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, _ = await _open_store(settings, stack)
        table = Table("Name", "Since", "Token", box=None)
        for operator in await store.credentials.operators():
            since = datetime.fromtimestamp(operator.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
            table.add_row(operator.name, since, "active" if operator.active else "revoked")
        out.print(table)
    return 0


async def _operator_revoke(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, now = await _open_store(settings, stack)
        await store.credentials.revoke_operator(options.name, now)
        out.print(f"{options.name}'s tokens are ended.", markup=False)
    return 0


async def _open_store(settings: Settings, stack: AsyncExitStack) -> "tuple[Store, float]":
    """Open the store beside a running `serve`: operators' rows are SQL only."""
    from bot.bootstrap import open_database
    from core.store.migrations import migrate
    from core.store.store import Store

    store = Store(open_database(settings, Home(settings.threadline_home)))
    stack.push_async_callback(store.close)
    await migrate(store.database)
    return store, time.time()


async def _doctor(settings: Settings, options: argparse.Namespace) -> int:
    from bot.doctor import examine

    marks = {"ok": "[green]✓[/]", "off": "[dim]·[/]", "broken": "[red]✗[/]"}
    checks = []
    async for check in examine(settings):
        checks.append(check)
        if not options.json:
            out.print(f"{marks[check.state]} {check.name:<15}", end="")
            out.print(check.found, markup=False, soft_wrap=True)
            if check.fix:
                out.print(f"  {'':<15}{check.fix}", style="dim", markup=False, soft_wrap=True)
    broken = any(check.state == "broken" for check in checks)
    if options.json:
        _print_json({"ok": not broken, "checks": [asdict(check) for check in checks]})
    return 1 if broken else 0
