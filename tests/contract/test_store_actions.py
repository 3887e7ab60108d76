"""Calls of the owner's tools, on every database: one change, one key, one end, whoever works on it and dies."""

from dataclasses import replace
from typing import Annotated

import pytest

from core.actions import CONFIRM_SECONDS, MOST_TRIES, Action, ActionState, Call, Proposal
from core.agent.owned import from_tool
from core.agent.toolbox import Toolbox
from core.errors import Superseded
from core.events import HandoffReason, Outcome, RunResult
from core.ids import ThreadId, ThreadKey
from core.messages import DeskAction, InboundMessage
from core.store import schema
from core.store.leases import LEASE_SECONDS, Lease
from core.store.ledger import RunLedger
from core.store.store import Store
from core.tools import Caller, Secret, Tool
from tests.contract.scene import ASKED, Scene, another, answered
from tests.support import ManualClock

MOVE = Proposal("move", {"to": "Elm", "pin": "7731"}, {"to": "Elm", "pin": "•••"}, "Move it to Elm")
PROPOSED = RunResult(Outcome.CLARIFIED, "Shall I?", proposal=MOVE)
FAILED = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.TOOL_FAILED)


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    """The store of this test, moved by hand."""
    return Scene(store, clock)


async def proposed(scene: Scene) -> ThreadId:
    """Have a change proposed; returns the thread."""
    thread = await scene.say("Move it")
    await scene.finish_run(PROPOSED)
    return thread


async def confirmed(scene: Scene) -> tuple[Lease, Action]:
    """Have a change confirmed; returns the run that is to make it, and the change as it finds it."""
    await proposed(scene)
    await scene.say("yes")
    lease = await scene.claim_run()
    action = (await scene.store.runs.turn(lease)).action
    assert action
    return lease, action


def ledger(scene: Scene, lease: Lease) -> RunLedger:
    """Return the ledger of the run."""
    return RunLedger(scene.store.database, lease, scene.clock)


async def state(scene: Scene) -> list[tuple[str, int]]:
    """Return the state of each call, and how often it was begun."""
    return await scene.rows(schema.actions, "state", "tries")


async def test_a_proposed_change_is_no_runs_business_until_the_customer_says_yes(scene: Scene) -> None:
    await proposed(scene)
    assert await state(scene) == [("proposed", 0)]
    await scene.say("Where is it?")
    assert (await scene.store.runs.turn(await scene.claim_run())).action is None
    assert await state(scene) == [("declined", 0)]


async def test_a_confirmed_change_is_begun_and_settled_once(scene: Scene) -> None:
    lease, action = await confirmed(scene)
    assert (action.state, action.arguments) == (ActionState.CONFIRMED, MOVE.arguments)
    begun = await ledger(scene, lease).begin(action.id)
    assert begun == replace(action, tries=1)
    await ledger(scene, lease).settle(action.id, ActionState.DONE, "Moved.", 12)
    again = await ledger(scene, lease).begin(action.id)
    assert (again.state, again.result, again.tries) == (ActionState.DONE, "Moved.", 1)
    await scene.store.runs.finish(lease, answered("Moved."), scene.clock())
    assert await state(scene) == [("done", 1)]


async def test_a_run_that_died_between_the_commits_leaves_the_same_change_to_the_next(scene: Scene) -> None:
    lease, action = await confirmed(scene)
    await ledger(scene, lease).begin(action.id)
    scene.clock.tick(LEASE_SECONDS + 1)
    again = await scene.claim_run()
    found = (await scene.store.runs.turn(again)).action
    assert found
    assert (found.id, found.state, found.tries) == (action.id, ActionState.CONFIRMED, 1)
    assert (await ledger(scene, again).begin(found.id)).tries == 2


async def test_of_two_replicas_only_the_one_that_holds_the_run_begins_it(scene: Scene) -> None:
    lease, action = await confirmed(scene)
    scene.clock.tick(LEASE_SECONDS + 1)
    async with another(scene.store.database) as second:
        [theirs] = await Store(second).runs.claim(scene.clock(), 5)
        await RunLedger(second, theirs, scene.clock).begin(action.id)
        with pytest.raises(Superseded):
            await ledger(scene, lease).begin(action.id)
    assert await state(scene) == [("confirmed", 1)]


async def test_a_change_is_not_begun_for_ever(scene: Scene) -> None:
    lease, action = await confirmed(scene)
    for n in range(MOST_TRIES):
        assert (await ledger(scene, lease).begin(action.id)).tries == n + 1
    given_up = await ledger(scene, lease).begin(action.id)
    assert given_up.state is ActionState.UNKNOWN
    assert await state(scene) == [("unknown", MOST_TRIES)]


async def test_a_colleague_who_takes_over_ends_it_before_it_is_begun(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    await scene.act(case, DeskAction.HAND_BACK)
    lease, action = await confirmed(scene)
    await scene.act(case, DeskAction.REOPEN)
    with pytest.raises(Superseded):
        await ledger(scene, lease).begin(action.id)
    assert await state(scene) == [("expired", 0)]


async def test_one_that_was_begun_when_a_colleague_took_over_is_of_unknown_fate_until_it_is_known(scene: Scene) -> None:
    case = await scene.hand_off()
    await scene.act(case, DeskAction.CLAIM)
    await scene.act(case, DeskAction.HAND_BACK)
    lease, action = await confirmed(scene)
    await ledger(scene, lease).begin(action.id)
    await scene.act(case, DeskAction.REOPEN)
    assert await state(scene) == [("unknown", 1)]
    await ledger(scene, lease).settle(action.id, ActionState.DONE, "Moved.", 12)
    assert await state(scene) == [("done", 1)]


async def test_a_newer_message_hands_the_change_to_the_newer_run(scene: Scene) -> None:
    lease, action = await confirmed(scene)
    await ledger(scene, lease).begin(action.id)
    await scene.say("Are you there?")
    with pytest.raises(Superseded):
        await ledger(scene, lease).begin(action.id)
    found = (await scene.store.runs.turn(await scene.claim_run())).action
    assert found
    assert found.id == action.id


async def test_a_yes_too_late_finds_it_expired(scene: Scene) -> None:
    await proposed(scene)
    scene.clock.tick(CONFIRM_SECONDS + 1)
    thread = await scene.say("yes")
    assert await state(scene) == [("expired", 0)]
    assert (await scene.store.thread(thread)).pending is None
    assert await scene.claim_runs() == []


async def test_secrets_are_kept_only_while_they_are_needed(scene: Scene) -> None:
    lease, action = await confirmed(scene)
    assert "7731" in str(await scene.rows(schema.actions))
    await ledger(scene, lease).begin(action.id)
    await ledger(scene, lease).settle(action.id, ActionState.DONE, "Moved.", 12)
    await scene.store.runs.finish(lease, answered("Moved."), scene.clock())
    everything = [await scene.rows(table) for table in (schema.actions, schema.runs, schema.threads, schema.messages)]
    assert "7731" not in str(everything)


async def test_the_cards_trace_begins_with_the_calls_of_before(scene: Scene) -> None:
    thread = await scene.say("Where is it?")
    lease = await scene.claim_run()
    await ledger(scene, lease).note(Call("look", {"order": "1042"}, ActionState.DONE, "Packed.", 7))
    await scene.store.runs.finish(lease, answered("Packed."), scene.clock())
    await scene.say("I want a person")
    await scene.finish_run(ASKED)
    case = (await scene.store.thread(thread)).case
    assert case
    [step] = (await scene.store.cases.get(case)).result.trace
    assert (step.step, step.detail) == ("Earlier, called look", "order “1042”: done, 7 ms. Packed.")


async def test_the_calls_of_the_run_that_gives_up_stand_in_its_trace_once(scene: Scene) -> None:
    lease, action = await confirmed(scene)
    await ledger(scene, lease).begin(action.id)
    await ledger(scene, lease).settle(action.id, ActionState.UNKNOWN, "It failed.", 12)
    decision = await scene.store.runs.finish(lease, FAILED, scene.clock())
    assert decision.thread.case
    assert (await scene.store.cases.get(decision.thread.case)).result.trace == ()
    [made] = await scene.store.actions.of_thread(decision.thread.id)
    assert (made.state, made.sentence, made.shown) == (ActionState.UNKNOWN, MOVE.sentence, MOVE.shown)


async def test_a_change_that_nobody_ever_answers_is_forgotten(scene: Scene) -> None:
    await proposed(scene)
    await scene.store.actions.forget_unanswered(scene.clock() - CONFIRM_SECONDS)
    assert await state(scene) == [("proposed", 0)]
    await scene.store.actions.forget_unanswered(scene.clock.tick(CONFIRM_SECONDS + 1) - CONFIRM_SECONDS)
    assert await state(scene) == [("expired", 0)]
    assert "7731" not in str(await scene.rows(schema.actions))


async def test_a_confirmed_change_is_not_made_once_somebody_else_has_written(scene: Scene) -> None:
    called: list[Caller] = []

    async def move(caller: Caller, to: Annotated[str, "Where to"], pin: Annotated[str, "The PIN", Secret]) -> str:
        """Move it."""
        called.append(caller)
        return "Moved."

    def said(words: str, who: str) -> InboundMessage:
        key = ThreadKey("slack", "T", "C:1")
        return InboundMessage(key, f"{who}:{words}", f"slack:T/{who}", words, verified=True)

    for words, who in (("Move it", "KIM"), ("yes", "KIM"), ("What is this about?", "EVE")):
        await scene.enter(said(words, who))
        if words == "Move it":
            await scene.finish_run(PROPOSED)
    lease = await scene.claim_run()
    turn = await scene.store.runs.turn(lease)
    assert turn.action
    toolbox = Toolbox((from_tool(Tool(move, changes=True, sentence="Move it to {to}")),))
    made = await toolbox.make(turn.action, turn, ledger(scene, lease))
    assert (made.state, called) == (ActionState.FAILED, [])
