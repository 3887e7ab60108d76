"""The commands: their words, their JSON, and errors that are one sentence."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.cli import make_parser, run

ROOT = Path(__file__).resolve().parents[3]


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["serve"],
        ["ask"],
        ["kb", "sync"],
        ["kb", "drop"],
        ["kb", "search"],
        ["eval"],
        ["gaps"],
        ["articles"],
        ["doctor"],
    ):
        with pytest.raises(SystemExit) as ended:
            make_parser().parse_args([*words, "--help"])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        assert "example:" in said
        assert f"threadline {' '.join(words)}" in said


def test_words_that_are_no_command_end_with_status_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["dance"])
    assert ended.value.code == 2
    assert "dance" in capsys.readouterr().err


# Operators


def test_an_operator_is_added_listed_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["operator", "add", "Ada"]) == 0
    token = capsys.readouterr().out.split()[-1]
    assert len(token) >= 32
    assert run(["operator", "list"]) == 0
    listed = capsys.readouterr().out
    assert "Ada" in listed
    assert "active" in listed
    assert token not in listed
    assert run(["operator", "revoke", "Ada"]) == 0
    capsys.readouterr()
    assert run(["operator", "list"]) == 0
    assert "revoked" in capsys.readouterr().out


def sentence(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that fails; return the one sentence it says."""
    assert run(words) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("threadline: ")
    assert "Traceback" not in said.err
    return said.err


def test_a_name_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    run(["operator", "add", "Ada"])
    capsys.readouterr()
    assert "threadline operator revoke 'Ada'" in sentence(capsys, "operator", "add", "Ada")


def test_an_operator_nobody_knows_is_not_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    assert "threadline operator list" in sentence(capsys, "operator", "revoke", "Nobody")


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert "1 to 80 characters" in sentence(capsys, "operator", "add", name)


# Errors


def test_an_empty_question_is_refused_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert "threadline ask '" in sentence(capsys, "ask", "  ")


def test_settings_that_are_wrong_end_every_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PORT", "none")
    assert "HTTP_PORT" in sentence(capsys, "doctor")


def test_a_home_that_cannot_be_written_ends_a_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("THREADLINE_HOME", str(tmp_path / "file" / "home"))
    assert "THREADLINE_HOME" in sentence(capsys, "operator", "list")
    assert "THREADLINE_HOME" in sentence(capsys, "serve")


def test_a_database_that_is_away_ends_a_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("DATABASE_URL", f"postgresql+asyncpg://u:hunter2@127.0.0.1:{port}/x")
    said = sentence(capsys, "operator", "list")
    assert "The database can't be used now" in said
    assert "hunter2" not in said


def test_a_home_that_is_locked_is_named(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    from bot.home import Home

    with Home(home).lock():
        assert "in use: another process uses it" in sentence(capsys, "kb", "search", "warranty")


@pytest.fixture
def _by_words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search without the embedding model: loading another one takes seconds."""
    monkeypatch.setenv("EMBEDDING_MODEL", "none")


@pytest.mark.usefixtures("_by_words_alone")
def test_an_evaluation_folder_that_is_none_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "nothing-here" in sentence(capsys, "eval", str(tmp_path / "nothing-here"))


def test_an_evaluation_folder_without_articles_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text('{"id": 1, "query": "x", "doc_ids": ["x"]}', encoding="utf-8")
    assert "has no folder kb: put the articles there" in sentence(capsys, "eval", str(tmp_path))


@pytest.mark.usefixtures("_by_words_alone")
def test_an_evaluation_folder_whose_articles_are_missing_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "queries.jsonl").write_text('{"id": 1, "query": "x", "doc_ids": ["x"]}', encoding="utf-8")
    said = sentence(capsys, "eval", str(tmp_path))
    assert said.endswith("holds no article that can be read. Put articles there, as Markdown files.\n")
    (tmp_path / "kb" / "x.md").write_text(" ", encoding="utf-8")
    assert "as Markdown files. Not read: x.md: it is empty." in sentence(capsys, "eval", str(tmp_path))


@pytest.mark.usefixtures("_by_words_alone")
def test_an_evaluation_warns_of_names_that_no_article_has(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "delivery.md").write_text("# Delivery\n\nParcels take two days.\n", encoding="utf-8")
    (tmp_path / "kb" / "empty.md").write_text("", encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text('{"id": 1, "query": "x", "doc_ids": ["delivery.md"]}', encoding="utf-8")
    assert run(["eval", str(tmp_path), "--json"]) == 0
    unread, unknown = json.loads(capsys.readouterr().out)["warnings"]
    assert unread == "Not read: empty.md: it is empty."
    assert unknown.endswith("without its ending): 1 (delivery.md).")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["eval", "questions", "--limit", "-1"], "-1 is not a whole number from 1 up"),
        (["eval", "questions", "--limit", "0"], "0 is not a whole number from 1 up"),
        (["operator", "log", "--limit", "-1"], "-1 is not a whole number from 1 up"),
        (["kb", "search", "x", "--k", "0"], "0 is not a whole number from 1 up"),
        (["gaps", "--days", "-3"], "-3 is not a number of days above 0"),
        (["gaps", "--days", "nan"], "nan is not a number of days above 0"),
        (["agreement", "--days", "0"], "0 is not a number of days above 0"),
        (["eval-set", "questions", "--days", "soon"], "soon is not a number of days above 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(capsys: pytest.CaptureFixture[str], words: list[str], why: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(words)
    assert ended.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.usefixtures("_by_words_alone")
def test_an_evaluation_says_what_the_contract_promises(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "questions"
    (folder / "kb").mkdir(parents=True)
    (folder / "kb" / "delivery.md").write_text("# Delivery\n\nParcels take two days.\n", encoding="utf-8")
    (folder / "kb" / "warranty.md").write_text("# Warranty\n\nFrames last ten years.\n", encoding="utf-8")
    asked = {"id": "q1", "query": "How long do parcels take?", "doc_ids": ["delivery"]}
    (folder / "queries.jsonl").write_text(json.dumps(asked), encoding="utf-8")
    beside = {"id": "o1", "query": "What is the capital of France?", "kind": "other"}
    (folder / "out_of_scope.jsonl").write_text(json.dumps(beside), encoding="utf-8")
    assert run(["eval", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == {"retrieval", "decisions", "beside", "misses", "warnings"}
    assert figures["warnings"] == []
    measured = {"queries", "hit@1", "hit@3", "hit@5", "mrr@10", "ndcg@10", "p50_ms", "p95_ms"}
    assert measured <= set(figures["retrieval"])
    assert figures["retrieval"]["hit@1"] == 1.0
    decisions, four = figures["decisions"], {"answered", "clarified", "declined", "handed_off"}
    assert set(decisions) == {"questions", "in_scope", "out_of_scope", "reasons", "auroc", "auroc_by_kind", "curve"}
    assert set(decisions["in_scope"]) == four | {"answered_with_right_document", "found_right_document"}
    assert set(decisions["out_of_scope"]) == four | {"by_kind"}
    assert set(decisions["out_of_scope"]["by_kind"]["other"]) == four
    assert sum(decisions["in_scope"][outcome] for outcome in four) == 1.0
    assert run(["eval", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "1 question that has an article: it came first for 100.0 %" in shown
    assert "words (BM25) alone" in shown


def test_gaps_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gaps", "--days", "7"]) == 0
    assert "in the last 7 days: nothing was asked" in capsys.readouterr().out
    assert run(["gaps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_agreement_is_shown_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["agreement", "--days", "7"]) == 0
    assert "in the last 7 days" in capsys.readouterr().out
    assert run(["agreement", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_suggested_articles_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["articles"]) == 0
    assert "No suggested article waits" in capsys.readouterr().out
    assert run(["articles", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.usefixtures("_by_words_alone")
def test_the_doctor_ends_with_status_one_when_something_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK", "slack:C1")
    assert run(["doctor", "--json"]) == 1
    examined = json.loads(capsys.readouterr().out)
    assert set(examined) == {"ok", "checks"}
    assert examined["ok"] is False
    assert {tuple(check) for check in examined["checks"]} == {("name", "state", "found", "fix")}


# The real thing, in processes of its own


@pytest.fixture
def threadline(home: Path, sample_home: Path) -> "Threadline":
    """The installed command, on a HOME that holds the sample knowledge base."""
    shutil.copytree(sample_home, home)
    return Threadline(home)


class Threadline:
    """Runs `python -m bot`."""

    def __init__(self, home: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "THREADLINE_HOME": str(home),
            "HTTP_PORT": "0",
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.words(*words), capture_output=True, text=True, env=self.environment, check=False)

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "bot", *words]


@pytest.fixture
def served(threadline: Threadline) -> Iterator[str]:
    """The program, serving; gives what it said at its start."""
    process = subprocess.Popen(
        threadline.words("serve"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=threadline.environment,
    )
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if "questions asked meanwhile wait for it" in line:
            break
    yield said
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    process.stdout.close()


def test_the_commands_of_a_serving_program_go_through_it(threadline: Threadline, served: str) -> None:
    assert "Chat page   http://127.0.0.1:" in served
    assert "/desk#token=" in served
    answer = threadline.json("ask", "How long is the warranty?")
    assert set(answer) == {"text", "citations", "outcome", "handoff"}
    assert (answer["outcome"], answer["handoff"]) == ("answered", None)
    assert answer["citations"][0] == {"index": 1, "title": "Warranty", "source": "warranty.md"}
    answer = threadline.json("ask", "I want to talk to a person")
    assert (answer["outcome"], answer["handoff"]) == ("handed_off", {"reason": "customer_asked"})
    found = threadline.json("kb", "search", "warranty", "--k", "2")
    assert len(found) == 2
    assert set(found[0]) == {"document", "title", "source", "score", "text"}
    synced = threadline.json("kb", "sync")
    assert set(synced) == {"added", "changed", "removed", "unchanged", "failed", "passages", "seconds"}
    assert (synced["added"], synced["failed"]) == (0, [])
    second = threadline("serve")
    assert second.returncode == 1
    assert "serves it at http://127.0.0.1:" in second.stderr
    assert "Traceback" not in second.stderr


def test_without_a_serving_program_a_command_does_it_itself(threadline: Threadline) -> None:
    answer = threadline.json("ask", "How long is the warranty?")
    assert answer["citations"][0]["source"] == "warranty.md"
