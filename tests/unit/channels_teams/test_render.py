"""Messages as activities: whole, in order, within Teams' limits, with what stands around them."""

import re
from dataclasses import replace
from json import dumps
from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from channels.teams.render import (
    MOST_CHARACTERS,
    Activity,
    Labels,
    Scope,
    activities,
    edited,
    ended,
    final,
    last_resort,
    last_resort_of,
)
from channels.teams.rich.elements import size
from channels.teams.text import plain, streamed
from core.ids import CaseId, MessageId, OperatorId
from core.messages import Author, Citation, Message
from core.phrases import wants_person
from core.wording import LANGUAGES, Line, text
from tests.fakes.teams_checks import check
from tests.unit.channels_slack.test_rich import CONSTRUCTS, HOSTILE, Words, documents, own

ANSWER = Message(
    MessageId("m_1"),
    2,
    Author.BOT,
    "Two **years** [1], five in [2].",
    0.0,
    citations=(
        Citation(1, "Warranty", "https://kb.example/w", "Tyres", "The warranty\nis **two** years. " * 20),
        Citation(2, "Returns " * 30, "returns.md"),
        Citation(3, "[1] *Evil* <at>", "javascript:alert(1)"),
        Citation(4, "", "https://kb.example/x_y"),
    ),
)
REPLY = Message(MessageId("m_2"), 3, Author.OPERATOR, "Hello", 0.0, name="Ada", operator=OperatorId("op_1"))
LINE = Message(MessageId("m_3"), 4, Author.SYSTEM, "Ada has joined.", 0.0)
SURVEY = Message(MessageId("m_4"), 5, Author.SYSTEM, "How did we do?", 0.0, survey=CaseId("c_9"))
MESSAGES = [ANSWER, REPLY, LINE, SURVEY]
SCOPES: tuple[Scope, ...] = get_args(Scope)
KINDS: dict[Scope, str] = {"personal": "personal", "group": "groupChat", "channel": "channel"}


def sent(message: Message, scope: Scope = "personal", *, offers: bool = True) -> list[Activity]:
    """Return a message's activities, of which Teams neither refuses nor leaves out anything."""
    made = activities(message, language="en", scope=scope, offers=offers)
    for one in made:
        fine(one, scope)
    return made


def fine(activity: Activity, scope: Scope = "personal") -> None:
    """Assert that Teams takes an activity as it is, and within the size that is recommended."""
    assert check(activity, KINDS[scope]) == []
    assert len(dumps(activity, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) <= 80 * 1024
    assert "<at" not in dumps(activity).lower()


def entity(activity: Activity) -> Activity:
    """Return what an activity says of itself in the words of schema.org; {} if nothing."""
    return next((one for one in activity.get("entities", ()) if one["type"] == "https://schema.org/Message"), {})


def read(made: list[Activity]) -> str:
    """Return what is read in the activities, cards too."""
    return "\n\n".join(_words(one) for one in made)


def _words(activity: Activity) -> str:
    if "text" in activity:
        return plain(activity["text"])
    [card] = [one["content"] for one in activity["attachments"]]
    return "".join(run["text"] for block in card["body"] for run in block["inlines"])


# What stands around the words


def test_an_answer_is_labelled_cites_its_sources_and_asks_for_a_judgement() -> None:
    [one] = sent(ANSWER)
    assert one["type"] == "message"
    assert one["textFormat"] == "markdown"
    assert one["text"].startswith("Two **years** [1], five in [2].\n\n")
    assert entity(one)["additionalType"] == ["AIGeneratedContent"]
    assert one["channelData"] == {"feedbackLoop": {"type": "default"}}
    first, second = entity(one)["citation"]
    assert first["position"] == 1
    assert first["appearance"]["name"] == "Warranty > Tyres"
    assert first["appearance"]["url"] == "https://kb.example/w"
    assert first["appearance"]["abstract"].startswith("The warranty is two years. The")
    assert len(first["appearance"]["abstract"]) <= 160
    assert second["appearance"].keys() == {"@type", "name"}
    assert len(second["appearance"]["name"]) <= 80


def test_sources_that_the_words_do_not_cite_are_listed_below() -> None:
    [one] = sent(ANSWER)
    assert one["text"].split("\n\n")[1] == (
        "3\\. \\[1\\] \\*Evil\\* &lt;at&gt;  \n4\\. [https://kb.example/x\\_y](https://kb.example/x_y)"
    )


def test_a_person_can_be_called_by_a_suggestion_in_a_personal_chat() -> None:
    [one] = activities(ANSWER, language="de", scope="personal", labels=Labels("Mit einem Menschen sprechen"))
    assert one["suggestedActions"] == {
        "actions": [{"type": "imBack", "title": "Mit einem Menschen sprechen", "value": "Mit einem Menschen sprechen"}]
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_presses_that_suggestion_asks_for_a_person(language: str) -> None:
    assert wants_person(text(Line.ASK_PERSON, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_word_that_the_sentence_elsewhere_names_calls_a_person(language: str) -> None:
    foot = text(Line.MENTION_FOOT, language)
    [word] = re.findall("[“„«「](.+?)[”“»」]", foot)
    assert wants_person(word.strip())


@pytest.mark.parametrize("scope", ["group", "channel"])
def test_elsewhere_a_sentence_says_how_to_call_a_person(scope: Scope) -> None:
    [one] = activities(ANSWER, language="de", scope=scope)
    assert one["text"].endswith(f"\n\n*{text(Line.MENTION_FOOT, 'de')}*"), "it hears what mentions it, and nothing else"
    assert "suggestedActions" not in one


@pytest.mark.parametrize("scope", SCOPES)
def test_without_an_offer_nobody_is_asked_for_a_person(scope: Scope) -> None:
    [one] = sent(ANSWER, scope, offers=False)
    assert "suggestedActions" not in one
    assert "person" not in one["text"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("message", [REPLY, LINE])
def test_only_the_assistants_answers_are_labelled_and_judged(message: Message, scope: Scope) -> None:
    [one] = sent(message, scope)
    assert one.keys() == {"type", "textFormat", "text"}


def test_an_operators_sources_are_cited_without_the_label() -> None:
    [one] = sent(replace(REPLY, text="So [1].", citations=ANSWER.citations[:1]))
    assert "additionalType" not in entity(one)
    assert [claim["position"] for claim in entity(one)["citation"]] == [1]


@pytest.mark.parametrize(
    ("name", "before"),
    [("Ada", "**Ada**\n\n"), ("*Ada* <at>x</at> [1]", "**\\*Ada\\* &lt;at&gt;x&lt;/at&gt; \\[1\\]**\n\n"),
     ("Ada\n\x00Lovelace ", "**Ada \ufffdLovelace**\n\n"), ("x" * 500, f"**{'x' * 149}…**\n\n"), (" ", "")],
)  # fmt: skip
def test_an_operator_is_named_in_bold_above_the_words(name: str, before: str) -> None:
    [one] = sent(replace(REPLY, name=name))
    assert one["text"] == f"{before}Hello"


@pytest.mark.parametrize("scope", ["personal", "group", "channel"])
def test_a_survey_is_a_card_with_five_buttons(scope: Scope) -> None:
    [one] = sent(replace(SURVEY, text="How *did* we do? <at>x</at>"), scope)
    assert "text" not in one
    assert read([one]) == "How did we do? <\u2060at>x<\u2060/at>"
    [card] = [attachment["content"] for attachment in one["attachments"]]
    assert {action["type"] for action in card["actions"]} == {"Action.Execute"}
    assert [action["data"] for action in card["actions"]] == [
        {"v": 1, "survey": "c_9", "score": score} for score in range(1, 6)
    ]


def test_a_survey_that_is_too_long_for_a_card_stands_above_it() -> None:
    words, card = sent(replace(SURVEY, text="word " * 2_000), "group")
    assert own(words["text"]) == []
    assert words["text"].count("word") == 2_000
    assert len(card["attachments"][0]["content"]["actions"]) == 5


# Many and long sources


def test_of_many_sources_twenty_are_cited_and_the_others_listed() -> None:
    many = tuple(Citation(index, f"Page {index}", f"https://kb.example/{index}") for index in range(1, 31))
    [one] = sent(replace(ANSWER, text=" ".join(f"[{index}]" for index in range(1, 31)), citations=many))
    assert [claim["position"] for claim in entity(one)["citation"]] == list(range(1, 21))
    assert re.findall(r"Page (\d+)", one["text"]) == [str(index) for index in range(21, 31)]


def test_sources_that_are_too_large_together_lose_their_passages_then_their_place() -> None:
    long = Citation(1, "t" * 500, "https://kb.example/" + "u" * 700, "h" * 500, "p" * 500)
    many = tuple(replace(long, index=index) for index in range(1, 60))
    [one] = sent(replace(ANSWER, text=" ".join(f"[{index}]" for index in range(1, 60)), citations=many))
    claims = entity(one)["citation"]
    assert 5 < len(claims) < 20
    assert "abstract" in claims[0]["appearance"]
    assert plain(one["text"]).endswith("…")


@pytest.mark.parametrize("citation", [Citation(0, "Zero", "z"), Citation(-1, "Less", "l")])
def test_a_source_without_a_number_is_listed(citation: Citation) -> None:
    [one] = sent(replace(ANSWER, text="[0] [-1]", citations=(citation,)))
    assert "citation" not in entity(one)
    assert citation.title in plain(one["text"])


def test_a_number_is_cited_once() -> None:
    [one] = sent(replace(ANSWER, citations=(Citation(1, "A", "a"), Citation(1, "B", "b"))))
    assert [claim["appearance"]["name"] for claim in entity(one)["citation"]] == ["A"]


@pytest.mark.parametrize(
    "url", ["https://a.example/ b", "ftp://a.example", "https://x@a.example", "https://a.example/" + "u" * 3_000, "https://a\ud83d"]
)  # fmt: skip
def test_an_address_that_is_none_is_not_given(url: str) -> None:
    [one] = sent(replace(ANSWER, citations=(Citation(1, "A", url), Citation(3, "C", url))))
    assert "url" not in entity(one)["citation"][0]["appearance"]
    assert "](" not in one["text"]


# Long messages


def test_a_long_message_arrives_whole_and_in_order() -> None:
    w = Words()
    words = "\n\n".join(f"{w(40)}. {w(30)}!" for _ in range(70))
    assert 35_000 < len(words) < MOST_CHARACTERS
    first, second = sent(replace(REPLY, text=words))
    assert first["text"].startswith("**Ada**\n\n")
    assert "Ada" not in second["text"]
    assert own(read([first, second])) == own(words)


def test_each_part_of_an_answer_has_its_own_citations_and_the_last_one_the_buttons() -> None:
    first, second = sent(replace(ANSWER, text=f"A [1].\n\n{'word ' * 6_000}\n\nB [2]."))
    assert [claim["position"] for claim in entity(first)["citation"]] == [1]
    assert [claim["position"] for claim in entity(second)["citation"]] == [2]
    assert all(entity(one)["additionalType"] == ["AIGeneratedContent"] for one in (first, second))
    assert "channelData" not in first
    assert "suggestedActions" not in first
    assert "feedbackLoop" in second["channelData"]
    assert "suggestedActions" in second
    assert "3. " in plain(second["text"])


def test_of_a_megabyte_the_beginning_is_shown() -> None:
    for words in ("word " * 200_000, "- a\n" * 250_000, "|a|b|\n|-|-|\n" + "|1|2|\n" * 160_000):
        made = sent(replace(ANSWER, text=words), "group")
        assert len(made) < 12
        assert "…" in made[-1]["text"]


# Whatever is said


@settings(deadline=None, max_examples=40)
@given(documents(sorted(CONSTRUCTS), most=5), st.sampled_from(MESSAGES), st.sampled_from(SCOPES))
def test_every_word_of_every_construct_arrives(document: list[str], message: Message, scope: Scope) -> None:
    words = "\n\n".join(document)
    assume(len(words) <= MOST_CHARACTERS)
    whole = replace(message, text=words)
    assert sorted(set(own(read(sent(whole, scope))))) == own(words)
    assert sorted(set(own("\n".join(one["text"] for one in last_resort(whole))))) == own(words)


@settings(deadline=None, max_examples=80)
@given(
    st.one_of(st.text(), HOSTILE), st.integers(1, 300), st.sampled_from(MESSAGES), st.sampled_from(SCOPES), st.text()
)
def test_teams_refuses_nothing_whatever_is_written(
    words: str, times: int, message: Message, scope: Scope, name: str
) -> None:
    whole = replace(message, text=words * times, name=name)
    made = sent(whole, scope)
    assert bool(made) is bool((words * times).strip())
    again = [resort for one in made for resort in last_resort_of(one, whole)]
    for resort in (*last_resort(whole), *again):
        fine(resort)
        assert resort["textFormat"] == "plain"
        assert size(resort["text"]) <= 26_000


# Streams, changes, the last resort


def test_the_end_of_a_stream_is_the_whole_answer() -> None:
    [one] = sent(ANSWER)
    end = final(one, "a-1")
    fine(end)
    assert end["entities"] == [{"type": "streaminfo", "streamId": "a-1", "streamType": "final"}, *one["entities"]]
    assert end | {"entities": one["entities"]} == one
    assert end["text"].startswith(streamed(ANSWER.text))


def test_after_a_stream_a_sentence_says_what_the_suggestion_does() -> None:
    [one] = sent(ANSWER)
    assert final(one, "a-1", language="en")["text"] == f"{one['text']}\n\n*{text(Line.MAIL_FOOT, 'en')}*"
    [one] = sent(ANSWER, offers=False)
    assert final(one, "a-1", language="en")["text"] == one["text"]


def test_the_end_of_a_stream_that_no_message_follows_is_labelled() -> None:
    end = ended("Two *years* …", "a-1")
    fine(end)
    assert end["text"] == "Two *years* …"
    assert entity(end)["additionalType"] == ["AIGeneratedContent"]


@settings(deadline=None, max_examples=20)
@given(documents(most=3))
def test_the_first_part_of_an_answer_begins_with_what_was_streamed(document: list[str]) -> None:
    words = "\n\n".join(document)
    [one, *_] = sent(replace(ANSWER, text=words))
    assert one["text"].startswith(streamed(words[: words.rfind("\n", 0, len(words) // 2) + 1]))


@pytest.mark.parametrize("scope", SCOPES)
def test_a_withdrawn_message_says_so(scope: Scope) -> None:
    gone = replace(REPLY, text="", withdrawn=True, name="*Ada*")
    [one] = edited(gone, language="de", scope=scope)
    fine(one, scope)
    assert plain(one["text"]) == "*Ada* hat eine Nachricht zurückgezogen."
    assert activities(gone, language="de", scope=scope) == [one]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("message", MESSAGES)
def test_a_changed_message_is_as_it_is_now_without_suggestions(message: Message, scope: Scope) -> None:
    changed = replace(message, text="Now **so**", original="Before", changed_at=1.0)
    now = sent(changed, scope)
    assert edited(changed, language="en", scope=scope) == [
        {key: value for key, value in one.items() if key != "suggestedActions"} for one in now
    ]


def test_the_last_resort_has_the_name_the_words_and_the_sources() -> None:
    message = replace(REPLY, text="a < **b** [1]", citations=ANSWER.citations[:2])
    [one] = last_resort(message)
    assert one["text"].split("\n\n")[:2] == ["Ada", "a < b [1]"]
    assert one["text"].split("\n\n")[2].startswith("1. Warranty > Tyres (https://kb.example/w)\n2. Returns Returns")
    [other] = last_resort_of(sent(message)[0], message)
    assert other["text"].split("\n\n")[:2] == ["Ada", "a < b [1]"]
    assert "1. Warranty > Tyres" in other["text"]


def test_the_last_resort_of_a_card_is_its_question() -> None:
    [card] = sent(SURVEY, "group")
    assert [one["text"] for one in last_resort_of(card, SURVEY)] == ["How did we do?"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("message", MESSAGES)
def test_nothing_to_read_is_no_activity(message: Message, scope: Scope) -> None:
    assert sent(replace(message, text=" \n"), scope) == []
