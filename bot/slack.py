"""Wires Slack: the channel for customers, the desks in Slack channels, and the door that events come in by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.settings import Settings
from channels.slack.api import Api
from channels.slack.channel import SlackChannel
from channels.slack.desk.channel import SlackDesk
from channels.slack.door import SlackDoor, desk_channel
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.store import Store


@dataclass(frozen=True, slots=True)
class Slack:
    """Slack, wired. `door.running()` connects."""

    api: Api
    channel: SlackChannel
    desks: Mapping[str, SlackDesk]
    door: SlackDoor


def make_slack(
    settings: Settings, store: Store, files: Files, inbox: Inbox, clock: Clock, prompts: Sequence[str] = ()
) -> Slack:
    """Return Slack for these settings; `prompts` are offered where the owner names none. Raises `SetupError`."""
    api = Api(settings.slack_bot_token, settings.slack_api_url, apart=settings.slack_seconds_apart)
    door = SlackDoor(
        api,
        store,
        files,
        inbox,
        clock,
        bot_token=settings.slack_bot_token,
        app_token=settings.slack_app_token,
        signing_secret=settings.slack_signing_secret,
        agent_view=settings.slack_agent_view,
        prompts=settings.slack_prompts or prompts,
    )
    named = dict.fromkeys(name for name in (settings.desk, settings.second_desk) if name.startswith("slack:"))
    desks = {
        name: SlackDesk(store, files, inbox, api, desk_channel(name), door.team, clock, settings.policy)
        for name in named
    }
    door.desks = {desk_channel(name): desk for name, desk in desks.items()}
    return Slack(api, SlackChannel(api), desks, door)
