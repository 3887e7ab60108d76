"""How a part goes out by what the place can do; what it can't do ends in words that a person reads."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.sending import Sender
from channels.base import Content, Sent
from core import wording
from core.delivery import DeliveryState, Part, PartKind
from core.errors import PermanentError, TemporaryError
from core.ids import CaseId, DeliveryId, FileId, MessageId, ThreadId, ThreadKey
from core.messages import Author, File, Message
from core.store.engine import Database, sqlite_url
from core.store.files import Files
from core.store.migrations import migrate
from core.thread import Thread
from core.wording import Line

THREAD = Thread(ThreadId("t_1"), ThreadKey("plain", "a", "s_1"), "kim", language="de")
LINE = Message(MessageId("m_1"), 1, Author.OPERATOR, "Ten days.", 0.0, name="Ada")
BILL = File(FileId("f_1"), "bill.pdf", "application/pdf", 1)
TEXT = Part(DeliveryId("d_1"), "message:m_1", PartKind.TEXT, THREAD, LINE)


class Plain:
    """A channel that sends text and can do nothing else; it fails with `error` if that is set."""

    name = "plain"
    deduplicates = False
    live = True

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[str] = []

    async def send(self, part: Part) -> Sent:
        if self.error:
            raise self.error
        self.sent.append(part.message.text if part.message else "")
        return Sent(platform_id="p_1")


class Careful(Plain):
    """A channel whose receiver drops what it has already."""

    deduplicates = True
    live = True


class Able(Plain):
    """A channel that carries files, changes what it sent and can say what arrived."""

    async def send_file(self, part: Part, content: Content) -> Sent:
        self.sent.append((await content()).decode())
        return Sent()

    async def edit(self, part: Part) -> Sent:
        self.sent.append(f"{part.platform_id} is now {part.message.text if part.message else ''}")
        return Sent()

    async def look_up(self, part: Part) -> DeliveryState:
        return DeliveryState.DELIVERED


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    """Where files are kept."""
    database = Database(sqlite_url(tmp_path / "threadline.db"))
    await migrate(database)
    yield Files(database, tmp_path / "files")
    await database.close()


def sender(files: Files, channel: Plain) -> Sender:
    return Sender({"plain": channel}, {}, files)


async def test_a_line_is_sent_as_it_is(files: Files) -> None:
    channel = Plain()
    assert await sender(files, channel).send(TEXT, dropped=False) == Sent(platform_id="p_1")
    assert channel.sent == ["Ten days."]


@pytest.mark.parametrize("part", [TEXT, replace(TEXT, kind=PartKind.FILE, file=BILL)], ids=["a line", "a file"])
async def test_what_was_withdrawn_before_it_was_sent_is_not_sent(files: Files, part: Part) -> None:
    channel = Able()
    gone = replace(part, message=replace(LINE, text="", withdrawn=True, files=(BILL,)))
    sent = await sender(files, channel).send(gone, dropped=False)
    assert (sent.state, sent.error) == (DeliveryState.SUPERSEDED, "It was withdrawn before it was sent.")
    assert channel.sent == []


async def test_a_channel_that_carries_files_is_given_the_bytes(files: Files) -> None:
    bill = await files.save("bill.pdf", "application/pdf", b"bytes", 0.0)
    channel = Able()
    part = replace(TEXT, kind=PartKind.FILE, file=bill)
    assert (await sender(files, channel).send(part, dropped=False)).state is DeliveryState.DELIVERED
    assert channel.sent == ["bytes"]
    with pytest.raises(PermanentError, match="are gone"):
        await sender(files, channel).send(replace(part, file=BILL), dropped=False)


async def test_a_channel_without_files_refuses_them_and_says_what_to_do(files: Files) -> None:
    sent = await sender(files, Plain()).send(replace(TEXT, kind=PartKind.FILE, file=BILL), dropped=False)
    assert sent.state is DeliveryState.REFUSED
    assert "put a link into a reply" in sent.error


async def test_a_change_is_made_where_the_channel_can_and_said_where_it_can_not(files: Files) -> None:
    edit = replace(TEXT, kind=PartKind.EDIT, platform_id="p_1")
    able, plain = Able(), Plain()
    await sender(files, able).send(edit, dropped=False)
    assert able.sent == ["p_1 is now Ten days."]
    await sender(files, plain).send(edit, dropped=False)
    await sender(files, plain).send(replace(edit, message=replace(LINE, text="", withdrawn=True)), dropped=False)
    assert plain.sent == [
        f"{wording.text(Line.CORRECTED, 'de', operator='Ada')}\n\nTen days.",
        wording.text(Line.WITHDRAWN, "de", operator="Ada"),
    ]


async def test_whether_a_line_arrived_is_asked_where_the_channel_can_say_so(files: Files) -> None:
    check = replace(TEXT, kind=PartKind.CHECK)
    assert await sender(files, Able()).send(check, dropped=True) == Sent(DeliveryState.DELIVERED)
    sent = await sender(files, Plain()).send(check, dropped=False)
    assert sent.state is DeliveryState.UNKNOWN
    assert "can't say whether it arrived" in sent.error


async def test_what_may_have_gone_out_before_is_sent_again_only_where_that_does_no_harm(files: Files) -> None:
    plain, careful = Plain(), Careful()
    sent = await sender(files, plain).send(TEXT, dropped=True)
    assert (sent.state, plain.sent) == (DeliveryState.UNKNOWN, [])
    assert (await sender(files, careful).send(TEXT, dropped=True)).state is DeliveryState.DELIVERED


async def test_a_failure_that_says_nothing_about_the_outcome_is_unknown_or_tried_again(files: Files) -> None:
    sent = await sender(files, Plain(ConnectionError("reset"))).send(TEXT, dropped=False)
    assert (sent.state, sent.error) == (DeliveryState.UNKNOWN, "ConnectionError: reset")
    with pytest.raises(TemporaryError):
        await sender(files, Careful(ConnectionError("reset"))).send(TEXT, dropped=False)
    for stated in (TemporaryError("Later."), PermanentError("Never.")):
        with pytest.raises(type(stated)):
            await sender(files, Plain(stated)).send(TEXT, dropped=False)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (replace(TEXT, thread=replace(THREAD, key=ThreadKey("fax", "a", "s_1"))), "The channel 'fax'"),
        (Part(DeliveryId("d"), "k", PartKind.CARD, THREAD, case=CaseId("c_1"), desk="slack:C1"), "The desk 'slack:C1'"),
    ],
)
async def test_what_goes_to_a_place_that_is_not_set_up_here_waits(files: Files, part: Part, sentence: str) -> None:
    with pytest.raises(TemporaryError, match=sentence) as waits:
        await sender(files, Plain()).send(part, dropped=False)
    assert waits.value.retry_after


class Mailing(Plain):
    """A channel whose customers are written to."""

    live = False


async def test_where_customers_are_written_to_nobody_hears_who_joins_and_letters_have_a_day(files: Files) -> None:
    channel = Mailing()
    sender = Sender({"plain": channel}, {}, files)
    joined = replace(TEXT, message=replace(LINE, author=Author.SYSTEM, text="Ada has joined.", presence=True))
    assert (await sender.send(joined, dropped=False)).state is DeliveryState.SUPERSEDED
    assert (await sender.send(TEXT, dropped=False)).state is DeliveryState.DELIVERED
    assert channel.sent == ["Ten days."]
    assert sender.patience(TEXT) == 86_400
    assert Sender({"plain": Plain()}, {}, files).patience(TEXT) == 0


async def test_where_customers_are_there_they_hear_who_joins(files: Files) -> None:
    channel = Plain()
    joined = replace(TEXT, message=replace(LINE, author=Author.SYSTEM, text="Ada has joined.", presence=True))
    await Sender({"plain": channel}, {}, files).send(joined, dropped=False)
    assert channel.sent == ["Ada has joined."]
