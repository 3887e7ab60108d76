"""A mailbox as a desk: every case is a mail thread there, and operators work it by answering.

An operator's mail acts only from an address that the owner linked to that operator, when somebody vouches for it,
and through the case's own signed address. Whatever else comes there stays inside, as a note.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from channels.base import Sent
from channels.email import parse
from channels.email.addresses import Addresses, short
from channels.email.desk import parse as desk_parse
from channels.email.desk import render as desk_render
from channels.email.letters.outgoing import Outgoing
from channels.email.letters.render import File, Letter, compose, to_bytes
from channels.email.mail import Address, Envelope, Mail, Trust, Written
from channels.parts import case_of, message_of
from channels.patience import patiently
from core.case import Case
from core.delivery import DeliveryState, Part
from core.desk import Operator
from core.errors import ThreadlineError
from core.ids import CaseId, FileId, MessageId, OperatorId, ThreadKey
from core.messages import Author, DeskAction, DeskEvent, IgnoredBecause, InboundIgnored, Message
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import REFUSED, Receipt
from core.store.store import Store

log = structlog.get_logger()

_TOLD = 10.0  # seconds that an operator's action may take before its answer


class EmailDesk:
    """The mailbox `mailbox` (an address, or a list's) as a desk named 'email:MAILBOX'."""

    deduplicates = True

    def __init__(
        self, store: Store, files: Files, addresses: Addresses, outgoing: Outgoing, mailbox: str, clock: Clock
    ) -> None:
        self.name = f"email:{mailbox}"
        self._store = store
        self._bytes_of: Callable[[FileId], Awaitable[bytes]] = files.read
        self._addresses = addresses
        self._outgoing = outgoing
        self._mailbox = mailbox
        self._clock = clock

    def enclose_from(self, content: Callable[[FileId], Awaitable[bytes]]) -> None:
        """Take the files of mails from `content`, which raises as `Files.read` does, and for one that is refused."""
        self._bytes_of = content

    async def show_card(self, part: Part) -> Sent:
        """Mail the case, and later what changed: its state, and a new suggestion. Raises as `Channel.send`."""
        case = await self._case(part)
        now = _version(case)
        if not part.desk_thread:
            said = await self._store.cases.messages(case)
            card = desk_render.card(case, said, await self._store.facts_about(case.thread))
            text = "\n\n".join(filter(None, (card, desk_render.suggestion(case))))
            await self._mail(case, "root", text, files=await self._content(said))
        elif (shown := part.desk_thread) != now:
            text = await self._news(case, shown, now)
            if text:
                await self._mail(case, f"u_{short(case.id, now)}", text)
        return Sent(platform_id=now)

    async def _news(self, case: Case, shown: str, now: str) -> str:
        blocks = []
        if shown.partition(".")[0] != now.partition(".")[0]:
            blocks.append(desk_render.news(case, await self._holder(case)))
        if shown.partition(".")[2] != now.partition(".")[2]:
            blocks.append(desk_render.suggestion(case))
        return "\n\n".join(filter(None, blocks))

    async def _holder(self, case: Case) -> str:
        names = {operator.id: operator.name for operator in await self._store.credentials.operators()}
        return names.get(case.thread.owner.operator or OperatorId(""), "")

    async def post_line(self, part: Part) -> Sent:
        """Mail what the customer or a colleague wrote, or how they changed it.

        An operator's words to the customer come once it is known what became of them.
        """
        case, message = await self._case(part), message_of(part)
        changed = message.withdrawn or message.changed_at is not None
        if message.author is Author.OPERATOR and not changed:
            return Sent(platform_id=message.id)
        if changed:
            text, name = desk_render.changed(message), f"{message.id}_{short(part.id)[:8]}"
        else:
            text, name = desk_render.spoken(message), message.id
        await self._mail(case, name, text, files=await self._content([message]))
        return Sent(platform_id=message.id)

    async def show_outcome(self, part: Part) -> Sent:
        """Mail an operator's message to the customer with what became of it, once all of it is known."""
        case, message = await self._case(part), message_of(part)
        if any(fate.state is DeliveryState.WAITING for fate in part.fates):
            return Sent()
        text = desk_render.outcome(message, part.fates)
        await self._mail(case, f"{message.id}_{short(text)[:8]}", text)
        return Sent()

    async def remind(self, part: Part) -> Sent:
        """Mail the reminder."""
        await self._mail(await self._case(part), f"r_{short(part.id)}", desk_render.verbatim(part.text))
        return Sent()

    async def post_digest(self, part: Part) -> Sent:
        """Mail the day's digest or the week's report."""
        heading, text = part.headed
        letter = Letter(
            to=(Address(self._mailbox),),
            from_address=self._addresses.address,
            from_name="Threadline",
            message_id=self._addresses.message_id(f"digest_{short(part.key)}", "desk"),
            date=self._clock(),
            subject=heading,
            text_markdown=desk_render.verbatim(text),
            delivery=part.id,
            return_path=self._addresses.bounce(part.id),
            automatic="auto-generated",
        )
        return await self._send(letter)

    async def _case(self, part: Part) -> Case:
        return await self._store.cases.get(case_of(part))

    async def _content(self, said: Sequence[Message]) -> tuple[File, ...]:
        """The files of these messages. A case does not wait for long for one: the web desk has it once it is there."""
        found = []
        for file in (file for message in said for file in message.files):
            try:
                content = await patiently(lambda file=file: self._bytes_of(file.id))  # type: ignore[misc]
                found.append(File(file.name, file.type, content))
            except (LookupError, ThreadlineError) as no:
                log.warning("file_not_mailed", file=file.id, why=str(no))
        return tuple(found)

    async def _mail(
        self, case: Case, name: str, text: str, *, files: tuple[File, ...] = (), to: str = "", answers: str = ""
    ) -> Sent:
        """Mail `text` into the case's thread, to the desk or to one operator (`to`) whose mail it answers.

        The mail `name` is the same however often it is sent.
        """
        root = self._addresses.message_id("root", case.id)
        own = self._addresses.message_id(name, case.id)
        return await self._send(
            Letter(
                to=(Address(to or self._mailbox),),
                from_address=self._addresses.address,
                from_name=f"{desk_render.customer(case)} (#{case.number})",
                message_id=own,
                date=self._clock(),
                subject=desk_render.subject(case),
                text_markdown=text,
                delivery=name,
                reply_to=self._addresses.case(case.id),
                return_path=self._addresses.address,
                in_reply_to="" if own == root else answers or root,
                references=() if own == root else (root, *([answers] if answers else [])),
                automatic="auto-generated",
                files=files,
            )
        )

    async def _send(self, letter: Letter) -> Sent:
        return await self._outgoing.send(
            to_bytes(compose(letter)), letter.return_path, [one.address for one in letter.to]
        )

    # Operators' mails

    def case_of(self, mail: Mail, envelope: Envelope) -> CaseId | None:
        """Return the case that the mail was written to, by its signed address or one of our ids."""
        named = self._addresses.case_of(parse.recipients(mail, envelope))
        if named:
            return named
        own = self._addresses.own((*mail.references, *mail.in_reply_to))
        return CaseId(own[1]) if own and own[1].startswith("c_") else None

    async def take(self, inbox: Inbox, came: "Came", case: CaseId) -> Receipt:
        """Do what an operator's mail asks for, and tell them in private what they have to know.

        Whoever is no operator, or can't be told from a forger, only leaves a note on the case.
        """
        operator = await self._operator(came)
        if operator is None:
            return await inbox.accept(await self._stranger(came, case))
        asked = desk_parse.read(came.written.visible.strip())
        if isinstance(asked, str):
            await self._tell(case, came, asked)
            asked = desk_parse.Asked(DeskAction.NOTE, came.written.visible)
        event = await self._event(came, case, operator, asked)
        receipt = await inbox.accept(event)
        told = await inbox.told(event, receipt, _TOLD)
        if told.result or told.state == REFUSED or came.notes:
            await self._tell(case, came, "\n\n".join(filter(None, (told.result, came.notes))))
        return told

    async def _operator(self, came: "Came") -> Operator | None:
        known = await self._store.credentials.operator_of(f"{parse.CHANNEL}:{came.mail.from_.address}")
        return known if known and known.active and came.trust.verified else None

    async def _stranger(self, came: "Came", case: CaseId) -> InboundIgnored:
        words = " ".join(came.written.visible.split())[:500]
        note = (
            f"{came.mail.from_.address} wrote to this case's address and is not known here as an operator, or nobody "
            f"vouches for that address ({came.trust.sentence}) It stays inside: “{words}”"
        )
        key = (await self._store.cases.get(case)).thread.key
        return InboundIgnored(key, parse.event_id(came.mail), IgnoredBecause.UNAUTHENTIC, note)

    async def _event(self, came: "Came", case: CaseId, operator: Operator, asked: desk_parse.Asked) -> DeskEvent:
        text = asked.text
        if asked.draft:
            suggested = (await self._store.cases.get(case)).suggestion
            text = suggested.text if suggested else ""
        return DeskEvent(
            case,
            _id_of(came.mail.message_id) or parse.event_id(came.mail),
            operator.id,
            operator.name,
            asked.action,
            text,
            to=await self._colleague(asked.colleague),
            outcome=asked.outcome,
            message=await self._about(came.mail, case),
            files=came.files,
        )  # `desk` stays the web's: the others here have not seen this mail yet

    async def _colleague(self, name: str) -> OperatorId | None:
        operators = await self._store.credentials.operators()
        return next((o.id for o in operators if o.active and o.name.casefold() == name.casefold()), None)

    async def _about(self, mail: Mail, case: CaseId) -> MessageId | None:
        """Return the message that the mail answers: the one that our mail was about, or the operator's own."""
        for answered in reversed((*mail.references, *mail.in_reply_to)):
            own = self._addresses.own([answered])
            if own and (named := desk_parse.message_in(own[0])):
                return named
            written = await self._store.receipts.message_of(ThreadKey("desk", case, ""), _id_of(answered))
            if written:
                return written
        return None

    async def _tell(self, case: CaseId, came: "Came", words: str) -> None:
        """Answer the operator alone. It is a courtesy: what they did is stored, whether this arrives or not."""
        name = f"told_{short(came.mail.message_id, words)}"
        try:
            await self._mail(
                await self._store.cases.get(case),
                name,
                desk_render.verbatim(words),
                to=came.mail.from_.address,
                answers=came.mail.message_id,
            )
        except ThreadlineError as away:
            log.warning("operator_not_told", case=case, error=str(away))


@dataclass(frozen=True, slots=True)
class Came:
    """A mail that came to a case's address: read, with its files saved and its sender looked at.

    `notes` say which files were not kept.
    """

    mail: Mail
    written: Written
    trust: Trust
    files: tuple[FileId, ...] = ()
    notes: str = ""


def _id_of(message_id: str) -> str:
    """Return the event id of an operator's mail, under which a later one finds what it answers."""
    return short("desk mail", message_id) if message_id else ""


def _version(case: Case) -> str:
    """What a mail about the case has shown: who has it, and which suggestion stood there."""
    words = case.suggestion.text if case.suggestion else ""
    return f"{case.thread.epoch}{'' if case.is_open else 'x'}.{short(words)[:8] if words else ''}"
