"""Missing articles that are missing no more: what was missed is asked again once the knowledge base has changed.

`bot.jobs` calls `look` on a schedule, in every replica. The list is thereby what it says wherever it is shown: on the
web desk, in the week's report and in `threadline gaps`.
"""

import structlog

from bot.readiness import Readiness
from core.gaps import GAP_DAYS
from core.store.inbox import Clock
from core.store.store import Store
from kb.tables import CollectionState, KnowledgeStore

log = structlog.get_logger()

LOOK_SECONDS = 30
_DAY = 86_400.0


class Missing:
    """The missing articles of one installation. `floor` is the confidence that an answer takes without a model.

    At most `core.store.gaps.MOST_LISTED` questions are asked again, one after the other, at the start and after each
    change: 200 long ones over 510 articles took 20 seconds on two cores.
    """

    def __init__(self, store: Store, readiness: Readiness, floor: float, clock: Clock) -> None:
        self._store = store
        self._readiness = readiness
        self._floor = floor
        self._clock = clock
        self._tables = KnowledgeStore(store.database)
        self._seen: dict[str, CollectionState] = {}
        self._asked_of: dict[str, CollectionState] = {}

    async def look(self) -> None:
        """Drop what the knowledge base answers now, if it has changed and looks alike twice: no sync is under way."""
        if not self._readiness.is_open:
            return
        before, self._seen = self._seen, await self._tables.states()
        if self._seen != self._asked_of and self._seen == before:
            await self._ask_again()
            self._asked_of = before

    async def _ask_again(self) -> None:
        knowledge = (await self._readiness.assistant()).knowledge
        for missed in await self._store.gaps.missed(self._clock() - GAP_DAYS * _DAY):
            found = await knowledge.search(missed.question)
            if missed.is_answered_by(found, self._floor):
                await self._store.gaps.drop(missed)
                log.info("article_not_missing", answered_by=found.passages[0].source)
