"""The desk API: cases, actions and the live socket of the operators' page."""

from collections.abc import Sequence
from typing import Any, cast, get_args

from aiohttp import web

from channels.web import parse, render
from channels.web.access import Access
from channels.web.sockets import LOOK_AGAIN, talk
from core.bell import DESK, Bell
from core.case import CaseFilter
from core.desk import Operator
from core.ids import CaseId
from core.store.credentials import Kind
from core.store.inbox import Clock, Inbox
from core.store.receipts import REFUSED
from core.store.store import Store

DECIDED_WITHIN = 10.0  # seconds an action waits to be decided; it is stored in any case


class WebDesk:
    """Handlers of `/api/v1/desk`. Every request carries an operator's token."""

    def __init__(self, store: Store, inbox: Inbox, access: Access, bell: Bell, clock: Clock) -> None:
        self._store = store
        self._inbox = inbox
        self._access = access
        self._bell = bell
        self._clock = clock

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of the desk API."""
        base = "/api/v1/desk"
        return (
            web.get(f"{base}/me", self.me),
            web.get(f"{base}/cases", self.cases),
            web.get(f"{base}/cases/{{case}}", self.case),
            web.post(f"{base}/cases/{{case}}/actions", self.act),
            web.post(f"{base}/ticket", self.ticket),
            web.get(f"{base}/ws", self.socket),
        )

    async def me(self, request: web.Request) -> web.Response:
        """Return who asks."""
        operator = await self._access.operator(request)
        return web.json_response({"id": operator.id, "name": operator.name})

    async def cases(self, request: web.Request) -> web.Response:
        """Return the cases of `?state=`."""
        await self._access.operator(request)
        state = request.query.get("state", "open")
        if state not in get_args(CaseFilter):
            raise parse.BadRequest("bad_state", '"state" is open, resolved or all.')
        names = await self._store.cases.operator_names()
        found = await self._store.cases.find(cast(CaseFilter, state))
        return web.json_response({"cases": [render.case_line(case, names) for case in found]})

    async def case(self, request: web.Request) -> web.Response:
        """Return one case in full."""
        operator = await self._access.operator(request)
        return web.json_response(await self._detail(request, operator))

    async def _detail(self, request: web.Request, operator: Operator) -> dict[str, Any]:
        try:
            case = await self._store.cases.get(CaseId(request.match_info["case"]))
        except LookupError:
            raise web.HTTPNotFound(text="There is no such case.") from None
        return render.case_detail(
            case,
            await self._store.cases.messages(case),
            await self._store.deliveries.of_messages(case.thread.id),
            await self._store.cases.operator_names(),
            operator.id,
        )

    async def act(self, request: web.Request) -> web.Response:
        """Do something to a case: 200 with the case, 409 with the case as it is when it does not allow that."""
        operator = await self._access.operator(request)
        data = parse.read_object(await request.read())
        event = parse.parse_action(
            CaseId(request.match_info["case"]), data, operator, request.headers.get("Idempotency-Key")
        )
        try:
            receipt = await self._inbox.settled(await self._inbox.accept(event), DECIDED_WITHIN)
        except LookupError:
            raise web.HTTPNotFound(text="There is no such case.") from None
        detail = await self._detail(request, operator)
        if receipt.state == REFUSED:
            error = {"code": "not_allowed", "message": receipt.result}
            return web.json_response({"error": error, "state": detail["state"], "case": detail}, status=409)
        return web.json_response(detail)

    async def ticket(self, request: web.Request) -> web.Response:
        """Give a one-time ticket for the socket."""
        operator = await self._access.operator(request)
        return web.json_response({"ticket": await self._access.ticket(Kind.DESK_TICKET, operator.id)})

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """Tell which cases change, as they do."""
        operator = await self._access.redeem(request, Kind.DESK_TICKET)
        return await talk(request, lambda socket: self._tell(socket, operator))

    async def _tell(self, socket: web.WebSocketResponse, operator: str) -> None:
        seen = self._clock()
        with self._bell.listen(DESK) as ear:
            while await self._store.credentials.holds_token(operator):
                for case, changed in await self._store.cases.changed_since(seen):
                    seen = max(seen, changed)
                    await socket.send_json({"type": "changed", "case_id": case})
                await ear.wait(LOOK_AGAIN)
