"""What people wrote in Teams, as they read it: mentions of us are gone, those of others are names, HTML is words."""

from typing import Any

import pytest

from channels.teams import words

BOT, ADA = "28:bot", "29:ada"


def activity(text: str | None, *mentions: tuple[str, str], page: str = "", **more: Any) -> dict[str, Any]:
    """Return a message with `mentions`: what stands in the text, and whom it means."""
    entities = [{"type": "mention", "text": marked, "mentioned": {"id": who}} for marked, who in mentions]
    attachments = [{"contentType": "text/html", "content": page}] if page else []
    about = {"entities": [{"type": "clientInfo", "locale": "en-US"}, *entities], "attachments": attachments}
    return {"type": "message", "text": text, "recipient": {"id": BOT, "name": "Help"}, **about, **more}


@pytest.mark.parametrize(
    ("raw", "text", "mentioned"),
    [
        (activity("Hello"), "Hello", False),
        (activity("<at>Help</at> Help me get Help", ("<at>Help</at>", BOT)), "Help me get Help", True),
        (
            activity('<at id="0">Ada</at> what is an Adapter', ('<at id="0">Ada</at>', ADA)),
            "@Ada what is an Adapter",
            False,
        ),
        (
            activity("<at>Help</at> ask <at>Ada</at>", ("<at>Help</at>", BOT), ("<at>Ada</at>", ADA)),
            "ask @Ada",
            True,
        ),
        (activity("one <at>Help</at>&nbsp;two\r\nthree", ("<at>Help</at>", BOT)), "one two\nthree", True),
        (activity("5 &lt; 6 &amp; 7 &gt; 6"), "5 < 6 & 7 > 6", False),
        (activity("<at>Somebody</at> who is no entity"), "Somebody who is no entity", False),
        (activity(None, ("<at>Help</at>", BOT)), "", True),
        (activity(None), "", False),
        (activity("", page="<div><p>One</p><p>two &amp; three</p></div>"), "One\n\ntwo & three", False),
        (activity("", page='<p style="display:none">secret</p><p>seen</p>'), "seen", False),
        (activity("<p>Rich <b>words</b></p>", textFormat="xml"), "Rich words", False),
        (activity("    indented\n        more"), "indented\n        more", False),
    ],
)
def test_a_message_is_read(raw: dict[str, Any], text: str, mentioned: bool) -> None:
    read, ours = words.read(raw)
    assert [line.strip() for line in read.split("\n")] == [line.strip() for line in text.split("\n")]
    assert ours is mentioned


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "message"},
        {"type": "message", "text": 5, "entities": "x", "attachments": {"a": 1}},
        {"type": "message", "text": "x", "entities": [None, {"type": "mention"}, {"type": "mention", "text": 1}]},
        {"type": "message", "text": "x", "entities": [{"type": "mention", "text": "", "mentioned": {"id": BOT}}]},
        {"type": "message", "text": "\x00\ud800", "attachments": [None, 3, {"contentType": 4}]},
        activity("", page="<div>" * 5_000 + "deep"),
        activity("", page="<"),
        activity("", page="<!-- nothing -->"),
        activity("", page="<at>" * 30_000),
    ],
)
def test_whatever_comes_is_read_without_an_error(raw: dict[str, Any]) -> None:
    text, _ = words.read(raw)
    text.encode()
    assert "\x00" not in text


def test_files_that_teams_keeps_to_itself_are_counted() -> None:
    page = '<p>see</p><attachment id="1"></attachment><attachment id="2"></attachment>'
    assert words.attached(activity("see", page=page)) == 2
    assert words.attached(activity("see", page="<p>no attachment here</p>")) == 0
    handed = activity("see", page='<attachment id="1"></attachment>')
    handed["attachments"].append({"contentType": "application/vnd.microsoft.teams.file.download.info"})
    assert words.attached(handed) == 0


def test_pasted_pictures_are_counted_and_emoji_are_not() -> None:
    shown = (
        '<p>See <img alt="x" src="https://graph.microsoft.com/v1.0/x/$value" itemtype="http://schema.skype.com/AMSImage">'
        '<img alt="smile" itemtype="http://schema.skype.com/Emoji" src="https://statics.teams.cdn.office.net/x.png"></p>'
    )
    assert words.attached(activity("See", page=shown)) == 1
    assert words.attached(activity("See", attachments="none")) == 0
    assert words.attached(activity("See", attachments=[None, {"contentType": "text/html", "content": None}])) == 0
