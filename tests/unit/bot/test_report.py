"""What `eval` shows people: sentences first, then tables, the settings marked, the worst misses with their passages."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from bot.report import eval_report

FOUR = {"answered": 0.849, "clarified": 0.0, "declined": 0.022, "handed_off": 0.129}
RANKING = {"hit@1": 0.857, "hit@3": 0.95, "hit@5": 0.974, "mrr@10": 0.906, "ndcg@10": 0.915}


def figures(**changes: Any) -> dict[str, Any]:
    """Return what `kb.evaluate` gives, with `changes` to its decisions."""
    points = ((0.05, "", 0.98), (0.1, "", 0.97), (0.671, "balanced", 0.85), (0.7, "", 0.82))
    return {
        "retrieval": {"queries": 272, **RANKING, "p50_ms": 12.3, "p95_ms": 45.6},
        "beside": {"words (BM25)": {**RANKING, "hit@1": 0.754}, "vectors": {**RANKING, "hit@1": 0.794}},
        "decisions": {
            "questions": {"in_scope": 272, "out_of_scope": 352},
            "in_scope": {**FOUR, "answered_with_right_document": 0.776, "found_right_document": 0.9,
                         "answer_f1": 0.4834},
            "out_of_scope": {**FOUR, "answered": 0.06, "by_kind": {"off_topic": FOUR}},
            "auroc": 0.967,
            "auroc_by_kind": {"off_topic": 0.993},
            "curve": [
                {"floor": floor, "point": point, "answered": share, "answered_with_right_document": 0.5,
                 "out_of_scope": 0.25}
                for floor, point, share in points
            ],
            **changes,
        },
        "misses": [
            {"id": "1", "query": "How [bold]do[/bold]  I\nsettle?", "wanted": ["billing/settling"], "rank": None,
             "found": "refunds", "heading": "How long", "position": 2, "passage": "Within [red]30[/red] days."},
            {"id": "2", "query": "", "wanted": ["a"], "rank": 3, "found": "", "heading": "", "position": None,
             "passage": ""},
        ],
    }  # fmt: skip


def shown(given: dict[str, Any], width: int = 100) -> str:
    console = Console(width=width, record=True, file=StringIO())
    for part in eval_report(given):
        console.print(part)
    return console.export_text()


def test_the_result_is_said_in_sentences_first() -> None:
    said = " ".join(shown(figures()).split())
    assert said.startswith("272 questions that have an article: it came first for 85.7 %")
    assert "352 questions that have none: 6.0 % were answered all the same." in said


def test_what_a_language_model_took_is_said_with_its_failures() -> None:
    took = {"name": "gpt-test", "tokens_in": 123456, "tokens_out": 2345, "cost": 1.25, "failed": 2}
    said = " ".join(shown({**figures(), "model": {**took, "p50_seconds": 1.2, "p95_seconds": 3.44}}).split())
    assert "gpt-test read 123,456 tokens and wrote 2,345, 1.25 by MODEL_PRICE." in said
    assert "An answer took 1.2 s, 3.4 s at most for 95 of 100. It gave no answer to 2 questions" in said


def test_conversations_are_shown_by_what_should_become_of_them() -> None:
    inside = {**figures()["decisions"]["in_scope"], "by_kind": {"partial": {**FOUR, "answered": 0.5}}}
    kinds = {"out_of_scope": {**FOUR, "by_kind": {"underspecified": FOUR}}, "auroc_by_kind": {"underspecified": 0.6}}
    said = shown(figures(in_scope=inside, **kinds))
    assert ["partial", "50", "%"] in [line.split()[:3] for line in said.splitlines()]
    assert "asking back is right" in " ".join(said.split())


def test_ours_stands_beside_words_and_vectors_alone() -> None:
    lines = [line.split() for line in shown(figures()).splitlines()]
    assert ["Threadline", "85.7", "%", "95.0", "%", "97.4", "%", "0.906", "0.915"] in lines
    assert any(line[:4] == ["words", "(BM25)", "alone", "75.4"] for line in lines)
    assert any(line[:3] == ["vectors", "alone", "79.4"] for line in lines)


def test_the_curve_marks_the_settings_and_leaves_out_what_lies_between() -> None:
    lines = shown(figures()).splitlines()
    [marked] = [line for line in lines if "> balanced" in line]
    assert marked.split()[2:] == ["0.67", "85", "%", "50", "%", "█" * 8 + "░" * 7, "█" * 4, "25", "%"]
    assert [any(line.split()[:1] == [floor] for line in lines) for floor in ("0.05", "0.10", "0.70")] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("width", [60, 100])
def test_a_miss_is_shown_with_its_passage_as_it_was_written(width: int) -> None:
    said = " ".join(shown(figures(), width).split())
    assert "1. How [bold]do[/bold] I settle?" in said
    assert "wanted billing/settling (not among the first ten)" in said
    assert "first refunds > How long, passage 3 Within [red]30[/red] days." in said
    assert "wanted a (came in place 3) first nothing" in said


def test_without_questions_that_have_no_article_nothing_is_said_of_them() -> None:
    nobody = {"questions": {"in_scope": 272, "out_of_scope": 0}, "auroc": None, "auroc_by_kind": {}}
    said = shown(figures(**nobody, out_of_scope={**FOUR, "by_kind": {}}))
    assert "questions that have none" not in said


ALL = {"answered": 1.0, "clarified": 1.0, "declined": 1.0, "handed_off": 1.0}
LONG = "a_kind_of_question_with_a_very_long_name"


def test_every_table_fits_a_plain_terminal_uncut() -> None:
    widest: dict[str, Any] = figures(
        in_scope={**ALL, "answered_with_right_document": 1.0, "found_right_document": 1.0},
        out_of_scope={**ALL, "by_kind": {LONG: ALL, "off_topic": ALL}},
        auroc_by_kind={LONG: 0.5, "off_topic": 1.0},
        curve=[{"floor": 0.671, "point": "balanced", "answered": 1.0, "answered_with_right_document": 1.0,
                "out_of_scope": 1.0}],
    )  # fmt: skip
    said = shown(widest, 80)
    assert max(map(len, said.splitlines())) <= 80
    lines = [line.split() for line in said.splitlines()]
    assert ["answered", "back", "declined", "people", "right", "found", "AUROC"] in lines
    assert ["with", "an", "article", *["100", "%"] * 6] in lines
    assert ["off", "topic", *["100", "%"] * 4, "1.000"] in lines
    assert ["a", "kind", "of", "question", "wi…", *["100", "%"] * 4, "0.500"] in lines
    assert ["setting", "floor", "answered", "right", "wrongly"] in lines
    assert [">", "balanced", "0.67", "100", "%", "100", "%", "█" * 15, "█" * 15, "100", "%"] in lines


def test_one_question_is_one_question() -> None:
    one = figures(questions={"in_scope": 1, "out_of_scope": 1})
    one["retrieval"]["queries"] = 1
    took = {"name": "m", "tokens_in": 1, "tokens_out": 1, "cost": 0, "p50_seconds": 1.0, "p95_seconds": 1.0}
    said = " ".join(shown({**one, "model": {**took, "failed": 1}}).split())
    assert said.startswith("1 question that has an article:")
    assert "1 question that has none:" in said
    assert "Shares of 1 question whose" in said
    assert "It gave no answer to 1 question, which" in said


def test_warnings_stand_below_the_sentences() -> None:
    said = shown({**figures(), "warnings": ["Names that no article has: 1 (a).", "Ids: 2 (b, [i]c)."]}).splitlines()
    at = said.index("Warning: Names that no article has: 1 (a).")
    assert said[at + 1] == "Warning: Ids: 2 (b, [i]c)."
    assert any("all the same" in line for line in said[:at])


def test_nothing_in_the_figures_speaks_to_the_terminal() -> None:
    raw = "\x1b]0;mine\x07\u202egpj.\x9b31m"
    odd = figures(out_of_scope={**FOUR, "by_kind": {raw: FOUR}}, auroc_by_kind={raw: 0.5})
    miss = {**odd["misses"][0], "query": raw, "wanted": [raw], "found": raw, "heading": raw, "passage": raw}
    said = shown({**odd, "misses": [miss], "warnings": [raw]})
    assert said.count("]0;minegpj.31m") == 7
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
