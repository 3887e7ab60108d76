"""What a desk in a chat program says in the same words wherever it is: how a case is, who wrote, what arrived. Pure.

Called by the desks' `render`, which put these words where their platform shows them letter by letter.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from channels.notes import notes_of
from core.case import Case, Overdue
from core.delivery import Delivery, DeliveryState
from core.desk import RESENDABLE
from core.figures import duration
from core.memory import Fact
from core.messages import Author, Message, Resolution
from core.policy import Policy
from core.thread import OwnerKind

CHANNELS = {"web": "Web chat", "email": "Email", "slack": "Slack", "teams": "Microsoft Teams"}
HOW = "Lines that begin with ! or note: stay inside."
OVERDUE: dict[Overdue, str] = {
    "unclaimed": "Nobody has claimed it yet",
    "unanswered": "The customer waits for an answer",
}
LONGER = "This message is longer; the web desk has all of it."
NOT_FOR_CUSTOMERS = "For colleagues only; the customer does not see it"
WHAT_INSTEAD = "What should it say, or do differently?"


# Shorter


def shortened(text: str, most: int) -> str:
    """Return `text`, or its beginning if it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def one_line(text: str, most: int) -> str:
    """Return the beginning of `text` without line breaks."""
    return shortened(" ".join(text.split()), most)


_CUT = re.compile(r"\s*\n\s*\n\s*|\s*\n\s*|\s+")


def cut(text: str, most: int) -> tuple[list[str], list[str]]:
    """Return `text` in pieces of at most `most` characters, cut where it breathes, and what stood between them."""
    pieces, joins = [], []
    while len(text) > most:
        window = text[: most + 1]
        breaths = [found for found in _CUT.finditer(window) if found.start() > most // 2]
        best = max(breaths, key=lambda found: (found[0].count("\n"), found.start()), default=None)
        end, begin = (best.start(), best.end()) if best else (most, most)
        pieces.append(text[:end])
        joins.append(text[end:begin])
        text = text[begin:]
    return [*pieces, text], joins


# A case


def customer(case: Case) -> str:
    """Return what operators call the customer."""
    return case.thread.customer_name or f"Customer {case.thread.key.conversation[-4:]}"


def said_on(fact: Fact) -> str:
    """Return when and where something was noted about a customer: '3 May 2026, Slack'."""
    day = datetime.fromtimestamp(fact.at, UTC)
    return f"{day.day} {day:%b %Y}, {CHANNELS.get(fact.channel, fact.channel)}"


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


def facts(case: Case, holder: str, overdue: Overdue | None) -> list[tuple[str, str]]:
    """Return what a card says of how the case stands, each with its label; the state and the channel come first."""
    told = [("State", state(case, holder)), ("Came by", channel(case))]
    if overdue:
        told.append(("Overdue", OVERDUE[overdue]))
    if case.times_reopened:
        told.append(("Opened again", "Once" if case.times_reopened == 1 else f"{case.times_reopened} times"))
    if case.survey:
        told.append(("Survey", f"{case.survey.score} of 5"))
    return told


def brief(case: Case, holder: str, now: float, policy: Policy) -> list[str]:
    """Return what a list says of how the case stands."""
    told = [channel(case), state(case, holder)]
    if late := case.overdue(now, policy):
        told.append(f"Overdue: {OVERDUE[late][0].lower()}{OVERDUE[late][1:]}")
    elif case.waiting_since:
        told.append(f"waits for {duration(max(now - case.waiting_since, 0))}")
    return told


def about(case: Case, most: int) -> str:
    """Return in one line what the case is about."""
    return one_line(case.summary, most) or case.reason.sentence


def how(case: Case, holder: str) -> str:
    """Return what becomes of what is written below the card."""
    if not case.is_open:
        return "What is written in this thread stays inside. Reopen the case to write to the customer."
    writing = " A suggested reply is being written." if case.drafting else ""
    if case.thread.owner.kind is OwnerKind.DESK:
        return f"Claim it, and what you write in this thread goes to the customer. {HOW}{writing}"
    return f"What {holder or 'the holder'} writes in this thread goes to the customer. {HOW}{writing}"


def under_your_name(case: Case) -> str:
    """Return to whom a reply goes."""
    return f"It goes to {one_line(customer(case), 60)} under your name."


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


def remarks(message: Message) -> list[str]:
    """Return what is said below a message: that it was changed, which files came with it, and what did not."""
    if message.withdrawn:
        return ["This message was withdrawn."]
    told = []
    if message.changed_at is not None and message.original is not None:
        told.append(f"Edited. Before: {one_line(message.original, 300)}")
    if message.files:
        told.append(f"With {', '.join(one_line(file.name, 130) for file in message.files)}")
    if notes := notes_of(message):
        told.append(one_line(notes, 300))
    return told


# What became of it


_SENTENCES = {
    DeliveryState.DELIVERED: "This has arrived",
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
TROUBLE = RESENDABLE
"""What operators should know at once."""


def worst(fates: Sequence[Delivery]) -> DeliveryState:
    """Return what a line stands for: the worst that became of its parts."""
    return min((fate.state for fate in fates), key=_WORST.index, default=DeliveryState.WAITING)


def sentence(fates: Sequence[Delivery]) -> str:
    """Return what became of a line."""
    return _SENTENCES.get(worst(fates), "This did not reach the customer")
