"""Real help centres, not written for us: every article loads, and splits into passages of sane size."""

from pathlib import Path

import pytest

from kb.load import find, parse, read
from kb.split import MAX_CHARACTERS, MAX_WORDS, split

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


@pytest.mark.parametrize(
    ("folder", "least"), [("kb_markdown", 500), ("bench_support/kb", 510), ("multiturn_mtrag/kb", 543)]
)
def test_every_article_loads(folder: str, least: int) -> None:
    root = DATA / folder
    if not root.is_dir():
        pytest.skip(f"the data set {folder} is not beside this checkout (../shared/data)")
    found = find(root)
    assert len(found) >= least
    for one in found:
        document = parse(one, read(one))
        assert document.title
        pieces = split(document)
        assert pieces
        for piece in pieces:
            assert len(piece.text.split()) <= MAX_WORDS
            assert len(piece.text) <= MAX_CHARACTERS
