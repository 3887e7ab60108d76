"""`threadline deliver` and `threadline replay`: mail from a pipe, and captured payloads through the same door.

Both write to the store beside a running `serve`, which takes up what it finds there within a second.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot.home import Home
from bot.settings import Settings
from bot.terminal import Commands, add, err, open_store, out, print_json, takes_json
from core.errors import PermanentError, SetupError, ThreadlineError

if TYPE_CHECKING:
    from channels.email.mailroom import Mailroom, Read

log = structlog.get_logger()

_TEMPORARY, _REFUSED = 75, 77  # sysexits.h: what mail servers understand of a pipe
_EXAMPLE = "support@example.com"


def add_mail(commands: Commands) -> None:
    """Add `deliver` and `replay`."""
    command = add(
        commands, "deliver", _deliver, "take in one mail from standard input", "threadline deliver < mail.eml"
    )
    command.set_defaults(failed=_TEMPORARY)  # any other status makes the mail server send the mail back
    command = add(
        commands,
        "replay",
        _replay,
        "feed captured mails (.eml) through the same door as live ones",
        "threadline replay mails/*.eml --dry-run --json",
    )
    command.add_argument("files", nargs="+", type=Path, metavar="FILE")
    command.add_argument("--channel", choices=("email",), default="email", help="whose payloads these are")
    command.add_argument("--dry-run", action="store_true", help="only read them; nothing is stored or answered")
    takes_json(command)


async def _deliver(settings: Settings, options: argparse.Namespace) -> int:
    from channels.email.mail import Envelope

    async with AsyncExitStack() as stack:
        try:
            mailroom = await _mailroom(settings, stack)
            await mailroom.receive(sys.stdin.buffer.read(), Envelope())
        except PermanentError as refused:
            err.print(f"threadline: {refused}", markup=False, soft_wrap=True)
            return _REFUSED
        except ThreadlineError:
            raise
        except Exception as fault:
            log.exception("deliver_failed")
            err.print(f"threadline: this mail can't be taken in now ({fault!r})", markup=False, soft_wrap=True)
            return int(options.failed)
    return 0


async def _mailroom(settings: Settings, stack: AsyncExitStack) -> "Mailroom":
    if not settings.email_address:
        raise SetupError("EMAIL_ADDRESS is not set. Name the support address, and EMAIL_SMTP_URL for the answers.")
    from bot.bootstrap import open_files
    from bot.mail import make_email
    from core.bell import Bell
    from core.store.inbox import Inbox

    store, now = await open_store(settings, stack)
    home = Home(settings.threadline_home)
    files = open_files(settings, home, store.database)
    return make_email(settings, home, store, files, Inbox(store, Bell(), lambda: now), lambda: now).mailroom


async def _replay(settings: Settings, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        mailroom = None if options.dry_run else await _mailroom(settings, stack)
        for line in [await _one(settings, file, mailroom) for file in _each(options.files)]:
            if options.json:
                print_json(line)
            else:
                _show(line)
    return 0


def _each(files: list[Path]) -> Iterator[Path]:
    """The files, and those in folders, by name."""
    for file in files:
        yield from sorted(path for path in file.rglob("*") if path.is_file()) if file.is_dir() else (file,)


async def _one(settings: Settings, file: Path, mailroom: "Mailroom | None") -> dict[str, Any]:
    """What becomes of the captured mail in `file`, as the contract's line of `replay`."""
    from bot.mail import secret
    from channels.email import mailroom as door
    from channels.email.addresses import Addresses
    from channels.email.mail import Envelope

    key = secret(settings, Home(settings.threadline_home).path / "email.key") if settings.email_address else b"dry run"
    addresses = Addresses(settings.email_address or _EXAMPLE, key)
    try:
        raw = file.read_bytes()  # noqa: ASYNC240 (nothing else runs in this process)
        found = door.read(raw, Envelope(), addresses, settings.email_blocked)
        line = _line(file, found, door.thread_of(found, Envelope(), addresses))
        if mailroom:
            receipt = await mailroom.receive(raw, Envelope())
            line["thread"] = receipt.thread
    except (OSError, PermanentError) as error:
        return {**_line(file), "outcome": "rejected", "reason": str(error)}
    return line


def _line(file: Path, found: "Read | None" = None, thread: str = "") -> dict[str, Any]:
    mail = found.mail if found else None
    ignored = found.ignored if found else None
    return {
        "file": str(file),
        "outcome": "ignored" if ignored else "message",
        "reason": ignored.value if ignored else None,
        "thread": thread or None,
        "author": {"id": mail.from_.address, "name": mail.from_.name} if mail else None,
        "text": found.written.visible if found else "",
        "full_text": found.written.full if found else "",
        "files": [{"name": f.name, "type": f.type, "bytes": len(f.content)} for f in mail.attachments] if mail else [],
    }


def _show(line: dict[str, Any]) -> None:
    out.print(f"{line['file']}: {line['outcome']}", f"({line['reason']})" if line["reason"] else "", markup=False)
    if line["outcome"] == "message":
        names = ", ".join(file["name"] for file in line["files"])
        out.print(f"  from   {line['author']['name']} <{line['author']['id']}>", markup=False)
        out.print(f"  text   {line['text'][:300]!r}", markup=False, soft_wrap=True)
        out.print(f"  files  {names or 'none'}", markup=False, soft_wrap=True)
