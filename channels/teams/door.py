"""Where Teams' activities come in: verified, stored, and only then told 'ok'. Answers go out later, by the worker.

What happens in a desk's channel goes to that desk; the rest is customers'. In channels and group chats only what is
said to the app counts, and what is written in its own threads: what it overhears is neither answered nor kept.
"""

import asyncio
import contextlib
import json
from collections.abc import Collection, Mapping
from typing import Any
from weakref import WeakValueDictionary

import structlog
from aiohttp import web

from channels.later import Later
from channels.parts import left_out
from channels.teams import names, parse
from channels.teams.adapter import Answer
from channels.teams.api import Api
from channels.teams.desk import chosen
from channels.teams.desk.channel import TeamsDesk
from channels.teams.desk.chosen import ChosenDesk
from channels.teams.parse import (
    Came,
    Changed,
    Consented,
    Happened,
    Judged,
    Person,
    Place,
    Pressed,
    Said,
    Scope,
    Silent,
    Went,
)
from core import wording
from core.errors import PermanentError, TemporaryError, ThreadlineError
from core.ids import CaseId, DeliveryId, FileId, ThreadKey
from core.messages import (
    File,
    IgnoredBecause,
    InboundBounce,
    InboundChange,
    InboundIgnored,
    InboundMessage,
    InboundRating,
)
from core.store.desks import CODE_DIGITS
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import Receipt
from core.store.store import Store
from core.thread import OwnerKind
from core.wording import Line

log = structlog.get_logger()

JSON = dict[str, Any]

PATH = "/api/messages"
_WANTS_A_PERSON = "I would like to talk to a person."
_MOST = 1024 * 1024  # bytes of one activity; Teams sends 100 kB at most
_UNKNOWN = Answer(501)
_TAKEN = Answer(200)


class TeamsDoor:
    """Takes in one app's activities, wherever it is installed."""

    def __init__(
        self, api: Api, store: Store, files: Files, inbox: Inbox, clock: Clock, *, tenants: Collection[str] = ()
    ) -> None:
        """`tenants`: the organisations that are served, our own first."""
        self.path = PATH
        self.desks: Mapping[str, TeamsDesk] = {}
        self.chosen: ChosenDesk | None = None
        self._api = api
        self._store = store
        self._files = files
        self._inbox = inbox
        self._clock = clock
        self._own = next(iter(tenants), "")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._later = Later("teams_courtesy_failed")

    def routes(self) -> list[web.RouteDef]:
        """Return where Teams posts to."""
        return [web.post(PATH, self._posted)]

    async def close(self) -> None:
        """Say what is still to be said to operators, and break off courtesies to customers."""
        for desk in self.desks.values():
            await desk.close()
        if self.chosen:
            await self.chosen.close()
        await self._later.break_off()

    async def _posted(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Teams posts JSON.")
        if (request.content_length or 0) > _MOST:
            raise web.HTTPRequestEntityTooLarge(max_size=_MOST, actual_size=request.content_length or 0)
        try:
            raw = json.loads(await request.read())
        except (ValueError, RecursionError):
            raise web.HTTPBadRequest(text="The body is not JSON.") from None
        if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
            raise web.HTTPBadRequest(text="The body is no activity.")
        try:
            answer = await self._api.adapter.process(request.headers.get("Authorization", ""), raw, self.take)
        except PermissionError as no:
            log.warning("teams_activity_refused", why=str(no))
            raise web.HTTPUnauthorized(text="The activity is not from Teams.") from None
        except ValueError as odd:
            log.warning("teams_activity_odd", why=str(odd), id=raw.get("id"))
            raise web.HTTPBadRequest(text="The activity is not built as Teams builds them.") from None
        if answer is None:
            return web.Response(status=201)
        return (
            web.json_response(answer.body, status=answer.status) if answer.body else web.Response(status=answer.status)
        )

    # What happens

    async def take(self, raw: JSON) -> Answer | None:
        """Take an activity in; once this returns, what it tells is stored, or known to ask nothing of us.

        Returns what an invoke is answered. Raises ValueError for what is not built as Teams builds it; anything else it
        raises means that Teams should bring it again.
        """
        invoked = raw.get("type") == "invoke"
        happened = parse.happened(raw)
        if isinstance(happened, Silent):
            log.debug("teams_activity_left", why=happened.value, id=raw.get("id"))
            return _UNKNOWN if invoked else None
        if isinstance(happened, Consented):  # it takes as long as the file does
            return await self._consented(happened, raw) or _TAKEN
        channel = names.channel_of(happened.place.conversation)
        if isinstance(happened, Pressed) and (desk := await self._desk_in(channel)):
            return await desk.on_pressed(happened, raw)  # whoever looks at a card asks for it: they wait for nobody
        async with self._turn(channel):
            if isinstance(happened, Said) and await self._chose_desk(happened, channel):
                return None
            if desk := await self._desk_in(channel):
                await self._at_desk(desk, happened, raw)
                return None
            answer = await self._of_customer(happened, raw)
        return (answer or _TAKEN) if invoked else None

    def _turn(self, channel: str) -> asyncio.Lock:
        """Return the lock that keeps what happens in one place in its order."""
        return self._turns.setdefault(channel, asyncio.Lock())

    async def _desk_in(self, channel: str) -> TeamsDesk | None:
        """Return the desk in a channel or chat, if there is one."""
        return self.desks.get(channel) or (await self.chosen.at(channel) if self.chosen else None)

    async def _of_customer(self, happened: Happened, raw: JSON) -> Answer | None:
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

    async def _at_desk(self, desk: TeamsDesk, happened: Happened, raw: JSON) -> None:
        match happened:
            case Said():
                await desk.on_said(happened, raw)
            case Changed():
                await desk.on_changed(happened, raw)
            case _:
                pass

    def key(self, where: Place) -> ThreadKey:
        """Return the key of a conversation: Teams' ids of them are unique everywhere."""
        return names.key(self._own, where.conversation)

    # Customers

    async def _said(self, said: Said, raw: JSON, event: str = "") -> Receipt | None:
        """Take in what a customer wrote, if it is said to us; `event` is what brought it, if not its writing."""
        key = self.key(said.place)
        thread = await self._store.find_thread(key)
        if not (said.mentioned or (thread and said.place.scope is Scope.CHANNEL)):
            return None  # a thread of a channel is ours once we are in it; what people say in a group chat is theirs
        known = await self._store.receipts.message_of(key, said.event) if said.left_out else None
        missing = " ".join(filter(None, (_missing(said.unfetched), left_out(said.left_out, parse.MOST_FILES))))
        text = said.text or missing
        whole = f"{said.text}\n\n{missing}".strip() if missing else said.text
        now = self._clock()
        files = [await self._files.expect(file.name, file.type, 0, file.origin, now) for file in said.files]
        receipt = await self._inbox.accept(
            InboundMessage(
                key,
                event or said.event,
                names.person(said.person.tenant or self._own, said.person.user),
                text[: parse.MAX_TEXT],
                name=said.person.name,
                verified=True,
                files=tuple(file.id for file in files),
                full=whole if len(whole) > min(len(text), parse.MAX_TEXT) else "",
                trust=self._trust(said.person),
                route=parse.route(said.place, said.person),
                raw=raw,
            )
        )
        if (thread is None or thread.owner.kind is OwnerKind.BOT) and said.place.scope is not Scope.CHANNEL:
            self._later.begin(self._typing(said.place))
        if said.left_out and not known:
            words = wording.text(Line.FILES_LEFT_OUT, thread.language if thread else "en", most=str(parse.MOST_FILES))
            self._later.begin(self._tell(said.place, words))
        return receipt

    def _trust(self, person: Person) -> str:
        """Return what operators should know of who writes; '' of somebody of our own organisation."""
        if self._own and person.tenant and person.tenant != self._own:
            return "This person is of another organisation."
        return ""

    async def _typing(self, where: Place) -> None:
        try:
            await self._api.send(where, {"type": "typing"}, paced=False)
        except ThreadlineError as no:
            log.info("teams_typing_not_shown", why=str(no))

    async def _changed(self, changed: Changed, raw: JSON) -> None:
        """Take in that a customer edited, deleted or brought back something. Edited into a mention, it is said now."""
        key, back = self.key(changed.place), _brought_back(changed.of)
        if changed.undone and await self._store.receipts.message_of(key, changed.of):
            await self._say_again(raw, back)
            return
        of = back if await self._store.receipts.message_of(key, back) else changed.of
        try:
            await self._inbox.accept(InboundChange(key, changed.event, of, changed.text, raw=raw))
        except LookupError:
            if changed.text and changed.mentioned:
                await self._say_again(raw)
            elif changed.place.scope is Scope.PERSONAL:
                raise TemporaryError("The message that was changed has not come yet.") from None

    async def _say_again(self, raw: JSON, event: str = "") -> None:
        """Take in a message that is said to us only now: it was changed into a mention, or brought back (`event`).

        What was deleted is gone here, so what is brought back is a message of its own.
        """
        said = parse.happened({**raw, "type": "message"})
        if isinstance(said, Said):
            await self._said(said, raw, event)

    async def _pressed(self, pressed: Pressed, raw: JSON) -> Answer | None:
        """Take a press of a customer's: the wish for a person, or the answer to a survey."""
        key, data = self.key(pressed.place), pressed.data
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
        key = self.key(judged.place)
        message = await self._store.deliveries.message_with(key, judged.of)
        if message:
            rating = InboundRating(key, judged.event, judged.score, judged.reason, message=message, raw=raw)
            await self._inbox.accept(rating)

    # Coming and going

    async def _came(self, came: Came, raw: JSON) -> None:
        """Greet where we were added: once, however often Teams tells of it, and again after we were removed."""
        event = f"{came.place.conversation}:came{await self._stay(came.place)}"
        if await self._is_new(came.place, event):
            language = str(raw.get("locale") or "en").partition("-")[0].lower()
            self._later.begin(self._tell(came.place, wording.text(Line.GREETING, language)))

    async def _went(self, went: Went) -> None:
        """Take note that we were removed: whoever adds us again is greeted again."""
        stay = await self._stay(went.place)
        if await self._store.receipts.result_of(self.key(went.place), f"{went.place.conversation}:came{stay}"):
            await self._is_new(went.place, f"{went.place.conversation}:went{stay}")

    async def _stay(self, where: Place) -> str:
        """Return what our stay in a conversation is called: '' the first one, ':2' the one after it ended."""
        stay, number = "", 1
        while await self._store.receipts.result_of(self.key(where), f"{where.conversation}:went{stay}"):
            number += 1
            stay = f":{number}"
        return stay

    async def _is_new(self, where: Place, event: str) -> bool:
        """Take note of something that asks for no answer of the assistant's; say whether it was not known before."""
        key = self.key(where)
        if await self._store.receipts.result_of(key, event):
            return False
        await self._inbox.accept(InboundIgnored(key, event, IgnoredBecause.EMPTY))
        return True

    async def _tell(self, where: Place, words: str) -> None:
        """Say a sentence of our own: a courtesy, which may fail."""
        try:
            await self._api.send(where, {"type": "message", "text": words, "textFormat": "plain"})
        except ThreadlineError as no:
            log.info("teams_not_told", where=where.conversation, why=str(no))

    # The desk's place

    async def _chose_desk(self, said: Said, channel: str) -> bool:
        """Answer somebody who wants their channel to be the desk; False if they want something else."""
        code = chosen.asked(said.text) if said.mentioned and channel not in self.desks else None
        in_chat = said.place.scope is Scope.PERSONAL
        if code is None or (in_chat and not (self.chosen and len(code) == CODE_DIGITS)):
            return False
        if not code and await self._store.find_thread(self.key(said.place)):
            return False  # a word in a conversation
        if await self._store.receipts.result_of(self.key(said.place), said.event):
            return True
        words = await self.chosen.choose(said, code) if self.chosen else _how_to_set(channel)
        if await self._is_new(said.place, said.event):
            self._later.begin(self._tell(said.place, words))
        return True

    # Files that customers take or decline

    async def _consented(self, consented: Consented, raw: JSON) -> Answer | None:
        """Hand a file over, or note that it is declined. It is done once the customer's Teams is answered."""
        file = await self._offered(consented)
        if file is None:
            return None
        trouble = "The customer declined the file."
        if consented.upload is not None:
            try:
                await self._hand_over(file, consented, consented.upload)
            except (PermanentError, LookupError) as no:
                trouble = f"The file could not be put into the customer's store: {no}"
            else:
                self._later.begin(self._take_back(consented))
                return None
        delivery = DeliveryId(str(consented.about.get("delivery")))
        with contextlib.suppress(LookupError):
            await self._inbox.accept(InboundBounce(delivery, consented.event, trouble, raw=raw))
            self._later.begin(self._take_back(consented))
        return None

    async def _offered(self, consented: Consented) -> File | None:
        """Return the file that it is about; None for one that was never offered in this very conversation."""
        thread = await self._store.find_thread(self.key(consented.place))
        delivery = DeliveryId(str(consented.about.get("delivery")))
        file = FileId(str(consented.about.get("file")))
        if thread is None or await self._store.deliveries.file_of(thread.id, delivery) != file:
            return None
        try:
            return (await self._files.of_thread(thread.id, file))[0]
        except LookupError:
            return None

    async def _hand_over(self, file: File, consented: Consented, upload: Mapping[str, Any]) -> None:
        """Put a file where the customer's Teams says, and show it in the conversation."""
        await self._api.upload(str(upload.get("uploadUrl")), await self._files.read(file.id))
        shown = {
            "contentType": "application/vnd.microsoft.teams.card.file.info",
            "contentUrl": str(upload.get("contentUrl")),
            "name": str(upload.get("name") or file.name),
            "content": {"uniqueId": str(upload.get("uniqueId")), "fileType": str(upload.get("fileType"))},
        }
        await self._api.send(consented.place, {"type": "message", "attachments": [shown]})

    async def _take_back(self, consented: Consented) -> None:
        """Take away the card that offered the file."""
        try:
            await self._api.delete(consented.place, consented.card)
        except ThreadlineError as no:
            log.info("teams_card_stays", why=str(no))


def _how_to_set(channel: str) -> str:
    """Return what tells an owner how a channel is called, to make it the desk."""
    line = f"DESK=teams:{channel}"
    return f"To make this place the desk, set this line where Threadline runs, and start it again: {line}"


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
