"""Events, results and citations as JSON and back, checked by their types."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from core.events import Received, RunResult, Suggestion
from core.messages import Citation

_events: TypeAdapter[Received] = TypeAdapter(Annotated[Received, Field(discriminator="kind")])
_results = TypeAdapter(RunResult)
_suggestions = TypeAdapter(Suggestion)
_citations = TypeAdapter(tuple[Citation, ...])


def dump_event(event: Received) -> Any:
    """Return `event` as JSON values."""
    return _events.dump_python(event, mode="json")


def load_event(data: Any) -> Received:
    """Return the event that `dump_event` wrote."""
    return _events.validate_python(data)


def dump_result(result: RunResult) -> Any:
    """Return `result` as JSON values; a proposed change is kept as a row of its own, for as long as it is open."""
    return _results.dump_python(result, mode="json", exclude={"proposal"})


def load_result(data: Any) -> RunResult:
    """Return the result that `dump_result` wrote."""
    return _results.validate_python(data)


def dump_suggestion(suggestion: Suggestion) -> Any:
    """Return `suggestion` as JSON values."""
    return _suggestions.dump_python(suggestion, mode="json")


def load_suggestion(data: Any) -> Suggestion:
    """Return the suggestion that `dump_suggestion` wrote."""
    return _suggestions.validate_python(data)


def dump_citations(citations: tuple[Citation, ...]) -> Any:
    """Return `citations` as JSON values."""
    return _citations.dump_python(citations, mode="json")


def load_citations(data: Any) -> tuple[Citation, ...]:
    """Return the citations that `dump_citations` wrote."""
    return _citations.validate_python(data)
