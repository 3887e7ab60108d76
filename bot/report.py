"""What the command line shows people: progress, and the figures of `eval` as tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bot.terminal import brief, counted, plain

_MOST_MISSES = 10
_QUESTION = 220  # characters of a question that people are shown
_PASSAGE = 240  # characters of a passage
_NAME = 24  # characters of the first column: with them every table fits into the 80 of a plain terminal
_BAR = 15  # characters of a bar that stands for all questions
_OUTCOMES = {"answered": "answered", "clarified": "asked\nback", "declined": "declined", "handed_off": "to\npeople"}
_RANKING = {"hit@1": "first", "hit@3": "in first 3", "hit@5": "in first 5", "mrr@10": "MRR@10", "ndcg@10": "nDCG@10"}
_STEP = 0.1


def eval_report(figures: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what `eval` shows people: the result in sentences, tables with what each of them says, the worst misses."""
    decisions = figures["decisions"]
    yield _in_words(figures)
    yield from _warnings(figures.get("warnings") or ())
    if figures.get("model"):
        yield _model(figures["model"])
    yield _ranking(figures["retrieval"], figures.get("beside") or {})
    yield _decisions(decisions)
    if decisions.get("curve"):
        yield _curve(decisions["curve"])
    yield from _misses(figures.get("misses") or ())


def _in_words(figures: Mapping[str, Any]) -> Text:
    retrieval, decisions = figures["retrieval"], figures["decisions"]
    inside, outside, asked = decisions["in_scope"], decisions["out_of_scope"], decisions["questions"]
    said = (
        f"{_having(asked['in_scope'])} an article: it came first for {_percent(retrieval['hit@1'])}, and "
        f"among the first five for {_percent(retrieval['hit@5'])}. {_percent(inside['answered'])} were answered, "
        f"{_percent(inside['answered_with_right_document'])} from the right article; the rest went to people or was "
        f"asked back."
    )
    if asked["out_of_scope"]:
        said += f"\n{_having(asked['out_of_scope'])} none: {_percent(outside['answered'])} were answered all the same."
    return Text(f"{said}\n")


def _having(questions: int) -> str:
    return f"{counted(questions, 'question')} that {'has' if questions == 1 else 'have'}"


def _warnings(warnings: Sequence[str]) -> Iterator[Text]:
    if warnings:
        yield Text("".join(f"Warning: {plain(one)}\n" for one in warnings), style="yellow")


def _model(model: Mapping[str, Any]) -> Text:
    """Return what the language model took."""
    cost = f", {model['cost']:g} by MODEL_PRICE" if model["cost"] else ""
    said = (
        f"{model['name']} read {model['tokens_in']:,} tokens and wrote {model['tokens_out']:,}{cost}. An answer took "
        f"{model['p50_seconds']:.1f} s, {model['p95_seconds']:.1f} s at most for 95 of 100."
    )
    if model["failed"]:
        failed = counted(model["failed"], "question")
        said += f" It gave no answer to {failed}, which counts as handed to people."
    return Text(f"{said}\n")


def _table(title: str, says: str, *columns: str) -> Table:
    """Return a table whose first column is of words and the others of figures; `says` stands below it."""
    table = Table(title=title, caption=says, box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.title_justify = table.caption_justify = "left"
    for at, name in enumerate(columns):
        table.add_column(name, justify="right" if at else "left", no_wrap=True, max_width=None if at else _NAME)
    return table


def _ranking(ours: Mapping[str, Any], others: Mapping[str, Mapping[str, float]]) -> Table:
    """Return how often the right article came first, beside the words alone and the vectors alone."""
    table = _table(
        "Finding the article",
        f"Shares of {counted(ours['queries'], 'question')} whose article came so far up. A search took "
        f"{ours['p50_ms']:.0f} ms, {ours['p95_ms']:.0f} ms at most for 95 of 100.\n",
        "",
        *_RANKING.values(),
    )
    for what, found in {"Threadline": ours, **{f"{name} alone": one for name, one in others.items()}}.items():
        shares = [f"{found[name]:.3f}" if "@10" in name else _percent(found[name]) for name in _RANKING]
        table.add_row(what, *shares, style="bold" if found is ours else "")
    return table


def _decisions(decisions: Mapping[str, Any]) -> Table:
    """Return what became of the questions, by kind."""
    f1 = decisions["in_scope"].get("answer_f1")
    table = _table(
        "What became of the questions",
        "Right: answered from the right article; found: the assistant's own search had it. AUROC: how well the "
        "confidence tells questions that have an article from these; 0.5 is chance, 1 is perfect."
        + (" Of the underspecified, asking back is right." if "underspecified" in decisions["auroc_by_kind"] else "")
        + (f" Answers share their words with the known ones to {f1:.2f} (F1)." if f1 is not None else "")
        + "\n",
        "",
        *_OUTCOMES.values(),
        "right",
        "found",
        "AUROC",
    )
    inside, outside = decisions["in_scope"], decisions["out_of_scope"]
    right = [_whole(inside[share]) for share in ("answered_with_right_document", "found_right_document")]
    table.add_row("with an article", *_shares(inside), *right, "")
    for kind, shares in inside.get("by_kind", {}).items():
        table.add_row(_kind(kind), *_shares(shares), "", "", "")
    table.add_row("without one", *_shares(outside), "", "", _figure(decisions["auroc"]))
    for kind, shares in outside["by_kind"].items():
        table.add_row(_kind(kind), *_shares(shares), "", "", _figure(decisions["auroc_by_kind"][kind]))
    return table


def _kind(kind: str) -> Text:
    return Text(f"  {brief(kind.replace('_', ' '), _NAME)}")


def _curve(points: Sequence[Mapping[str, Any]]) -> Table:
    """Return what each floor of confidence would let through; the named ones are the settings of ANSWER_CAUTION."""
    table = _table(
        "What another ANSWER_CAUTION would answer",
        "A floor is the confidence an answer needs. Left of the bars: answered of the questions that have an article, "
        "and from the right one; right of them: answered of those that have none. --json has every floor.\n",
        "setting",
        "floor",
        "answered",
        "right",
        "",
        "wrongly",
    )
    table.columns[4].justify = "left"
    for one in points:
        if not one["point"] and abs(one["floor"] / _STEP - round(one["floor"] / _STEP)) > 1e-6:
            continue
        answered, right, wrongly = one["answered"], one["answered_with_right_document"], one["out_of_scope"]
        figures = (_whole(answered), _whole(right), _bars(right, wrongly), _whole(wrongly))
        name = f"> {one['point']}" if one["point"] else ""
        table.add_row(name, f"{one['floor']:.2f}", *figures, style="bold" if name else "dim")
    return table


def _bars(right: float, wrongly: float) -> Text:
    """Return two bars, one for what is answered rightly and one for what should not have been."""
    bars = Text("█" * round(right * _BAR), style="green")
    bars.append("░" * (_BAR - round(right * _BAR)) + " ", style="dim")
    return bars.append("█" * round(wrongly * _BAR), style="red")


def _misses(misses: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Yield the questions whose article came latest, with the passage that came first instead."""
    if misses:
        yield Text("The worst misses\n", style="italic")
    for number, one in enumerate(misses[:_MOST_MISSES], 1):
        place = "not among the first ten" if one["rank"] is None else f"came in place {one['rank']}"
        where = " > ".join(filter(None, [one["found"] or "nothing", one["heading"]]))
        where += f", passage {one['position'] + 1}" if one["position"] is not None else ""
        said = Table.grid(padding=(0, 1, 0, 0))
        wanted = ", ".join(one["wanted"]) or "no article is named"
        said.add_row("wanted", Text(plain(f"{wanted} ({place})"), style="green"))
        said.add_row("first", Text(plain(where), style="red"))
        said.add_row("", Text(brief(one["passage"], _PASSAGE), style="dim"))
        yield Text(f"{number}. {brief(one['query'], _QUESTION)}", style="bold")
        yield Padding(said, (0, 0, 1, 3))


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _whole(share: float) -> str:
    return f"{share * 100:.0f} %"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _shares(shares: Mapping[str, float]) -> list[str]:
    return [_whole(shares[outcome]) for outcome in _OUTCOMES]


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
