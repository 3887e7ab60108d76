"""How the desk writes to its place in Teams: posts, lines in their threads, changes, sentences for one person.

Called by `channel` and `actions`. In a group chat there are no threads: there a card is a message, and what belongs to
it is said in the chat.
"""

import structlog

from channels.patience import patiently
from channels.teams.api import Api, SaidNo
from channels.teams.desk.names import Line
from channels.teams.desk.pieces import JSON, to_person
from channels.teams.desk.render import link
from channels.teams.names import root_of, thread_in
from channels.teams.parse import Person, Place, Scope
from core.errors import ThreadlineError

log = structlog.get_logger()

_CHAT = "@thread.v2"


class Poster:
    """Writes to one channel or group chat. What events say of the way there counts more than what it began with."""

    def __init__(self, api: Api, channel: str, service: str, bot: str, tenant: str) -> None:
        self._api = api
        self.channel = channel
        self.threads = not channel.endswith(_CHAT)
        self.tenant = tenant
        self._service = service
        self._bot = bot

    def learn(self, where: Place) -> None:
        """Take note of the way here, as an activity names it."""
        self._service, self._bot = where.service, where.bot or self._bot
        self.threads = where.scope is Scope.CHANNEL
        self.tenant = self.tenant or where.tenant

    def _place(self, conversation: str) -> Place:
        scope = Scope.CHANNEL if self.threads else Scope.GROUP
        spoken = conversation if self.threads else self.channel
        return Place(self._service, spoken, scope, self._bot, self.tenant)

    async def begin(self, activity: JSON) -> Line:
        """Post; in a channel that begins a thread. Raises as `Api`."""
        if not self.threads:
            posted = await self._api.send(self._place(self.channel), activity)
            return Line(thread_in(self.channel, posted), posted)
        parameters = {
            "isGroup": True,
            "channelData": {"channel": {"id": self.channel}},
            "tenantId": self.tenant,
            "activity": activity,
            **({"bot": {"id": self._bot}} if self._bot else {}),
        }
        thread, posted = await self._api.begin(self._place(self.channel), parameters)
        return Line(thread if root_of(thread) else thread_in(self.channel, posted), posted or root_of(thread))

    async def reply(self, thread: str, activity: JSON) -> Line:
        """Say something in a thread. Raises as `Api`."""
        return Line(thread, await self._api.send(self._place(thread), activity))

    async def update(self, line: Line, activity: JSON) -> bool:
        """Change what was posted; False if it is not there any more. Raises as `Api`."""
        try:
            await self._api.update(self._place(line.thread), line.id, activity)
        except SaidNo as no:
            if no.status != 404:
                raise
            return False
        return True

    async def say(self, who: Person, thread: str, text: str) -> None:
        """Tell somebody in the thread, by name. It is a courtesy: what they did is stored, seen or not.

        Teams has no words for one reader in a channel, and not everybody has the app in a chat of their own.
        """
        activity = to_person(who.id, who.name, text)
        try:
            await patiently(lambda: self.reply(thread, activity))
        except ThreadlineError as away:
            log.warning("operator_not_told", user=who.user, why=str(away))

    def link(self, thread: str) -> str:
        """Return the address of a card."""
        return link(thread, self.tenant)
