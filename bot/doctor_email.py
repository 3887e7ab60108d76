"""What the doctor looks at of email: the way out, the ways in, the key that signs."""

import asyncio
import socket
from collections.abc import AsyncIterator

from bot.check import Check
from bot.settings import Settings
from channels.email.doors.imap import ImapPickup
from channels.email.letters.outgoing import DkimKey, Outgoing
from channels.email.mail import Envelope
from core.errors import SetupError, ThreadlineError


async def examine_email(settings: Settings, *, serving: bool) -> AsyncIterator[Check]:
    """Yield one check for each way that mail takes; nothing is sent and nothing is fetched."""
    yield await _out(settings)
    if settings.email_imap_url:
        yield await _mailbox(settings)
    if settings.email_listen:
        yield _door(settings, serving=serving)
    if not (settings.email_imap_url or settings.email_listen):
        fix = "Set EMAIL_IMAP_URL or EMAIL_LISTEN, unless a mail server pipes into: threadline deliver"
        yield Check("email in", "off", "nothing brings mail in", fix)
    if settings.email_dkim_key:
        yield _signs(settings)


async def _out(settings: Settings) -> Check:
    try:
        outgoing = Outgoing(settings.email_smtp_url, hello=settings.email_address.rpartition("@")[2])
        try:
            await outgoing.probe()
        finally:
            await outgoing.close()
    except ThreadlineError as error:
        return Check("email out", "broken", str(error), "Check EMAIL_SMTP_URL, and that this machine may reach it.")
    return Check("email out", "ok", f"the mail server takes mail from {settings.email_address}")


async def _mailbox(settings: Settings) -> Check:
    async def receive(raw: bytes, envelope: Envelope) -> None:
        raise NotImplementedError

    try:
        waiting = await asyncio.to_thread(ImapPickup(settings.email_imap_url, receive).probe)
    except ThreadlineError as error:
        return Check("email in", "broken", str(error), "Check EMAIL_IMAP_URL: user, password, host and folder.")
    return Check("email in", "ok", f"the mailbox can be opened; {waiting} unseen in it")


def _door(settings: Settings, *, serving: bool) -> Check:
    host, _, port = settings.email_listen.rpartition(":")
    if serving:
        return Check("email door", "ok", f"{settings.email_listen}, {settings.email_protocol}")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            found = f"{settings.email_listen} can't be used: {error.strerror}"
            return Check("email door", "broken", found, "Stop the program that uses it, or set EMAIL_LISTEN anew.")
    return Check("email door", "ok", f"{settings.email_listen} is free for {settings.email_protocol}")


def _signs(settings: Settings) -> Check:
    domain = settings.email_address.rpartition("@")[2]
    try:
        if settings.email_dkim_key:
            DkimKey.read(settings.email_dkim_key, settings.email_dkim_selector, domain)
    except SetupError as error:
        return Check("email key", "broken", str(error), "Correct EMAIL_DKIM_KEY.")
    found = f"signs as {settings.email_dkim_selector}._domainkey.{domain}"
    return Check("email key", "ok", found, "Publish its public half there in the DNS.")
