"""The doctor on Slack: what works, what is missing, and the fix, against a Slack on a loopback port."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.check import Check
from bot.doctor import examine
from bot.doctor_slack import FOR_AGENT_VIEW, FOR_CUSTOMERS, FOR_DESKS, examine_slack
from tests.fakes.slack_server import SlackServer
from tests.support import plain_settings

HTTP: dict[str, Any] = {"slack_app_token": "", "slack_signing_secret": "very-secret"}


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A workspace with our app in it."""
    async with SlackServer() as server:
        yield server


def settings(server: SlackServer, **more: Any) -> dict[str, Any]:
    """Return the settings for this workspace, by Socket Mode."""
    tokens = {"slack_bot_token": server.bot_token, "slack_app_token": server.app_token}
    return {**tokens, "slack_api_url": f"{server.url}/api/", **more}


async def checks(home: Path, server: SlackServer, *, seconds: float = 10.0, **more: Any) -> dict[str, Check]:
    """Examine Slack alone."""
    found = examine_slack(plain_settings(home, **settings(server, **more)), seconds=seconds)
    return {check.name: check async for check in found}


async def test_an_app_that_is_set_up_is_well_and_says_where_it_is(home: Path, slack: SlackServer) -> None:
    desk, second = slack.channel("support-desk"), slack.channel("leads", kind="group")
    found = await checks(home, slack, desk=f"slack:{desk.id}", second_desk=f"slack:{second.id}")
    assert {name: (check.state, check.found) for name, check in found.items()} == {
        "slack": ("ok", "@threadline in the workspace Larkfield"),
        "slack scopes": ("ok", "the app may do all that is needed"),
        "slack socket": ("ok", "Socket Mode: connects by itself, Slack needs no way to this machine"),
        "slack desk": ("ok", f"#support-desk ({desk.id})"),
        "slack second desk": ("ok", f"#leads ({second.id})"),
    }


async def test_who_has_other_channels_is_told_what_joins_their_customers(home: Path, slack: SlackServer) -> None:
    secret = "a-widget-secret-that-is-long-enough-for-hs256"
    scopes = (await checks(home, slack, widget_secret=secret))["slack scopes"]
    assert scopes.state == "ok"
    assert "with users:read.email, customers would be the same in Slack" in scopes.found
    slack.scopes.add("users:read.email")
    assert "users:read.email" not in (await checks(home, slack, widget_secret=secret))["slack scopes"].found


async def test_looking_changes_nothing_in_slack(home: Path, slack: SlackServer) -> None:
    desk = slack.channel("support-desk")
    await checks(home, slack, desk=f"slack:{desk.id}")
    methods = {call.method for call in slack.calls}
    assert methods == {"auth.test", "apps.connections.open", "conversations.info"}
    assert desk.posts == []


async def test_the_doctor_examines_slack_where_it_is_configured(home: Path, slack: SlackServer) -> None:
    desk = slack.channel("support-desk")
    whole = plain_settings(home, **settings(slack, desk=f"slack:{desk.id}", embedding_model="none", http_port=0))
    found = {check.name: check async for check in examine(whole)}
    assert (found["slack"].state, found["slack socket"].state, found["slack desk"].state) == ("ok", "ok", "ok")
    assert (found["desk"].state, found["desk"].found) == ("ok", f"the web desk, slack:{desk.id}")


# Tokens


@pytest.mark.parametrize("word", ["invalid_auth", "token_revoked", "account_inactive"])
async def test_a_token_that_is_no_good_any_more_ends_it_with_where_to_find_another(
    home: Path, slack: SlackServer, word: str
) -> None:
    slack.auth_error = word
    [check] = (await checks(home, slack)).values()
    assert (check.name, check.state) == ("slack", "broken")
    assert "SLACK_BOT_TOKEN" in check.found
    assert "OAuth & Permissions" in check.fix


async def test_no_token_or_secret_is_ever_shown(home: Path, slack: SlackServer) -> None:
    wrong: dict[str, Any] = {"slack_bot_token": "xoxb-hidden", "slack_app_token": "xapp-hidden"}
    shown = [await checks(home, slack, **wrong), await checks(home, slack, slack_app_token="xapp-hidden")]
    shown.append(await checks(home, slack, **HTTP, public_url="https://help.example.com"))
    assert not any(secret in str(shown) for secret in ("hidden", slack.bot_token, slack.app_token, "very-secret"))


@pytest.mark.parametrize(
    ("trouble", "word"),
    [
        ({"error": "invalid_auth"}, "invalid_auth"),
        ({"error": "not_allowed_token_type"}, "not_allowed_token_type"),
        ({"error": "missing_scope", "needed": "connections:write"}, "missing_scope"),
    ],
)
async def test_an_app_level_token_that_can_not_connect_is_named_with_how_to_make_one(
    home: Path, slack: SlackServer, trouble: dict[str, str], word: str
) -> None:
    slack.fail("apps.connections.open", **trouble)  # type: ignore[arg-type]
    check = (await checks(home, slack))["slack socket"]
    assert (check.state, check.found) == ("broken", f"Slack does not take SLACK_APP_TOKEN ({word}).")
    assert "connections:write" in check.fix


# Scopes


@pytest.mark.parametrize("scope", sorted({**FOR_CUSTOMERS, **FOR_AGENT_VIEW, **FOR_DESKS}))
async def test_a_scope_that_was_not_given_is_named_with_what_stops_without_it(
    home: Path, slack: SlackServer, scope: str
) -> None:
    desk = slack.channel("support-desk")
    slack.scopes.remove(scope)
    check = (await checks(home, slack, desk=f"slack:{desk.id}"))["slack scopes"]
    stops = {**FOR_CUSTOMERS, **FOR_AGENT_VIEW, **FOR_DESKS}[scope]
    assert (check.state, check.found) == ("broken", f"the app lacks {scope} ({stops})")
    assert "manifests/slack/manifest.yaml" in check.fix
    assert "install it again" in check.fix


async def test_an_app_without_any_scope_hears_of_all_it_lacks(home: Path, slack: SlackServer) -> None:
    slack.scopes.clear()
    found = (await checks(home, slack))["slack scopes"].found
    assert all(scope in found for scope in (*FOR_CUSTOMERS, *FOR_AGENT_VIEW))


async def test_what_only_a_desk_or_the_agent_view_needs_is_not_missed_without_them(
    home: Path, slack: SlackServer
) -> None:
    slack.scopes = set(FOR_CUSTOMERS)
    plain = (await checks(home, slack, slack_agent_view=False))["slack scopes"]
    viewed = (await checks(home, slack))["slack scopes"]
    assert (plain.state, viewed.state) == ("ok", "broken")


# The way in, over HTTP


async def test_an_app_that_slack_posts_to_names_the_address(home: Path, slack: SlackServer) -> None:
    found = await checks(home, slack, **HTTP, public_url="https://help.example.com/")
    assert "slack socket" not in found
    assert found["slack door"].state == "ok"
    assert "https://help.example.com/slack/events" in found["slack door"].found
    assert "Event Subscriptions" in found["slack door"].fix


@pytest.mark.parametrize(
    ("address", "complaint"),
    [("", "PUBLIC_URL, which is not set"), ("http://help.example.com", "not to http://help.example.com")],
)
async def test_slack_can_not_post_to_an_address_that_is_missing_or_open_to_read(
    home: Path, slack: SlackServer, address: str, complaint: str
) -> None:
    check = (await checks(home, slack, **HTTP, public_url=address))["slack door"]
    assert check.state == "broken"
    assert complaint in check.found
    assert "PUBLIC_URL" in check.fix


# The desk's channel


async def test_a_desk_that_the_app_is_not_in_is_named_with_the_invitation(home: Path, slack: SlackServer) -> None:
    desk = slack.channel("support-desk", bot=False)
    check = (await checks(home, slack, desk=f"slack:{desk.id}"))["slack desk"]
    assert (check.state, check.found) == ("broken", f"the app is not in #support-desk ({desk.id})")
    assert "/invite @threadline" in check.fix


async def test_a_private_desk_that_the_app_is_not_in_looks_as_if_it_were_not_there(
    home: Path, slack: SlackServer
) -> None:
    desk = slack.channel("support-desk", kind="group", bot=False)
    private = (await checks(home, slack, desk=f"slack:{desk.id}"))["slack desk"]
    missing = (await checks(home, slack, desk="slack:C0NOBODY"))["slack desk"]
    assert (private.state, private.found, private.fix) == (missing.state, missing.found, missing.fix)
    assert private.state == "broken"
    assert "There is no such Slack channel, or the app is not in it." in private.found
    assert "/invite @threadline" in private.fix


async def test_a_desk_in_the_archive_is_broken(home: Path, slack: SlackServer) -> None:
    desk = slack.channel("support-desk", archived=True)
    check = (await checks(home, slack, desk=f"slack:{desk.id}"))["slack desk"]
    assert (check.state, check.found) == ("broken", f"#support-desk ({desk.id}) is archived")
    assert check.fix


@pytest.mark.parametrize("named", ["slack:support-desk", "slack:#desk", "slack:D0123", "slack:"])
async def test_a_desk_that_names_no_channel_by_its_id_says_where_the_id_stands(
    home: Path, slack: SlackServer, named: str
) -> None:
    check = (await checks(home, slack, desk=named))["slack desk"]
    assert (check.state, slack.calls_of("conversations.info")) == ("broken", [])
    assert named in check.found
    assert "its id stands at the bottom" in check.fix


async def test_a_desk_that_another_organisation_shares_is_said(home: Path, slack: SlackServer) -> None:
    desk = slack.channel("support-desk", teams=("T2",))
    check = (await checks(home, slack, desk=f"slack:{desk.id}"))["slack desk"]
    assert check.state == "ok"
    assert "another organisation" in check.found
    assert check.fix


async def test_a_desk_that_may_not_be_looked_at_names_the_scope(home: Path, slack: SlackServer) -> None:
    desk = slack.channel("support-desk")
    slack.scopes -= {"channels:read", "groups:read", "im:read", "mpim:read"}
    check = (await checks(home, slack, desk=f"slack:{desk.id}"))["slack desk"]
    assert check.state == "broken"
    assert "channels:read" in check.found
    assert "install it again" in check.fix


# Slack is away


async def test_a_slack_that_can_not_be_reached_is_said_and_nothing_else_is_tried(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    away = {"slack_bot_token": "xoxb-1", "slack_app_token": "xapp-1", "slack_api_url": f"http://127.0.0.1:{port}/api/"}
    [check] = [check async for check in examine_slack(plain_settings(home, **away))]
    assert (check.state, check.found) == ("broken", "Slack can't be reached.")
    assert f"127.0.0.1:{port}" in check.fix


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open", "conversations.info"])
async def test_a_slack_that_does_not_answer_in_time_keeps_nobody_waiting(
    home: Path, slack: SlackServer, method: str
) -> None:
    desk = slack.channel("support-desk")
    slack.fail(method, times=-1, delay=60)
    found = await checks(home, slack, seconds=0.5, desk=f"slack:{desk.id}")
    names = {"auth.test": "slack", "apps.connections.open": "slack socket", "conversations.info": "slack desk"}
    late = found[names[method]]
    assert (late.state, late.found) == ("broken", "Slack gave no answer in time.")
    assert "try again" in late.fix


@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": True}])
async def test_a_fault_of_slacks_is_no_fault_of_the_settings(
    home: Path, slack: SlackServer, trouble: dict[str, Any]
) -> None:
    slack.fail("auth.test", **trouble)
    [check] = (await checks(home, slack)).values()
    assert check.state == "broken"
    assert "no proper answer" in check.found
    assert "try again" in check.fix


async def test_a_slack_that_asks_for_a_pause_is_asked_later(home: Path, slack: SlackServer) -> None:
    slack.fail("auth.test", retry_after=30)
    [check] = (await checks(home, slack)).values()
    assert (check.found, check.fix) == ("Slack asks for a pause.", "Run the doctor again in a minute.")


async def test_when_slack_goes_away_before_it_has_said_the_scopes_that_is_said(home: Path, slack: SlackServer) -> None:
    slack.fail("auth.test", drop=True, when=lambda _: len(slack.calls_of("auth.test")) == 2)
    found = await checks(home, slack)
    assert (found["slack"].state, found["slack scopes"].state) == ("ok", "broken")
    assert found["slack scopes"].found == "Slack did not say what the app may do."
    assert found["slack scopes"].fix
