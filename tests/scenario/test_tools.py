"""The owner's tools over web chat and mail: what a customer gets done, and everything that must not happen.

A shop's order service and the tools of tests/tools stand for an owner's; the language model is scripted at the wire.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from channels.web.parse import session_key
from core import wording
from core.actions import ActionState, Call
from core.agent.owned import MOST_TOLD
from core.ids import new_id
from core.wording import Line
from tests.fakes.openai_server import FakeOpenAI, call, error, hang, say, together
from tests.scenario.conftest import Start
from tests.scenario.mailing import Clock
from tests.support import Chat, Client, Operator
from tests.tools.service import Order, OrderService
from tests.tools.shop import SERVICE, installed

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "a-secret-of-the-owners-site-0123456789"
ELM, OAK = "12 Elm Street, 10115 Berlin", "4 Oak Road, 20095 Hamburg"
ASK = "Where is my order 1042?"
MOVE = f"Please send order 1042 to {ELM} instead"
SENTENCE = f"Change the delivery address of order 1042 to {ELM}"
QUESTION = wording.text(Line.CONFIRM, "en", what=SENTENCE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[OrderService]:
    """The shop's service."""
    async with OrderService() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[FakeOpenAI]:
    """A language model."""
    async with FakeOpenAI(without_tools=say("SUMMARY: An order.\nREPLY: Hello!")) as listening:
        yield listening


@pytest.fixture(scope="module")
def clock() -> Clock:
    """The program's clock, which can be moved on."""
    return Clock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    service: OrderService,
    server: FakeOpenAI,
    program: Start,
    clock: Clock,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Client]:
    """The whole program with the shop's tools switched on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SERVICE, service.url)
        patch.syspath_prepend(installed(tmp_path_factory.mktemp("installed")))
        settings = {"openai_base_url": server.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
        async with program(
            clock=clock, **settings, widget_secret=SECRET, tools=["shop"], model_pause_seconds=0
        ) as running:
            yield running


@pytest.fixture
def model(server: FakeOpenAI) -> Iterator[FakeOpenAI]:
    """The model, which has heard nothing yet and does as the test scripts it."""
    server.requests.clear()
    yield server
    unused = server.left
    server.steps.clear()
    server.otherwise = None
    assert unused == 0, "the program asked the model less often than the test says"


@pytest_asyncio.fixture(loop_scope="module")
async def ada(client: Client) -> Operator:
    """An operator."""
    return await client.operator(new_id("Ada"))


class Kim:
    """A customer whom the owner's site vouches for, with an order of theirs."""

    def __init__(self, chat: Chat, customer: str, service: OrderService) -> None:
        self.chat = chat
        self.customer = customer
        self.service = service
        self.order = service.orders[customer, "1042"] = Order(OAK)

    async def say(self, text: str) -> list[str]:
        """Say `text` and return what is answered."""
        return [reply["text"] for reply in await self.chat.say(text)]

    async def calls(self) -> list[Call]:
        """Return the calls of tools that were written down."""
        store = self.chat.client.threadline.store
        thread = await store.find_thread(session_key(self.chat.session))
        assert thread
        return await store.actions.of_thread(thread.id)


@pytest_asyncio.fixture(loop_scope="module")
async def kim(client: Client, service: OrderService) -> AsyncIterator[Kim]:
    """A customer, and nobody else's trouble."""
    service.troubles.clear()
    service.reached.clear()
    yield await signed_in(client, service)


async def signed_in(client: Client, service: OrderService) -> Kim:
    """Open a chat as somebody whom the site vouches for."""
    user = new_id("u")
    mac = hmac.new(SECRET.encode(), user.encode(), hashlib.sha256).hexdigest()
    answer = await client.call("POST", "/api/v1/chat/sessions", json={"identity": {"user_id": user, "hash": mac}})
    assert answer.status == 201, answer.data
    chat = Chat(client, answer.data["session_id"], answer.data["token"])
    session = await client.threadline.store.sessions.get(answer.data["session_id"])
    assert session.verified
    return Kim(chat, session.customer, service)


def move(address: str = ELM, order: str = "1042") -> Any:
    """The model calls for another address."""
    return call("change_address", {"order": order, "address": address})


def returned(model: FakeOpenAI, number: int = -1) -> dict[str, Any]:
    """Return what the last call of a tool told the model."""
    [*_, told] = model.requests[number].tool_results.values()
    found: dict[str, Any] = json.loads(told)
    return found


# What a customer gets done


async def test_an_order_is_looked_up_and_the_answer_needs_no_other_source(kim: Kim, model: FakeOpenAI) -> None:
    model.then(call("order_status", {"order": "1042"}), say(f"It is packed and goes to {OAK}."))
    assert await kim.say(ASK) == [f"It is packed and goes to {OAK}."]
    assert returned(model) == {
        "tool": "order_status",
        "ok": True,
        "returned": json.dumps({"state": "packed", "address": OAK, "items": ["Larkfield City 3"]}),
    }
    [noted] = await kim.calls()
    assert (noted.tool, noted.shown, noted.state) == ("order_status", {"order": "1042"}, ActionState.DONE)


async def test_a_change_is_made_only_after_the_customers_yes(
    kim: Kim, model: FakeOpenAI, service: OrderService
) -> None:
    model.then(move())
    assert await kim.say(MOVE) == [QUESTION]
    assert (kim.order.address, service.calls("PUT", kim.customer)) == (OAK, [])
    model.then(say(f"Order 1042 now goes to {ELM}."))
    assert await kim.say("Yes, please!") == [f"Order 1042 now goes to {ELM}."]
    assert kim.order.address == ELM
    assert returned(model) == {
        "tool": "change_address",
        "ok": True,
        "returned": f"Order 1042 will be delivered to {ELM}.",
    }
    [noted] = await kim.calls()
    assert (noted.state, noted.sentence, noted.tries) == (ActionState.DONE, SENTENCE, 1)


async def test_a_no_changes_nothing_and_is_acknowledged(kim: Kim, model: FakeOpenAI, service: OrderService) -> None:
    model.then(move())
    await kim.say(MOVE)
    assert await kim.say("No, thanks") == [wording.text(Line.LEFT_ALONE)]
    assert (kim.order.address, service.calls("PUT", kim.customer)) == (OAK, [])
    assert [one.state for one in await kim.calls()] == [ActionState.DECLINED]


async def test_another_question_declines_it_and_is_answered_as_usual(kim: Kim, model: FakeOpenAI) -> None:
    model.then(move())
    await kim.say(MOVE)
    model.then(call("order_status", {"order": "1042"}), say("It is packed."))
    assert await kim.say("Wait, where is it now?") == ["It is packed."]
    assert kim.order.address == OAK
    assert [one.state for one in await kim.calls()] == [ActionState.DECLINED, ActionState.DONE]


async def test_the_question_comes_in_the_customers_language(kim: Kim, model: FakeOpenAI) -> None:
    model.then(move())
    [asked] = await kim.say(f"Bitte schicken Sie meine Bestellung 1042 doch lieber an diese Adresse: {ELM}")
    what = f"Die Lieferadresse der Bestellung 1042 ändern in {ELM}"
    assert asked == wording.text(Line.CONFIRM, "de", what=what)
    model.then(say("Das ist erledigt."))
    assert await kim.say("Ja, gerne") == ["Das ist erledigt."]
    assert kim.order.address == ELM


async def test_a_change_that_the_model_finds_no_words_for_is_said_in_ours(kim: Kim, model: FakeOpenAI) -> None:
    model.then(move(), error(401))
    await kim.say(MOVE)
    assert await kim.say("yes") == [wording.text(Line.DONE, "en", what=SENTENCE)]
    assert kim.order.address == ELM


async def test_operators_see_every_call_on_the_case(kim: Kim, model: FakeOpenAI, ada: Operator) -> None:
    model.then(call("order_status", {"order": "1042"}), say("It is packed."))
    await kim.say(ASK)
    model.then(move(), say("Done."))
    await kim.say(MOVE)
    await kim.say("yes")
    await kim.say("I want to talk to a person")
    case = await ada.case((await ada.cases())[0]["id"])
    assert [one["tool"] for one in case["calls"]] == ["order_status", "change_address"]
    assert case["calls"][1]["sentence"] == SENTENCE
    assert [one["state"] for one in case["calls"]] == ["done", "done"]
    steps = [step["step"] for step in case["trace"]]
    assert steps[:2] == ["Earlier, called order_status", "Earlier, called change_address"]


async def test_a_change_is_made_even_when_the_budget_for_words_is_used_up(
    program: Start, service: OrderService, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SERVICE, service.url)
        patch.syspath_prepend(installed(tmp_path, "thrifty"))
        async with FakeOpenAI(move(), without_tools=say("")) as model:
            settings = {"openai_base_url": model.base_url, "openai_model": "gpt-test", "budget_conversation_tokens": 1}
            async with program(**settings, widget_secret=SECRET, tools=["thrifty"]) as client:
                kim = await signed_in(client, service)
                assert await kim.say(MOVE) == [QUESTION]
                assert await kim.say("yes") == [wording.text(Line.DONE, "en", what=SENTENCE)]
                assert kim.order.address == ELM


# Who is asked, and who may say yes


async def test_an_unverified_customer_is_offered_no_account_tools(
    client: Client, model: FakeOpenAI, service: OrderService
) -> None:
    chat, before = await client.chat(), len(service.asked)
    model.then(move(), call("hand_off", {"reason": "Needs the account."}))
    await chat.say(MOVE)
    assert not {"order_status", "change_address", "cancel_order"} & set(model.requests[0].tools)
    assert len(service.asked) == before


async def test_one_customer_never_reaches_anothers_order(
    client: Client, kim: Kim, model: FakeOpenAI, service: OrderService
) -> None:
    other = await signed_in(client, service)
    service.orders[other.customer, "2000"] = Order(ELM)
    model.then(call("order_status", {"order": "2000"}), say("You have no order 2000."))
    assert await kim.say("Where is order 2000?") == ["You have no order 2000."]
    assert returned(model) == {"tool": "order_status", "ok": False, "returned": "This customer has no order 2000."}


async def test_a_second_yes_does_nothing(kim: Kim, model: FakeOpenAI, service: OrderService) -> None:
    model.then(move(), say("Done."), say("It is done."))
    await kim.say(MOVE)
    await kim.say("yes")
    await kim.say("yes")
    assert len(service.calls("PUT", kim.customer)) == 1


async def test_two_yes_at_once_are_one_change(kim: Kim, model: FakeOpenAI, service: OrderService) -> None:
    model.then(move())
    await kim.say(MOVE)
    model.otherwise = say("Done.")
    await asyncio.gather(kim.chat.post("yes"), kim.chat.post("yes please"))
    await kim.say("OK")
    assert kim.order.address == ELM
    assert len(set(service.calls("PUT", kim.customer))) == 1
    assert [one.state for one in await kim.calls()] == [ActionState.DONE]


async def test_a_yes_after_an_hour_is_too_late(
    kim: Kim, model: FakeOpenAI, service: OrderService, clock: Clock
) -> None:
    model.then(move())
    await kim.say(MOVE)
    clock.ahead += 3601
    assert await kim.say("yes") == [wording.text(Line.TOO_LATE)]
    assert service.calls("PUT", kim.customer) == []
    assert [one.state for one in await kim.calls()] == [ActionState.EXPIRED]


async def test_a_yes_after_a_colleague_took_over_does_nothing(
    kim: Kim, model: FakeOpenAI, service: OrderService, ada: Operator
) -> None:
    await kim.say("I want to talk to a person")
    case = (await ada.cases())[0]["id"]
    await ada.act(case, "claim")
    await ada.act(case, "hand_back")
    model.then(move())
    await kim.say(MOVE)
    assert (await ada.act(case, "reopen")).status == 200
    await kim.chat.post("yes")
    assert [one.state for one in await kim.calls()] == [ActionState.EXPIRED]
    assert service.calls("PUT", kim.customer) == []


async def test_a_secret_argument_stands_nowhere(kim: Kim, model: FakeOpenAI, ada: Operator) -> None:
    model.then(call("cancel_order", {"order": "1042", "pin": "pin-7731"}), say("It is cancelled."))
    await kim.say("Cancel order 1042, you know the PIN")
    await kim.say("yes")
    assert kim.order.state == "cancelled"
    await kim.say("I want to talk to a person")
    case = await ada.case((await ada.cases())[0]["id"])
    assert "pin-7731" not in json.dumps(case)
    store = kim.chat.client.threadline.store
    async with store.database.reading() as connection:
        for table in ("actions", "runs", "cases"):
            rows = (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all()  # noqa: S608
            assert not any("pin-7731" in str(value) for row in rows for value in row)


# What goes wrong


async def test_a_tool_that_hangs_is_left_alone_and_the_model_told_so(
    kim: Kim, model: FakeOpenAI, service: OrderService, quick: None
) -> None:
    service.troubles.append("hang")
    model.then(call("order_status", {"order": "1042"}), call("hand_off", {"reason": "The shop does not answer."}))
    await kim.say(ASK)
    assert returned(model)["returned"] == "It did not answer in time."
    assert [one.state for one in await kim.calls()] == [ActionState.UNKNOWN]


async def test_what_a_tool_raises_reaches_neither_the_model_nor_the_customer(
    kim: Kim, model: FakeOpenAI, service: OrderService
) -> None:
    service.troubles.append("error")
    model.then(call("order_status", {"order": "1042"}), say("I can't look that up now."))
    replies = await kim.say(ASK)
    assert "secret-of-the-service" not in json.dumps([request.json for request in model.requests]) + str(replies)
    assert returned(model)["ok"] is False
    assert replies != ["I can't look that up now."], "an answer that rests on nothing"


async def test_ten_megabytes_are_not_read_to_the_model(kim: Kim, model: FakeOpenAI, service: OrderService) -> None:
    service.troubles.append("big")
    model.then(call("order_status", {"order": "1042"}), call("hand_off", {"reason": "Too much."}))
    await kim.say(ASK)
    assert returned(model) == {
        "tool": "order_status",
        "ok": False,
        "returned": "It returned far more than can be read.",
    }


async def test_a_long_result_is_cut_and_says_so(kim: Kim, model: FakeOpenAI) -> None:
    kim.order.items = ["A bell"] * 5_000
    model.then(call("order_status", {"order": "1042"}), say("Many bells."))
    assert await kim.say(ASK) == ["Many bells."]
    told = returned(model)
    assert len(told["returned"]) == MOST_TOLD
    assert told["left_out"].endswith("more characters")


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        ('{"order": ', "order: Field required"),
        ({}, "order: Field required"),
        ({"order": {"number": 1}}, "order: Input should be a valid string"),
        ({"order": "1042", "customer": "web:u_other"}, "customer: Extra inputs are not permitted"),
        ({"order": "1" * 5_000}, "4000 characters"),
    ],
    ids=["no JSON", "missing", "wrong type", "one too many", "too long"],
)
async def test_malformed_arguments_are_refused_before_the_call(
    kim: Kim, model: FakeOpenAI, service: OrderService, arguments: Any, about: str
) -> None:
    model.then(call("order_status", arguments), call("order_status", {"order": "1042"}), say("It is packed."))
    assert await kim.say(ASK) == ["It is packed."]
    [told] = model.requests[1].tool_results.values()
    assert told.startswith("Error: the arguments do not fit.")
    assert about in told
    assert len(service.calls("GET", kim.customer)) == 1
    assert [one.state for one in await kim.calls()] == [ActionState.REFUSED, ActionState.DONE]


async def test_a_change_of_unknown_fate_is_tried_again_under_the_same_key(
    kim: Kim, model: FakeOpenAI, service: OrderService
) -> None:
    service.troubles.extend(["lost", "error"])
    model.then(move(), say("Done."))
    await kim.say(MOVE)
    assert await kim.say("yes") == ["Done."]
    keys = service.calls("PUT", kim.customer)
    assert (len(keys), len(set(keys))) == (3, 1)
    assert len([key for key in keys if key in service.changed]) == 3


async def test_a_change_that_never_comes_to_an_end_goes_to_people(
    kim: Kim, model: FakeOpenAI, service: OrderService, ada: Operator
) -> None:
    service.troubles.extend(["error"] * 3)
    model.then(move())
    await kim.say(MOVE)
    await kim.say("yes")
    assert len(service.calls("PUT", kim.customer)) == 3
    case = await ada.case((await ada.cases())[0]["id"])
    assert case["reason"] == "tool_failed"
    assert case["calls"][-1]["state"] == "unknown"
    assert "secret-of-the-service" not in json.dumps(case)


async def test_a_change_that_the_tool_refuses_is_told_by_the_model(kim: Kim, model: FakeOpenAI) -> None:
    model.then(move())
    await kim.say(MOVE)
    kim.order.state = "sent"
    model.then(say("It has been sent already, I'm afraid."))
    not_done = f"This could not be done: {SENTENCE}"
    assert await kim.say("yes") == [f"{not_done}\n\nIt has been sent already, I'm afraid."]
    assert returned(model)["returned"] == "Order 1042 has been sent already, so it can't be changed."
    assert [one.state for one in await kim.calls()] == [ActionState.FAILED]


async def test_a_model_that_says_it_is_done_without_a_yes_is_not_believed(kim: Kim, model: FakeOpenAI) -> None:
    model.then(say("I have changed your address."))
    assert await kim.say(MOVE) != ["I have changed your address."]


async def test_two_changes_in_one_turn_are_one_question(kim: Kim, model: FakeOpenAI) -> None:
    model.then(together(move(), move("1 Other Street")))
    assert await kim.say(MOVE) == [QUESTION]
    assert [one.state for one in await kim.calls()] == [ActionState.PROPOSED]


async def test_an_address_of_somebody_elses_is_never_asked_about(kim: Kim, model: FakeOpenAI) -> None:
    model.then(move("https://evil.example/pay"), call("hand_off", {"reason": "A strange address."}))
    await kim.say(MOVE)
    assert await kim.calls() == []
    assert "evil.example" not in json.dumps(await kim.chat.read())


@pytest.fixture
def quick(client: Client) -> Iterator[None]:
    """Let tools have a tenth of a second."""
    from dataclasses import replace

    toolbox = client.threadline.assistant.toolbox
    own = toolbox.own
    object.__setattr__(toolbox, "own", tuple(replace(one, seconds=0.2) for one in own))
    yield
    object.__setattr__(toolbox, "own", own)


async def test_a_run_that_is_overtaken_leaves_the_change_to_the_next(
    kim: Kim, model: FakeOpenAI, service: OrderService
) -> None:
    model.then(move())
    await kim.say(MOVE)
    model.otherwise = hang()
    service.reached.clear()
    await kim.chat.post("yes")
    await asyncio.wait_for(service.reached.wait(), 10)
    model.otherwise = say("Done.")
    await kim.say("Are you there?")
    assert kim.order.address == ELM
    assert len(set(service.calls("PUT", kim.customer))) == 1
