"""The desk API: cases, actions and the live socket of the operators' page."""

from collections.abc import Sequence
from typing import Any, cast, get_args

from aiohttp import web

from channels.web import parse, render
from channels.web.access import Access
from channels.web.sockets import LOOK_AGAIN, talk
from channels.web.uploads import read_body, send_file
from core.articles import WEEK_DAYS
from core.bell import DESK, Bell
from core.case import Case, CaseFilter
from core.desk import Operator
from core.figures import Waiting
from core.gaps import GAP_DAYS
from core.ids import CaseId, FileId, ThreadId
from core.messages import File
from core.policy import Policy
from core.store.credentials import Kind
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import REFUSED
from core.store.store import Store

AGREEMENT_DAYS = 30
DAY = 86_400.0
MOST_LOGGED = 200
DECIDED_WITHIN = 10.0  # seconds an action waits to be decided; it is stored in any case


class WebDesk:
    """Handlers of `/api/v1/desk`. Every request carries an operator's token."""

    def __init__(
        self,
        store: Store,
        files: Files,
        inbox: Inbox,
        access: Access,
        bell: Bell,
        clock: Clock,
        policy: Policy,
    ) -> None:
        self._store = store
        self._files = files
        self._policy = policy
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
            web.get(f"{base}/cases/{{case}}/files/{{file}}", self.file),
            web.get(f"{base}/cases/{{case}}/files/{{file}}/text", self.text),
            web.get(f"{base}/cases/{{case}}/earlier/{{thread}}", self.earlier),
            web.get(f"{base}/operators", self.operators),
            web.get(f"{base}/log", self.log),
            web.get(f"{base}/digest", self.digest),
            web.get(f"{base}/gaps", self.gaps),
            web.post(f"{base}/ticket", self.ticket),
            web.get(f"{base}/ws", self.socket),
        )

    async def me(self, request: web.Request) -> web.Response:
        """Return who asks."""
        operator = await self._access.operator(request)
        return web.json_response({"id": operator.id, "name": operator.name, "notices": await self._notices()})

    async def _notices(self) -> list[dict[str, str]]:
        """Return what the owner must know: a desk that can't be reached."""
        failing = await self._store.cases.unreachable_desks()
        return [{"text": f"{desk} can't be reached: {error} Its cases wait here."} for desk, error in failing.items()]

    async def operators(self, request: web.Request) -> web.Response:
        """Return the colleagues a case can be assigned to."""
        await self._access.operator(request)
        return web.json_response({"operators": await self._colleagues()})

    async def _colleagues(self) -> list[dict[str, str]]:
        names = await self._store.cases.operator_names(active=True)
        return [{"id": id_, "name": name} for id_, name in names.items()]

    async def log(self, request: web.Request) -> web.Response:
        """Return what operators did last, in all cases."""
        await self._access.operator(request)
        done = await self._store.receipts.newest_actions(MOST_LOGGED)
        return web.json_response({"entries": [render.action(*one) for one in done]})

    async def digest(self, request: web.Request) -> web.Response:
        """Return the figures of the last 24 hours, and what the week's report says."""
        await self._access.operator(request)
        now = self._clock()
        figures = await self._store.figures.of(now - DAY, now)
        waiting = Waiting.of(await self._store.cases.find("open"), now, self._policy)
        missing = await self._store.gaps.since(now - WEEK_DAYS * DAY)
        week = render.week(missing, await self._store.articles.count())
        agreement = await self._store.figures.agreement(now - AGREEMENT_DAYS * DAY)
        return web.json_response({**render.figures(figures, waiting, now, agreement), "week": week})

    async def gaps(self, request: web.Request) -> web.Response:
        """Return what the knowledge base did not carry in the last `GAP_DAYS`, what was asked most first."""
        await self._access.operator(request)
        found = await self._store.gaps.since(self._clock() - GAP_DAYS * DAY)
        return web.json_response({"days": GAP_DAYS, "gaps": [render.gap(one) for one in found]})

    async def cases(self, request: web.Request) -> web.Response:
        """Return the cases of `?state=`."""
        await self._access.operator(request)
        state = request.query.get("state", "open")
        if state not in get_args(CaseFilter):
            raise parse.BadRequest("bad_state", '"state" is open, resolved or all.')
        names = await self._store.cases.operator_names()
        found = await self._store.cases.find(cast(CaseFilter, state))
        now = self._clock()
        lines = [render.case_line(case, names, now, self._policy) for case in found]
        return web.json_response({"cases": lines, "notices": await self._notices()})

    async def case(self, request: web.Request) -> web.Response:
        """Return one case in full."""
        operator = await self._access.operator(request)
        return web.json_response(await self._detail(request, operator))

    async def _detail(self, request: web.Request, operator: Operator) -> dict[str, Any]:
        case = await self._case(request)
        detail = render.case_detail(
            case,
            await self._store.cases.messages(case),
            await self._store.deliveries.of_messages(case.thread.id),
            await self._store.cases.operator_names(),
            operator.id,
            self._clock(),
            self._policy,
        )
        detail["known"] = [render.fact(one) for one in await self._store.facts_about(case.thread)]
        detail["earlier"] = [render.earlier(other) for other in await self._store.cases.earlier(case)]
        detail["calls"] = [render.call(one) for one in await self._store.actions.of_thread(case.thread.id)]
        detail["log"] = [render.action(*one) for one in await self._store.receipts.log_of(case.id)]
        detail["operators"] = await self._colleagues()
        detail["told"] = None
        return detail

    async def file(self, request: web.Request) -> web.Response:
        """Return a file of the case's conversation."""
        return await send_file(self._files, await self._file(request))

    async def text(self, request: web.Request) -> web.Response:
        """Return what a customer's file says."""
        file = await self._file(request)
        text = await self._store.extractions.text(file.id)
        if text is None:
            raise web.HTTPNotFound(text=file.note or "There is no text of this file.")
        return web.json_response(render.file_text(file, text))

    async def _file(self, request: web.Request) -> File:
        case = await self._case(request)
        try:
            found, _ = await self._files.of_thread(case.thread.id, FileId(request.match_info["file"]))
        except LookupError:
            raise web.HTTPNotFound(text="There is no such file in this case.") from None
        return found

    async def earlier(self, request: web.Request) -> web.Response:
        """Return another conversation of the case's customer."""
        case = await self._case(request)
        try:
            said = await self._store.cases.earlier_messages(case, ThreadId(request.match_info["thread"]))
        except LookupError:
            raise web.HTTPNotFound(text="This customer has no such conversation.") from None
        return web.json_response({"messages": [render.message(m) for m in said]})

    async def _case(self, request: web.Request) -> Case:
        await self._access.operator(request)
        try:
            return await self._store.cases.get(CaseId(request.match_info["case"]))
        except LookupError:
            raise web.HTTPNotFound(text="There is no such case.") from None

    async def act(self, request: web.Request) -> web.Response:
        """Do something to a case: 200 with the case, 409 with the case as it is when it does not allow that."""
        operator = await self._access.operator(request)
        body = await read_body(request, self._files, self._clock())
        key = request.headers.get("Idempotency-Key")
        event = parse.parse_action(CaseId(request.match_info["case"]), body.fields, operator, key, body.files)
        try:
            receipt = await self._inbox.told(event, await self._inbox.accept(event), DECIDED_WITHIN)
        except LookupError:
            raise web.HTTPNotFound(text="There is no such case.") from None
        detail = await self._detail(request, operator)
        if receipt.state == REFUSED:
            error = {"code": "not_allowed", "message": receipt.result}
            return web.json_response({"error": error, "state": detail["state"], "case": detail}, status=409)
        return web.json_response({**detail, "told": receipt.result or None})

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
