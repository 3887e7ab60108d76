"""The fake Slack, asked by the real SDK, tells a real Bolt app of what happened: it says what Slack says."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack_events import Lines
from tests.fakes.slack_people import Person
from tests.fakes.slack_server import SlackServer

WORDS = [
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "Hi"}]}]}
]


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A workspace that repeats events quickly."""
    async with SlackServer(lines=Lines(patience=0.5, again_after=(0.0, 0.01, 0.01))) as server:
        yield server


@pytest.fixture
def kim(slack: SlackServer) -> Person:
    """Somebody in it."""
    return slack.person("Kim")


@pytest.fixture
def client(slack: SlackServer) -> AsyncWebClient:
    """The SDK's client, with the bot's token."""
    made = AsyncWebClient(slack.bot_token, slack.url + "/api/")
    made.retry_handlers = []
    return made


class App:
    """A Bolt app on one socket that keeps what it hears; it fails as often as `fails` says."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.heard: list[dict[str, Any]] = []
        self.retries: list[str] = []
        self.fails = 0
        self.bolt = AsyncApp(client=client, signing_secret="signing-secret")
        for kind in ("message", "app_mention", "app_home_opened", "member_joined_channel"):
            self.bolt.event(kind, middleware=[self._keep])(self._nothing)
        self.bolt.action("person")(self._press)
        self.bolt.view("form")(self._press)
        self.bolt.command("/support")(self._command)

    async def _keep(self, body: dict[str, Any], req: Any, next: Any) -> None:
        self.retries.append("".join(req.headers.get("x-slack-retry-num", [])))
        if self.fails:
            self.fails -= 1
            raise RuntimeError("the disk is full")
        self.heard.append(body)
        await next()

    async def _nothing(self) -> None:
        pass

    async def _press(self, body: dict[str, Any], ack: Any) -> None:
        self.heard.append(body)
        await ack()

    async def _command(self, body: dict[str, Any], ack: Any) -> None:
        await ack(f"You asked for {body['text']}.")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that people caused."""
        return [body["event"] for body in self.heard if "event" in body]


@pytest.fixture
async def app(slack: SlackServer, client: AsyncWebClient) -> AsyncIterator[App]:
    """The app, connected over Socket Mode."""
    made = App(client)
    handler = AsyncSocketModeHandler(made.bolt, slack.app_token, ping_interval=0.1)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await slack.lines.connected()
    yield made
    await handler.close_async()  # type: ignore[no-untyped-call]


async def refused(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


# The Web API


async def test_who_has_no_token_a_wrong_one_or_too_few_scopes_is_told_so(
    slack: SlackServer, client: AsyncWebClient, kim: Person
) -> None:
    assert (await client.auth_test()).headers["x-oauth-scopes"].startswith("app_mentions:read")
    assert await refused(AsyncWebClient("xoxb-other", slack.url + "/api/").auth_test()) == "invalid_auth"
    assert await refused(AsyncWebClient(base_url=slack.url + "/api/").auth_test()) == "not_authed"
    assert await refused(client.api_call("chat.shout")) == "unknown_method"
    slack.scopes.remove("chat:write")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=kim.dm, text="Hi")
    assert (caught.value.response["error"], caught.value.response["needed"]) == ("missing_scope", "chat:write")


async def test_channels_refuse_as_slack_does(slack: SlackServer, client: AsyncWebClient, kim: Person) -> None:
    rooms = {
        "channel_not_found": slack.channel("secret", kim, kind="group", bot=False),
        "not_in_channel": slack.channel("public", kim, bot=False),
        "is_archived": slack.channel("old", kim, archived=True),
    }
    said = {error: await refused(client.chat_postMessage(channel=room.id, text="Hi")) for error, room in rooms.items()}
    assert all(error == answer for error, answer in said.items())
    kim.member.deleted = True
    assert await refused(client.chat_postMessage(channel=kim.dm, text="Hi")) == "user_disabled"
    slack.scopes.add("im:write")
    assert await refused(client.conversations_open(users=kim.id)) == "user_disabled"


def rich(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "rich_text", "elements": list(elements)}]


def section(**element: Any) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": [element]}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": "Press"}, **more}


BAD = {
    "an empty text": rich(section(type="text", text="")),
    "an unknown style": rich(section(type="text", text="x", style={"blink": True})),
    "a list in a list": rich({"type": "rich_text_list", "style": "bullet", "elements": [{"type": "rich_text_list"}]}),
    "a mention in code": rich({"type": "rich_text_preformatted", "elements": [{"type": "user", "user_id": "U1"}]}),
    "an address that is none": rich(section(type="link", url="javascript:alert(1)")),
    "a field too many": [{"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": True}}],
    "a long section": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}],
    "a long header": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
    "a long button": [{"type": "actions", "elements": [button(value="x" * 2001)]}],
    "two of one action": [{"type": "actions", "elements": [button(action_id="a"), button(action_id="a")]}],
    "two of one block": [{"type": "divider", "block_id": "d"}, {"type": "divider", "block_id": "d"}],
    "too many blocks": [{"type": "divider"}] * 51,
    "eleven in a context": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}],
    "two tables": [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}] * 2,
    "a kind that is none": [{"type": "paragraph", "text": "x"}],
}


@pytest.mark.parametrize("blocks", BAD.values(), ids=BAD)
async def test_blocks_that_slack_refuses_are_refused_and_the_place_is_named(
    client: AsyncWebClient, kim: Person, blocks: list[dict[str, Any]]
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=kim.dm, text="x", blocks=blocks)
    assert caught.value.response["error"] == "invalid_blocks"
    assert "[json-pointer:/blocks" in caught.value.response["response_metadata"]["messages"][0]


async def test_what_slack_takes_is_read_as_words(client: AsyncWebClient, kim: Person) -> None:
    blocks = [
        *rich(
            section(type="text", text="<!channel> *a* & b", style={"bold": True}),
            {"type": "rich_text_list", "style": "ordered", "offset": 1, "elements": [section(type="text", text="two")]},
        ),
        {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}, {"type": "raw_text", "text": "y"}]]},
        {
            "type": "context_actions",
            "elements": [
                {
                    "type": "feedback_buttons",
                    "action_id": "feedback",
                    "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "up"},
                    "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "down"},
                }
            ],
        },
    ]
    await client.chat_postMessage(channel=kim.dm, text="no", blocks=blocks)
    await client.chat_postMessage(channel=kim.dm, text="5 &lt; 6 <!channel> *bold* 2 * 3 <mailto:a@b|here>")
    first, second = kim.sees(kim.dm)
    assert first.text == "<!channel> *a* & b\n2. two\nx | y"
    assert [button.value for button in first.buttons] == ["up", "down"]
    assert second.text == "5 < 6 \u27e6!channel\u27e7 bold 2 * 3 here"


async def test_blocks_that_are_too_much_together_and_a_long_new_text_are_refused(
    client: AsyncWebClient, kim: Person
) -> None:
    blocks = rich(*(section(type="text", text="x" * 3000) for _ in range(5)))
    assert await refused(client.chat_postMessage(channel=kim.dm, text="x", blocks=blocks)) == "msg_blocks_too_long"
    ts = (await client.chat_postMessage(channel=kim.dm, text="x" * 40_001))["ts"]
    assert len(kim.sees(kim.dm)[0].text) == 40_000
    assert await refused(client.chat_update(channel=kim.dm, ts=ts, text="x" * 4001)) == "msg_too_long"


async def test_only_posts_of_the_app_can_be_changed(client: AsyncWebClient, kim: Person) -> None:
    theirs = (await kim.writes(kim.dm, "Hello", tell=False)).ts
    assert await refused(client.chat_update(channel=kim.dm, ts=theirs, text="x")) == "cant_update_message"
    assert await refused(client.chat_delete(channel=kim.dm, ts=theirs)) == "cant_delete_message"
    ts = (await client.chat_postMessage(channel=kim.dm, text="x", blocks=WORDS))["ts"]
    await client.chat_update(channel=kim.dm, ts=ts, text="y")
    assert kim.sees(kim.dm)[-1].text == "y"
    await client.chat_delete(channel=kim.dm, ts=ts)
    assert await refused(client.chat_update(channel=kim.dm, ts=ts, text="x")) == "message_not_found"


async def test_a_reply_to_a_deleted_message_stands_by_itself_and_one_with_replies_leaves_a_gravestone(
    slack: SlackServer, client: AsyncWebClient, kim: Person
) -> None:
    gone, kept = [(await kim.writes(kim.dm, text, tell=False)).ts for text in ("one", "two")]
    await client.chat_postMessage(channel=kim.dm, text="a", thread_ts=kept)
    for ts in (gone, kept):
        done = await kim.deletes(kim.dm, ts, tell=False)
        [delivery] = done.deliveries
        assert delivery.payload["event"]["subtype"] == ("message_deleted" if ts == gone else "message_changed")
    answers = [await client.chat_postMessage(channel=kim.dm, text="b", thread_ts=ts) for ts in (gone, kept)]
    assert ["thread_ts" in answer["message"] for answer in answers] == [False, True]
    assert await refused(client.conversations_replies(channel=kim.dm, ts=gone)) == "thread_not_found"
    replies = await client.conversations_replies(channel=kim.dm, ts=kept)
    assert [message["text"] for message in replies["messages"]] == ["This message was deleted.", "a", "b"]


async def test_history_gives_metadata_only_when_asked_and_in_pages(client: AsyncWebClient, kim: Person) -> None:
    mark: dict[str, Any] = {"event_type": "part", "event_payload": {"n": 1}}
    root = (await kim.writes(kim.dm, "Hello", tell=False)).ts
    for _ in range(3):
        await client.chat_postMessage(channel=kim.dm, text="x", thread_ts=root, metadata=mark)
    plain = await client.conversations_replies(channel=kim.dm, ts=root)
    assert not any("metadata" in message for message in plain["messages"])
    page = await client.conversations_replies(channel=kim.dm, ts=root, include_all_metadata=True, limit=2)
    rest = await client.conversations_replies(
        channel=kim.dm,
        ts=root,
        include_all_metadata=True,
        limit=2,
        cursor=page["response_metadata"]["next_cursor"],
    )
    found = [message.get("metadata") for message in [*page["messages"], *rest["messages"]]]
    assert found == [None, mark, mark, mark]
    bad = client.chat_postMessage(channel=kim.dm, text="x", metadata={"event_type": "part", "event_payload": "x"})
    assert await refused(bad) == "invalid_metadata_format"


async def test_a_stream_grows_is_ended_once_and_runs_out_of_time(
    slack: SlackServer, client: AsyncWebClient, kim: Person
) -> None:
    root = (await kim.writes(kim.dm, "Hello", tell=False)).ts
    start: dict[str, Any] = {"channel": kim.dm, "thread_ts": root}
    assert await refused(client.chat_startStream(**start)) == "missing_recipient_team_id"
    start |= {"recipient_team_id": "T1", "recipient_user_id": kim.id}
    stream = await client.chat_stream(buffer_size=4, **start)
    await stream.append(markdown_text="**Hello**, ")
    assert await refused(client.chat_update(channel=kim.dm, ts=str(stream.ts), text="x")) == "streaming_state_conflict"
    await stream.append(markdown_text="Kim & all")
    await stream.stop(blocks=[{"type": "actions", "elements": [button(action_id="person")]}])
    shown = kim.sees(kim.dm, root)[-1]
    assert (shown.text, shown.buttons[0].action_id) == ("Hello, Kim & all", "person")
    ended = client.chat_appendStream(channel=kim.dm, ts=str(stream.ts), markdown_text="x")
    assert await refused(ended) == "message_not_in_streaming_state"
    late = (await client.chat_startStream(**start, markdown_text="x"))["ts"]
    slack.end_streams()
    assert await refused(client.chat_stopStream(channel=kim.dm, ts=late)) == "message_not_in_streaming_state"


async def test_files_come_and_go_and_who_has_no_right_sees_a_sign_in_page(
    slack: SlackServer, client: AsyncWebClient, kim: Person
) -> None:
    await client.files_upload_v2(channel=kim.dm, content=b"LABEL", filename="label.txt", initial_comment="Here")
    assert kim.sees(kim.dm)[-1].files == (("label.txt", b"LABEL"),)
    assert await refused(client.files_getUploadURLExternal(filename="empty.txt", length=0)) == "missing_argument"
    done = await kim.writes(kim.dm, "", files=[("photo.jpg", b"\xff\xd8")], tell=False)
    [file] = done.deliveries[0].payload["event"]["files"]
    async with aiohttp.ClientSession() as http:
        for headers in ({"Authorization": "Bearer xoxb-fake"}, {"Authorization": "Bearer no"}):
            async with http.get(file["url_private_download"], headers=headers) as answer:
                is_page = answer.content_type == "text/html"
                assert (answer.status, is_page) == (200, headers["Authorization"].endswith("no"))
    info = await client.files_info(file=file["id"])
    assert (info["file"]["size"], kim.dm in info["file"]["shares"]["private"]) == (2, True)


async def test_what_only_one_person_sees_needs_that_person_in_the_channel(
    slack: SlackServer, client: AsyncWebClient, kim: Person
) -> None:
    room, lee = slack.channel("desk", kim), slack.person("Lee")
    await client.chat_postEphemeral(channel=room.id, user=kim.id, text="psst")
    assert (kim.whispers(room.id), lee.sees(room.id)) == (["psst"], [])
    assert await refused(client.chat_postEphemeral(channel=room.id, user=lee.id, text="psst")) == "user_not_in_channel"


# Trouble


async def test_trouble_comes_as_often_as_it_was_ordered_and_may_come_after_the_deed(
    slack: SlackServer, client: AsyncWebClient, kim: Person
) -> None:
    slack.fail("chat.postMessage", retry_after=2)
    slack.fail("chat.postMessage", status=503)
    slack.fail("chat.postMessage", error="restricted_action")
    slack.fail("chat.postMessage", drop=True, done=True)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=kim.dm, text="one")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "2")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=kim.dm, text="two")
    assert await refused(client.chat_postMessage(channel=kim.dm, text="three")) == "restricted_action"
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=kim.dm, text="four")
    await client.chat_postMessage(channel=kim.dm, text="five")
    assert [shown.text for shown in kim.sees(kim.dm)] == ["four", "five"]
    assert [call.status for call in slack.calls_of("chat.postMessage")] == [429, 503, 200, 0, 200]


async def test_who_posts_too_quickly_is_asked_for_a_pause(
    slack: SlackServer, client: AsyncWebClient, kim: Person
) -> None:
    slack.pace = 60.0
    other = slack.person("Lee")
    await client.chat_postMessage(channel=kim.dm, text="one")
    assert await refused(client.chat_postMessage(channel=kim.dm, text="two")) == "ratelimited"
    await client.chat_postMessage(channel=other.dm, text="three")


async def test_links_have_previews_unless_the_app_says_no(client: AsyncWebClient, kim: Person) -> None:
    settings: list[dict[str, Any]] = [{}, {"unfurl_links": False}, {"unfurl_links": False, "unfurl_media": False}]
    for more in settings:
        await client.chat_postMessage(channel=kim.dm, text="https://a.example", **more)
    assert ["preview" in shown.text for shown in kim.sees(kim.dm)] == [True, True, False]


async def test_a_slow_call_is_done_late(slack: SlackServer, client: AsyncWebClient, kim: Person) -> None:
    slack.fail("auth.test", delay=0.05)
    began = time.monotonic()
    assert (await client.auth_test())["ok"]
    assert time.monotonic() - began >= 0.05


# Events


async def test_a_mention_comes_as_two_events_of_one_message(slack: SlackServer, kim: Person, app: App) -> None:
    room = slack.channel("general", kim)
    done = await kim.writes(room.id, "5 < 6 && 🚲 https://a.example", mention=True)
    assert done.ok
    assert sorted(event["type"] for event in app.events) == ["app_mention", "message"]
    assert len({(event["channel"], event["ts"]) for event in app.events}) == 1
    assert len({body["event_id"] for body in app.heard}) == 2
    text = app.events[0]["text"]
    assert text == "<@UBOT> 5 &lt; 6 &amp;&amp; :bicycle: <https://a.example>"
    [section_] = app.events[0]["blocks"][0]["elements"]
    assert [element["type"] for element in section_["elements"]] == ["user", "text", "emoji", "text", "link"]


async def test_the_app_hears_of_its_own_posts_and_bolt_drops_them(
    slack: SlackServer, client: AsyncWebClient, kim: Person, app: App
) -> None:
    await client.chat_postMessage(channel=kim.dm, text="Hi")
    await kim.writes(kim.dm, "Hello")
    assert [event["text"] for event in app.events] == ["Hello"]
    assert [one.payload["event"].get("bot_id") for one in slack.lines.deliveries] == ["B1", None]


async def test_an_event_that_is_not_taken_comes_again_with_the_same_id(
    slack: SlackServer, kim: Person, app: App
) -> None:
    app.fails = 2
    done = await kim.writes(kim.dm, "Hello")
    assert [ack.status for ack in done.deliveries[0].acks] == [0, 0, 200]
    assert app.retries == ["0", "1", "2"]
    await slack.tell(done.deliveries)
    assert len({body["event_id"] for body in app.heard}) == 1
    assert len(app.heard) == 2


@pytest.mark.parametrize("how", ["refresh", "hang_up"])
async def test_events_go_on_after_the_socket_was_changed(slack: SlackServer, kim: Person, app: App, how: str) -> None:
    await kim.writes(kim.dm, "before")
    await getattr(slack.lines, how)()
    assert (await kim.writes(kim.dm, "after")).ok
    assert [event["text"] for event in app.events] == ["before", "after"]
    assert slack.lines.opened == 2


async def test_presses_forms_and_commands_come_with_what_the_app_needs(
    slack: SlackServer, client: AsyncWebClient, kim: Person, app: App
) -> None:
    blocks = [{"type": "actions", "elements": [button(action_id="person", value="m_1")]}]
    ts = (await client.chat_postMessage(channel=kim.dm, text="x", blocks=blocks))["ts"]
    assert (await kim.presses(kim.dm, ts, "person")).ok
    pressed = next(body for body in app.heard if body.get("type") == "block_actions")
    assert (pressed["actions"][0]["value"], pressed["message"]["ts"], pressed["user"]["id"]) == ("m_1", ts, kim.id)
    with pytest.raises(AssertionError):
        await kim.presses(kim.dm, ts, "claim")
    field = {"type": "plain_text_input", "action_id": "why"}
    label = {"type": "plain_text", "text": "Why?"}
    form: dict[str, Any] = {
        "type": "modal",
        "callback_id": "form",
        "title": label,
        "blocks": [{"type": "input", "block_id": "why", "label": label, "element": field}],
    }
    bad = client.views_open(trigger_id=pressed["trigger_id"], view=form)
    assert await refused(bad) == "invalid_arguments"
    form["submit"] = label
    await client.views_open(trigger_id=pressed["trigger_id"], view=form)
    assert await refused(client.views_open(trigger_id=pressed["trigger_id"], view=form)) == "exchanged_trigger_id"
    assert kim.modal
    await kim.submits(kim.modal, {"why": "Because"})
    assert app.heard[-1]["view"]["state"]["values"]["why"]["why"]["value"] == "Because"
    assert kim.modal is None
    assert (await kim.slash("/support", "help")).answer == {"text": "You asked for help."}


async def test_over_http_events_are_signed_and_forged_ones_are_not_taken(
    slack: SlackServer, client: AsyncWebClient, kim: Person
) -> None:
    app = App(client)
    runner = web.AppRunner(app.bolt.web_app(path="/slack/events", port=0))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        slack.lines.post_to = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        assert await slack.lines.verify()
        app.fails = 1
        done = await kim.writes(kim.dm, "Hello")
        assert ([ack.status for ack in done.deliveries[0].acks], app.retries) == ([500, 200], ["", "1"])
        assert (await kim.slash("/support", "help")).answer == "You asked for help."
        slack.lines.secret = "another"
        done = await kim.writes(kim.dm, "Forged")
        assert [ack.status for ack in done.deliveries[0].acks] == [401] * 4
        assert [event["text"] for event in app.events] == ["Hello"]
    finally:
        await runner.cleanup()


async def test_somebody_from_another_organisation_is_known_by_their_own_team(
    slack: SlackServer, client: AsyncWebClient, app: App
) -> None:
    lee = slack.person("Lee", team="T2", is_stranger=True)
    room = slack.channel("shared", lee, teams=("T2",))
    await asyncio.gather(lee.writes(room.id, "Hello", files=[("a.txt", b"a")]), lee.opens_home("messages"))
    [said] = [body for body in app.heard if body["event"]["type"] == "message"]
    assert (said["is_ext_shared_channel"], said["event"]["user_team"], said["team_id"]) == (True, "T2", "T1")
    [file] = said["event"]["files"]
    assert file["file_access"] == "check_file_info"
    assert (await client.files_info(file=file["id"]))["file"]["name"] == "a.txt"
    assert (await client.users_info(user=lee.id))["user"]["is_stranger"]
