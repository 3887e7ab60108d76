"""What customers' files say, and how reading them ends whatever they are, each in a process under limits."""

import asyncio
import io
import json
import random
import re
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from core.attachments import charsets
from core.attachments.extract import DEFAULT, extract
from core.attachments.recognise import Kind, recognise
from core.attachments.sheets import read_xls
from core.attachments.tables import Tables
from core.attachments.values import TOO_MUCH_MEMORY, Extracted, Limits, NotRead
from core.messages import FileOutcome
from tests.support import SHARED

CORPUS = SHARED / "attachments"
EXPECTED = CORPUS / "expectations.jsonl"
CASES = [json.loads(line) for line in EXPECTED.read_text().splitlines()] if EXPECTED.exists() else []
READ, PICTURE, REFUSED, FAILED = FileOutcome.READ, FileOutcome.PICTURE, FileOutcome.REFUSED, FileOutcome.FAILED
TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """Return a zip archive of `files`, packed as tightly as it goes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def locked(archive: bytes) -> bytes:
    """Return `archive` with the mark that its entries are encrypted."""
    return re.sub(rb"(PK\x01\x02.{4})..", lambda entry: entry[1] + b"\x01\x00", archive, flags=re.DOTALL)


def docx(text: str) -> bytes:
    """Return a Word document that says `text`."""
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    return zipped(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{relation}" Target="word/document.xml"/></Relationships>',
            "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p>'
            "</w:body></w:document>",
        }
    )


def xlsx(*rows: list[Any], title: str = "Orders") -> bytes:
    """Return a workbook of one sheet."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def pdf(page: str, *, encrypted: bool = False) -> bytes:
    """Return a PDF with one line of text; an `encrypted` one opens with no password that anybody knows."""
    shown = f"BT /F1 12 Tf 20 100 Td ({page}) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -4 >>",
    ]
    body, starts = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        starts.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    lock = " /Encrypt 6 0 R /ID [<01> <01>]" if encrypted else ""
    trailer = f"trailer\n<< /Size 7 /Root 1 0 R{lock} >>\nstartxref\n{len(body)}\n%%EOF"
    return f"{body}xref\n0 7\n0000000000 65535 f \n{table}{trailer}".encode()


def mail(text: str) -> bytes:
    """Return a mail in HTML, with a file."""
    return (
        b"From: Kim <kim@example.com>\r\nTo: us@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        + text.encode()
        + b"\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=bill.pdf\r\n\r\n"
        b"%PDF\r\n--b--\r\n"
    )


def plain(text: str) -> str:
    """Return `text` without what converters differ in: runs of spaces and the marks of Markdown."""
    return " ".join(re.sub(r"[*#|>`_]", " ", text).split())


# What is read


@pytest.mark.skipif(not CASES, reason=f"the collection of real files is not at {CORPUS}")
@pytest.mark.parametrize("case", [pytest.param(case, id=case["file"]) for case in CASES])
async def test_real_files_say_what_they_should(case: dict[str, Any]) -> None:
    content = (CORPUS / case["file"]).read_bytes()
    got = await extract(content, "file")
    assert [words for words in case["must_include_plain"] if plain(words) not in plain(got.text)] == []
    assert [words for words in case["must_not_include"] if words in got.text] == []
    assert bool(got.text) == (got.outcome is READ)
    assert bool(got.note) == (got.outcome in {REFUSED, FAILED} or "[cut here" in got.text)


NOTEBOOK = {"nbformat": 4, "cells": [{"cell_type": "markdown", "source": ["# A notebook\n"]}], "metadata": {}}


@pytest.mark.parametrize(
    ("content", "name", "type_", "said"),
    [
        (b"Hello!", "a.txt", "text/plain", "Hello!"),
        (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe\r\nzwei", "a", "text/plain", "Grüße\nzwei"),
        ("Größe".encode("utf-16"), "a", "text/plain", "Größe"),
        (b"# Title\n\n* one\n", "notes.md", "text/markdown", "# Title\n\n* one"),
        (b'{"order": 4711}', "a", "application/json", '{"order": 4711}'),
        (json.dumps(NOTEBOOK).encode(), "a", "application/x-ipynb+json", "# A notebook"),
        (b"<p>Hello <b>you</b></p>", "a.html", "text/html", "Hello **you**"),
        ("<meta charset=cp1252><p>Größe</p>".encode("cp1252"), "a.html", "text/html", "Größe"),
        (b'<?xml version="1.0"?><order id="1"/>', "a", "text/xml", '<?xml version="1.0"?><order id="1"/>'),
        (
            b"<rss><channel><title>News</title><item><title>One</title></item></channel></rss>",
            "a",
            "application/rss+xml",
            "# News\n\n## One",
        ),
        (b"a;b\n1;2,5\n", "a.csv", "text/csv", "| a | b |\n| --- | --- |\n| 1 | 2,5 |"),
        (b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "a", "text/csv", "| a | b | c |"),
        (
            "名前,住所\n髙橋,東京\n".encode("cp932"),
            "a.csv",
            "text/csv",
            "| 名前 | 住所 |\n| --- | --- |\n| 髙橋 | 東京 |",
        ),
        (xlsx(["Item", "Price"], ["Bell", 9.5]), "a", TYPES["xlsx"], "## Orders\n\n| Item | Price |"),
        (docx("Kind regards"), "a", TYPES["docx"], "Kind regards"),
        (pdf("Invoice 4711"), "a", "application/pdf", "Invoice 4711"),
        (b"\n\njunk" + pdf("Invoice 4711"), "a", "application/pdf", "Invoice 4711"),
        (mail("<p>My <i>light</i></p>"), "a", "message/rfc822", "Subject: Grüße\n\nMy *light*\n\n(Files in this mail"),
        (b"<html><!-- %PDF-1.4 --><body>A page</body></html>", "a.pdf", "text/html", "A page"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_file_is_read_as_what_it_is_whatever_its_name(content: bytes, name: str, type_: str, said: str) -> None:
    got = await extract(content, name)
    assert (got.outcome, got.type, got.note) == (READ, type_, "")
    assert said in got.text


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00b\n\u202e.docx", "x" * 5000, ""])
async def test_a_name_is_only_a_name(name: str) -> None:
    got = await extract(docx("Kind regards"), name)
    assert (got.outcome, got.text) == (READ, "Kind regards")


@pytest.mark.parametrize(
    ("head", "type_"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"II*\x00", "image/tiff"),
    ],
)
async def test_a_picture_is_a_picture_and_not_read(head: bytes, type_: str) -> None:
    assert await extract(head + bytes(300), "invoice.pdf") == Extracted(PICTURE, type_)


# What is refused, and the sentence

BOMB = zipped({"word/document.xml": bytes(60 * 1024 * 1024)})
LAUGHS = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "lol">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
)
RSS = "<rss><channel><title>{}</title></channel></rss>"


@pytest.mark.parametrize(
    ("content", "outcome", "sentence"),
    [
        (b"", REFUSED, "This file is empty."),
        (bytes(31 * 1024 * 1024), REFUSED, "This file is too large to read: 31 MB, the most is 20 MB."),
        (random.Random(1).randbytes(1024), REFUSED, "This kind of file (application/octet-stream) is not read."),
        (random.Random(2).randbytes(60), REFUSED, "This kind of file (application/octet-stream) is not read."),
        (b"MZ" + bytes(500), REFUSED, "This kind of file (application/x-msdownload) is not read."),
        (b"hello\x00world", REFUSED, "This kind of file (application/octet-stream) is not read."),
        (b"{\\rtf1 hello}", REFUSED, "This kind of file (application/rtf) is not read."),
        (b" \n\t ", REFUSED, "There is no text in this file."),
        (zipped({"a.txt": "hi"}), REFUSED, "This archive is not opened."),
        (zipped({"a.zip": zipped({"b.zip": BOMB})}), REFUSED, "This archive is not opened."),
        (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(99), REFUSED, "This archive is not opened."),
        (BOMB, REFUSED, "This file unpacks to 60 MB, which is not opened."),
        (
            zipped({"word/document.xml": "", **{f"x{n}": "" for n in range(6000)}}),
            REFUSED,
            "This file holds 6,001 files, more than the 5,000 that are opened.",
        ),
        (locked(docx("secret")), REFUSED, "This file is protected with a password."),
        (pdf("secret", encrypted=True), REFUSED, "This PDF is protected with a password."),
        (pdf(""), REFUSED, "This PDF has no text in it: it is a scan or a picture."),
        ((LAUGHS + "]>" + RSS.format("&l9;")).encode(), REFUSED, "This file defines entities of its own"),
        (
            b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + RSS.format("&x;").encode(),
            REFUSED,
            "This file defines entities of its own",
        ),
        (docx("hello")[:-30], FAILED, "This file is damaged: its archive can't be opened."),
        (zipped({"word/document.xml": "<oops"}), FAILED, "This file is damaged and can't be read."),
        (b"%PDF-1.7\nand nothing more", FAILED, "This file is damaged and can't be read."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), FAILED, "This file is damaged and can't be read."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_not_read_says_why(content: bytes, outcome: FileOutcome, sentence: str) -> None:
    got = await extract(content, "invoice.pdf")
    assert (got.outcome, got.text) == (outcome, "")
    assert got.note.startswith(sentence)


async def test_entities_of_a_document_are_not_expanded_into_a_flood() -> None:
    document = LAUGHS.replace("rss", "w:document") + f']><w:document xmlns:w="{WORD}"><w:p>&l9;</w:p></w:document>'
    with zipfile.ZipFile(io.BytesIO(docx("hello"))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    got = await extract(zipped({**files, "word/document.xml": document}), "a.docx")
    assert (got.outcome, got.text) == (FAILED, "")


# Limits


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"hello world\n" * 100_000, "a.txt"),
        (b"[" * 500_000, "a.json"),
        (b"<html>" + b"<div>" * 20_000 + b"hi " * 100_000, "a.html"),
        (b"a,b,c\n" * 100_000, "a.csv"),
        (b'"' + b"a,b\n" * 100_000, "a.csv"),
    ],
    ids=["text", "json", "page", "table", "one cell"],
)
async def test_a_text_is_cut_where_it_is_longer_than_anybody_reads_and_that_is_said(content: bytes, name: str) -> None:
    got = await extract(content, name)
    assert (got.outcome, got.note) == (READ, "Only its first 200,000 characters were read.")
    assert got.text.endswith("[cut here: Only its first 200,000 characters were read.]")
    assert len(got.text) < DEFAULT.characters + 100


async def test_a_sheet_with_very_many_rows_is_read_as_far_as_it_is_shown() -> None:
    got = await extract(xlsx(*([n, f"order {n}"] for n in range(20_000))), "a.xlsx")
    assert got.outcome is READ
    assert "| 0 | order 0 |" in got.text
    assert "| 19999 |" not in got.text
    assert got.note == "Only its first 200,000 characters were read."


async def test_a_file_that_takes_too_long_is_given_up() -> None:
    started = time.monotonic()
    got = await extract(docx("hello"), "a.docx", Limits(seconds=0.02))
    assert (got.outcome, got.note) == (REFUSED, "It took longer than 0.02 s to read.")
    assert time.monotonic() - started < 5


async def test_a_file_that_needs_too_much_memory_is_given_up() -> None:
    got = await extract(b"<html>" + b"<b>x" * 200_000, "a.html", Limits(memory=330 * 1024 * 1024))
    assert (got.outcome, got.note) == (REFUSED, TOO_MUCH_MEMORY)


async def test_files_are_read_side_by_side_and_none_is_taken_for_another() -> None:
    got = await asyncio.gather(*(extract(docx(f"Number {n}"), "a.docx") for n in range(4)))
    assert [one.text for one in got] == [f"Number {n}" for n in range(4)]


FORBIDDEN = {
    "another file": "open('/etc/passwd')",
    "another file by a way round": "import os; os.open('/proc/self/environ', os.O_RDONLY)",
    "writing a file": "open('/dev/shm/x', 'w')",
    "writing beside the program": "import core; open(core.__file__ + '.x', 'w').write('x')",
    "the network": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "a name on the network": "import socket; socket.getaddrinfo('example.com', 80)",
    "another program": "import subprocess; subprocess.run(['true'])",
    "a shell": "import os; os.system('true')",
    "a second process": "import os; os.fork()",
    "more memory": "bytes(2 ** 31)",
}


@pytest.mark.parametrize("attempt", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_process_that_reads_files_can_reach_nothing_else(attempt: str) -> None:
    confined = "from core.attachments.confined import confine, Limits; confine(Limits()); print('confined', flush=True)"
    done = subprocess.run([sys.executable, "-c", f"{confined}\n{attempt}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "confined\n")
    assert re.search(r"^(PermissionError|OSError|MemoryError)", done.stderr, re.MULTILINE)


# Its parts


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Größe und Maße für die Straße, schöne Grüße", "cp1252"),
        ("It’s a “test” – really €5", "cp1252"),
        ("Café crème à la française, déjà vu", "cp1252"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy", "cp1250"),
        ("Здравствуйте, мой заказ не пришёл. Что делать?", "cp1251"),
        ("Καλημέρα, η παραγγελία μου δεν έφτασε", "cp1253"),
        ("お問い合わせありがとうございます。", "cp932"),
        ("お問い合わせありがとうございます。", "euc_jp"),
        ("你好,我的订单还没有到,请帮我查一下。谢谢", "gb18030"),
        ("您好,我的訂單還沒有到,請幫我查一下。謝謝", "big5"),
        ("안녕하세요, 주문한 상품이 아직 도착하지 않았습니다.", "euc_kr"),
    ],
)
def test_a_text_is_read_in_the_character_set_it_was_written_in(text: str, encoding: str) -> None:
    assert charsets.decode(text.encode(encoding)) == text


def test_a_text_that_ends_in_the_middle_of_a_character_is_still_a_text() -> None:
    assert charsets.decode("naïve é".encode()[:-1]) == "naïve "


def test_a_text_is_rid_of_what_no_database_keeps() -> None:
    assert charsets.clean("a\x00b\r\nc\rd\ud800\x0ce") == "ab\nc\nd\n\ne"


@pytest.mark.parametrize(
    "text", ["Dear Sir,\nBest regards,\nJim\n", "One, two.\nThree.\n", "From here to there\n\nTo: nobody\n"]
)
def test_a_letter_is_neither_a_table_nor_a_mail(text: str) -> None:
    assert recognise(text.encode(), "letter", DEFAULT) is Kind.TEXT


def test_the_content_types_inside_an_archive_are_looked_at_before_anything_is_opened() -> None:
    with pytest.raises(NotRead, match="unpacks to 60 MB"):
        recognise(BOMB, "a.docx", DEFAULT)


def test_an_old_workbook_is_read_cell_by_cell() -> None:
    def record(kind: int, data: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    cells = [(0, 0, b"Item"), (0, 1, b"Price"), (1, 0, b"Bell")]
    labels = b"".join(record(4, struct.pack("<HH3xB", row, column, len(text)) + text) for row, column, text in cells)
    number = record(3, struct.pack("<HH3xd", 1, 1, 9.5))
    sheet = record(9, struct.pack("<HH", 2, 0x10)) + record(0, struct.pack("<4H", 0, 2, 0, 2))
    text = read_xls(sheet + labels + number + record(10), DEFAULT)  # BIFF2, the oldest form of .xls
    assert text == "## Sheet 1\n\n| Item | Price |\n| --- | --- |\n| Bell | 9.5 |"


def test_a_table_leaves_out_what_is_empty_and_keeps_to_its_room() -> None:
    tables = Tables(1000)
    tables.add("One", [["a", None, "b|c", None], [], [None], [True, 0.1 + 0.2, 3]])
    assert tables.text() == "## One\n\n| a |  | b\\|c |\n| --- | --- | --- |\n| True | 0.3 | 3 |"
    small = Tables(20)
    small.add("", iter(lambda: ["x" * 10], None))  # rows without end
    assert small.full
