"""What customers do in Slack, handed to the inbox: what they write and change, their judgements, the wish for a person.

Called by `door`, which has told them from operators. In channels only what is said to the app counts: what it overhears
is neither answered nor kept. Each call returns once it is stored; courtesies (a status, a form, suggested questions)
come after that, and may fail.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from channels.later import Later
from channels.notes import ask_for_rest, left_out, noted
from channels.slack import forms, parse, words
from channels.slack.api import Api
from channels.slack.names import Place, Posted, person
from channels.slack.parse import Changed, Me, Opened, Pressed, RemoteFile, Said, Silent
from channels.slack.people import People, Profile
from channels.slack.posting import Posting
from core.errors import ThreadlineError
from core.ids import FileId
from core.messages import InboundChange, InboundMessage
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import REFUSED, Receipt
from core.store.store import Store
from core.thread import OwnerKind

log = structlog.get_logger()

Body = dict[str, Any]

_WANTS_A_PERSON = "I would like to talk to a person."
_LOOKING = "is looking it up…"
_SETTLED = 10.0  # seconds that a judgement may take before its answer
_STILL_COMES = 900.0  # seconds in which Slack may still bring a message that it could not bring before
_MOST_PROMPTS = 4


class Customers:
    """The customers of one workspace. `me` says who we are there."""

    def __init__(
        self,
        api: Api,
        store: Store,
        files: Files,
        inbox: Inbox,
        clock: Clock,
        me: Callable[[], Me],
        *,
        agent_view: bool,
        prompts: Sequence[str],
    ) -> None:
        self._api = api
        self._posting = Posting(api)
        self._store = store
        self._files = files
        self._inbox = inbox
        self._clock = clock
        self._me = me
        self._agent_view = agent_view
        self._prompts = list(prompts)[:_MOST_PROMPTS]
        self._people = People(api, lambda: me().team)
        self._later = Later("slack_courtesy_failed")

    async def close(self) -> None:
        """Break off what is only a courtesy."""
        await self._later.break_off()

    # Messages

    async def said(self, said: Said, body: Body) -> Receipt | Silent:
        """Take in what a customer wrote, if it is said to us."""
        me = self._me()
        key = said.place.key(me.team)
        thread = await self._store.find_thread(key)
        if not (said.direct or said.mentioned or thread):
            return Silent.OVERHEARD
        profile = await self._people.profile(said.user)
        names = await self._people.names(parse.named(said, me))
        read = parse.as_read(said, body["event"], me, names)
        text, full = noted(read, left_out(said.left_out, parse.MOST_FILES), parse.MAX_TEXT)
        known = await self._store.receipts.message_of(key, said.event) if said.left_out else None
        files = await self._expect(said)
        receipt = await self._inbox.accept(
            InboundMessage(
                key,
                said.event,
                parse.customer(said),
                text,
                name=profile.name,
                verified=True,
                email=profile.email,
                alone=said.direct,
                files=files,
                full=full,
                trust=self._trust(said.team, profile),
                raw=body,
            )
        )
        if said.left_out and not known:
            self._later.begin(self._tell(said.place, ask_for_rest(thread, read, parse.MOST_FILES)))
        if thread is None or thread.owner.kind is OwnerKind.BOT:
            self._later.begin(self._status(said.place))
        return receipt

    async def _expect(self, said: Said) -> tuple[FileId, ...]:
        now, files = self._clock(), []
        for file in said.files:
            known = file if file.origin["url"] else await self._shared(file)
            files.append(await self._files.expect(known.name, known.type, known.size, known.origin, now))
        return tuple(file.id for file in files)

    async def _shared(self, file: RemoteFile) -> RemoteFile:
        """Ask Slack about a file of another organisation, of which an event says nothing; later, if it is slow."""
        try:
            async with asyncio.timeout(1.0):
                return parse.read_file((await self._api.call("files.info", file=file.origin["id"])).get("file") or {})
        except (ThreadlineError, TimeoutError) as away:
            log.info("slack_file_unknown", why=str(away))
            return file

    def _trust(self, team: str, profile: Profile) -> str:
        """Return what operators should know of who writes; '' of a member of our own workspace."""
        if team != self._me().team:
            return "This person is of another organisation, in a channel that is shared with it."
        return "This person is a guest of the workspace." if profile.is_guest else ""

    async def _tell(self, place: Place, words: str) -> None:
        """Say a sentence of our own: a courtesy, which may fail."""
        try:
            await self._posting.tell(place, words)
        except ThreadlineError as no:
            log.info("slack_customer_not_told", why=str(no))

    async def changed(self, changed: Changed, body: Body) -> Receipt | Silent:
        """Take in that a customer edited or deleted something. Edited into a mention of us, it is said to us now."""
        me = self._me()
        text = None if changed.text is None else await self._reworded(changed.text, body["event"].get("message") or {})
        key = changed.place.key(me.team)
        try:
            return await self._inbox.accept(InboundChange(key, changed.event, changed.of, text, raw=body))
        except LookupError:
            said = parse.now_said(body["event"], me, agent_view=self._agent_view)
            if said:
                return await self.said(said, {**body, "event": body["event"]["message"]})
            mine = changed.place.channel.startswith("D") or await self._store.find_thread(key)
            if mine and self._clock() - float(Posted.parse(changed.of).ts) < _STILL_COMES:
                raise  # it came before what it changes: Slack brings both again
            return Silent.OVERHEARD

    async def _reworded(self, text: str, written: Mapping[str, Any]) -> str:
        """Return the new words of the message `written`, as people read them."""
        own = self._me().user
        names = await self._people.names(user for user in words.mentioned(text) if user != own)
        return words.shown(text, written, own=own, names=names)

    async def _status(self, place: Place) -> None:
        """Show that somebody is at it; Slack takes that away when we post, or after two minutes. Not in shadow mode."""
        if not place.root or self._store.policy.shadow:
            return
        where = {"channel_id": place.channel, "thread_ts": place.root}
        try:
            await self._api.call("assistant.threads.setStatus", status=_LOOKING, **where)
        except ThreadlineError as no:
            log.info("slack_status_not_shown", why=str(no))

    # The agent view, and buttons

    def opened(self, opened: Opened) -> None:
        """Offer questions to somebody who has opened the messages tab."""
        if self._prompts and opened.channel:
            self._later.begin(self._offer(opened.channel))

    async def _offer(self, channel: str) -> None:
        prompts = [{"title": prompt[:75], "message": prompt} for prompt in self._prompts]
        try:
            await self._api.call("assistant.threads.setSuggestedPrompts", channel_id=channel, prompts=prompts)
        except ThreadlineError as no:
            log.info("slack_prompts_not_shown", why=str(no))

    async def pressed(self, press: Pressed, body: Body) -> None:
        """Take a press of a customer's: a judgement, or the wish for a person."""
        team = self._me().team
        key = press.place.key(team)
        if press.action == "person":
            profile = await self._people.profile(press.user)
            wish = InboundMessage(
                key,
                press.event,
                person(press.team, press.user),
                _WANTS_A_PERSON,
                profile.name,
                verified=True,
                email=profile.email,
                alone=press.place.channel.startswith("D"),
                raw=body,
            )
            await self._inbox.accept(wish)
            self._later.begin(self._status(press.place))
            return
        rating = parse.rating(press, self._me())
        if rating is None:
            return
        try:
            receipt = await self._inbox.accept(rating)
        except LookupError:
            return
        if rating.message and rating.score < 0:
            self._later.begin(self._ask_why(press, forms.why(press, team, rating.message)))
        else:
            self._later.begin(self._tell_refusal(press, receipt))

    async def unhelpful(self, body: Body) -> None:
        """Take the form that says why an answer did not help. Raises ValueError, KeyError for one that is not ours."""
        rating = parse.reason_of(body)
        if rating.reason:
            await self._inbox.accept(rating)

    async def _ask_why(self, press: Pressed, form: Body) -> None:
        try:
            await self._api.call("views.open", trigger_id=press.trigger, view=form)
        except ThreadlineError as no:
            log.info("slack_form_not_opened", why=str(no))

    async def _tell_refusal(self, press: Pressed, receipt: Receipt) -> None:
        settled = await self._inbox.settled(receipt, _SETTLED)
        if settled.state != REFUSED or not settled.result:
            return
        where = {"channel": press.place.channel, "user": press.user}
        thread = {"thread_ts": press.place.root} if press.place.root else {}
        try:
            await self._api.call("chat.postEphemeral", text=settled.result, **where, **thread)
        except ThreadlineError as no:
            log.info("slack_customer_not_told", why=str(no))
