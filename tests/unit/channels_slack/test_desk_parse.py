"""What operators ask for in Slack, by buttons, menus and forms."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.desk.words import cut
from channels.slack import words
from channels.slack.desk import parse
from channels.slack.desk.names import Card, Told
from channels.slack.desk.parse import About, Asked, Filled
from channels.slack.names import Posted
from core.ids import CaseId, MessageId, OperatorId
from core.messages import DeskAction, Resolution

CASE, LINE = CaseId("c_1"), MessageId("m_1")


def press(action_id: str, value: str = "", **more: Any) -> dict[str, Any]:
    return {"actions": [{"action_id": action_id, **({"value": value} if value else {}), **more}]}


def choice(action_id: str, value: str) -> dict[str, Any]:
    return press(action_id, selected_option={"value": value})


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (press("desk:claim", "c_1"), Asked(DeskAction.CLAIM, CASE)),
        (press("desk:release", "c_1"), Asked(DeskAction.RELEASE, CASE)),
        (press("desk:draft", "c_1"), Asked(DeskAction.DRAFT, CASE)),
        (press("desk:reopen", "c_1"), Asked(DeskAction.REOPEN, CASE)),
        (press("desk:check", "c_1 m_1"), Asked(DeskAction.CHECK, CASE, message=LINE)),
        (press("desk:resend", "c_1 m_1"), Asked(DeskAction.RESEND, CASE, message=LINE)),
        (choice("desk:more", "withdraw c_1 m_1"), Asked(DeskAction.WITHDRAW, CASE, message=LINE)),
        (choice("desk:more", "hand_back c_1"), Asked(DeskAction.HAND_BACK, CASE)),
        (choice("desk:resolve", "c_1 spam"), Asked(DeskAction.RESOLVE, CASE, outcome=Resolution.SPAM)),
        (press("desk:suggestion", "c_1"), Asked(None, CASE, form="suggestion")),
        (press("desk:assign", "c_1"), Asked(None, CASE, form="assign")),
        (choice("desk:more", "note c_1"), Asked(None, CASE, form="note")),
        (choice("desk:more", "hint c_1"), Asked(None, CASE, form="hint")),
        (choice("desk:more", "correct c_1 m_1"), Asked(None, CASE, form="correct", message=LINE)),
    ],
)
def test_a_press_asks_for_an_action_or_for_a_form(body: dict[str, Any], asked: Asked) -> None:
    assert parse.asked(body) == asked


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"actions": []},
        {"actions": ["claim"]},
        {"actions": {"action_id": "desk:claim"}},
        press("desk:claim"),
        press("desk:open", "c_1"),
        press("desk:dance", "c_1"),
        press("desk:reply", "c_1"),
        press("desk:write", "c_1"),
        choice("desk:more", "reply c_1"),
        choice("desk:resolve", "c_1 maybe"),
        choice("desk:more", "note"),
    ],
)
def test_a_press_of_anything_else_asks_for_nothing(body: dict[str, Any]) -> None:
    assert parse.asked(body) is None


def form(word: str, about: About, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "user": {"id": "U1", "team_id": "T1"},
        "view": {
            "id": "V1",
            "callback_id": f"desk:{word}",
            "private_metadata": about.dumps(),
            "state": {"values": {f"b{n}": {name: given} for n, (name, given) in enumerate(values.items())}},
        },
    }


@pytest.mark.parametrize(
    ("word", "values", "action", "more"),
    [
        ("suggestion", {"text0": {"value": "Hello"}}, DeskAction.REPLY, {"text": "Hello"}),
        ("note", {"text0": {"value": "They called."}}, DeskAction.NOTE, {"text": "They called."}),
        ("hint", {"text0": {"value": None}}, DeskAction.DRAFT, {}),
        ("hint", {"text0": {"value": "be brief"}}, DeskAction.DRAFT, {"text": "be brief"}),
        ("correct", {"text0": {"value": "Five."}}, DeskAction.EDIT, {"text": "Five."}),
        ("assign", {"user": {"selected_user": "U2"}}, DeskAction.ASSIGN, {"user": "U2"}),
        (
            "assign",
            {"user": {"selected_user": "U1"}, "operator": {"selected_option": {"value": "o_1"}}},
            DeskAction.ASSIGN,
            {"user": "U1", "operator": OperatorId("o_1")},
        ),
        ("assign", {"operator": {"selected_option": None}}, DeskAction.ASSIGN, {}),
    ],
)
def test_a_form_asks_for_what_was_filled_in(
    word: str, values: dict[str, Any], action: DeskAction, more: dict[str, Any]
) -> None:
    about = About(CASE, "17.1", LINE)
    assert parse.filled(form(word, about, values)) == Filled(action, about, "U1", "T1", "form:V1", **more)


def test_a_form_of_somebody_else_asks_for_nothing() -> None:
    assert parse.filled(form("feedback", About(CASE), {})) is None


@given(st.text(max_size=400), st.integers(5, 80))
def test_a_text_in_several_fields_comes_back_as_it_was(text: str, most: int) -> None:
    pieces, joins = cut(text, most)
    assert all(len(piece) <= most for piece in pieces)
    about = About(CASE, joins=tuple(joins))
    values = {f"text{n}": {"value": piece} for n, piece in enumerate(pieces)}
    found = parse.filled(form("suggestion", about, values))
    assert found
    assert found.text == text.strip()
    assert found.about == about


def emoji(name: str, code: str, **more: Any) -> dict[str, Any]:
    section = {"type": "rich_text_section", "elements": [{"type": "emoji", "name": name, "unicode": code, **more}]}
    return {"blocks": [{"type": "rich_text", "elements": [section]}]}


def test_a_picture_is_itself_and_not_its_name() -> None:
    event = emoji("wave", "1f44b-1f3fb", skin_tone=2)
    assert words.with_pictures("Hi :wave::skin-tone-2: !", words.pictures(event)) == "Hi 👋🏻 !"
    assert words.with_pictures("12:30:45", words.pictures(emoji("bike", "1f6b2"))) == "12:30:45"


@pytest.mark.parametrize("code", ["", "d800", "110000", "zz", "1f44b-", 7])
def test_a_picture_without_a_code_keeps_its_name(code: Any) -> None:
    assert words.with_pictures(":own:", words.pictures(emoji("own", code))) in {":own:", "👋"}


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["elements", "type", "unicode", "name"]), inner)
        ),
    )
)
def test_blocks_of_any_shape_can_be_read(blocks: Any) -> None:
    assert isinstance(words.pictures({"blocks": blocks}), dict)


@pytest.mark.parametrize(
    "card",
    [Card(Posted("C1", "17.000100")), Card(Posted("C1", "17.000100"), 7), Card(Posted("C1", "17.000100"), 7, "a1")],
)
def test_a_cards_name_can_be_read_again(card: Card) -> None:
    assert Card.parse(str(card), "C1") == card
    assert str(card).split(" ")[0] == "C1:17.000100"


@pytest.mark.parametrize("name", ["", "C2:17.000100", "0.a1b2", "C1", "C1: 7"])
def test_a_card_elsewhere_is_none_of_ours(name: str) -> None:
    assert Card.parse(name, "C1") is None


@pytest.mark.parametrize("told", [Told(), Told("warning"), Told("warning", "17.1"), Told("", "17.1")])
def test_what_was_told_can_be_read_again(told: Told) -> None:
    assert Told.parse(str(told)) == told
