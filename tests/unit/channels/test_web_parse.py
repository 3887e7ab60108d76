"""Bodies of the chat and the desk become messages and desk events, or errors that say what they should be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.web.parse import (
    MAX_MESSAGE,
    BadRequest,
    event_id,
    parse_action,
    parse_message,
    read_object,
    read_text,
    session_key,
)
from core.desk import MAX_TEXT, Operator
from core.ids import CaseId, OperatorId
from core.messages import DeskAction

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
    message = parse_message("s_1", "Hello", "k")
    assert (message.key, message.customer, message.text) == (session_key("s_1"), "web:s_1", "Hello")
    assert parse_message("s_2", "Hello", "k").event_id != message.event_id
    assert parse_message("s_1", "Hello", "k").event_id == message.event_id


@pytest.mark.parametrize("action", DeskAction)
def test_every_action_is_read_and_carries_who_did_it(action: DeskAction) -> None:
    event = parse_action(CASE, {"action": action.value, "text": "Hi\x00 \ud800"}, ADA, "k")
    assert (event.case, event.action, event.operator, event.name, event.text) == (CASE, action, "o_ada", "Ada", "Hi ?")


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
    ],
)
def test_an_action_that_is_none_is_a_bad_request(data: dict[str, object], status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_action(CASE, data, ADA, None)
    assert caught.value.status == status


def test_an_unknown_action_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadRequest, match="claim, release, reply, note, resolve, hand_back"):
        parse_action(CASE, {"action": "dance"}, ADA, None)
