"""The bell wakes who listens, forgets nothing between two waits, and keeps nobody who has left."""

import asyncio

from core.bell import Bell

LONG = 30.0


async def test_a_listener_looks_once_before_it_waits() -> None:
    with Bell().listen("t_1") as ear:
        await ear.wait(LONG)


async def test_a_ring_wakes_who_listens_to_its_topic() -> None:
    bell = Bell()
    with bell.listen("t_1") as first, bell.listen("t_2", "t_1") as both, bell.listen("t_3") as other:
        for ear in (first, both, other):
            await ear.wait(LONG)
        bell.ring("t_1", "unheard")
        await asyncio.gather(first.wait(LONG), both.wait(LONG))
        waiting = asyncio.ensure_future(other.wait(LONG))
        await asyncio.sleep(0)
        assert not waiting.done()
        bell.ring("t_3")
        await waiting


async def test_a_ring_between_two_waits_is_not_lost() -> None:
    bell = Bell()
    with bell.listen("t_1") as ear:
        await ear.wait(LONG)
        bell.ring("t_1")
        bell.ring("t_1")
        await ear.wait(LONG)
        waiting = asyncio.ensure_future(ear.wait(LONG))
        await asyncio.sleep(0)
        assert not waiting.done(), "two rings before one look are one"
        waiting.cancel()


async def test_without_a_ring_the_wait_ends_with_its_time() -> None:
    with Bell().listen("t_1") as ear:
        await ear.wait(LONG)
        await ear.wait(0.0)


async def test_who_has_left_is_forgotten() -> None:
    bell = Bell()
    with bell.listen("t_1", "t_2"), bell.listen("t_1"):
        pass
    assert not bell._ears
    bell.ring("t_1")
