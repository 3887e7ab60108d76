"""What a sync has to do: the files and pages of its sources compared with what is known of them.

`kb.sync` makes a `Planner` and asks it, in a thread, for one source after the other. Files are compared by
hash, pages by what they say: the bytes of many change with every visit.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kb import load
from kb.addresses import normal
from kb.documents import Failure, SourceError
from kb.load import Found
from kb.tables import Known
from kb.web import Gathered, Page

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A file or page to index under an id that is unique across the sources."""

    id: str
    root: str
    found: Found
    content_hash: str
    validator: str = ""


@dataclass(slots=True)
class Plan:
    """What a sync has to do."""

    added: list[Task] = field(default_factory=list)
    changed: list[Task] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed: list[Failure] = field(default_factory=list)
    lost_roots: set[str] = field(default_factory=set)
    revalidated: dict[str, str] = field(default_factory=dict)


class Planner:
    """Makes the plan of one sync, source by source, so that the files of folders need not wait for a slow site."""

    def __init__(self, known: Mapping[str, Known]) -> None:
        """Begin with what is `known` of the documents in the index."""
        self.plan = Plan()
        self._known = known
        self._read: set[str] = set()
        self._seen: set[str] = set()

    def consider(self, source: str, site: Gathered | SourceError | None = None) -> list[Task]:
        """Compare the files of `source`, or what its `site` gave, with what is known; return what it adds; blocks."""
        plan, root = self.plan, root_of(source)
        before = len(plan.added), len(plan.changed)
        try:
            if isinstance(site, SourceError):
                raise site
            if site is None:
                load.root_of(source)
        except SourceError as error:
            plan.failed.append(Failure(source, str(error)))
            plan.lost_roots.add(root)
            return []
        if root in self._read:
            return []
        self._read.add(root)
        if site:
            self._seen |= _consider_site(plan, root, site, self._known, self._seen)
        else:
            self._seen |= _consider_all(plan, root, self._known, self._seen)
        return [*plan.added[before[0] :], *plan.changed[before[1] :]]

    def finish(self, *, prune: bool = False) -> Plan:
        """Add what is gone from the sources, which are all there is if `prune` says so, and return the plan."""
        plan, roots = self.plan, {one.root for one in self._known.values()}
        kept = plan.lost_roots if prune else roots - (self._read - plan.lost_roots)
        plan.removed += [id_ for id_, one in self._known.items() if id_ not in self._seen and one.root not in kept]
        return plan


def root_of(source: str) -> str:
    """Return how `source` is written in the rows of its documents; it need not be there."""
    if not load.is_address(source):
        return str(Path(source).expanduser().resolve())
    try:
        return normal(source)
    except SourceError:
        return source


def _consider_all(plan: Plan, root: str, known: Mapping[str, Known], seen: set[str]) -> set[str]:
    """Put every file of a folder into the plan and return `seen` with their ids."""
    unreadable: list[load.Unreadable] = []
    try:
        found = load.find(Path(root), unreadable)
    except SourceError as error:
        plan.failed.append(Failure(root, str(error)))
        plan.lost_roots.add(root)
        return seen
    ids = set(seen)
    for file in found:
        ids.add(_consider(plan, file, Path(root), known, ids))
    for folder in unreadable:
        plan.failed.append(Failure(folder.source, folder.reason))
        ids |= {id_ for id_, one in known.items() if one.root == root and folder.prefix in f"/{id_}"}
    return ids


def _consider(plan: Plan, file: Found, root: Path, known: Mapping[str, Known], seen: set[str]) -> str:
    """Put one file where it belongs in the plan and return its id."""
    id_ = _unique_id(file.id, root, known, seen)
    before = known.get(id_)
    try:
        content_hash = load.read(file).content_hash
    except SourceError as error:
        plan.failed.append(Failure(file.source, str(error)))
        return id_
    task = Task(id_, str(root), file, content_hash)
    if before is None:
        plan.added.append(task)
    elif before.content_hash != content_hash:
        plan.changed.append(task)
    else:
        plan.unchanged += 1
    return id_


def _unique_id(id_: str, root: Path, known: Mapping[str, Known], seen: set[str]) -> str:
    """Return `id_`, with the folder's name in front where another source already has it."""
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:6]
    for candidate in (id_, f"{root.name}/{id_}", f"{root.name}-{digest}/{id_}"):
        owner = known.get(candidate)
        if candidate not in seen and (owner is None or owner.root == str(root)):
            return candidate
    return f"{digest}/{len(seen)}/{id_}"


def _consider_site(plan: Plan, root: str, site: Gathered, known: Mapping[str, Known], seen: set[str]) -> set[str]:
    """Put every page of a site into the plan and return `seen` with their ids, which are their addresses."""
    plan.failed += site.failed
    for page in site.pages.values():
        if page.url in seen:  # another source has it, too
            continue
        if page.path is None:
            plan.unchanged += 1
        else:
            _consider_page(plan, root, page, page.path, known.get(page.url))
    return seen | site.pages.keys() | site.kept


def _consider_page(plan: Plan, root: str, page: Page, path: Path, before: Known | None) -> None:
    found = Found(page.url, path, page.url, page.suffix)
    try:
        raw = load.read(found)
        with one_file(page.url):
            content_hash = load.content_hash(load.parse(found, raw)) if page.suffix == ".html" else raw.content_hash
    except SourceError as error:
        plan.failed.append(Failure(page.url, str(error)))
        return
    task = Task(page.url, root, found, content_hash, page.validator)
    if before is None:
        plan.added.append(task)
    elif (before.content_hash, before.root) != (content_hash, root):
        plan.changed.append(task)
    else:
        plan.unchanged += 1
        if before.validator != page.validator:
            plan.revalidated[page.url] = page.validator


@contextmanager
def one_file(source: str) -> Iterator[None]:
    """Make of whatever a parser raises over a file, `SourceError` apart, one file that cannot be read."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:  # the edge to other people's files: lxml, Markdown and JSON raise what they like
        _log.exception("%s cannot be read", source)
        raise SourceError(f"it cannot be read: {type(error).__name__}") from error
