"""What a channel could not bring of a message: noted for operators, found again, and told to the customer."""

from dataclasses import replace

import pytest

from channels.notes import ask_for_rest, left_out, noted, notes_of, too_large
from core import wording
from core.ids import ThreadId, ThreadKey
from core.messages import Message
from core.thread import Thread
from core.wording import Line
from tests.unit.channels import desk_cases

MANY, LARGE = left_out(2, 10), too_large("film.mp4", 20 * 1024 * 1024)
APART = "[1 attached file that Teams does not pass on to apps here]"


def message(full: str, text: str = "") -> Message:
    """Return something that a customer said."""
    return replace(desk_cases.message(text), full=full)


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (0, ""),
        (1, "[1 more file that came with this was not kept: a message carries 10]"),
        (2, "[2 more files that came with this were not kept: a message carries 10]"),
    ],
)
def test_files_above_those_that_a_message_carries_are_counted(many: int, said: str) -> None:
    assert left_out(many, 10) == said


@pytest.mark.parametrize(
    ("name", "shown"), [("film.mp4", "film.mp4"), ("../[new]\nfilm.mp4", "(new)film.mp4"), ("", "file")]
)
def test_a_file_that_is_too_large_is_named(name: str, shown: str) -> None:
    assert too_large(name, 20 * 1024 * 1024) == f"[“{shown}” was not kept: a file has at most 20 MB]"
    assert notes_of(message(too_large(name, 20 * 1024 * 1024)))


@pytest.mark.parametrize(
    ("text", "notes", "answered", "full"),
    [
        ("Look:", "", "Look:", ""),
        ("Look:", MANY, "Look:", f"Look:\n\n{MANY}"),
        ("", MANY, MANY, ""),
        ("", "", "", ""),
        ("x" * 101, "", "x" * 100, "x" * 101),
        ("x" * 101, MANY, "x" * 100, f"{'x' * 101}\n\n{MANY}"),
    ],
)
def test_notes_stand_below_what_was_written_and_are_no_words_of_the_customer(
    text: str, notes: str, answered: str, full: str
) -> None:
    assert noted(text, notes, 100) == (answered, full)


@pytest.mark.parametrize(
    ("text", "full", "found"),
    [
        ("Look:", f"Look:\n\n{MANY}", MANY),
        ("Look:", f"Look:\n\n{APART} {MANY}", f"{APART} {MANY}"),
        ("Look:", f"Look:\n\nOn Monday you wrote:\n> Where?\n\n{LARGE} {MANY}", f"{LARGE} {MANY}"),
        ("x" * 100, f"{'x' * 101}\n\n{MANY}", MANY),
        ("", LARGE, LARGE),
        ("Look:", "", ""),
        ("Look:", "Look:\n\n> Where?\n[1]", ""),
        ("Look:", "Look:\n\n[cid:logo.png@01D9]", ""),
        ("Look:", "Look: [here] and there", ""),
        ("Look:", f"Look:\n\n{MANY}\n\nand there", ""),
        ("Look:", f"Look:\n\n[{'not kept ' * 50_000}", ""),
    ],
)
def test_what_was_noted_is_found_again(text: str, full: str, found: str) -> None:
    assert notes_of(message(full, text)) == found


@pytest.mark.parametrize(
    ("thread", "text", "language"),
    [
        (None, "What is wrong with it, please? I want to give it back.", "en"),
        (None, "Was ist daran falsch, bitte? Ich möchte es zurückgeben.", "de"),
        (None, "", "en"),
        ("fr", "", "fr"),
    ],
)
def test_the_rest_is_asked_for_in_the_customers_language(thread: str | None, text: str, language: str) -> None:
    known = replace(Thread(ThreadId("t_1"), ThreadKey("web", "", "1"), "kim"), language=thread) if thread else None
    assert ask_for_rest(known, text, 10) == wording.text(Line.FILES_LEFT_OUT, language, most="10")
