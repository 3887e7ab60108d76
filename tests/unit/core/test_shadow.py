"""Shadow mode: what the bot would say is suggested to people, and nothing of it reaches a customer."""

from dataclasses import replace

import pytest

from core.decide import decide
from core.effects import OpenCase, Post, SaveDraft, ShowCard, StartDraft
from core.events import CaseOverdue, CustomerSaid, HandoffReason, Outcome, RunEnded, RunResult, RunSlow, Suggestion
from core.messages import Author, Citation
from core.policy import Moment, Policy
from core.shadow import NO_SOURCE, Agreement, agreements, subject_of, would_say
from core.thread import DESK
from tests.unit.core.states import ANSWER, AT_WORK, CASE, HANDOFF, NOW, RUN, WAITING

SHADOW = Moment(NOW, Policy(shadow=True))


@pytest.mark.parametrize("outcome", [Outcome.ANSWERED, Outcome.CLARIFIED, Outcome.DECLINED])
def test_what_the_bot_would_say_is_suggested_on_a_case_and_said_to_nobody(outcome: Outcome) -> None:
    result = replace(ANSWER, outcome=outcome)
    decision = decide(AT_WORK, RunEnded(RUN, AT_WORK.epoch, result), SHADOW)
    assert [effect for effect in decision.effects if isinstance(effect, Post)] == []
    [opened] = [effect for effect in decision.effects if isinstance(effect, OpenCase)]
    assert (opened.result.reason, opened.result.text) == (HandoffReason.SHADOW, "")
    [draft] = [effect for effect in decision.effects if isinstance(effect, SaveDraft)]
    assert draft.suggestion == Suggestion(ANSWER.text, ANSWER.citations)
    thread = decision.thread
    assert (thread.owner, thread.case, thread.last_seq) == (DESK, opened.case, AT_WORK.last_seq)
    assert thread.answered_up_to == AT_WORK.answered_up_to, "the customer waits on"


def test_where_it_would_call_people_its_reason_stands_and_a_reply_is_drafted() -> None:
    decision = decide(AT_WORK, RunEnded(RUN, AT_WORK.epoch, HANDOFF), SHADOW)
    [opened] = [effect for effect in decision.effects if isinstance(effect, OpenCase)]
    assert opened.result.reason == HANDOFF.reason
    assert [type(effect) for effect in decision.effects if not isinstance(effect, OpenCase)] == [StartDraft, ShowCard]


def test_each_message_on_an_open_case_has_its_suggestion() -> None:
    said = decide(WAITING, CustomerSaid("And by express?"), SHADOW)
    [draft] = [effect for effect in said.effects if isinstance(effect, StartDraft)]
    assert draft.case == CASE
    aloud = decide(WAITING, CustomerSaid("And by express?"), Moment(NOW))
    assert not any(isinstance(effect, StartDraft) for effect in aloud.effects)


def test_nobody_apologises_for_an_answer_that_will_not_come_but_people_who_are_late_do() -> None:
    assert decide(AT_WORK, RunSlow(RUN, AT_WORK.epoch), SHADOW).effects == ()
    late = CaseOverdue(CASE, 1, again=False, sentence="It waits.", answered_up_to=WAITING.answered_up_to)
    [line] = [effect for effect in decide(WAITING, late, SHADOW).effects if isinstance(effect, Post)]
    assert line.author is Author.SYSTEM


def test_a_suggestion_is_about_the_article_it_quotes_first() -> None:
    cited = (Citation(1, "Returns", "returns.md", "..."), Citation(2, "Delivery", "delivery.md", "..."))
    assert subject_of(Suggestion("So [1][2]", cited)) == "Returns"
    assert subject_of(Suggestion("So")) == NO_SOURCE
    assert would_say(RunResult(Outcome.ANSWERED, " ")) is None


def test_agreement_is_counted_by_subject_the_most_first() -> None:
    fates = [("Returns", "ignored"), ("Delivery", "used"), ("Delivery", "edited"), ("Delivery", "ignored")]
    assert agreements(fates) == [Agreement("Delivery", 1, 1, 1), Agreement("Returns", 0, 0, 1)]
    assert [round(one.share, 2) for one in agreements(fates)] == [0.67, 0.0]
    assert Agreement("Nothing").share == 0.0
