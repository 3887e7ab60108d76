"""`threadline deliver`, mail from a pipe; and what `threadline replay` needs to read captured mails.

Both write to the store beside a running `serve`, which takes up what it finds there within a second.
"""

import argparse
import sys
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot.home import Home
from bot.replay import Outcome, Payload, Reader
from bot.settings import Settings
from bot.terminal import Commands, add, err, open_parts, plain
from core.errors import PermanentError, SetupError, ThreadlineError

if TYPE_CHECKING:
    from channels.email.addresses import Addresses
    from channels.email.mailroom import Mailroom

log = structlog.get_logger()

_TEMPORARY, _REFUSED = 75, 77  # sysexits.h: what mail servers understand of a pipe
_EXAMPLE = "support@example.com"


def add_mail(commands: Commands) -> None:
    """Add `deliver`."""
    command = add(
        commands, "deliver", _deliver, "take in one mail from standard input", "threadline deliver < mail.eml"
    )
    command.set_defaults(failed=_TEMPORARY)  # any other status makes the mail server send the mail back


async def _deliver(settings: Settings, options: argparse.Namespace) -> int:
    from channels.email.mail import Envelope

    async with AsyncExitStack() as stack:
        try:
            mailroom = await _mailroom(settings, stack)
            await mailroom.receive(sys.stdin.buffer.read(), Envelope())
        except PermanentError as refused:
            err.print(f"threadline: {plain(str(refused))}", markup=False, soft_wrap=True)
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
    from bot.mail import make_email

    return make_email(await open_parts(settings, stack)).mailroom


async def captured_mails(settings: Settings, stack: AsyncExitStack, dry: bool) -> Reader:
    """Return what reads captured mails, and takes them in unless `dry`. Raises `SetupError`."""
    from bot.mail import secret
    from channels.email.addresses import Addresses

    mailroom = None if dry else await _mailroom(settings, stack)
    key = secret(settings, Home(settings.threadline_home).path / "email.key") if settings.email_address else b"dry run"
    addresses = Addresses(settings.email_address or _EXAMPLE, key)

    def read(raw: bytes) -> list[Payload]:
        payload = _payload(raw, addresses, settings.email_blocked)
        return [replace(payload, take=lambda: _take(raw, mailroom, payload)) if mailroom else payload]

    return read


def _payload(raw: bytes, addresses: "Addresses", blocked: Collection[str]) -> Payload:
    """Read one mail, as far as it tells by itself."""
    from channels.email import mailroom as door
    from channels.email.mail import Envelope

    found = door.read(raw, Envelope(), addresses, blocked)
    mail = found.mail
    return Payload(
        Outcome.IGNORED if found.ignored else Outcome.MESSAGE,
        found.ignored.value if found.ignored else None,
        door.thread_of(found, Envelope(), addresses),
        (mail.from_.address, mail.from_.name),
        found.written.visible,
        found.written.full,
        tuple((file.name, file.type, len(file.content)) for file in mail.attachments),
    )


async def _take(raw: bytes, mailroom: "Mailroom", payload: Payload) -> Payload:
    from channels.email.mail import Envelope

    return replace(payload, thread=(await mailroom.receive(raw, Envelope())).thread)
