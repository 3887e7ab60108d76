"""Wires email: the support address's channel and the doors that mail comes in by, from the settings."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web

from bot.home import Home
from bot.platforms import Parts
from bot.settings import Settings
from channels.email.addresses import Addresses
from channels.email.channel import EmailChannel
from channels.email.desk.channel import EmailDesk
from channels.email.doors.imap import ImapPickup
from channels.email.doors.smtp import SmtpDoor, SmtpSettings, Tls
from channels.email.letters.outgoing import DkimKey, Outgoing
from channels.email.mail import Envelope
from channels.email.mailroom import Mailroom
from channels.email.senders.resolver import Lookup
from channels.email.senders.trust import Authenticator
from core.errors import SetupError


@dataclass(frozen=True, slots=True)
class Email:
    """The email channel, wired. `running()` opens its doors and closes them."""

    addresses: Addresses
    channel: EmailChannel
    desks: Mapping[str, EmailDesk]
    mailroom: Mailroom
    outgoing: Outgoing
    authenticator: Authenticator
    door: SmtpDoor | None
    pickup: ImapPickup | None

    @property
    def line(self) -> str:
        """What the start prints of it."""
        door = f", taken in at port {self.door.port}" if self.door else ""
        return f"Mail        {self.addresses.address}{door}"

    def routes(self) -> Sequence[web.RouteDef]:
        """Return nothing: mail comes by doors of its own."""
        return ()

    async def close(self) -> None:
        """Do nothing: `running` has closed what it opened."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take mail in while this is open. Raises `SetupError` if the address to listen on is taken."""
        picking = asyncio.create_task(self.pickup.run()) if self.pickup else None
        try:
            if self.door:
                await self.door.start()
            yield
        finally:
            if self.door:
                await self.door.close()
            if picking:
                picking.cancel()
                await asyncio.gather(picking, return_exceptions=True)
            await self.outgoing.close()
            self.authenticator.close()


def make_email(parts: Parts, lookup: Lookup | None = None) -> Email:
    """Return the email channel; `lookup` asks the DNS, else this machine's name servers. Raises `SetupError`."""
    settings, home, store, files, clock = parts.settings, parts.home, parts.store, parts.files, parts.clock
    addresses = _addresses(settings, home)
    outgoing = Outgoing(settings.email_smtp_url, dkim=_dkim(settings, addresses), hello=addresses.domain)
    desks = {
        name: EmailDesk(store, files, addresses, outgoing, name.removeprefix("email:"), clock)
        for name in (settings.desk, settings.second_desk)
        if name.startswith("email:")
    }
    authenticator = Authenticator(
        trusted_server=settings.email_trusted_server,
        trusted_forwarders=settings.email_trusted_forwarders,
        lookup=lookup,
    )
    mailroom = Mailroom(
        store,
        files,
        parts.inbox,
        addresses,
        authenticator,
        clock,
        blocked=settings.email_blocked,
        hourly=settings.email_mails_per_hour,
        desk=next(iter(desks.values()), None),
    )

    async def receive(raw: bytes, envelope: Envelope) -> None:
        await mailroom.receive(raw, envelope)

    door = SmtpDoor(receive, _smtp(settings), accepts=addresses.is_ours) if settings.email_listen else None
    pickup = ImapPickup(settings.email_imap_url, receive) if settings.email_imap_url else None
    channel = EmailChannel(store, files, addresses, outgoing, company=settings.company)
    return Email(addresses, channel, desks, mailroom, outgoing, authenticator, door, pickup)


def _addresses(settings: Settings, home: Home) -> Addresses:
    return Addresses(settings.email_address, secret(settings, home.path / "email.key"))


def secret(settings: Settings, kept: Path) -> bytes:
    """Return what signs our addresses: the setting, or a key made once and kept in HOME."""
    if settings.email_secret:
        return settings.email_secret.encode()
    try:
        descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return kept.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        made = secrets.token_hex(32).encode()
        file.write(made)
    return made


def _dkim(settings: Settings, addresses: Addresses) -> DkimKey | None:
    if settings.email_dkim_key is None:
        return None
    try:
        pem = settings.email_dkim_key.read_bytes()
    except OSError as error:
        raise SetupError(f"EMAIL_DKIM_KEY={settings.email_dkim_key} can't be read: {error.strerror}.") from None
    return DkimKey(pem, settings.email_dkim_selector, addresses.domain)


def _own_servers(settings: Settings) -> tuple[str, ...]:
    """The addresses of the owner's mail servers: this machine's, and those that EMAIL_TRUSTED_SERVER names."""
    named = (word for word in settings.email_trusted_server.split()[1:] if word != "mailbox")
    return (*SmtpSettings().own_servers, *named)


def _smtp(settings: Settings) -> SmtpSettings:
    host, _, port = settings.email_listen.rpartition(":")
    user, _, password = settings.email_login.partition(":")
    return SmtpSettings(
        hostname=settings.email_address.rpartition("@")[2],
        host=host.strip("[]"),
        port=int(port),
        lmtp=settings.email_lmtp,
        tls=Tls.OFFERED if settings.email_tls_cert else Tls.OFF,
        certificate=str(settings.email_tls_cert or ""),
        key=str(settings.email_tls_key or ""),
        user=unquote(user),
        password=unquote(password),
        sign_in_required=bool(user),
        proxies=tuple(settings.email_proxies),
        own_servers=_own_servers(settings),
    )
