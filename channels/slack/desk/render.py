"""What operators read in Slack: the card of a case, what is said, what became of a line, reminders, the digest. Pure.

Words of customers, models and colleagues stand in `rich_text` and `plain_text`, where Slack shows them as they are:
nothing in them is a mention, a link or markup. Only words of our own are mrkdwn. Limits: docs.slack.dev, Block Kit.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.slack.desk.parse import PREFIX, cut
from channels.slack.rich.elements import escape
from core.case import Case, Overdue
from core.delivery import Delivery, DeliveryState
from core.desk import RESENDABLE, allowed
from core.ids import CaseId, OperatorId
from core.messages import Author, DeskAction, Message, Resolution
from core.thread import OwnerKind

JSON = dict[str, Any]

MOST_BLOCKS = 45  # of Slack's 50
MOST_WORDS = 11_000  # of the 13,200 characters that Slack takes in all blocks of a message
_PIECE = 3_000
_PLAIN = 3_000  # characters of the words that stand for the blocks in notifications
_MOST_UPDATE = 3_900
_LONGEST = 4_000  # of one message in the transcript
_QUOTED = 150
_MOST_SOURCES = 8
_MOST_STEPS = 12

CHANNELS = {"web": "Web chat", "email": "Email", "slack": "Slack", "teams": "Microsoft Teams"}
HOW = "Lines that begin with ! or note: stay inside."
DELIVERED, WAITING, TROUBLE = "white_check_mark", "hourglass_flowing_sand", "warning"


@dataclass(frozen=True, slots=True)
class Post:
    """A message for Slack: its blocks, and the same in plain words where blocks are not shown."""

    text: str
    blocks: list[JSON] = field(default_factory=list)

    @property
    def look(self) -> str:
        """A short name of what it shows: the same for two posts that look the same."""
        return hashlib.sha256(json.dumps([self.text, self.blocks]).encode()).hexdigest()[:12]


def _flat(text: str) -> str:
    """Return the words for a notification: an update takes 4,000 characters, and escaping makes up to five of one."""
    whole = escape(shortened(text, _PLAIN))
    return whole if len(whole) < _MOST_UPDATE else escape(shortened(text, _MOST_UPDATE // 5))


def shortened(text: str, most: int) -> str:
    """Return `text`, or its beginning if it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def one_line(text: str, most: int) -> str:
    """Return the beginning of `text` without line breaks."""
    return shortened(" ".join(text.split()), most)


# Blocks


def plain(text: str, most: int = 3000) -> JSON:
    """Return a text object that is shown letter by letter."""
    return {"type": "plain_text", "text": shortened(text, most) or " ", "emoji": False}


def mrkdwn(text: str) -> JSON:
    """Return a text object of words of our own."""
    return {"type": "mrkdwn", "text": text}


def header(text: str) -> JSON:
    """Return a headline."""
    return {"type": "header", "text": plain(one_line(text, 150))}


def context(*elements: JSON | str, block_id: str = "") -> JSON:
    """Return small grey words; strings are shown letter by letter."""
    parts = [plain(one) if isinstance(one, str) else one for one in elements]
    return {"type": "context", "elements": parts, **({"block_id": block_id} if block_id else {})}


def rich(*elements: JSON, block_id: str = "") -> JSON:
    """Return a rich_text block."""
    return {"type": "rich_text", "elements": list(elements), **({"block_id": block_id} if block_id else {})}


def words(text: str, *, bold: bool = False, italic: bool = False) -> JSON:
    """Return words for a rich_text element; they can't be empty."""
    style = {name: True for name, on in (("bold", bold), ("italic", italic)) if on}
    return {"type": "text", "text": text or " ", **({"style": style} if style else {})}


def section(*elements: JSON) -> JSON:
    """Return a paragraph of a rich_text block."""
    return {"type": "rich_text_section", "elements": list(elements)}


def quote(text: str) -> JSON:
    """Return quoted words for a rich_text block."""
    return {"type": "rich_text_quote", "elements": [words(text)]}


def bullets(items: Iterable[str]) -> JSON:
    """Return a list for a rich_text block."""
    return {"type": "rich_text_list", "style": "bullet", "elements": [section(words(item)) for item in items]}


def button(label: str, word: str, value: str, *, style: str = "", url: str = "") -> JSON:
    """Return a button that asks for `word`."""
    more = {**({"style": style} if style else {}), **({"url": url} if url else {})}
    return {"type": "button", "action_id": f"{PREFIX}{word}", "text": plain(label), "value": value, **more}


def option(label: str, value: str) -> JSON:
    """Return a choice of a menu."""
    return {"text": plain(one_line(label, 75)), "value": value}


def overflow(options: list[JSON]) -> JSON:
    """Return a menu behind three dots."""
    return {"type": "overflow", "action_id": f"{PREFIX}more", "options": options}


def when(seconds: float) -> str:
    """Return mrkdwn that shows a time in each reader's own zone."""
    return f"<!date^{int(seconds)}^{{date_short_pretty}}, {{time}}|some time ago>"


# The card


def customer(case: Case) -> str:
    """Return what operators call the customer."""
    return case.thread.customer_name or f"Customer {case.thread.key.conversation[-4:]}"


def title(case: Case) -> str:
    """Return the case's number and customer."""
    return one_line(f"#{case.number} {customer(case)}", 140)


def channel(case: Case) -> str:
    """Return the customer's channel as people call it."""
    return CHANNELS.get(case.thread.key.channel, case.thread.key.channel)


def state(case: Case, holder: str) -> str:
    """Return who has the case; `holder` is the name of the operator who does."""
    if case.is_open:
        return "Unclaimed" if case.thread.owner.kind is OwnerKind.DESK else f"Held by {holder or 'a colleague'}"
    if case.outcome == "handed_back":
        return f"Handed back to the assistant by {case.closed_by}"
    ended = Resolution(case.outcome).words if case.outcome in set(Resolution) else case.outcome
    return f"Resolved by {case.closed_by}: {ended}"


OVERDUE: dict[Overdue, str] = {
    "unclaimed": "Nobody has claimed it yet",
    "unanswered": "The customer waits for an answer",
}


def card(case: Case, *, holder: str = "", overdue: Overdue | None = None) -> Post:
    """Return the case at a glance, with what can be done."""
    about = one_line(case.summary, 150) or case.reason.sentence
    blocks = [
        header(title(case)),
        {"type": "section", "block_id": "state", "fields": _fields(case, holder, overdue)},
        rich(*_why(case), block_id="about"),
        *_found(case),
        {"type": "divider"},
        *_actions(case),
        context(_how(case, holder), block_id="how"),
    ]
    return Post(_flat(f"{title(case)}: {about}\n{state(case, holder)}"), blocks)


def _fields(case: Case, holder: str, overdue: Overdue | None) -> list[JSON]:
    shown = [("State", _ours(state(case, holder))), ("Came by", _ours(channel(case)))]
    if overdue:
        shown.append(("Overdue", OVERDUE[overdue]))
    if case.times_reopened:
        shown.append(("Opened again", "Once" if case.times_reopened == 1 else f"{case.times_reopened} times"))
    if case.survey:
        shown.append(("Survey", f"{case.survey.score} of 5"))
    return [mrkdwn(f"*{label}*\n{value}") for label, value in shown]


def _ours(text: str) -> str:
    """Return a colleague's name, or a channel's, for mrkdwn: signs that would mark it up are left out."""
    return escape("".join(sign for sign in one_line(text, 200) if sign not in "*_~`"))


def _why(case: Case) -> list[JSON]:
    why = one_line(case.why, 600)
    told = [("Why", why), ("About", shortened(case.summary, 1_500)), ("Sender", shortened(case.thread.trust, 600))]
    lines = [(label, text) for label, text in told if text]
    last = len(lines) - 1
    return [
        section(words(f"{label}  ", bold=True), words(text if n == last else f"{text}\n"))
        for n, (label, text) in enumerate(lines)
    ]


def _found(case: Case) -> list[JSON]:
    sources = [one_line(source, 250) for source in case.sources]
    steps = [one_line(f"{step.step}: {step.detail}", 250) for step in case.result.trace]
    lists = (("What the assistant found", sources[:_MOST_SOURCES]), ("Why it was handed over", steps[:_MOST_STEPS]))
    return [rich(section(words(label, bold=True)), bullets(items)) for label, items in lists if items]


def _how(case: Case, holder: str) -> str:
    if not case.is_open:
        return "What is written in this thread stays inside. Reopen the case to write to the customer."
    writing = " A suggested reply is being written." if case.drafting else ""
    if case.thread.owner.kind is OwnerKind.DESK:
        return f"Claim it, and what you write in this thread goes to the customer. {HOW}{writing}"
    return f"What {holder or 'the holder'} writes in this thread goes to the customer. {HOW}{writing}"


def _actions(case: Case) -> list[JSON]:
    """Return the buttons for what whoever has the case may do: Slack shows everyone the same."""
    owner = case.thread.owner
    may = allowed(owner, is_open=case.is_open, operator=owner.operator or OperatorId(""))
    suggested = bool(case.suggestion and case.suggestion.text)
    elements = []
    if DeskAction.CLAIM in may:
        elements.append(button("Claim", "claim", case.id, style="primary"))
    if DeskAction.REOPEN in may:
        elements.append(button("Reopen", "reopen", case.id, style="primary"))
    if DeskAction.DRAFT in may and suggested:
        elements.append(button("Suggested reply", "suggestion", case.id))
    elif DeskAction.DRAFT in may and not case.drafting:
        elements.append(button("Suggest a reply", "draft", case.id))
    if DeskAction.RELEASE in may:
        elements.append(button("Release", "release", case.id))
    if DeskAction.ASSIGN in may:
        elements.append(button("Assign", "assign", case.id))
    if DeskAction.RESOLVE in may:
        elements.append(_resolve(case.id))
    more = [option("Write a note", f"note {case.id}")]
    if DeskAction.DRAFT in may:
        more.append(option("Have another reply suggested", f"hint {case.id}"))
    if DeskAction.HAND_BACK in may:
        more.append(option("Hand back to the assistant", f"hand_back {case.id}"))
    return [{"type": "actions", "block_id": "actions", "elements": [*elements, overflow(more)]}]


def _resolve(case: CaseId) -> JSON:
    return {
        "type": "static_select",
        "action_id": f"{PREFIX}resolve",
        "placeholder": plain("Resolve as"),
        "options": [option(outcome.words, f"{case} {outcome.value}") for outcome in Resolution],
    }


# What is said


def writer(message: Message) -> str:
    """Return who wrote a message, and whom it is for where that is not plain."""
    match message.author:
        case Author.BOT:
            return "Assistant"
        case Author.SYSTEM:
            return "Threadline, to the customer"
        case Author.NOTE:
            return f"{message.name or 'A colleague'}, note"
        case Author.OPERATOR:
            return f"{message.name or 'A colleague'}, to the customer"
        case Author.CUSTOMER:
            return message.name or "Customer"


def transcript(said: Sequence[Message]) -> list[Post]:
    """Return what was said so far, in as few posts as Slack allows."""
    return _posts([_spoken(message, f"{n}", longest=_LONGEST) for n, message in enumerate(said)])


def line(case: Case, message: Message) -> list[Post]:
    """Return a message as posts for the case's thread; the first is brought in line when the message changes."""
    return _posts([_spoken(message, "0", case=case.id)])


def _spoken(message: Message, n: str, *, longest: int = 0, case: CaseId | None = None) -> list[JSON]:
    who = context(one_line(writer(message), 250), mrkdwn(when(message.at)), block_id=f"who-{n}")
    text = shortened(message.text, longest) if longest else message.text
    marks = _marks(message)
    pieces = [] if message.withdrawn or not text else cut(text, _PIECE)[0]
    shown = [rich(section(words(piece)), block_id=f"words-{n}-{m}") for m, piece in enumerate(pieces) if piece]
    if longest and len(message.text) > longest:
        marks.append("This message is longer; the web desk has all of it.")
    if message.files:
        marks.append(f"With {', '.join(one_line(file.name, 130) for file in message.files)}")
    below = [context(*marks, block_id=f"marks-{n}")] if marks else []
    mine = case and message.author is Author.OPERATOR and not message.withdrawn
    return [who, *shown, *below, *([_own(case, message)] if case and mine else [])]


def _marks(message: Message) -> list[str]:
    if message.withdrawn:
        return ["This message was withdrawn."]
    if message.changed_at is not None and message.original is not None:
        return [f"Edited. Before: {one_line(message.original, 300)}"]
    return []


def _own(case: CaseId, message: Message) -> JSON:
    """What the writer of a line may do with it here: Slack lets nobody edit what the app has posted for them."""
    about = f"{case} {message.id}"
    options = [option("Correct it", f"correct {about}"), option("Withdraw it", f"withdraw {about}")]
    return {"type": "actions", "block_id": "own", "elements": [overflow(options)]}


def _posts(spoken: Sequence[list[JSON]]) -> list[Post]:
    """Put messages together into posts; one that is too long for a post goes on in the next."""
    posts: list[list[JSON]] = []
    room, left = 0, 0
    for block in (block for blocks in spoken for block in blocks):
        size = length(block)
        if not posts or not room or size > left:
            posts.append([])
            room, left = MOST_BLOCKS, MOST_WORDS
        posts[-1].append(block)
        room, left = room - 1, left - size
    return [Post(_flat(_read(blocks)), blocks) for blocks in posts]


def length(part: object) -> int:
    """Return the number of characters that Slack shows of blocks or a piece of them."""
    if isinstance(part, dict):
        return sum(
            len(value) if name == "text" and isinstance(value, str) else length(value) for name, value in part.items()
        )
    return sum(map(length, part)) if isinstance(part, list) else 0


def _read(blocks: Sequence[JSON]) -> str:
    """Return the words of blocks that were said, for a notification."""
    shown = []
    for block in blocks:
        name = str(block.get("block_id"))
        if name.startswith("words-"):
            shown.append(str(block["elements"][0]["elements"][0]["text"]))
        elif name.startswith(("who-", "marks-")):
            shown.append(
                f"{block['elements'][0]['text']}:" if name.startswith("who-") else block["elements"][0]["text"]
            )
    return "\n".join(shown)


# What became of a line

_SENTENCES = {
    DeliveryState.UNKNOWN: "Nobody can say whether this arrived",
    DeliveryState.PARTIAL: "Only a part of this arrived",
    DeliveryState.WAITING: "This is still on its way",
}
_WORST = (
    DeliveryState.FAILED,
    DeliveryState.REFUSED,
    DeliveryState.BOUNCED,
    DeliveryState.UNKNOWN,
    DeliveryState.PARTIAL,
    DeliveryState.WAITING,
    DeliveryState.SUPERSEDED,
    DeliveryState.DELIVERED,
)


def worst(fates: Sequence[Delivery]) -> DeliveryState:
    """Return what a line stands for: the worst that became of its parts."""
    return min((fate.state for fate in fates), key=_WORST.index, default=DeliveryState.WAITING)


def mark(fates: Sequence[Delivery]) -> str:
    """Return the reaction that says what became of a line, '' for none."""
    state = worst(fates)
    if state is DeliveryState.DELIVERED:
        return DELIVERED
    if state is DeliveryState.SUPERSEDED:
        return ""
    return WAITING if state is DeliveryState.WAITING else TROUBLE


def outcome(case: CaseId, message: Message, fates: Sequence[Delivery]) -> Post:
    """Return what became of each part of an operator's line, with what may help."""
    said = _SENTENCES.get(worst(fates), "This did not reach the customer")
    if mark(fates) == DELIVERED:
        said = "This has arrived"
    names = {file.id: file.name for file in message.files}
    parts = [
        f"{names.get(fate.file, 'File') if fate.file else 'Message'}: {fate.state.value}. {one_line(fate.error, 400)}"
        for fate in fates
    ]
    about = f"{case} {message.id}"
    states = {fate.state for fate in fates}
    helps = [button("Check", "check", about)] if DeliveryState.UNKNOWN in states else []
    helps += [button("Send again", "resend", about)] if states & RESENDABLE else []
    shown = one_line(message.text, _QUOTED) or ", ".join(names.values())
    blocks = [
        rich(section(words(said, bold=True)), quote(shown), bullets(part.strip() for part in parts), block_id="fate")
    ]
    if helps:
        blocks.append({"type": "actions", "block_id": "helps", "elements": helps})
    return Post(_flat(f"{said}: {shown}\n" + "\n".join(parts)), blocks)


# To all, and to one


def reminder(text: str, *, everyone: bool = False, url: str = "") -> Post:
    """Return a reminder; `everyone`: Slack calls all who are there. `url` leads to the card."""
    call: list[JSON] = [{"type": "broadcast", "range": "here"}, words(" ")] if everyone else []
    blocks = [rich(section(*call, words(text)), block_id="reminder")]
    if url:
        blocks.append({"type": "actions", "elements": [button("Open the case", "open", "open", url=url)]})
    return Post(f"<!here> {_flat(text)}" if everyone else _flat(text), blocks)


def digest(text: str) -> Post:
    """Return the day's figures."""
    return Post(
        _flat(f"The desk today\n{text}"),
        [header("The desk today"), rich(section(words(shortened(text, _PIECE)))), context("All open cases: /support")],
    )


def verbatim(text: str) -> Post:
    """Return words as they are, for one reader."""
    return Post(_flat(text), [rich(section(words(shortened(text, _PIECE))))])
