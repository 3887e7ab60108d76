"""What desks in chat programs say in the same words: how a case is, who wrote, what arrived."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.desk.words import about, brief, cut, facts, how, one_line, remarks, sentence, shortened, worst, writer
from channels.notes import left_out
from core.case import Case
from core.delivery import Delivery, DeliveryState, PartKind
from core.ids import FileId
from core.messages import Author, File, Message, Rating
from core.policy import Policy
from tests.unit.channels.desk_cases import FREE, HELD, NOW, RESOLVED, message

POLICY = Policy(unclaimed=600, unanswered=1_800)


@given(st.text(max_size=500), st.integers(5, 50))
def test_a_text_in_pieces_is_the_whole_text(text: str, most: int) -> None:
    pieces, joins = cut(text, most)
    assert all(len(piece) <= most for piece in pieces)
    assert "".join(piece + join for piece, join in zip(pieces, [*joins, ""], strict=True)) == text


def test_a_text_is_cut_between_paragraphs_before_lines_and_words() -> None:
    assert cut("one two\nthree\n\nfour five six seven", 20) == (["one two\nthree", "four five six seven"], ["\n\n"])
    assert cut("one two\nthree four", 12) == (["one two", "three four"], ["\n"])
    assert cut("abcdefgh", 3) == (["abc", "def", "gh"], ["", ""])


@given(st.text(max_size=60), st.integers(2, 40))
def test_a_shortened_text_says_that_it_is(text: str, most: int) -> None:
    short = shortened(text, most)
    assert short == text if len(text) <= most else short.endswith("…")
    assert len(one_line(text, most)) <= most


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (FREE, ("State", "Unclaimed")),
        (HELD, ("State", "Held by Ada")),
        (RESOLVED, ("State", "Resolved by Ada: Solved")),
        (replace(RESOLVED, outcome="handed_back"), ("State", "Handed back to the assistant by Ada")),
        (FREE, ("Came by", "Email")),
        (replace(FREE, times_reopened=1), ("Opened again", "Once")),
        (replace(FREE, times_reopened=3), ("Opened again", "3 times")),
        (replace(RESOLVED, survey=Rating(5)), ("Survey", "5 of 5")),
    ],
)
def test_a_card_says_how_its_case_stands(case: Case, told: tuple[str, str]) -> None:
    assert told in facts(case, "Ada", None)


def test_what_waited_too_long_is_said_on_cards_and_in_lists() -> None:
    assert ("Overdue", "Nobody has claimed it yet") in facts(FREE, "", "unclaimed")
    late = replace(FREE, unclaimed_since=NOW - 700, waiting_since=NOW - 700)
    assert brief(late, "", NOW, POLICY) == ["Email", "Unclaimed", "Overdue: nobody has claimed it yet"]
    assert brief(replace(FREE, waiting_since=NOW - 120), "", NOW, POLICY)[2].startswith("waits for 2 min")
    assert brief(RESOLVED, "", NOW, POLICY) == [
        "Email",
        "Resolved by Ada: Solved",
        *brief(RESOLVED, "", NOW, POLICY)[2:],
    ]


def test_a_case_without_a_summary_says_why_it_came() -> None:
    assert about(FREE, 200) == FREE.summary
    assert about(replace(FREE, summary=" \n"), 200) == FREE.reason.sentence


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (FREE, "Claim it, and what you write in this thread goes to the customer."),
        (HELD, "What Ada writes in this thread goes to the customer."),
        (RESOLVED, "What is written in this thread stays inside."),
        (replace(FREE, drafting=True), "A suggested reply is being written."),
    ],
)
def test_a_card_says_what_becomes_of_what_is_written_below_it(case: Case, said: str) -> None:
    assert said in how(case, "Ada")


@pytest.mark.parametrize(
    ("author", "name", "who"),
    [
        (Author.CUSTOMER, "Kim", "Kim"),
        (Author.CUSTOMER, "", "Customer"),
        (Author.BOT, "", "Assistant"),
        (Author.SYSTEM, "", "Threadline, to the customer"),
        (Author.OPERATOR, "Ada", "Ada, to the customer"),
        (Author.NOTE, "", "A colleague, note"),
    ],
)
def test_a_line_says_who_wrote_it_and_for_whom(author: Author, name: str, who: str) -> None:
    assert writer(message("Hello", author, name=name)) == who


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (message("Hello"), []),
        (replace(message(""), withdrawn=True), ["This message was withdrawn."]),
        (replace(message("Five."), changed_at=NOW, original="Four."), ["Edited. Before: Four."]),
        (
            replace(message("Here"), files=(File(FileId("f_1"), "bill.pdf", "application/pdf", 3),)),
            ["With bill.pdf"],
        ),
    ],
)
def test_below_a_line_stands_what_happened_to_it(said: Message, told: list[str]) -> None:
    assert remarks(said) == told


def test_below_a_line_stands_what_its_channel_could_not_bring_of_it() -> None:
    assert remarks(replace(message("Look:"), full=f"Look:\n\n{left_out(2, 10)}")) == [left_out(2, 10)]


def fates(*states: DeliveryState) -> list[Delivery]:
    return [Delivery(PartKind.TEXT, state) for state in states]


@pytest.mark.parametrize(
    ("states", "is_", "says"),
    [
        ([], DeliveryState.WAITING, "This is still on its way"),
        ([DeliveryState.DELIVERED], DeliveryState.DELIVERED, "This has arrived"),
        (
            [DeliveryState.DELIVERED, DeliveryState.UNKNOWN],
            DeliveryState.UNKNOWN,
            "Nobody can say whether this arrived",
        ),
        ([DeliveryState.PARTIAL, DeliveryState.WAITING], DeliveryState.PARTIAL, "Only a part of this arrived"),
        ([DeliveryState.REFUSED, DeliveryState.UNKNOWN], DeliveryState.REFUSED, "This did not reach the customer"),
        ([DeliveryState.BOUNCED], DeliveryState.BOUNCED, "This did not reach the customer"),
    ],
)
def test_a_line_stands_for_the_worst_that_became_of_its_parts(
    states: Sequence[DeliveryState], is_: DeliveryState, says: str
) -> None:
    assert worst(fates(*states)) is is_
    assert sentence(fates(*states)) == says
