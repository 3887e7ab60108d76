"""What channels and desks of chat platforms have in common: what a part holds, how it goes out in several pieces."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog

from channels.base import Sent
from channels.patience import patiently
from core.delivery import DeliveryState, Part
from core.errors import PermanentError
from core.ids import CaseId
from core.messages import Message
from core.thread import Thread

Piece = TypeVar("Piece")
Name = TypeVar("Name")
Card = TypeVar("Card")

log = structlog.get_logger()


def message_of(part: Part) -> Message:
    """Return the message that is to be sent. Raises `PermanentError` if there is none."""
    if part.message is None:
        raise PermanentError("There is nothing to send.")
    return part.message


def thread_of(part: Part) -> Thread:
    """Return the conversation it goes to. Raises `PermanentError` if there is none."""
    if part.thread is None:
        raise PermanentError("There is nobody to send to.")
    return part.thread


def case_of(part: Part) -> CaseId:
    """Return the case that it shows. Raises `PermanentError` if there is none."""
    if part.case is None:
        raise PermanentError("There is no case.")
    return part.case


def standing(card: Card | None) -> Card:
    """Return the case's card, as the desk reads its name. Raises `PermanentError` if it has none there."""
    if card is None:
        raise PermanentError("The case has no card in this channel.")
    return card


async def in_pieces(
    pieces: Sequence[Piece],
    sent: Sequence[Name],
    send: Callable[[Piece, int, int], Awaitable[Name]],
    otherwise: Callable[[Piece, Exception], Sequence[Piece] | None],
    named: Callable[[list[Name]], str],
) -> Sent:
    """Send the pieces of a message, after those that were `sent`: none is repeated, and what is missing is said.

    `send` gets a piece, its place and how many there are, and returns what the platform calls it. `otherwise` says what
    goes out instead of a piece that was refused, None for nothing else. `named` makes one name of all. Raises what the
    first piece raises.
    """
    left, done = list(pieces), list(sent)
    while left:
        work = partial(send, left[0], len(done), len(done) + len(left))
        try:
            done.append(await (patiently(work) if done else work()))
            left.pop(0)
        except Exception as error:  # the edge to a platform: the first pieces stand, whatever it was
            instead = otherwise(left[0], error)
            if instead is not None:
                left[:1] = instead
                continue
            if not done:
                raise
            log.exception("message_cut", sent=named(done))
            missing = f"Only {len(done)} of its {len(done) + len(left)} parts have surely arrived: {error}"
            return Sent(DeliveryState.PARTIAL, platform_id=named(done), error=missing[:300])
    return Sent(platform_id=named(done))
