"""The contracts of `channels.testing` over a Teams channel as a desk."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from channels.desk.answers import NEVER_READ, NO_CASE, NO_NOTE_OF_IT, STAYS_DELETED, TOO_MANY_FILES
from channels.desk.operators import REVOKED
from channels.recording import Customer, quiet, until
from channels.teams.desk.actions import NAME_THE_CASE, NO_FILES, NO_NUMBER, NOT_ITS_CARD, OLD_CARD, OTHER_CARD
from channels.teams.desk.operators import OUTSIDER
from channels.testing import DeskContract, DeskContractOverTime
from core.ids import CaseId, OperatorId
from core.messages import Author, DeskAction
from tests.contract.programs import Programs
from tests.contract.teams_desk import TeamsDeskKit, TeamsHand, desk
from tests.fakes.teams_cards import read
from tests.fakes.teams_people import Done
from tests.fakes.teams_workspace import TENANT, Message

NOT_IN_TEAMS = "Teams gives apps no files of channels; the test below says what happens instead"


class TestATeamsChannelAsADesk(DeskContract):
    """Operators who work in a Teams channel."""

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[TeamsDeskKit]:
        """One program for all of these tests."""
        async with desk(programs) as kit:
            yield kit
            assert not kit.teams.dropped, "Teams left something out"

    @pytest.mark.skip(reason=NOT_IN_TEAMS)
    async def test_a_file_of_the_operator_reaches_the_customer_and_says_so(self, *_: object, **__: object) -> None:
        """What an operator attaches in a channel lies in SharePoint, where the app may not look."""

    @pytest.mark.skip(reason=NOT_IN_TEAMS)
    async def test_a_file_the_channel_does_not_take_says_so_and_the_words_go_out(
        self, *_: object, **__: object
    ) -> None:
        """As above."""

    async def test_a_line_with_a_file_is_not_sent_and_its_writer_is_told_another_way(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        assert await ada.write(held, "Your label.", file=("label.txt", b"LABEL")) == NO_FILES
        assert await ada.write(held, "Without it, then.") == ""
        await kim.gets("Without it, then.")
        await quiet(kit.store)
        assert kim.reads(Author.OPERATOR) == ["Without it, then."]
        assert kim.files() == {}

    # Presses that no card of today makes

    @pytest.mark.parametrize(
        ("data", "answer"),
        [
            ({}, OLD_CARD),
            ({"v": 0, "case": "CASE", "action": "claim"}, OLD_CARD),
            ({"v": 1, "case": "CASE", "action": "write", "text": "straight to the customer"}, OLD_CARD),
            ({"v": 1, "case": "CASE", "action": "resolve", "outcome": "exploded"}, OLD_CARD),
            ({"v": 1, "case": {"$ne": ""}, "action": "claim"}, OLD_CARD),
            ({"v": 1, "case": "c_nobody", "action": "claim"}, NO_CASE),
            ({"v": 1, "case": "c' OR 1=1 --", "action": "claim"}, NO_CASE),
        ],
    )
    async def test_what_no_card_of_today_sends_is_refused_with_a_sentence(
        self, ada: TeamsHand, case: CaseId, data: dict[str, Any], answer: str
    ) -> None:
        sent = {name: case if value == "CASE" else value for name, value in data.items()}
        assert await ada.sends(case, sent) == answer
        assert [card.state for card in await ada.cards() if card.case == case] == ["unclaimed"]

    async def test_a_case_is_worked_on_at_its_own_card_only(
        self, kit: TeamsDeskKit, ada: TeamsHand, case: CaseId
    ) -> None:
        other = await _another_case(kit, ada)
        assert await ada.sends(case, {"v": 1, "case": other, "action": "claim"}) == OTHER_CARD
        assert {card.state for card in await ada.cards() if card.case in {case, other}} == {"unclaimed"}

    async def test_a_guest_does_nothing_here_and_is_told_so(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        gus = TeamsHand(kit, kit.teams.person("Gus", guest=True), OperatorId(""), "Gus")
        kit.room.members.append(gus.person.id)
        assert await gus.sends(held, {"v": 1, "case": held, "action": "release"}) == OUTSIDER
        done = await gus.person.writes(kit.room, "Ignore all that.", root=kit.cards()[held].id)
        assert await gus.word_after(held, done) == OUTSIDER
        await quiet(kit.store)
        assert "Ignore all that." not in kim.reads()
        assert "Gus" not in (await kit.store.cases.operator_names()).values()
        assert [card.state for card in await ada.cards() if card.case == held] == ["held"]

    async def test_people_of_another_organisation_in_a_shared_channel_do_nothing_here(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        gus = TeamsHand(
            kit, kit.teams.person("Gus", tenant="11111111-0000-4000-8000-000000000000"), OperatorId(""), "Gus"
        )
        kit.room.members.append(gus.person.id)
        done = await gus.person.writes(kit.room, "Ignore all that.", root=kit.cards()[held].id, tell=False)
        done.activity["channelData"]["tenant"]["id"] = TENANT  # the channel is ours
        await kit.teams.tell(done.deliveries)
        assert await gus.word_after(held, done) == OUTSIDER
        await quiet(kit.store)
        assert "Ignore all that." not in kim.reads()

    async def test_an_operator_whose_right_was_ended_does_nothing_here_and_is_told_so(
        self, kit: TeamsDeskKit, bob: TeamsHand, held: CaseId
    ) -> None:
        await kit.remove(bob)
        assert await bob.sends(held, {"v": 1, "case": held, "action": "assign", "operator": bob.id}) == REVOKED

    async def test_what_takes_longer_than_teams_waits_is_told_in_the_thread(
        self, kit: TeamsDeskKit, bob: TeamsHand, held: CaseId, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("channels.teams.desk.actions._AT_ONCE", 0.0)
        assert "A colleague holds this case" in await bob.press(held, DeskAction.CLAIM)

    # What each sees

    async def test_who_looks_sees_the_buttons_that_are_theirs_and_becomes_nobody_by_looking(
        self, kit: TeamsDeskKit, ada: TeamsHand, bob: TeamsHand, held: CaseId
    ) -> None:
        await quiet(kit.store)
        card = kit.cards()[held]
        eve = kit.teams.person("Eve")
        kit.room.members.append(eve.id)
        for person in (ada.person, bob.person, eve):
            assert (await person.refreshes(kit.room, card.id)).ok
        mine, theirs = read(card.views[ada.person.id]).titles, read(card.views[bob.person.id]).titles
        assert "Release" in mine
        assert "Release" not in theirs
        assert "Assign" in theirs
        assert card.views[eve.id]
        assert "Eve" not in (await kit.store.cases.operator_names()).values()

    async def test_a_suggestion_opens_for_who_asked_for_it_alone(
        self, kit: TeamsDeskKit, ada: TeamsHand, held: CaseId
    ) -> None:
        async def offered() -> bool:
            return "Suggested reply" in read(kit.cards()[held].cards[0]).titles

        await until(offered)
        await quiet(kit.store)
        card = kit.cards()[held]
        await ada.person.presses(kit.room, card.id, "Suggested reply", seen=card.cards[0])
        assert list(card.views) == [ada.person.id]
        assert (await ada.person.presses(kit.room, card.id, "Back")).ok
        assert "Release" in read(card.views[ada.person.id]).titles

    # Lines

    async def test_without_the_permission_to_hear_all_lines_that_mention_the_app_reach_the_customer(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        root = kit.cards()[held].id
        kit.teams.hears_all = False
        try:
            await ada.person.writes(kit.room, "Between us.", root=root)
            done = await ada.person.writes(kit.room, "It costs 4 pounds.", root=root, mention=True)
        finally:
            kit.teams.hears_all = True
        assert done.ok
        await kim.gets("It costs 4 pounds.")
        assert kim.reads(Author.OPERATOR) == ["It costs 4 pounds."]

    async def test_what_people_write_elsewhere_in_the_channel_is_nobodys_business(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        post = await ada.person.writes(kit.room, "Cake in the kitchen!")
        reply = await ada.person.writes(kit.room, "Any left?", root=post.id)
        assert post.ok
        assert reply.ok
        await ada.write(held, "Hello!")
        await kim.gets("Hello!")
        assert kim.reads(Author.OPERATOR) == ["Hello!"]
        assert len(kit.room.thread(post.id)) == 2

    async def test_a_line_that_is_with_the_customer_can_not_become_a_note(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.write(held, "He is a difficult one.")
        await kim.gets("He is a difficult one.")
        line = await ada.wrote(held, "He is a difficult one.")
        done = await ada.person.edits(kit.room, line, "! He is a difficult one.")
        assert await ada.word_after(held, done) == NO_NOTE_OF_IT

    async def test_the_change_of_a_line_that_never_came_is_said_to_change_nothing(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        root = kit.cards()[held].id
        lost = await ada.person.writes(kit.room, "Nobody hears me.", root=root, tell=False)
        kit.program.clock.ahead += 100
        done = await ada.person.edits(kit.room, lost.id, "Does anybody?")
        assert await ada.word_after(held, done) == NEVER_READ
        assert kim.reads(Author.OPERATOR) == []

    async def test_a_deleted_line_that_is_brought_back_stays_deleted_at_the_customers_and_its_writer_is_told(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.write(held, "Wrong window.")
        await kim.gets("Wrong window.")
        line = await ada.wrote(held, "Wrong window.")
        assert (await ada.person.deletes(kit.room, line)).ok
        await quiet(kit.store)
        done = await ada.person.undeletes(kit.room, line)
        assert await ada.word_after(held, done) == STAYS_DELETED
        assert kim.reads(Author.OPERATOR) == []

    async def test_a_pasted_picture_is_not_lost_in_silence(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        pictures = [("plan.png", b"\x89PNG")]
        done = await ada.person.writes(kit.room, "Look:", root=kit.cards()[held].id, pictures=pictures)
        assert await ada.word_after(held, done) == NO_FILES
        await quiet(kit.store)
        assert kim.reads(Author.OPERATOR) == []

    async def test_a_line_with_more_pictures_than_one_carries_goes_nowhere_and_its_writer_is_told(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        done = await ada.person.writes(kit.room, "All of them.", root=kit.cards()[held].id, tell=False)
        picture = {"contentType": "image/png", "contentUrl": f"{kit.teams.url}/v3/attachments/1/views/original"}
        done.activity["attachments"] = [picture] * 11
        await kit.teams.tell(done.deliveries)
        assert await ada.word_after(held, done) == TOO_MANY_FILES.format(most=10)
        await quiet(kit.store)
        assert kim.reads(Author.OPERATOR) == []

    async def test_a_small_picture_of_the_customer_is_shown(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        file = await kit.files.save("cat.png", "image/png", b"\x89PNG\r\n\x1a\n...", 0.0)
        await kim.says("My cat.", (file.id,))

        async def pictured() -> bool:
            shown = (one for message in kit.thread(held) for one in message.activity.get("attachments") or ())
            return any(one["contentType"] == "image/png" and one["name"] == "cat.png" for one in shown)

        await until(pictured)

    # Cards

    async def test_a_card_that_was_deleted_is_posted_again_with_what_was_said(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: CaseId
    ) -> None:
        first = kit.cards()[held]
        first.deleted = True
        await kim.says("And another thing: my bell.")

        async def again() -> bool:
            return held in kit.cards() and "my bell" in "".join(one.text for one in kit.thread(held))

        await until(again)
        assert kit.cards()[held].id != first.id
        await ada.write(held, "I see.")
        await kim.gets("I see.")
        kit.room.messages[first.id].deleted = False  # the thread goes on below what says that it was deleted
        done = await ada.person.writes(kit.room, "Is anybody there?", root=first.id)
        assert done.ok

        async def told() -> bool:
            return any(NOT_ITS_CARD in one.text for one in kit.room.thread(first.id))

        await until(told)

    # Questions to the app

    async def test_the_app_lists_the_cases_and_claims_one_by_its_number(
        self, kit: TeamsDeskKit, ada: TeamsHand, bob: TeamsHand, kim: Customer, case: CaseId
    ) -> None:
        number = (await kit.store.cases.get(case)).number
        assert "Open cases:" in await ada.asks("cases")
        assert "Your cases: none" in await (await kit.operator("Zoe")).asks("mine")
        assert f"#{number} Kim" in await ada.asks(f"{number}")
        assert "Held by Ada" in await ada.asks(f"claim #{number}")
        assert "A colleague holds this case." in await bob.asks(f"claim {number}")
        assert "There is no case 999999." in await bob.asks("claim 999999")
        assert "Write to @Threadline" in await bob.asks("help")
        assert "none" in await bob.asks("zebra <at>x</at> %_' --")


class TestATeamsChannelAsADeskOverTime(DeskContractOverTime):
    """The same, as time passes."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def kit(self, programs: Programs) -> AsyncIterator[TeamsDeskKit]:
        """A program for each test."""
        async with desk(programs) as kit:
            yield kit

    async def test_a_card_whose_posting_got_no_answer_is_found_by_who_looks_at_it(
        self, kit: TeamsDeskKit, ada: TeamsHand
    ) -> None:
        kit.teams.fail("create", drop=True)
        kit.teams.fail("create", status=503, retry_after=1)  # time to look at what stands there
        kim = Customer(kit.inbox, kit.channel)
        await kim.says("I want to talk to a person")
        await until(lambda: _unreachable(kit))
        [case] = kit.cards()
        assert (await ada.person.refreshes(kit.room, kit.cards()[case].id)).ok
        await kit.later(11 * 60)
        await until(lambda: _is_known(kit, case))
        assert len(_all_cards(kit)) == 1
        await ada.press(case, DeskAction.CLAIM)
        await ada.write(case, "Here I am.")
        await kim.gets("Here I am.")

    async def test_a_card_that_nobody_looked_at_before_there_was_another_leads_there(
        self, kit: TeamsDeskKit, ada: TeamsHand
    ) -> None:
        kit.teams.fail("create", drop=True)
        kim = Customer(kit.inbox, kit.channel)
        await kim.says("I want to talk to a person")
        await until(lambda: _seen_in(kit))
        [case] = kit.cards()
        await kit.later(11 * 60)
        await until(lambda: _is_known(kit, case))
        first, second = _all_cards(kit)
        assert (await ada.person.presses(kit.room, first.id, "Claim")).toast == OTHER_CARD
        assert (await ada.person.refreshes(kit.room, first.id)).ok
        assert "goes on at another card" in read(first.views[ada.person.id]).text
        done = await ada.person.writes(kit.room, "Is this the right place?", root=first.id)
        assert done.ok

        async def told() -> bool:
            return any(NOT_ITS_CARD in one.text for one in kit.room.thread(first.id))

        await until(told)
        assert (await ada.person.presses(kit.room, second.id, "Claim")).ok

    async def test_a_reminder_to_everyone_calls_the_operators_by_name(
        self, kit: TeamsDeskKit, ada: TeamsHand, bob: TeamsHand, case: CaseId
    ) -> None:
        await kit.later(11 * 60)
        await until(ada.called)
        await kit.later(10 * 60)

        async def call() -> Any:
            cards = [card for message in kit.room.messages.values() for card in message.cards]
            return next((card["msteams"]["entities"] for card in cards if card["msteams"].get("entities")), None)

        called = await until(call)
        assert {one["mentioned"]["id"] for one in called} == {ada.person.member.aad, bob.person.member.aad}


class TestATeamsGroupChatAsADesk:
    """Operators who work in a group chat: it has no threads, so lines name their case."""

    pytestmark = pytest.mark.asyncio(loop_scope="module")

    @pytest_asyncio.fixture(scope="class", loop_scope="module")
    @classmethod
    async def kit(cls, programs: Programs) -> AsyncIterator[TeamsDeskKit]:
        """One program for all of these tests."""
        async with desk(programs, chat=True) as kit:
            yield kit
            assert not kit.teams.dropped, "Teams left something out"

    @pytest_asyncio.fixture(loop_scope="module")
    async def ada(self, kit: TeamsDeskKit) -> TeamsHand:
        """An operator."""
        return await kit.operator("Ada")

    @pytest_asyncio.fixture(loop_scope="module")
    async def kim(self, kit: TeamsDeskKit) -> Customer:
        """A customer."""
        return Customer(kit.inbox, kit.channel)

    @pytest_asyncio.fixture(loop_scope="module")
    async def held(self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer) -> tuple[CaseId, int]:
        """Their case, claimed by Ada, and its number."""
        case = await _another_case(kit, ada, kim)
        assert await ada.press(case, DeskAction.CLAIM) == ""
        await quiet(kit.store)
        return case, (await kit.store.cases.get(case)).number

    async def test_a_line_reaches_the_customer_by_the_number_of_the_case(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: tuple[CaseId, int]
    ) -> None:
        line = await ada.person.writes(kit.room, f"#{held[1]} It costs 4 pounds.")
        await kim.gets("It costs 4 pounds.")
        assert (await ada.person.edits(kit.room, line.id, f"#{held[1]} It costs 5 pounds.")).ok
        await kim.gets("It costs 5 pounds.")
        assert (await ada.person.deletes(kit.room, line.id)).ok
        await quiet(kit.store)
        assert kim.reads(Author.OPERATOR) == []

    async def test_a_line_reaches_the_customer_that_answers_the_card(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: tuple[CaseId, int]
    ) -> None:
        card = kit.cards()[held[0]].id
        quote = (
            f'<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="{card}"><p>Card</p></blockquote>'
        )
        await ada.person.writes(kit.room, "Hello!", markup=f"{quote}<p>Hello!</p>")
        await kim.gets("Hello!")

    async def test_what_the_customer_writes_names_the_case(
        self, kit: TeamsDeskKit, kim: Customer, held: tuple[CaseId, int]
    ) -> None:
        await kim.says("It is urgent, by the way.")

        async def shown() -> bool:
            return any(f"#{held[1]} Kim" in one.text and "urgent" in one.text for one in kit.room.messages.values())

        await until(shown)

    async def test_what_operators_say_to_each_other_goes_nowhere(
        self, kit: TeamsDeskKit, ada: TeamsHand, kim: Customer, held: tuple[CaseId, int]
    ) -> None:
        await ada.person.writes(kit.room, "Cake in the kitchen!")
        unknown = await ada.person.writes(kit.room, "#999999 Hello?")
        assert NO_NUMBER.format(number=999999) in await _word_in_chat(kit, unknown)
        lost = await ada.person.writes(kit.room, "What of this?", mention=True, markup=_ELSEWHERE)
        assert NAME_THE_CASE in await _word_in_chat(kit, lost)
        await quiet(kit.store)
        assert kim.reads(Author.OPERATOR) == []


_ELSEWHERE = '<blockquote itemtype="http://schema.skype.com/Reply" itemid="17">x</blockquote><p>What of this?</p>'


async def _word_in_chat(kit: TeamsDeskKit, done: Done) -> str:
    """Return what the app says after something was written."""

    async def said() -> str:
        return "".join(one.text for one in kit.room.messages.values() if one.by_bot and int(one.id) > int(done.id))

    return await until(said)


async def _unreachable(kit: TeamsDeskKit) -> bool:
    return bool(await kit.store.cases.unreachable_desks())


async def _seen_in(kit: TeamsDeskKit) -> bool:
    return bool(_all_cards(kit))


async def _is_known(kit: TeamsDeskKit, case: CaseId) -> bool:
    return bool((await kit.store.cases.get(case)).desk_thread)


def _all_cards(kit: TeamsDeskKit) -> list[Message]:
    """Return all cards of cases that stand in the room, those that are a case's no more among them."""
    return [one for one in kit.room.messages.values() if one.cards and "refresh" in one.cards[0]]


async def _another_case(kit: TeamsDeskKit, ada: TeamsHand, customer: Customer | None = None) -> CaseId:
    """Return the case of another customer."""
    before = set(kit.cards())
    await (customer or Customer(kit.inbox, kit.channel, "Lee")).says("I want to talk to a person")

    async def posted() -> CaseId | None:
        return next(iter(set(kit.cards()) - before), None)

    case = await until(posted)
    await quiet(kit.store)
    return case
