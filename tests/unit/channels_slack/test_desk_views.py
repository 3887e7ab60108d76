"""Forms, the App Home and the answers of /support: as Slack takes them, and as people read them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.slack.desk import views
from channels.slack.desk.parse import About
from core.case import Case
from core.events import Suggestion
from core.ids import CaseId, MessageId, OperatorId
from core.policy import Policy
from tests.fakes.slack_blocks import complaints_of_message, complaints_of_view
from tests.fakes.slack_text import buttons_of, words_of_blocks
from tests.unit.channels.desk_cases import ADA, FREE, HELD, NOW, RESOLVED, SUGGESTED

ABOUT = About(CaseId("c_1"), "17.1")
POLICY = Policy(unclaimed=600, unanswered=1_800)
NAMES = {ADA: "Ada"}
TEXTS = st.text(max_size=200) | st.sampled_from(["", "<!channel> *x*", "para\n\n" * 2_000, "x" * 9_000])


def words(view: dict[str, Any]) -> str:
    return "\n".join(words for _, words in words_of_blocks(view["blocks"]))


def inputs(view: dict[str, Any]) -> list[str]:
    return [block["element"].get("initial_value", "") for block in view["blocks"] if block["type"] == "input"]


def no_link(case: Case) -> str:
    return ""


def link(case: Case) -> str:
    return f"https://larkfield.slack.com/archives/C1/p{case.number}"


# Forms


def test_a_suggestion_can_be_sent_as_it_is_or_edited() -> None:
    form = views.suggestion(replace(HELD, suggestion=SUGGESTED), ABOUT, "")
    assert complaints_of_view(form) == []
    assert inputs(form) == [SUGGESTED.text]
    assert form["submit"]["text"] == "Send"
    assert "[1] Delivery" in words(form)
    assert "It goes to Kim under your name." in words(form)


def test_who_may_not_send_the_suggestion_can_read_it_and_is_told_why() -> None:
    form = views.suggestion(replace(FREE, suggestion=SUGGESTED), ABOUT, "Claim the case first.")
    assert complaints_of_view(form) == []
    assert inputs(form) == []
    assert "submit" not in form
    assert SUGGESTED.text in words(form)
    assert "Claim the case first." in words(form)


def test_a_suggestion_longer_than_a_field_has_several() -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "word " * 100 for n in range(12)).strip()
    form = views.suggestion(replace(HELD, suggestion=Suggestion(text)), ABOUT, "")
    assert complaints_of_view(form) == []
    joins = About.loads(form["private_metadata"]).joins
    assert len(inputs(form)) == len(joins) + 1 == 3
    assert "".join(piece + join for piece, join in zip(inputs(form), [*joins, ""], strict=True)) == text


@given(TEXTS, TEXTS)
def test_slack_takes_every_form(text: str, name: str) -> None:
    thread = replace(HELD.thread, customer_name=name)
    case = replace(HELD, thread=thread, suggestion=Suggestion(text, SUGGESTED.citations))
    forms = [
        views.suggestion(case, ABOUT, ""),
        views.suggestion(case, ABOUT, "No."),
        views.correct(replace(ABOUT, message=MessageId("m_1")), text),
    ]
    assert [complaints_of_view(form) for form in forms] == [[], [], []]


@pytest.mark.parametrize("form", [views.hint(ABOUT), views.note(ABOUT), views.assign(ABOUT, "U1", {})])
def test_a_form_keeps_what_it_is_about(form: dict[str, Any]) -> None:
    assert complaints_of_view(form) == []
    assert About.loads(form["private_metadata"]) == ABOUT


def test_a_case_is_offered_first_to_who_asks_and_to_colleagues_who_are_not_in_slack() -> None:
    form = views.assign(ABOUT, "U1", {OperatorId(f"o_{n}"): f"Name {n}" for n in range(150)})
    assert complaints_of_view(form) == []
    assert form["blocks"][0]["element"]["initial_user"] == "U1"
    assert form["blocks"][1]["element"]["options"][0]["text"]["text"] == "Name 0"
    assert len(views.assign(ABOUT, "U1", {})["blocks"]) == 1


# Lists


def cases() -> list[Case]:
    late = replace(FREE, number=13, unclaimed_since=NOW - 700, waiting_since=NOW - 700)
    theirs = replace(
        HELD, number=15, thread=replace(HELD.thread, owner=replace(HELD.thread.owner, operator=OperatorId("o_bob")))
    )
    return [replace(HELD, number=14), FREE, late, theirs]


def order(blocks: Sequence[dict[str, Any]]) -> list[str]:
    return [block["text"]["text"].split()[0] for block in blocks if block["type"] == "section" and "text" in block]


def test_the_home_shows_the_own_cases_first_and_the_late_ones_before_others() -> None:
    home = views.home(cases(), ADA, NAMES, NOW, POLICY, link)
    assert complaints_of_view(home) == []
    assert order(home["blocks"]) == ["#14", "#13", "#12", "#15"]
    assert "Open\n4\nYours\n1\nUnclaimed\n2\nOverdue\n1" in words(home)
    assert "Overdue: nobody has claimed it yet" in words(home)
    assert len(buttons_of(home["blocks"])) == 4


def test_a_home_without_cases_says_so() -> None:
    home = views.home([], ADA, NAMES, NOW, POLICY, link)
    assert complaints_of_view(home) == []
    assert "Nothing is waiting." in words(home)


def test_a_home_with_hundreds_of_cases_stays_within_what_slack_shows() -> None:
    home = views.home([replace(FREE, number=n) for n in range(400)], ADA, NAMES, NOW, POLICY, link)
    assert complaints_of_view(home) == []
    assert "And 370 more." in words(home)


def test_everybody_else_is_shown_where_to_write() -> None:
    assert complaints_of_view(views.welcome()) == []
    assert "Messages tab" in words(views.welcome())


@given(TEXTS, TEXTS)
def test_slack_takes_every_answer(name: str, summary: str) -> None:
    case = replace(FREE, summary=summary, thread=replace(FREE.thread, customer_name=name))
    answer = views.answer("Open cases: 40", [case] * 40, NAMES, NOW, POLICY, link)
    assert complaints_of_message(answer["blocks"]) == []
    assert "\u27e6" not in words(answer)
    assert "And 25 more." in words(answer)


def test_an_answer_has_buttons_only_where_a_card_is() -> None:
    assert buttons_of(views.answer("Found", [RESOLVED], NAMES, NOW, POLICY, no_link)["blocks"]) == []
    [button] = buttons_of(views.answer("Found", [RESOLVED], NAMES, NOW, POLICY, link)["blocks"])
    assert button.label == "Open"


def test_help_names_each_command() -> None:
    assert complaints_of_message(views.help_()["blocks"]) == []
    for word in ("mine", "unclaimed", "overdue", "claim 12", "search WORDS"):
        assert word in words(views.help_())
