"""Examples: what customers asked and how it ended, taken from resolved conversations, to measure the assistant on.

`core.store.examples` reads the conversations, `bot.examples` writes an evaluation folder of them for `threadline eval`.
What is a customer's own is hidden, as it is in suggested articles. Plain values and rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.articles import hidden, propose
from core.messages import Author, Message

_SPOKEN = frozenset({Author.CUSTOMER, Author.BOT, Author.OPERATOR})
MOST_HISTORY = 20  # messages before a question


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said before a question."""

    text: str
    by_customer: bool


@dataclass(frozen=True, slots=True)
class Example:
    """A question, what was said before it, and what answered it.

    `sources` are where the answer stood in the knowledge base, none if people knew it; `article` is the file that was
    made of their answer ('' none), `kind` why people got the question ('' if the assistant answered it).
    """

    id: str
    question: str
    history: tuple[Line, ...]
    answer: str
    sources: tuple[str, ...] = ()
    article: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A case that was solved, as far as an example needs it; `sources` are those of a suggested reply that was sent."""

    id: str
    reason: str
    question: str
    opened_at: float
    sources: tuple[str, ...] = ()
    article: str = ""


def of_case(case: Ended, said: Sequence[Message], customer: str) -> Example | None:
    """Return what a solved case shows, or None: no person answered, or nobody asked anything in words."""
    proposed = propose(case.question, said, case.opened_at, customer)
    if proposed is None:
        return None
    asked = next((one.seq for one in said if _asks(one, proposed.question, customer)), 0)
    return Example(
        case.id,
        proposed.question,
        _history(said, asked, customer),
        proposed.answer,
        case.sources,
        case.article,
        case.reason,
    )


def of_answers(said: Sequence[Message], customer: str) -> list[Example]:
    """Return what the assistant's answers show that their customer called helpful."""
    return [found for one in said if (found := _of_answer(one, said, customer))]


def _of_answer(answer: Message, said: Sequence[Message], customer: str) -> Example | None:
    helped = answer.author is Author.BOT and answer.rating is not None and answer.rating.score > 0
    if not (helped and answer.citations) or answer.withdrawn:
        return None
    asked: list[Message] = []
    for one in reversed([one for one in said if one.seq < answer.seq and one.author in _SPOKEN]):
        if one.author is not Author.CUSTOMER:
            break
        asked.insert(0, one)
    question = "\n".join(one.text for one in asked if one.text.strip() and not one.withdrawn)
    if not question:
        return None
    sources = tuple(dict.fromkeys(cited.source for cited in answer.citations))
    before = _history(said, asked[0].seq, customer)
    return Example(answer.id, hidden(question, customer), before, hidden(answer.text, customer), sources)


def _asks(message: Message, question: str, customer: str) -> bool:
    """Whether `message` is where `question` begins, which is a turn of the customer's with what is theirs hidden."""
    text = hidden(message.text.strip(), customer)
    return message.author is Author.CUSTOMER and bool(text) and (text in question or question in text)


def _history(said: Sequence[Message], up_to: int, customer: str) -> tuple[Line, ...]:
    before = [one for one in said if one.seq < up_to and one.author in _SPOKEN and one.text and not one.withdrawn]
    return tuple(Line(hidden(one.text, customer), one.author is Author.CUSTOMER) for one in before[-MOST_HISTORY:])
