"""What time brings about at the desk: reminders, cases whose operator is gone, cards to post again, digest and report.

`bot.jobs` runs these on a schedule, in every replica at once: each hands what it noticed to the inbox under
an id that is the same wherever and however often it is noticed, and deciding it looks again.
"""

from datetime import datetime

from core.articles import WEEK_DAYS, weekly
from core.bell import DELIVERIES, Bell
from core.case import Case
from core.events import CardDue, CaseOverdue, OperatorGone
from core.figures import Waiting, digest, duration
from core.inbound import Noticed
from core.policy import WEB_DESK, Policy
from core.store.inbox import Clock, Inbox
from core.store.store import Store

_POST_AGAIN = 600.0  # seconds between tries to post a card to a desk that could not be reached
_DAY = 86_400.0


class Sweeps:
    """The desk's sweeps over one store."""

    def __init__(self, store: Store, inbox: Inbox, bell: Bell, policy: Policy, clock: Clock) -> None:
        self._store = store
        self._inbox = inbox
        self._bell = bell
        self._policy = policy
        self._clock = clock
        self._known: set[str] = set()  # what this process has handed in already: saves a commit each time

    async def look(self) -> None:
        """Look at every open case."""
        active = await self._store.cases.operator_names(active=True)
        names = await self._store.cases.operator_names()
        now = self._clock()
        async for case in self._store.cases.every_open():
            holder = case.thread.owner.operator
            if holder and holder not in active:
                gone = OperatorGone(case.id, holder, names.get(holder, "The operator"))
                await self._notice(Noticed(case.id, f"gone:{case.thread.epoch}", gone))
            elif case.desk_error:
                await self._notice(Noticed(case.id, f"card:{int(now // _POST_AGAIN)}", CardDue(case.id)))
            await self._overdue(case, now)

    async def _overdue(self, case: Case, now: float) -> None:
        """Remind once when the case is overdue; when it stays so as long again, call everyone or the second desk."""
        kind = case.overdue(now, self._policy)
        if kind is None:
            return
        since = case.unclaimed_since if kind == "unclaimed" else case.waiting_since
        patience = self._policy.unclaimed if kind == "unclaimed" else self._policy.unanswered
        waited = self._policy.hours.open_seconds(since or now, now)
        state = "is unclaimed" if kind == "unclaimed" else "waits for an answer"
        sentence = f"Case #{case.number} {state} since {duration(waited)}: {case.summary[:200]}"
        for again in (False, True):
            if waited >= patience * (2 if again else 1):
                event = CaseOverdue(case.id, case.thread.epoch, again, sentence, case.thread.answered_up_to)
                await self._notice(Noticed(case.id, f"overdue:{case.thread.epoch}:{since}:{again}", event))

    async def _notice(self, noticed: Noticed) -> None:
        key = f"{noticed.case} {noticed.event_id}"
        if key not in self._known:
            await self._inbox.accept(noticed)
            self._known.add(key)

    async def digest(self) -> None:
        """Post the digest of the last 24 hours to the desk; the web desk shows it on its page."""
        if self._policy.desk == WEB_DESK:
            return
        now = self._clock()
        figures = await self._store.figures.of(now - _DAY, now)
        waiting = Waiting.of(await self._store.cases.find("open"), now, self._policy)
        day = datetime.fromtimestamp(now, self._policy.hours.zone).date().isoformat()
        if await self._store.deliveries.post_digest(self._policy.desk, day, digest(figures, waiting), now):
            self._bell.ring(DELIVERIES)

    async def report(self) -> None:
        """Post the week's report to the desk: which articles are missing. The web desk shows it beside the digest."""
        if self._policy.desk == WEB_DESK:
            return
        now = self._clock()
        text = weekly(await self._store.gaps.since(now - WEEK_DAYS * _DAY), await self._store.articles.count())
        day = datetime.fromtimestamp(now, self._policy.hours.zone).date().isoformat()
        if await self._store.deliveries.post_digest(self._policy.desk, f"week {day}", text, now):
            self._bell.ring(DELIVERIES)
