"""Where Teams' activities come in: verified, stored, and only then told 'ok'. Answers go out later, by the worker.

What happens in a desk's channel goes to that desk; the rest is customers' (`customers`), and what they do with files
that they were offered (`offers`).
"""

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any
from weakref import WeakValueDictionary

import structlog
from aiohttp import web

from channels.teams import names, parse
from channels.teams.adapter import Answer
from channels.teams.api import Api
from channels.teams.asides import Asides
from channels.teams.customers import Customers
from channels.teams.desk import chosen
from channels.teams.desk.channel import TeamsDesk
from channels.teams.desk.chosen import ChosenDesk
from channels.teams.offers import Offers
from channels.teams.parse import Changed, Consented, Happened, Place, Pressed, Said, Scope, Silent
from channels.teams.people import People
from core.ids import ThreadKey
from core.store.desks import CODE_DIGITS
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.store import Store

log = structlog.get_logger()

JSON = dict[str, Any]

PATH = "/api/messages"
_MOST = 1024 * 1024  # bytes of one activity; Teams sends 100 kB at most
_UNKNOWN = Answer(501)
_TAKEN = Answer(200)


class TeamsDoor:
    """Takes in one app's activities, wherever it is installed."""

    def __init__(
        self, api: Api, store: Store, files: Files, inbox: Inbox, clock: Clock, *, tenants: Collection[str] = ()
    ) -> None:
        """`tenants`: the organisations that are served, our own first."""
        self.path = PATH
        self.desks: Mapping[str, TeamsDesk] = {}
        self.chosen: ChosenDesk | None = None
        own = next(iter(tenants), "")
        self._api = api
        self._store = store
        self._asides = Asides(api, store.receipts, inbox, own)
        self._customers = Customers(store, files, inbox, clock, self._asides, People(api), own)
        self._offers = Offers(api, store, files, inbox, self._asides)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def routes(self) -> list[web.RouteDef]:
        """Return where Teams posts to."""
        return [web.post(PATH, self._posted)]

    async def close(self) -> None:
        """Say what is still to be said to operators, and break off courtesies to customers."""
        for desk in self.desks.values():
            await desk.close()
        if self.chosen:
            await self.chosen.close()
        await self._asides.close()

    async def _posted(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Teams posts JSON.")
        if (request.content_length or 0) > _MOST:
            raise web.HTTPRequestEntityTooLarge(max_size=_MOST, actual_size=request.content_length or 0)
        try:
            raw = json.loads(await request.read())
        except (ValueError, RecursionError):
            raise web.HTTPBadRequest(text="The body is not JSON.") from None
        if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
            raise web.HTTPBadRequest(text="The body is no activity.")
        try:
            answer = await self._api.adapter.process(request.headers.get("Authorization", ""), raw, self.take)
        except PermissionError as no:
            log.warning("teams_activity_refused", why=str(no))
            raise web.HTTPUnauthorized(text="The activity is not from Teams.") from None
        except ValueError as odd:
            log.warning("teams_activity_odd", why=str(odd), id=raw.get("id"))
            raise web.HTTPBadRequest(text="The activity is not built as Teams builds them.") from None
        if answer is None:
            return web.Response(status=201)
        return (
            web.json_response(answer.body, status=answer.status) if answer.body else web.Response(status=answer.status)
        )

    # What happens

    async def take(self, raw: JSON) -> Answer | None:
        """Take an activity in; once this returns, what it tells is stored, or known to ask nothing of us.

        Returns what an invoke is answered. Raises ValueError for what is not built as Teams builds it; anything else it
        raises means that Teams should bring it again.
        """
        invoked = raw.get("type") == "invoke"
        happened = parse.happened(raw)
        if isinstance(happened, Silent):
            log.debug("teams_activity_left", why=happened.value, id=raw.get("id"))
            return _UNKNOWN if invoked else None
        if isinstance(happened, Consented):  # it takes as long as the file does
            await self._offers.consented(happened, raw)
            return _TAKEN
        channel = names.channel_of(happened.place.conversation)
        if isinstance(happened, Pressed) and (desk := await self._desk_in(channel)):
            return await desk.on_pressed(happened, raw)  # whoever looks at a card asks for it: they wait for nobody
        async with self._turn(channel):
            if isinstance(happened, Said | Changed) and await self._was_of_desk(happened, raw):
                return None
            if desk := await self._desk_in(channel):
                await self._at_desk(desk, happened, raw)
                return None
            answer = await self._customers.take(happened, raw)
        return (answer or _TAKEN) if invoked else None

    def _turn(self, channel: str) -> asyncio.Lock:
        """Return the lock that keeps what happens in one place in its order."""
        return self._turns.setdefault(channel, asyncio.Lock())

    async def _desk_in(self, channel: str) -> TeamsDesk | None:
        """Return the desk in a channel or chat, if there is one."""
        return self.desks.get(channel) or (await self.chosen.at(channel) if self.chosen else None)

    async def _at_desk(self, desk: TeamsDesk, happened: Happened, raw: JSON) -> None:
        match happened:
            case Said():
                await desk.on_said(happened, raw)
            case Changed():
                await desk.on_changed(happened, raw)
            case _:
                pass

    def key(self, where: Place) -> ThreadKey:
        """Return the key of a conversation: Teams' ids of them are unique everywhere."""
        return self._asides.key(where)

    # The desk's place

    async def _was_of_desk(self, happened: Said | Changed, raw: JSON) -> bool:
        """Answer who wants their channel to be the desk, or works where it was before; False for everybody else.

        What was edited into such words is said by now: it counts as if it had been written so.
        """
        said, event = parse.said_by_now(happened, raw), happened.event
        if said is None or not said.mentioned or names.channel_of(said.place.conversation) in self.desks:
            return False
        code = await self._wish(said)
        if code is None and not (self.chosen and await self.chosen.has_left(said)):
            return False
        if await self._asides.is_known(said.place, event):
            return True
        words = await self._on_desk(said, code)
        if await self._asides.is_new(said.place, event):
            self._asides.say(said.place, words)
        return True

    async def _wish(self, said: Said) -> str | None:
        """Return the code by which somebody makes a place the desk, '' if they have none; None for no such wish."""
        code = chosen.asked(said.text)
        if said.place.scope is Scope.PERSONAL:
            return code if self.chosen and code and len(code) == CODE_DIGITS else None
        if not code and await self._store.find_thread(self.key(said.place)):
            return None  # a word in a conversation
        return code

    async def _on_desk(self, said: Said, code: str | None) -> str:
        """Return what is answered to the wish for a desk, or, without one, where the desk was before."""
        if code is None:
            return chosen.MOVED
        if self.chosen:
            return await self.chosen.choose(said, code)
        return _how_to_set(names.channel_of(said.place.conversation))


def _how_to_set(channel: str) -> str:
    """Return what tells an owner how a channel is called, to make it the desk."""
    line = f"DESK=teams:{channel}"
    return f"To make this place the desk, set this line where Threadline runs, and start it again: {line}"
