"""What of a case becomes a suggested article, what stands together, and what is written once it is approved."""

from dataclasses import replace

import pytest

from core.articles import (
    MAX_ANSWER,
    MOST_MISSING,
    ArticleText,
    Proposed,
    SuggestedArticle,
    collect,
    file_name,
    markdown,
    propose,
    title_of,
    weekly,
)
from core.decide import decide
from core.effects import SuggestArticle
from core.events import Outcome
from core.gaps import Asked, Gap
from core.ids import ArticleId, CaseId, MessageId, ThreadId
from core.messages import Author, DeskAction, Message, Resolution
from kb.load import Found, Raw, parse
from tests.unit.core.states import CASE, HELD, MOMENT, WAITING, did, every

OPENED = 10.0
QUESTION = "Why does my display stay dark?"


def said(*lines: tuple[Author, str], at: float = OPENED + 1, name: str = "") -> list[Message]:
    """Return a transcript; operators' lines are Ada's."""
    return [
        Message(MessageId(f"m_{seq}"), seq, author, text, at, name="Ada Byron" if author is Author.OPERATOR else name)
        for seq, (author, text) in enumerate(lines, 1)
    ]


def proposed(*lines: tuple[Author, str], question: str = QUESTION, customer: str = "Maria Lopez") -> Proposed:
    """Return what a transcript suggests, which must be something."""
    found = propose(question, said(*lines), OPENED, customer)
    assert found
    return found


# What becomes one


@pytest.mark.parametrize("outcome", Resolution)
@pytest.mark.parametrize("thread", [WAITING, HELD], ids=["waiting", "held"])
def test_only_a_case_that_was_solved_suggests_an_article(thread: object, outcome: Resolution) -> None:
    decision = decide(thread, did(DeskAction.RESOLVE, outcome=outcome), MOMENT)  # type: ignore[arg-type]
    assert every(decision, SuggestArticle) == ([SuggestArticle(CASE)] if outcome is Resolution.SOLVED else [])


def test_a_case_that_is_handed_back_suggests_none() -> None:
    assert every(decide(HELD, did(DeskAction.HAND_BACK), MOMENT), SuggestArticle) == []


def test_the_answer_is_what_operators_wrote_to_the_customer_in_order_and_nothing_else() -> None:
    lines = said(
        (Author.OPERATOR, "Earlier words."),
        (Author.CUSTOMER, QUESTION),
        (Author.BOT, "A person will look."),
        (Author.OPERATOR, "Hold the button."),
        (Author.NOTE, "He is angry."),
        (Author.OPERATOR, "Wrong line."),
        (Author.SYSTEM, "Ada has joined."),
        (Author.OPERATOR, "  "),
        (Author.OPERATOR, "Then press it again."),
    )
    lines[0] = replace(lines[0], at=OPENED - 1)
    lines[5] = replace(lines[5], withdrawn=True)
    assert propose(QUESTION, lines, OPENED, "") == Proposed(QUESTION, "Hold the button.\n\nThen press it again.")


def test_where_no_person_answered_in_words_there_is_nothing_to_suggest() -> None:
    assert propose(QUESTION, said((Author.CUSTOMER, QUESTION), (Author.BOT, "Hm.")), OPENED, "") is None
    assert propose(QUESTION, said((Author.OPERATOR, " ")), OPENED, "") is None
    assert propose("", said((Author.CUSTOMER, "Hello"), (Author.OPERATOR, "Done.")), OPENED, "") is None


@pytest.mark.parametrize(
    ("question", "customer_said", "asked"),
    [
        (QUESTION, ["I want a person"], QUESTION),
        ("Get me a person: my display stays dark", ["Hello"], "Get me a person: my display stays dark"),
        ("I want to talk to a person", ["I want to talk to a person", "Hi", QUESTION, "It is a Kestrel."], QUESTION),
        ("", ["Thank you!", QUESTION], QUESTION),
    ],
)
def test_the_question_is_the_runs_unless_that_was_only_the_wish_for_a_person(
    question: str, customer_said: list[str], asked: str
) -> None:
    lines = [(Author.CUSTOMER, text) for text in customer_said]
    found = proposed(*lines, (Author.OPERATOR, "Hold the button."), (Author.CUSTOMER, "And now?"), question=question)
    assert found.question == asked


def test_who_asked_the_assistant_and_then_wanted_a_person_has_asked_that() -> None:
    lines = said(
        (Author.CUSTOMER, "Do you sell bells?"),
        (Author.CUSTOMER, QUESTION),
        (Author.CUSTOMER, "I want to talk to a person"),
        (Author.OPERATOR, "Hold the button."),
    )
    before = [replace(line, at=OPENED - 1) for line in lines[:3]]
    found = propose("I want to talk to a person", [*before, lines[3]], OPENED, "")
    assert found == Proposed(QUESTION, "Hold the button.")


# What is the customer's own stays out


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Your card 4111 1111 1111 1111 was charged.", "Your card [card] was charged."),
        ("I wrote to maria@example.com about it.", "I wrote to [email] about it."),
        ("We call you on +49 170 1234567.", "We call you on [phone]."),
        ("Dear Maria, MARIA LOPEZ is the name we have.", "Dear [name], [name] is the name we have."),
        ("Lopezia is a plant, and maria is a word.", "Lopezia is a plant, and maria is a word."),
        ("Order 4711-22 is on its way.", "Order 4711-22 is on its way."),
    ],
)
def test_what_tells_of_the_customer_is_hidden_in_question_and_answer(written: str, kept: str) -> None:
    found = proposed((Author.OPERATOR, written), question=f"About this: {written}")
    assert found == Proposed(f"About this: {kept}", kept)


def test_a_name_in_a_writing_without_capitals_and_spaces_is_hidden_too() -> None:
    found = propose("显示器不亮", said((Author.OPERATOR, "王伟您好请按住按钮")), OPENED, "王伟")
    assert found == Proposed("显示器不亮", "[name]您好请按住按钮")


@pytest.mark.parametrize("customer", ["", "  ", "(", "A", "maria@example.com", "Maria\n[x"])
def test_any_name_can_be_hidden(customer: str) -> None:
    assert proposed((Author.OPERATOR, "Hold the button."), customer=customer).answer == "Hold the button."


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Hi Maria,\n\nHold the button.\n\nKind regards,\nAda", "Hold the button."),
        ("Hello!\nHold the button.\n\nAda Byron", "Hold the button."),
        ("Hi Maria", "Hi [name]"),
        ("Colours are\nred,\ngreen,\nAda", "Colours are\nred,"),
        ("Hold the button.\n\n- Ada", "Hold the button."),
    ],
)
def test_a_letters_greeting_and_name_are_left_out(written: str, kept: str) -> None:
    assert proposed((Author.OPERATOR, written)).answer == kept


def test_an_article_is_not_endless() -> None:
    assert len(proposed((Author.OPERATOR, "x" * 15_000), (Author.OPERATOR, "y" * 15_000)).answer) == MAX_ANSWER


# What stands together


def suggestion(number: int, question: str) -> SuggestedArticle:
    """Return the suggestion of case `number`, which was resolved at that time."""
    return SuggestedArticle(ArticleId(f"a_{number}"), CaseId(f"c_{number}"), number, question, "So.", "Ada", number)


def test_like_questions_stand_together_the_largest_group_first_and_no_chain_makes_one() -> None:
    found = collect(
        [suggestion(number, question) for number, question in enumerate(["20", "10", "11", "12", "13"], 1)],
        lambda one, other: abs(int(one.question) - int(other.question)) <= 2,
    )
    assert [[one.question for one in group.suggestions] for group in found] == [["12", "11", "10"], ["13"], ["20"]]
    assert found[0].question == "12", "a form begins with the newest"


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Why is it dark? I tried twice.", "Why is it dark?"),
        ("One\ntwo", "One"),
        ("word " * 40, ("word " * 15).strip() + "…"),
        ("为什么？不知道", "为什么？不知道"),
    ],
)
def test_a_title_is_a_questions_first_sentence(question: str, title: str) -> None:
    assert title_of(question) == title


# What is written


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Why does it stay dark?", "why-does-it-stay-dark-7.md"),
        ("../../etc/passwd", "etc-passwd-7.md"),
        (".hidden\0\n", "hidden-7.md"),
        ("显示器", "显示器-7.md"),
        ("?!", "article-7.md"),
        ("a_b", "a-b-7.md"),
        ("x" * 300, "x" * 50 + "-7.md"),
    ],
)
def test_a_files_name_is_its_title_and_never_leads_out_of_its_folder(title: str, name: str) -> None:
    assert file_name(title, 7) == name
    assert len(name.encode()) < 255


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("Dark", "Dark"),
        ('The "dark": a \\ display', "The 'dark': a / display"),
        ("'quoted'", "’quoted’"),
        ("--- # x", "--- # x"),
    ],
)
def test_an_article_is_read_by_the_knowledge_base_as_it_was_approved(title: str, read: str) -> None:
    text = markdown(ArticleText(title, QUESTION, "Hold the button.\n\nThen press it."), [17, 12], "2027-01-15", "Ada")
    document = parse(Found("x", None, "x.md", ".md"), Raw(text.encode(), ""))  # type: ignore[arg-type]
    assert document.title == read
    assert document.text == f"## {QUESTION}\n\nHold the button.\n\nThen press it."
    assert 'source: "case #12, #17"\ndate: "2027-01-15"\napproved_by: "Ada"\n' in text


def test_a_long_question_makes_a_short_heading() -> None:
    text = markdown(ArticleText("Dark", "word " * 300, "So."), [1], "", "")
    assert [len(line) < 310 for line in text.splitlines() if line.startswith("## word")] == [True]


def test_a_question_that_is_the_title_stands_there_once() -> None:
    assert markdown(ArticleText(QUESTION, QUESTION, "So."), [1], "", "").count(QUESTION) == 2  # front matter, heading


# The week's report


def gap(times: int, question: str, *numbers: int) -> Gap:
    """Return a gap with the cases `numbers`, and one time without a case."""
    asked = [Asked(ThreadId("t"), "web", 0.0, Outcome.HANDED_OFF, CaseId(f"c_{n}"), n) for n in numbers]
    return Gap(question, times, 1, "", (*asked, Asked(ThreadId("t"), "web", 0.0, Outcome.DECLINED)))


def test_the_report_names_missing_articles_by_their_questions_and_cases() -> None:
    lines = weekly([gap(3, "Do you deliver\nto Mars?", 4, 7), gap(1, "Shells?")], 2).splitlines()
    assert lines == [
        "For the knowledge base",
        "What was asked in the last 7 days and found no article:",
        "3× Do you deliver to Mars? (#4, #7)",
        "1× Shells?",
        "2 suggested articles wait for approval: see Suggested articles on the web desk.",
    ]


def test_the_report_names_ten_and_counts_the_rest() -> None:
    lines = weekly([gap(20 - n, f"Question {n}") for n in range(MOST_MISSING + 2)], 1).splitlines()
    assert [line for line in lines if "×" in line] == [f"{20 - n}× Question {n}" for n in range(MOST_MISSING)]
    assert lines[-2:] == [
        "And 2 more: see Missing articles on the web desk.",
        "1 suggested article waits for approval: see Suggested articles on the web desk.",
    ]


def test_a_week_without_a_gap_says_so() -> None:
    assert weekly([], 0) == "For the knowledge base\nIn the last 7 days every question found an article."
