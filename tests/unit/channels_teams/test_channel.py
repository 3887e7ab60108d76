"""Teams as a channel, part by part: streams that another process began or that are over, edits, what can't be sent."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.teams import make_api
from channels.teams.channel import TeamsChannel
from channels.teams.names import key
from core.delivery import DeliveryState, Part, PartKind
from core.errors import PermanentError, TemporaryError
from core.ids import DeliveryId, FileId, MessageId, ThreadId
from core.messages import Author, File, Message
from core.thread import Thread
from tests.contract import teams as wire
from tests.fakes.teams_people import Person
from tests.fakes.teams_server import BOT_ID, TENANT, TeamsServer
from tests.fakes.teams_workspace import Message as Post
from tests.fakes.teams_workspace import Room
from tests.support import ManualClock, plain_settings

FIRST = "It costs 4.90. "
WHOLE = f"{FIRST}It comes on Monday."


@pytest.fixture
async def teams() -> AsyncIterator[TeamsServer]:
    """An organisation whose streams may be as quick as they like."""
    async with TeamsServer() as server:
        wire.tune(server)
        yield server
        assert server.dropped == [], "Teams left something out"


@pytest.fixture
def kim(teams: TeamsServer) -> Person:
    """A customer."""
    return teams.person("Kim")


@pytest.fixture
async def channels(teams: TeamsServer, tmp_path: Path, clock: ManualClock) -> AsyncIterator[list[TeamsChannel]]:
    """Two processes of one program."""
    apis = [make_api(plain_settings(tmp_path, **wire.settings(teams))) for _ in range(2)]
    yield [TeamsChannel(api, clock, own=TENANT, stream_apart=0.05) for api in apis]
    for api in apis:
        await api.close()


@pytest.fixture
def channel(channels: list[TeamsChannel]) -> TeamsChannel:
    """The first of them."""
    return channels[0]


def part(teams: TeamsServer, room: Room, text: str = WHOLE, kind: PartKind = PartKind.TEXT, **more: Any) -> Part:
    """Return an answer of the assistant's in a conversation."""
    scope = {"personal": "personal", "groupChat": "group", "channel": "channel"}[room.kind]
    route = {"service": teams.service_url(room), "bot": BOT_ID, "scope": scope}
    thread = Thread(ThreadId("t_1"), key(TENANT, room.id), "teams:1", language="en", route=route)
    said = Message(MessageId("m_1"), 2, Author.BOT, text, 0.0)
    return Part(DeliveryId("d_1"), "message:m_1", kind, thread, said, **more)


def posts(room: Room) -> list[Post]:
    """Return what the app has in a conversation."""
    return [one for one in room.messages.values() if one.by_bot and not one.deleted]


async def test_a_stream_goes_on_in_another_process_and_ends_there(
    teams: TeamsServer, channels: list[TeamsChannel], kim: Person, clock: ManualClock
) -> None:
    first, second = channels
    answer = part(teams, kim.chat)
    name = await first.stream(answer, FIRST)
    clock.tick(1)
    name = await second.stream(replace(answer, platform_id=name), f"{FIRST}It comes ")
    clock.tick(1)
    sent = await first.send(replace(answer, platform_id=name))
    [post] = posts(kim.chat)
    assert sent.state is DeliveryState.DELIVERED
    assert post.stream
    assert (post.stream.state, post.text.startswith(WHOLE)) == ("final", True)


async def test_pieces_that_come_too_quickly_are_left_out_and_nothing_is_lost(
    teams: TeamsServer, channel: TeamsChannel, kim: Person, clock: ManualClock
) -> None:
    answer = part(teams, kim.chat)
    name = await channel.stream(answer, "It ")
    for end in range(5, len(FIRST)):
        assert await channel.stream(replace(answer, platform_id=name), FIRST[:end]) == name
    assert len(teams.calls) == 1
    clock.tick(1)
    assert await channel.stream(replace(answer, platform_id=name), FIRST) != name
    assert len(teams.calls) == 2


@pytest.mark.parametrize("kind", ["group", "channel"])
async def test_elsewhere_than_in_personal_chats_nothing_streams(
    teams: TeamsServer, channel: TeamsChannel, kim: Person, kind: str
) -> None:
    room = teams.group("Shop", kim) if kind == "group" else teams.team("Larkfield", kim).channel("Help")
    assert await channel.stream(part(teams, room), FIRST) == ""
    assert teams.calls == []


async def test_an_answer_that_turned_out_otherwise_comes_whole_below_what_had_grown(
    teams: TeamsServer, channel: TeamsChannel, kim: Person
) -> None:
    answer = part(teams, kim.chat, "Something else.")
    name = await channel.stream(answer, FIRST)
    sent = await channel.send(replace(answer, platform_id=name))
    assert sent.state is DeliveryState.DELIVERED
    assert [one.text.startswith("Something else.") for one in posts(kim.chat)] == [False, True]


async def test_a_pause_in_a_stream_ends_it_not(
    teams: TeamsServer, channel: TeamsChannel, kim: Person, clock: ManualClock
) -> None:
    answer = part(teams, kim.chat)
    name = await channel.stream(answer, FIRST)
    clock.tick(1)
    teams.fail("send", status=503)
    assert await channel.stream(replace(answer, platform_id=name), f"{FIRST}It ") == name
    assert (await channel.send(replace(answer, platform_id=name))).state is DeliveryState.DELIVERED
    assert len(posts(kim.chat)) == 1


# Streams that are to end without their message


async def test_a_stream_that_is_cut_off_ends_with_what_it_shows(
    teams: TeamsServer, channel: TeamsChannel, kim: Person
) -> None:
    answer = part(teams, kim.chat)
    name = await channel.stream(answer, FIRST)
    await channel.cut_off(replace(answer, platform_id=name, kind=PartKind.CUT_OFF, message=None))
    [post] = posts(kim.chat)
    assert post.stream
    assert (post.stream.state, post.text) == ("final", f"{FIRST.strip()} …")


async def test_a_stream_that_another_process_began_is_taken_away_when_it_is_cut_off(
    teams: TeamsServer, channels: list[TeamsChannel], kim: Person
) -> None:
    answer = part(teams, kim.chat)
    name = await channels[0].stream(answer, FIRST)
    await channels[1].cut_off(replace(answer, platform_id=name, kind=PartKind.CUT_OFF, message=None))
    assert posts(kim.chat) == [], "half an answer does not stand there for ever"


@pytest.mark.parametrize("process", [0, 1])
async def test_what_is_whole_or_was_stopped_by_the_customer_is_never_taken_away(
    teams: TeamsServer, channels: list[TeamsChannel], kim: Person, process: int
) -> None:
    answer = part(teams, kim.chat)
    name = await channels[0].stream(answer, FIRST)
    await channels[0].send(replace(answer, platform_id=name))
    again = await channels[0].stream(answer, FIRST)
    kim.stops(kim.chat, posts(kim.chat)[-1].id)
    for one in (name, again):
        await channels[process].cut_off(replace(answer, platform_id=one, kind=PartKind.CUT_OFF, message=None))
    whole, stopped = posts(kim.chat)
    assert whole.text.startswith(WHOLE)
    assert stopped.stream
    assert (stopped.stream.state, stopped.stream.text) == ("stopped", FIRST.strip())


async def test_a_cut_that_teams_does_not_take_now_may_be_made_again(
    teams: TeamsServer, channel: TeamsChannel, kim: Person
) -> None:
    answer = part(teams, kim.chat)
    cut = replace(answer, platform_id=await channel.stream(answer, FIRST), kind=PartKind.CUT_OFF, message=None)
    teams.fail("send", status=503)
    with pytest.raises(TemporaryError):
        await channel.cut_off(cut)
    await channel.cut_off(cut)
    assert [one.text for one in posts(kim.chat)] == [f"{FIRST.strip()} …"]


@pytest.mark.parametrize("name", ["", "1700000000000", "stream|broken", "stream|1|2|3.0|4.0|5|broken"])
async def test_a_cut_of_what_is_no_stream_or_a_broken_one_does_nothing(
    teams: TeamsServer, channel: TeamsChannel, kim: Person, name: str
) -> None:
    await channel.cut_off(part(teams, kim.chat, kind=PartKind.CUT_OFF, platform_id=name))
    assert teams.calls == []


# Changes


async def test_a_shorter_text_leaves_no_old_pieces_behind(
    teams: TeamsServer, channel: TeamsChannel, kim: Person
) -> None:
    long = " ".join(f"{number:05}\U0001f514\U0001f514\U0001f514" for number in range(3_000))
    sent = await channel.send(part(teams, kim.chat, long))
    assert len(posts(kim.chat)) > 1
    edited = await channel.edit(part(teams, kim.chat, kind=PartKind.EDIT, platform_id=sent.platform_id))
    [post] = posts(kim.chat)
    assert post.text.startswith(WHOLE)
    assert edited.platform_id == post.id
    again = await channel.edit(part(teams, kim.chat, kind=PartKind.EDIT, platform_id=sent.platform_id))
    assert again.state is DeliveryState.DELIVERED, "what is gone already is no fault"


async def test_a_longer_text_comes_below_the_first_piece(
    teams: TeamsServer, channel: TeamsChannel, kim: Person
) -> None:
    sent = await channel.send(part(teams, kim.chat))
    long = " ".join(f"{number:05}\U0001f514\U0001f514\U0001f514" for number in range(3_000))
    edited = await channel.edit(part(teams, kim.chat, long, PartKind.EDIT, platform_id=sent.platform_id))
    assert edited.platform_id.split(",") == [one.id for one in posts(kim.chat)]
    assert edited.platform_id.startswith(f"{sent.platform_id},")


# What can't be sent


async def test_a_conversation_that_names_no_way_back_or_no_message_is_an_error_for_good(
    teams: TeamsServer, channel: TeamsChannel, kim: Person
) -> None:
    good = part(teams, kim.chat)
    assert good.thread
    for bad in (
        replace(good, thread=replace(good.thread, route={})),
        replace(good, thread=None),
        replace(good, message=None),
    ):
        with pytest.raises(PermanentError):
            await channel.send(bad)
    assert teams.calls == []


@pytest.mark.parametrize(("kind", "content"), [("group", b"x"), ("personal", b"")])
async def test_a_file_that_teams_would_not_take_is_refused_with_a_sentence(
    teams: TeamsServer, channel: TeamsChannel, kim: Person, kind: str, content: bytes
) -> None:
    room = kim.chat if kind == "personal" else teams.group("Shop", kim)

    async def read() -> bytes:
        return content

    file = File(FileId("f_1"), "label.pdf", "application/pdf", len(content))
    sent = await channel.send_file(part(teams, room, kind=PartKind.FILE, file=file), read)
    assert sent.state is DeliveryState.REFUSED
    assert sent.error
    assert teams.calls == []
