"""Which addresses Slack and Teams are believed: those that their owners had to prove."""

from typing import Any

import pytest

from channels.slack.people import read_profile
from channels.teams.people import proved
from core.addresses import mailbox


@pytest.mark.parametrize(
    ("changed", "email"),
    [
        ({}, "kim@example.com"),
        ({"is_restricted": True}, "kim@example.com"),
        ({"is_email_confirmed": False}, ""),
        ({"is_email_confirmed": None}, ""),
        ({"team_id": "T2"}, ""),
        ({"is_stranger": True}, ""),
        ({"is_bot": True}, ""),
        ({"profile": {"email": "none"}}, ""),
        ({"profile": {}}, ""),
    ],
)
def test_slack_is_believed_the_addresses_that_our_own_members_confirmed(changed: dict[str, Any], email: str) -> None:
    user = {"team_id": "T1", "is_email_confirmed": True, "profile": {"email": "Kim@Example.com"}, **changed}
    assert read_profile(user, "T1").email == email


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("Kim@Example.com", "kim@example.com"),
        ("kim_example.com#EXT#@larkfield.example", ""),
        ("kim", ""),
        (None, ""),
        ("\u212aim@example.com", ""),
    ],
)
def test_teams_is_believed_principal_names_and_no_guests(name: object, email: str) -> None:
    assert proved({"userPrincipalName": name, "email": "boss@example.com"}) == email


@pytest.mark.parametrize(
    "given",
    [
        "",
        "kim",
        "@example.com",
        "kim@",
        "a b@c.example",
        "a@b@c.de",
        "<a@b.example>",
        "x" * 200 + "@b.c",
        7,
        "\u212aim@b.de",
    ],
)
def test_what_is_no_address_is_none(given: object) -> None:
    assert mailbox(given) == ""


@pytest.mark.parametrize("role", ["guest", "anonymous", "federated"])
def test_teams_is_believed_nothing_of_those_who_are_no_members(role: str) -> None:
    assert proved({"userPrincipalName": "kim@example.com", "userRole": role}) == ""
    assert proved({"userPrincipalName": "kim@example.com", "userRole": "user"}) == "kim@example.com"
