"""What operators do in Teams, handed to the inbox: lines in a case's thread, presses, and what they ask the app.

Called by `channel`. Each handler returns once what was done is stored, or is known to come to nothing. A press is
answered while Teams waits for it; what is told to the writer of a line comes after that. A copy of an event carries
the id of the first.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import structlog

from channels.desk.answers import LATER, NEVER_READ, NO_CASE, TOO_MANY_FILES, lane, private_word, refused
from channels.desk.commands import ACTIONS, Command, afterwards, command, heading
from channels.desk.doings import TOLD, Doings, NoChange, Say, tell
from channels.later import Later
from channels.teams.adapter import Answer
from channels.teams.desk import parse
from channels.teams.desk.cards import Cards
from channels.teams.desk.names import Card
from channels.teams.desk.operators import Operators
from channels.teams.desk.posting import Poster
from channels.teams.desk.render import moved, suggestion
from channels.teams.names import root_of, thread_in
from channels.teams.parse import MOST_FILES, Changed, Person, Pressed, Said
from core.case import Case
from core.desk import Operator
from core.errors import ThreadlineError
from core.ids import CaseId, MessageId
from core.messages import DeskAction, DeskEvent
from core.store.receipts import DONE, Receipt

log = structlog.get_logger()

JSON = Mapping[str, Any]

_AT_ONCE = 2.2  # seconds for the answer to a press: Teams' people wait, and what comes late they read as a fault
_STILL_COMES = 60.0  # seconds in which Teams may still bring a line that it could not bring before
_MOST_KEPT = 1_000

OLD_CARD = "This card is of another version of Threadline, so nothing was done. Ask me for the case: it has a new card."
OTHER_CARD = "This is not the card of that case, so nothing was done. Go on where the case is."
NO_FILES = (
    "Teams does not give files of channels to apps, so nothing of this line was kept or sent. Write the words without "
    "the file, and send the file from the web desk."
)
NOT_ITS_CARD = "This is not the card of the case any more, so nothing written here goes anywhere. It has another one."
DONE_HERE = "Done."
NAME_THE_CASE = "To write to a customer here, answer the card of the case, or begin with its number: #12 Hello."
NO_NUMBER = "There is no case {number} here, so nothing of this was kept or sent."


class Actions:
    """What the operators of one desk do."""

    def __init__(self, doings: Doings, poster: Poster, operators: Operators, cards: Cards) -> None:
        self._doings = doings
        self._desk = doings.desk
        self._store = doings.store
        self._inbox = doings.inbox
        self._clock = doings.clock
        self._poster = poster
        self._operators = operators
        self._cards = cards
        self._begun: OrderedDict[str, CaseId] = OrderedDict()  # threads whose names may not be written down yet
        self._left: OrderedDict[str, CaseId] = OrderedDict()  # threads whose card is the case's no more
        self._in_chat: OrderedDict[str, CaseId] = OrderedDict()  # lines of a chat: of which case they are
        self._later = Later("operator_not_answered", desk=doings.desk)

    async def close(self) -> None:
        """Wait for what was begun after an event was taken."""
        await self._later.finish()

    def _say(self, who: Person, thread: str, text: str) -> None:
        self._later.begin(self._poster.say(who, thread, text))

    # Which case it is about

    def began(self, thread: str, case: CaseId) -> None:
        """Take note of a card that was just posted: what is written below it may come before its name is kept."""
        _keep(self._begun, thread, case)

    def left(self, thread: str, case: CaseId) -> None:
        """Take note of a card that is the case's no more."""
        self._begun.pop(thread, None)
        _keep(self._left, thread, case)

    def found(self, case: CaseId) -> str:
        """Return the thread of a case's card that was seen in Teams although nobody knows its name; '' for none."""
        return next((thread for thread, known in self._begun.items() if known == case), "")

    async def _case_of(self, thread: str) -> CaseId | None:
        return await self._store.cases.with_card(self._desk, thread) or self._begun.get(thread)

    # Lines

    async def said(self, said: Said, raw: JSON) -> None:
        """Take what somebody wrote: a line in a case's thread, or a question to us; the rest is nobody's business."""
        thread = said.place.conversation
        if not self._poster.threads:
            await self._said_in_chat(said, raw)
        elif said.id == root_of(thread):
            await self._asked(said)
        elif case := await self._case_of(thread):
            await self._line(case, said, said.text, raw)
        elif thread in self._left:
            self._say(said.person, thread, NOT_ITS_CARD)
        else:
            await self._asked(said)

    async def _said_in_chat(self, said: Said, raw: JSON) -> None:
        """Take a line of a chat that names its case, by number or by answering its card."""
        line = parse.addressed(said.text, raw)
        if line is None:
            await self._asked(said)
            return
        case = await self._named(line)
        if case:
            _keep(self._in_chat, said.event, case)
            await self._line(case, said, line.text, raw)
        elif line.number is not None:
            self._say(said.person, said.place.conversation, NO_NUMBER.format(number=line.number))
        elif said.mentioned:
            self._say(said.person, said.place.conversation, NAME_THE_CASE)

    async def _named(self, line: parse.Addressed) -> CaseId | None:
        if line.number is None:
            return await self._case_of(thread_in(self._poster.channel, line.of))
        try:
            case = await self._store.cases.numbered(line.number)
        except LookupError:
            return None
        return case.id if case.desk == self._desk else None

    async def _line(self, case: CaseId, said: Said, text: str, raw: JSON) -> None:
        thread = said.place.conversation
        operator = await self._operators.find(said.person, said.place)
        if isinstance(operator, str):
            self._say(said.person, thread, operator)
        elif said.unfetched:
            self._say(said.person, thread, NO_FILES)
        elif said.left_out:
            self._say(said.person, thread, TOO_MANY_FILES.format(most=MOST_FILES))
        else:
            event = await self._doings.line(case, said.event, operator, text, said.files, raw)
            await self._doings.enter(event, self._whispering(said.person, thread), self._later)

    def _whispering(self, who: Person, thread: str) -> Say:
        return lambda word: self._poster.say(who, thread, word)

    async def changed(self, changed: Changed, raw: JSON) -> None:
        """Take the change of a line. Raises LookupError for one of a line that Teams may still bring."""
        thread = changed.place.conversation
        case = await self._case_of(thread) if self._poster.threads else self._in_chat.get(changed.of)
        if case is None:
            return
        operator = await self._operators.find(changed.person, changed.place)
        if isinstance(operator, str):
            self._say(changed.person, thread, operator)
            return
        message = await self._store.receipts.message_of(lane(case), changed.of)
        if message is None:
            if self._is_new(changed.of):
                raise LookupError(f"no line {changed.of}")
            self._say(changed.person, thread, NEVER_READ)
            return
        await self._change(case, message, operator, changed, raw)

    def _is_new(self, line: str) -> bool:
        """Whether a line was written just now: Teams' ids of messages are milliseconds since the epoch."""
        written = line.rpartition(":")[2]
        return written.isdecimal() and self._clock() - int(written[:16]) / 1000 < _STILL_COMES

    async def _change(self, case: CaseId, message: MessageId, operator: Operator, changed: Changed, raw: JSON) -> None:
        text = changed.text
        if text is not None and not self._poster.threads:
            line = parse.addressed(text, raw)
            text = line.text if line else text
        try:
            event = await self._doings.change(case, message, changed.event, operator, text, raw)
        except NoChange as no:
            self._say(changed.person, changed.place.conversation, str(no))
            return
        await self._doings.enter(event, self._whispering(changed.person, changed.place.conversation), self._later)

    # Presses

    async def pressed(self, pressed: Pressed, raw: JSON) -> Answer:
        """Return what a press is answered, or Teams' own wish for the card as somebody should see it."""
        asked = parse.asked(pressed.data, again=pressed.again)
        if asked is None:
            return words(OLD_CARD)
        try:
            case = await self._store.cases.get(asked.case)
        except LookupError:
            return words(NO_CASE)
        if not await self._is_here(case, pressed):
            return self._elsewhere(case, pressed)
        if asked.show == parse.REFRESH:
            viewer = await self._operators.known(pressed.person)
            return await self._fresh(case, viewer)
        try:
            operator = await self._operators.find(pressed.person, pressed.place)
        except ThreadlineError as away:
            return words(f"{away} Press it again.")
        if isinstance(operator, str):
            return words(operator)
        if asked.action is None:
            return await self._suggestion(case, operator)
        return await self._act(case, asked, asked.action, operator, pressed, raw)

    async def _is_here(self, case: Case, pressed: Pressed) -> bool:
        """Say whether the press is made at the case's own card, or below it.

        A card that was posted when nobody knew whether it had arrived is found by its readers: Teams asks for it.
        """
        if case.desk != self._desk:
            return False
        here = pressed.place.conversation
        thread = here if self._poster.threads else thread_in(self._poster.channel, pressed.card)
        card = Card.parse(case.desk_thread, self._poster.channel)
        if card is None:
            other = await self._case_of(thread)
            if other is None and root_of(thread) and root_of(thread) == pressed.card:
                self.began(thread, case.id)
            return other in {None, case.id}
        return not self._poster.threads or not root_of(here) or here == card.thread

    def _elsewhere(self, case: Case, pressed: Pressed) -> Answer:
        """Answer at a card that is not the case's: an old one, or one that was posted twice without our knowing."""
        if pressed.again and case.desk == self._desk:
            self.left(pressed.place.conversation, case.id)
            card = Card.parse(case.desk_thread, self._poster.channel)
            return shown(moved(case, self._poster.link(card.thread) if card else ""))
        return words(OTHER_CARD)

    async def _fresh(self, case: Case, viewer: Operator | None) -> Answer:
        drawn, _ = await self._cards.draw(case, viewer.id if viewer and viewer.active else None)
        return shown(drawn)

    async def _suggestion(self, case: Case, operator: Operator) -> Answer:
        if case.suggestion is None or not case.suggestion.text:
            return await self._fresh(case, operator)
        return shown(suggestion(case, refused(case, operator.id)))

    async def _act(
        self, case: Case, asked: parse.Asked, action: DeskAction, operator: Operator, pressed: Pressed, raw: JSON
    ) -> Answer:
        event = DeskEvent(
            case.id,
            pressed.event,
            operator.id,
            operator.name,
            action,
            asked.text,
            to=asked.to,
            outcome=asked.outcome,
            message=asked.message,
            desk="",  # what is written in a card stands nowhere here yet
            raw=dict(raw),
        )
        receipt = await self._inbox.accept(event)
        deciding = asyncio.create_task(self._inbox.told(event, receipt, TOLD))
        await asyncio.wait({deciding}, timeout=_AT_ONCE)
        if not deciding.done():
            self._later.begin(tell(deciding, self._whispering(pressed.person, pressed.place.conversation)))
            return words(LATER)
        if word := private_word(deciding.result()):
            return words(word)
        card = Card.parse(case.desk_thread, self._poster.channel)
        if card is None or pressed.card != root_of(card.thread):
            return words(DONE_HERE)
        return await self._fresh(await self._store.cases.get(case.id), operator)

    # Questions to the app

    async def _asked(self, said: Said) -> None:
        """Answer what was asked of us in the desk's channel, outside of cases' threads."""
        if not said.mentioned:
            return
        operator = await self._operators.find(said.person, said.place)
        if isinstance(operator, str):
            self._say(said.person, said.place.conversation, operator)
            return
        wanted = command(said.text)
        if wanted.word in ACTIONS and wanted.number is not None:
            await self._do(wanted, wanted.number, operator, said)
        else:
            self._later.begin(self._list(wanted, operator, said))

    async def _do(self, wanted: Command, number: int, operator: Operator, said: Said) -> None:
        try:
            case = await self._store.cases.numbered(number)
        except LookupError:
            self._say(said.person, said.place.conversation, heading(wanted, 0))
            return
        action, text = ACTIONS[wanted.word], wanted.rest if wanted.word == "forget" else ""
        event = DeskEvent(case.id, said.event, operator.id, operator.name, action, text, desk=self._desk)
        receipt = await self._inbox.accept(event)
        self._later.begin(self._done(event, receipt, wanted, operator, said))

    async def _done(self, event: DeskEvent, receipt: Receipt, wanted: Command, operator: Operator, said: Said) -> None:
        told = await self._inbox.told(event, receipt, TOLD)
        if word := private_word(told):
            await self._whispering(said.person, said.place.conversation)(word)
        if told.state == DONE:
            await self._list(afterwards(wanted), operator, said)

    async def _list(self, wanted: Command, operator: Operator, said: Said) -> None:
        await self._poster.reply(said.place.conversation, await self._cards.answer(wanted, operator))


def _keep(kept: OrderedDict[str, CaseId], name: str, case: CaseId) -> None:
    kept[name] = case
    if len(kept) > _MOST_KEPT:
        kept.popitem(last=False)


def words(text: str) -> Answer:
    """Return an answer that shows `text` to who pressed, and to nobody else."""
    return Answer(200, {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": text})


def shown(card: dict[str, Any]) -> Answer:
    """Return an answer that shows a card in the place of the one that was pressed, to who pressed."""
    return Answer(200, {"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": card})
