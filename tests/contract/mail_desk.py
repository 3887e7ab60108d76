"""Operators who work from their mailboxes: they read the team's mail, answer it, and get private words of their own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

from channels.email.addresses import Addresses
from channels.email.desk.channel import _id_of
from channels.email.mail import Mail
from channels.email.mime import read as mime
from channels.recording import WITHIN, RecordingChannel, until
from channels.testing import Card, OperatorHand, Seen
from core.ids import CaseId, OperatorId, ThreadKey
from core.messages import DeskAction, Resolution
from tests.contract.mail import SUPPORT, post, read_plain, vouched
from tests.contract.programs import Program
from tests.fakes.smtp_server import SmtpServer

TEAM = "team@larkfield.example"
_COMMANDS = {DeskAction.HAND_BACK: "bot"}
_STATES = {"holds this case.": "held", "This case is resolved": "resolved", "is free.": "unclaimed"}
_SPOKEN = re.compile(r"^(?P<who>.+) \(\d\d \w{3} \d\d:\d\d UTC\)$", re.MULTILINE)
_FATE = re.compile(r"^- (?:Message|File (?P<file>.*?)): (?P<state>[a-z]+)\.(?P<error>.*)$", re.MULTILINE)


@dataclass
class _Thread:
    """What the mails of one case have shown so far."""

    card: str = ""
    state: str = "unclaimed"
    lines: dict[str, Seen] = field(default_factory=dict)
    mails: dict[str, Mail] = field(default_factory=dict)
    suggestion: tuple[str, list[str]] = ("", [])


class MailHand:
    """An operator with a mailbox, who reads the team's."""

    def __init__(self, kit: "MailDeskKit", id_: OperatorId, name: str) -> None:
        self._kit = kit
        self.id = id_
        self.name = name
        self.address = f"{name.lower()}@larkfield.example"

    async def cards(self) -> list[Card]:
        return [Card(case, thread.state, thread.card) for case, thread in self._kit.read().items() if thread.card]

    async def lines(self, case: CaseId) -> list[Seen]:
        return list(self._kit.read()[case].lines.values())

    async def press(
        self,
        case: CaseId,
        action: DeskAction,
        text: str = "",
        *,
        to: OperatorId | None = None,
        outcome: Resolution = Resolution.SOLVED,
        line: str = "",
        repeat: bool = False,
    ) -> str:
        words = text
        if action is DeskAction.ASSIGN:
            words = await self._kit.name_of(to)
        elif action is DeskAction.RESOLVE:
            words = outcome.value
        answers = ""
        if line:
            thread = self._kit.read()[case]
            key = next(key for key, seen in thread.lines.items() if seen.text == line)
            answers = thread.mails[key].message_id
        raw, message_id = self._mail(case, f"#{_COMMANDS.get(action, action.value)} {words}", answers=answers)
        for _ in range(2 if repeat else 1):
            await self._post(raw)
        return await self._told(case, message_id)

    async def write(self, case: CaseId, text: str, *, file: tuple[str, bytes] | None = None) -> str:
        return await self._told(case, await self.encloses(case, text, *([file] if file else [])))

    async def encloses(self, case: CaseId, text: str, *files: tuple[str, bytes]) -> str:
        """Write a mail with files; return its Message-ID."""
        raw, message_id = self._mail(case, text, files=files)
        await self._post(raw)
        return message_id

    def _mail(
        self, case: CaseId, text: str, *, answers: str = "", files: Sequence[tuple[str, bytes]] = ()
    ) -> tuple[bytes, str]:
        message = EmailMessage()
        message["From"] = f"{self.name} <{self.address}>"
        message["To"] = self._kit.addresses.case(case)
        message["Message-ID"] = make_msgid(domain="larkfield.example")
        message["Subject"] = "Re: the case"
        if answers:
            message["In-Reply-To"] = f"<{answers}>"
        message.set_content(text)
        for name, content in files:
            message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
        return vouched(message), str(message["Message-ID"]).strip("<>")

    async def _post(self, raw: bytes) -> None:
        await post(self._kit.program, raw, self.address, [mime.read(raw).to[0].address])

    async def _told(self, case: CaseId, message_id: str) -> str:
        """The private word: a mail to this operator alone, which answers theirs."""
        key = ThreadKey("desk", case, "")

        async def settled() -> tuple[str, str] | None:
            found = await self._kit.store.receipts.result_of(key, _id_of(message_id))
            return found if found and found[0] != "waiting" else None

        state, result = await until(settled, WITHIN)
        return await self.private_word(message_id) if result or state == "refused" else ""

    async def private_word(self, message_id: str) -> str:
        """Return what the mail says that answers a mail of this operator's, once it is there."""

        async def came() -> str | None:
            private = (h.raw for h in self._kit.server.mails if h.recipients == [self.address])
            return next((read_plain(raw) for raw in private if message_id in mime.read(raw).in_reply_to), None)

        return await until(came)

    async def suggestion(self, case: CaseId) -> tuple[str, list[str]]:
        return self._kit.read()[case].suggestion

    async def called(self) -> list[str]:
        own = self._kit.addresses.own
        return [read_plain(raw) for mail, raw in self._kit.mails() if (own([mail.message_id]) or " ")[0][:2] == "r_"]


class MailDeskKit:
    """The program whose desk is the team's mailbox; its customers write on a channel that records."""

    def __init__(self, program: Program, channel: RecordingChannel, server: SmtpServer) -> None:
        self.program = program
        self.channel = channel
        self.server = server
        self.inbox = program.inbox
        self.store = program.store
        self.files = program.files
        self._known: dict[str, OperatorId] = {}
        self._mails: dict[str, tuple[Mail, bytes]] = {}
        self._seen = 0

    @property
    def addresses(self) -> Addresses:
        """The program's addresses."""
        assert self.program.threadline.platforms.email
        return self.program.threadline.platforms.email.addresses

    async def operator(self, name: str) -> MailHand:
        credentials = self.store.credentials
        if name not in self._known:
            operator, _ = await credentials.add_operator(name, self.program.clock())
            await credentials.link(name, f"email:{name.lower()}@larkfield.example")
            self._known[name] = operator.id
        return MailHand(self, self._known[name], name)

    async def remove(self, operator: OperatorHand) -> None:
        await self.store.credentials.revoke_operator(operator.name, self.program.clock())
        del self._known[operator.name]

    async def name_of(self, operator: OperatorId | None) -> str:
        """Return the name that an operator is assigned a case by."""
        return next((known.name for known in await self.store.credentials.operators() if known.id == operator), "")

    async def later(self, seconds: float) -> None:
        await self.program.later(seconds)

    def mails(self) -> list[tuple[Mail, bytes]]:
        """Return the team's mails, each once."""
        for handed in self.server.mails[self._seen :]:
            if TEAM in handed.recipients:
                mail = mime.read(handed.raw)
                self._mails.setdefault(mail.message_id, (mail, handed.raw))
        self._seen = len(self.server.mails)
        return list(self._mails.values())

    def read(self) -> dict[CaseId, _Thread]:
        """Read the team's mails, thread by thread."""
        threads: dict[CaseId, _Thread] = {}
        for mail, raw in self.mails():
            own = self.addresses.own([mail.message_id])
            if own and own[1].startswith("c_"):
                _read(threads.setdefault(CaseId(own[1]), _Thread()), own[0], mail, read_plain(raw))
        return threads


def _read(thread: _Thread, name: str, mail: Mail, text: str) -> None:
    if name == "root":
        card, _, said = text.partition("The conversation so far:\n\n")
        thread.card = f"{mail.subject}\n{card}"
        said = said.partition("\n\n---")[0]
        for n, words in enumerate(_lines(said)):
            thread.lines[f"said {n}"] = words
        text = text.partition("Answer this mail to work on the case.")[2]
    news = text.partition("\n\n")[0] if name.startswith("u_") else ""
    thread.state = next((state for sign, state in _STATES.items() if sign in news), thread.state)
    if "Suggested reply (" in text:
        body = text.partition("Suggested reply (")[2].partition("\n\n")[2]
        paragraphs = body.split("\n\n")
        titles = re.findall(r"^- \[\d+\] (.+)$", paragraphs[-1], re.MULTILINE)
        thread.suggestion = ("\n\n".join(paragraphs[:-1] if titles else paragraphs), titles)
    if not name.startswith("m_"):
        return
    key = name[:18]
    thread.mails[key] = mail
    head, _, body = text.partition("\n\n")
    if head.endswith("withdrew a message."):
        thread.lines[key] = replace(thread.lines.get(key, Seen("")), mark="withdrawn")
    elif head.endswith("edited a message:"):
        thread.lines[key] = replace(thread.lines.get(key, Seen("")), text=body, mark="edited")
    elif head.endswith("to the customer"):
        thread.lines[key] = _with_fates(body)
    else:
        thread.lines[key] = next(iter(_lines(text)))


def _lines(text: str) -> list[Seen]:
    """What was said, each under a line with a name and a time."""
    found = list(_SPOKEN.finditer(text))
    ends = [*(one.start() for one in found[1:]), len(text)]
    return [_seen(text[one.end() : end].strip("\n")) for one, end in zip(found, ends, strict=True)]


def _seen(body: str) -> Seen:
    words, *files = re.split(r"(?:^|\n\n)File: ", body)
    return Seen(words, files=tuple((name, "") for name in files))


def _with_fates(body: str) -> Seen:
    fates = list(_FATE.finditer(body))
    words = body[: fates[0].start()].rstrip("\n")
    own = next((fate for fate in fates if fate["file"] is None), fates[0])
    offers = tuple(word for word in ("check", "resend") if f"#{word}" in own["error"])
    error = own["error"].partition(" It may have arrived:")[0].partition(" Answer this mail")[0].strip()
    files = tuple((fate["file"], fate["state"]) for fate in fates if fate["file"] is not None)
    return Seen(words, outcome=own["state"], error=error, files=files, offers=offers)


def settings() -> dict[str, Any]:
    """Return the settings that make the team's mailbox the desk."""
    return {"desk": f"email:{TEAM}"}


__all__ = ["SUPPORT", "MailDeskKit", "MailHand", "settings"]
