"""What a desk in a chat program says in the same words wherever it is: who and how a case is, what was asked for. Pure.

Slack's desk says these, too: they wait here for a room that both share.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from core import desk as rules
from core.case import Case, Overdue
from core.delivery import Delivery, DeliveryState
from core.desk import Operator
from core.errors import TemporaryError
from core.events import OperatorDid
from core.ids import OperatorId
from core.messages import Author, DeskAction, Message, Resolution
from core.policy import Policy
from core.thread import Owner, OwnerKind

T = TypeVar("T")
log = structlog.get_logger()

CHANNELS = {"web": "Web chat", "email": "Email", "slack": "Slack", "teams": "Microsoft Teams"}
HOW = "Lines that begin with ! or note: stay inside."
OVERDUE: dict[Overdue, str] = {
    "unclaimed": "Nobody has claimed it yet",
    "unanswered": "The customer waits for an answer",
}

_AGAIN = 5
_LONGEST_PAUSE = 30.0  # seconds


# Words


def shortened(text: str, most: int) -> str:
    """Return `text`, or its beginning if it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def one_line(text: str, most: int) -> str:
    """Return the beginning of `text` without line breaks."""
    return shortened(" ".join(text.split()), most)


_CUT = re.compile(r"\s*\n\s*\n\s*|\s*\n\s*|\s+")


def cut(text: str, most: int) -> list[str]:
    """Return `text` in pieces of at most `most` characters, cut where it breathes."""
    pieces = []
    while len(text) > most:
        breaths = [found for found in _CUT.finditer(text[: most + 1]) if found.start() > most // 2]
        best = max(breaths, key=lambda found: (found[0].count("\n"), found.start()), default=None)
        end, begin = (best.start(), best.end()) if best else (most, most)
        pieces.append(text[:end])
        text = text[begin:]
    return [*pieces, text]


# A case


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


def how(case: Case, holder: str) -> str:
    """Return what becomes of what is written below the card."""
    if not case.is_open:
        return "What is written in this thread stays inside. Reopen the case to write to the customer."
    writing = " A suggested reply is being written." if case.drafting else ""
    if case.thread.owner.kind is OwnerKind.DESK:
        return f"Claim it, and what you write in this thread goes to the customer. {HOW}{writing}"
    return f"What {holder or 'the holder'} writes in this thread goes to the customer. {HOW}{writing}"


def refused(case: Case, operator: OperatorId) -> str:
    """Return why an operator can't reply to the customer now, '' if they can."""
    reply = OperatorDid(case.id, operator, "", DeskAction.REPLY, "a reply")
    return rules.refusal(reply, case.thread.owner, is_open=case.is_open) or ""


def stays_inside(text: str, operator: OperatorId) -> bool:
    """Whether its writer means a line to be for colleagues only."""
    holder = Owner(OwnerKind.OPERATOR, operator)
    return rules.read_line(text, holder, is_open=True, operator=operator).action is DeskAction.NOTE


# What is said, and what became of it


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
TROUBLE = rules.RESENDABLE


def worst(fates: Sequence[Delivery]) -> DeliveryState:
    """Return what a line stands for: the worst that became of its parts."""
    return min((fate.state for fate in fates), key=_WORST.index, default=DeliveryState.WAITING)


def sentence(fates: Sequence[Delivery]) -> str:
    """Return what became of a line."""
    return _SENTENCES.get(worst(fates), "This did not reach the customer")


# What is asked for in words


@dataclass(frozen=True, slots=True)
class Command:
    """What was asked of the app: 'list', 'claim', 'search' or 'help', and the rest."""

    word: str
    rest: str = ""
    number: int | None = None


_LISTS = frozenset({"", "mine", "unclaimed", "overdue"})
_NUMBER = re.compile(r"#?(\d{1,9})\Z")


def command(text: str) -> Command:
    """Return what somebody asks for; what is no command of ours is searched for."""
    word, _, rest = " ".join(text.split()).partition(" ")
    word = "list" if word.lower() in {"list", "cases"} else word.lower()
    number = _NUMBER.match(rest or word)
    if word == "claim" and number:
        return Command("claim", rest, int(number[1]))
    if word == "search" and rest:
        return Command("search", rest)
    if word in _LISTS and not rest:
        return Command("list", word)
    if word == "list" and rest.lower() in _LISTS:
        return Command("list", rest.lower())
    if word in {"help", "?", "claim", "search"} and (not rest or word == "claim"):
        return Command("help")
    if not rest and number:
        return Command("search", "", int(number[1]))
    return Command("search", " ".join(text.split()))


LISTS = {"": "Open cases", "mine": "Your cases", "unclaimed": "Unclaimed cases", "overdue": "Overdue cases"}


def listed(cases: Sequence[Case], which: str, operator: Operator, now: float, policy: Policy) -> list[Case]:
    """Return those of the open `cases` that a list shows: who waited too long first, then who waits longest."""
    shown = [
        case
        for case in cases
        if (which != "mine" or case.thread.owner.held_by(operator.id))
        and (which != "unclaimed" or case.thread.owner.kind is OwnerKind.DESK)
        and (which != "overdue" or case.overdue(now, policy))
    ]
    return sorted(shown, key=lambda case: (case.overdue(now, policy) is None, case.waiting_since or now, case.number))


def found(cases: Sequence[Case], wanted: str) -> list[Case]:
    """Return the cases that have all words: in the name, the summary, the subject or what was said last."""
    words = wanted.casefold().split()
    return [case for case in cases if all(word in _words(case) for word in words)]


def _words(case: Case) -> str:
    last = case.last.text if case.last else ""
    words = (case.thread.customer_name, case.summary, case.thread.subject, last, case.thread.key.channel)
    return f"#{case.number} {' '.join(words)}".casefold()


# Patience


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, again after the pause that the platform asks for; raises what it raises at the last time."""
    for _ in range(_AGAIN):
        try:
            return await work()
        except TemporaryError as away:
            await asyncio.sleep(min(away.retry_after or 1.0, _LONGEST_PAUSE))
    return await work()


async def surely(what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` patiently; a failure is written down and no more, because what it belongs to stands already."""
    try:
        await patiently(work)
    except Exception:  # the edge to a platform
        log.exception("desk_incomplete", what=what)
