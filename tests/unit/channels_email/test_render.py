"""A letter as a mail: it threads, it says what it is, and nothing a stranger wrote becomes a header."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from channels.email.letters import headers
from channels.email.letters.render import File, Letter, compose, to_bytes
from channels.email.mail import Address
from core.errors import PermanentError
from core.messages import Citation

LETTER = Letter(
    to=(Address("ada@example.com", "Ada Lovelace"),),
    from_address="help@support.example",
    from_name="Example",
    message_id="threadline.d1.t1.abc@support.example",
    date=1_800_000_000.0,
    subject="Which tyres?",
    text_markdown="Two **years** [1], see [the page](https://kb.example/w).",
    delivery="d1",
    reply_to="help+t.t1.abc@support.example",
    in_reply_to="q2@example.com",
    references=("q1@example.com", "a1@support.example"),
    sources=(Citation(1, "Warranty", "https://kb.example/w", "Tyres"), Citation(2, "Returns", "returns.md")),
    foot="To reach a person, answer with the word agent.",
    foot_link="https://support.example/person?t=1&k=2",
    quoted=("On Monday, Ada wrote:", "Which tyres\nhave a warranty?"),
    automatic="auto-replied",
)
NAMES = [
    "Date", "From", "To", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "X-Threadline", "MIME-Version", "Content-Type",
]  # fmt: skip


def sent(letter: Letter) -> EmailMessage:
    """The mail as its reader gets it: out as bytes, and parsed again."""
    return message_from_bytes(to_bytes(compose(letter)), policy=default)


def plain(letter: Letter) -> str:
    body = sent(letter).get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def names(letter: Letter, header: str) -> list[tuple[str, str]]:
    """Names and addresses as RFC 2047 reads them: Python's newer parser puts spaces between encoded words."""
    value = str(message_from_bytes(to_bytes(compose(letter))).get(header, ""))
    return [(str(make_header(decode_header(name))), address) for name, address in getaddresses([value])]


def page(letter: Letter) -> html.HtmlElement:
    body = sent(letter).get_body(("html",))
    assert body is not None
    return html.document_fromstring(body.get_content())


def words(letter: Letter) -> str:
    return " ".join(page(letter).find("body").text_content().split())


def test_the_plain_body_has_answer_sources_foot_and_question() -> None:
    assert plain(LETTER) == (
        "Two years [1], see the page (https://kb.example/w).\n\n"
        "[1] Warranty > Tyres (https://kb.example/w)\n[2] Returns (returns.md)\n\n"
        "-- \nTo reach a person, answer with the word agent.\nhttps://support.example/person?t=1&k=2\n\n"
        "On Monday, Ada wrote:\n> Which tyres\n> have a warranty?\n"
    )


def test_the_html_body_says_the_same() -> None:
    assert words(LETTER) == (
        "Two years [1], see the page. [1] Warranty > Tyres [2] Returns (returns.md) "
        "To reach a person, answer with the word agent. On Monday, Ada wrote: Which tyreshave a warranty?"
    )
    links = [a.get("href") for a in page(LETTER).iter("a")]
    assert links == ["https://kb.example/w", "https://kb.example/w", "https://kb.example/w", LETTER.foot_link]
    assert page(LETTER).xpath("//blockquote[@type='cite']")


def test_a_remark_stands_below_the_sources_and_above_the_foot_in_both_bodies() -> None:
    noted = replace(LETTER, remark="I took <20> files.")
    for body in (plain(noted), words(noted)):
        at = [body.index(piece) for piece in ("Returns (returns.md)", "I took <20> files.", "To reach a person")]
        assert at == sorted(at)


def test_what_a_letter_does_not_have_leaves_no_trace() -> None:
    bare = replace(LETTER, sources=(), foot="", foot_link="", quoted=None, cc=(), text_markdown="Hello.")
    assert plain(bare) == "Hello.\n"
    assert words(bare) == "Hello."
    assert "Cc" not in sent(bare)


def test_the_headers_thread_and_say_that_a_machine_wrote() -> None:
    mail = sent(LETTER)
    assert list(mail.keys()) == NAMES
    assert mail["From"] == "Example <help@support.example>"
    assert mail["To"] == "Ada Lovelace <ada@example.com>"
    assert mail["Reply-To"] == "help+t.t1.abc@support.example"
    assert mail["Message-ID"] == "<threadline.d1.t1.abc@support.example>"
    assert mail["In-Reply-To"] == "<q2@example.com>"
    assert mail["References"] == "<q1@example.com> <a1@support.example> <q2@example.com>"
    assert mail["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-replied", "All")
    assert mail["X-Threadline"] == "d1"


def test_a_persons_answer_carries_their_name_and_is_not_automatic() -> None:
    letter = replace(LETTER, person="Zoë", automatic="")
    mail = sent(letter)
    assert mail["From"].addresses[0].display_name == "Zoë (Example)"
    assert "Auto-Submitted" not in mail
    assert "X-Auto-Response-Suppress" not in mail
    assert mail["X-Threadline"] == "d1"
    assert "-- \nZoë (Example)\nTo reach" in plain(letter)
    assert "Zoë (Example)" in words(letter)


def test_a_letter_gives_the_same_bytes_each_time() -> None:
    letter = replace(LETTER, files=(File("a.txt", "text/plain", b"x"),))
    assert to_bytes(compose(letter)) == to_bytes(compose(letter))


@pytest.mark.parametrize(
    ("subject", "answered"),
    [
        ("Which tyres?", "Re: Which tyres?"),
        ("Re: Which tyres?", "Re: Which tyres?"),
        ("RE: AW: Re[2]: Antw: SV:Which tyres?", "Re: Which tyres?"),
        ("回复：价格", "Re: 价格"),
        ("Re : prix", "Re: prix"),
        ("R: prezzo", "Re: prezzo"),
        ("Fwd: Re: tyres", "Re: Fwd: Re: tyres"),
        ("Regarding: tyres", "Re: Regarding: tyres"),
        ("Recall 12:30", "Re: Recall 12:30"),
        ("Re:", "Re:"),
        ("", "Re:"),
        ("a\r\nBcc: x@example.com", "Re: a Bcc: x@example.com"),
        ("=?utf-8?q?a=0ABcc:_x?=", "Re: =?utf-8?q?a=0ABcc:_x?="),
        ("x" * 300, "Re: " + "x" * 195 + "…"),
        ("é" * 300, "Re: " + "é" * 195 + "…"),
    ],
)
def test_an_answer_has_one_re_and_the_customers_subject(subject: str, answered: str) -> None:
    assert sent(replace(LETTER, subject=subject))["Subject"] == answered


def test_a_mail_that_answers_none_keeps_its_subject_and_names_no_thread() -> None:
    mail = sent(replace(LETTER, subject="Re: [#12] New case", in_reply_to="", references=()))
    assert mail["Subject"] == "Re: [#12] New case"
    assert "In-Reply-To" not in mail
    assert "References" not in mail


def test_a_long_thread_keeps_its_first_and_its_newest_references() -> None:
    ids = tuple(f"m{n}@example.com" for n in range(40))
    named = sent(replace(LETTER, references=ids, in_reply_to=ids[-1]))["References"].split()
    assert named == [f"<{one}>" for one in (ids[0], *ids[-19:])]
    assert sent(replace(LETTER, references=("a@x", "a@x"), in_reply_to="a@x"))["References"] == "<a@x>"


@pytest.mark.parametrize(
    "id_", ["x" * 300 + "@example.com", "a=?utf-8?q?b?=@x", "noat", '"a(b),c"@[x]', "<in-brackets@x>"]
)
def test_an_id_is_given_back_to_the_letter_as_it_came(id_: str) -> None:
    raw = to_bytes(compose(replace(LETTER, in_reply_to=id_, references=(id_, "q1@example.com"))))
    bare = id_.strip("<>").encode()
    assert b"In-Reply-To: <" + bare + b">\r\n" in raw
    assert b"<q1@example.com>\r\n <" + bare + b">\r\n" in raw or b"<q1@example.com> <" + bare + b">\r\n" in raw


@pytest.mark.parametrize("id_", ["", "a b@x", "a\r\nX: y@x", "a>b@x", "ü@x", "x" * 500])
def test_an_id_that_no_mail_can_carry_is_left_out(id_: str) -> None:
    mail = sent(replace(LETTER, in_reply_to=id_, references=(id_, "q1@example.com")))
    assert "In-Reply-To" not in mail
    assert mail["References"] == "<q1@example.com>"
    with pytest.raises(ValueError, match="can't be a Message-ID"):
        compose(replace(LETTER, message_id=id_))


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.L@Example.COM ", "Ada.L@Example.COM"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("ada@例え.example", "ada@xn--r8jz45g.example"),
        ("o'neil+tag!#$%&*/=?^`{|}~_-@example.com", "o'neil+tag!#$%&*/=?^`{|}~_-@example.com"),
        ("a..b.@docomo.example", "a..b.@docomo.example"),
        ('"john doe"@example.com', '"john doe"@example.com'),
        ("ada@[192.0.2.1]", "ada@[192.0.2.1]"),
        ("ada@localhost", "ada@localhost"),
        ("jürgen@example.com", "jürgen@example.com"),
        ("नमस्ते@example.com", "नमस्ते@example.com"),
    ],
)
def test_an_address_is_written_as_mail_servers_take_it(address: str, wire: str) -> None:
    assert headers.mailbox(address) == wire
    raw = to_bytes(compose(replace(LETTER, to=(Address(address, "Ada"),))))
    assert f"To: Ada <{wire}>\r\n".encode() in raw
    assert raw.isascii() is wire.isascii()


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "ada",
            "@example.com",
            "ada@",
            "a b@example.com",
            "a@b@c.example",
            "<ada@example.com>",
            "ada@exam ple.com",
        ),
        *(
            "a,b@x.example",
            "ada@-x.example",
            "ada@x..example",
            "ada@x.example\r\nBcc: eve@x.example",
            '"a"b"@x.example',
        ),
        *(
            "ada\x00@x.example",
            "a\u202eda@x.example",
            "\ud800@x.example",
            "ada@\ud800.example",
            "x" * 250 + "@x.example",
        ),
    ],
)
def test_an_address_that_nobody_can_have_is_refused_with_a_sentence(address: str) -> None:
    with pytest.raises(PermanentError, match="not an address that mail can be sent to"):
        compose(replace(LETTER, to=(Address(address),)))


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("Ada", "Ada"),
        ("Ada, the 'first' (Ms)", "Ada, the 'first' (Ms)"),
        ('A "B" \\ C', 'A "B" \\ C'),
        ("Łukasz, Żółć", "Łukasz, Żółć"),
        ("=?utf-8?q?x=0ABcc:_eve?=", "=?utf-8?q?x=0ABcc:_eve?="),
        ("Ada\r\nBcc: eve@example.com", "Ada Bcc: eve@example.com"),
        ("\u202eadA <help@support.example>", "adA <help@support.example>"),
        ("x" * 300, "x" * 99 + "…"),
        ("", ""),
    ],
)
def test_a_name_is_shown_as_it_was_written_and_does_nothing(name: str, seen: str) -> None:
    letter = replace(LETTER, to=(Address("ada@example.com", name), Address("bob@example.com", name)))
    assert names(letter, "To") == [(seen, "ada@example.com"), (seen, "bob@example.com")]
    assert list(sent(letter).keys()) == NAMES


def test_fifty_people_in_copy_are_all_named() -> None:
    people = tuple(Address(f"p{n}@bücher.example", f"Pérson, {n}") for n in range(50))
    assert names(replace(LETTER, cc=people), "Cc") == [(one.name, headers.mailbox(one.address)) for one in people]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("report.pdf", "report.pdf"),
        ("Größe & Preis.pdf", "Größe & Preis.pdf"),
        ("価格表" * 12 + ".pdf", "価格表" * 12 + ".pdf"),
        ('a"b;c.pdf', "a_b;c.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\secret\\x.doc", "x.doc"),
        ("a\r\nX-Evil: 1.pdf", "a X-Evil_ 1.pdf"),
        ("exe\u202efdp.exe", "exefdp.exe"),
        ("=?utf-8?q?a=0Ab?=.pdf", "=_utf-8_q_a=0Ab_=.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("...", "file"),
        ("", "file"),
    ],
)
def test_a_file_arrives_whole_and_under_its_name(name: str, seen: str) -> None:
    content = bytes(range(256)) * 10
    mail = sent(replace(LETTER, files=(File(name, "application/pdf", content), File("b.txt", "text/plain", b"\n.\n"))))
    first, second = mail.iter_attachments()
    assert (first.get_filename(), first.get_content_type()) == (seen, "application/pdf")
    assert first.get_content_disposition() == "attachment"
    assert first.get_content() == content
    assert second.get_payload(decode=True) == b"\n.\n"
    assert plain(LETTER) in plain(replace(LETTER, files=(File(name, "application/pdf", content),)))


@pytest.mark.parametrize(
    "kind", ["", "pdf", "text/html\r\nX-Evil: 1", "multipart/mixed", "message/rfc822", "a/b; charset=x"]
)
def test_a_type_that_is_none_is_sent_as_plain_bytes(kind: str) -> None:
    part = next(iter(sent(replace(LETTER, files=(File("a", kind, b"x"),))).iter_attachments()))
    assert part.get_content_type() == "application/octet-stream"


def test_a_long_question_is_quoted_only_at_its_beginning() -> None:
    question = "\n".join(f"line {n}" for n in range(30)) + "\n" + "x" * 600
    lines = plain(replace(LETTER, quoted=("Ada wrote:", question))).partition("Ada wrote:\n")[2].splitlines()
    assert lines == [*(f"> line {n}" for n in range(20)), "> …"]
    lines = plain(replace(LETTER, quoted=("", "x" * 600))).splitlines()
    assert lines[-1] == "> " + "x" * 500 + "…"


def test_a_question_in_html_is_quoted_as_words() -> None:
    hostile = replace(LETTER, quoted=("<b>Ada</b> wrote:", "<script>alert(1)</script>\n</blockquote><img src=x>"))
    assert not page(hostile).xpath("//script|//img|//b")
    assert "</blockquote><img src=x>" in words(hostile)


def test_sources_and_foot_are_words_too() -> None:
    hostile = replace(
        LETTER, sources=(Citation(1, "<img src=x>", "javascript:alert(1)"),), foot="<b>x</b>", foot_link="javascript:x"
    )
    assert not page(hostile).xpath("//img|//b|//a[starts-with(@href,'javascript')]")
    assert "javascript:x" not in plain(hostile)


def test_the_language_is_named_only_if_it_is_one() -> None:
    assert page(replace(LETTER, language="de")).get("lang") == "de"
    assert page(replace(LETTER, language='de" onload="x')).get("lang") is None


@pytest.mark.parametrize(
    "text",
    [
        "Grüße 🙂",
        "价格是五元。" * 200,
        "x" * 5000,
        ".\n..\n",
        "From here\n\nFrom there",
        "tail  \n\tx",
        "a\x00b\x1bc\ud800",
    ],
)
def test_any_text_goes_through_seven_bits_and_short_lines(text: str) -> None:
    letter = replace(
        LETTER, text_markdown=text, subject=text, files=(File(text, "text/plain", text.encode(errors="replace")),)
    )
    raw = to_bytes(compose(letter))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 100
    assert re.findall(rb"(?<!\r)\n|\r(?!\n)", raw) == []
    assert "".join(re.findall(r"\w", text)).rstrip("\ud800") in "".join(re.findall(r"\w", plain(letter)))


PIECES = (
    *("\r\n", "\n", "\r", " ", "\x85", "\u2028", "\x00", ",", "<", ">", '"', "\\", ";", ":", "@", "é", "價", "\ud800"),
    *("Bcc: eve@example.com", "=?utf-8?q?=0ABcc:_x?=", "=?", "?=", "x" * 80, "--=_", "/", "multipart/mixed"),
)
WILD = st.text() | st.lists(st.sampled_from(PIECES)).map("".join)


@settings(deadline=None)
@given(name=WILD, company=WILD, subject=WILD, text=WILD, id_=WILD, delivery=WILD, file=WILD, kind=WILD, other=WILD)
def test_nothing_a_stranger_writes_makes_a_header_or_a_part(
    name: str, company: str, subject: str, text: str, id_: str, delivery: str, file: str, kind: str, other: str
) -> None:
    letter = replace(
        LETTER,
        to=(Address("ada@example.com", name),),
        cc=(Address("bob@example.com", other),),
        from_name=company,
        person=name,
        subject=subject,
        text_markdown=text,
        delivery=delivery,
        in_reply_to=id_,
        references=(id_, delivery, "q1@example.com"),
        sources=(Citation(1, name, other, subject),),
        foot=other,
        foot_link=text,
        quoted=(name, text),
        files=(File(file, kind, text.encode(errors="replace")),),
        language=kind,
    )
    raw = to_bytes(compose(letter))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998
    mail = message_from_bytes(raw, policy=default)
    assert set(mail.keys()) <= {*NAMES, "Cc"}
    assert len(mail.keys()) == len(set(mail.keys()))
    assert [part.get_content_type() for part in mail.walk()][:4] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html",
    ]  # fmt: skip
    assert len(list(mail.walk())) == 5
    assert [one.addr_spec for one in (*mail["To"].addresses, *mail["Cc"].addresses)] == [
        "ada@example.com",
        "bob@example.com",
    ]
    assert names(letter, "To") == [(headers.one_line(name, 100), "ada@example.com")]
    is_answer = bool(headers.message_id(id_))
    assert mail["Subject"] == (headers.subject(subject, reply=is_answer, longest=200) or None)
    assert mail["From"].addresses[0].addr_spec == "help@support.example"
    assert next(iter(mail.iter_attachments())).get_filename() == headers.file_name(file)
    assert next(iter(mail.iter_attachments())).get_payload(decode=True) == text.encode(errors="replace")


@settings(deadline=None)
@given(WILD)
def test_an_address_becomes_one_recipient_or_is_refused(address: str) -> None:
    try:
        mail = sent(replace(LETTER, to=(Address(address, "Ada"),), reply_to=address))
    except PermanentError:
        return
    assert list(mail.keys()) == NAMES
    assert len(mail["To"].addresses) == 1
