"""When a person must take over, whatever a model would say. Pure; `core.agent.assistant` asks before each run.

Everything here is counted in the stretch of the conversation that the assistant leads: since the last
time that a person, or a line about one, stood in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.events import HandoffReason
from core.messages import Author, Message
from core.phrases import is_unhelpful, wants_person
from core.subjects import Subjects
from core.turn import Turn

_TIMES_UNHELPFUL = 2


@dataclass(frozen=True, slots=True)
class Ruled:
    """Why a rule hands over, and the words that operators read about it."""

    reason: HandoffReason
    detail: str = ""


def handoff(turn: Turn, subjects: Subjects, most_answers: int) -> Ruled | None:
    """Return the rule that gives `turn` to people, or None."""
    question = turn.question
    if wants_person(question):
        return Ruled(HandoffReason.CUSTOMER_ASKED)
    if match := subjects.find(question):
        return Ruled(HandoffReason.SENSITIVE, f"{match.subject.title} (“{match.words}”)")
    files = [file.name for message in turn.waiting for file in message.files]
    if files:
        return Ruled(HandoffReason.FILE_SENT, ", ".join(files))
    stretch = _stretch(turn.messages)
    if is_unhelpful(question) and _unhelped(stretch) >= _TIMES_UNHELPFUL:
        return Ruled(HandoffReason.NOT_HELPFUL)
    answers = sum(message.author is Author.BOT for message in stretch)
    if answers >= most_answers:
        return Ruled(HandoffReason.BUDGET_USED, f"{answers} answers in this conversation.")
    return None


def _stretch(messages: Sequence[Message]) -> list[Message]:
    human = [i for i, message in enumerate(messages) if message.author in {Author.OPERATOR, Author.SYSTEM}]
    return list(messages[human[-1] + 1 :] if human else messages)


def _unhelped(stretch: Sequence[Message]) -> int:
    """How often the customer said, after an answer, that it was no use."""
    first = next((i for i, message in enumerate(stretch) if message.author is Author.BOT), len(stretch))
    return sum(message.author is Author.CUSTOMER and is_unhelpful(message.text) for message in stretch[first:])
