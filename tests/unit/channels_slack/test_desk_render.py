"""What operators read in Slack: every word as it was written, within Slack's limits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.slack.desk import blocks, lines, render
from channels.slack.desk.blocks import Post
from core.case import Case
from core.delivery import Delivery, DeliveryState, PartKind
from core.events import TraceStep
from core.grounding import Grounding
from core.ids import FileId
from core.messages import Author, File, Rating
from tests.fakes.slack_blocks import complaints_of_message, too_long
from tests.fakes.slack_text import buttons_of, words_of_blocks, words_of_mrkdwn
from tests.unit.channels.desk_cases import FREE, HELD, PASSAGE, RESOLVED, RESULT, SUGGESTED, message

NASTY = "<!channel> <@U1> <https://evil.example|bank> *bold* _it_ ~no~ `x` :bike: & &amp; @here > 1 < 2"
TEXTS = st.text(max_size=300) | st.sampled_from([NASTY, "", " ", "\n\n", "x" * 9_000, "word " * 4_000])


def words(post: Post) -> str:
    return "\n".join(words for _, words in words_of_blocks(post.blocks))


def labels(post: Post) -> list[str]:
    return [button.label for button in buttons_of(post.blocks)]


def check(*posts: Post) -> None:
    """Check that Slack takes the posts, also as a change of one (4,000 characters), and acts on nothing in them."""
    for post in posts:
        assert complaints_of_message(post.blocks) == []
        assert not too_long(post.blocks)
        assert 0 < len(post.text) <= 4_000
        assert "\u27e6" not in words_of_mrkdwn(post.text), "nothing in it is a mention"
        assert not any("\u27e6" in words for _, words in words_of_blocks(post.blocks) if "date" not in words)


def fates(*states: DeliveryState, error: str = "") -> list[Delivery]:
    files = [None, FileId("f_1"), FileId("f_2")]
    return [
        Delivery(PartKind.FILE if file else PartKind.TEXT, state, error, file)
        for file, state in zip(files, states, strict=False)
    ]


# The card


def test_the_card_says_at_a_glance_what_it_is_about() -> None:
    card = render.card(replace(FREE, thread=replace(FREE.thread, trust="DMARC passes for example.com.")))
    shown = words(card)
    for expected in (
        "#12 Kim",
        "Unclaimed",
        "Email",
        "The customer asked for a person. It was asked for in so many words.",
        "Wants to know what delivery costs",
        "DMARC passes for example.com.",
        "Delivery (delivery.md)",
        "search: 1 passage",
    ):
        assert expected in shown
    assert "#12 Kim" in card.text
    assert "Wants to know" in card.text
    check(card)


@pytest.mark.parametrize(
    ("case", "offered"),
    [
        (FREE, ["Claim", "Suggest a reply", "Assign"]),
        (replace(FREE, suggestion=SUGGESTED), ["Claim", "Suggested reply", "Assign"]),
        (replace(FREE, drafting=True), ["Claim", "Assign"]),
        (HELD, ["Suggest a reply", "Release", "Assign"]),
        (replace(HELD, suggestion=SUGGESTED, drafting=True), ["Suggested reply", "Release", "Assign"]),
        (RESOLVED, ["Reopen"]),
    ],
)
def test_the_buttons_are_those_that_help_now(case: Case, offered: list[str]) -> None:
    ends = ["Solved", "Could not be solved", "Needs no answer", "Duplicate", "Spam"] if case.is_open else []
    more = ["Have another reply suggested", "Hand back to the assistant"] if case.is_open else []
    assert labels(render.card(case)) == [*offered, *ends, "Write a note", *more]
    assert all("c_1" in button.value for button in buttons_of(render.card(case).blocks))


@pytest.mark.parametrize(
    ("case", "state"),
    [
        (FREE, "Unclaimed"),
        (HELD, "Held by Ada"),
        (RESOLVED, "Resolved by Ada: Solved"),
        (replace(RESOLVED, outcome="no_reply"), "Resolved by Ada: Needs no answer"),
        (replace(RESOLVED, outcome="handed_back"), "Handed back to the assistant by Ada"),
    ],
)
def test_the_card_says_who_has_the_case(case: Case, state: str) -> None:
    assert f"State\n{state}" in words(render.card(case, holder="Ada"))


def test_the_card_says_what_is_late_reopened_and_judged() -> None:
    case = replace(HELD, times_reopened=2, survey=Rating(4))
    shown = words(render.card(case, holder="Ada", overdue="unanswered"))
    assert "Overdue\nThe customer waits for an answer" in shown
    assert "Opened again\n2 times" in shown
    assert "Survey\n4 of 5" in shown
    assert "Opened again\nOnce" in words(render.card(replace(FREE, times_reopened=1)))


def test_a_card_that_looks_the_same_has_the_same_name_for_its_look() -> None:
    assert render.card(FREE).look == render.card(replace(FREE, updated_at=5.0)).look
    assert render.card(FREE).look != render.card(HELD, holder="Ada").look
    assert render.card(FREE).look != render.card(FREE, overdue="unclaimed").look


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_whatever_stands_on_a_card_slack_takes_it_and_shows_it_letter_by_letter(
    name: str, summary: str, detail: str, holder: str
) -> None:
    passages = tuple(replace(PASSAGE, title=summary, source=detail) for _ in range(20))
    trace = tuple(TraceStep("step", detail) for _ in range(30))
    result = replace(RESULT, detail=detail, grounding=Grounding(passages), trace=trace)
    thread = replace(HELD.thread, customer_name=name, trust=detail)
    card = render.card(replace(HELD, summary=summary, result=result, thread=thread), holder=holder)
    check(card)


def test_nothing_a_customer_is_called_or_writes_acts_on_the_desk() -> None:
    thread = replace(FREE.thread, customer_name=NASTY)
    shown = words(render.card(replace(FREE, summary=NASTY, thread=thread)))
    assert shown.count(NASTY) == 2, "the name and the summary"


# What is said


def test_the_transcript_says_who_said_what() -> None:
    said = [
        message("How much?", Author.CUSTOMER, 1),
        message("Four pounds. [1]", Author.BOT, 2, ""),
        message("A colleague will answer.", Author.SYSTEM, 3, ""),
        message("They called.", Author.NOTE, 4, "Bob"),
        message("It is four.", Author.OPERATOR, 5, "Ada"),
    ]
    [post] = lines.transcript(said)
    parts = dict(words_of_blocks(post.blocks))
    assert [parts[f"words-{n}-0"] for n in range(5)] == [one.text for one in said]
    names = ["Kim", "Assistant", "Threadline, to the customer", "Bob, note", "Ada, to the customer"]
    assert [parts[f"who-{n}"].partition("\u27e6")[0].strip() for n in range(5)] == names
    assert "Kim:\nHow much?" in post.text


@given(st.lists(TEXTS, max_size=60), st.sampled_from(Author))
def test_a_transcript_of_any_length_comes_in_posts_that_slack_takes(texts: list[str], author: Author) -> None:
    said = [message(text, author, seq) for seq, text in enumerate(texts)]
    check(*lines.transcript(said))


def test_a_long_message_is_whole_in_a_line_and_says_where_it_is_cut_in_a_transcript() -> None:
    text = "A sentence of eight words stands here, yes. " * 500
    posts = lines.line(FREE, message(text))
    check(*posts)
    assert len(posts) == 3
    read = " ".join(w.strip() for post in posts for name, w in words_of_blocks(post.blocks) if name.startswith("words"))
    assert read == text.strip()
    [cut] = lines.transcript([message(text)])
    assert "This message is longer; the web desk has all of it." in words(cut)


def test_a_changed_line_says_that_it_was_changed() -> None:
    edited = replace(message("Order 132"), original="Order 123", changed_at=1.0)
    assert "Edited. Before: Order 123" in words(lines.line(FREE, edited)[0])
    withdrawn = replace(message(""), original="Order 123", changed_at=1.0, withdrawn=True)
    [gone] = lines.line(FREE, withdrawn)
    assert "This message was withdrawn." in words(gone)
    assert "Order 123" not in words(gone) + gone.text


def test_files_are_named_at_the_line() -> None:
    file = File(FileId("f_1"), "invoice.pdf", "application/pdf", 3)
    [post] = lines.line(FREE, replace(message(""), files=(file,)))
    assert "With invoice.pdf" in words(post)
    check(post)


def test_what_the_app_posted_for_an_operator_can_be_corrected_there() -> None:
    [line] = lines.line(HELD, message("Four.", Author.OPERATOR, 5, "Ada"))
    assert [(b.label, b.value) for b in buttons_of(line.blocks)] == [
        ("Correct it", "correct c_1 m_5"),
        ("Withdraw it", "withdraw c_1 m_5"),
    ]
    for author in (Author.CUSTOMER, Author.NOTE):
        assert labels(lines.line(HELD, message("Four.", author))[0]) == []
    assert labels(lines.transcript([message("Four.", Author.OPERATOR)])[0]) == []


# What became of a line

D, W, F, U, R, S, P = (
    DeliveryState.DELIVERED,
    DeliveryState.WAITING,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
    DeliveryState.REFUSED,
    DeliveryState.SUPERSEDED,
    DeliveryState.PARTIAL,
)


@pytest.mark.parametrize(
    ("states", "mark"),
    [
        ([D], render.DELIVERED),
        ([D, D], render.DELIVERED),
        ([D, W], render.WAITING),
        ([D, R], render.TROUBLE),
        ([F, W], render.TROUBLE),
        ([U], render.TROUBLE),
        ([P], render.TROUBLE),
        ([S], ""),
        ([], render.WAITING),
    ],
)
def test_a_line_is_marked_with_the_worst_that_became_of_it(states: Sequence[DeliveryState], mark: str) -> None:
    assert render.mark(fates(*states)) == mark


@pytest.mark.parametrize(
    ("states", "says", "offered"),
    [
        ([F], "This did not reach the customer", ["Send again"]),
        ([U], "Nobody can say whether this arrived", ["Check", "Send again"]),
        ([D, R], "This did not reach the customer", ["Send again"]),
        ([P], "Only a part of this arrived", ["Send again"]),
        ([W], "This is still on its way", []),
        ([D, D], "This has arrived", []),
    ],
)
def test_a_notice_says_what_became_of_each_part_and_what_helps(
    states: list[DeliveryState], says: str, offered: list[str]
) -> None:
    film = File(FileId("f_1"), "film.mp4", "video/mp4", 3)
    line = replace(message("Your film.", Author.OPERATOR, 5, "Ada"), files=(film,))
    post = render.outcome(HELD.id, line, fates(*states, error="Too large."))
    check(post)
    lines = words(post).split("\n")
    assert lines[:2] == [says, "Your film."]
    assert lines[2] == f"\u2022 Message: {states[0].value}. Too large."
    if len(states) > 1:
        assert lines[3] == f"\u2022 film.mp4: {states[1].value}. Too large."
    assert labels(post) == offered
    assert all(button.value == "c_1 m_5" for button in buttons_of(post.blocks))


@given(TEXTS, TEXTS)
def test_whatever_went_wrong_slack_takes_the_notice(text: str, error: str) -> None:
    check(render.outcome(HELD.id, message(text, Author.OPERATOR), fates(F, U, R, error=error)))


# To all, and to one


def test_a_reminder_calls_everyone_only_when_it_is_meant_to() -> None:
    text = f"Case #12 is unclaimed since 10 min: {NASTY}"
    check(render.reminder(text))
    loud = render.reminder(text, everyone=True, url="https://larkfield.slack.com/archives/C1/p1")
    assert words(loud) == f"\u27e6!here\u27e7 {text}"
    assert loud.text.startswith("<!here> ")
    assert loud.text.count("<!") == 1
    assert labels(loud) == ["Open the case"]
    assert complaints_of_message(loud.blocks) == []


@given(TEXTS)
def test_the_digest_and_private_words_are_shown_as_they_are(text: str) -> None:
    check(render.digest("The desk today", text), render.verbatim(text or "-"))


@pytest.mark.parametrize("heading", ["The desk today", "For the knowledge base"])
def test_a_digest_stands_under_its_own_heading(heading: str) -> None:
    post = render.digest(heading, "1 open.")
    assert [block["text"]["text"] for block in post.blocks if block["type"] == "header"] == [heading]
    assert post.text == f"{heading}\n1 open."


def test_times_are_shown_in_each_readers_own_zone() -> None:
    assert blocks.when(1_800_000_000.9) == "<!date^1800000000^{date_short_pretty}, {time}|some time ago>"


def test_words_for_notifications_stay_within_what_an_update_takes() -> None:
    post: Any = render.verbatim("&" * 5_000)
    assert len(post.text) < 4_000
    assert post.text.startswith("&amp;&amp;")
