"""The app's manifest and the code belong together: each scope and event is needed, and none is missing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from slack_sdk.web.async_client import AsyncWebClient

from bot.doctor_slack import FOR_AGENT_VIEW, FOR_CUSTOMERS, FOR_DESKS
from channels.slack.door import PATH
from tests.fakes import slack_methods, slack_server

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "manifests" / "slack" / "manifest.yaml").read_text(encoding="utf-8")
MANIFEST: dict[str, Any] = yaml.safe_load(TEXT)
SCOPES: list[str] = MANIFEST["oauth_config"]["scopes"]["bot"]
EVENTS: list[str] = MANIFEST["settings"]["event_subscriptions"]["bot_events"]

_EVERYWHERE = frozenset({"channels:history", "groups:history", "im:history", "mpim:history"})
_OF_DESKS = frozenset({"channels:read", "groups:read"})
_CHAT, _NONE = frozenset({"chat:write"}), frozenset[str]()
METHODS = {
    "apps.connections.open": _NONE,  # the app-level token's connections:write
    "assistant.threads.setStatus": _CHAT,
    "assistant.threads.setSuggestedPrompts": frozenset({"assistant:write"}),
    "auth.test": _NONE,
    "chat.appendStream": _CHAT,
    "chat.delete": _CHAT,
    "chat.postEphemeral": _CHAT,
    "chat.postMessage": _CHAT,
    "chat.startStream": _CHAT,
    "chat.stopStream": _CHAT,
    "chat.update": _CHAT,
    "conversations.history": _EVERYWHERE,
    "conversations.info": _OF_DESKS,
    "conversations.members": _OF_DESKS,
    "conversations.replies": _EVERYWHERE,
    "files.completeUploadExternal": frozenset({"files:write"}),
    "files.getUploadURLExternal": frozenset({"files:write"}),
    "files.info": frozenset({"files:read"}),
    "reactions.add": frozenset({"reactions:write"}),
    "reactions.remove": frozenset({"reactions:write"}),
    "users.info": frozenset({"users:read"}),
    "views.open": _NONE,
    "views.publish": _NONE,
}
"""What the methods need where we call them (docs.slack.dev/reference/methods, each one's page)."""
SUBSCRIPTIONS = {
    "app_home_opened": {"app_home_opened": ""},
    "app_mention": {"app_mention": "app_mentions:read"},
    "message": {
        "message.channels": "channels:history",
        "message.groups": "groups:history",
        "message.im": "im:history",
        "message.mpim": "mpim:history",
    },
}
"""What is subscribed for a type of event, each with its scope (docs.slack.dev/reference/events, each one's page)."""


def called() -> set[str]:
    """Return the methods of the Web API that the code names; they are told from other words by Slack's own client."""
    files = [*(ROOT / "channels" / "slack").rglob("*.py"), *(ROOT / "bot").glob("*slack.py")]
    words = {word for file in files for word in strings(ast.parse(file.read_text(encoding="utf-8")))}
    return {word for word in words if "." in word and hasattr(AsyncWebClient, word.replace(".", "_"))}


def strings(tree: ast.AST) -> Iterator[str]:
    """Yield the texts in a piece of code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def events_read() -> set[str]:
    """Return the types of events that `channels.slack.parse` takes for something."""
    tree = ast.parse((ROOT / "channels" / "slack" / "parse.py").read_text(encoding="utf-8"))
    [function] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "event"]
    return {word for node in ast.walk(function) if isinstance(node, ast.match_case) for word in strings(node.pattern)}


def test_the_code_is_read_as_meant() -> None:
    assert {"chat.postMessage", "conversations.replies", "reactions.add", "files.getUploadURLExternal"} <= called()
    assert "app_mention" in events_read()


def test_every_method_that_is_called_has_its_scopes_in_the_manifest() -> None:
    assert called() - METHODS.keys() == set(), "say above which scopes these methods need"
    assert {method: METHODS[method] - set(SCOPES) for method in called() if METHODS[method] - set(SCOPES)} == {}


def test_every_type_of_event_that_is_read_is_subscribed_with_its_scope() -> None:
    assert events_read() == SUBSCRIPTIONS.keys(), "say above what is subscribed for these events"
    needed = {name: scope for event in events_read() for name, scope in SUBSCRIPTIONS[event].items()}
    assert set(EVENTS) == needed.keys()
    assert {scope for scope in needed.values() if scope} <= set(SCOPES)


def test_no_scope_is_asked_for_that_nothing_needs() -> None:
    by_methods = {scope for method in called() for scope in METHODS[method]}
    by_events = {scope for names in SUBSCRIPTIONS.values() for scope in names.values()}
    assert set(SCOPES) <= by_methods | by_events | {"commands"}
    assert len(SCOPES) == len(set(SCOPES))


def test_the_fake_slack_asks_for_the_same_scopes_and_gives_the_app_no_more() -> None:
    asked = {method: set(slack_methods.SCOPES[method]) for method in called() & slack_methods.SCOPES.keys()}
    of_rooms = {method for method in asked if method.startswith("conversations.")}  # by the kind of each
    assert {method for method in asked if not METHODS[method] <= asked[method]} <= of_rooms
    assert set(SCOPES) == slack_server.SCOPES_GIVEN
    assert set(EVENTS) == slack_server.EVENTS


def test_the_doctor_looks_for_the_scopes_of_the_manifest() -> None:
    assert {**FOR_CUSTOMERS, **FOR_AGENT_VIEW, **FOR_DESKS}.keys() == set(SCOPES)


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_has_its_reason_in_the_manifest_and_in_the_documentation(scope: str) -> None:
    assert re.search(rf"- {scope} # \w", TEXT)
    assert f"`{scope}`" in (ROOT / "docs" / "slack.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_has_its_reason_in_the_manifest(event: str) -> None:
    assert re.search(rf"- {event} # \w", TEXT)


def test_customers_can_write_to_the_app_and_press_its_buttons() -> None:
    home, settings = MANIFEST["features"]["app_home"], MANIFEST["settings"]
    assert home == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }
    assert settings["interactivity"] == {"is_enabled": True}
    assert settings["socket_mode_enabled"] is True
    assert [command["command"] for command in MANIFEST["features"]["slash_commands"]] == ["/support"]


def test_slack_takes_texts_of_this_length() -> None:
    shown, features = MANIFEST["display_information"], MANIFEST["features"]
    limits = {  # docs.slack.dev/reference/app-manifest
        shown["name"]: 35,
        shown["description"]: 140,
        features["bot_user"]["display_name"]: 80,
        features["agent_view"]["agent_description"]: 300,
    }
    assert [text for text, most in limits.items() if len(text) > most] == []


def test_what_the_manifest_says_of_http_makes_a_manifest_for_it() -> None:
    changed = TEXT.replace("# HTTP: ", "").replace("socket_mode_enabled: true", "socket_mode_enabled: false")
    manifest = yaml.safe_load(changed)
    settings = manifest["settings"]
    addresses = {
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
        manifest["features"]["slash_commands"][0]["url"],
    }
    assert addresses == {f"https://help.example.com{PATH}"}
    assert settings["socket_mode_enabled"] is False
