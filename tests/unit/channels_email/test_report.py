"""What mail servers report about our mails: read from standard reports, and from the sentences of older servers."""

import json
from pathlib import Path

import pytest

from channels.email.mail import Report, ReportKind
from channels.email.mime import read as mime

DATA = Path(__file__).parents[4] / "shared" / "data" / "inbound_mail"  # real mails beside the checkout
RETURNED = "Message-ID: <threadline.d1.a@example.com>\r\nTo: Kim <kim@example.org>\r\nSubject: My bike\r\n\r\nHello"
ABOUT = ("threadline.d1.a@example.com", ("kim@example.org",))


def reported(kind: str, fields: str, returned: str = "message/rfc822", own: str = RETURNED) -> Report | None:
    """Return what a multipart/report says."""
    lines = [
        "From: MAILER-DAEMON@mx.example.org",
        f"Content-Type: multipart/report; report-type={kind}; boundary=b",
        "",
        "--b",
        "",
        "I'm sorry.",
        "--b",
        f"Content-Type: message/{kind}",
        "",
        fields,
        "--b",
        f"Content-Type: {returned}",
        "",
        own,
        "--b--",
        "",
    ]
    return mime.take_apart("\r\n".join(lines).encode()).report


def told(text: str, *lines: str, sender: str = "MAILER-DAEMON@mx.example.org") -> Report | None:
    """Return what a server's plain words say."""
    head = "\r\n".join([f"From: {sender}", "To: support@example.com", *lines])
    return mime.take_apart(f"{head}\r\n\r\n{text}".encode()).report


def test_a_failed_delivery_names_the_recipient_the_reason_and_our_mail() -> None:
    fields = (
        "Reporting-MTA: dns; mx.example.org\r\n\r\nOriginal-Recipient: rfc822;kim@example.org\r\n"
        "Final-Recipient: rfc822; Kim@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 <kim@example.org>:\r\n    no such user here\r\n"
    )
    assert reported("delivery-status", fields) == Report(
        ReportKind.FAILED, "5.1.1", "kim@example.org", "550 5.1.1 <kim@example.org>: no such user here", *ABOUT
    )


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers", "message/rfc822-headers"])
def test_our_mail_is_known_from_what_is_returned(returned: str) -> None:
    seen = reported("delivery-status", "X: y\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n", returned)
    assert seen
    assert (seen.original_id, seen.original_to) == ABOUT


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.0.0", ReportKind.FAILED),
        ("Failure", "", ReportKind.FAILED),
        ("delayed", "4.4.1", ReportKind.DELAYED),
        ("delivered", "2.0.0", ReportKind.DELIVERED),
        ("relayed", "2.0.0", ReportKind.DELIVERED),
        ("", "5.1.1", ReportKind.FAILED),
        ("", "4.4.7 (message expired)", ReportKind.DELAYED),
        ("odd", "odd", ReportKind.OTHER),
    ],
)
def test_the_action_decides_and_else_the_status(action: str, status: str, kind: ReportKind) -> None:
    fields = f"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b.c\r\nAction: {action}\r\nStatus: {status}\r\n"
    seen = reported("delivery-status", fields)
    assert seen
    assert seen.kind is kind


def test_of_several_recipients_the_one_who_was_not_reached_counts() -> None:
    fields = (
        "Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b.c\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n"
        "Final-Recipient: rfc822; d@e.f\r\nAction: failed\r\nStatus: 5.2.2\r\n"
    )
    seen = reported("delivery-status", fields, own="Subject: x\r\n")
    assert seen
    assert (seen.kind, seen.recipient, seen.original_to) == (ReportKind.FAILED, "d@e.f", ("a@b.c", "d@e.f"))


def test_a_better_status_in_the_diagnosis_counts() -> None:
    fields = "X: y\r\n\r\nAction: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 5.7.1 rejected\r\n"
    seen = reported("delivery-status", fields)
    assert seen
    assert seen.status == "5.7.1"


def test_a_mail_that_was_opened_is_reported_as_read() -> None:
    fields = (
        "Final-Recipient: rfc822; kim@example.org\r\nOriginal-Message-ID: <threadline.d2.b@example.com>\r\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\r\n"
    )
    seen = reported("disposition-notification", fields, own="")
    assert seen
    assert (seen.kind, seen.original_id) == (ReportKind.READ, "threadline.d2.b@example.com")
    deleted = reported("disposition-notification", "Disposition: automatic-action/MDN-sent-automatically; deleted\r\n")
    assert deleted
    assert deleted.kind is ReportKind.OTHER


def test_a_complaint_names_our_mail_and_who_complained() -> None:
    fields = "Feedback-Type: abuse\r\nUser-Agent: X/1\r\nVersion: 1\r\n\r\nOriginal-Rcpt-To: <kim@example.org>\r\n"
    assert reported("feedback-report", fields) == Report(ReportKind.FEEDBACK, "", "kim@example.org", "abuse", *ABOUT)


EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  kim@example.org
    SMTP error from remote mail server after RCPT TO:<kim@example.org>:
    550 5.1.1 <kim@example.org>... User unknown

------ This is a copy of the message, including all the headers. ------

Message-ID: <threadline.d1.a@example.com>
To: kim@example.org
"""
QMAIL = """Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.

<kim@example.org>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 User unknown
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.

Message-ID: <threadline.d1.a@example.com>
To: kim@example.org
"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (EXIM, ["X-Failed-Recipients: kim@example.org", "Subject: Mail delivery failed: returning message to sender"]),
        (EXIM, ["Subject: Mail delivery failed: returning message to sender"]),
        (QMAIL, ["Subject: failure notice"]),
        (QMAIL, ["Return-Path: <>", "Subject: Your mail"]),
    ],
)
def test_the_plain_words_of_a_server_are_understood(text: str, lines: list[str]) -> None:
    seen = told(text, *lines)
    assert seen
    assert (seen.kind, seen.status, seen.recipient) == (ReportKind.FAILED, "5.1.1", "kim@example.org")
    assert "550 5.1.1" in seen.detail
    assert (seen.original_id, seen.original_to) == ABOUT


def test_a_warning_in_plain_words_is_a_delay() -> None:
    text = (
        "THIS IS A WARNING ONLY. Your message was not delivered for 4 hours. It will be retried.\n\n<kim@example.org>"
    )
    seen = told(text, "Subject: Delayed Mail (still being retried)")
    assert seen
    assert (seen.kind, seen.recipient) == (ReportKind.DELAYED, "kim@example.org")


@pytest.mark.parametrize(
    ("sender", "lines"),
    [
        ("kim@example.org", ["Subject: Mail delivery failed"]),
        ("kim@example.org", ["Subject: Undelivered parcel", "Return-Path: <kim@example.org>"]),
        ("kim@example.org", ["Subject: Away", "Return-Path: <>"]),
    ],
)
def test_a_person_who_writes_about_a_failure_reports_nothing(sender: str, lines: list[str]) -> None:
    assert told("I am away until Monday.", *lines, sender=sender) is None


def test_a_bounce_that_a_customer_forwards_is_no_report() -> None:
    inner = (
        "From: MAILER-DAEMON@mx.example.org\r\nContent-Type: multipart/report; boundary=i\r\n\r\n--i\r\n\r\nSorry\r\n"
        "--i\r\nContent-Type: message/delivery-status\r\n\r\nX: y\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n--i--\r\n"
    )
    raw = (
        "From: kim@example.org\r\nSubject: What is this?\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
        f"--o\r\n\r\nWhat is this?\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--o--\r\n"
    )
    seen = mime.take_apart(raw.encode())
    assert seen.report is None
    assert seen.text.startswith("What is this?")


@pytest.mark.parametrize(
    "fields", ["", "\r\n\r\n\r\n", "no fields here", "Action: failed", "Status: 9.9.9", "\0\0: \xff"]
)
def test_a_broken_report_is_a_report_all_the_same(fields: str) -> None:
    assert reported("delivery-status", fields) is not None
    assert reported("feedback-report", fields) is not None
    assert reported("disposition-notification", fields) is not None


def test_most_real_bounces_name_who_was_not_reached_and_which_mail() -> None:
    """Of 118 bounces 117 are told as a report (one is a list's 'you are not a member') and 99 carry a Message-ID."""
    path = DATA / "manifest.jsonl"
    if not path.exists():
        pytest.skip("needs ../shared/data/inbound_mail, which is not part of the repository")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    bounces = [row for row in rows if row["class"] in {"bounce", "bounce_delay"}]
    found = [mime.take_apart((DATA / row["file"]).read_bytes()).report for row in bounces]
    reports = [one for one in found if one]
    assert len(reports) >= 0.99 * len(bounces)
    assert sum(one.kind in {ReportKind.FAILED, ReportKind.DELAYED} for one in reports) == len(reports)
    assert sum(bool(one.recipient) for one in reports) >= 0.99 * len(reports)
    assert sum(bool(one.original_id) for one in reports) >= 0.8 * len(reports)
