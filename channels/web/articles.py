"""The desk API of suggested articles: listed, approved or dropped by operators. `bot.articles` does the work."""

from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

from channels.web import parse, render
from channels.web.access import Access
from core.articles import ArticleApproved, ArticleGroup, ArticleText
from core.desk import Operator
from core.errors import Refused
from core.ids import ArticleId


class Shelf(Protocol):
    """Where suggested articles wait, and what becomes of them."""

    async def groups(self) -> list[ArticleGroup]:
        """Return those that wait, alike ones together."""
        ...

    async def approve(self, ids: Sequence[ArticleId], text: ArticleText, by: Operator) -> ArticleApproved:
        """Make one article of `ids`. Raises `Refused`."""
        ...

    async def drop(self, ids: Sequence[ArticleId], by: Operator) -> None:
        """Make none of them. Raises `Refused`."""
        ...


class DeskArticles:
    """Handlers of `/api/v1/desk/articles`. Every request carries an operator's token."""

    def __init__(self, shelf: Shelf, access: Access) -> None:
        self._shelf = shelf
        self._access = access

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes."""
        base = "/api/v1/desk/articles"
        return (web.get(base, self.waiting), web.post(base, self.decide))

    async def waiting(self, request: web.Request) -> web.Response:
        """Return what waits for a decision."""
        await self._access.operator(request)
        return web.json_response(await self._groups())

    async def decide(self, request: web.Request) -> web.Response:
        """Approve or drop: 200 with what is left, also when repeated; 409 with it when a colleague was first."""
        operator = await self._access.operator(request)
        decision = parse.parse_article(parse.read_object(await request.read()))
        approved = ArticleApproved("")
        try:
            if decision.text:
                approved = await self._shelf.approve(decision.ids, decision.text, operator)
            else:
                await self._shelf.drop(decision.ids, operator)
        except Refused as refused:
            error = {"code": "not_allowed", "message": str(refused)}
            return web.json_response({"error": error, **await self._groups()}, status=409)
        told = approved.problem or None
        return web.json_response({**await self._groups(), "file": approved.file or None, "told": told})

    async def _groups(self) -> dict[str, object]:
        return {"groups": [render.article_group(group) for group in await self._shelf.groups()]}
