"""Suggested articles: what people answered, and the knowledge base may answer next time.

`decide` asks for one when an operator resolves a case as solved, `core.store.articles` keeps it with the words that
`propose` took from the transcript, `bot.articles` collects those that are alike and writes the approved ones as
Markdown files. What is the customer's own is hidden before anything is kept. Plain values and rules.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core import redaction
from core.gaps import Gap
from core.ids import ArticleId, CaseId
from core.messages import Author, Message
from core.notation import clauses, words
from core.phrases import is_greeting, is_only_unhelpful, is_thanks, is_vague, wants_person

MAX_TITLE, MAX_QUESTION, MAX_ANSWER = 200, 2_000, 20_000  # characters
MOST_MISSING = 10
"""Questions that the weekly report names."""
WEEK_DAYS = 7

_TITLE = 80  # characters of a question that make a title
_HEADING = 300  # characters of it that make a heading, which stands before every passage of the article
_NAME = "[name]"
_EVERYTHING = frozenset(redaction.Kind)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？؟])\s+|\n")
_NOT_A_NAME = re.compile(r"\W+")
_EDGES = re.compile(r"^'|'$")
_QUOTES = str.maketrans({'"': "'", "\\": "/"})
"""What `kb.load` would read otherwise than it is written, between the quotes of a title."""
_CLOSING = 4  # words above a name that close a letter: 'With kind regards,'
_SLUG = 50  # characters; of four bytes each they still make a file name


class ArticleState(StrEnum):
    """What became of a suggestion."""

    SUGGESTED = "suggested"
    APPROVED = "approved"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a case's people answered, and to what."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class SuggestedArticle:
    """A suggestion as it is kept: `case` and its `number` are its source, `by` is who resolved it, `at` when."""

    id: ArticleId
    case: CaseId
    number: int
    question: str
    answer: str
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class ArticleGroup:
    """Suggestions whose questions are alike, the newest first; its words are those that a form begins with."""

    suggestions: tuple[SuggestedArticle, ...]

    @property
    def question(self) -> str:
        """The newest one's question."""
        return self.suggestions[0].question

    @property
    def title(self) -> str:
        """That question's first sentence, cut at a word."""
        return title_of(self.question)

    @property
    def answer(self) -> str:
        """The newest one's answer."""
        return self.suggestions[0].answer


@dataclass(frozen=True, slots=True)
class ArticleText:
    """The words of an article, as an operator approved them."""

    title: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class ArticleApproved:
    """An approved article: its `file`, and why that is not written yet ('' if it is)."""

    file: str
    problem: str = ""


def propose(question: str, said: Sequence[Message], opened_at: float, customer: str) -> Proposed | None:
    """Return what the transcript `said` suggests, or None: no person answered, or nobody asked anything in words.

    `question` is what the run took for the question, `opened_at` when the case was opened, `customer` the
    customer's name ('' unknown).
    """
    answers = [one for one in said if one.author is Author.OPERATOR and one.at >= opened_at and not one.withdrawn]
    answers = [one for one in answers if one.text.strip()]
    asked = question if _says_something(question) else _asked(said, opened_at, answers[-1].seq if answers else 0)
    bare = list(filter(None, (_bare(one, customer) for one in answers)))
    if not asked or not bare:
        return None
    asked, answer = asked.strip()[: 2 * MAX_QUESTION], "\n\n".join(bare)[: 2 * MAX_ANSWER]
    return Proposed(hidden(asked, customer)[:MAX_QUESTION], hidden(answer, customer)[:MAX_ANSWER])


def _asked(said: Sequence[Message], opened_at: float, up_to: int) -> str:
    """Return what the customer asked people first, or else the assistant last."""
    theirs = [m for m in said if m.author is Author.CUSTOMER and not m.withdrawn and m.seq < up_to]
    telling = [message for message in theirs if _says_something(message.text)]
    after = [message.text for message in telling if message.at >= opened_at]
    before = [message.text for message in telling if message.at < opened_at]
    return (after or before[-1:] or [""])[0]


def _says_something(text: str) -> bool:
    """Whether `text` is more than a greeting, thanks, a complaint without its cause, or the wish for a person."""
    empty = (is_greeting, is_thanks, is_vague, is_only_unhelpful, wants_person)
    return any(words(clause) and not any(is_empty(clause) for is_empty in empty) for clause in clauses(text))


def _bare(reply: Message, customer: str) -> str:
    """Return a reply without a line that only greets at its start, and without its writer's name at its end."""
    lines = reply.text.strip().splitlines()
    if len(lines) > 1 and is_greeting(_names(customer).sub("", lines[0]) if customer.strip() else lines[0]):
        lines = lines[1:]
    names = {reply.name.casefold(), reply.name.partition(" ")[0].casefold()} - {""}
    if len(lines) > 1 and lines[-1].strip(" ,.-*_").casefold() in names:
        lines = "\n".join(lines[:-1]).rstrip().splitlines()
        if len(lines) > 1 and lines[-1].endswith(",") and len(lines[-1].split()) <= _CLOSING:
            lines = lines[:-1]
    return "\n".join(lines).strip()


def hidden(text: str, customer: str) -> str:
    """Return `text` without what is a customer's own: their name, numbers, addresses, passwords."""
    bare = redaction.blanked(text, _EVERYTHING)
    return _names(customer).sub(_NAME, bare) if customer.strip() else bare


def _names(customer: str) -> re.Pattern[str]:
    """Return what finds a customer's name: the whole of it however it is written, its parts as it writes them."""
    whole = customer.strip()
    parts = [part for part in whole.split() if len(_NOT_A_NAME.sub("", part)) > 1]
    return re.compile("|".join([f"(?i:{_alone(whole)})", *map(_alone, sorted(set(parts), key=len, reverse=True))]))


def _alone(name: str) -> str:
    """Return the pattern of a name that is no part of a word; writing without capitals doesn't part words, either."""
    found = re.escape(name)
    return found if name.lower() == name.upper() else rf"(?<!\w){found}(?!\w)"


def title_of(question: str) -> str:
    """Return the first sentence of `question`, cut at a word where it is long."""
    return _line(_SENTENCE_END.split(question.strip(), maxsplit=1)[0], _TITLE)


def _line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"


def collect(
    suggestions: Iterable[SuggestedArticle], alike: Callable[[SuggestedArticle, SuggestedArticle], bool]
) -> list[ArticleGroup]:
    """Return `suggestions` in groups, the largest and then the newest first.

    Each joins the first group whose oldest it is `alike` to: a chain of neighbours makes no group.
    """
    groups: list[list[SuggestedArticle]] = []
    for one in sorted(suggestions, key=lambda one: (one.at, one.number)):
        group = next((group for group in groups if alike(group[0], one)), None)
        if group is None:
            groups.append(group := [])
        group.append(one)
    groups.sort(key=lambda group: (-len(group), -group[-1].at))
    return [ArticleGroup(tuple(reversed(group))) for group in groups]


def file_name(title: str, number: int) -> str:
    """Return the name of the file of an article: its title in letters and digits, and its case's number."""
    slug = "-".join(re.findall(r"[^\W_]+", title.casefold()))[:_SLUG].strip("-")
    return f"{slug or 'article'}-{number}.md"


def markdown(text: ArticleText, numbers: Iterable[int], day: str, by: str) -> str:
    """Return the Markdown file of an article: its words, the `numbers` of its cases, the `day` and who approved it.

    The question is a heading, which is searched and never quoted.
    """
    title = _EDGES.sub("’", _line(text.title.translate(_QUOTES), MAX_TITLE))
    question = _line(text.question, _HEADING)
    cases = ", ".join(f"#{number}" for number in sorted(numbers))
    fields = {"title": title, "source": f"case {cases}", "date": day, "approved_by": by}
    front = "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    heading = f"## {question}\n\n" if question and question.casefold() != title.casefold() else ""
    return f"---\n{front}\n---\n\n# {title}\n\n{heading}{text.answer.strip()}\n"


def weekly(missing: Sequence[Gap], waiting: int) -> str:
    """Return the week's report as operators read it: the `missing` articles, how many suggested ones are `waiting`.

    Its first line is its heading.
    """
    all_found = f"In the last {WEEK_DAYS} days every question found an article."
    not_found = f"What was asked in the last {WEEK_DAYS} days and found no article:"
    lines = ["For the knowledge base", not_found if missing else all_found]
    for gap in missing[:MOST_MISSING]:
        cases = ", ".join(f"#{asked.number}" for asked in gap.asked if asked.number)
        lines.append(f"{gap.times}× {_line(gap.question, MAX_TITLE)}{f' ({cases})' if cases else ''}")
    if len(missing) > MOST_MISSING:
        lines.append(f"And {len(missing) - MOST_MISSING} more: see Missing articles on the web desk.")
    if waiting:
        articles = "1 suggested article waits" if waiting == 1 else f"{waiting} suggested articles wait"
        lines.append(f"{articles} for approval: see Suggested articles on the web desk.")
    return "\n".join(lines)
