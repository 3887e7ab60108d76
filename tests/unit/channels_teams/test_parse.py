"""Teams' activities become what happened: each kind that means something, and nothing else."""

from typing import Any

import pytest

from channels.teams import parse
from channels.teams.parse import Came, Changed, Consented, Judged, Pressed, Said, Scope, Silent, Went

BASE: dict[str, Any] = {
    "id": "1700000000000",
    "timestamp": "2026-11-21T10:00:00.123Z",
    "channelId": "msteams",
    "serviceUrl": "https://smba.trafficmanager.net/amer/",
    "from": {"id": "29:ada", "name": " Ada  Lovelace ", "aadObjectId": "aad-ada"},
    "recipient": {"id": "28:bot", "name": "Help"},
    "conversation": {"id": "a:personal", "conversationType": "personal", "tenantId": "t1"},
    "channelData": {"tenant": {"id": "t1"}},
}
CHANNEL = {"id": "19:x@thread.tacv2", "conversationType": "channel", "isGroup": True, "tenantId": "t1"}
GROUP = {"id": "19:g@thread.v2", "conversationType": "groupChat", "isGroup": True}


def an(kind: str, **more: Any) -> dict[str, Any]:
    """Return an activity."""
    return {**BASE, "type": kind, **more}


def said(**more: Any) -> Said:
    """Return what a message says."""
    found = parse.happened(an("message", **more))
    assert isinstance(found, Said)
    return found


def test_a_personal_message_is_said_to_us() -> None:
    found = said(text="Hello")
    assert (found.text, found.mentioned, found.event) == ("Hello", True, "a:personal:1700000000000")
    assert (found.person.user, found.person.name, found.person.tenant) == ("aad-ada", "Ada Lovelace", "t1")
    assert (found.place.scope, found.place.conversation) == (Scope.PERSONAL, "a:personal")


def test_a_post_in_a_channel_begins_a_thread_and_replies_stand_in_it() -> None:
    post = said(text="Hello", conversation=CHANNEL)
    reply = said(
        text="And?", id="1700000000001", conversation={**CHANNEL, "id": f"{CHANNEL['id']};messageid=1700000000000"}
    )
    assert post.place.conversation == reply.place.conversation == "19:x@thread.tacv2;messageid=1700000000000"
    assert (post.mentioned, reply.mentioned) == (False, False)
    assert (post.event, reply.event) == ("19:x@thread.tacv2:1700000000000", "19:x@thread.tacv2:1700000000001")


def test_a_mention_alone_is_a_greeting() -> None:
    mention = {"type": "mention", "text": "<at>Help</at>", "mentioned": {"id": "28:bot"}}
    assert said(text="<at>Help</at>", entities=[mention], conversation=GROUP).text == "Hello!"


def test_files_of_a_chat_are_named_with_what_it_takes_to_fetch_them() -> None:
    download = {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "name": "bill.pdf",
        "content": {"downloadUrl": "https://x.sharepoint.com/d", "uniqueId": "1", "fileType": "pdf"},
    }
    pasted = {"contentType": "image/*", "contentUrl": "https://smba.trafficmanager.net/amer/v3/attachments/1"}
    page = {"contentType": "text/html", "content": "<p>see</p>"}
    found = said(text="see", attachments=[download, pasted, page])
    assert [(file.name, file.type, file.origin["token"]) for file in found.files] == [
        ("bill.pdf", "application/pdf", False),
        ("picture.png", "", True),
    ]
    assert found.unfetched == 0


@pytest.mark.parametrize(("many", "taken", "left_out"), [(9, 9, 0), (10, 10, 0), (13, 10, 3)])
def test_files_above_ten_are_counted(many: int, taken: int, left_out: int) -> None:
    pasted = {"contentType": "image/png", "contentUrl": "https://smba.trafficmanager.net/amer/v3/attachments/1"}
    found = said(text="see", attachments=[pasted] * many)
    assert (len(found.files), found.left_out, found.unfetched) == (taken, left_out, 0)


def test_a_file_without_words_is_said_too() -> None:
    pasted = {"contentType": "image/png", "contentUrl": "https://smba.trafficmanager.net/amer/v3/attachments/1"}
    assert said(text=None, attachments=[pasted]).files[0].type == "image/png"


@pytest.mark.parametrize(
    ("raw", "word", "text"),
    [
        (an("messageUpdate", text="New", channelData={"eventType": "editMessage"}), "edited", "New"),
        (an("messageUpdate", text="Back", channelData={"eventType": "undeleteMessage"}), "undeleted", "Back"),
        (an("messageDelete", channelData={"eventType": "softDeleteMessage"}), "deleted", None),
    ],
)
def test_edits_and_deletions_name_what_they_change(raw: dict[str, Any], word: str, text: str | None) -> None:
    found = parse.happened(raw)
    assert isinstance(found, Changed)
    assert found.of == "a:personal:1700000000000"
    assert found.event == f"{found.of}:{word}:{BASE['timestamp']}"
    assert found.text == text


def test_a_button_is_pressed_by_submit_and_by_execute_and_a_refresh_is_no_press() -> None:
    submitted = parse.happened(an("message", value={"action": "person"}, replyToId="9"))
    executed = parse.happened(
        an("invoke", name="adaptiveCard/action", value={"action": {"data": {"a": 1}, "verb": "x"}}, replyToId="9")
    )
    refreshed = parse.happened(
        an(
            "invoke",
            name="adaptiveCard/action",
            value={"action": {"verb": "refresh", "data": {}}, "trigger": "automatic"},
        )
    )
    assert isinstance(submitted, Pressed)
    assert isinstance(executed, Pressed)
    assert isinstance(refreshed, Pressed)
    assert (submitted.data, executed.data, executed.card) == ({"action": "person"}, {"a": 1}, "9")
    assert (submitted.again, executed.again, refreshed.again) == (False, False, True)


@pytest.mark.parametrize(
    ("feedback", "reason"),
    [
        ('{"feedbackText":"too short"}', "too short"),
        ("plain words", "plain words"),
        ({"feedbackText": "as an object"}, "as an object"),
        ("[1]", ""),
        (None, ""),
        ("5", ""),
    ],
)
def test_a_thumb_is_a_judgement_with_what_was_written_beside_it(feedback: object, reason: str) -> None:
    value = {"actionName": "feedback", "actionValue": {"reaction": "dislike", "feedback": feedback}}
    found = parse.happened(an("invoke", name="message/submitAction", value=value, replyToId="9"))
    assert isinstance(found, Judged)
    assert (found.of, found.score, found.reason) == ("9", -1, reason)


@pytest.mark.parametrize(("kind", "score"), [("like", 1), ("heart", 1), ("sad", -1), ("angry", -1)])
def test_a_reaction_is_a_judgement(kind: str, score: int) -> None:
    found = parse.happened(an("messageReaction", reactionsAdded=[{"type": kind}], replyToId="9"))
    assert isinstance(found, Judged)
    assert (found.of, found.score) == ("9", score)


def test_a_file_is_taken_or_declined() -> None:
    about = {"file": "f_1", "delivery": "d_1"}
    upload = {"uploadUrl": "https://x.sharepoint.com/u"}
    taken = parse.happened(
        an("invoke", name="fileConsent/invoke", value={"action": "accept", "context": about, "uploadInfo": upload})
    )
    declined = parse.happened(an("invoke", name="fileConsent/invoke", value={"action": "decline", "context": about}))
    assert isinstance(taken, Consented)
    assert isinstance(declined, Consented)
    assert (taken.upload, declined.upload, taken.about) == (upload, None, about)


@pytest.mark.parametrize("action", ["add", "add-upgrade", "remove-upgrade", "", None, 5])
def test_we_go_when_we_are_removed_and_not_when_we_are_upgraded(action: Any) -> None:
    assert isinstance(parse.happened(an("installationUpdate", action="remove")), Went)
    assert parse.happened(an("installationUpdate", action=action)) is Silent.KIND


def test_we_come_when_we_are_added_and_not_when_others_are() -> None:
    assert isinstance(parse.happened(an("conversationUpdate", membersAdded=[{"id": "28:bot"}])), Came)
    assert parse.happened(an("conversationUpdate", membersAdded=[{"id": "29:ben"}])) is Silent.KIND


@pytest.mark.parametrize(
    "raw",
    [
        an("typing"),
        an("event", name="x"),
        an("installationUpdate", action="add"),
        an("messageReaction", reactionsRemoved=[{"type": "like"}], replyToId="9"),
        an("messageReaction", reactionsAdded=[{"type": "surprised"}], replyToId="9"),
        an("messageUpdate", text="x", channelData={"eventType": "renamed"}),
        an("invoke", name="composeExtension/query", value={}),
        an("invoke", name="message/submitAction", value={"actionName": "other"}),
        an("message", text="", attachments=[]),
        an("message", text="me", **{"from": {"id": "28:bot"}}),
        an("message", text="a bot", **{"from": {"id": "28:other", "role": "bot"}}),
        an("somethingNew"),
    ],
)
def test_what_asks_nothing_of_us_is_silent(raw: dict[str, Any]) -> None:
    assert isinstance(parse.happened(raw), Silent)


@pytest.mark.parametrize("missing", ["id", "serviceUrl", "conversation", "from"])
def test_an_activity_that_lacks_what_all_have_is_named(missing: str) -> None:
    raw = {name: value for name, value in an("message", text="x", conversation=CHANNEL).items() if name != missing}
    found: object = None
    try:
        found = parse.happened(raw)
    except ValueError as odd:
        found = str(odd)
    assert found is Silent.NO_PERSON or "the activity has no" in str(found)


@pytest.mark.parametrize("junk", [None, 5, "x", [], {}, [{}], {"id": 5}, {"id": None}])
@pytest.mark.parametrize(
    "name", ["conversation", "from", "recipient", "channelData", "entities", "attachments", "value"]
)
@pytest.mark.parametrize("kind", ["message", "messageUpdate", "messageDelete", "messageReaction", "conversationUpdate"])
def test_junk_is_either_read_or_a_clear_error(kind: str, name: str, junk: object) -> None:
    try:
        parse.happened(an(kind, **{"text": "x", "replyToId": "1", name: junk}))
    except ValueError as odd:
        assert "the activity has no" in str(odd)
