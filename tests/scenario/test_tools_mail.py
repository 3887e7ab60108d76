"""The owner's tools over mail: only whom somebody vouches for gets anything, and a yes stands above a signature."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.actions import ActionState
from kb.embed import Embedder
from tests.fakes.openai_server import FakeOpenAI, call, say
from tests.scenario.mailing import KIM, Came, House, house, letter
from tests.support import until
from tests.tools.service import Order, OrderService
from tests.tools.shop import SERVICE, installed

pytestmark = pytest.mark.asyncio(loop_scope="module")

OAK, ELM = "4 Oak Road, 20095 Hamburg", "12 Elm Street, 10115 Berlin"
MOVE = f"Please send my order 1042 to another address: {ELM}"
ASKS = f"Change the delivery address of order 1042 to {ELM}"
SIGNED = "Yes, please.\n\nBest regards\nKim Example\n\n> Shall I do this?\n> Answer yes to have it done.\n"


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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(
    tmp_path_factory: pytest.TempPathFactory,
    sample_home: Path,
    embedder: Embedder,
    service: OrderService,
    server: FakeOpenAI,
) -> AsyncIterator[House]:
    """The program with a support mailbox and the shop's tools."""
    folder = tmp_path_factory.mktemp("tools-mail")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SERVICE, service.url)
        patch.syspath_prepend(installed(folder / "installed", "mailshop"))
        model = {"openai_base_url": server.base_url, "openai_model": "gpt-test"}
        async with house(folder / "home", sample_home, embedder, tools=["mailshop"], **model) as running:
            yield running


@pytest.fixture
def model(server: FakeOpenAI) -> Iterator[FakeOpenAI]:
    """The model, which has heard nothing yet and does as the test scripts it."""
    server.requests.clear()
    yield server
    server.steps.clear()
    server.otherwise = None


@pytest.fixture
def order(service: OrderService) -> Order:
    """Kim's order."""
    made = service.orders[f"email:{KIM}", "1042"] = Order(OAK)
    return made


async def asked(home: House, model: FakeOpenAI) -> Came:
    """Have Kim asked about the change; returns the mail that asks."""
    model.then(call("change_address", {"order": "1042", "address": ELM}))
    question = await home.answer(letter(KIM, MOVE, subject="Order 1042"))
    assert ASKS in question.text
    return question


async def test_a_change_is_made_by_a_mail_that_says_yes(home: House, model: FakeOpenAI, order: Order) -> None:
    question = await asked(home, model)
    assert order.address == OAK
    model.then(say("Your order goes there now."))
    done = await home.answer(letter(KIM, SIGNED, to=question.token, subject="Re: Order 1042", answers=question.mail))
    assert "Your order goes there now." in done.text
    assert order.address == ELM


async def test_a_yes_that_nobody_vouches_for_does_nothing(home: House, model: FakeOpenAI, order: Order) -> None:
    question = await asked(home, model)
    model.then(call("hand_off", {"reason": "Who is that?"}))
    forged = letter(KIM, SIGNED, to=question.token, subject="Re: Order 1042", answers=question.mail)
    await home.write(forged, vouch=False)

    async def settled() -> bool:
        threads = [
            await home.client.threadline.store.thread(case.thread.id)
            for case in await home.client.threadline.store.cases.find("all")
        ]
        calls = [one for thread in threads for one in await home.client.threadline.store.actions.of_thread(thread.id)]
        return bool(calls) and calls[-1].state is ActionState.DECLINED

    await until(settled, 20)
    assert order.address == OAK
    assert "change_address" not in model.requests[-1].tools


async def test_a_sender_nobody_vouches_for_is_offered_no_account_tools(home: House, model: FakeOpenAI) -> None:
    model.then(call("change_address", {"order": "1042", "address": ELM}), call("hand_off", {"reason": "Account."}))
    await home.answer(letter(KIM, MOVE, subject="Order 1042 again"), vouch=False)
    assert not {"order_status", "change_address"} & set(model.requests[0].tools)
