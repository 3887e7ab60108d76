"""Logs as JSON lines (for people on a terminal: coloured), and the metrics of `/metrics`."""

import logging
import sys
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


def configure_logging(level: str) -> None:
    """Send our log, and the libraries' warnings, to standard error. A traceback never shows the values of locals."""
    people = sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            *([] if people else [structlog.processors.format_exc_info]),
            # rich's tracebacks show locals (a customer's words, a key) and hold up the event loop for seconds
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if people
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


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
