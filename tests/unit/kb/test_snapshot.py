"""A generation in memory: which passages belong to a document, and what is shown of one."""

import numpy as np
import pytest

from kb.snapshot import SHOWN_WORDS, Snapshot, make_snapshot
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
    shown = [held.shown(held.span(row)) for row in range(4)]
    assert shown == ["One.\n\nTwo.", "One.\n\nTwo.", "Three.", "Four."]


def test_what_follows_is_shown_before_what_stands_in_front() -> None:
    held = snapshot([("", words(50)) for _ in range(7)])
    assert [held.span(row) for row in range(7)] == [range(row, row + 2) if row < 6 else range(5, 7) for row in range(7)]
    assert len(held.shown(held.span(0)).split()) == 100 <= SHOWN_WORDS


def test_steps_are_shown_from_the_first_one_on() -> None:
    steps = [f"{at}. {words(40)}" for at in range(1, 6)]
    held = snapshot([("", f"Do this: {words(30)}"), *(("", step) for step in steps)])
    assert [held.span(row) for row in (1, 2, 4)] == [range(3), range(3), range(2, 5)]
    assert held.shown(range(1, 3)) == "\n".join(steps[:2])


def test_what_is_shown_with_another_passage_is_not_shown_again() -> None:
    held = snapshot([("", words(30)) for _ in range(4)])
    assert held.span(3) == range(4)
    assert held.span(3, taken={0, 1}) == range(2, 4)


def test_a_document_is_judged_by_its_best_passage_wherever_it_stands() -> None:
    held = snapshot([("", "apples"), ("", "pears")], [("", "plums")], [("", "cherries"), ("", "plums")])
    question = held.question("plums", np.asarray([0, 0, 1], dtype=np.float32))
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
    question = held.question("pears", np.asarray([1, 0], dtype=np.float32))
    assert question.vector is None
    assert held.usual(question).words.tolist()[1] > 0
