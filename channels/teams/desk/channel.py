"""A Teams channel as a desk: each case is a card there, and the thread below it is where operators work on the case.

`bot.sending` hands it parts; the door hands it what operators do (`actions` does that). What stands in Teams is known
by what the store keeps of it, so any replica goes on where another stopped. In a group chat, which has no threads,
lines name their case by its number or by answering its card.
"""

import base64
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from channels.base import Sent
from channels.desk.doings import Doings
from channels.desk.words import TROUBLE, title, worst
from channels.parts import case_of, message_of, standing
from channels.patience import patiently, surely
from channels.teams.adapter import Answer
from channels.teams.api import Api, SaidNo
from channels.teams.desk import lines, pieces, render
from channels.teams.desk.actions import Actions
from channels.teams.desk.cards import Cards
from channels.teams.desk.names import Card, Line
from channels.teams.desk.operators import Operators
from channels.teams.desk.posting import Poster
from channels.teams.names import CHANNEL
from channels.teams.parse import Changed, Place, Pressed, Said
from core.case import Case
from core.delivery import Part
from core.errors import PermanentError, ThreadlineError
from core.messages import File, Message
from core.policy import Policy
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.store import Store

log = structlog.get_logger()

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif"})
_MOST_PICTURE = 1024 * 1024  # bytes (learn.microsoft.com, 'Format your bot messages', picture messages)
_MOST_LOOKS = 10_000
_GONE = "gone"


class TeamsDesk:
    """The Teams channel or group chat `conversation` as a desk, named 'teams:CONVERSATION' if by no other name."""

    deduplicates = False

    def __init__(
        self,
        store: Store,
        files: Files,
        inbox: Inbox,
        api: Api,
        conversation: str,
        default_service: str,
        tenants: Collection[str],
        clock: Clock,
        policy: Policy | None = None,
        *,
        name: str = "",
        bot: str = "",
        web_desk: str = "",
    ) -> None:
        """`default_service`, `bot` ('28:APP') and the first of `tenants` say how to speak before any event does.

        `policy` says when a case is overdue, `web_desk` is the address of the desk's page, if it has one.
        """
        self.name = name or f"{CHANNEL}:{conversation}"
        self.place = conversation
        self._store = store
        self._files = files
        self._web_desk = web_desk
        self._poster = Poster(api, conversation, default_service, bot, next(iter(tenants), ""))
        self._operators = Operators(store, api, tenants, clock)
        self._cards = Cards(store, self._poster, clock, policy or Policy())
        doings = Doings(self.name, store, files, inbox, clock)
        self._actions = Actions(doings, self._poster, self._operators, self._cards)
        self._looks: OrderedDict[str, str] = OrderedDict()  # what cards show since their names were written down

    def learn(self, way: Place) -> None:
        """Take note of the way to its place, as activities name it."""
        self._poster.learn(way)

    # Operators

    async def on_said(self, said: Said, raw: Mapping[str, Any]) -> None:
        """Take what somebody wrote in the desk's place. Raises only while nothing of it is stored."""
        self.learn(said.place)
        await self._actions.said(said, raw)

    async def on_changed(self, changed: Changed, raw: Mapping[str, Any]) -> None:
        """Take what somebody edited, deleted or brought back there. Raises only while nothing of it is stored."""
        self.learn(changed.place)
        await self._actions.changed(changed, raw)

    async def on_pressed(self, pressed: Pressed, raw: Mapping[str, Any]) -> Answer:
        """Return what a press is answered, within three seconds. Raises only while nothing of it is stored."""
        self.learn(pressed.place)
        return await self._actions.pressed(pressed, raw)

    async def close(self) -> None:
        """Wait for what is still to be said to operators."""
        await self._actions.close()

    # Cards

    async def show_card(self, part: Part) -> Sent:
        """Post the card, with what was said so far in its thread; later bring it in line. Raises as `Channel.send`.

        A card that somebody deleted is posted again. One that was posted when nobody knew whether it had arrived is
        gone on with if it was seen since.
        """
        case = await self._case(part)
        drawn, words = await self._cards.draw(case)
        activity, look = pieces.carrying(drawn, words), pieces.look(drawn)
        card = Card.parse(part.desk_thread, self._poster.channel)
        if card is not None and self._shows(card, look):
            return Sent(platform_id=str(card))
        if card is not None and await self._poster.update(card.line, activity):
            self._saw(card.thread, look)
            return Sent(platform_id=str(replace(card, look=look)))
        if card is not None:
            self._actions.left(card.thread, case.id)
        return Sent(platform_id=str(replace(await self._post_card(case, activity), look=look)))

    async def _post_card(self, case: Case, activity: dict[str, Any]) -> Card:
        thread = await self._seen(case, activity)
        if not thread:
            thread = (await self._poster.begin(activity)).thread
            self._actions.began(thread, case.id)
        said = await self._store.cases.messages(case)
        await self._show_transcript(case, thread, said)
        return Card(thread, max((message.seq for message in said), default=0))

    async def point_on(self, part: Part, card: str) -> None:
        """Have the card that a case had here say that it goes on at `card`, in another place. Raises as `Api`."""
        old = Card.parse(part.desk_thread, self._poster.channel)
        if old is not None:
            case = await self._case(part)
            on = render.moved(case, self._poster.link(card.partition(" ")[0]))
            await self._poster.update(old.line, pieces.carrying(on, title(case)))

    async def _seen(self, case: Case, activity: dict[str, Any]) -> str:
        """Return the thread of a card that stands there although its name was lost, brought in line; '' for none."""
        thread = self._actions.found(case.id)
        try:
            return thread if thread and await self._poster.update(Card(thread).line, activity) else ""
        except PermanentError:
            return ""

    async def _show_transcript(self, case: Case, thread: str, said: Sequence[Message]) -> None:
        for activity in lines.transcript(said, about=self._about(case)):
            await surely("transcript", lambda activity=activity: self._poster.reply(thread, activity))  # type: ignore[misc]
        await self._show_files(thread, said)

    def _shows(self, card: Card, look: str) -> bool:
        """Say whether a card shows this, by what was written down and by what was changed here since."""
        return card.look == look == self._looks.get(card.thread, look)

    def _saw(self, thread: str, look: str) -> None:
        self._looks[thread] = look
        if len(self._looks) > _MOST_LOOKS:
            self._looks.popitem(last=False)

    def _about(self, case: Case) -> str:
        """Return what names the case where no thread does."""
        return "" if self._poster.threads else title(case)

    # What is said, and what became of it

    async def post_line(self, part: Part) -> Sent:
        """Post what was said, or mark it as changed. Raises as `Channel.send`."""
        case, message, card = await self._case(part), message_of(part), self._shown(part)
        changed = message.withdrawn or message.changed_at is not None
        if not changed and message.seq <= card.seq:
            return Sent()  # it was in the transcript
        activities = lines.line(case, message, about=self._about(case))
        line = Line.parse(part.platform_id, self._poster.channel)
        if changed and line and await self._poster.update(line, activities[0]):
            return Sent(platform_id=str(line))
        first = await self._below(card, activities[0])
        for activity in activities[1:]:
            await surely("line", lambda activity=activity: self._poster.reply(card.thread, activity))  # type: ignore[misc]
        if not changed:
            await self._show_files(card.thread, [message])
        return Sent(platform_id=str(first))

    async def _below(self, card: Card, activity: dict[str, Any]) -> Line:
        """Say something below a card. Where that was deleted, it is posted again when it is shown next."""
        try:
            return await self._poster.reply(card.thread, activity)
        except SaidNo as no:
            if no.status == 404:
                self._saw(card.thread, _GONE)
            raise

    async def _show_files(self, thread: str, said: Sequence[Message]) -> None:
        """Show small pictures, and say of other files where they are: Teams takes none from apps in channels."""
        files = [file for message in said for file in message.files]
        elsewhere = [file.name for file in files if not await self._is_pictured(thread, file)]
        if elsewhere:
            activity = lines.unshown(elsewhere, self._web_desk)
            await surely("files", lambda: self._poster.reply(thread, activity))

    async def _is_pictured(self, thread: str, file: File) -> bool:
        """Show a file if it is a small picture; say whether it is shown."""
        if file.type not in _PICTURES or file.size > _MOST_PICTURE:
            return False
        try:
            content = await self._files.read(file.id)
            if not 0 < len(content) <= _MOST_PICTURE:
                return False
            activity = lines.picture(file.name, file.type, base64.b64encode(content).decode())
            await patiently(lambda: self._poster.reply(thread, activity))
        except LookupError:
            return False
        except ThreadlineError as no:
            log.warning("file_not_shown", file=file.id, why=str(no))
            return False
        return True

    async def show_outcome(self, part: Part) -> Sent:
        """Show on the card what became of the operator's line, and in the thread what is not delivered.

        Raises as `Channel.send`.
        """
        case, message, card = await self._case(part), message_of(part), self._shown(part)
        before = await self._store.cases.shown_outcome(message.id, self.name)
        if message.withdrawn:
            return Sent(platform_id=before)
        notice = Line.parse(before, self._poster.channel)
        if worst(part.fates) not in TROUBLE and notice is None:
            await self._bring_in_line(case, card)
            return Sent()
        activity = render.outcome(case, message, part.fates, about=self._about(case))
        if notice is None or not await self._poster.update(notice, activity):
            notice = await self._below(card, activity)
        await surely("card", lambda: self._bring_in_line(case, card))
        return Sent(platform_id=str(notice))

    async def _bring_in_line(self, case: Case, card: Card) -> None:
        drawn, words = await self._cards.draw(case)
        look = pieces.look(drawn)
        if not self._shows(card, look):
            await self._poster.update(card.line, pieces.carrying(drawn, words))
            self._saw(card.thread, look)

    # What time brings

    async def remind(self, part: Part) -> Sent:
        """Say it in the case's thread, or, for everyone, as a post that calls them all by name."""
        card = Card.parse(part.desk_thread, self._poster.channel)
        if card and not part.everyone:
            return Sent(platform_id=str(await self._below(card, render.reminder(part.text))))
        called = await self._operators.called(self._poster.tenant) if part.everyone else []
        url = self._poster.link(card.thread) if card else ""
        return Sent(platform_id=str(await self._poster.begin(render.reminder(part.text, called=called, url=url))))

    async def post_digest(self, part: Part) -> Sent:
        """Post the digest."""
        return Sent(platform_id=str(await self._poster.begin(render.digest(*part.headed))))

    async def _case(self, part: Part) -> Case:
        return await self._store.cases.get(case_of(part))

    def _shown(self, part: Part) -> Card:
        return standing(Card.parse(part.desk_thread, self._poster.channel))
