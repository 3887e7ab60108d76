"""The small notation of the phrase tables: what people say, written so that people can mend it.

phrases.toml and subjects.toml list phrases; this module turns a text into plain words and phrases
into regular expressions over those words. core.phrases and core.subjects call it, nothing else
needs to know how a word is told from the next one in Chinese or what an accent is. In a phrase:

    (a|b c)   one of these              word?  (a|b)?   may be missing
    *         up to three other words   {name}          one of the list `name`
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

EDGE = 2000  # characters read at each end: what a message is about stands in its first or last lines

# A word, or one character of the scripts that are written without spaces. Devanagari's vowel signs
# (U+0900-097F) are marks, which \w leaves out.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[\w\u0900-\u097f])+")
_CONTRACTION = re.compile(r"['’‘`´](?=(?:t|s|m|d|ve|re|ll)\b)")
_ACCENT = re.compile(r"[\u0300-\u036f\u064b-\u065f\u0670\u0640]")  # Latin and Cyrillic accents, Arabic vowels, tatweel
_ARABIC = str.maketrans("أإآىة", "ااايه")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_CLAUSE = re.compile(r"(?:[!?;\n…()\[\]\"“”«»。！？；：，、؟،؛।]|(?<!\d)[.,:]|[.,:](?!\d))+|\s[-–—]+\s")
_PIECE = re.compile(r"\{(\w+)\}(\??)|(\()|\)(\??)|(\|)|(\*)|([^\s(){}|*?]+)(\??)|(\S)")

Lists = Mapping[str, Sequence[str]]


class NotationError(ValueError):
    """A phrase that can't be read; the sentence says what is wrong with it."""


def edges(text: str) -> str:
    """The first and last `EDGE` characters of `text`, on lines of their own; a shorter text as it is."""
    return text if len(text) <= 2 * EDGE else f"{text[:EDGE]}\n{text[-EDGE:]}"


def clauses(text: str) -> list[str]:
    """The edges of `text`, cut at punctuation, brackets, quotation marks and line ends; some may be empty.

    The point or comma of a number, as in 49.99, cuts nothing.
    """
    return _CLAUSE.split(edges(text))


def words(text: str) -> list[str]:
    """The words of `text`: casefolded, without accents; one character each in Chinese and Japanese.

    "Don't" is one word, 'dont'; 'heeeelp' becomes 'help'.
    """
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", _CONTRACTION.sub("", text)).casefold())
    plain = unicodedata.normalize("NFC", plain).translate(_ARABIC)
    return _WORD.findall(_STRETCHED.sub(r"\1", plain))


def joined(spoken: Sequence[str]) -> str:
    """Each word with a space behind it: the form that the patterns read."""
    return "".join(f"{word} " for word in spoken)


def pattern(phrases: Sequence[str], lists: Lists) -> str:
    """The regular expression for any of `phrases`; `lists` holds what `{name}` stands for.

    Raises:
        NotationError: for a sign that has no meaning, or a `{name}` that is not in `lists`.
    """
    longest_first = sorted(phrases, key=len, reverse=True)
    return "(?:" + "|".join("".join(_pieces(phrase, lists)) for phrase in longest_first) + ")"


def starting(phrases: Sequence[str], lists: Lists) -> re.Pattern[str]:
    """`phrases` at the beginning of any word; with no phrases, a pattern that is never found."""
    return re.compile(r"(?<!\S)" + pattern(phrases, lists) if phrases else r"(?!)")


def _pieces(phrase: str, lists: Lists) -> Iterator[str]:
    for piece in _PIECE.finditer(phrase):
        name, name_maybe, opens, closes_maybe, either, gap, word, word_maybe, wrong = piece.groups()
        if name:
            yield _named(name, lists) + name_maybe
        elif opens:
            yield "(?:"
        elif closes_maybe is not None:
            yield f"){closes_maybe}"
        elif either:
            yield "|"
        elif gap:
            yield r"(?:\S+ ){0,3}"
        elif word:
            yield f"(?:{re.escape(joined(words(word)))}){word_maybe}"
        else:
            raise NotationError(f"{wrong!r} in {phrase!r} has no meaning; a phrase knows only ( | ) ? * and {{name}}")


def _named(name: str, lists: Lists) -> str:
    if name not in lists:
        raise NotationError(f"there is no list {name!r} here; write the words themselves, as in (this|that)")
    return pattern(lists[name], lists)
