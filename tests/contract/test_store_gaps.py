"""Questions the knowledge base did not carry, on every database: counted together, and gone with their thread."""

from dataclasses import replace

import pytest
from sqlalchemy import delete

from core.events import HandoffReason, Outcome, RunResult
from core.gaps import Asked
from core.grounding import Grounding, Passage
from core.ids import ThreadId
from core.store import schema
from core.store.gaps import MOST_ASKED, MOST_LISTED
from core.store.store import Store
from tests.contract.scene import ASKED, DAY, Scene, answered
from tests.support import ManualClock

WEAK = RunResult(Outcome.HANDED_OFF, reason=HandoffReason.WEAK_GROUNDING)
NEAR = Grounding((Passage("p1", "d", "Delivery times", "", "d.md", "Two days.", 1.0),), 0.3, 0.9)


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    """The store of this test, moved by hand."""
    return Scene(store, clock)


async def ask(scene: Scene, words: str, result: RunResult, session: str) -> ThreadId:
    """Ask in a session of its own, and end the run with `result`."""
    thread = await scene.say(words, session)
    await scene.finish_run(replace(result, question=words))
    return thread


async def test_a_question_asked_twice_is_one_gap_with_both_threads_behind_it(scene: Scene) -> None:
    first = await ask(scene, "Do you deliver to Mars?", replace(WEAK, grounding=NEAR), "s_1")
    scene.clock.tick(60)
    second = await ask(scene, "do you  deliver to mars", RunResult(Outcome.DECLINED, "Sorry."), "s_2")
    await ask(scene, "Can I pay in shells?", WEAK, "s_3")
    mars, shells = await scene.store.gaps.since(scene.clock() - DAY)
    assert (mars.question, mars.times, mars.customers, mars.nearest) == ("do you  deliver to mars", 2, 2, "")
    case = (await scene.store.thread(first)).case
    number = (await scene.store.cases.get(case)).number if case else 0
    assert mars.asked == (
        Asked(second, "web", scene.clock(), Outcome.DECLINED),
        Asked(first, "web", scene.clock() - 60, Outcome.HANDED_OFF, case, number),
    )
    assert (shells.times, shells.customers) == (1, 1)


async def test_the_nearest_article_is_named(scene: Scene) -> None:
    await ask(scene, "Do you deliver to Mars?", replace(WEAK, grounding=NEAR), "s_1")
    [gap] = await scene.store.gaps.since(0)
    assert gap.nearest == "Delivery times"


async def test_what_was_answered_or_never_searched_leaves_no_gap(scene: Scene) -> None:
    await ask(scene, "Where are you?", answered("In Leeds."), "s_1")
    await ask(scene, "I want a person", ASKED, "s_2")
    assert await scene.store.gaps.since(0) == []


async def test_whether_anything_was_asked_is_known(scene: Scene) -> None:
    assert not await scene.store.gaps.asked(0)
    await ask(scene, "Where are you?", answered("In Leeds."), "s_1")
    assert await scene.store.gaps.asked(0)
    assert not await scene.store.gaps.asked(scene.clock() + 1)


async def test_only_what_was_asked_lately_is_shown(scene: Scene) -> None:
    await ask(scene, "Do you deliver to Mars?", WEAK, "s_1")
    assert await scene.store.gaps.since(scene.clock() + 1) == []


async def test_a_question_asked_very_often_is_counted_whole_and_named_a_few_times(scene: Scene) -> None:
    for at in range(MOST_ASKED + 2):
        await ask(scene, "Do you deliver to Mars?", WEAK, f"s_{at}")
    [gap] = await scene.store.gaps.since(0)
    assert (gap.times, gap.customers, len(gap.asked)) == (MOST_ASKED + 2, MOST_ASKED + 2, MOST_ASKED)
    assert MOST_LISTED > 1


async def test_what_was_found_is_kept_with_each_question_as_it_was_asked_last(scene: Scene) -> None:
    await ask(scene, "Do you deliver to Mars?", WEAK, "s_1")
    scene.clock.tick(60)
    await ask(scene, "do you deliver to MARS", replace(WEAK, grounding=NEAR), "s_2")
    [missed] = await scene.store.gaps.missed(0)
    assert (missed.question, missed.at, missed.found) == ("do you deliver to MARS", scene.clock(), NEAR)
    assert await scene.store.gaps.missed(scene.clock() + 1) == []


async def test_a_question_that_is_answered_now_goes_and_comes_back_when_it_is_missed_again(scene: Scene) -> None:
    await ask(scene, "Do you deliver to Mars?", WEAK, "s_1")
    await ask(scene, "Can I pay in shells?", WEAK, "s_2")
    [mars, shells] = sorted(await scene.store.gaps.missed(0), key=lambda missed: missed.question, reverse=True)
    scene.clock.tick(60)
    await ask(scene, "Can I pay in shells?", WEAK, "s_3")
    await scene.store.gaps.drop(mars)
    await scene.store.gaps.drop(shells)
    [gap] = await scene.store.gaps.since(0)
    assert (gap.question, gap.times, gap.asked[0].at) == ("Can I pay in shells?", 1, scene.clock())


async def test_a_gap_goes_with_its_thread(scene: Scene) -> None:
    await ask(scene, "Do you deliver to Mars?", RunResult(Outcome.DECLINED, "Sorry."), "s_1")
    others = (schema.deliveries, schema.messages, schema.cases, schema.facts)
    async with scene.store.database.writing("test.erase") as connection:
        for table in others:
            await connection.execute(delete(table))
        await connection.execute(delete(schema.threads))
    assert await scene.rows(schema.gaps) == []
