"""The cards of cases as they are now, and lists of them: what the store says, drawn.

Called by `channel` and `actions`.
"""

from typing import Any

from channels.teams.desk import render
from channels.teams.desk.names import Card
from channels.teams.desk.posting import Poster
from channels.teams.desk.shared import Command, found, listed
from core.case import Case
from core.desk import Operator
from core.ids import OperatorId
from core.messages import Author
from core.policy import Policy
from core.store.inbox import Clock
from core.store.store import Store

JSON = dict[str, Any]
_MOST_LINES = 5


class Cards:
    """The cases of one store, with the way to their cards in one place."""

    def __init__(self, store: Store, poster: Poster, clock: Clock, policy: Policy) -> None:
        self._store = store
        self._poster = poster
        self._clock = clock
        self._policy = policy

    async def draw(self, case: Case, viewer: OperatorId | None = None) -> tuple[JSON, str]:
        """Return the card of a case for a viewer, or for everybody, and the words that stand for it."""
        names = await self._store.cases.operator_names()
        view = render.View(
            holder=names.get(case.thread.owner.operator or OperatorId(""), ""),
            viewer=viewer,
            overdue=case.overdue(self._clock(), self._policy),
            colleagues=await self._store.cases.operator_names(active=True),
            lines=await self._lines(case),
        )
        return render.card(case, view), render.summary(case, view)

    async def _lines(self, case: Case) -> render.Lines:
        """Return the latest that operators wrote to the customer, and what became of it."""
        said = await self._store.cases.messages(case)
        mine = [one for one in said if one.author is Author.OPERATOR and not one.withdrawn][-_MOST_LINES:]
        fates = await self._store.deliveries.of_messages(case.thread.id) if mine else {}
        return [(message, fates[message.id]) for message in mine if message.id in fates]

    async def answer(self, command: Command, operator: Operator) -> JSON:
        """Return what a command that only looks is answered."""
        if command.word == "help":
            return render.help_()
        now = self._clock()
        if command.word == "list":
            cases = listed(await self._store.cases.find("open"), command.rest, operator, now, self._policy)
        elif command.number is not None:
            cases = await self._numbered(command.number)
        else:
            cases = found(await self._store.cases.find("all"), command.rest)
        names = await self._store.cases.operator_names()
        links = {case.id: self._poster.link(card.thread) for case in cases[:50] if (card := self._card(case))}
        return render.overview(render.heading(command, len(cases)), cases, names, now, self._policy, links)

    async def _numbered(self, number: int) -> list[Case]:
        try:
            return [await self._store.cases.numbered(number)]
        except LookupError:
            return []

    def _card(self, case: Case) -> Card | None:
        return Card.parse(case.desk_thread, self._poster.channel)
