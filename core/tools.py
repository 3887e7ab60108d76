"""What an author of tools imports: a function of the owner's, with typed arguments, that the agent may call.

    from typing import Annotated
    from core.tools import Caller, ToolError, tool

    @tool(changes=True, sentence="Change the delivery address of order {order} to {address}")
    async def change_address(
        caller: Caller,
        order: Annotated[str, "The order's number"],
        address: Annotated[str, "The whole new address"],
    ) -> str:
        '''Change where an order is delivered, as long as it has not left the warehouse.'''

The entry point group `threadline.tools` names such tools; docs/tools.md gets one written. Nothing here knows a model:
`core.agent.toolbox` offers the tools to it, `core.tools_testing` holds what a tool has to keep.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin, get_type_hints, overload

from core.errors import SetupError, ThreadlineError
from core.ids import ThreadId

GROUP = "threadline.tools"
SECONDS = 10.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a tool is called.

    `customer` is who they are, as their channel vouches for it ('email:kim@example.com', 'slack:T1/U1', or what your
    own site signed): look up what is theirs by it, never by what a model says. `email` is an address of theirs that
    somebody vouches for, '' if none is known. `verified` is False only where the tool is for anyone.
    `idempotency_key` is the same when the same change is tried again: pass it on.
    """

    customer: str
    name: str
    channel: str
    verified: bool
    thread: ThreadId
    idempotency_key: str
    email: str = ""


class ToolError(ThreadlineError):
    """The tool can't do what was asked; the sentence says why, and is told to the model that talks to the customer."""


class Secret:
    """Marks a parameter that no log, trace or card may show: `Annotated[str, "The PIN", Secret]`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a tool: `type` is its whole annotation, `default` is `Parameter.empty` if there is none."""

    name: str
    about: str
    type: Any
    default: Any
    secret: bool = False

    empty = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Tool:
    """A function of the owner's that the agent may call. Raises `SetupError` for one that can't be offered.

    `changes`: it changes something, so the customer is shown `sentence` first, with the arguments put into its braces,
    and says yes. One sentence is for every language; a mapping has one for each ISO 639-1 code. It names every argument
    but the secret ones. `seconds` is how long a call may take. `for_anyone`: offered also where nobody vouches for
    who the customer is.
    """

    function: Callable[..., Any]
    changes: bool = False
    sentence: str | Mapping[str, str] = ""
    seconds: float = SECONDS
    for_anyone: bool = False
    name: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "name", self.name or getattr(self.function, "__name__", ""))
        put(self, "description", self.description or inspect.getdoc(self.function) or "")
        if not _NAME.fullmatch(self.name):
            raise SetupError(f"tool {self.name!r}: a name consists of small letters, digits and underscores")
        put(self, "parameters", self._read())
        self._check()

    def _read(self) -> tuple[Parameter, ...]:
        signature = inspect.signature(self.function)
        try:
            hints = get_type_hints(self.function, include_extras=True)
        except (NameError, TypeError) as error:
            raise self._wrong(f"its annotations can't be read: {error}") from None
        parameters = list(signature.parameters.values())
        if not parameters or hints.get(parameters[0].name) is not Caller:
            raise self._wrong("its first parameter must be `caller: Caller`")
        return tuple(self._parameter(one, hints.get(one.name)) for one in parameters[1:])

    def _parameter(self, one: inspect.Parameter, hint: Any) -> Parameter:
        if one.kind in {one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY}:
            raise self._wrong(f"`{one.name}`: every parameter needs a name of its own")
        extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        about = [extra for extra in extras if isinstance(extra, str)]
        if not about:
            raise self._wrong(f"`{one.name}` must say its type and what it is: Annotated[str, 'The order number']")
        secret = any(extra is Secret or isinstance(extra, Secret) for extra in extras)
        return Parameter(one.name, about[0], hint, one.default, secret)

    def _check(self) -> None:
        if not self.description.strip():
            raise self._wrong("it has no docstring, and the model chooses by that")
        if self.seconds <= 0:
            raise self._wrong("its time limit must be more than 0 seconds")
        if self.changes != bool(self.sentence):
            needs = "one that changes something needs" if self.changes else "one that changes nothing has no"
            raise self._wrong(f"{needs} a `sentence` for the customer to confirm")
        told = {one.name for one in self.parameters if not one.secret}
        for sentence in self._sentences():
            if self.changes and set(_PLACE.findall(sentence)) != told:
                named = ", ".join(sorted(told))
                raise self._wrong(f"its sentence must name every argument but the secret ones: {named}")

    def _wrong(self, what: str) -> SetupError:
        return SetupError(f"tool {self.name}: {what}")

    def _sentences(self) -> list[str]:
        return [self.sentence] if isinstance(self.sentence, str) else list(self.sentence.values())

    def ask(self, arguments: Mapping[str, Any], language: str) -> str:
        """Return the sentence that the customer confirms, in their language where there is one."""
        sentence = self.sentence
        if not isinstance(sentence, str):
            sentence = sentence.get(language) or sentence.get("en") or next(iter(sentence.values()))
        return fill(sentence, arguments)


def fill(sentence: str, arguments: Mapping[str, Any]) -> str:
    """Return `sentence` with the arguments in its braces, each on one line; one that is empty is a dash."""
    return _PLACE.sub(lambda place: plain(arguments.get(place[1])), sentence)


def plain(value: Any) -> str:
    """Return an argument as people read it."""
    match value:
        case None | "" | []:
            return "–"
        case bool():
            return "✓" if value else "✗"
        case list() | tuple():
            return ", ".join(map(plain, value))
        case dict():
            return ", ".join(f"{key}: {plain(one)}" for key, one in value.items())
        case _:
            return " ".join(str(value).split())


@overload
def tool(function: Callable[..., Any]) -> Tool: ...


@overload
def tool(
    *,
    changes: bool = False,
    sentence: str | Mapping[str, str] = "",
    seconds: float = SECONDS,
    for_anyone: bool = False,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    *,
    changes: bool = False,
    sentence: str | Mapping[str, str] = "",
    seconds: float = SECONDS,
    for_anyone: bool = False,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a `Tool` of a function, with or without settings; they are those of `Tool`."""

    def make(function: Callable[..., Any]) -> Tool:
        return Tool(function, changes=changes, sentence=sentence, seconds=seconds, for_anyone=for_anyone)

    return make if function is None else make(function)
