"""Messages, threads and cases as the JSON of the chat and desk API. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from core.case import Case
from core.delivery import DeliveryState
from core.desk import allowed
from core.ids import MessageId, OperatorId
from core.messages import Author, Message
from core.thread import OwnerKind, Thread

Names = Mapping[OperatorId, str]


def at(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message(said: Message) -> dict[str, Any]:
    """Return a message as the chat API gives it."""
    return {
        "id": said.id,
        "author": said.author.value,
        "name": said.name or None,
        "text": said.text,
        "citations": [asdict(citation) for citation in said.citations],
        "files": [],
        "at": at(said.at),
    }


def status(thread: Thread | None, names: Names) -> dict[str, Any]:
    """Return who speaks to the customer now, and whether the bot is at work."""
    if thread is None:
        return {"owner": OwnerKind.BOT.value, "operator": None, "typing": False}
    return {
        "owner": thread.owner.kind.value,
        "operator": names.get(thread.owner.operator) if thread.owner.operator else None,
        "typing": thread.run is not None,
    }


def case_line(case: Case, names: Names) -> dict[str, Any]:
    """Return a case as the list of cases gives it."""
    owner = case.thread.owner
    return {
        "id": case.id,
        "number": case.number,
        "state": "open" if case.is_open else "resolved",
        "outcome": case.outcome or None,
        "closed_by": case.closed_by or None,
        "owner": str(owner),
        "owner_name": names.get(owner.operator) if owner.operator else None,
        "reason": case.reason.value,
        "reason_text": case.reason.sentence,
        "summary": case.summary,
        "channel": case.thread.key.channel,
        "customer": customer_name(case.thread),
        "opened_at": at(case.opened_at),
        "updated_at": at(case.updated_at),
        "waiting_since": at(case.waiting_since) if case.waiting_since else None,
        "last_text": case.last.text[:200] if case.last else "",
    }


def customer_name(thread: Thread) -> str:
    """Return what operators call a customer who gave no name."""
    return f"Customer {thread.key.conversation[-4:]}"


def case_detail(
    case: Case,
    said: Sequence[Message],
    outcomes: Mapping[MessageId, DeliveryState],
    names: Names,
    operator: OperatorId,
) -> dict[str, Any]:
    """Return a case as an operator opens it: transcript, what the bot had found, and what they may do."""
    result = case.result
    return {
        **case_line(case, names),
        "question": result.question,
        "detail": result.detail,
        "confidence": round(result.grounding.confidence, 3),
        "trace": [asdict(step) for step in result.trace],
        "passages": [
            {
                "index": index,
                "title": passage.title,
                "heading": passage.heading,
                "source": passage.source,
                "text": passage.text,
                "score": round(passage.score, 3),
            }
            for index, passage in enumerate(result.grounding.passages, 1)
        ],
        "messages": [_desk_message(m, outcomes.get(m.id)) for m in said],
        "actions": [a.value for a in allowed(case.thread.owner, is_open=case.is_open, operator=operator)],
    }


def _desk_message(said: Message, outcome: DeliveryState | None) -> dict[str, Any]:
    sent = said.author not in {Author.CUSTOMER, Author.NOTE}
    return {**message(said), "delivery": outcome.value if outcome and sent else None}
