"""The chat API as the contract has it, and everything a customer's program may send instead.

One program takes all of it, test after test: nothing sent here may keep it from answering the next.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from channels.web.pages import POLICY
from channels.web.parse import MAX_MESSAGE
from core import wording
from core.store.files import MAX_FILE, MAX_FILES
from core.wording import Line
from tests.scenario.conftest import Start
from tests.support import Answer, Client, ManualClock, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "How long does delivery take?"
BASE = "/api/v1/chat/sessions"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(program: Start) -> AsyncIterator[Client]:
    """The whole program, without a language model."""
    async with program() as running:
        yield running


def is_error(answer: Answer, status: int, code: str = "") -> str:
    """Check that `answer` is the contract's error JSON; returns its sentence."""
    assert answer.status == status, answer.data
    assert set(answer.data) == {"error"}
    assert set(answer.data["error"]) == {"code", "message"}
    assert code in {"", answer.data["error"]["code"]}
    sentence = str(answer.data["error"]["message"])
    assert sentence.endswith((".", '"}.')), sentence
    assert "Traceback" not in sentence
    return sentence


async def raw(client: Client, request: bytes) -> tuple[int, bytes]:
    """Send bytes that no HTTP library would send; returns the status and everything that came back."""
    where = urlsplit(client.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(request)
    async with asyncio.timeout(10):
        back = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(back.split(b" ", 2)[1]), back


def request_bytes(client: Client, path: str, *headers: bytes, body: bytes = b"", method: bytes = b"POST") -> bytes:
    """Return an HTTP request with exactly these headers."""
    names = {header.partition(b":")[0].lower() for header in headers}
    usual = [b"Host: " + urlsplit(client.url).netloc.encode()] if b"host" not in names else []
    lines = [method + b" " + path.encode() + b" HTTP/1.1", *usual, *headers, b"Connection: close"]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


# Sessions and messages


async def test_a_session_is_made_with_a_token_of_its_own(client: Client) -> None:
    first, second = [await client.call("POST", BASE) for _ in range(2)]
    assert (first.status, set(first.data)) == (201, {"session_id", "token"})
    assert first.data["token"] != second.data["token"]
    assert len(first.data["token"]) >= 32


async def test_a_message_is_taken_and_answered_later(client: Client) -> None:
    chat = await client.chat()
    answer = await client.call("POST", f"{chat.path}/messages", token=chat.token, json={"text": QUESTION})
    assert (answer.status, set(answer.data)) == (202, {"message_id"})

    async def answered() -> bool:
        return len(await chat.read()) == 2

    await until(answered)
    asked, reply = await chat.read()
    assert (asked["id"], asked["author"], asked["text"]) == (answer.data["message_id"], "customer", QUESTION)
    assert set(reply) >= {"id", "author", "text", "citations", "files", "at"}
    assert (reply["author"], reply["files"]) == ("bot", [])
    assert reply["at"].endswith("Z")


async def test_with_wait_the_replies_come_with_the_answer(client: Client) -> None:
    chat = await client.chat()
    path = f"{chat.path}/messages?wait=30"
    answer = await client.call("POST", path, token=chat.token, json={"text": QUESTION})
    assert (answer.status, set(answer.data)) == (200, {"message_id", "replies"})
    [reply] = answer.data["replies"]
    assert reply["citations"][0]["source"] == "delivery-times-and-costs.md"
    assert (await chat.read())[1] == reply


async def test_after_an_id_only_what_came_later_is_read(client: Client) -> None:
    chat = await client.chat()
    await chat.say("Hello")
    await chat.say("Thanks!")
    said = await chat.read()
    path = f"{chat.path}/messages?after={said[1]['id']}"
    later = (await client.call("GET", path, token=chat.token)).data
    assert later["messages"] == said[2:]
    assert (await client.call("GET", f"{chat.path}/messages?after={said[-1]['id']}", token=chat.token)).data[
        "messages"
    ] == []


async def test_a_session_without_messages_reads_as_empty_and_the_bots(client: Client) -> None:
    chat = await client.chat()
    assert (await client.call("GET", f"{chat.path}/messages", token=chat.token)).data == {
        "messages": [],
        "owner": "bot",
        "operator": None,
        "typing": False,
    }


async def test_a_message_sent_twice_with_one_key_is_one_message(client: Client) -> None:
    chat = await client.chat()
    sent = [
        await client.call(
            "POST", f"{chat.path}/messages?wait=30", token=chat.token, json={"text": QUESTION},
            headers={"Idempotency-Key": "the-same"},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [answer.status for answer in sent] == [200, 200]
    assert sent[0].data == sent[1].data
    assert [m["author"] for m in await chat.read()] == ["customer", "bot"]


async def test_a_key_belongs_to_its_session(client: Client) -> None:
    first, second = await client.chat(), await client.chat()
    await first.say("Hello", key="1")
    await second.say("Hello", key="1")
    assert [len(await chat.read()) for chat in (first, second)] == [2, 2]


async def test_ten_copies_at_once_are_one_message(client: Client) -> None:
    chat = await client.chat()
    replies = await asyncio.gather(*(chat.say(QUESTION, key="again") for _ in range(10)))
    assert len({reply[0]["id"] for reply in replies}) == 1
    assert [m["author"] for m in await chat.read()] == ["customer", "bot"]


async def test_text_may_come_as_a_form(client: Client) -> None:
    chat = await client.chat()
    form = aiohttp.FormData({"text": "Hello"}, default_to_multipart=True)
    answer = await client.call("POST", f"{chat.path}/messages?wait=30", token=chat.token, data=form)
    assert (answer.status, answer.data["replies"][0]["text"]) == (200, wording.text(Line.GREETING))


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"


def form(text: str | None, *names: str, content: bytes = PNG) -> aiohttp.FormData:
    """Return a message with files, as the page sends it."""
    made = aiohttp.FormData()
    if text is not None:
        made.add_field("text", text)
    for name in names:
        made.add_field("files", io.BytesIO(content), filename=name, content_type="image/png")
    return made


@pytest.mark.parametrize("text", ["See the photo", None], ids=["with words", "alone"])
async def test_a_file_is_kept_and_handed_to_a_person(client: Client, text: str | None) -> None:
    chat = await client.chat()
    path = f"{chat.path}/messages?wait=60"
    answer = await client.call("POST", path, token=chat.token, data=form(text, "photo.png"))
    assert [reply["text"] for reply in answer.data["replies"]] == [wording.text(Line.HANDED_OFF_FILE)]
    said = (await chat.read())[0]
    assert said["text"] == (text or "")
    [file] = said["files"]
    assert (file["name"], file["type"], file["size"]) == ("photo.png", "image/png", len(PNG))


async def test_a_file_too_many_or_too_large_is_refused_and_nothing_is_said(client: Client) -> None:
    chat = await client.chat()
    path = f"{chat.path}/messages"
    answer = await client.call("POST", path, token=chat.token, data=form("See", *["a.png"] * (MAX_FILES + 1)))
    assert "5 files" in is_error(answer, 400, "too_many_files")
    large = form("See", "a.png", content=b"x" * (MAX_FILE + 1))
    assert "20 MB" in is_error(await client.call("POST", path, token=chat.token, data=large), 413, "file_too_large")
    assert await chat.read() == []


# What customers think, and what they take back


async def test_a_thumb_for_an_answer_is_kept_and_may_change(client: Client) -> None:
    chat = await client.chat()
    [answer] = await chat.say("How long is the warranty?")
    path = f"{chat.path}/messages/{answer['id']}/feedback"
    for score in (1, -1):
        rated = await client.call("POST", path, token=chat.token, json={"score": score, "reason": "Wrong bike"})
        assert rated.status == 200
    assert (await chat.read())[-1]["rating"] == {"score": -1, "reason": "Wrong bike"}
    other = await client.chat()
    await other.say("Hello")
    wrong = f"{other.path}/messages/{answer['id']}/feedback"
    assert (await client.call("POST", wrong, token=other.token, json={"score": 1})).status >= 400
    assert (await chat.read())[-1]["rating"]["score"] == -1


async def test_a_survey_is_answered_once(client: Client) -> None:
    chat, ada = await client.chat(), await client.operator("Survey Ada")
    await chat.say("I want to talk to a person")
    case = max(await ada.cases(), key=lambda one: one["number"])["id"]
    await ada.act(case, "resolve")
    path = f"{chat.path}/survey"
    body = {"case_id": case, "score": 4, "reason": "Friendly"}
    assert (await client.call("POST", path, token=chat.token, json=body)).status == 200
    again = await client.call("POST", path, token=chat.token, json=body)
    assert (again.status, again.data["error"]["code"]) == (409, "already_answered")
    assert (await chat.read())[-1]["survey"] == {"case_id": case, "answered": True}
    assert (await ada.case(case))["survey"] == {"score": 4, "reason": "Friendly"}
    assert (await ada.case(case))["state"] == "resolved"


async def test_an_own_message_is_edited_and_withdrawn_and_nobody_elses(client: Client) -> None:
    chat, ada = await client.chat(), await client.operator("Editing Ada")
    await chat.say("I want to talk to a person")
    assert await chat.say("My number is 1234") == []
    line = (await chat.read())[-1]["id"]
    path = f"{chat.path}/messages/{line}"
    assert (await client.call("PUT", path, token=chat.token, json={"text": "My number is 4321"})).status == 200
    changed = (await chat.read())[-1]
    assert (changed["text"], changed["changed"] is None) == ("My number is 4321", False)
    case = max(await ada.cases(), key=lambda one: one["number"])["id"]
    assert (await ada.case(case))["messages"][-1]["changed"]["original"] == "My number is 1234"
    assert (await client.call("DELETE", path, token=chat.token)).status == 200
    gone = (await chat.read())[-1]
    assert (gone["text"], gone["withdrawn"]) == ("", True)
    system = (await chat.read())[1]["id"]
    other = await client.chat()
    await other.say("Hello")
    for wrong in (f"{chat.path}/messages/{system}", f"{chat.path}/messages/m_none", f"{other.path}/messages/{line}"):
        token = other.token if wrong.startswith(other.path) else chat.token
        assert (await client.call("PUT", wrong, token=token, json={"text": "Mine!"})).status == 404
        assert (await client.call("DELETE", wrong, token=token)).status == 404


# What else may come


@pytest.mark.parametrize("wait", ["-1", "121", "soon", "nan", "inf", "1e9"])
async def test_a_wait_out_of_bounds_is_refused_before_anything_is_stored(client: Client, wait: str) -> None:
    chat = await client.chat()
    path = f"{chat.path}/messages?wait={wait}"
    is_error(await client.call("POST", path, token=chat.token, json={"text": "Hello"}), 400, "bad_wait")
    assert await chat.read() == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"text": ""}', 400, "text_empty"),
        (b'{"text": " \\n\\t "}', 400, "text_empty"),
        (b'{"text": "\\u0000"}', 400, "text_empty"),
        (b'{"text": null}', 400, "text_missing"),
        (b'{"text": 7}', 400, "text_missing"),
        (b'{"text": ["Hello"]}', 400, "text_missing"),
        (b"{}", 400, "text_missing"),
        (b"", 400, "bad_json"),
        (b'{"text": "Hel', 400, "bad_json"),
        (b'["Hello"]', 400, "bad_json"),
        (b'"Hello"', 400, "bad_json"),
        (b"null", 400, "bad_json"),
        (b"\xff\xfe\xfa", 400, "bad_json"),
        (b"[" * 200_000, 400, "bad_json"),
        (b'{"text": ' + b"9" * 5000 + b"}", 400, "bad_json"),
        (json.dumps({"text": "a" * (MAX_MESSAGE + 1)}).encode(), 413, "text_too_long"),
        (json.dumps({"text": "a" * 1_000_000}).encode(), 413, "text_too_long"),
        (json.dumps({"text": "a" * 1_500_000}).encode(), 413, "too_large"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
async def test_a_body_that_is_no_message_is_refused_with_the_fix(
    client: Client, body: bytes, status: int, code: str
) -> None:
    chat = await client.chat()
    answer = await client.call("POST", f"{chat.path}/messages", token=chat.token, data=io.BytesIO(body))
    is_error(answer, status, code)
    assert await chat.read() == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"no such boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\ncut off'),
        ("application/x-www-form-urlencoded", b"text=Hello"),
        ("text/plain", b"Hello"),
    ],
)
async def test_a_form_that_cannot_be_read_is_refused(client: Client, kind: str, body: bytes) -> None:
    chat = await client.chat()
    path, headers = f"{chat.path}/messages", {"Content-Type": kind}
    is_error(await client.call("POST", path, token=chat.token, data=body, headers=headers), 400)


async def test_the_longest_message_allowed_is_taken_whole(client: Client) -> None:
    chat = await client.chat()
    await chat.say(text := f"{QUESTION} ".ljust(MAX_MESSAGE, "€"))
    assert (await chat.read())[0]["text"] == text


async def test_characters_that_no_database_stores_are_taken_out(client: Client) -> None:
    chat = await client.chat()
    body = b'{"text": "He\\u0000llo \\ud800 \\ud83d\\udeb2"}'
    answer = await client.call("POST", f"{chat.path}/messages?wait=30", token=chat.token, data=body)
    assert answer.status == 200
    assert (await chat.read())[0]["text"] == "Hello ? 🚲"


async def test_words_that_look_like_markup_come_back_as_they_were_said(client: Client) -> None:
    chat = await client.chat()
    await chat.say(text := "<script>alert(1)</script> {{7*7}} '; DROP TABLE threads; --")
    assert (await chat.read())[0]["text"] == text


# Who may


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic dTpw"}])
async def test_without_a_token_nothing_is_read_or_said(client: Client, headers: dict[str, str]) -> None:
    chat = await client.chat()
    for method, path in (("GET", "messages"), ("POST", "messages"), ("POST", "ticket")):
        answer = await client.call(method, f"{chat.path}/{path}", headers=headers, json={"text": "Hello"})
        is_error(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_is_good_for_its_own_session_alone(client: Client) -> None:
    mine, theirs = await client.chat(), await client.chat()
    await theirs.say("My number is 4711")
    for token in (mine.token, "wrong", (await client.operator("Nosy")).token):
        for method, path in (("GET", "messages"), ("POST", "messages"), ("POST", "ticket")):
            answer = await client.call(method, f"{theirs.path}/{path}", token=token, json={"text": "Hello"})
            is_error(answer, 401)
    assert len(await theirs.read()) == 2


@pytest.mark.parametrize("session", ["s_0000000000000000", "nope", "%00", "%ff", "..%2f..", "s" * 4000])
async def test_an_unknown_session_is_named_as_such(client: Client, session: str) -> None:
    chat = await client.chat()
    status, body = await raw(
        client,
        request_bytes(
            client, f"{BASE}/{session}/messages", b"Authorization: Bearer " + chat.token.encode(), method=b"GET"
        ),
    )
    assert status == 404, body
    assert b"Start a new one." in body


async def test_headers_that_are_no_text_are_refused_and_not_our_fault(client: Client) -> None:
    chat = await client.chat()
    token = b"Authorization: Bearer " + chat.token.encode()
    body = b'{"text": "Hello"}'
    odd_token = request_bytes(client, f"{chat.path}/messages", b"Authorization: Bearer \xff\xfe", method=b"GET")
    odd_key = request_bytes(client, f"{chat.path}/messages", token, b"Idempotency-Key: \xff\xfe", body=body)
    odd_host = request_bytes(client, "/", b"Host: [", method=b"GET")
    odd_kind = request_bytes(client, f"{chat.path}/messages", token, b"Content-Type: \xff/\xff", body=body)
    assert (await raw(client, odd_token))[0] == 401
    assert (await raw(client, odd_key))[0] == 202
    assert (await raw(client, odd_host))[0] in (400, 421)
    assert (await raw(client, odd_kind))[0] in (202, 400)


async def test_what_is_not_there_and_what_is_not_allowed_are_errors_like_the_others(client: Client) -> None:
    is_error(await client.call("GET", "/api/v1/nothing"), 404)
    answer = await client.call("DELETE", BASE)
    is_error(answer, 405)
    assert answer.headers["Allow"] == "POST"


async def test_a_host_name_that_is_not_ours_is_not_answered(client: Client) -> None:
    answer = await client.call("POST", BASE, headers={"Host": "rebound.example"})
    assert "PUBLIC_URL" in is_error(answer, 421, "unknown_host")
    assert (await client.call("GET", "/", headers={"Host": "rebound.example"})).status == 421
    assert (await client.call("GET", "/healthz", headers={"Host": "rebound.example"})).status == 200


async def test_the_public_address_is_answered(program: Start) -> None:
    async with program(public_url="https://help.example.com/") as client:
        assert (await client.call("POST", BASE, headers={"Host": "help.example.com"})).status == 201


# The live socket


async def ticket_for(client: Client, path: str, token: str) -> str:
    return str((await client.call("POST", f"{path}/ticket", token=token)).data["ticket"])


async def test_the_socket_shows_the_thread_as_it_happens(client: Client) -> None:
    chat, ada = await client.chat(), await client.operator("Ada")
    frames: list[dict[str, Any]] = []

    async def until_frame(**wanted: Any) -> dict[str, Any]:
        while True:
            frame = dict(await asyncio.wait_for(page.receive_json(), 10))
            frames.append(frame)
            if wanted.items() <= {**frame, **frame.get("message", {})}.items():
                return frame

    async with chat.socket() as page:
        await chat.post(QUESTION)
        await until_frame(type="message", author="customer", text=QUESTION)
        await until_frame(type="message", author="bot")
        await chat.post("I want to talk to a person")
        await until_frame(type="owner", owner="desk", operator=None)
        [case] = [case for case in await ada.cases() if case["customer"].endswith(chat.session[-4:])]
        await ada.act(case["id"], "claim")
        await until_frame(type="owner", owner="operator", operator="Ada")
        await ada.act(case["id"], "reply", "Hello, Ada here.")
        reply = await until_frame(type="message", author="operator")
    assert (reply["message"]["text"], reply["message"]["name"]) == ("Hello, Ada here.", "Ada")
    shown = [frame["message"] for frame in frames if frame["type"] == "message"]
    assert shown == await chat.read()
    assert {frame["type"] for frame in frames} <= {"message", "partial", "typing", "owner"}
    typing = [frame["on"] for frame in frames if frame["type"] == "typing"]
    assert typing[-1] is False


async def test_a_socket_opened_again_goes_on_where_the_page_was(client: Client) -> None:
    chat = await client.chat()
    await chat.say("Hello")
    said = await chat.read()
    async with chat.socket(after=said[0]["id"]) as page:
        frame = await asyncio.wait_for(page.receive_json(), 10)
    assert (frame["type"], frame["message"]["id"]) == ("message", said[1]["id"])


async def test_a_ticket_opens_one_socket(client: Client) -> None:
    chat = await client.chat()
    ticket = await ticket_for(client, chat.path, chat.token)
    async with client.http.ws_connect(f"{client.url}{chat.path}/ws?ticket={ticket}"):
        is_error(await client.call("GET", f"{chat.path}/ws?ticket={ticket}"), 401)


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=nonsense", "?ticket=%ff%00"])
async def test_without_a_ticket_no_socket_opens(client: Client, query: str) -> None:
    chat = await client.chat()
    status, _ = await raw(client, request_bytes(client, f"{chat.path}/ws{query}", method=b"GET"))
    assert status == 401


async def test_a_token_is_no_ticket_and_a_ticket_no_token(client: Client) -> None:
    chat = await client.chat()
    is_error(await client.call("GET", f"{chat.path}/ws?ticket={chat.token}"), 401)
    ticket = await ticket_for(client, chat.path, chat.token)
    is_error(await client.call("GET", f"{chat.path}/messages", token=ticket), 401)


async def test_a_ticket_of_another_session_opens_nothing(client: Client) -> None:
    mine, theirs = await client.chat(), await client.chat()
    ticket = await ticket_for(client, mine.path, mine.token)
    is_error(await client.call("GET", f"{theirs.path}/ws?ticket={ticket}"), 403)


async def test_a_ticket_lasts_half_a_minute(program: Start) -> None:
    clock = ManualClock()
    async with program(clock=clock) as client:
        chat = await client.chat()
        ticket = await ticket_for(client, chat.path, chat.token)
        clock.tick(31)
        is_error(await client.call("GET", f"{chat.path}/ws?ticket={ticket}"), 401)
        async with chat.socket():
            pass


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "file://", ""])
async def test_another_sites_page_opens_no_socket(client: Client, origin: str) -> None:
    chat = await client.chat()
    ticket = await ticket_for(client, chat.path, chat.token)
    answer = await client.call("GET", f"{chat.path}/ws?ticket={ticket}", headers={"Origin": origin})
    is_error(answer, 403)
    async with client.http.ws_connect(f"{client.url}{chat.path}/ws?ticket={ticket}", origin=client.url):
        pass  # the ticket is still good for our own page


async def test_what_a_page_says_into_the_socket_is_not_listened_to(client: Client) -> None:
    chat = await client.chat()
    async with chat.socket() as page:
        await page.send_str('{"text": "Hello"}')
        await chat.say("Thanks!")
        assert [m["author"] for m in await chat.read()] == ["customer", "bot"]
        await page.send_str("x" * 5_000)
        while not page.closed:
            await asyncio.wait_for(page.receive(), 10)
    assert len(await chat.read()) == 2


# Pages, headers, limits, probes


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/desk", 200),
        ("GET", "/static/chat.js", 200),
        ("GET", "/static/nothing.js", 404),
        ("GET", "/static/..%2fpages.py", 404),
        ("GET", "/api/v1/chat/config", 200),
        ("GET", "/api/v1/desk/cases", 401),
        ("GET", "/api/v1/nothing", 404),
        ("DELETE", BASE, 405),
        ("POST", BASE, 201),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
    ],
)
async def test_every_answer_carries_the_headers_that_keep_a_page_safe(
    client: Client, method: str, path: str, status: int
) -> None:
    answer = await client.call(method, path)
    assert answer.status == status
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_the_policy_lets_nothing_in_but_our_own_files() -> None:
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in POLICY


async def test_the_chat_page_says_that_no_language_model_speaks(client: Client) -> None:
    config = (await client.call("GET", "/api/v1/chat/config")).data
    assert config["name"] == "Larkfield Cycles"
    assert "No language model" in config["notice"]


async def test_who_asks_too_often_is_told_when_to_come_back(program: Start) -> None:
    async with program(chat_messages_per_minute=2, chat_sessions_per_minute=2) as client:
        chat, other = await client.chat(), await client.chat()
        for _ in range(2):
            await chat.post("Hello")
        answer = await client.call("POST", f"{chat.path}/messages", token=chat.token, json={"text": "Hello"})
        is_error(answer, 429)
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        await other.post("Hello")  # another session is not held up
        answer = await client.call("POST", BASE)
        is_error(answer, 429)
        assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_the_program_still_answers_after_all_of_this(client: Client) -> None:
    [reply] = await (await client.chat()).say(QUESTION)
    assert reply["author"] == "bot"
    ready = await client.call("GET", "/readyz")
    assert (ready.status, ready.data["ready"]) == (200, True)
    metrics = (await client.call("GET", "/metrics")).data
    assert 'threadline_runs_total{outcome="answered"}' in metrics
    assert 'threadline_backlog{table="receipts_failed"} 0.0' in metrics


async def test_who_sends_too_many_megabytes_is_told_when_to_come_back(program: Start) -> None:
    async with program(chat_megabytes_per_minute=1) as client:
        chat = await client.chat()
        path = f"{chat.path}/messages"
        first = await client.call("POST", path, token=chat.token, data=form("Look", "a.png"))
        assert first.status == 202
        second = await client.call("POST", path, token=chat.token, data=form("And this", "b.png"))
        is_error(second, 429)
        assert 1 <= int(second.headers["Retry-After"]) <= 60
        assert (await client.call("POST", path, token=chat.token, json={"text": "Words go on"})).status == 202
