"""What operators read beside the channel: their App Home, and what /support answers."""

from collections.abc import Sequence

from channels.slack.desk import views
from channels.slack.desk.names import Card
from channels.slack.desk.parse import Command
from channels.slack.desk.posting import Poster, address
from channels.slack.desk.render import JSON
from core.case import Case
from core.desk import Operator
from core.policy import Policy
from core.store.inbox import Clock
from core.store.store import Store
from core.thread import OwnerKind

_LISTS = {"": "Open cases", "mine": "Your cases", "unclaimed": "Unclaimed cases", "overdue": "Overdue cases"}


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
        if command.word == "list":
            return await self._list(command.rest, operator)
        return await self._found(command)

    async def _list(self, which: str, operator: Operator) -> JSON:
        now = self._clock()
        cases = [
            case
            for case in await self._store.cases.find("open")
            if (which != "mine" or case.thread.owner.held_by(operator.id))
            and (which != "unclaimed" or case.thread.owner.kind is OwnerKind.DESK)
            and (which != "overdue" or case.overdue(now, self._policy))
        ]
        return await self._show(f"{_LISTS[which]}: {len(cases) or 'none'}", cases, sort=True)

    async def _found(self, command: Command) -> JSON:
        """Look among the newest cases: in names, summaries, subjects and last words."""
        if command.number is not None:
            try:
                cases = [await self._store.cases.numbered(command.number)]
            except LookupError:
                cases = []
            return await self._show(f"Case {command.number}" if cases else f"There is no case {command.number}", cases)
        wanted = command.rest.casefold().split()
        cases = [case for case in await self._store.cases.find("all") if all(one in _words(case) for one in wanted)]
        return await self._show(f"Cases with “{command.rest[:100]}”: {len(cases) or 'none'}", cases)

    async def _show(self, heading: str, cases: Sequence[Case], *, sort: bool = False) -> JSON:
        names = await self._store.cases.operator_names()
        link = await self._link()
        return views.answer(heading, cases, names, self._clock(), self._policy, link, sort=sort)

    async def _link(self) -> views.Link:
        base = await self._poster.base()

        def link(case: Case) -> str:
            card = Card.parse(case.desk_thread, self._poster.channel)
            return address(base, card.posted) if card else ""

        return link


def _words(case: Case) -> str:
    last = case.last.text if case.last else ""
    words = (case.thread.customer_name, case.summary, case.thread.subject, last, case.thread.key.channel)
    return f"#{case.number} {' '.join(words)}".casefold()
