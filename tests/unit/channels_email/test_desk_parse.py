"""What an operator's mail asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.desk import parse as desk_parse
from channels.email.desk.parse import Asked
from core.messages import DeskAction, Resolution


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Hello Kim,\n\n#claim is a word.", Asked(DeskAction.WRITE, "Hello Kim,\n\n#claim is a word.")),
        ("#claim", Asked(DeskAction.CLAIM)),
        ("  #CLAIM  \n", Asked(DeskAction.CLAIM)),
        ("#note ask Bob", Asked(DeskAction.NOTE, "ask Bob")),
        ("#note\nask\nBob", Asked(DeskAction.NOTE, "ask\nBob")),
        ("#bot", Asked(DeskAction.HAND_BACK)),
        ("#send", Asked(DeskAction.REPLY, draft=True)),
        ("#send Hello", Asked(DeskAction.REPLY, "Hello")),
        ("#assign @Bob Lee\n\nregards", Asked(DeskAction.ASSIGN, colleague="Bob Lee")),
        ("#resolve", Asked(DeskAction.RESOLVE)),
        ("#resolve Spam please", Asked(DeskAction.RESOLVE, outcome=Resolution.SPAM)),
        ("#draft be brief", Asked(DeskAction.DRAFT, "be brief")),
        ("# claim", Asked(DeskAction.WRITE, "# claim")),
        ("#1234 is my number", Asked(DeskAction.WRITE, "#1234 is my number")),
        ("", Asked(DeskAction.WRITE, "")),
    ],
)
def test_the_first_line_may_be_a_command(text: str, asked: Asked) -> None:
    assert desk_parse.read(text) == asked


@pytest.mark.parametrize("text", ["#clam", "#resolve maybe"])
def test_a_command_that_is_not_understood_says_what_works_and_sends_nothing(text: str) -> None:
    told = desk_parse.read(text)
    assert isinstance(told, str)
    assert "#claim" in told or "solved" in told


@given(st.text(max_size=200))
def test_anything_can_be_read(text: str) -> None:
    read = desk_parse.read(text)
    assert isinstance(read, str) or read.action is not DeskAction.WRITE or read.text == text
