"""Messages as posts: whole, in order, within Slack's limits, with what stands around them."""

import re
from dataclasses import replace
from time import process_time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from channels.markdown import cleaned
from channels.slack.render import MOST_CHARACTERS, Labels, Post, closing, plain, posts
from channels.slack.rich.elements import Block
from channels.slack.rich.reading import words
from core.ids import CaseId, MessageId, OperatorId
from core.messages import Author, Citation, Message
from tests.unit.channels_slack.test_rich import CONSTRUCTS, HOSTILE, UNLIKE_TABLES, Words, documents, own, refused

ANSWER = Message(
    MessageId("m_1"),
    2,
    Author.BOT,
    "Two **years** [1].",
    0.0,
    citations=(
        Citation(1, "Warranty", "https://kb.example/w", "Tyres"),
        Citation(2, "Returns", "returns.md"),
        Citation(3, "Evil", "javascript:alert(1)"),
        Citation(4, "", "https://kb.example/x"),
    ),
)
REPLY = Message(MessageId("m_2"), 3, Author.OPERATOR, "Hello", 0.0, name="Ada", operator=OperatorId("op_1"))
LINE = Message(MessageId("m_3"), 4, Author.SYSTEM, "Ada has joined.", 0.0)
SURVEY = Message(MessageId("m_4"), 5, Author.SYSTEM, "How did we do?", 0.0, survey=CaseId("c_9"))
MESSAGES = [ANSWER, REPLY, LINE, SURVEY]


def posted(message: Message) -> list[Post]:
    """Return a message's posts, none of which Slack would refuse."""
    made = posts(message)
    for post in made:
        assert not refused(post.blocks)
        assert 0 < len(post.text) <= 4_000
        assert not re.search("[<>]", post.text)
    return made


def last_resort(message: Message) -> list[str]:
    """Return what is posted of a message where Slack refuses all blocks."""
    return [piece for post in posts(message) for piece in plain(post)]


def read(made: list[Post]) -> str:
    """Return what is read in the posts, without the name and the sources."""
    return "\n\n".join(words([block for block in post.blocks if "block_id" not in block]) for post in made)


def named(made: list[Post], block_id: str) -> list[tuple[int, int, Block]]:
    """Return the blocks of that name: the number of its post, its place in it, and the block."""
    return [
        (number, place - len(post.blocks) if block_id != "by" else place, block)
        for number, post in enumerate(made)
        for place, block in enumerate(post.blocks)
        if block.get("block_id") == block_id
    ]


# What stands around the words


def test_an_answer_has_its_sources_and_its_buttons_below() -> None:
    [post] = posted(ANSWER)
    assert [block.get("block_id") for block in post.blocks] == [None, "sources", "feedback", "person"]
    assert post.text == "Two years [1]."
    assert words(post.blocks[1:2]).split("\n") == [
        "1. Warranty > Tyres (https://kb.example/w)",
        "2. Returns",
        "3. Evil",
        "4. https://kb.example/x",
    ]
    [thumbs], [person] = post.blocks[2]["elements"], post.blocks[3]["elements"]
    assert (thumbs["action_id"], thumbs["positive_button"]["value"], thumbs["negative_button"]["value"]) == (
        "feedback",
        "up:m_1",
        "down:m_1",
    )
    assert (person["action_id"], person["text"]["text"], person["value"]) == ("person", "Talk to a person", "m_1")


def test_the_buttons_speak_the_customers_language() -> None:
    labels = Labels("Hilfreich", "Nicht hilfreich", "Mit einem Menschen sprechen" * 10)
    [post] = posts(ANSWER, labels=labels)
    assert not refused(post.blocks)
    assert post.blocks[2]["elements"][0]["negative_button"]["text"]["text"] == "Nicht hilfreich"


def test_without_an_offer_nobody_is_asked_for_a_person() -> None:
    [post] = posts(ANSWER, offers=False)
    assert [block.get("block_id") for block in post.blocks] == [None, "sources", "feedback"]


def test_what_closes_a_stream_is_what_stands_below_the_words() -> None:
    [post] = posted(ANSWER)
    assert closing(ANSWER) == post.blocks[1:]
    assert closing(LINE) == []


@pytest.mark.parametrize("message", [REPLY, LINE])
def test_only_the_assistants_answers_have_buttons(message: Message) -> None:
    [post] = posted(message)
    assert {block["type"] for block in post.blocks} == {"rich_text"}


def test_an_operator_is_named_in_bold_above_the_words() -> None:
    [post] = posted(REPLY)
    by, said = post.blocks
    assert by["block_id"] == "by"
    assert by["elements"][0]["elements"] == [{"type": "text", "text": "Ada", "style": {"bold": True}}]
    assert words([said]) == "Hello"
    assert post.text == "Ada\nHello"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("*Ada* <!channel>", "*Ada* <!channel>"),
     ("Ada\n\x00Lovelace ", "Ada \ufffdLovelace"), ("x" * 500, "x" * 149 + "…"),
     ("", "Hello")],
)  # fmt: skip
def test_a_name_is_one_line_of_words(name: str, shown: str) -> None:
    [post] = posted(replace(REPLY, name=name))
    assert words(post.blocks[:1]) == shown


def test_without_a_name_there_is_no_empty_line() -> None:
    [post] = posted(replace(REPLY, name=" "))
    assert "block_id" not in post.blocks[0]


def test_a_survey_has_five_buttons() -> None:
    [post] = posted(SURVEY)
    assert words(post.blocks[:1]) == "How did we do?"
    assert [(button["action_id"], button["value"]) for button in post.blocks[1]["elements"]] == [
        (f"survey:{score}", f"c_9:{score}") for score in range(1, 6)
    ]


def test_many_long_sources_leave_room_for_the_words() -> None:
    source = Citation(1, "t" * 5_000, "https://kb.example/" + "u" * 500, "h" * 5_000)
    many = tuple(replace(source, index=index) for index in range(1, 60))
    made = posted(replace(ANSWER, text="word " * 5_000, citations=many))
    [(number, _, block)] = named(made, "sources")
    assert number == len(made) - 1
    assert words([block]).endswith("…")
    assert len(words([block]).split("\n")[0]) < 900


def test_a_source_whose_address_is_too_long_is_no_link() -> None:
    [post] = posted(replace(ANSWER, citations=(Citation(1, "T", "https://kb.example/" + "u" * 3_000),)))
    assert words(post.blocks[1:2]) == "1. T"


# Long messages


def test_a_long_message_arrives_whole_and_in_order() -> None:
    w = Words()
    text = "\n\n".join(f"{w(40)}. {w(30)}!" for _ in range(36))
    assert 20_000 < len(text) < 25_000
    made = posted(replace(REPLY, text=text))
    assert 3 <= len(made) <= 4
    assert read(made).split() == text.split()
    assert [number for number, _, _ in named(made, "by")] == [0]


def test_one_long_word_and_one_long_line_arrive_whole() -> None:
    for text in ("x" * 40_000, "😀" * 20_000, "é" * 20_000, "字" * 20_000, "word " * 4_000):
        made = posted(replace(REPLY, text=text))
        assert "".join(read(made).split()) == "".join(text.split())


def test_an_answers_sources_and_buttons_stand_below_its_last_post_only() -> None:
    made = posted(replace(ANSWER, text="word " * 5_000))
    assert len(made) > 2
    assert [
        (number, place) for name in ("sources", "feedback", "person") for number, place, _ in named(made, name)
    ] == [
        (len(made) - 1, -3),
        (len(made) - 1, -2),
        (len(made) - 1, -1),
    ]


def test_a_long_list_goes_on_counting_in_the_next_post() -> None:
    text = "\n".join(f"{number}. step {number} {'word ' * 40}" for number in range(1, 101))
    made = posted(replace(REPLY, text=text))
    assert len(made) > 2
    steps = re.findall(r"(\d+)\. step (\d+)", read(made))
    assert steps == [(str(number), str(number)) for number in range(1, 101)]


def test_long_code_stays_code_and_keeps_its_lines() -> None:
    lines = [f"{'  ' * (number % 4)}line {number} = 'x' & <y>" for number in range(900)]
    made = posted(replace(REPLY, text="```py\n" + "\n".join(lines) + "\n```"))
    kinds = {element["type"] for post in made for block in post.blocks[-1:] for element in block["elements"]}
    assert kinds == {"rich_text_preformatted"}
    assert [line for line in read(made).split("\n") if line] == lines


def test_a_long_quote_stays_a_quote() -> None:
    made = posted(replace(LINE, text="> " + "word " * 4_000))
    assert {element["type"] for post in made for block in post.blocks for element in block["elements"]} == {
        "rich_text_quote"
    }


def test_a_long_table_repeats_its_head_in_each_post() -> None:
    rows = [f"row{number}" for number in range(250)]
    made = posted(
        replace(LINE, text="before\n\n|Name|Price|\n|-|-|\n" + "\n".join(f"|{row}|5|" for row in rows) + "\n\nafter")
    )
    tables = [block for post in made for block in post.blocks if block["type"] == "table"]
    assert len(tables) == 3
    assert all(words([table]).startswith("Name | Price\n") for table in tables)
    assert re.findall(r"row\d+", read(made)) == rows
    assert read(made).startswith("before")
    assert read(made).endswith("after")


def test_two_small_tables_share_a_post_the_second_in_columns() -> None:
    table = "|Plan|Price|\n|-|-|\n|Pro|5|"
    [post] = posted(replace(LINE, text=f"{table}\n\n{table}"))
    assert [block["type"] for block in post.blocks] == ["table", "rich_text"]


def test_two_wide_tables_have_a_post_each() -> None:
    table = f"|Plan|About|\n|-|-|\n|Pro|{'word ' * 30}|"
    made = posted(replace(LINE, text=f"{table}\n\n{table}"))
    assert [[block["type"] for block in post.blocks] for post in made] == [["table"], ["table"]]


def test_a_table_with_very_long_cells_is_written_out() -> None:
    made = posted(replace(LINE, text=f"|Plan|About|\n|-|-|\n|Pro|{'word ' * 3_000}|"))
    assert read(made).split() == ["Plan:", "Pro", "About:", *["word"] * 3_000]


def test_a_table_of_many_columns_is_written_out() -> None:
    head, rule, row = ("|".join(cells) for cells in (map(str, range(30)), ["-"] * 30, [f"c{n}" for n in range(30)]))
    made = posted(replace(LINE, text=f"|{head}|\n|{rule}|\n|{row}|"))
    assert re.findall(r"c\d+", read(made)) == [f"c{n}" for n in range(30)]


def test_two_hundred_short_blocks_are_shared_out() -> None:
    made = posted(replace(REPLY, text="\n\n".join(f"- item {n}\n\n---" for n in range(200))))
    assert len(made) > 4
    assert re.findall(r"item (\d+)", read(made)) == [str(n) for n in range(200)]


def test_very_many_short_items_are_written_without_markup_rather_than_in_a_hundred_posts() -> None:
    text = "\n".join(f"- i{number}" for number in range(3_000))
    made = posted(replace(REPLY, text=text))
    assert len(made) < 10
    assert read(made).split() == text.replace("-", "•").split()


def test_of_a_megabyte_the_beginning_is_shown() -> None:
    for text in ("word " * 200_000, "|a|b|\n|-|-|\n" + "|1|2|\n" * 8_000, "**a** `b` " * 5_000):
        started = process_time()
        made = posted(replace(REPLY, text=text))
        assert process_time() - started < 10  # seconds; it takes less than two
        assert len(made) <= 22
        assert len(read(made)) <= MOST_CHARACTERS * 2
        assert read(made).endswith("\n…")
        assert all(len(piece) <= 3_900 for post in made for piece in plain(post))


def test_twenty_thousand_characters_take_little_time() -> None:
    w = Words()
    document = "\n\n".join(CONSTRUCTS[kind](w) for kind in UNLIKE_TABLES if not kind.startswith("long"))
    text = (document + "\n\n") * (20_000 // len(document))
    started = process_time()
    posted(replace(ANSWER, text=text))
    assert process_time() - started < 1  # seconds; it takes less than 0.1


# Whatever is said


@settings(deadline=None)
@given(documents(most=12), st.sampled_from(MESSAGES))
def test_every_word_of_every_construct_arrives_in_its_order(document: list[str], message: Message) -> None:
    text = "\n\n".join(document)
    assume(len(text) <= MOST_CHARACTERS)
    made = posted(replace(message, text=text))
    assert own(read(made)) == own(text)
    assert own("\n".join(piece for post in made for piece in plain(post))) == own(text)


@settings(deadline=None, max_examples=40)
@given(documents(sorted(CONSTRUCTS), most=20))
def test_no_word_is_lost_among_long_tables(document: list[str]) -> None:
    text = "\n\n".join(document)
    assume(len(text) <= MOST_CHARACTERS)
    assert list(dict.fromkeys(own(read(posted(replace(LINE, text=text)))))) == own(text)


@settings(deadline=None)
@given(st.one_of(st.text(), HOSTILE), st.sampled_from((1, 3, 60)), st.sampled_from(MESSAGES), st.text())
def test_slack_refuses_nothing_whatever_is_written(text: str, times: int, message: Message, name: str) -> None:
    whole = replace(message, text=text * times, name=name)
    made = posted(whole)
    assert bool(made) is bool(cleaned(text).strip())
    for piece in (piece for post in made for piece in plain(post)):
        assert 0 < len(piece) <= 3_900
        assert not re.search("[<>]", piece)


@settings(deadline=None, max_examples=40)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("P", "S", "C")), min_size=1), st.integers(1, 2_000))
def test_plain_words_come_back_letter_for_letter(word: str, times: int) -> None:
    text = f"{word} " * times
    if len(text) < MOST_CHARACTERS and re.search(r"[^\W\d]", word):
        said = "".join(read(posted(replace(LINE, text=text))).split())
        assert said == "".join(text.split()) or re.match(r"\s*\d", text)


# The last resort


def test_the_last_resort_has_the_name_the_words_and_the_sources() -> None:
    assert last_resort(replace(REPLY, text="a < **b**", citations=ANSWER.citations[:2])) == [
        "Ada\n\na &lt; b\n\n1. Warranty &gt; Tyres (https://kb.example/w)\n2. Returns"
    ]


@pytest.mark.parametrize("sign", ["&", "<", "a&", "wd & "])
def test_the_last_resort_breaks_no_entity(sign: str) -> None:
    pieces = last_resort(replace(LINE, text=sign * 6_000))
    assert len(pieces) > 1
    assert all(re.fullmatch(r"(?:[^&]|&(?:amp|lt|gt);)*", piece) for piece in pieces)
    assert sum(piece.count(";") for piece in pieces) == 6_000


@pytest.mark.parametrize("message", MESSAGES)
def test_nothing_to_read_is_no_post(message: Message) -> None:
    assert posts(replace(message, text=" \n")) == []
