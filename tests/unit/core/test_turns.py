"""Whose turn it is to write: one at a time, in order, and nobody who left keeps it."""

import asyncio
from random import Random

import pytest

from core.store.turns import Turns


async def test_who_goes_first_passes_those_who_wait_and_each_line_keeps_its_order() -> None:
    turns, had = Turns(), list[str]()

    async def have(name: str, *, first: bool = False) -> None:
        async with turns.turn(first=first):
            had.append(name)
            await asyncio.sleep(0)

    async with turns.turn():
        waiting = [asyncio.create_task(have(name, first=name.isupper())) for name in ("a", "b", "A", "c", "B")]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert had == ["A", "B", "a", "b", "c"]


async def test_who_is_broken_off_at_the_moment_the_turn_comes_hands_it_on() -> None:
    turns = Turns()

    async def have() -> None:
        async with turns.turn():
            pass

    async with turns.turn():
        left, stays = asyncio.create_task(have()), asyncio.create_task(have())
        await asyncio.sleep(0)
        left.cancel()  # it has not run since: its place in the line is still there
    await asyncio.wait_for(stays, 1)
    async with turns.turn():
        left, stays = asyncio.create_task(have()), asyncio.create_task(have())
        await asyncio.sleep(0)
    left.cancel()  # the turn is its own already
    await asyncio.wait_for(stays, 1)


@pytest.mark.parametrize("seed", range(20))
async def test_one_at_a_time_whoever_is_broken_off(seed: int) -> None:
    random, turns, inside = Random(seed), Turns(), 0

    async def have() -> None:
        nonlocal inside
        async with turns.turn(first=random.random() < 0.3):
            inside += 1
            assert inside == 1
            try:
                for _ in range(random.randrange(3)):
                    await asyncio.sleep(0)
            finally:
                inside -= 1

    tasks = [asyncio.create_task(have()) for _ in range(60)]
    for _ in range(80):
        await asyncio.sleep(0)
        if random.random() < 0.5:
            random.choice(tasks).cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    await asyncio.wait_for(have(), 1)
