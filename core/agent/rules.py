"""When a person must take over, whatever a model would say. Pure; `core.agent.run` asks before each run.

Everything here is counted in the stretch of the conversation that the assistant leads: since the last
time that a person, or a line about one, stood in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.events import HandoffReason
from core.messages import Author, File, Message
from core.phrases import is_unhelpful, wants_person
from core.subjects import Subjects
from core.turn import Turn

_TIMES_UNHELPFUL = 2
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Ruled:
    """Why a rule hands over, and the words that operators read about it."""

    reason: HandoffReason
    detail: str = ""


def handoff(
    turn: Turn,
    subjects: Subjects,
    most_answers: int,
    *,
    most_hourly: int | None = None,
    unread: Callable[[File], str | None] = lambda _: "",
) -> Ruled | None:
    """Return the rule that gives `turn` to people, or None.

    `most_answers` is how many answers a conversation gets, `most_hourly` how many in one hour: two programs that
    answer each other stop there.
    `unread` says why the assistant does not know what is in a file ('': it reads none), or None if it does.
    """
    question = turn.question
    if wants_person(question):
        return Ruled(HandoffReason.CUSTOMER_ASKED)
    if match := subjects.find(question):
        return Ruled(HandoffReason.SENSITIVE, f"{match.subject.title} (“{match.words}”)")
    if files := [file for message in turn.waiting for file in message.files if unread(file) is not None]:
        return Ruled(HandoffReason.FILE_SENT, _why(files, unread))
    stretch = _stretch(turn.messages)
    if is_unhelpful(question) and _unhelped(stretch) >= _TIMES_UNHELPFUL:
        return Ruled(HandoffReason.NOT_HELPFUL)
    answers = [message.at for message in stretch if message.author is Author.BOT]
    if len(answers) >= most_answers:
        return Ruled(HandoffReason.BUDGET_USED, f"{len(answers)} answers in this conversation.")
    lately = sum(turn.messages[-1].at - at < _HOUR for at in answers)
    if most_hourly and lately >= most_hourly:
        return Ruled(HandoffReason.BUDGET_USED, f"{lately} answers within an hour: a program may be writing to us.")
    return None


def _why(files: Sequence[File], unread: Callable[[File], str | None]) -> str:
    """Name each file, and why it was not read where that has a sentence."""
    reasons = [(file.name, unread(file)) for file in files]
    if not any(why for _, why in reasons):
        return ", ".join(name for name, _ in reasons)
    return " ".join(f"{name}: {why}" for name, why in reasons)


def _stretch(messages: Sequence[Message]) -> list[Message]:
    human = [i for i, message in enumerate(messages) if message.author in {Author.OPERATOR, Author.SYSTEM}]
    return list(messages[human[-1] + 1 :] if human else messages)


def _unhelped(stretch: Sequence[Message]) -> int:
    """How often the customer said, after an answer, that it was no use."""
    first = next((i for i, message in enumerate(stretch) if message.author is Author.BOT), len(stretch))
    return sum(message.author is Author.CUSTOMER and is_unhelpful(message.text) for message in stretch[first:])
