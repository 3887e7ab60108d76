"""The desk's rules as one table: who may do what to a case, and the sentence for everybody else."""

import pytest

from core.desk import MAX_TEXT, allowed, refusal
from core.events import OperatorDid
from core.ids import CaseId, OperatorId
from core.messages import DeskAction
from core.thread import BOT, DESK, Owner, OwnerKind

ADA, BOB = OperatorId("o_ada"), OperatorId("o_bob")
HELD_BY_ADA = Owner(OwnerKind.OPERATOR, ADA)

TABLE = {
    ("unclaimed", ADA): {"claim", "note", "resolve", "hand_back"},
    ("held by Ada", ADA): {"reply", "note", "resolve", "hand_back", "release"},
    ("held by Ada", BOB): {"note"},
    ("resolved", ADA): {"note"},
    ("resolved, and the thread has a new case that Ada holds", ADA): {"note"},
}
OWNERS = {
    "unclaimed": (DESK, True),
    "held by Ada": (HELD_BY_ADA, True),
    "resolved": (BOT, False),
    "resolved, and the thread has a new case that Ada holds": (HELD_BY_ADA, False),
}


def did(action: DeskAction, operator: OperatorId = ADA, text: str = "Hello") -> OperatorDid:
    return OperatorDid(CaseId("c_1"), operator, "Ada", action, text)


@pytest.mark.parametrize(("state", "operator"), TABLE)
def test_a_case_allows_what_the_table_says(state: str, operator: OperatorId) -> None:
    owner, is_open = OWNERS[state]
    actions = allowed(owner, is_open=is_open, operator=operator)
    assert set(actions) == TABLE[state, operator]
    assert len(set(actions)) == len(actions)


@pytest.mark.parametrize(("state", "operator"), TABLE)
@pytest.mark.parametrize("action", DeskAction)
def test_what_is_not_allowed_is_refused_in_a_sentence(state: str, operator: OperatorId, action: DeskAction) -> None:
    owner, is_open = OWNERS[state]
    sentence = refusal(did(action, operator), owner, is_open=is_open)
    assert (sentence is None) == (action in TABLE[state, operator])
    if sentence:
        assert sentence[0].isupper()
        assert sentence.endswith(".")


def test_the_sentence_names_what_would_help() -> None:
    assert "Claim the case first" in str(refusal(did(DeskAction.REPLY), DESK, is_open=True))
    assert "Leave a note" in str(refusal(did(DeskAction.REPLY, BOB), HELD_BY_ADA, is_open=True))
    assert "already" in str(refusal(did(DeskAction.CLAIM), HELD_BY_ADA, is_open=True))
    assert "resolved" in str(refusal(did(DeskAction.REPLY), BOT, is_open=False))


@pytest.mark.parametrize("action", [DeskAction.REPLY, DeskAction.NOTE])
def test_words_are_needed_and_have_a_bound(action: DeskAction) -> None:
    def said(text: str) -> str | None:
        return refusal(did(action, text=text), HELD_BY_ADA, is_open=True)

    assert said("x" * MAX_TEXT) is None
    assert "20,001" in str(said("x" * (MAX_TEXT + 1)))
    assert "needs some text" in str(said(" \n "))
