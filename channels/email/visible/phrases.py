"""The words of mail programs, read from phrases.toml and made into patterns.

`quotes` asks for leads ('On Monday, Kim wrote:') and header labels, `endings` for the lines that phones and mail
servers put under a mail, `reply` for subjects of forwarded mails. Every pattern is an alternation of plain phrases, and
is asked only about short lines: no input makes one slow.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from tomllib import loads
from unicodedata import normalize

_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # Thai, Japanese, Chinese, Korean
_COMMON = re.compile(r"[a-z\u00df-\u024f\u0370-\u052f ()/'-]+")  # Latin, Greek and Cyrillic: words stand apart
_TOKEN = re.compile(r"[^\W\d_]+")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Phrases:
    """The tables, ready to ask. All patterns expect `plain` text."""

    wrote: re.Pattern[str]
    wrote_words: frozenset[str]
    wrote_rare: re.Pattern[str]
    sent: re.Pattern[str]
    myself: re.Pattern[str]
    opener: frozenset[str]
    labels: Mapping[str, str]
    original: frozenset[str]
    forwarded: re.Pattern[str]
    forward_subject: re.Pattern[str]
    sent_from: re.Pattern[str]
    sent_from_end: re.Pattern[str]
    mine: re.Pattern[str]
    device: re.Pattern[str]
    disclaimer: re.Pattern[str]
    footer: re.Pattern[str]
    person: re.Pattern[str]
    inside: re.Pattern[str]

    def verb(self, line: str) -> str:
        """The verb of a lead ('wrote') in the `plain` `line`, or ''. Most lines have none, and that is found fast."""
        if self.wrote_words.isdisjoint(_TOKEN.findall(line)) and not self.wrote_rare.search(line):
            return ""
        found = self.wrote.search(line)
        return found[0] if found else ""


def plain(text: str) -> str:
    """Return `text` in small letters, without marks of direction and with single spaces, as the tables are written."""
    if text.isascii():
        return " ".join(text.split()).lower()
    text = normalize("NFC", text)  # Apple's programs send letters and accents apart
    return _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip().lower()


@cache
def phrases() -> Phrases:
    """Return the tables of phrases.toml; read once."""
    table = loads(files("channels.email.visible").joinpath("phrases.toml").read_text(encoding="utf-8"))
    mine, wrote = table["mine"], _flat(table["wrote"])
    common = [verb for verb in wrote if _COMMON.fullmatch(verb)]
    return Phrases(
        wrote=_any(wrote),
        wrote_words=frozenset(max(_TOKEN.findall(verb), key=len) for verb in common),
        wrote_rare=re.compile(_choice(verb for verb in wrote if not _COMMON.fullmatch(verb))),
        sent=_any(_flat(table["sent"])),
        myself=_any(_flat(table["myself"])),
        opener=frozenset(word.split()[0] for word in _flat(table["opener"])),
        labels={word: name for name, words in table["header"].items() for word in _flat(words)},
        original=frozenset(_flat(table["original"])),
        forwarded=_any(_flat(table["forwarded"])),
        forward_subject=re.compile(
            rf"\s*(?:{_choice(table['subject']['forward'])})(?:\[\d+\])?\s*[:：]", re.IGNORECASE
        ),
        sent_from=re.compile(rf"(?:{_choice(_flat(table['sent_from']))})"),
        sent_from_end=re.compile(rf"(?:{_choice(_flat(table['sent_from_end']))})[.!。]?$"),
        mine=_any(mine["words"]),
        device=_device(mine["device"]),
        disclaimer=_any(_flat(table["disclaimer"]), whole=False),
        footer=_any(_flat(table["footer"]), whole=False),
        person=_any(_flat(table["person"])),
        inside=_any(_flat(table["inside"])),
    )


def _flat(table: Mapping[str, Iterable[str]]) -> list[str]:
    return [word for words in table.values() for word in words]


def _choice(words: Iterable[str]) -> str:
    longest_first = sorted(set(words), key=lambda word: (-len(word), word))
    return "|".join(re.escape(word).replace(r"\*", r".{0,60}") for word in longest_first)


def _any(words: Iterable[str], *, whole: bool = True) -> re.Pattern[str]:
    """A pattern for any of `words`; with `whole` not inside a longer word, where words are written apart."""
    known = list(words)
    apart = [word for word in known if not _UNSPACED.search(word)]
    joined = [word for word in known if _UNSPACED.search(word)]
    patterns = [rf"(?<!\w)(?:{_choice(apart)})(?!\w)" if whole else _choice(apart)]
    return re.compile("|".join([*patterns, *([_choice(joined)] if joined else [])]))


def _device(names: list[str]) -> re.Pattern[str]:
    """A pattern for devices and apps; long names may take an ending ('iPhonesta', 'iPhonu')."""
    short = [name for name in names if len(name) < 6]
    return re.compile(rf"{_any(short).pattern}|(?<!\w)(?:{_choice(set(names) - set(short))})")
