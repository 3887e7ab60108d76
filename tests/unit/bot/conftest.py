"""Settings come from a clean environment, and logging goes back to what it was."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.settings import Settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HOME of the test's own; no setting of this machine is read."""
    for name in Settings.model_fields:
        for spelled in [variable for variable in os.environ if variable.lower() == name]:
            monkeypatch.delenv(spelled)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREADLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command sends the log to its standard error, which a test closes."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
