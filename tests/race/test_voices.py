"""Never two voices at once: whatever happens at the same moment, a customer hears one side at a time.

Seeded conversations, twenty side by side in each program: customers ask, a slow model streams, wavers and
fails, operators take over, give back and write, leases are lost and replicas stop. `RACE_SEED=7` plays one
program again, exactly, with its story; `RACE_PROGRAMS` sets how many are played: 50 are a thousand conversations.
"""

import gc
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from core import wording
from core.ids import ThreadId
from core.messages import Author, DeskAction
from core.store.inbox import ONE_LINE_OUT
from core.store.receipts import DONE
from core.thread import DESK, Owner, OwnerKind
from core.wording import Line
from tests.race.cast import Word
from tests.race.journal import make_template
from tests.race.program import Chat, Played, play

SIDE_BY_SIDE = 20
PROGRAMS = int(os.environ.get("RACE_PROGRAMS", "3"))
SEED = os.environ.get("RACE_SEED", "")
SHOWN = (
    "interleavings",
    "bot words after a claim",
    "operator lines sent",
    "lost",
    "doubled",
    "unknown",
    "told one line out",
    "it came",
    "of a lost lease",
    "streams left open",
    "takeovers",
    "handoffs",
)
"""The figures that are printed; 'it came': of those told of a line that is out, how many saw it come after."""
TAKES_OVER = frozenset({DeskAction.CLAIM, DeskAction.ASSIGN, DeskAction.REOPEN})
HANDED_OFF = frozenset(
    wording.text(line)
    for line in (
        Line.HANDED_OFF,
        Line.HANDED_OFF_ASKED,
        Line.HANDED_OFF_FAILED,
        Line.HANDED_OFF_SENSITIVE,
        Line.HANDED_OFF_FILE,
    )
)


@dataclass
class Judged:
    """What one program came to: figures, and every sentence that was broken."""

    figures: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


class Judge:
    """Holds one conversation of a program against what must always be true."""

    def __init__(self, played: Played, chat: Chat) -> None:
        self.chat = chat
        self.figures: Counter[str] = Counter()
        self._stolen = played.stolen
        self._room = played.room
        self._growing = [run for thread, run in played.book.growing if thread == chat.thread]
        self.rows = {
            name: [row for row in rows if (row.id if name == "threads" else row.thread_id) == chat.thread]
            for name, rows in played.rows.items()
            if name not in {"journal", "receipts"}
        }
        self.rows["receipts"] = [row for row in played.rows["receipts"] if row.lane == chat.thread]
        self.journal = [row for row in played.rows["journal"] if row.thread == chat.thread]
        self.words = [word for word in played.book.words if word.thread == chat.thread]
        self.thread: Row[Any] = self.rows["threads"][0]
        self.messages = {row.id: row for row in self.rows["messages"]}
        self.deliveries = {row.id: row for row in self.rows["deliveries"]}
        self.owners = {row.own: Owner.parse(row.owner) for row in self.journal if row.what == "owner"}
        self.changed_at = {row.own: row.n for row in reversed(self.journal) if row.what == "owner"}

    def broken(self) -> Iterator[str]:
        """Give a sentence for each thing that is not as it must be."""
        yield from self._no_bot_after_a_takeover()
        yield from self._the_bot_speaks_only_as_owner()
        yield from self._only_the_holder_writes()
        yield from self._no_claim_under_an_old_epoch()
        yield from self._operators_are_heard_once()
        yield from self._lines_keep_their_order()
        yield from self._streams_wait_their_turn()
        yield from self._nothing_inside_leaves()
        yield from self._customers_are_answered()
        yield from self._handoffs_are_told_once()
        yield from self._old_results_are_not_posted()
        yield from self._the_rows_are_whole()
        yield from self._streams_end()

    def _streams_end(self) -> Iterator[str]:
        """No growing answer stays on the customer's screen for ever, but one whose holder had lost the run."""
        for run in self._growing:
            self.figures["streams left open"] += 1
            if run not in self._stolen:
                yield f"the stream of {run} was left open"

    # Who speaks

    def _epoch(self, word: Word) -> int:
        return int(self.deliveries[word.part].epoch) if word.part else word.epoch

    def _no_bot_after_a_takeover(self) -> Iterator[str]:
        """(a), (b): once the operator has the answer, not a word of the bot, or the one that they were told of."""
        epochs = {row.id: row.now for row in self.journal if row.what == "decided"}
        for answer in self.chat.answers:
            if answer.event.action not in TAKES_OVER or answer.receipt.state != DONE:
                continue
            epoch = epochs[answer.receipt.id]
            late = [
                word
                for word in self.words
                if word.author is Author.BOT and word.order > answer.order and self._epoch(word) < epoch
            ]
            told = answer.receipt.result == ONE_LINE_OUT
            self.figures["takeovers"] += 1
            self.figures["told one line out"] += told
            self.figures["it came"] += bool(told and late)
            lost = [word for word in late if word.began < answer.order and self._of_a_lost_lease(word)]
            self.figures["of a lost lease"] += len(lost)
            late = [word for word in late if word not in lost]
            if told and len(late) == 1 and late[0].began < answer.order:
                continue
            for word in late:
                self.figures["bot words after a claim"] += 1
                how = "a line" if word.part else "a stream"
                yield f"after {answer.event.action} of {answer.event.event_id} ({answer.order}): {how}, {word}"

    def _of_a_lost_lease(self, word: Word) -> bool:
        """Whether its sender had lost the row: nobody can know then whether something is still out."""
        if word.part:
            return word.part in self._stolen and self.deliveries[word.part].state == "unknown"
        streams = [row for row in self.rows["deliveries"] if row.key.startswith("stream:")]
        return any(row.id in self._stolen and row.epoch == word.epoch for row in (*self.rows["runs"], *streams))

    def _the_bot_speaks_only_as_owner(self) -> Iterator[str]:
        """A stream belongs to an epoch of the bot's; a line too, or to the handoff's, which ends what was begun."""
        for word in self.words:
            if word.author is not Author.BOT:
                continue
            owner = self.owners[self._epoch(word)]
            if owner.kind is not OwnerKind.BOT and not (word.part and owner == DESK):
                yield f"the bot spoke while {owner} was the owner: {word}"

    def _only_the_holder_writes(self) -> Iterator[str]:
        """An operator's line is that of the one who held the case when it was accepted."""
        said = {row.id: row.owner for row in self.journal if row.what == "said"}
        for row in self.messages.values():
            if row.author == "operator" and said[row.id] != f"operator:{row.operator}":
                yield f"{row.text!r} of {row.operator} was accepted while {said[row.id]} was the owner"

    def _no_claim_under_an_old_epoch(self) -> Iterator[str]:
        """(b) From the rows: each claim under the epoch of that moment, each late arrival claimed before the change."""
        claimed: dict[str, int] = {}
        for row in self.journal:
            if row.what == "claimed":
                claimed[row.id] = row.n
                if row.detail == "bot" and row.own != row.now:
                    yield f"{row.id} of epoch {row.own} was claimed under epoch {row.now}"
            if row.what == "ended" and row.detail == "delivered" and self.deliveries[row.id].fenced:
                changed = min((n for epoch, n in self.changed_at.items() if epoch > row.own), default=row.n)
                if row.id in claimed and claimed[row.id] > changed:
                    yield f"{row.id} of epoch {row.own} was delivered, claimed after the owner had changed"

    # What is heard

    def _operators_are_heard_once(self) -> Iterator[str]:
        """(c) A reply that was accepted is seen once, or its fate is unknown where its sender was lost."""
        seen = Counter(self._message_of(word).id for word in self.words if word.part)
        for answer in self.chat.answers:
            if answer.event.action is not DeskAction.REPLY or answer.receipt.state != DONE:
                continue
            self.figures["operator lines sent"] += 1
            times, fates = seen[answer.receipt.message], self._fates(answer.receipt.message)
            unknown = fates == ["unknown"] and self._was_lost(answer.receipt.message)
            self.figures["unknown"] += unknown
            self.figures["doubled"] += times > 1
            self.figures["lost"] += not times and not unknown
            if times > 1 or not (unknown or (times == 1 and fates == ["delivered"])):
                yield f"{answer.event.text!r} was seen {times} times and ended {fates}"

    def _message_of(self, word: Word) -> Row[Any]:
        return self.messages[self.deliveries[word.part].message_id]

    def _fates(self, message: str) -> list[str]:
        return [row.state for row in self.rows["deliveries"] if row.message_id == message and row.kind == "text"]

    def _was_lost(self, message: str) -> bool:
        return any(row.message_id == message and row.id in self._stolen for row in self.rows["deliveries"])

    def _lines_keep_their_order(self) -> Iterator[str]:
        """(c) Lines are seen in the order of the transcript, but for those whose sender was lost."""
        sure = [self._message_of(word) for word in self.words if word.part and word.part not in self._stolen]
        for one, other in pairwise(sure):
            if one.seq >= other.seq:
                yield f"{other.text!r} ({other.seq}) was seen after {one.text!r} ({one.seq})"

    def _streams_wait_their_turn(self) -> Iterator[str]:
        """(c) An answer begins to grow only when all lines before it have been seen."""
        begins = {row.run_id: row.n for row in self.rows["deliveries"] if row.key.startswith("stream:")}
        lines = [word for word in self.words if word.part and word.part not in self._stolen]
        for piece in self.words:
            for line in lines if piece.run else ():
                if line.order > piece.order and self.deliveries[line.part].n < begins[piece.run]:
                    yield f"{piece.text[:40]!r} ({piece.order}) was seen before {line.text[:40]!r} ({line.order})"

    def _nothing_inside_leaves(self) -> Iterator[str]:
        for word in self.words:
            if word.author in {Author.NOTE, Author.CUSTOMER}:
                yield f"it was sent to the customer: {word}"

    # What comes of it

    def _customers_are_answered(self) -> Iterator[str]:
        """(d) A message has a later answer of the bot's, or its thread was with people then or afterwards."""
        answered = max((row.seq for row in self.messages.values() if row.author == "bot"), default=0)
        by_people = max((row.n for row in self.journal if row.what == "owner" and row.owner != "bot"), default=0)
        said = {row.id: row for row in self.journal if row.what == "said"}
        for receipt in self.chat.asked:
            if receipt.message not in self.messages:
                yield f"the customer's message {receipt.message} is not in the transcript"
                continue
            asked = self.messages[receipt.message]
            with_people = said[asked.id].owner != "bot" or by_people > said[asked.id].n
            if asked.seq > answered and not with_people:
                yield f"nobody answered {asked.text!r}"
            if self.thread.turn_over_up_to < asked.seq:
                yield f"{asked.text!r} still counts as unanswered"
        yield from self._superseded_lines_are_old()

    def _superseded_lines_are_old(self) -> Iterator[str]:
        for row in self.rows["deliveries"]:
            if row.fenced and row.state not in {"delivered", "partial", "superseded", "unknown"}:
                yield f"a line of the bot ended {row.state}: {row.error}"
            if row.fenced and row.state == "superseded" and row.epoch >= self.thread.epoch:
                yield f"a line of the bot was dropped, though nobody took over: {row.id}"

    def _handoffs_are_told_once(self) -> Iterator[str]:
        """(d) One line a handoff, seen once; and each case has its card."""
        lines = [row for row in self.messages.values() if row.author == "system" and row.text in HANDED_OFF]
        self.figures["handoffs"] += len(lines)
        if len(lines) != len(self.rows["cases"]):
            yield f"{len(self.rows['cases'])} handoffs, {len(lines)} lines about one"
        seen = Counter(self._message_of(word).id for word in self.words if word.part)
        for line in lines:
            if not (seen[line.id] == 1 or (not seen[line.id] and self._was_lost(line.id))):
                yield f"the line about a handoff was seen {seen[line.id]} times: {self._fates(line.id)}"
        for case in self.rows["cases"]:
            cards = [row for row in self.rows["deliveries"] if row.case_id == case.id and row.kind == "card"]
            posted = any(row.state == "delivered" for row in cards) and self._room.cards.get(case.id)
            if not (posted and case.desk_thread) and case.state == "open":
                yield f"the card of {case.id} is not posted: {[row.state for row in cards]}"

    def _old_results_are_not_posted(self) -> Iterator[str]:
        """(e) What the bot said comes from a run that counted, under its own epoch, once a run."""
        runs = {row.id: row for row in self.rows["runs"]}
        said = {row.id: row for row in self.journal if row.what == "said"}
        of_message = {row.message_id: row.run_id for row in self.rows["deliveries"] if row.run_id and row.message_id}
        for row in self.messages.values():
            if row.author != "bot":
                continue
            run = runs[of_message[row.id]]
            if run.state != "done" or run.epoch != said[row.id].now:
                yield f"{row.text!r} is of the run {run.id} ({run.state}, epoch {run.epoch}), now {said[row.id].now}"
        for run_id, times in Counter(
            of_message[row.id] for row in self.messages.values() if row.author == "bot"
        ).items():
            if times > 1:
                yield f"the run {run_id} was posted {times} times"

    def _the_rows_are_whole(self) -> Iterator[str]:
        """(e) The transcript has no gap, and nothing waits."""
        seqs = sorted(row.seq for row in self.messages.values())
        if seqs != list(range(1, self.thread.last_seq + 1)):
            yield f"the transcript is numbered {seqs}, the thread says {self.thread.last_seq}"
        for name in ("receipts", "runs", "deliveries"):
            for row in self.rows[name]:
                if row.state == "waiting":
                    yield f"left waiting in {name}: {row}"
        epochs = [row.own for row in self.journal if row.what == "owner"]
        if epochs != list(range(len(epochs))):
            yield f"the epochs went {epochs}"


def judge(seed: int, folder: Path, *, story: bool = False) -> Judged:
    """Play the program of `seed` and judge all of its conversations."""
    gc.disable()  # a third of the time; what a program leaves behind goes at its end
    played = play(seed, folder, chats=SIDE_BY_SIDE)
    judged = Judged(Counter(interleavings=len(played.chats)))
    for chat in played.chats:
        judge_ = Judge(played, chat)
        broken = list(judge_.broken())
        judged.figures += judge_.figures
        judged.broken += [f"RACE_SEED={seed}, {chat.name} ({chat.thread}): {sentence}" for sentence in broken]
        if story and (broken or not SEED):
            judged.broken += _story(played, chat.thread)
    judged.broken += [f"RACE_SEED={seed}: {trouble}" for trouble in played.trouble]
    gc.enable()
    return judged


def _story(played: Played, thread: ThreadId) -> list[str]:
    """Return what happened in a conversation, in order."""
    heard = [(word.order, f"           heard   {word}") for word in played.book.words if word.thread == thread]
    done = [(order, line) for order, of, line in played.story if of in {thread, ""}]
    rows = [
        f"{row.n:6} {row.what} {row.id} {row.own} {row.now} {row.owner} {row.detail}"
        for row in played.rows["journal"]
        if row.thread == thread
    ]
    return [f"  {order:6} {line}" for order, line in sorted(heard + done)] + ["  rows:"] + [f"  {row}" for row in rows]


def _judge_all(seeds: Sequence[int], folder: Path) -> Judged:
    if len(seeds) == 1:
        return judge(seeds[0], folder, story=True)
    whole = Judged()
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for judged in pool.map(partial(judge, folder=folder), seeds):
            whole.figures += judged.figures
            whole.broken += judged.broken
    return whole


def test_a_customer_never_hears_two_voices_at_once(tmp_path: Path) -> None:
    make_template(tmp_path)
    seeds = [int(SEED)] if SEED else list(range(PROGRAMS))
    judged = _judge_all(seeds, tmp_path)
    print("\n" + ", ".join(f"{name} {judged.figures[name]}" for name in SHOWN))
    assert not judged.broken, "\n".join([f"{len(judged.broken)} broken", *judged.broken[:400]])
