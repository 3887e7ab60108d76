"""What the doctor looks at of Slack: the tokens, what the app may do, the way in, the desks' channels.

Called by `bot.doctor`. Nothing is posted, and all of it takes seconds at most, whatever Slack does.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

from bot.check import Check
from bot.settings import Settings
from channels.slack.api import Api
from channels.slack.door import PATH, desk_channel
from core.errors import SetupError, TemporaryError, ThreadlineError

_SECONDS = 15.0

FOR_CUSTOMERS = {
    "app_mentions:read": "nobody is heard who mentions the app in a channel",
    "channels:history": "replies in public channels are not heard",
    "chat:write": "nothing is answered",
    "files:read": "files that customers send can't be read",
    "files:write": "files reach neither customers nor the desk",
    "groups:history": "replies in private channels are not heard",
    "im:history": "direct messages are not heard",
    "mpim:history": "direct messages of several people are not heard",
    "users:read": "people have no names, and nobody can work at a desk in Slack",
}
ADDRESSES = "users:read.email"
FOR_AGENT_VIEW = {"assistant:write": "no questions are suggested"}
FOR_DESKS = {
    "channels:read": "in a public channel, the desk's buttons and /support do nothing",
    "commands": "there is no /support",
    "groups:read": "in a private channel, the desk's buttons and /support do nothing",
    "reactions:write": "operators' lines are not marked with what became of them",
}
"""The scopes, each with what stops without it; docs.slack.dev/reference/scopes says what they allow."""

_AGAIN = (
    "Add what is missing under 'OAuth & Permissions' of the app (manifests/slack/manifest.yaml has all), "
    "and install it again."
)
_BOT_TOKEN = "Copy the Bot User OAuth Token (xoxb-...) from 'OAuth & Permissions' of the app."  # noqa: S105
_APP_TOKEN = "Make one under 'Basic Information', 'App-Level Tokens', with the scope connections:write."  # noqa: S105
_PAUSES = frozenset({"ratelimited", "rate_limited"})


async def examine_slack(settings: Settings, *, seconds: float = _SECONDS) -> AsyncIterator[Check]:
    """Yield one check for each thing that Slack needs, all of them within `seconds`."""
    slack = _Slack(settings, asyncio.get_running_loop().time() + seconds)
    try:
        try:
            me = await slack.ask("auth.test")
        except ThreadlineError as error:
            yield slack.trouble("slack", error, _BOT_TOKEN)
            return
        yield Check("slack", "ok", f"@{me.get('user')} in the workspace {me.get('team')}")
        yield await _scopes(settings, slack)
        yield await _socket(settings, slack) if settings.slack_app_token else _door(settings)
        for name, desk in _desks(settings):
            yield await _desk(slack, name, desk, str(me.get("user")))
    finally:
        await slack.api.close()


class _Slack:
    """Asks Slack until the time is over, `until` by the event loop's clock."""

    def __init__(self, settings: Settings, until: float) -> None:
        self.api = Api(settings.slack_bot_token, settings.slack_api_url)
        self._host = urlsplit(settings.slack_api_url).netloc
        self._until = until

    async def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Return Slack's answer. Raises `TemporaryError`, `PermanentError`."""
        try:
            async with asyncio.timeout_at(self._until):
                return await self.api.call(method, **arguments)
        except TimeoutError:
            raise TemporaryError("Slack gave no answer in time.") from None

    async def scopes(self) -> frozenset[str]:
        """Return what the bot's token may do: Slack says it beside each answer. Raises `TemporaryError`."""
        try:
            async with asyncio.timeout_at(self._until):
                return await self.api.scopes()
        except (ThreadlineError, TimeoutError):
            raise TemporaryError("Slack did not say what the app may do.") from None

    def trouble(self, name: str, error: ThreadlineError, fix: str) -> Check:
        """Return the check that failed with `error`; `fix` helps where Slack answered, and did not ask for a pause."""
        code = _code(error)
        if code in _PAUSES:
            fix = "Run the doctor again in a minute."
        elif not code:
            fix = f"Check that this machine may reach {self._host}, and try again."
        return Check(name, "broken", str(error), fix)


def _code(error: ThreadlineError) -> str:
    """Return Slack's own word for why it said no, '' where it gave no answer."""
    data = getattr(getattr(error.__cause__, "response", None), "data", None)
    return str(data.get("error", "")) if isinstance(data, dict) else ""


async def _scopes(settings: Settings, slack: _Slack) -> Check:
    try:
        granted = await slack.scopes()
    except TemporaryError as error:
        return slack.trouble("slack scopes", error, "")
    missing = {scope: stops for scope, stops in _needed(settings).items() if scope not in granted}
    if missing:
        listed = ", ".join(f"{scope} ({stops})" for scope, stops in missing.items())
        return Check("slack scopes", "broken", f"the app lacks {listed}", _AGAIN)
    can = "the app may do all that is needed"
    elsewhere = settings.email_address or settings.widget_secret or settings.teams_app_id
    if elsewhere and ADDRESSES not in granted:
        can += f"; with {ADDRESSES}, customers would be the same in Slack as on the other channels"
    return Check("slack scopes", "ok", can)


def _needed(settings: Settings) -> dict[str, str]:
    """Return the scopes that these settings need, each with what stops without it."""
    for_view = FOR_AGENT_VIEW if settings.slack_agent_view else {}
    for_desks = FOR_DESKS if list(_desks(settings)) else {}
    return {**FOR_CUSTOMERS, **for_view, **for_desks}


async def _socket(settings: Settings, slack: _Slack) -> Check:
    try:
        await slack.ask("apps.connections.open", app_token=settings.slack_app_token)
    except ThreadlineError as error:
        code = _code(error)
        if code and code not in _PAUSES:
            return Check("slack socket", "broken", f"Slack does not take SLACK_APP_TOKEN ({code}).", _APP_TOKEN)
        return slack.trouble("slack socket", error, _APP_TOKEN)
    return Check("slack socket", "ok", "Socket Mode: connects by itself, Slack needs no way to this machine")


def _door(settings: Settings) -> Check:
    """Slack posts to https addresses alone (docs.slack.dev, request URLs)."""
    fix = "Set PUBLIC_URL to the https address that leads here, or SLACK_APP_TOKEN for Socket Mode."
    if not settings.public_url:
        return Check("slack door", "broken", "Slack posts to PUBLIC_URL, which is not set", fix)
    if urlsplit(settings.public_url).scheme != "https":
        return Check("slack door", "broken", f"Slack posts to https addresses alone, not to {settings.public_url}", fix)
    told = "Name that address in the app's settings: Event Subscriptions, Interactivity, Slash Commands."
    return Check("slack door", "ok", f"Slack posts to {settings.public_url}{PATH}", told)


def _desks(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the desks in Slack, each with the name of its check."""
    for name, desk in (("slack desk", settings.desk), ("slack second desk", settings.second_desk)):
        if desk.startswith("slack:"):
            yield name, desk


async def _desk(slack: _Slack, name: str, desk: str, bot: str) -> Check:
    invite = f"Write there: /invite @{bot}"
    try:
        channel = desk_channel(desk)
        found = (await slack.ask("conversations.info", channel=channel)).get("channel") or {}
    except SetupError as error:
        return Check(name, "broken", str(error), "Open the channel's details in Slack: its id stands at the bottom.")
    except ThreadlineError as error:
        missing = _code(error) == "missing_scope"
        return slack.trouble(name, error, _AGAIN if missing else f"Check the id. If the channel is private: {invite}")
    shown = f"#{found.get('name')} ({channel})"
    if found.get("is_archived"):
        return Check(name, "broken", f"{shown} is archived", "Take it out of the archive, or name another channel.")
    if not found.get("is_member"):
        return Check(name, "broken", f"the app is not in {shown}", invite)
    if found.get("is_ext_shared"):
        shared = f"{shown}, shared with another organisation, whose people read every case"
        return Check(name, "ok", shared, "Use a channel of your own workspace alone.")
    return Check(name, "ok", shown)
