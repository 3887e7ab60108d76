"""The chat API: sessions, messages and the live socket of the customer's page."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from channels.web import parse, render
from channels.web.access import Access
from channels.web.channel import WebChannel
from channels.web.limits import RateLimit
from channels.web.sockets import LOOK_AGAIN, talk
from core.bell import Bell
from core.ids import ThreadId, new_id
from core.messages import Message
from core.store.credentials import Kind
from core.store.inbox import Clock, Inbox
from core.store.store import Store
from core.thread import Thread

MAX_WAIT = 120.0


class Chat:
    """Handlers of `/api/v1/chat`: each answers for one session, by its token or a ticket."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        access: Access,
        channel: WebChannel,
        bell: Bell,
        clock: Clock,
        limit: RateLimit,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._access = access
        self._channel = channel
        self._bell = bell
        self._clock = clock
        self._limit = limit

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of the chat API."""
        base = "/api/v1/chat/sessions"
        return (
            web.post(base, self.start),
            web.post(f"{base}/{{session}}/messages", self.post),
            web.get(f"{base}/{{session}}/messages", self.read),
            web.post(f"{base}/{{session}}/ticket", self.ticket),
            web.get(f"{base}/{{session}}/ws", self.socket),
        )

    async def start(self, request: web.Request) -> web.Response:
        """Open a chat session."""
        self._limit.check("sessions", request.remote or "")
        session = new_id("s")
        token = await self._store.credentials.issue(Kind.SESSION, session, self._clock())
        return web.json_response({"session_id": session, "token": token}, status=201)

    async def post(self, request: web.Request) -> web.Response:
        """Take a customer's message: 202 once stored, or with `?wait=` 200 and the replies once the turn is over."""
        session = await self._access.session(request)
        self._limit.check("messages", session)
        text = parse.read_text(await _read_fields(request))
        inbound = parse.parse_message(session, text, request.headers.get("Idempotency-Key"))
        receipt = await self._inbox.accept(inbound)
        wait = _seconds(request.query.get("wait"))
        replies = await self._inbox.replies(receipt, wait) if wait else None
        if replies is None:
            return web.json_response({"message_id": receipt.message}, status=202)
        shown = [render.message(reply) for reply in replies]
        return web.json_response({"message_id": receipt.message, "replies": shown})

    async def read(self, request: web.Request) -> web.Response:
        """Return the messages after `?after=ID`, and who speaks now."""
        session = await self._access.session(request)
        thread, said = await self._after(session, request.query.get("after"))
        names = await self._store.cases.operator_names()
        body = {"messages": [render.message(m) for m in said], **render.status(thread, names)}
        return web.json_response(body)

    async def _after(self, session: str, message: str | None) -> tuple[Thread | None, list[Message]]:
        thread = await self._store.find_thread(parse.session_key(session))
        if thread is None:
            return None, []
        said = [m for m in await self._store.messages(thread.id) if m.for_customer]
        seen = next((m.seq for m in said if m.id == message), 0)
        return thread, [m for m in said if m.seq > seen]

    async def ticket(self, request: web.Request) -> web.Response:
        """Give a one-time ticket for the socket."""
        session = await self._access.session(request)
        self._limit.check("tickets", session)
        return web.json_response({"ticket": await self._access.ticket(Kind.CHAT_TICKET, session)})

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """Show the thread as it happens: messages, growing text, who speaks."""
        subject = await self._access.redeem(request, Kind.CHAT_TICKET)
        if subject != request.match_info["session"]:
            raise web.HTTPForbidden(text="This ticket is for another chat session.")
        after = request.query.get("after")
        return await talk(
            request, lambda socket: _View(socket, self._store, self._channel, subject, after).follow(self._bell)
        )


class _View:
    """What one socket has been shown; each look sends the difference."""

    def __init__(
        self, socket: web.WebSocketResponse, store: Store, channel: WebChannel, session: str, after: str | None
    ) -> None:
        self._socket = socket
        self._store = store
        self._channel = channel
        self._key = parse.session_key(session)
        self._after = after
        self._seq = 0
        self._status: Mapping[str, Any] = {}
        self._partial = ""

    async def follow(self, bell: Bell) -> None:
        """Look now, at every ring of the thread, and every `LOOK_AGAIN` seconds."""
        thread = None
        while thread is None:
            thread = await self._store.find_thread(self._key)
            if thread is None:
                await asyncio.sleep(0.2)  # a thread begins with its first message; there is no topic to listen to yet
        if self._after:
            said = await self._store.messages(thread.id)
            self._seq = next((m.seq for m in said if m.id == self._after), 0)
        with bell.listen(thread.id) as ear:
            while True:
                await ear.wait(LOOK_AGAIN)
                await self._grow(thread.id)
                await self._look(await self._store.thread(thread.id))

    async def _grow(self, thread: ThreadId) -> None:
        """Show the growing answer; before the look, so that it never comes after the whole one."""
        text = self._channel.partial(thread)
        if text and text != self._partial:
            self._partial = text
            await self._send({"type": "partial", "text": text})

    async def _look(self, thread: Thread) -> None:
        if thread.last_seq > self._seq:
            for said in await self._store.messages(thread.id, after=self._seq):
                self._seq = said.seq
                if said.for_customer:
                    await self._send({"type": "message", "message": render.message(said)})
        if thread.run is None or not thread.run.speaking:
            self._channel.forget_partial(thread.id)
        status = render.status(thread, await self._store.cases.operator_names() if thread.owner.operator else {})
        if status["typing"] != self._status.get("typing"):
            await self._send({"type": "typing", "on": status["typing"]})
        if [status["owner"], status["operator"]] != [self._status.get("owner"), self._status.get("operator")]:
            await self._send({"type": "owner", "owner": status["owner"], "operator": status["operator"]})
        self._status = status

    async def _send(self, frame: Mapping[str, Any]) -> None:
        await self._socket.send_json(frame, dumps=lambda data: json.dumps(data, ensure_ascii=False))


async def _read_fields(request: web.Request) -> dict[str, Any]:
    if not request.content_type.startswith("multipart/"):
        return parse.read_object(await request.read())
    try:
        form = await request.post()
    except ValueError:  # aiohttp's word for every kind of broken form
        raise parse.BadRequest("bad_form", "The form can't be read. Send it as multipart/form-data, whole.") from None
    if any(not isinstance(value, str) for value in form.values()):
        raise parse.BadRequest(
            "files_unsupported", "Files can't be taken in the chat yet. Describe what is in them, please.", 415
        )
    return dict(form)


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        raise parse.BadRequest("bad_wait", '"wait" is a number of seconds, for example ?wait=30.') from None
    if not 0 <= seconds <= MAX_WAIT:
        raise parse.BadRequest("bad_wait", f'"wait" lies between 0 and {MAX_WAIT:g} seconds.')
    return seconds
