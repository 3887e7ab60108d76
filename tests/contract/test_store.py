"""What the store promises, on every database it runs on.

Each test says one sentence about the product and runs on SQLite and on PostgreSQL. A `Scene` does
what the worker would do, one step at a time; time stands still unless a test moves it.
"""

import asyncio
from collections import Counter

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core import wording
from core.delivery import DeliveryState, PartKind
from core.errors import SetupError, Superseded, TemporaryError
from core.events import CustomerSaid, HandoffReason, Outcome, RunResult
from core.ids import CaseId, MessageId, ThreadKey
from core.memory import Recap
from core.messages import (
    Author,
    Citation,
    DeskAction,
    DeskEvent,
    IgnoredBecause,
    InboundChange,
    InboundIgnored,
    InboundMessage,
)
from core.policy import Moment
from core.store import schema, threads
from core.store.credentials import Kind
from core.store.engine import Database, StoreUnavailable, sqlite_url
from core.store.facts import MOST_REMEMBERED
from core.store.leases import LEASE_SECONDS
from core.store.migrations import current, migrate, newest
from core.store.store import Store
from core.thread import OwnerKind
from core.wording import Line
from kb.tables import kb_metadata
from tests.contract.scene import ADA, ASKED, BEN, DAY, NAMES, Scene, another, answered, message
from tests.support import ManualClock


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    """The store of this test, moved by hand."""
    return Scene(store, clock)


# What comes in


async def test_an_event_that_is_repeated_is_one_receipt_with_one_message(scene: Scene) -> None:
    first = await scene.store.receipts.accept(message("Hello", "e"), scene.clock())
    assert await scene.store.receipts.accept(message("Hello", "e"), scene.clock()) == first
    await scene.decide_all()
    again = await scene.store.receipts.accept(message("Hello", "e"), scene.clock.tick(3600))
    assert (again.id, again.message, again.state) == (first.id, first.message, "done")
    await scene.decide_all()
    assert [said.id for said in await scene.store.messages(first.thread)] == [first.message]


async def test_the_same_event_at_many_doors_at_the_same_moment_is_one_receipt(scene: Scene) -> None:
    async with another(scene.store.database) as second:
        doors = [scene.store.receipts, Store(second).receipts]
        told = await asyncio.gather(
            *(door.accept(message("Hello", "e"), scene.clock()) for _ in range(20) for door in doors)
        )
    assert len({receipt.id for receipt in told}) == 1
    assert len(await scene.rows(schema.receipts)) == 1


async def test_many_first_messages_of_one_thread_at_the_same_moment_are_all_kept_in_one_thread(scene: Scene) -> None:
    async with another(scene.store.database) as second:
        doors = [scene.store.receipts, Store(second).receipts]
        told = await asyncio.gather(
            *(doors[n % 2].accept(message(f"line {n}", f"e{n % 30}"), scene.clock()) for n in range(60))
        )
    assert len({receipt.thread for receipt in told}) == 1
    assert len({receipt.id for receipt in told}) == 30


async def test_one_event_that_can_not_be_taken_takes_none_of_its_moment_with_it(scene: Scene) -> None:
    lost = DeskEvent(CaseId("c_none"), "lost", ADA, "Ada", DeskAction.CLAIM)
    coming = [message(f"line {n}", f"e{n}") for n in range(20)]
    together: list[InboundMessage | DeskEvent] = [*coming[:10], lost, *coming[10:]]
    told = await asyncio.gather(
        *(scene.store.receipts.accept(inbound, scene.clock()) for inbound in together),
        return_exceptions=True,
    )
    assert [type(one).__name__ for one in told] == ["Receipt"] * 10 + ["LookupError"] + ["Receipt"] * 10
    assert len(await scene.rows(schema.receipts)) == 20


async def test_who_is_broken_off_while_waiting_for_the_ok_breaks_off_nobody_else(scene: Scene) -> None:
    coming = [
        asyncio.create_task(scene.store.receipts.accept(message(f"line {n}", f"e{n}"), scene.clock())) for n in range(9)
    ]
    await asyncio.sleep(0)
    coming[0].cancel()
    coming[4].cancel()
    told = await asyncio.gather(*coming, return_exceptions=True)
    assert [type(one).__name__ for one in told].count("Receipt") == 7
    await asyncio.gather(*(scene.store.receipts.accept(message(f"line {n}", f"e{n}"), scene.clock()) for n in (0, 4)))
    assert len(await scene.rows(schema.receipts)) == 9


async def test_the_same_event_id_from_another_account_is_another_event(scene: Scene) -> None:
    for account in ("one", "two"):
        inbound = InboundMessage(ThreadKey("web", account, "s"), "e", "customer", "Hello")
        await scene.store.receipts.accept(inbound, scene.clock())
    assert len(await scene.rows(schema.receipts)) == 2


async def test_an_action_on_a_case_that_does_not_exist_is_not_taken(scene: Scene) -> None:
    event = DeskEvent(CaseId("c_none"), "e", ADA, "Ada", DeskAction.CLAIM)
    with pytest.raises(LookupError, match="no case c_none"):
        await scene.store.receipts.accept(event, scene.clock())
    assert await scene.rows(schema.receipts) == []


async def test_a_message_has_the_id_its_sender_was_promised(scene: Scene) -> None:
    receipts = [await scene.accept("one"), await scene.accept("two")]
    await scene.decide_all()
    said = await scene.store.messages(receipts[0].thread)
    assert [(m.id, m.text) for m in said] == [(receipts[0].message, "one"), (receipts[1].message, "two")]


async def test_an_empty_message_is_ignored_with_a_reason(scene: Scene) -> None:
    receipt = await scene.accept("  \n")
    await scene.decide_all()
    settled = await scene.store.receipts.get(receipt.id)
    assert (settled.state, settled.result) == ("ignored", "empty")
    assert await scene.store.messages(receipt.thread) == []


@pytest.mark.parametrize("text", ["Out until Tuesday", None], ids=["edited", "withdrawn"])
async def test_a_change_of_what_was_ignored_before_there_was_a_thread_is_ignored_at_once(
    scene: Scene, text: str | None
) -> None:
    key = ThreadKey("web", "chat", "s_1")
    first = await scene.store.receipts.accept(InboundIgnored(key, "event-1", IgnoredBecause.AUTOMATIC), scene.clock())
    change = await scene.store.receipts.accept(InboundChange(key, "event-2", "event-1", text), scene.clock())
    assert [(one.state, one.result) for one in (first, change)] == [("ignored", "automatic"), ("ignored", "gone")]
    assert await scene.store.receipts.claim(scene.clock(), 10) == []


async def test_raw_events_are_forgotten_after_their_time_and_receipts_stay(scene: Scene) -> None:
    inbound = InboundMessage(ThreadKey("web", "chat", "s"), "e", "customer", "Hello", raw={"text": "Hello"})
    await scene.store.receipts.accept(inbound, scene.clock())
    assert await scene.store.receipts.drop_raw(scene.clock() + 1) == [], "not before it is decided"
    await scene.decide_all()
    assert await scene.store.receipts.drop_raw(scene.clock()) == []
    assert await scene.store.receipts.drop_raw(scene.clock() + 1) == [{"text": "Hello"}]
    assert await scene.rows(schema.receipts, "state", "raw") == [("done", None)]


# Nothing is lost


async def test_no_update_of_a_thread_is_lost_among_two_hundred_at_once(scene: Scene) -> None:
    thread = await scene.say("line 0")
    async with another(scene.store.database) as second:
        databases = [scene.store.database, second]

        async def advance(n: int) -> None:
            async with databases[n % 2].writing("test") as connection:
                await threads.advance(connection, thread, CustomerSaid(f"line {n}"), Moment(scene.clock()))

        await asyncio.gather(*(advance(n) for n in range(1, 201)))
    said = await scene.store.messages(thread)
    assert [m.seq for m in said] == list(range(1, 202))
    assert {m.text for m in said} == {f"line {n}" for n in range(201)}
    assert (await scene.store.thread(thread)).last_seq == 201
    states = Counter(await scene.rows(schema.runs, "state"))
    assert states == {("superseded",): 200, ("waiting",): 1}


async def test_messages_at_once_are_all_decided_by_two_replicas_each_once_and_in_order(
    scene: Scene,
) -> None:
    async with another(scene.store.database) as second:
        stores = [scene.store, Store(second)]
        receipts = await asyncio.gather(
            *(stores[n % 2].receipts.accept(message(f"line {n}", f"e{n}"), scene.clock()) for n in range(60))
        )

        async def work(store: Store) -> None:
            while (await store.backlog())["receipts"]:
                for lease in await store.receipts.claim(scene.clock(), 8):
                    await store.receipts.decide(lease, scene.clock())

        await asyncio.gather(*(work(store) for store in stores))
    said = await scene.store.messages(receipts[0].thread)
    assert [m.seq for m in said] == list(range(1, 61))
    assert [(m.id,) for m in said] == await scene.rows(schema.receipts, "message_id"), "in order of acceptance"


async def test_a_transaction_that_fails_writes_nothing(scene: Scene) -> None:
    thread = await scene.say("one")
    before = await scene.everything()
    with pytest.raises(ZeroDivisionError):
        async with scene.store.database.writing("test") as connection:
            await threads.advance(connection, thread, CustomerSaid("two"), Moment(scene.clock()))
            raise ZeroDivisionError
    assert await scene.everything() == before


async def test_a_database_that_is_away_is_a_temporary_error() -> None:
    for url in (sqlite_url("/dev/null/no/such.db"), "postgresql+asyncpg://nobody:x@127.0.0.1:1/none"):  # type: ignore[arg-type]
        away = Database(url)
        with pytest.raises(StoreUnavailable, match="can't be used now") as raised:
            await Store(away).backlog()
        assert isinstance(raised.value, TemporaryError)
        await away.close()


# Leases


async def test_two_claimers_never_get_the_same_row(scene: Scene) -> None:
    for n in range(40):
        await scene.accept("Hello", session=f"s_{n}")
    async with another(scene.store.database) as second:
        stores = [scene.store, Store(second)]
        claims = await asyncio.gather(*(stores[n % 2].receipts.claim(scene.clock(), 3) for n in range(30)))
        leases = [lease for claimed in claims for lease in claimed]
        while more := await scene.store.receipts.claim(scene.clock(), 3):
            leases += more
    assert len(leases) == 40
    assert len({lease.id for lease in leases}) == 40
    assert {lease.token for lease in leases} == {1}


async def test_two_claimers_never_get_the_same_run_or_the_same_part(scene: Scene) -> None:
    for n in range(20):
        await scene.say("Hello", session=f"s_{n}")
    async with another(scene.store.database) as second:
        stores = [scene.store, Store(second)]
        claims = await asyncio.gather(*(stores[n % 2].runs.claim(scene.clock(), 2) for n in range(20)))
        runs = [lease for claimed in claims for lease in claimed]
        while more := await scene.store.runs.claim(scene.clock(), 20):
            runs += more
        assert sorted(lease.id for lease in runs) == sorted(id_ for (id_,) in await scene.rows(schema.runs, "id"))
        for lease in runs:
            await scene.store.runs.finish(lease, answered("Hello"), scene.clock())
        claims = await asyncio.gather(*(stores[n % 2].deliveries.claim(scene.clock(), 2) for n in range(20)))
        parts = [lease for claimed in claims for lease in claimed]
        while more := await scene.store.deliveries.claim(scene.clock(), 20):
            parts += more
    assert sorted(lease.id for lease in parts) == sorted(id_ for (id_,) in await scene.rows(schema.deliveries, "id"))


async def test_a_receipt_whose_lease_ran_out_is_decided_by_another_and_the_late_one_writes_nothing(
    scene: Scene,
) -> None:
    receipt = await scene.accept("Hello")
    [late] = await scene.store.receipts.claim(scene.clock(), 1)
    scene.clock.tick(LEASE_SECONDS)
    assert await scene.store.receipts.claim(scene.clock(), 1) == [], "a lease lasts its whole time"
    [lease] = await scene.store.receipts.claim(scene.clock.tick(1), 1)
    assert (lease.id, lease.token, lease.was_dropped) == (late.id, late.token + 1, True)
    for late_word in (
        scene.store.receipts.decide(late, scene.clock()),
        scene.store.receipts.retry(late, scene.clock(), "late"),
        scene.store.receipts.give_up(late, scene.clock(), "late"),
    ):
        before = await scene.everything()
        with pytest.raises(Superseded):
            await late_word
        assert await scene.everything() == before
    await scene.store.receipts.decide(lease, scene.clock())
    with pytest.raises(Superseded):
        await scene.store.receipts.decide(lease, scene.clock())
    assert await scene.transcript(receipt.thread) == [(Author.CUSTOMER, "Hello")]


async def test_a_run_whose_lease_ran_out_is_answered_by_another_and_the_late_answer_is_not_sent(scene: Scene) -> None:
    thread = await scene.say("Hello")
    late = await scene.claim_run()
    scene.clock.tick(LEASE_SECONDS + 1)
    lease = await scene.claim_run()
    before = await scene.everything()
    for late_word in (
        scene.store.runs.finish(late, answered("late"), scene.clock()),
        scene.store.runs.check(late),
        scene.store.runs.heartbeat(late, scene.clock()),
        scene.store.runs.speak(late, scene.clock()),
        scene.store.runs.retry(late, scene.clock(), "late"),
    ):
        with pytest.raises(Superseded):
            await late_word
        assert await scene.everything() == before
    await scene.store.runs.finish(lease, answered("in time"), scene.clock())
    with pytest.raises(Superseded):
        await scene.store.runs.finish(late, answered("late"), scene.clock())
    assert await scene.transcript(thread) == [(Author.CUSTOMER, "Hello"), (Author.BOT, "in time")]


async def test_a_part_whose_sender_died_is_claimed_again_and_says_so(scene: Scene) -> None:
    await scene.say("Hello")
    await scene.finish_run(answered("Hi"))
    [late] = await scene.claim_parts()
    assert not late.was_dropped
    scene.clock.tick(LEASE_SECONDS + 1)
    [lease] = await scene.claim_parts()
    assert lease.was_dropped, "it may have gone out: the worker must know"
    with pytest.raises(Superseded):
        await scene.store.deliveries.finish(late, DeliveryState.DELIVERED, scene.clock())
    assert await scene.line_states() == ["waiting"]
    await scene.store.deliveries.finish(lease, DeliveryState.UNKNOWN, scene.clock(), error="died")
    with pytest.raises(Superseded):
        await scene.store.deliveries.finish(lease, DeliveryState.DELIVERED, scene.clock())
    assert await scene.line_states() == ["unknown"]


async def test_a_heartbeat_keeps_a_lease(scene: Scene) -> None:
    await scene.say("Hello", session="s_1")
    run = await scene.claim_run()
    scene.clock.tick(LEASE_SECONDS - 1)
    await scene.store.runs.heartbeat(run, scene.clock())
    scene.clock.tick(LEASE_SECONDS - 1)
    assert await scene.store.runs.claim(scene.clock(), 1) == []
    await scene.store.runs.finish(run, answered("Hi"), scene.clock())
    [part] = await scene.claim_parts()
    scene.clock.tick(LEASE_SECONDS - 1)
    await scene.store.deliveries.heartbeat(part, scene.clock())
    scene.clock.tick(LEASE_SECONDS - 1)
    assert await scene.claim_parts() == []
    scene.clock.tick(2)
    assert len(await scene.claim_parts()) == 1
    with pytest.raises(Superseded):
        await scene.store.deliveries.heartbeat(part, scene.clock())


async def test_a_row_given_back_waits_its_time_and_is_not_taken_for_dropped(scene: Scene) -> None:
    await scene.say("Hello")
    await scene.finish_run(answered("Hi"))
    [part] = await scene.claim_parts()
    await scene.store.deliveries.retry(part, scene.clock() + 60, "the platform is away")
    scene.clock.tick(59)
    assert await scene.claim_parts() == []
    scene.clock.tick(1)
    [part] = await scene.claim_parts()
    assert (part.attempts, part.was_dropped, part.row.error) == (2, False, "the platform is away")


async def test_after_a_restart_what_the_dead_process_held_is_free_at_once(scene: Scene) -> None:
    await scene.accept("one", session="s_1")
    await scene.say("two", session="s_2")
    await scene.accept("three", session="s_3")
    assert len(await scene.store.receipts.claim(scene.clock(), 10)) == 1
    assert len(await scene.store.runs.claim(scene.clock(), 10)) == 2
    assert await scene.store.receipts.claim(scene.clock(), 10) == []
    await scene.store.forget_leases()
    assert [lease.was_dropped for lease in await scene.store.receipts.claim(scene.clock(), 10)] == [True]
    assert [lease.was_dropped for lease in await scene.store.runs.claim(scene.clock(), 10)] == [True, True]


# Order


async def test_receipts_of_one_thread_are_decided_in_order_even_when_the_first_has_to_wait(scene: Scene) -> None:
    receipt = await scene.accept("one")
    await scene.accept("two")
    [first] = await scene.store.receipts.claim(scene.clock(), 10)
    assert first.row.event["text"] == "one"
    assert await scene.store.receipts.claim(scene.clock(), 10) == [], "the second waits while the first is in hand"
    await scene.store.receipts.retry(first, scene.clock() + 4, "hiccup")
    assert await scene.store.receipts.claim(scene.clock(), 10) == [], "and while the first waits for its next try"
    scene.clock.tick(4)
    await scene.decide_all()
    assert await scene.transcript(receipt.thread) == [(Author.CUSTOMER, "one"), (Author.CUSTOMER, "two")]


async def test_an_operators_action_keeps_its_place_among_the_customers_messages(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    before = await scene.accept("before")
    event = DeskEvent(case, "reply", ADA, "Ada", DeskAction.REPLY, "answer")
    await scene.store.receipts.accept(event, scene.clock())
    await scene.accept("after")
    await scene.decide_all()
    assert [words for _, words in await scene.transcript(before.thread)][-3:] == ["before", "answer", "after"]


async def test_threads_do_not_wait_for_each_other(scene: Scene) -> None:
    for session in ("s_1", "s_2", "s_3"):
        await scene.accept("one", session)
        await scene.accept("two", session)
    leases = await scene.store.receipts.claim(scene.clock(), 10)
    assert [lease.row.event["text"] for lease in leases] == ["one", "one", "one"]
    await scene.store.receipts.decide(leases[1], scene.clock())
    [lease] = await scene.store.receipts.claim(scene.clock(), 10)
    assert (lease.row.event["text"], lease.row.lane) == ("two", leases[1].row.lane)


async def test_lines_go_out_one_by_one_in_the_order_they_were_said(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    for words in ("one", "two"):
        await scene.act(case, DeskAction.REPLY, words)
    [head] = await scene.claim_parts()
    assert await scene.claim_parts() == []
    await scene.store.deliveries.finish(head, DeliveryState.DELIVERED, scene.clock())
    assert await scene.deliver_all() == [wording.text(Line.JOINED, operator="Ada"), "one", "two"]


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.REFUSED])
async def test_a_line_that_fails_for_good_lets_the_next_one_go(scene: Scene, state: DeliveryState) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    [head] = await scene.claim_parts()
    await scene.store.deliveries.finish(head, state, scene.clock(), error="gone")
    assert await scene.deliver_all() == [wording.text(Line.JOINED, operator="Ada")]
    thread = (await scene.store.cases.get(case)).thread.id
    states = await scene.store.deliveries.of_messages(thread)
    assert [[fate.state for fate in fates] for fates in states.values()] == [[state], [DeliveryState.DELIVERED]]


async def test_a_slow_lane_does_not_hold_up_another(scene: Scene) -> None:
    for session in ("s_1", "s_2"):
        await scene.say("Hello", session)
        await scene.finish_run(answered(f"Hi {session}"))
    [first, _] = await scene.claim_parts()
    await scene.store.deliveries.retry(first, scene.clock() + 60, "away")
    await scene.say("And?", session="s_2")
    scene.clock.tick(LEASE_SECONDS + 1)
    assert await scene.deliver_all() == ["Hi s_2"]


# Turns


async def test_a_newer_message_supersedes_a_run_that_has_not_spoken(scene: Scene) -> None:
    thread = await scene.say("one")
    old = await scene.claim_run()
    await scene.say("two")
    with pytest.raises(Superseded):
        await scene.store.runs.check(old)
    with pytest.raises(Superseded):
        await scene.store.runs.speak(old, scene.clock())
    new = await scene.claim_run()
    turn = await scene.store.runs.turn(new)
    assert (turn.question, turn.history) == ("one\ntwo", ())
    await scene.store.runs.finish(new, answered("both"), scene.clock())
    assert [words for _, words in await scene.transcript(thread)] == ["one", "two", "both"]
    assert await scene.deliver_all() == ["both"]


async def test_the_result_of_a_superseded_run_is_kept_and_never_sent(scene: Scene) -> None:
    thread = await scene.say("one")
    old = await scene.claim_run()
    await scene.say("two")
    before = await scene.transcript(thread)
    decision = await scene.store.runs.finish(old, answered("too late"), scene.clock())
    assert decision.ignored == "stale"
    assert await scene.transcript(thread) == before
    assert await scene.rows(schema.deliveries) == []
    states = await scene.rows(schema.runs, "state", "result")
    assert [state for state, _ in states] == ["superseded", "waiting"]
    assert states[0][1]["text"] == "too late"
    assert await scene.store.runs.latest_result(thread) is None, "it never counted"


async def test_a_message_while_the_bot_speaks_is_answered_next_and_alone(scene: Scene) -> None:
    thread = await scene.say("one")
    first = await scene.claim_run()
    await scene.store.runs.speak(first, scene.clock())
    await scene.say("two")
    await scene.store.runs.check(first)
    assert await scene.claim_runs() == [], "one run counts at a time"
    await scene.store.runs.finish(first, answered("answer one"), scene.clock())
    assert (await scene.store.thread(thread)).turn_over_up_to == 1
    second = await scene.claim_run()
    turn = await scene.store.runs.turn(second)
    assert turn.question == "two", "what has its answer is not asked again"
    assert [said.text for said in turn.history] == ["one", "answer one"]
    await scene.store.runs.finish(second, answered("answer two"), scene.clock())
    assert [words for _, words in await scene.transcript(thread)] == ["one", "two", "answer one", "answer two"]
    assert (await scene.store.thread(thread)).turn_over_up_to == 2


async def test_a_burst_is_waited_for_as_long_as_the_quiet_window_says(database: Database, clock: ManualClock) -> None:
    scene = Scene(Store(database, quiet=2.0), clock)
    await scene.say("one")
    clock.tick(1.5)
    assert await scene.store.runs.claim(clock(), 5) == []
    await scene.say("two")
    clock.tick(1.5)
    assert await scene.store.runs.claim(clock(), 5) == []
    clock.tick(0.5)
    assert (await scene.store.runs.turn(await scene.claim_run())).question == "one\ntwo"


async def test_one_customers_facts_never_reach_anothers_run(scene: Scene) -> None:
    await scene.say("I ride a Lark 3", session="s_1")
    await scene.finish_run(answered("Noted.", facts=("rides a Lark 3",)))
    await scene.say("Hello", session="s_2")
    assert (await scene.store.runs.turn(await scene.claim_run())).facts == ()
    await scene.say("Hello again", session="s_1")
    turn = await scene.store.runs.turn(await scene.claim_run())
    assert [(fact.text, fact.thread) for fact in turn.facts] == [("rides a Lark 3", turn.thread.id)]


async def test_of_what_is_known_about_a_customer_the_newest_is_kept(scene: Scene) -> None:
    for number in range(MOST_REMEMBERED + 3):
        await scene.say("And this")
        scene.clock.tick(1)
        await scene.finish_run(answered("Noted.", facts=(f"fact {number}",)))
    thread = await scene.say("Hello")
    async with scene.store.database.reading() as connection:
        kept = set(await connection.scalars(select(schema.facts.c.text)))
    assert kept == {f"fact {number}" for number in range(3, MOST_REMEMBERED + 3)}
    assert len(await scene.store.facts_about(await scene.store.thread(thread))) == MOST_REMEMBERED


async def test_what_an_operator_has_forgotten_is_known_no_more_and_only_of_that_customer(scene: Scene) -> None:
    for session, fact in (("s_1", "rides a Lark 3"), ("s_2", "rides a Tern")):
        await scene.say("Hello", session=session)
        await scene.finish_run(answered("Noted.", facts=(fact,)))
    case, other = await scene.hand_off(session="s_1"), await scene.hand_off(session="s_2")
    threads_ = [(await scene.store.cases.get(one)).thread for one in (case, other)]
    [known], [theirs] = [await scene.store.facts_about(thread) for thread in threads_]
    assert (await scene.act(case, DeskAction.FORGET, theirs.id)).state == "refused"
    assert (await scene.act(case, DeskAction.FORGET, known.id)).state == "done"
    assert (await scene.act(case, DeskAction.FORGET, known.id)).state == "refused"
    assert [await scene.store.facts_about(thread) for thread in threads_] == [(), (theirs,)]


async def test_what_was_said_in_short_is_kept_with_its_thread_and_the_newest_counts(scene: Scene) -> None:
    for number in (1, 2):
        await scene.say(f"Question {number}")
        recap = Recap(f"They asked {number} times.", number, ("Delivery",))
        await scene.finish_run(answered("Two days.", recap=recap))
    await scene.say("And by express?")
    assert (await scene.store.runs.turn(await scene.claim_run())).recap == Recap(
        "They asked 2 times.", 2, ("Delivery",)
    )
    await scene.say("Hello", session="s_2")
    assert (await scene.store.runs.turn(await scene.claim_run())).recap is None


async def test_notes_are_not_shown_to_the_bot(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.NOTE, "difficult customer")
    await scene.act(case, DeskAction.HAND_BACK)
    await scene.say("And now?")
    turn = await scene.store.runs.turn(await scene.claim_run())
    assert turn.question == "And now?"
    assert "difficult customer" not in [said.text for said in turn.history]
    assert turn.history[-1].text == wording.text(Line.HANDED_BACK, operator="Ada")


async def test_an_answer_keeps_its_citations(scene: Scene) -> None:
    thread = await scene.say("How long?")
    source = Citation(1, "Returns", "returns.md", "Returns > Time", "30 days")
    await scene.finish_run(answered("30 days [1]", citations=(source,)))
    assert (await scene.store.messages(thread))[-1].citations == (source,)
    result = await scene.store.runs.latest_result(thread)
    assert result
    assert result.citations == (source,)


# Streams


async def test_a_stream_is_a_part_before_its_first_words_and_ends_with_the_whole_message(scene: Scene) -> None:
    thread = await scene.say("Hello")
    run = await scene.claim_run()
    await scene.store.runs.speak(run, scene.clock())
    await scene.store.runs.speak(run, scene.clock())
    assert await scene.rows(schema.deliveries, "kind", "state", "message_id") == [("stream", "waiting", None)]
    current = (await scene.store.thread(thread)).run
    assert current
    assert current.speaking
    assert await scene.store.deliveries.claim(scene.clock(), 5) == [], "its run works it"
    await scene.store.runs.finish(run, answered("Hi"), scene.clock())
    said = (await scene.store.messages(thread))[-1]
    assert await scene.rows(schema.deliveries, "kind", "state", "message_id") == [("text", "waiting", said.id)]
    [part] = await scene.claim_parts()
    assert (await scene.store.deliveries.part(part)).run == run.id, "the channel knows what it was showing"
    await scene.store.deliveries.finish(part, DeliveryState.DELIVERED, scene.clock())
    assert await scene.deliver_all() == [], "it has been read already"


async def test_a_stream_taken_over_from_a_dead_worker_stays_one_part(scene: Scene) -> None:
    thread = await scene.say("Hello")
    await scene.store.runs.speak(await scene.claim_run(), scene.clock())
    scene.clock.tick(LEASE_SECONDS + 1)
    again = await scene.claim_run()
    await scene.store.runs.speak(again, scene.clock())
    await scene.store.runs.finish(again, answered("Hi"), scene.clock())
    assert await scene.deliver_all() == ["Hi"]
    assert await scene.line_states() == ["delivered"]
    assert len(await scene.store.messages(thread)) == 2


@pytest.mark.parametrize("spoken", ["", "The warranty lasts"])
async def test_a_handoff_ends_the_stream_and_its_line_follows(scene: Scene, spoken: str) -> None:
    thread = await scene.say("Hello")
    run = await scene.claim_run()
    await scene.store.runs.speak(run, scene.clock())
    await scene.store.runs.spoken(run)
    result = RunResult(Outcome.HANDED_OFF, spoken, reason=HandoffReason.MODEL_FAILED)
    await scene.store.runs.finish(run, result, scene.clock())
    assert await scene.line_states() == ["waiting", "waiting"]
    line = wording.text(Line.HANDED_OFF_FAILED)
    assert await scene.deliver_all() == ([spoken, line] if spoken else [line])
    shown = [(Author.BOT, spoken)] if spoken else []
    assert (await scene.transcript(thread))[1:] == [*shown, (Author.SYSTEM, wording.text(Line.HANDED_OFF_FAILED))]


async def test_a_failure_that_goes_to_people_closes_the_stream_of_the_run_it_silences(scene: Scene) -> None:
    thread = await scene.say("Hello")
    run = await scene.claim_run()
    await scene.store.runs.speak(run, scene.clock())
    await scene.store.runs.spoken(run)
    await scene.accept("and this breaks")
    [lease] = await scene.store.receipts.claim(scene.clock(), 1)
    await scene.store.receipts.give_up(lease, scene.clock(), "ValueError: broken")
    assert await scene.rows(schema.deliveries, "kind", "state") == [
        ("cut_off", "waiting"),
        ("text", "waiting"),
        ("card", "waiting"),
    ]
    with pytest.raises(Superseded):
        await scene.store.runs.check(run)
    assert (await scene.store.runs.finish(run, answered("late"), scene.clock())).ignored == "stale"
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF_FAILED)]
    assert (await scene.store.thread(thread)).owner.kind is OwnerKind.DESK


async def test_what_the_platform_calls_a_stream_comes_back_with_each_piece_and_with_the_message(scene: Scene) -> None:
    await scene.say("Hello")
    run = await scene.claim_run()
    first = await scene.store.runs.speak(run, scene.clock())
    assert first
    assert first.platform_id == ""
    assert await scene.store.runs.spoken(run, "stream 7")
    second = await scene.store.runs.speak(run, scene.clock())
    assert second
    assert (second.kind, second.key, second.run) == (PartKind.STREAM, first.key, run.id)
    assert second.platform_id == "stream 7"
    await scene.store.runs.spoken(run, "stream 7")
    await scene.store.runs.finish(run, answered("Hi"), scene.clock())
    [whole] = await scene.deliver_parts()
    assert (whole.kind, whole.key, whole.platform_id) == (PartKind.TEXT, first.key, "stream 7")


async def test_a_stream_that_is_cut_off_waits_for_the_piece_on_its_way(scene: Scene) -> None:
    thread = await scene.say("Hello")
    run = await scene.claim_run()
    await scene.store.runs.speak(run, scene.clock())
    await scene.accept("and this breaks")
    [lease] = await scene.store.receipts.claim(scene.clock(), 1)
    await scene.store.receipts.give_up(lease, scene.clock(), "ValueError: broken")
    assert await scene.claim_parts("cut_off") == []
    assert await scene.store.deliveries.on_its_way(thread, scene.clock())
    assert not await scene.store.runs.spoken(run, "stream 7"), "its end waits"
    assert not await scene.store.deliveries.on_its_way(thread, scene.clock())
    end, line = [part for part in await scene.deliver_parts() if part.kind is not PartKind.CARD]
    assert (end.kind, end.platform_id, end.message) == (PartKind.CUT_OFF, "stream 7", None)
    assert line.kind is PartKind.TEXT


@pytest.mark.parametrize("how", ["superseded", "failed", "vanished"])
async def test_a_stream_whose_message_does_not_arrive_is_cut_off(scene: Scene, how: str) -> None:
    thread = await scene.say("Hello")
    run = await scene.claim_run()
    await scene.store.runs.speak(run, scene.clock())
    await scene.store.runs.spoken(run, "stream 7")
    await scene.store.runs.finish(run, answered("Hi"), scene.clock())
    if how != "superseded":
        [part] = await scene.claim_parts()
    if how == "failed":
        await scene.store.deliveries.finish(part, DeliveryState.FAILED, scene.clock(), error="refused")
    else:
        await scene.accept("and this breaks")
        [lease] = await scene.store.receipts.claim(scene.clock(), 1)
        await scene.store.receipts.give_up(lease, scene.clock(), "ValueError: broken")
        scene.clock.tick(LEASE_SECONDS + 1)
    ends = [part for part in await scene.deliver_parts() if part.kind is PartKind.CUT_OFF]
    assert [(end.run, end.platform_id) for end in ends] == [(run.id, "stream 7")]
    states = await scene.rows(schema.deliveries, "key", "state")
    assert (f"stream:{run.id}", "unknown" if how == "vanished" else how) in states
    assert len([said for said in await scene.store.messages(thread) if said.author is Author.BOT]) == 1


# The fence: who may speak


async def test_a_claim_silences_every_bot_line_that_is_not_on_its_way(scene: Scene) -> None:
    thread = await scene.say("one")
    await scene.finish_run(answered("slow answer"))
    await scene.say("I want a person")
    await scene.finish_run(ASKED)
    case = (await scene.store.thread(thread)).case
    assert case
    await scene.act(case, DeskAction.CLAIM)
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF_ASKED), wording.text(Line.JOINED, operator="Ada")]
    assert await scene.line_states() == ["superseded", "delivered", "delivered"]


async def test_an_old_bot_line_never_holds_up_the_line_that_tells_of_the_handoff(scene: Scene) -> None:
    await scene.say("one")
    await scene.finish_run(answered("slow answer"))
    [part] = await scene.claim_parts()
    await scene.store.deliveries.retry(part, scene.clock() + 4, "the platform is away")
    await scene.hand_off()
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF_ASKED)]
    scene.clock.tick(3600)
    assert await scene.deliver_all() == []
    assert await scene.line_states() == ["superseded", "delivered"]


async def test_a_bot_line_on_its_way_at_a_handoff_ends_as_whatever_became_of_it(scene: Scene) -> None:
    await scene.say("one")
    await scene.finish_run(answered("answer"))
    [part] = await scene.claim_parts()
    await scene.hand_off()
    assert await scene.claim_parts() == [], "the lane waits for the one on its way"
    await scene.store.deliveries.finish(part, DeliveryState.DELIVERED, scene.clock())
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF_ASKED)]
    assert await scene.line_states() == ["delivered", "delivered"]


async def test_a_bot_line_that_comes_back_unsent_after_a_handoff_is_not_sent_any_more(scene: Scene) -> None:
    await scene.say("one")
    await scene.finish_run(answered("answer"))
    [part] = await scene.claim_parts()
    await scene.hand_off()
    await scene.store.deliveries.retry(part, scene.clock(), "the platform is away")
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF_ASKED)]
    assert await scene.line_states() == ["superseded", "delivered"]


async def test_a_bot_line_whose_sender_died_before_a_handoff_ends_unknown_and_lets_the_next_go(scene: Scene) -> None:
    await scene.say("one")
    await scene.finish_run(answered("answer"))
    await scene.claim_parts()
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    assert await scene.deliver_all() == []
    scene.clock.tick(LEASE_SECONDS + 1)
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF_ASKED), wording.text(Line.JOINED, operator="Ada")]
    assert await scene.line_states() == ["unknown", "delivered", "delivered"]


async def test_a_bot_line_is_not_claimed_when_the_owner_changes_in_the_middle_of_the_claim(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.say("one")
    await scene.finish_run(answered("answer"))
    end_outdated = scene.store.deliveries._end_outdated

    async def then_the_owner_changes(connection: AsyncConnection, now: float) -> None:
        await end_outdated(connection, now)
        await connection.execute(schema.threads.update().values(epoch=schema.threads.c.epoch + 1))

    with monkeypatch.context() as patch:
        patch.setattr(scene.store.deliveries, "_end_outdated", then_the_owner_changes)
        assert await scene.claim_parts() == []
    assert await scene.deliver_all() == []
    assert await scene.line_states() == ["superseded"]


async def test_operators_lines_go_out_whatever_the_epoch_is_by_then(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    await scene.act(case, DeskAction.REPLY, "my last word")
    await scene.act(case, DeskAction.RESOLVE)
    assert await scene.deliver_all() == [
        wording.text(Line.HANDED_OFF_ASKED),
        wording.text(Line.JOINED, operator="Ada"),
        "my last word",
        wording.text(Line.RESOLVED, operator="Ada"),
        wording.text(Line.SURVEY),
    ]


async def test_a_run_of_an_old_epoch_is_not_claimable_and_its_end_is_kept_and_never_sent(scene: Scene) -> None:
    thread = await scene.say("one")
    held = await scene.claim_run()
    async with scene.store.database.writing("test") as connection:  # as if the owner had changed on its own
        await connection.execute(schema.threads.update().values(epoch=schema.threads.c.epoch + 1))
    scene.clock.tick(LEASE_SECONDS + 1)
    assert await scene.claim_runs() == []
    with pytest.raises(Superseded):
        await scene.store.runs.check(held)
    with pytest.raises(Superseded):
        await scene.store.runs.speak(held, scene.clock())
    before = await scene.transcript(thread)
    assert (await scene.store.runs.finish(held, answered("late"), scene.clock())).ignored == "stale"
    assert await scene.transcript(thread) == before
    [(state, result)] = await scene.rows(schema.runs, "state", "result")
    assert (state, result["text"]) == ("superseded", "late")
    assert await scene.deliver_all() == []


async def test_the_epoch_grows_by_one_with_each_change_of_owner_and_only_then(scene: Scene) -> None:
    case = await scene.hand_off()
    thread = (await scene.store.cases.get(case)).thread.id
    seen = []
    for action, words in (
        (DeskAction.NOTE, "hm"),
        (DeskAction.CLAIM, ""),
        (DeskAction.CLAIM, ""),
        (DeskAction.REPLY, "hi"),
        (DeskAction.RELEASE, ""),
        (DeskAction.HAND_BACK, ""),
    ):
        await scene.act(case, action, words)
        state = await scene.store.thread(thread)
        seen.append((str(state.owner), state.epoch))
    assert seen == [
        ("desk", 1),
        ("operator:o_ada", 2),
        ("operator:o_ada", 2),
        ("operator:o_ada", 2),
        ("desk", 3),
        ("bot", 4),
    ]


async def test_of_two_operators_who_claim_at_once_one_holds_the_case(scene: Scene) -> None:
    case = await scene.hand_off()
    async with another(scene.store.database) as second:
        stores = [scene.store, Store(second)]
        events = [DeskEvent(case, f"claim-{by}", by, NAMES[by], DeskAction.CLAIM) for by in (ADA, BEN)]
        receipts = await asyncio.gather(
            *(store.receipts.accept(event, scene.clock()) for store, event in zip(stores, events, strict=True))
        )
        await scene.decide_all()
    settled = [await scene.store.receipts.get(receipt.id) for receipt in receipts]
    assert sorted(receipt.state for receipt in settled) == ["done", "refused"]
    [winner] = [by for by, receipt in zip((ADA, BEN), settled, strict=True) if receipt.state == "done"]
    assert (await scene.store.cases.get(case)).thread.owner.operator == winner


# Cases and the desk


async def test_a_refused_action_writes_nothing_but_its_reason(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM, by=ADA)
    for action, words, why in (
        (DeskAction.REPLY, "let me", "A colleague holds this case"),
        (DeskAction.CLAIM, "", "A colleague holds this case"),
        (DeskAction.RELEASE, "", "A colleague holds this case"),
        (DeskAction.RESOLVE, "", "A colleague holds this case"),
        (DeskAction.HAND_BACK, "", "A colleague holds this case"),
        (DeskAction.NOTE, " ", "A note needs some text"),
    ):
        before = await scene.everything()
        scene.clock.tick(1)
        receipt = await scene.act(case, action, words, by=BEN)
        assert receipt.state == "refused"
        assert why in receipt.result
        assert await scene.everything() == before


async def test_an_old_case_takes_notes_and_nothing_else_while_there_is_a_newer_one(scene: Scene) -> None:
    old = await scene.hand_off()
    await scene.act(old, DeskAction.HAND_BACK)
    new = await scene.hand_off("Again, please")
    await scene.act(new, DeskAction.CLAIM, by=ADA)
    for action in DeskAction:
        if action not in {DeskAction.NOTE, DeskAction.WRITE}:
            assert (await scene.act(old, action, "words", by=ADA, message=MessageId("m"))).state == "refused", action
    assert (await scene.act(old, DeskAction.NOTE, "for the record", by=BEN)).state == "done"
    assert (await scene.store.cases.get(new)).thread.owner.held_by(ADA)


async def test_a_handoff_opens_one_case_with_what_the_bot_knew_and_one_line_for_the_customer(scene: Scene) -> None:
    thread = await scene.say("My bike is broken")
    result = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.WEAK_GROUNDING, detail="0.2", question="broken bike")
    await scene.finish_run(result)
    [case] = await scene.store.cases.find("open")
    assert (case.reason, case.result, case.thread.id) == (HandoffReason.WEAK_GROUNDING, result, thread)
    assert case.summary == "broken bike"
    assert case.waiting_since == scene.clock()
    assert await scene.transcript(thread) == [
        (Author.CUSTOMER, "My bike is broken"),
        (Author.SYSTEM, wording.text(Line.HANDED_OFF)),
    ]
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF)]
    assert await scene.claim_runs() == []


async def test_a_case_is_open_as_long_as_people_own_its_thread(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    assert [found.id for found in await scene.store.cases.find("open")] == [case]
    await scene.act(case, DeskAction.RESOLVE)
    assert await scene.store.cases.find("open") == []
    [closed] = await scene.store.cases.find("resolved")
    assert (closed.outcome, closed.closed_by, closed.is_open, closed.thread.case) == ("solved", "Ada", False, None)
    scene.clock.tick(7 * DAY + 1)
    again = await scene.hand_off("Still broken")
    assert again != case
    found = await scene.store.cases.find("all")
    assert [(one.id, one.is_open, one.number) for one in found] == [(again, True, 2), (case, False, 1)]


async def test_what_the_customer_says_to_people_is_not_answered_by_the_bot(scene: Scene) -> None:
    case = await scene.hand_off()
    thread = await scene.say("Hello? Anyone?")
    await scene.act(case, DeskAction.CLAIM)
    await scene.say("There you are")
    assert await scene.claim_runs() == []
    state = await scene.store.thread(thread)
    assert state.turn_over_up_to == state.asked_up_to == state.last_seq


async def test_a_case_has_one_waiting_card_however_much_happens(scene: Scene) -> None:
    case = await scene.hand_off()
    cards = [("waiting",)]

    async def states() -> list[tuple[str]]:
        rows = await scene.rows(schema.deliveries, "kind", "state")
        return [(state,) for kind, state in rows if kind == "card"]

    assert await states() == cards
    await scene.act(case, DeskAction.CLAIM)
    await scene.say("Hello?")
    await scene.act(case, DeskAction.NOTE, "hm")
    assert await states() == cards
    [card] = await scene.claim_parts("card")
    assert (await scene.store.deliveries.part(card)).case == case
    await scene.act(case, DeskAction.NOTE, "what the card on its way may not show")
    await scene.act(case, DeskAction.NOTE, "nor this")
    assert await states() == [*cards, *cards]
    assert await scene.claim_parts("card") == [], "one after the other"
    await scene.store.deliveries.finish(card, DeliveryState.DELIVERED, scene.clock())
    [card] = await scene.claim_parts("card")
    await scene.store.deliveries.retry(card, scene.clock() + 4, "away")
    await scene.act(case, DeskAction.NOTE, "a card given back is used again")
    assert await states() == [("delivered",), *cards]


async def test_a_message_that_cannot_be_handled_puts_its_thread_before_people(scene: Scene) -> None:
    receipt = await scene.accept("breaks")
    [lease] = await scene.store.receipts.claim(scene.clock(), 1)
    await scene.store.receipts.give_up(lease, scene.clock(), "ValueError: broken")
    assert (await scene.store.receipts.get(receipt.id)).state == "failed"
    [case] = await scene.store.cases.find("open")
    assert case.reason is HandoffReason.INTERNAL_ERROR
    assert receipt.id in case.result.detail
    assert await scene.deliver_all() == [wording.text(Line.HANDED_OFF_FAILED)]
    assert (await scene.store.backlog())["receipts_failed"] == 1


async def test_what_cannot_be_handled_while_people_own_the_thread_is_a_note_for_them(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    receipt = await scene.accept("breaks")
    [lease] = await scene.store.receipts.claim(scene.clock(), 1)
    await scene.store.receipts.give_up(lease, scene.clock(), "ValueError: broken")
    found = await scene.store.cases.get(case)
    last = (await scene.store.cases.messages(found))[-1]
    assert last.author is Author.NOTE
    assert receipt.id in last.text
    assert found.thread.owner.held_by(ADA)
    assert len(await scene.store.cases.find("open")) == 1


async def test_the_desk_hears_of_every_change_of_a_case(scene: Scene) -> None:
    case = await scene.hand_off()
    opened = scene.clock()
    assert await scene.store.cases.changed_since(opened) == []
    for happens in (
        lambda: scene.act(case, DeskAction.CLAIM),
        lambda: scene.say("Hello?"),
        lambda: scene.act(case, DeskAction.NOTE, "hm"),
        lambda: scene.deliver_all(),
        lambda: scene.act(case, DeskAction.RESOLVE),
    ):
        before = scene.clock()
        scene.clock.tick(1)
        await happens()
        assert await scene.store.cases.changed_since(before) == [(case, scene.clock())]


# Tokens


async def test_of_two_who_redeem_a_ticket_at_once_one_gets_in(scene: Scene) -> None:
    ticket = await scene.store.credentials.issue(Kind.CHAT_TICKET, "s_1", scene.clock(), lasts=30)
    async with another(scene.store.database) as second:
        doors = [scene.store.credentials, Store(second).credentials]
        got = await asyncio.gather(
            *(door.redeem(Kind.CHAT_TICKET, ticket, scene.clock()) for _ in range(5) for door in doors)
        )
    assert sorted(got, key=str) == [None] * 9 + ["s_1"]


async def test_a_ticket_is_good_for_its_kind_and_its_time_only(scene: Scene) -> None:
    tokens = scene.store.credentials
    ticket = await tokens.issue(Kind.CHAT_TICKET, "s_1", scene.clock(), lasts=30)
    assert await tokens.redeem(Kind.DESK_TICKET, ticket, scene.clock()) is None
    assert await tokens.redeem(Kind.CHAT_TICKET, ticket + "x", scene.clock()) is None
    assert await tokens.redeem(Kind.CHAT_TICKET, ticket, scene.clock() + 30) is None
    assert await tokens.redeem(Kind.CHAT_TICKET, ticket, scene.clock() + 29) == "s_1"


async def test_expired_tokens_are_forgotten_and_the_others_stay(scene: Scene) -> None:
    tokens = scene.store.credentials
    await tokens.issue(Kind.CHAT_TICKET, "s_1", scene.clock(), lasts=30)
    session = await tokens.issue(Kind.SESSION, "s_1", scene.clock())
    await tokens.drop_expired(scene.clock() + 31)
    assert await tokens.subject(Kind.SESSION, session, scene.clock()) == "s_1"
    assert await scene.rows(schema.credentials, "kind") == [("session",)]


async def test_tokens_are_not_stored(scene: Scene) -> None:
    _, token = await scene.store.credentials.add_operator("Ada", scene.clock())
    assert token not in str(await scene.rows(schema.credentials))


async def test_a_revoked_operator_is_out_with_every_token_and_may_come_back(scene: Scene) -> None:
    tokens = scene.store.credentials
    ada, token = await tokens.add_operator("Ada", scene.clock())
    ticket = await tokens.issue(Kind.DESK_TICKET, ada.id, scene.clock(), lasts=30)
    found = await tokens.operator(token, scene.clock())
    assert found
    assert (found.id, found.name) == (ada.id, "Ada")
    with pytest.raises(SetupError, match="There is an operator named 'Ada'"):
        await tokens.add_operator(" Ada ", scene.clock())
    await tokens.revoke_operator("Ada", scene.clock())
    assert await tokens.operator(token, scene.clock()) is None
    assert await tokens.redeem(Kind.DESK_TICKET, ticket, scene.clock()) is None
    assert [(one.name, one.active) for one in await tokens.operators()] == [("Ada", False)]
    assert not await tokens.holds_token(ada.id)
    with pytest.raises(SetupError, match="No operator named 'Ada' holds a token"):
        await tokens.revoke_operator("Ada", scene.clock())
    again, fresh = await tokens.add_operator("Ada", scene.clock())
    assert again.id == ada.id
    assert await tokens.operator(token, scene.clock()) is None
    assert await tokens.operator(fresh, scene.clock()) is not None


async def test_of_two_who_add_an_operator_of_one_name_at_once_one_is_told_why_not(scene: Scene) -> None:
    async with another(scene.store.database) as second:
        doors = [scene.store.credentials, Store(second).credentials]
        await asyncio.gather(*(door.operators() for door in doors for _ in range(4)))  # every connection is open
        done = await asyncio.gather(
            *(door.add_operator("Ada", scene.clock()) for door in doors for _ in range(4)), return_exceptions=True
        )
    assert [type(one) for one in done if isinstance(one, Exception)] == [SetupError] * 7
    assert len(await scene.rows(schema.credentials)) == 1


# Migrations


@pytest.fixture
async def empty(database: Database) -> Database:
    """The database of this test, without a table."""
    async with database.writing("test") as connection:
        for metadata in (schema.metadata, kb_metadata):
            await connection.run_sync(metadata.drop_all)
        await connection.execute(text("DROP TABLE alembic_version"))
    return database


async def test_several_replicas_that_start_at_once_migrate_once(empty: Database) -> None:
    assert await current(empty) is None
    replicas = [Database(empty.url) for _ in range(5)]
    try:
        await asyncio.gather(*(migrate(replica) for replica in replicas))
    finally:
        for replica in replicas:
            await replica.close()
    assert await current(empty) == newest()
    await migrate(empty)
    assert set((await Store(empty).backlog()).values()) == {0}


async def test_the_migrated_tables_are_those_the_program_means(database: Database) -> None:
    is_postgres = not database.is_sqlite  # Alembic reads SQLite's own spelling of a default as another one
    async with database.reading() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True, "compare_server_default": is_postgres}),
                [schema.metadata, kb_metadata],  # type: ignore[arg-type]  # alembic takes several
            )
        )
    assert differences == []


async def test_a_claim_says_whether_others_wait_behind_it(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    await scene.deliver_all()
    for words in ("first", "second"):
        await scene.act(case, DeskAction.REPLY, words)
    [first] = await scene.claim_parts()
    assert first.followed
    await scene.store.deliveries.finish(first, DeliveryState.DELIVERED, scene.clock())
    [second] = await scene.claim_parts()
    assert not second.followed


async def test_a_message_that_became_many_posts_is_finished_under_all_their_names(scene: Scene) -> None:
    await scene.say("Hello")
    await scene.finish_run(answered("Hi"))
    [lease] = await scene.claim_parts()
    names = ",".join(f"C0123456789:17000000{number:02}.000100" for number in range(40))
    await scene.store.deliveries.finish(lease, DeliveryState.DELIVERED, scene.clock(), platform_id=names)
    assert await scene.rows(schema.deliveries, "state", "platform_id") == [("delivered", names)]
