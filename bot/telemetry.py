"""Logs as JSON lines (for people on a terminal: coloured), redacted, and the metrics of `/metrics`."""

import logging
import sys
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from core.redaction import NEVER_KEPT, Kind, blanked


class Redactor:
    """Takes out of a log's line what nobody needs there: as a processor of structlog, after tracebacks are text."""

    def __init__(self, kinds: frozenset[Kind] = NEVER_KEPT) -> None:
        self._kinds = kinds

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        """Return the event with '[card]' and the like in its values, however deep they are."""
        return {name: self.redacted(value) for name, value in event.items()}

    def redacted(self, value: Any) -> Any:
        """Return `value` with what is redacted in its texts replaced; what is no text is seen as it is printed."""
        match value:
            case str():
                return blanked(value, self._kinds)
            case bool() | None | float():
                return value
            case int():
                return value if blanked(str(value), self._kinds) == str(value) else blanked(str(value), self._kinds)
            case dict():
                return {self.redacted(name): self.redacted(one) for name, one in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.redacted(one) for one in value]
            case _:
                return blanked(repr(value), self._kinds)


class _RedactingFormatter(logging.Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return str(self._redactor.redacted(super().format(record)))


def configure_logging(level: str, redacted: frozenset[Kind] = NEVER_KEPT) -> None:
    """Send our log, and the libraries' warnings, to standard error, without what is of the kinds `redacted`.

    A traceback never shows the values of locals.
    """
    people = sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            Redactor(redacted),
            # rich's tracebacks show locals (a customer's words, a key) and hold up the event loop for seconds
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if people
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter(Redactor(redacted)))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class Metrics:
    """What Prometheus reads. One registry an application, so that tests don't share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.receipts = Counter("threadline_receipts", "Events decided", ["outcome"], registry=self.registry)
        self.runs = Counter("threadline_runs", "Agent runs ended", ["outcome"], registry=self.registry)
        self.deliveries = Counter("threadline_deliveries", "Parts finished", ["outcome"], registry=self.registry)
        self.run_seconds = Histogram("threadline_run_seconds", "Time of an agent run", registry=self.registry)
        self.extractions = Counter("threadline_files", "Customers' files read", ["outcome"], registry=self.registry)
        self.extraction_seconds = Histogram(
            "threadline_file_seconds", "Time of reading a customer's file", registry=self.registry
        )
        self.cases = Gauge("threadline_cases", "Open cases", ["state"], registry=self.registry)
        self.unreachable = Gauge(
            "threadline_cases_not_posted", "Open cases whose desk can't be reached", registry=self.registry
        )
        self.backlog = Gauge("threadline_backlog", "Rows that wait", ["table"], registry=self.registry)
        self.beat = Gauge(
            "threadline_worker_beat_seconds", "When the worker last looked", ["loop"], registry=self.registry
        )
