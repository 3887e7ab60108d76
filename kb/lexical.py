"""The lexical index: BM25 over the same passages, for the exact codes and names vectors blur.

Derived from SQL and held in memory by `kb.search`, which builds it in a thread. The only module
that imports bm25s, and only when an index is built.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A word with its joints kept: MQRC_2035, 7.0.1.0, run-svrssl-config, user@example.com.
_WORD = re.compile(r"[^\W_]+(?:[._\-/@:'’]+[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_COMMON = """
    a an and are as at be but by can do does for from had has have how i if in into is it its me my no not of
    on or our s so t that the their them then there these they this to up was we were what when where which
    who why will with you your
"""
_STOPWORDS = frozenset(_COMMON.split())
_DURATION = re.compile(r"\bhow (?:long|soon|quickly)\b")
_ENDINGS = ("ing", "ed")
_SHORTEST_STEM = 4


def tokens(text: str) -> list[str]:
    """Return the words of `text` in lower case: a joined code as a whole and its parts beside it.

    'How long' asks for a time, and is read as that word.
    """
    found: list[str] = []
    for word in _WORD.findall(_DURATION.sub("time", text.lower())):
        parts = _PART.findall(word)
        found += [part for part in parts if part not in _STOPWORDS]
        if len(parts) > 1:
            found.append(word)
    return found


def stem(word: str) -> str:
    """Return `word` without the commonest English endings: 'changes', 'changed' and 'changing' become one.

    Nothing cleverer on purpose: names and codes stay apart, and what it does to words of another
    language it does to question and passage alike.
    """
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)]
            word = word[:-1] if word[-1] == word[-2] and word[-1] not in "lsz" else word
            break
    return word[:-1] if len(word) > _SHORTEST_STEM and word.endswith("e") else word


def terms(text: str) -> list[str]:
    """Return what is counted and compared: the words of `text`, stemmed."""
    return [stem(word) for word in tokens(text)]


class LexicalIndex:
    """BM25 scores of a question against every passage."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Index `texts`; takes about a second for ten thousand passages."""
        self._size = len(texts)
        self._index: Any = None
        self._vocabulary: dict[str, int] = {}
        self._rarity = np.zeros(0)
        found = [terms(text) for text in texts]
        if not any(found):
            return
        import bm25s

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # its import sets DEBUG
        vocabulary = self._vocabulary
        ids = [[vocabulary.setdefault(term, len(vocabulary)) for term in row] for row in found]
        occurs = np.bincount([id_ for row in ids for id_ in set(row)], minlength=len(vocabulary))
        self._rarity = np.log(1 + (self._size - occurs + 0.5) / (occurs + 0.5))
        self._index = bm25s.BM25(k1=1.2, b=0.75)
        self._index.index((ids, vocabulary), show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """Return one score a passage, 0 where no word of the question occurs."""
        if self._index is None:
            return np.zeros(self._size, dtype=np.float32)
        known = [self._vocabulary[term] for term in dict.fromkeys(terms(query)) if term in self._vocabulary]
        if not known:
            return np.zeros(self._size, dtype=np.float32)
        return np.asarray(self._index.get_scores_from_ids(known), dtype=np.float32)

    def coverage(self, wanted: str, given: str) -> float:
        """Return the share of the words of `wanted`, weighted by rarity, that occur in `given`: 0..1."""
        present = set(terms(given))
        weights = {term: self._weight(term) for term in terms(wanted)}
        total = sum(weights.values())
        return sum(weight for term, weight in weights.items() if term in present) / total if total else 0.0

    def _weight(self, term: str) -> float:
        row = self._vocabulary.get(term)
        return float(self._rarity[row]) if row is not None else float(np.log(1 + (self._size + 0.5) / 0.5))
