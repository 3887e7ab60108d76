"""What customers do in Teams, handed to the inbox: what they write and change, their judgements, coming and going.

Called by `door`, which has told them from operators. In channels and group chats only what is said to the app counts,
and what is written in its own threads: what it overhears is neither answered nor kept.
"""

from typing import Any

from channels.notes import ask_for_rest, left_out, noted
from channels.teams import names, parse
from channels.teams.adapter import Answer
from channels.teams.asides import Asides
from channels.teams.parse import Came, Changed, Happened, Judged, Person, Place, Pressed, Said, Scope, Went
from channels.teams.people import People
from core import wording
from core.errors import TemporaryError
from core.ids import CaseId
from core.messages import InboundChange, InboundMessage, InboundRating
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.store import Store
from core.thread import OwnerKind
from core.wording import Line

JSON = dict[str, Any]

_WANTS_A_PERSON = "I would like to talk to a person."


class Customers:
    """The customers of one app; `own` is its organisation."""

    def __init__(
        self, store: Store, files: Files, inbox: Inbox, clock: Clock, asides: Asides, people: People, own: str
    ) -> None:
        self._store = store
        self._files = files
        self._inbox = inbox
        self._clock = clock
        self._asides = asides
        self._people = people
        self._own = own

    async def take(self, happened: Happened, raw: JSON) -> Answer | None:
        """Take in what somebody did who is no operator; return what a press is answered. Raises as `TeamsDoor.take`."""
        match happened:
            case Said():
                await self._said(happened, raw)
            case Changed():
                await self._changed(happened, raw)
            case Pressed():
                return await self._pressed(happened, raw)
            case Judged():
                await self._judged(happened, raw)
            case Came():
                await self._came(happened, raw)
            case Went():
                await self._went(happened)
        return None

    # What they write

    async def _said(self, said: Said, raw: JSON, event: str = "") -> None:
        """Take in what a customer wrote, if it is said to us; `event` is what brought it, if not its writing."""
        key = self._asides.key(said.place)
        thread = await self._store.find_thread(key)
        if not (said.mentioned or (thread and said.place.scope is Scope.CHANNEL)):
            return  # a thread of a channel is ours once we are in it; what people say in a group chat is theirs
        known = await self._store.receipts.message_of(key, said.event) if said.left_out else None
        notes = " ".join(filter(None, (_missing(said.unfetched), left_out(said.left_out, parse.MOST_FILES))))
        text, full = noted(said.text, notes, parse.MAX_TEXT)
        now = self._clock()
        files = [await self._files.expect(file.name, file.type, 0, file.origin, now) for file in said.files]
        await self._inbox.accept(
            InboundMessage(
                key,
                event or said.event,
                names.person(said.person.tenant or self._own, said.person.user),
                text,
                name=said.person.name,
                verified=True,
                files=tuple(file.id for file in files),
                full=full,
                trust=self._trust(said.person),
                email=await self._people.address(said.person, said.place),
                alone=said.place.scope is Scope.PERSONAL,
                route=parse.route(said.place, said.person),
                raw=raw,
            )
        )
        bots = thread is None or thread.owner.kind is OwnerKind.BOT
        if bots and said.place.scope is not Scope.CHANNEL and not self._store.policy.shadow:
            self._asides.type(said.place)
        if said.left_out and not known:
            self._asides.say(said.place, ask_for_rest(thread, said.text, parse.MOST_FILES))

    def _trust(self, person: Person) -> str:
        """Return what operators should know of who writes; '' of somebody of our own organisation."""
        if self._own and person.tenant and person.tenant != self._own:
            return "This person is of another organisation."
        return ""

    async def _changed(self, changed: Changed, raw: JSON) -> None:
        """Take in that a customer edited, deleted or brought back something. Edited into a mention, it is said now.

        So is what was no question before, and is one now.
        """
        key, back = self._asides.key(changed.place), _brought_back(changed.of)
        if await self._asides.is_aside(changed.place, changed.of):
            await self._say_again(changed, raw, changed.event)
            return
        if changed.undone and await self._store.receipts.message_of(key, changed.of):
            await self._say_again(changed, raw, back)
            return
        of = back if await self._store.receipts.message_of(key, back) else changed.of
        try:
            await self._inbox.accept(InboundChange(key, changed.event, of, changed.text, raw=raw))
        except LookupError:
            if changed.text and changed.mentioned:
                await self._say_again(changed, raw)
            elif changed.place.scope is Scope.PERSONAL:
                raise TemporaryError("The message that was changed has not come yet.") from None

    async def _say_again(self, changed: Changed, raw: JSON, event: str = "") -> None:
        """Take in a message that is said to us only now: it was changed into a mention, or brought back (`event`).

        What was deleted is gone here, so what is brought back is a message of its own.
        """
        if said := parse.said_by_now(changed, raw):
            await self._said(said, raw, event)

    # What they press

    async def _pressed(self, pressed: Pressed, raw: JSON) -> Answer | None:
        """Take a press of a customer's: the wish for a person, or the answer to a survey."""
        key, data = self._asides.key(pressed.place), pressed.data
        case, score = data.get("survey"), data.get("score")
        if data.get("action") == "person":
            who = pressed.person
            wish = InboundMessage(
                key,
                pressed.event,
                names.person(who.tenant or self._own, who.user),
                _WANTS_A_PERSON,
                who.name,
                verified=True,
                email=await self._people.address(who, pressed.place),
                alone=pressed.place.scope is Scope.PERSONAL,
                route=parse.route(pressed.place, who),
                raw=raw,
            )
            await self._inbox.accept(wish)
        elif isinstance(case, str) and str(score) in {"1", "2", "3", "4", "5"}:
            rating = InboundRating(key, pressed.event, int(str(score)), case=CaseId(case), raw=raw)
            return await self._rated(rating)
        else:
            return _words("This can't be done any more.")
        return None

    async def _rated(self, rating: InboundRating) -> Answer:
        try:
            receipt = await self._inbox.accept(rating)
        except LookupError:
            return _words("This conversation is gone.")
        settled = await self._inbox.settled(receipt, 2.0)
        return _words(settled.result or wording.text(Line.SURVEY_THANKS))

    async def _judged(self, judged: Judged, raw: JSON) -> None:
        key = self._asides.key(judged.place)
        message = await self._store.deliveries.message_with(key, judged.of)
        if message:
            rating = InboundRating(key, judged.event, judged.score, judged.reason, message=message, raw=raw)
            await self._inbox.accept(rating)

    # Coming and going

    async def _came(self, came: Came, raw: JSON) -> None:
        """Greet where we were added: once, however often Teams tells of it, and again after we were removed."""
        event = f"{came.place.conversation}:came{await self._stay(came.place)}"
        if await self._asides.is_new(came.place, event):
            language = str(raw.get("locale") or "en").partition("-")[0].lower()
            self._asides.say(came.place, wording.text(Line.GREETING, language))

    async def _went(self, went: Went) -> None:
        """Take note that we were removed: whoever adds us again is greeted again."""
        stay = await self._stay(went.place)
        if await self._asides.is_known(went.place, f"{went.place.conversation}:came{stay}"):
            await self._asides.is_new(went.place, f"{went.place.conversation}:went{stay}")

    async def _stay(self, where: Place) -> str:
        """Return what our stay in a conversation is called: '' the first one, ':2' the one after it ended."""
        stay, number = "", 1
        while await self._asides.is_known(where, f"{where.conversation}:went{stay}"):
            number += 1
            stay = f":{number}"
        return stay


def _missing(unfetched: int) -> str:
    """Return what stands for files that Teams does not hand over."""
    if not unfetched:
        return ""
    return f"[{unfetched} attached {'file' if unfetched == 1 else 'files'} that Teams does not pass on to apps here]"


def _brought_back(of: str) -> str:
    """Return the id of the event that brings back what was written, and then deleted, as the event `of`."""
    return f"{of}:undeleted"


def _words(words: str) -> Answer:
    """Return an answer that shows `words` to who pressed."""
    return Answer(200, {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": words})
