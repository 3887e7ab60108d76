"""An evaluation folder of one's own: what was asked and solved here, with the articles as they are now.

`threadline eval-set` calls `collect` and `write`; the folder is one that `threadline eval` reads. What is a customer's
own is hidden before anything is written (`core.examples`).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import SetupError
from core.examples import Example
from core.store.store import Store
from kb.tables import Contents, KnowledgeStore, StoredPassage

_NAME = re.compile(r"[^\w.-]+")
_LONGEST = 100  # characters of a file's name
_ONE_IN = 5  # questions is kept back: the others are to look at and to tune by
_NOTE = """# Questions of our own customers

Written by `threadline eval-set` out of solved conversations. Names, numbers, addresses and passwords are hidden; read
it all the same before you give it to anybody.

- `queries.jsonl`: the knowledge base answers these. `doc_ids` are the articles that the assistant's answer, which the
  customer called helpful, or the suggested reply that was sent, quoted; or the article that was made of the case.
- `out_of_scope.jsonl`: people answered these. `kind` is why they got the question. Where an article answers one by now,
  move its line to `queries.jsonl` and name the article in `doc_ids`.
- `kb`: the articles as they were in the index.
- One question in {one_in} has the split `held`, the others `dev`: tune on `threadline eval . --split dev`, and look at
  `--split held` once you are done.
"""


@dataclass(frozen=True, slots=True)
class Collected:
    """The questions of a folder to be, as its lines: those that an article answers, and those that people did.

    `lost` counts answers whose articles are not in the index any more.
    """

    queries: Sequence[Mapping[str, Any]]
    outside: Sequence[Mapping[str, Any]]
    lost: int
    shelf: "Shelf"

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of what."""
        found = {"queries": len(self.queries), "out_of_scope": len(self.outside)}
        return {**found, "documents": len(self.shelf.names), "lost": self.lost}


async def collect(store: Store, since: float) -> Collected:
    """Return what was solved since `since` (seconds since 1970). Raises `SetupError` if that is nothing."""
    shelf = Shelf(await KnowledgeStore(store.database).newest())
    queries, outside, lost = [], [], 0
    async for example in store.examples.since(since):
        documents = shelf.of(example)
        if documents:
            queries.append(_row(example, doc_ids=documents, answer_in_kb=True))
        elif example.kind:
            outside.append(_row(example))
        else:
            lost += 1
    if not queries and not outside:
        raise SetupError("Nothing was solved in that time, so there is no question to write. Give more --days.")
    return Collected(queries, outside, lost, shelf)


def write(collected: Collected, folder: Path) -> None:
    """Write `collected` into `folder`, which is made, or empty. Raises `SetupError` for one that holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SetupError(f"{folder} is not empty. Name a new folder, so that nothing of yours is overwritten.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    collected.shelf.write(folder / "kb")
    (folder / "queries.jsonl").write_text(_lines(collected.queries), "utf-8")
    (folder / "out_of_scope.jsonl").write_text(_lines(collected.outside), "utf-8")
    (folder / "NOTE.md").write_text(_NOTE.format(one_in=_ONE_IN), "utf-8")


class Shelf:
    """The documents of the index, under the names that they have in an evaluation folder."""

    def __init__(self, held: Contents) -> None:
        self._held = held
        self.names: dict[str, str] = {}
        for document in held.documents:
            plain = _NAME.sub("-", document.id)[-_LONGEST:].strip("-.") or "article"
            taken = self.names.values()
            self.names[document.id] = plain if plain not in taken else f"{plain}-{_short(document.id)}"
        self._by_source = {document.source: self.names[document.id] for document in held.documents}
        self._by_file = {PurePosixPath(one).name: name for one, name in self.names.items()}

    def of(self, example: Example) -> list[str]:
        """Return the names of what answered an example."""
        quoted = [self._by_source[one] for one in example.sources if one in self._by_source]
        made = self._by_file.get(PurePosixPath(example.article).stem) if example.article else None
        return list(dict.fromkeys([*quoted, *([made] if made else [])]))

    def write(self, folder: Path) -> None:
        """Write each document as Markdown."""
        folder.mkdir()
        rows = zip(self._held.document_of, self._held.passages, strict=True)
        for at, of_one in groupby(rows, key=lambda row: row[0]):
            document = self._held.documents[at]
            text = _markdown(document.title, [passage for _, passage in of_one])
            (folder / f"{self.names[document.id]}.md").write_text(text, "utf-8")


def _markdown(title: str, passages: Sequence[StoredPassage]) -> str:
    parts = [f"# {title}"]
    for heading, below in groupby(passages, key=lambda passage: passage.heading):
        parts += [f"## {heading}"] * bool(heading) + [passage.text for passage in below]
    return "\n\n".join(parts) + "\n"


def _row(example: Example, **more: Any) -> dict[str, Any]:
    history = [{"role": "user" if one.by_customer else "assistant", "text": one.text} for one in example.history]
    kept = int(_short(example.id), 16) % _ONE_IN == 0
    return {
        "id": example.id,
        "query": example.question,
        **more,
        "answer": example.answer,
        "kind": example.kind or "answered",
        "split": "held" if kept else "dev",
        **({"history": history} if history else {}),
    }


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
