"""What a channel and a desk have to do, as tests: subclass a contract in your tests, give it a kit, and run it.

`DeskContract` works a desk the way its operators do, for a customer on `RecordingChannel`; `ChannelContract` writes
and reads as a customer does. Each has an `...OverTime` beside it, whose tests move time. A kit is the small part that
knows how your platform does these things at the wire: see README.md, and tests/contract/test_desks.py and
test_channels.py for kits. pytest is needed to run this, and nothing of the running program imports it.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pytest
import pytest_asyncio

from channels.base import Sent
from channels.recording import Customer, RecordingChannel, quiet, until
from channels.testing_customers import (
    Can,
    ChannelContract,
    ChannelContractOverTime,
    ChannelKit,
    Colleague,
    CustomerHand,
    Shown,
)
from core import desk as rules
from core import wording
from core.delivery import DeliveryState
from core.errors import PermanentError, TemporaryError
from core.ids import CaseId, OperatorId
from core.messages import Author, DeskAction, Resolution
from core.store.files import Files
from core.store.inbox import Inbox
from core.store.store import Store
from core.thread import OwnerKind
from core.wording import Line

__all__ = [
    "Can",
    "Card",
    "ChannelContract",
    "ChannelContractOverTime",
    "ChannelKit",
    "Colleague",
    "CustomerHand",
    "DeskContract",
    "DeskContractOverTime",
    "DeskKit",
    "OperatorHand",
    "Seen",
    "Shown",
]

T = TypeVar("T")


# What a kit is


@dataclass(frozen=True, slots=True)
class Card:
    """A case as the desk shows it at a glance: 'unclaimed', 'held' or 'resolved', and all that stands on its card."""

    case: CaseId
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A line in a case's thread as operators see it; `outcome` is that of its worst part, `mark` 'edited', 'withdrawn'.

    `files` are names and what became of each. `offers` is what can be done with the line.
    """

    text: str
    outcome: str = ""
    error: str = ""
    mark: str = ""
    files: tuple[tuple[str, str], ...] = ()
    offers: tuple[str, ...] = ()


class OperatorHand(Protocol):
    """One operator at the desk under test: does and sees what an operator there does and sees."""

    @property
    def id(self) -> OperatorId:
        """Who this is."""
        ...

    @property
    def name(self) -> str:
        """What the customer reads."""
        ...

    async def cards(self) -> list[Card]:
        """Return the cards on the desk."""
        ...

    async def lines(self, case: CaseId) -> list[Seen]:
        """Return the lines of the case's thread, the transcript on its card among them."""
        ...

    async def press(
        self,
        case: CaseId,
        action: DeskAction,
        text: str = "",
        *,
        to: OperatorId | None = None,
        outcome: Resolution = Resolution.SOLVED,
        line: str = "",
        repeat: bool = False,
    ) -> str:
        """Do `action`; `line` is the text of the line it is about. Returns the private word, '' if there is none.

        `repeat`: the platform delivers the same event twice.
        """
        ...

    async def write(self, case: CaseId, text: str, *, file: tuple[str, bytes] | None = None) -> str:
        """Write a line into the case's thread, as an operator there does. Returns the private word, or ''."""
        ...

    async def suggestion(self, case: CaseId) -> tuple[str, list[str]]:
        """Return the suggested reply and the titles of its sources; ('', []) while there is none."""
        ...

    async def called(self) -> list[str]:
        """Return the reminders that this desk was given."""
        ...


class DeskKit(Protocol):
    """A running program whose cases go to the desk under test, and whose customers write on `channel`."""

    inbox: Inbox
    store: Store
    files: Files
    channel: RecordingChannel

    async def operator(self, name: str) -> OperatorHand:
        """Give an operator."""
        ...

    async def remove(self, operator: OperatorHand) -> None:
        """Take away the operator's right to sign in."""
        ...

    async def later(self, seconds: float) -> None:
        """Let time pass, and the sweeps look."""
        ...


_QUESTION = "How much does delivery cost?"
_PERSON = "I want to talk to a person"


class _DeskContract:
    """What both contracts stand on. `kit` may live as long as its class: each test has a customer of its own."""

    pytestmark = pytest.mark.asyncio(loop_scope="module")

    @pytest_asyncio.fixture(loop_scope="module", autouse=True)
    async def _sound(self, kit: DeskKit) -> None:
        """Have the customers' channel work."""
        kit.channel.fail.clear()
        kit.channel.arrives_anyway = False

    @pytest_asyncio.fixture(loop_scope="module")
    async def ada(self, kit: DeskKit) -> OperatorHand:
        """An operator."""
        return await kit.operator("Ada")

    @pytest_asyncio.fixture(loop_scope="module")
    async def bob(self, kit: DeskKit) -> OperatorHand:
        """Another operator."""
        return await kit.operator("Bob")

    @pytest_asyncio.fixture(loop_scope="module")
    async def kim(self, kit: DeskKit) -> Customer:
        """A customer who asked something and then wanted a person."""
        kim = Customer(kit.inbox, kit.channel)
        await kim.says(_QUESTION)
        await until(lambda: _async(bool(kim.reads(Author.BOT))))
        await kim.says(_PERSON)
        return kim

    @pytest_asyncio.fixture(loop_scope="module")
    async def case(self, kit: DeskKit, kim: Customer, ada: OperatorHand) -> CaseId:
        """That customer's case, on the desk."""
        assert kim.thread

        async def on_desk() -> CaseId | None:
            case = (await kit.store.thread(kim.thread)).case  # type: ignore[arg-type]  # set by `says`
            return case if case in [card.case for card in await ada.cards()] else None

        return await until(on_desk)

    @pytest_asyncio.fixture(loop_scope="module")
    async def held(self, ada: OperatorHand, case: CaseId) -> CaseId:
        """The case, claimed by Ada."""
        await ada.press(case, DeskAction.CLAIM)
        return case


class DeskContract(_DeskContract):
    """What every desk does. A subclass gives the fixture `kit`, which may be one for all tests."""

    # How a case arrives

    async def test_a_handed_over_conversation_appears_as_one_card(self, ada: OperatorHand, case: CaseId) -> None:
        assert [card.state for card in await ada.cards() if card.case == case] == ["unclaimed"]

    async def test_the_card_says_who_it_is_why_and_what_it_is_about(self, ada: OperatorHand, case: CaseId) -> None:
        text = await _card_text(ada, case)
        for expected in ("Kim", "The customer asked for a person.", _QUESTION):
            assert expected in text

    async def test_the_card_names_the_sources_that_were_found(self, ada: OperatorHand, case: CaseId) -> None:
        assert "Delivery" in await _card_text(ada, case)

    async def test_the_conversation_so_far_can_be_read(self, ada: OperatorHand, kim: Customer, case: CaseId) -> None:
        said = {_QUESTION, _PERSON, kim.reads(Author.BOT)[0]}

        async def all_there() -> bool:
            return said <= {line.text for line in await ada.lines(case)}

        assert await until(all_there)

    async def test_the_customer_is_told_once(self, kit: DeskKit, kim: Customer, case: CaseId) -> None:
        await quiet(kit.store)
        assert kim.reads(Author.SYSTEM) == [wording.text(Line.HANDED_OFF_ASKED)]

    async def test_a_reply_is_suggested_with_its_sources(self, ada: OperatorHand, case: CaseId) -> None:
        async def suggested() -> str:
            return (await ada.suggestion(case))[0]

        assert await until(suggested)
        assert (await ada.suggestion(case))[1]

    # Who has it

    async def test_whoever_claims_first_has_the_case_and_the_other_is_told_so(
        self, ada: OperatorHand, bob: OperatorHand, kim: Customer, case: CaseId
    ) -> None:
        told = await asyncio.gather(ada.press(case, DeskAction.CLAIM), bob.press(case, DeskAction.CLAIM))
        assert sorted(map(bool, told)) == [False, True]
        assert "A colleague holds this case" in "".join(told)
        await until(lambda: _is(ada, case, "held"))
        winner = ada if not told[0] else bob
        await kim.gets(wording.text(Line.JOINED, operator=winner.name))

    async def test_claiming_twice_is_claiming_once(self, ada: OperatorHand, kim: Customer, held: CaseId) -> None:
        assert await ada.press(held, DeskAction.CLAIM) == ""
        await ada.write(held, "Hello!")
        await kim.gets("Hello!")
        assert kim.reads().count(wording.text(Line.JOINED, operator="Ada")) == 1

    async def test_a_claim_delivered_twice_by_the_platform_is_one_claim(
        self, ada: OperatorHand, kim: Customer, case: CaseId
    ) -> None:
        await ada.press(case, DeskAction.CLAIM, repeat=True)
        await ada.write(case, "Hello!")
        await kim.gets("Hello!")
        assert kim.reads().count(wording.text(Line.JOINED, operator="Ada")) == 1

    async def test_releasing_a_case_frees_it_for_the_others(
        self, ada: OperatorHand, bob: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.press(held, DeskAction.RELEASE)
        await until(lambda: _is(ada, held, "unclaimed"))
        assert await bob.press(held, DeskAction.CLAIM) == ""
        await kim.gets(wording.text(Line.JOINED, operator="Bob"))

    async def test_a_case_can_be_assigned_to_a_colleague(
        self, ada: OperatorHand, bob: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.press(held, DeskAction.ASSIGN, to=bob.id)
        assert await bob.write(held, "Bob here.") == ""
        await kim.gets("Bob here.")
        assert rules.KEPT_HELD in await ada.write(held, "and Ada")

    async def test_a_case_is_not_assigned_to_somebody_who_cannot_sign_in(
        self, kit: DeskKit, ada: OperatorHand, bob: OperatorHand, held: CaseId
    ) -> None:
        await kit.remove(bob)
        assert "can sign in" in await ada.press(held, DeskAction.ASSIGN, to=bob.id)
        assert await ada.write(held, "Still me.") == ""

    # What leaves the desk

    async def test_what_the_claiming_operator_writes_reaches_the_customer_once(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        assert await ada.write(held, "It costs 4 pounds.") == ""
        assert await ada.write(held, "Anything else?") == ""
        await kim.gets("Anything else?")
        assert kim.reads(Author.OPERATOR) == ["It costs 4 pounds.", "Anything else?"]

    async def test_a_reply_delivered_twice_by_the_platform_reaches_the_customer_once(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.press(held, DeskAction.REPLY, "Once.", repeat=True)
        await ada.write(held, "Then this.")
        await kim.gets("Then this.")
        assert kim.reads(Author.OPERATOR) == ["Once.", "Then this."]

    async def test_a_line_in_an_unclaimed_case_stays_inside_and_its_writer_is_told(
        self, ada: OperatorHand, kim: Customer, case: CaseId
    ) -> None:
        assert await ada.write(case, "Who takes this?") == rules.KEPT_UNCLAIMED
        await self._stayed_inside(ada, kim, case, "Who takes this?")

    async def test_a_colleagues_line_stays_inside_and_they_are_told(
        self, ada: OperatorHand, bob: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        assert await bob.write(held, "I know them.") == rules.KEPT_HELD
        await self._stayed_inside(ada, kim, held, "I know them.")

    @pytest.mark.parametrize("line", ["! careful", "!careful", "note: careful", "Note : careful", "NOTE:careful"])
    async def test_a_line_marked_as_internal_stays_inside_and_its_writer_is_told(
        self, ada: OperatorHand, kim: Customer, held: CaseId, line: str
    ) -> None:
        assert await ada.write(held, line) == rules.KEPT_AS_NOTE
        await self._stayed_inside(ada, kim, held, "careful")

    async def test_a_line_to_a_colleague_stays_inside_and_its_writer_is_told(
        self, ada: OperatorHand, bob: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        assert await ada.write(held, "@Bob can you look?") == rules.KEPT_MENTION
        await self._stayed_inside(bob, kim, held, "@Bob can you look?")

    async def test_a_note_stays_inside(self, ada: OperatorHand, bob: OperatorHand, kim: Customer, held: CaseId) -> None:
        assert await bob.press(held, DeskAction.NOTE, "They called before.") == ""
        await self._stayed_inside(ada, kim, held, "They called before.")

    async def _stayed_inside(self, reader: OperatorHand, kim: Customer, case: CaseId, line: str) -> None:
        """Check that operators see `line`, and that the customer doesn't, although later lines arrived."""
        await until(lambda: _sees(reader, case, line))
        thread = kim.thread
        await reader.press(case, DeskAction.ASSIGN, to=reader.id)
        await reader.write(case, "After it.")
        await kim.gets("After it.")
        assert thread
        assert not [text for text in kim.reads() if line in text]

    async def test_a_reply_of_a_hundred_thousand_characters_is_refused_with_the_limit(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        assert "20,000" in await ada.press(held, DeskAction.REPLY, "x" * 100_000)
        await ada.write(held, "Short.")
        await kim.gets("Short.")
        assert kim.reads(Author.OPERATOR) == ["Short."]

    # What became of it

    async def test_a_delivered_line_says_so(self, ada: OperatorHand, kim: Customer, held: CaseId) -> None:
        await ada.write(held, "Hello!")
        await until(lambda: _line(ada, held, "Hello!", outcome="delivered"))

    async def test_a_line_the_platform_refuses_says_why(self, kit: DeskKit, ada: OperatorHand, held: CaseId) -> None:
        await quiet(kit.store)
        kit.channel.fail.append(PermanentError("This customer has blocked us."))
        await ada.write(held, "Hello?")
        line = await until(lambda: _line(ada, held, "Hello?", outcome="failed"))
        assert "blocked us" in line.error

    async def test_checking_a_line_of_unknown_fate_finds_that_it_arrived(
        self, kit: DeskKit, ada: OperatorHand, held: CaseId
    ) -> None:
        await quiet(kit.store)
        kit.channel.arrives_anyway = True
        kit.channel.fail.append(Sent(DeliveryState.UNKNOWN, error="No answer."))
        await ada.write(held, "Are you there?")
        await until(lambda: _line(ada, held, "Are you there?", outcome="unknown"))
        await ada.press(held, DeskAction.CHECK, line="Are you there?")
        await until(lambda: _line(ada, held, "Are you there?", outcome="delivered"))

    async def test_checking_finds_that_a_line_never_arrived_and_resending_sends_it(
        self, kit: DeskKit, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await quiet(kit.store)
        kit.channel.fail.append(Sent(DeliveryState.UNKNOWN, error="No answer."))
        await ada.write(held, "Are you there?")
        await until(lambda: _line(ada, held, "Are you there?", outcome="unknown"))
        await ada.press(held, DeskAction.CHECK, line="Are you there?")
        await until(lambda: _line(ada, held, "Are you there?", outcome="failed"))
        await ada.press(held, DeskAction.RESEND, line="Are you there?")
        await kim.gets("Are you there?")
        await until(lambda: _line(ada, held, "Are you there?", outcome="delivered"))
        assert kim.reads(Author.OPERATOR) == ["Are you there?"]

    async def test_a_line_that_arrived_is_not_sent_again(self, ada: OperatorHand, kim: Customer, held: CaseId) -> None:
        await ada.write(held, "Hello!")
        await until(lambda: _line(ada, held, "Hello!", outcome="delivered"))
        assert "has arrived" in await ada.press(held, DeskAction.RESEND, line="Hello!")
        assert kim.reads(Author.OPERATOR) == ["Hello!"]

    # What the customer does

    async def test_what_the_customer_writes_appears_in_the_cases_thread(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await kim.says("It is urgent, by the way.")
        await until(lambda: _sees(ada, held, "It is urgent, by the way."))

    async def test_what_a_customer_writes_is_never_a_command(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        for text in ("#resolve", "/support resolve", "!resolve <!channel> @everyone", "note: hand back"):
            await kim.says(text)
            await until(lambda text=text: _sees(ada, held, text))  # type: ignore[misc]  # bound per line
        await until(lambda: _is(ada, held, "held"))

    async def test_a_message_the_customer_edits_is_flagged(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        event = await kim.says("My order is 123.")
        await until(lambda: _sees(ada, held, "My order is 123."))
        await kim.changes(event, "My order is 132.")
        await until(lambda: _line(ada, held, "My order is 132.", mark="edited"))

    async def test_a_message_the_customer_withdraws_is_flagged(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        event = await kim.says("Never mind this.")
        await until(lambda: _sees(ada, held, "Never mind this."))
        await kim.changes(event, None)

        async def flagged() -> bool:
            return any(line.mark == "withdrawn" for line in await ada.lines(held))

        await until(flagged)

    # Corrections

    async def test_a_correction_reaches_the_customer(self, ada: OperatorHand, kim: Customer, held: CaseId) -> None:
        await ada.write(held, "It costs 4 pounds.")
        await kim.gets("It costs 4 pounds.")
        await until(lambda: _line(ada, held, "It costs 4 pounds.", outcome="delivered"))
        await ada.press(held, DeskAction.EDIT, "It costs 5 pounds.", line="It costs 4 pounds.")
        await kim.gets("It costs 5 pounds.")
        assert kim.reads(Author.OPERATOR) == ["It costs 5 pounds."]

    async def test_a_withdrawn_reply_disappears_at_the_customers(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.write(held, "Wrong window.")
        await until(lambda: _line(ada, held, "Wrong window.", outcome="delivered"))
        await ada.press(held, DeskAction.WITHDRAW, line="Wrong window.")

        async def gone() -> bool:
            return kim.reads(Author.OPERATOR) == []

        await until(gone)

    # Files

    async def test_a_file_of_the_customer_can_be_seen(
        self, kit: DeskKit, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        file = await kit.files.save("invoice.pdf", "application/pdf", b"%PDF-1.7 ...", 0.0)
        await kim.says("Here it is.", (file.id,))

        async def there() -> bool:
            return any("invoice.pdf" in [name for name, _ in line.files] for line in await ada.lines(held))

        await until(there)

    async def test_a_file_of_the_operator_reaches_the_customer_and_says_so(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.write(held, "Your label.", file=("label.txt", b"LABEL"))
        await until(lambda: _async(kim.files() == {"label.txt": b"LABEL"}))

        async def delivered() -> bool:
            return ("label.txt", "delivered") in [file for line in await ada.lines(held) for file in line.files]

        await until(delivered)

    async def test_a_file_the_channel_does_not_take_says_so_and_the_words_go_out(
        self, kit: DeskKit, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await quiet(kit.store)
        kit.channel.fail += [Sent(platform_id="p"), Sent(DeliveryState.REFUSED, error="Too large for them.")]
        kit.channel.arrives_anyway = True
        await ada.write(held, "Your film.", file=("film.mp4", b"0"))

        async def refused() -> bool:
            return ("film.mp4", "refused") in [file for line in await ada.lines(held) for file in line.files]

        await until(refused)
        assert "Your film." in kim.reads(Author.OPERATOR)

    # How it ends, and goes on

    async def test_a_resolved_case_is_closed_and_the_customer_is_asked_once_how_it_went(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.press(held, DeskAction.RESOLVE, outcome=Resolution.SOLVED)
        await kim.gets(wording.text(Line.SURVEY))
        assert wording.text(Line.RESOLVED, operator="Ada") in kim.reads()
        await until(lambda: _closed(ada, held))

    async def test_a_resolved_case_can_not_be_claimed(self, ada: OperatorHand, bob: OperatorHand, held: CaseId) -> None:
        await ada.press(held, DeskAction.RESOLVE)
        assert "This case is resolved" in await bob.press(held, DeskAction.CLAIM)

    async def test_a_line_in_a_resolved_case_stays_inside(self, ada: OperatorHand, kim: Customer, held: CaseId) -> None:
        await ada.press(held, DeskAction.RESOLVE)
        assert await ada.write(held, "One more thing.") == rules.KEPT_RESOLVED
        await ada.press(held, DeskAction.REOPEN)
        await ada.write(held, "Back again.")
        await kim.gets("Back again.")
        assert "One more thing." not in kim.reads()

    async def test_after_a_hand_back_the_assistant_answers_again(
        self, kit: DeskKit, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.write(held, "The assistant knows that.")
        await ada.press(held, DeskAction.HAND_BACK)
        before = len(kim.reads(Author.BOT))
        await kim.says("How do I return an article?")
        await until(lambda: _async(len(kim.reads(Author.BOT)) > before))
        assert kim.thread
        assert (await kit.store.thread(kim.thread)).owner.kind is OwnerKind.BOT

    async def test_a_customer_who_comes_back_soon_finds_the_same_operator(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.press(held, DeskAction.RESOLVE)
        await kim.says("It broke again. What now?")
        await until(lambda: _is(ada, held, "held"))
        assert await ada.write(held, "Let me see.") == ""
        await kim.gets("Let me see.")

    async def test_a_thank_you_does_not_open_the_case_again(
        self, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.press(held, DeskAction.RESOLVE)
        before = len(kim.reads(Author.BOT))
        await kim.says("Thank you so much!")
        await until(lambda: _async(len(kim.reads(Author.BOT)) > before))
        await until(lambda: _closed(ada, held))

    # What is suggested

    async def test_a_suggestion_that_is_sent_is_known_to_have_been_used(
        self, kit: DeskKit, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        async def suggested() -> str:
            return (await ada.suggestion(held))[0]

        text = await until(suggested)
        await ada.press(held, DeskAction.REPLY, text)
        await kim.gets(text)
        assert (await kit.store.cases.get(held)).suggestion_fate is rules.DraftFate.USED


class DeskContractOverTime(_DeskContract):
    """What a desk does as time passes. `kit` is a program of each test's own."""

    async def test_the_cases_of_an_operator_who_is_removed_are_free_again(
        self, kit: DeskKit, ada: OperatorHand, bob: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await kit.remove(ada)
        await kit.later(20)
        await until(lambda: _is(bob, held, "unclaimed"))
        assert await bob.press(held, DeskAction.CLAIM) == ""
        await kim.gets(wording.text(Line.JOINED, operator="Bob"))

    async def test_a_line_that_could_not_go_out_yet_is_tried_again(
        self, kit: DeskKit, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await quiet(kit.store)
        kit.channel.fail.append(TemporaryError("busy", retry_after=0.05))
        await ada.write(held, "Hello!")
        await kit.later(1)
        await kim.gets("Hello!")
        assert kim.reads(Author.OPERATOR) == ["Hello!"]

    async def test_a_line_of_unknown_fate_is_never_repeated_by_itself(
        self, kit: DeskKit, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await quiet(kit.store)
        kit.channel.fail.append(Sent(DeliveryState.UNKNOWN, error="No answer."))
        await ada.write(held, "Are you there?")
        line = await until(lambda: _line(ada, held, "Are you there?", outcome="unknown"))
        assert {"check", "resend"} <= set(line.offers)
        await kit.later(120)
        assert kim.reads(Author.OPERATOR) == []

    async def test_a_customer_who_comes_back_late_starts_with_the_assistant(
        self, kit: DeskKit, ada: OperatorHand, kim: Customer, held: CaseId
    ) -> None:
        await ada.press(held, DeskAction.RESOLVE)
        await kit.later(8 * 86_400)
        before = len(kim.reads(Author.BOT))
        await kim.says(_QUESTION)
        await until(lambda: _async(len(kim.reads(Author.BOT)) > before))
        await until(lambda: _closed(ada, held))

    async def test_an_unclaimed_case_is_called_out_then_to_everyone(
        self, kit: DeskKit, ada: OperatorHand, case: CaseId
    ) -> None:
        await kit.later(11 * 60)
        assert len(await until(ada.called)) == 1
        await kit.later(10 * 60)

        async def twice() -> bool:
            return len(await ada.called()) == 2

        await until(twice)


async def _async(value: T) -> T:
    return value


async def _card_text(hand: OperatorHand, case: CaseId) -> str:
    [card] = [card for card in await hand.cards() if card.case == case]
    return card.text


async def _state(hand: OperatorHand, case: CaseId) -> str:
    """Return the state of the case's card, '' where resolved cases leave the desk."""
    return next((card.state for card in await hand.cards() if card.case == case), "")


async def _is(hand: OperatorHand, case: CaseId, state: str) -> bool:
    return await _state(hand, case) == state


async def _closed(hand: OperatorHand, case: CaseId) -> bool:
    return await _state(hand, case) in {"resolved", ""}


async def _sees(hand: OperatorHand, case: CaseId, text: str) -> bool:
    return any(text in line.text for line in await hand.lines(case))


async def _line(hand: OperatorHand, case: CaseId, text: str, *, outcome: str = "", mark: str = "") -> Seen | None:
    """Return the line of that text once it has the outcome, or the mark."""
    for line in await hand.lines(case):
        if line.text == text and (not outcome or line.outcome == outcome) and (not mark or line.mark == mark):
            return line
    return None
