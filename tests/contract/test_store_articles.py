"""Suggested articles on every database: kept once a case is solved, decided once, gone with their thread."""

import asyncio

import pytest
from sqlalchemy import delete

from core.articles import ArticleState
from core.desk import Operator
from core.errors import Refused
from core.ids import ArticleId, CaseId
from core.messages import DeskAction, Resolution
from core.store import schema
from core.store.store import Store
from tests.contract.scene import ADA, BEN, Scene, another
from tests.support import ManualClock

BY_ADA, BY_BEN = Operator(ADA, "Ada", 0.0), Operator(BEN, "Ben", 0.0)
APPROVED, DROPPED = ArticleState.APPROVED, ArticleState.DROPPED


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    """The store of this test, moved by hand."""
    return Scene(store, clock)


async def answered(scene: Scene, session: str = "s_1", words: str = "Hold the button.") -> CaseId:
    """Return a case that Ada has answered and still holds."""
    case = await scene.hand_off(session=session)
    scene.clock.tick(1)
    await scene.act(case, DeskAction.CLAIM)
    await scene.say("Why does my display stay dark?", session)
    await scene.act(case, DeskAction.REPLY, words)
    return case


async def solved(scene: Scene, session: str = "s_1", words: str = "Hold the button.") -> CaseId:
    """Return a case that Ada has answered and resolved."""
    case = await answered(scene, session, words)
    scene.clock.tick(1)
    await scene.act(case, DeskAction.RESOLVE, outcome=Resolution.SOLVED)
    return case


async def ids(scene: Scene) -> list[ArticleId]:
    """Return what waits."""
    return [one.id for one in await scene.store.articles.waiting()]


async def test_a_solved_case_suggests_what_its_operator_answered(scene: Scene) -> None:
    case = await solved(scene)
    [found] = await scene.store.articles.waiting()
    assert (found.case, found.number, found.by, found.at) == (case, 1, "Ada", scene.clock())
    assert (found.question, found.answer) == ("Why does my display stay dark?", "Hold the button.")
    assert await scene.store.articles.count() == 1


@pytest.mark.parametrize("outcome", [Resolution.UNSOLVED, Resolution.SPAM])
async def test_a_case_that_ended_otherwise_suggests_nothing(scene: Scene, outcome: Resolution) -> None:
    await scene.act(await answered(scene), DeskAction.RESOLVE, outcome=outcome)
    assert (await ids(scene), await scene.store.articles.count()) == ([], 0)


async def test_a_case_that_is_open_again_suggests_nothing_until_it_is_solved_again(scene: Scene) -> None:
    case = await solved(scene)
    first = await ids(scene)
    await scene.act(case, DeskAction.REOPEN)
    assert (await ids(scene), await scene.store.articles.count()) == ([], 0)
    await scene.act(case, DeskAction.REPLY, "Or charge it.")
    await scene.act(case, DeskAction.RESOLVE, outcome=Resolution.SOLVED)
    [found] = await scene.store.articles.waiting()
    assert ([found.id], found.answer) == (first, "Hold the button.\n\nOr charge it.")


@pytest.mark.parametrize("state", [APPROVED, DROPPED])
async def test_what_was_decided_stays_so_when_the_case_is_solved_again(scene: Scene, state: ArticleState) -> None:
    case = await solved(scene)
    await scene.store.articles.decide(await ids(scene), state, BY_ADA, 1.0)
    await scene.act(case, DeskAction.REOPEN)
    await scene.act(case, DeskAction.RESOLVE, outcome=Resolution.SOLVED)
    assert await ids(scene) == []


async def test_an_approved_file_waits_until_it_is_written(scene: Scene) -> None:
    await solved(scene)
    await solved(scene, "s_2")
    both = await ids(scene)
    assert await scene.store.articles.decide(both, APPROVED, BY_ADA, 1.0, file="x-1.md", content="# X") == "x-1.md"
    assert await scene.store.articles.unwritten() == [("x-1.md", "# X")], "once, however many cases are behind it"
    await scene.store.articles.written("x-1.md")
    assert await scene.store.articles.unwritten() == []
    assert {row[0] for row in await scene.rows(schema.articles, "file")} == {"x-1.md"}


async def test_repeating_a_decision_changes_nothing(scene: Scene) -> None:
    await solved(scene)
    waiting = await ids(scene)
    for file in ("x-1.md", "y-1.md"):
        done = await scene.store.articles.decide(waiting, APPROVED, BY_ADA, 1.0, file=file, content=file)
        assert done == "x-1.md"
    assert await scene.store.articles.unwritten() == [("x-1.md", "x-1.md")]


@pytest.mark.parametrize(
    ("first", "second", "by", "sentence"),
    [
        (APPROVED, APPROVED, BY_BEN, "Ada has approved"),
        (DROPPED, APPROVED, BY_BEN, "Ada has dropped"),
        (APPROVED, DROPPED, BY_ADA, "Ada has approved"),
    ],
)
async def test_who_comes_second_is_told_who_decided(
    scene: Scene, first: ArticleState, second: ArticleState, by: Operator, sentence: str
) -> None:
    await solved(scene)
    await solved(scene, "s_2")
    one, other = await ids(scene)
    await scene.store.articles.decide([one], first, BY_ADA, 1.0)
    with pytest.raises(Refused, match=sentence):
        await scene.store.articles.decide([other, one], second, by, 2.0)
    assert await ids(scene) == [other], "all of them or none"


async def test_of_two_operators_who_decide_at_once_one_does(scene: Scene) -> None:
    await solved(scene)
    waiting = await ids(scene)
    async with another(scene.store.database) as second:
        doors = (scene.store.articles, Store(second).articles)
        tasks = [
            door.decide(waiting, APPROVED, by, 1.0, file=f"{by.name}.md", content="x")
            for door, by in zip(doors, (BY_ADA, BY_BEN), strict=True)
        ]
        done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in done if not isinstance(one, str)] == [Refused]
    [(file, _)] = await scene.store.articles.unwritten()
    assert file in done


async def test_a_suggestion_goes_with_its_thread(scene: Scene) -> None:
    await solved(scene)
    waiting = await ids(scene)
    others = (schema.ratings, schema.deliveries, schema.messages, schema.cases, schema.facts)
    async with scene.store.database.writing("test.erase") as connection:
        for table in others:
            await connection.execute(delete(table))
        await connection.execute(delete(schema.threads))
    assert await scene.rows(schema.articles) == []
    with pytest.raises(Refused, match="not there any more"):
        await scene.store.articles.decide(waiting, DROPPED, BY_ADA, 1.0)
    with pytest.raises(Refused, match="not there any more"):
        await scene.store.articles.of(waiting)
