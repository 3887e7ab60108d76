"""How a message goes out in pieces: none twice, those that were refused in other words, and what is missing is said."""

from collections.abc import Sequence
from typing import Any

import pytest

from channels.parts import case_of, in_pieces, message_of, standing, thread_of
from core.delivery import DeliveryState, Part, PartKind
from core.errors import PermanentError, TemporaryError
from core.ids import DeliveryId

EMPTY = Part(DeliveryId("d_1"), "key", PartKind.TEXT, None, None)


class Platform:
    """Takes pieces, and refuses some of them."""

    def __init__(self, **refused: Exception) -> None:
        self.taken: list[tuple[str, int, int]] = []
        self._refused = refused

    async def take(self, piece: str, number: int, among: int) -> str:
        if error := self._refused.get(piece):
            if isinstance(error, TemporaryError):
                del self._refused[piece]
            raise error
        self.taken.append((piece, number, among))
        return f"id-{piece}"


def simpler(piece: str, error: Exception) -> Sequence[str] | None:
    """Return a piece in two simpler ones, if its refusal was about that."""
    return [f"{piece}1", f"{piece}2"] if str(error) == "too rich" else None


async def sent(platform: Platform, *pieces: str, before: Sequence[str] = ()) -> Any:
    return await in_pieces(pieces, before, platform.take, simpler, ",".join)


async def test_pieces_go_out_in_order_and_have_one_name() -> None:
    platform = Platform()
    assert (await sent(platform, "a", "b")).platform_id == "id-a,id-b"
    assert platform.taken == [("a", 0, 2), ("b", 1, 2)]


async def test_what_was_sent_already_counts_and_is_not_repeated() -> None:
    platform = Platform()
    assert (await sent(platform, "b", before=["id-a"])).platform_id == "id-a,id-b"
    assert platform.taken == [("b", 1, 2)]


async def test_nothing_to_send_is_sent() -> None:
    told = await sent(Platform())
    assert (told.state, told.platform_id) == (DeliveryState.DELIVERED, "")


async def test_a_refused_piece_goes_out_in_other_words() -> None:
    platform = Platform(b=PermanentError("too rich"))
    assert (await sent(platform, "a", "b", "c")).platform_id == "id-a,id-b1,id-b2,id-c"
    assert platform.taken[-1] == ("c", 3, 4)


@pytest.mark.parametrize("error", [PermanentError("gone"), TemporaryError("busy"), OSError("broken")])
async def test_what_befalls_the_first_piece_is_raised(error: Exception) -> None:
    platform = Platform(a=error)
    with pytest.raises(type(error), match=str(error)):
        await sent(platform, "a", "b")
    assert platform.taken == []


async def test_a_later_piece_is_waited_for_and_what_is_missing_for_good_is_said() -> None:
    platform = Platform(b=TemporaryError("busy", retry_after=0.01), c=PermanentError("gone"))
    told = await sent(platform, "a", "b", "c", "d")
    assert (told.state, told.platform_id) == (DeliveryState.PARTIAL, "id-a,id-b")
    assert told.error == "Only 2 of its 4 parts have surely arrived: gone"


@pytest.mark.parametrize("what", [message_of, thread_of, case_of])
def test_what_a_part_lacks_is_a_sentence(what: Any) -> None:
    with pytest.raises(PermanentError, match=r"There is no\w* "):
        what(EMPTY)


def test_a_case_without_a_card_here_is_a_sentence() -> None:
    with pytest.raises(PermanentError, match="no card in this channel"):
        standing(None)
    assert standing("card") == "card"
