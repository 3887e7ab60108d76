"""Events, results and citations as JSON and back, checked by their types."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from core.events import CustomerSaid, OperatorDid, RunResult
from core.messages import Citation

_events: TypeAdapter[CustomerSaid | OperatorDid] = TypeAdapter(
    Annotated[CustomerSaid | OperatorDid, Field(discriminator="kind")]
)
_results = TypeAdapter(RunResult)
_citations = TypeAdapter(tuple[Citation, ...])


def dump_event(event: CustomerSaid | OperatorDid) -> Any:
    """Return `event` as JSON values."""
    return _events.dump_python(event, mode="json")


def load_event(data: Any) -> CustomerSaid | OperatorDid:
    """Return the event that `dump_event` wrote."""
    return _events.validate_python(data)


def dump_result(result: RunResult) -> Any:
    """Return `result` as JSON values."""
    return _results.dump_python(result, mode="json")


def load_result(data: Any) -> RunResult:
    """Return the result that `dump_result` wrote."""
    return _results.validate_python(data)


def dump_citations(citations: tuple[Citation, ...]) -> Any:
    """Return `citations` as JSON values."""
    return _citations.dump_python(citations, mode="json")


def load_citations(data: Any) -> tuple[Citation, ...]:
    """Return the citations that `dump_citations` wrote."""
    return _citations.validate_python(data)
