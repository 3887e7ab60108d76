"""Hello, thanks, 'a person please', 'it does not work': what the agent knows without a model.

The extractive answerer calls these before it searches, the guard calls `promises_person` on what a
model wrote: a promise of a person that no `hand_off` goes with would leave the customer waiting.
The words are in phrases.toml, where people who speak the languages can read and mend them; core.notation
turns them into patterns. Every function is pure and looks at the first and last 2,000 characters of a
text at most.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain
from tomllib import loads
from typing import Any

from core.notation import EDGE, clauses, edges, joined, pattern, starting, words

_SHORT = 24  # words: no greeting, thanks or vague message is longer
_BRIEF = 300  # characters: in a longer text a lone 'agent' is a line of a log
_UNKNOWN = 2  # words outside `lead` that may stand before a framed request: a typing error or a name
_SENTENCE = re.compile(r"[^.!?\n。！？؟।]+[.!?。！？؟।]*")

_QUESTION = re.compile("[?？؟]")
_TONES = " \n.!\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_THUMBS = frozenset("👍👌✅")

_NODS = " \n.!\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff👍👌🙏👏❤💚💙🎉😊🙂😀😃😄😁✅"
"""What a message may consist of and still be a thank-you: kind pictures, their colours, and what ends a sentence."""

Table = Mapping[str, Mapping[str, Any]]


def load() -> None:
    """Read the table and build its patterns now: 0.4 s that the first message need not wait for."""
    _vocabulary(), _requests(), _promises()
    for name in ("greeting", "thanks", "vague", "unhelpful"):
        _section(name)
    _answer("yes"), _answer("no")


def is_greeting(text: str) -> bool:
    """Whether `text` says hello and nothing else."""
    return _whole("greeting", text)


def is_thanks(text: str) -> bool:
    """Whether `text` says thank you, or that all is well, in words or with a kind picture, and nothing else."""
    if is_unhelpful(text):  # 'no me ha ayudado' holds words of thanks
        return False
    return _whole("thanks", text) or (bool(text.strip(" \n.!")) and not text.strip(_NODS))


def is_yes(text: str) -> bool:
    """Whether `text` agrees and says nothing else, beside a greeting, thanks, and how a letter closes."""
    return _plain("yes", text) or text.strip(_TONES) in _THUMBS


def is_no(text: str) -> bool:
    """Whether `text` says no and nothing else, as `is_yes`."""
    return _plain("no", text)


def is_vague(text: str) -> bool:
    """Whether `text` wants help without saying with what: 'it does not work', 'I have a problem'."""
    return _whole("vague", text)


def is_only_unhelpful(text: str) -> bool:
    """Whether `text` says that the last answer was no use, and asks nothing beside it."""
    said = [clause for clause in clauses(text) if words(clause)]
    return is_unhelpful(text) and all(_whole("unhelpful", clause) or _whole("vague", clause) for clause in said)


def is_unhelpful(text: str) -> bool:
    """Whether a clause of `text` says that the last answer was no use."""
    return any(_whole("unhelpful", clause) for clause in clauses(text))


def wants_person(text: str) -> bool:
    """Whether the customer asks to talk to a human, in any of the table's languages.

    'I want to talk to a person' does; 'one person bought my bike', 'I don't want a human' and 'how do
    I let my customers chat with a person' don't.
    """
    said = [joined(_spelled(words(clause))) for clause in clauses(text)]
    if len(text) <= _BRIEF and any(request.alone.fullmatch(clause) for clause in said for request in _requests()):
        return True
    return any(request.found_in(clause) for clause in said if clause for request in _requests())


def promises_person(text: str) -> bool:
    """Whether a text of the bot announces a person ('I am connecting you ...'); an offer or a question doesn't."""
    for sentence in _SENTENCE.findall(edges(text)):
        if not sentence.rstrip().endswith(("?", "？", "؟")):
            said = joined(words(sentence.rstrip(" ।")))  # Hindi's full stop is a word's letter to `words`
            if any(promise.found_in(said) for promise in _promises()):
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
    refused: re.Pattern[str]
    joins: re.Pattern[str]

    def found_in(self, sentence: str) -> bool:
        """Whether `sentence`, its words joined by spaces, promises a person."""
        return any(self._meant(sentence, match) for match in self.anywhere.finditer(sentence))

    def _meant(self, sentence: str, match: re.Match[str]) -> bool:
        said, word_before = sentence[: match.end()], sentence.rfind(" ", 0, max(0, match.start() - 1)) + 1
        return not (
            self.offer.search(self.joins.split(said)[-1])
            or self.offer_after.search(sentence, match.start())
            or self.refused.search(said, word_before)
        )


def _spelled(spoken: list[str]) -> list[str]:
    """`spoken` with one typing error mended in those listed under `spelling`, and a forgotten space put back."""
    known, spelling = _vocabulary()
    mended: list[str] = []
    for word in spoken:
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
    known = frozenset(word for lists in languages for phrases in lists.values() for word in words(" ".join(phrases)))
    return known, tuple(word for lists in languages for word in lists.get("spelling", []))


@cache
def _requests() -> tuple[_Request, ...]:
    filler = {"filler": [phrase for phrases in _table()["filler"].values() for phrase in phrases]}
    return tuple(_request({**filler, **lists}) for lists in _table()["person"].values())


def _request(lists: Mapping[str, list[str]]) -> _Request:
    said = {key: lists.get(key, []) for key in ("framed", "lead", "joins", "after", "not", "not_after", "others")}
    around = f"(?>{pattern(lists['filler'], lists)})*"
    ending = starting(said["not"], lists).pattern + "$"
    return _Request(
        anywhere=starting(lists["anywhere"], lists),
        alone=re.compile(around + pattern(lists["alone"], lists) + around),
        framed=starting(said["framed"], lists) if said["framed"] else None,
        lead=starting(said["lead"], lists),
        joins=starting(said["joins"], lists),
        after=starting(said["after"], lists),
        refused=re.compile(ending),
        refused_after=starting(said["not_after"], lists),
        others=starting(said["others"], lists),
    )


@cache
def _promises() -> tuple[_Promise, ...]:
    return tuple(
        _Promise(
            anywhere=starting(lists["anywhere"], lists),
            offer=starting(lists["offer"], lists),
            offer_after=starting(lists.get("offer_after", []), lists),
            refused=starting(lists.get("not", []), lists),
            joins=starting(lists["joins"], lists),
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
    return re.compile(f"(?>{pattern([*own, *chain(*beside)], {})})+"), starting(own, {})


@cache
def _answer(name: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A whole message that answers yes, or no, with nothing but manners beside it; and how a letter closes."""
    said, greeting, manners, closing = (
        pattern([phrase for phrases in _table()[section].values() for phrase in phrases], {})
        for section in (name, "greeting", "manners", "closing")
    )
    answers = f"{greeting}*{manners}*(?:{said}{manners}*)+"
    return re.compile(answers), re.compile(closing + r"(?:\S+ ){0,5}")


def _plain(name: str, text: str) -> bool:
    if len(text) > _BRIEF or _QUESTION.search(text):
        return False
    answers, closing = _answer(name)
    lines = [joined(words(line)) for line in text.splitlines()]
    for i in range(1, len(lines)):
        if closing.match(lines[i]) and closing.fullmatch("".join(lines[i:])):
            lines = lines[:i]
            break
    said = "".join(lines)
    return said.count(" ") <= _SHORT and answers.fullmatch(said) is not None


def _whole(name: str, text: str) -> bool:
    """Whether `text` consists of phrases of section `name`, with greetings and filler beside them."""
    if len(text) > EDGE:
        return False
    said = joined(words(text))
    if not 0 < said.count(" ") <= _SHORT:
        return False
    consists, has = _section(name)
    return consists.fullmatch(said) is not None and has.search(said) is not None
