"""Bodies of the chat and the desk become messages and desk events, or errors that say what they should be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.web.parse import (
    MAX_MESSAGE,
    MAX_REASON,
    BadRequest,
    event_id,
    parse_action,
    parse_change,
    parse_feedback,
    parse_message,
    parse_survey,
    read_object,
    read_text,
    session_key,
)
from core.chat import Session, anonymous
from core.desk import MAX_TEXT, Operator
from core.ids import CaseId, FileId, MessageId, OperatorId
from core.messages import DeskAction, Resolution

ADA = Operator(OperatorId("o_ada"), "Ada", 0.0)
CASE = CaseId("c_1")

json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_bad_request(body: bytes) -> None:
    try:
        assert isinstance(read_object(body), dict)
    except BadRequest as bad:
        assert (bad.status, bad.code) == (400, "bad_json")


@given(json_values)
def test_any_json_is_an_object_or_a_bad_request(value: object) -> None:
    try:
        assert read_object(json.dumps(value).encode()) == value
    except BadRequest:
        assert not isinstance(value, dict)


@given(st.text(alphabet=st.characters(), max_size=200))
def test_a_text_that_is_taken_can_be_stored(text: str) -> None:
    try:
        taken = read_text({"text": text})
    except BadRequest as bad:
        assert (bad.code, text.replace("\x00", "").strip()) == ("text_empty", "")
        return
    assert taken.strip()
    assert "\x00" not in taken
    assert taken.encode()


def test_a_text_may_be_so_long_and_no_longer() -> None:
    assert read_text({"text": "x" * MAX_MESSAGE})
    with pytest.raises(BadRequest, match="8,001 characters; 8,000 is the most") as caught:
        read_text({"text": "x" * (MAX_MESSAGE + 1)})
    assert caught.value.status == 413


def test_the_same_key_gives_the_same_event_and_no_key_a_new_one() -> None:
    assert event_id("k") == event_id("k")
    assert event_id("k") != event_id("l")
    assert event_id(None) != event_id(None)
    assert event_id("") != event_id("")


@pytest.mark.parametrize("key", ["\udcff\udcfe", "x" * 10_000, "ключ", "\x00"])
def test_a_key_of_any_kind_becomes_an_id_that_can_be_stored(key: str) -> None:
    made = event_id(key)
    assert len(made) <= 200
    assert made.encode()
    assert event_id(key) == made


def test_long_keys_that_differ_at_their_end_are_two() -> None:
    assert event_id("x" * 500 + "1") != event_id("x" * 500 + "2")


def test_a_message_belongs_to_its_session() -> None:
    session, other = anonymous("s_1"), anonymous("s_2")
    message = parse_message(session, "Hello", "k")
    assert (message.key, message.customer, message.text) == (session_key("s_1"), "web:s_1", "Hello")
    assert parse_message(other, "Hello", "k").event_id != message.event_id
    assert parse_message(session, "Hello", "k").event_id == message.event_id


def test_a_message_of_a_known_customer_carries_who_they_are_and_their_files() -> None:
    kim = Session("s_1", "web:user:42", "Kim", verified=True)
    message = parse_message(kim, "Hello", None, (FileId("f_1"),))
    assert (message.key, message.customer) == (session_key("s_1"), "web:user:42")
    assert (message.name, message.verified, message.files) == ("Kim", True, ("f_1",))


def test_with_a_file_a_message_may_be_empty_or_left_out() -> None:
    assert (read_text({}, may_be_empty=True), read_text({"text": " "}, may_be_empty=True)) == ("", " ")
    with pytest.raises(BadRequest):
        read_text({"text": None}, may_be_empty=True)


def test_a_change_belongs_to_its_session_and_names_the_event_it_changes() -> None:
    change = parse_change("s_1", "s_1:e", "Better")
    assert (change.key, change.of, change.text) == (session_key("s_1"), "s_1:e", "Better")
    assert parse_change("s_1", "s_1:e", None).event_id != change.event_id


@pytest.mark.parametrize("score", [1, -1])
def test_a_thumb_is_up_or_down_with_or_without_a_reason(score: int) -> None:
    rating = parse_feedback("s_1", MessageId("m_1"), {"score": score, "reason": "Wrong\x00 bike"})
    assert (rating.key, rating.message, rating.case) == (session_key("s_1"), "m_1", None)
    assert (rating.score, rating.reason) == (score, "Wrong bike")
    assert parse_feedback("s_1", MessageId("m_1"), {"score": score}).reason == ""


@pytest.mark.parametrize("score", [1, 2, 3, 4, 5])
def test_a_survey_is_answered_from_one_to_five(score: int) -> None:
    rating = parse_survey("s_1", {"score": score, "case_id": "c_1"})
    assert (rating.message, rating.case, rating.score) == (None, "c_1", score)


@pytest.mark.parametrize("score", [None, 0, 2, "1", True, 1.5, [1]])
def test_a_thumb_that_is_none_is_a_bad_request(score: object) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_feedback("s_1", MessageId("m_1"), {"score": score})
    assert (caught.value.code, caught.value.status) == ("bad_score", 400)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"score": 0, "case_id": "c_1"}, "bad_score"),
        ({"score": 6, "case_id": "c_1"}, "bad_score"),
        ({"score": True, "case_id": "c_1"}, "bad_score"),
        ({"score": 5, "case_id": 7}, "bad_case_id"),
        ({"score": 5, "case_id": "c" * 61}, "bad_case_id"),
        ({"score": 5, "case_id": "c_1", "reason": 7}, "bad_reason"),
        ({"score": 5, "case_id": "c_1", "reason": "x" * (MAX_REASON + 1)}, "bad_reason"),
    ],
)
def test_an_answer_to_the_survey_that_is_none_is_a_bad_request(data: dict[str, object], code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_survey("s_1", data)
    assert caught.value.code == code


@pytest.mark.parametrize("action", DeskAction)
def test_every_action_is_read_and_carries_who_did_it(action: DeskAction) -> None:
    event = parse_action(CASE, {"action": action.value, "text": "Hi\x00 \ud800"}, ADA, "k")
    assert (event.case, event.action, event.operator, event.name, event.text) == (CASE, action, "o_ada", "Ada", "Hi ?")


def test_an_action_names_whom_which_and_how() -> None:
    data = {"action": "resolve", "to": "o_bob", "message": "m_1", "outcome": "spam"}
    event = parse_action(CASE, data, ADA, None, (FileId("f_1"),))
    assert (event.to, event.message, event.outcome, event.files) == ("o_bob", "m_1", Resolution.SPAM, ("f_1",))
    plain = parse_action(CASE, {"action": "resolve"}, ADA, None)
    assert (plain.to, plain.message, plain.outcome, plain.files) == (None, None, Resolution.SOLVED, ())


def test_two_operators_with_one_key_are_two_events() -> None:
    bob = Operator(OperatorId("o_bob"), "Bob", 0.0)
    mine, theirs = (parse_action(CASE, {"action": "claim"}, who, "k") for who in (ADA, bob))
    assert mine.event_id != theirs.event_id


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 400),
        ({"action": "dance"}, 400),
        ({"action": 1}, 400),
        ({"action": "note", "text": None}, 400),
        ({"action": "note", "text": "x" * (MAX_TEXT + 1)}, 413),
        ({"action": "resolve", "outcome": "forgotten"}, 400),
        ({"action": "assign", "to": 7}, 400),
        ({"action": "check", "message": ["m_1"]}, 400),
    ],
)
def test_an_action_that_is_none_is_a_bad_request(data: dict[str, object], status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_action(CASE, data, ADA, None)
    assert caught.value.status == status


def test_an_unknown_action_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadRequest, match="claim, release, assign, reply, note, write, draft, resolve, hand_back"):
        parse_action(CASE, {"action": "dance"}, ADA, None)
