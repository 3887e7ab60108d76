"""What operators ask for in words ('mine', 'claim 12', 'known 12', 'late bike'), and what answers it.

Slack's desk is asked by /support, Teams' by a mention of the app; both show what is found in their own way.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from channels.desk.words import customer, one_line, said_on
from core.case import Case
from core.ids import OperatorId
from core.memory import Fact
from core.messages import DeskAction
from core.policy import Policy
from core.store.cases import Cases
from core.thread import OwnerKind


@dataclass(frozen=True, slots=True)
class Command:
    """What was asked: 'list', 'claim', 'known', 'forget', 'search' or 'help', and the rest."""

    word: str
    rest: str = ""
    number: int | None = None


_LISTS = {"": "Open cases", "mine": "Your cases", "unclaimed": "Unclaimed cases", "overdue": "Overdue cases"}
_NUMBER = re.compile(r"#?(\d{1,9})\Z")
_OF_CASE = re.compile(r"#?(\d{1,9})(?: (\S+))?\Z")
ACTIONS = {"claim": DeskAction.CLAIM, "forget": DeskAction.FORGET}
"""What a command does to a case; the others only look."""


def command(text: str) -> Command:
    """Return what somebody asks for; what is no command of ours is searched for."""
    word, _, rest = " ".join(text.split()).partition(" ")
    word = word.lower()
    number = _NUMBER.match(rest or word)
    if word == "claim" and number:
        return Command("claim", rest, int(number[1]))
    of_case = _OF_CASE.match(rest)
    if of_case and (word, bool(of_case[2])) in {("known", False), ("forget", True)}:
        return Command(word, of_case[2] or "", int(of_case[1]))
    if word == "search" and rest:
        return Command("search", rest)
    if word in _LISTS and not rest:
        return Command("list", word)
    if word in {"list", "cases"} and rest.lower() in _LISTS:
        return Command("list", rest.lower())
    if word in {"claim", "list", "known", "forget"} or (word in {"help", "?", "search"} and not rest):
        return Command("help")
    if not rest and number:
        return Command("search", "", int(number[1]))
    return Command("search", " ".join(text.split()))


async def asked_for(command: Command, operator: OperatorId, cases: Cases, now: float, policy: Policy) -> list[Case]:
    """Return the cases that a command of `operator` shows, in their order; those of a search, the newest first."""
    if command.word == "list":
        return listed(await cases.find("open"), command.rest, operator, now, policy)
    if command.number is None:
        return found(await cases.find("all"), command.rest)
    try:
        return [await cases.numbered(command.number)]
    except LookupError:
        return []


def afterwards(done: Command) -> Command:
    """Return what shows that a command was done: the case, or what is still known."""
    return Command("known" if done.word == "forget" else "search", "", done.number)


def known(case: Case, facts: Sequence[Fact]) -> str:
    """Return what is known about a case's customer, a line each, and how each is forgotten."""
    if not facts:
        return f"Nothing is known about {one_line(customer(case), 100)}."
    lines = [f"{one.name}  {one_line(one.text, 300)} ({said_on(one)})" for one in facts]
    how = f"forget {case.number} {facts[-1].name}  forgets the last of them, on every channel"
    return "\n".join((f"Known about {one_line(customer(case), 100)}", *lines, how))


def heading(command: Command, many: int) -> str:
    """Return the words above the `many` cases that a command shows."""
    if command.number is not None:
        return f"Case {command.number}" if many else f"There is no case {command.number}."
    if command.word == "list":
        return f"{_LISTS[command.rest]}: {many or 'none'}"
    return f"Cases with \u201c{one_line(command.rest, 100)}\u201d: {many or 'none'}"


def listed(cases: Sequence[Case], which: str, operator: OperatorId, now: float, policy: Policy) -> list[Case]:
    """Return those of the open `cases` that a list shows, `in_order`."""
    shown = [
        case
        for case in cases
        if (which != "mine" or case.thread.owner.held_by(operator))
        and (which != "unclaimed" or case.thread.owner.kind is OwnerKind.DESK)
        and (which != "overdue" or case.overdue(now, policy))
    ]
    return in_order(shown, now, policy)


def in_order(cases: Sequence[Case], now: float, policy: Policy) -> list[Case]:
    """Return the cases that waited too long first, then those that wait longest."""
    return sorted(cases, key=lambda case: (case.overdue(now, policy) is None, case.waiting_since or now, case.number))


def found(cases: Sequence[Case], wanted: str) -> list[Case]:
    """Return the cases that have all words: in the name, the summary, the subject or what was said last."""
    words = wanted.casefold().split()
    return [case for case in cases if all(word in _words(case) for word in words)]


def _words(case: Case) -> str:
    last = case.last.text if case.last else ""
    words = (case.thread.customer_name, case.summary, case.thread.subject, last, case.thread.key.channel)
    return f"#{case.number} {' '.join(words)}".casefold()
