"""The desk API: what operators see and may do, what customers never see of it, and the probes beside it."""

import asyncio
import io
import json
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.bootstrap import build
from bot.home import Home
from core import wording
from core.desk import MAX_TEXT
from core.wording import Line
from kb.embed import Embedder
from tests.conftest import serving
from tests.scenario.conftest import Start
from tests.support import Answer, Chat, Client, Operator, plain_settings, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = "/api/v1/desk"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(program: Start) -> AsyncIterator[Client]:
    """The whole program, without a language model."""
    async with program() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(client: Client) -> Operator:
    """An operator."""
    return await client.operator("Ada")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bob(client: Client) -> Operator:
    """Another operator."""
    return await client.operator("Bob")


@pytest_asyncio.fixture(loop_scope="module")
async def chat(client: Client) -> Chat:
    """A customer who has asked for a person."""
    opened = await client.chat()
    await opened.say("How long does delivery take to the Isle of Man, for a bike in a box?", key="question")
    await opened.say("I want to talk to a person")
    return opened


@pytest_asyncio.fixture(loop_scope="module")
async def case(chat: Chat, ada: Operator) -> str:
    """That customer's case, with the reply that is suggested for it."""
    found = await newest_case(chat, ada)
    await until(lambda: suggestion_of(ada, found))
    return found


async def suggestion_of(operator: Operator, case: str) -> dict[str, Any] | None:
    """Return the suggested reply of `case`, once it is written."""
    found: dict[str, Any] | None = (await operator.case(case))["suggestion"]
    return found if found and not found["writing"] else None


async def newest_case(chat: Chat, operator: Operator, state: str = "open") -> str:
    said = {m["id"] for m in await chat.read()}
    for line in await operator.cases(state):
        if (await operator.case(line["id"]))["messages"][0]["id"] in said:
            return str(line["id"])
    raise AssertionError("the customer has no case")


def refused(answer: Answer, sentence: str) -> None:
    """Check that the action was refused with that sentence and the case as it is."""
    assert (answer.status, answer.data["error"]["message"]) == (409, sentence)
    assert answer.data["state"] == answer.data["case"]["state"]


def is_error(answer: Answer, status: int) -> str:
    assert answer.status == status, answer.data
    return str(answer.data["error"]["message"])


# Who may


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me"),
        ("GET", "/cases"),
        ("GET", "/cases/{case}"),
        ("POST", "/cases/{case}/actions"),
        ("POST", "/ticket"),
        ("GET", "/operators"),
        ("GET", "/log"),
        ("GET", "/digest"),
        ("GET", "/gaps"),
        ("GET", "/articles"),
        ("POST", "/articles"),
        ("GET", "/cases/{case}/files/f_1"),
        ("GET", "/cases/{case}/files/f_1/text"),
        ("GET", "/cases/{case}/earlier/t_1"),
        ("GET", "/ws"),
        ("GET", "/ws?ticket=nonsense"),
    ],
)
async def test_the_desk_opens_to_operators_alone(client: Client, chat: Chat, case: str, method: str, path: str) -> None:
    for token in ("", "wrong", chat.token, "admin-key-for-tests"):
        answer = await client.call(method, BASE + path.format(case=case), token=token, json={"action": "claim"})
        is_error(answer, 401)


async def test_an_operator_is_who_the_token_says(client: Client, ada: Operator) -> None:
    assert (await client.call("GET", f"{BASE}/me", token=ada.token)).data["name"] == "Ada"


async def test_a_revoked_operator_is_out_at_once_and_their_open_desk_closes(client: Client, case: str) -> None:
    eve = await client.operator("Eve")
    ticket = (await client.call("POST", f"{BASE}/ticket", token=eve.token)).data["ticket"]
    unused = (await client.call("POST", f"{BASE}/ticket", token=eve.token)).data["ticket"]
    async with client.http.ws_connect(f"{client.url}{BASE}/ws?ticket={ticket}") as desk:
        await client.threadline.store.credentials.revoke_operator("Eve", client.threadline.clock())
        is_error(await client.call("GET", f"{BASE}/cases", token=eve.token), 401)
        is_error(await eve.act(case, "claim"), 401)
        is_error(await client.call("GET", f"{BASE}/ws?ticket={unused}"), 401)
        async with asyncio.timeout(10):
            async for _ in desk:
                pass
        assert desk.closed


async def test_a_ticket_for_the_desk_opens_one_socket(client: Client, ada: Operator) -> None:
    ticket = (await client.call("POST", f"{BASE}/ticket", token=ada.token)).data["ticket"]
    async with client.http.ws_connect(f"{client.url}{BASE}/ws?ticket={ticket}"):
        is_error(await client.call("GET", f"{BASE}/ws?ticket={ticket}"), 401)


async def test_a_customers_ticket_opens_no_desk(client: Client, chat: Chat) -> None:
    ticket = (await client.call("POST", f"{chat.path}/ticket", token=chat.token)).data["ticket"]
    is_error(await client.call("GET", f"{BASE}/ws?ticket={ticket}"), 401)


# What a case shows


async def test_a_case_shows_what_the_contract_promises(chat: Chat, ada: Operator, case: str) -> None:
    [line] = [line for line in await ada.cases() if line["id"] == case]
    promised = {"id", "state", "owner", "reason", "summary", "channel", "customer", "opened_at"}
    assert promised <= set(line)
    assert (line["state"], line["owner"], line["reason"]) == ("open", "desk", "customer_asked")
    assert (line["channel"], line["customer"]) == ("web", f"Customer {chat.session[-4:]}")
    assert "Isle of Man" in line["summary"]
    detail = await ada.case(case)
    assert promised | {"messages", "passages"} <= set(detail)
    assert [m["text"] for m in detail["messages"]] == [m["text"] for m in await chat.read()]
    assert detail["passages"]
    assert set(detail["passages"][0]) >= {"title", "source", "text"}
    assert [step["step"] for step in detail["trace"]] == ["Followed a rule", "Searched the knowledge base"]
    assert set(detail["actions"]) == {"claim", "assign", "note", "draft", "resolve", "hand_back"}


async def test_cases_are_listed_by_state(client: Client, chat: Chat, ada: Operator, case: str) -> None:
    def ids(lines: list[dict[str, Any]]) -> list[str]:
        return [line["id"] for line in lines]

    assert case in ids(await ada.cases("open"))
    assert case not in ids(await ada.cases("resolved"))
    await ada.act(case, "resolve")
    assert case not in ids(await ada.cases("open"))
    assert case in ids(await ada.cases("resolved"))
    assert case in ids(await ada.cases("all"))
    is_error(await client.call("GET", f"{BASE}/cases?state=lost", token=ada.token), 400)


@pytest.mark.parametrize("unknown", ["c_0000000000000000", "nope", "%ff", "%00", "c" * 4000])
async def test_an_unknown_case_is_named_as_such(client: Client, ada: Operator, unknown: str) -> None:
    assert is_error(await client.call("GET", f"{BASE}/cases/{unknown}", token=ada.token), 404)
    path = f"{BASE}/cases/{unknown}/actions"
    assert is_error(await client.call("POST", path, token=ada.token, json={"action": "claim"}), 404)


async def test_the_open_desk_is_told_of_every_change(client: Client, chat: Chat, ada: Operator, case: str) -> None:
    ticket = (await client.call("POST", f"{BASE}/ticket", token=ada.token)).data["ticket"]
    async with client.http.ws_connect(f"{client.url}{BASE}/ws?ticket={ticket}") as desk:

        async def told() -> None:
            while (frame := await asyncio.wait_for(desk.receive_json(), 10))["case_id"] != case:
                assert frame["type"] == "changed"

        await ada.act(case, "claim")
        await told()
        await chat.post("Are you there?")
        await told()


# What may be done


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "delete"}, 400),
        ({"action": "CLAIM"}, 400),
        ({"action": None}, 400),
        ({"action": ["claim"]}, 400),
        ({}, 400),
        ([], 400),
        ({"action": "note", "text": 7}, 400),
        ({"action": "note", "text": "x" * (MAX_TEXT + 1)}, 413),
        ({"action": "note", "text": "x" * 1_100_000}, 413),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_action_that_is_none_is_refused(
    client: Client, ada: Operator, case: str, body: object, status: int
) -> None:
    before = await ada.case(case)
    path = f"{BASE}/cases/{case}/actions"
    data = io.BytesIO(json.dumps(body).encode())
    assert is_error(await client.call("POST", path, token=ada.token, data=data), status)
    assert await ada.case(case) == before


async def test_of_two_who_claim_at_once_one_holds_the_case(ada: Operator, bob: Operator, case: str) -> None:
    answers = await asyncio.gather(ada.act(case, "claim"), bob.act(case, "claim"))
    won, lost = sorted(answers, key=lambda answer: answer.status)
    assert won.status == 200
    refused(lost, "A colleague holds this case. Leave a note for them, or assign it to yourself to take over.")
    assert lost.data["case"]["owner"] == won.data["owner"]
    assert set(lost.data["case"]["actions"]) == {"note", "draft", "assign"}


async def test_claiming_twice_does_no_harm(chat: Chat, ada: Operator, case: str) -> None:
    for _ in range(2):
        answer = await ada.act(case, "claim")
        assert (answer.status, answer.data["owner_name"]) == (200, "Ada")
    assert [m["text"] for m in await chat.read()].count(wording.text(Line.JOINED, operator="Ada")) == 1


async def test_only_who_holds_the_case_speaks_to_the_customer(
    chat: Chat, ada: Operator, bob: Operator, case: str
) -> None:
    unclaimed = "Claim the case first: only the operator who holds it speaks to the customer."
    refused(await ada.act(case, "reply", "Hello"), unclaimed)
    await bob.act(case, "claim")
    refused(
        await ada.act(case, "reply", "Hello"),
        "A colleague holds this case. Leave a note for them, or assign it to yourself to take over.",
    )
    assert "operator" not in [m["author"] for m in await chat.read()]


@pytest.mark.parametrize("action", ["reply", "note"])
@pytest.mark.parametrize("text", ["", " \n", "\x00"])
async def test_words_are_needed_where_words_are_sent(ada: Operator, case: str, action: str, text: str) -> None:
    await ada.act(case, "claim")
    refused(await ada.act(case, action, text), f"A {action} needs some text.")


async def test_a_reply_reaches_the_customer_once_and_its_delivery_is_shown(
    chat: Chat, ada: Operator, case: str
) -> None:
    await ada.act(case, "claim")
    for _ in range(2):  # a click that was repeated by a shaky network
        assert (await ada.act(case, "reply", "Ten days, I am afraid.", key="click-1")).status == 200
    assert [m["text"] for m in await chat.read()].count("Ten days, I am afraid.") == 1

    async def delivered() -> bool:
        said = (await ada.case(case))["messages"]
        return [m["delivery"] for m in said if m["author"] == "operator"] == ["delivered"]

    await until(delivered)


async def test_a_note_never_reaches_the_customer(chat: Chat, ada: Operator, bob: Operator, case: str) -> None:
    async with chat.socket() as page:
        await ada.act(case, "claim")
        await bob.act(case, "note", "Careful: wants a refund of 900 pounds")
        await ada.act(case, "note", "Thanks Bob")
        await ada.act(case, "reply", "One moment, please.")
        shown: list[str] = []
        while "One moment, please." not in shown:
            frame = await asyncio.wait_for(page.receive_json(), 10)
            if frame["type"] == "message":
                shown.append(frame["message"]["text"])
    read = [m["text"] for m in await chat.read()]
    assert shown == read
    assert not {"Careful: wants a refund of 900 pounds", "Thanks Bob"} & set(read)
    notes = [m for m in (await ada.case(case))["messages"] if m["author"] == "note"]
    assert [(m["name"], m["text"], m["delivery"]) for m in notes] == [
        ("Bob", "Careful: wants a refund of 900 pounds", None),
        ("Ada", "Thanks Bob", None),
    ]


async def test_the_id_of_a_note_is_no_way_to_read_it(client: Client, chat: Chat, ada: Operator, case: str) -> None:
    await ada.act(case, "note", "Secret")
    note = (await ada.case(case))["messages"][-1]["id"]
    data = (await client.call("GET", f"{chat.path}/messages?after={note}", token=chat.token)).data
    assert "Secret" not in str(data)


async def test_a_case_released_can_be_claimed_by_a_colleague(
    chat: Chat, ada: Operator, bob: Operator, case: str
) -> None:
    await ada.act(case, "claim")
    assert (await ada.act(case, "release")).data["owner"] == "desk"
    assert (await bob.act(case, "claim")).data["owner_name"] == "Bob"
    assert [m["text"] for m in await chat.read()][-2:] == [
        wording.text(Line.LEFT, operator="Ada"),
        wording.text(Line.JOINED, operator="Bob"),
    ]


async def test_while_people_hold_the_case_the_bot_is_silent(chat: Chat, ada: Operator, case: str) -> None:
    assert await chat.say("How long does delivery take?") == []
    await ada.act(case, "claim")
    assert await chat.say("How long does delivery take?") == []
    assert "bot" not in [m["author"] for m in (await chat.read())[3:]]


async def test_a_conversation_handed_back_is_the_bots_again(chat: Chat, ada: Operator, case: str) -> None:
    await ada.act(case, "claim")
    answer = await ada.act(case, "hand_back")
    assert (answer.data["state"], answer.data["outcome"], answer.data["owner"]) == ("resolved", "handed_back", "bot")
    [reply] = await chat.say("How long is the warranty?")
    assert (reply["author"], reply["citations"][0]["source"]) == ("bot", "warranty.md")


async def test_after_a_case_handed_back_the_next_handoff_opens_a_new_one(chat: Chat, ada: Operator, case: str) -> None:
    await ada.act(case, "claim")
    await ada.act(case, "hand_back")
    await chat.say("Let me talk to a human")
    again = await newest_case(chat, ada)
    assert again != case
    assert (await ada.case(again))["number"] > (await ada.case(case))["number"]


async def test_who_writes_again_after_a_resolved_case_gets_the_same_person_and_the_survey_came_once(
    chat: Chat, ada: Operator, case: str
) -> None:
    await ada.act(case, "claim")
    answer = await ada.act(case, "resolve", outcome="unsolved")
    assert (answer.data["outcome"], answer.data["closed_by"]) == ("unsolved", "Ada")
    assert set(answer.data["actions"]) == {"note", "reopen"}
    question = (await chat.read())[-1]
    assert (question["text"], question["survey"]) == (
        wording.text(Line.SURVEY),
        {"case_id": case, "answered": False},
    )
    assert "bot" in {reply["author"] for reply in await chat.say("Thank you!")}
    [line] = await chat.say("It is broken again")
    assert line["text"] == wording.text(Line.REOPENED, operator="Ada")
    detail = await ada.case(case)
    assert (detail["state"], detail["owner_name"], detail["times_reopened"]) == ("open", "Ada", 1)
    await ada.act(case, "resolve")
    assert [m["survey"] for m in await chat.read() if m["survey"]] == [{"case_id": case, "answered": False}]


async def test_an_operator_takes_a_resolved_case_up_again(chat: Chat, ada: Operator, bob: Operator, case: str) -> None:
    await ada.act(case, "resolve")
    answer = await bob.act(case, "reopen")
    assert (answer.data["state"], answer.data["owner_name"]) == ("open", "Bob")
    assert await chat.say("How long does delivery take?") == [], "the bot is silent"


async def test_a_case_is_assigned_to_a_colleague_by_name(
    client: Client, chat: Chat, ada: Operator, bob: Operator, case: str
) -> None:
    colleagues = (await client.call("GET", f"{BASE}/operators", token=ada.token)).data["operators"]
    ids = {colleague["name"]: colleague["id"] for colleague in colleagues}
    answer = await ada.act(case, "assign", to=ids["Bob"])
    assert (answer.status, answer.data["owner_name"]) == (200, "Bob")
    assert (await chat.read())[-1]["text"] == wording.text(Line.JOINED, operator="Bob")
    refused(
        await bob.act(case, "assign", to="o_nobody"),
        "Say whom the case is for: no operator of that name can sign in.",
    )
    log = (await ada.case(case))["log"]
    assert [(entry["operator"], entry["action"], entry["detail"]) for entry in log] == [
        ("Ada", "assign", "to Bob"),
        ("Bob", "assign", "refused: Say whom the case is for: no operator of that name can sign in."),
    ]


async def test_a_line_that_stays_inside_is_told_to_its_writer_alone(
    chat: Chat, ada: Operator, bob: Operator, case: str
) -> None:
    await ada.act(case, "claim")
    answer = await bob.act(case, "write", "I know this one")
    assert "colleague holds this case" in answer.data["told"]
    assert (await ada.act(case, "write", "Hello Kim")).data["told"] is None
    assert (await ada.case(case))["told"] is None
    assert (await chat.read())[-1]["text"] == "Hello Kim"


async def test_every_case_gets_a_suggested_reply_that_the_customer_never_sees(
    chat: Chat, ada: Operator, case: str
) -> None:
    read = await chat.read()
    suggestion = await suggestion_of(ada, case)
    assert suggestion
    assert "[1]" in suggestion["text"]
    assert suggestion["citations"][0]["source"].endswith(".md")
    assert await chat.read() == read
    await ada.act(case, "claim")
    answer = await ada.act(case, "reply", suggestion["text"])
    assert answer.data["suggestion"]["fate"] == "used"


async def test_a_file_reaches_the_customer_and_nobody_else(
    client: Client, chat: Chat, ada: Operator, case: str
) -> None:
    await ada.act(case, "claim")
    form = aiohttp.FormData()
    form.add_field("action", "reply")
    form.add_field("files", b"%PDF-1", filename="bill.pdf", content_type="application/pdf")
    answer = await client.call("POST", f"{BASE}/cases/{case}/actions", token=ada.token, data=form)
    [sent] = answer.data["messages"][-1]["files"]
    assert (sent["name"], sent["size"]) == ("bill.pdf", 6)
    [file] = (await chat.read())[-1]["files"]
    found = await client.call("GET", f"{chat.path}/files/{file['id']}", token=chat.token)
    assert (found.status, found.data) == (200, "%PDF-1")
    assert found.headers["Content-Disposition"].startswith("attachment")
    assert (await client.call("GET", f"{BASE}/cases/{case}/files/{file['id']}", token=ada.token)).data == "%PDF-1"
    other = await client.chat()
    await other.say("Hello")
    for path in (f"{other.path}/files/{file['id']}", f"{chat.path}/files/f_none"):
        token = other.token if path.startswith(other.path) else chat.token
        is_error(await client.call("GET", path, token=token), 404)


async def test_a_line_is_edited_and_withdrawn_where_the_customer_reads_it(chat: Chat, ada: Operator, case: str) -> None:
    await ada.act(case, "claim")
    await ada.act(case, "reply", "Two days.")
    line = (await chat.read())[-1]["id"]
    await ada.act(case, "edit", "Ten days.", message=line)
    changed = (await chat.read())[-1]
    assert (changed["id"], changed["text"], "original" in str(changed)) == (line, "Ten days.", False)
    assert (await ada.case(case))["messages"][-1]["changed"]["original"] == "Two days."
    await ada.act(case, "withdraw", message=line)
    gone = (await chat.read())[-1]
    assert (gone["text"], gone["withdrawn"]) == ("", True)


async def test_the_digest_and_the_log_of_the_day_are_for_operators(
    client: Client, chat: Chat, ada: Operator, case: str
) -> None:
    before = (await client.call("GET", f"{BASE}/digest", token=ada.token)).data
    await ada.act(case, "resolve")
    after = (await client.call("GET", f"{BASE}/digest", token=ada.token)).data
    assert (after["resolved"], after["open"]) == (before["resolved"] + 1, before["open"] - 1)
    newest = (await client.call("GET", f"{BASE}/log", token=ada.token)).data["entries"][0]
    assert (newest["case_id"], newest["operator"], newest["action"]) == (case, "Ada", "resolve")
    assert newest["detail"] == "Solved"


async def test_what_no_article_answers_is_listed_with_its_case(client: Client, ada: Operator) -> None:
    question = "Can I rent a bike for the weekend?"
    await (await client.chat()).say(question)
    listed = (await client.call("GET", f"{BASE}/gaps", token=ada.token)).data
    [gap] = [one for one in listed["gaps"] if one["question"] == question]
    assert (listed["days"], gap["times"], gap["customers"]) == (90, 1, 1)
    [asked] = gap["asked"]
    assert (asked["channel"], asked["outcome"]) == ("web", "handed_off")
    case = await ada.case(asked["case"]["id"])
    assert (case["question"], case["number"]) == (question, asked["case"]["number"])
    week = (await client.call("GET", f"{BASE}/digest", token=ada.token)).data["week"]
    assert question in [one["question"] for one in week["missing"]]
    assert (week["days"], week["questions"] >= len(week["missing"])) == (7, True)


@pytest.mark.parametrize("action", ["claim", "release", "reply", "resolve", "hand_back", "draft"])
async def test_a_resolved_case_takes_notes_and_can_be_reopened(
    chat: Chat, ada: Operator, case: str, action: str
) -> None:
    await ada.act(case, "resolve")
    before = await chat.read()
    refused(
        await ada.act(case, action, "Hello"),
        "This case is resolved. Reopen it to go on, or leave a note.",
    )
    assert (await ada.act(case, "note", "For the record")).status == 200
    assert await chat.read() == before


async def test_a_resolved_case_stays_closed_when_the_thread_has_a_new_one(chat: Chat, ada: Operator, case: str) -> None:
    await ada.act(case, "hand_back")
    await chat.say("Let me talk to a human")
    again = await newest_case(chat, ada)
    refused(await ada.act(case, "resolve"), "This case is resolved. Reopen it to go on, or leave a note.")
    refused(await ada.act(case, "reopen"), "The customer has a newer open case. Go on there.")
    assert (await ada.case(again))["state"] == "open"
    assert (await ada.case(case))["state"] == "resolved"


# Administration and probes


@pytest.mark.parametrize("path", ["ask", "kb/search", "kb/sync"])
async def test_administration_needs_its_key(client: Client, chat: Chat, ada: Operator, path: str) -> None:
    for token in ("", "wrong", ada.token, chat.token):
        is_error(await client.call("POST", f"/api/v1/admin/{path}", token=token, json={"text": "x", "query": "x"}), 401)


async def test_the_owner_asks_and_searches_through_the_running_program(client: Client) -> None:
    key = "admin-key-for-tests"
    body = {"text": "How long is the warranty?"}
    answer = (await client.call("POST", "/api/v1/admin/ask", token=key, json=body)).data
    assert (answer["outcome"], answer["handoff"]) == ("answered", None)
    assert set(answer["citations"][0]) == {"index", "title", "source"}
    body = {"text": "I want to talk to a person"}
    answer = (await client.call("POST", "/api/v1/admin/ask", token=key, json=body)).data
    assert (answer["outcome"], answer["handoff"]) == ("handed_off", {"reason": "customer_asked"})
    search: dict[str, Any] = {"query": "warranty", "k": 2}
    found = (await client.call("POST", "/api/v1/admin/kb/search", token=key, json=search)).data
    assert [passage["document"] for passage in found] == ["warranty", "warranty"]
    synced = (await client.call("POST", "/api/v1/admin/kb/sync", token=key, json={})).data
    assert (synced["added"], synced["changed"], synced["failed"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("ask", {"text": ""}),
        ("ask", {}),
        ("kb/search", {"query": ""}),
        ("kb/search", {"query": "x", "k": "many"}),
        ("kb/search", {"query": "x", "k": None}),
        ("kb/search", {"query": "x", "k": [1]}),
        ("kb/search", {"query": "x", "k": 0}),
        ("kb/sync", {"sources": "folder"}),
        ("kb/sync", {"sources": [1]}),
    ],
    ids=str,
)
async def test_administration_refuses_what_it_cannot_read(client: Client, path: str, body: object) -> None:
    assert is_error(await client.call("POST", f"/api/v1/admin/{path}", token="admin-key-for-tests", json=body), 400)


async def test_a_question_asked_while_the_model_loads_waits_for_it(
    tmp_path: Path,
) -> None:
    let_it_load = threading.Event()
    embedder = Embedder("no-such-model")
    embedder._thread.submit(let_it_load.wait)  # the model's thread is busy: loading takes as long as the test wants
    home = Home(tmp_path / "home")
    try:
        async with serving(build(plain_settings(home.path), home, embedder=embedder)) as client:
            assert (await client.call("GET", "/healthz")).data == {"status": "alive"}
            ready = await client.call("GET", "/readyz")
            assert (ready.status, ready.data["ready"]) == (503, False)
            assert ready.data["parts"]["model"]["state"] == "loading"
            assert ready.data["parts"]["store"]["ready"] is True
            chat = await client.chat()
            asking = asyncio.ensure_future(chat.say("How long is the warranty?"))
            await until(lambda: _is_typing(client, chat))
            let_it_load.set()
            [reply] = await asking
            assert reply["author"] in {"bot", "system"}
            ready = await client.call("GET", "/readyz")
            assert (ready.status, ready.data["ready"]) == (200, True)
    finally:
        let_it_load.set()
        await embedder.close()


async def _is_typing(client: Client, chat: Chat) -> bool:
    return bool((await client.call("GET", f"{chat.path}/messages", token=chat.token)).data["typing"])


async def test_while_the_database_is_away_customers_are_told_and_afterwards_all_goes_on(
    program: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.engine.SQLITE_BUSY_SECONDS", 0.05)
    async with program() as client:
        chat = await client.chat()
        await chat.say("Hello")
        blocker = sqlite3.connect(client.threadline.home.database, isolation_level=None, check_same_thread=False)
        await asyncio.to_thread(blocker.execute, "BEGIN EXCLUSIVE")  # the program may be writing: it needs this loop
        try:
            for path, body in ((f"{chat.path}/messages", {"text": "Hello?"}), ("/api/v1/chat/sessions", {})):
                answer = await client.call("POST", path, token=chat.token, json=body)
                is_error(answer, 503)
                assert int(answer.headers["Retry-After"]) >= 1
            assert (await client.call("GET", "/healthz")).status == 200
        finally:
            blocker.execute("ROLLBACK")
            blocker.close()
        [reply] = await chat.say("How long is the warranty?")
        assert reply["author"] == "bot"
        assert [m["text"] for m in await chat.read() if m["author"] == "customer"] == [
            "Hello",
            "How long is the warranty?",
        ]
