"""HTTP bodies of the chat and the desk, read into messages and desk events. Pure."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from core.articles import MAX_ANSWER, MAX_QUESTION, MAX_TITLE, ArticleText
from core.chat import Session
from core.desk import MAX_TEXT, Operator
from core.ids import ArticleId, CaseId, FileId, MessageId, OperatorId, ThreadKey, new_id
from core.messages import DeskAction, DeskEvent, InboundChange, InboundMessage, InboundRating, Resolution

MAX_REASON = 2_000
MAX_MESSAGE = 8_000  # characters; the chat page counts down to the same number
MOST_IDS = 200


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


def _storable(text: str) -> str:
    """Return `text` without what no database stores."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def read_text(data: dict[str, Any], *, may_be_empty: bool = False) -> str:
    """Return the customer's text in `data`; with files it may be empty. Raises `BadRequest`."""
    text = data.get("text", "" if may_be_empty else None)
    if not isinstance(text, str):
        raise BadRequest("text_missing", 'Send the message as a string in "text".')
    text = _storable(text)
    if not text.strip() and not may_be_empty:
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


def parse_message(
    session: Session, text: str, idempotency_key: str | None, files: tuple[FileId, ...] = ()
) -> InboundMessage:
    """Return a customer's message to the chat session `session`."""
    return InboundMessage(
        key=session_key(session.id),
        event_id=f"{session.id}:{event_id(idempotency_key)}",
        customer=session.customer,
        text=text,
        name=session.name,
        verified=session.verified,
        email=session.email,
        files=files,
        raw={"text": text},
    )


def parse_change(session: str, message: str, text: str | None) -> InboundChange:
    """Return a customer's edit (`text`) or withdrawal (None) of an own message."""
    return InboundChange(session_key(session), f"{session}:{new_id('i')}", message, text)


def parse_feedback(session: str, message: MessageId, data: dict[str, Any]) -> InboundRating:
    """Return what a customer thought of a message: a thumb and perhaps a reason. Raises `BadRequest`."""
    score = _score(data, {1, -1}, '"score" is 1 (helpful) or -1 (not helpful).')
    return InboundRating(session_key(session), f"{session}:{new_id('i')}", score, _reason(data), message=message)


def parse_survey(session: str, data: dict[str, Any]) -> InboundRating:
    """Return a customer's answer to the survey after a case. Raises `BadRequest`."""
    score = _score(data, set(range(1, 6)), '"score" lies between 1 (very poor) and 5 (very good).')
    case = CaseId(_string(data, "case_id"))
    return InboundRating(session_key(session), f"{session}:{new_id('i')}", score, _reason(data), case=case)


def _score(data: dict[str, Any], good: set[int], sentence: str) -> int:
    score = data.get("score")
    if not isinstance(score, int) or isinstance(score, bool) or score not in good:
        raise BadRequest("bad_score", sentence)
    return score


def _reason(data: dict[str, Any]) -> str:
    reason = data.get("reason") or ""
    if not isinstance(reason, str) or len(reason) > MAX_REASON:
        raise BadRequest("bad_reason", f'"reason" is a string of up to {MAX_REASON:,} characters.')
    return _storable(reason)


def _string(data: dict[str, Any], name: str) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str) or len(value) > 60:
        raise BadRequest(f"bad_{name}", f'"{name}" is an id, as a string.')
    return value


def parse_action(
    case: CaseId,
    data: dict[str, Any],
    operator: Operator,
    idempotency_key: str | None,
    files: tuple[FileId, ...] = (),
) -> DeskEvent:
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
    to, message = _string(data, "to"), _string(data, "message")
    return DeskEvent(
        case,
        f"{operator.id}:{event_id(idempotency_key)}",
        operator.id,
        operator.name,
        action,
        _storable(text),
        to=OperatorId(to) if to else None,
        outcome=_outcome(data),
        message=MessageId(message) if message else None,
        files=files,
        raw=data,
    )


@dataclass(frozen=True, slots=True)
class ArticleDecision:
    """What an operator decided on the suggestions `ids`: an article with these words, or none."""

    ids: tuple[ArticleId, ...]
    text: ArticleText | None


def parse_article(data: dict[str, Any]) -> ArticleDecision:
    """Return what an operator decided on suggested articles. Raises `BadRequest`."""
    action, ids = data.get("action"), data.get("ids")
    if action not in {"approve", "drop"}:
        raise BadRequest("unknown_action", '"action" must be approve or drop.')
    if not isinstance(ids, list) or not 0 < len(ids) <= MOST_IDS or not all(_is_id(one) for one in ids):
        raise BadRequest("bad_ids", f'"ids" lists the suggestions, {MOST_IDS} at most.')
    unique = tuple(ArticleId(one) for one in dict.fromkeys(ids))
    if action == "drop":
        return ArticleDecision(unique, None)
    words = (
        _words(data, "title", MAX_TITLE),
        _words(data, "question", MAX_QUESTION, may_be_empty=True),
        _words(data, "answer", MAX_ANSWER),
    )
    return ArticleDecision(unique, ArticleText(*words))


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 60


def _words(data: dict[str, Any], name: str, most: int, *, may_be_empty: bool = False) -> str:
    text = data.get(name, "")
    if not isinstance(text, str):
        raise BadRequest(f"bad_{name}", f'"{name}" must be a string.')
    text = _storable(text).strip()
    if not text and not may_be_empty:
        raise BadRequest(f"{name}_empty", f"An article needs its {name}.")
    if len(text) > most:
        raise BadRequest(f"{name}_too_long", f"The {name} has {len(text):,} characters; {most:,} is the most.", 413)
    return text


def _outcome(data: dict[str, Any]) -> Resolution:
    try:
        return Resolution(str(data.get("outcome") or Resolution.SOLVED))
    except ValueError:
        raise BadRequest("unknown_outcome", f'"outcome" must be one of: {", ".join(Resolution)}.') from None
