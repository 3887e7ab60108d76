"""The doctor on Microsoft Teams: what works, what is missing, and the fix, against a Teams on a loopback port."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import open_database
from bot.check import Check
from bot.doctor import examine
from bot.doctor_teams import examine_teams
from bot.home import Home
from core.store.desks import DeskPlace, Desks
from core.store.migrations import migrate
from tests.contract import teams as wire
from tests.fakes.teams_server import TENANT, TeamsServer
from tests.fakes.teams_workspace import Room
from tests.support import plain_settings

PUBLIC = "https://help.example.com"


@pytest.fixture
async def teams() -> AsyncIterator[TeamsServer]:
    """An organisation with our app in it."""
    async with TeamsServer() as server:
        yield server


def desk_in(server: TeamsServer, name: str = "Support desk", **more: Any) -> Room:
    """Return a channel of a team with three people."""
    people = [server.person(name) for name in ("Ada", "Bob", "Eve")]
    return server.team("Larkfield", *people, **more).channel(name)


async def checks(home: Path, server: TeamsServer, *, seconds: float = 10.0, **more: Any) -> dict[str, Check]:
    """Examine Teams alone."""
    settings = {**wire.settings(server), "public_url": PUBLIC, **more}
    return {check.name: check async for check in examine_teams(plain_settings(home, **settings), seconds=seconds)}


async def test_an_app_that_is_set_up_is_well_and_says_what_it_serves(home: Path, teams: TeamsServer) -> None:
    desk = desk_in(teams)
    group = teams.group("Leads", teams.person("Lee"))
    found = await checks(home, teams, desk=f"teams:{desk.id}", second_desk=f"teams:{group.id}")
    assert {name: (check.state, check.found) for name, check in found.items()} == {
        "teams": ("ok", f"the app signs in; it serves the organisation {TENANT}"),
        "teams keys": ("ok", "1 keys that Teams may sign with"),
        "teams door": ("ok", f"Teams posts to {PUBLIC}/api/messages"),
        "teams desk": ("ok", "the app is there, with 3 people"),
        "teams second desk": ("ok", "the app is there, with 1 people"),
    }
    assert "Messaging endpoint" in found["teams door"].fix


async def test_looking_changes_nothing_in_teams(home: Path, teams: TeamsServer) -> None:
    desk = desk_in(teams)
    await checks(home, teams, desk=f"teams:{desk.id}")
    assert {call.verb for call in teams.calls} == {"GET"}
    assert desk.messages == {}


async def test_the_doctor_examines_teams_where_it_is_configured(home: Path, teams: TeamsServer) -> None:
    desk = desk_in(teams)
    settings = {**wire.settings(teams), "desk": f"teams:{desk.id}", "embedding_model": "none", "http_port": 0}
    found = {check.name: check async for check in examine(plain_settings(home, **settings, public_url=PUBLIC))}
    assert [found[name].state for name in ("teams", "teams keys", "teams door", "teams desk")] == ["ok"] * 4
    assert (found["desk"].state, found["desk"].found) == ("ok", f"the web desk, teams:{desk.id}")


async def test_other_organisations_that_are_served_are_counted(home: Path, teams: TeamsServer) -> None:
    found = await checks(home, teams, teams_tenants=[TENANT, "another", "a-third"])
    assert found["teams"].found.endswith(f"{TENANT}, and 2 more")


async def test_with_teams_dev_it_is_said_that_nothing_is_checked(home: Path) -> None:
    [check] = [check async for check in examine_teams(plain_settings(home, teams_dev=True))]
    assert (check.state, "nothing is checked" in check.found) == ("ok", True)


async def test_until_a_channel_is_chosen_it_says_how_and_then_looks_at_that_channel(
    home: Path, teams: TeamsServer
) -> None:
    desk = desk_in(teams)
    settings = plain_settings(home, **wire.settings(teams), desk="teams")
    fix = "Run `threadline teams-desk`, and write the line that it prints in the channel that is to be the desk."
    unchosen = ("broken", "no channel has been chosen as the desk yet", fix)
    for more in ({}, {"teams_dev": True}):
        check = (await checks(home, teams, desk="teams", **more))["teams desk"]
        assert (check.state, check.found, check.fix) == unchosen, "without a database too"
    database = open_database(settings, Home(home))
    await migrate(database)
    assert (await checks(home, teams, second_desk="teams"))["teams second desk"].fix == fix
    desks = Desks(database)
    assert await desks.move("teams", await desks.offer("teams", 1.0), DeskPlace(desk.id, {"scope": "channel"}, 2.0))
    await database.close()
    check = (await checks(home, teams, desk="teams"))["teams desk"]
    assert (check.state, check.found) == ("ok", "the app is there, with 3 people")


# Signing in


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"teams_app_password": "hidden"}, "Invalid client secret provided."),
        ({"teams_app_id": "11111111-2222-3333-4444-555555555555"}, "was not found in the directory"),
        ({"teams_tenants": ["elsewhere"]}, "Tenant 'elsewhere' not found."),
    ],
)
async def test_an_app_that_can_not_sign_in_reads_what_microsoft_says_and_where_the_ids_are(
    home: Path, teams: TeamsServer, wrong: dict[str, Any], word: str
) -> None:
    check = (await checks(home, teams, **wrong))["teams"]
    assert check.state == "broken"
    assert word in check.found
    assert "TEAMS_APP_PASSWORD" in check.found
    assert "App registrations" in check.fix


async def test_no_secret_or_token_is_ever_shown(home: Path, teams: TeamsServer) -> None:
    desk = desk_in(teams)
    shown = [await checks(home, teams, desk=f"teams:{desk.id}"), await checks(home, teams, teams_app_password="hidden")]
    tokens = [call.token for call in teams.calls]
    assert tokens
    assert not any(secret in str(shown) for secret in ("hidden", teams.identity.secret, *tokens))


# Keys


@pytest.mark.parametrize("path", ["openidconfiguration", "keys"])
async def test_keys_that_can_not_be_fetched_name_the_host_that_has_to_be_reached(
    home: Path, teams: TeamsServer, path: str
) -> None:
    teams.identity.fail(path, left=-1)
    check = (await checks(home, teams))["teams keys"]
    assert (check.state, check.found) == ("broken", "The keys of Teams' tokens can't be fetched now.")
    assert teams.identity.url.removeprefix("http://") in check.fix


# The way in


@pytest.mark.parametrize(
    ("address", "complaint"),
    [("", "PUBLIC_URL, which is not set"), ("http://help.example.com", "not to http://help.example.com")],
)
async def test_teams_can_not_post_to_an_address_that_is_missing_or_open_to_read(
    home: Path, teams: TeamsServer, address: str, complaint: str
) -> None:
    check = (await checks(home, teams, public_url=address))["teams door"]
    assert check.state == "broken"
    assert complaint in check.found
    assert "PUBLIC_URL" in check.fix


# The desk's channel


async def test_a_desk_that_the_app_is_not_in_is_named_with_what_helps(home: Path, teams: TeamsServer) -> None:
    desk = desk_in(teams, installed=False)
    check = (await checks(home, teams, desk=f"teams:{desk.id}"))["teams desk"]
    assert (check.state, "removed there" in check.found) == ("broken", True)
    assert "Add the app to the team" in check.fix


@pytest.mark.parametrize("named", ["19:nobody@thread.tacv2", "support-desk", "", "19:a/../b", "a:1"])
async def test_a_desk_that_names_no_channel_says_how_its_name_is_read(
    home: Path, teams: TeamsServer, named: str
) -> None:
    check = (await checks(home, teams, desk=f"teams:{named}"))["teams desk"]
    assert check.state == "broken"
    assert check.found
    assert "@Threadline desk" in check.fix


async def test_a_desk_with_very_many_people_says_so(home: Path, teams: TeamsServer) -> None:
    desk = teams.team("All", *(teams.person(f"P{number}") for number in range(60))).channel("Desk")
    assert (await checks(home, teams, desk=f"teams:{desk.id}"))["teams desk"].found.endswith("50 or more people")


# Microsoft is away


async def test_a_microsoft_that_can_not_be_reached_is_said_of_each_of_its_parts(home: Path, teams: TeamsServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        away = f"http://127.0.0.1:{probe.getsockname()[1]}"
    desk = desk_in(teams)
    gone: dict[str, Any] = {
        "teams_login_url": away,
        "teams_openid_url": f"{away}/keys",
        "teams_service_urls": [f"{away}/amer/"],
    }
    found = await checks(home, teams, desk=f"teams:{desk.id}", **gone)
    assert [found[name].state for name in ("teams", "teams keys", "teams desk")] == ["broken"] * 3
    assert found["teams"].found == "Microsoft's sign-in for the app can't be reached."
    assert "Run the doctor again" in found["teams desk"].fix


async def test_a_microsoft_that_does_not_answer_in_time_keeps_nobody_waiting(home: Path, teams: TeamsServer) -> None:
    desk = desk_in(teams)
    teams.identity.slow = 1.5
    found = await checks(home, teams, seconds=0.2, desk=f"teams:{desk.id}")
    assert [found[name].state for name in ("teams", "teams keys", "teams desk")] == ["broken"] * 3
    assert found["teams"].found == "Microsoft's sign-in gave no answer in time."
    assert found["teams keys"].found == "no answer in time"
    assert found["teams desk"].found == "Teams gave no answer in time."


async def test_a_connector_that_is_slow_or_away_is_no_fault_of_the_settings(home: Path, teams: TeamsServer) -> None:
    desk = desk_in(teams)
    teams.fail("pagedmembers", status=503)
    away = (await checks(home, teams, desk=f"teams:{desk.id}"))["teams desk"]
    teams.fail("pagedmembers", delay=60)
    slow = (await checks(home, teams, seconds=1.0, desk=f"teams:{desk.id}"))["teams desk"]
    assert (away.found, away.fix) == ("Teams is away.", "Run the doctor again in a minute.")
    assert slow.found == "Teams gave no answer in time."
