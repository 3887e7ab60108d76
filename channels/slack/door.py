"""Where Slack's events come in, by Socket Mode or by signed posts: stored first, and only then told 'ok'.

Bolt verifies and hands over (`process_before_response`: its 'ok' goes out when a listener has returned, and a listener
that raises makes Slack bring the event again). What comes for a desk's channel goes to that desk; the rest is
customers'.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest

from channels.later import Later
from channels.slack import forms, parse
from channels.slack.api import Api
from channels.slack.customers import Customers
from channels.slack.desk.channel import SlackDesk
from channels.slack.parse import Changed, Me, Opened, Said, Silent
from core.errors import SetupError, TemporaryError
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import Receipt
from core.store.store import Store

log = structlog.get_logger()

Body = dict[str, Any]
Listener = Callable[..., Awaitable[None]]
T = TypeVar("T")

PATH = "/slack/events"
_PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)  # seconds between tries to reach Slack at the start
_PING = 10.0
_LEAVE = 3.0  # seconds for what is being taken in when the program stops


class SlackDoor:
    """Takes in one workspace's events. `me` is None until Slack has said who we are."""

    def __init__(
        self,
        api: Api,
        store: Store,
        files: Files,
        inbox: Inbox,
        clock: Clock,
        *,
        bot_token: str,
        app_token: str = "",
        signing_secret: str = "",
        agent_view: bool = True,
        prompts: Sequence[str] = (),
    ) -> None:
        """With `app_token` it connects by itself, with `signing_secret` it is posted to at `PATH`.

        agent_view: in direct messages each conversation is a thread. prompts: questions that are offered there.
        """
        self.path = PATH
        self.me: Me | None = None
        self.desks: Mapping[str, SlackDesk] = {}
        self._api = api
        self._bot_token = bot_token
        self._app_token = app_token
        self._signing_secret = signing_secret
        self._agent_view = agent_view
        self._customers = Customers(
            api, store, files, inbox, clock, self._known, agent_view=agent_view, prompts=prompts
        )
        self._app: AsyncApp | None = None
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._later = Later("slack_courtesy_failed")
        self._taking: set[asyncio.Task[Any]] = set()
        self._closed = False

    def _known(self) -> Me:
        if self.me is None:
            raise TemporaryError("Slack has not said yet who we are.")
        return self.me

    def team(self) -> str:
        """Return our workspace's id, '' until Slack has said it."""
        return self.me.team if self.me else ""

    def routes(self) -> list[web.RouteDef]:
        """Return where Slack posts to, if it does."""
        return [web.post(PATH, self._posted)] if self._signing_secret else []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take events in while this is open; Slack may come up later than we do."""
        connecting = asyncio.create_task(self._connect())
        try:
            yield
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await self.close()

    async def close(self) -> None:
        """Take nothing more, say what is still to be said to operators, and break off courtesies to customers.

        What is being taken in now has a moment to be done; the rest Slack brings again.
        """
        self._closed = True
        if self._taking:
            await asyncio.wait(self._taking, timeout=_LEAVE)
        for desk in self.desks.values():
            await desk.close()
        await self._customers.close()
        await self._later.break_off()
        for task in self._taking:
            task.cancel()
        await asyncio.gather(*self._taking, return_exceptions=True)

    def _while_open(self, listener: Listener) -> Listener:
        """Return `listener` as it works until `close`: Bolt's own tasks live on when their socket is closed."""

        @wraps(listener)
        async def work(*arguments: Any, **named: Any) -> None:
            task = asyncio.current_task()
            if self._closed or task is None:
                raise TemporaryError("The program is stopping.")
            self._taking.add(task)
            try:
                await listener(*arguments, **named)
            finally:
                self._taking.discard(task)

        return work

    async def _connect(self) -> None:
        """Find out who we are and, in Socket Mode, stay connected; tries until it works or the token is no good."""
        self.me = await self._patiently(self._who)
        self._app = self._make_app(self.me)
        log.info("slack_ready", team=self.me.team, bot=self.me.user, socket=bool(self._app_token))
        if not self._app_token:
            return
        handler = AsyncSocketModeHandler(self._app, self._app_token, ping_interval=_PING)
        try:
            await self._patiently(handler.connect_async)
            await asyncio.Event().wait()
        finally:
            await _hang_up(handler)

    async def _who(self) -> Me:
        found = await self._api.call("auth.test")
        return Me(str(found["team_id"]), str(found["user_id"]), str(found.get("bot_id") or ""), str(found.get("user")))

    async def _patiently(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        tries = 0
        while True:
            try:
                return await work()
            except Exception as error:  # noqa: BLE001 (the edge to a platform: whatever it is, the rest goes on)
                pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                log.warning("slack_not_reached", why=str(error), again_in=pause)
                tries += 1
                await asyncio.sleep(pause)

    def _make_app(self, me: Me) -> AsyncApp:
        token = self._bot_token
        quiet = logging.getLogger("threadline.slack")
        quiet.setLevel(logging.ERROR)  # Bolt warns of what is meant here

        async def authorize() -> AuthorizeResult:
            """Say who we are without asking Slack at each event, which must not be lost because Slack is slow."""
            return AuthorizeResult(
                enterprise_id=None, team_id=me.team, bot_user_id=me.user, bot_id=me.bot, bot_token=token
            )

        app = AsyncApp(
            logger=quiet,
            client=self._api.client,
            signing_secret=self._signing_secret or None,
            authorize=authorize,
            process_before_response=True,
            attaching_conversation_kwargs_enabled=False,
            ignoring_self_events_enabled=False,  # `parse` knows our own
        )
        everything = re.compile(".*")
        app.event(everything)(self._while_open(self._event))
        app.action(everything)(self._while_open(self._action))
        app.view(everything)(self._while_open(self._view))
        app.command(everything)(self._while_open(self._command))
        app.error(self._failed)
        return app

    async def _failed(self, error: Exception, body: Body) -> None:
        log.error("slack_event_failed", id=body.get("event_id"), kind=body.get("type"), exc_info=error)

    async def _posted(self, request: web.Request) -> web.Response:
        """Take a signed post of Slack's."""
        if self._app is None:
            raise TemporaryError("Slack has not said yet who we are.")
        if not request.headers.get("X-Slack-Request-Timestamp", "0").isdecimal():
            raise web.HTTPUnauthorized(text="The request is not signed as Slack signs.")
        try:
            posted = AsyncBoltRequest(
                body=await request.text(), query=request.query_string, headers=dict(request.headers)
            )
        except (ValueError, AttributeError, TypeError):
            raise web.HTTPBadRequest(text="The body is not what Slack posts.") from None
        if not isinstance(posted.body.get("event", {}), dict):
            raise web.HTTPBadRequest(text="The body is not what Slack posts.")
        return await to_aiohttp_response(await self._app.async_dispatch(posted))

    # Events

    async def _event(self, body: Body) -> None:
        try:
            taken = await self.take(body)
        except ValueError as odd:
            log.warning("slack_event_odd", why=str(odd), id=body.get("event_id"))
            return
        if isinstance(taken, Silent):
            log.debug("slack_event_left", why=taken.value, id=body.get("event_id"))

    async def take(self, body: Body) -> Receipt | Silent | None:
        """Take in an Events API callback; once this returns, what it tells is stored, or known to ask nothing of us.

        Returns None for what has no receipt: a line of a desk's, an opened tab. Raises ValueError for what is not
        built as Slack builds it; anything else it raises means that Slack should bring it again.
        """
        happened = parse.event(body, self._known(), agent_view=self._agent_view)
        if isinstance(happened, Silent):
            return happened
        if isinstance(happened, Opened):
            await self._opened(happened)
            return None
        async with self._turn(happened.place.channel):
            return await self._written(happened, body)

    def _turn(self, channel: str) -> asyncio.Lock:
        """Return the lock that keeps a channel's events in their order: Bolt works them side by side."""
        return self._turns.setdefault(channel, asyncio.Lock())

    async def _written(self, happened: Said | Changed, body: Body) -> Receipt | Silent | None:
        desk = self.desks.get(happened.place.channel)
        if desk:
            await desk.on_message(body["event"])
            return None
        if isinstance(happened, Said):
            return await self._customers.said(happened, body)
        return await self._customers.changed(happened, body)

    async def _opened(self, opened: Opened) -> None:
        if opened.tab == "home":
            self._later.begin(self._home(opened.user))
        else:
            self._customers.opened(opened)

    async def _home(self, user: str) -> None:
        desk = next(iter(self.desks.values()), None)
        if desk:
            await self._api.call("views.publish", user_id=user, view=await desk.home(user))

    # Buttons, forms, commands

    async def _action(self, ack: AsyncAck, body: Body) -> None:
        press = parse.pressed(body, self._known(), agent_view=self._agent_view)
        if press and press.action.startswith("desk:"):
            desk = self._desk_of(press.place.channel)
            if desk:
                await desk.on_action(body)
        elif press:
            await self._customers.pressed(press, body)
        await ack()

    def _desk_of(self, channel: str) -> SlackDesk | None:
        """Return the desk of a channel; of App Home and forms, which stand in none, the first."""
        return self.desks.get(channel) or next(iter(self.desks.values()), None)

    async def _view(self, ack: AsyncAck, body: Body) -> None:
        if str((body.get("view") or {}).get("callback_id")) == forms.REASON:
            await self._customers.unhelpful(body)
        elif desk := self._desk_of(""):
            await desk.on_view(body)
        await ack()

    async def _command(self, ack: AsyncAck, body: Body) -> None:
        desk = self._desk_of(str(body.get("channel_id") or ""))
        if desk is None:
            await ack(text="No desk is set up in Slack. Whoever runs Threadline sets DESK=slack:CHANNEL_ID.")
            return
        await ack(**{"response_type": "ephemeral", **await desk.on_command(body)})


async def _hang_up(handler: AsyncSocketModeHandler) -> None:
    """Close a socket with all that belongs to it: its client cancels its tasks, but does not wait for them."""
    client = handler.client
    try:
        await handler.close_async()  # type: ignore[no-untyped-call]
    finally:
        tasks = (client.message_processor, client.current_session_monitor, client.message_receiver)
        await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)
        await client.aiohttp_client_session.close()


def desk_channel(name: str) -> str:
    """Return the channel's id in a desk's name ('slack:C0123'). Raises `SetupError` for what is none."""
    channel = name.removeprefix("slack:")
    if not re.fullmatch(r"[CG][A-Z0-9]{2,20}", channel):
        raise SetupError(f"{name} names no Slack channel. Its id is in the channel's details: DESK=slack:C0123ABCD.")
    return channel
