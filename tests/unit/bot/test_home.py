"""HOME: one process serves it, others of the same user find that one."""

import json
import os
import stat
from pathlib import Path

import pytest

from bot.home import Home
from core.errors import SetupError


def test_a_missing_home_is_made_for_this_user_alone(home: Path) -> None:
    Home(home / "deep" / "er")
    assert stat.S_IMODE((home / "deep" / "er").stat().st_mode) == 0o700
    assert list((home / "deep" / "er").iterdir()) == []


@pytest.mark.parametrize("below", ["", "home", "home/deeper"])
def test_a_home_that_cannot_be_made_is_an_error_that_names_the_fix(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(SetupError, match="set THREADLINE_HOME to another folder") as caught:
        Home(tmp_path / "file" / below)
    assert str(tmp_path / "file") in str(caught.value)


def test_two_cannot_hold_one_home(home: Path) -> None:
    first, second = Home(home), Home(home)
    with first.lock(), pytest.raises(SetupError, match="another process uses it"), second.lock():
        pass
    with second.lock():
        pass


def test_who_comes_second_is_told_which_process_serves(home: Path) -> None:
    first, second = Home(home), Home(home)
    with (
        first.lock(),
        first.announce("http://127.0.0.1:8080"),
        pytest.raises(SetupError, match=f"process {os.getpid()} serves it at http://127.0.0.1:8080"),
        second.lock(),
    ):
        pass


def test_a_serving_process_is_found_with_a_key_that_only_this_user_can_read(home: Path) -> None:
    with Home(home).lock(), Home(home).announce("http://127.0.0.1:8080") as announced:
        assert Home(home).serving() == announced
        assert stat.S_IMODE((home / "serve.json").stat().st_mode) == 0o600
        assert len(announced.key) >= 32
    assert Home(home).serving() is None
    assert not (home / "serve.json").exists()


def test_each_start_has_a_key_of_its_own(home: Path) -> None:
    with Home(home).announce("http://127.0.0.1:8080") as first:
        pass
    with Home(home).announce("http://127.0.0.1:8080") as second:
        assert first.key != second.key


def test_a_process_that_was_killed_serves_no_more(home: Path) -> None:
    Home(home)
    note = {"url": "http://127.0.0.1:8080", "key": "k", "pid": os.getpid()}
    (home / "serve.json").write_text(json.dumps(note), encoding="utf-8")
    assert Home(home).serving() is None, "whoever wrote it does not hold the lock"
    with Home(home).lock():
        assert Home(home).serving()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"url": 1}', "null", '{"url": "u", "key": "k", "pid": "x"}'])
def test_a_note_that_cannot_be_read_is_no_process(home: Path, content: str) -> None:
    Home(home)
    (home / "serve.json").write_text(content, encoding="utf-8")
    assert Home(home).serving() is None
