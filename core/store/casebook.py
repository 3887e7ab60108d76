"""What a decision writes on a case. Used by `core.store.writer` alone; who may is decided long before."""

from dataclasses import replace
from hashlib import sha256
from typing import assert_never

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.desk import DraftFate, judge_draft
from core.effects import CloseCase, JudgeDraft, MarkDesk, OpenCase, ReopenCase, SaveDraft
from core.events import HandoffReason, Suggestion, TraceStep
from core.ids import CaseId
from core.policy import Moment
from core.shadow import subject_of
from core.store.actions import calls_of
from core.store.codec import dump_result, dump_suggestion, load_suggestion
from core.store.schema import cases, draft_fates
from core.store.transcript import read_messages
from core.summary import summarise
from core.thread import Thread

_EARLIER = 10  # calls of the owner's tools that a card names; the web desk shows all

CaseEffect = OpenCase | ReopenCase | CloseCase | MarkDesk | SaveDraft | JudgeDraft


class Casebook:
    """Writes the case of one thread."""

    def __init__(self, connection: AsyncConnection, thread: Thread, moment: Moment) -> None:
        self._connection = connection
        self._thread = thread
        self._now = moment.at
        self._policy = moment.policy

    async def write(self, effect: CaseEffect) -> None:
        """Write what `effect` stands for."""
        match effect:
            case OpenCase():
                await self._open(effect)
            case ReopenCase():
                again = cases.c.times_reopened + 1
                await self.change(
                    effect.case, state="open", outcome="", closed_by="", closed_at=None, times_reopened=again
                )
            case CloseCase():
                await self._close(effect)
            case MarkDesk():
                await self.change(effect.case, desk_error=effect.error, updated_at=self._now)
            case SaveDraft():
                await self._save_draft(effect)
            case JudgeDraft():
                await self._judge_draft(effect)
            case _:
                assert_never(effect)

    async def change(self, case: CaseId, **values: object) -> None:
        """Set columns of the case."""
        await self._connection.execute(update(cases).where(cases.c.id == case).values(**values))

    async def _open(self, effect: OpenCase) -> None:
        said = await read_messages(self._connection, self._thread.id)
        calls = await calls_of(self._connection, self._thread.id, but=effect.run or "")
        earlier = tuple(TraceStep(f"Earlier, called {call.tool}", call.line) for call in calls[-_EARLIER:])
        result = replace(effect.result, trace=(*earlier, *effect.result.trace))
        await self._connection.execute(
            insert(cases).values(
                id=effect.case,
                thread_id=self._thread.id,
                state="open",
                reason=effect.result.reason or HandoffReason.INTERNAL_ERROR,
                summary=summarise(said, effect.result.question),
                result=dump_result(result),
                desk=self._policy.desk,
                opened_at=self._now,
                updated_at=self._now,
            )
        )

    async def _close(self, effect: CloseCase) -> None:
        await self.change(
            effect.case, state="resolved", outcome=effect.outcome, closed_by=effect.by, closed_at=self._now
        )
        if await self._unused_draft(effect.case):
            await self.change(effect.case, suggestion_fate=DraftFate.IGNORED.value)

    async def _save_draft(self, effect: SaveDraft) -> None:
        """Keep the suggestion; with it the summary, where it has one."""
        if effect.suggestion is None:
            return
        values: dict[str, object] = {"suggestion": dump_suggestion(effect.suggestion), "suggestion_fate": ""}
        if effect.suggestion.summary:
            values["summary"] = effect.suggestion.summary
        await self.change(effect.case, **values)

    async def _judge_draft(self, effect: JudgeDraft) -> None:
        """Record that the suggestion was sent, as it was or edited; it is ignored only once the case is closed."""
        unused = await self._unused_draft(effect.case)
        if unused is None:
            return
        fate = judge_draft(unused.text, effect.text)
        await self._count(effect.case, unused, fate)
        if fate is not DraftFate.IGNORED:
            await self.change(effect.case, suggestion_fate=fate.value)

    async def _count(self, case: CaseId, draft: Suggestion, fate: DraftFate) -> None:
        """Write down what became of `draft`, in place of what was thought after an earlier reply."""
        named = {"case_id": case, "draft": sha256(draft.text.encode()).hexdigest()}
        of_it = and_(draft_fates.c.case_id == named["case_id"], draft_fates.c.draft == named["draft"])
        await self._connection.execute(delete(draft_fates).where(of_it))
        row = {**named, "subject": subject_of(draft), "fate": fate.value, "at": self._now}
        await self._connection.execute(insert(draft_fates), row)

    async def _unused_draft(self, case: CaseId) -> Suggestion | None:
        """Return a suggestion that has not been used yet, None if there is none with words."""
        query = select(cases.c.suggestion).where(cases.c.id == case, cases.c.suggestion_fate == "")
        data = await self._connection.scalar(query)
        found = load_suggestion(data) if data else None
        return found if found and found.text else None
