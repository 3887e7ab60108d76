"""The command line. Each command prints for people, or one JSON value with `--json`.

Commands import what they need when they run: `--help` and errors must not wait for the libraries.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markdown import Markdown

from bot.cli_agreement import add_agreement
from bot.cli_articles import add_articles
from bot.cli_eval import add_eval
from bot.cli_gaps import add_gaps
from bot.cli_kb import add_kb
from bot.cli_mail import add_mail
from bot.cli_operator import add_operator
from bot.cli_replay import add_replay
from bot.cli_teams import add_teams
from bot.settings import Settings, load_settings
from bot.telemetry import configure_logging
from bot.terminal import add, err, out, plain, print_json, takes_json, through_serve
from core.errors import SetupError, ThreadlineError

if TYPE_CHECKING:
    from bot.bootstrap import Threadline


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit status: 0 done, 1 not done (of `deliver` 75), 2 the words are off."""
    parser = make_parser()
    options = parser.parse_args(arguments or ["serve"])
    try:
        settings = load_settings()
        levels = {"serve": settings.log_level, "doctor": "critical"}  # the doctor says it in its own words
        configure_logging(levels.get(options.command, "warning"), settings.redacted)
        done: int = asyncio.run(options.run(settings, options))
        return done
    except ThreadlineError as error:
        err.print(f"threadline: {plain(str(error))}", style="red", markup=False, soft_wrap=True)
        return int(options.failed)
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
    add(commands, "serve", _serve, "run everything that is configured", "threadline serve")
    command = add(
        commands, "ask", _ask, "ask one question, as a customer would", "threadline ask 'Can I return a bike?' --json"
    )
    command.add_argument("question")
    takes_json(command)
    add_kb(commands)
    add_eval(commands)
    add_gaps(commands)
    add_agreement(commands)
    add_articles(commands)
    add_operator(commands)
    add_mail(commands)
    add_replay(commands)
    add_teams(commands)
    command = add(
        commands, "doctor", _doctor, "say what is configured, what is missing, and the fix", "threadline doctor"
    )
    takes_json(command)
    return parser


async def _serve(settings: Settings, _options: argparse.Namespace) -> int:
    from bot.serve import serve

    await serve(settings, lambda text: print(text, flush=True))
    return 0


async def _ask(settings: Settings, options: argparse.Namespace) -> int:
    async def alone(threadline: "Threadline") -> Any:
        from bot.work import ask

        async with threadline.running():
            return await ask(threadline, options.question)

    if not options.question.strip():
        raise SetupError("The question is empty. For example: threadline ask 'How much does delivery cost?'")
    with err.status("Asking …"):
        answer = await through_serve(settings, "/api/v1/admin/ask", {"text": options.question}, alone)
    if options.json:
        print_json({key: answer[key] for key in ("text", "citations", "outcome", "handoff")})
        return 0
    out.print(Markdown(plain(answer["text"])))
    for citation in answer["citations"]:
        where = plain(f"{citation['title']} ({citation['source']})")
        out.print(f"  [{citation['index']}] {where}", style="dim", markup=False)
    if answer["handoff"]:
        out.print(f"  Handed to the desk: {answer['handoff']['reason']}", style="yellow", markup=False)
    return 0


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
        print_json({"ok": not broken, "checks": [asdict(check) for check in checks]})
    return 1 if broken else 0
