"""A Slack channel as a desk: each case is a card there, and the thread below it is where operators work on the case.

`bot.sending` hands it parts; the Bolt app hands it what operators do (`actions` does that, `home` shows the cases
elsewhere). What stands in Slack is known by what the store keeps of it, so any replica goes on where another stopped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from channels.base import Sent
from channels.desk.doings import Doings
from channels.parts import case_of, message_of, standing
from channels.patience import patiently, surely
from channels.slack.api import Api
from channels.slack.desk import lines, render, views
from channels.slack.desk.actions import Actions
from channels.slack.desk.blocks import Post
from channels.slack.desk.home import Overview
from channels.slack.desk.names import Card, Told
from channels.slack.desk.operators import Operators
from channels.slack.desk.posting import Poster, about
from channels.slack.names import CHANNEL, Posted
from core.case import Case
from core.delivery import Part
from core.errors import ThreadlineError
from core.ids import OperatorId
from core.messages import File, Message
from core.policy import Policy
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.store import Store

log = structlog.get_logger()

_LOOKED = 300.0  # seconds before a case was opened from which on its card is looked for: clocks differ
_GONE_FILE = "The file {name} is not kept any more."
_NOT_SHOWN = "The file {name} can't be shown here: {why}"


class SlackDesk:
    """The Slack channel `channel` as a desk named 'slack:CHANNEL'."""

    deduplicates = False

    def __init__(
        self,
        store: Store,
        files: Files,
        inbox: Inbox,
        api: Api,
        channel: str,
        team: Callable[[], str],
        clock: Clock,
        policy: Policy | None = None,
    ) -> None:
        """`team` gives the workspace's id once we are connected; `policy` says when a case is overdue."""
        self.name = f"{CHANNEL}:{channel}"
        self._store = store
        self._files = files
        self._clock = clock
        self._policy = policy or Policy()
        self._poster = Poster(api, channel)
        self._operators = Operators(store, api, channel, team, clock)
        self._overview = Overview(store, self._poster, self._policy, clock)
        doings = Doings(self.name, store, files, inbox, clock)
        self._actions = Actions(doings, self._poster, self._operators, self._overview, team)

    # Operators

    async def on_message(self, event: Mapping[str, Any]) -> None:
        """Take a message event of the desk's channel. Raises only while nothing of it is stored."""
        await self._actions.message(event)

    async def on_action(self, body: Mapping[str, Any]) -> None:
        """Take a press of one of the desk's buttons. Raises only while nothing of it is stored."""
        await self._actions.pressed(body)

    async def on_view(self, body: Mapping[str, Any]) -> None:
        """Take one of the desk's forms. Raises only while nothing of it is stored."""
        await self._actions.filled(body)

    async def on_command(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what /support is answered: `text`, and mostly `blocks`. Raises only while nothing of it is stored."""
        return await self._actions.command(body)

    async def home(self, user: str) -> dict[str, Any]:
        """Return the App Home of `user`: the desk's cases for operators. Raises as `Api`."""
        operator = await self._operators.find_here(user, pressing=False)
        return views.welcome() if isinstance(operator, str) else await self._overview.home(operator)

    async def close(self) -> None:
        """Wait for what is still to be said to operators."""
        await self._actions.close()

    # Cards

    async def show_card(self, part: Part) -> Sent:
        """Post the card, with what was said so far in its thread; later bring it in line. Raises as `Channel.send`.

        A card that somebody deleted is posted again.
        """
        case = await self._case(part)
        post = await self._card(case)
        card = Card.parse(part.desk_thread, self._poster.channel)
        if card is None and case.desk_error:
            card = await self._find_card(case)
        if card is not None and card.look == post.look:
            return Sent(platform_id=str(card))
        if card is not None and await self._poster.update(card.posted.ts, post):
            return Sent(platform_id=str(replace(card, look=post.look)))
        return Sent(platform_id=str(await self._post_card(case, post)))

    async def _card(self, case: Case) -> Post:
        names = await self._store.cases.operator_names()
        holder = names.get(case.thread.owner.operator or OperatorId(""), "")
        return render.card(case, holder=holder, overdue=case.overdue(self._clock(), self._policy))

    async def _post_card(self, case: Case, post: Post) -> Card:
        said = await self._store.cases.messages(case)
        posted = await self._poster.post(post, case=case.id)
        await self._show_transcript(posted, said)
        return Card(posted, max((message.seq for message in said), default=0), post.look)

    async def _show_transcript(self, card: Posted, said: Sequence[Message]) -> None:
        for post in lines.transcript(said):
            await surely("transcript", lambda post=post: self._poster.post(post, root=card.ts))  # type: ignore[misc]
        await self._show_files(card.ts, said)

    async def _find_card(self, case: Case) -> Card | None:
        """Return the case's card if it was posted when nobody knew whether it had arrived."""
        me = await self._poster.me()
        for message in await self._poster.history(case.opened_at - _LOOKED):
            if about(message, me).get("case") == case.id:
                found = Posted(self._poster.channel, str(message["ts"]))
                said = await self._store.cases.messages(case)
                if len(await self._poster.thread(found.ts)) < 2:
                    await self._show_transcript(found, said)
                return Card(found, max((one.seq for one in said), default=0))
        return None

    # What is said, and what became of it

    async def post_line(self, part: Part) -> Sent:
        """Post what was said, or mark it as changed. Raises as `Channel.send`."""
        case, message, card = await self._case(part), message_of(part), self._shown(part)
        changed = message.withdrawn or message.changed_at is not None
        if not changed and message.seq <= card.seq:
            return Sent()  # it was in the transcript
        posts = lines.line(case, message)
        line = Posted.parse(part.platform_id)
        if changed and line.channel == self._poster.channel and await self._poster.update(line.ts, posts[0]):
            return Sent(platform_id=str(line))
        first = await self._poster.post(posts[0], root=card.posted.ts, message=message.id)
        for post in posts[1:]:
            await surely("line", lambda post=post: self._poster.post(post, root=card.posted.ts))  # type: ignore[misc]
        if not changed:
            await self._show_files(card.posted.ts, [message])
        return Sent(platform_id=str(first))

    async def _show_files(self, root: str, said: Sequence[Message]) -> None:
        for file in (file for message in said for file in message.files):
            try:
                await patiently(lambda file=file: self._show_file(root, file))  # type: ignore[misc]
            except LookupError:
                await self._instead(root, _GONE_FILE.format(name=file.name))
            except Exception as error:  # the edge to a platform: what was said stands, whatever becomes of its files
                log.exception("file_not_shown", file=file.id)
                why = str(error) if isinstance(error, ThreadlineError) else "Slack gave no answer."
                await self._instead(root, _NOT_SHOWN.format(name=file.name, why=why))

    async def _show_file(self, root: str, file: File) -> None:
        await self._poster.upload(root, file.name, await self._files.read(file.id))

    async def _instead(self, root: str, text: str) -> None:
        await surely("file", lambda: self._poster.post(render.verbatim(text), root=root))

    async def show_outcome(self, part: Part) -> Sent:
        """React to the operator's line, and say in the thread what is not delivered. Raises as `Channel.send`."""
        case, message, card = await self._case(part), message_of(part), self._shown(part)
        mark = render.mark(part.fates)
        before = Told.parse(await self._store.cases.shown_outcome(message.id, self.name))
        if message.withdrawn or not mark:
            return Sent(platform_id=str(before))
        line = Posted.parse(part.platform_id)
        if line.channel == self._poster.channel and mark != before.mark:
            await self._poster.react(line.ts, add=mark, remove=before.mark)
        if mark != render.TROUBLE and not before.notice:
            return Sent(platform_id=str(Told(mark)))
        post = render.outcome(case.id, message, part.fates)
        if before.notice and await self._poster.update(before.notice, post):
            return Sent(platform_id=str(Told(mark, before.notice)))
        notice = await self._poster.post(post, root=card.posted.ts, outcome=message.id)
        return Sent(platform_id=str(Told(mark, notice.ts)))

    # What time brings

    async def remind(self, part: Part) -> Sent:
        """Say it in the case's thread and the channel, or, for everyone, as a call in the channel."""
        card = Card.parse(part.desk_thread, self._poster.channel)
        link = await self._poster.link(card.posted) if card else ""
        post = render.reminder(part.text, everyone=part.everyone, url=link if part.everyone else "")
        root = card.posted.ts if card and not part.everyone else ""
        return Sent(platform_id=str(await self._poster.post(post, root=root, broadcast=bool(root), reminder=part.id)))

    async def post_digest(self, part: Part) -> Sent:
        """Post the digest."""
        return Sent(platform_id=str(await self._poster.post(render.digest(*part.headed), digest=part.id)))

    async def _case(self, part: Part) -> Case:
        return await self._store.cases.get(case_of(part))

    def _shown(self, part: Part) -> Card:
        return standing(Card.parse(part.desk_thread, self._poster.channel))
