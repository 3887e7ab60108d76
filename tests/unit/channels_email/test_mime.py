"""Mails are read whatever they are made of: each case is a way in which real mail programs write, or break, a mail."""

import base64
import json
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.mail import Address, Mail
from channels.email.mime import head, parts
from channels.email.mime import read as mime

DATA = Path(__file__).parents[4] / "shared" / "data" / "inbound_mail"  # real mails beside the checkout
HEAD = b"From: Kim Doe <kim@example.org>\r\nTo: support@example.com\r\nSubject: My bike\r\n"

SIGNED_BY_OPENSSL = b"""
MIICowYJKoZIhvcNAQcCoIIClDCCApACAQExDzANBglghkgBZQMEAgEFADCBvwYJ
KoZIhvcNAQcBoIGxBIGuQ29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ7IGJv
dW5kYXJ5PWINCg0KLS1iDQpDb250ZW50LVR5cGU6IHRleHQvcGxhaW47IGNoYXJz
ZXQ9dXRmLTgNCg0KU2lnbmVkIHdvcmRzLg0KLS1iDQpDb250ZW50LVR5cGU6IGFw
cGxpY2F0aW9uL3BkZjsgbmFtZT1iaWxsLnBkZg0KDQolUERGDQotLWItLQ0KMYIB
tjCCAbICAQEwJTANMQswCQYDVQQDDAJqbwIUE0yybux91ULfNXx8MAY7uA6QH28w
DQYJYIZIAWUDBAIBBQCggeQwGAYJKoZIhvcNAQkDMQsGCSqGSIb3DQEHATAcBgkq
"""
"""The beginning of what `openssl smime -sign -nodetach` writes; the signature itself is not looked at."""


def mail(body: bytes, *fields: bytes) -> Mail:
    """Return a mail of Kim's, read without the net that catches our mistakes."""
    return mime.take_apart(HEAD + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body)


def multipart(kind: str, *inner: bytes, boundary: str = "b1") -> bytes:
    """Return a multipart with its Content-Type on top."""
    line = f"--{boundary}\r\n".encode()
    opened = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return opened + b"".join(line + one + b"\r\n" for one in inner) + f"--{boundary}--\r\n".encode()


def part(content: bytes, kind: str = "text/plain; charset=utf-8", *fields: str) -> bytes:
    """Return one part."""
    lines = "".join(f"{line}\r\n" for line in (f"Content-Type: {kind}", *fields))
    return lines.encode() + b"\r\n" + content


def read(body_with_type: bytes) -> Mail:
    """Return a mail of Kim's whose head goes on in `body_with_type`."""
    return mime.take_apart(HEAD + body_with_type)


def files(of: Mail) -> list[tuple[str, str, bytes, bool]]:
    """Return the files of a mail as plain values."""
    return [(one.name, one.type, one.content, one.inline) for one in of.attachments]


def test_a_plain_mail_has_its_words_and_its_head() -> None:
    seen = mail(
        b"It squeaks.\r\n",
        b"Message-ID: <1@example.org>",
        b"In-Reply-To: <0@example.com>",
        b"References: <a@example.com>\r\n <0@example.com>",
        b"Date: Fri, 20 Nov 2026 10:00:00 +0100",
        b"Cc: lee@example.org, LEE@example.org",
        b"Reply-To: Kim <kim@home.example>",
    )
    assert (seen.from_, seen.subject, seen.text) == (Address("kim@example.org", "Kim Doe"), "My bike", "It squeaks.")
    assert (seen.message_id, seen.in_reply_to) == ("1@example.org", ("0@example.com",))
    assert seen.references == ("a@example.com", "0@example.com")
    assert seen.date == 1795165200.0
    assert (seen.cc, seen.reply_to) == ((Address("lee@example.org"),), (Address("kim@home.example", "Kim"),))
    assert (seen.html, seen.attachments, seen.report, seen.unreadable, seen.left_out) == ("", (), None, "", "")


def test_text_and_html_are_two_forms_of_one_thing() -> None:
    seen = read(multipart("alternative", part(b"Hi."), part(b"<p>Hi.</p>", "text/html")))
    assert (seen.text, seen.html) == ("Hi.", "<p>Hi.</p>")


def test_what_stands_before_and_after_a_picture_is_read_in_order() -> None:
    photo = part(b"\xff\xd8", "image/jpeg; name=wheel.jpg", "Content-Disposition: inline")
    seen = read(multipart("mixed", part(b"Look:"), photo, part(b"Can you help?")))
    assert seen.text == "Look:\n\nCan you help?"
    assert files(seen) == [("wheel.jpg", "image/jpeg", b"\xff\xd8", False)]


def test_words_that_exist_only_as_html_are_not_hidden_behind_a_text() -> None:
    seen = read(multipart("mixed", part(b"<p>Please help.</p>", "text/html"), part(b"-- \nList footer & more")))
    assert seen.text == ""
    assert "<p>Please help.</p>" in seen.html
    assert "List footer &amp; more" in seen.html


def test_a_picture_that_the_html_shows_is_inline_and_another_is_not() -> None:
    shown = part(b"1", "image/png; name=a.png", "Content-ID: <Pic.1@x>")
    beside = part(b"2", "image/png; name=b.png", "Content-ID: <pic.2@x>")
    page = part(b'<img src="cid:pic.1@x">', "text/html")
    assert [one.inline for one in read(multipart("related", page, shown, beside)).attachments] == [True, False]


def test_a_forwarded_mail_is_part_of_what_the_customer_sent() -> None:
    bill = part(b"%PDF", "application/pdf; name=bill.pdf")
    inner = b"From: Shop <shop@example.net>\r\nSubject: Your bill\r\n" + multipart("mixed", part(b"You owe 5."), bill)
    seen = read(multipart("mixed", part(b"Is this right?"), part(inner, "message/rfc822"), boundary="b0"))
    assert seen.text == "Is this right?\n\nForwarded: Your bill, from Shop <shop@example.net>\n\nYou owe 5."
    assert [one.name for one in seen.attachments] == ["bill.pdf"]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_a_forwarded_mail_is_read_though_it_must_not_be_encoded(encoding: str) -> None:
    inner = b"From: shop@example.net\r\nSubject: Bill\r\n\r\nYou owe 5.\r\n"
    packed = base64.encodebytes(inner) if encoding == "base64" else inner.replace(b"=", b"=3D")
    seen = read(multipart("mixed", part(packed, "message/rfc822", f"Content-Transfer-Encoding: {encoding}")))
    assert seen.text == "Forwarded: Bill, from shop@example.net\n\nYou owe 5."


def test_a_file_that_is_a_text_is_a_file() -> None:
    log = part(b"error 5", "text/plain; name=app.log", "Content-Disposition: attachment; filename=app.log")
    page = part(b"<p>x</p>", "text/html; name=page.html", 'Content-Disposition: attachment; filename="page.html"')
    seen = read(multipart("mixed", part(b"See the log."), log, page))
    assert (seen.text, seen.html) == ("See the log.", "")
    assert [one.name for one in seen.attachments] == ["app.log", "page.html"]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=plain.pdf", "plain.pdf"),
        ('attachment; filename="with \\"quotes\\" and; more.pdf"', 'with "quotes" and; more.pdf'),
        ("attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf", "Grüße.pdf"),
        ("attachment; filename*=iso-8859-1'de'Gr%FC%DFe.pdf; filename=x.pdf", "Grüße.pdf"),
        ('attachment; filename*0="a very "; filename*1="long name.pdf"', "a very long name.pdf"),
        ("attachment; filename*1*=%20name.pdf; filename*0*=utf-8''Gr%C3%BCn", "Grün name.pdf"),
        ('attachment; filename="=?utf-8?B?R3LDvMOfZS5wZGY=?="', "Grüße.pdf"),
        ("attachment; filename==?utf-8?Q?Gr=C3=BC=C3=9Fe.pdf?=", "Grüße.pdf"),
        ('attachment; filename="=?utf-8?Q?Gr=C3=BC?=\r\n =?utf-8?Q?=C3=9Fe.pdf?="', "Grüße.pdf"),
        ("attachment; filename*=nonsense''x%FFy.pdf", "xÿy.pdf"),
        ('attachment; filename="../../x"', "../../x"),
        ("attachment", "file.pdf"),
    ],
)
def test_a_file_has_the_name_that_people_gave_it(disposition: str, name: str) -> None:
    seen = read(multipart("mixed", part(b"%PDF", "application/pdf", f"Content-Disposition: {disposition}")))
    assert [one.name for one in seen.attachments] == [name]


def test_a_name_in_raw_bytes_is_read_too() -> None:
    for raw in ("Grüße.pdf".encode(), "Grüße.pdf".encode("latin-1")):
        one = b'Content-Type: application/pdf; name="' + raw + b'"\r\n\r\n%PDF'
        assert [one.name for one in read(multipart("mixed", one)).attachments] == ["Grüße.pdf"]


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        ("image/png", [], "picture.png"),
        ("application/octet-stream", [], "file.bin"),
        ("audio/mpeg", [], "recording.mp3"),
        ("image/png", ["Content-ID: <image001.png@01D0.A>"], "image001.png"),
        ("image/jpeg", ["Content-Location: http://x.example/a/Photo25.jpg?y=1"], "Photo25.jpg"),
    ],
)
def test_a_file_without_a_name_gets_one(kind: str, fields: list[str], name: str) -> None:
    assert [one.name for one in read(multipart("mixed", part(b"1", kind, *fields))).attachments] == [name]


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("iso-8859-1", "Grüße €".encode("cp1252"), "Grüße €"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("us-ascii", "Grüße".encode("latin-1"), "Grüße"),
        ("", "Grüße".encode("latin-1"), "Grüße"),
        ("utf-8", "Grüße".encode("latin-1"), "Grüße"),
        ("utf-8", "Привет, как дел".encode()[:-1], "Привет, как де\ufffd"),
        ("x-unknown", "Grüße".encode(), "Grüße"),
        ("no such charset \x00", "Grüße".encode(), "Grüße"),
        ("cp-850", "Grüße".encode("cp850"), "Grüße"),
        ("ibm-850", "Grüße".encode("cp850"), "Grüße"),
        ("ks_c_5601-1987", "안녕".encode("cp949"), "안녕"),
        ("ks_c_5601", "안녕".encode("cp949"), "안녕"),
        ("gb2312", "镕 你好".encode("gb18030"), "镕 你好"),
        ("shift_jis", "①こんにちは".encode("cp932"), "①こんにちは"),
        ("iso-2022-jp", "こんにちは".encode("iso2022_jp"), "こんにちは"),
        ("", "こんにちは".encode("iso2022_jp"), "こんにちは"),
        ("unicode-1-1-utf-7", "Grüße".encode("utf-7"), "Grüße"),
        ("windows-1251", "Привет".encode("cp1251"), "Привет"),
        ("koi8-r", "Привет".encode("koi8_r"), "Привет"),
        ("utf-16", "Grüße".encode("utf-16"), "Grüße"),
        ("unicode_escape", b"a\\u0000b", "a\\u0000b"),
        ("punycode", b"a-b", "a-b"),
        ("base64", b"aGk=", "aGk="),
    ],
)
def test_text_is_read_in_the_charset_that_it_really_has(charset: str, raw: bytes, text: str) -> None:
    kind = f'text/plain; charset="{charset}"' if charset else "text/plain"
    assert mail(raw, f"Content-Type: {kind}".encode()).text == text


def test_a_page_that_names_its_charset_is_believed() -> None:
    page = '<meta charset="windows-1251"><p>Привет</p>'.encode("cp1251")
    assert "Привет" in mail(page, b"Content-Type: text/html").html


def test_nul_and_half_characters_are_never_in_a_text() -> None:
    seen = mail(b"a\0b \xed\xa0\x80 c", b"Content-Type: text/plain; charset=utf-8", b"X-Odd: a\0b")
    assert seen.text.startswith("ab ")
    assert seen.header("x-odd") == "ab"
    seen.text.encode()
    seen = mail(b"x\xd8\x00y", b"Content-Type: text/plain; charset=utf-7")
    seen.text.encode()


@pytest.mark.parametrize(
    ("encoding", "raw", "content"),
    [
        ("base64", b"SGVsbG8=", b"Hello"),
        ("BASE64 ", b"SGVs\r\nbG8", b"Hello"),
        ("base64;", b"SGV!sb*G8=", b"Hello"),
        ("base64", b"SGVsbG8=\r\nSGVsbG8=", b"HelloHello"),
        ("base64", b"SGVsbG8gQQ==X", b"Hello A"),
        ("quoted-printable", b"H=65llo=\r\n you=3D=ZZ", b"Hello you==ZZ"),
        ("8bit", b"Hello", b"Hello"),
        ("text/html", b"Hello", b"Hello"),
        ("x-uuencode", b"begin 644 x\r\n%2&5L;&\\\r\n`\r\nend\r\n", b"Hello"),
    ],
)
def test_a_broken_transfer_encoding_is_undone_as_well_as_it_can_be(encoding: str, raw: bytes, content: bytes) -> None:
    one = part(raw, "application/x-data; name=x", f"Content-Transfer-Encoding: {encoding}")
    assert read(multipart("mixed", one)).attachments[0].content == content


def test_one_damaged_line_of_base64_costs_one_line() -> None:
    lines = base64.encodebytes("Der Schlauch ist kaputt, können Sie helfen? ".encode() * 8).splitlines()
    lines[2] = lines[2][:30] + lines[2][31:]
    seen = mail(b"\r\n".join(lines), b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: base64")
    assert seen.text.endswith("können Sie helfen?")


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
        (b"=?utf-8?q?Gr=C3=BC=C3?= =?utf-8?q?=9Fe?=", "Grüße"),
        (b"=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_an_alle?=", "Grüße an alle"),
        (b"=?utf-8?q?a?= und =?utf-8?q?b?=", "a und b"),
        (b"=?utf-8?q?a b c?=", "a b c"),
        (b"=?utf-8?q?Why?_So?=", "Why? So"),
        (b"=?iso-8859-1*de?q?Gr=FC=DFe?=", "Grüße"),
        (b"=?x-unknown?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        ("こんにちは".encode("iso2022_jp"), "こんにちは"),
        (b"=?utf-8?q?two=0D=0ABcc=3A_x@example.org?=", "two Bcc: x@example.org"),
        (b"a\rBcc: x@example.org", "a Bcc: x@example.org"),
    ],
)
def test_a_subject_is_one_line_of_words(raw: bytes, subject: str) -> None:
    seen = mime.take_apart(b"From: kim@example.org\r\nSubject: " + raw + b"\r\n\r\nHi")
    assert seen.subject == subject
    assert "bcc" not in seen.headers


@pytest.mark.parametrize(
    ("raw", "address", "name"),
    [
        (b"kim@example.org", "kim@example.org", ""),
        (b"Kim Doe <KIM@Example.ORG>", "kim@example.org", "Kim Doe"),
        (b'"Doe, Kim" <kim@example.org>', "kim@example.org", "Doe, Kim"),
        (b"kim@example.org (Kim Doe)", "kim@example.org", "Kim Doe"),
        (b"=?utf-8?q?J=C3=B6rg?= <j@example.org>", "j@example.org", "Jörg"),
        (b'"=?utf-8?q?J=C3=B6rg?=" <j@example.org>', "j@example.org", "Jörg"),
        (b"=?utf-8?q?Kim_=3Ckim@example.org=3E?=", "kim@example.org", "Kim"),
        (b"=?utf-8?q?ceo@example.com?= <kim@example.org>", "kim@example.org", "ceo@example.com"),
        (b"=?utf-8?q?x=22_=3Cceo@example.com=3E=2C?= <kim@example.org>", "kim@example.org", 'x" <ceo@example.com>,'),
        (b'"ceo@example.com" <kim@example.org>', "kim@example.org", "ceo@example.com"),
        (b"Kim <kim> <kim@example.org>", "kim@example.org", "Kim"),
        (b'Kim "the bike <kim@example.org>', "kim@example.org", "Kim the bike"),
        (b"Kim (the bike <kim@example.org>", "kim@example.org", "Kim the bike"),
        (b"<@a.example,@b.example:kim@example.org>", "kim@example.org", ""),
        (b"Kim <kim@example(comment).org>", "kim@example.org", "Kim"),
        (b"MAILER-DAEMON", "", "MAILER-DAEMON"),
        (b"<>", "", ""),
        (b"", "", ""),
        (b"x" * 10_000 + b" <kim@example.org>", "kim@example.org", "x" * 300),
        (b"x" * 10_000 + b"@example.org", "", ""),
    ],
)
def test_from_is_the_address_that_stands_there_and_no_other(raw: bytes, address: str, name: str) -> None:
    assert mime.take_apart(b"From: " + raw + b"\r\n\r\nHi").from_ == Address(address, name)


def test_groups_and_lists_of_people_are_flattened_and_have_an_end() -> None:
    seen = mime.take_apart(b"From: a@b.c\r\nTo: Team: x@b.c, Y <y@b.c>;, undisclosed-recipients:;\r\n\r\nHi")
    assert [one.address for one in seen.to] == ["x@b.c", "y@b.c"]
    crowd = b", ".join(b"u%d@b.c" % number for number in range(5_000))
    assert len(mime.take_apart(b"From: a@b.c\r\nTo: " + crowd + b"\r\n\r\nHi").to) == head.MOST_ADDRESSES


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 32 Foo 2026", "Mon, 1 Jan 99999999 00:00:00 +0000", "0" * 500])
def test_a_date_that_is_none_is_none(date: str) -> None:
    assert mail(b"Hi", b"Date: " + date.encode()).date is None


def test_a_date_in_the_far_future_is_what_the_mail_says() -> None:
    assert mail(b"Hi", b"Date: Thu, 1 Jan 2099 00:00:00 +0000").date == 4070908800.0


def test_wrapped_lines_are_joined_and_quotes_keep_their_marks() -> None:
    body = b"This is one \r\nlong line.\r\n\r\n> They said \r\n> hello.\r\n>> earlier\r\n stuffed\r\n-- \r\nKim\r\n"
    seen = mail(body, b"Content-Type: text/plain; format=flowed")
    assert seen.text == "This is one long line.\n\n> They said hello.\n>> earlier\nstuffed\n-- \nKim"
    seen = mail("ひら \r\nがな".encode(), b"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes")
    assert seen.text == "ひらがな"


def test_an_invitation_becomes_a_line() -> None:
    event = (
        b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\n"
        b"DTSTART:19701025T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
        b"SUMMARY:Fitting\\, second\r\nDTSTART;TZID=Europe/Berlin:20261124T090000\r\n"
        b"DTEND;TZID=Europe/Berlin:20261124T093000\r\nLOCATION:Shop\r\n"
        b'ORGANIZER;CN="Doe, Kim":mailto:kim@example.org\r\nATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:support@exa\r\n'
        b" mple.com\r\nBEGIN:VALARM\r\nSUMMARY:ring\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    seen = read(multipart("alternative", part(b"See you."), part(event, "text/calendar; method=REQUEST")))
    assert seen.text == (
        "See you.\n\nInvitation: Fitting, second, 2026-11-24 09:00 to 09:30 (Europe/Berlin), at Shop, "
        "from Doe, Kim, with support@example.com"
    )
    assert [one.name for one in seen.attachments] == ["invite.ics"]


def test_a_signed_mail_is_read_and_its_signature_is_no_file() -> None:
    for kind in ("application/pgp-signature", "application/pkcs7-signature; name=smime.p7s"):
        seen = read(multipart("signed", part(b"I mean it."), part(b"xx", kind)))
        assert (seen.text, seen.attachments) == ("I mean it.", ())


def test_a_mail_signed_in_one_piece_is_opened() -> None:
    kind = b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    seen = mail(SIGNED_BY_OPENSSL, kind, b"Content-Transfer-Encoding: base64")
    assert (seen.text, [one.name for one in seen.attachments], seen.unreadable) == ("Signed words.", ["bill.pdf"], "")


def test_a_clear_signed_text_loses_only_its_frame() -> None:
    body = (
        b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nHello.\r\n- -- \r\nKim\r\n"
        b"-----BEGIN PGP SIGNATURE-----\r\n\r\nabc\r\n-----END PGP SIGNATURE-----\r\nList footer\r\n"
    )
    assert mail(body).text == "Hello.\n-- \nKim\nList footer"


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (
            multipart(
                "encrypted", part(b"Version: 1", "application/pgp-encrypted"), part(b"x", "application/octet-stream")
            ),
            mime.ENCRYPTED_PGP,
        ),
        (part(b"-----BEGIN PGP MESSAGE-----\r\n\r\nabc\r\n-----END PGP MESSAGE-----\r\n"), mime.ENCRYPTED_PGP),
        (part(b"0\x82", "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"), mime.ENCRYPTED_SMIME),
    ],
)
def test_an_encrypted_mail_says_so(raw: bytes, sentence: str) -> None:
    seen = read(raw)
    assert (seen.unreadable, seen.text, seen.html, seen.attachments) == (sentence, "", "", ())


def test_an_encrypted_file_in_a_mail_that_can_be_read_is_a_file() -> None:
    sealed = part(b"0\x82", "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m")
    seen = read(multipart("mixed", part(b"Hi"), sealed))
    assert (seen.text, seen.unreadable, [one.name for one in seen.attachments]) == ("Hi", "", ["smime.p7m"])


def test_a_uuencoded_file_in_the_text_is_a_file() -> None:
    seen = mail(b"Here it is:\r\nbegin 644 note.txt\r\n%2&5L;&\\\r\n`\r\nend\r\nBye\r\n")
    assert files(seen) == [("note.txt", "application/octet-stream", b"Hello", False)]
    assert seen.text == "Here it is:\nBye"
    prose = "begin 100 miles away\nand never\nend"
    assert mail(prose.encode()).text == prose


def tnef(*entries: tuple[int, bytes]) -> bytes:
    """Return a winmail.dat as MS-OXTNEF has it; the checksums are not looked at."""
    packed = [struct.pack("<BHHI", 2, entry, 0, len(data)) + data + b"\0\0" for entry, data in entries]
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(packed)


def properties(*values: tuple[int, int, bytes]) -> bytes:
    """Return a MAPI property list of strings (0x1F) and bytes (0x102)."""
    packed = struct.pack("<I", len(values))
    for name, kind, value in values:
        packed += struct.pack("<HHII", kind, name, 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return packed


def test_what_outlook_packs_into_winmail_dat_is_unpacked() -> None:
    names = properties((0x3707, 0x1F, "Grüße.pdf\0".encode("utf-16-le")), (0x370E, 0x1E, b"application/pdf\0"))
    page = properties((0x1013, 0x102, b"<p>Hello</p>"))
    package = tnef((0x9003, page), (0x9002, b""), (0x8010, b"GRE~1.PDF\0"), (0x800F, b"%PDF"), (0x9005, names))
    one = part(package, "application/ms-tnef; name=winmail.dat", "Content-Transfer-Encoding: binary")
    assert files(read(multipart("mixed", part(b"Hi"), one))) == [("Grüße.pdf", "application/pdf", b"%PDF", False)]
    seen = read(multipart("mixed", one))
    assert (seen.text, seen.html) == ("", "<p>Hello</p>")


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_broken_winmail_dat_gives_what_can_be_read(cut: int) -> None:
    package = tnef((0x9002, b""), (0x8010, b"a.txt\0"), (0x800F, b"abc"), (0x9005, properties((0x3707, 0x1E, b"b"))))
    kept = read(multipart("mixed", part(package[:cut], "application/ms-tnef; name=winmail.dat"))).attachments
    assert all(one.name for one in kept)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\r\n\r\n" + HEAD + b"\r\nHi", "Hi"),
        (b"From kim@example.org Fri Nov 20 10:00:00 2026\n" + HEAD + b"\r\nHi", "Hi"),
        (HEAD.replace(b"\r\n", b"\n") + b"\nHi", "Hi"),
        (HEAD.replace(b"\r\n", b"\r") + b"\rHi", "Hi"),
        (HEAD.replace(b"\r\n", b"\r\r\n") + b"\r\r\nHi", "Hi"),
        (HEAD + b"a line that is none\r\nX-More: 1\r\n\r\nHi", "Hi"),
        (HEAD + b"Content-Type: text\r\n\r\nHi", "Hi"),
        (HEAD + b"Content-Type: multipart/mixed\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nHi\r\n--x--", "Hi"),
        (HEAD + b"Content-Type: multipart/mixed; boundary=no\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nHi", "Hi"),
        (HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\nHi", "Hi"),
        (HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHi", "Hi"),
        (HEAD + b'Content-Type: multipart/mixed; boundary="x"\r\n\r\nno\r\n--x \r\n\r\nHi\r\n--x-- \r\nno', "Hi"),
        (HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHi\r\n--xy\r\n--x--", "Hi\n--xy"),
    ],
)
def test_a_mail_that_is_built_badly_is_read(raw: bytes, text: str) -> None:
    seen = mime.take_apart(raw)
    assert (seen.from_.address, seen.text) == ("kim@example.org", text)


def test_what_is_beyond_the_limits_is_said() -> None:
    many = read(multipart("mixed", *[part(b"1", "image/png")] * (parts.MOST_PARTS + 1)))
    assert (len(many.attachments), many.left_out) == (mime.MOST_FILES, mime.CUT)
    nested = part(b"deep")
    for number in range(1_000):
        nested = multipart("mixed", nested, boundary=f"b{number}")
    deep = read(nested)
    assert deep.left_out == mime.CUT
    assert b"deep" in deep.attachments[0].content
    long = mail(b"word " * 1_000_000)
    assert (len(long.text), long.left_out) == (mime.MOST_TEXT, mime.CUT)


LINE = b"The chain squeaks and I do not know why.\r\n"
HOSTILE = {
    "25 MB of text": HEAD + b"\r\n" + LINE * 600_000,
    "1,000 forwarded mails in each other": (HEAD + b"Content-Type: message/rfc822\r\n\r\n") * 1_000 + b"Hi",
    "10,000 headers": HEAD + b"X-A: =?utf-8?q?=C3=A4?=\r\n" * 10_000 + b"\r\nHi",
    "a subject of 1 MB": b"Subject: " + b"=?utf-8?q?=C3=A4?= " * 50_000 + b"\r\n\r\nHi",
    "encoded words without an end": b"To: " + b"=?a?q?x" * 50_000 + b"\r\n\r\nHi",
    "quotes without an end": b"To: " + b'"\\' * 150_000 + b"\r\n\r\nHi",
    "brackets without an end": b"To: " + b"(" * 150_000 + b"<" * 150_000 + b"\r\n\r\nHi",
    "a long word before an @": b"From: " + b"x" * 300_000 + b"@\r\n\r\nHi",
    "lines that look like a boundary": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\r\n\r\n"
    + b"--B x\r\n" * 10**6,
    "a parameter of spaces": HEAD + b"Content-Type: text/plain; a" + b" " * 300_000 + b"\r\n\r\nHi",
    "files that never begin": HEAD + b"\r\n" + b"begin 644 x\r\n" * 300_000 + b"end\r\n",
    "5 MB of spaces": HEAD + b"\r\nx" + b" " * 5_000_000 + b"x",
    "PGP frames without an end": HEAD + b"\r\n" + b"-----BEGIN PGP MESSAGE-----\n" * 100_000,
    "a bounce of one word": b"From: mailer-daemon@example.org\r\nSubject: failed\r\n\r\n" + b"a" * 1_000_000,
    "2,000,000 entries of a winmail.dat": HEAD
    + b"Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\0\0"
    + b"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" * 2_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_mail_takes_long(name: str) -> None:
    began = time.process_time()
    mime.take_apart(HOSTILE[name])
    assert time.process_time() - began < 4


TYPES = st.sampled_from(
    [
        "text/plain", "text/html; charset=utf-8", "text/plain; charset=utf-7; format=flowed", "image/png; name=a.png",
        "message/rfc822", "message/delivery-status", "multipart/report; report-type=delivery-status", "text/calendar",
        "application/ms-tnef", "application/pkcs7-mime", "multipart/alternative; boundary=x", "text/enriched", "a", "",
        "multipart/digest", "application/pgp-encrypted", 'text/plain; charset="', "text/plain; name*0*=%; name*1=x",
    ]
)  # fmt: skip
ENCODINGS = st.sampled_from([b"", b"base64", b"quoted-printable", b"x-uuencode", b"7bit", b"\xff"])
PIECES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [
            b"\r\n", b"\n\n", b"--x\r\n", b"--x--\r\n", b"=?utf-8?q?", b"?=", b"begin 644 a\r\n", b"end\r\n", b"\0",
            b"Content-Type: message/rfc822\r\n\r\n", b"-----BEGIN PGP SIGNED MESSAGE-----\r\n", b"\x78\x9f\x3e\x22",
            b"BEGIN:VEVENT\r\nDTSTART:20260101\r\nEND:VEVENT\r\n", b"Action: failed\r\nStatus: 5.1.1\r\n\r\n", b"0\x80",
            b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80", b"\x02\x90\x0f\x80", b"<a@b.c>", b"\xed\xa0\x80",
        ]
    ),
)  # fmt: skip
BODIES = st.lists(PIECES, max_size=8).map(b"".join)


def leaf(kind: str, encoding: bytes, body: bytes) -> bytes:
    """Return a part of random make."""
    return f"Content-Type: {kind}\r\n".encode() + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


LEAVES = st.builds(leaf, TYPES, ENCODINGS, BODIES)
KINDS = st.sampled_from(["mixed", "alternative", "related", "report", "signed", "encrypted"])
BOUNDARIES = st.sampled_from(["x", "y", "-", "=_z"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda kind, of, edge: multipart(kind, *of, boundary=edge), KINDS, st.lists(inner, max_size=4), BOUNDARIES
        ),
        inner.map(lambda one: b"Content-Type: message/rfc822\r\n\r\n" + one),
    ),
    max_leaves=8,
)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b"From", b"To", b"Subject", b"Date", b"Message-ID", b"References", b"Return-Path", b"Sender"]),
        st.lists(st.one_of(PIECES, st.sampled_from([b"@", b"<", b">", b'"', b"(", b",", b";", b":"]))).map(b"".join),
    ),
    max_size=6,
).map(lambda lines: b"".join(name + b": " + value + b"\r\n" for name, value in lines))


def fits_a_database(seen: Mail) -> bool:
    """Say whether every text in `seen` can be stored and sent on."""
    names = [one.name for one in seen.attachments]
    people = [one.name + one.address for one in (seen.from_, *seen.to, *seen.cc)]
    heads = [
        seen.subject,
        seen.message_id,
        *seen.references,
        *(value for all_ in seen.headers.values() for value in all_),
    ]
    assert not any("\n" in value or "\r" in value for value in [*heads, *names, *people])
    assert all(names)
    return all(
        "\0" not in text and text.encode() is not None for text in [seen.text, seen.html, *names, *people, *heads]
    )


@settings(max_examples=400, deadline=None)
@given(FIELDS, TREES)
def test_a_mail_made_at_random_is_always_read(fields: bytes, tree: bytes) -> None:
    seen = mime.take_apart(fields + tree)
    assert fits_a_database(seen)
    assert len(seen.attachments) <= mime.MOST_FILES


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_mail_damaged_at_random_is_always_read(data: st.DataObject) -> None:
    raw = bytearray(
        HEAD + multipart("mixed", part("Grüße".encode()), part(SIGNED_BY_OPENSSL, "application/pkcs7-mime"))
    )
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(PIECES)
        raw = raw or bytearray(b"x")
    assert fits_a_database(mime.take_apart(bytes(raw)))


@given(st.binary(max_size=400))
def test_bytes_that_are_no_mail_are_read(raw: bytes) -> None:
    assert fits_a_database(mime.take_apart(raw))


def test_a_mistake_of_ours_never_becomes_an_error_of_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(raw: bytes) -> parts.Tree:
        raise ValueError(len(raw))

    monkeypatch.setattr(mime, "walk", broken)
    assert mime.read(b"From: a@b.c\r\n\r\nHi") == Mail(unreadable=mime.BROKEN)


def real_mails() -> list[dict[str, str]]:
    """Return the rows of the real mails, none where they are not beside the checkout."""
    path = DATA / "manifest.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@pytest.mark.skipif(not real_mails(), reason="needs ../shared/data/inbound_mail, which is not part of the repository")
def test_every_real_mail_is_read() -> None:
    for row in real_mails():
        seen = mime.take_apart((DATA / row["file"]).read_bytes())
        assert fits_a_database(seen), row["id"]
        assert seen.subject or seen.from_.address or seen.text, row["id"]


REAL = {
    "chatwoot/mail_with_inline_images": (
        ["poster (8).jpg", "poster (7).jpg", "poster (1).jpg"],
        "HTML content and inline",
    ),
    "chatwoot/non_utf_encoded_mail": ([], "أنظروا، أنا أحتاجها فقط لتقوم بالتدقيق في مقالتي الشخصية"),
    "flanker/enclosed-bad-encoding": ([], "чтобы я без вас делал, дорогие мои!!!"),
    "flanker/enclosed-broken-body": ([], "чтобы я без вас делал, дорогие мои!!!"),
    "flanker/iphone": (["photo.JPG"], "~Danielle"),
    "mikel_mail/attachment_emails-attachment_with_base64_encoded_name": (["This is a test.pdf"], "encoded filename"),
    "mikel_mail/mime_emails-raw_email_with_illegal_boundary": ([], "This is an outlook test"),
    "mikel_mail/mime_emails-raw_email2": ([], "way these kind of files could be ignored"),
    "mikel_mail/multi_charset-japanese_attachment": (["てすと.txt"], "testing"),
    "mikel_mail/multi_charset-ks_c_5601-1987": ([], "스티해"),
    "mikel_mail/plain_emails-raw_email10": ([], "Envoyé par le service"),
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_mail_has_its_words_and_its_files(name: str) -> None:
    path = DATA / f"{name}.eml"
    if not path.exists():
        pytest.skip("needs ../shared/data/inbound_mail, which is not part of the repository")
    seen = mime.take_apart(path.read_bytes())
    names, words = REAL[name]
    assert [one.name for one in seen.attachments] == names
    assert words in seen.text
