"""What operators ask for in Teams, read from the data of cards and from lines of chats: nothing of it is believed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.teams.desk.names import Card, Line
from channels.teams.desk.parse import REFRESH, SUGGESTION, Addressed, Asked, addressed, asked
from core.ids import CaseId, MessageId, OperatorId
from core.messages import DeskAction, Resolution

CASE = CaseId("c_1")
ROOM = "19:abc@thread.tacv2"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def data(action: str, **more: Any) -> dict[str, Any]:
    return {"v": 1, "case": "c_1", "action": action, **more}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (data("claim"), Asked(CASE, DeskAction.CLAIM)),
        (data("hand_back"), Asked(CASE, DeskAction.HAND_BACK)),
        (data("note", note=" Be careful. "), Asked(CASE, DeskAction.NOTE, text="Be careful.")),
        (data("reply", text="Hello!"), Asked(CASE, DeskAction.REPLY, text="Hello!")),
        (data("draft", hint="shorter"), Asked(CASE, DeskAction.DRAFT, text="shorter")),
        (data("draft"), Asked(CASE, DeskAction.DRAFT)),
        (data("assign", operator="o_1"), Asked(CASE, DeskAction.ASSIGN, to=OperatorId("o_1"))),
        (data("assign"), Asked(CASE, DeskAction.ASSIGN)),
        (data("resolve", outcome="spam"), Asked(CASE, DeskAction.RESOLVE, outcome=Resolution.SPAM)),
        (data("check", message="m_1"), Asked(CASE, DeskAction.CHECK, message=MessageId("m_1"))),
        (
            data("edit", message="m_1", text="Better."),
            Asked(CASE, DeskAction.EDIT, text="Better.", message=MessageId("m_1")),
        ),
        (data("refresh"), Asked(CASE, None, REFRESH)),
        (data("suggestion"), Asked(CASE, None, SUGGESTION)),
    ],
)
def test_a_press_asks_for_what_its_card_says(sent: dict[str, Any], meant: Asked) -> None:
    assert asked(sent) == meant


def test_what_was_filled_in_for_another_action_counts_for_nothing() -> None:
    filled = data("claim", note="typed, not sent", outcome="spam", operator="o_1")
    assert asked(filled) == Asked(CASE, DeskAction.CLAIM)


def test_when_teams_asks_by_itself_nothing_is_done_whatever_the_data_say() -> None:
    assert asked(data("resolve", outcome="spam"), again=True) == Asked(CASE, None, REFRESH)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"v": 0, "case": "c_1", "action": "claim"},
        {"v": 2, "case": "c_1", "action": "claim"},
        {"v": "1", "case": "c_1", "action": "claim"},
        {"case": "c_1", "action": "claim"},
        {"v": 1, "action": "claim"},
        {"v": 1, "case": ["c_1"], "action": "claim"},
        {"v": 1, "case": "c" * 5_000, "action": "claim"},
        data("write", text="to the customer, at once"),
        data("delete everything"),
        data("resolve"),
        data("resolve", outcome="gone"),
        data("resolve", outcome=["solved"]),
    ],
)
def test_what_no_card_of_today_carries_asks_for_nothing(sent: dict[str, Any]) -> None:
    assert asked(sent) is None


@given(
    st.dictionaries(
        st.sampled_from(["v", "case", "action", "message", "text", "note", "operator", "outcome", "hint"]),
        JSON_VALUES | st.sampled_from([1, "claim", "assign", "resolve", "edit", "c_1"]),
    ),
    st.booleans(),
)
def test_hostile_data_raise_nothing(sent: dict[str, Any], again: bool) -> None:
    found = asked(sent, again=again)
    assert found is None or "\x00" not in found.text


# Chats without threads


def page(content: str) -> dict[str, Any]:
    return {"attachments": [{"contentType": "text/html", "content": content}]}


REPLY = (
    '<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="1700000000123">'
    '<strong itemprop="mri" itemid="28:app">Threadline</strong><span itemprop="time"></span>'
    '<p itemprop="preview">#12 Kim</p></blockquote><p>It costs 4 pounds.</p>'
)


@pytest.mark.parametrize(
    ("text", "raw", "meant"),
    [
        ("#12 Hello!", {}, Addressed("Hello!", number=12)),
        ("#12: Hello!\nAnd more", {}, Addressed("Hello!\nAnd more", number=12)),
        ("#12", {}, None),
        ("#12abc", {}, None),
        ("Number #12 is mine", {}, None),
        ("It costs 4 pounds.", page(REPLY), Addressed("It costs 4 pounds.", of="1700000000123")),
        ("Threadline #12 Kim\n\nIt costs.", page(REPLY), Addressed("It costs.", of="1700000000123")),
        ("Hello", page("<p>Hello</p>"), None),
        ("Hello", page("/Reply <blockquote"), None),
    ],
)
def test_a_line_of_a_chat_names_its_case_by_number_or_by_what_it_answers(
    text: str, raw: dict[str, Any], meant: Addressed | None
) -> None:
    assert addressed(text, raw) == meant


@given(st.text(max_size=200), st.text(max_size=200))
def test_whatever_stands_in_a_message_is_read_without_an_error(text: str, markup: str) -> None:
    addressed(text, page(f"{markup}/Reply<blockquote itemtype='http://schema.skype.com/Reply'>{markup}"))


# Names


def test_what_was_posted_is_found_by_its_name_again() -> None:
    card = Card(f"{ROOM};messageid=17", 3, "abc")
    assert Card.parse(str(card), ROOM) == card
    assert Card.parse(str(Card(card.thread)), ROOM) == Card(card.thread)
    line = Line(card.thread, "18")
    assert Line.parse(str(line), ROOM) == line
    assert card.line == Line(card.thread, "17")


@pytest.mark.parametrize("name", ["", ROOM, "C1:17.0 3 abc", "19:other@thread.tacv2;messageid=17 3 abc", f"{ROOM}:17"])
def test_what_stands_elsewhere_or_was_written_by_people_is_nothing_of_ours(name: str) -> None:
    assert Card.parse(name, ROOM) is None
    assert Line.parse(name, ROOM) is None
