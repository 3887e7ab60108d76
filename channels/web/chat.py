"""The chat API: sessions, messages and the live socket of the customer's page."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from channels.web import parse, render
from channels.web.access import Access
from channels.web.channel import WebChannel
from channels.web.desk import DECIDED_WITHIN
from channels.web.identity import Identities
from channels.web.limits import RateLimit
from channels.web.live import View
from channels.web.sockets import talk
from channels.web.uploads import megabytes, read_body, send_file
from core.bell import Bell
from core.chat import Session, anonymous
from core.ids import FileId, MessageId, new_id
from core.messages import InboundChange, InboundRating, Message
from core.store.credentials import Kind
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import REFUSED
from core.store.store import Store
from core.thread import Thread

MAX_WAIT = 120.0


class Chat:
    """Handlers of `/api/v1/chat`: each answers for one session, by its token or a ticket."""

    def __init__(
        self,
        store: Store,
        files: Files,
        inbox: Inbox,
        identities: Identities,
        access: Access,
        channel: WebChannel,
        bell: Bell,
        clock: Clock,
        limit: RateLimit,
    ) -> None:
        self._store = store
        self._files = files
        self._identities = identities
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
            web.get(f"{base}/{{session}}/files/{{file}}", self.file),
            web.post(f"{base}/{{session}}/messages/{{message}}/feedback", self.feedback),
            web.post(f"{base}/{{session}}/survey", self.survey),
            web.put(f"{base}/{{session}}/messages/{{message}}", self.change),
            web.delete(f"{base}/{{session}}/messages/{{message}}", self.change),
        )

    async def start(self, request: web.Request) -> web.Response:
        """Open a chat session."""
        self._limit.check("sessions", request.remote or "")
        session = self._session(await request.read())
        await self._store.sessions.start(session, self._clock())
        token = await self._store.credentials.issue(Kind.SESSION, session.id, self._clock())
        return web.json_response({"session_id": session.id, "token": token}, status=201)

    def _session(self, body: bytes) -> Session:
        """Return a new session, of whom the customer's site names in "identity" if the body has one."""
        id_ = new_id("s")
        given = parse.read_object(body).get("identity") if body.strip() else None
        if given is None:
            return anonymous(id_)
        known = self._identities.read(given)
        return Session(id_, known.customer, known.name, verified=True, email=known.email)

    async def post(self, request: web.Request) -> web.Response:
        """Take a customer's message: 202 once stored, or with `?wait=` 200 and the replies once the turn is over."""
        session = await self._store.sessions.get(await self._access.session(request))
        self._limit.check("messages", session.id)
        if request.content_type.startswith("multipart/"):
            self._limit.check("megabytes", request.remote or "", cost=megabytes(request))
        body = await read_body(request, self._files, self._clock())
        text = parse.read_text(body.fields, may_be_empty=bool(body.files))
        inbound = parse.parse_message(session, text, request.headers.get("Idempotency-Key"), body.files)
        receipt = await self._inbox.accept(inbound)
        self._bell.ring(session.id)
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
        body = {"messages": [render.message(m) for m in said], **render.status(thread, names, self._store.policy)}
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
            request,
            lambda socket: View(socket, self._store, self._channel, subject, after, self._clock()).follow(self._bell),
        )

    async def file(self, request: web.Request) -> web.Response:
        """Return a file of this conversation."""
        session = await self._access.session(request)
        thread = await self._store.find_thread(parse.session_key(session))
        said = await self._store.messages(thread.id) if thread else []
        sent = {file.id: file for m in said if m.for_customer for file in m.files}
        found = sent.get(FileId(request.match_info["file"]))
        if found is None:
            raise web.HTTPNotFound(text="There is no such file in this conversation.")
        return await send_file(self._files, found)

    async def feedback(self, request: web.Request) -> web.Response:
        """Keep a thumb for an answer; the last one counts."""
        session = await self._access.session(request)
        message = MessageId(request.match_info["message"])
        return await self._entered(session, parse.parse_feedback(session, message, await self._object(request)))

    async def survey(self, request: web.Request) -> web.Response:
        """Keep the answer to the survey after a case: once."""
        session = await self._access.session(request)
        return await self._entered(session, parse.parse_survey(session, await self._object(request)))

    async def change(self, request: web.Request) -> web.Response:
        """Edit (PUT) or withdraw (DELETE) an own message."""
        session = await self._access.session(request)
        withdrawn = request.method == "DELETE"
        text = None if withdrawn else parse.read_text(await self._object(request))
        event = await self._event(MessageId(request.match_info["message"]))
        if not event.startswith(f"{session}:"):
            raise web.HTTPNotFound(text="There is no such message of yours.")
        return await self._entered(session, parse.parse_change(session, event, text))

    async def _event(self, message: MessageId) -> str:
        """Return the id of the event that brought the message, which may not be decided yet; '' if none did."""
        try:
            return await self._store.receipts.event_of(message)
        except LookupError:
            return ""

    async def _object(self, request: web.Request) -> dict[str, Any]:
        return parse.read_object(await request.read())

    async def _entered(self, session: str, inbound: InboundChange | InboundRating) -> web.Response:
        """Hand `inbound` in: 200 once it is decided, 409 with the sentence where it was refused."""
        self._limit.check("messages", session)
        try:
            receipt = await self._inbox.settled(await self._inbox.accept(inbound), DECIDED_WITHIN)
        except LookupError:
            raise web.HTTPNotFound(text="There is nothing like that in this conversation.") from None
        if receipt.state == REFUSED:
            raise parse.BadRequest("already_answered", receipt.result, 409)
        return web.json_response({})


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        raise parse.BadRequest("bad_wait", '"wait" is a number of seconds, for example ?wait=30.') from None
    if not 0 <= seconds <= MAX_WAIT:
        raise parse.BadRequest("bad_wait", f'"wait" lies between 0 and {MAX_WAIT:g} seconds.')
    return seconds
