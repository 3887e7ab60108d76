"""What we say in Teams beside the answers of the assistant: courtesies, each once, which may fail.

Used by the door and by what it hands over to (`customers`, `offers`), which have stored by then what happened.
"""

from collections.abc import Coroutine
from typing import Any

import structlog

from channels.later import Later
from channels.teams import names
from channels.teams.api import Api
from channels.teams.parse import Place
from core.errors import ThreadlineError
from core.ids import ThreadKey
from core.messages import IgnoredBecause, InboundIgnored
from core.store.inbox import Inbox
from core.store.receipts import IGNORED, Receipts

log = structlog.get_logger()


class Asides:
    """Speaks for one app; `own` is its organisation."""

    def __init__(self, api: Api, receipts: Receipts, inbox: Inbox, own: str) -> None:
        self._api = api
        self._receipts = receipts
        self._inbox = inbox
        self._own = own
        self._later = Later("teams_courtesy_failed")

    async def close(self) -> None:
        """Break off what is still to be said."""
        await self._later.break_off()

    def key(self, where: Place) -> ThreadKey:
        """Return the key of a conversation: Teams' ids of them are unique everywhere."""
        return names.key(self._own, where.conversation)

    async def is_known(self, where: Place, event: str) -> bool:
        """Say whether something was taken note of before."""
        return await self._receipts.result_of(self.key(where), event) is not None

    async def is_new(self, where: Place, event: str) -> bool:
        """Take note of something that asks for no answer of the assistant's; say whether it was not known before."""
        if await self.is_known(where, event):
            return False
        await self._inbox.accept(InboundIgnored(self.key(where), event, IgnoredBecause.EMPTY))
        return True

    async def is_aside(self, where: Place, event: str) -> bool:
        """Say whether something that people wrote was answered by us, and not by the assistant."""
        found = await self._receipts.result_of(self.key(where), event)
        return found == (IGNORED, IgnoredBecause.EMPTY.value)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have a courtesy done."""
        self._later.begin(work)

    def say(self, where: Place, words: str) -> None:
        """Say a sentence of our own."""
        self.begin(self._say(where, words))

    async def _say(self, where: Place, words: str) -> None:
        try:
            await self._api.send(where, {"type": "message", "text": words, "textFormat": "plain"})
        except ThreadlineError as no:
            log.info("teams_not_told", where=where.conversation, why=str(no))

    def type(self, where: Place) -> None:
        """Show that somebody is at it."""
        self.begin(self._type(where))

    async def _type(self, where: Place) -> None:
        try:
            await self._api.send(where, {"type": "typing"}, paced=False)
        except ThreadlineError as no:
            log.info("teams_typing_not_shown", why=str(no))
