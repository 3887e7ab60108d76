"""The errors Threadline raises on purpose. Each carries the sentence its reader may see.

ThreadlineError
├── TemporaryError      try again later; `retry_after` in seconds
├── PermanentError      trying again won't help
├── Superseded          this work was computed under an old epoch, run or lease: drop it
├── Refused             an operator's action that the case does not allow
└── SetupError          the installation needs a hand; the sentence names the fix
"""


class ThreadlineError(Exception):
    """The root of the tree."""


class TemporaryError(ThreadlineError):
    """Something is away for a while."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(ThreadlineError):
    """Something will never work in this form."""


class Superseded(ThreadlineError):  # noqa: N818 (an outcome, not a fault)
    """The work no longer counts: its lease is lost, its epoch is old, or a newer message came."""


class Refused(ThreadlineError):  # noqa: N818 (an answer to an operator, not a fault)
    """The case does not allow this action now; the sentence says why and what would."""


class SetupError(ThreadlineError):
    """The installation can't go on as it is; the sentence names the fix."""
