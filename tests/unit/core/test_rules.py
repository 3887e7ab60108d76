"""When a person must take over, whatever a model would say; and that a conversation handed back starts afresh."""

from dataclasses import replace

import pytest

from core.agent.rules import Ruled, handoff
from core.events import HandoffReason
from core.ids import FileId, MessageId, ThreadId, ThreadKey
from core.messages import Author, File, Message
from core.subjects import Subjects
from core.thread import Thread
from core.turn import Turn

THREAD = Thread(ThreadId("t_1"), ThreadKey("web", "chat", "s_1"), "web:s_1")
CUSTOMER, BOT, OPERATOR, SYSTEM = Author.CUSTOMER, Author.BOT, Author.OPERATOR, Author.SYSTEM
SUBJECTS = Subjects.parse('[legal]\ntitle = "Legal action"\nphrases = ["my lawyer will"]\n')
MOST = 3
NO_USE = "That did not help"

Said = list[tuple[Author, str]]


def turn(said: Said) -> Turn:
    return Turn(THREAD, tuple(Message(MessageId(f"m_{n}"), n, who, text, 0.0) for n, (who, text) in enumerate(said, 1)))


def ruled(said: Said) -> Ruled | None:
    return handoff(turn(said), SUBJECTS, MOST)


def answers(count: int) -> Said:
    """Return so many questions with their answers."""
    return [line for n in range(count) for line in ((CUSTOMER, f"Question {n}"), (BOT, f"Answer {n}"))]


@pytest.mark.parametrize("said", [[], [(CUSTOMER, "How long does delivery take?")], answers(2)])
def test_an_ordinary_question_is_the_assistants(said: Said) -> None:
    assert ruled(said) is None


@pytest.mark.parametrize(
    "text", ["I want to talk to a person", "Hello!\nA human please", "Ich möchte mit einem Menschen sprechen"]
)
def test_who_asks_for_a_person_gets_one(text: str) -> None:
    assert ruled([(CUSTOMER, text)]) == Ruled(HandoffReason.CUSTOMER_ASKED)


def test_a_wish_of_several_messages_counts_as_one() -> None:
    assert ruled([(CUSTOMER, "I want to talk to a person"), (CUSTOMER, "It is about my bill")])


def test_a_sensitive_subject_goes_to_people_with_its_name_and_the_words() -> None:
    found = ruled([(CUSTOMER, "My LAWYER will write to you, be sure of that")])
    assert found == Ruled(HandoffReason.SENSITIVE, "Legal action (“My LAWYER will”)")


def test_the_packaged_subjects_are_found_where_none_are_set() -> None:
    hurt = handoff(turn([(CUSTOMER, "The battery caught fire and my son was injured")]), Subjects.packaged(), MOST)
    assert hurt
    assert hurt.reason is HandoffReason.SENSITIVE


def test_a_sensitive_word_of_an_earlier_turn_is_not_counted_again() -> None:
    said = [(CUSTOMER, "My lawyer will write"), (SYSTEM, "Handed off."), (SYSTEM, "Handed back.")]
    assert ruled([*said, (CUSTOMER, "How long does delivery take?")]) is None


def test_a_file_goes_to_people_with_its_name() -> None:
    files = tuple(File(FileId(f"f_{name}"), name, "image/png", 1) for name in ("bill.png", "back.png"))
    asked = turn([(CUSTOMER, "What is this?")])
    asked = replace(asked, messages=(replace(asked.messages[0], files=files),))
    assert handoff(asked, SUBJECTS, MOST) == Ruled(HandoffReason.FILE_SENT, "bill.png, back.png")


def test_of_several_files_those_that_were_not_read_go_to_people_with_the_reason() -> None:
    names = {"bill.pdf": None, "scan.pdf": "It is a scan.", "photo.png": "It is a picture."}
    files = tuple(File(FileId(f"f_{name}"), name, "image/png", 1) for name in names)
    asked = turn([(CUSTOMER, "What is this?")])
    asked = replace(asked, messages=(replace(asked.messages[0], files=files),))
    found = handoff(asked, SUBJECTS, MOST, unread=lambda file: names[file.name])
    assert found == Ruled(HandoffReason.FILE_SENT, "scan.pdf: It is a scan. photo.png: It is a picture.")
    assert handoff(asked, SUBJECTS, MOST, unread=lambda _: None) is None


def test_a_file_that_people_have_had_does_not_hand_over_the_next_question() -> None:
    file = File(FileId("f_1"), "bill.png", "image/png", 1)
    asked = turn([(CUSTOMER, "See"), (SYSTEM, "Handed off."), (SYSTEM, "Handed back."), (CUSTOMER, "And delivery?")])
    first, *others = asked.messages
    asked = replace(asked, messages=(replace(first, files=(file,)), *others))
    assert handoff(asked, SUBJECTS, MOST) is None


# Twice unhelpful

ONCE: Said = [(CUSTOMER, "Delivery?"), (BOT, "Two days."), (CUSTOMER, NO_USE)]
TWICE: Said = [*ONCE, (BOT, "What have you tried?"), (CUSTOMER, NO_USE)]


@pytest.mark.parametrize(
    "said",
    [
        ONCE,
        [(CUSTOMER, NO_USE)],
        [(CUSTOMER, NO_USE), (CUSTOMER, NO_USE)],
        [(CUSTOMER, NO_USE), (BOT, "What have you tried?"), (CUSTOMER, NO_USE)],
        [*TWICE[:-1], (CUSTOMER, "And by express?")],
        [*TWICE, (SYSTEM, "Handed off."), (SYSTEM, "Handed back."), (CUSTOMER, NO_USE)],
        [
            *TWICE,
            (OPERATOR, "Ten days."),
            (SYSTEM, "Handed back."),
            (CUSTOMER, "Delivery?"),
            (BOT, "2."),
            (CUSTOMER, NO_USE),
        ],
    ],
    ids=[
        "said once",
        "before any answer",
        "twice before any answer",
        "once before and once after",
        "another question came",
        "people were there",
        "people were there, and once since",
    ],
)
def test_an_answer_may_be_no_use_once(said: Said) -> None:
    assert ruled(said) is None


def test_who_says_twice_that_answers_are_no_use_gets_a_person() -> None:
    assert ruled(TWICE) == Ruled(HandoffReason.NOT_HELPFUL)


def test_the_two_times_need_not_follow_each_other() -> None:
    said = [*ONCE, (BOT, "Sorry."), (CUSTOMER, "And by express?"), (BOT, "One day."), (CUSTOMER, "wrong answer")]
    assert ruled(said) == Ruled(HandoffReason.NOT_HELPFUL)


# The assistant's budget


def test_after_as_many_answers_as_are_set_people_take_over() -> None:
    assert ruled([*answers(MOST - 1), (CUSTOMER, "One more")]) is None
    found = ruled([*answers(MOST), (CUSTOMER, "One more")])
    assert found == Ruled(HandoffReason.BUDGET_USED, "3 answers in this conversation.")


@pytest.mark.parametrize("people", [[(SYSTEM, "Handed back.")], [(OPERATOR, "Ten days."), (SYSTEM, "Handed back.")]])
def test_a_conversation_handed_back_has_its_whole_budget_again(people: Said) -> None:
    assert ruled([*answers(MOST), *people, (CUSTOMER, "One more")]) is None
    assert ruled([*answers(MOST), *people, *answers(MOST), (CUSTOMER, "One more")])


@pytest.mark.parametrize(("seconds", "people"), [(600.0, True), (1800.0, False)])
def test_two_programs_that_answer_each_other_stop_after_a_handful(*, seconds: float, people: bool) -> None:
    said = [*answers(4), (CUSTOMER, "Thank you for your message.")]
    times = [seconds * n / 2 for n in range(len(said))]
    spread = replace(
        turn(said), messages=tuple(replace(m, at=at) for m, at in zip(turn(said).messages, times, strict=True))
    )
    ruled = handoff(spread, SUBJECTS, 30, most_hourly=4)
    assert (ruled.reason if ruled else None) == (HandoffReason.BUDGET_USED if people else None)
    assert handoff(spread, SUBJECTS, 30) is None


def test_a_wish_for_a_person_comes_before_every_other_rule() -> None:
    said = [*answers(MOST), (CUSTOMER, "My lawyer will hear of it. I want to talk to a person")]
    assert ruled(said) == Ruled(HandoffReason.CUSTOMER_ASKED)
