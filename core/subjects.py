"""The sensitive subjects: what the bot must never answer itself but gives to a person at once.

A rule decides this, not a model, so that an owner can read the list, change it and rely on it. The
packaged list is subjects.toml; an owner's own file has the same form and takes its place wholly. The
agent asks `find` before it answers, the desk shows the subject's title and the words that were found.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from tomllib import TOMLDecodeError, loads

from core.notation import Lists, NotationError, clauses, joined, pattern, starting, words

_LISTS = "lists"  # the one table of the file that is no subject
_KEYS = ("title", "phrases", "unless")
_GAPS = 4  # '*' in one phrase: each multiplies the ways in which a text can be tried
_FORM = '[legal] title = "Legal action" phrases = ["my lawyer will", "see you in court"]'

# What a customer's words are found again by: a run without spaces, or one character of the scripts that
# don't use them, with the mark that follows it when a kana's voicing is written apart (U+3099, U+309A).
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff][\u3099\u309a]?|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_SIGNS = re.compile(r"[(){}|*?]")


class SubjectsError(ValueError):
    """A list of subjects that can't be used; the sentence says where and what to change."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something only people may answer; operators read its `title` ('An injury or accident')."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Match:
    """A subject that a customer has touched, and the `words` of the customer that show it."""

    subject: Subject
    words: str


class Subjects:
    """An ordered list of sensitive subjects: where a text touches two, the first of the list counts."""

    def __init__(self, rules: "Iterable[_Rule]") -> None:
        self._rules = tuple(rules)

    @classmethod
    def packaged(cls) -> "Subjects":
        """The list that comes with the bot, core/subjects.toml."""
        return _packaged()

    @classmethod
    def parse(cls, toml: str) -> "Subjects":
        """Read a list in the form that the top of subjects.toml explains.

        Raises:
            SubjectsError: if it is no TOML, lists no subject, or a subject or phrase can't be used.
        """
        try:
            table = loads(toml)
        except TOMLDecodeError as error:
            raise SubjectsError(f"The list of subjects is no TOML: {error}. A subject looks like {_FORM}") from error
        lists = _lists(table.pop(_LISTS, {}), toml)
        if not table:
            raise SubjectsError(f"The list of subjects is empty. Write at least one, as in {_FORM}")
        return cls(_rule(name, entry, lists, toml) for name, entry in table.items())

    def find(self, text: str) -> Match | None:
        """The first subject of the list that `text`, as a customer wrote it, touches; None if it touches none.

        Only the first and last 2,000 characters of a text are read.
        """
        spoken = [clause for clause in map(_heard, clauses(text)) if clause.said]
        return next((match for rule in self._rules for clause in spoken if (match := rule.found_in(clause))), None)

    def __iter__(self) -> Iterator[Subject]:
        return (rule.subject for rule in self._rules)

    @property
    def names(self) -> tuple[str, ...]:
        """The subjects' names, in the order of the list."""
        return tuple(subject.name for subject in self)


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause as the patterns read it, and where each of its words stands in `text`."""

    text: str
    said: str
    places: tuple[tuple[int, int], ...]

    def written(self, match: re.Match[str]) -> str:
        """What the customer wrote where `match` was found in `said`."""
        first = self.said.count(" ", 0, match.start())
        last = self.said.count(" ", 0, match.end()) - 1
        return self.text[self.places[first][0] : self.places[last][1]].strip("¡¿*_'‘’")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A subject, the phrases that show it, and those that tell in the same clause that it isn't meant."""

    subject: Subject
    phrases: re.Pattern[str]
    unless: re.Pattern[str]

    def found_in(self, clause: _Clause) -> Match | None:
        found = self.phrases.search(clause.said)
        if found is None or self.unless.search(clause.said):
            return None
        return Match(self.subject, clause.written(found))


def _heard(clause: str) -> _Clause:
    spoken = [(word, token.span()) for token in _TOKEN.finditer(clause) for word in words(token.group())]
    return _Clause(clause, joined([word for word, _ in spoken]), tuple(place for _, place in spoken))


@cache
def _packaged() -> Subjects:
    return Subjects.parse(files(__package__).joinpath("subjects.toml").read_text(encoding="utf-8"))


def _lists(table: object, toml: str) -> Lists:
    if not isinstance(table, Mapping):
        raise SubjectsError(f"{_LISTS!r} is kept for a table of lists; give that subject another name")
    return {name: _checked(f"[{_LISTS}] {name}", said, None, toml) for name, said in table.items()}


def _rule(name: str, entry: object, lists: Lists, toml: str) -> _Rule:
    where = f"[{name}]"
    if not isinstance(entry, Mapping):
        raise SubjectsError(f"{name!r}{_line(name, toml)} stands outside a subject. A subject looks like {_FORM}")
    if strange := [key for key in entry if key not in _KEYS]:
        raise SubjectsError(f"{where}{_line(where, toml)} has a key {strange[0]!r}; it may have {', '.join(_KEYS)}")
    title = entry.get("title")
    if not isinstance(title, str) or not title.strip():
        raise SubjectsError(f'{where}{_line(where, toml)} has no title; add one for your team: title = "Legal action"')
    said = entry.get("phrases")
    if not (any(said.values()) if isinstance(said, Mapping) else said):
        raise SubjectsError(f'{where}{_line(where, toml)} has no phrases; add some: phrases = ["my lawyer will"]')
    found, unless = (_pattern(f"{where} {key}", entry.get(key, []), lists, toml) for key in ("phrases", "unless"))
    return _Rule(Subject(name, title.strip()), found, unless)


def _pattern(where: str, value: object, lists: Lists, toml: str) -> re.Pattern[str]:
    """The pattern of `value`, a list of phrases or a table of such lists by language."""
    said = value if isinstance(value, Mapping) else {"": value}
    by_language = (
        _checked(f"{where}.{language}".rstrip("."), phrases, lists, toml) for language, phrases in said.items()
    )
    phrases = [phrase for each in by_language for phrase in each]
    found = starting(phrases, lists)
    if found.match(""):
        empty = next(phrase for phrase in phrases if re.match(pattern([phrase], lists), ""))
        raise SubjectsError(
            f"{where}{_line(empty, toml)}: the phrase {empty!r} fits every message; "
            "write at least one word that has to be there"
        )
    return found


def _checked(where: str, value: object, lists: Lists | None, toml: str) -> list[str]:
    """`value`, if it is a list of phrases that can be read; those of the file's own lists come without `lists`."""
    if not isinstance(value, list) or not all(isinstance(phrase, str) for phrase in value):
        raise SubjectsError(
            f'{where} has to be a list of texts in quotes, as in ["my lawyer will", "see you in court"]'
        )
    for phrase in value:
        if wrong := _wrong(phrase, lists):
            raise SubjectsError(f"{where}{_line(phrase, toml)}: the phrase {phrase!r} {wrong}")
    return value


def _wrong(phrase: str, lists: Lists | None) -> str:
    """What is the matter with `phrase`, as the end of a sentence; '' if nothing is."""
    if len([part for part in clauses(_SIGNS.sub(" ", phrase)) if part.strip()]) > 1:
        return "has punctuation between its words and would never be found; write two phrases, or leave it out"
    if lists is not None and phrase.rstrip().endswith("?"):
        return "ends with '?', which makes the last word optional; leave the '?' out"
    if phrase.count("*") > _GAPS:
        return f"has more than {_GAPS} '*'; make two phrases of it"
    opened = list(accumulate((sign == "(") - (sign == ")") for sign in phrase))
    if opened and (min(opened) < 0 or opened[-1]):
        return "has a bracket too many or too few; each ( needs its )"
    try:
        pattern([phrase], lists or {})
    except NotationError as error:
        return f"can't be read: {error}"
    return ""


def _line(part: str, toml: str) -> str:
    """' (line 7)', the first line of the file, notes aside, that holds `part`; '' if none does."""
    lines = enumerate(toml.splitlines(), start=1)
    found = next((number for number, line in lines if part and part in line and not line.startswith("#")), None)
    return f" (line {found})" if found else ""
