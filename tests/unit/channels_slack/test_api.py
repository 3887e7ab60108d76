"""Slack's Web API as we call it: what each of its refusals means, its pauses, its pace, and whose hosts get the token.

Asked is the fake Slack of `tests.fakes`; the words of its refusals are those of docs.slack.dev.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError, SlackRequestError

from bot.http import listen
from channels.slack.api import SLACK, Api, SaidNo
from core.errors import PermanentError, TemporaryError
from tests.fakes.slack_people import Person
from tests.fakes.slack_server import SlackServer

CREATING = ("chat.postMessage", "chat.startStream", "chat.postEphemeral", "files.completeUploadExternal")


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A workspace."""
    async with SlackServer(echo=False) as server:
        yield server


@pytest.fixture
def kim(slack: SlackServer) -> Person:
    """Somebody in it."""
    return slack.person("Kim")


@pytest.fixture
async def api(slack: SlackServer) -> AsyncIterator[Api]:
    """Its Web API, without a pace."""
    opened = Api(slack.bot_token, f"{slack.url}/api/", apart=0.0)
    yield opened
    await opened.close()


async def post(api: Api, channel: str, text: str = "Hi") -> dict[str, Any]:
    return await api.call("chat.postMessage", channel=channel, text=text)


async def test_what_slack_answers_comes_back(slack: SlackServer, api: Api, kim: Person) -> None:
    answer = await post(api, kim.dm)
    assert answer["ok"] is True
    assert slack.workspace.find(kim.dm, answer["ts"]).text == "Hi"


# What a refusal means


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("channel_not_found", "There is no such Slack channel, or the app is not in it."),
        ("not_in_channel", "The app is not in this Slack channel. Invite it there: /invite @its-name."),
        ("is_archived", "The Slack channel is archived."),
        ("user_disabled", "This person's Slack account is switched off."),
        ("cannot_dm_bot", "Slack does not let the app write to a bot."),
        ("msg_too_long", "Slack takes no message this long."),
        ("restricted_action", "The workspace does not let the app post here."),
        ("a_word_that_is_new", "Slack refused it: a_word_that_is_new."),
        ("invalid_blocks", "Slack refused it: invalid_blocks."),
    ],
)
async def test_a_no_is_for_good_and_says_why(
    slack: SlackServer, api: Api, kim: Person, error: str, sentence: str
) -> None:
    slack.fail("chat.postMessage", error=error)
    with pytest.raises(SaidNo) as no:
        await post(api, kim.dm)
    assert (str(no.value), no.value.code) == (sentence, error)
    assert isinstance(no.value, PermanentError)
    await post(api, kim.dm)


async def test_a_missing_scope_is_named(slack: SlackServer, api: Api, kim: Person) -> None:
    slack.scopes.discard("chat:write")
    with pytest.raises(SaidNo, match="lacks the scope chat:write") as no:
        await post(api, kim.dm)
    assert no.value.code == "missing_scope"


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "account_inactive", "token_expired", "not_authed"])
async def test_a_token_that_is_no_good_can_be_replaced_so_nothing_is_given_up(
    slack: SlackServer, api: Api, kim: Person, error: str
) -> None:
    slack.auth_error = error
    with pytest.raises(TemporaryError, match="SLACK_BOT_TOKEN") as later:
        await post(api, kim.dm)
    assert later.value.retry_after == 60


@pytest.mark.parametrize("method", [*CREATING, "auth.test", "conversations.replies", "chat.update"])
@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500},
        {"status": 503},
        {"status": 503, "error": "service_unavailable_or_not"},
        {"error": "internal_error"},
        {"error": "fatal_error"},
        {"drop": True, "times": -1},
        {"drop": True, "times": -1, "done": True},
    ],
    ids=str,
)
async def test_without_a_proper_answer_what_would_show_twice_is_unknown_and_the_rest_is_tried_again(
    slack: SlackServer, api: Api, kim: Person, method: str, trouble: dict[str, Any]
) -> None:
    root = (await kim.writes(kim.dm, "Hi", tell=False)).ts
    arguments: dict[str, dict[str, Any]] = {
        "chat.postMessage": {"channel": kim.dm, "text": "Hi"},
        "chat.postEphemeral": {"channel": kim.dm, "user": kim.id, "text": "Hi"},
        "chat.startStream": {
            "channel": kim.dm,
            "thread_ts": root,
            "recipient_team_id": "T1",
            "recipient_user_id": kim.id,
        },
        "files.completeUploadExternal": {"files": [{"id": "F1", "title": "x"}], "channel_id": kim.dm},
        "conversations.replies": {"channel": kim.dm, "ts": root},
        "chat.update": {"channel": kim.dm, "ts": root, "text": "x"},
    }
    slack.fail(method, **trouble)
    with pytest.raises(Exception) as raised:
        await api.call(method, **arguments.get(method, {}))
    is_later = isinstance(raised.value, TemporaryError)
    assert is_later == (method not in CREATING)
    assert not isinstance(raised.value, PermanentError)


async def test_what_never_reached_slack_is_surely_not_done(kim: Person) -> None:
    runner, port = await listen(web.Application(), "127.0.0.1", 0)
    await runner.cleanup()
    nowhere = Api("xoxb-1", f"http://127.0.0.1:{port}/api/", apart=0.0)
    try:
        with pytest.raises(TemporaryError, match="can't be reached"):
            await post(nowhere, kim.dm)
    finally:
        await nowhere.close()


async def test_an_answer_that_is_a_page_of_somebody_elses_leaves_it_unknown(kim: Person) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>Sign in to the hotel's network</html>", content_type="text/html")

    application = web.Application()
    application.router.add_post("/api/{method}", page)
    runner, port = await listen(application, "127.0.0.1", 0)
    behind = Api("xoxb-1", f"http://127.0.0.1:{port}/api/", apart=0.0)
    try:
        with pytest.raises((SlackApiError, SlackRequestError)):
            await post(behind, kim.dm)
        with pytest.raises(TemporaryError):
            await behind.call("auth.test")
    finally:
        await behind.close()
        await runner.cleanup()


# Pauses and pace


async def test_a_pause_holds_for_its_method_and_channel_only(slack: SlackServer, api: Api, kim: Person) -> None:
    lee = slack.person("Lee")
    slack.fail("chat.postMessage", retry_after=30)
    with pytest.raises(TemporaryError) as later:
        await post(api, kim.dm)
    assert later.value.retry_after == 30
    asked = len(slack.calls)
    with pytest.raises(TemporaryError) as later:
        await post(api, kim.dm)
    assert later.value.retry_after == pytest.approx(30, abs=1)
    assert len(slack.calls) == asked, "Slack is not even asked"
    await post(api, lee.dm)
    await api.call("chat.postEphemeral", channel=kim.dm, user=kim.id, text="Hi")
    await api.call("auth.test")


async def test_a_pause_ends(slack: SlackServer, api: Api, kim: Person) -> None:
    slack.fail("chat.postMessage", retry_after=1)
    began = time.monotonic()
    with pytest.raises(TemporaryError):
        await post(api, kim.dm)
    while True:
        try:
            await post(api, kim.dm)
            break
        except TemporaryError as later:
            assert later.retry_after is not None
            await asyncio.sleep(later.retry_after)
    assert 1.0 <= time.monotonic() - began < 2.0
    assert len(slack.calls) == 2


@pytest.mark.parametrize(("said", "waits"), [(0.5, 1.0), (7, 7.0), (99_999, 3600.0)])
async def test_a_pause_is_at_least_a_second_and_at_most_an_hour(
    slack: SlackServer, api: Api, kim: Person, said: float, waits: float
) -> None:
    slack.fail("chat.postMessage", retry_after=said)
    with pytest.raises(TemporaryError) as later:
        await post(api, kim.dm)
    assert later.value.retry_after == waits


async def test_ratelimited_without_a_number_is_a_second(slack: SlackServer, api: Api, kim: Person) -> None:
    slack.fail("chat.postMessage", error="ratelimited")
    with pytest.raises(TemporaryError) as later:
        await post(api, kim.dm)
    assert later.value.retry_after == 1.0


async def test_posts_in_a_channel_keep_apart_in_their_order_and_other_channels_do_not_wait(
    slack: SlackServer, kim: Person
) -> None:
    lee = slack.person("Lee")
    slack.pace = 0.05
    api = Api(slack.bot_token, f"{slack.url}/api/", apart=0.15)
    try:
        began = time.monotonic()
        ours = [asyncio.create_task(post(api, kim.dm, f"{number}")) for number in range(5)]
        await asyncio.sleep(0)
        await post(api, lee.dm)
        assert time.monotonic() - began < 0.3
        await asyncio.gather(*ours)
    finally:
        await api.close()
    assert time.monotonic() - began >= 0.6
    assert [read.text for read in kim.sees(kim.dm)] == ["0", "1", "2", "3", "4"]
    assert {call.status for call in slack.calls} == {200}


# Files


async def test_a_file_goes_up_and_into_its_thread(slack: SlackServer, api: Api, kim: Person) -> None:
    root = (await kim.writes(kim.dm, "Hi", tell=False)).ts
    file = await api.upload(kim.dm, root, "größe.txt", "größer".encode())
    [read] = kim.sees(kim.dm, root)[1:]
    assert read.files == (("größe.txt", "größer".encode()),)
    assert file in slack.workspace.files


@pytest.mark.parametrize("trouble", [{"status": 500}, {"drop": True}, {"retry_after": 3}])
async def test_what_fails_before_a_file_is_shown_is_tried_again(
    slack: SlackServer, api: Api, kim: Person, trouble: dict[str, Any]
) -> None:
    slack.fail("files.getUploadURLExternal", **trouble)
    with pytest.raises(TemporaryError):
        await api.upload(kim.dm, "", "a.txt", b"x")


async def test_a_file_that_may_have_been_shown_is_not_shown_again(slack: SlackServer, api: Api, kim: Person) -> None:
    slack.fail("files.completeUploadExternal", drop=True, done=True)
    with pytest.raises(Exception) as raised:
        await api.upload(kim.dm, "", "a.txt", b"x")
    assert not isinstance(raised.value, TemporaryError | PermanentError)
    assert len(kim.sees(kim.dm)) == 1


async def test_a_file_is_put_on_no_other_host(slack: SlackServer, api: Api, kim: Person) -> None:
    slack.url = "https://files.elsewhere.example"  # what it calls itself in its answers
    with pytest.raises(PermanentError, match="outside Slack"):
        await api.upload(kim.dm, "", "a.txt", b"x")


async def uploaded(kim: Person, slack: SlackServer, content: bytes = b"%PDF-1.7", name: str = "a.pdf") -> Any:
    done = await kim.writes(kim.dm, "", files=[(name, content)], tell=False)
    [file] = slack.workspace.find(kim.dm, done.ts).files
    return slack.workspace.files[file]


async def test_a_file_of_a_customers_is_fetched(slack: SlackServer, api: Api, kim: Person) -> None:
    file = await uploaded(kim, slack)
    assert await api.fetch(file.url, 8, 100) == b"%PDF-1.7"


async def test_a_page_that_somebody_sent_is_fetched_as_any_file(slack: SlackServer, api: Api, kim: Person) -> None:
    page = b"<!DOCTYPE html><html></html>"
    file = await uploaded(kim, slack, page, "page.html")
    assert await api.fetch(file.url, len(page), 100) == page


@pytest.mark.parametrize("why", ["scope", "token", "page"])
async def test_a_sign_in_page_is_not_the_file(slack: SlackServer, api: Api, kim: Person, why: str) -> None:
    file = await uploaded(kim, slack)
    match why:
        case "scope":
            slack.scopes.discard("files:read")
        case "token":
            slack.auth_error = "token_revoked"
        case _:
            file.page = True
    with pytest.raises(PermanentError, match="sign-in page"):
        await api.fetch(file.url, 8, 1_000)


async def test_a_file_that_was_deleted_is_not_there(slack: SlackServer, api: Api, kim: Person) -> None:
    file = await uploaded(kim, slack)
    file.deleted = True
    with pytest.raises(PermanentError, match="404"):
        await api.fetch(file.url, 8, 100)


@pytest.mark.parametrize("size", [8, 0], ids=["as Slack says", "though Slack says nothing"])
async def test_a_file_that_is_too_large_is_not_read_whole(slack: SlackServer, api: Api, kim: Person, size: int) -> None:
    file = await uploaded(kim, slack)
    with pytest.raises(PermanentError, match="larger than"):
        await api.fetch(file.url, size, 7)


@pytest.mark.parametrize(
    "url",
    [
        "https://files.elsewhere.example/files-pri/T1-F1/a.pdf",
        "http://files.slack.com/files-pri/T1-F1/a.pdf",
        "https://files.slack.com.elsewhere.example/a.pdf",
        "https://evilslack.com/a.pdf",
        "https://files.slack.com@elsewhere.example/a.pdf",
        "https://files.slack.com:8443/a.pdf",
        "https://elsewhere.example/?files.slack.com",
        "https://elsewhere.example\\.slack.com/a.pdf",
        "https://files.slack.com:port/a.pdf",
        "https://[files.slack.com/a.pdf",
        "//files.slack.com/a.pdf",
        "file:///etc/passwd",
        "a.pdf",
        "",
    ],
)
async def test_no_other_host_is_shown_the_token(url: str) -> None:
    api = Api("xoxb-1", SLACK)
    with pytest.raises(PermanentError, match="outside Slack"):
        await api.fetch(url, 8, 100)
    await api.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://files.slack.com/files-pri/T1-F1/a.pdf",
        "https://slack.com/files-pri/T1-F1/a.pdf",
        "https://files.slack.com:443/a.pdf",
        "https://larkfield.slack.com/a.pdf",
        "https://FILES.SLACK.COM/a.pdf",
    ],
)
def test_slacks_own_hosts_are_known(url: str) -> None:
    assert Api("xoxb-1", SLACK)._is_slacks(url)


async def test_a_file_that_is_said_to_be_elsewhere_is_not_followed_there(kim: Person) -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization", ""))
        return web.Response(text="x")

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.1:{other_port}/a.pdf")

    other = web.Application()
    other.router.add_get("/{any:.*}", elsewhere)
    mover = web.Application()
    mover.router.add_get("/{any:.*}", moved)
    other_runner, other_port = await listen(other, "127.0.0.1", 0)
    runner, port = await listen(mover, "127.0.0.1", 0)
    api = Api("xoxb-1", f"http://127.0.0.1:{port}/api/")
    try:
        with pytest.raises(PermanentError, match="302"):
            await api.fetch(f"http://127.0.0.1:{port}/a.pdf", 8, 100)
    finally:
        await api.close()
        await runner.cleanup()
        await other_runner.cleanup()
    assert asked == []
