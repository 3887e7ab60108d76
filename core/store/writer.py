"""Effects become rows: what `core.decide` said must happen, written in the transaction that holds the thread.

Used by `core.store.threads.advance` alone. `outbox` writes what goes out, `casebook` what stands on a case.
"""

from sqlalchemy import func, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.delivery import PartKind
from core.effects import (
    Amend,
    CheckArrival,
    Effect,
    Forget,
    KeepRecap,
    MarkAction,
    MarkBounced,
    NoteGap,
    Post,
    Propose,
    Rate,
    Remember,
    Remind,
    Resend,
    ShowCard,
    StartDraft,
    StartRun,
    SuggestArticle,
    SupersedeRun,
    SupersedeSends,
)
from core.errors import Refused
from core.ids import MessageId, new_id
from core.messages import Author
from core.policy import Moment
from core.store import actions, articles, extractions, facts, gaps, ratings, recaps
from core.store.casebook import Casebook
from core.store.codec import dump_citations
from core.store.leases import WAITING
from core.store.outbox import Outbox, close_stream
from core.store.schema import cases, files, messages, runs
from core.thread import Thread

_NOT_YOURS = "Only the writer of a line may change it."
_MIRRORED = frozenset({Author.CUSTOMER, Author.OPERATOR, Author.NOTE})
"""What a desk other than the web desk has posted into a case's thread; the rest is on the card."""


class Writer:
    """Turns the effects of one decision into rows, in order."""

    def __init__(
        self,
        connection: AsyncConnection,
        thread: Thread,
        last_seq: int,
        moment: Moment,
        message: MessageId | None,
        quiet: float,
    ) -> None:
        """`thread` is the new state, `last_seq` the old one's; `message` the id promised for the first post."""
        self._connection = connection
        self._thread = thread
        self._seq = last_seq
        self._now = moment.at
        self._message = message
        self._quiet = quiet
        self._outbox = Outbox(connection, thread, moment)
        self._casebook = Casebook(connection, thread, moment)

    async def write(self, effect: Effect) -> None:
        """Write the rows that `effect` stands for. Raises `Refused`."""
        match effect:
            case Post():
                await self._post(effect)
            case Amend():
                await self._amend(effect)
            case Resend():
                await self._outbox.resend(effect)
            case CheckArrival():
                await self._outbox.check_arrival(effect)
            case MarkBounced():
                await self._outbox.mark_bounced(effect)
            case SupersedeSends():
                await self._outbox.supersede_sends()
            case Remind():
                await self._outbox.remind(effect)
            case ShowCard():
                await self._casebook.change(effect.case, updated_at=self._now)
                await self._outbox.show_card(effect.case)
            case StartRun() | StartDraft():
                await self._start_run(effect)
            case SupersedeRun():
                await self._supersede_run(effect)
            case Remember():
                await facts.remember(self._connection, self._thread, effect.text, self._now)
            case Forget():
                await facts.forget(self._connection, self._thread, effect.fact)
            case KeepRecap():
                await recaps.keep(self._connection, self._thread.id, effect.recap, self._now)
            case Propose():
                await actions.propose(self._connection, self._thread, effect, self._now)
            case MarkAction():
                await actions.mark(self._connection, effect, self._now)
            case NoteGap():
                await gaps.note(self._connection, self._thread, effect.result, self._now)
            case SuggestArticle():
                await articles.suggest(self._connection, self._thread, effect.case, self._now)
            case Rate():
                await ratings.rate(self._connection, self._thread, effect, self._now)
            case _:
                await self._casebook.write(effect)

    async def _post(self, post: Post) -> None:
        self._seq += 1
        id_ = self._message or MessageId(new_id("m"))
        self._message = None
        row = {
            "id": id_,
            "thread_id": self._thread.id,
            "seq": self._seq,
            "author": post.author.value,
            "name": post.name,
            "text": post.text,
            "citations": dump_citations(post.citations),
            "at": self._now,
            "operator": post.operator,
            "survey": post.survey,
            "full": post.full if post.full != post.text else "",
            "presence": post.presence,
        }
        await self._connection.execute(insert(messages), row)
        if post.files:
            await self._connection.execute(
                update(files)
                .where(files.c.id.in_(post.files), files.c.message_id.is_(None))
                .values(message_id=id_, thread_id=self._thread.id)
            )
            if post.author is Author.CUSTOMER:
                await extractions.ask(self._connection, id_, self._thread.id, self._now)
        if post.author in _MIRRORED and self._thread.case:
            await self._outbox.mirror(self._thread.case, id_, written_on=post.desk)
        if post.author not in {Author.CUSTOMER, Author.NOTE}:
            await self._send(post, id_)

    async def _send(self, post: Post, message: MessageId) -> None:
        """Put the parts of the message on their way: its text, then each file."""
        fenced = post.author is Author.BOT
        if post.author is Author.OPERATOR and self._thread.case:
            await self._casebook.change(self._thread.case, answered_at=func.coalesce(cases.c.answered_at, self._now))
        streamed = post.run is not None and await self._outbox.whole_stream(post.run, message)
        if post.text.strip() and not streamed:
            await self._outbox.enqueue(
                f"message:{message}", PartKind.TEXT, message_id=message, run_id=post.run, fenced=fenced
            )
        for file in post.files:
            await self._outbox.enqueue(f"file:{file}", PartKind.FILE, message_id=message, file_id=file, fenced=fenced)

    async def _amend(self, effect: Amend) -> None:
        """Change a message and keep its first words; an operator's change travels to the customer."""
        mine = [messages.c.id == effect.message, messages.c.thread_id == self._thread.id]
        if effect.by_operator:
            mine += [messages.c.operator == effect.by_operator, messages.c.author == Author.OPERATOR.value]
        changed = await self._connection.execute(
            update(messages)
            .where(*mine, messages.c.withdrawn.is_(False))
            .values(
                original=func.coalesce(messages.c.original, messages.c.text),
                text=effect.text or "",
                withdrawn=effect.text is None,
                changed_at=self._now,
            )
        )
        if changed.rowcount != 1 and effect.by_operator:
            raise Refused(_NOT_YOURS)
        if effect.by_operator:
            await self._outbox.enqueue(new_id("edit"), PartKind.EDIT, message_id=effect.message)
        if self._thread.case:
            await self._outbox.mirror(self._thread.case, effect.message, written_on=effect.desk)

    async def _start_run(self, effect: StartRun | StartDraft) -> None:
        if isinstance(effect, StartRun):
            what = {"lane": self._thread.id, "seen_up_to": effect.seen_up_to, "available_at": self._now + self._quiet}
        else:
            lane, case = f"draft:{effect.case}", effect.case
            what = {"lane": lane, "seen_up_to": self._thread.last_seq, "available_at": self._now}
            what |= {"kind": "draft", "case_id": case, "hint": effect.hint}
        whose = {"thread_id": self._thread.id, "epoch": self._thread.epoch, "created_at": self._now}
        await self._connection.execute(insert(runs), {"id": effect.run, **whose, **what})

    async def _supersede_run(self, effect: SupersedeRun) -> None:
        await self._connection.execute(
            update(runs)
            .where(runs.c.id == effect.run, runs.c.state == WAITING)
            .values(state="superseded", finished_at=self._now, lease_until=None)
        )
        await close_stream(self._connection, effect.run, self._now)
