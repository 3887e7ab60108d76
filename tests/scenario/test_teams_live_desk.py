"""A Teams channel becomes the desk by a line that its owner writes there: `DESK=teams` and `threadline teams-desk`.

What such a desk does then is what every desk in Teams does; here is how it is chosen, by whom, and how it moves.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.doctor_teams import examine_teams
from bot.serve import banner
from channels.teams.desk.chosen import (
    CHOSEN,
    CHOSEN_ALREADY,
    MOVED,
    NEEDS_CODE,
    NEXT_STEP,
    NOT_HERE,
    NOT_YOU,
    WRONG_CODE,
    asked,
)
from channels.teams.names import key, thread_in
from core.messages import Author
from core.store.desks import DeskPlace
from core.store.schema import metadata
from kb.embed import Embedder
from tests.fakes.teams_cards import read
from tests.fakes.teams_people import Done, Person
from tests.fakes.teams_server import BOT_ID, TENANT
from tests.fakes.teams_workspace import Room
from tests.scenario.teaming import A_PERSON, PARTNER, RETURNS, WITHIN, Desk, Office, office
from tests.support import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Office]]
NUMBERS = count(1)
NO_MORE = "This can't be done any more."


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder) -> Open:
    """Return a function that runs the program in an organisation; what is set as the desk is 'teams', or `desk`."""

    def start(desk: bool | str = "teams", **settings: Any) -> AbstractAsyncContextManager[Office]:
        home = tmp_path_factory.mktemp("live") / "home"
        return office(home, sample_home, embedder, desk=desk, **settings)

    return start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(opened: Open) -> AsyncIterator[Office]:
    """A program whose desk was not chosen yet when the first test began; it serves another organisation, too."""
    async with opened(teams_tenants=[TENANT, PARTNER]) as running:
        yield running
        assert running.server.dropped == [], "Teams left something out"


@pytest.fixture
def room(here: Office) -> Room:
    """A channel that nobody has chosen."""
    return here.server.team(f"Team {next(NUMBERS)}").channel("Support")


async def line_of(office: Office) -> str:
    """Return what follows the app's name in the line that `threadline teams-desk` prints."""
    status, printed, told = await office.command("teams-desk")
    assert status == 0, told
    assert "within fifteen minutes" in told
    found = re.fullmatch(r"@Threadline (desk \d{4}-\d{4})\n", printed)
    assert found, printed
    return found[1]


def member(office: Office, room: Room, name: str = "Ada", **more: Any) -> Person:
    """Return somebody new in a channel or group chat."""
    person = office.server.person(f"{name} {next(NUMBERS)}", **more)
    room.members.append(person.id)
    return person


async def told(person: Person, room: Room, done: Done) -> str:
    """Return what is answered to what somebody wrote, once it is."""
    assert done.ok, done.ack

    async def answered() -> str:
        posts = person.sees(room, done.id if room.kind == "channel" else "")
        return "\n".join(one.text for one in posts if one.by_bot and int(one.id) > int(done.id))

    found: str = await until(answered, WITHIN)
    return found


async def writes(person: Person, room: Room, line: str) -> str:
    """Write a line to the app, and return what it answers."""
    return await told(person, room, await person.writes(room, line, mention=True))


async def chosen(office: Office, room: Room, person: Person | None = None) -> Desk:
    """Make a channel or group chat the desk."""
    assert await writes(person or member(office, room), room, await line_of(office)) == CHOSEN
    return Desk(office, room)


async def kept(office: Office) -> str:
    """Return all that the database holds. (Its file is not to be read while another process is at it.)"""
    async with office.store.database.reading() as connection:
        return str([(await connection.execute(select(table))).all() for table in metadata.sorted_tables])


# Choosing


async def test_until_a_channel_is_chosen_cases_wait_with_the_next_step_and_then_come_there(opened: Open) -> None:
    async with opened() as fresh:
        assert "no channel is the desk yet: threadline teams-desk" in banner(
            fresh.client.threadline, fresh.client.url, ""
        )
        [*_, before] = [check async for check in examine_teams(fresh.settings)]
        assert (before.name, before.state, before.fix) == ("teams desk", "broken", NEXT_STEP)
        bo, kim = await fresh.client.operator("Bo"), fresh.server.person("Kim")
        talk = await fresh.asks(kim, A_PERSON)
        await fresh.silence()
        case = await fresh.case_of(bo, "Kim")
        assert NEXT_STEP in case["desk_error"]
        assert NEXT_STEP in "".join(one["text"] for one in case["messages"] if one["author"] == "note")

        ada = member(fresh, fresh.desk.room)
        desk = await chosen(fresh, fresh.desk.room, ada)
        card = await desk.card(kim, "Unclaimed")
        await fresh.silence()
        assert (await fresh.case_of(bo, "Kim"))["desk_error"] == ""
        await desk.presses(ada, card, "Claim")
        await desk.card(kim, "Held by")
        await desk.writes(ada, card, "Here I am.")
        assert "Here I am." in (await talk.answer(len(talk.posts) + 1)).text
        [*_, after] = [check async for check in examine_teams(fresh.settings)]
        assert (after.name, after.state, after.found) == ("teams desk", "ok", "the app is there, with 1 people")

        await fresh.stop()
        await fresh.start()
        assert "no channel" not in banner(fresh.client.threadline, fresh.client.url, "")
        await desk.writes(ada, card, "And here again.")
        assert "And here again." in (await talk.answer(len(talk.posts) + 1)).text
        lee = fresh.server.person("Lee")
        await fresh.asks(lee, A_PERSON)
        await desk.card(lee, "Unclaimed")


async def test_a_group_chat_becomes_the_desk_even_where_the_app_was_asked_something_before(here: Office) -> None:
    ada = here.server.person(f"Ada {next(NUMBERS)}")
    chat = here.server.group("Support", ada)
    here.server.hears_all = True
    await here.asks(ada, "How much does delivery cost?", chat)
    await here.silence()
    desk = await chosen(here, chat, ada)
    kim = here.server.person(f"Kim {next(NUMBERS)}.")
    talk = await here.asks(kim, A_PERSON)
    card = await desk.card(kim)
    await desk.presses(ada, card, "Claim")
    await desk.card(kim, "Held by")
    number = re.search(r"#(\d+)", read(card.cards[0]).text)
    assert number
    assert (await ada.writes(chat, f"#{number[1]} Here I am.")).ok
    assert "Here I am." in (await talk.answer(len(talk.posts) + 1)).text


async def test_the_line_is_answered_once_however_often_teams_brings_it(here: Office, room: Room) -> None:
    ada = member(here, room)
    done = await ada.writes(room, await line_of(here), mention=True)
    assert await told(ada, room, done) == CHOSEN
    await here.server.again(done, times=3)
    await here.silence()
    assert len([one for one in ada.sees(room, done.id) if one.by_bot]) == 1


async def test_whoever_asks_for_what_is_so_already_is_told_that_and_the_line_stays_good(
    here: Office, room: Room
) -> None:
    ada = member(here, room)
    await chosen(here, room, ada)
    line = await line_of(here)
    assert await writes(ada, room, line) == CHOSEN_ALREADY
    assert await writes(ada, room, "desk") == CHOSEN_ALREADY
    other = here.server.team("Next").channel("Help")
    assert await writes(member(here, other), other, line) == CHOSEN


async def test_a_choice_that_was_cut_off_is_made_whole_when_teams_brings_it_again(here: Office, room: Room) -> None:
    ada, kim = member(here, room), here.server.person(f"Kim {next(NUMBERS)}.")
    await here.asks(kim, A_PERSON)
    await here.silence()
    code = await here.store.desks.offer("teams", here.clock())
    route = {"service": here.server.service_url(room), "scope": "channel", "bot": BOT_ID, "tenant": TENANT}
    assert await here.store.desks.move("teams", code, DeskPlace(room.id, route, here.clock()))
    assert await writes(ada, room, f"desk {code}") == CHOSEN_ALREADY
    assert await Desk(here, room).card(kim, "Unclaimed")


# Moving


async def test_the_desk_moves_with_its_cases_and_the_old_place_says_where_to(here: Office, room: Room) -> None:
    old = await chosen(here, room)
    ada = old.member(f"Ada {next(NUMBERS)}")
    kim = here.server.person(f"Kim {next(NUMBERS)}.")
    talk, case, card = await old.claimed(ada, kim)
    there = here.server.team("Elsewhere").channel("Help")
    there.members.append(ada.id)
    new = await chosen(here, there)
    moved = await new.card(kim, "Held by")
    await here.silence()
    assert "goes on at another card" in read(card.cards[0]).text
    [button] = read(card.cards[0]).buttons
    assert moved.id in str(button.action["url"])
    assert A_PERSON in "".join(one.text for one in new.thread(moved)), "with what was said so far"

    sent = len(talk.posts)
    await ada.writes(room, "Is this still the place?", root=card.id)
    await here.silence()
    assert len(talk.posts) == sent, "what is written at the old card goes nowhere"
    forged = {"v": 1, "case": case, "action": "release"}
    button_ = {"type": "Action.Execute", "title": "Press", "verb": "press", "data": forged}
    seen = {
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": [{"type": "TextBlock", "text": "x"}],
        "actions": [button_],
    }
    assert (await ada.presses(room, card.id, "Press", seen=seen)).toast == NO_MORE
    await new.writes(ada, moved, "We have moved.")
    assert "We have moved." in (await talk.answer(sent + 1)).text


async def test_where_the_old_place_is_gone_the_desk_moves_all_the_same(here: Office, room: Room) -> None:
    old = await chosen(here, room)
    ada = old.member(f"Ada {next(NUMBERS)}")
    kim = here.server.person(f"Kim {next(NUMBERS)}.")
    await old.claimed(ada, kim)
    room.installed = False
    there = here.server.team("Elsewhere").channel("Help")
    new = await chosen(here, there)
    assert await new.card(kim, "Held by")
    await here.silence()


async def test_an_operator_who_mentions_the_app_where_the_desk_was_is_told_that_it_moved(
    here: Office, room: Room
) -> None:
    old = await chosen(here, room)
    ada, kim = old.member(f"Ada {next(NUMBERS)}"), member(here, room, "Kim")
    lee = here.server.person(f"Lee {next(NUMBERS)}.")
    _, _, card = await old.claimed(ada, lee)
    there = here.server.team("Elsewhere").channel("Help")
    there.members.append(ada.id)
    await chosen(here, there)
    assert await writes(ada, room, "mine") == MOVED
    below = await ada.writes(room, "Is anybody there?", root=card.id, mention=True)
    assert below.ok
    overheard = await ada.writes(room, "claim 12")
    edited = await ada.edits(room, overheard.id, "claim 12", mention=True)
    await here.server.again(edited)
    assert await told(ada, room, overheard) == MOVED
    await here.silence()
    assert [one.text for one in ada.sees(room, card.id) if one.by_bot][-1] == MOVED
    assert await here.store.find_thread(key(TENANT, thread_in(room.id, overheard.id))) is None

    asked = await here.asks(kim, RETURNS, room)
    assert "[1]" in (await asked.answer()).text, "who is no operator is a customer there"
    talk = await here.asks(ada, RETURNS)
    assert "[1]" in (await talk.answer()).text, "and so is who is, in a chat of their own"
    back = await chosen(here, room, ada)
    assert MOVED not in await back.asks(ada, "mine")
    await here.silence()


# Who may, and with which code


async def test_a_line_that_is_wrong_old_or_used_is_answered_with_the_next_step_alone(here: Office, room: Room) -> None:
    ada, other = member(here, room), here.server.team("Other").channel("Help")
    good = await line_of(here)
    assert await writes(ada, room, "desk") == NEEDS_CODE
    assert await writes(ada, room, "desk 0000-00") == WRONG_CODE
    here.clock.ahead += 901
    try:
        assert await writes(ada, room, good) == WRONG_CODE, "it is too old"
    finally:
        here.clock.ahead -= 901
    assert await writes(ada, room, good) == CHOSEN
    assert await writes(member(here, other), other, good) == WRONG_CODE, "it was used"
    assert good[5:] not in await kept(here), "no code is kept"


async def test_who_guesses_can_not_go_on_for_long(here: Office, room: Room) -> None:
    ada, good = member(here, room), await line_of(here)
    wrong = f"desk {(int(good[5:].replace('-', '')) + 1) % 10**8:08}"
    assert {await writes(ada, room, wrong) for _ in range(5)} == {WRONG_CODE}
    assert await writes(ada, room, good) == WRONG_CODE


@pytest.mark.parametrize("who", [{"guest": True}, {"tenant": PARTNER}], ids=["guest", "partner"])
async def test_guests_and_people_of_other_organisations_choose_nothing_and_use_nothing_up(
    here: Office, room: Room, who: dict[str, Any]
) -> None:
    gus, good = member(here, room, "Gus", **who), await line_of(here)
    for _ in range(6):
        assert await writes(gus, room, good) == NOT_YOU
    assert gus.member.name not in (await here.store.cases.operator_names()).values()
    assert await writes(member(here, room), room, good) == CHOSEN


async def test_strangers_are_turned_away_at_the_door(here: Office, room: Room) -> None:
    eve, good = member(here, room, "Eve", tenant="99999999-0000-4000-8000-000000000000"), await line_of(here)
    done = await eve.writes(room, good, mention=True)
    assert done.ack.status == 401
    await chosen(here, room)


async def test_in_a_chat_with_the_app_the_line_is_refused_kindly_and_stays_good(here: Office, room: Room) -> None:
    ada, good = member(here, room), await line_of(here)
    assert await told(ada, ada.chat, await ada.writes(ada.chat, good)) == NOT_HERE
    assert await writes(ada, room, good) == CHOSEN


async def test_without_a_mention_the_line_is_nobodys_business(here: Office, room: Room) -> None:
    ada, good = member(here, room), await line_of(here)
    here.server.hears_all = True
    done = await ada.writes(room, good)
    await here.silence()
    assert [one for one in ada.sees(room, done.id) if one.by_bot] == []
    assert good[5:] not in await kept(here)


@pytest.mark.parametrize("slip", [False, True], ids=["not to us", "with a slip"])
async def test_a_line_that_is_edited_into_the_right_one_counts_and_is_no_question(
    here: Office, room: Room, *, slip: bool
) -> None:
    ada, good = member(here, room), await line_of(here)
    done = await ada.writes(room, "dsk?" if slip else good, mention=slip)
    await here.silence()
    before = len(ada.sees(room, done.id))
    edited = await ada.edits(room, done.id, good, mention=True)
    await here.server.again(edited, times=2)
    await here.silence()
    assert [one.text for one in ada.sees(room, done.id) if one.by_bot][before - 1 :] == [CHOSEN]
    assert good[5:] not in await kept(here), "no code is kept"


async def test_a_line_that_was_refused_in_a_chat_can_be_deleted_or_made_a_question(here: Office) -> None:
    ada, good = here.server.person(f"Ada {next(NUMBERS)}"), await line_of(here)
    gone = await ada.writes(ada.chat, good)
    assert await told(ada, ada.chat, gone) == NOT_HERE
    asked = await ada.writes(ada.chat, good)
    assert await told(ada, ada.chat, asked) == NOT_HERE
    changed = [await ada.deletes(ada.chat, gone.id), await ada.edits(ada.chat, asked.id, RETURNS)]
    await here.silence()
    assert [ack.status for done in changed for ack in done.deliveries[0].acks] == [201, 201], "once each"
    assert "[1]" in ada.sees(ada.chat)[-1].text


async def test_while_teams_can_not_say_who_somebody_is_it_is_brought_again(here: Office, room: Room) -> None:
    ada, good = member(here, room), await line_of(here)
    here.server.fail("member", status=503)
    done = await ada.writes(room, good, mention=True)
    assert await told(ada, room, done) == CHOSEN
    assert [ack.status for ack in done.deliveries[0].acks] == [503, 201]


# Other settings


async def test_with_a_desk_that_the_settings_name_a_channel_says_how_to_set_it(opened: Open) -> None:
    async with opened(desk=True) as fixed:
        room = fixed.server.team("Another").channel("Help")
        ada = member(fixed, room)
        for line in ("desk", "desk 4839-2175"):
            assert f"DESK=teams:{room.id}" in await writes(ada, room, line)
        status, printed, complaint = await fixed.command("teams-desk")
        assert (status, printed) == (1, "")
        assert "Set DESK=teams" in complaint


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("desk", ""),
        (" Desk ", ""),
        ("desk 4839-2175", "48392175"),
        ("desk 4839\u20132175", "48392175"),
        ("DESK  4839 2175", "48392175"),
        ("desk 4839", "4839"),
        ("desk lamps?", None),
        ("desk 12", None),
        ("my desk 4839-2175", None),
        ("desk 4839-2175 please", None),
        ("desk " + "1" * 60, None),
        ("", None),
    ],
)
async def test_only_the_word_and_a_code_ask_for_the_desk(words: str, code: str | None) -> None:
    assert asked(words) == code


@pytest.mark.parametrize(("words", "in_chat"), [("desk lamps?", False), ("desk lamps?", True), ("desk 4839", True)])
async def test_what_customers_ask_about_desks_is_a_question(
    here: Office, room: Room, words: str, in_chat: bool
) -> None:
    kim = member(here, room, "Kim")
    talk = await here.asks(kim, words, None if in_chat else room)
    await talk.settled()
    assert [one.text for one in await talk.stored(Author.CUSTOMER)] == [words]
