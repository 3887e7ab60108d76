"""Teams' SDK as we use it: what it would lose or break on the way in and out, and what it has to leave alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings
from bot.teams import make_api
from channels.teams.adapter import Adapter, Answer, organisation
from tests.contract import teams as wire
from tests.fakes.teams_server import BOT_ID, TENANT, TeamsServer
from tests.support import plain_settings

JSON = dict[str, Any]
MENTION = {"type": "mention", "text": "<at>Threadline</at>", "mentioned": {"id": BOT_ID}}


@pytest.fixture
async def teams() -> AsyncIterator[TeamsServer]:
    """An organisation."""
    async with TeamsServer() as server:
        yield server


@pytest.fixture
def settings(teams: TeamsServer, tmp_path: Path) -> Settings:
    """An app in it."""
    return plain_settings(tmp_path, **wire.settings(teams))


@pytest.fixture
async def adapter(settings: Settings) -> AsyncIterator[Adapter]:
    """Its connection."""
    api = make_api(settings)
    yield api.adapter
    await api.close()


def activity(teams: TeamsServer, **more: Any) -> JSON:
    """Return an activity of the organisation."""
    usual = {"type": "message", "id": "1", "channelId": "msteams", "serviceUrl": teams.service_urls[0]}
    return {**usual, "channelData": {"tenant": {"id": TENANT}}, **more}


def header(teams: TeamsServer) -> str:
    """Return what proves that it is Teams."""
    return f"Bearer {teams.identity.sign(teams.service_urls[0])}"


# In


async def test_the_whole_activity_is_handed_on_as_it_came(teams: TeamsServer, adapter: Adapter) -> None:
    odd = activity(
        teams, text=None, entities=[MENTION, {"type": "brandNew", "deep": {"kept": True}}], value={"x": [1]}, other=2
    )
    taken: list[JSON] = []

    async def take(raw: JSON) -> None:
        taken.append(raw)

    assert await adapter.process(header(teams), odd, take) is None
    assert taken == [odd], "nothing is dropped, and a mention without a text harms nobody"


@pytest.mark.parametrize(
    "body", [{"statusCode": 200, "type": "x", "value": {"type": "AdaptiveCard", "deep": [1, {"a": None}]}}, None]
)
async def test_an_invoke_is_answered_with_the_body_as_it_is(
    teams: TeamsServer, adapter: Adapter, body: JSON | None
) -> None:
    async def take(_: JSON) -> Answer:
        return Answer(200, body)

    invoked = activity(teams, type="invoke", name="adaptiveCard/action")
    assert await adapter.process(header(teams), invoked, take) == Answer(200, body)


async def test_what_goes_wrong_in_taking_an_activity_comes_out_again(teams: TeamsServer, adapter: Adapter) -> None:
    async def take(_: JSON) -> None:
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        await adapter.process(header(teams), activity(teams), take)


async def test_an_activity_that_nobody_vouches_for_is_not_handed_on(teams: TeamsServer, adapter: Adapter) -> None:
    async def take(_: JSON) -> None:
        raise AssertionError("it was handed on")

    for shown in ("", "Bearer x.y.z", "Basic x"):
        with pytest.raises(PermissionError):
            await adapter.process(shown, activity(teams), take)
    for wrong in ({"channelData": {"tenant": {"id": "other"}}}, {"serviceUrl": None}, {"channelId": ["msteams"]}):
        with pytest.raises(PermissionError):
            await adapter.process(header(teams), activity(teams, **wrong), take)


@pytest.mark.parametrize(
    ("raw", "tenant"),
    [
        ({"channelData": {"tenant": {"id": TENANT}}}, TENANT),
        ({"channelData": {"tenant": {"id": 5}}}, ""),
        ({"channelData": {"tenant": TENANT}}, ""),
        ({"channelData": []}, ""),
        ({"conversation": {"tenantId": TENANT}}, ""),
        ({}, ""),
    ],
)
def test_the_organisation_is_the_one_in_the_channels_own_data(raw: JSON, tenant: str) -> None:
    assert organisation(raw) == tenant


# Out


async def test_what_is_sent_is_on_the_wire_as_it_was_written(teams: TeamsServer, adapter: Adapter) -> None:
    kim = teams.person("Kim")
    written = {
        "type": "message",
        "text": "See [1].",
        "entities": [
            {
                "type": "https://schema.org/Message",
                "@type": "Message",
                "@context": "https://schema.org",
                "additionalType": ["AIGeneratedContent"],
                "citation": [
                    {
                        "@type": "Claim",
                        "position": 1,
                        "appearance": {"@type": "DigitalDocument", "name": "Returns", "abstract": "..."},
                    }
                ],
            }
        ],
        "channelData": {"feedbackLoop": {"type": "default"}},
        "brandNew": {"kept": None},
    }
    one = await adapter.send(teams.service_url(kim.chat), kim.chat.id, written)
    assert teams.calls_of("send")[0].body == written
    assert kim.chat.messages[one].text == "See [1]."
    await adapter.update(teams.service_url(kim.chat), kim.chat.id, one, written)
    assert teams.calls_of("update")[0].body == written


async def test_a_channels_thread_keeps_its_name_on_the_way(teams: TeamsServer, adapter: Adapter) -> None:
    room = teams.team("Larkfield").channel("Help")
    thread, posted = await adapter.begin(
        teams.service_url(room),
        {
            "isGroup": True,
            "channelData": {"channel": {"id": room.id}},
            "tenantId": TENANT,
            "activity": {"type": "message", "text": "Hi"},
        },
    )
    assert thread == f"{room.id};messageid={posted}"
    reply = await adapter.send(teams.service_url(room), thread, {"type": "message", "text": "Below."})
    assert room.messages[reply].root == posted


async def test_members_are_told_with_what_says_whether_they_are_guests(teams: TeamsServer, adapter: Adapter) -> None:
    ada, gus = teams.person("Ada"), teams.person("Gus", guest=True)
    room = teams.team("Larkfield", ada, gus).channel("Help")
    service = teams.service_url(room)
    member, guest = [await adapter.member(service, room.id, one.id) for one in (ada, gus)]
    assert (member["userRole"], guest["userRole"]) == ("user", "guest")
    assert "#EXT#" in guest["userPrincipalName"]
    assert [one["name"] for one in await adapter.members(service, room.id)] == ["Ada", "Gus"]


async def test_very_many_service_addresses_do_not_fill_the_memory(teams: TeamsServer, adapter: Adapter) -> None:
    kim = teams.person("Kim")
    for number in range(60):
        service = f"{teams.url}/amer/{number:08}-0000-4000-8000-000000000000/"
        await adapter.send(service, kim.chat.id, {"type": "message", "text": "Hi"})
    assert len(adapter._factory._clients) <= 50
