"""`threadline replay`: captured payloads of any channel through the same door as live ones.

It writes to the store beside a running `serve`, which takes up what it finds there within a second.
"""

import argparse
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bot.cli_mail import captured_mails
from bot.cli_slack import captured_events
from bot.cli_teams import captured_activities
from bot.replay import Opening, Outcome, Payload, Reader, rejected
from bot.settings import Settings
from bot.terminal import Commands, add, out, plain, print_json, takes_json
from core.errors import PermanentError

CHANNELS: dict[str, Opening] = {
    "email": captured_mails,
    "slack": captured_events,
    "teams": captured_activities,
}
"""The channels whose payloads can be replayed, with what reads them."""

_TEXT = 300  # characters of a message that are shown


def add_replay(commands: Commands) -> None:
    """Add `replay`."""
    command = add(
        commands,
        "replay",
        _replay,
        "feed captured payloads (.eml; .json of Slack's events, Teams' activities) through the same door as live ones",
        "threadline replay mails/*.eml --dry-run --json",
    )
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file, or a folder of them")
    command.add_argument("--channel", choices=CHANNELS, default="email", help="whose payloads these are (email)")
    command.add_argument("--dry-run", action="store_true", help="only read them; nothing is stored or answered")
    takes_json(command)


async def _replay(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        read = await CHANNELS[options.channel](settings, stack, options.dry_run)
        for file in _each(options.files):
            async for payload in _payloads(file, read):
                if options.json:
                    print_json(payload.line(str(file)))
                else:
                    _show(payload.line(str(file)))
    return 0


def _each(files: list[Path]) -> Iterator[Path]:
    """Yield the files, and those in folders, by name."""
    for file in files:
        yield from sorted(path for path in file.rglob("*") if path.is_file()) if file.is_dir() else (file,)


async def _payloads(file: Path, read: Reader) -> AsyncIterator[Payload]:
    """Yield what becomes of each payload in `file`."""
    try:
        found = list(read(file.read_bytes()))  # noqa: ASYNC240 (nothing else runs in this process)
    except (OSError, ValueError, PermanentError) as error:
        found = [rejected(error)]
    for payload in found:
        try:
            yield await payload.take() if payload.take else payload
        except (ValueError, LookupError, PermanentError) as error:
            yield rejected(error)


def _show(line: dict[str, Any]) -> None:
    said = [f"{line['file']}: {line['outcome']}" + (f" ({line['reason']})" if line["reason"] else "")]
    if line["outcome"] == Outcome.MESSAGE and line["author"]:
        names = ", ".join(file["name"] for file in line["files"])
        said.append(f"  from   {line['author']['name']} <{line['author']['id']}>")
        said.append(f"  text   {line['text'][:_TEXT]!r}")
        said.append(f"  files  {names or 'none'}")
    for one in said:
        out.print(plain(one).replace("\n", " "), markup=False, soft_wrap=True)
