"""Messages, threads and cases as the JSON of the chat and desk API. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from core.actions import Call
from core.articles import MOST_MISSING, WEEK_DAYS, ArticleGroup
from core.case import Case, Earlier
from core.delivery import Delivery, DeliveryState
from core.desk import DraftFate, allowed, allowed_on
from core.events import HandoffReason, OperatorDid
from core.figures import Figures, Waiting
from core.gaps import Gap
from core.hours import Hours
from core.ids import MessageId, OperatorId
from core.memory import Fact
from core.messages import Author, DeskAction, File, Message, Rating, Resolution
from core.policy import Policy
from core.shadow import Agreement
from core.thread import OwnerKind, Thread

Names = Mapping[OperatorId, str]
_FARTHEST = 100 * 86_400.0  # seconds; a desk closed for longer has no time to name


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
        "files": [_file(file) for file in said.files],
        "at": at(said.at),
        "changed": {"at": at(said.changed_at)} if said.original is not None and said.changed_at else None,
        "withdrawn": said.withdrawn,
        "rating": _rating(said.rating) if not said.survey else None,
        "survey": {"case_id": said.survey, "answered": said.rating is not None} if said.survey else None,
    }


def _file(file: File) -> dict[str, Any]:
    return {"id": file.id, "name": file.name, "type": file.type, "size": file.size}


def file_text(file: File, text: str) -> dict[str, Any]:
    """Return what a customer's file says."""
    return {**_file(file), "text": text, "note": file.note}


def _rating(rating: Rating | None) -> dict[str, Any] | None:
    return {"score": rating.score, "reason": rating.reason} if rating else None


def status(thread: Thread | None, names: Names, policy: Policy) -> dict[str, Any]:
    """Return who speaks to the customer now, and whether the bot is writing something that they will read."""
    if thread is None:
        return {"owner": OwnerKind.BOT.value, "operator": None, "typing": False}
    return {
        "owner": thread.owner.kind.value,
        "operator": names.get(thread.owner.operator) if thread.owner.operator else None,
        "typing": thread.run is not None and not policy.shadow,
    }


def case_line(case: Case, names: Names, now: float, policy: Policy) -> dict[str, Any]:
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
        "overdue": case.overdue(now, policy),
        "due_at": at(due) if (due := due_at(case, policy)) else None,
        "reminders": case.reminders,
        "desk": case.desk,
        "desk_error": case.desk_error,
        "verified": case.thread.verified,
        "trust": case.thread.trust,
        "email": case.thread.email,
        "subject": case.thread.subject,
        "language": case.thread.language,
        "times_reopened": case.times_reopened,
        "last_text": case.last.text[:200] if case.last else "",
    }


def due_at(case: Case, policy: Policy) -> float | None:
    """Return when an open case becomes, or became, overdue; None when nothing is waited for, or not for so long."""
    unclaimed = case.thread.owner.kind is OwnerKind.DESK
    since = case.unclaimed_since if unclaimed else case.waiting_since
    patience = policy.unclaimed if unclaimed else policy.unanswered
    return _over(policy.hours, since, patience) if case.is_open and since is not None and patience else None


@lru_cache(maxsize=4096)
def _over(hours: Hours, since: float, patience: float) -> float | None:
    """Return when `patience` seconds of opening time are over, to the second; None when not within `_FARTHEST`."""
    least, most = 0.0, patience
    while hours.open_seconds(since, since + most) < patience:
        least, most = most, 2 * most
        if least > _FARTHEST:
            return None
    while most - least > 1 and not hours.always:
        middle = (least + most) / 2
        least, most = (middle, most) if hours.open_seconds(since, since + middle) < patience else (least, middle)
    return since + most


def customer_name(thread: Thread) -> str:
    """Return what operators call the customer."""
    return thread.customer_name or f"Customer {thread.key.conversation[-4:]}"


def case_detail(
    case: Case,
    said: Sequence[Message],
    outcomes: Mapping[MessageId, Sequence[Delivery]],
    names: Names,
    operator: OperatorId,
    now: float,
    policy: Policy,
) -> dict[str, Any]:
    """Return a case as an operator opens it: transcript, what the bot had found, and what they may do."""
    result = case.result
    actions = allowed(case.thread.owner, is_open=case.is_open, operator=operator)
    return {
        **case_line(case, names, now, policy),
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
        "messages": [_desk_message(m, outcomes.get(m.id, ()), actions, operator) for m in said],
        "actions": [action.value for action in actions],
        "suggestion": _suggestion(case),
        "survey": _rating(case.survey),
        "resolutions": [{"id": one.value, "title": one.words} for one in Resolution],
    }


def fact(known: Fact) -> dict[str, Any]:
    """Return something that is known about a customer."""
    return {"id": known.id, "text": known.text, "at": at(known.at), "thread": known.thread, "channel": known.channel}


def _suggestion(case: Case) -> dict[str, Any] | None:
    if case.suggestion is None and not case.drafting:
        return None
    return {
        "text": case.suggestion.text if case.suggestion else "",
        "citations": [asdict(citation) for citation in case.suggestion.citations] if case.suggestion else [],
        "writing": case.drafting,
        "fate": case.suggestion_fate or "",
    }


_WORST = (
    DeliveryState.FAILED,
    DeliveryState.REFUSED,
    DeliveryState.BOUNCED,
    DeliveryState.UNKNOWN,
    DeliveryState.PARTIAL,
    DeliveryState.WAITING,
    DeliveryState.SUPERSEDED,
    DeliveryState.DELIVERED,
)


def _desk_message(
    said: Message, fates: Sequence[Delivery], actions: tuple[DeskAction, ...], operator: OperatorId
) -> dict[str, Any]:
    """Return a message with what became of each of its parts; the message stands for its worst part."""
    sent = said.author not in {Author.CUSTOMER, Author.NOTE}
    worst = min(fates, key=lambda fate: _WORST.index(fate.state), default=None) if sent else None
    of_file = {fate.file: fate for fate in fates if fate.file}
    return {
        **message(said),
        "operator": said.operator,
        "full": said.full,
        "changed": {"at": at(said.changed_at), "original": said.original}
        if said.original is not None and said.changed_at
        else None,
        "survey": said.survey is not None,
        "rating": _rating(said.rating),
        "delivery": worst.state.value if worst else None,
        "delivery_error": worst.error if worst else "",
        "files": [
            {
                **_file(file),
                "reading": {"outcome": file.outcome.value, "note": file.note} if file.outcome else None,
                "delivery": of_file[file.id].state.value if file.id in of_file and sent else None,
                "error": of_file[file.id].error if file.id in of_file else "",
            }
            for file in said.files
        ],
        "actions": [action.value for action in allowed_on(said, worst.state if worst else None, actions, operator)],
    }


def call(one: Call) -> dict[str, Any]:
    """Return a call of one of the owner's tools."""
    return {
        "at": at(one.at),
        "tool": one.tool,
        "arguments": dict(one.shown),
        "state": one.state.value,
        "sentence": one.sentence,
        "result": one.result[:1000],
        "ms": one.took,
        "tries": one.tries,
    }


def earlier(other: Earlier) -> dict[str, Any]:
    """Return another conversation of the same customer."""
    return {
        "thread_id": other.thread,
        "channel": other.channel,
        "last_at": at(other.last_at),
        "last_text": other.last_text[:200],
        "messages": other.messages,
        "cases": [{"id": id_, "number": number, "outcome": outcome} for id_, number, outcome in other.cases],
    }


def action(when: float, did: OperatorDid, refused: str) -> dict[str, Any]:
    """Return one line of what operators did; the words themselves stand in the transcript."""
    detail = {
        DeskAction.ASSIGN: f"to {did.to_name}",
        DeskAction.RESOLVE: did.outcome.words,
    }.get(did.action, "")
    return {
        "at": at(when),
        "case_id": did.case,
        "operator": did.name,
        "action": did.action.value,
        "detail": f"refused: {refused}" if refused else detail,
    }


def gap(one: Gap) -> dict[str, Any]:
    """Return a question that the knowledge base did not carry, with the newest times it was asked."""
    return {
        "question": one.question,
        "times": one.times,
        "customers": one.customers,
        "nearest": one.nearest or None,
        "asked": [
            {
                "at": at(asked.at),
                "thread_id": asked.thread,
                "channel": asked.channel,
                "outcome": asked.outcome.value,
                "case": {"id": asked.case, "number": asked.number} if asked.case else None,
            }
            for asked in one.asked
        ],
    }


def article_group(group: ArticleGroup) -> dict[str, Any]:
    """Return suggested articles that are alike: the words to begin with, and each one with its case."""
    return {
        "title": group.title,
        "question": group.question,
        "answer": group.answer,
        "suggestions": [
            {
                "id": one.id,
                "question": one.question,
                "answer": one.answer,
                "case": {"id": one.case, "number": one.number},
                "by": one.by,
                "at": at(one.at),
            }
            for one in group.suggestions
        ],
    }


def week(missing: Sequence[Gap], waiting: int) -> dict[str, Any]:
    """Return the week's report: the articles that are missing, and how many suggested ones wait."""
    return {
        "days": WEEK_DAYS,
        "questions": len(missing),
        "missing": [gap(one) for one in missing[:MOST_MISSING]],
        "articles_waiting": waiting,
    }


def agreed(one: Agreement) -> dict[str, Any]:
    """Return how often what the bot would say about a subject was sent."""
    counts = {"used": one.used, "edited": one.edited, "ignored": one.ignored}
    return {"subject": one.subject, "drafts": one.drafts, **counts, "share": round(one.share, 3)}


def figures(day: Figures, waiting: Waiting, now: float, agreement: Sequence[Agreement] = ()) -> dict[str, Any]:
    """Return the digest: what happened in the 24 hours before `now`, how the desk stands, and `agreement` of late."""
    return {
        "day": at(now)[:10],
        "opened": day.opened,
        "resolved": day.resolved,
        "handed_back": day.handed_back,
        "open": waiting.open,
        "unclaimed": waiting.unclaimed,
        "overdue": waiting.overdue,
        "longest_wait_seconds": waiting.longest,
        "first_answer_median_seconds": day.first_answer,
        "survey": {"answers": day.surveys, "average": day.survey_average},
        "suggestions": {fate.value: day.drafts[fate.value] for fate in DraftFate},
        "agreement": [agreed(one) for one in agreement],
        "reasons": [
            {"reason": HandoffReason(reason).sentence, "count": count} for reason, count in day.reasons.most_common()
        ],
    }
