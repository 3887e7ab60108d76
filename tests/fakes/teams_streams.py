"""How the fake Teams takes an answer that grows: streaminfo entities, by the rules of 'Stream bot messages'.

Numbers, codes and words are that page's: personal chats only, the sequence from 1, each text holding the one before,
about a request a second, two minutes in all, no sequence on the last. What the page leaves open is said where it is
decided. Time is given by the caller, so that nobody has to wait.
"""

from dataclasses import dataclass
from typing import Any

from tests.fakes.teams_checks import message_entity, size
from tests.fakes.teams_workspace import Message, Refused, Room, Stream

JSON = dict[str, Any]

STREAM_SECONDS = 120.0
MOST_INFORMATIVE = 1000
CANCELED = "Content stream was canceled by user."
_COMPLETED = "Content stream is not allowed on an already completed streamed message"
_NOT_ALLOWED = "Content stream is not allowed"
_OUTGROWN = "Request streamed content should contain the previously streamed content"
_TIMED_OUT = "Content stream finished due to exceeded streaming time."
_TOO_LARGE = "Message size too large"


@dataclass
class Pace:
    """How quickly a bot may stream: one request each `seconds`, and `burst` of them at once. 0 seconds: no limit."""

    seconds: float = 1.0
    burst: int = 3
    _spent: float = 0.0
    _at: float = 0.0

    def take(self, now: float) -> None:
        """Count a request at `now`. Raises `Refused` (429) for one too many."""
        if not self.seconds:
            return
        self._spent = max(0.0, self._spent - (now - self._at) / self.seconds)
        self._at = now
        if self._spent > self.burst - 1:
            raise Refused(429, "Throttled", "API calls quota exceeded", retry_after=max(1.0, self.seconds))
        self._spent += 1.0


def info(activity: Any) -> JSON | None:
    """Return the streaminfo of an activity; None if it is no part of a stream."""
    entities = activity.get("entities") if isinstance(activity, dict) else None
    found = (one for one in entities or () if isinstance(one, dict) and one.get("type") == "streaminfo")
    return next(found, None)


def forbidden(message: str) -> Refused:
    """Return the refusal of a piece of a stream."""
    return Refused(403, "ContentStreamNotAllowed", message)


def check_piece(activity: JSON, piece: JSON, room: Room, most_bytes: int) -> None:
    """Check a piece by itself: where it goes, its form, its size. Raises `Refused`."""
    if room.kind != "personal":
        # The page says only that it is not supported; Microsoft's Agents Playground answers 405.
        raise Refused(405, "ContentStreamNotAllowed", _NOT_ALLOWED)
    final = piece.get("streamType") == "final"
    if piece.get("streamType", "streaming") not in {"informative", "streaming", "final"}:
        raise Refused(400, "BadRequest", "Unknown streamType")
    if (activity.get("type") == "message") != final:
        raise Refused(400, "BadRequest", "Streaming activities are of type typing, the final one of type message")
    if not final and not activity.get("text"):
        raise Refused(400, "BadRequest", "Start streaming activities should include text")
    if piece.get("streamType") == "informative" and len(activity["text"]) > MOST_INFORMATIVE:
        raise Refused(400, "BadRequest", "Informative updates have at most 1000 characters")
    if not final and activity.get("attachments"):
        raise Refused(400, "BadRequest", "Attachments are allowed in the final streaming activity only")
    if size(activity) > most_bytes:
        raise forbidden(_TOO_LARGE)


def early(activity: JSON) -> list[str]:
    """Return what Teams does not show before the end of a stream."""
    label = ["the AI label before the end of a stream"] if message_entity(activity).get("additionalType") else []
    data = activity.get("channelData") or {}
    return label + (["feedback buttons before the end of a stream"] if "feedbackLoop" in data else [])


def begin(activity: JSON, piece: JSON, room: Room, now: float) -> Stream:
    """Return the stream that a first piece begins. Raises `Refused`."""
    if piece.get("streamType") == "final" or piece.get("streamSequence") != 1:
        raise Refused(400, "BadRequest", "A stream starts with streamSequence 1 and without a streamId")
    if any(message.stream and message.stream.state == "streaming" for message in room.messages.values()):
        # 'One message at a time', says the page; with what a second one is answered is a guess.
        raise forbidden(_NOT_ALLOWED)
    stream = Stream(now)
    _grow(stream, activity, piece)
    return stream


def go_on(message: Message, activity: JSON, piece: JSON, now: float, *, seconds: float, strict: bool) -> bool:
    """Take another piece; False if it came out of order and is dropped. Raises `Refused`.

    `seconds`: how long a stream may take. `strict`: the final text too has to hold what was streamed.
    """
    stream = message.stream
    if stream is None or stream.state == "final":
        raise forbidden(_COMPLETED)
    if stream.state == "stopped":
        raise forbidden(CANCELED)
    if stream.state == "broken" or now - stream.began > seconds:
        stream.state = "broken"
        raise forbidden(_TIMED_OUT)
    final, sequence = piece.get("streamType") == "final", piece.get("streamSequence")
    if final != (sequence is None) or (sequence is not None and not isinstance(sequence, int)):
        raise Refused(400, "BadRequest", "streamSequence is a number, and must not be set for the final message")
    if sequence is not None and sequence <= stream.sequence:
        return False
    grows = piece.get("streamType") != "informative" and (strict or not final)
    if grows and stream.text not in str(activity.get("text") or ""):
        raise forbidden(_OUTGROWN)
    stream.sequence = sequence or stream.sequence
    _grow(stream, activity, piece)
    if final:
        stream.state = "final"
    return True


def _grow(stream: Stream, activity: JSON, piece: JSON) -> None:
    if piece.get("streamType") == "informative":
        stream.informative = activity["text"]
    else:
        stream.text = str(activity.get("text") or "")
