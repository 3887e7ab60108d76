"""What Slack tells, read into what happened. The events are built from the pages of docs.slack.dev (Events API)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.slack import parse
from channels.slack.names import Place
from channels.slack.parse import Changed, Me, Opened, Pressed, RemoteFile, Said, Silent
from core.ids import CaseId, MessageId, ThreadKey
from core.messages import InboundRating

ME = Me("T1", "UBOT", "B1", "threadline")
TS, LATER = "1700000000.000100", "1700000000.000200"


def happened(event: dict[str, Any], **how: Any) -> parse.Happened:
    return parse.event({"type": "event_callback", "event": event}, ME, **how)


def message(text: Any = "Hello", **more: Any) -> dict[str, Any]:
    usual = {"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "ts": TS, "event_ts": TS}
    return {**usual, "text": text, **more}


SAID = Said(Place("D1", TS), TS, "U1", "T1", "Hello", mentioned=False, direct=True)

# Who said what, where


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (message(), SAID),
        (message(client_msg_id="x", blocks=[], team="T1"), SAID),
        (message(thread_ts="1600000000.000100"), replace(SAID, place=Place("D1", "1600000000.000100"))),
        (message(subtype="thread_broadcast"), SAID),
        (message(subtype="me_message"), SAID),
        (message(subtype="file_share"), SAID),
        (message(user_team="T2", source_team="T3"), replace(SAID, team="T2")),
        (message(source_team="T3"), replace(SAID, team="T3")),
        (message(channel="C1", channel_type="channel"), replace(SAID, place=Place("C1", TS), direct=False)),
        (message(channel="G1", channel_type="mpim"), replace(SAID, place=Place("G1", TS), direct=False)),
        (message("<@UBOT> hi"), replace(SAID, text="<@UBOT> hi", mentioned=True)),
        (message("<@UBOT|bot> hi"), replace(SAID, text="<@UBOT|bot> hi", mentioned=True)),
        (message("<@UBOTTLE> hi"), replace(SAID, text="<@UBOTTLE> hi")),
        (message(type="app_mention"), replace(SAID, mentioned=True)),
        (message("x" * 50_000), replace(SAID, text="x" * 40_000)),
        (message("a\x00b\ud800c"), replace(SAID, text="ab?c")),
        (message(None), replace(SAID, text="")),
    ],
)
def test_what_people_say_is_read(event: dict[str, Any], said: Said) -> None:
    assert happened(event) == said


def test_the_two_events_of_one_mention_have_one_id() -> None:
    one, two = happened(message("<@UBOT> hi", channel="C1")), happened(message("<@UBOT> hi", channel="C1"))
    assert isinstance(one, Said)
    assert isinstance(two, Said)
    assert one.event == two.event == f"C1:{TS}"


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (message(), Place("D1")),
        (message(thread_ts=TS), Place("D1")),
        (message(thread_ts=LATER), Place("D1", LATER)),
        (message(channel="C1"), Place("C1", TS)),
    ],
)
def test_without_the_agent_view_direct_messages_are_one_conversation(event: dict[str, Any], place: Place) -> None:
    said = happened(event, agent_view=False)
    assert isinstance(said, Said)
    assert said.place == place


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (message(bot_id="B2"), Silent.NO_PERSON),
        (message(user="UBOT"), Silent.NO_PERSON),
        (message(user="USLACKBOT"), Silent.NO_PERSON),
        (message(user=None), Silent.NO_PERSON),
        (message(type="app_mention", bot_id="B2"), Silent.NO_PERSON),
        (message(bot_id="B2", subtype="bot_message", username="Jira"), Silent.KIND),
        (message(subtype="bot_message"), Silent.KIND),
        (message(subtype="channel_join"), Silent.KIND),
        (message(subtype="group_join"), Silent.KIND),
        (message(subtype="channel_topic"), Silent.KIND),
        (message(subtype="reminder_add"), Silent.KIND),
        (message(subtype="assistant_app_thread"), Silent.KIND),
        (message(subtype="message_replied", message=message()), Silent.KIND),
        (message(subtype="brand_new"), Silent.KIND),
        ({"type": "reaction_added", "user": "U1", "item": {"type": "message", "channel": "C1", "ts": TS}}, Silent.KIND),
        ({"type": "member_joined_channel", "user": "U1", "channel": "C1"}, Silent.KIND),
        ({"type": "brand_new"}, Silent.KIND),
        ({}, Silent.KIND),
    ],
)
def test_what_asks_nothing_of_us_says_why(event: dict[str, Any], why: Silent) -> None:
    assert happened(event) is why


@pytest.mark.parametrize(
    "event",
    [message(channel=None), message(ts=""), message(channel=["C1"]), message(ts=1.0)],
)
def test_a_message_without_its_place_is_none_that_slack_sends(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the event has no"):
        happened(event)


@pytest.mark.parametrize("body", [{}, {"event": None}, {"event": []}, {"event": "message"}])
def test_a_callback_without_an_event_is_none(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="holds an event"):
        parse.event(body, ME)


@pytest.mark.parametrize(
    ("event", "opened"),
    [
        ({"tab": "messages"}, Opened("U1", "D1", "messages")),
        ({"tab": "home", "view": {"id": "V1"}}, Opened("U1", "D1", "home")),
        ({}, Opened("U1", "D1", "home")),
    ],
)
def test_who_opens_the_app_is_seen(event: dict[str, Any], opened: Opened) -> None:
    assert happened({"type": "app_home_opened", "user": "U1", "channel": "D1", **event}) == opened


# Changes


def changed(now: dict[str, Any], before: dict[str, Any], **more: Any) -> dict[str, Any]:
    event = {"type": "message", "subtype": "message_changed", "hidden": True, "channel": "C1", "ts": LATER}
    return {**event, "event_ts": LATER, "message": now, "previous_message": before, **more}


BEFORE = message("Hi", channel="C1")
EDITED = {"user": "U1", "ts": "1700000000.000300"}


def test_an_edit_says_what_reads_how_now() -> None:
    now = message("Hello", edited=EDITED, thread_ts="1600000000.000100")
    assert happened(changed(now, BEFORE)) == Changed(
        Place("C1", "1600000000.000100"), f"C1:{TS}", "U1", f"C1:{TS}:edited:1700000000.000300", "Hello"
    )


@pytest.mark.parametrize(
    ("now", "before", "why"),
    [
        (message("Hi", attachments=[{"from_url": "https://shop.example"}]), BEFORE, Silent.UNCHANGED),
        (message("Hi", reply_count=1, thread_ts=TS), BEFORE, Silent.UNCHANGED),
        (message("Hello", user="UBOT", bot_id="B1"), message("Hi", user="UBOT", bot_id="B1"), Silent.NO_PERSON),
        (message("Hello", bot_id="B2"), message("Hi", bot_id="B2"), Silent.NO_PERSON),
        ({}, {}, Silent.NO_PERSON),
    ],
    ids=["a preview", "a reply below", "our own", "a bot's", "empty"],
)
def test_what_nobody_edited_is_no_edit(now: dict[str, Any], before: dict[str, Any], why: Silent) -> None:
    assert happened(changed(now, before)) is why


DELETED = Changed(Place("C1", TS), f"C1:{TS}", "U1", f"C1:{TS}:deleted", None)


@pytest.mark.parametrize(
    "event",
    [
        {
            "type": "message",
            "subtype": "message_deleted",
            "channel": "C1",
            "ts": LATER,
            "deleted_ts": TS,
            "previous_message": BEFORE,
        },
        changed(message("This message was deleted.", user="USLACKBOT", subtype="tombstone"), BEFORE),
    ],
    ids=["gone", "a gravestone over replies"],
)
def test_a_deletion_is_one_in_either_form(event: dict[str, Any]) -> None:
    assert happened(event) == DELETED


@pytest.mark.parametrize("before", [{}, message(user="UBOT"), message(bot_id="B2"), message(user="USLACKBOT")])
def test_a_deletion_of_what_no_person_wrote_is_none(before: dict[str, Any]) -> None:
    gone = {"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": TS}
    assert happened({**gone, "previous_message": before}) is Silent.NO_PERSON


@pytest.mark.parametrize(("text", "is_said"), [("<@UBOT> hi", True), ("hi", False), (None, False)])
def test_an_edit_that_names_us_is_said_to_us(text: str | None, is_said: bool) -> None:
    event = {"channel": "C1", "message": {**message(text or ""), "user_team": "T9"}}
    said = parse.now_said(event, ME)
    assert (said is not None) == is_said
    if said:
        assert (said.event, said.user, said.team, said.text) == (f"C1:{TS}", "U1", "T9", text)


# Files

PDF = {
    "id": "F1",
    "name": "bill.pdf",
    "title": "Bill",
    "mimetype": "application/pdf",
    "size": 9,
    "mode": "hosted",
    "url_private": "https://files.slack.com/files-pri/T1-F1/bill.pdf",
    "url_private_download": "https://files.slack.com/files-pri/T1-F1/download/bill.pdf",
}


def origin(**more: Any) -> dict[str, Any]:
    return {"channel": "slack", "id": "F1", "url": PDF["url_private_download"], "size": 9, **more}


@pytest.mark.parametrize(
    ("file", "read"),
    [
        (PDF, RemoteFile("bill.pdf", "application/pdf", 9, origin())),
        (
            {name: value for name, value in PDF.items() if name != "url_private_download"},
            RemoteFile("bill.pdf", "application/pdf", 9, origin(url=PDF["url_private"])),
        ),
        ({**PDF, "name": None}, RemoteFile("Bill", "application/pdf", 9, origin())),
        (
            {"id": "F1", "mode": "file_access", "file_access": "check_file_info"},
            RemoteFile("file", "", 0, origin(url="", size=0)),
        ),
        ({**PDF, "file_access": "check_file_info"}, RemoteFile("bill.pdf", "application/pdf", 9, origin(url=""))),
        ({**PDF, "size": "9"}, RemoteFile("bill.pdf", "application/pdf", 0, origin(size=0))),
        ({}, RemoteFile("file", "", 0, origin(id="", url="", size=0))),
    ],
)
def test_a_file_is_known_by_where_slack_keeps_it(file: dict[str, Any], read: RemoteFile) -> None:
    said = happened(message(subtype="file_share", files=[file]))
    assert isinstance(said, Said)
    assert said.files == (read,)


def shared(text: str = "Broken", **more: Any) -> dict[str, Any]:
    return {"is_share": True, "is_msg_unfurl": True, "author_name": "Lee", "text": text, "ts": LATER, **more}


def test_a_forwarded_message_brings_its_words_and_files() -> None:
    said = happened(message(attachments=[shared(files=[{**PDF, "id": "F2"}])], files=[PDF]))
    assert isinstance(said, Said)
    assert said.forwarded == (("Lee", "Broken"),)
    assert [file.origin["id"] for file in said.files] == ["F1", "F2"]


@pytest.mark.parametrize(
    "attachment",
    [{"from_url": "https://shop.example", "text": "What the page says", "files": [PDF]}, shared(""), "x", None],
    ids=["a link preview", "a message without words", "text", "nothing"],
)
def test_what_is_not_forwarded_adds_no_words(attachment: Any) -> None:
    said = happened(message(attachments=[attachment]))
    assert isinstance(said, Said)
    assert said.forwarded == ()
    assert said.files == ()


def shown(event: dict[str, Any], **names: str) -> str:
    said = happened(event)
    assert isinstance(said, Said)
    assert set(names) == set(parse.named(said, ME))
    return parse.as_read(said, event, ME, names)


def test_a_message_reads_as_people_read_it_with_what_it_forwards() -> None:
    forwards = {**shared(), "text": "Broken, says <@U3>\n&lt;sigh&gt;"}
    event = message("<@UBOT> can you help <@U2>?", attachments=[forwards])
    assert shown(event, U2="Lee", U3="Ann") == (
        "can you help @Lee?\n\nForwarded from Lee:\n> Broken, says @Ann\n> <sigh>"
    )


@pytest.mark.parametrize(
    ("event", "read"),
    [(message("<@UBOT>"), "Hello!"), (message(""), "Hello!"), (message("<@UBOT>", files=[PDF]), "")],
    ids=["a mention", "nothing", "a file"],
)
def test_a_message_that_says_nothing_is_a_greeting_unless_it_brings_a_file(event: dict[str, Any], read: str) -> None:
    assert shown(event) == read


GRANTED = {"team_id": "T1", "user_id": "UBOT", "is_bot": True}


@pytest.mark.parametrize(
    ("body", "me"),
    [
        ({"authorizations": [GRANTED], "team_id": "T2", "event": message()}, Me("T1", "UBOT")),
        ({"authorizations": [{**GRANTED, "is_bot": False}], "team_id": "T2", "event": message()}, Me("T2", "")),
        ({"team_id": "T1", "event": message("<@U7> <@U8> hi", type="app_mention")}, Me("T1", "U7")),
        ({"team_id": "T1", "event": message("<@U7> hi")}, Me("T1", "")),
        ({}, Me("", "")),
    ],
)
def test_a_captured_event_says_itself_whom_it_was_sent_to(body: dict[str, Any], me: Me) -> None:
    assert parse.recipient(body) == me


def test_deleted_files_are_left_out() -> None:
    many = [{**PDF, "id": f"F{number}"} for number in range(3)]
    said = happened(message(files=[{"id": "F0", "mode": "tombstone"}, *many]))
    assert isinstance(said, Said)
    assert [file.origin["id"] for file in said.files] == ["F0", "F1", "F2"]


@pytest.mark.parametrize(("many", "taken", "left_out"), [(9, 9, 0), (10, 10, 0), (13, 10, 3)])
def test_files_above_ten_are_counted(many: int, taken: int, left_out: int) -> None:
    gone = [{"id": "F0", "mode": "tombstone"}] * 2
    said = happened(message(files=[*gone, *[PDF] * many]))
    assert isinstance(said, Said)
    assert (len(said.files), said.left_out) == (taken, left_out)


# Presses


def press(action_id: str = "feedback", value: str = "up:m_1", **more: Any) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": "U1", "username": "kim", "team_id": "T1"},
        "team": {"id": "T1", "domain": "larkfield"},
        "trigger_id": "13345224609.738474920",
        "container": {"type": "message", "message_ts": LATER, "channel_id": "D1", "thread_ts": TS},
        "channel": {"id": "D1", "name": "directmessage"},
        "message": {"type": "message", "ts": LATER, "thread_ts": TS, "bot_id": "B1"},
        "actions": [{"action_id": action_id, "block_id": "x", "value": value, "action_ts": "1700000001.0"}],
        **more,
    }


PRESSED = Pressed(
    "feedback",
    "up:m_1",
    "U1",
    "T1",
    Place("D1", TS),
    LATER,
    f"D1:{LATER}:U1:feedback:1700000001.0",
    "13345224609.738474920",
)
OF_MESSAGE = {"container": {"message_ts": LATER, "channel_id": "D1", "thread_ts": TS}}


@pytest.mark.parametrize(
    ("body", "pressed"),
    [
        (press(), PRESSED),
        (press(message={}), PRESSED),
        (press(channel={}), PRESSED),
        (press(user={"id": "U1"}), PRESSED),
        (press(user={"id": "U1", "team_id": "T2"}), replace(PRESSED, team="T2")),
        (press(channel={}, container={"type": "view"}, message={}).copy(), None),
    ],
)
def test_a_press_says_who_pressed_what_where(body: dict[str, Any], pressed: Pressed | None) -> None:
    found = parse.pressed(body, ME)
    if pressed is None:
        assert found is not None
        assert found.place == Place("")
    else:
        assert found == pressed


@pytest.mark.parametrize("body", [{}, press(actions=[]), press(actions="x"), press(user={}), press(user="U1")])
def test_a_press_of_nothing_or_nobody_is_none_that_slack_sends(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"holds an action|has no id"):
        parse.pressed(body, ME)


KEY = ThreadKey("slack", "T1", f"D1:{TS}")


@pytest.mark.parametrize(
    ("action", "value", "rating"),
    [
        ("feedback", "up:m_1", InboundRating(KEY, "e", 1, message=MessageId("m_1"))),
        ("feedback", "down:m_1", InboundRating(KEY, "e", -1, message=MessageId("m_1"))),
        ("survey:4", "c_1:4", InboundRating(KEY, "e", 4, case=CaseId("c_1"))),
        ("survey", "c_1:1", InboundRating(KEY, "e", 1, case=CaseId("c_1"))),
        ("feedback", "sideways:m_1", None),
        ("feedback", "up:", None),
        ("feedback", "", None),
        ("survey:6", "c_1:6", None),
        ("survey:0", "c_1:0", None),
        ("survey:45", "c_1:45", None),
        ("survey:4", ":4", None),
        ("survey:4", "c_1", None),
        ("person", "up:m_1", None),
    ],
)
def test_a_judgement_is_read_from_what_was_pressed(action: str, value: str, rating: InboundRating | None) -> None:
    assert parse.rating(replace(PRESSED, action=action, value=value, event="e"), ME) == rating


def form(reason: Any, about: str) -> dict[str, Any]:
    values = {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}
    return {"user": {"id": "U1"}, "view": {"id": "V1", "private_metadata": about, "state": {"values": values}}}


ABOUT = json.dumps({"team": "T1", "conversation": f"D1:{TS}", "message": "m_1"})


@pytest.mark.parametrize(
    ("reason", "kept"), [("Too vague.", "Too vague."), (None, ""), ("x" * 3_000, "x" * 2_000), (5, "")]
)
def test_the_reason_of_a_thumb_down_comes_with_what_it_is_about(reason: Any, kept: str) -> None:
    assert parse.reason_of(form(reason, ABOUT)) == InboundRating(KEY, "V1:reason", -1, kept, message=MessageId("m_1"))


# Anything at all

NAMES = [
    "type", "subtype", "user", "bot_id", "text", "channel", "ts", "thread_ts", "files", "attachments", "is_share",
    "message", "previous_message", "deleted_ts", "edited", "event", "size", "mode", "actions", "container", "id",
    "view", "private_metadata", "state", "values", "action_id", "value", "team_id", "tab",
]  # fmt: skip
WORDS = st.sampled_from(
    ["message", "app_mention", "app_home_opened", "message_changed", "message_deleted", "tombstone", "U1", "C1", "D1"]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=10,
)
OBJECT = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)


@settings(deadline=None)
@given(OBJECT, st.sampled_from(["message", "app_mention", "app_home_opened"]), st.booleans())
@example(message(subtype="message_changed", message={"user": "U1", "ts": TS, "text": "x"}), "message", True)
def test_any_event_is_read_or_is_none_that_slack_sends(event: dict[str, Any], kind: str, agent_view: bool) -> None:
    try:
        found = happened({**event, "type": kind}, agent_view=agent_view)
    except ValueError:
        return
    if isinstance(found, Changed):
        parse.now_said(event, ME)
    if isinstance(found, Said):
        parse.customer(found).encode()


@settings(deadline=None)
@given(OBJECT, OBJECT, OBJECT, st.sampled_from(["", "tombstone"]))
def test_any_change_is_read_or_is_none_that_slack_sends(
    event: dict[str, Any], now: dict[str, Any], before: dict[str, Any], subtype: str
) -> None:
    for kind in ("message_changed", "message_deleted"):
        both = {"message": {"user": "U1", **now, "subtype": subtype}, "previous_message": before}
        try:
            happened({**event, "type": "message", "subtype": kind, **both})
        except ValueError:
            continue


@settings(deadline=None)
@given(JSON)
def test_any_body_is_an_event_or_none_that_slack_sends(event: Any) -> None:
    try:
        parse.event({"event": event}, ME)
    except ValueError:
        return


@settings(deadline=None)
@given(OBJECT, OBJECT)
def test_any_press_is_read_or_is_none_that_slack_sends(body: dict[str, Any], action: dict[str, Any]) -> None:
    try:
        found = parse.pressed({**body, "actions": [action], "user": {"id": "U1"}}, ME)
    except ValueError:
        return
    assert found is not None
    parse.rating(found, ME)


@settings(deadline=None)
@given(JSON, st.text() | st.just(ABOUT) | JSON.map(lambda found: json.dumps(found, allow_nan=True)))
def test_any_form_is_read_or_is_none_that_we_made(reason: Any, about: str) -> None:
    try:
        parse.reason_of(form(reason, about))
    except (ValueError, KeyError):
        return
