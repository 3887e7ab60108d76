"""What the command line shows people: progress, and the figures of `eval` as tables."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

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
