"""What we say to Teams: what each of its refusals means, its pauses, where it is said, and who is shown the token.

Asked is the fake Connector of `tests.fakes`; statuses and codes are those of learn.microsoft.com ('Status codes from
bot conversational APIs').
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.http import listen
from bot.teams import make_api
from channels.teams.api import Api, SaidNo
from channels.teams.parse import Place, Scope
from core.errors import PermanentError, TemporaryError, ThreadlineError
from tests.contract import teams as wire
from tests.fakes.teams_people import Person
from tests.fakes.teams_server import BOT_ID, TENANT, TeamsServer
from tests.support import plain_settings

HI = {"type": "message", "text": "Hi"}
PICTURE = ("bell.png", b"\x89PNG...")


@pytest.fixture
async def teams() -> AsyncIterator[TeamsServer]:
    """An organisation."""
    async with TeamsServer() as server:
        yield server


@pytest.fixture
def kim(teams: TeamsServer) -> Person:
    """Somebody in it."""
    return teams.person("Kim")


@pytest.fixture
async def api(teams: TeamsServer, tmp_path: Path) -> AsyncIterator[Api]:
    """Our way to speak there, without a pace."""
    opened = make_api(plain_settings(tmp_path, **{**wire.settings(teams), "teams_seconds_apart": 0.0}))
    yield opened
    await opened.close()


@pytest.fixture
def chat(teams: TeamsServer, kim: Person) -> Place:
    """Their chat with the app."""
    return Place(teams.service_url(kim.chat), kim.chat.id, Scope.PERSONAL, BOT_ID, TENANT)


async def test_what_is_sent_stands_there_and_can_be_changed_and_deleted(api: Api, chat: Place, kim: Person) -> None:
    one = await api.send(chat, HI)
    assert kim.chat.messages[one].text == "Hi"
    await api.update(chat, one, {**HI, "text": "Hello"})
    assert kim.chat.messages[one].text == "Hello"
    await api.delete(chat, one)
    assert kim.chat.messages[one].deleted


# What a refusal means


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "ConversationBlockedByUser", "The customer has blocked the app in Teams."),
        (403, "MessageWritesBlocked", "The customer has blocked the app in Teams, or removed it."),
        (403, "BotNotInConversationRoster", "The app is no longer in this conversation: it was removed there."),
        (403, "BotDisabledByAdmin", "An administrator has switched the app off in Teams."),
        (403, "SomethingNew", "Teams does not let the app write here: it was blocked or removed."),
        (404, "ConversationNotFound", "There is no such conversation in Teams any more."),
        (404, "SomethingNew", "Teams knows neither this conversation nor this message any more."),
        (413, "MessageSizeTooBig", "Teams takes no message this large."),
        (413, "SomethingNew", "Teams takes no message this large."),
        (400, "BadArgument", "Teams refused it: BadArgument."),
        (418, "", "Teams refused it: 418."),
    ],
)
async def test_a_no_is_for_good_and_says_why(
    teams: TeamsServer, api: Api, chat: Place, status: int, code: str, sentence: str
) -> None:
    teams.fail("send", status=status, code=code)
    with pytest.raises(SaidNo) as no:
        await api.send(chat, HI)
    assert (str(no.value), no.value.status) == (sentence, status)
    assert isinstance(no.value, PermanentError)
    await api.send(chat, HI)


@pytest.mark.parametrize("status", [408, 412, 429, 502, 503, 504])
async def test_what_teams_can_not_do_now_may_be_tried_again(
    teams: TeamsServer, api: Api, chat: Place, status: int
) -> None:
    teams.fail("send", status=status)
    with pytest.raises(TemporaryError):
        await api.send(chat, HI)


@pytest.mark.parametrize(
    ("asked", "wait"), [(3.0, 3.0), (0.01, 0.5), (1e9, 3_600.0), (math.nan, 0.5), (math.inf, 3_600.0)]
)
async def test_a_pause_is_as_long_as_teams_asks_for_within_reason(
    teams: TeamsServer, api: Api, chat: Place, asked: float, wait: float
) -> None:
    teams.fail("send", retry_after=asked)
    with pytest.raises(TemporaryError) as away:
        await api.send(chat, HI)
    assert away.value.retry_after == pytest.approx(wait, abs=0.2)


async def test_while_one_conversation_is_paused_nothing_is_sent_there_and_others_go_on(
    teams: TeamsServer, api: Api, chat: Place
) -> None:
    lee = teams.person("Lee")
    other = Place(chat.service, lee.chat.id, Scope.PERSONAL, BOT_ID, TENANT)
    teams.fail("send", retry_after=60)
    for _ in range(2):
        with pytest.raises(TemporaryError):
            await api.send(chat, HI)
    assert len(teams.calls) == 1
    await api.send(other, HI)


async def test_messages_in_one_conversation_are_kept_apart(teams: TeamsServer, chat: Place, tmp_path: Path) -> None:
    paced = make_api(plain_settings(tmp_path, **{**wire.settings(teams), "teams_seconds_apart": 0.1}))
    began = time.monotonic()
    await asyncio.gather(*(paced.send(chat, HI) for _ in range(4)))
    assert time.monotonic() - began >= 0.3
    await paced.close()


@pytest.mark.parametrize("trouble", [{"drop": True}, {"status": 500}, {"status": 501}])
async def test_where_nobody_knows_whether_it_was_sent_nothing_is_claimed(
    teams: TeamsServer, api: Api, chat: Place, trouble: dict[str, Any]
) -> None:
    teams.fail("send", **trouble)
    with pytest.raises(Exception, match=r".") as odd:
        await api.send(chat, HI)
    assert not isinstance(odd.value, ThreadlineError), "the part's fate is unknown"


@pytest.mark.parametrize("trouble", [{"drop": True}, {"status": 500}], ids=["hung up", "a fault"])
async def test_a_change_whose_answer_was_lost_may_be_made_again(
    teams: TeamsServer, api: Api, chat: Place, trouble: dict[str, Any]
) -> None:
    one = await api.send(chat, HI)
    teams.fail("update", left=-1, **trouble)
    with pytest.raises(TemporaryError):
        await api.update(chat, one, HI)
    teams.fail("delete", left=-1, status=500)
    with pytest.raises(TemporaryError):
        await api.delete(chat, one)


async def test_a_teams_that_can_not_be_reached_may_be_tried_again(teams: TeamsServer, tmp_path: Path) -> None:
    gone = make_api(plain_settings(tmp_path, **{**wire.settings(teams), "teams_service_urls": ["http://127.0.0.1:1/"]}))
    with pytest.raises(TemporaryError, match="can't be reached"):
        await gone.send(Place("http://127.0.0.1:1/", "a:1", Scope.PERSONAL, BOT_ID, TENANT), HI)
    await gone.close()


# The token


async def test_a_token_that_was_revoked_is_fetched_anew_once(teams: TeamsServer, api: Api, chat: Place) -> None:
    await api.send(chat, HI)
    teams.identity.revoke()
    await api.send(chat, HI)
    assert [call.status for call in teams.calls] == [201, 401, 201]


async def test_an_app_that_teams_does_not_take_reads_what_to_check(teams: TeamsServer, api: Api, chat: Place) -> None:
    teams.fail("send", status=401, left=-1)
    with pytest.raises(TemporaryError, match="TEAMS_APP_PASSWORD"):
        await api.send(chat, HI)
    assert len(teams.calls) == 2, "it is not tried for ever"


@pytest.mark.parametrize(
    "service",
    [
        "https://evil.example/amer/",
        "https://smba.trafficmanager.net.evil.example/",
        "http://smba.trafficmanager.net/amer/",
        "https://smba.trafficmanager.net@evil.example/",
        "",
        "https://[::1",
    ],
)
async def test_nothing_is_sent_to_an_address_that_is_not_microsofts(
    teams: TeamsServer, api: Api, chat: Place, service: str
) -> None:
    elsewhere = Place(service, chat.conversation, Scope.PERSONAL, BOT_ID, TENANT)
    for act in (api.send(elsewhere, HI), api.update(elsewhere, "1", HI), api.delete(elsewhere, "1")):
        with pytest.raises(PermanentError, match="not Teams'"):
            await act
    assert teams.identity.asked == [], "and no token is fetched for it"


# Files


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://larkfield.sharepoint.com/x?tempauth=y", True),
        ("https://larkfield-my.SharePoint.com/x", True),
        ("https://public.am.files.1drv.com/x", True),
        ("https://larkfield.sharepoint.us:443/x", True),
        ("http://larkfield.sharepoint.com/x", False),
        ("https://larkfield.sharepoint.com:8443/x", False),
        ("https://larkfield.sharepoint.com@evil.example/x", False),
        ("https://user@larkfield.sharepoint.com/x", False),
        ("https://sharepoint.com.evil.example/x", False),
        ("https://evilsharepoint.com/x", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("ftp://larkfield.sharepoint.com/x", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_files_are_kept_in_microsofts_stores_only(api: Api, url: str, kept: bool) -> None:
    assert api.keeps_files(url) is kept


async def picture(kim: Person) -> str:
    """Return the address of a picture that somebody pasted."""
    done = await kim.writes(kim.chat, "See.", pictures=[PICTURE], tell=False)
    return str(done.activity["attachments"][0]["contentUrl"])


async def test_a_picture_is_fetched_with_the_token_and_after_a_revocation_with_a_new_one(
    teams: TeamsServer, api: Api, kim: Person
) -> None:
    url = await picture(kim)
    assert await api.fetch(url, 100, token=True) == (PICTURE[1], "image/png")
    teams.identity.revoke()
    assert (await api.fetch(url, 100, token=True))[0] == PICTURE[1]
    teams.fail("picture", status=401, left=-1)
    with pytest.raises(PermanentError, match="401"):
        await api.fetch(url, 100, token=True)


async def test_a_file_is_fetched_without_the_token_and_not_beyond_the_limit(
    teams: TeamsServer, api: Api, kim: Person
) -> None:
    done = await kim.writes(kim.chat, files=[("notes.txt", b"x" * 100)], tell=False)
    url = str(done.activity["attachments"][0]["content"]["downloadUrl"])
    assert await api.fetch(url, 100, token=False) == (b"x" * 100, "text/plain")
    assert teams.leaks == []
    with pytest.raises(PermanentError, match="larger than"):
        await api.fetch(url, 99, token=False)
    teams.end_downloads()
    with pytest.raises(PermanentError, match="its link may have ended"):
        await api.fetch(url, 100, token=False)


async def test_no_redirect_is_followed_and_a_fault_may_pass(teams: TeamsServer, tmp_path: Path) -> None:
    answers = iter((302, 500, 429))
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=next(answers), headers={"Location": "/secret"})

    application = web.Application()
    application.router.add_route("*", "/{any:.*}", answer)
    runner, port = await listen(application, "127.0.0.1", 0)
    store = f"http://127.0.0.1:{port}"
    settings = {**wire.settings(teams), "teams_service_urls": [store]}
    api = make_api(plain_settings(tmp_path, **settings))
    try:
        with pytest.raises(PermanentError, match="302"):
            await api.fetch(f"{store}/file", 100, token=False)
        with pytest.raises(TemporaryError):
            await api.fetch(f"{store}/file", 100, token=False)
        with pytest.raises(TemporaryError):
            await api.upload(f"{store}/file", b"x")
    finally:
        await api.close()
        await runner.cleanup()
    assert asked == ["/file"] * 3


async def test_a_file_goes_nowhere_but_into_microsofts_stores(teams: TeamsServer, api: Api) -> None:
    with pytest.raises(PermanentError, match="outside Microsoft's stores"):
        await api.upload("https://evil.example/x", b"x")
    with pytest.raises(PermanentError, match="does not take the file"):
        await api.upload(f"{teams.url}/upload/nowhere", b"x")


async def test_a_connection_that_ends_in_an_upload_may_be_tried_again(teams: TeamsServer, tmp_path: Path) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.abort()
        return web.Response()

    application = web.Application()
    application.router.add_put("/{any:.*}", hang_up)
    runner, port = await listen(application, "127.0.0.1", 0)
    store = f"http://127.0.0.1:{port}"
    api = make_api(plain_settings(tmp_path, **{**wire.settings(teams), "teams_service_urls": [store]}))
    try:
        with pytest.raises(TemporaryError):
            await api.upload(f"{store}/x", b"x")
    finally:
        await api.close()
        await runner.cleanup()
