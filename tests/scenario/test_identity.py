"""One customer on every channel: known by an address that somebody vouches for, and by nothing less.

What was noted about them on one channel is known on the others and listed on the desk; whoever is not proved to have
the address, and whoever has another, is told nothing of it.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio

from channels.recording import quiet
from channels.slack.names import Place
from kb.embed import Embedder
from tests.contract.mail import SUPPORT, MailCustomer, post, vouched
from tests.contract.slack import SlackCustomer, SlackKit
from tests.contract.teams import TeamsCustomer, TeamsKit
from tests.fakes.openai_server import FakeOpenAI, Step, call, say
from tests.fakes.slack_workspace import TEAM
from tests.fakes.teams_server import TENANT
from tests.scenario.everywhere import Everywhere, everywhere
from tests.scenario.mailing import letter, plain
from tests.support import Chat

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "a-widget-secret-that-is-long-enough-for-hs256"
QUESTION = "How long does delivery take?"
FACT = "Rides a Lark 3"
ADDRESS = f"kim.lane@{TENANT[:8]}.example"
"""What Kim Lane of the fake organisation is called in its directory."""


class Reader:
    """A language model that notes what it is asked to note, and answers; `read` is all that it was given."""

    def __init__(self) -> None:
        self.read = ""

    def __call__(self, body: dict[str, Any]) -> Step:
        messages = body["messages"]
        if not body.get("tools"):
            return say("SUMMARY: A question.\nREPLY: Hello!")
        self.read = "\n".join(str(one.get("content")) for one in messages)
        done = {one["function"]["name"] for said in messages for one in said.get("tool_calls") or ()}
        asked = next(str(one["content"]) for one in reversed(messages) if one["role"] == "user")
        if "search_knowledge_base" not in done:
            return call("search_knowledge_base", {"query": QUESTION})
        if "Note that" in asked and "remember" not in done:
            return call("remember", {"fact": FACT})
        return say("Standard delivery takes 2 to 4 working days. [1]")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader() -> Reader:
    """The model."""
    return Reader()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder, reader: Reader
) -> AsyncIterator[Everywhere]:
    """The program with all four channels; Slack says members' addresses."""
    folder = tmp_path_factory.mktemp("identity") / "home"
    async with FakeOpenAI() as server:
        server.otherwise = reader
        async with everywhere(folder, embedder, server, shelf=sample_home, widget_secret=SECRET) as running:
            running.slack.scopes.add("users:read.email")
            yield running


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """An address that no other test's customer has."""
    return f"kim{abs(hash(request.node.name))}@customers.example"


async def in_mail(house: Everywhere, address: str) -> MailCustomer:
    """Return who writes from `address`, with their mail server vouching for it."""
    customer = await house.customer("email")
    assert isinstance(customer, MailCustomer)
    customer.address = address
    return customer


def in_slack(house: Everywhere, **more: Any) -> SlackCustomer:
    """Return a member of the workspace."""
    return SlackCustomer(SlackKit(house, house.slack), house.slack.person("Kim Lane", **more))


def in_teams(house: Everywhere, name: str = "Kim Lane", **more: Any) -> TeamsCustomer:
    """Return a member of the organisation, whose directory says `ADDRESS` of Kim Lane."""
    return TeamsCustomer(TeamsKit(house, house.teams), house.teams.person(name, **more))


async def on_the_site(house: Everywhere, **claims: Any) -> Chat:
    """Return a chat of somebody of whom the owner's site says `claims`."""
    body = {"identity": jwt.encode({"exp": house.clock() + 600, **claims}, SECRET, algorithm="HS256")}
    answer = await house.client.call("POST", "/api/v1/chat/sessions", json=body)
    assert answer.status == 201, answer.data
    return Chat(house.client, answer.data["session_id"], answer.data["token"])


async def told(house: Everywhere, reader: Reader, customer: Any) -> bool:
    """Have a customer ask something; return whether the model was told what is known about Kim."""
    reader.read = ""
    await (customer.say(QUESTION) if isinstance(customer, Chat) else customer.says(QUESTION))
    await quiet(house.store)
    assert QUESTION in reader.read
    return FACT in reader.read


async def test_what_is_noted_in_slack_is_known_in_mail_in_teams_and_on_the_site(
    house: Everywhere, reader: Reader
) -> None:
    slack = in_slack(house, email=ADDRESS.upper())
    await slack.says(f"Note that I ride a Lark 3. {QUESTION}")
    await quiet(house.store)
    mail, teams = await in_mail(house, ADDRESS), in_teams(house)
    site = await on_the_site(house, sub="42", email=ADDRESS, email_verified=True)
    for customer in (mail, teams, site):
        assert await told(house, reader, customer)

    await mail.says("I want to talk to a person")
    await quiet(house.store)
    ada, [case] = house.operator, await house.cases(mail)
    assert case["email"] == ADDRESS
    assert {one["channel"] for one in case["earlier"]} == {"slack", "teams", "web"}
    [known] = case["known"]
    assert (known["text"], known["channel"]) == (FACT, "slack")
    earlier = next(one["thread_id"] for one in case["earlier"] if one["channel"] == "slack")
    said = await house.client.call("GET", f"/api/v1/desk/cases/{case['id']}/earlier/{earlier}", token=ada.token)
    assert "Note that I ride a Lark 3" in said.data["messages"][0]["text"]
    assert (await ada.act(case["id"], "forget", text=known["id"])).status == 200
    for everywhere_else in (slack, teams, site):
        assert not await told(house, reader, everywhere_else), "erased is erased on every channel"


async def test_who_has_another_address_is_told_nothing(house: Everywhere, reader: Reader, address: str) -> None:
    await (await in_mail(house, address)).says(f"Note that I ride a Lark 3. {QUESTION}")
    await quiet(house.store)
    assert await told(house, reader, in_slack(house, email=address))
    for other in (
        in_slack(house),
        in_slack(house, email=f"x{address}"),
        await in_mail(house, f"x{address}"),
        await on_the_site(house, sub="43", email=f"x{address}", email_verified=True),
        await house.client.chat(),
    ):
        assert not await told(house, reader, other)


async def test_an_address_that_nobody_proved_opens_nothing(house: Everywhere, reader: Reader, address: str) -> None:
    await (await in_mail(house, address)).says(f"Note that I ride a Lark 3. {QUESTION}")
    await quiet(house.store)
    for other in (
        in_slack(house, email=address, is_email_confirmed=False),
        in_slack(house, email=address, team="T0ELSEWHERE"),
        in_slack(house, email=address, is_stranger=True),
        await on_the_site(house, sub="44", email=address),
        await on_the_site(house, sub="45", email=address, email_verified="yes"),
    ):
        assert not await told(house, reader, other)
    reader.read = ""
    await post(house, plain(letter(f"Kim <{address}>", QUESTION)), address, [SUPPORT])
    await quiet(house.store)
    assert QUESTION in reader.read
    assert FACT not in reader.read


async def test_a_guest_in_teams_is_not_known_by_the_address_they_gave(house: Everywhere, reader: Reader) -> None:
    await (await in_mail(house, ADDRESS.replace("kim", "ira"))).says(f"Note that I ride a Lark 3. {QUESTION}")
    await quiet(house.store)
    assert await told(house, reader, in_teams(house, "Ira Lane"))
    assert not await told(house, reader, in_teams(house, "Ira Lane", guest=True))


async def test_without_the_scope_a_member_is_known_in_slack_alone(
    house: Everywhere, reader: Reader, address: str
) -> None:
    house.slack.scopes.discard("users:read.email")
    try:
        slack = in_slack(house, email=address)
        await slack.says(f"Note that I ride a Lark 3. {QUESTION}")
        await quiet(house.store)
        assert await told(house, reader, slack)
        assert not await told(house, reader, await in_mail(house, address))
    finally:
        house.slack.scopes.add("users:read.email")


async def test_who_joins_anothers_conversation_makes_nobody_known_there(house: Everywhere, reader: Reader) -> None:
    kim, eve = house.slack.person("Kim Lane", email=ADDRESS), house.slack.person("Eve")
    room = house.slack.channel("bikes", kim, eve)
    done = await kim.writes(room.id, f"Note that I ride a Lark 3. {QUESTION}", mention=True)
    await quiet(house.store)
    reader.read = ""
    await eve.writes(room.id, QUESTION, thread_ts=done.ts)
    await quiet(house.store)
    assert QUESTION in reader.read
    assert "Known about this customer" not in reader.read
    thread = await house.store.find_thread(Place(room.id, done.ts).key(TEAM))
    assert thread
    assert (thread.verified, thread.email) == (False, "")


async def test_an_address_that_slack_takes_back_is_nobodys_any_more(
    house: Everywhere, reader: Reader, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.asked._KEPT", 0.0)
    slack = in_slack(house, email=address)
    await slack.says(QUESTION)
    await quiet(house.store)
    slack.person.member.is_email_confirmed = False
    await slack.says(f"Note that I ride a Lark 3. {QUESTION}")
    await quiet(house.store)
    thread = await house.store.find_thread(slack.key)
    assert thread
    assert thread.email == ""
    assert await told(house, reader, slack)
    assert not await told(house, reader, await in_mail(house, address)), "whoever has the address by now"


async def test_what_was_said_in_private_is_not_used_where_others_read_along(
    house: Everywhere, reader: Reader, address: str
) -> None:
    mail = await in_mail(house, address)
    await mail.says(f"Note that I ride a Lark 3. {QUESTION}")
    await quiet(house.store)
    slack = in_slack(house, email=address)
    assert await told(house, reader, slack)
    room = house.slack.channel("cycling", slack.person)
    for _ in range(2):
        reader.read = ""
        done = await slack.person.writes(room.id, QUESTION, mention=True)
        await quiet(house.store)
        assert QUESTION in reader.read
        assert FACT not in reader.read
    await slack.person.writes(room.id, f"Note that I ride a Lark 3. {QUESTION}", mention=True, thread_ts=done.ts)
    await quiet(house.store)
    reader.read = ""
    await slack.person.writes(room.id, QUESTION, thread_ts=done.ts)
    await quiet(house.store)
    assert FACT in reader.read, "it was said in that very thread"
    copied = letter(f"Kim <{address}>", QUESTION, Cc="ann@elsewhere.example")
    reader.read = ""
    await post(house, vouched(copied), address, [SUPPORT])
    await quiet(house.store)
    assert QUESTION in reader.read
    assert FACT not in reader.read


async def test_a_forgers_case_shows_nothing_of_whom_they_name_and_takes_nothing_from_them(
    house: Everywhere, reader: Reader, address: str
) -> None:
    mail = await in_mail(house, address)
    await mail.says(f"Note that I ride a Lark 3. {QUESTION}")
    await quiet(house.store)
    forged = letter(f"Kim <{address}>", "I want to talk to a person")
    await post(house, plain(forged), address, [SUPPORT])
    await mail.says("I want to talk to a person")
    await quiet(house.store)
    named = {one.id: one for one in await house.store.cases.find("all") if one.thread.customer == f"email:{address}"}
    [theirs] = [one for one in named.values() if one.thread.verified]
    [forgers] = [one for one in named.values() if not one.thread.verified]
    assert (await house.operator.case(forgers.id))["earlier"] == []
    assert (await house.operator.case(theirs.id))["earlier"] == []
    [known] = (await house.operator.case(theirs.id))["known"]
    assert (await house.operator.act(forgers.id, "forget", text=known["id"])).status == 409
    assert [one["id"] for one in (await house.operator.case(theirs.id))["known"]] == [known["id"]]


async def test_what_is_noted_on_two_channels_is_one_and_is_forgotten_on_both(
    house: Everywhere, reader: Reader, address: str
) -> None:
    mail, slack = await in_mail(house, address), in_slack(house, email=address)
    for customer in (mail, slack, mail):
        await customer.says(f"Note that I ride a Lark 3. {QUESTION}")
        await quiet(house.store)
    await slack.says("I want to talk to a person")
    await quiet(house.store)
    [case] = await house.cases(slack)
    [known] = case["known"]
    assert (await house.operator.act(case["id"], "forget", text=known["id"])).status == 200
    assert not await told(house, reader, mail)
