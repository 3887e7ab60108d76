"""Mail to customers: a part becomes a letter, and the letter is sent. Called by `bot.sending`.

A message is one mail: its files travel with its words. A mail has the same Message-ID at each attempt, so one
that was sent twice after a crash is shown once.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import takewhile

from channels.base import Content, Sent
from channels.email.addresses import Addresses
from channels.email.letters.outgoing import Outgoing
from channels.email.letters.render import File, Letter, compose, to_bytes
from channels.email.mail import Address
from channels.email.parse import CHANNEL, MOST_FILES, NOT_READ
from channels.notes import notes_of
from channels.parts import message_of, thread_of
from core import wording
from core.delivery import Part, PartKind
from core.errors import PermanentError
from core.ids import FileId
from core.messages import Author, Message
from core.store.files import Files
from core.store.store import Store
from core.thread import Thread
from core.wording import Line

_QUOTED = 2_000  # characters of the customer's own words below an answer
_WITH_WORDS = "It was to go with its words, which did not arrive."


class EmailChannel:
    """The support mailbox as a channel."""

    name = CHANNEL
    deduplicates = True
    live = False

    def __init__(
        self,
        store: Store,
        files: Files,
        addresses: Addresses,
        outgoing: Outgoing,
        *,
        company: str,
        person_link: Callable[[Thread], str] = lambda thread: "",
    ) -> None:
        """`person_link` gives the address of the page that calls a person to a thread, or ''."""
        self._store = store
        self._content: Callable[[FileId], Awaitable[bytes]] = files.read
        self._addresses = addresses
        self._outgoing = outgoing
        self._company = company
        self._person_link = person_link

    def enclose_from(self, content: Callable[[FileId], Awaitable[bytes]]) -> None:
        """Take the files of mails from `content`, which raises as `Files.read` does, and for one that is refused."""
        self._content = content

    async def send(self, part: Part) -> Sent:
        """Send the message with its files to whoever takes part in the conversation. Raises as `Channel.send`."""
        message = message_of(part)
        return await self._send(part, await self._readable(message) if part.kind is PartKind.TEXT else ())

    async def send_file(self, part: Part, content: Content) -> Sent:
        """A file went with its words; one without words goes in a mail of its own. Raises as `Channel.send`."""
        message = message_of(part)
        if part.file is None:
            raise PermanentError("There is no file.")
        body = await content()
        if message.text.strip():
            if not part.platform_id:
                raise PermanentError(_WITH_WORDS)
            return Sent(platform_id=part.platform_id)
        return await self._send(part, (File(part.file.name, part.file.type, body),))

    async def _readable(self, message: Message) -> tuple[File, ...]:
        """The message's files, for which the mail waits; one that can't be had fails as its own part."""
        found = []
        for file in message.files:
            try:
                found.append(File(file.name, file.type, await self._content(file.id)))
            except (LookupError, PermanentError):
                continue
        return tuple(found)

    async def _send(self, part: Part, files: tuple[File, ...]) -> Sent:
        letter = await self._letter(part, files)
        people = [one.address for one in (*letter.to, *letter.cc)]
        return await self._outgoing.send(to_bytes(compose(letter)), letter.return_path, people)

    async def _letter(self, part: Part, files: tuple[File, ...]) -> Letter:
        message, thread = message_of(part), thread_of(part)
        route, said = thread.route, await self._store.messages(thread.id)
        to = route.get("to")
        address, name = (str(one) for one in to) if isinstance(to, list) and len(to) == 2 else ("", "")
        from_bot, by_person = message.author is Author.BOT, message.author is Author.OPERATOR
        repeats = by_person or _is_known(thread, address)
        return Letter(
            to=(Address(address, name if repeats else ""),),
            cc=tuple(Address(one) for one in _strings(route.get("cc"))),
            from_address=self._addresses.address,
            from_name=self._company,
            person=message.name if by_person else "",
            message_id=self._addresses.message_id(part.id, thread.key.conversation),
            date=message.at,
            subject=str(route.get("subject") or thread.subject) if repeats else self._neutral(thread),
            text_markdown=message.text,
            delivery=part.id,
            reply_to=self._addresses.reply(thread.key.conversation),
            return_path=self._addresses.bounce(part.id),
            in_reply_to=str(route.get("in_reply_to") or ""),
            references=tuple(_strings(route.get("references"))),
            sources=message.citations,
            remark=_remark(message, thread, said),
            foot=wording.text(Line.MAIL_FOOT, thread.language) if from_bot else "",
            foot_link=self._person_link(thread) if from_bot else "",
            quoted=_quoted(message, thread, said) if repeats else None,
            automatic="" if by_person else "auto-replied",
            files=files,
            language=thread.language,
        )

    def _neutral(self, thread: Thread) -> str:
        return wording.text(Line.MAIL_SUBJECT, thread.language, company=self._company)


def _is_known(thread: Thread, address: str) -> bool:
    """Whether a mail to `address` goes to who wrote all of `thread`, and somebody vouches for them.

    To nobody else do we repeat by ourselves what stands in a mail, be it a subject or a name: with a forged From our
    mail would carry a stranger's words.
    """
    return thread.verified and thread.customer == f"{CHANNEL}:{address}"


def _quoted(message: Message, thread: Thread, said: Sequence[Message]) -> tuple[str, str] | None:
    """Return the customer's last words before `message`, under a line that says whose they are."""
    if message.author is Author.SYSTEM:
        return None
    asked = [m for m in said if m.author is Author.CUSTOMER and m.seq < message.seq and m.text]
    if not asked:
        return None
    name = asked[-1].name or thread.customer_name
    return wording.text(Line.MAIL_WROTE, thread.language, customer=name), asked[-1].text[:_QUOTED]


def _remark(message: Message, thread: Thread, said: Sequence[Message]) -> str:
    """Return what `message` says beside its words: that of the mails it answers not all files were kept.

    Too many or too large, it is one sentence without their names: those are a stranger's words, too.
    """
    before = [m for m in said if m.seq < message.seq and m.author is not Author.NOTE and not m.presence]
    answered = takewhile(lambda m: m.author is Author.CUSTOMER, reversed(before))
    left_out = any(notes_of(one) not in {"", NOT_READ} for one in answered)
    return wording.text(Line.FILES_LEFT_OUT, thread.language, most=str(MOST_FILES)) if left_out else ""


def _strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
