"""`threadline operator`: who may work at the desk, and what they did."""

import argparse
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from rich.table import Table

from bot.settings import Settings
from bot.terminal import Commands, add, cell, open_store, out, plain, print_json, takes_json, whole
from core.errors import SetupError


def add_operator(commands: Commands) -> None:
    """Add the commands of `threadline operator`."""
    group = commands.add_parser("operator", help="operators' tokens: add, list, link, revoke, log").add_subparsers(
        metavar="COMMAND", required=True
    )
    command = add(
        group, "add", _operator_add, "make an operator and show the token, once", "threadline operator add Ada"
    )
    command.add_argument("name")
    add(group, "list", _operator_list, "list the operators", "threadline operator list")
    command = add(group, "revoke", _operator_revoke, "end an operator's tokens", "threadline operator revoke Ada")
    command.add_argument("name")
    command = add(
        group,
        "link",
        _operator_link,
        "let an operator act on another desk",
        "threadline operator link Ada email:ada@example.com",
    )
    command.add_argument("name")
    command.add_argument("account", help="email:ADDRESS")
    command = add(group, "log", _operator_log, "show what operators did last", "threadline operator log --limit 20")
    command.add_argument("--limit", type=whole, default=50, help="how many lines (default 50)")
    takes_json(command)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


async def _operator_add(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, now = await open_store(settings, stack)
        operator, token = await store.credentials.add_operator(options.name, now)
        out.print(f"{plain(operator.name)} is an operator. The token, shown this once:", markup=False)
        print(token)
    return 0


async def _operator_list(settings: Settings, _options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, _ = await open_store(settings, stack)
        table = Table("Name", "Since", "Token", box=None)
        for operator in await store.credentials.operators():
            since = _time(operator.created_at)
            table.add_row(cell(operator.name), since, "active" if operator.active else "revoked")
        out.print(table)
    return 0


async def _operator_link(settings: Settings, options: argparse.Namespace) -> int:
    channel, _, name = options.account.strip().partition(":")
    if not channel or not name:
        raise SetupError("Name the account with its channel, for example email:ada@example.com")
    async with AsyncExitStack() as stack:
        store, _ = await open_store(settings, stack)
        operator = await store.credentials.link(
            options.name, f"{channel}:{name.lower() if channel == 'email' else name}"
        )
        out.print(f"{plain(operator.name)} acts as {plain(options.account)} now.", markup=False)
    return 0


async def _operator_revoke(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, now = await open_store(settings, stack)
        await store.credentials.revoke_operator(options.name, now)
        out.print(f"{plain(options.name)}'s tokens are ended.", markup=False)
    return 0


async def _operator_log(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        store, _ = await open_store(settings, stack)
        done = await store.receipts.newest_actions(options.limit)
    if options.json:
        print_json(
            [
                {"at": at, "operator": did.name, "action": did.action.value, "case": did.case, "refused": refused}
                for at, did, refused in done
            ]
        )
        return 0
    table = Table("When", "Operator", "Action", "Case", "", box=None)
    for at, did, refused in done:
        told = f"refused: {refused}" if refused else ""
        table.add_row(_time(at), cell(did.name), did.action.value, did.case, cell(told))
    out.print(table)
    return 0
