"""The questions of an evaluation folder, as the contract describes it, and conversations beside them.

`kb.evaluate` asks them. A question that belongs to a conversation comes with what was said before it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.documents import SourceError

QUERIES, OUTSIDE, TASKS = "queries.jsonl", "out_of_scope.jsonl", "tasks.jsonl"
_HAS_ARTICLE = frozenset({"ANSWERABLE", "PARTIAL"})
_ASKS_NOTHING = "CONVERSATIONAL"


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said before a question; `by_customer`, or by whoever answered."""

    text: str
    by_customer: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One question of an evaluation folder; with `doc_ids`, if an article answers it.

    `kind` is what sort of question it is, '' if nothing is said about that; `answer` is what a person answered, kept
    where the documents hold it. `history` is what was said before, oldest first.
    """

    id: str
    query: str
    doc_ids: tuple[str, ...] = ()
    kind: str = ""
    answer: str = ""
    history: tuple[Said, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """What the customer said, this question last."""
        return (*(said.text for said in self.history if said.by_customer), self.query)


def read_folder(
    folder: Path, *, split: str | None = None, limit: int | None = None
) -> tuple[list[Question], list[Question]]:
    """Read the questions that have an article and those that have none, keeping one split and `limit` of each file.

    Raises `SourceError` when none has an article.
    """
    inside = read_questions(folder / QUERIES, split=split, limit=limit)
    outside = read_questions(folder / OUTSIDE, split=split, limit=limit)
    tasks = _read(folder / TASKS, _task, split, limit)
    inside += [one for one in tasks if one.doc_ids]
    outside += [one for one in tasks if not one.doc_ids]
    if not inside:
        raise SourceError(f"{folder / QUERIES} holds no questions" + (f" of split {split}" if split else ""))
    return inside, outside


def read_questions(path: Path, *, split: str | None = None, limit: int | None = None) -> list[Question]:
    """Read a file of questions, keeping one split and the first `limit`; a missing file has none."""
    return _read(path, _question, split, limit)


def _read(
    path: Path, make: Callable[[Mapping[str, Any]], Question | None], split: str | None, limit: int | None
) -> list[Question]:
    if not path.is_file():
        return []
    questions = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            one = make(row) if split is None or row.get("split") == split else None
        except KeyError as missing:
            raise SourceError(f"{path.name}, line {number}: {missing} is missing") from missing
        except (ValueError, TypeError, AttributeError) as error:
            raise SourceError(f"{path.name}, line {number}: {error}") from error
        if one:
            questions.append(one)
    return questions[:limit]


def _question(row: Mapping[str, Any]) -> Question:
    return Question(
        id=str(row["id"]),
        query=row["query"],
        doc_ids=tuple(row.get("doc_ids") or ()),
        kind=row.get("kind") or "",
        answer=(row.get("answer") or "") if row.get("answer_in_kb") else "",
        history=_history(row),
    )


def _task(row: Mapping[str, Any]) -> Question | None:
    """Read a conversation whose last turn is the question. One that asks nothing is none."""
    kind = row["answerability"]
    if kind == _ASKS_NOTHING:
        return None
    answered = kind in _HAS_ARTICLE
    return Question(
        id=str(row["id"]),
        query=row["query"],
        doc_ids=tuple(row["doc_ids"]) if answered else (),
        kind=kind.lower(),
        answer=(row.get("answer") or "") if answered else "",
        history=_history(row),
    )


def _history(row: Mapping[str, Any]) -> tuple[Said, ...]:
    return tuple(Said(one["text"], one.get("role") == "user") for one in row.get("history") or ())
