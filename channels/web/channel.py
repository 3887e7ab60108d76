"""The web channel: sending is ringing. What is committed can be read; open sockets are told to look.

The customer's page knows every message by its id, so sending a part twice shows it once.
"""

from channels.base import Sent
from core.bell import DESK, Bell
from core.delivery import Part
from core.ids import ThreadId
from core.thread import Thread


class WebChannel:
    """The built-in chat as a channel, and the web desk as a desk."""

    name = "web"
    deduplicates = True

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._partial: dict[ThreadId, str] = {}

    async def send(self, part: Part) -> Sent:
        """Tell the open pages of the thread that there is something to read."""
        self.forget_partial(part.thread.id)
        self._bell.ring(part.thread.id)
        return Sent(platform_id=part.message.id if part.message else "")

    async def stream(self, thread: Thread, text: str) -> None:
        """Show the growing answer on the open pages of the thread."""
        self._partial[thread.id] = text
        self._bell.ring(thread.id)

    async def show_card(self, part: Part) -> Sent:
        """Tell the open desks to look."""
        self._bell.ring(DESK, part.thread.id)
        return Sent(platform_id=part.case or "")

    def partial(self, thread: ThreadId) -> str:
        """Return the growing answer of `thread`, or '' when none is open."""
        return self._partial.get(thread, "")

    def forget_partial(self, thread: ThreadId) -> None:
        """Drop the growing answer: its run is over, with or without a message."""
        self._partial.pop(thread, None)
