"""The desk 'teams': the channel or group chat that an owner chose by writing a one-time code there (`DESK=teams`).

`bot.sending` hands it parts as to any desk, and the door asks it whose a place is. Where the desk is stands in the
store, so a choice counts at once, in every replica and after a restart. Each place has a `TeamsDesk` of its own here;
when the desk moves, the cards of cases follow, and the old ones say where to.
"""

import re
from collections.abc import Callable

import structlog

from channels.base import Sent
from channels.patience import surely
from channels.teams import names
from channels.teams.desk.channel import TeamsDesk
from channels.teams.desk.operators import Operators
from channels.teams.names import CHANNEL, channel_of
from channels.teams.parse import Place, Said, Scope, in_channel
from core.delivery import Part
from core.errors import PermanentError
from core.events import CardDue
from core.inbound import Noticed
from core.messages import IgnoredBecause, InboundIgnored
from core.store.desks import DeskPlace
from core.store.inbox import Clock, Inbox
from core.store.store import Store

log = structlog.get_logger()

NEXT_STEP = "Run `threadline teams-desk`, and write the line that it prints in the channel that is to be the desk."
UNCHOSEN = f"No channel in Teams has been chosen as the desk yet. {NEXT_STEP}"
NEEDS_CODE = (
    "Whoever runs Threadline can make this channel the desk: `threadline teams-desk` prints a line with a code, to be "
    "written here."
)
WRONG_CODE = (
    "That code is not good, or not any more: each works once, for fifteen minutes. `threadline teams-desk` prints a "
    "new one, to be written here."
)
NOT_HERE = "Write this in the channel that is to be the desk: in a chat with me there is no room for colleagues."
NOT_YOU = (
    "Only full members of this organisation can make a channel the desk: guests can't, and people of other "
    "organisations."
)
CHOSEN = (
    "This is the desk now. Each case comes as a card: claim it, and what you write below it goes to the customer. "
    "Mention me with the word help to read what else I can do here."
)
CHOSEN_ALREADY = "This is the desk already."
MOVED = (
    "The desk has moved from here to another place, so nothing was done with this. The cases and their cards are "
    "there: go on in that place, and mention me there."
)
_ASKED = re.compile(r"desk(?:\s+(?P<code>\d[\d\s\u2010-\u2015-]{3,30}))?", re.IGNORECASE)


def _note(channel: str) -> str:
    """Return the id under which it is noted that the desk came to a place."""
    return f"{channel}:desk"


def asked(text: str) -> str | None:
    """Return the code in a wish that a place be the desk ('desk 4839-2175'): '' without one, None for other words."""
    found = _ASKED.fullmatch(text.strip())
    return re.sub(r"\D", "", found["code"] or "") if found else None


class ChosenDesk:
    """The desk that was chosen last."""

    name = CHANNEL
    deduplicates = False

    def __init__(
        self, store: Store, inbox: Inbox, operators: Operators, make: Callable[[str], TeamsDesk], clock: Clock
    ) -> None:
        """`operators` knows the members of our own organisation, `make` the desk in a place."""
        self._store = store
        self._inbox = inbox
        self._operators = operators
        self._make = make
        self._clock = clock
        self._desks: dict[str, TeamsDesk] = {}

    async def close(self) -> None:
        """Wait for what is still to be said to operators."""
        for desk in self._desks.values():
            await desk.close()

    # Where it is

    async def place(self) -> DeskPlace | None:
        """Return where the desk is, None if nobody has chosen yet."""
        return await self._store.desks.place(self.name)

    async def at(self, channel: str) -> TeamsDesk | None:
        """Return the desk if it is in `channel`."""
        place = await self.place()
        return self._in(place) if place and place.name == channel else None

    async def _there(self) -> TeamsDesk:
        place = await self.place()
        if place is None:
            raise PermanentError(UNCHOSEN)
        return self._in(place)

    def _in(self, place: DeskPlace) -> TeamsDesk:
        if place.name not in self._desks:
            service, bot, tenant = (str(place.route.get(name) or "") for name in ("service", "bot", "tenant"))
            way = Place(service, place.name, Scope(str(place.route.get("scope"))), bot, tenant)
            self._at(place.name).learn(way)
        return self._at(place.name)

    def _at(self, channel: str) -> TeamsDesk:
        if channel not in self._desks:
            self._desks[channel] = self._make(channel)
        return self._desks[channel]

    # Choosing

    async def choose(self, said: Said, code: str) -> str:
        """Make the place where `code` was written the desk, if it is good; returns what its writer is told.

        Raises as `Api`, before anything is done.
        """
        where, channel = said.place, in_channel(said.place)
        if where.scope is Scope.PERSONAL:
            return NOT_HERE
        place = await self.place()
        if place and place.name == channel:
            await self._settle(place)
            return CHOSEN_ALREADY
        if not code:
            return NEEDS_CODE
        if not await self._operators.is_member(said.person, where):
            return NOT_YOU
        route = {"service": where.service, "scope": where.scope.value, "bot": where.bot, "tenant": where.tenant}
        chosen = DeskPlace(channel, route, self._clock())
        if not await self._store.desks.move(self.name, code, chosen):
            return WRONG_CODE
        log.info("teams_desk_chosen", channel=channel, by=said.person.user)
        await self._settle(chosen)
        return CHOSEN

    async def _settle(self, place: DeskPlace) -> None:
        """Take note of the place, and have each open case's card posted there; done again, that changes nothing."""
        key = names.key(str(place.route.get("tenant") or ""), "")
        await self._inbox.accept(InboundIgnored(key, _note(place.name), IgnoredBecause.EMPTY))
        async for case in self._store.cases.every_open():
            if case.desk == self.name:
                await self._inbox.accept(Noticed(case.id, f"desk:{place.at}", CardDue(case.id)))

    async def has_left(self, said: Said) -> bool:
        """Say whether somebody who works at the desk wrote where it was before, and is no more."""
        where, channel = said.place, in_channel(said.place)
        if where.scope is Scope.PERSONAL or not await self._store.receipts.result_of(
            names.key(where.tenant, ""), _note(channel)
        ):
            return False
        operator = await self._operators.known(said.person)
        place = await self.place()
        return bool(operator and operator.active and place and place.name != channel)

    # As any desk

    async def show_card(self, part: Part) -> Sent:
        """As `TeamsDesk`; a card that was left behind when the desk moved says where the case goes on."""
        desk = await self._there()
        sent = await desk.show_card(part)
        left = channel_of(part.desk_thread.partition(" ")[0])
        if left and left != desk.place:
            await surely("moved card", lambda: self._at(left).point_on(part, sent.platform_id))
        return sent

    async def post_line(self, part: Part) -> Sent:
        """As `TeamsDesk`."""
        return await (await self._there()).post_line(part)

    async def show_outcome(self, part: Part) -> Sent:
        """As `TeamsDesk`."""
        return await (await self._there()).show_outcome(part)

    async def remind(self, part: Part) -> Sent:
        """As `TeamsDesk`."""
        return await (await self._there()).remind(part)

    async def post_digest(self, part: Part) -> Sent:
        """As `TeamsDesk`."""
        return await (await self._there()).post_digest(part)
