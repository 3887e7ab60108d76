"""The assistant behind a language model, as the wire has it: answers, failures, and everything a model does wrong.

The whole program runs against a loopback server with OpenAI's wire format, once over each of its two APIs.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import select

from channels.web.parse import session_key
from core import wording
from core.ids import new_id
from core.store.schema import runs
from core.wording import Line
from tests.fakes.openai_server import (
    FakeOpenAI,
    Request,
    Step,
    call,
    drop_after,
    empty,
    error,
    fail_after,
    hang,
    say,
    slow,
    text_then_call,
    together,
)
from tests.scenario.conftest import Start
from tests.support import Chat, Client, Operator, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "How long does delivery take?"
ANSWER = "Standard delivery takes 2 to 4 working days. [1]"
DRAFT = "SUMMARY: Wants to know about delivery.\nREPLY: Hello! It takes two to four days [1]."
TALE = ["Parcels take two days [1]. ", "Bikes take a week [2]. ", "Shops hold them for ten days [1]. ", "That is all."]
"""Four sentences, one a piece."""


@pytest.fixture(scope="module", params=["chat", "responses"])
def api(request: pytest.FixtureRequest) -> str:
    """Which of OpenAI's APIs is spoken."""
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(api: str) -> AsyncIterator[FakeOpenAI]:
    """A language model, which drafts for operators beside what the tests script."""
    async with FakeOpenAI(without_tools=say(DRAFT)) as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server: FakeOpenAI, api: str, program: Start) -> AsyncIterator[Client]:
    """The whole program, with that model: one for all tests here, a chat session for each."""
    async with program(**the_model(server.base_url, api)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(client: Client) -> Operator:
    """An operator."""
    return await client.operator("Ada")


def the_model(address: str, api: str) -> dict[str, str]:
    """Settings that name the model."""
    return {
        "openai_base_url": address,
        "openai_api_key": "sk-test",
        "openai_model": "gpt-test",
        "openai_api": api,
        "model_pause_seconds": "0",  # what fails in one test is asked again in the next
    }


@pytest.fixture
def model(server: FakeOpenAI) -> Iterator[FakeOpenAI]:
    """The model, which has heard nothing yet and does as the test scripts it."""
    server.requests.clear()
    yield server
    unused = server.left
    server.steps.clear()
    server.otherwise = None
    assert unused <= 1, "the program asked the model less often than the test says"


def search(query: str = QUESTION) -> Step:
    """The model looks something up."""
    return call("search_knowledge_base", {"query": query})


async def case_of(chat: Chat) -> dict[str, Any]:
    """Return the only case of a chat session, in full."""
    reader = await chat.client.operator(new_id("reader"))
    [first, *_] = await chat.read()
    name = f"Customer {chat.session[-4:]}"
    alike = [await reader.case(case["id"]) for case in await reader.cases("all") if case["customer"] == name]
    [found] = [case for case in alike if case["messages"][0]["id"] == first["id"]]
    return found


async def handed_over(chat: Chat, *, because: str, line: str) -> dict[str, Any]:
    """Check that the customer reads one line and nothing else, and that people see why; returns the case."""
    said = await chat.read()
    assert [(m["author"], m["text"]) for m in said[1:]] == [("system", line)]
    case = await case_of(chat)
    assert case["reason"] == because
    return case


async def frames(socket_: aiohttp.ClientWebSocketResponse) -> AsyncIterator[dict[str, Any]]:
    """Yield what the page's socket gets; a frame that does not come within ten seconds fails the test."""
    while True:
        yield await asyncio.wait_for(socket_.receive_json(), 10)


async def heard_until_system_line(socket_: aiohttp.ClientWebSocketResponse) -> list[tuple[str, str]]:
    """Return (kind, text) of the frames with words in them, up to the fixed line of a handoff."""
    heard = []
    async for frame in frames(socket_):
        match frame["type"]:
            case "partial":
                heard.append(("partial", frame["text"]))
            case "message":
                heard.append((frame["message"]["author"], frame["message"]["text"]))
                if frame["message"]["author"] == "system":
                    break
    return heard


def whole(request: Request) -> str:
    """Everything a request told the model, as one text."""
    return json.dumps(request.json, ensure_ascii=False)


async def run_states(chat: Chat) -> list[str]:
    """Return what became of every run of the session, in the order they were asked for."""
    store = chat.client.threadline.store
    thread = await store.find_thread(session_key(chat.session))
    assert thread
    async with store.database.reading() as connection:
        return list(await connection.scalars(select(runs.c.state).where(runs.c.lane == thread.id).order_by(runs.c.n)))


# Answers


async def test_an_answer_rests_on_a_search_and_names_its_source(client: Client, model: FakeOpenAI, api: str) -> None:
    model.then(search(), say(ANSWER))
    chat = await client.chat()
    [reply] = await chat.say(QUESTION)
    assert (reply["author"], reply["text"]) == ("bot", ANSWER)
    [source] = reply["citations"]
    assert (source["index"], source["source"]) == (1, "delivery-times-and-costs.md")
    first, second = model.requests
    assert first.path.endswith("/chat/completions" if api == "chat" else "/responses")
    assert first.tools == ["search_knowledge_base", "hand_off", "ask_back", "decline", "remember"]
    assert first.said[-1] == ("user", QUESTION)
    [found] = [json.loads(result) for result in second.tool_results.values()]
    assert found["carries_an_answer"]
    assert (found["passages"][0]["number"], found["passages"][0]["text"]) == (1, source["text"])


async def test_openai_is_told_to_keep_nothing(client: Client, model: FakeOpenAI) -> None:
    model.then(search(), say(ANSWER))
    await (await client.chat()).say(QUESTION)
    assert [request.json["store"] for request in model.requests] == [False, False]
    assert not any("previous_response_id" in request.json for request in model.requests)


async def test_an_answer_reaches_the_page_sentence_by_sentence_before_it_is_whole(
    client: Client, model: FakeOpenAI
) -> None:
    pace = asyncio.Event()
    pieces = [*TALE, " Bye."]
    model.then(search(), say("".join(pieces), pieces, pace=pace))
    chat = await client.chat()
    await chat.post(QUESTION)
    grown: list[str] = []
    async with chat.socket() as page:
        pace.set()  # the second piece shows that the first sentence has ended
        async for frame in frames(page):
            if frame["type"] == "partial":
                grown.append(frame["text"])
                if len(grown) <= 3:  # the last piece is held back until then
                    assert [m["author"] for m in await chat.read()] == ["customer"]
                pace.set()
            elif frame["type"] == "message" and frame["message"]["author"] == "bot":
                answer = frame["message"]
                break
    assert grown[:3] == ["".join(TALE[:count]).rstrip() for count in (1, 2, 3)]
    assert answer["text"] == "".join(pieces)
    assert [c["index"] for c in answer["citations"]] == [1, 2]
    assert [m["id"] for m in await chat.read()][1:] == [answer["id"]]


async def test_nothing_is_let_go_before_a_search_has_carried_an_answer(client: Client, model: FakeOpenAI) -> None:
    model.then(
        together(say("Let me look. It is a good question [1]. One moment.", 6), call("remember", {"fact": "Polite"})),
        search(),
        say(ANSWER),
    )
    chat = await client.chat()
    await chat.post(QUESTION)
    async with chat.socket() as page:
        async for frame in frames(page):
            if frame["type"] == "partial":
                assert "look" not in frame["text"]
            elif frame["type"] == "message" and frame["message"]["author"] == "bot":
                assert frame["message"]["text"] == ANSWER
                break


async def test_numbers_in_an_answer_count_from_one_in_the_order_they_are_read(
    client: Client, model: FakeOpenAI
) -> None:
    model.then(search(), say("Bikes take a week [3]. Parcels take two days [1]. Bikes are heavy [3]."))
    [reply] = await (await client.chat()).say(QUESTION)
    assert reply["text"] == "Bikes take a week [1]. Parcels take two days [2]. Bikes are heavy [1]."
    assert [c["index"] for c in reply["citations"]] == [1, 2]


async def test_sources_and_links_that_the_model_made_up_are_dropped(client: Client, model: FakeOpenAI) -> None:
    model.then(
        search(),
        say(
            "It takes two days [1]. See [the table](https://evil.example/a) [9], "
            "![](https://evil.example/spy.png) or https://evil.example/b."
        ),
    )
    [reply] = await (await client.chat()).say(QUESTION)
    assert "evil.example" not in reply["text"]
    assert "[9]" not in reply["text"]
    assert "the table" in reply["text"]
    assert [c["index"] for c in reply["citations"]] == [1]


@pytest.mark.parametrize(
    "wrong",
    [call("refund_everything", {"amount": 100}), call("search_knowledge_base", '{"query": '), call("hand_off")],
    ids=["unknown tool", "broken arguments", "missing argument"],
)
async def test_a_wrong_tool_call_is_told_to_the_model_which_may_go_on(
    client: Client, model: FakeOpenAI, wrong: Step
) -> None:
    model.then(wrong, search(), say(ANSWER))
    [reply] = await (await client.chat()).say(QUESTION)
    assert reply["text"] == ANSWER
    [told] = model.requests[1].tool_results.values()
    assert told.startswith("Error: ")


async def test_a_model_that_calls_wrongly_again_and_again_is_a_handoff(client: Client, model: FakeOpenAI) -> None:
    model.otherwise = call("refund_everything", {"amount": 100})
    chat = await client.chat()
    await chat.say(QUESTION)
    assert [m["author"] for m in await chat.read()] == ["customer", "system"]
    assert len(model.requests) <= 8


async def test_thanks_need_no_source(client: Client, model: FakeOpenAI) -> None:
    model.then(say("You're welcome!"))
    [reply] = await (await client.chat()).say("Thanks a lot!")
    assert (reply["author"], reply["text"]) == ("bot", "You're welcome!")


async def test_a_question_too_vague_is_asked_back(client: Client, model: FakeOpenAI) -> None:
    model.then(call("ask_back", {"question": "Which bike do you mean? See https://evil.example/x"}))
    chat = await client.chat()
    [reply] = await chat.say("It makes a noise")
    assert reply["author"] == "bot"
    assert reply["text"].startswith("Which bike do you mean?")
    assert "evil.example" not in reply["text"]
    assert [m["author"] for m in await chat.read()] == ["customer", "bot"]


async def test_a_question_about_something_else_is_declined_in_our_own_words(client: Client, model: FakeOpenAI) -> None:
    model.then(text_then_call("I only do bikes, silly. ", "decline", {"subject": "poetry"}))
    [reply] = await (await client.chat()).say("Write me a poem about Rome")
    assert (reply["author"], reply["text"]) == ("bot", wording.text(Line.DECLINED))


# Failures of the model are handoffs


async def test_a_model_that_is_busy_for_a_moment_is_asked_again(client: Client, model: FakeOpenAI) -> None:
    model.then(error(429, retry_after=0.01), search(), error(500, retry_after=0.01), say(ANSWER))
    [reply] = await (await client.chat()).say(QUESTION)
    assert reply["text"] == ANSWER
    assert [request.outcome for request in model.requests] == ["refused", "answered", "refused", "answered"]


@pytest.mark.parametrize("status", [429, 500, 401, 404])
async def test_a_model_that_fails_for_good_is_a_handoff_kindly_said(
    client: Client, model: FakeOpenAI, status: int
) -> None:
    model.otherwise = error(status, retry_after=0.01, message="secret-of-the-provider")
    chat = await client.chat()
    await chat.say(QUESTION)
    await handed_over(chat, because="model_failed", line=wording.text(Line.HANDED_OFF_FAILED))
    assert len(model.requests) == (1 if status in (401, 404) else 2)


async def test_operators_read_what_failed_but_not_what_the_provider_wrote(client: Client, model: FakeOpenAI) -> None:
    model.otherwise = error(401, message="Incorrect API key provided: sk-test")
    chat = await client.chat()
    await chat.say(QUESTION)
    case = await case_of(chat)
    assert case["detail"] == "AuthenticationError (HTTP 401)"
    assert "sk-test" not in json.dumps(case)


async def test_a_model_that_nobody_reaches_is_a_handoff(program: Start, api: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # closed again before anyone asks
    async with program(**the_model(f"http://127.0.0.1:{port}/v1", api)) as client:
        chat = await client.chat()
        await chat.say(QUESTION)
        case = await handed_over(chat, because="model_failed", line=wording.text(Line.HANDED_OFF_FAILED))
    assert case["detail"] == "APIConnectionError"


async def test_a_model_that_never_answers_is_a_handoff_once_the_time_is_over(
    program: Start, model: FakeOpenAI, api: str
) -> None:
    model.then(hang())
    async with program(**the_model(model.base_url, api), run_seconds=3) as client:  # its first request takes a while
        chat = await client.chat()
        await chat.say(QUESTION)
        case = await handed_over(chat, because="model_failed", line=wording.text(Line.HANDED_OFF_FAILED))
    assert case["detail"] == "No answer within 3 s."
    await model.seen(1, "abandoned")


BROKEN = {
    "connection cut": drop_after(3, say("".join(TALE), TALE)),
    "ended without an error": drop_after(3, say("".join(TALE), TALE), cleanly=True),
    "error in the stream": fail_after(3, say("".join(TALE), TALE)),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
async def test_an_answer_that_breaks_off_stays_as_far_as_it_was_read_and_goes_to_a_person(
    client: Client, model: FakeOpenAI, broken: Step
) -> None:
    model.then(search(), broken)
    chat = await client.chat()
    await chat.post(QUESTION)
    async with chat.socket() as page:
        heard = await heard_until_system_line(page)
    shown = "Parcels take two days [1]. Bikes take a week [2]."
    assert heard[-2:] == [
        ("bot", f"{shown}\n\n{wording.text(Line.CUT_SHORT)}"),
        ("system", wording.text(Line.HANDED_OFF_FAILED)),
    ]
    assert [text for kind, text in heard if kind == "partial"][-1] == shown
    assert [m["author"] for m in await chat.read()] == ["customer", "bot", "system"]
    assert (await case_of(chat))["reason"] == "model_failed"

    async def ended() -> bool:
        return bool((await case_of(chat))["messages"][1]["delivery"] == "delivered")

    await until(ended)  # with the line that says so, what was broken off is whole


async def test_a_model_suggests_a_reply_to_operators_and_says_what_the_case_is_about(
    client: Client, model: FakeOpenAI, server: FakeOpenAI
) -> None:
    chat = await client.chat()
    await chat.say(f"{QUESTION} I want to talk to a person, said {chat.session}")

    async def suggested() -> dict[str, Any] | None:
        case = await case_of(chat)
        return case if case["suggestion"] and not case["suggestion"]["writing"] else None

    case = await until(suggested)
    assert case["summary"] == "Wants to know about delivery."
    assert case["suggestion"]["text"] == "Hello! It takes two to four days [1]."
    assert [citation["index"] for citation in case["suggestion"]["citations"]] == [1]
    drafts = [request for request in server.asides if f"said {chat.session}" in json.dumps(request.json)]
    assert (len(drafts), model.requests) == (1, []), "the rule asks no model, the draft asks it once"
    assert [m["author"] for m in await chat.read()] == ["customer", "system"]


async def test_what_was_read_of_a_broken_answer_keeps_its_sources(client: Client, model: FakeOpenAI) -> None:
    model.then(search(), drop_after(3, say("".join(TALE), TALE)))
    chat = await client.chat()
    await chat.say(QUESTION)
    broken = (await chat.read())[1]
    assert [c["index"] for c in broken["citations"]] == [1, 2]


@pytest.mark.parametrize("ending", ["length", "content_filter"])
async def test_an_answer_cut_by_a_limit_or_a_filter_is_not_shown_as_one(
    client: Client, model: FakeOpenAI, ending: Any
) -> None:
    model.then(search(), say("It takes two days [1]", ending=ending))
    chat = await client.chat()
    await chat.say(QUESTION)
    await handed_over(chat, because="model_failed", line=wording.text(Line.HANDED_OFF_FAILED))
    assert ending in (await case_of(chat))["detail"]


@pytest.mark.parametrize("after_a_search", [False, True])
async def test_an_empty_answer_is_a_handoff(client: Client, model: FakeOpenAI, after_a_search: bool) -> None:
    model.then(*([search()] if after_a_search else []), empty())
    chat = await client.chat()
    await chat.say(QUESTION)
    await handed_over(chat, because="model_empty", line=wording.text(Line.HANDED_OFF_FAILED))


# What a model does that it should not


async def test_an_answer_without_a_source_goes_to_a_person_unseen(client: Client, model: FakeOpenAI) -> None:
    model.then(search(), say("It takes about two days. Trust me."))
    chat = await client.chat()
    await chat.say(QUESTION)
    await handed_over(chat, because="weak_grounding", line=wording.text(Line.HANDED_OFF))
    case = await case_of(chat)
    assert case["detail"] == "The answer named no source."
    assert case["passages"][0]["source"] == "delivery-times-and-costs.md"


async def test_an_answer_without_a_search_goes_to_a_person_even_with_a_number(
    client: Client, model: FakeOpenAI
) -> None:
    model.then(say("It takes two days [1]. It really does."))
    chat = await client.chat()
    await chat.say(QUESTION)
    await handed_over(chat, because="weak_grounding", line=wording.text(Line.HANDED_OFF))


async def test_an_answer_from_passages_that_do_not_carry_one_goes_to_a_person(
    client: Client, model: FakeOpenAI
) -> None:
    model.then(search("What is the capital of France?"), say("The capital of France is Paris [1]."))
    chat = await client.chat()
    await chat.say("What is the capital of France?")
    await handed_over(chat, because="weak_grounding", line=wording.text(Line.HANDED_OFF))


async def test_a_person_promised_without_being_called_is_called_and_the_promise_not_shown(
    client: Client, model: FakeOpenAI
) -> None:
    model.then(search(), say("I am connecting you with a colleague now. [1] Please hold on."))
    chat = await client.chat()
    await chat.say(QUESTION)
    await handed_over(chat, because="promised_person", line=wording.text(Line.HANDED_OFF))


async def test_a_person_promised_in_a_question_back_is_called_too(client: Client, model: FakeOpenAI) -> None:
    model.then(call("ask_back", {"question": "I am connecting you with a colleague now."}))
    chat = await client.chat()
    await chat.say("It makes a noise")
    await handed_over(chat, because="promised_person", line=wording.text(Line.HANDED_OFF))


async def test_a_promise_in_mid_stream_ends_the_stream_before_it(client: Client, model: FakeOpenAI) -> None:
    tale = ["Parcels take two days [1]. ", "I'm passing you to a colleague now. ", "Goodbye. ", "Bye."]
    model.then(search(), say("".join(tale), tale))
    chat = await client.chat()
    await chat.post(QUESTION)
    async with chat.socket() as page:
        heard = await heard_until_system_line(page)
    assert heard[-2:] == [
        ("bot", f"Parcels take two days [1].\n\n{wording.text(Line.CUT_SHORT)}"),
        ("system", wording.text(Line.HANDED_OFF)),
    ]
    assert not any("passing you" in text for kind, text in heard if kind != "system")
    assert (await case_of(chat))["reason"] == "promised_person"


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_person_called_twice_comes_once(client: Client, model: FakeOpenAI, at_once: bool) -> None:
    asked = [call("hand_off", {"reason": "needs an account change"}), call("hand_off", {"reason": "again"})]
    model.then(*([together(*asked)] if at_once else asked))
    chat = await client.chat()
    await chat.say("Please change my birthday")
    await handed_over(chat, because="model_asked", line=wording.text(Line.HANDED_OFF))
    assert (await case_of(chat))["detail"] == "needs an account change"


async def test_a_person_called_after_some_words_ends_the_words(client: Client, model: FakeOpenAI) -> None:
    model.then(search(), together(say("".join(TALE), TALE), call("hand_off", {"reason": "the customer is upset"})))
    chat = await client.chat()
    await chat.say(QUESTION)
    said = await chat.read()
    assert [m["author"] for m in said] == ["customer", "bot", "system"]
    assert said[1]["text"] == f"{''.join(TALE[:3]).rstrip()}\n\n{wording.text(Line.CUT_SHORT)}"
    assert (await case_of(chat))["reason"] == "model_asked"


async def test_words_before_a_handoff_that_no_search_carries_are_not_shown(client: Client, model: FakeOpenAI) -> None:
    model.then(text_then_call("Hm. I wonder. Let me get someone. ", "hand_off", {"reason": "unclear"}))
    chat = await client.chat()
    await chat.say("Please change my birthday")
    await handed_over(chat, because="model_asked", line=wording.text(Line.HANDED_OFF))


async def test_a_model_that_searches_for_ever_is_stopped(client: Client, model: FakeOpenAI) -> None:
    model.otherwise = search()
    chat = await client.chat()
    await chat.say(QUESTION)
    await handed_over(chat, because="model_exhausted", line=wording.text(Line.HANDED_OFF_FAILED))
    assert len(model.requests) <= 8


# What a model is told


async def test_the_model_reads_the_conversation_with_the_colleagues_words_and_the_hand_back(
    client: Client, model: FakeOpenAI, ada: Operator
) -> None:
    model.then(search(), say(ANSWER), call("hand_off", {"reason": "wants a discount"}), search(), say(ANSWER))
    chat = await client.chat()
    await chat.say(QUESTION)
    await chat.say("Do I get a discount?")
    case = await case_of(chat)
    await ada.act(case["id"], "claim")
    await ada.act(case["id"], "note", "A difficult customer")
    await ada.act(case["id"], "reply", "You get ten percent.")
    await ada.act(case["id"], "hand_back")
    await chat.say("And how fast is express delivery?")
    told = [(role, text) for role, text in model.requests[-1].said if role in ("user", "assistant")]
    assert [line for line in told if line[1]] == [
        ("user", QUESTION),
        ("assistant", ANSWER),
        ("user", "Do I get a discount?"),
        ("assistant", f"({wording.text(Line.HANDED_OFF)})"),
        ("assistant", "(Ada has joined the conversation.)"),
        ("assistant", "(Ada, a colleague, wrote:) You get ten percent."),
        ("assistant", "(Ada has handed the conversation back to the assistant.)"),
        ("user", "And how fast is express delivery?"),
    ]
    assert "difficult" not in whole(model.requests[-1])


async def test_nothing_of_one_customer_is_told_in_another_ones_conversation(client: Client, model: FakeOpenAI) -> None:
    model.otherwise = lambda request: say(ANSWER) if "carries_an_answer" in json.dumps(request) else search()
    first, second = await client.chat(), await client.chat()
    await asyncio.gather(
        first.say("My secret word is ostrich. How long does delivery take?"),
        second.say("My secret word is walrus. How long does delivery take?"),
    )
    await first.say("And to Scotland?")
    assert len(model.requests) == 6
    for request in model.requests:
        assert ("ostrich" in whole(request)) != ("walrus" in whole(request))


async def test_a_fact_is_remembered_for_its_customer_alone(client: Client, model: FakeOpenAI) -> None:
    fact = "Rides a Larkfield Tern"
    model.then(call("remember", {"fact": fact}), search(), say(ANSWER), search(), say(ANSWER), search(), say(ANSWER))
    chat, other = await client.chat(), await client.chat()
    await chat.say("I ride a Tern. How long does delivery take?")
    await chat.say("And express?")
    await other.say(QUESTION)
    assert fact not in whole(model.requests[0])
    assert f": {fact}" in whole(model.requests[3])
    assert not any(fact in whole(request) for request in model.requests[5:])


# Several messages, and people in between


async def test_a_newer_message_makes_the_slow_answer_to_the_older_one_void(client: Client, model: FakeOpenAI) -> None:
    gate = asyncio.Event()
    model.then(slow(gate, say("Too late [1].")), search(), say(ANSWER))
    chat = await client.chat()
    await chat.post("How long does delivery")
    await model.seen(1)
    replies = await chat.say("take, I mean?")
    gate.set()
    assert [reply["text"] for reply in replies] == [ANSWER]
    await model.seen(1, "abandoned")
    assert model.requests[1].said[-1] == ("user", "How long does delivery\ntake, I mean?")
    assert [m["author"] for m in await chat.read()] == ["customer", "customer", "bot"]
    assert await run_states(chat) == ["superseded", "done"]


async def test_a_message_while_an_answer_is_being_read_gets_its_own_answer_after_it(
    client: Client, model: FakeOpenAI
) -> None:
    pace = asyncio.Event()
    model.then(search(), say("".join(TALE), TALE, pace=pace), search(), say(ANSWER))
    chat = await client.chat()
    await chat.post(QUESTION)
    async with chat.socket() as page:
        pace.set()
        async for frame in frames(page):
            if frame["type"] == "partial":
                break
        second = asyncio.ensure_future(chat.say("And to Scotland?"))
        async for frame in frames(page):
            pace.set()
            if frame["type"] == "message" and frame["message"]["author"] == "bot":
                assert frame["message"]["text"] == "".join(TALE)
                break
            if frame["type"] == "message":
                assert frame["message"]["text"] == "And to Scotland?"
        while not second.done():
            pace.set()
            await asyncio.sleep(0)
    assert (await second)[-1]["text"] == ANSWER
    assert [m["author"] for m in await chat.read()] == ["customer", "customer", "bot", "bot"]


async def test_who_asks_for_a_person_meanwhile_gets_one_and_the_models_late_answer_is_never_sent(
    client: Client, model: FakeOpenAI, ada: Operator
) -> None:
    gate = asyncio.Event()
    model.then(slow(gate, search()), say(ANSWER))
    chat = await client.chat()
    await chat.post(QUESTION)
    await model.seen(1)
    [line] = await chat.say("I want to talk to a person")
    assert line["text"] == wording.text(Line.HANDED_OFF_ASKED)
    case = await case_of(chat)
    assert (await ada.act(case["id"], "claim")).status == 200
    gate.set()
    assert (await ada.act(case["id"], "reply", "Ada here.")).status == 200
    await chat.post("Hello Ada")
    await until(lambda: said_by_customer(chat, 3))
    assert [m["author"] for m in await chat.read()] == [
        "customer",
        "customer",
        "system",
        "system",
        "operator",
        "customer",
    ]
    assert len(model.requests) == 1
    assert await run_states(chat) == ["superseded", "done"]


async def said_by_customer(chat: Chat, count: int) -> bool:
    """Whether the customer has said so many things."""
    return [m["author"] for m in await chat.read()].count("customer") == count


async def test_a_request_for_a_person_reaches_no_model(client: Client, model: FakeOpenAI) -> None:
    chat = await client.chat()
    await chat.say("Can I speak to a human please")
    assert model.requests == []
    assert (await case_of(chat))["reason"] == "customer_asked"


# A model that takes its time


async def test_who_waits_long_is_told_so_once_and_then_answered(
    program: Start, server: FakeOpenAI, model: FakeOpenAI, api: str
) -> None:
    late = asyncio.Event()
    model.then(search(), slow(late, say(ANSWER)))
    async with program(**the_model(server.base_url, api), slow_seconds=0.1) as client:
        chat = await client.chat()
        await chat.post(QUESTION)

        async def told() -> bool:
            return len(await chat.read()) == 2

        await until(told)
        late.set()

        async def answered() -> bool:
            return len(await chat.read()) == 3

        await until(answered)
        assert [said["text"] for said in await chat.read()] == [QUESTION, wording.text(Line.WAITING_LONG), ANSWER]
