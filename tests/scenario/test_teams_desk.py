"""A Teams channel as the desk, through the whole program: presses, toasts, each one's view, mentions, lost channels.

What every desk does is in `tests/contract/test_teams_desk`; here is what befalls people who work in Teams, with
customers who are in Teams themselves.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.doctor_teams import examine_teams
from channels.desk.operators import REVOKED
from channels.teams.desk.actions import DONE_HERE, NOT_ITS_CARD, OTHER_CARD
from channels.teams.desk.operators import ELSEWHERE, OUTSIDER
from core.messages import Author
from kb.embed import Embedder
from tests.fakes.openai_server import FakeOpenAI, say
from tests.fakes.teams_cards import read
from tests.fakes.teams_people import Done, Person
from tests.fakes.teams_workspace import BOT_NAME, Message
from tests.scenario.teaming import A_PERSON, PARTNER, WITHIN, Desk, Office, case_of, office
from tests.support import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Office]]
NUMBERS = count(1)
ALREADY_HELD = "A colleague holds this case."


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder) -> Open:
    """Return a function that runs the program in an organisation with a desk."""

    def start(**settings: Any) -> AbstractAsyncContextManager[Office]:
        return office(tmp_path_factory.mktemp("desk") / "home", sample_home, embedder, desk=True, **settings)

    return start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(opened: Open) -> AsyncIterator[Desk]:
    """A program whose desk is a channel; there is no language model."""
    async with opened() as running:
        yield running.desk
        assert running.server.dropped == [], "Teams left something out"


@pytest.fixture
def kim(desk: Desk) -> Person:
    """A customer with a name that nobody else in the organisation has."""
    return desk.office.server.person(f"Kim {next(NUMBERS)}.")


@pytest.fixture(scope="module")
def ada(desk: Desk) -> Person:
    """Somebody who works at the desk."""
    return desk.member("Ada")


@pytest.fixture(scope="module")
def bob(desk: Desk) -> Person:
    """A colleague."""
    return desk.member("Bob")


@pytest.fixture(autouse=True)
def _in_order(request: pytest.FixtureRequest) -> Any:
    """Whatever a test broke in the shared organisation is whole again after it."""
    yield
    if "desk" in request.fixturenames:
        server = request.getfixturevalue("desk").office.server
        server.heal()
        server.hears_all = True


async def asks_for_a_person(desk: Desk, customer: Person) -> Message:
    """Let a customer ask for a person; return the case's card."""
    await desk.office.asks(customer, A_PERSON)
    card = await desk.card(customer)
    await desk.office.silence()
    return card


def seen_by(person: Person, card: Message) -> str:
    """Return what somebody reads on a card, once their own view came."""
    return read(card.views[person.id]).text


async def state(desk: Desk, customer: Person) -> str:
    """Return who has a customer's case, by its card for everybody."""
    await desk.office.silence()
    return dict(read((await desk.card(customer)).cards[0]).facts)["State"]


# Presses


async def test_a_case_is_claimed_by_its_button_and_the_customer_reads_what_is_written_below(
    desk: Desk, ada: Person, kim: Person
) -> None:
    card = await asks_for_a_person(desk, kim)
    await desk.presses(ada, card, "Claim")
    assert "Held by Ada" in seen_by(ada, card), "at once, where they pressed"
    assert await state(desk, kim) == "Held by Ada", "and for everybody"
    await desk.writes(ada, card, "Hello Kim!")
    await desk.office.silence()
    texts = [one.text for one in kim.sees(kim.chat)]
    assert texts[-1] == "**Ada**\n\nHello Kim!"


async def test_who_presses_what_a_colleague_has_done_already_is_told_so_and_nobody_else_is(
    desk: Desk, ada: Person, bob: Person, kim: Person
) -> None:
    card = await asks_for_a_person(desk, kim)
    old = card.cards[0]
    await desk.presses(ada, card, "Claim")
    below = len(desk.thread(card))
    late = await bob.presses(desk.room, card.id, "Claim", seen=old)
    assert late.ok
    assert ALREADY_HELD in late.toast
    await desk.office.silence()
    assert len(desk.thread(card)) == below, "it is a word for them alone"


async def test_a_press_that_teams_brings_twice_is_done_once_and_answered_each_time(
    desk: Desk, ada: Person, kim: Person
) -> None:
    talk, _, card = await desk.claimed(ada, kim)
    filled = {"note": "Be kind."}
    noted = await desk.presses(ada, card, "Save the note", filled)
    await desk.office.server.again(noted, times=2)
    assert noted.ok
    await desk.office.silence()
    assert [said.text for said in await talk.stored(Author.NOTE)].count("Be kind.") == 1


async def test_each_sees_the_card_with_the_buttons_that_are_theirs(
    desk: Desk, ada: Person, bob: Person, kim: Person
) -> None:
    _, _, card = await desk.claimed(ada, kim)
    for one in (ada, bob):
        assert (await one.refreshes(desk.room, card.id)).ok
    mine, theirs = (read(card.views[one.id]).titles for one in (ada, bob))
    assert "Release" in mine
    assert "Release" not in theirs
    assert "Held by Ada" in seen_by(bob, card)
    await desk.presses(ada, card, "Release")
    await desk.office.silence()
    assert card.views == {}, "what changed for everybody is drawn anew for each"
    assert (await bob.refreshes(desk.room, card.id)).ok
    assert "Claim" in read(card.views[bob.id]).titles


async def test_a_whole_case_is_worked_on_from_its_card(desk: Desk, ada: Person, kim: Person) -> None:
    talk, case, card = await desk.claimed(ada, kim)
    await desk.writes(ada, card, "It comes on Monday.")
    await desk.office.silence()
    await desk.presses(ada, card, "Resolve it", {"outcome": "solved"})
    assert (await state(desk, kim)).startswith("Resolved by Ada")
    await talk.says(kim, "But it is broken!")
    await desk.office.silence()
    stored = await desk.office.store.cases.get(case)
    assert stored.is_open, "who answers is with the same people again"


async def test_a_button_of_another_case_does_nothing_and_says_where_to_go(desk: Desk, ada: Person, kim: Person) -> None:
    lee = desk.office.server.person(f"Lee {next(NUMBERS)}.")
    card, other = await asks_for_a_person(desk, kim), await asks_for_a_person(desk, lee)
    pressed = await ada.presses(desk.room, card.id, "Claim", seen=other.cards[0])
    assert pressed.toast == OTHER_CARD
    assert [await state(desk, one) for one in (kim, lee)] == ["Unclaimed", "Unclaimed"]


# People


@pytest.mark.parametrize(
    "who",
    [{"guest": True}, {"guest": True, "tenant": PARTNER}],
    ids=["a guest", "a guest of another organisation"],
)
async def test_guests_can_do_nothing_at_the_desk_and_are_told_so(desk: Desk, kim: Person, who: dict[str, Any]) -> None:
    gus = desk.member(f"Gus {next(NUMBERS)}", **who)
    card = await asks_for_a_person(desk, kim)
    assert (await gus.presses(desk.room, card.id, "Claim")).toast == OUTSIDER
    line = await desk.writes(gus, card, "I am not supposed to be here.")
    assert line.ok
    assert OUTSIDER in await desk.told(gus, "Only full members", card.id)
    assert OUTSIDER in await desk.asks(gus, "claim 1")
    assert await state(desk, kim) == "Unclaimed"
    assert gus.member.name not in (await desk.office.store.cases.operator_names()).values()
    said = await desk.office.store.cases.messages(await desk.office.store.cases.get(case_of(card)))
    assert all("supposed" not in one.text for one in said)


async def test_who_is_not_in_the_desks_channel_can_not_press_its_buttons(desk: Desk, kim: Person) -> None:
    card = await asks_for_a_person(desk, kim)
    zoe = desk.member(f"Zoe {next(NUMBERS)}")
    done = await zoe.presses(desk.room, card.id, "Claim", tell=False)
    desk.room.members.remove(zoe.id)
    await desk.office.server.tell(done.deliveries)
    assert done.answer["value"] == ELSEWHERE
    assert await state(desk, kim) == "Unclaimed"


async def test_who_was_revoked_is_told_so_at_the_next_press(desk: Desk, kim: Person) -> None:
    eve = desk.member(f"Eve {next(NUMBERS)}")
    _, _, card = await desk.claimed(eve, kim)
    await desk.office.store.credentials.revoke_operator(eve.member.name, desk.office.clock())
    await desk.office.silence()
    assert (await eve.presses(desk.room, card.id, "Release", seen=card.cards[0])).toast == REVOKED
    assert await state(desk, kim) == f"Held by {eve.member.name}", "until somebody takes it"


async def test_two_people_of_one_name_are_two_operators(desk: Desk, kim: Person) -> None:
    first, second = desk.member("Max"), desk.member("Max")
    lee = desk.office.server.person(f"Lee {next(NUMBERS)}.")
    for operator, customer in ((first, kim), (second, lee)):
        await desk.claimed(operator, customer)
    assert [await state(desk, one) for one in (kim, lee)] == ["Held by Max", "Held by Max 2"]


# Questions to the app


async def test_mentions_list_the_open_cases_ones_own_and_those_nobody_has(
    desk: Desk, ada: Person, bob: Person, kim: Person
) -> None:
    lee = desk.office.server.person(f"Lee {next(NUMBERS)}.")
    await desk.claimed(ada, kim)
    await asks_for_a_person(desk, lee)
    mine, free, bobs = await desk.asks(ada, "mine"), await desk.asks(ada, "unclaimed"), await desk.asks(bob, "mine")
    assert kim.member.name in mine
    assert kim.member.name not in free + bobs
    assert lee.member.name in free
    assert lee.member.name not in mine
    everything = await desk.asks(bob, "cases")
    assert all(one.member.name in everything for one in (kim, lee))


async def test_a_case_is_claimed_by_a_mention_with_its_number(
    desk: Desk, ada: Person, bob: Person, kim: Person
) -> None:
    card = await asks_for_a_person(desk, kim)
    number = (await desk.office.store.cases.get(case_of(card))).number
    assert "Held by Ada" in await desk.asks(ada, f"claim #{number}")
    assert await state(desk, kim) == "Held by Ada"
    assert ALREADY_HELD in await desk.asks(bob, f"claim {number}")
    assert "Held by Ada" in await desk.asks(bob, f"{number}")
    assert kim.member.name in await desk.asks(bob, f"search {kim.member.name.upper()}")


async def test_a_mention_shows_what_is_known_about_a_customer_and_has_it_forgotten(
    desk: Desk, ada: Person, kim: Person
) -> None:
    talk, case, _ = await desk.claimed(ada, kim)
    name = await talk.noted("Rides a <at>Lark</at> 3")
    number = (await desk.office.store.cases.get(case)).number
    known = await desk.asks(ada, f"known {number}")
    assert f"{name}  Rides a <at>Lark</at> 3" in known
    assert "Microsoft Teams)" in known
    assert f"Nothing is known about {kim.member.name}." in await desk.asks(ada, f"forget {number} {name}")
    assert f"Nothing is known about {kim.member.name}." in await desk.asks(ada, f"known {number}")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("known 999999", "There is no case 999999."),
        ("help", f"Write to @{BOT_NAME}"),
        ("claim the big one", f"Write to @{BOT_NAME}"),
        ("claim 999999", "There is no case 999999."),
        ("999999", "There is no case 999999"),
        ("claim 99999999999999999999", f"Write to @{BOT_NAME}"),
        ("search <at>all</at> & %_' --", "none"),
        ("\u202e\ufdfd zebra", "none"),
        ("x" * 3_000, "none"),
    ],
)
async def test_bad_words_are_answered_with_what_it_can_do_or_with_nothing_found(
    desk: Desk, ada: Person, typed: str, answer: str
) -> None:
    assert answer in await desk.asks(ada, typed)


async def test_what_is_written_in_the_desks_channel_is_never_a_customers(desk: Desk, ada: Person) -> None:
    before = len(await desk.office.store.cases.find("all"))
    for words in (A_PERSON, "I want a human!"):
        await desk.asks(ada, words)
        assert (await ada.writes(desk.room, words)).ok
    await desk.office.silence()
    assert len(await desk.office.store.cases.find("all")) == before


# Suggested replies


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clever(opened: Open) -> AsyncIterator[Desk]:
    """The program with a model that drafts."""
    said = say("SUMMARY: Wants help.\nREPLY: Hello! The slip is on its way.")
    async with FakeOpenAI(without_tools=said) as model:
        settings = {"openai_base_url": model.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
        async with opened(**settings) as running:
            yield running.desk


async def suggested(desk: Desk, customer: Person) -> Message:
    """Return the card of a customer once it offers a suggested reply."""

    async def offers() -> Message | None:
        card = await desk.card(customer)
        return card if "Suggested reply" in read(card.cards[0]).titles else None

    found: Message = await until(offers, WITHIN)
    await desk.office.silence()
    return found


async def test_a_suggested_reply_is_edited_in_the_card_and_goes_out_under_the_operators_name(clever: Desk) -> None:
    ada, kim = clever.member("Ada"), clever.office.server.person("Kim")
    talk, _, _ = await clever.claimed(ada, kim)
    card = await suggested(clever, kim)
    await clever.presses(ada, card, "Suggested reply")
    assert list(card.views) == [ada.id], "it opens for who asked"
    assert "The slip is on its way." in str(card.views[ada.id])
    sent = await ada.presses(clever.room, card.id, "Send", {"text": "Hello Kim! The slip comes on Monday."})
    assert sent.ok
    await clever.office.silence()
    assert talk.words[-1] == "**Ada**\n\nHello Kim! The slip comes on Monday."
    assert any("comes on Monday" in str(one.activity) for one in clever.thread(card)), "colleagues read it too"


async def test_who_does_not_hold_the_case_reads_the_suggestion_and_can_not_send_it(clever: Desk) -> None:
    ada, bob, kim = clever.member("Ada B"), clever.member("Bob B"), clever.office.server.person("Kay")
    await clever.claimed(ada, kim)
    card = await suggested(clever, kim)
    await clever.presses(bob, card, "Suggested reply")
    assert ALREADY_HELD in seen_by(bob, card)
    assert "The slip is on its way." in seen_by(bob, card)
    assert "Send" not in read(card.views[bob.id]).titles


# What is gone


async def test_where_somebody_deleted_a_card_it_is_posted_again_and_the_old_thread_leads_nowhere(
    desk: Desk, ada: Person, kim: Person
) -> None:
    talk, _, card = await desk.claimed(ada, kim)
    card.deleted = True
    await talk.says(kim, "And another thing: my bell.")
    again = await desk.card(kim, "Held by Ada")
    await desk.office.silence()
    assert again.id != card.id
    assert any("my bell" in one.text for one in desk.thread(again)), "with what was said so far"
    await desk.writes(ada, again, "I see.")
    await desk.office.silence()
    assert "I see." in talk.words[-1]
    card.deleted = False
    assert (await ada.writes(desk.room, "Is anybody there?", root=card.id)).ok
    assert NOT_ITS_CARD in await desk.told(ada, "has another one", card.id)


async def doctor(office_: Office) -> tuple[str, str]:
    """Return what the doctor says of the desk's channel: how it is, and what was found."""
    [found] = [check async for check in examine_teams(office_.settings) if check.name == "teams desk"]
    return found.state, found.found


@pytest.mark.parametrize("trouble", ["removed", "deleted"])
async def test_while_the_desks_channel_is_lost_cases_wait_on_the_web_desk_and_come_back_after(
    opened: Open, trouble: str
) -> None:
    async with opened() as running:
        desk, room, rooms = running.desk, running.desk.room, running.server.workspace.rooms
        ada = desk.member("Ada")
        assert await doctor(running) == ("ok", "the app is there, with 1 people")
        if trouble == "removed":
            assert (await ada.removes(room)).ok
        else:
            del rooms[room.id]
        kim = running.server.person("Kim")
        talk = await running.asks(kim, A_PERSON)
        await talk.settled()
        assert (await doctor(running))[0] == "broken"
        web = await running.client.operator("Olga")
        case = await running.case_of(web, "Kim")
        notices = (await running.client.call("GET", "/api/v1/desk/me", token=web.token)).data["notices"]
        assert [f"teams:{room.id}" in notice["text"] for notice in notices] == [True]
        assert (await web.cases())[0]["desk_error"]
        assert (await web.act(case["id"], "claim")).status == 200
        assert (await web.act(case["id"], "reply", "Here I am, by another way.")).status == 200
        await running.silence()
        assert "Here I am, by another way." in talk.words[-1]
        if trouble == "removed":
            assert (await ada.installs(room)).ok
        else:
            rooms[room.id] = room
        running.clock.ahead += 601
        await running.client.threadline.sweeps.look()
        card = await desk.card(kim, "Held by Olga")
        await running.silence()
        assert any("by another way" in one.text for one in desk.thread(card))
        assert (await web.cases())[0]["desk_error"] == ""


async def test_where_the_customer_blocked_the_app_the_line_says_so_in_its_thread(
    desk: Desk, ada: Person, kim: Person
) -> None:
    _, _, card = await desk.claimed(ada, kim)
    kim.blocks()
    await desk.writes(ada, card, "Are you there?")
    await desk.office.silence()
    [notice] = [
        read(one.cards[0]) for one in desk.thread(card) if one.cards and "Send again" in read(one.cards[0]).titles
    ]
    assert "The customer has blocked the app in Teams." in notice.text
    kim.unblocks()
    [at] = [one for one in desk.thread(card) if one.cards and "Send again" in read(one.cards[0]).titles]
    again = await ada.presses(desk.room, at.id, "Send again")
    assert (again.ok, again.toast) == (True, DONE_HERE)
    await desk.office.silence()
    assert any("Are you there?" in one.text for one in kim.sees(kim.chat))


async def test_a_customers_change_is_shown_where_the_line_stands(desk: Desk, ada: Person, kim: Person) -> None:
    talk, _, card = await desk.claimed(ada, kim)
    said: Done = await talk.says(kim, "My order is 123.")
    secret = await talk.says(kim, "My password is hunter2.")
    await desk.office.silence()
    assert (await kim.edits(kim.chat, said.id, "My order is 132.")).ok
    assert (await kim.deletes(kim.chat, secret.id)).ok
    await desk.office.silence()
    shown = "\n".join(one.text for one in desk.thread(card))
    assert "My order is 132." in shown
    assert "Edited. Before" in shown
    assert "hunter2" not in shown
    assert "was withdrawn" in shown
