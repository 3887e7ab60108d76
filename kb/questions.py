"""The questions of an evaluation folder, as the contract describes it, and conversations beside them.

`kb.evaluate` asks them. A question that belongs to a conversation comes with what was said before it.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.documents import SourceError

QUERIES, OUTSIDE, TASKS = "queries.jsonl", "out_of_scope.jsonl", "tasks.jsonl"
_HAS_ARTICLE = frozenset({"ANSWERABLE", "PARTIAL"})
_ASKS_NOTHING = "CONVERSATIONAL"
_NAMED = 5  # of the ids that a warning is about


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

    Raises `SourceError` when none has an article, and for what is no such folder.
    """
    _check(folder)
    inside = read_questions(folder / QUERIES, split=split, limit=limit)
    outside = read_questions(folder / OUTSIDE, split=split, limit=limit)
    tasks = _read(folder / TASKS, _task, split, limit)
    inside += [one for one in tasks if one.doc_ids]
    outside += [one for one in tasks if not one.doc_ids]
    if not inside:
        raise SourceError(f"{folder / QUERIES} holds no questions" + (f" of split {split}" if split else ""))
    return inside, outside


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise SourceError(f"{folder} is a file: name the folder that holds {QUERIES} and kb/")
    if not folder.is_dir():
        raise SourceError(f"There is no folder {folder}")


def read_questions(path: Path, *, split: str | None = None, limit: int | None = None) -> list[Question]:
    """Read a file of questions, keeping one split and the first `limit`; a missing file has none."""
    return _read(path, _question, split, limit)


def _read(
    path: Path, make: Callable[[Mapping[str, Any]], Question | None], split: str | None, limit: int | None
) -> list[Question]:
    if not path.is_file():
        return []
    questions = []
    for number, line in enumerate(_text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _object(line)
            one = make(row) if split is None or _text(row, "split", "") == split else None
        except SourceError as wrong:
            raise SourceError(f"{path.name}, line {number}: {wrong}") from wrong
        if one:
            questions.append(one)
    return questions[:limit]


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
        if b"\0" in content:  # in JSON as UTF-8 there is none, in UTF-16 every other byte is one
            raise SourceError(f"{path.name} is not in UTF-8: save it in that encoding")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        line = content.count(b"\n", 0, broken.start) + 1
        raise SourceError(f"{path.name} is not in UTF-8 (see line {line}): save it in that encoding") from broken
    except OSError as error:
        raise SourceError(f"{path.name} can't be read ({error.strerror}): let this user read it") from error


def _object(line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as odd:
        raise SourceError(f"this is no JSON: {odd.msg}, at character {odd.colno}") from odd
    except (ValueError, RecursionError) as odd:  # a number of thousands of digits; brackets in brackets
        raise SourceError("this is no JSON that can be read: a number is too long, or brackets too deep") from odd
    if not isinstance(row, dict):
        raise SourceError('a line must be a JSON object, for example {"id": "q1", "query": "..."}')
    return row


def _question(row: Mapping[str, Any]) -> Question:
    answer = _text(row, "answer", "")
    return Question(
        id=_id(row),
        query=_text(row, "query"),
        doc_ids=_doc_ids(row) if "doc_ids" in row else (),
        kind=_text(row, "kind", ""),
        answer=answer if row.get("answer_in_kb") else "",
        history=_history(row),
    )


def _task(row: Mapping[str, Any]) -> Question | None:
    """Read a conversation whose last turn is the question. One that asks nothing is none."""
    kind = _text(row, "answerability")
    if kind == _ASKS_NOTHING:
        return None
    answered = kind in _HAS_ARTICLE
    answer = _text(row, "answer", "")
    return Question(
        id=_id(row),
        query=_text(row, "query"),
        doc_ids=_doc_ids(row) if answered else (),
        kind=kind.lower(),
        answer=answer if answered else "",
        history=_history(row),
    )


def _of(row: Mapping[str, Any], key: str) -> Any:
    if key not in row:
        raise SourceError(f'"{key}" is missing')
    return row[key]


def _id(row: Mapping[str, Any]) -> str:
    found = _of(row, "id")
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise SourceError('"id" must be text or a number')
    return str(found)


def _text(row: Mapping[str, Any], key: str, otherwise: str | None = None) -> str:
    """Return the text under `key`; with `otherwise` it may be missing, or null."""
    if otherwise is not None and row.get(key) is None:
        return otherwise
    return _readable(_of(row, key), f'"{key}" must be text')


def _readable(found: object, expected: str) -> str:
    if not isinstance(found, str):
        raise SourceError(expected)
    try:
        found.encode()
    except UnicodeEncodeError as half:
        raise SourceError(f"{expected}; it has half a character, \\u{ord(found[half.start]):04x}") from half
    return found


def _doc_ids(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the articles' names; one may stand there without a list."""
    found, expected = _of(row, "doc_ids"), '"doc_ids" must be a list of articles\' names, for example ["delivery"]'
    if found in (None, ""):
        return ()
    if not isinstance(found, str | list):
        raise SourceError(expected)
    return tuple(_readable(one, expected) for one in ([found] if isinstance(found, str) else found))


def _history(row: Mapping[str, Any]) -> tuple[Said, ...]:
    found = row.get("history") or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SourceError('"history" must be a list like [{"role": "user", "text": "..."}]')
    try:
        return tuple(Said(_text(one, "text"), _text(one, "role", "") == "user") for one in found)
    except SourceError as wrong:
        raise SourceError(f'in "history", {wrong}') from wrong


def doubts(inside: Sequence[Question], outside: Sequence[Question], documents: Collection[str]) -> list[str]:
    """Return what is odd about questions that were read, in sentences for their owner; `documents` are those there are.

    They are asked and counted all the same.
    """
    return [f"{about}." for about in _doubts(inside, outside, frozenset(documents))]


def _doubts(inside: Sequence[Question], outside: Sequence[Question], documents: frozenset[str]) -> Iterator[str]:
    if none := [one.id for one in inside if not one.doc_ids]:
        yield f'Questions of {QUERIES} without "doc_ids", each of which counts as a miss: {_some(none)}'
    wanted = dict.fromkeys(name for one in inside for name in one.doc_ids)
    if unknown := [name for name in wanted if name not in documents]:
        why = "(a name is that of the article's file, without its ending)"
        yield f'Names in "doc_ids" that no article in kb/ has {why}: {_some(unknown)}'
    if empty := [one.id for one in (*inside, *outside) if not one.query.strip()]:
        yield f'Questions with an empty "query", which finds nothing: {_some(empty)}'
    if twice := [id_ for part in (inside, outside) for id_, times in Counter(o.id for o in part).items() if times > 1]:
        yield f"Ids of more than one question, each of which counts: {_some(twice)}"


def _some(ids: Sequence[str]) -> str:
    """Return how many there are, and the first few: '7 (q1, q2, ...)'."""
    return f"{len(ids)} ({', '.join(ids[:_NAMED])}{', ...' if len(ids) > _NAMED else ''})"
