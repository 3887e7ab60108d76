"""Passages: nothing of a document is lost, none is too long, and steps stay together."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from kb.documents import Document, Format
from kb.split import MAX_CHARACTERS, MAX_WORDS, Piece, embedded_text, rejoined, split


def document(text: str, format: Format = "markdown") -> Document:
    return Document(id="d", title="Title", source="d.md", text=text, format=format)


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{at}" for at in range(count))


_LINES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=80),
    st.integers(1, 260).map(lambda count: words(count) + "."),
    st.sampled_from(
        "|# Top|## Sub|###### Deep|- item|1. step|   indented|```|> quote|[ref]: https://x.example|Setext|===|---"
        "|    code|<div>html</div>|\\# no|a ¦ b|- ¦ -".replace("|", "\n")
        .replace("¦", "|")
        .split("\n")
    ),
)


@given(st.lists(_LINES, max_size=30).map("\n".join), st.sampled_from(["markdown", "text"]))
@settings(max_examples=150, deadline=None)
def test_no_word_is_lost_and_no_passage_is_too_long(text: str, format: Format) -> None:
    pieces = split(document(text, format))
    kept = " ".join(f"{piece.heading} {piece.text}" for piece in pieces)
    missing = set(re.findall(r"\w+", text)) - set(re.findall(r"\w+", kept))
    assert all(word in kept for word in missing), missing
    for piece in pieces:
        assert piece.text.strip()
        assert len(piece.text.split()) <= MAX_WORDS
        assert len(piece.text) <= MAX_CHARACTERS + 1


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9_000))
@settings(max_examples=20, deadline=None)
def test_text_without_spaces_is_cut_and_kept(text: str) -> None:
    pieces = split(document(text))
    assert "".join(piece.text for piece in pieces) == text
    assert all(len(piece.text) <= MAX_CHARACTERS for piece in pieces)


def test_passages_follow_headings_and_carry_their_path() -> None:
    pieces = split(document("Intro.\n\n# Billing\n\n## VAT\n\nRates.\n\n## Invoices\n\nBy mail.\n\n# Other\n\nRest."))
    assert pieces == [
        Piece("", "Intro."),
        Piece("Billing > VAT", "Rates."),
        Piece("Billing > Invoices", "By mail."),
        Piece("Other", "Rest."),
    ]


def test_a_heading_with_nothing_under_it_is_not_lost() -> None:
    pieces = split(document("## Empty\n\n## Full\n\nText.\n\n### Last"))
    assert [(piece.heading, piece.text) for piece in pieces] == [
        ("", "Empty"),
        ("Full", "Text."),
        ("Full", "Last"),
    ]


def test_long_prose_is_cut_at_sentences_near_the_target() -> None:
    sentences = [f"{words(19)} end{at}." for at in range(20)]
    pieces = split(document(" ".join(sentences)))
    assert all(piece.text.endswith(".") for piece in pieces)
    assert all(40 <= len(piece.text.split()) <= 80 for piece in pieces[:-1])


def test_a_long_step_stays_whole() -> None:
    step = f"1. Do this: {words(150)}"
    assert [piece.text for piece in split(document(f"{words(60)}\n\n{step}\n2. Done."))][1].startswith(step)


def test_a_code_block_stays_whole_even_with_blank_lines_and_marks_in_it() -> None:
    code = "```sh\n# not a heading\nrun one\n\nrun two\n```"
    pieces = split(document(f"{words(100)}\n\n{code}\n\n{words(100)}"))
    assert any(code in piece.text for piece in pieces)
    assert all(piece.heading == "" for piece in pieces)


def test_steps_of_a_list_keep_their_lines_together() -> None:
    assert split(document("1. One.\n2. Two.\n3. Three.")) == [Piece("", "1. One.\n2. Two.\n3. Three.")]


def test_a_document_of_a_title_alone_is_one_passage() -> None:
    assert split(document("")) == [Piece("", "Title")]


def test_title_and_heading_stand_in_front_of_what_is_embedded() -> None:
    assert embedded_text("Refunds", "Time", "Five days.") == "Refunds\nTime\nFive days."
    assert embedded_text("Refunds", "", "Five days.") == "Refunds\nFive days."


def test_neighbouring_passages_read_as_one_text_again() -> None:
    steps = [f"{at}. Do this: {words(18)}." for at in range(1, 9)]
    pieces = [piece.text for piece in split(document("\n".join(steps)))]
    assert len(pieces) > 1
    assert rejoined(pieces) == "\n".join(steps)
    assert rejoined(["Prose.", "More prose."]) == "Prose.\n\nMore prose."
    assert rejoined([]) == ""
