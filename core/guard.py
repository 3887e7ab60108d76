"""What no customer may read, whatever a model was talked into: keys, and our instructions to it.

`core.agent.screen` asks before any sentence leaves, and once more of the whole answer. Addresses that stand in no
source are the concern of `core.agent.citations`.
"""

import base64
import binascii
import codecs
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from core import addresses, keys

LETTERS = 40
"""So many letters in a row, others left out, in common with our instructions are no chance: about seven words."""

REPEATED = 60
"""So many letters of a stranger's words, some ten words, are more than an answer says in taking up their question."""

BEGINNING = 20
"""So many letters at the end of what is being written are waited for: some four words."""

_NOT_LETTERS = re.compile(r"[\W_]+")
_ENCODED = re.compile(r"(?:[A-Za-z0-9+/_-]{12,}\s?)+={0,2}")
_AROUND = ".,;:!?)]}\"'`*_"  # what may follow a key in a sentence
_PART = 6  # letters and digits of a key that may be its beginning
_SHORTEST_SECRET = 8  # letters and digits: a shorter one stands in answers by chance
_MOST_ENCODED = 20_000  # characters that are decoded


@dataclass(frozen=True)
class Guard:
    """Knows what is ours: `instructions` to models, and the program's own `secrets` (a key, a token)."""

    instructions: Collection[str] = ()
    secrets: Collection[str] = ()

    @cached_property
    def _shingles(self) -> frozenset[str]:
        """Every run of `LETTERS` letters of the instructions."""
        return self._runs(LETTERS)

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return self._runs(BEGINNING)

    def _runs(self, count: int) -> frozenset[str]:
        """Return every run of so many letters, without the first sentences: those say only who speaks."""
        spoken = (_letters(text.partition(". ")[2]) for text in self.instructions)
        return frozenset(text[at : at + count] for text in spoken for at in range(len(text) - count + 1))

    def may_begin(self, text: str) -> bool:
        """Whether the end of a growing `text` may begin what is ours: then it waits for what follows."""
        end = _letters(text)[-BEGINNING:]
        for form in (end, end[::-1], codecs.decode(end, "rot13")):
            if form in self._beginnings or any(
                part in key for key in self._own for part in (form[:_PART], form[-_PART:])
            ):
                return len(end) >= _PART
        return False

    def holds_back(self, text: str, published: str = "") -> str:
        """Return what in `text` may not leave, as a sentence for operators; '' if all of it may.

        Our own keys and instructions are found also spelled out, backwards, in ROT13, base64 or hex.
        `published` is what the run's sources say: an example of a key that stands there may be quoted.
        """
        found = (key for form in (text, addresses.undisguised(text)) for key in keys.PATTERN.findall(form))
        if key := next((key for key in found if key.rstrip(_AROUND) not in published), ""):
            return f"It held a key ({keys.whose(key)})."
        forms = [_letters(form) for form in _forms(text)]
        if any(secret in letters for letters in forms for secret in self._own):
            return "It held one of this program's own keys."
        if any(map(self._overlaps, forms)):
            return "It held the assistant's own instructions."
        return ""

    @cached_property
    def _own(self) -> frozenset[str]:
        """The program's own keys, letters and digits only."""
        return frozenset(key for key in map(_letters, self.secrets) if len(key) >= _SHORTEST_SECRET)

    def _overlaps(self, letters: str) -> bool:
        ours = self._shingles
        return any(letters[at : at + LETTERS] in ours for at in range(len(letters) - LETTERS + 1))


@dataclass(frozen=True)
class Echo:
    """Knows the `words` of somebody whom nobody vouches for: with a forged sender, our answer would carry them on."""

    words: str

    @cached_property
    def _runs(self) -> frozenset[str]:
        letters = _letters(self.words)
        return frozenset(letters[at : at + REPEATED] for at in range(len(letters) - REPEATED + 1))

    def is_in(self, text: str, published: str = "") -> bool:
        """Whether `text` repeats a run of them that is not `published` in a source anyway."""
        if not self._runs:
            return False
        letters = _letters(text)
        repeated = (letters[at : at + REPEATED] for at in range(len(letters) - REPEATED + 1))
        return any(run in self._runs and run not in _letters(published) for run in repeated)


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", addresses.visible(text).casefold())


def _forms(text: str) -> Iterator[str]:
    yield text
    yield text[::-1]
    yield codecs.decode(text, "rot13")
    for encoded in _ENCODED.findall(text[:_MOST_ENCODED]):
        yield from _decoded("".join(encoded.split()))


def _decoded(encoded: str) -> Iterator[str]:
    urlsafe = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    for decode, form in ((base64.b64decode, urlsafe + "=" * (-len(urlsafe) % 4)), (bytes.fromhex, encoded)):
        try:
            yield decode(form).decode("utf-8", "ignore")
        except (ValueError, binascii.Error):
            continue
