"""What a log's line says of customers."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.telemetry import Redactor, configure_logging
from core.redaction import Kind

CARD = "4111 1111 1111 1111"


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Leave structlog as it was."""
    yield
    structlog.reset_defaults()


def test_a_line_is_redacted_in_its_values_however_deep_and_in_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    configure_logging("info")
    log = structlog.get_logger()
    try:
        int(f"no such card {CARD}")
    except ValueError:
        log.exception("failed", said=[{"text": f"password: hunter2 {CARD}"}], run="r_0123456789abcdef", n=4711)
    logging.getLogger("library").warning("could not parse %s", "sk-abcdefghijklmnopqrstuvwx")
    err = capsys.readouterr().err
    line = json.loads(err.splitlines()[0])
    assert line["said"] == [{"text": "password: [password] [card]"}]
    assert (line["run"], line["n"]) == ("r_0123456789abcdef", 4711)
    assert "'no such card [card]'" in line["exception"]
    assert "could not parse [key]" in err
    for secret in ("hunter2", "4111", "sk-abc"):
        assert secret not in err


def test_the_owner_chooses_what_is_redacted() -> None:
    off, mail = Redactor(frozenset()), Redactor(frozenset({Kind.EMAILS}))
    event = {"event": "came", "sender": "kim@customers.example", "card": CARD, "number": 4111111111111111, "x": None}
    assert off(None, "info", event) == event
    assert mail(None, "info", event) == {**event, "sender": "[email]"}
    assert Redactor()(None, "info", event) == {**event, "card": "[card]", "number": "[card]"}
