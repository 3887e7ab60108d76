"""Hello, thanks, 'a person please', 'it does not work': what the agent knows without a model.

The extractive answerer calls these before it searches, the guard calls `promises_person` on what a
model wrote: a promise of a person that no `hand_off` goes with would leave the customer waiting.
The words are in phrases.toml, where people who speak the languages can read and mend them; this
module only turns them into patterns. Every function is pure and looks at the first and last
2,000 characters of a text at most.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain
from tomllib import loads
from typing import Any

_EDGE = 2000  # characters read at each end: a request for a person stands in the first or last lines
_SHORT = 24  # words: no greeting, thanks or vague message is longer
_BRIEF = 300  # characters: in a longer text a lone 'agent' is a line of a log
_UNKNOWN = 2  # words outside `lead` that may stand before a framed request: a typing error or a name

# A word, or one character of the scripts that are written without spaces. Devanagari's vowel signs
# (U+0900-097F) are marks, which \w leaves out.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[\w\u0900-\u097f])+")
_CONTRACTION = re.compile(r"['’‘`´](?=(?:t|s|m|d|ve|re|ll)\b)")
_ACCENT = re.compile(r"[\u0300-\u036f\u064b-\u065f\u0670\u0640]")  # Latin and Cyrillic accents, Arabic vowels, tatweel
_ARABIC = str.maketrans("أإآىة", "ااايه")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_CLAUSE = re.compile(r"[.!?;:,\n…()\[\]\"“”«»。！？；：，、؟،؛।]+|\s[-–—]+\s")
_SENTENCE = re.compile(r"[^.!?\n。！？؟।]+[.!?。！？؟।]*")
_PIECE = re.compile(r"\{(\w+)\}(\??)|(\()|\)(\??)|(\|)|(\*)|([^\s(){}|*?]+)(\??)|(\S)")

Table = Mapping[str, Mapping[str, Any]]


def is_greeting(text: str) -> bool:
    """Whether `text` says hello and nothing else."""
    return _whole("greeting", text)


def is_thanks(text: str) -> bool:
    """Whether `text` says thank you, or that all is well, and nothing else."""
    return _whole("thanks", text)


def is_vague(text: str) -> bool:
    """Whether `text` wants help without saying with what: 'it does not work', 'I have a problem'."""
    return _whole("vague", text)


def is_unhelpful(text: str) -> bool:
    """Whether a clause of `text` says that the last answer was no use."""
    return any(_whole("unhelpful", clause) for clause in _CLAUSE.split(_edges(text)))


def wants_person(text: str) -> bool:
    """Whether the customer asks to talk to a human, in any of the table's languages.

    'I want to talk to a person' does; 'one person bought my bike', 'I don't want a human' and 'how do
    I let my customers chat with a person' don't.
    """
    clauses = [_joined(_spelled(_words(clause))) for clause in _CLAUSE.split(_edges(text))]
    if len(text) <= _BRIEF and any(request.alone.fullmatch(clause) for clause in clauses for request in _requests()):
        return True
    return any(request.found_in(clause) for clause in clauses if clause for request in _requests())


def promises_person(text: str) -> bool:
    """Whether a text of the bot announces a person ('I am connecting you ...'); an offer or a question doesn't."""
    for sentence in _SENTENCE.findall(_edges(text)):
        if not sentence.rstrip().endswith(("?", "？", "؟")):
            words = _joined(_words(sentence))
            if any(promise.found_in(words) for promise in _promises()):
                return True
    return False


@dataclass(frozen=True, slots=True)
class _Request:
    """How one language asks for a person."""

    anywhere: re.Pattern[str]
    alone: re.Pattern[str]
    framed: re.Pattern[str] | None
    lead: re.Pattern[str]
    joins: re.Pattern[str]
    after: re.Pattern[str]
    refused: re.Pattern[str]
    refused_after: re.Pattern[str]
    others: re.Pattern[str]

    def found_in(self, clause: str) -> bool:
        """Whether `clause`, its words joined by spaces, asks for a person."""
        if any(self._meant(clause, match) for match in self.anywhere.finditer(clause)):
            return True
        return self.framed is not None and any(
            self._meant(clause, match) and self._framed(clause, match) for match in self.framed.finditer(clause)
        )

    def _meant(self, clause: str, match: re.Match[str]) -> bool:
        before, behind = clause[: match.start()], clause[match.end() :]
        return not (self.refused.search(before) or self.refused_after.match(behind) or self.others.search(before))

    def _framed(self, clause: str, match: re.Match[str]) -> bool:
        before, behind = self.joins.split(clause[: match.start()])[-1], clause[match.end() :]
        strangers = [word for word in before.split() if not self.lead.fullmatch(f"{word} ")]
        return len(strangers) <= _UNKNOWN and (not behind or self.after.match(behind) is not None)


@dataclass(frozen=True, slots=True)
class _Promise:
    """How one language promises a person."""

    anywhere: re.Pattern[str]
    offer: re.Pattern[str]
    offer_after: re.Pattern[str]

    def found_in(self, sentence: str) -> bool:
        """Whether `sentence`, its words joined by spaces, promises a person."""
        return any(
            not self.offer.search(sentence[: match.end()]) and not self.offer_after.search(sentence[match.start() :])
            for match in self.anywhere.finditer(sentence)
        )


def _edges(text: str) -> str:
    return text if len(text) <= 2 * _EDGE else f"{text[:_EDGE]}\n{text[-_EDGE:]}"


def _words(text: str) -> list[str]:
    """The words of `text`: casefolded, without accents; one character each in Chinese and Japanese."""
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", _CONTRACTION.sub("", text)).casefold())
    plain = unicodedata.normalize("NFC", plain).translate(_ARABIC)
    return _WORD.findall(_STRETCHED.sub(r"\1", plain))


def _joined(words: list[str]) -> str:
    """Each word with a space behind it: the form that the patterns read."""
    return "".join(f"{word} " for word in words)


def _spelled(words: list[str]) -> list[str]:
    """`words` with one typing error mended in those listed under `spelling`, and a forgotten space put back."""
    known, spelling = _vocabulary()
    mended: list[str] = []
    for word in words:
        if len(word) < 4 or len(word) > 20 or word in known:
            mended.append(word)
        elif right := next((right for right in spelling if _slip(word, right)), None):
            mended.append(right)
        else:
            mended.extend(_apart(word, known))
    return mended


def _apart(word: str, known: frozenset[str]) -> list[str]:
    """Two known words, the second of five letters or more, that were written as one; else the word."""
    for cut in range(1, len(word) - 4):
        if word[:cut] in known and word[cut:] in known:
            return [word[:cut], word[cut:]]
    return [word]


def _slip(typed: str, right: str) -> bool:
    """Whether one letter was left out, put in, changed or swapped with its neighbour."""
    if abs(len(typed) - len(right)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(typed, right, strict=False)) if a != b), min(len(typed), len(right)))
    typed, right = typed[start:], right[start:]
    return (
        typed[1:] == right
        or typed == right[1:]
        or typed[1:] == right[1:]
        or (typed[2:] == right[2:] and typed[:2] == right[1::-1])
    )


@cache
def _table() -> Table:
    return loads(files(__package__).joinpath("phrases.toml").read_text(encoding="utf-8"))


@cache
def _vocabulary() -> tuple[frozenset[str], tuple[str, ...]]:
    """Every word of the table, and the words to be recognised with a typing error."""
    languages = _table()["person"].values()
    known = frozenset(word for lists in languages for phrases in lists.values() for word in _words(" ".join(phrases)))
    return known, tuple(word for lists in languages for word in lists.get("spelling", []))


def _pattern(phrases: list[str], lists: Mapping[str, list[str]]) -> str:
    """The regular expression for `phrases` in the notation that phrases.toml explains."""
    longest_first = sorted(phrases, key=len, reverse=True)
    return "(?:" + "|".join("".join(_pieces(phrase, lists)) for phrase in longest_first) + ")"


def _pieces(phrase: str, lists: Mapping[str, list[str]]) -> Iterator[str]:
    for piece in _PIECE.finditer(phrase):
        name, name_maybe, opens, closes_maybe, either, gap, word, word_maybe, wrong = piece.groups()
        if name:
            yield _pattern(lists[name], lists) + name_maybe
        elif opens:
            yield "(?:"
        elif closes_maybe is not None:
            yield f"){closes_maybe}"
        elif either:
            yield "|"
        elif gap:
            yield r"(?:\S+ ){0,3}"
        elif word:
            yield f"(?:{re.escape(_joined(_words(word)))}){word_maybe}"
        else:
            raise ValueError(f"phrases.toml: {wrong!r} in {phrase!r} has no meaning; see the notes at its top")


def _starting(phrases: list[str], lists: Mapping[str, list[str]]) -> re.Pattern[str]:
    """`phrases` at the beginning of any word; with no phrases, a pattern that is never found."""
    return re.compile(r"(?<!\S)" + _pattern(phrases, lists) if phrases else r"(?!)")


@cache
def _requests() -> tuple[_Request, ...]:
    filler = {"filler": [phrase for phrases in _table()["filler"].values() for phrase in phrases]}
    return tuple(_request({**filler, **lists}) for lists in _table()["person"].values())


def _request(lists: Mapping[str, list[str]]) -> _Request:
    said = {key: lists.get(key, []) for key in ("framed", "lead", "joins", "after", "not", "not_after", "others")}
    around = f"(?>{_pattern(lists['filler'], lists)})*"
    ending = _starting(said["not"], lists).pattern + "$"
    return _Request(
        anywhere=_starting(lists["anywhere"], lists),
        alone=re.compile(around + _pattern(lists["alone"], lists) + around),
        framed=_starting(said["framed"], lists) if said["framed"] else None,
        lead=_starting(said["lead"], lists),
        joins=_starting(said["joins"], lists),
        after=_starting(said["after"], lists),
        refused=re.compile(ending),
        refused_after=_starting(said["not_after"], lists),
        others=_starting(said["others"], lists),
    )


@cache
def _promises() -> tuple[_Promise, ...]:
    return tuple(
        _Promise(
            anywhere=_starting(lists["anywhere"], lists),
            offer=_starting(lists["offer"], lists),
            offer_after=_starting(lists.get("offer_after", []), lists),
        )
        for lists in _table()["promise"].values()
    )


@cache
def _section(name: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What a message of section `name` consists of, and what it must have of it; all languages at once."""
    own, *beside = (
        [phrase for phrases in _table()[section].values() for phrase in phrases]
        for section in (name, "filler", "greeting")
    )
    # The atomic group takes the longest phrase and never goes back: linear on any input.
    return re.compile(f"(?>{_pattern([*own, *chain(*beside)], {})})+"), _starting(own, {})


def _whole(name: str, text: str) -> bool:
    """Whether `text` consists of phrases of section `name`, with greetings and filler beside them."""
    if len(text) > _EDGE:
        return False
    words = _joined(_words(text))
    if not 0 < words.count(" ") <= _SHORT:
        return False
    consists, has = _section(name)
    return consists.fullmatch(words) is not None and has.search(words) is not None
