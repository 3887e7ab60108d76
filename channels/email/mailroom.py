"""The one door for mail, whatever brought it: SMTP, LMTP, a mailbox that is picked up, a pipe, a captured file.

`receive` returns once the mail is committed. In fixed order: read it; is it ours, a bounce, automatic, from
somebody blocked or over budget (then it is kept with its reason and never answered); who vouches for its
sender; which conversation it belongs to.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace

import structlog

from channels.email import gate, parse
from channels.email.addresses import Addresses, short
from channels.email.desk.channel import Came, EmailDesk
from channels.email.mail import Envelope, Mail, Trust, Written
from channels.email.mime import read as mime
from channels.email.senders.trust import Authenticator
from channels.email.visible import reply
from channels.notes import left_out, too_large
from core.addresses import MAX_MAILBOX
from core.errors import PermanentError
from core.ids import FileId
from core.messages import IgnoredBecause
from core.store.files import MAX_FILE, Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import Receipt
from core.store.store import Store
from core.thread import Thread

log = structlog.get_logger()

MAX_MAIL = 35 * 1024 * 1024
"""Bytes of one mail: files of 25 MB as mail carries them."""
_READ_HERE = 30_000  # bytes
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Read:
    """A mail, read: `ignored` is why it is not answered, and None if it is."""

    mail: Mail
    written: Written
    ignored: IgnoredBecause | None


def read(raw: bytes, envelope: Envelope, addresses: Addresses, blocked: Collection[str] = ()) -> Read:
    """Read `raw` and say whether it may be answered, as far as the mail itself tells. Slow for large mails."""
    mail = mime.read(raw)
    own = gate.Own(frozenset({addresses.address}), addresses.domain)
    ignored = gate.silent(mail, envelope, own)
    if ignored is None and addresses.delivery_of(parse.recipients(mail, envelope)):
        ignored = IgnoredBecause.AUTOMATIC  # people never see a return path: only programs answer it (RFC 3834, 4)
    people = (mail.from_.address, parse.answered(mail, addresses).address)
    if ignored is None and any(_is_blocked(one, blocked) for one in people):
        ignored = IgnoredBecause.BLOCKED
    return Read(mail, reply.written(mail), ignored)


def thread_of(found: Read, envelope: Envelope, addresses: Addresses) -> str:
    """Return the conversation that the mail goes on with, or the one it would begin."""
    named = parse.conversation(found.mail, envelope, addresses)
    return named or (parse.possible(found.mail) or [short(parse.event_id(found.mail))])[-1]


def _is_blocked(address: str, blocked: Collection[str]) -> bool:
    domain = address.rpartition("@")[2]
    return address in blocked or f"@{domain}" in blocked


def _about_sender(trust: Trust, mail: Mail) -> Trust:
    """The verdict, if it is about the very domain that the mail is answered to as its sender's."""
    domain = mail.from_.address.rpartition("@")[2]
    try:
        domain = domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        domain = ""
    if not trust.verified or (domain and trust.domain == domain):
        return trust
    return replace(trust, verified=False, sentence="Nobody vouches for this sender: the mail names several.")


class Mailroom:
    """Takes mail in for one support address.

    `blocked` are addresses ('kim@example.com') and domains ('@example.com') that are never answered; `hourly` is how
    many mails of one sender are taken up in an hour. `desk` gets what is written to a case's address.
    """

    def __init__(
        self,
        store: Store,
        files: Files,
        inbox: Inbox,
        addresses: Addresses,
        authenticator: Authenticator,
        clock: Clock,
        *,
        blocked: Collection[str] = (),
        hourly: int = 60,
        desk: EmailDesk | None = None,
    ) -> None:
        self._store = store
        self._files = files
        self._inbox = inbox
        self._addresses = addresses
        self._authenticator = authenticator
        self._clock = clock
        self._blocked = frozenset(blocked)
        self._hourly = hourly
        self._desk = desk

    async def receive(self, raw: bytes, envelope: Envelope) -> Receipt:
        """Take a mail in; it may come again.

        Raises `TemporaryError`, or `PermanentError` for one too large, or from an address too long to answer it.
        """
        if len(raw) > MAX_MAIL:
            raise PermanentError(f"The mail is larger than {MAX_MAIL // 1024 // 1024} MB.")
        found = await self._read(raw, envelope)
        mail = found.mail
        bounced = parse.bounce(mail, envelope, self._addresses)
        if bounced:
            try:
                return await self._inbox.accept(bounced)
            except LookupError:
                log.info("bounce_of_unknown_delivery", delivery=bounced.delivery)
        named = parse.conversation(mail, envelope, self._addresses)
        case = self._desk.case_of(mail, envelope) if self._desk else None
        ignored = found.ignored or (None if case else await self._over_budget(mail))
        if ignored:
            log.info("mail_ignored", reason=ignored.value, sender=mail.from_.address)
            return await self._inbox.accept(parse.ignored(mail, ignored, named, self._addresses))
        if not case and any(len(one) > MAX_MAILBOX for one in self._people(mail)):
            raise PermanentError(f"The sender's address has more than {MAX_MAILBOX} characters.")
        trust = _about_sender(await self._authenticator.check(raw, envelope), mail)
        if self._desk and case:
            came = Came(mail, found.written, trust, await self._save(mail), _notes(mail))
            return await self._desk.take(self._inbox, came, case)
        thread = await self._thread(mail, named)
        ours = thread is None or mail.from_.address in parse.participants(thread)
        rated = parse.rating(mail, found.written, thread) if thread and ours else None
        if rated:
            return await self._inbox.accept(rated)
        inbound = parse.message(
            mail,
            found.written,
            trust,
            self._addresses,
            thread=thread if ours else None,
            stranger_to=None if ours else thread,
            files=await self._save(mail),
            notes=_notes(mail),
            raw=await self._files.keep_raw(raw),
        )
        return await self._inbox.accept(inbound)

    async def _read(self, raw: bytes, envelope: Envelope) -> Read:
        """Read a mail here if that takes a moment (1.4 ms for 6 kB): many threads at once hold each other up."""
        if len(raw) <= _READ_HERE:
            return read(raw, envelope, self._addresses, self._blocked)
        return await asyncio.to_thread(read, raw, envelope, self._addresses, self._blocked)

    async def _over_budget(self, mail: Mail) -> IgnoredBecause | None:
        """Say whether the sender, or whom the mail has answered, had an hour's answers: whatever From says."""
        since = self._clock() - _HOUR
        for address in self._people(mail):
            customer = f"{parse.CHANNEL}:{address}"
            if await self._store.receipts.count_since(parse.CHANNEL, customer, since) >= self._hourly:
                return IgnoredBecause.OVER_BUDGET
        return None

    def _people(self, mail: Mail) -> set[str]:
        """Return who wrote the mail, and whom it has answered."""
        return {mail.from_.address, parse.answered(mail, self._addresses).address}

    async def _thread(self, mail: Mail, named: str | None) -> Thread | None:
        """Return the conversation that the mail goes on with: by our signed names, else by the customer's own ids."""
        names = [named] if named else parse.possible(mail)
        return await self._store.find_thread(*(parse.key(self._addresses, name) for name in names))

    async def _save(self, mail: Mail) -> tuple[FileId, ...]:
        """Keep the files of the mail that it may carry; of the others `_notes` tells."""
        kept = [file for file in mail.attachments[: parse.MOST_FILES] if len(file.content) <= MAX_FILE]
        saved = [await self._files.save(file.name, file.type, file.content, self._clock()) for file in kept]
        return tuple(file.id for file in saved)


def _notes(mail: Mail) -> str:
    """Return what operators read of what was not kept: a file too large by its name, those too many by their number."""
    taken, others = mail.attachments[: parse.MOST_FILES], mail.attachments[parse.MOST_FILES :]
    refused = [too_large(file.name, MAX_FILE) for file in taken if len(file.content) > MAX_FILE]
    counted = left_out(len(others), parse.MOST_FILES)
    return " ".join(filter(None, (*refused, counted, parse.NOT_READ if mail.left_out else "")))
