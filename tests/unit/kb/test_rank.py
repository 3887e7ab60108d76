"""The arithmetic of ranking and of the gates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb import rank
from kb.lexical import LexicalIndex, stem, tokens
from kb.rank import Signals


def scores(*values: float) -> rank.Scores:
    return np.asarray(values, dtype=np.float32)


def test_a_code_is_found_whole_and_by_its_parts() -> None:
    assert tokens("The MQRC_2035 of v7.0.1") == ["mqrc", "2035", "mqrc_2035", "v7", "0", "1", "v7.0.1"]
    index = LexicalIndex(["reason MQRC_2035 means no", "2035 things", "nothing of it"])
    found = index.scores("what is mqrc_2035?")
    assert found[0] > found[1] > found[2] == 0


@pytest.mark.parametrize("texts", [[], [""], ["the of"], ["?!"]])
def test_texts_without_words_are_found_by_nothing(texts: list[str]) -> None:
    assert LexicalIndex(texts).scores("anything").tolist() == [0.0] * len(texts)


def test_coverage_weighs_rare_words_more() -> None:
    index = LexicalIndex(["refund common", "common", "common"])
    assert index.coverage("refund common", "refund") > 0.5 > index.coverage("refund common", "common")
    assert index.coverage("", "refund") == 0
    assert index.coverage("refund", "refund") == 1


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("changes changed changing change", True),
        ("policies policy", True),
        ("stopped stopping stop stops", True),
        ("access status thesis", False),
        ("ring red using", False),
        ("2035 v7 mqrc_2035", False),
    ],
)
def test_endings_of_a_word_do_not_matter_and_names_stay_apart(words: str, same: bool) -> None:
    assert len({stem(word) for word in words.split()}) == (1 if same else len(words.split()))


def test_a_question_finds_the_word_with_another_ending() -> None:
    found = LexicalIndex(["resetting passwords", "opening hours", "delivery"]).scores("how is a password reset?")
    assert found[0] > found[1] == found[2] == 0


def test_fusion_counts_by_how_much_a_document_leads() -> None:
    usual = Signals(scores(0.1, 0.2, 0.3, 0.2), scores(0.1, 0.2, 0.1, 0.2), scores(0, 1, 0, 2), scores(0, 0, 0, 0))
    found = Signals(scores(0.9, 0.31), scores(0.2, 0.2), scores(1, 2), scores(0, 0))
    first, second = rank.fuse(found, usual)
    assert first > second + 1


def test_of_two_like_documents_the_one_that_is_near_to_everything_comes_second() -> None:
    asked = np.asarray([[9.0, 2.0, -np.inf], [9.0, -np.inf, 2.0], [-np.inf, 1.0, 1.0]], dtype=np.float32)
    hubs = rank.hubs(asked)
    assert hubs[0] > hubs[1] == hubs[2]
    like = scores(0.5, 0.5)
    usual = Signals(scores(0.1, 0.3), scores(0.1, 0.3), scores(0, 1), scores(0, 0))
    first, second = rank.fuse(Signals(like, like, like, hubs[:2]), usual)
    assert second > first


def test_a_single_document_is_no_hub() -> None:
    assert rank.hubs(np.asarray([[-np.inf]], dtype=np.float32)).tolist() == [0]


def test_the_best_passage_scores_as_its_document_and_the_others_below_it() -> None:
    usual = Signals(scores(0.1, 0.3), scores(0.1, 0.3), scores(0, 2), scores(0, 0))
    starts = np.asarray([0, 2], dtype=np.intp)
    found = rank.passage_scores(scores(0.2, 0.5, 0.4), scores(1, 1, 1), usual, starts, scores(3, 7))
    assert found[1] == pytest.approx(3)
    assert found[2] == pytest.approx(7)
    assert found[0] < found[1]


def test_a_flat_signal_counts_nothing() -> None:
    assert rank.z_scores(scores(1, 2), scores(3, 3, 3)).tolist() == [0, 0]
    assert rank.z_scores(scores(1), scores()).tolist() == [0]


@given(st.lists(st.tuples(st.floats(-5, 5, width=32), st.integers(0, 3), st.integers(0, 5))), st.integers(1, 6))
def test_picking_is_best_first_bounded_and_distinct(rows: list[tuple[float, int, int]], count: int) -> None:
    values = np.asarray([row[0] for row in rows], dtype=np.float32)
    chosen = rank.pick(
        values, count=count, document_of=lambda at: rows[at][1], text_of=lambda at: str(rows[at][2]), each=2
    )
    assert len(chosen) <= count
    assert [values[at] for at in chosen] == sorted((values[at] for at in chosen), reverse=True)
    assert len({rows[at][2] for at in chosen}) == len(chosen)
    assert all(sum(rows[at][1] == document for at in chosen) <= 2 for document in range(4))


def test_the_lead_is_the_distance_to_those_that_follow() -> None:
    assert rank.lead(scores(0.2, 0.9, 0.4), 2) == pytest.approx(0.6)


def test_where_few_follow_an_unrelated_one_stands_for_each_that_is_missing() -> None:
    assert rank.lead(scores(0.2, 0.9, 0.4), 5, elsewhere=0.1) == pytest.approx(0.9 - (0.4 + 0.2 + 3 * 0.1) / 5)
    assert rank.lead(scores(0.6), 5, elsewhere=0.1) == pytest.approx(0.5)
    assert rank.lead(scores(0.05), 5, elsewhere=0.1) == pytest.approx(0.0)


def test_the_lead_in_words_is_a_share_of_the_best() -> None:
    assert rank.words_lead(scores(10, 5, 5, 5, 5, 5)) == pytest.approx(0.5)
    assert rank.words_lead(scores(3, 3, 3, 3, 3, 3)) == pytest.approx(0.0)
    assert rank.words_lead(scores(0, 0)) == 0


@pytest.mark.parametrize("mode", ["vectors", "words"])
def test_more_evidence_never_lowers_the_judgement(mode: str) -> None:
    gate = rank.gate(mode)
    names = {*gate.related.weights, *gate.answerable.weights}
    weak = dict.fromkeys(names, 0.1)
    for name in names:
        strong = {**weak, name: 0.9}
        assert gate.confidence(strong) > gate.confidence(weak)
        assert gate.relatedness(strong) >= gate.relatedness(weak)
    assert 0 <= gate.confidence(weak) < 0.5 < gate.confidence(dict.fromkeys(names, 0.9)) <= 1


def test_the_floors_are_in_order() -> None:
    floors = rank.floors()
    assert 0 < floors["eager"] < floors["balanced"] < floors["cautious"] < 1
    assert 0 < rank.related_floor() < 1
