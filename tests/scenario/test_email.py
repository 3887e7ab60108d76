"""Support by mail, through the whole program: real SMTP in and out, the web desk beside it."""

import asyncio
import io
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from email import message_from_string
from email.message import EmailMessage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from pathlib import Path
from typing import Any

import aiohttp
import aiosmtplib
import pytest
import pytest_asyncio

from channels.email.mail import Mail
from channels.email.mime.read import CUT
from core import wording
from core.messages import IgnoredBecause
from core.store.files import MAX_FILE
from core.wording import Line
from kb.embed import Embedder
from tests.contract.mail import FRONT, SUPPORT, vouched
from tests.fakes.openai_server import FakeOpenAI, Step, call, say
from tests.fakes.postfix import WHY_NOT, postfix
from tests.fakes.smtp_server import Drop
from tests.scenario.chatting import A_PERSON
from tests.scenario.mailing import AGENT, BOB, EVE, KIM, RETURNS, WITHIN, Came, House, house, letter, plain
from tests.support import SHARED, Operator, until
from tests.unit.channels_email.test_imap import Dovecot, dovecot, free_ports, needs_dovecot

__all__ = ["dovecot"]  # the fixture
pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).resolve().parents[2]
SWAKS = shutil.which("swaks")
DESK = "/api/v1/desk"
BENCH = SHARED / "bench_support" / "kb"
EVERY = int(os.environ.get("THREADLINE_BENCH_EVERY", "30"))
FACT = "Kim rides a cargo bike."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder) -> AsyncIterator[House]:
    """The program with a support mailbox, without a language model."""
    async with house(tmp_path_factory.mktemp("mail") / "home", sample_home, embedder) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(home: House) -> Operator:
    """An operator at the web desk."""
    return await home.client.operator("Ada")


def someone(name: str) -> str:
    """Return the address of a customer of whom nothing was heard before."""
    return f"{name}@customers.example"


# Answers


def carries_what_an_answer_must(home: House, asked: Mail, came: Came) -> None:
    mail, addresses = came.mail, home.email.addresses
    assert mail.in_reply_to == (asked.message_id,)
    assert mail.references[-1] == asked.message_id
    assert mail.header("auto-submitted") == "auto-replied"
    assert addresses.own([mail.message_id])
    assert addresses.conversation_of([came.token])
    assert addresses.delivery_of([came.handed.sender])
    assert [part.get_content_type() for part in came.message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


async def test_a_question_by_mail_is_answered_from_the_right_article(home: House) -> None:
    asked = letter(f"Kim <{KIM}>", f"Hello,\n\n{RETURNS}\n\nThanks\nKim")
    came = await home.answer(asked)
    carries_what_an_answer_must(home, Mail(message_id=str(asked["Message-ID"]).strip("<>")), came)
    assert came.mail.from_.address == SUPPORT
    assert came.mail.from_.name == "Larkfield Cycles"
    assert came.handed.recipients == [KIM]
    assert re.search(r"^\[1\] Returns and refunds.* \(returns-and-refunds\.md\)$", came.text, re.MULTILINE)
    assert wording.text(Line.MAIL_FOOT) in came.text
    assert "Returns and refunds" in came.mail.html


async def test_an_answer_to_an_answer_goes_on_with_the_conversation(home: House) -> None:
    cleo = someone("cleo")
    first = await home.answer(letter(cleo, RETURNS))
    second = await home.answer(letter(cleo, "How do gift cards work?", to=first.token, answers=first.mail))
    assert second.token == first.token
    assert first.mail.message_id in second.mail.references
    unnamed = letter(cleo, "How long does delivery take?", answers=second.mail)  # to the plain address
    assert (await home.answer(unnamed)).token == first.token
    anew = await home.answer(letter(cleo, RETURNS, subject=f"Re: {second.mail.subject}"))
    assert anew.token != first.token, "a subject alone joins nothing"


@pytest.mark.skipif(not BENCH.is_dir(), reason="needs the support benchmark in ../shared/data/bench_support")
async def test_a_real_support_question_is_answered_from_its_document(
    tmp_path: Path, sample_home: Path, embedder: Embedder
) -> None:
    """Over one in `EVERY` documents: reading all 510 takes two minutes."""
    asked = json.loads((BENCH.parent / "queries.jsonl").read_text().partition("\n")[0])
    [right] = asked["doc_ids"]
    shelf = tmp_path / "kb"
    shelf.mkdir()
    for document in {*sorted(BENCH.glob("*.md"))[::EVERY], BENCH / f"{right}.md"}:
        (shelf / document.name).symlink_to(document)
    async with house(tmp_path / "home", sample_home, embedder, kb_path=[str(shelf)]) as bench:
        await asyncio.wait_for(bench.client.threadline.readiness.assistant(), 300)
        question = letter(KIM, asked["query"], subject="Payments")
        came = await bench.answer(question)
        carries_what_an_answer_must(bench, Mail(message_id=str(question["Message-ID"]).strip("<>")), came)
    title = (BENCH / f"{right}.md").read_text().partition("\n")[0].removeprefix("# ")
    assert re.search(rf"^\[1\] {re.escape(title)}", came.text, re.MULTILINE), came.text


# Loops


LABELS = ("auto-submitted", "x-auto-response-suppress", "x-threadline", "precedence")


class Wire:
    """Carries mails between two houses, changed on the way, until both are silent."""

    def __init__(self, houses: dict[str, House], changed: Callable[[EmailMessage], bytes]) -> None:
        self._houses = houses
        self._changed = changed
        self._carried = dict.fromkeys(houses, 0)

    async def carry(self) -> int:
        """Bring over what waits; return how many that were."""
        count = 0
        for name, sender in self._houses.items():
            mails = sender.server.mails
            while self._carried[name] < len(mails):
                handed = mails[self._carried[name]]
                self._carried[name] += 1
                count += 1
                for address in handed.recipients:
                    other = self._houses.get(address.rpartition("@")[2])
                    if other:
                        raw = self._changed(Came(Mail(), handed).message)
                        await other.hand_in(raw, handed.sender, address)
        return count


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def houses(
    tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder
) -> AsyncIterator[dict[str, House]]:
    """Two programs, each with its own mailbox."""
    folder = tmp_path_factory.mktemp("two")
    async with (
        house(folder / "a", sample_home, embedder, email_address="support@a.example") as a,
        house(folder / "b", sample_home, embedder, email_address="support@b.example") as b,
    ):
        yield {"a.example": a, "b.example": b}


async def quiet(one: House) -> bool:
    """Whether nothing is left to do."""
    backlog = await one.client.threadline.store.backlog()
    return not any(backlog.values())


async def exchange(houses: dict[str, House], wire: Wire) -> None:
    """Carry mails until nobody has anything to say."""

    async def over() -> bool:
        carried = await wire.carry()
        return not carried and all([await quiet(one) for one in houses.values()]) and not await wire.carry()

    await until(over, 60)


def stripped(message: EmailMessage) -> bytes:
    for name in LABELS:
        del message[name]
    return plain(message)


async def begin(houses: dict[str, House], name: str) -> None:
    """Somebody writes to one of the two, and gives the other's address for the answer."""
    asked = letter(someone(name), RETURNS, to="support@a.example", Reply_To="support@b.example")
    await houses["a.example"].hand_in(vouched(asked), someone(name), "support@a.example")
    await houses["a.example"].mail("support@b.example")


async def test_two_programs_that_meet_stop_at_the_first_answer(houses: dict[str, House]) -> None:
    await begin(houses, "mallory")
    await exchange(houses, Wire(houses, plain))
    a, b = houses.values()
    assert (len(a.server.mails), len(b.server.mails)) == (1, 0)


async def test_two_programs_that_nobody_can_tell_from_people_stop_after_a_handful(houses: dict[str, House]) -> None:
    a, b = houses.values()
    for one in (a, b):
        one.server.mails.clear()
    await begin(houses, "trent")
    await exchange(houses, Wire(houses, stripped))
    print("answers:", len(a.server.mails), len(b.server.mails))
    most = a.client.threadline.settings.email_answers_per_hour + 1  # and the word that people have it now
    for one in (a, b):
        assert 2 <= len(one.server.mails) <= most
        operator = await one.client.operator(f"Eve-{id(one)}")
        cases = await operator.cases()
        assert [case["reason"] for case in cases] == ["budget_used"]


# People


async def with_a_person(home: House, ada: Operator, customer: str, name: str) -> tuple[dict[str, Any], Came]:
    """A customer asks for a person, and Ada answers; returns the case and her mail."""
    await home.answer(letter(f"{name} <{customer}>", "I want to talk to a person, please"))
    case = await home.case_of(ada, name)
    await ada.act(case["id"], "claim")
    assert (await ada.act(case["id"], "reply", "Ada here. What happened?")).status == 200
    return case, await home.mail(customer, 2)


async def test_agent_as_an_answer_opens_a_case_and_its_operator_answers_in_person(home: House, ada: Operator) -> None:
    dora = someone("dora")
    came = await home.answer(letter(f"Dora <{dora}>", RETURNS))
    quoted = "".join(f"> {line}\n" for line in came.text.splitlines())
    said = f"{AGENT}\n\nOn Monday, Larkfield Cycles wrote:\n{quoted}"
    told = await home.answer(letter(f"Dora <{dora}>", said, to=came.token, answers=came.mail))
    assert wording.text(Line.HANDED_OFF_ASKED) in told.text
    case = await home.case_of(ada, "Dora")
    assert (case["reason"], case["verified"]) == ("customer_asked", True)
    assert case["messages"][-2]["text"] == AGENT
    assert "vouches for this sender" in case["trust"]
    await ada.act(case["id"], "claim")
    form = aiohttp.FormData({"action": "reply", "text": "Here is the **label**."})
    form.add_field("files", io.BytesIO(b"%PDF-1.7 label"), filename="label.pdf", content_type="application/pdf")
    answer = await home.client.call("POST", f"{DESK}/cases/{case['id']}/actions", token=ada.token, data=form)
    assert answer.status == 200
    personal = await home.mail(dora, 3)
    assert personal.mail.from_.name == "Ada (Larkfield Cycles)"
    assert not personal.mail.header("auto-submitted")
    assert not personal.mail.header("x-auto-response-suppress")
    assert "Here is the label." in personal.text
    assert wording.text(Line.MAIL_FOOT) not in personal.text
    assert [(file.name, file.content) for file in personal.mail.attachments] == [("label.pdf", b"%PDF-1.7 label")]
    assert personal.token == came.token


def bounce_of(came: Came) -> bytes:
    """Return what a mail server reports about a mail that did not arrive, as Postfix writes it."""
    [recipient] = came.handed.recipients
    report = MIMEMultipart("report", report_type="delivery-status", policy=SMTP)
    report["From"] = "MAILER-DAEMON@mx.customers.example (Mail Delivery System)"
    report["To"] = came.handed.sender
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Auto-Submitted"] = "auto-replied"
    report["Message-ID"] = "<20261121100000.4F2C@mx.customers.example>"
    report.attach(
        MIMEText(f"I'm sorry to have to inform you that your message could not be delivered.\n\n<{recipient}>")
    )
    status = MIMENonMultipart("message", "delivery-status", policy=SMTP)
    about = "Reporting-MTA: dns; mx.customers.example\r\n", "Final-Recipient: rfc822; {}\r\nAction: failed\r\n"
    fields = (*about, "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\r\n")
    status.set_payload([message_from_string(fields[0]), message_from_string((fields[1] + fields[2]).format(recipient))])
    report.attach(status)
    report.attach(MIMEMessage(came.message, policy=SMTP))
    return report.as_bytes()


async def test_an_answer_that_bounces_is_marked_on_the_desk_and_changes_nothing_else(
    home: House, ada: Operator
) -> None:
    customer = someone("finn")
    case, personal = await with_a_person(home, ada, customer, "Finn")
    before = await ada.case(case["id"])
    for _ in range(2):  # servers repeat themselves
        await home.hand_in(bounce_of(personal), "", personal.handed.sender)

    async def marked() -> dict[str, Any] | None:
        found = await ada.case(case["id"])
        said = next(m for m in found["messages"] if m["author"] == "operator")
        return said if said["delivery"] == "bounced" else None

    said = await until(marked)
    assert said["delivery_error"] == f"{customer} 5.1.1 550 5.1.1 User unknown"
    after = await ada.case(case["id"])
    for field in ("state", "owner", "owner_name", "outcome"):
        assert after[field] == before[field]
    assert [m["author"] for m in after["messages"] if m not in before["messages"]].count("note") == 1
    assert len(home.mails(customer)) == 2


async def test_an_absence_note_leaves_a_note_for_people_and_changes_nothing(home: House, ada: Operator) -> None:
    customer = someone("gina")
    case, personal = await with_a_person(home, ada, customer, "Gina")
    before = await ada.case(case["id"])
    away = letter(
        f"Gina <{customer}>",
        "I am back on Monday.",
        to=personal.token,
        subject="Automatic reply: Question",
        answers=personal.mail,
        Auto_Submitted="auto-replied",
    )
    await home.write(away)

    async def noted() -> dict[str, Any] | None:
        found = await ada.case(case["id"])
        return found if found["messages"][-1]["author"] == "note" else None

    after = await until(noted)
    assert "I am back on Monday." in after["messages"][-1]["text"]
    for field in ("state", "owner", "owner_name", "waiting_since", "customer"):
        assert after[field] == before[field]
    assert len(home.mails(customer)) == 2


async def test_an_absence_note_to_the_assistant_is_not_answered(home: House) -> None:
    customer = someone("hugo")
    came = await home.answer(letter(customer, RETURNS))
    away = letter(customer, "How do gift cards work?", to=came.token, answers=came.mail, Auto_Submitted="auto-replied")
    assert await home.ignored(await home.write(away)) is IgnoredBecause.AUTOMATIC
    await home.answer(letter(customer, "How long does delivery take?", to=came.token, answers=came.mail))
    assert len(home.mails(customer)) == 2


async def test_an_absence_note_without_a_label_that_goes_to_the_return_path_is_not_answered(home: House) -> None:
    customer = someone("ines")
    came = await home.answer(letter(customer, RETURNS))
    away = letter(customer, "I will be back.", to=came.handed.sender, subject="Re: Question")
    assert await home.ignored(await home.write(away)) is IgnoredBecause.AUTOMATIC


# Strangers


async def test_a_stranger_with_somebody_elses_reply_address_gets_a_conversation_of_their_own(
    home: House, ada: Operator
) -> None:
    customer = someone("jana")
    theirs = await home.answer(letter(f"Jana <{customer}>", f"My number is 4711-0815. {RETURNS}"))
    stranger = letter(f"Eve <{EVE}>", RETURNS, to=theirs.token, answers=theirs.mail)
    came = await home.answer(stranger)
    assert came.handed.recipients == [EVE]
    assert came.token != theirs.token
    assert "4711-0815" not in came.handed.raw.decode() + came.mail.text + came.mail.html
    asks = letter(f"Eve <{EVE}>", "I want to talk to a person", to=theirs.token, answers=theirs.mail)
    told = await home.answer(asks)
    assert told.token not in {theirs.token, came.token}
    case = await home.case_of(ada, "Eve")
    assert "takes no part in the conversation" in case["trust"]
    assert [m["text"] for m in case["messages"] if m["author"] == "customer"] == ["I want to talk to a person"]
    assert len(home.mails(customer)) == 1


async def test_a_forger_turns_no_answer_of_a_conversation_to_another_address(home: House, ada: Operator) -> None:
    customer = someone("kate")
    first = letter(f"Kate <{customer}>", "I want to talk to a person")
    told = await home.answer(first)
    case = await home.case_of(ada, "Kate")
    await ada.act(case["id"], "claim")
    forged = letter(f"Kate <{customer}>", "Send it here", Reply_To=EVE, Cc=EVE, In_Reply_To=str(first["Message-ID"]))
    asked = await home.write(forged, vouch=False)
    assert await home.ignored(asked) is None
    assert (await ada.act(case["id"], "reply", "Your code is 42.")).status == 200
    personal = await home.mail(customer, 2)
    assert "Your code is 42." in personal.text
    assert personal.handed.recipients == [customer]
    assert personal.token == told.token
    assert not (await ada.case(case["id"]))["verified"]
    genuine = letter(f"Kate <{customer}>", "And here", Reply_To=someone("kate.home"), to=told.token)
    await home.ignored(await home.write(genuine))
    await ada.act(case["id"], "reply", "Gladly.")
    assert "Gladly." in (await home.mail(someone("kate.home"))).text, "whom somebody vouches for may move"


BAIT = "Your parcel waits at parcels.evil.example"


async def test_no_automatic_mail_carries_a_forgers_words_to_whom_they_name(home: House, ada: Operator) -> None:
    customer = someone("vera")
    forged = letter(f"{BAIT} <{customer}>", f"{BAIT}. {RETURNS}", subject=BAIT)
    first = await home.answer(forged, vouch=False)
    assert first.mail.subject == "Re: Your message to Larkfield Cycles"
    assert first.mail.references == (str(forged["Message-ID"]).strip("<>"),)
    asks = letter(f"{BAIT} <{customer}>", A_PERSON, to=first.token, subject=BAIT, answers=first.mail)
    second = await home.answer(asks, vouch=False)
    assert second.token == first.token, "the conversation goes on"
    assert wording.text(Line.HANDED_OFF_ASKED) in second.text
    for came in (first, second):
        assert "evil" not in came.mail.subject + str(came.message["To"]) + came.text + came.mail.html
    case = await home.case_of(ada, BAIT)
    await ada.act(case["id"], "claim")
    await ada.act(case["id"], "reply", "Did you write this?")
    personal = await home.mail(customer, 3)
    assert personal.mail.subject == f"Re: {BAIT}", "a person decides for themselves"


async def test_an_answer_to_somebody_else_than_its_vouched_for_writer_repeats_nothing_of_theirs(home: House) -> None:
    customer, other = someone("wanda"), someone("xaver")
    came = await home.answer(letter(f"Wanda <{customer}>", f"{BAIT}. {RETURNS}", subject=BAIT, Reply_To=other))
    assert came.handed.recipients == [other]
    assert "evil" not in came.mail.subject + came.text + came.mail.html
    theirs = await home.answer(letter(f"Wanda <{customer}>", f"{BAIT}. {RETURNS}", subject=BAIT))
    assert theirs.mail.subject == f"Re: {BAIT}"
    assert BAIT in theirs.text, "whom somebody vouches for is quoted"


async def test_nobody_is_written_to_because_a_forger_names_them_in_copy(home: House) -> None:
    customer = someone("yoko")
    came = await home.answer(letter(customer, RETURNS, Cc=f"{BOB}, {EVE}"), vouch=False)
    assert came.handed.recipients == [customer]
    asks = letter(f"Bob <{BOB}>", "How do gift cards work?", to=came.token, answers=came.mail)
    assert (await home.answer(asks)).token != came.token, "nor do they take part"


async def test_no_more_is_mailed_to_whom_forgers_name_in_reply_to_than_to_a_sender(
    tmp_path: Path, sample_home: Path, embedder: Embedder
) -> None:
    victim = someone("zoe")
    async with house(tmp_path / "home", sample_home, embedder, email_mails_per_hour=2) as careful:
        for number in range(2):
            await careful.answer(letter(f"{number}@elsewhere.example", RETURNS, Reply_To=victim), vouch=False)
        third = await careful.write(letter("2@elsewhere.example", RETURNS, Reply_To=victim), vouch=False)
        assert await careful.ignored(third) is IgnoredBecause.OVER_BUDGET
        assert len(careful.mails(victim)) == 2


@pytest.mark.parametrize("header", ["From", "Reply-To"])
async def test_an_address_too_long_to_be_answered_is_refused_and_its_mail_server_told_why(
    home: House, header: str
) -> None:
    far = f"{'k' * 64}@{'.'.join(['d' * 60] * 3)}.example"
    mail = plain(letter(someone("rita"), RETURNS)).replace(b"To: ", f"{header}: {far}\r\nTo: ".encode(), 1)
    if header == "From":
        mail = mail.partition(b"\r\n")[2]
    waiting = await home.client.threadline.store.backlog()
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await home.hand_in(mail, someone("rita"), SUPPORT)
    assert refused.value.code == 554
    assert refused.value.message.startswith("5.6.0 The sender's address has more than")
    assert await home.client.threadline.store.backlog() == waiting
    assert home.mails(far) == []


async def test_whoever_is_read_as_another_mailbox_of_their_domain_isnt_taken_for_them(home: House) -> None:
    customer = someone("mabel")
    first = await home.answer(letter(f"Mabel <{customer}>", RETURNS))
    assert "Re: Question" in first.mail.subject
    forged = letter(f"Mabel <{customer}>", RETURNS, subject=BAIT)
    raw = vouched(forged).replace(b"<mabel@", b"<'mabel@")
    await home.hand_in(raw, customer, SUPPORT)
    came = await home.mail(customer, 2)
    assert BAIT not in came.mail.subject, "nobody vouches for them"


async def test_a_forger_gives_a_conversation_of_others_no_subject(home: House, ada: Operator) -> None:
    customer = someone("abby")
    first = letter(f"Abby <{customer}>", A_PERSON, subject="My bell")
    await home.answer(first)
    case = await home.case_of(ada, "Abby")
    await ada.act(case["id"], "claim")
    forged = letter(f"Abby <{customer}>", "And now?", subject=BAIT, In_Reply_To=str(first["Message-ID"]))
    assert await home.ignored(await home.write(forged, vouch=False)) is None
    await ada.act(case["id"], "reply", "I am looking.")
    assert (await home.mail(customer, 2)).mail.subject == "Re: My bell"


# Colleagues


async def test_a_colleague_in_copy_reads_the_answer_and_may_go_on(home: House) -> None:
    customer = someone("lena")
    first = await home.answer(letter(customer, RETURNS, Cc=f"Bob <{BOB}>"))
    assert sorted(first.handed.recipients) == sorted([customer, BOB])
    assert [one.address for one in first.mail.to] == [customer]
    assert [one.address for one in first.mail.cc] == [BOB]
    asks = letter(f"Bob <{BOB}>", "How do gift cards work?", to=first.token, answers=first.mail, Cc=customer)
    second = await home.answer(asks)
    assert second.token == first.token
    assert sorted(second.handed.recipients) == sorted([customer, BOB])
    assert [one.address for one in second.mail.to] == [BOB]


# The way out


async def test_while_the_mail_server_is_away_the_answer_waits_and_then_goes_out_once(home: House) -> None:
    customer = someone("mona")
    await home.server.hang_up()
    home.server.on("HELLO", "421 4.3.2 Closing down", Drop.THE_LINE)
    turned_away = home.server.connections
    await home.write(letter(customer, RETURNS))

    async def came_back() -> bool:
        home.clock.ahead += 10  # the wait between two attempts
        return bool(home.mails(customer))

    await until(came_back, 20)
    assert home.server.connections - turned_away == 3
    await home.answer(letter(customer, "How do gift cards work?"))
    assert len(home.mails(customer)) == 2


async def test_a_mail_whose_arrival_was_never_confirmed_is_the_same_mail_when_it_is_sent_again(home: House) -> None:
    customer = someone("nils")
    home.server.on("DOT", Drop.THE_LINE)
    await home.write(letter(customer, RETURNS))
    await home.mail(customer)

    async def again() -> bool:
        home.clock.ahead += 10
        return len(home.mails(customer)) > 1

    await until(again, 20)
    one, two = home.mails(customer)
    assert one.handed.raw == two.handed.raw


# Files


async def test_a_file_goes_to_people_with_what_it_says(home: House, ada: Operator) -> None:
    customer = someone("olga")
    sent = letter(f"Olga <{customer}>", "My order", subject="Order")
    sent.add_attachment(b"Position 1: a bell", maintype="text", subtype="plain", filename="../../order.txt")
    told = await home.answer(sent)
    assert wording.text(Line.HANDED_OFF_FILE) in told.text
    case = await home.case_of(ada, "Olga")
    assert case["reason"] == "file_sent"
    [file] = case["messages"][0]["files"]
    assert (file["name"], file["reading"]["outcome"]) == ("order.txt", "read")
    path = f"{DESK}/cases/{case['id']}/files/{file['id']}/text"
    text = await home.client.call("GET", path, token=ada.token)
    assert text.data["text"] == "Position 1: a bell"


def with_files(customer: str, many: int, **more: Any) -> EmailMessage:
    """Return a mail of a customer with so many files."""
    sent = letter(customer, "What is wrong with it?", **more)
    for number in range(many):
        sent.add_attachment(b"The bell is loose.", maintype="text", subtype="plain", filename=f"{number}.txt")
    return sent


async def test_files_above_twenty_are_named_in_the_next_mail_and_at_the_desk(home: House, ada: Operator) -> None:
    customer, told = someone("pia"), wording.text(Line.FILES_LEFT_OUT, most="20")
    first = await home.answer(with_files(f"Pia <{customer}>", 22))
    assert first.text.count(told) == 1
    [page] = [part.get_content() for part in first.message.walk() if part.get_content_type() == "text/html"]
    assert told in page
    case = await home.case_of(ada, "Pia")
    [said] = [one for one in case["messages"] if one["author"] == "customer"]
    assert (len(said["files"]), said["text"]) == (20, "What is wrong with it?")
    assert said["full"].endswith("[2 more files that came with this were not kept: a message carries 20]")
    await ada.act(str(case["id"]), "claim")
    await ada.act(str(case["id"]), "reply", text="I have looked at them.")
    assert told not in (await home.mail(customer, 2)).text


async def test_twenty_files_are_all_taken_and_nothing_is_said_of_more(home: House) -> None:
    came = await home.answer(with_files(someone("rosa"), 20))
    assert wording.text(Line.FILES_LEFT_OUT, most="20") not in came.text


async def test_an_automatic_mail_is_told_of_no_files(home: House) -> None:
    customer = someone("quentin")
    automatic = with_files(customer, 22, Auto_Submitted="auto-generated")
    assert await home.ignored(await home.write(automatic)) is IgnoredBecause.AUTOMATIC
    await home.answer(letter(someone("ruth"), RETURNS))
    assert home.mails(customer) == []


async def test_a_file_that_is_too_large_is_refused_by_name(home: House, ada: Operator) -> None:
    customer = someone("sara")
    sent = letter(f"Sara <{customer}>", "I want to talk to a person, please.")
    lines = f"{'x' * 99}\n" * (MAX_FILE // 100 + 1)  # as text: in base64 it would be larger than mails may be
    sent.add_attachment(lines, filename="log.txt", cte="7bit")
    sent.add_attachment(b"The bell is loose.", maintype="text", subtype="plain", filename="notes.txt")
    told = wording.text(Line.FILES_LEFT_OUT, most="20")
    assert (await home.answer(sent)).text.count(told) == 1
    case = await home.case_of(ada, "Sara")
    [said] = [one for one in case["messages"] if one["author"] == "customer"]
    assert [file["name"] for file in said["files"]] == ["notes.txt"]
    assert said["full"].endswith("[“log.txt” was not kept: a file has at most 20 MB]")
    await ada.act(str(case["id"]), "claim")
    await ada.act(str(case["id"]), "reply", text="I have looked at it.")
    assert told not in (await home.mail(customer, 2)).text


async def test_that_a_mail_has_more_parts_than_are_read_is_shown_at_the_desk_alone(home: House, ada: Operator) -> None:
    customer = someone("tara")
    sent = letter(f"Tara <{customer}>", A_PERSON)
    for _ in range(600):
        sent.add_attachment(b"", maintype="text", subtype="plain", filename="")
    told = await home.answer(sent)
    [said] = [one for one in (await home.case_of(ada, "Tara"))["messages"] if one["author"] == "customer"]
    assert said["full"].endswith(f"[{CUT.removesuffix('.')}]")
    assert wording.text(Line.FILES_LEFT_OUT, most="20") not in told.text


# With a language model


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[FakeOpenAI]:
    """A language model, which drafts for operators beside what the tests script."""
    async with FakeOpenAI(without_tools=say("SUMMARY: Wants help.\nREPLY: Hello!")) as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clever(
    model: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory, sample_home: Path, embedder: Embedder
) -> AsyncIterator[House]:
    """The program with that model."""
    settings = {"openai_base_url": model.base_url, "openai_api_key": "sk-test", "openai_model": "gpt-test"}
    async with house(tmp_path_factory.mktemp("clever") / "home", sample_home, embedder, **settings) as running:
        yield running


def search() -> Step:
    return call("search_knowledge_base", {"query": RETURNS})


def answers() -> Step:
    return say("You can send it back within 30 days. [1]")


def shown(model: FakeOpenAI) -> str:
    """Return all that the model was given since it was asked last."""
    texts = [json.dumps(request.json, ensure_ascii=False) for request in model.requests]
    model.requests.clear()
    return "\n".join(texts)


async def test_a_forged_sender_gets_nothing_that_is_known_of_whom_they_claim_to_be(
    clever: House, model: FakeOpenAI
) -> None:
    model.then(call("remember", {"fact": FACT}), search(), answers())
    await clever.answer(letter(f"Kim <{KIM}>", "I ride a cargo bike. May I send it back?"))
    shown(model)
    model.then(search(), answers())
    await clever.answer(letter(f"Kim <{KIM}>", "May I send my bike back?"))
    assert FACT in shown(model), "Kim is known where somebody vouches for her"
    model.then(call("remember", {"fact": "Kim hates bikes."}), search(), answers())
    forged = await clever.answer(letter(f"Kim <{KIM}>", "Which bike do I ride?"), vouch=False)
    assert FACT not in shown(model)
    assert FACT not in forged.text
    model.then(search(), answers())
    await clever.answer(letter(f"Kim <{KIM}>", "May I send my bell back?"))
    assert "Kim hates bikes." not in shown(model), "and nothing that a forger says is kept about her"


async def test_people_who_write_by_one_form_know_nothing_of_each_other(clever: House, model: FakeOpenAI) -> None:
    model.then(call("remember", {"fact": FACT}), search(), answers())
    form = "Form <form@larkfield.example>"
    await clever.answer(letter(form, "I ride a cargo bike. May I send it back?", Reply_To=someone("clara")))
    shown(model)
    model.then(search(), answers())
    came = await clever.answer(letter(form, "Which bike do I ride?", Reply_To=someone("dirk")))
    assert came.handed.recipients == [someone("dirk")]
    assert FACT not in shown(model)


async def test_what_stands_in_a_file_reaches_a_model(clever: House, model: FakeOpenAI) -> None:
    model.then(search(), answers())
    sent = letter(BOB, "May I send back what is in this list?")
    sent.add_attachment(b"Position 1: a bell", maintype="text", subtype="plain", filename="order.txt")
    came = await clever.answer(sent)
    assert "You can send it back within 30 days." in came.text
    assert "Position 1: a bell" in shown(model)


# From a pipe, and from files


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a command beside the program in `folder`."""
    usual = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "THREADLINE_HOME": str(folder),
        "EMAIL_ADDRESS": SUPPORT,
        "EMAIL_SMTP_URL": "smtp://127.0.0.1:25?starttls=no",
        "EMAIL_TRUSTED_SERVER": f"{FRONT} mailbox",
    }
    return {**usual, **settings}


async def command(folder: Path, *words: str, given: bytes = b"", **settings: str) -> tuple[int, str, str]:
    """Run `threadline WORDS` with `given` at its standard input; return its status and what it said on both ways."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *words,
        cwd=folder,
        env=environment(folder, **settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_mail_from_a_pipe_is_taken_in_beside_the_running_program(home: House) -> None:
    customer = someone("paul")
    folder = home.client.threadline.home.path
    raw = vouched(letter(customer, RETURNS))
    for _ in range(2):
        assert await command(folder, "deliver", given=raw) == (0, "", "")
    came = await home.mail(customer)
    assert "Returns and refunds" in came.text
    await home.answer(letter(customer, "How do gift cards work?"))
    assert len(home.mails(customer)) == 2


@pytest.mark.parametrize(
    ("given", "settings", "status"),
    [
        (b"Subject: x\n\nhello\n", {"DATABASE_URL": "postgresql+asyncpg://nobody:x@127.0.0.1:1/none"}, 75),
        (b"Subject: x\n\nhello\n", {"EMAIL_ADDRESS": ""}, 75),
        (b"Subject: x\n\nhello\n", {"QUIET_SECONDS": "soon"}, 75),
        (b"Subject: x\n\n" + b"x" * (36 * 2**20), {}, 77),
    ],
    ids=["the store is away", "no address", "settings are off", "too large"],
)
async def test_a_pipe_learns_by_the_exit_status_what_became_of_its_mail(
    tmp_path: Path, given: bytes, settings: dict[str, str], status: int
) -> None:
    found, _, said = await command(tmp_path, "deliver", given=given, **settings)
    assert found == status, said
    assert said.startswith("threadline: ")
    assert "Traceback" not in said


async def test_captured_mails_are_read_without_being_taken_in(tmp_path: Path) -> None:
    customer = someone("rosa")
    sent = letter(f"Rosa <{customer}>", f"{RETURNS}\n\nOn Monday, Ada wrote:\n> Hello\n")
    sent.add_attachment(b"bell", maintype="text", subtype="plain", filename="order.txt")
    (tmp_path / "mail.eml").write_bytes(vouched(sent))
    (tmp_path / "news.eml").write_bytes(plain(letter(customer, "News", List_Id="<news.example>")))
    words = ["mail.eml", "news.eml", "none.eml"]
    status, out, _ = await command(tmp_path, "replay", *words, "--dry-run", "--json")
    assert status == 0
    message, ignored, rejected = map(json.loads, out.splitlines())
    assert message | {"thread": "", "full_text": ""} == {
        "file": "mail.eml",
        "outcome": "message",
        "reason": None,
        "thread": "",
        "author": {"id": customer, "name": "Rosa"},
        "text": RETURNS,
        "full_text": "",
        "files": [{"name": "order.txt", "type": "text/plain", "bytes": 4}],
    }
    assert "> Hello" in message["full_text"]
    assert message["thread"]
    assert (ignored["outcome"], ignored["reason"]) == ("ignored", "list_mail")
    assert rejected["outcome"] == "rejected"
    assert message.keys() == ignored.keys() == rejected.keys()
    assert not (tmp_path / "threadline.db").exists()


# Real mail servers


@pytest.mark.skipif(bool(WHY_NOT) or not SWAKS, reason=WHY_NOT or "needs swaks")
async def test_behind_a_real_postfix_a_mail_comes_in_and_its_answer_goes_out(
    tmp_path: Path, sample_home: Path, embedder: Embedder
) -> None:
    [port] = free_ports(1)
    customer, way_out = someone("sven"), f"smtp://127.0.0.1:{port}?starttls=no"
    async with (
        house(tmp_path / "home", sample_home, embedder, email_smtp_url=way_out) as behind,
        postfix(port, domain="larkfield.example", door=behind.port, out=behind.server.port) as log,
    ):
        await swaks(port, customer, SUPPORT, RETURNS)
        first = await behind.mail(customer)
        assert "Returns and refunds" in first.text, log.read_text()
        await swaks(port, customer, first.token, "How do gift cards work?")
        second = await behind.mail(customer, 2)
        assert second.token == first.token
        behind.server.refused.add(someone("gone"))
        await swaks(port, someone("gone"), SUPPORT, "I want to talk to a person")
        ada = await behind.client.operator("Ada")
        case = await behind.case_of(ada, "gone")

        async def bounced() -> bool:
            found = await ada.case(case["id"])
            return any("550 5.7.1 Not wanted here" in m["delivery_error"] for m in found["messages"])

        await until(bounced, WITHIN)


async def swaks(port: int, sender: str, to: str, words: str) -> None:
    assert SWAKS
    said = ["--server", f"127.0.0.1:{port}", "--from", sender, "--to", to, "--header", "Subject: Question"]
    process = await asyncio.create_subprocess_exec(
        SWAKS, *said, "--body", words, "--hide-all", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()


@needs_dovecot
async def test_a_mailbox_in_a_real_dovecot_is_answered(
    dovecot: Dovecot, tmp_path: Path, sample_home: Path, embedder: Embedder
) -> None:
    customer = someone("tara")
    url = dovecot.url("support")
    async with house(tmp_path / "home", sample_home, embedder, email_imap_url=url, email_listen="") as picking:
        asked = letter(f"Tara <{customer}>", RETURNS)
        await dovecot.deliver("support", vouched(asked))
        came = await picking.mail(customer)
        assert "Returns and refunds" in came.text
        later = letter(f"Tara <{customer}>", "I want to talk to a person", to=came.token, answers=came.mail)
        await dovecot.deliver("support", vouched(later))
        assert (await picking.mail(customer, 2)).token == came.token
        case = await picking.case_of(await picking.client.operator("Ada"), "Tara")
        assert case["verified"], "the mailbox's server vouched for her"
