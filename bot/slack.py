"""Wires Slack: the channel for customers, the desks in Slack channels, and the door that events come in by."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aiohttp import web

from bot.platforms import Parts
from channels.slack.api import Api
from channels.slack.channel import SlackChannel
from channels.slack.desk.channel import SlackDesk
from channels.slack.door import SlackDoor, desk_channel


@dataclass(frozen=True, slots=True)
class Slack:
    """Slack, wired."""

    api: Api
    channel: SlackChannel
    desks: Mapping[str, SlackDesk]
    door: SlackDoor
    connects: bool

    @property
    def line(self) -> str:
        """What the start prints of it."""
        return f"Slack       {'Socket Mode' if self.connects else self.door.path}"

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where Slack posts to, if it does."""
        return self.door.routes()

    def running(self) -> AbstractAsyncContextManager[None]:
        """Connect, and take events in while this is open."""
        return self.door.running()

    async def close(self) -> None:
        """Close the connections to Slack."""
        await self.api.close()


def make_slack(parts: Parts) -> Slack:
    """Return Slack for these settings. Raises `SetupError`."""
    settings, store, files, inbox, clock = parts.settings, parts.store, parts.files, parts.inbox, parts.clock
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
        prompts=settings.slack_prompts or parts.prompts,
    )
    named = dict.fromkeys(name for name in (settings.desk, settings.second_desk) if name.startswith("slack:"))
    desks = {
        name: SlackDesk(store, files, inbox, api, desk_channel(name), door.team, clock, settings.policy)
        for name in named
    }
    door.desks = {desk_channel(name): desk for name, desk in desks.items()}
    return Slack(api, SlackChannel(api), desks, door, connects=bool(settings.slack_app_token))
