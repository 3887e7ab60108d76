"""A desk that is chosen live, in the store, over SQLite and PostgreSQL: where it is, and the code that moves it."""

import asyncio

import pytest

from core.store import schema
from core.store.desks import CODE_SECONDS, MOST_TRIES, DeskPlace
from core.store.store import Store
from tests.contract.scene import Scene, another
from tests.support import ManualClock

HERE, ELSEWHERE = "19:here@thread.tacv2", "19:elsewhere@thread.tacv2"


@pytest.fixture
def scene(store: Store, clock: ManualClock) -> Scene:
    """A store and its clock."""
    return Scene(store, clock)


def place(scene: Scene, name: str = HERE) -> DeskPlace:
    """Return a place as somebody names it now."""
    return DeskPlace(name, {"service": "https://smba.example/", "scope": "channel"}, scene.clock())


async def test_nobody_has_chosen_at_first_and_a_good_code_chooses_for_every_replica(scene: Scene) -> None:
    desks = scene.store.desks
    assert await desks.place("teams") is None
    code = await desks.offer("teams", scene.clock())
    assert code.isdecimal()
    assert len(code) == 8
    assert await desks.place("teams") is None
    assert await desks.move("teams", code, place(scene))
    async with another(scene.store.database) as second:
        assert await Store(second).desks.place("teams") == place(scene)
    assert await desks.place("slack") is None


async def test_a_code_works_once_and_the_next_one_moves_the_desk(scene: Scene) -> None:
    desks = scene.store.desks
    code = await desks.offer("teams", scene.clock())
    assert await desks.move("teams", code, place(scene))
    assert not await desks.move("teams", code, place(scene, ELSEWHERE))
    assert await desks.place("teams") == place(scene)
    assert await desks.move("teams", await desks.offer("teams", scene.clock()), place(scene, ELSEWHERE))
    assert await desks.place("teams") == place(scene, ELSEWHERE)


async def test_of_two_who_use_a_code_at_once_one_chooses(scene: Scene) -> None:
    code = await scene.store.desks.offer("teams", scene.clock())
    async with another(scene.store.database) as second:
        both = (scene.store.desks, Store(second).desks)
        done = await asyncio.gather(*(desks.move("teams", code, place(scene)) for desks in both))
    assert sorted(done) == [False, True]


async def test_a_new_code_ends_the_one_before_and_none_is_good_for_another_desk(scene: Scene) -> None:
    desks = scene.store.desks
    old, other = await desks.offer("teams", scene.clock()), await desks.offer("another", scene.clock())
    new = await desks.offer("teams", scene.clock())
    assert [await desks.move("teams", code, place(scene)) for code in (old, other, "", new[:-1])] == [False] * 4
    assert await desks.move("teams", new, place(scene))


@pytest.mark.parametrize(("later", "good"), [(CODE_SECONDS - 1, True), (CODE_SECONDS, False)])
async def test_a_code_is_good_for_fifteen_minutes(scene: Scene, later: float, good: bool) -> None:
    code = await scene.store.desks.offer("teams", scene.clock())
    scene.clock.tick(later)
    assert await scene.store.desks.move("teams", code, place(scene)) is good


@pytest.mark.parametrize(("wrong", "good"), [(MOST_TRIES - 1, True), (MOST_TRIES, False)])
async def test_who_guesses_has_a_few_tries_and_then_the_code_is_good_for_nobody(
    scene: Scene, wrong: int, good: bool
) -> None:
    desks = scene.store.desks
    code = await desks.offer("teams", scene.clock())
    guess = f"{(int(code) + 1) % 10**8:08}"
    for _ in range(wrong):
        assert not await desks.move("teams", guess, place(scene, ELSEWHERE))
    assert await desks.move("teams", code, place(scene)) is good
    assert await desks.move("teams", await desks.offer("teams", scene.clock()), place(scene)), "a new one is good again"


async def test_guesses_at_the_same_moment_are_all_counted(scene: Scene) -> None:
    desks = scene.store.desks
    code = await desks.offer("teams", scene.clock())
    guesses = [f"{(int(code) + n) % 10**8:08}" for n in range(1, MOST_TRIES + 1)]
    await asyncio.gather(*(desks.move("teams", guess, place(scene)) for guess in guesses))
    assert not await desks.move("teams", code, place(scene))


async def test_a_code_is_not_stored(scene: Scene) -> None:
    code = await scene.store.desks.offer("teams", scene.clock())
    assert code not in str(await scene.rows(schema.desks))
