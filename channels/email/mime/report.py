"""What mail servers and mail programs report about a mail of ours: not delivered, late, read, complained about.

`mime.py` calls `find`. Standard reports (RFC 3464, RFC 8098, RFC 5965) are read from their parts; older servers write
plain sentences, which count only where the head of the mail says that a server wrote it.
"""

import re
from collections.abc import Iterable, Sequence

from channels.email.mail import Address, Report, ReportKind
from channels.email.mime import head
from channels.email.mime.head import Fields
from channels.email.mime.parts import Part

PARTS = frozenset({
    "message/delivery-status", "message/global-delivery-status", "message/disposition-notification",
    "message/global-disposition-notification", "message/feedback-report", "text/rfc822-headers",
    "message/rfc822-headers", "message/global-headers",
})  # fmt: skip
"""Types of parts that say something about a mail and are no files."""

DAEMONS = frozenset({
    "mailerdaemon", "postmaster", "maildaemon", "mdaemon", "mailsystem", "maildeliverysystem", "maildeliverysubsystem",
    "majordomo", "listserv", "autoresponder", "autoreply",
})  # fmt: skip
"""Local parts of programs, without dots, dashes and underscores."""

_MOST_TEXT = 60_000
_MOST_TOLD = 3_000
_MOST_DETAIL = 600
_MOST_BLOCKS = 500

_ACTIONS = {
    "failed": ReportKind.FAILED, "failure": ReportKind.FAILED, "delayed": ReportKind.DELAYED,
    "delivered": ReportKind.DELIVERED, "relayed": ReportKind.DELIVERED, "expanded": ReportKind.DELIVERED,
}  # fmt: skip
_CLASSES = {"5": ReportKind.FAILED, "4": ReportKind.DELAYED, "2": ReportKind.DELIVERED}

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.-])([45])\d\d[ -]")
_ADDRESS = re.compile(r"[^\s<>\"'(),;:\[\]@]{1,64}@[^\s<>\"'(),;:\[\]@]{1,250}[^\s<>\"'(),;:\[\]@.]")
_ID = re.compile(r"^[ \t>]*message-id:[ \t]*(?:\r?\n[ \t]+)?<?([^\s<>]{3,900})>?", re.IGNORECASE | re.MULTILINE)
_TO = re.compile(r"^[ \t>]*to:[ \t]*(.{3,900})$", re.IGNORECASE | re.MULTILINE)
_SPACE = re.compile(r"\s+")
_SEPARATORS = re.compile(r"[-_.\s]+")

_FAILED = re.compile(
    r"undeliver|returned mail|return(ed|ing) (message )?to sender|failure notice|failed|failure|not delivered|"
    r"(couldn.?t|could not|can.?t|cannot|unable to|not) be delivered|delivery (has )?(status|problem|error|report)|"
    r"bounce|mail (error|system error)|rejected|blocked|user unknown|host unknown|unzustellbar|non remis|"
    r"no se pudo entregar|non recapitabile|não entregue|не ?доставлен|送信できません|配信",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"delayed|\(delay\)|warning|still being retried|will (be retried|keep trying|retry)|temporar|verzögert|"
    r"cannot send message for \d+ hours",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"(could ?n.t|could not|can.?t|cannot|unable to|trouble|fail\w*|not) (be )?deliver|did not reach|no such user|"
    r"user unknown|unknown user|invalid (user|recipient)|permanent(ly)? (error|fail)|mailbox (is )?full|"
    r"refused to accept|undeliverable",
    re.IGNORECASE,
)
_NOT_REACHED = re.compile(
    r"following (recipient|address)|did not reach|delivered to|deliver(y)? to|failed", re.IGNORECASE
)
_COPY = re.compile(
    r"^[- >]*(this is a copy of|original message|returned message|unsent message|the body of the message|"
    r"message header|below this line is a copy|forwarded: )",
    re.IGNORECASE | re.MULTILINE,
)
_SAID = re.compile(
    r"said:|said =|remote host|smtp error|error message|reason:|diagnostic|(?<![\d.-])[45]\d\d[ -]", re.IGNORECASE
)


def find(fields: Fields, from_: Address, parts: Sequence[Part], text: str) -> Report | None:
    """Return what the mail reports, None if it is no report. `text` is its plain text."""
    returned = _returned(parts)
    for part in parts:
        if part.mail or part.type not in PARTS:
            continue
        if part.type.endswith("delivery-status"):
            return _delivery(part, fields, returned, text)
        if part.type.endswith("disposition-notification"):
            return _disposition(_block(part.content), returned)
        if part.type == "message/feedback-report":
            return _feedback(_block(part.content), returned)
    if written_by_server(fields, from_, text):
        return _in_words(fields, returned, text)
    if _kind_of_report(fields) == "delivery-status":
        return _in_words(fields, returned, text)
    if head.content_type(fields)[0] == "multipart/report":
        return Report(ReportKind.OTHER, "", "", "", *_about(returned))
    return None


def is_daemon(address: Address | str) -> bool:
    """Say whether a mail server or a list program writes under this address."""
    written = address if isinstance(address, str) else address.address or address.name
    local = _SEPARATORS.sub("", written.strip("<> ").split("@")[0].lower())
    return local in DAEMONS


def written_by_server(fields: Fields, from_: Address, text: str) -> bool:
    """Say whether it is a bounce: failed recipients in the head, or a server's address with the words of a failure."""
    if fields.raw("x-failed-recipients"):
        return True
    path = fields.all("return-path")
    daemon = is_daemon(from_) or any(one.strip() in {"<>", ""} or is_daemon(one) for one in path)
    if not daemon:
        return False
    subject = fields.text("subject")
    return bool(_FAILED.search(subject) or _DELAYED.search(subject) or _TOLD.search(_own_words(text)[:_MOST_TOLD]))


def _kind_of_report(fields: Fields) -> str:
    kind, parameters = head.content_type(fields)
    return parameters.get("report-type", "").lower() if kind == "multipart/report" else ""


def _returned(parts: Iterable[Part]) -> Fields:
    """Return the head of the mail that is returned with the report, empty if there is none."""
    for part in parts:
        if part.enclosed is not None:
            return part.enclosed
        if part.type.endswith("headers") and part.type in PARTS:
            return head.split(part.content, 0, len(part.content))[0]
    return Fields()


def _about(returned: Fields, text: str = "", recipients: Iterable[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Return the Message-ID of the mail that a report is about, and whom that was sent to."""
    own = head.ids(returned.all("message-id")) or tuple(_ID.findall(text[-_MOST_TEXT:])[:1])
    to = tuple(one.address for one in head.addresses(returned.all("to") or _TO.findall(text)[:1]) if one.address)
    return (own[0] if own else ""), to or tuple(dict.fromkeys(filter(None, recipients)))


def _blocks(content: bytes) -> list[Fields]:
    found: list[Fields] = []
    at = 0
    while at < len(content) and len(found) < _MOST_BLOCKS:
        block, at = head.split(content, at, len(content))
        if block.lines:
            found.append(block)
        elif not content[at : at + 1].strip():
            at += 1
        else:
            break
    return found


def _block(content: bytes) -> Fields:
    """Return all fields of a report as one."""
    return Fields(tuple(line for block in _blocks(content) for line in block.lines))


def _typed(value: str) -> str:
    """Return 'rfc822; a@b' or 'smtp; 550 no' without its type."""
    kind, mark, rest = words(value).partition(";")
    return rest.strip() if mark and len(kind.split()) <= 1 else words(value)


def words(value: str) -> str:
    """Return a field as one line."""
    return _SPACE.sub(" ", head.words(value)).strip()


def _recipient(block: Fields) -> str:
    for name in ("final-recipient", "original-recipient", "x-actual-recipient"):
        if found := _ADDRESS.search(_typed(block.raw(name))):
            return found[0].lower()
    return ""


def _judged(block: Fields) -> ReportKind:
    action = words(block.raw("action")).lower().partition(" ")[0].strip(";,")
    status = _STATUS.search(block.raw("status")) or _STATUS.search(block.raw("diagnostic-code"))
    return _ACTIONS.get(action) or _CLASSES.get(status[1][0] if status else "", ReportKind.OTHER)


def _delivery(part: Part, fields: Fields, returned: Fields, text: str) -> Report:
    blocks = [one for one in _blocks(part.content) if any(one.raw(name) for name in ("action", "status"))]
    blocks = blocks or [one for one in _blocks(part.content) if _recipient(one)]
    if not blocks:
        return _in_words(fields, returned, text)
    order = [ReportKind.FAILED, ReportKind.DELAYED, ReportKind.OTHER, ReportKind.DELIVERED]
    block = min(blocks, key=lambda one: order.index(_judged(one)))
    detail = _typed(block.raw("diagnostic-code"))
    status = _STATUS.search(block.raw("status"))
    better = _STATUS.search(detail)
    code = status[1] if status else ""
    if better and (not code or code.endswith(".0.0")):
        code = better[1]
    about = _about(returned, text, [_recipient(one) for one in blocks])
    return Report(_judged(block), code, _recipient(block), (detail or _sentence(text))[:_MOST_DETAIL], *about)


def _disposition(block: Fields, returned: Fields) -> Report:
    disposition = words(block.raw("disposition"))
    seen = "displayed" in disposition.partition(";")[2].lower()
    original, to = _about(returned, recipients=[_recipient(block)])
    original = next(iter(head.ids(block.all("original-message-id"))), "") or original
    kind = ReportKind.READ if seen else ReportKind.OTHER
    return Report(kind, "", _recipient(block), disposition[:_MOST_DETAIL], original, to)


def _feedback(block: Fields, returned: Fields) -> Report:
    to = next((_typed(value) for name in ("original-rcpt-to", "removal-recipient") for value in block.all(name)), "")
    found = _ADDRESS.search(to)
    recipient = found[0].lower() if found else ""
    about = _about(returned, recipients=[recipient])
    recipient = recipient or next(iter(about[1]), "")
    return Report(ReportKind.FEEDBACK, "", recipient, words(block.raw("feedback-type"))[:_MOST_DETAIL], *about)


def _in_words(fields: Fields, returned: Fields, text: str) -> Report:
    """Read a report that has no fields: the sentences of a server, and the mail it quotes below them."""
    text = text[:_MOST_TEXT]
    original, to = _about(returned, text)
    named = [one.address for one in head.addresses(fields.all("x-failed-recipients")) if one.address]
    own = {one.address for one in head.addresses(fields.all("to"))}
    fields_in_text = head.split(text[_start_of_fields(text) :].encode("utf-8", "replace"), 0, _MOST_TEXT)[0]
    spoken = [
        one.lower()
        for one in _ADDRESS.findall(_from_the_failure(_own_words(text)))[:50]
        if one.lower() not in own and not is_daemon(one)
    ]
    recipient = next(iter(named), "") or _recipient(fields_in_text) or next(iter(spoken), "")
    status = _STATUS.search(fields_in_text.raw("status")) or _STATUS.search(text)
    reply = _REPLY_CODE.search(text)
    kind = _judged(fields_in_text)
    if kind is ReportKind.OTHER:
        late = _DELAYED.search(fields.text("subject")) and not (status and status[1][0] == "5")
        hard = (status and status[1][0] == "5") or (reply and reply[1] == "5")
        kind = ReportKind.DELAYED if late or (not hard and _DELAYED.search(text[:2_000])) else ReportKind.FAILED
    recipient = recipient or (to[0] if len(to) == 1 else "")
    to = to or tuple(named or ([recipient] if recipient else []))
    detail = _typed(fields_in_text.raw("diagnostic-code")) or _sentence(text)
    return Report(kind, status[1] if status else "", recipient, detail[:_MOST_DETAIL], original, to)


def _start_of_fields(text: str) -> int:
    found = re.search(r"^(?:final-recipient|original-recipient|action):", text, re.IGNORECASE | re.MULTILINE)
    return found.start() if found else len(text)


def _own_words(text: str) -> str:
    """Return what the server itself says, without the copy of our mail below it."""
    copy = _COPY.search(text, 1, _MOST_TEXT)
    return text[: copy.start() if copy else _MOST_TEXT]


def _from_the_failure(text: str) -> str:
    """Return `text` from where it names who was not reached, all of it if no such place is known."""
    found = _NOT_REACHED.search(text)
    return text[found.start() :] if found and "@" in text[found.start() :] else text


def _sentence(text: str) -> str:
    """Return the line in which the server says why, with the lines that go on from it."""
    lines = [line.strip() for line in _own_words(text).split("\n")]
    for index, line in enumerate(lines):
        if _SAID.search(line):
            following = lines[index : index + 4]
            return words(" ".join(following[: following.index("")] if "" in following else following))
    return words(" ".join(line for line in lines if line)[:_MOST_DETAIL])
