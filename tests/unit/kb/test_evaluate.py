"""The figures of `eval` have the contract's shape and mean what they say."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.errors import TemporaryError
from core.grounding import Grounding, Passage
from kb.curve import Judged, curve
from kb.documents import Progress, SourceError
from kb.evaluate import evaluate
from kb.measures import Decision, auroc, token_f1
from kb.questions import Question, Said, doubts, read_folder, read_questions


class Shelf:
    """Knowledge that answers with the documents a question names, in that order."""

    async def search(self, query: str, *, k: int = 5) -> Grounding:
        names = query.split()
        passages = tuple(Passage(f"{name}#0", name, name, "", name, name, 1.0) for name in names)
        return Grounding(passages[:k], confidence=min(len(names), 4) / 4, relatedness=1.0)


def folder_with(tmp_path: Path, queries: Sequence[object], outside: Sequence[object]) -> Path:
    (tmp_path / "queries.jsonl").write_text("\n".join(json.dumps(row) for row in queries) + "\n\n")
    (tmp_path / "out_of_scope.jsonl").write_text("\n".join(json.dumps(row) for row in outside))
    return tmp_path


QUERIES = [
    {"id": "1", "query": "right a b c", "doc_ids": ["right"], "split": "dev"},
    {"id": "2", "query": "a b right c", "doc_ids": ["right"], "split": "dev"},
    {"id": "3", "query": "", "doc_ids": ["right"], "split": "dev"},
    {"id": "4", "query": "a b c d e f g h i j right", "doc_ids": ["right"], "split": "dev"},
    {"id": "5", "query": "right", "doc_ids": ["right"], "split": "test"},
]
OUTSIDE = [
    {"id": "6", "query": "a b", "kind": "off_topic", "split": "dev"},
    {"id": "7", "query": "a", "kind": "other_product", "split": "dev"},
]


async def decide(question: Question) -> Decision:
    match question.query.split():
        case []:
            return Decision("clarified")
        case ["right", *_] as names:
            return Decision("answered", names, found=names)
        case [_]:
            return Decision("handed_off", reason="weak_grounding")
        case _:
            return Decision("answered", ["a"])


async def test_it_has_the_shape_of_the_contract_and_the_right_figures(tmp_path: Path) -> None:
    seen: list[Progress] = []
    result = await evaluate(folder_with(tmp_path, QUERIES, OUTSIDE), Shelf(), decide, split="dev", progress=seen.append)
    retrieval = result["retrieval"]
    assert retrieval.pop("p50_ms") >= 0
    assert retrieval.pop("p95_ms") >= 0
    assert retrieval == {
        "queries": 4,
        "hit@1": 0.25,
        "hit@3": 0.5,
        "hit@5": 0.5,
        "mrr@10": 0.3333,
        "ndcg@10": 0.375,
    }
    decisions = result["decisions"]
    assert decisions["in_scope"] == {
        "answered": 0.75,
        "answered_with_right_document": 0.25,
        "found_right_document": 0.25,
        "clarified": 0.25,
        "declined": 0.0,
        "handed_off": 0.0,
    }
    assert decisions["reasons"] == {"weak_grounding": 1}
    assert decisions["out_of_scope"]["answered"] == 0.5
    assert decisions["out_of_scope"]["by_kind"]["other_product"] == {
        "answered": 0.0,
        "clarified": 0.0,
        "declined": 0.0,
        "handed_off": 1.0,
    }
    assert decisions["questions"] == {"in_scope": 4, "out_of_scope": 2}
    assert decisions["auroc"] == 0.75
    assert decisions["auroc_by_kind"] == {"off_topic": 0.75, "other_product": 0.75}
    assert [row["point"] for row in decisions["curve"] if row["point"]] == ["eager", "balanced", "cautious"]
    assert seen[-1].done == seen[-1].total == 12


async def test_split_and_limit_choose_questions(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, QUERIES, OUTSIDE)
    assert (await evaluate(folder, Shelf()))["retrieval"]["queries"] == 5
    assert (await evaluate(folder, Shelf(), limit=2))["retrieval"]["queries"] == 2
    with pytest.raises(SourceError, match="no questions of split held"):
        await evaluate(folder, Shelf(), split="held")


LINE = '{"id": 1, "query": "Größe?"}'


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text('{"id": 1, "query": "x"}\n{"id": 2}\n')
    with pytest.raises(SourceError, match=r"queries.jsonl, line 2"):
        read_questions(tmp_path / "queries.jsonl")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"query": "x"}', '"id" is missing'),
        ('{"id": null, "query": "x"}', '"id" must be text or a number'),
        ('{"id": 1', "this is no JSON: Expecting ',' delimiter, at character 9"),
        ("[" * 100_000, "brackets too deep"),
        ('{"id": ' + "1" * 5_000 + "}", "a number is too long"),
        ("[1, 2]", "a line must be a JSON object"),
        ("7", "a line must be a JSON object"),
        ('{"id": 1, "query": 5}', '"query" must be text'),
        ('{"id": 1, "query": null}', '"query" must be text'),
        ('{"id": 1, "query": "\\ud800"}', '"query" must be text; it has half a character'),
        ('{"id": 1, "query": "x", "kind": 5}', '"kind" must be text'),
        ('{"id": 1, "query": "x", "doc_ids": [1]}', '"doc_ids" must be a list of articles\' names'),
        ('{"id": 1, "query": "x", "doc_ids": {"a": 1}}', '"doc_ids" must be a list of articles\' names'),
        ('{"id": 1, "query": "x", "history": "hello"}', '"history" must be a list like'),
        ('{"id": 1, "query": "x", "history": ["hello"]}', '"history" must be a list like'),
        ('{"id": 1, "query": "x", "history": [{"text": 5}]}', 'in "history", "text" must be text'),
        ('{"id": 1, "query": "x", "history": [{"role": "user"}]}', 'in "history", "text" is missing'),
    ],
)
def test_what_is_wrong_with_a_line_is_said(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "queries.jsonl").write_text(line)
    with pytest.raises(SourceError) as wrong:
        read_questions(tmp_path / "queries.jsonl")
    assert str(wrong.value).startswith("queries.jsonl, line 1: ")
    assert why in str(wrong.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"id": 1, "query": "x"}', '"answerability" is missing'),
        ('{"id": 1, "query": "x", "answerability": 5}', '"answerability" must be text'),
        ('{"id": 1, "query": "x", "answerability": "PARTIAL"}', '"doc_ids" is missing'),
    ],
)
def test_what_is_wrong_with_a_conversation_is_said(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "tasks.jsonl").write_text(line)
    with pytest.raises(SourceError, match=f"tasks.jsonl, line 1: {why}"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (LINE.encode("utf-16"), "queries.jsonl is not in UTF-8: save it"),
        (LINE.encode("utf-16-be"), "queries.jsonl is not in UTF-8: save it"),
        (f"{LINE}\n{LINE}".encode("latin-1"), r"queries.jsonl is not in UTF-8 \(see line 1\): save it"),
    ],
)
def test_a_file_in_another_encoding_is_named_with_the_fix(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "queries.jsonl").write_bytes(content)
    with pytest.raises(SourceError, match=why):
        read_questions(tmp_path / "queries.jsonl")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_file_is_read_whatever_editor_wrote_it(tmp_path: Path, ending: str) -> None:
    text = f'{LINE}{ending}{ending}{{"id": 2, "query": "one\u2028two\x85three", "doc_ids": "delivery"}}{ending}'
    (tmp_path / "queries.jsonl").write_bytes(text.encode("utf-8-sig"))
    assert read_questions(tmp_path / "queries.jsonl") == [
        Question("1", "Größe?"),
        Question("2", "one\u2028two\x85three", ("delivery",)),
    ]


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"There is no folder .*nothing-here"):
        read_folder(tmp_path / "nothing-here")
    (tmp_path / "queries.jsonl").write_text(LINE, "utf-8")
    with pytest.raises(SourceError, match=r"queries.jsonl is a file: name the folder"):
        read_folder(tmp_path / "queries.jsonl")


def test_what_is_odd_about_questions_is_counted_and_the_first_are_named() -> None:
    many = [Question(f"q{n}", "x", (f"gone{n}", "there")) for n in range(7)]
    said = doubts([*many, Question("q0", " "), Question("q8", "y")], [Question("q8", "")], {"there"})
    assert said == [
        'Questions of queries.jsonl without "doc_ids", each of which counts as a miss: 2 (q0, q8).',
        'Names in "doc_ids" that no article in kb/ has (a name is that of the article\'s file, without its ending): '
        "7 (gone0, gone1, gone2, gone3, gone4, ...).",
        'Questions with an empty "query", which finds nothing: 2 (q0, q8).',
        "Ids of more than one question, each of which counts: 1 (q0).",
    ]
    assert doubts([Question("q1", "x", ("there",))], [Question("q1", "y")], {"there"}) == []


async def test_a_question_without_an_article_counts_as_a_miss_in_the_curve_too(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, [{"id": "1", "query": "a b c d"}], [])
    [floor, *_] = (await evaluate(folder, Shelf()))["decisions"]["curve"]
    assert (floor["answered"], floor["answered_with_right_document"]) == (1, 0)
    assert (floor["out_of_scope"], floor["by_kind"]) == (0, {})


HISTORY = [{"role": "user", "text": "a"}, {"role": "assistant", "text": "It is so."}]
TASKS = [
    {
        "id": "t1",
        "history": HISTORY,
        "query": "right",
        "doc_ids": ["right"],
        "answerability": "ANSWERABLE",
        "answer": "b",
    },
    {"id": "t2", "history": [], "query": "right", "doc_ids": ["right"], "answerability": "PARTIAL", "split": "dev"},
    {"id": "t3", "history": HISTORY, "query": "c", "doc_ids": [], "answerability": "UNANSWERABLE"},
    {"id": "t4", "history": HISTORY, "query": "d", "doc_ids": ["right"], "answerability": "UNDERSPECIFIED"},
    {"id": "t5", "history": HISTORY, "query": "thanks", "doc_ids": [], "answerability": "CONVERSATIONAL"},
]


def test_conversations_are_read_with_what_should_become_of_them(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text("\n".join(json.dumps(row) for row in TASKS))
    inside, outside = read_folder(tmp_path)
    before = (Said("a", by_customer=True), Said("It is so.", by_customer=False))
    assert inside[0] == Question("t1", "right", ("right",), "answerable", "b", before)
    assert inside[0].asked == ("a", "right")
    assert [(one.id, one.kind) for one in inside[1:]] == [("t2", "partial")]
    assert [(one.id, one.kind) for one in outside] == [("t3", "unanswerable"), ("t4", "underspecified")]
    assert [one.id for one in read_folder(tmp_path, split="dev")[0]] == ["t2"]


async def test_a_question_is_searched_with_what_was_said_before_it_where_it_finds_nothing_alone(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text("\n".join(json.dumps(row) for row in TASKS))

    def both(said: Sequence[str]) -> list[str]:
        return [said[-1], " ".join(["right", *said, "x y z"])]

    asked: list[Question] = []

    async def note(question: Question) -> Decision:
        asked.append(question)
        return Decision("clarified")

    result = await evaluate(tmp_path, Shelf(), note, queries=both, at_once=3)
    assert result["retrieval"]["hit@1"] == 1.0
    assert result["decisions"]["in_scope"]["by_kind"]["partial"]["clarified"] == 1.0
    assert set(result["decisions"]["out_of_scope"]["by_kind"]) == {"unanswerable", "underspecified"}
    assert {question.id: len(question.history) for question in asked} == {"t1": 2, "t2": 0, "t3": 2, "t4": 2}


async def test_an_agent_that_can_not_be_asked_ends_the_measuring_with_its_reason(tmp_path: Path) -> None:
    async def away(question: Question) -> Decision:
        raise TemporaryError("The language model does not answer.")

    with pytest.raises(TemporaryError, match="does not answer"):
        await evaluate(folder_with(tmp_path, QUERIES, OUTSIDE), Shelf(), away, at_once=2)


def test_auroc_counts_ties_half_and_needs_both_sides() -> None:
    assert auroc([0.9, 0.8], [0.1, 0.2]) == 1
    assert auroc([0.5], [0.5]) == 0.5
    assert auroc([0.1], [0.9]) == 0
    assert auroc([], [0.5]) is None


JUDGED = [
    Judged("", 0.9, right=True),
    Judged("", 0.6, right=False),
    Judged("", 0.3, right=True),
    Judged("", 0.1, right=False),
    Judged("off_topic", 0.0, right=False),
    Judged("hard", 0.7, right=False),
]


def test_the_curve_says_what_each_floor_would_answer() -> None:
    rows = {row["floor"]: row for row in curve(JUDGED, {"balanced": 0.52})}
    assert list(rows) == sorted(rows)
    assert rows[0.52] == {
        "floor": 0.52,
        "point": "balanced",
        "answered": 0.5,
        "answered_with_right_document": 0.25,
        "out_of_scope": 0.5,
        "by_kind": {"hard": 1.0, "off_topic": 0.0},
    }
    assert (rows[0.3]["answered"], rows[0.95]["answered"]) == (0.75, 0.0)


def test_a_higher_floor_never_answers_more() -> None:
    answered = [(row["answered"], row["out_of_scope"]) for row in curve(JUDGED, {})]
    assert answered == sorted(answered, reverse=True)


@pytest.mark.parametrize(
    ("given", "wanted", "f1"),
    [
        ("The same words [1].", "the same words", 1.0),
        ("five days", "within five working days", 2 / 3),
        ("nothing of it", "five days", 0.0),
        ("", "five days", 0.0),
    ],
)
def test_an_answer_is_compared_word_by_word(given: str, wanted: str, f1: float) -> None:
    assert token_f1(given, wanted) == pytest.approx(f1)


async def test_the_text_is_scored_where_the_documents_hold_the_answer(tmp_path: Path) -> None:
    queries = [
        {"id": "1", "query": "a", "doc_ids": ["a"], "answer": "five days", "answer_in_kb": True},
        {"id": "2", "query": "b", "doc_ids": ["b"], "answer": "of no account", "answer_in_kb": False},
    ]

    async def answer(question: Question) -> Decision:
        return Decision("answered", [question.query], "five days [1]")

    folder = folder_with(tmp_path, queries, [])
    assert (await evaluate(folder, Shelf(), answer))["decisions"]["in_scope"]["answer_f1"] == 1.0


async def test_the_worst_misses_are_shown_with_what_was_found_instead(tmp_path: Path) -> None:
    misses = (await evaluate(folder_with(tmp_path, QUERIES[:4], []), Shelf()))["misses"]
    assert [(miss["id"], miss["rank"], miss["found"]) for miss in misses] == [
        ("3", None, ""),
        ("4", None, "a"),
        ("2", 3, "a"),
    ]
    assert (misses[2]["query"], misses[2]["wanted"], misses[2]["passage"]) == ("a b right c", ["right"], "a")
    assert [(miss["position"], miss["heading"]) for miss in misses] == [(None, ""), (0, ""), (0, "")]


async def test_other_ways_to_rank_are_measured_beside_ours(tmp_path: Path) -> None:
    async def compare(query: str) -> dict[str, list[str]]:
        return {"backwards": query.split()[::-1]} if query else {}

    result = await evaluate(folder_with(tmp_path, QUERIES[:4], []), Shelf(), compare=compare)
    assert list(result["beside"]) == ["backwards"]
    assert result["beside"]["backwards"]["hit@1"] == 0.25
    assert result["beside"]["backwards"]["hit@5"] == 0.75
