"""What every channel does for its customers, as tests; `channels.testing` gives these to whoever writes a channel.

The tests write and read as a customer does, through a kit. Operators act by events in the inbox, so that the same
tests run whatever desk they work at. Where a channel can't do something its kit says so (`can`), and the test
checks what happens instead.
"""
# ruff: noqa: S101 (assert is pytest's word)

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from channels.recording import WITHIN, quiet, until
from core import wording
from core.case import Case
from core.delivery import Delivery, DeliveryState, PartKind
from core.ids import CaseId, FileId, MessageId, OperatorId, ThreadKey, new_id
from core.messages import Author, DeskAction, DeskEvent, File, Message
from core.store.files import Files
from core.store.inbox import Inbox
from core.store.store import Store
from core.thread import Owner, OwnerKind, Thread
from core.wording import Line

# What a kit is


class Can(StrEnum):
    """What the customers of some channels can do or have done to them, and of others not."""

    SEND_FILES = "send files"
    GET_FILES = "get files"
    SEE_EDITS = "see a message change where it stands"
    CHANGE = "change and withdraw what they wrote"
    RATE = "rate the help they got"
    BLOCK = "block the company"
    WATCH = "see who joins and leaves"
    OUTLIVE = "go on after the program was started again"


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the customer reads it: the words without any markup, and without what the channel adds around them.

    `name` is the operator's it comes from, '' for the assistant and for the company. `sources` are the titles of what
    an answer rests on. What the platform would act on, such as a mention, is not part of the words.
    """

    text: str
    name: str = ""
    sources: tuple[str, ...] = ()


class CustomerHand(Protocol):
    """One customer, in one conversation: does and sees what a customer there does and sees."""

    @property
    def key(self) -> ThreadKey:
        """The conversation's key, as the channel makes it."""
        ...

    async def says(self, text: str, *files: tuple[str, bytes]) -> str:
        """Write `text`, with files by their names; returns the event's id once the platform was told 'ok'."""
        ...

    async def again(self, event: str) -> None:
        """Have the platform deliver `event` once more, exactly as it was."""
        ...

    async def changes(self, event: str, text: str | None) -> None:
        """Edit what was said as `event`, or withdraw it (None). Needs `Can.CHANGE`."""
        ...

    async def reads(self) -> list[Shown]:
        """Return the messages of others that stand in the conversation now, from the top."""
        ...

    async def files(self) -> list[tuple[str, bytes]]:
        """Return the files of others that can be opened there now, from the top. Needs `Can.GET_FILES`."""
        ...

    async def rates(self, case: CaseId, score: int) -> str:
        """Answer the survey of `case` with 1 to 5; returns the sentence of a refusal, or ''. Needs `Can.RATE`."""
        ...


class ChannelKit(Protocol):
    """A running program with the sample knowledge base, no language model, and customers on the channel under test.

    It runs with the contract's `SETTINGS`, by a clock that stands at the contract's `STARTS` when it begins and
    passes as time does. `can` names what its customers can do.
    """

    can: frozenset[Can]

    @property
    def inbox(self) -> Inbox:
        """The program's inbox."""
        ...

    @property
    def store(self) -> Store:
        """Its store."""
        ...

    @property
    def files(self) -> Files:
        """Its files."""
        ...

    @property
    def read_by_assistant(self) -> list[str]:
        """The texts that the assistant was given when it answered last."""
        ...

    async def customer(self, name: str) -> CustomerHand:
        """Give a new customer in a new conversation."""
        ...

    async def lose(self, file: FileId) -> None:
        """Lose the bytes of a stored file."""
        ...

    async def later(self, seconds: float) -> None:
        """Let time pass."""
        ...

    async def block(self, customer: CustomerHand) -> None:
        """Have the customer block us. Needs `Can.BLOCK`."""
        ...

    async def restart(self) -> None:
        """Stop the program at once and start it again on the same HOME. Needs `Can.OUTLIVE`."""
        ...


# How operators act


class Colleague:
    """An operator, whatever desk they work at: what they do is an event in the inbox."""

    def __init__(self, kit: ChannelKit, id_: OperatorId, name: str) -> None:
        self._kit = kit
        self.id = id_
        self.name = name

    async def does(
        self, case: CaseId, action: DeskAction, text: str = "", *, message: MessageId | None = None, copies: int = 1
    ) -> str:
        """Do `action`; returns the private word, '' if there is none. `copies`: so often it is delivered."""
        event = self._event(case, action, text, message=message)
        receipt = await self._kit.inbox.accept(event)
        for _ in range(copies - 1):
            await self._kit.inbox.accept(event)
        return (await self._kit.inbox.told(event, receipt, WITHIN)).result

    async def writes(self, case: CaseId, text: str, *files: tuple[str, bytes]) -> MessageId:
        """Send a reply, with files; returns its message's id once it is decided."""
        saved = [await self._kit.files.save(name, "application/octet-stream", content, 0.0) for name, content in files]
        return await self.sends(case, text, *saved)

    async def sends(self, case: CaseId, text: str, *files: File) -> MessageId:
        """Send a reply with files that are stored already."""
        event = self._event(case, DeskAction.REPLY, text, files=tuple(file.id for file in files))
        receipt = await self._kit.inbox.accept(event)
        await self._kit.inbox.settled(receipt, WITHIN)
        return receipt.message

    def _event(
        self,
        case: CaseId,
        action: DeskAction,
        text: str,
        *,
        message: MessageId | None = None,
        files: tuple[FileId, ...] = (),
    ) -> DeskEvent:
        return DeskEvent(case, new_id("k"), self.id, self.name, action, text, message=message, files=files)


async def colleague(kit: ChannelKit, name: str) -> Colleague:
    """Return the operator of that name; made, if there is none."""
    known = {operator.name: operator for operator in await kit.store.credentials.operators()}
    operator = known.get(name) or (await kit.store.credentials.add_operator(name, 0.0))[0]
    return Colleague(kit, operator.id, operator.name)


# Questions that the sample knowledge base answers, and the titles it answers them from

DELIVERY = ("How much does delivery cost?", "Delivery times and costs")
RETURNS = ("How do I return an article?", "Returns and refunds")
BATTERY = ("How do I charge my e-bike battery?", "E-bike battery: charging and care")
PERSON = "I want to talk to a person"

HOSTILE = {
    "a script": "<script>alert('x')</script><img src=x onerror=alert(1)>",
    "calls to everyone": "@everyone @here @channel, look",
    "a platform's own markup": "<!channel> <!here> <@U012AB3CD> <https://example.com|our shop>",
    "bars": "red | blue | green || 1 | 2",
    "signs": "5 < 6 && 7 > 6; 2 * 3 * 4; snake_case_name; 100 % of C:\\new",
    "placeholders": "{{7*7}} ${HOME} {operator} %(name)s %s",
    "pictures": "👩‍🔧 fixed the 🚲 ❤️ 🇩🇪 👍🏽",
    "writing from right to left": "مرحبا بكم، הכל בסדר, and on from left to right",
    "database talk": "'; DROP TABLE threads; --",
}
LONG = 20_000  # characters, as many as an operator's message may have


class _Contract:
    """What both contracts stand on. `kit` may live as long as its class: each test takes customers of its own."""

    pytestmark = pytest.mark.asyncio(loop_scope="module")

    STARTS: ClassVar[datetime] = datetime(2027, 3, 1, 10, 0, tzinfo=ZoneInfo("Europe/Berlin"))  # a Monday
    SETTINGS: ClassVar[dict[str, Any]] = {
        "desk_hours": "Mon-Fri 09:00-17:00",
        "desk_time_zone": "Europe/Berlin",
    }

    @pytest_asyncio.fixture(loop_scope="module")
    async def kim(self, kit: ChannelKit) -> CustomerHand:
        """A customer."""
        return await kit.customer("Kim")

    @pytest_asyncio.fixture(loop_scope="module")
    async def ada(self, kit: ChannelKit) -> Colleague:
        """An operator."""
        return await colleague(kit, "Ada")

    @pytest_asyncio.fixture(loop_scope="module")
    async def bob(self, kit: ChannelKit) -> Colleague:
        """Another operator."""
        return await colleague(kit, "Bob")

    @pytest_asyncio.fixture(loop_scope="module")
    async def case(self, kit: ChannelKit, kim: CustomerHand) -> CaseId:
        """The case of that customer, who asked for a person."""
        return await _asks_for_a_person(kit, kim)

    @pytest_asyncio.fixture(loop_scope="module")
    async def held(self, ada: Colleague, case: CaseId) -> CaseId:
        """The case, claimed by Ada."""
        assert await ada.does(case, DeskAction.CLAIM) == ""
        return case


class ChannelContract(_Contract):
    """What every channel does for its customers. A subclass gives the fixture `kit`, which may be one for all tests."""

    # Answers

    @pytest.mark.parametrize(("question", "source"), [DELIVERY, RETURNS, BATTERY])
    async def test_a_question_is_answered_and_its_source_is_named(
        self, kit: ChannelKit, kim: CustomerHand, question: str, source: str
    ) -> None:
        await kim.says(question)
        [answer] = await _settled(kit, kim)
        assert source in answer.sources
        assert len(answer.text) > 50
        assert answer.name == ""

    @pytest.mark.parametrize("copies", [2, 3])
    async def test_a_question_that_is_delivered_several_times_is_answered_once(
        self, kit: ChannelKit, kim: CustomerHand, copies: int
    ) -> None:
        event = await kim.says(DELIVERY[0])
        for _ in range(copies - 1):
            await kim.again(event)
        [answer] = await _settled(kit, kim)
        assert DELIVERY[1] in answer.sources
        assert await _said_by_customer(kit, kim) == [DELIVERY[0]]

    async def test_copies_of_a_question_at_the_same_moment_are_answered_once(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        event = await kim.says(DELIVERY[0])
        await asyncio.gather(*(kim.again(event) for _ in range(5)))
        assert len(await _settled(kit, kim)) == 1
        assert await _said_by_customer(kit, kim) == [DELIVERY[0]]

    async def test_a_question_that_comes_again_after_it_was_answered_is_not_answered_again(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        event = await kim.says(DELIVERY[0])
        await _settled(kit, kim)
        await kim.again(event)
        assert len(await _settled(kit, kim)) == 1

    async def test_an_old_event_that_comes_after_newer_ones_changes_nothing(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        first = await kim.says(DELIVERY[0])
        await _settled(kit, kim)
        await kim.says(RETURNS[0])
        await _settled(kit, kim)
        await kim.again(first)
        answers = await _settled(kit, kim)
        assert _first_sources(answers) == [DELIVERY[1], RETURNS[1]]
        assert await _said_by_customer(kit, kim) == [DELIVERY[0], RETURNS[0]]

    async def test_several_messages_in_a_row_are_answered_in_their_order_up_to_the_last(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        asked = (DELIVERY, BATTERY, RETURNS)
        for question, _ in asked:
            await kim.says(question)
        shown = await _settled(kit, kim)
        assert await _said_by_customer(kit, kim) == [question for question, _ in asked]
        thread = await _thread(kit, kim)
        assert thread.turn_over_up_to == thread.asked_up_to
        assert 1 <= len(shown) <= len(asked)
        order = [source for _, source in asked]
        places = [order.index(source) for source in _first_sources(shown)]
        assert places == sorted(set(places))
        if thread.case:  # together they were too much for one answer
            assert wording.text(Line.HANDED_OFF) in _plain(shown[-1].text)
        else:
            assert len(places) == len(shown)

    async def test_two_questions_one_after_the_other_each_have_their_answer(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        for question, _ in (RETURNS, DELIVERY):
            await kim.says(question)
            await _settled(kit, kim)
        assert _first_sources(await kim.reads()) == [RETURNS[1], DELIVERY[1]]

    # Small talk

    @pytest.mark.parametrize(
        ("said", "line", "language"),
        [
            ("Hello!", Line.GREETING, "en"),
            ("Guten Morgen!", Line.GREETING, "de"),
            ("Thank you so much!", Line.THANKS, "en"),
            ("Vielen Dank!", Line.THANKS, "de"),
            ("What is the capital of France?", Line.DECLINED, "en"),
            ("It does not work", Line.ASK_BACK, "en"),
            ("Ich habe ein Problem", Line.ASK_BACK, "de"),
        ],
    )
    async def test_a_greeting_a_thank_you_something_else_and_something_vague_have_a_kind_answer_and_open_no_case(
        self, kit: ChannelKit, kim: CustomerHand, said: str, line: Line, language: str
    ) -> None:
        await kim.says(said)
        [answer] = await _settled(kit, kim)
        assert wording.text(line, language) in _plain(answer.text)
        thread = await _thread(kit, kim)
        assert thread.owner.kind is OwnerKind.BOT
        assert await _cases(kit, kim) == []

    async def test_what_comes_after_a_vague_message_is_answered(self, kit: ChannelKit, kim: CustomerHand) -> None:
        await kim.says("I have a question")
        await _settled(kit, kim)
        await kim.says(DELIVERY[0])
        assert DELIVERY[1] in (await _settled(kit, kim))[-1].sources

    # How a person is called

    async def test_asking_for_a_person_opens_one_case_and_the_customer_is_told_once(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        event = await kim.says(PERSON)
        await kim.again(event)
        [told] = await _settled(kit, kim)
        assert wording.text(Line.HANDED_OFF_ASKED) in _plain(told.text)
        assert len(await _cases(kit, kim)) == 1

    async def test_asking_again_while_waiting_opens_no_second_case(
        self, kit: ChannelKit, kim: CustomerHand, case: CaseId
    ) -> None:
        await kim.says("A human please!")
        await _settled(kit, kim)
        assert [found.id for found in await _cases(kit, kim)] == [case]
        assert await _times(kim, wording.text(Line.HANDED_OFF_ASKED)) == 1

    async def test_in_the_desks_hours_the_customer_is_told_that_somebody_is_there(
        self, kim: CustomerHand, case: CaseId
    ) -> None:
        await _reads(kim, wording.text(Line.PERSON_NOW))

    async def test_the_customer_is_told_in_their_language(self, kit: ChannelKit, kim: CustomerHand) -> None:
        await kim.says("Ich möchte bitte mit einem Menschen sprechen.")
        [told] = await _settled(kit, kim)
        assert wording.text(Line.HANDED_OFF_ASKED, "de") in _plain(told.text)
        assert wording.text(Line.PERSON_NOW, "de") in _plain(told.text)

    @pytest.mark.parametrize(
        "said",
        [
            "My lawyer will contact you about this.",
            "I was injured because the brakes failed.",
            "Mein Anwalt wird sich bei Ihnen melden.",
        ],
    )
    async def test_a_sensitive_subject_goes_to_people(self, kit: ChannelKit, kim: CustomerHand, said: str) -> None:
        await kim.says(said)
        [told] = await _settled(kit, kim)
        language = (await _thread(kit, kim)).language or "en"
        assert wording.text(Line.HANDED_OFF_SENSITIVE, language) in _plain(told.text)
        assert len(await _cases(kit, kim)) == 1

    async def test_it_did_not_help_twice_goes_to_people(self, kit: ChannelKit, kim: CustomerHand) -> None:
        await kim.says(DELIVERY[0])
        await _settled(kit, kim)
        await kim.says("That didn't help")
        assert wording.text(Line.SORRY_UNHELPFUL) in _plain((await _settled(kit, kim))[-1].text)
        assert await _cases(kit, kim) == []
        await kim.says("It doesn't help me")
        assert wording.text(Line.HANDED_OFF) in _plain((await _settled(kit, kim))[-1].text)
        assert len(await _cases(kit, kim)) == 1

    async def test_while_people_have_the_conversation_the_assistant_says_nothing(
        self, kit: ChannelKit, kim: CustomerHand, held: CaseId
    ) -> None:
        before = await _settled(kit, kim)
        await kim.says(DELIVERY[0])
        assert await _settled(kit, kim) == before
        assert DELIVERY[0] in await _said_by_customer(kit, kim)

    # What operators write

    async def test_the_customer_is_told_who_is_there_and_whose_words_they_read(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        await ada.writes(held, "I have found your order.")
        reply = await _reads(kim, "I have found your order.")
        assert reply.name == "Ada" or "Ada" in reply.text
        await _settled(kit, kim)
        assert await _times(kim, wording.text(Line.JOINED, operator="Ada")) == (Can.WATCH in kit.can)

    @pytest.mark.parametrize("copies", [1, 3])
    async def test_a_reply_arrives_once_however_often_the_desk_delivers_it(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId, copies: int
    ) -> None:
        await ada.does(held, DeskAction.REPLY, "I have found your order.", copies=copies)
        await _reads(kim, "I have found your order.")
        await _settled(kit, kim)
        assert await _times(kim, "I have found your order.") == 1

    async def test_replies_arrive_in_the_order_in_which_they_were_written(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        lines = [f"Line number {number} of ten." for number in range(1, 11)]
        for line in lines:
            await ada.writes(held, line)
        await _reads(kim, lines[-1])
        assert [line for shown in await kim.reads() for line in lines if line in shown.text] == lines

    async def test_notes_and_other_operators_lines_never_arrive(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, bob: Colleague, held: CaseId
    ) -> None:
        await ada.does(held, DeskAction.NOTE, "secret-1: a note")
        await bob.does(held, DeskAction.NOTE, "secret-2: a colleague's note")
        await bob.does(held, DeskAction.WRITE, "secret-3: a colleague's line")
        await bob.does(held, DeskAction.REPLY, "secret-4: a colleague's reply")
        await ada.does(held, DeskAction.WRITE, "! secret-5: a line marked as internal")
        await ada.does(held, DeskAction.WRITE, "@Bob secret-6: to a colleague")
        await ada.does(held, DeskAction.WRITE, "This one is for you.")
        await _reads(kim, "This one is for you.")
        assert await _times(kim, "secret") == 0
        await _settled(kit, kim)
        assert await _times(kim, "secret") == 0

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    async def test_what_looks_like_markup_arrives_as_the_words_it_is(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId, text: str
    ) -> None:
        await ada.writes(held, text)
        await ada.writes(held, "And this after it.")
        await _reads(kim, "And this after it.")
        assert await _times(kim, text) == 1, [shown.text for shown in await kim.reads()]

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    async def test_what_the_customer_writes_is_kept_as_it_was_written(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId, text: str
    ) -> None:
        await kim.says(text)
        await _settled(kit, kim)
        assert (await _said_by_customer(kit, kim))[-1] == text
        assert (await kit.store.cases.get(held)).is_open

    @pytest.mark.parametrize(
        "text",
        [" ".join(f"word{at:05}" for at in range(LONG // 10)), "界" * LONG],
        ids=["in words", "without a space"],
    )
    async def test_a_long_reply_arrives_whole_and_in_order_in_parts_if_need_be(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId, text: str
    ) -> None:
        wanted = re.findall(r"word\d{5}|界", text)
        await ada.writes(held, text)
        await ada.writes(held, "And this after it.")
        await _reads(kim, "And this after it.")
        assert re.findall(r"word\d{5}|界", "\n".join(shown.text for shown in await kim.reads())) == wanted

    # Files

    async def test_files_reach_the_customer_with_their_words_or_the_operator_is_told_that_they_cannot(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        files = [("label.txt", b"LABEL"), ("Größe 日本.pdf", b"%PDF-1.7 \x00\xff"), ("empty.txt", b"")]
        message = await ada.writes(held, "Your papers.", *files)
        await _reads(kim, "Your papers.")
        fates = [fate for fate in await _fates(kit, kim, message) if fate.kind is PartKind.FILE]
        assert len(fates) == 3
        arrived = [file for file, fate in zip(files, fates, strict=True) if fate.state is DeliveryState.DELIVERED]
        if Can.GET_FILES in kit.can:
            assert await kim.files() == arrived
            assert arrived[:2] == files[:2], "at most an empty one may be refused"
        refused = [fate for fate in fates if fate.state is not DeliveryState.DELIVERED]
        assert len(refused) == len(files) - len(arrived)
        assert all(fate.state is DeliveryState.REFUSED and fate.error for fate in refused)

    async def test_a_file_name_from_outside_is_only_a_name(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        _needs(kit, Can.GET_FILES)
        await ada.writes(held, "Here.", ("../../etc/passwd", b"x"), ("a\r\nB: c\u202egpj.exe", b"y"))
        await _settled(kit, kim)
        assert [content for _, content in await kim.files()] == [b"x", b"y"]
        assert not [name for name, _ in await kim.files() if re.search(r"[/\\\r\n\u202e]", name)]

    async def test_a_file_that_is_lost_ends_as_failed_with_the_reason_and_the_words_arrive(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        file = await kit.files.save("lost.txt", "text/plain", b"gone soon", 0.0)
        await kit.lose(file.id)
        message = await ada.sends(held, "Your paper.", file)
        await _reads(kim, "Your paper.")
        [fate] = [fate for fate in await _fates(kit, kim, message) if fate.file == file.id]
        assert fate.state is (DeliveryState.FAILED if Can.GET_FILES in kit.can else DeliveryState.REFUSED)
        assert fate.error

    async def test_a_file_of_the_customer_goes_to_people_with_all_that_came_with_it(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        _needs(kit, Can.SEND_FILES)
        sent = [("invoice.pdf", b"%PDF-1.7"), ("photo.jpg", b"\xff\xd8\xff"), ("notes.txt", "größer".encode())]
        await kim.says("What is wrong with it?", *sent)
        shown = await _settled(kit, kim)
        assert wording.text(Line.HANDED_OFF_FILE) in _plain(shown[-1].text)
        assert len(await _cases(kit, kim)) == 1
        assert await _files_of_customer(kit, kim) == sent
        assert await _said_by_customer(kit, kim) == ["What is wrong with it?"]

    async def test_files_without_words_are_kept_too(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        _needs(kit, Can.SEND_FILES)
        await kim.says("", ("photo.jpg", b"\xff\xd8\xff"))
        await _settled(kit, kim)
        assert await _files_of_customer(kit, kim) == [("photo.jpg", b"\xff\xd8\xff")]

    # Changes

    async def test_a_correction_reaches_the_customer_in_its_place_or_as_a_line_that_says_so(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        message = await ada.writes(held, "It costs 4 pounds.")
        await _reads(kim, "It costs 4 pounds.")
        await _settled(kit, kim)
        assert await ada.does(held, DeskAction.EDIT, "It costs 5 pounds.", message=message) == ""
        corrected = await _reads(kim, "It costs 5 pounds.")
        if Can.SEE_EDITS in kit.can:
            assert await _times(kim, "It costs 4 pounds.") == 0
        else:
            assert wording.text(Line.CORRECTED, operator="Ada") in _plain(corrected.text)
        assert await _times(kim, "It costs 5 pounds.") == 1

    async def test_a_withdrawn_reply_disappears_or_a_line_says_that_it_no_longer_counts(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        message = await ada.writes(held, "Wrong window.")
        await _reads(kim, "Wrong window.")
        await _settled(kit, kim)
        assert await ada.does(held, DeskAction.WITHDRAW, message=message) == ""
        if Can.SEE_EDITS in kit.can:

            async def gone() -> bool:
                return not await _times(kim, "Wrong window.")

            await until(gone)
        else:
            await _reads(kim, wording.text(Line.WITHDRAWN, operator="Ada"))

    async def test_what_the_customer_changes_later_is_flagged_and_what_they_withdraw_is_gone(
        self, kit: ChannelKit, kim: CustomerHand, held: CaseId
    ) -> None:
        _needs(kit, Can.CHANGE)
        first, second = await kim.says("My order is 123."), await kim.says("My password is hunter2.")
        await _settled(kit, kim)
        await kim.changes(first, "My order is 132.")
        await kim.changes(second, None)
        await _settled(kit, kim)
        changed, withdrawn = [m for m in await _transcript(kit, kim) if m.author is Author.CUSTOMER][-2:]
        assert (changed.text, changed.original) == ("My order is 132.", "My order is 123.")
        assert (withdrawn.text, withdrawn.withdrawn) == ("", True)

    # How people leave

    async def test_after_a_hand_back_the_assistant_answers_again_and_knows_what_the_operator_wrote(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        await ada.writes(held, "Your frame number is LKF-77.")
        await ada.does(held, DeskAction.HAND_BACK)
        if Can.WATCH in kit.can:
            await _reads(kim, wording.text(Line.HANDED_BACK, operator="Ada"))
        await kim.says(DELIVERY[0])
        assert DELIVERY[1] in (await _settled(kit, kim))[-1].sources
        assert any("Ada" in text and "LKF-77" in text for text in kit.read_by_assistant)

    async def test_after_a_hand_back_a_person_can_be_called_again(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        await ada.does(held, DeskAction.HAND_BACK)
        await kim.says("I want to talk to a human again")
        await _settled(kit, kim)
        assert len(await _cases(kit, kim)) == 2
        assert await _times(kim, wording.text(Line.HANDED_OFF_ASKED)) == 2

    async def test_when_the_case_is_resolved_the_customer_is_asked_once_how_it_went(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        await ada.does(held, DeskAction.RESOLVE)
        await _reads(kim, wording.text(Line.SURVEY))
        await ada.does(held, DeskAction.REOPEN)
        await ada.does(held, DeskAction.RESOLVE)
        await _settled(kit, kim)
        assert await _times(kim, wording.text(Line.SURVEY)) == 1
        assert await _times(kim, wording.text(Line.RESOLVED, operator="Ada")) == 1 + (Can.WATCH in kit.can)

    async def test_a_rating_counts_once_and_never_opens_the_case_again(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        _needs(kit, Can.RATE)
        await ada.does(held, DeskAction.RESOLVE)
        await _reads(kim, wording.text(Line.SURVEY))
        assert await kim.rates(held, 4) == ""
        assert await kim.rates(held, 1) != ""
        await _settled(kit, kim)
        case = await kit.store.cases.get(held)
        assert case.survey is not None
        assert (case.is_open, case.survey.score, case.times_reopened) == (False, 4, 0)

    async def test_a_customer_who_comes_back_soon_has_the_same_operator_again(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        await ada.does(held, DeskAction.RESOLVE)
        await kim.says("It broke again. What now?")
        await _reads(kim, wording.text(Line.REOPENED, operator="Ada"))
        assert (await _thread(kit, kim)).owner == Owner(OwnerKind.OPERATOR, ada.id)
        await ada.writes(held, "Let me see.")
        await _reads(kim, "Let me see.")

    async def test_a_thank_you_does_not_open_the_case_again(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        await ada.does(held, DeskAction.RESOLVE)
        await kim.says("Thank you so much!")
        assert wording.text(Line.THANKS) in _plain((await _settled(kit, kim))[-1].text)
        assert not (await kit.store.cases.get(held)).is_open

    # Whom it reaches

    async def test_nothing_of_one_customers_reaches_another(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, bob: Colleague
    ) -> None:
        lee = await kit.customer("Lee")
        await asyncio.gather(kim.says(DELIVERY[0]), lee.says(RETURNS[0]))
        await asyncio.gather(_asks_for_a_person(kit, kim), _asks_for_a_person(kit, lee))
        [kims], [lees] = await _cases(kit, kim), await _cases(kit, lee)
        await asyncio.gather(ada.does(kims.id, DeskAction.CLAIM), bob.does(lees.id, DeskAction.CLAIM))
        for number in range(3):
            await asyncio.gather(
                ada.writes(kims.id, f"for-kim {number}", (f"kim{number}.txt", b"for-kim")),
                bob.writes(lees.id, f"for-lee {number}", (f"lee{number}.txt", b"for-lee")),
                kim.says(f"from-kim {number}"),
                lee.says(f"from-lee {number}"),
            )
        await asyncio.gather(_reads(kim, "for-kim 2"), _reads(lee, "for-lee 2"))
        await _settled(kit, kim)
        for hand, mine, theirs in ((kim, "kim", "lee"), (lee, "lee", "kim")):
            assert await _times(hand, f"for-{mine}") == 3
            assert [text for text in await _everything(kit, hand) if theirs in text.casefold()] == []

    async def test_what_goes_to_a_customer_who_blocked_us_ends_as_failed_and_operators_see_why(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        _needs(kit, Can.BLOCK)
        await _settled(kit, kim)
        before = await kim.reads()
        await kit.block(kim)
        for text in ("Are you there?", "One more try."):
            message = await ada.writes(held, text)
            [fate] = await _fates(kit, kim, message)
            assert fate.state is DeliveryState.FAILED
            assert fate.error
        assert await kim.reads() == before

    async def test_what_arrived_is_known_to_have_arrived(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague, held: CaseId
    ) -> None:
        message = await ada.writes(held, "Hello!")
        await _reads(kim, "Hello!")
        assert [fate.state for fate in await _fates(kit, kim, message)] == [DeliveryState.DELIVERED]


class ChannelContractOverTime(_Contract):
    """What a channel does for its customers as time passes. `kit` is a program of each test's own.

    Its assistant waits `QUIET` seconds for more of the customer's words before it answers.
    """

    QUIET: ClassVar[float] = 30.0
    SETTINGS: ClassVar[dict[str, Any]] = {**_Contract.SETTINGS, "quiet_seconds": QUIET}

    @pytest.mark.parametrize(
        ("days", "said", "told"),
        [
            (0.5, PERSON, "A person answers from Tuesday 09:00 (CET)."),
            (5, PERSON, "A person answers from Monday 09:00 (CET)."),
            (5, "Ich möchte bitte mit einem Menschen sprechen.", "Ab Montag 09:00 (CET) antwortet Ihnen jemand"),
        ],
        ids=["in the night", "at the weekend", "in German"],
    )
    async def test_outside_the_desks_hours_the_customer_is_told_from_when_a_person_answers(
        self, kit: ChannelKit, kim: CustomerHand, days: float, said: str, told: str
    ) -> None:
        await kit.later(days * _DAY)
        await kim.says(said)
        await self._quiet_is_over(kit)
        assert told in _plain((await _reads(kim, told)).text)
        assert len(await _settled(kit, kim)) == 1

    async def test_several_messages_within_a_few_seconds_have_one_answer(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        for text in ("Hello!", "I have a question.", DELIVERY[0]):
            await kim.says(text)
        await self._quiet_is_over(kit)
        [answer] = await _settled(kit, kim)
        assert DELIVERY[1] in answer.sources

    async def test_what_the_customer_changes_before_the_answer_is_what_is_answered(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        _needs(kit, Can.CHANGE)
        event = await kim.says(DELIVERY[0])
        await kim.changes(event, RETURNS[0])
        await self._quiet_is_over(kit)
        [answer] = await _settled(kit, kim)
        assert _first_sources([answer]) == [RETURNS[1]]

    async def test_a_question_withdrawn_before_the_answer_is_not_answered(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        _needs(kit, Can.CHANGE)
        event = await kim.says(DELIVERY[0])
        await kim.changes(event, None)
        await self._quiet_is_over(kit)
        assert not any(shown.sources for shown in await _settled(kit, kim))
        assert await _cases(kit, kim) == []

    async def test_a_customer_who_comes_back_within_days_has_the_same_operator_again(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague
    ) -> None:
        case = await self._resolved(kit, kim, ada)
        await kit.later(6 * _DAY)
        await kim.says("It broke again. What now?")
        await _reads(kim, wording.text(Line.REOPENED, operator="Ada"))
        assert [found.id for found in await _cases(kit, kim)] == [case]

    async def test_a_customer_who_comes_back_after_that_starts_with_the_assistant(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague
    ) -> None:
        await self._resolved(kit, kim, ada)
        await kit.later(8 * _DAY)
        await kim.says(DELIVERY[0])
        await self._quiet_is_over(kit)
        assert DELIVERY[1] in (await _settled(kit, kim))[-1].sources

    async def test_a_question_asked_just_before_the_program_stops_is_answered_once_when_it_is_back(
        self, kit: ChannelKit, kim: CustomerHand
    ) -> None:
        _needs(kit, Can.OUTLIVE)
        event = await kim.says(DELIVERY[0])
        await kit.restart()
        await kim.again(event)
        await self._quiet_is_over(kit)
        [answer] = await _settled(kit, kim)
        assert DELIVERY[1] in answer.sources

    async def test_the_conversation_goes_on_where_it_was_after_the_program_was_started_again(
        self, kit: ChannelKit, kim: CustomerHand, ada: Colleague
    ) -> None:
        _needs(kit, Can.OUTLIVE)
        case = await self._case(kit, kim)
        await ada.does(case, DeskAction.CLAIM)
        await ada.writes(case, "Before it.")
        await _reads(kim, "Before it.")
        await kit.restart()
        await kim.says("Are you still there?")
        await ada.writes(case, "After it.")
        await _reads(kim, "After it.")
        await _settled(kit, kim)
        assert [await _times(kim, text) for text in ("Before it.", "After it.")] == [1, 1]
        assert await _said_by_customer(kit, kim) == [PERSON, "Are you still there?"]

    async def _quiet_is_over(self, kit: ChannelKit) -> None:
        """Let all that was said be decided, and then the time pass that the assistant waits for more."""

        async def decided() -> bool:
            return not (await kit.store.backlog())["receipts"]

        await until(decided)
        await kit.later(self.QUIET)

    async def _case(self, kit: ChannelKit, kim: CustomerHand) -> CaseId:
        await kim.says(PERSON)
        await self._quiet_is_over(kit)
        return await _case_of(kit, kim)

    async def _resolved(self, kit: ChannelKit, kim: CustomerHand, ada: Colleague) -> CaseId:
        case = await self._case(kit, kim)
        await ada.does(case, DeskAction.CLAIM)
        await ada.does(case, DeskAction.RESOLVE)
        await _reads(kim, wording.text(Line.SURVEY))
        return case


_DAY = 86_400.0


def _needs(kit: ChannelKit, ability: Can) -> None:
    if ability not in kit.can:
        pytest.skip(f"customers of this channel can't {ability.value}")


def _plain(text: str) -> str:
    """Return `text` with every run of spaces and line ends as one space."""
    return " ".join(text.split())


async def _reads(hand: CustomerHand, text: str) -> Shown:
    """Wait until the customer reads `text`; returns the message it stands in."""

    async def look() -> Shown | None:
        return next((shown for shown in await hand.reads() if _plain(text) in _plain(shown.text)), None)

    return await until(look)


async def _times(hand: CustomerHand, text: str) -> int:
    return sum(_plain(text) in _plain(shown.text) for shown in await hand.reads())


def _first_sources(answers: list[Shown]) -> list[str]:
    """Return what each answer rests on first of all."""
    return [shown.sources[0] for shown in answers if shown.sources]


async def _asks_for_a_person(kit: ChannelKit, hand: CustomerHand) -> CaseId:
    await hand.says(PERSON)
    return await _case_of(kit, hand)


async def _case_of(kit: ChannelKit, hand: CustomerHand) -> CaseId:
    """Wait until the conversation has an open case, and the customer was told."""

    async def opened() -> CaseId | None:
        thread = await kit.store.find_thread(hand.key)
        return thread.case if thread else None

    case = await until(opened)
    await _reads(hand, wording.text(Line.HANDED_OFF_ASKED))
    return case


async def _settled(kit: ChannelKit, hand: CustomerHand) -> list[Shown]:
    """Return what the customer reads once all that was said is decided, answered and sent, and nothing more comes."""

    async def over() -> bool:
        thread = await kit.store.find_thread(hand.key)
        return thread is not None and thread.run is None and thread.turn_over_up_to == thread.asked_up_to

    await until(over)
    await quiet(kit.store)
    return await hand.reads()


async def _thread(kit: ChannelKit, hand: CustomerHand) -> Thread:
    thread = await kit.store.find_thread(hand.key)
    assert thread
    return thread


async def _cases(kit: ChannelKit, hand: CustomerHand) -> list[Case]:
    return [case for case in await kit.store.cases.find("all") if case.thread.key == hand.key]


async def _transcript(kit: ChannelKit, hand: CustomerHand) -> list[Message]:
    return list(await kit.store.messages((await _thread(kit, hand)).id))


async def _said_by_customer(kit: ChannelKit, hand: CustomerHand) -> list[str]:
    return [said.text for said in await _transcript(kit, hand) if said.author is Author.CUSTOMER]


async def _files_of_customer(kit: ChannelKit, hand: CustomerHand) -> list[tuple[str, bytes]]:
    sent = [file for said in await _transcript(kit, hand) if said.author is Author.CUSTOMER for file in said.files]
    return [(file.name, await kit.files.read(file.id)) for file in sent]


async def _everything(kit: ChannelKit, hand: CustomerHand) -> list[str]:
    """Return every word and file name that the customer reads, and that the transcript keeps."""
    shown = [text for shown in await hand.reads() for text in (shown.text, *shown.sources)]
    files = await hand.files() if Can.GET_FILES in kit.can else []
    said = [text for said in await _transcript(kit, hand) for text in (said.text, *(f.name for f in said.files))]
    return [*shown, *said, *(name for name, _ in files), *(content.decode() for _, content in files)]


async def _fates(kit: ChannelKit, hand: CustomerHand, message: MessageId) -> list[Delivery]:
    """Return what operators see of each part of the message, once each has an outcome."""

    async def ended() -> list[Delivery] | None:
        fates = (await kit.store.deliveries.of_messages((await _thread(kit, hand)).id)).get(message, [])
        return fates if fates and all(fate.state is not DeliveryState.WAITING for fate in fates) else None

    return await until(ended)
