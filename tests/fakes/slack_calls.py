"""What the methods of the fake Slack's Web API have in common: where they register, and how they read arguments."""

from collections.abc import Callable
from typing import Any

from tests.fakes.slack_workspace import Refused, Workspace

JSON = dict[str, Any]
Method = Callable[[Workspace, JSON], JSON]

METHODS: dict[str, Method] = {}
SCOPES: dict[str, tuple[str, ...]] = {}
"""What a method needs; one of them is enough."""


def method(name: str, *scopes: str) -> Callable[[Method], Method]:
    """Make a function the method `name`, for tokens with one of `scopes` (none: for all)."""

    def register(function: Method) -> Method:
        METHODS[name], SCOPES[name] = function, scopes
        return function

    return register


def invalid(complaint: str) -> Refused:
    """Return the refusal of arguments, with Slack's way to say which."""
    return Refused("invalid_arguments", response_metadata={"messages": [f"[ERROR] {complaint}"]})


def needs(arguments: JSON, *names: str) -> None:
    """Check that these arguments were given. Raises `Refused`."""
    for name in names:
        if arguments.get(name) in (None, ""):
            raise invalid(f"missing required field: {name}")


def flag(value: Any, *, usual: bool = False) -> bool:
    """Read a truth value, as JSON or as a form has it."""
    return usual if value is None else value in (True, "1", "true", 1)
