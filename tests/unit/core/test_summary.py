"""A case's summary: what the customer wants, at a glance."""

from hypothesis import given
from hypothesis import strategies as st

from core.ids import FileId, MessageId
from core.messages import Author, File, Message
from core.summary import summarise


def thread(*said: tuple[Author, str]) -> list[Message]:
    return [Message(MessageId(f"m_{seq}"), seq, author, text, 0.0) for seq, (author, text) in enumerate(said, 1)]


def test_who_said_nothing_has_no_summary() -> None:
    assert summarise([]) == ""
    assert summarise(thread((Author.SYSTEM, "Hello"))) == ""


def test_one_message_is_its_own_summary() -> None:
    assert summarise(thread((Author.CUSTOMER, "My  bike\n is late"))) == "My bike is late"


def test_of_a_message_without_words_its_files_are_told() -> None:
    bill, photo = (File(FileId(f"f_{name}"), name, "image/png", 1) for name in ("bill.pdf", "photo.png"))
    sent = [Message(MessageId("m_1"), 1, Author.CUSTOMER, " ", 0.0, files=(bill, photo))]
    assert summarise(sent) == "(sent bill.pdf) (sent photo.png)"


def test_the_question_comes_before_the_request_for_a_person() -> None:
    said = thread((Author.CUSTOMER, "My bike is late"), (Author.BOT, "Sorry"), (Author.CUSTOMER, "A person please"))
    assert summarise(said, "My bike is late").startswith("My bike is late")


def test_of_several_messages_the_first_and_their_number_are_told() -> None:
    said = thread((Author.CUSTOMER, "Hello"), (Author.BOT, "Hi"), (Author.CUSTOMER, "My bike is late"))
    assert summarise(said) == "My bike is late\n(2 messages from the customer; the first was: “Hello”)"


@given(st.lists(st.tuples(st.sampled_from(Author), st.text(max_size=600)), max_size=6))
def test_a_summary_is_two_short_lines_and_never_shows_a_note(said: list[tuple[Author, str]]) -> None:
    marked = [
        (author, f"secret {text}" if author is Author.NOTE else text.replace("secret", "")) for author, text in said
    ]
    summary = summarise(thread(*marked))
    assert "secret" not in summary
    assert all(len(line) <= 280 for line in summary.split("\n"))
    assert summary.count("\n") <= 1


def test_a_long_message_is_cut_at_a_word() -> None:
    summary = summarise(thread((Author.CUSTOMER, "My bike is late " * 40)))
    assert summary.endswith("…")
    assert summary.removesuffix("…").split()[-1] in {"My", "bike", "is", "late"}
