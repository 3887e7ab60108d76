"""What commands print: words of customers can't speak to the terminal, and are cut where people see it."""

import json
from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from bot import cli_agreement, cli_articles, cli_gaps
from bot.cli import run
from bot.cli_replay import _show
from bot.replay import Outcome, Payload
from bot.terminal import brief, counted, plain, print_json
from core.articles import ArticleGroup, SuggestedArticle
from core.events import Outcome as Became
from core.gaps import Asked, Gap
from core.ids import ArticleId, CaseId, ThreadId
from core.shadow import Agreement

RAW = "a\x1b]0;mine\x07b\u202egpj.\x9b31mc\u2066\x7f"
SAFE = "a]0;minebgpj.31mc"
CHINESE = "我的自行车在运输途中损坏了我想知道怎样才能退款" * 5


def printed(table: Table, width: int = 100) -> str:
    console = Console(width=width, record=True, file=StringIO())
    console.print(table)
    return console.export_text()


def gap(question: str, nearest: str = "") -> Gap:
    asked = Asked(ThreadId("t"), "web", 1_800_000_000.0, Became.HANDED_OFF, CaseId("c"), 7)
    return Gap(question, 3, 2, nearest, (asked,))


def article(question: str, answer: str) -> ArticleGroup:
    return ArticleGroup((SuggestedArticle(ArticleId("s"), CaseId("c"), 7, question, answer, "Ada", 0.0),))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (RAW, SAFE),
        ("two\nlines, a\ttab", "two\nlines, a tab"),
        ("half \ud800a character", "half a character"),
        ("Größe, 价格, עברית, 👩‍👩‍👧", "Größe, 价格, עברית, 👩‍👩‍👧"),
    ],
)
def test_what_a_terminal_obeys_is_left_out_and_all_else_stays(text: str, left: str) -> None:
    assert plain(text) == left


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("one\r\n two\x0cthree", 20, "one two three"),
        ("12345", 5, "12345"),
        ("123456", 5, "1234…"),
        ("123 56", 5, "123…"),
        ("\x1b[31mred", 20, "[31mred"),
    ],
)
def test_long_words_are_cut_where_people_see_it(text: str, most: int, shown: str) -> None:
    assert brief(text, most) == shown


def test_one_is_one_and_more_are_more() -> None:
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert counted(2, "reply", "replies") == "2 replies"


def test_json_says_all_and_prints_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    given = {"text": f"{RAW} Größe \ud800"}
    print_json(given)
    said = capsys.readouterr().out
    assert json.loads(said) == given
    assert plain(said) == said
    assert "Größe" in said


def test_gaps_articles_and_agreement_print_customers_words_plainly() -> None:
    assert f" {SAFE} " in printed(cli_gaps._table([gap(RAW, "[red]t")]))
    said = printed(cli_gaps._table([gap("x", RAW)])) + printed(cli_articles._table([article(RAW, f"[b]{RAW}")]))
    said += printed(cli_agreement._table([Agreement(RAW, 1, 1, 0)]))
    assert said.count(SAFE) == 4
    assert f"[b]{SAFE}" in said
    assert plain(said) == said


def test_questions_without_spaces_wrap_like_others_and_the_cut_is_shown() -> None:
    for table, times in ((cli_gaps._table([gap(CHINESE)]), 5), (cli_articles._table([article(CHINESE, CHINESE)]), 10)):
        said = printed(table, 80)
        assert said.count("款") == times
        assert "…" not in said
    assert "…" in printed(cli_gaps._table([gap("word " * 100)]))
    assert "…" in printed(cli_articles._table([article("x", "word " * 100)]))


def test_a_replayed_message_is_printed_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    payload = Payload(Outcome.MESSAGE, RAW, "t", (RAW, f"{RAW}\nfiles none"), RAW, RAW, ((RAW, "image/png", 1),))
    _show(payload.line("mail.eml"))
    said = capsys.readouterr().out
    assert plain(said) == said
    assert said.count(SAFE) == 4
    assert len(said.splitlines()) == 4


def test_an_operators_name_is_printed_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["operator", "add", f"Ada[b]{SAFE}\u202e"]) == 0
    assert run(["operator", "list"]) == 0
    said = capsys.readouterr().out
    assert plain(said) == said
    assert said.count(f"Ada[b]{SAFE}") == 2


def test_that_nothing_was_asked_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gaps", "--days", "1"]) == 0
    assert capsys.readouterr().out == "No missing article in the last day: nothing was asked.\n"
