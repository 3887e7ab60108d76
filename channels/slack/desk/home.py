"""What operators read beside the channel: their App Home, and what /support answers."""

from channels.desk.commands import Command, asked_for, heading, known
from channels.slack.desk import views
from channels.slack.desk.blocks import JSON
from channels.slack.desk.names import Card
from channels.slack.desk.posting import Poster, address
from core.case import Case
from core.desk import Operator
from core.policy import Policy
from core.store.inbox import Clock
from core.store.store import Store


class Overview:
    """The cases of one store, with the way to their cards in one channel."""

    def __init__(self, store: Store, poster: Poster, policy: Policy, clock: Clock) -> None:
        self._store = store
        self._poster = poster
        self._policy = policy
        self._clock = clock

    async def home(self, operator: Operator) -> JSON:
        """Return the App Home of an operator."""
        cases = await self._store.cases.find("open")
        names = await self._store.cases.operator_names()
        return views.home(cases, operator.id, names, self._clock(), self._policy, await self._link())

    async def answer(self, command: Command, operator: Operator) -> JSON:
        """Return what a command that only looks is answered."""
        if command.word == "help":
            return views.help_()
        if command.word == "known":
            return await self._known(command)
        now = self._clock()
        cases = await asked_for(command, operator.id, self._store.cases, now, self._policy)
        names = await self._store.cases.operator_names()
        return views.answer(heading(command, len(cases)), cases, names, now, self._policy, await self._link())

    async def _known(self, command: Command) -> JSON:
        try:
            case = await self._store.cases.numbered(command.number or 0)
        except LookupError:
            return {"text": heading(command, 0)}
        return views.lines(known(case, await self._store.facts_about(case.thread)))

    async def _link(self) -> views.Link:
        base = await self._poster.base()

        def link(case: Case) -> str:
            card = Card.parse(case.desk_thread, self._poster.channel)
            return address(base, card.posted) if card else ""

        return link
