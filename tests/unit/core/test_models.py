"""Several language models behind one client: who is asked, who is left alone, and what is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from agent_framework import Message

from core.agent.models import FAILURES, PAUSE, Breaker, Meter, ModelsAway, retry_after
from core.agent.providers import ModelSettings, Provider, describe, openai_provider
from core.budget import Budget, Price, Spent
from tests.fakes.openai_server import FakeOpenAI, Step, drop_after, empty, error, hang, say, slow
from tests.support import ManualClock, until

APIS = ("chat", "responses")
FIRST, SECOND = "The first model says so.", "The second model says so."


class Naps:
    """How long whoever asks again has slept, in seconds of a clock: it moves on for those who sleep, or they wait."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.moves_on = True
        self.begun: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.begun.append(seconds)
        end = self.clock() + seconds
        if self.moves_on:
            self.clock.tick(seconds)
        while self.clock() < end:  # noqa: ASYNC110 (the test moves the clock)
            await asyncio.sleep(0)

    async def count(self, number: int) -> None:
        """Wait until so many have gone to sleep."""

        async def asleep() -> bool:
            return len(self.begun) >= number

        await until(asleep)


class Pair:
    """Two models, the second one standing by, and the provider that asks them."""

    def __init__(self, first: FakeOpenAI, second: FakeOpenAI, provider: Provider, naps: Naps) -> None:
        self.first = first
        self.second = second
        self.provider = provider
        self.naps = naps
        self.clock = naps.clock
        self.meter = Meter()

    async def ask(self) -> str:
        """Return what the models answer. Raises what they raise."""
        stream = self.provider.client.get_response(
            [Message("user", ["How much?"])],
            stream=True,
            options=self.provider.options,
            client_kwargs={"meter": self.meter},
        )
        pieces = [content async for update in stream for content in update.contents]
        return "".join(piece.text or "" for piece in pieces if piece.type == "text" and piece.merge_mode != "replace")

    @property
    def asked(self) -> tuple[int, int]:
        """How often each was asked."""
        return len(self.first.requests), len(self.second.requests)


@asynccontextmanager
async def pair(
    first: Step,
    second: Step | None = None,
    *,
    apis: tuple[str, str] = ("chat", "chat"),
    pause: float = PAUSE,
    seconds: float = 20.0,
    alone: bool = False,
) -> AsyncIterator[Pair]:
    """Run two models that always answer so; `second` says its sentence unless told otherwise. `alone`: no second."""
    clock = ManualClock()
    naps = Naps(clock)
    async with FakeOpenAI() as one, FakeOpenAI() as other:
        one.otherwise, other.otherwise = first, second or say(SECOND)
        settings = [
            ModelSettings(name, "sk-test", server.base_url, api, price=price, pause=pause)  # type: ignore[arg-type]
            for name, server, api, price in (
                ("big", one, apis[0], Price(2.0, 8.0)),
                ("small", other, apis[1], Price(0.5, 1.0)),
            )
        ]
        provider = openai_provider(*settings[: 1 if alone else 2], seconds=seconds, clock=clock, sleep=naps)
        try:
            yield Pair(one, other, provider, naps)
        finally:
            await provider.close()


@pytest.mark.parametrize("first", APIS)
@pytest.mark.parametrize("second", APIS)
@pytest.mark.parametrize(
    "trouble",
    [error(500), error(429, retry_after=60), error(401), error(404), error(400), drop_after(0)],
    ids=["500", "429", "401", "404", "400", "breaks off before a word"],
)
async def test_while_the_first_model_fails_the_second_answers(first: str, second: str, trouble: Step) -> None:
    async with pair(trouble, apis=(first, second)) as models:
        assert await models.ask() == SECOND
        assert models.meter.usage.model == "small"


@pytest.mark.parametrize("api", APIS)
async def test_a_model_that_says_nothing_in_time_is_one_that_fails(api: str) -> None:
    async with pair(say(FIRST), apis=(api, api)) as warm:
        await warm.ask()  # the client's libraries are loaded now
    async with pair(hang(), apis=(api, api), seconds=2.0) as models:
        assert await models.ask() == SECOND
        models.second.otherwise = hang()
        with pytest.raises(ModelsAway, match="within 2 s") as away:
            await models.ask()
        assert describe(away.value) == str(away.value)
        assert models.asked == (2, 2), "who has waited so long is not made to wait again"


@pytest.mark.parametrize("api", APIS)
async def test_what_has_been_said_is_never_said_twice(api: str) -> None:
    async with pair(drop_after(2), apis=(api, api)) as models:
        with pytest.raises(models.provider.errors):
            await models.ask()
        assert models.asked == (1, 0)


async def test_a_refused_word_is_not_put_to_another_model() -> None:
    async with pair(error(400, code="content_filter")) as models:
        with pytest.raises(models.provider.errors):
            await models.ask()
        assert models.asked == (1, 0)


async def test_a_model_that_failed_three_times_in_a_row_is_left_alone_then_tried_by_one_question() -> None:
    async with pair(error(500)) as models:
        for _ in range(FAILURES + 2):
            assert await models.ask() == SECOND
        assert models.asked[0] == FAILURES
        models.clock.tick(PAUSE)
        assert set(await asyncio.gather(models.ask(), models.ask(), models.ask())) == {SECOND}
        assert models.asked[0] == FAILURES + 1, "one of them tried it, and it goes on being left alone"
        models.clock.tick(PAUSE)
        models.first.otherwise = say(FIRST)
        assert await models.ask() == FIRST
        assert set(await asyncio.gather(models.ask(), models.ask())) == {FIRST}


async def test_a_model_that_asks_for_time_gets_it_at_once() -> None:
    async with pair(error(429, retry_after=90)) as models:
        assert await models.ask() == SECOND
        models.clock.tick(89)
        assert await models.ask() == SECOND
        assert models.asked[0] == 1
        models.clock.tick(1)
        await models.ask()
        assert models.asked[0] == 2
        assert models.naps.begun == [], "nobody waits while another one stands by"


# The last one, for which no other stands by


async def test_a_model_alone_that_asks_for_more_time_than_a_customer_has_is_asked_once() -> None:
    async with pair(error(429, retry_after=21), alone=True, seconds=20.0) as models:
        with pytest.raises(models.provider.errors) as failed:
            await models.ask()
        assert describe(failed.value) == "RateLimitError (HTTP 429)"
        for _ in range(2):
            with pytest.raises(ModelsAway, match="asked again in 21 s"):
                await models.ask()
        assert (len(models.first.requests), models.naps.begun) == (1, [])


async def test_a_model_alone_that_asks_for_a_little_time_is_asked_again_after_it_and_by_nobody_before() -> None:
    async with pair(say(FIRST), alone=True) as models:
        models.first.then(error(429, retry_after=5))
        models.naps.moves_on = False
        asking = [asyncio.create_task(models.ask())]
        await models.naps.count(1)
        models.clock.tick(4)
        asking += [asyncio.create_task(models.ask()) for _ in range(3)]
        await models.naps.count(4)
        assert models.naps.begun == [5, 1, 1, 1], "who comes meanwhile waits for the rest of it"
        assert len(models.first.requests) == 1
        models.clock.tick(1)
        assert await asyncio.gather(*asking) == [FIRST] * 4
        assert len(models.first.requests) == 5


async def test_who_asks_at_the_moment_a_model_alone_asks_for_time_is_answered_after_it() -> None:
    async with pair(say(FIRST), alone=True) as models:
        models.first.then(*[error(429, retry_after=5)] * 8)
        models.naps.moves_on = False
        asking = [asyncio.create_task(models.ask()) for _ in range(8)]
        await models.naps.count(8)
        models.clock.tick(5)
        assert await asyncio.gather(*asking) == [FIRST] * 8
        assert len(models.first.requests) == 16


async def test_time_that_a_model_asks_for_while_others_sleep_is_kept_too() -> None:
    async with pair(say(FIRST), alone=True) as models:
        late = asyncio.Event()
        models.first.then(slow(late, error(429, retry_after=5)), error(429, retry_after=5))
        models.naps.moves_on = False
        asking = [asyncio.create_task(models.ask())]
        await models.first.seen(1)
        asking.append(asyncio.create_task(models.ask()))
        await models.naps.count(1)
        models.clock.tick(3)
        late.set()
        await models.naps.count(2)
        models.clock.tick(2)
        await models.naps.count(3)
        assert (models.naps.begun, len(models.first.requests)) == ([5, 5, 3], 2)
        models.clock.tick(3)
        assert await asyncio.gather(*asking) == [FIRST] * 2


@pytest.mark.parametrize("trouble", [error(500), error(503), error(429), drop_after(0)])
async def test_a_model_alone_that_fails_is_asked_again_after_half_a_second(trouble: Step) -> None:
    async with pair(say(FIRST), alone=True) as models:
        models.first.then(trouble)
        assert await models.ask() == FIRST
        assert models.naps.begun == [0.5]


async def test_customers_who_all_come_in_the_moment_that_a_model_alone_is_unwell_are_answered_by_it() -> None:
    async with pair(say(FIRST), alone=True) as models:
        models.first.then(*[error(500)] * 8)
        models.naps.moves_on = False
        asking = [asyncio.create_task(models.ask()) for _ in range(8)]
        await models.naps.count(8)
        asking.append(asyncio.create_task(models.ask()))
        await models.naps.count(9)
        assert (models.naps.begun, len(models.first.requests)) == ([0.5] * 9, 8)
        models.clock.tick(0.5)
        assert await asyncio.gather(*asking) == [FIRST] * 9


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_a_model_alone_that_would_refuse_it_again_is_asked_once(status: int) -> None:
    async with pair(error(status), alone=True) as models:
        with pytest.raises(models.provider.errors):
            await models.ask()
        assert (len(models.first.requests), models.naps.begun) == (1, [])


async def test_nobody_waits_for_a_model_alone_that_failed_three_times_in_a_row_however_short_the_pause() -> None:
    async with pair(error(429, retry_after=1), alone=True, pause=2.0) as models:
        for _ in range(2):  # the first asks twice
            with pytest.raises(models.provider.errors):
                await models.ask()
        assert (len(models.first.requests), models.naps.begun) == (FAILURES, [1, 1])
        with pytest.raises(ModelsAway, match="asked again in 2 s"):
            await models.ask()
        models.clock.tick(2)
        with pytest.raises(models.provider.errors):
            await models.ask()
        assert (len(models.first.requests), models.naps.begun) == (FAILURES + 1, [1, 1])


async def test_the_one_that_stands_by_is_asked_again_too() -> None:
    async with pair(error(500)) as models:
        models.second.then(error(503))
        assert await models.ask() == SECOND
        assert (models.asked, models.naps.begun) == ((1, 2), [0.5])


def test_an_answer_that_was_being_written_does_not_shorten_the_time_a_model_asked_for() -> None:
    clock = ManualClock()
    breaker = Breaker(clock)
    breaker.failed(5)
    breaker.failed(1)
    breaker.worked()
    clock.tick(4)
    with breaker.asking() as may:
        assert not may
    clock.tick(1)
    with breaker.asking() as may, breaker.asking() as another:
        assert may
        assert another, "it had but asked for time"


async def test_what_a_model_refuses_about_one_question_says_nothing_of_the_next() -> None:
    async with pair(error(400)) as models:
        for _ in range(FAILURES + 1):
            await models.ask()
        assert models.asked[0] == FAILURES + 1


async def test_an_owner_may_have_it_asked_every_time() -> None:
    async with pair(error(429, retry_after=90), pause=0) as models:
        for _ in range(FAILURES + 1):
            await models.ask()
        assert models.asked[0] == FAILURES + 1


async def test_when_all_fail_the_last_ones_trouble_is_told_and_then_nobody_waits_for_them() -> None:
    async with pair(error(500), error(401)) as models:
        for _ in range(FAILURES):
            with pytest.raises(models.provider.errors) as failed:
                await models.ask()
            assert describe(failed.value) == "AuthenticationError (HTTP 401)"
        with pytest.raises(ModelsAway, match="asked again in 30 s"):
            await models.ask()
        assert models.asked == (FAILURES, FAILURES)


async def test_who_is_broken_off_while_trying_lets_another_try() -> None:
    clock = ManualClock()
    breaker = Breaker(clock)
    breaker.failed(5)
    clock.tick(5)
    with pytest.raises(asyncio.CancelledError), breaker.asking() as may:
        assert may
        raise asyncio.CancelledError
    with breaker.asking() as may:
        assert may


@pytest.mark.parametrize("api", APIS)
async def test_what_models_take_is_counted_with_its_cost(api: str) -> None:
    async with pair(say(FIRST), apis=(api, api)) as models:
        await models.ask()
        once = models.meter.usage
        assert once.tokens_in > 0
        assert once.tokens_out > 0
        assert once.cost == pytest.approx((once.tokens_in * 2.0 + once.tokens_out * 8.0) / 1e6)
        await models.ask()
        assert models.meter.usage.tokens == 2 * once.tokens


async def test_an_empty_answer_is_no_failure_of_the_model() -> None:
    async with pair(empty()) as models:
        assert await models.ask() == ""
        assert models.asked == (1, 0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (" 0.5 ", 0.5), ("soon", None), ("", None), ("-3", None), ("DATE+20", 20.0), ("DATE-20", 0.0)],
)
def test_how_long_a_server_wants_to_be_left_alone(header: str, seconds: float | None) -> None:
    now = datetime(2027, 1, 15, tzinfo=UTC)
    if header.startswith("DATE"):
        header = format_datetime(now + timedelta(seconds=int(header[4:])), usegmt=True)
    response = SimpleNamespace(headers={"retry-after": header, "date": format_datetime(now, usegmt=True)})
    failed = OSError("busy")
    failed.response = response  # type: ignore[attr-defined]
    assert retry_after(failed) == seconds
    wrapped = OSError("wrapped")
    wrapped.__cause__ = failed
    assert retry_after(wrapped) == seconds
    assert retry_after(OSError("no answer at all")) is None


# Budgets


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "-1,2", "1,nan", "inf,1", ","])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="million tokens"):
        Price.parse(text)


def test_a_price_is_that_of_a_million_tokens() -> None:
    assert Price.parse(" 0.25, 2 ").of(1_000_000, 500_000) == 1.25
    assert Price.parse("").of(10**9, 10**9) == 0.0


@pytest.mark.parametrize(
    ("budget", "spent", "says"),
    [
        (Budget(), Spent(10**9, 10**9, 10**9), ""),
        (Budget(conversation=100), Spent(conversation=99, today=10**9, cost=1e9), ""),
        (Budget(conversation=1_000), Spent(conversation=1_000), "This conversation has used its 1,000 tokens"),
        (Budget(today=5), Spent(today=6), "Today's 5 tokens are used up"),
        (Budget(cost=2.5), Spent(cost=2.4999), ""),
        (Budget(cost=2.5), Spent(cost=2.5), "Today's budget of 2.5 is used up"),
    ],
)
def test_a_budget_is_used_up_when_a_limit_is_reached(budget: Budget, spent: Spent, says: str) -> None:
    assert budget.used_up(spent)[: len(says) or None] == says
