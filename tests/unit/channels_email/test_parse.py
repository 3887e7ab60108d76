"""A mail becomes what the inbox takes: who it is from, which conversation it goes on with, whom an answer goes to."""

from dataclasses import replace

import pytest

from channels.email import parse
from channels.email.addresses import Addresses
from channels.email.mail import Address, Attachment, Envelope, Mail, Report, ReportKind, Trust, Written
from core.ids import CaseId, DeliveryId, FileId, OperatorId, ThreadId
from core.messages import IgnoredBecause, InboundMessage
from core.thread import Resolved, Thread

OURS = Addresses("support@example.com", b"secret")
KIM = Address("kim@example.org", "Kim Doe")
LEE = Address("lee@example.org")
US = Address("support@example.com", "Support")
MAIL = Mail(message_id="1@example.org", from_=KIM, to=(US,), subject="My bike", text="It squeaks.")
TRUSTED = Trust(verified=True, sentence="example.org vouches for this sender.")


def message(mail: Mail, thread: Thread | None = None, **more: object) -> InboundMessage:
    """Return the mail as a message."""
    return parse.message(mail, Written(mail.text, mail.text), TRUSTED, OURS, thread=thread, **more)  # type: ignore[arg-type]


def conversation(**route: object) -> Thread:
    """Return a conversation with Kim."""
    return Thread(ThreadId("t_1"), parse.key(OURS, "c1"), "email:kim@example.org", subject="My bike", route=route)


def test_a_mail_is_what_its_customer_says() -> None:
    said = message(MAIL)
    assert (said.customer, said.name, said.text, said.subject) == (
        "email:kim@example.org",
        "Kim Doe",
        "It squeaks.",
        "My bike",
    )
    assert (said.verified, said.trust) == (True, "example.org vouches for this sender.")
    assert said.key.channel == "email"


def test_a_copy_is_the_same_event_and_another_mail_under_its_id_is_not() -> None:
    assert message(MAIL).event_id == message(replace(MAIL, headers={"received": ("again",)})).event_id
    others = (replace(MAIL, text="It sings."), replace(MAIL, attachments=(Attachment("a", "text/plain", b"1"),)))
    assert len({message(mail).event_id for mail in (MAIL, *others)}) == 3


def test_a_mail_without_words_says_its_subject_unless_it_brings_a_file() -> None:
    assert message(replace(MAIL, text="")).text == "My bike"
    assert message(replace(MAIL, text=""), files=(FileId("f_1"),)).text == ""
    assert "encrypted" in message(replace(MAIL, text="", unreadable="It is encrypted.")).text


def test_what_was_not_kept_stands_below_all_of_the_mail_and_not_among_its_words() -> None:
    said = parse.message(
        MAIL, Written("It squeaks.", "It squeaks.\n\n> What?"), TRUSTED, OURS, thread=None, notes="[No.]"
    )
    assert (said.text, said.full) == ("It squeaks.", "It squeaks.\n\n> What?\n\n[No.]")
    assert message(replace(MAIL, text="", subject=""), notes="[No.]").text == "[No.]"


def test_an_answer_goes_to_the_sender_and_to_everybody_in_copy_but_us() -> None:
    mail = replace(MAIL, to=(US, LEE), cc=(Address("jo@example.org"), Address(OURS.reply("c1"))))
    route = message(mail).route
    assert route["to"] == ["kim@example.org", "Kim Doe"]
    assert route["cc"] == ["lee@example.org", "jo@example.org"]
    assert route["participants"] == ["jo@example.org", "kim@example.org", "lee@example.org"]


def test_an_answer_goes_where_reply_to_says_but_never_to_ourselves() -> None:
    assert message(replace(MAIL, reply_to=(LEE,))).route["to"] == ["lee@example.org", "Kim Doe"]
    assert message(replace(MAIL, reply_to=(US,))).route["to"] == ["kim@example.org", "Kim Doe"]


def test_who_is_answered_elsewhere_than_in_from_is_the_customer_and_nobody_vouches_for_them() -> None:
    form = replace(MAIL, from_=Address("form@example.org", "Our form"), reply_to=(LEE,))
    said = message(form)
    assert (said.customer, said.name, said.verified) == ("email:lee@example.org", "Our form", False)
    assert "Answers go to lee@example.org" in said.trust
    assert message(replace(MAIL, reply_to=(KIM,))).verified


def test_nothing_that_turns_the_writing_around_stands_in_a_name_a_subject_or_the_verdict() -> None:
    eve = Address("eve\u202e@evil.example", "Kim\u202e (elpmaxe.gro)\n")
    said = message(replace(MAIL, from_=replace(eve, address="eve@evil.example"), subject="My\u202e bike\u2028now"))
    assert (said.name, said.subject, said.route["subject"]) == ("Kim (elpmaxe.gro)", "My bike now", "My bike now")
    assert "\u202e" not in message(replace(MAIL, reply_to=(eve,))).trust


def test_references_keep_the_first_and_the_newest() -> None:
    mail = replace(MAIL, references=tuple(f"{n}@example.org" for n in range(100, 160)))
    chain = parse.references(mail)
    assert len(chain) == parse.MOST_REFERENCES
    assert (chain[0], chain[-2:]) == ("100@example.org", ["159@example.org", "1@example.org"])


@pytest.mark.parametrize(
    "mail",
    [
        replace(MAIL, to=(Address(OURS.reply("c1")),)),
        replace(MAIL, cc=(Address(OURS.reply("c1")),)),
        replace(MAIL, references=(OURS.message_id("d_1", "c1"), "0@example.org")),
        replace(MAIL, in_reply_to=(OURS.message_id("d_1", "c1"),)),
    ],
    ids=["to", "cc", "references", "in-reply-to"],
)
def test_a_mail_finds_its_conversation(mail: Mail) -> None:
    assert parse.conversation(mail, Envelope(), OURS) == "c1"


def test_the_envelope_tells_where_the_mail_went_when_its_head_does_not() -> None:
    assert parse.conversation(MAIL, Envelope(recipients=(OURS.reply("c1"),)), OURS) == "c1"


def test_a_subject_or_somebody_elses_id_leads_nowhere() -> None:
    mail = replace(MAIL, subject="Re: [#12] My bike", references=("threadline.d_1.c1.aaaaaaaaaaaa@example.com",))
    assert parse.conversation(mail, Envelope(), OURS) is None


def test_an_answer_to_ones_own_mail_goes_on_with_what_that_began() -> None:
    begun = message(MAIL).key.conversation
    follows = replace(MAIL, message_id="2@example.org", in_reply_to=("1@example.org",))
    assert begun in parse.possible(follows)


def test_a_stranger_gets_a_conversation_of_their_own_that_names_the_other() -> None:
    thread = conversation(participants=["kim@example.org"])
    said = message(replace(MAIL, from_=LEE), stranger_to=thread)
    assert said.key != thread.key
    assert said.key != message(MAIL).key
    assert "“My bike”" in said.trust


def test_who_takes_part_grows_with_the_conversation() -> None:
    thread = conversation(participants=["kim@example.org", "ann@example.org"])
    said = message(replace(MAIL, cc=(LEE,)), thread)
    assert said.key == thread.key
    assert said.route["participants"] == ["ann@example.org", "kim@example.org", "lee@example.org"]


@pytest.mark.parametrize(
    ("recipient", "original", "found"),
    [(OURS.bounce(DeliveryId("d_1")), "", "d_1"), ("x", OURS.message_id("d_2", "c1"), "d_2"), ("x", "y@z", None)],
)
def test_a_bounce_names_the_delivery_that_did_not_arrive(recipient: str, original: str, found: str | None) -> None:
    report = Report(ReportKind.FAILED, "5.1.1", "kim@example.org", "No such user", original)
    bounced = parse.bounce(replace(MAIL, report=report), Envelope("", (recipient,)), OURS)
    assert (bounced.delivery if bounced else None) == found
    if bounced:
        assert bounced.detail == "kim@example.org 5.1.1 No such user"


@pytest.mark.parametrize("kind", [kind for kind in ReportKind if kind is not ReportKind.FAILED])
def test_a_delay_or_a_receipt_is_no_bounce(kind: ReportKind) -> None:
    mail = replace(MAIL, report=Report(kind))
    assert parse.bounce(mail, Envelope("", (OURS.bounce(DeliveryId("d_1")),)), OURS) is None


@pytest.mark.parametrize(
    ("words", "score"), [("4", 4), (" 5/5. ", 5), ("1!", 1), ("6", None), ("0", None), ("4 bikes", None), ("44", None)]
)
def test_a_number_alone_answers_the_survey(words: str, score: int | None) -> None:
    resolved = Resolved(CaseId("c_1"), OperatorId("o_1"), "Ada", 0.0)
    asked = replace(conversation(), resolved=resolved, surveyed=CaseId("c_1"))
    rated = parse.rating(MAIL, Written(words, words), asked)
    assert (rated.score if rated else None) == score
    for thread in (conversation(), replace(asked, case=CaseId("c_2"))):
        assert parse.rating(MAIL, Written(words, words), thread) is None


def test_an_ignored_mail_says_why_and_what_it_was() -> None:
    kept = parse.ignored(replace(MAIL, text="I am  away\nuntil Monday."), IgnoredBecause.AUTOMATIC, "c1", OURS)
    assert (kept.key.conversation, kept.reason) == ("c1", IgnoredBecause.AUTOMATIC)
    assert "kim@example.org" in kept.note
    assert "“I am away until Monday.”" in kept.note


def test_long_words_are_cut_where_they_are_answered_and_kept_longer_beside() -> None:
    said = message(replace(MAIL, text="a" * 300_000))
    assert len(said.text) < parse.MAX_VISIBLE + 20
    assert len(said.full) < parse.MAX_FULL + 20
