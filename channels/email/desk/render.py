"""What operators read in their mailbox: the case, what happens to it, and how to work it from there. Pure.

Words of customers and of models stand in these mails as they were written: what looks like markup is escaped.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from channels.notes import notes_of
from core.case import Case
from core.delivery import Delivery, DeliveryState
from core.memory import Fact
from core.messages import Author, Message
from core.thread import OwnerKind

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_BLANK = re.compile(r"\n\s*\n")
_LONGEST = 4_000  # characters of one message in a card's transcript

HELP = "\n".join(
    (
        "Answer this mail to work on the case. Once you hold it, what you write goes to the customer.",
        "",
        "    #claim             take the case",
        "    #note TEXT         for colleagues only (so are lines that begin with ! or note:)",
        "    #send              send the suggested reply",
        "    #draft HINT        have another reply suggested",
        "    #assign NAME       give the case to a colleague",
        "    #release           put it back",
        "    #resolve           close it (or: #resolve unsolved, no_reply, duplicate, spam)",
        "    #bot               hand the conversation back to the assistant",
        "    #reopen            go on with a resolved case",
        "    #forget NAME       forget what is known about the customer, by its name above",
    )
)


def verbatim(text: str) -> str:
    """Return `text` as Markdown that shows it letter by letter, line by line."""
    paragraphs = (part.splitlines() for part in _BLANK.split(text.strip()))
    return "\n\n".join("\\\n".join(_PUNCTUATION.sub(r"\\\1", line.strip()) for line in part) for part in paragraphs)


def subject(case: Case) -> str:
    """Return the subject of a case's mails."""
    about = " ".join(case.summary.split())
    return f"#{case.number} {customer(case)}: {about[:90] or case.reason.sentence}"


def customer(case: Case) -> str:
    """Return what operators call the customer."""
    return case.thread.customer_name or f"Customer {case.thread.key.conversation[-4:]}"


def card(case: Case, said: Sequence[Message], known: Sequence[Fact] = ()) -> str:
    """Return the case as it is handed to the desk, in Markdown, with what is `known` about its customer."""
    thread = case.thread
    about = [f"**Why:** {verbatim(case.why)}"]
    if case.summary:
        about.append(f"**About:** {verbatim(case.summary)}")
    about.append(f"**Customer:** {verbatim(f'{customer(case)}, by {thread.key.channel}')}")
    if thread.trust:
        about.append(f"**Sender:** {verbatim(thread.trust)}")
    blocks = ["\n\n".join(about)]
    if sources := [f"- {verbatim(source)}" for source in case.sources]:
        blocks.append("**What the assistant found:**\n\n" + "\n".join(sources))
    if steps := [f"- {verbatim(f'{step.step}: {step.detail}')}" for step in case.result.trace]:
        blocks.append("**Why this was handed over:**\n\n" + "\n".join(steps))
    if facts := [f"- {verbatim(f'{one.name}: {one.text} ({_day(one.at)}, {one.channel})')}" for one in known]:
        blocks.append("**Known about them:**\n\n" + "\n".join(facts))
    blocks.append("**The conversation so far:**\n\n" + "\n\n".join(map(spoken, said)))
    return "\n\n".join((*blocks, "---", HELP))


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")


def spoken(message: Message) -> str:
    """Return one line of the conversation."""
    at = datetime.fromtimestamp(message.at, UTC).strftime("%d %b %H:%M UTC")
    who = message.name or {Author.BOT: "Assistant", Author.SYSTEM: "Threadline"}.get(message.author, "Customer")
    files = "".join(f"\n\n*File:* {verbatim(file.name)}" for file in message.files)
    said = f"**{verbatim(who)}** {verbatim(f'({at})')}\n\n{verbatim(message.text[:_LONGEST])}{files}"
    return "\n\n".join(filter(None, (said, verbatim(notes_of(message)))))


def state(case: Case) -> str:
    """Return 'unclaimed', 'held' or 'resolved'."""
    if not case.is_open:
        return "resolved"
    return "unclaimed" if case.thread.owner.kind is OwnerKind.DESK else "held"


def news(case: Case, holder: str) -> str:
    """Return the case's state in a sentence, in Markdown; `holder` is the name of who holds it."""
    match state(case):
        case "held":
            return f"**{verbatim(holder or 'A colleague')} holds this case.**"
        case "resolved":
            return f"**This case is resolved: {verbatim(case.outcome)}.** Answer with #reopen to go on with it."
        case _:
            return "**This case is free.** Answer with #claim to take it."


def suggestion(case: Case) -> str:
    """Return the suggested reply with its sources, in Markdown; '' if there is none."""
    if case.suggestion is None or not case.suggestion.text:
        return ""
    sources = "\n".join(f"- {verbatim(f'[{c.index}] {c.title}')}" for c in case.suggestion.citations)
    return f"**Suggested reply** (answer with #send to send it):\n\n{verbatim(case.suggestion.text)}\n\n{sources}"


def changed(message: Message) -> str:
    """Return what became of a line that its writer edited or withdrew, in Markdown."""
    if message.withdrawn:
        return f"**{verbatim(message.name or 'The customer')} withdrew a message.**"
    return f"**{verbatim(message.name or 'The customer')} edited a message:**\n\n{verbatim(message.text)}"


_HELPS = {
    DeliveryState.UNKNOWN: " It may have arrived: answer this mail with #check or #resend.",
    DeliveryState.FAILED: " Answer this mail with #resend to send it again.",
    DeliveryState.BOUNCED: " Answer this mail with #resend to send it again.",
    DeliveryState.REFUSED: " Answer this mail with #resend to send it again.",
    DeliveryState.PARTIAL: " Answer this mail with #resend to send the rest.",
}


def outcome(message: Message, fates: Sequence[Delivery]) -> str:
    """Return an operator's message to the customer and what became of it, in Markdown."""
    names = {file.id: file.name for file in message.files}
    lines = []
    for fate in fates:
        what = f"File {names.get(fate.file, '')}" if fate.file else "Message"
        lines.append(f"- {verbatim(f'{what}: {fate.state.value}. {fate.error}'.strip())}{_HELPS.get(fate.state, '')}")
    return f"**{verbatim(message.name)} to the customer**\n\n{verbatim(message.text)}\n\n" + "\n".join(lines)
