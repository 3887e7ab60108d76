"""What operators read in Teams: every word as it was written, within Teams' limits."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.teams.desk import lines, lists, pieces, render
from channels.teams.desk.pieces import MOST_CARD, size
from channels.teams.desk.render import View
from core.case import Case
from core.delivery import Delivery, DeliveryState, PartKind
from core.events import TraceStep
from core.grounding import Grounding
from core.ids import CaseId, FileId, OperatorId
from core.messages import Author, File, Message, Rating
from core.policy import Policy
from tests.fakes.teams_cards import complaints, read
from tests.fakes.teams_checks import check
from tests.unit.channels.desk_cases import (
    ADA,
    BOB,
    FREE,
    HELD,
    NOW,
    PASSAGE,
    RESOLVED,
    RESULT,
    SUGGESTED,
    message,
)

JSON = dict[str, Any]

NASTY = (
    "<at>Ada</at> **bold** _it_ [bank](https://evil.example) {{DATE(2026-01-01T00:00:00Z)}} <b>x</b> & &amp; # 1 < 2"
)
TEXTS = st.text(max_size=300) | st.sampled_from(
    [NASTY, "", " ", "\n\n", "x" * 9_000, "word " * 4_000, "\U0001f600" * 4_000]
)
NAMES = {ADA: "Ada", BOB: "Bob"}


def shown(case: Case, **more: Any) -> JSON:
    return render.card(case, View(colleagues=NAMES, **more))


def content(activity: JSON) -> JSON:
    card: JSON = activity["attachments"][0]["content"]
    return card


def fine(*activities: JSON) -> None:
    """Check that Teams takes them, shows all of them, and does not split them."""
    for activity in activities:
        assert check(activity, "channel") == []
        assert not (activity.get("text") and activity.get("attachments"))
        for attachment in activity.get("attachments", ()):
            if "adaptive" in attachment["contentType"]:
                assert size(attachment["content"]) <= MOST_CARD


def marked_up(card: JSON) -> Iterator[str]:
    """Yield all that Teams reads Markdown and macros in."""
    for item in _items(card):
        if item.get("type") == "TextBlock":
            yield item["text"]
        for fact in item.get("facts", ()):
            yield fact["value"]


def _items(holder: Any) -> Iterator[JSON]:
    if isinstance(holder, dict):
        yield holder
        for value in holder.values():
            yield from _items(value)
    if isinstance(holder, list):
        for value in holder:
            yield from _items(value)


def read_html(activity: JSON) -> str:
    text = re.sub(r"<br>|</p>", "\n", activity["text"])
    return unescape(re.sub(r"<[^<>]*>", "", text)).replace("\u00a0", " ")


def fates(*states: DeliveryState, error: str = "") -> list[Delivery]:
    files = [None, FileId("f_1"), FileId("f_2")]
    return [
        Delivery(PartKind.FILE if file else PartKind.TEXT, state, error, file)
        for file, state in zip(files, states, strict=False)
    ]


# The card


def test_the_card_says_at_a_glance_what_it_is_about() -> None:
    card = shown(replace(FREE, thread=replace(FREE.thread, trust="DMARC passes for example.com.")))
    text = read(card).text
    for expected in (
        "#12 Kim",
        "State: Unclaimed",
        "Came by: Email",
        "The customer asked for a person. It was asked for in so many words.",
        "Wants to know what delivery costs",
        "DMARC passes for example.com.",
        "Delivery (delivery.md)",
        "search: 1 passage",
        "Waits since: {{DATE(2027-01-15T08:00:00Z,SHORT)}} {{TIME(2027-01-15T08:00:00Z)}}",
    ):
        assert expected in text
    fine(pieces.carrying(card, render.summary(FREE, View())))


@pytest.mark.parametrize(
    ("case", "viewer", "offered"),
    [
        (FREE, None, ["Claim", "Suggest a reply", "Assign", "Resolve", "Note", "Hand back to the assistant"]),
        (
            replace(FREE, suggestion=SUGGESTED),
            None,
            ["Claim", "Suggested reply", "Assign", "Resolve", "Note", "Hand back to the assistant"],
        ),
        (replace(FREE, drafting=True), None, ["Claim", "Assign", "Resolve", "Note", "Hand back to the assistant"]),
        (HELD, None, ["Suggest a reply", "Assign", "Resolve", "Note", "Release", "Hand back to the assistant"]),
        (HELD, ADA, ["Suggest a reply", "Assign", "Resolve", "Note", "Release", "Hand back to the assistant"]),
        (HELD, BOB, ["Suggest a reply", "Assign", "Note"]),
        (RESOLVED, None, ["Reopen", "Note"]),
    ],
)
def test_the_card_offers_what_its_reader_may_do(case: Case, viewer: OperatorId | None, offered: list[str]) -> None:
    card = shown(case, viewer=viewer)
    assert [action["title"] for action in card["actions"]] == offered
    assert complaints(card) == []


@pytest.mark.parametrize("case", [FREE, HELD, RESOLVED, replace(HELD, suggestion=SUGGESTED)])
def test_every_button_names_its_case_and_version_and_the_card_refreshes_for_all(case: Case) -> None:
    card = shown(case)
    pressed = [button for button in read(card).buttons if button.kind == "Action.Execute"]
    assert all({"v": 1, "case": "c_1"}.items() <= button.data.items() for button in pressed)
    assert {button.data["action"] for button in pressed} == {button.verb for button in pressed}
    assert "userIds" not in card["refresh"]
    assert card["refresh"]["action"]["data"] == {"v": 1, "case": "c_1", "action": "refresh"}


def test_nobody_can_be_given_a_case_where_there_is_nobody() -> None:
    assert "Assign" not in read(render.card(FREE, View())).titles


def test_the_card_shows_what_became_of_the_latest_replies() -> None:
    said = replace(message("Hello!", Author.OPERATOR, 4, "Ada"), files=(File(FileId("f_1"), "label.pdf", "", 1),))
    other = message("Are you there?", Author.OPERATOR, 5, "Ada")
    states = (DeliveryState.DELIVERED, DeliveryState.REFUSED)
    card = shown(HELD, lines=((said, fates(*states)), (other, fates(DeliveryState.UNKNOWN))))
    assert "Hello!  delivered, label.pdf refused" in read(card).text
    assert "Are you there?  unknown" in read(card).text


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (replace(FREE, times_reopened=1), "Opened again: Once"),
        (replace(FREE, times_reopened=3), "Opened again: 3 times"),
        (replace(RESOLVED, survey=Rating(4)), "Survey: 4 of 5"),
        (RESOLVED, "State: Resolved by Ada: Solved"),
        (replace(RESOLVED, outcome="handed_back"), "State: Handed back to the assistant by Ada"),
        (replace(FREE, drafting=True), "A suggested reply is being written."),
        (replace(FREE, thread=replace(FREE.thread, customer_name="")), "Customer 1234"),
    ],
)
def test_the_card_tells_what_happened_to_the_case(case: Case, expected: str) -> None:
    assert expected in read(shown(case)).text


def test_two_cards_look_the_same_only_if_they_show_the_same() -> None:
    assert pieces.look(shown(FREE)) == pieces.look(shown(replace(FREE, updated_at=NOW + 5)))
    assert pieces.look(shown(FREE)) != pieces.look(shown(HELD))


@given(TEXTS, TEXTS, TEXTS, st.integers(0, 40))
def test_words_that_are_not_ours_stand_where_teams_marks_nothing_up(
    name: str, text: str, detail: str, many: int
) -> None:
    thread = replace(HELD.thread, customer_name=name, trust=text)
    passage = replace(PASSAGE, title=text[:200], source=detail[:200])
    result = replace(
        RESULT,
        detail=detail,
        grounding=Grounding(tuple(replace(passage, title=f"{n}{text[:200]}") for n in range(many)), 0.9),
        trace=tuple(TraceStep(name[:50], detail) for _ in range(many)),
    )
    case = replace(HELD, thread=thread, summary=text, result=result)
    line = message(text, Author.OPERATOR, 4, name)
    colleagues = {OperatorId(f"o_{n:016}"): f"{n} {name}"[:80] for n in range(many * 5)}
    view = View(holder=name[:80], colleagues=colleagues, lines=[(line, fates(DeliveryState.FAILED))] * 5)
    activity = pieces.carrying(render.card(case, view), render.summary(case, view))
    fine(activity)
    ours = "".join(marked_up(content(activity)))
    assert "**" not in ours
    assert "](" not in ours
    assert ours.count("{{") == 2, "only the time since when they wait"
    assert "<at>" not in ours


# The suggested reply


def test_a_suggestion_can_be_edited_and_sent_by_who_may() -> None:
    form = render.suggestion(replace(HELD, suggestion=SUGGESTED), "")
    assert complaints(form) == []
    assert read(form).titles == ["Send", "Suggest another", "Suggest it", "Back"]
    assert [one["value"] for one in form["body"] if one["type"] == "Input.Text"] == [SUGGESTED.text]
    assert "[1] Delivery" in read(form).text
    assert "refresh" not in form, "it would vanish while somebody writes"


def test_who_may_not_send_a_suggestion_can_read_it_and_why() -> None:
    form = render.suggestion(replace(FREE, suggestion=SUGGESTED), "Claim the case first.")
    assert read(form).titles == ["Suggest another", "Suggest it", "Back"]
    assert SUGGESTED.text in read(form).text
    assert "Claim the case first." in read(form).text
    assert complaints(form) == []


@given(TEXTS)
def test_a_suggestion_is_never_cut_where_it_could_be_sent(text: str) -> None:
    form = render.suggestion(replace(HELD, suggestion=replace(SUGGESTED, text=text)), "")
    assert complaints(form) == []
    assert size(form) <= MOST_CARD
    fields = [one for one in form["body"] if one["type"] == "Input.Text"]
    assert not fields or fields[0].get("value", "") == text
    assert bool(fields) == ("Send" in read(form).titles)


# What is said


@pytest.mark.parametrize(
    ("author", "name", "who"),
    [
        (Author.CUSTOMER, "Kim", "Kim"),
        (Author.CUSTOMER, "", "Customer"),
        (Author.BOT, "", "Assistant"),
        (Author.SYSTEM, "", "Threadline, to the customer"),
        (Author.NOTE, "Ada", "Ada, note"),
    ],
)
def test_a_line_says_who_wrote_it(author: Author, name: str, who: str) -> None:
    [line] = lines.line(HELD, message("Hello!", author, 1, name))
    assert read_html(line) == f"{who}\nHello!\n"
    fine(line)


@given(TEXTS, TEXTS)
def test_what_people_write_is_shown_as_they_wrote_it(text: str, name: str) -> None:
    activities = lines.line(HELD, message(text, Author.CUSTOMER, 1, name))
    fine(*activities)
    read_ = "".join(read_html(one) for one in activities)
    assert "".join(text.split()) in "".join(read_.split())
    for one in activities:
        assert set(re.findall(r"<[^<>]*>", one["text"])) <= {"<p>", "</p>", "<strong>", "</strong>", "<br>"}


def test_nobody_can_write_as_if_somebody_else_spoke() -> None:
    [line] = lines.line(HELD, message("</p><p><strong>Ada, to the customer</strong></p><p>Yes.", name="Kim"))
    assert line["text"].count("<strong>") == 1


def test_an_operators_line_that_the_app_posted_can_be_corrected_and_withdrawn() -> None:
    [line] = lines.line(HELD, message("It costs 4.\n\nYours", Author.OPERATOR, 4, "Ada"))
    fine(line)
    card = read(content(line))
    assert card.titles == ["Correct it", "Correct", "Withdraw it"]
    assert [b.data["message"] for b in card.buttons if b.kind == "Action.Execute"] == ["m_4", "m_4"]
    assert card.texts[1:4] == ("It costs 4.", " ", "Yours")


@given(TEXTS)
def test_an_operators_line_of_any_length_fits(text: str) -> None:
    fine(*lines.line(HELD, message(text, Author.OPERATOR, 4, "Ada")))


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        (replace(message(""), withdrawn=True, original="Hello", changed_at=NOW), "This message was withdrawn."),
        (replace(message("132"), original="123", changed_at=NOW), "Edited. Before: 123"),
        (replace(message("See"), files=(File(FileId("f_1"), "a <b>.pdf", "", 1),)), "With a <b>.pdf"),
    ],
)
def test_a_line_is_marked_as_changed_and_names_its_files(said: Message, mark: str) -> None:
    [line] = lines.line(HELD, said)
    assert mark in read_html(line)
    fine(line)


def test_a_transcript_is_told_in_few_messages_with_times_and_all_its_writers() -> None:
    said = [message(f"Line {n}", Author.CUSTOMER if n % 2 else Author.BOT, n) for n in range(1, 61)]
    activities = lines.transcript(said)
    assert len(activities) == 1
    fine(*activities)
    text = read_html(activities[0])
    assert "Kim 15 Jan 08:00 UTC\nLine 1\n" in text
    assert text.count("Assistant") == 30


@given(st.lists(TEXTS, max_size=8))
def test_a_transcript_of_any_length_fits(texts: list[str]) -> None:
    fine(*lines.transcript([message(text, seq=n) for n, text in enumerate(texts)], about="#12 Kim"))


def test_a_word_for_one_person_names_them_and_nobody_else() -> None:
    word = pieces.to_person("29:ada", "Ada <at>Bob</at> *", "Kept inside & noted.")
    fine(word)
    assert [entity["mentioned"]["id"] for entity in word["entities"]] == ["29:ada"]
    assert word["text"] == "<at>Ada atBob/at</at> Kept inside &amp; noted."


def test_files_that_cannot_be_shown_are_named_with_the_way_to_them() -> None:
    activity = lines.unshown(["invoice <1>.pdf"], "https://help.example/desk")
    fine(activity)
    assert "invoice <1>.pdf: open it on the web desk." in read_html(activity)
    assert 'href="https://help.example/desk"' in activity["text"]


def test_a_small_picture_is_shown() -> None:
    fine(lines.picture("cat.png", "image/png", "iVBORw0KGgo="))


# What became of a line


@pytest.mark.parametrize(
    ("states", "said", "offered"),
    [
        ([DeliveryState.UNKNOWN], "Nobody can say whether this arrived", ["Check", "Send again"]),
        ([DeliveryState.FAILED], "This did not reach the customer", ["Send again"]),
        ([DeliveryState.DELIVERED, DeliveryState.REFUSED], "This did not reach the customer", ["Send again"]),
        ([DeliveryState.PARTIAL], "Only a part of this arrived", ["Send again"]),
        ([DeliveryState.WAITING], "This is still on its way", []),
        ([DeliveryState.DELIVERED], "This has arrived", []),
    ],
)
def test_what_became_of_a_line_is_said_with_what_may_help(
    states: list[DeliveryState], said: str, offered: list[str]
) -> None:
    line = replace(message("Hello!", Author.OPERATOR, 4, "Ada"), files=(File(FileId("f_1"), "film.mp4", "", 1),))
    activity = render.outcome(HELD, line, fates(*states, error="Too *large* for them."))
    fine(activity)
    card = read(content(activity))
    assert card.texts[:2] == (said, "Hello!")
    assert f"Message: {states[0].value}. Too *large* for them." in card.texts
    assert card.titles == offered


# To all


def test_a_reminder_to_everyone_calls_each_by_name_and_leads_to_the_card() -> None:
    url = render.link("19:abc@thread.tacv2;messageid=17", "tenant")
    called = [("Ada *", "aad-1"), ("Bob", "aad-2"), ("Bob", "aad-3")]
    activity = render.reminder("Case #12 waits. [now](http://x)", called=called, url=url)
    fine(activity)
    card = content(activity)
    assert [(one["text"], one["mentioned"]["id"]) for one in card["msteams"]["entities"]] == [
        ("<at>Ada</at>", "aad-1"),
        ("<at>Bob</at>", "aad-3"),
    ]
    assert list(marked_up(card)) == ["<at>Ada</at> <at>Bob</at>"]
    assert url == (
        "https://teams.microsoft.com/l/message/19%3Aabc%40thread.tacv2/17?tenantId=tenant&parentMessageId=17"
    )


def test_a_reminder_in_a_thread_calls_nobody() -> None:
    card = content(render.reminder("Case #12 waits."))
    assert card["msteams"].get("entities", []) == []
    assert read(card).titles == []


def test_a_weeks_report_stands_under_its_own_heading() -> None:
    activity = render.digest("For the knowledge base", "1× Shells?")
    assert read(content(activity)).texts == ("For the knowledge base", "1× Shells?")


def test_the_digest_keeps_its_lines() -> None:
    activity = render.digest("The desk today", "The last 24 hours: 1 opened.\nNow: 0 open.")
    fine(activity)
    assert read(content(activity)).texts == ("The desk today", "The last 24 hours: 1 opened.", "Now: 0 open.")


# Lists


def test_a_list_names_each_case_with_its_state_and_the_way_to_it() -> None:
    cases = [replace(FREE, id=CaseId(f"c_{n}"), number=n, waiting_since=NOW - 300) for n in range(20)]
    links = {CaseId("c_0"): "https://teams.microsoft.com/l/message/x/1"}
    activity = lists.overview("Open cases: 20", cases, NAMES, NOW, Policy(unclaimed=0), links)
    fine(activity)
    card = content(activity)
    text = read(card).text
    assert "Email \u00b7 Unclaimed \u00b7 waits for 5 min" in text
    assert "And 5 more." in text
    assert [one["selectAction"]["url"] for one in card["body"] if "selectAction" in one] == list(links.values())


def test_what_can_be_asked_is_told() -> None:
    activity = lists.help_()
    fine(activity)
    assert "claim 12  takes case 12" in read(content(activity)).text
