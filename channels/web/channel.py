"""The web channel: sending is ringing. What is committed can be read; open sockets are told to look.

The customer's page knows every message by its id, so sending a part twice shows it once.
"""

from channels.base import Content, Sent
from core.bell import DESK, Bell
from core.delivery import DeliveryState, Part
from core.ids import ThreadId


class WebChannel:
    """The built-in chat as a channel, and the web desk as a desk."""

    name = "web"
    deduplicates = True
    live = True

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._partial: dict[ThreadId, str] = {}

    async def send(self, part: Part) -> Sent:
        """Tell the open pages of the thread that there is something to read."""
        if part.thread:
            self.forget_partial(part.thread.id)
            self._bell.ring(part.thread.id)
        return Sent(platform_id=part.message.id if part.message else "")

    async def send_file(self, part: Part, content: Content) -> Sent:
        """The file is stored with us already, unless it is lost: tell the open pages to look."""
        await content()
        return await self.send(part)

    async def edit(self, part: Part) -> Sent:
        """The page reads the message as it is now: tell the open pages to look."""
        return await self.send(part)

    async def look_up(self, part: Part) -> DeliveryState:
        """What is committed can be read on the page: it has arrived."""
        return DeliveryState.DELIVERED

    async def stream(self, part: Part, text: str) -> str:
        """Show the growing answer on the open pages of the thread."""
        if part.thread:
            self._partial[part.thread.id] = text
            self._bell.ring(part.thread.id)
        return part.id

    async def cut_off(self, part: Part) -> None:
        """Take the growing answer off the open pages of the thread."""
        await self.send(part)

    async def show_card(self, part: Part) -> Sent:
        """Tell the open desks to look."""
        self._bell.ring(DESK, *([part.thread.id] if part.thread else []))
        return Sent(platform_id=part.case or "")

    async def post_line(self, part: Part) -> Sent:
        """The desk's page reads the transcript: tell it to look."""
        return await self.show_card(part)

    async def show_outcome(self, part: Part) -> Sent:
        """The desk's page shows the outcomes: tell it to look."""
        return await self.show_card(part)

    async def remind(self, part: Part) -> Sent:
        """The desk's page marks what is overdue: tell it to look."""
        return await self.show_card(part)

    async def post_digest(self, part: Part) -> Sent:
        """The desk's page shows the digest when it is asked for."""
        return await self.show_card(part)

    def partial(self, thread: ThreadId) -> str:
        """Return the growing answer of `thread`, or '' when none is open."""
        return self._partial.get(thread, "")

    def forget_partial(self, thread: ThreadId) -> None:
        """Drop the growing answer: its run is over, with or without a message."""
        self._partial.pop(thread, None)
