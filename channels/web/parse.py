"""HTTP bodies of the chat and the desk, read into messages and desk events. Pure."""

import hashlib
import json
from typing import Any

from core.desk import MAX_TEXT, Operator
from core.ids import CaseId, ThreadKey, new_id
from core.messages import DeskAction, DeskEvent, InboundMessage

MAX_MESSAGE = 8_000  # characters; the chat page counts down to the same number


class BadRequest(ValueError):  # noqa: N818 (HTTP's own word)
    """The body is not what the contract says; the sentence says what it should be. `status` is HTTP's."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def session_key(session: str) -> ThreadKey:
    """Return the thread key of a chat session."""
    return ThreadKey("web", "chat", session)


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`. Raises `BadRequest`."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("bad_json", 'The body is not JSON. Send an object, for example {"text": "Hello"}.') from None
    if not isinstance(data, dict):
        raise BadRequest("bad_json", 'The body is JSON, but not an object. Send for example {"text": "Hello"}.')
    return data


def read_text(data: dict[str, Any]) -> str:
    """Return the customer's text in `data`, without what no database stores. Raises `BadRequest`."""
    text = data.get("text")
    if not isinstance(text, str):
        raise BadRequest("text_missing", 'Send the message as a string in "text".')
    text = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if not text.strip():
        raise BadRequest("text_empty", "The message is empty. Write something and send it again.")
    if len(text) > MAX_MESSAGE:
        raise BadRequest(
            "text_too_long",
            f"The message has {len(text):,} characters; {MAX_MESSAGE:,} is the most. Shorten or split it.",
            413,
        )
    return text


def event_id(idempotency_key: str | None) -> str:
    """Return the event id for a request: one made from its Idempotency-Key, so that a repeat is known, or a new one."""
    if not idempotency_key:
        return new_id("i")
    return hashlib.sha256(idempotency_key.encode("utf-8", "surrogateescape")).hexdigest()


def parse_message(session: str, text: str, idempotency_key: str | None) -> InboundMessage:
    """Return a customer's message to the chat session `session`."""
    return InboundMessage(
        key=session_key(session),
        event_id=f"{session}:{event_id(idempotency_key)}",
        customer=f"web:{session}",
        text=text,
        raw={"text": text},
    )


def parse_action(case: CaseId, data: dict[str, Any], operator: Operator, idempotency_key: str | None) -> DeskEvent:
    """Return an operator's action on a case. Raises `BadRequest`."""
    try:
        action = DeskAction(str(data.get("action")))
    except ValueError:
        known = ", ".join(DeskAction)
        raise BadRequest("unknown_action", f'"action" must be one of: {known}.') from None
    text = data.get("text", "")
    if not isinstance(text, str):
        raise BadRequest("text_missing", '"text" must be a string.')
    if len(text) > MAX_TEXT:
        raise BadRequest("text_too_long", f"{len(text):,} characters are too many: {MAX_TEXT:,} is the most.", 413)
    text = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    key = f"{operator.id}:{event_id(idempotency_key)}"
    return DeskEvent(case, key, operator.id, operator.name, action, text, raw=data)
