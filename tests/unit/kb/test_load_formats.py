"""Files with a layout, and records: what they say, cut along their headings, or why they can't be read."""

import io
import json
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl  # type: ignore[import-untyped]
import pptx
import pytest

from kb.convert import convert
from kb.documents import Document, EmptySourceError, SourceError
from kb.load import CONVERTED, document_of, find, parse, read
from kb.split import split

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


async def load_one(folder: Path, name: str, content: bytes) -> Document:
    (folder / name).write_bytes(content)
    found = next(one for one in find(folder) if one.path.name == name)
    if found.kind in CONVERTED:
        return document_of(found, await convert(read(found).data, name))
    return parse(found, read(found))


def pieces(document: Document) -> dict[str, str]:
    """Return the passages of a document by their headings."""
    found: dict[str, str] = {}
    for piece in split(document):
        found[piece.heading] = f"{found.get(piece.heading, '')} {' '.join(piece.text.split())}".strip()
    return found


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def docx(*paragraphs: tuple[str, str]) -> bytes:
    """Return a Word document of paragraphs, each with its style."""
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style.replace(" ", "")}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'
        for style, text in paragraphs
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{name.replace(" ", "")}"><w:name w:val="{name}"/></w:style>'
        for name in ("Title", "heading 1", "heading 2", "Normal")
    )
    return zipped(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{relation}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": "<Relationships xmlns="
            f'"http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
            f'Type="{relation}/styles" Target="styles.xml"/></Relationships>',
            "word/styles.xml": f'<w:styles xmlns:w="{WORD}">{styles}</w:styles>',
            "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
        }
    )


def slides(*shown: tuple[str, str]) -> bytes:
    deck = pptx.Presentation()
    for title, text in shown:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def xlsx(*rows: list[Any], title: str = "Prices") -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def pdf(*lines: str, locked: bool = False) -> bytes:
    """Return a PDF of one page, a gap between its lines; a `locked` one opens with a password that nobody knows."""
    shown = " ".join(f"BT /F1 12 Tf 20 {750 - 60 * at} Td ({line}) Tj ET" for at, line in enumerate(lines))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
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
    lock = " /Encrypt 6 0 R /ID [<01> <01>]" if locked else ""
    trailer = f"trailer\n<< /Size 7 /Root 1 0 R{lock} >>\nstartxref\n{len(body)}\n%%EOF"
    return f"{body}xref\n0 7\n0000000000 65535 f \n{table}{trailer}".encode()


def epub(title: str, *chapters: str) -> bytes:
    names = [f"c{at}.xhtml" for at in range(len(chapters))]
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names)
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="book.opf"/></rootfiles></container>',
            "book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<metadata><dc:title>{title}</dc:title></metadata><manifest>{items}</manifest>"
            f"<spine>{spine}</spine></package>",
            **{name: f"<html><body>{text}</body></html>" for name, text in zip(names, chapters, strict=True)},
        }
    )


def mail(subject: str, text: str) -> bytes:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "Kim <kim@example.com>", "all@example.com", subject
    letter.set_content(text)
    letter.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="rates.pdf")
    return letter.as_bytes()


async def test_a_word_document_is_cut_along_its_headings(tmp_path: Path) -> None:
    content = docx(
        ("Title", "Warranty"),
        ("Normal", "What we stand for."),
        ("heading 1", "Batteries"),
        ("heading 2", "Error E_42*"),
        ("Normal", "Charge it."),
    )
    document = await load_one(tmp_path, "warranty.docx", content)
    assert document.title == "Warranty"
    assert pieces(document) == {"": "What we stand for.", "Batteries > Error E_42*": "Charge it."}


async def test_slides_are_cut_one_by_one(tmp_path: Path) -> None:
    document = await load_one(tmp_path, "d.pptx", slides(("Onboarding", "Welcome."), ("Day one", "Get a badge.")))
    assert document.title == "Onboarding"
    assert pieces(document) == {"": "Welcome.", "Day one": "Get a badge."}


async def test_a_row_of_a_workbook_carries_the_names_of_its_columns(tmp_path: Path) -> None:
    content = xlsx(["Country", "Price", None, "Price"], ["Austria", 4.5, None, 9], ["Norway", 12, "to the door", 20])
    document = await load_one(tmp_path, "price-list.xlsx", content)
    assert document.title == "price list"
    [(heading, text)] = pieces(document).items()
    assert heading == "Prices"
    assert "Country: Norway Price: 12 to the door Price (2): 20" in text


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
async def test_a_table_of_questions_is_cut_along_them(encoding: str, tmp_path: Path) -> None:
    table = 'Question;Answer;Created_at\nHow long?;5 días;2026-01-01\n"May I; really?";Yes.;\n'
    document = await load_one(tmp_path, "faq.csv", table.encode(encoding))
    assert pieces(document) == {"How long?": "5 días", "May I; really?": "Yes."}


async def test_an_export_in_json_is_cut_along_its_entries(tmp_path: Path) -> None:
    articles = [
        {"id": 7, "title": "Refunds", "body": "<h2>When</h2><p>In <b>5</b> days.</p>", "draft": False},
        {"id": 8, "title": "Sizes", "tags": ["s", "m"], "rows": [{"size": "S", "chest": 90}]},
    ]
    exported = {"name": "Help", "url": "https://help.example", "articles": articles}
    document = await load_one(tmp_path, "export.json", json.dumps(exported).encode())
    assert (document.title, document.source) == ("Help", "https://help.example")
    found = pieces(document)
    assert found["articles > Refunds > When"] == "In 5 days."
    assert found["articles > Sizes"] == "tags: s, m"
    assert found["articles > Sizes > rows"] == "size: S chest: 90"


async def test_a_book_is_cut_along_its_chapters(tmp_path: Path) -> None:
    content = epub("Bicycle care", "<h1>Chains</h1><p>Oil them.</p>", "<h1>Tyres</h1><p>Pump them.</p>")
    document = await load_one(tmp_path, "care.epub", content)
    assert document.title == "Bicycle care"
    assert pieces(document) == {"Chains": "Oil them.", "Tyres": "Pump them."}


async def test_of_a_mail_only_its_subject_and_words_are_kept(tmp_path: Path) -> None:
    document = await load_one(tmp_path, "rates.eml", mail("New rates", "From May on it is 5 EUR."))
    assert (document.title, document.text) == ("New rates", "From May on it is 5 EUR.")


async def test_a_pdf_is_cut_along_numbered_titles_and_lines_in_capitals(tmp_path: Path) -> None:
    lines = (
        "User manual",
        "Read this first.",
        "1.2 First ride",
        "Hold tight.",
        "SAFETY NOTES",
        "Wear a helmet, always.",
    )
    document = await load_one(tmp_path, "manual.pdf", pdf(*lines))
    assert document.title == "User manual"
    assert pieces(document) == {
        "": "Read this first.",
        "1.2 First ride": "Hold tight.",
        "SAFETY NOTES": "Wear a helmet, always.",
    }


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("locked.pdf", pdf("secret", locked=True), "this PDF is protected with a password"),
        ("scan.pdf", pdf(), "this PDF has no text in it"),
        ("noise.pdf", bytes(range(256)) * 99, "is not read"),
        ("broken.docx", docx(("Normal", "hello"))[:-40], "damaged"),
        ("picture.docx", b"\x89PNG\r\n\x1a\n" + bytes(99), "it is a picture"),
        ("bomb.xlsx", zipped({"xl/workbook.xml": "0" * 300_000_000}), "unpacks to"),
        ("empty.csv", b"", "empty"),
        ("half.json", b'{"title": "Refunds"', "it is not JSON"),
        ("deep.json", b"[" * 200_000, "nested too deeply|not JSON"),
        ("nothing.json", b"[]", "empty"),
    ],
)
async def test_a_file_that_can_not_be_read_says_why(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=reason) as caught:
        await load_one(tmp_path, name, content)
    assert isinstance(caught.value, EmptySourceError) == (reason == "empty")


async def test_of_a_file_that_is_too_long_the_beginning_is_read_and_the_rest_is_named(tmp_path: Path) -> None:
    table = "Part,Price\n" + "".join(f"part {at} of a long list of parts,{at} EUR\n" for at in range(120_000))
    document = await load_one(tmp_path, "parts.csv", table.encode())
    assert document.note == "only its first 4,000,000 characters were read"
    assert document.text.startswith("Part: part 0 of a long list of parts\nPrice: 0 EUR")
    assert "cut here" not in document.text


async def test_what_tools_keep_beside_the_pages_is_left_alone(tmp_path: Path) -> None:
    for name in ("package.json", "_category_.json", "node_modules/lib/README.md", "kept.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert [one.id for one in find(tmp_path)] == ["kept"]
