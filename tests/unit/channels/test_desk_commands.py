"""What operators of chat programs ask for in words, and the cases that answer it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.desk.commands import Command, command, found, heading, listed
from core.case import Case
from core.ids import OperatorId
from core.policy import Policy
from tests.unit.channels.desk_cases import ADA, BOB, FREE, HELD, NOW, RESOLVED, message

POLICY = Policy(unclaimed=600, unanswered=1_800)
LATE = replace(FREE, number=13, unclaimed_since=NOW - 700, waiting_since=NOW - 700)
MINE = replace(HELD, number=14)
THEIRS = replace(HELD, number=15, thread=replace(HELD.thread, owner=replace(HELD.thread.owner, operator=BOB)))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", Command("list", "")),
        ("list", Command("list", "")),
        ("cases", Command("list", "")),
        ("Mine", Command("list", "mine")),
        ("list  Unclaimed", Command("list", "unclaimed")),
        ("cases overdue", Command("list", "overdue")),
        ("OVERDUE", Command("list", "overdue")),
        ("claim 12", Command("claim", "12", 12)),
        ("Claim #12", Command("claim", "#12", 12)),
        ("claim", Command("help")),
        ("claim twelve", Command("help")),
        ("claim my bike", Command("help")),
        ("known 12", Command("known", "", 12)),
        ("Known #12", Command("known", "", 12)),
        ("forget 12 a3f9c", Command("forget", "a3f9c", 12)),
        ("forget 12", Command("help")),
        ("known", Command("help")),
        ("forget it", Command("help")),
        ("list everything", Command("help")),
        ("help", Command("help")),
        ("?", Command("help")),
        ("search", Command("help")),
        ("12", Command("search", "", 12)),
        ("#12", Command("search", "", 12)),
        ("search late bike", Command("search", "late bike")),
        ("late bike", Command("search", "late bike")),
        ("mine is late", Command("search", "mine is late")),
        ("cases of beer", Command("search", "cases of beer")),
        ("help me", Command("search", "help me")),
    ],
)
def test_what_people_type_is_a_command_or_looks_for_words(typed: str, meant: Command) -> None:
    assert command(typed) == meant


@given(st.text(max_size=60))
def test_any_words_are_a_command(typed: str) -> None:
    assert command(typed).word in {"list", "claim", "known", "forget", "search", "help"}


@pytest.mark.parametrize(
    ("which", "shown"),
    [
        ("", [13, 12, 14, 15]),
        ("mine", [14]),
        ("unclaimed", [13, 12]),
        ("overdue", [13]),
    ],
)
def test_a_list_shows_who_waited_too_long_first(which: str, shown: list[int]) -> None:
    assert [case.number for case in listed([MINE, FREE, THEIRS, LATE], which, ADA, NOW, POLICY)] == shown


def test_a_list_of_nobodys_cases_is_empty() -> None:
    assert listed([FREE, LATE], "mine", OperatorId("o_zoe"), NOW, POLICY) == []


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ("kim", [12]),
        ("KIM delivery", [12]),
        ("the reflector", [12]),
        ("email", [12]),
        ("#12", [12]),
        ("kim bicycle", []),
    ],
)
def test_a_search_finds_cases_that_have_all_its_words_somewhere(wanted: str, numbers: list[int]) -> None:
    case = replace(RESOLVED, last=message("Where is the reflector?"))
    assert [one.number for one in found([case], wanted)] == numbers


def test_a_search_for_no_words_finds_all() -> None:
    cases: list[Case] = [FREE, LATE]
    assert found(cases, "") == cases


@pytest.mark.parametrize(
    ("asked", "many", "words"),
    [
        ("", 0, "Open cases: none"),
        ("mine", 2, "Your cases: 2"),
        ("12", 1, "Case 12"),
        ("12", 0, "There is no case 12."),
        ("claim 12", 0, "There is no case 12."),
        ("late bike", 3, "Cases with “late bike”: 3"),
    ],
)
def test_the_words_above_a_list_say_what_it_shows(asked: str, many: int, words: str) -> None:
    assert heading(command(asked), many) == words


def test_the_words_above_a_list_stay_short() -> None:
    assert len(heading(command("word " * 500), 0)) < 150
