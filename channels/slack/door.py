"""Where Slack's events come in, by Socket Mode or by signed posts: stored first, and only then told 'ok'.

Bolt verifies and hands over (`process_before_response`: its 'ok' goes out when a listener has returned, and a listener
that raises makes Slack bring the event again). What comes for a desk's channel goes to that desk; the rest is
customers'. In channels only what is said to the app counts: what it overhears is neither answered nor kept.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest

from channels.slack import forms, parse, words
from channels.slack.api import Api
from channels.slack.desk.channel import SlackDesk
from channels.slack.names import Place, Posted, person
from channels.slack.parse import Changed, Me, Opened, Pressed, RemoteFile, Said
from channels.slack.people import People, Profile
from core.errors import SetupError, TemporaryError, ThreadlineError
from core.ids import FileId
from core.messages import InboundChange, InboundMessage
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import REFUSED, Receipt
from core.store.store import Store
from core.thread import OwnerKind

log = structlog.get_logger()

Body = dict[str, Any]
T = TypeVar("T")

PATH = "/slack/events"
_WANTS_A_PERSON = "I would like to talk to a person."
_LOOKING = "is looking it up…"
_SETTLED = 10.0
_STILL_COMES = 900.0  # seconds in which Slack may still bring a message that it could not bring before
_PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)  # seconds between tries to reach Slack at the start
_PING = 10.0
_MOST_PROMPTS = 4


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
        self._store = store
        self._files = files
        self._inbox = inbox
        self._clock = clock
        self._bot_token = bot_token
        self._app_token = app_token
        self._signing_secret = signing_secret
        self._agent_view = agent_view
        self._prompts = list(prompts)[:_MOST_PROMPTS]
        self._people = People(api, self.team)
        self._app: AsyncApp | None = None
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

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
            for desk in self.desks.values():
                await desk.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

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
            await handler.close_async()  # type: ignore[no-untyped-call]

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
        app.event(everything)(self._event)
        app.action(everything)(self._action)
        app.view(everything)(self._view)
        app.command(everything)(self._command)
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

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("slack_courtesy_failed", exc_info=error)

    # Events

    async def _event(self, body: Body) -> None:
        try:
            happened = parse.event(body, self._known(), agent_view=self._agent_view)
        except ValueError as odd:
            log.warning("slack_event_odd", why=str(odd), id=body.get("event_id"))
            return
        if isinstance(happened, Opened):
            await self._opened(happened)
        elif happened is not None:
            async with self._turn(happened.place.channel):
                await self._written(happened, body)

    def _turn(self, channel: str) -> asyncio.Lock:
        """Return the lock that keeps a channel's events in their order: Bolt works them side by side."""
        return self._turns.setdefault(channel, asyncio.Lock())

    async def _written(self, happened: Said | Changed, body: Body) -> None:
        desk = self.desks.get(happened.place.channel)
        if desk:
            await desk.on_message(body["event"])
        elif isinstance(happened, Said):
            await self._said(happened, body)
        else:
            await self._changed(happened, body)

    async def _said(self, said: Said, body: Body) -> None:
        """Take in what a customer wrote, if it is said to us."""
        key = said.place.key(self.team())
        thread = await self._store.find_thread(key)
        if not (said.direct or said.mentioned or thread):
            return
        profile = await self._people.profile(said.user)
        text = await self._words(said.text, body["event"])
        forwarded = [await self._forwarded(author, shared) for author, shared in said.forwarded]
        text = "\n\n".join(filter(None, (text, *forwarded)))
        files = await self._expect(said)
        if not files:
            text = parse.greeting(text)
        await self._inbox.accept(
            InboundMessage(
                key,
                said.event,
                parse.customer(said),
                text[: parse.MAX_TEXT],
                name=profile.name,
                verified=True,
                files=files,
                full=text if len(text) > parse.MAX_TEXT else "",
                trust=self._trust(said.team, profile),
                raw=body,
            )
        )
        if thread is None or thread.owner.kind is OwnerKind.BOT:
            self._later(self._status(said.place))

    async def _words(self, text: str, written: Mapping[str, Any]) -> str:
        """Return what the event `written` says as `text`, as people read it."""
        own = self.me.user if self.me else ""
        others = [user for user in words.mentioned(text) if user != own]
        read = words.read(text, own=own, names=await self._people.names(others))
        return words.with_pictures(read, words.pictures(written))

    async def _forwarded(self, author: str, text: str) -> str:
        shared = words.read(text, names=await self._people.names(words.mentioned(text)))
        lines = "\n".join(f"> {line}" for line in shared.split("\n"))
        return f"Forwarded{f' from {author}' if author else ''}:\n{lines}"

    async def _expect(self, said: Said) -> tuple[FileId, ...]:
        now, files = self._clock(), []
        for file in said.files:
            known = file if file.origin["url"] else await self._shared(file)
            files.append(await self._files.expect(known.name, known.type, known.size, known.origin, now))
        return tuple(file.id for file in files)

    async def _shared(self, file: RemoteFile) -> RemoteFile:
        """Ask Slack about a file of another organisation, of which an event says nothing; later, if it is slow."""
        try:
            async with asyncio.timeout(1.0):
                return parse.read_file((await self._api.call("files.info", file=file.origin["id"])).get("file") or {})
        except (ThreadlineError, TimeoutError) as away:
            log.info("slack_file_unknown", why=str(away))
            return file

    def _trust(self, team: str, profile: Profile) -> str:
        """Return what operators should know of who writes; '' of a member of our own workspace."""
        if team != self.team():
            return "This person is of another organisation, in a channel that is shared with it."
        return "This person is a guest of the workspace." if profile.is_guest else ""

    async def _changed(self, changed: Changed, body: Body) -> None:
        """Take in that a customer edited or deleted something. Edited into a mention of us, it is said to us now."""
        me = self._known()
        text = None if changed.text is None else await self._words(changed.text, body["event"].get("message") or {})
        key = changed.place.key(self.team())
        try:
            await self._inbox.accept(InboundChange(key, changed.event, changed.of, text, raw=body))
        except LookupError:
            said = parse.now_said(body["event"], me, agent_view=self._agent_view)
            if said:
                await self._said(said, {**body, "event": body["event"]["message"]})
                return
            mine = changed.place.channel.startswith("D") or await self._store.find_thread(key)
            if mine and self._clock() - float(Posted.parse(changed.of).ts) < _STILL_COMES:
                raise  # it came before what it changes: Slack brings both again
            log.debug("slack_change_of_unknown", of=changed.of)

    async def _status(self, place: Place) -> None:
        """Show that somebody is at it; Slack takes that away when we post, or after two minutes."""
        if not place.root:
            return
        where = {"channel_id": place.channel, "thread_ts": place.root}
        try:
            await self._api.call("assistant.threads.setStatus", status=_LOOKING, **where)
        except ThreadlineError as no:
            log.info("slack_status_not_shown", why=str(no))

    async def _opened(self, opened: Opened) -> None:
        if opened.tab == "home":
            self._later(self._home(opened.user))
        elif self._prompts and opened.channel:
            self._later(self._offer(opened.channel))

    async def _offer(self, channel: str) -> None:
        prompts = [{"title": prompt[:75], "message": prompt} for prompt in self._prompts]
        try:
            await self._api.call("assistant.threads.setSuggestedPrompts", channel_id=channel, prompts=prompts)
        except ThreadlineError as no:
            log.info("slack_prompts_not_shown", why=str(no))

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
            await self._pressed(press, body)
        await ack()

    def _desk_of(self, channel: str) -> SlackDesk | None:
        """Return the desk of a channel; of App Home and forms, which stand in none, the first."""
        return self.desks.get(channel) or next(iter(self.desks.values()), None)

    async def _pressed(self, press: Pressed, body: Body) -> None:
        """Take a press of a customer's: a judgement, or the wish for a person."""
        team = self.team()
        key = press.place.key(team)
        if press.action == "person":
            profile = await self._people.profile(press.user)
            wish = InboundMessage(
                key, press.event, person(press.team, press.user), _WANTS_A_PERSON, profile.name, verified=True, raw=body
            )
            await self._inbox.accept(wish)
            self._later(self._status(press.place))
            return
        rating = parse.rating(press, self._known())
        if rating is None:
            return
        try:
            receipt = await self._inbox.accept(rating)
        except LookupError:
            return
        if rating.message and rating.score < 0:
            self._later(self._ask_why(press, forms.why(press, team, rating.message)))
        else:
            self._later(self._tell_refusal(press, receipt))

    async def _ask_why(self, press: Pressed, form: Body) -> None:
        try:
            await self._api.call("views.open", trigger_id=press.trigger, view=form)
        except ThreadlineError as no:
            log.info("slack_form_not_opened", why=str(no))

    async def _tell_refusal(self, press: Pressed, receipt: Receipt) -> None:
        settled = await self._inbox.settled(receipt, _SETTLED)
        if settled.state != REFUSED or not settled.result:
            return
        where = {"channel": press.place.channel, "user": press.user}
        thread = {"thread_ts": press.place.root} if press.place.root else {}
        try:
            await self._api.call("chat.postEphemeral", text=settled.result, **where, **thread)
        except ThreadlineError as no:
            log.info("slack_customer_not_told", why=str(no))

    async def _view(self, ack: AsyncAck, body: Body) -> None:
        if str((body.get("view") or {}).get("callback_id")) == forms.REASON:
            rating = parse.reason_of(body)
            if rating.reason:
                await self._inbox.accept(rating)
        elif desk := self._desk_of(""):
            await desk.on_view(body)
        await ack()

    async def _command(self, ack: AsyncAck, body: Body) -> None:
        desk = self._desk_of(str(body.get("channel_id") or ""))
        if desk is None:
            await ack(text="No desk is set up in Slack. Whoever runs Threadline sets DESK=slack:CHANNEL_ID.")
            return
        await ack(**{"response_type": "ephemeral", **await desk.on_command(body)})


def desk_channel(name: str) -> str:
    """Return the channel's id in a desk's name ('slack:C0123'). Raises `SetupError` for what is none."""
    channel = name.removeprefix("slack:")
    if not re.fullmatch(r"[CG][A-Z0-9]{2,20}", channel):
        raise SetupError(f"{name} names no Slack channel. Its id is in the channel's details: DESK=slack:C0123ABCD.")
    return channel
