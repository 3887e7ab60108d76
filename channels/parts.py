"""What a channel needs of a part to send it. Called by channels of chat platforms."""

from core.delivery import Part
from core.errors import PermanentError
from core.messages import Message
from core.thread import Thread


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
