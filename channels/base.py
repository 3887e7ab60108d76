"""What a channel is: one required Protocol, and small ones named by capability.

The worker asks `isinstance(channel, Streams)`, never 'is this Slack?'. A channel hands what it
receives to `core.inbox.Inbox` and is handed `Part`s to send.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from core.delivery import DeliveryState, Part
from core.thread import Thread


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a part: its state, and the platform's id for it if it gave one."""

    state: DeliveryState = DeliveryState.DELIVERED
    platform_id: str = ""
    error: str = ""


class Channel(Protocol):
    """One place customers write from."""

    @property
    def name(self) -> str:
        """The channel's word in `ThreadKey.channel`."""
        ...

    @property
    def deduplicates(self) -> bool:
        """Whether the receiver drops a part it already has: only then may one be sent again after a crash."""
        ...

    async def send(self, part: Part) -> Sent:
        """Send a message to the customer of `part.thread`.

        Raises `TemporaryError` when it is known not to have gone out and may be tried again, and
        `PermanentError` when it never will.
        """
        ...


@runtime_checkable
class Streams(Protocol):
    """A channel that can show an answer while it grows."""

    async def stream(self, thread: Thread, text: str) -> None:
        """Show `text`, all of the answer so far."""
        ...


@runtime_checkable
class Desk(Protocol):
    """A channel where operators work."""

    @property
    def deduplicates(self) -> bool:
        """As for `Channel`."""
        ...

    async def show_card(self, part: Part) -> Sent:
        """Bring the card of `part.case` in line with the case as it is now. Raises as `Channel.send` does."""
        ...
