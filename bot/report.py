"""What the command line shows people: progress, and the figures of `eval` as tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

_MOST_MISSES = 10
_PASSAGE = 160  # characters of a passage that a table shows
_OUTCOMES = ("answered", "clarified", "declined", "handed_off")


def eval_tables(figures: Mapping[str, Any]) -> Iterator[Table]:
    """Yield a table of the retrieval figures and one of the decisions."""
    retrieval = figures["retrieval"]
    table = Table(title="Retrieval", title_justify="left")
    for name in retrieval:
        table.add_column(name, justify="right")
    table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in retrieval.values()))
    yield table
    decisions = figures["decisions"]
    table = Table(title="Decisions (shares)", title_justify="left")
    for name in ("questions", *_OUTCOMES, "with the right document", "AUROC"):
        table.add_column(name, justify="left" if name == "questions" else "right")
    inside = decisions["in_scope"]
    table.add_row("in scope", *_shares(inside), f"{inside['answered_with_right_document']:.3f}", "")
    outside = decisions["out_of_scope"]
    table.add_row("out of scope", *_shares(outside), "", f"{decisions['auroc']:.3f}")
    for kind, shares in outside["by_kind"].items():
        table.add_row(f"  {kind}", *_shares(shares), "", f"{decisions['auroc_by_kind'][kind]:.3f}")
    yield table
    if figures.get("beside"):
        yield _beside(retrieval, figures["beside"])
    if decisions.get("curve"):
        yield _curve(decisions["curve"])
    if figures.get("misses"):
        yield _misses(figures["misses"])


def _beside(ours: Mapping[str, Any], others: Mapping[str, Mapping[str, float]]) -> Table:
    """Return our retrieval beside that of the words alone and of the vectors alone."""
    names = [name for name in next(iter(others.values())) if name in ours]
    table = Table("", *names, title="Retrieval, beside its parts alone", title_justify="left")
    for what, found in {"all together": ours, **others}.items():
        table.add_row(what, *(f"{found[name]:.3f}" for name in names))
    return table


def _curve(points: Sequence[Mapping[str, Any]]) -> Table:
    """Return what each floor of confidence would let through; the named ones are the settings of ANSWER_CAUTION."""
    table = Table(title="What each floor would answer (shares)", title_justify="left")
    for name in ("floor", "ANSWER_CAUTION", "in scope", "with the right document", "out of scope"):
        table.add_column(name, justify="left" if name == "ANSWER_CAUTION" else "right")
    for one in points:
        shares = (one["answered"], one["answered_with_right_document"], one["out_of_scope"])
        table.add_row(f"{one['floor']:.2f}", one["point"], *(f"{share:.3f}" for share in shares))
    return table


def _misses(misses: Sequence[Mapping[str, Any]]) -> Table:
    """Return the questions whose document came latest, and the passage that came first instead."""
    table = Table(
        "question", "wanted", "place", "first", title="The worst misses", title_justify="left", show_lines=True
    )
    for one in misses[:_MOST_MISSES]:
        place = "below the tenth" if one["rank"] is None else str(one["rank"])
        first = f"{one['found']}: {' '.join(str(one['passage']).split())[:_PASSAGE]}"
        table.add_row(escape(one["query"]), escape(", ".join(one["wanted"])), place, escape(first))
    return table


def _shares(shares: Mapping[str, float]) -> list[str]:
    return [f"{shares[outcome]:.3f}" for outcome in _OUTCOMES]


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that shows how far a named step is (done, total): bars on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield show
