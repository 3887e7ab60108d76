"""A Slack channel as the desk, through the whole program: /support, the home tab, forms, old buttons, lost channels.

What every desk does is in `tests/contract/test_slack_desk`; here is what only Slack's people do, and what befalls them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.doctor_slack import examine_slack
from channels.desk.answers import NEVER_READ, NO_NOTE_OF_IT, TOO_MANY_FILES
from channels.slack.desk.actions import CARD_DELETED
from channels.slack.desk.operators import ELSEWHERE, OUTSIDER
from core.ids import CaseId
from core.messages import Author, DeskAction
from kb.embed import Embedder
from tests.fakes.openai_server import FakeOpenAI, say
from tests.fakes.slack_people import Person
from tests.fakes.slack_text import words_of_blocks
from tests.fakes.slack_workspace import BOT_USER, Read, View
from tests.scenario.slacking import A_PERSON, WITHIN, Desk, Office, case_of, office
from tests.support import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Office]]
NUMBERS = count(1)
LABEL = ("label.pdf", b"%PDF-1.7 label")
ALREADY_HELD = "A colleague holds this case."


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder) -> Open:
    """Return a function that runs the program in a workspace with a desk."""

    def start(**settings: Any) -> AbstractAsyncContextManager[Office]:
        return office(tmp_path_factory.mktemp("desk") / "home", sample_home, embedder, desk=True, **settings)

    return start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(opened: Open) -> AsyncIterator[Desk]:
    """A program whose desk is a private channel; there is no language model."""
    async with opened() as running:
        yield running.desk


@pytest.fixture
def kim(desk: Desk) -> Person:
    """A customer with a name that nobody else in the workspace has."""
    return desk.office.server.person(f"Kim {next(NUMBERS)}.")


@pytest.fixture(scope="module")
def ada(desk: Desk) -> Person:
    """Somebody who works at the desk."""
    return desk.member("Ada")


@pytest.fixture(scope="module")
def bob(desk: Desk) -> Person:
    """A colleague."""
    return desk.member("Bob")


async def asks_for_a_person(desk: Desk, customer: Person) -> Read:
    """Let a customer ask for a person; return the case's card."""
    await desk.office.asks(customer, A_PERSON)
    card = await desk.card(customer)
    await desk.office.silence()
    return card


def shown(answer: Any) -> str:
    """Return what somebody reads who is answered a command."""
    assert answer.get("response_type") == "ephemeral", "the answer is for them alone"
    words = [words for _, words in words_of_blocks(answer.get("blocks", ()))]
    return "\n".join(words) or str(answer["text"])


async def support(person: Person, text: str = "") -> str:
    """Return what somebody reads after /support."""
    done = await person.slash("/support", text)
    assert done.ok
    return shown(done.answer)


# /support


async def test_support_lists_the_open_cases_with_the_way_to_each_card(desk: Desk, ada: Person, kim: Person) -> None:
    card = await asks_for_a_person(desk, kim)
    done = await ada.slash("/support")
    assert kim.member.name in shown(done.answer)
    links = [block["accessory"]["url"] for block in done.answer["blocks"] if "accessory" in block]
    assert f"https://larkfield.slack.com/archives/{desk.room.id}/p{card.ts.replace('.', '')}" in links


async def test_support_lists_ones_own_cases_those_nobody_has_and_those_that_are_late(
    desk: Desk, ada: Person, bob: Person, kim: Person
) -> None:
    lee = desk.office.server.person(f"Lee {next(NUMBERS)}.")
    await desk.claimed(ada, kim)
    await asks_for_a_person(desk, lee)
    mine, free, bobs = await support(ada, "mine"), await support(ada, "unclaimed"), await support(bob, "mine")
    assert kim.member.name in mine
    assert kim.member.name not in free + bobs
    assert lee.member.name in free
    assert lee.member.name not in mine
    desk.office.clock.ahead += 3_600
    assert lee.member.name in await support(ada, "list overdue")


async def test_support_claims_a_case_by_its_number_and_says_who_has_it(
    desk: Desk, ada: Person, bob: Person, kim: Person
) -> None:
    card = await asks_for_a_person(desk, kim)
    number = card.text.partition(" ")[0].removeprefix("#")
    assert "Held by Ada" in await support(ada, f"claim #{number}")
    await desk.card(kim, "Held by Ada")
    assert ALREADY_HELD in await support(bob, f"claim {number}")
    assert "Held by Ada" in await support(bob, number)


async def test_support_finds_cases_by_their_words_resolved_ones_too(desk: Desk, ada: Person, kim: Person) -> None:
    _, case, card = await desk.claimed(ada, kim)
    await desk.presses(ada, card, "resolve", f"{case} solved")
    await desk.card(kim, "Resolved by Ada")
    found = await support(ada, f"search {kim.member.name.upper()}")
    assert kim.member.name in found
    assert "Resolved by Ada" in found
    assert kim.member.name not in await support(ada)


async def test_support_shows_what_is_known_about_a_customer_and_has_it_forgotten(
    desk: Desk, ada: Person, kim: Person
) -> None:
    talk, case, card = await desk.claimed(ada, kim)
    name = await talk.noted("Rides a <!channel> *Lark* 3")
    number = card.text.partition(" ")[0].removeprefix("#")
    known = await support(ada, f"known {number}")
    assert f"Known about {kim.member.name}" in known
    assert f"{name}  Rides a <!channel> *Lark* 3" in known
    assert "Slack)" in known
    forgotten = f"Nothing is known about {kim.member.name}."
    assert await support(ada, f"forget {number} {name}") == forgotten
    assert "was forgotten already" in await support(ada, f"forget {number} {name}")
    assert await support(ada, f"known {number}") == forgotten
    did = [one.action for _, one, _ in await desk.office.store.receipts.log_of(CaseId(case))]
    assert did.count(DeskAction.FORGET) == 2


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("known 999999", "There is no case 999999."),
        ("forget 999999 abcde", "There is no case 999999."),
        ("known", "What /support does"),
        ("forget 12", "What /support does"),
        ("claim", "What /support does"),
        ("claim the big one", "What /support does"),
        ("list everything", "What /support does"),
        ("help", "What /support does"),
        ("claim 999999", "There is no case 999999."),
        ("claim 0", "There is no case 0."),
        ("999999", "There is no case 999999"),
        ("claim 99999999999999999999", "What /support does"),
        ("search <!channel> & \u0000 %_' --", "none"),
        ("\u202e\ufdfd zebra", "none"),
        ("x" * 3_000, "none"),
    ],
)
async def test_support_answers_bad_words_with_what_it_can_do_or_with_nothing_found(
    ada: Person, typed: str, answer: str
) -> None:
    assert answer in await support(ada, typed)


async def test_support_is_for_those_who_work_at_the_desk(desk: Desk, kim: Person) -> None:
    assert await support(kim) == ELSEWHERE
    assert await support(desk.member("Gert", is_restricted=True)) == OUTSIDER


# The home tab


async def home(person: Person) -> str:
    """Return what somebody reads in the home tab that they have just opened."""
    held = person.home.hash if person.home else ""
    assert (await person.opens_home()).ok

    async def published() -> View | None:
        return person.home if person.home and person.home.hash != held else None

    view: View = await until(published, WITHIN)
    return "\n".join(words for _, words in words_of_blocks(view.view["blocks"]))


async def test_the_home_tab_counts_the_open_cases_and_shows_the_own_ones_first(desk: Desk, kim: Person) -> None:
    eve = desk.member("Eve")
    lee = desk.office.server.person(f"Lee {next(NUMBERS)}.")
    await asks_for_a_person(desk, lee)
    await support(eve)  # what they do is looked at at once; who only looks may wait ten seconds after they joined
    before = await home(eve)
    assert "Yours\n0" in before
    await desk.claimed(eve, kim)
    after = await home(eve)
    assert "Yours\n1" in after
    assert after.index(kim.member.name) < after.index(lee.member.name)


async def test_everybody_else_reads_something_kind_in_the_home_tab(desk: Desk, kim: Person) -> None:
    assert "Write to me in the Messages tab." in await home(kim)
    assert "Write to me in the Messages tab." in await home(desk.office.server.person("Gil", is_ultra_restricted=True))


# Suggested replies


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[FakeOpenAI]:
    """A language model that drafts."""
    async with FakeOpenAI(
        without_tools=say("SUMMARY: Wants help.\nREPLY: Hello! The slip is on its way.")
    ) as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clever(model: FakeOpenAI, opened: Open) -> AsyncIterator[Desk]:
    """The program with that model."""
    settings = {"openai_base_url": model.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
    async with opened(**settings) as running:
        yield running.desk


def fields(view: View) -> dict[str, str]:
    """Return the fields of a form with what stands in them."""
    inputs = [block for block in view.view["blocks"] if block["type"] == "input"]
    return {block["block_id"]: block["element"].get("initial_value", "") for block in inputs}


async def test_a_suggested_reply_is_edited_in_a_form_and_goes_out_under_the_operators_name(clever: Desk) -> None:
    ada, kim = clever.member("Ada"), clever.office.server.person("Kim")
    talk, case, card = await clever.claimed(ada, kim)
    await clever.presses(ada, await clever.card(kim, offers="suggestion"), "suggestion", case)
    view = await clever.form(ada)
    assert fields(view) == {"text0": "Hello! The slip is on its way."}
    assert (await ada.submits(view, {"text0": "Hello Kim! The slip comes on Monday."})).ok
    await clever.office.silence()
    assert talk.words[-1] == "Ada\nHello Kim! The slip comes on Monday."
    assert any("The slip comes on Monday." in read.text for read in clever.thread(card)), "colleagues read it too"


async def test_who_does_not_hold_the_case_reads_the_suggestion_and_can_not_send_it(clever: Desk) -> None:
    ada, bob, kim = clever.member("Ada"), clever.member("Bob"), clever.office.server.person("Kay")
    _, case, _ = await clever.claimed(ada, kim)
    await clever.presses(bob, await clever.card(kim, offers="suggestion"), "suggestion", case)
    view = await clever.form(bob)
    words = "\n".join(words for _, words in words_of_blocks(view.view["blocks"]))
    assert "The slip is on its way." in words
    assert ALREADY_HELD in words
    assert "submit" not in view.view


async def test_a_form_that_opens_too_late_says_so(clever: Desk) -> None:
    ada, kim = clever.member("Ada"), clever.office.server.person("Kit")
    _, case, card = await clever.claimed(ada, kim)
    clever.office.server.fail("views.open", error="expired_trigger_id")
    await clever.presses(ada, card, "more", f"note {case}")
    await clever.told(ada, "Press the button again.")


# Buttons that are pressed at the wrong time, or by the wrong people


async def test_a_button_that_an_old_card_still_shows_is_answered_with_how_the_case_stands(
    desk: Desk, ada: Person, bob: Person, kim: Person
) -> None:
    _, case, card = await desk.claimed(ada, kim)
    await desk.presses_old(bob, card, "claim", case)
    await desk.told(bob, ALREADY_HELD)
    await desk.presses(ada, card, "resolve", f"{case} solved")
    await desk.card(kim, "Resolved by Ada")
    await desk.presses_old(bob, card, "claim", case)
    await desk.told(bob, "This case is resolved.")


async def test_a_button_of_another_case_works_on_that_case_and_of_none_on_none(
    desk: Desk, ada: Person, kim: Person
) -> None:
    lee = desk.office.server.person(f"Lee {next(NUMBERS)}.")
    card, other = await asks_for_a_person(desk, kim), await asks_for_a_person(desk, lee)
    await desk.presses_old(ada, card, "claim", case_of(other))
    await desk.card(lee, "Held by Ada")
    for value in ("c_nobody", "c_1 m_1", "?"):
        await desk.presses_old(ada, card, "claim", value)
    await desk.told(ada, "This case is not here any more.")
    for word in ("dance", "resolve", "more", ""):
        await desk.presses_old(ada, card, word, f"{case_of(card)} x")
    await desk.office.silence()
    assert "Unclaimed" in (await desk.card(kim)).text


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ({"is_restricted": True}, OUTSIDER),
        ({"is_ultra_restricted": True}, OUTSIDER),
        ({"is_stranger": True, "team": "T2"}, OUTSIDER),
        ({"team": "T2"}, OUTSIDER),
    ],
    ids=["a guest", "a single-channel guest", "a stranger", "another workspace"],
)
async def test_guests_and_strangers_can_do_nothing_at_the_desk_and_are_told_so(
    desk: Desk, kim: Person, who: dict[str, Any], why: str
) -> None:
    gus = desk.member(f"Gus {next(NUMBERS)}", **who)
    card = await asks_for_a_person(desk, kim)
    await desk.presses(gus, card, "claim")
    await desk.told(gus, why)
    await desk.writes(gus, card, "I am not supposed to be here.")
    await desk.told(gus, why, card.ts)
    await desk.office.silence()
    assert "Unclaimed" in (await desk.card(kim)).text
    names = (await desk.office.store.cases.operator_names()).values()
    assert gus.member.name not in names
    said = await desk.office.store.cases.messages(await desk.office.store.cases.get(case_of(card)))  # type: ignore[arg-type]
    assert all("supposed" not in one.text for one in said)


async def test_who_is_no_member_of_the_desks_channel_can_not_press_its_buttons_elsewhere(
    desk: Desk, kim: Person
) -> None:
    card = await asks_for_a_person(desk, kim)
    zoe = desk.office.server.person("Zoe")
    await desk.presses(zoe, card, "claim")
    await desk.office.silence()
    assert "Unclaimed" in (await desk.card(kim)).text
    assert "Zoe" not in (await desk.office.store.cases.operator_names()).values()


# Lines and files


async def test_an_operators_file_reaches_the_customer_and_the_line_says_so(
    desk: Desk, ada: Person, kim: Person
) -> None:
    talk, _, card = await desk.claimed(ada, kim)
    line = await desk.writes(ada, card, "Here is your label.", files=[LABEL])

    async def marked() -> bool:
        return "white_check_mark" in desk.post(line.ts).reactions

    await until(marked, WITHIN)
    assert "Ada\nHere is your label." in talk.words
    assert [file for post in talk.posts for file in post.files] == [LABEL]


async def test_a_line_with_more_files_than_one_carries_goes_nowhere_and_its_writer_is_told(
    desk: Desk, ada: Person, kim: Person
) -> None:
    talk, _, card = await desk.claimed(ada, kim)
    posts = len(talk.posts)
    await desk.writes(ada, card, "All of them.", files=[(f"{number}.txt", b"Bell") for number in range(11)])
    await desk.told(ada, TOO_MANY_FILES.format(most=10), card.ts)
    await desk.office.silence()
    assert len(talk.posts) == posts
    assert await talk.stored(Author.OPERATOR) == []


async def test_a_file_that_slack_does_not_give_is_said_at_the_line(desk: Desk, ada: Person, kim: Person) -> None:
    talk, _, card = await desk.claimed(ada, kim)
    done = await ada.writes(desk.room.id, "The label.", thread_ts=card.ts, files=[LABEL], tell=False)
    [file] = desk.post(done.ts).files
    desk.office.server.workspace.files[file].deleted = True
    await desk.office.server.tell(done.deliveries)
    await desk.office.silence()
    assert "Ada\nThe label." in talk.words
    [notice] = [read for read in desk.thread(card) if "fate" in dict(read.parts)]
    assert "label.pdf: failed." in notice.text
    assert "warning" in desk.post(done.ts).reactions


async def test_what_an_operator_edits_or_deletes_is_so_at_the_customers(desk: Desk, ada: Person, kim: Person) -> None:
    talk, _, card = await desk.claimed(ada, kim)
    line = await desk.writes(ada, card, "It comes on Monday.")
    await talk.settled()
    await desk.office.silence()
    assert talk.words[-1] == "Ada\nIt comes on Monday."
    for _ in range(2):  # and Slack brings it twice
        edited = await ada.edits(desk.room.id, line.ts, "It comes on *Tuesday*.")
        await desk.office.server.tell(edited.deliveries)
    await desk.office.silence()
    assert talk.words[-1] == "Ada\nIt comes on Tuesday."
    posts = len(talk.posts)
    assert (await ada.deletes(desk.room.id, line.ts)).ok
    await desk.office.silence()
    assert len(talk.posts) == posts - 1
    [said] = await talk.stored(Author.OPERATOR)
    assert said.withdrawn


async def test_a_line_that_is_with_the_customer_can_not_become_a_note(desk: Desk, ada: Person, kim: Person) -> None:
    talk, _, card = await desk.claimed(ada, kim)
    line = await desk.writes(ada, card, "He is a difficult one.")
    await desk.office.silence()
    assert (await ada.edits(desk.room.id, line.ts, "! He is a difficult one.")).ok
    await desk.told(ada, NO_NOTE_OF_IT, card.ts)
    await desk.office.silence()
    assert talk.words[-1] == "Ada\nHe is a difficult one."


async def test_a_colleague_can_not_delete_for_another_and_an_old_line_says_that_it_was_never_read(
    desk: Desk, ada: Person, kim: Person
) -> None:
    _, _, card = await desk.claimed(ada, kim)
    lost = await ada.writes(desk.room.id, "Nobody hears me.", thread_ts=card.ts, tell=False)
    desk.office.clock.ahead += 1_000
    assert (await ada.edits(desk.room.id, lost.ts, "Does anybody?")).ok
    await desk.told(ada, NEVER_READ, card.ts)


# What is gone


async def test_where_somebody_deleted_a_card_its_thread_works_on_until_the_card_is_posted_again(
    desk: Desk, ada: Person, kim: Person
) -> None:
    talk, case, card = await desk.claimed(ada, kim)
    desk.office.server.workspace.delete(desk.post(card.ts))
    await talk.says(kim, "And another thing: my bell.")
    await desk.writes(ada, card, "I see.")
    await desk.office.silence()
    assert any("my bell" in read.text for read in desk.thread(card))
    assert talk.words[-1] == "Ada\nI see."
    web = await desk.office.client.operator(f"Web {next(NUMBERS)}")
    [olga] = [one for one in await desk.office.store.credentials.operators() if one.name.startswith("Web")]
    assert (await web.act(case, "assign", to=olga.id)).status == 200
    again = await desk.card(kim, f"Held by {olga.name}")
    await desk.office.silence()
    assert again.ts != card.ts
    assert any("my bell" in read.text for read in desk.thread(again))
    await desk.writes(ada, card, "Is anybody there?")
    await desk.told(ada, CARD_DELETED, card.ts)


async def doctor(office_: Office) -> tuple[str, str]:
    """Return what the doctor says of the desk's channel: how it is, and what was found."""
    [found] = [check async for check in examine_slack(office_.settings) if check.name == "slack desk"]
    return found.state, found.found


@pytest.mark.parametrize(
    ("trouble", "found"),
    [
        ("archived", "is archived"),
        ("left", "There is no such Slack channel, or the app is not in it."),
    ],
)
async def test_while_the_desks_channel_is_lost_cases_wait_on_the_web_desk_and_come_back_after(
    opened: Open, trouble: str, found: str
) -> None:
    async with opened() as running:
        desk, room = running.desk, running.desk.room
        assert await doctor(running) == ("ok", f"#support-desk ({room.id})")
        if trouble == "archived":
            room.archived = True
        else:
            room.members.remove(BOT_USER)
        kim = running.server.person("Kim")
        talk = await running.asks(kim, A_PERSON)
        await talk.settled()
        state, said = await doctor(running)
        assert state == "broken"
        assert found in said
        web = await running.client.operator("Olga")
        case = await running.case_of(web, "Kim")
        assert (await web.act(case["id"], "claim")).status == 200
        assert (await web.act(case["id"], "reply", "Here I am, by another way.")).status == 200
        await running.silence()
        assert talk.words[-1] == "Olga\nHere I am, by another way."
        room.archived = False
        if BOT_USER not in room.members:
            room.members.append(BOT_USER)
        running.clock.ahead += 601
        await running.client.threadline.sweeps.look()
        card = await desk.card(kim, "Held by Olga")
        await running.silence()
        assert any("by another way" in read.text for read in desk.thread(card))


async def test_a_desk_channel_with_another_name_is_the_same_desk(desk: Desk, ada: Person, kim: Person) -> None:
    desk.room.name = "help-desk"
    talk, _, card = await desk.claimed(ada, kim)
    await desk.writes(ada, card, "Hello!")
    await desk.office.silence()
    assert talk.words[-1] == "Ada\nHello!"
    assert await doctor(desk.office) == ("ok", f"#help-desk ({desk.room.id})")
