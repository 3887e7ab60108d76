"""What `threadline replay --channel slack` reads: captured events, one to a file, a list of them, or one to a line.

An event is the JSON that Slack posts ('event_callback'), or a frame of Socket Mode around it. Whom it was sent to
stands in it, so nothing has to be asked before it can be read.
"""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.replay import Outcome, Payload, Reader, bodies, rejected
from bot.settings import Settings
from bot.terminal import open_parts
from core.errors import PermanentError, SetupError

if TYPE_CHECKING:
    from channels.slack.door import SlackDoor
    from channels.slack.parse import Changed, Me, Said


async def captured_events(settings: Settings, stack: AsyncExitStack, dry: bool) -> Reader:
    """Return what reads captured events of Slack, and takes them in unless `dry`. Raises `SetupError`."""
    door = None if dry else await _door(settings, stack)

    def read(raw: bytes) -> Iterator[Payload]:
        for body in _bodies(raw):
            try:
                yield _payload(body, door, agent_view=settings.slack_agent_view)
            except ValueError as odd:
                yield rejected(odd)

    return read


async def _door(settings: Settings, stack: AsyncExitStack) -> "SlackDoor":
    if not settings.slack_bot_token:
        raise SetupError("SLACK_BOT_TOKEN is not set, so Slack is off here. Look at the events with --dry-run.")
    from bot.slack import make_slack

    slack = make_slack(await open_parts(settings, stack))
    stack.push_async_callback(slack.api.close)
    stack.push_async_callback(slack.door.close)
    return slack.door


def _bodies(raw: bytes) -> list[Any]:
    """Return the callbacks in a file. Raises ValueError for what is no JSON."""
    return [_without_frame(one) for one in bodies(raw)]


def _without_frame(found: Any) -> Any:
    """Return the callback in a frame of Socket Mode, and anything else as it is."""
    framed = isinstance(found, dict) and found.get("type") == "events_api"
    return found.get("payload") if framed else found


def _payload(body: Any, door: "SlackDoor | None", *, agent_view: bool) -> Payload:
    """Read one callback. Raises ValueError for what Slack would not send."""
    from channels.slack import parse

    if not isinstance(body, dict) or body.get("type") != "event_callback":
        raise ValueError("no event_callback of Slack's Events API")
    me = parse.recipient(body)
    happened = parse.event(body, me, agent_view=agent_view)
    match happened:
        case parse.Said():
            payload = _said(happened, body, me)
        case parse.Changed():
            payload = _changed(happened, body, me)
        case parse.Opened():
            return Payload(Outcome.IGNORED, "opened", author=(happened.user, ""))
        case parse.Silent():
            return Payload(Outcome.IGNORED, happened.value)
    return replace(payload, take=lambda: _take(body, door, payload)) if door else payload


def _said(said: "Said", body: dict[str, Any], me: "Me") -> Payload:
    from channels.slack import parse

    text = parse.as_read(said, body["event"], me, {})
    begins = said.place.root == said.ts
    heard = said.direct or said.mentioned or not begins
    return Payload(
        Outcome.MESSAGE if heard else Outcome.IGNORED,
        None if heard else parse.Silent.OVERHEARD.value,
        str(said.place),
        (said.user, _name(body["event"])),
        text[: parse.MAX_TEXT],
        text,
        tuple((file.name, file.type, file.size) for file in said.files),
    )


def _changed(changed: "Changed", body: dict[str, Any], me: "Me") -> Payload:
    from channels.slack import words

    written = body["event"].get("message") or {}
    text = "" if changed.text is None else words.shown(changed.text, written, own=me.user)
    how = "deleted" if changed.text is None else "edited"
    author = (changed.user, _name(written))
    return Payload(reason=how, thread=str(changed.place), author=author, text=text, full_text=text)


def _name(event: dict[str, Any]) -> str:
    """Return the writer's name, where the event has it."""
    profile = event.get("user_profile")
    names = profile if isinstance(profile, dict) else {}
    return str(names.get("display_name") or names.get("real_name") or "")


async def _take(body: dict[str, Any], door: "SlackDoor", payload: Payload) -> Payload:
    """Bring a callback in as Slack would. Raises `PermanentError` for a change of what was never brought."""
    from channels.slack.parse import Silent, recipient

    door.me = recipient(body)
    try:
        taken = await door.take(body)
    except LookupError:
        raise PermanentError("It changes a message that was never brought.") from None
    if isinstance(taken, Silent):
        return replace(payload, outcome=Outcome.IGNORED, reason=taken.value)
    if taken is None:
        return payload
    change = None if payload.outcome is Outcome.IGNORED else payload.reason
    return replace(payload, outcome=Outcome.MESSAGE, reason=change, thread=taken.thread)
