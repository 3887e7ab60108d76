"""Ids, owners, results: small values that must not be built wrong."""

import pytest

from core.errors import TemporaryError
from core.events import HandoffReason, Outcome, RunResult
from core.grounding import Passage, documents_of
from core.ids import MessageId, OperatorId, new_id
from core.messages import Author, Message
from core.thread import BOT, DESK, Owner, OwnerKind


def test_ids_tell_their_kind_and_never_repeat() -> None:
    made = {new_id("m") for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(id_.startswith("m_") and len(id_) == 18 for id_ in made)


@pytest.mark.parametrize("owner", [BOT, DESK, Owner(OwnerKind.OPERATOR, OperatorId("o_1"))])
def test_an_owner_is_read_back_as_it_was_written(owner: Owner) -> None:
    assert Owner.parse(str(owner)) == owner


def test_an_owner_that_is_none_is_not_read() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Owner.parse("nobody")


def test_nobody_holds_what_belongs_to_the_bot_or_the_desk() -> None:
    ada = OperatorId("o_1")
    assert [owner.held_by(ada) for owner in (BOT, DESK, Owner(OwnerKind.OPERATOR, ada))] == [False, False, True]


@pytest.mark.parametrize(
    ("outcome", "reason"), [(Outcome.HANDED_OFF, None), (Outcome.ANSWERED, HandoffReason.MODEL_FAILED)]
)
def test_a_handoff_has_a_reason_and_nothing_else_has_one(outcome: Outcome, reason: HandoffReason | None) -> None:
    with pytest.raises(ValueError, match="reason"):
        RunResult(outcome, reason=reason)


@pytest.mark.parametrize("reason", HandoffReason)
def test_every_reason_has_a_sentence_for_operators(reason: HandoffReason) -> None:
    assert reason.sentence.endswith(".")


@pytest.mark.parametrize("author", Author)
def test_the_customer_sees_everything_but_notes(author: Author) -> None:
    assert Message(MessageId("m_1"), 1, author, "", 0.0).for_customer == (author is not Author.NOTE)


def test_documents_are_named_once_in_the_order_found() -> None:
    found = [Passage(str(n), name, "", "", "", "", 0.0) for n, name in enumerate(["b", "a", "b"])]
    assert documents_of(found) == ["b", "a"]


def test_something_away_for_a_while_may_say_for_how_long() -> None:
    assert (TemporaryError("Away.").retry_after, TemporaryError("Away.", retry_after=5).retry_after) == (None, 5)
