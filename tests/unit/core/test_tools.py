"""core.tools and core.agent.owned: what makes a tool, and calls that hang, raise, or return too much."""

import asyncio
import threading
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

import pytest

from core.actions import ActionState
from core.agent import owned
from core.agent.owned import Ended, carry_out, from_tool, told
from core.agent.toolbox import Toolbox
from core.errors import SetupError
from core.thread import Thread
from core.tools import Caller, Secret, Tool, ToolError, tool
from core.tools_testing import KIM
from tests.unit.core.states import IDLE

Words = Annotated[str, "Some words"]


def made(function: Callable[..., Any], **settings: Any) -> Tool:
    """Return a tool of `function`."""
    return Tool(function, **settings)


def no_caller(order: Words) -> None:
    """Look something up."""


def untyped(caller: Caller, order) -> None:  # type: ignore[no-untyped-def]
    """Look something up."""


def unexplained(caller: Caller, order: str) -> None:
    """Look something up."""


def undocumented(caller: Caller, order: Words) -> None: ...


def many(caller: Caller, *orders: Words) -> None:
    """Look something up."""


def fine(caller: Caller, order: Words, pin: Annotated[str, "A PIN", Secret] = "") -> str:
    """Look something up."""
    return order


@pytest.mark.parametrize(
    ("function", "settings", "sentence"),
    [
        (no_caller, {}, "its first parameter must be `caller: Caller`"),
        (untyped, {}, "`order` must say its type and what it is"),
        (unexplained, {}, "`order` must say its type and what it is"),
        (undocumented, {}, "it has no docstring"),
        (many, {}, "`orders`: every parameter needs a name of its own"),
        (fine, {"changes": True}, "needs a `sentence`"),
        (fine, {"sentence": "Do {order}"}, "has no a `sentence`"),
        (fine, {"changes": True, "sentence": "Do it"}, "must name every argument but the secret ones: order"),
        (fine, {"changes": True, "sentence": "Do {order} with {pin}"}, "must name every argument but the secret ones"),
        (fine, {"changes": True, "sentence": {"en": "Do {order}", "de": "Tu"}}, "must name every argument"),
        (fine, {"seconds": 0}, "more than 0 seconds"),
        (fine, {"name": "Look Up"}, "small letters"),
    ],
)
def test_a_tool_that_can_not_be_offered_says_why_at_once(
    function: Callable[..., Any], settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence.replace("(", r"\(")):
        made(function, **settings)


def test_a_type_that_no_model_can_send_is_refused() -> None:
    def odd(caller: Caller, lock: Annotated[threading.Thread, "A thread"]) -> None:
        """Take something that is no JSON."""

    with pytest.raises(SetupError, match="tool odd: its arguments can't be described"):
        from_tool(made(odd))


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(SetupError, match="two tools called fine"):
        Toolbox((from_tool(made(fine)), from_tool(made(fine))))


@pytest.mark.parametrize(
    ("thread", "for_anyone", "offered"),
    [(IDLE, False, []), (IDLE, True, ["fine"])],
)
def test_only_the_verified_are_offered_account_tools(thread: Thread, for_anyone: bool, offered: list[str]) -> None:
    box = Toolbox((from_tool(made(fine, for_anyone=for_anyone)),))
    assert [one.name for one in box.offered(thread, changing=True)] == offered


async def test_arguments_arrive_as_their_types_and_are_kept_as_json() -> None:
    heard: list[date] = []

    @tool
    async def book(caller: Caller, day: Annotated[date, "The day"]) -> str:
        """Book a day in the workshop."""
        heard.append(day)
        return "booked"

    made_of = from_tool(book)
    arguments = made_of.check({"day": "2027-01-02"})
    assert arguments == {"day": "2027-01-02"}
    assert (await carry_out(made_of, KIM, arguments)).state is ActionState.DONE
    assert heard == [date(2027, 1, 2)]


async def ended(function: Callable[..., Any], **settings: Any) -> Ended:
    """Return what comes of a call of a tool without arguments."""
    return await carry_out(from_tool(made(function, **settings)), KIM, {})


async def test_a_plain_function_that_hangs_is_left_alone() -> None:
    over = threading.Event()

    def hangs(caller: Caller) -> None:
        """Wait for ever."""
        over.wait()

    found = await ended(hangs, seconds=0.05)
    over.set()
    assert (found.state, found.text) == (ActionState.UNKNOWN, owned.HUNG)


async def test_one_that_will_not_be_cancelled_is_left_alone() -> None:
    over = asyncio.Event()

    async def stubborn(caller: Caller) -> None:
        """Wait for ever, whatever one says."""
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    found = await ended(stubborn, seconds=0.05)
    over.set()
    assert (found.state, found.text) == (ActionState.UNKNOWN, owned.HUNG)


@pytest.mark.parametrize("error", [ValueError("secret"), SystemExit(1), KeyError("secret"), TimeoutError("secret")])
@pytest.mark.parametrize("plain", [True, False])
async def test_what_is_raised_is_told_to_nobody(error: BaseException, plain: bool) -> None:
    def raises(caller: Caller) -> None:
        """Raise something."""
        raise error

    async def raises_later(caller: Caller) -> None:
        """Raise something."""
        raise error

    found = await ended(raises if plain else raises_later)
    assert (found.state, found.text) == (ActionState.UNKNOWN, owned.FAILED)


async def test_an_authors_sentence_is_told() -> None:
    def refuses(caller: Caller) -> None:
        """Refuse."""
        raise ToolError("There is no such order.")

    found = await ended(refuses)
    assert (found.state, found.text) == (ActionState.FAILED, "There is no such order.")


@pytest.mark.parametrize(
    ("result", "state", "text"),
    [
        (None, ActionState.DONE, "Done."),
        ("Two", ActionState.DONE, "Two"),
        ({"day": date(2027, 1, 2)}, ActionState.DONE, '{"day": "2027-01-02"}'),
        ("x" * 10_000_000, ActionState.UNKNOWN, owned.TOO_BIG),
        ({("a", "key"): 1}, ActionState.UNKNOWN, owned.UNREADABLE),
    ],
)
async def test_results_are_read_as_data(result: object, state: ActionState, text: str) -> None:
    def returns(caller: Caller) -> object:
        """Return something."""
        return result

    found = await ended(returns)
    assert (found.state, found.text) == (state, text)


async def test_a_change_that_was_made_is_done_however_much_it_returns() -> None:
    def changes(caller: Caller) -> str:
        """Change something."""
        return "x" * 10_000_000

    found = await ended(changes, changes=True, sentence="Do it")
    assert (found.state, found.text) == (ActionState.DONE, owned.TOO_BIG)


def test_a_cut_result_says_how_much_is_missing() -> None:
    assert '"left_out": "2 more characters"' in told("look", Ended(ActionState.DONE, "x" * 8_002, 1))


def test_a_secret_is_never_shown() -> None:
    tool_ = from_tool(made(fine))
    assert tool_.shown({"order": "1", "pin": "7731"}) == {"order": "1", "pin": owned.HIDDEN}
