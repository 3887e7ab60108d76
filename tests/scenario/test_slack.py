"""Support in Slack, through the whole program: everything that people do there, and everything that can go wrong.

The fake Slack stands at the wire and is as strict as the real one; one program serves the tests of a kind.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from bot.http import listen
from channels.slack.names import Place
from core import wording
from core.messages import Author, FileOutcome, Rating
from core.wording import Line
from kb.embed import Embedder
from tests.fakes.openai_server import FakeOpenAI, call, hang, say, slow
from tests.fakes.slack_events import Delivery, callback
from tests.fakes.slack_people import Done, Person
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_workspace import BOT_USER, STREAM_SECONDS, TEAM
from tests.scenario.chatting import fate
from tests.scenario.slacking import (
    A_PERSON,
    DELIVERY,
    MENTION,
    PROMPTS,
    RETURNS,
    WITHIN,
    Office,
    Talk,
    command,
    office,
    rating_button,
    reworded,
)
from tests.support import Operator, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Office]]
GIFT_CARDS = "How do gift cards work?"
NUMBERS = count(1)
PICTURE = (
    "bell.png",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89",
)
NOTES = ("notes.txt", b"The bell is loose.")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder) -> Open:
    """Return a function that runs the program in a workspace of its own."""

    def start(**settings: Any) -> AbstractAsyncContextManager[Office]:
        return office(tmp_path_factory.mktemp("slack") / "home", sample_home, embedder, **settings)

    return start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(opened: Open) -> AsyncIterator[Office]:
    """A program in the agent view, over Socket Mode, without a language model."""
    async with opened(slack_prompts=PROMPTS) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(here: Office) -> Operator:
    """An operator at the web desk beside it."""
    return await here.client.operator("Ada")


@pytest.fixture
def kim(here: Office) -> Person:
    """A customer who is new in the workspace, with a name that nobody else there has."""
    return here.server.person(f"Kim {next(NUMBERS)}")


@pytest.fixture(autouse=True)
def _in_order(request: pytest.FixtureRequest) -> Any:
    """Whatever a test broke in the shared workspace is whole again after it."""
    yield
    for name in ("here", "posted"):
        if name in request.fixturenames:
            server = request.getfixturevalue(name).server
            server.heal()
            server.auth_error = ""


# Direct messages


async def test_who_opens_the_messages_tab_is_offered_questions_to_ask(here: Office, kim: Person) -> None:
    assert (await kim.opens_home("messages")).ok

    async def offered() -> list[dict[str, str]] | None:
        return here.server.workspace.prompts.get((kim.dm, ""))

    assert await until(offered) == [{"title": prompt, "message": prompt} for prompt in PROMPTS]


async def test_a_question_is_answered_in_its_thread_with_its_source_and_something_to_press(
    here: Office, kim: Person
) -> None:
    talk = await here.asks(kim, RETURNS)
    answer = await talk.answer()
    parts = dict(answer.parts)
    assert "30 days" in answer.text
    assert "1. Returns and refunds" in parts["sources"]
    assert [button.action_id for button in answer.buttons] == ["feedback", "feedback", "person"]
    assert len(talk.posts) == len(here.calls("chat.startStream", kim.dm)) == 1
    assert all(call.arguments["thread_ts"] == talk.root for call in here.calls("chat.startStream", kim.dm))


async def test_while_an_answer_is_looked_up_a_status_says_so_and_it_is_gone_with_the_answer(
    here: Office, kim: Person
) -> None:
    talk = await here.asks(kim, RETURNS)
    await talk.answer()
    said = [call.arguments["status"] for call in here.calls("assistant.threads.setStatus", kim.dm)]
    assert said[0] == "is looking it up…"
    assert (kim.dm, talk.root) not in here.server.workspace.statuses


async def test_each_message_outside_a_thread_begins_a_conversation_and_a_reply_goes_on_with_it(
    here: Office, kim: Person
) -> None:
    first, second = await here.asks(kim, RETURNS), await here.asks(kim, GIFT_CARDS)
    await first.settled()
    await first.says(kim, DELIVERY)
    await first.answer(2)
    assert [said.text for said in await first.stored(Author.CUSTOMER)] == [RETURNS, DELIVERY]
    assert [said.text for said in await second.stored(Author.CUSTOMER)] == [GIFT_CARDS]
    assert len(second.posts) == 1


async def test_a_thumb_up_is_kept_with_the_answer(here: Office, kim: Person) -> None:
    talk = await here.asks(kim, RETURNS)
    answer = await talk.answer()
    pressed = await kim.presses(kim.dm, answer.ts, "feedback", rating_button(answer, "up"))
    assert pressed.ok
    await here.silence()
    [said] = await talk.stored(Author.BOT)
    assert said.rating == Rating(1)
    assert kim.modal is None, "nobody is asked why something was good"


async def test_a_thumb_down_asks_why_and_the_reason_is_kept_with_it(here: Office, kim: Person) -> None:
    talk = await here.asks(kim, RETURNS)
    answer = await talk.answer()
    assert (await kim.presses(kim.dm, answer.ts, "feedback", rating_button(answer, "down"))).ok

    async def form() -> Any:
        return kim.modal

    assert (await kim.submits(await until(form), {"reason": "I have no receipt."})).ok
    await here.silence()
    [said] = await talk.stored(Author.BOT)
    assert said.rating == Rating(-1, "I have no receipt.")


async def test_whoever_presses_talk_to_a_person_has_one_case_however_often_it_arrives(
    here: Office, kim: Person, ada: Operator
) -> None:
    talk = await here.asks(kim, RETURNS)
    pressed = await kim.presses(kim.dm, (await talk.answer()).ts, "person")
    await here.server.tell(pressed.deliveries)
    assert pressed.ok
    words = await talk.settled()
    assert [wording.text(Line.HANDED_OFF_ASKED) in said for said in words] == [False, True]
    [case] = [case for case in await ada.cases() if case["customer"] == kim.member.name]
    assert (case["reason"], case["verified"], case["trust"]) == ("customer_asked", True, "")


async def test_what_is_bold_a_link_or_a_call_in_a_reply_of_people_is_what_they_wrote(
    here: Office, kim: Person, ada: Operator
) -> None:
    talk, case = await held(here, kim, ada)
    said = "a < b & c > d, 2 * 3, <!channel> and <@U0001>: see https://shop.example/x?a=1&b=2"
    assert (await ada.act(case, "reply", said)).status == 200
    await here.silence()
    assert said in talk.words[-1], "nothing in it calls anybody, and no preview hangs below it"


# Without the agent view


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flat(opened: Open) -> AsyncIterator[Office]:
    """A program whose direct messages are one conversation."""
    async with opened(slack_agent_view=False) as running:
        yield running


async def test_without_the_agent_view_direct_messages_are_one_conversation_that_is_answered_without_threads(
    flat: Office,
) -> None:
    kim = flat.server.person("Kim")
    await kim.writes(kim.dm, RETURNS)
    await flat.silence()
    await kim.writes(kim.dm, GIFT_CARDS)
    talk = Talk(flat, kim.dm, "", Done(""))
    await talk.answer(2)
    assert [said.text for said in await talk.stored(Author.CUSTOMER)] == [RETURNS, GIFT_CARDS]
    assert {post.thread_ts for post in flat.server.workspace.rooms[kim.dm].posts} == {""}
    assert "1. Returns and refunds" in dict(talk.posts[0].parts)["sources"]
    assert flat.calls("chat.startStream", kim.dm) == [], "Slack streams in threads only"


async def test_without_the_agent_view_a_thread_in_direct_messages_is_answered_there(flat: Office) -> None:
    kim = flat.server.person("Kim")
    first = await kim.writes(kim.dm, RETURNS)
    await flat.silence()
    await kim.writes(kim.dm, GIFT_CARDS, thread_ts=first.ts)
    talk = Talk(flat, kim.dm, first.ts, first)
    await talk.answer()
    assert [said.text for said in await talk.stored(Author.CUSTOMER)] == [GIFT_CARDS]


# Channels


@pytest.mark.parametrize("kind", ["channel", "group", "mpim"])
async def test_a_mention_is_answered_once_in_its_own_thread(here: Office, kim: Person, kind: str) -> None:
    room = here.server.channel(f"shop-{kind}", kim, kind=kind)
    talk = await here.asks(kim, RETURNS, room)
    assert len(talk.done.deliveries) == 2, "Slack tells of one mention twice"
    answer = await talk.answer()
    assert "30 days" in answer.text
    assert [post.ts for post in here.server.workspace.reads(room.id) if post.user == BOT_USER] == [answer.ts]
    [asked] = await talk.stored(Author.CUSTOMER)
    assert asked.text == RETURNS, "our own name is no part of the question"


async def test_somebody_else_may_go_on_in_that_thread_without_naming_the_app(here: Office, kim: Person) -> None:
    lee = here.server.person("Lee")
    room = here.server.channel("shop", kim, lee)
    talk = await here.asks(kim, RETURNS, room)
    await talk.answer()
    await talk.says(lee, DELIVERY)
    assert "1. Delivery" in (await talk.answer(2)).text
    assert [(said.name, said.text) for said in await talk.stored(Author.CUSTOMER)] == [
        (kim.member.name, RETURNS),
        ("Lee", DELIVERY),
    ]


async def test_what_people_say_to_each_other_is_neither_answered_nor_kept(here: Office, kim: Person) -> None:
    lee = here.server.person("Lee")
    room = here.server.channel("office", kim, lee)
    first = await kim.writes(room.id, f"{RETURNS} Quagga.")
    second = await lee.writes(room.id, "Ask at the zebra's.", thread_ts=first.ts)
    assert (await kim.edits(room.id, first.ts, "Okapi.")).ok
    assert (await lee.deletes(room.id, second.ts)).ok
    assert first.ok
    assert second.ok
    await here.silence()
    assert here.calls("chat.postMessage", room.id) == here.calls("chat.startStream", room.id) == []
    assert await Talk(here, room.id, first.ts, first).thread() is None
    kept = here.written
    assert [word for word in (b"Quagga", b"zebra", b"Okapi") if word in kept] == []


async def test_a_mention_that_says_nothing_else_is_greeted(here: Office, kim: Person) -> None:
    talk = await here.asks(kim, "", here.server.channel("hello", kim))
    assert wording.text(Line.GREETING) in (await talk.answer()).text


async def test_a_mention_within_a_thread_of_others_is_answered_in_that_thread(here: Office, kim: Person) -> None:
    lee = here.server.person("Lee")
    room = here.server.channel("talk", kim, lee)
    root = await lee.writes(room.id, "My article does not fit.")
    asked = await kim.writes(room.id, RETURNS, thread_ts=root.ts, mention=True)
    talk = Talk(here, room.id, root.ts, asked)
    assert "30 days" in (await talk.answer()).text
    assert [said.text for said in await talk.stored(Author.CUSTOMER)] == [RETURNS]


async def test_who_writes_from_another_organisation_is_named_as_such_and_their_file_comes_along(
    here: Office, ada: Operator
) -> None:
    lee = here.server.person("Lena", team="T2", is_stranger=True)
    room = here.server.channel("shared", lee, teams=("T2",))
    talk = await here.asks(lee, "What is wrong with it?", room, files=[NOTES])
    await talk.settled()
    assert "files" in talk.done.deliveries[0].payload["event"]
    assert "url_private" not in talk.done.deliveries[0].payload["event"]["files"][0], "Slack tells more when asked"
    case = await here.case_of(ada, "Lena")
    assert case["trust"] == "This person is of another organisation, in a channel that is shared with it."
    thread = await talk.thread()
    assert thread
    assert thread.customer == f"slack:T2/{lee.id}"
    [file] = case["messages"][0]["files"]
    assert (file["name"], file["type"], file["reading"]["outcome"]) == ("notes.txt", "text/plain", "read")


async def test_a_guest_is_named_as_such(here: Office, ada: Operator) -> None:
    guest = here.server.person("Gustav", is_ultra_restricted=True)
    await (await here.asks(guest, A_PERSON)).settled()
    assert (await here.case_of(ada, "Gustav"))["trust"] == "This person is a guest of the workspace."


# Events


async def test_a_question_that_slack_brings_again_and_again_is_answered_once(here: Office, kim: Person) -> None:
    talk = await here.asks(kim, RETURNS, here.server.channel("again", kim))
    for _ in range(3):
        await here.server.tell(talk.done.deliveries)
    assert talk.done.ok
    await talk.settled()
    await here.server.tell(talk.done.deliveries)
    assert len(await talk.settled()) == 1
    assert len(await talk.stored(Author.CUSTOMER)) == 1


async def test_events_that_ask_nothing_of_us_are_taken_and_left(here: Office, kim: Person) -> None:
    room = here.server.channel("events", kim)
    here.server.events.add("reaction_added")
    asked = await kim.writes(room.id, "Just so.")
    assert (await kim.reacts(room.id, asked.ts, "tada")).ok
    assert (await here.server.person("Joe").joins(room.id)).ok
    for kind in ("quantum_entangled", "message", ""):
        told = Delivery("events_api", callback({"type": kind, "subtype": "brand_new", "channel": room.id}, f"Ev{kind}"))
        await here.server.tell([told])
        assert [ack.ok for ack in told.acks] == [True], f"{kind!r} is taken at once"
    await here.silence()
    assert here.calls("chat.postMessage", room.id) == []


async def test_an_event_that_is_not_built_as_slack_builds_them_is_taken_and_left(here: Office) -> None:
    nobody = {"type": "message", "text": "x"}
    for event in ({"type": "message"}, nobody | {"user": "U1"}, nobody | {"user": "U1", "channel": "C1", "ts": ["5"]}):
        told = Delivery("events_api", callback(event, "EvOdd"))
        await here.server.tell([told])
        assert [ack.ok for ack in told.acks] == [True], "Slack would only bring it again"


async def test_own_words_other_bots_and_those_who_join_are_never_answered(here: Office, kim: Person) -> None:
    bot = here.server.person("Jira", is_bot=True)
    room = here.server.channel("machines", kim, bot)
    told = await bot.writes(room.id, RETURNS, mention=True)
    assert told.ok
    assert (await here.server.person("Joe").joins(room.id)).ok
    assert len(await (await here.asks(kim, RETURNS)).settled()) == 1, "the app is told of its own answer too"
    assert here.calls("chat.postMessage", room.id) == here.calls("chat.startStream", room.id) == []
    assert await Talk(here, room.id, told.ts, told).thread() is None


async def test_a_link_preview_is_no_change_of_what_was_written(here: Office, kim: Person) -> None:
    talk = await here.asks(kim, RETURNS)
    await talk.answer()
    with here.server.quietly() as told:
        here.server.workspace.preview(here.server.workspace.find(kim.dm, talk.root))
    await here.server.tell(told)
    await here.silence()
    [asked] = await talk.stored(Author.CUSTOMER)
    assert (asked.text, asked.original) == (RETURNS, None)


async def test_what_a_customer_edits_or_deletes_is_flagged_at_the_desk(
    here: Office, kim: Person, ada: Operator
) -> None:
    talk = await here.asks(kim, A_PERSON)
    number = await talk.says(kim, "My order is 123.")
    secret = await talk.says(kim, "My password is hunter2.")
    await talk.settled()
    for _ in range(2):  # and Slack brings it twice
        edited = await kim.edits(kim.dm, number.ts, "My order is 132.")
        await here.server.tell(edited.deliveries)
    assert (await kim.deletes(kim.dm, secret.ts)).ok
    await here.silence()
    case = await here.case_of(ada, kim.member.name)
    first, second = [said for said in case["messages"] if said["author"] == "customer"][-2:]
    assert (first["text"], first["changed"]["original"]) == ("My order is 132.", "My order is 123.")
    assert (second["text"], second["withdrawn"]) == ("", True)


async def test_a_question_with_answers_below_it_can_be_deleted_too(here: Office, kim: Person) -> None:
    talk = await here.asks(kim, RETURNS)
    await talk.answer()
    assert (await kim.deletes(kim.dm, talk.root)).ok, "Slack leaves a gravestone, and calls that a change"
    await here.silence()
    [asked] = await talk.stored(Author.CUSTOMER)
    assert (asked.text, asked.withdrawn) == ("", True)


async def test_a_message_that_is_edited_into_a_mention_is_answered(here: Office, kim: Person) -> None:
    room = here.server.channel("late", kim)
    written = await kim.writes(room.id, RETURNS)
    await here.silence()
    talk = Talk(here, room.id, written.ts, written)
    assert talk.posts == []
    for _ in range(2):
        assert (await kim.edits(room.id, written.ts, f"{MENTION} {RETURNS}")).ok
        await here.silence()
    assert len(talk.posts) == 1
    assert "30 days" in talk.words[0]


async def test_an_edit_into_a_mention_by_somebody_from_outside_is_theirs_with_its_file(
    here: Office, ada: Operator
) -> None:
    lars = here.server.person("Lars", team="T2", is_stranger=True)
    room = here.server.channel("shared-late", lars, teams=("T2",))
    written = await lars.writes(room.id, A_PERSON, files=[NOTES])
    assert (await lars.edits(room.id, written.ts, f"{MENTION} {A_PERSON}")).ok
    talk = Talk(here, room.id, written.ts, written)
    await talk.settled()
    thread = await talk.thread()
    assert thread
    assert thread.customer == f"slack:T2/{lars.id}"
    case = await here.case_of(ada, "Lars")
    assert case["trust"].startswith("This person is of another organisation")
    assert [file["name"] for file in case["messages"][0]["files"]] == ["notes.txt"]


async def test_two_messages_keep_their_order_though_the_first_ones_writer_is_asked_for_slowly(
    here: Office, kim: Person
) -> None:
    here.server.fail("users.info", delay=0.5)
    lines = [A_PERSON, "It is about my bell.", "And about my lamp."]
    began = await kim.writes(kim.dm, lines[0], tell=False)
    more = [await kim.writes(kim.dm, line, thread_ts=began.ts, tell=False) for line in lines[1:]]
    await asyncio.gather(*(here.server.tell(done.deliveries) for done in (began, *more)))
    talk = Talk(here, kim.dm, began.ts, began)
    await talk.settled()
    assert [said.text for said in await talk.stored(Author.CUSTOMER)] == lines
    assert all(done.ok and done.ack.seconds < 3 for done in (began, *more))


async def test_where_slack_does_not_say_who_somebody_is_they_are_answered_all_the_same(
    here: Office, kim: Person
) -> None:
    here.server.fail("users.info", times=-1, delay=30)
    talk = await here.asks(kim, RETURNS)
    assert talk.done.ack.seconds < 3
    assert "30 days" in (await talk.answer()).text


# Files


async def test_all_files_of_a_message_come_in(here: Office, kim: Person, ada: Operator) -> None:
    talk = await here.asks(kim, "What is wrong with it?", files=[NOTES, PICTURE])
    assert wording.text(Line.HANDED_OFF_FILE) in "\n".join(await talk.settled())
    [asked] = await talk.stored(Author.CUSTOMER)
    files = here.client.threadline.files
    assert [(file.name, await files.read(file.id)) for file in asked.files] == [NOTES, PICTURE]
    assert [file.outcome for file in asked.files] == [FileOutcome.READ, FileOutcome.PICTURE]
    case = await here.case_of(ada, kim.member.name)
    assert [file["name"] for file in case["messages"][0]["files"]] == [NOTES[0], PICTURE[0]]


async def test_files_above_ten_are_named_to_the_customer_and_at_the_desk(
    here: Office, kim: Person, ada: Operator
) -> None:
    many = [(f"{number}.txt", b"The bell is loose.") for number in range(12)]
    talk = await here.asks(kim, "What is wrong with it?", files=many)
    told = wording.text(Line.FILES_LEFT_OUT, most="10")

    async def said() -> bool:
        return told in talk.words

    await until(said, WITHIN)
    await here.server.tell(talk.done.deliveries)
    await here.silence()
    assert talk.words.count(told) == 1
    [asked] = await talk.stored(Author.CUSTOMER)
    assert (len(asked.files), asked.text) == (10, "What is wrong with it?")
    [shown] = [one for one in (await here.case_of(ada, kim.member.name))["messages"] if one["author"] == "customer"]
    assert "[2 more files that came with this were not kept: a message carries 10]" in shown["full"]


async def test_ten_files_are_all_taken_and_nothing_is_said_of_more(here: Office, kim: Person) -> None:
    talk = await here.asks(kim, "Look:", files=[(f"{number}.txt", b"The bell is loose.") for number in range(10)])
    await talk.settled()
    [asked] = await talk.stored(Author.CUSTOMER)
    assert (len(asked.files), asked.full) == (10, "")
    assert wording.text(Line.FILES_LEFT_OUT, most="10") not in talk.words


async def test_a_forwarded_message_comes_with_its_words_its_writer_and_its_files(here: Office, kim: Person) -> None:
    lee = here.server.person("Lee")
    room = here.server.channel("elsewhere", lee, kim)
    original = await lee.writes(room.id, "My bell is <broken> & loose", files=[NOTES])
    forwarded = here.server.workspace.find(room.id, original.ts)
    talk = await here.asks(kim, "Can you help Lee?", forwards=forwarded)
    await talk.settled()
    [asked] = await talk.stored(Author.CUSTOMER)
    assert asked.text == "Can you help Lee?\n\nForwarded from Lee:\n> My bell is <broken> & loose"
    assert [(file.name, await here.client.threadline.files.read(file.id)) for file in asked.files] == [NOTES]


async def test_a_sign_in_page_is_not_taken_for_the_file(here: Office, kim: Person, ada: Operator) -> None:
    done = await kim.writes(kim.dm, "Here it is.", files=[NOTES], tell=False)
    [file] = here.server.workspace.find(kim.dm, done.ts).files
    here.server.workspace.files[file].page = True
    await here.server.tell(done.deliveries)
    talk = Talk(here, kim.dm, done.ts, done)
    await talk.settled()
    case = await here.case_of(ada, kim.member.name)
    [shown] = case["messages"][0]["files"]
    assert shown["reading"] == {
        "outcome": "refused",
        "note": "Slack showed a sign-in page instead of the file: the app lacks the scope files:read.",
    }


async def test_a_page_that_somebody_sends_is_a_file_as_any_other(here: Office, kim: Person) -> None:
    page = ("page.html", b"<!DOCTYPE html><html><body>The bell is loose.</body></html>")
    talk = await here.asks(kim, "See here.", files=[page])
    await talk.settled()
    [asked] = await talk.stored(Author.CUSTOMER)
    assert [await here.client.threadline.files.read(file.id) for file in asked.files] == [page[1]]


async def test_a_file_that_is_not_on_slacks_own_hosts_is_never_asked_for(
    here: Office, kim: Person, ada: Operator
) -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization", ""))
        return web.Response(body=NOTES[1])

    application = web.Application()
    application.router.add_get("/{any:.*}", elsewhere)
    runner, port = await listen(application, "127.0.0.1", 0)
    try:
        done = await kim.writes(kim.dm, "Here it is.", files=[NOTES], tell=False)
        url = f"http://127.0.0.1:{port}/files-pri/{TEAM}-F1/notes.txt"

        def moved(event: dict[str, Any]) -> None:
            event["files"][0] |= {"url_private": url, "url_private_download": url}

        await here.server.tell(reworded(done.deliveries, moved))
        await Talk(here, kim.dm, done.ts, done).settled()
    finally:
        await runner.cleanup()
    assert asked == [], "nobody else is shown the token"
    [shown] = (await here.case_of(ada, kim.member.name))["messages"][0]["files"]
    assert shown["reading"] == {
        "outcome": "refused",
        "note": "The file is kept outside Slack, so it was not fetched.",
    }


async def test_files_of_operators_arrive_in_the_thread(here: Office, kim: Person, ada: Operator) -> None:
    talk, case = await held(here, kim, ada)
    path = f"/api/v1/desk/cases/{case}/actions"
    form = aiohttp.FormData({"action": "reply", "text": "Here is your label."})
    form.add_field("files", b"%PDF-1.7 label", filename="label.pdf", content_type="application/pdf")
    assert (await here.client.call("POST", path, token=ada.token, data=form)).status == 200
    await here.silence()
    assert [file for post in talk.posts for file in post.files] == [("label.pdf", b"%PDF-1.7 label")]


# What goes wrong on the way out


async def held(office: Office, customer: Person, operator: Operator) -> tuple[Talk, str]:
    """Give a customer's case to an operator; return the conversation and the case's id."""
    talk = await office.asks(customer, A_PERSON)
    await talk.settled()
    case = await office.case_of(operator, customer.member.name)
    assert (await operator.act(case["id"], "claim")).status == 200
    await office.silence()
    return talk, str(case["id"])


async def test_a_pause_that_slack_asks_for_is_kept_in_its_channel_and_in_no_other(
    here: Office, kim: Person, ada: Operator
) -> None:
    talk, case = await held(here, kim, ada)
    lee = here.server.person("Lee")
    other, others = await held(here, lee, ada)
    here.server.fail("chat.postMessage", channel=kim.dm, retry_after=2)
    await ada.act(case, "reply", "Here I am.")
    await ada.act(others, "reply", "Here I am too.")

    async def arrived() -> bool:
        return "Here I am too." in other.words[-1]

    await until(arrived, 1.5)
    assert await fate(ada, case, "Here I am.") == ("delivered", "")
    refused, taken = here.calls("chat.postMessage", kim.dm)[-2:]
    assert refused.status == 429
    assert taken.at - refused.at >= 2.0
    assert "Here I am." in talk.words[-1]


async def test_posts_in_one_channel_keep_slacks_pace(here: Office, kim: Person, ada: Operator) -> None:
    talk, case = await held(here, kim, ada)
    here.server.pace = 0.02  # we are set to 0.05, and a busy machine is not exact
    try:
        lines = [f"Line {number}." for number in range(5)]
        for line in lines:
            await ada.act(case, "reply", line)
        await here.silence()
    finally:
        here.server.pace = 0.0
    assert [one for one in here.calls("chat.postMessage", kim.dm) if one.status == 429] == []
    assert [words.rpartition("\n")[2] for words in talk.words[-5:]] == lines


@pytest.mark.parametrize(
    ("done", "closed", "fates"),
    [
        (True, False, ("unknown", "delivered")),
        (False, False, ("unknown", "failed")),
        (True, True, ("unknown", "unknown")),
    ],
    ids=["it had arrived", "it had not", "history may not be read"],
)
async def test_a_reply_whose_fate_is_unknown_is_looked_up_and_never_repeated_by_itself(
    here: Office, kim: Person, ada: Operator, done: bool, closed: bool, fates: tuple[str, str]
) -> None:
    talk, case = await held(here, kim, ada)
    here.server.fail("chat.postMessage", channel=kim.dm, drop=True, done=done)
    await ada.act(case, "reply", "Your code is 42.")
    assert (await fate(ada, case, "Your code is 42."))[0] == fates[0]
    [line] = [one for one in (await ada.case(case))["messages"] if one["text"] == "Your code is 42."]
    if closed:
        here.server.scopes.discard("im:history")
    try:
        assert (await ada.act(case, "check", message=line["id"])).status == 200
        await here.silence()
    finally:
        here.server.scopes.add("im:history")
    assert (await fate(ada, case, "Your code is 42."))[0] == fates[1]
    assert sum("Your code is 42." in words for words in talk.words) == int(done)


async def test_where_slack_refuses_blocks_all_the_words_arrive_without_them(
    here: Office, kim: Person, ada: Operator
) -> None:
    talk, case = await held(here, kim, ada)
    here.server.fail("chat.postMessage", times=-1, error="invalid_blocks", when=lambda sent: bool(sent.get("blocks")))
    words = [f"word{number:04}" for number in range(1_000)]
    said = f"{' '.join(words)} <!here> & co."
    await ada.act(case, "reply", said)
    assert (await fate(ada, case, said))[0] == "delivered"
    arrived = " ".join(talk.words).split()
    assert [word for word in arrived if word.startswith("word")] == words
    assert "<!here> & co." in " ".join(arrived)


async def test_a_pause_between_such_posts_repeats_none_of_them(here: Office, kim: Person, ada: Operator) -> None:
    talk, case = await held(here, kim, ada)
    here.server.fail("chat.postMessage", times=-1, error="invalid_blocks", when=lambda sent: bool(sent.get("blocks")))
    here.server.fail("chat.postMessage", retry_after=1, when=lambda sent: "word0999" in sent.get("text", ""))
    words = [f"word{number:04}" for number in range(1_000)]
    await ada.act(case, "reply", " ".join(words))
    assert (await fate(ada, case, " ".join(words)))[0] == "delivered"
    assert [word for word in " ".join(talk.words).split() if word.startswith("word")] == words


async def test_where_slack_refuses_blocks_an_answer_arrives_all_the_same(here: Office, kim: Person) -> None:
    for method in ("chat.stopStream", "chat.postMessage", "chat.update"):
        here.server.fail(method, times=-1, error="invalid_blocks", when=lambda sent: bool(sent.get("blocks")))
    talk = await here.asks(kim, RETURNS)
    words = "\n".join(await talk.settled())
    assert "30 days" in words
    assert "Returns and refunds" in words, "with its source"


async def test_where_slack_does_not_let_an_answer_flow_it_comes_whole(here: Office, kim: Person) -> None:
    here.server.fail("chat.startStream", times=-1, error="channel_type_not_supported")
    talk = await here.asks(kim, RETURNS)
    answer = await talk.answer()
    assert len(talk.posts) == 1
    assert "30 days" in answer.text
    assert "1. Returns and refunds" in dict(answer.parts)["sources"]


@pytest.mark.parametrize("how", [{"status": 503}, {"retry_after": 1}, {"drop": True, "done": True}, {"drop": True}])
@pytest.mark.parametrize("broken", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
async def test_an_answer_whose_flow_breaks_is_read_to_its_end_and_stands_there_once(
    here: Office, kim: Person, broken: str, how: dict[str, Any]
) -> None:
    here.server.fail(broken, channel=kim.dm, **how)
    talk = await here.asks(kim, RETURNS)
    await talk.answer()
    assert sum("30 days" in words for words in talk.words) == 1


async def test_a_flow_of_which_we_were_never_told_stays_only_where_the_thread_may_not_be_read(
    here: Office, kim: Person
) -> None:
    here.server.fail("chat.startStream", channel=kim.dm, drop=True, done=True)
    here.server.fail("conversations.replies", channel=kim.dm, error="missing_scope", needed="im:history")
    talk = await here.asks(kim, RETURNS)
    begun, whole = await talk.settled()
    assert begun.split("\n")[0] in whole
    assert "30 days" in whole


async def test_an_answer_whose_time_to_flow_was_over_is_whole_in_its_place(here: Office, kim: Person) -> None:
    here.server.workspace.stream_seconds = 0.0
    try:
        talk = await here.asks(kim, RETURNS)
        answer = await talk.answer()
    finally:
        here.server.workspace.stream_seconds = STREAM_SECONDS
    assert len(talk.posts) == 1
    assert "30 days" in answer.text
    assert "1. Returns and refunds" in dict(answer.parts)["sources"]
    assert [button.action_id for button in answer.buttons] == ["feedback", "feedback", "person"]


async def test_a_revoked_token_holds_the_answer_until_there_is_a_new_one(here: Office, kim: Person) -> None:
    done = await kim.writes(kim.dm, A_PERSON, tell=False)
    here.server.auth_error = "token_revoked"
    await here.server.tell(done.deliveries)
    assert done.ok, "what a customer writes is taken in all the same"
    talk = Talk(here, kim.dm, done.ts, done)

    async def tried() -> bool:
        return any(one.answer == {"ok": False, "error": "token_revoked"} for one in here.server.calls[-20:])

    await until(tried, WITHIN)
    here.server.auth_error = ""

    async def arrived() -> bool:
        here.clock.ahead += 5
        return bool(talk.posts)

    await until(arrived, WITHIN)
    assert len(await talk.settled()) == 1


async def test_a_scope_that_is_missing_is_named_at_the_line_that_needed_it(
    here: Office, kim: Person, ada: Operator
) -> None:
    _, case = await held(here, kim, ada)
    here.server.scopes.discard("chat:write")
    try:
        await ada.act(case, "reply", "Hello.")
        found = await fate(ada, case, "Hello.")
    finally:
        here.server.scopes.add("chat:write")
    assert found == ("failed", "The Slack app lacks the scope chat:write. Add it in the app's settings, install again.")


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("archived", "The Slack channel is archived."),
        ("left", "The app is not in this Slack channel. Invite it there: /invite @its-name."),
        ("deleted", "The message that this answers was deleted in Slack."),
    ],
)
async def test_a_reply_that_can_not_arrive_any_more_says_why(
    here: Office, ada: Operator, trouble: str, sentence: str
) -> None:
    kim = here.server.person(f"Kim-{trouble}")
    room = here.server.channel(f"away-{trouble}", kim)
    talk = await here.asks(kim, A_PERSON, room)
    await talk.settled()
    case = (await here.case_of(ada, kim.member.name))["id"]
    await ada.act(case, "claim")
    await here.silence()
    before = len(here.server.workspace.reads(room.id))
    match trouble:
        case "archived":
            room.archived = True
        case "left":
            room.members.remove(BOT_USER)
        case _:
            for post in list(room.posts):  # Slack shows the replies to a deleted message as long as there are any
                room.remove(post)
            before = 0
    await ada.act(case, "reply", "Too late.")
    assert await fate(ada, case, "Too late.") == ("failed", sentence)
    assert len(here.server.workspace.reads(room.id)) == before, "and nobody else reads it in the channel"


async def test_a_person_who_left_the_workspace_can_not_be_written_to_and_operators_see_why(
    here: Office, kim: Person, ada: Operator
) -> None:
    _, case = await held(here, kim, ada)
    kim.member.deleted = True
    await ada.act(case, "reply", "Are you there?")
    assert await fate(ada, case, "Are you there?") == ("failed", "This person's Slack account is switched off.")


async def test_a_message_of_forty_thousand_characters_is_taken_and_answered(
    here: Office, kim: Person, ada: Operator
) -> None:
    words = f"{A_PERSON} " + " ".join(f"w{number:05}" for number in range(5_700))
    text = words[:40_000]
    talk = await here.asks(kim, text)
    assert len(await talk.settled()) >= 1
    [asked] = await talk.stored(Author.CUSTOMER)
    assert asked.full == text, "operators can read all of it"
    assert len(asked.text) == 20_000


# Captured events

REPLAY = ("replay", "--channel", "slack", "--json")
KEYS = ["file", "outcome", "reason", "thread", "author", "text", "full_text", "files"]


def captured(done: Done, number: int = 0) -> Any:
    """Return the payload of what the app would have been told."""
    return done.deliveries[number].payload


def lines(out: str) -> list[dict[str, Any]]:
    """Return what the command printed, each line with all that the contract names."""
    found = [json.loads(line) for line in out.splitlines()]
    assert all(list(line) == KEYS for line in found)
    return found


async def test_captured_events_are_read_without_being_taken_in_and_without_a_token(tmp_path: Path) -> None:
    async with SlackServer() as slack:
        kim, lee = slack.person("Kim"), slack.person("Lee")
        room = slack.channel("shop", kim, lee)
        asked = await kim.writes(room.id, RETURNS, mention=True, files=[("bill.txt", b"4.90")], tell=False)
        heard = await lee.writes(room.id, "Nice weather.", tell=False)
        edited = await kim.edits(room.id, asked.ts, "Never mind", tell=False)
        join = {"type": "message", "subtype": "channel_join", "user": lee.id, "channel": room.id, "ts": heard.ts}
        frame = {"type": "events_api", "envelope_id": "e", "payload": captured(heard)}
        (tmp_path / "asked.json").write_text(json.dumps(captured(asked)))
        (tmp_path / "list.json").write_text(json.dumps([frame, {**captured(heard), "event": join}]))
        (tmp_path / "more.jsonl").write_text(f"{json.dumps(captured(edited))}\n\n{json.dumps({'type': 'x'})}\n")
        (tmp_path / "torn.json").write_text('{"type": "event_callback", "ev')
        files = ("asked.json", "list.json", "more.jsonl", "torn.json", "none.json")
        status, out, _ = await command(tmp_path, *REPLAY, "--dry-run", *files)
        calls = slack.calls
    assert (status, calls) == (0, [])
    asked_line, *others = lines(out)
    assert asked_line == {
        "file": "asked.json",
        "outcome": "message",
        "reason": None,
        "thread": f"{room.id}:{asked.ts}",
        "author": {"id": kim.id, "name": ""},
        "text": RETURNS,
        "full_text": RETURNS,
        "files": [{"name": "bill.txt", "type": "text/plain", "bytes": 4}],
    }
    assert [(line["file"], line["outcome"], line["reason"]) for line in others[:4]] == [
        ("list.json", "ignored", "overheard"),
        ("list.json", "ignored", "kind"),
        ("more.jsonl", "message", "edited"),
        ("more.jsonl", "rejected", "no event_callback of Slack's Events API"),
    ]
    assert others[2]["text"] == "Never mind"
    assert [line["outcome"] for line in others[4:]] == ["rejected", "rejected"]
    assert not (tmp_path / "threadline.db").exists()


async def test_a_captured_question_is_answered_once_by_the_running_program_however_often_it_is_replayed(
    here: Office, tmp_path: Path
) -> None:
    kim = here.server.person("Kim")
    room = here.server.channel("shop", kim)
    asked = await kim.writes(room.id, RETURNS, mention=True, tell=False)
    heard = await kim.writes(room.id, "Nice weather.", tell=False)
    gone = await kim.deletes(room.id, heard.ts, tell=False)
    said = [*(delivery.payload for delivery in asked.deliveries), captured(heard), captured(gone)]
    (tmp_path / "said.json").write_text(json.dumps(said))
    for _ in range(2):
        status, out, complained = await here.command(*REPLAY, str(tmp_path / "said.json"))
        assert (status, complained) == (0, "")
    talk = Talk(here, room.id, asked.ts, asked)
    assert "30 days" in (await talk.answer()).text
    assert len(talk.posts) == 1
    assert [said.text for said in await talk.stored(Author.CUSTOMER)] == [RETURNS]
    first, second, overheard, deleted = lines(out)
    thread = await talk.thread()
    assert thread
    assert first["thread"] == second["thread"] == thread.id
    assert (overheard["outcome"], overheard["reason"]) == ("ignored", "overheard")
    assert deleted["outcome"] == "ignored"
    assert await here.store.find_thread(Place(room.id, heard.ts).key(TEAM)) is None


async def test_where_slack_is_off_nothing_is_taken_in_and_the_command_says_what_helps(tmp_path: Path) -> None:
    (tmp_path / "asked.json").write_text("{}")
    status, out, complained = await command(tmp_path, *REPLAY, "asked.json")
    assert (status, out) == (1, "")
    assert "SLACK_BOT_TOKEN is not set" in complained
    assert "--dry-run" in complained


# Over HTTP


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def posted(opened: Open) -> AsyncIterator[Office]:
    """A program that Slack posts to."""
    async with opened(by_http=True) as running:
        yield running


@pytest.fixture
def mention(posted: Office) -> str:
    """An event as Slack posts it."""
    event = {"type": "message", "channel": "D1", "user": "U1", "text": RETURNS, "ts": "1800000000.000100"}
    return json.dumps(callback(event, "EvForged"))


async def test_over_http_a_question_is_answered_and_a_button_can_be_pressed(posted: Office) -> None:
    kim = posted.server.person("Kim")
    talk = await posted.asks(kim, RETURNS)
    answer = await talk.answer()
    assert (await kim.presses(kim.dm, answer.ts, "person")).ok
    assert wording.text(Line.HANDED_OFF_ASKED) in (await talk.answer(2)).text
    told = await kim.slash("/support", "list")
    assert told.ok
    assert "DESK=slack:" in str(told.answer), "a command without a desk says how to get one"


async def test_slack_is_told_that_the_address_is_ours(posted: Office) -> None:
    assert await posted.server.lines.verify()


async def test_who_forges_a_signature_or_repeats_an_old_one_is_turned_away(posted: Office, mention: str) -> None:
    lines, json_type = posted.server.lines, {"Content-Type": "application/json"}
    good = lines.signed(mention)
    other = good | {"X-Slack-Signature": f"v0={'0' * 64}"}
    stale = lines.signed(mention, at=time.time() - 400)
    ahead = lines.signed(mention, at=time.time() + 400)
    no_stamp = {"X-Slack-Signature": good["X-Slack-Signature"]}
    odd_stamp = good | {"X-Slack-Request-Timestamp": "yesterday"}
    for headers in ({}, other, stale, ahead, no_stamp, odd_stamp):
        status, _ = await lines.post(mention, json_type | headers)
        assert status == 401, headers
    status, _ = await lines.post(mention.replace("return", "steal"), json_type | good)
    assert status == 401, "the words are part of what is signed"
    await posted.silence()
    assert b"EvForged" not in posted.written


@pytest.mark.parametrize("body", ["{", "[]", '["a"]', "5", '"x"', "null", "{}\x00", '{"event": 5}', '{"event": [1]}'])
async def test_a_body_that_is_no_event_is_a_bad_request(posted: Office, body: str) -> None:
    lines = posted.server.lines
    headers = {"Content-Type": "application/json", **lines.signed(body)}
    assert (await lines.post(body, headers))[0] == 400


async def test_nobody_learns_from_a_body_that_is_not_signed(posted: Office) -> None:
    for body in ("{", "[]", '{"event": 5}'):
        status, _ = await posted.server.lines.post(body, {"Content-Type": "application/json"})
        assert status in {400, 401}


# While an answer is being written


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[FakeOpenAI]:
    """A language model, which drafts for operators beside what the tests script."""
    async with FakeOpenAI(without_tools=say("SUMMARY: Wants help.\nREPLY: Hello!")) as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clever(model: FakeOpenAI, opened: Open) -> AsyncIterator[Office]:
    """The program with that model."""
    settings = {"openai_base_url": model.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
    async with opened(**settings) as running:
        yield running


PIECES = ("You can send it back within **30 days**. [1]", " Put the slip into the parcel. [1]", " Bye.")
ANSWER = "You can send it back within 30 days. [1] Put the slip into the parcel. [1] Bye."


def search() -> Any:
    return call("search_knowledge_base", {"query": RETURNS})


async def begun(clever: Office, model: FakeOpenAI) -> tuple[Person, Talk, asyncio.Event]:
    """Somebody asks, and reads the first sentence of the answer; the model waits with the rest for the event."""
    kim, pace = clever.server.person("Kim"), asyncio.Event()
    model.then(search(), say("".join(PIECES), PIECES, pace=pace))
    talk = await clever.asks(kim, RETURNS)
    pace.set()  # the second piece shows that the first sentence has ended

    async def shown() -> bool:
        return any("30 days" in words for words in talk.words)

    await until(shown, WITHIN)
    assert "parcel" not in talk.words[0]
    return kim, talk, pace


async def finished(talk: Talk, pace: asyncio.Event) -> list[str]:
    """Let the model say the rest, and return what the customer then reads."""

    async def over() -> bool:
        pace.set()
        return not any((await talk.office.store.backlog()).values())

    await until(over, WITHIN)
    return talk.words


async def test_an_answer_grows_before_the_customers_eyes_and_ends_with_its_source(
    clever: Office, model: FakeOpenAI
) -> None:
    _, talk, pace = await begun(clever, model)
    await finished(talk, pace)
    [answer] = talk.posts
    assert dict(answer.parts)[""] == ANSWER
    assert "1. Returns and refunds" in dict(answer.parts)["sources"]


@pytest.mark.parametrize("how", ["refresh", "hang_up"])
async def test_a_connection_that_ends_in_the_middle_of_an_answer_costs_nothing(
    clever: Office, model: FakeOpenAI, how: str
) -> None:
    _, talk, pace = await begun(clever, model)
    await (clever.server.lines.refresh() if how == "refresh" else clever.server.lines.hang_up())
    [words] = await finished(talk, pace)
    assert words.startswith(ANSWER)
    again = clever.server.person("Lee")
    assert len(await (await clever.asks(again, "Hello!")).settled()) == 1, "and the app is there again"


async def test_a_customer_who_stops_an_answer_has_as_much_as_was_shown(clever: Office, model: FakeOpenAI) -> None:
    kim, talk, pace = await begun(clever, model)
    kim.stops(kim.dm, talk.posts[0].ts)
    [words] = await finished(talk, pace)
    assert "parcel" not in words


async def test_where_slack_refuses_what_stands_below_an_answer_that_flowed_the_answer_is_whole(
    clever: Office, model: FakeOpenAI
) -> None:
    _, talk, pace = await begun(clever, model)
    for method in ("chat.stopStream", "chat.postMessage", "chat.update"):
        clever.server.fail(method, times=-1, error="invalid_blocks", when=lambda sent: bool(sent.get("blocks")))
    try:
        words = "\n".join(await finished(talk, pace))
    finally:
        clever.server.heal()
    assert "30 days" in words
    assert "Bye." in words
    assert [post for post in clever.server.workspace.rooms[talk.channel].posts if post.streams_until > 0] == []


async def test_a_question_that_is_edited_while_it_is_answered_is_answered_as_it_reads_now(
    clever: Office, model: FakeOpenAI
) -> None:
    kim, gate = clever.server.person("Kim"), asyncio.Event()
    before = len(model.requests)
    model.then(slow(gate, say("Never.")), search(), say("It costs 4.90. [1]"))
    talk = await clever.asks(kim, RETURNS)

    async def asked() -> bool:
        return len(model.requests) > before

    await until(asked, WITHIN)
    assert (await kim.edits(kim.dm, talk.root, DELIVERY)).ok
    words = await talk.settled()
    gate.set()
    [said] = await talk.stored(Author.CUSTOMER)
    assert (said.text, said.original) == (DELIVERY, RETURNS)
    assert "4.90" in words[-1]
    assert DELIVERY in json.dumps(model.requests[-1].json)


async def test_a_question_that_is_deleted_while_it_is_answered_is_not_answered(
    clever: Office, model: FakeOpenAI
) -> None:
    kim, gate = clever.server.person("Kim"), asyncio.Event()
    before = len(model.requests)
    model.then(slow(gate, say("Never.")))
    talk = await clever.asks(kim, RETURNS)

    async def asked() -> bool:
        return len(model.requests) > before

    await until(asked, WITHIN)
    assert (await kim.deletes(kim.dm, talk.root)).ok
    await clever.silence()
    gate.set()
    shown = [post.text for post in clever.server.workspace.reads(kim.dm) if post.user == BOT_USER]
    assert shown == [], "and nothing stands there without what it answers"


@pytest.mark.parametrize("ending", ["the answer ends", "the deletion is heard"])
async def test_an_answer_that_flows_below_a_question_just_deleted_does_not_stay_for_all_to_read(
    clever: Office, model: FakeOpenAI, ending: str
) -> None:
    kim, gate, pace = clever.server.person("Kim"), asyncio.Event(), asyncio.Event()
    room = clever.server.channel(f"gone-{ending}", kim)
    before = len(model.requests)
    model.then(slow(gate, search()), say("".join(PIECES), PIECES, pace=pace))
    talk = await clever.asks(kim, RETURNS, room)

    async def asked() -> bool:
        return len(model.requests) > before

    await until(asked, WITHIN)
    gone = await kim.deletes(room.id, talk.root, tell=False)
    gate.set()
    pace.set()  # the first piece begins the flow

    async def flows() -> bool:
        return bool(clever.calls("chat.startStream", room.id))

    await until(flows, WITHIN)
    if ending == "the deletion is heard":
        await clever.server.tell(gone.deliveries)

    async def over() -> bool:
        pace.set()
        return not any((await clever.store.backlog()).values())

    await until(over, WITHIN)
    assert [read.text for read in clever.server.workspace.reads(room.id) if read.user == BOT_USER] == []


async def test_what_slack_brings_while_the_program_stops_is_taken_in_or_brought_again(opened: Open) -> None:
    async with opened() as stopping:
        kim = stopping.server.person("Kim")
        stopping.server.fail("users.info", times=-1, delay=0.5)
        coming = [asyncio.create_task(kim.writes(kim.dm, RETURNS)) for _ in range(3)]

        async def arrived() -> bool:
            return len(stopping.server.calls_of("users.info")) > 0

        await until(arrived, WITHIN)
        await stopping.stop()
        await stopping.start()
        for done in await asyncio.gather(*coming):
            assert done.ok
            assert "30 days" in (await Talk(stopping, kim.dm, done.ts, done).answer()).text


async def test_a_stop_between_the_ok_and_the_answer_loses_nothing_and_answers_once(opened: Open) -> None:
    async with FakeOpenAI(hang(), search(), say("".join(PIECES), PIECES), without_tools=say("REPLY: Hello!")) as model:
        settings = {"openai_base_url": model.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
        async with opened(**settings) as stopping:
            kim = stopping.server.person("Kim")
            talk = await stopping.asks(kim, RETURNS, stopping.server.channel("shop", kim))
            await model.seen(1)
            await stopping.stop()
            assert talk.posts == []
            await stopping.start()
            await stopping.server.tell(talk.done.deliveries)
            answer = await talk.answer()
            assert "30 days" in answer.text
            assert len(await talk.settled()) == 1


async def test_a_stop_in_the_middle_of_an_answer_leaves_one_whole_answer(opened: Open) -> None:
    pace = asyncio.Event()
    pieces = say("".join(PIECES), PIECES, pace=pace)
    async with FakeOpenAI(search(), pieces, search(), say("".join(PIECES)), without_tools=say("REPLY: Hi!")) as model:
        settings = {"openai_base_url": model.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
        async with opened(**settings) as stopping:
            talk = await stopping.asks(stopping.server.person("Kim"), RETURNS)
            pace.set()

            async def shown() -> bool:
                return any("30 days" in words for words in talk.words)

            await until(shown, WITHIN)
            await stopping.stop()
            await stopping.start()
            words = await talk.settled()
            assert [said for said in words if "Bye." in said] == words[-1:]
            assert len(words) <= 2, "what was begun may stand there, ended"
            assert [p for p in stopping.server.workspace.rooms[talk.channel].posts if p.streams_until > 0] == []


async def test_what_is_written_while_the_program_is_away_is_answered_when_it_is_back(opened: Open) -> None:
    async with opened() as away:
        kim = away.server.person("Kim")
        await away.stop()
        coming = asyncio.create_task(kim.writes(kim.dm, RETURNS))
        await away.start()
        done = await coming
        assert done.ok
        assert "30 days" in (await Talk(away, kim.dm, done.ts, done).answer()).text


async def test_while_slack_can_not_be_reached_at_the_start_it_is_tried_again(opened: Open) -> None:
    async with opened() as away:
        await away.stop()
        away.server.fail("auth.test", status=503)
        await away.start()
        kim = away.server.person("Kim")
        assert (await kim.writes(kim.dm, RETURNS)).ok
