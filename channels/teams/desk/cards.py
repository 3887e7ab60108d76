"""The cards of cases as they are now, and lists of them: what the store says, drawn.

Called by `channel` and `actions`.
"""

from channels.desk.commands import Command, asked_for, heading, known
from channels.teams.desk import lists, render
from channels.teams.desk.names import Card
from channels.teams.desk.pieces import JSON
from channels.teams.desk.posting import Poster
from core.case import Case
from core.desk import Operator
from core.ids import OperatorId
from core.messages import Author
from core.policy import Policy
from core.store.inbox import Clock
from core.store.store import Store

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
            return lists.help_()
        if command.word == "known":
            return await self._known(command)
        now = self._clock()
        cases = await asked_for(command, operator.id, self._store.cases, now, self._policy)
        names = await self._store.cases.operator_names()
        links = {case.id: self._poster.link(card.thread) for case in cases[:50] if (card := self._card(case))}
        return lists.overview(heading(command, len(cases)), cases, names, now, self._policy, links)

    async def _known(self, command: Command) -> JSON:
        try:
            case = await self._store.cases.numbered(command.number or 0)
        except LookupError:
            return lists.lines(heading(command, 0))
        return lists.lines(known(case, await self._store.facts_about(case.thread)))

    def _card(self, case: Case) -> Card | None:
        return Card.parse(case.desk_thread, self._poster.channel)
