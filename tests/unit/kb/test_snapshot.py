"""A generation in memory: which passages belong to a document, and what is shown of one."""

import numpy as np
import pytest

from kb.snapshot import SHOWN_WORDS, Question, Snapshot, make_snapshot
from kb.tables import Contents, StoredDocument, StoredPassage, to_bytes


def words(count: int) -> str:
    return " ".join(f"word{at}" for at in range(count))


def contents(*documents: list[tuple[str, str]]) -> Contents:
    """Return documents, each a list of headings with texts, with vectors that point along one axis each."""
    axes = np.eye(len(documents), dtype=np.float32)
    made = [(at, heading, text) for at, parts in enumerate(documents) for heading, text in parts]
    return Contents(
        generation=1,
        documents=tuple(
            StoredDocument(f"d{at}", "root", f"d{at}.md", f"Title {at}", "", to_bytes(axes[at]), ())
            for at in range(len(documents))
        ),
        passages=tuple(
            StoredPassage(f"d{of}#{row}", row, heading, text, to_bytes(axes[of]))
            for row, (of, heading, text) in enumerate(made)
        ),
        document_of=tuple(of for of, _, _ in made),
    )


def snapshot(*documents: list[tuple[str, str]]) -> Snapshot:
    return make_snapshot("c", contents(*documents))


def test_a_passage_is_shown_with_its_neighbours_under_the_same_heading() -> None:
    held = snapshot([("A", "One."), ("A", "Two."), ("B", "Three.")], [("B", "Four.")])
    assert [held.shown(row) for row in range(4)] == ["One.\n\nTwo.", "One.\n\nTwo.", "Three.", "Four."]


def test_what_is_shown_stays_within_its_length() -> None:
    parts = [("", words(50)) for _ in range(7)]
    held = snapshot(parts)
    lengths = [len(held.shown(row).split()) for row in range(7)]
    assert max(lengths) == 100 <= SHOWN_WORDS
    assert held.shown(6) == words(50)


def test_a_document_is_judged_by_its_best_passage_wherever_it_stands() -> None:
    held = snapshot([("", "apples"), ("", "pears")], [("", "plums")], [("", "cherries"), ("", "plums")])
    question = Question(np.asarray([0, 0, 1], dtype=np.float32), held.lexical.scores("plums"))
    sample = held.sample(np.asarray([0, 2], dtype=np.intp))
    assert sample.rows.tolist() == [0, 1, 3, 4]
    found = held.signals(sample, held.dense(sample.rows, question), question)
    assert found.dense.tolist() == found.title.tolist() == [0, 1]
    assert found.words[0] == 0 < found.words[1]


def test_the_document_that_every_title_is_near_to_is_the_hub() -> None:
    made = contents(*[[("", f"text {at}")] for at in range(6)])
    middle = np.full(6, 6**-0.5, dtype=np.float32)
    first = made.passages[0]
    passages = (StoredPassage(first.id, 0, "", "text 0", to_bytes(middle)), *made.passages[1:])
    held = make_snapshot("c", Contents(1, made.documents, passages, made.document_of))
    assert int(np.argmax(held.hubs)) == 0
    assert held.hubs.mean() == pytest.approx(0, abs=1e-5)


def test_a_collection_of_words_alone_has_no_hubs_and_no_vectors() -> None:
    held = make_snapshot("c", contents([("", "apples")], [("", "pears")]), vectors=False)
    assert held.vectors is None
    assert held.hubs.tolist() == [0, 0]
    question = Question(None, held.lexical.scores("pears"))
    assert held.usual(question).words.tolist()[1] > 0
