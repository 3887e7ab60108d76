"""A mail that was read becomes what the inbox takes. Pure: what has to be looked up comes in as arguments."""

import hashlib
import re
from collections.abc import Mapping

from channels.email.addresses import Addresses, short
from channels.email.letters.headers import one_line
from channels.email.mail import Address, Envelope, Mail, ReportKind, Trust, Written
from channels.email.mime.read import CUT
from core.addresses import mailbox
from core.ids import DeliveryId, FileId, ThreadKey
from core.messages import IgnoredBecause, InboundBounce, InboundIgnored, InboundMessage, InboundRating
from core.thread import Thread

CHANNEL = "email"
MAX_VISIBLE = 20_000  # characters of what is answered; the full text keeps the rest
MAX_FULL = 200_000
MOST_FILES = 20
MOST_PEOPLE = 20  # who may stand in Cc of an answer
MOST_REFERENCES = 20
NOT_READ = f"[{CUT.removesuffix('.')}]"
"""What operators read below a mail that is only read in part."""
_SCORE = re.compile(r"\s*([1-5])(?:\s*/\s*5)?\s*[.!]?\s*")
_MOST_KNOWN = 100  # participants of one conversation
_MOST_NAME = 200  # as our tables have room for
_MOST_SUBJECT = 300


def event_id(mail: Mail) -> str:
    """Return the id of this mail: the same for a copy of it, and another for another mail under its Message-ID."""
    whole = hashlib.sha256()
    for part in (mail.message_id, mail.from_.address, str(mail.date), mail.subject, mail.text, mail.html):
        whole.update(part.encode("utf-8", "surrogatepass") + b"\0")
    for file in mail.attachments:
        whole.update(hashlib.sha256(file.content).digest())
    return whole.hexdigest()


def recipients(mail: Mail, envelope: Envelope) -> list[str]:
    """Return whom the mail was sent to: the envelope's recipients, then To and Cc."""
    return [*envelope.recipients, *(one.address for one in (*mail.to, *mail.cc))]


def conversation(mail: Mail, envelope: Envelope, addresses: Addresses) -> str | None:
    """Return the conversation that the mail belongs to by our own signed addresses and ids, or None."""
    named = addresses.conversation_of(recipients(mail, envelope))
    if named:
        return named
    own = addresses.own((*mail.references, *mail.in_reply_to))
    return own[1] if own else None


def begun(message_id: str) -> str:
    """Return the name of the conversation that the customer's mail `message_id` begins."""
    return short("begun", message_id)


def possible(mail: Mail) -> list[str]:
    """Return the conversations that the mail may go on with by customers' own ids: the newest it names first.

    Somebody who answers their own mail names none of ours.
    """
    named = (*mail.references, *mail.in_reply_to, mail.message_id)
    return [begun(one) for one in reversed(list(dict.fromkeys(named))) if one]


def key(addresses: Addresses, name: str) -> ThreadKey:
    """Return the thread key of the conversation `name`."""
    return ThreadKey(CHANNEL, addresses.address, name)


def participants(thread: Thread) -> frozenset[str]:
    """Return the addresses of those who take part in `thread`; its customer does from the start."""
    known = thread.route.get("participants")
    others = (str(one) for one in known) if isinstance(known, list) else ()
    return frozenset((thread.customer.removeprefix(f"{CHANNEL}:"), *others))


def message(
    mail: Mail,
    written: Written,
    trust: Trust,
    addresses: Addresses,
    *,
    thread: Thread | None,
    stranger_to: Thread | None = None,
    files: tuple[FileId, ...] = (),
    notes: str = "",
    raw: FileId | None = None,
) -> InboundMessage:
    """Return the customer's message.

    `thread` is the conversation it goes on with, None for a new one; `stranger_to` the one whose address was
    used by somebody who takes no part in it; `notes` say which of its files are not among `files`; `raw` is where the
    whole mail is kept. Where answers go to another address than From, they go to whom that form, or that person, wrote
    for: it is that one's conversation, and nobody vouches for them.
    """
    event = event_id(mail)
    to = answered(mail, addresses, thread, verified=trust.verified)
    verified = trust.verified and to.address == mail.from_.address
    text = written.visible.strip()
    if not text and not files:
        text = mail.unreadable or mail.subject or notes
    sentences = [trust.sentence]
    if to.address != mail.from_.address:
        where = one_line(to.address, _MOST_NAME)
        sentences.append(f"Answers go to {where}, as the mail asks; nobody vouches for that address.")
    if stranger_to:
        sentences.append(
            f"This sender takes no part in the conversation “{stranger_to.subject or stranger_to.id}”, "
            "whose reply address they used: this is a new one."
        )
    route = _route(mail, to, addresses, thread, verified=trust.verified)
    return InboundMessage(
        key=thread.key if thread else key(addresses, _new(mail, event, stranger_to)),
        event_id=event,
        customer=f"{CHANNEL}:{to.address}",
        text=_cut(text, MAX_VISIBLE),
        name=one_line(to.name or mail.from_.name, _MOST_NAME) or to.address.partition("@")[0],
        verified=verified,
        files=files,
        full="\n\n".join(filter(None, (_cut(written.full, MAX_FULL), notes))),
        subject=one_line(mail.subject, _MOST_SUBJECT),
        trust=" ".join(sentences),
        email=mailbox(mail.from_.address) if verified else "",
        alone=not route["cc"],
        route=route,
        raw={"file": raw} if raw else {},
    )


def rating(mail: Mail, written: Written, thread: Thread) -> InboundRating | None:
    """Return the answer to the survey after the thread's last case, if the mail is nothing but a number from 1 to 5."""
    asked = thread.resolved is not None and thread.case is None and thread.resolved.case == thread.surveyed
    said = _SCORE.fullmatch(written.visible)
    if not (asked and said) or mail.attachments:
        return None
    return InboundRating(thread.key, event_id(mail), int(said[1]), case=thread.surveyed)


def _new(mail: Mail, event: str, stranger_to: Thread | None) -> str:
    """A stranger may have used the Message-ID of another's mail: their conversation gets a name of its own."""
    return begun(mail.message_id) if mail.message_id and not stranger_to else short(event)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}\n[...]"


def answered(mail: Mail, addresses: Addresses, thread: Thread | None = None, *, verified: bool = False) -> Address:
    """Return whom an answer to the mail goes to.

    Somebody that nobody vouches for may be a forger: they turn no answer of a conversation that others began to another
    address.
    """
    known = participants(thread) if thread else frozenset()
    others = (one for one in mail.reply_to if one.address and not addresses.is_ours(one.address))
    return next((one for one in others if verified or thread is None or one.address in known), mail.from_)


def _route(
    mail: Mail, to: Address, addresses: Addresses, thread: Thread | None, *, verified: bool
) -> dict[str, object]:
    """What an answer needs: whom it goes to, what it answers, and who else is in the conversation.

    Somebody that nobody vouches for brings nobody into a conversation, and gives one of others no subject.
    """
    known = participants(thread) if thread else frozenset()
    copied = dict.fromkeys(one.address for one in (*mail.to, *mail.cc) if verified or one.address in known)
    others = [one for one in copied if one and not addresses.is_ours(one)]
    others = [one for one in others if one not in {to.address, mail.from_.address}]
    subject = mail.subject if verified or thread is None else thread.subject
    everyone = {*known, mail.from_.address, to.address, *others}
    return {
        "to": [to.address, to.name or mail.from_.name],
        "cc": others[:MOST_PEOPLE],
        "in_reply_to": mail.message_id,
        "references": references(mail),
        "subject": one_line(subject, _MOST_SUBJECT),
        "participants": sorted(everyone)[:_MOST_KNOWN],
    }


def references(mail: Mail) -> list[str]:
    """Return the References of an answer: the mail's own, its first kept and the newest, and then the mail itself."""
    chain = [one for one in dict.fromkeys((*(mail.references or mail.in_reply_to), mail.message_id)) if one]
    return chain if len(chain) <= MOST_REFERENCES else [chain[0], *chain[1 - MOST_REFERENCES :]]


def bounce(mail: Mail, envelope: Envelope, addresses: Addresses) -> InboundBounce | None:
    """Return which of our mails did not arrive, if `mail` says so for good and names one by a signed address or id."""
    report = mail.report
    if report is None or report.kind is not ReportKind.FAILED:
        return None
    delivery = addresses.delivery_of(recipients(mail, envelope))
    if delivery is None and (own := addresses.own([report.original_id])):
        delivery = DeliveryId(own[0])
    if delivery is None:
        return None
    detail = " ".join(f"{report.recipient} {report.status} {report.detail}".split())[:500]
    return InboundBounce(delivery, event_id(mail), detail or "The mail server gave no reason.")


def ignored(mail: Mail, reason: IgnoredBecause, named: str | None, addresses: Addresses) -> InboundIgnored:
    """Return what is kept of a mail that is never answered; `named` is the conversation it belongs to."""
    event = event_id(mail)
    words = " ".join((mail.text or mail.subject).split())
    note = f"An automatic mail came from {mail.from_.address or 'nobody'} and was not answered: “{words[:300]}”"
    return InboundIgnored(key(addresses, named or short(event)), event, reason, note, _about(mail))


def _about(mail: Mail) -> dict[str, object]:
    about: Mapping[str, str] = {"from": mail.from_.address, "subject": mail.subject, "message_id": mail.message_id}
    return {name: value[:500] for name, value in about.items()}
