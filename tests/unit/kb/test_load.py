"""What files say: titles, addresses, ids, and reasons for those that cannot be used."""

import os
import tracemalloc
from pathlib import Path

import pytest

from kb.documents import Document, EmptySourceError, SourceError
from kb.load import CONVERTED_BYTES, TEXT_BYTES, find, fingerprint, parse, read, root_of


def load_one(folder: Path, name: str, content: str | bytes) -> Document:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = next(one for one in find(folder) if one.path == path)
    return parse(found, read(found))


def reason_for(folder: Path, name: str, content: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        load_one(folder, name, content)
    return str(caught.value)


def test_an_id_is_the_path_without_its_suffix(tmp_path: Path) -> None:
    assert load_one(tmp_path, "refunds.md", "# Refunds").id == "refunds"
    assert load_one(tmp_path, "billing/vat/rates.md", "# Rates").id == "billing/vat/rates"


def test_of_two_files_with_one_stem_markdown_keeps_the_plain_id(tmp_path: Path) -> None:
    for name in ("refunds.txt", "refunds.md", "refunds.html"):
        (tmp_path / name).write_text("Refunds")
    assert {one.id: one.source for one in find(tmp_path)} == {
        "refunds": "refunds.md",
        "refunds.html": "refunds.html",
        "refunds.txt": "refunds.txt",
    }


def test_hidden_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    for name in (".git/config.md", ".draft.md", "photo.png", "kept.MD"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [one.id for one in find(tmp_path)] == ["kept"]


def test_files_linked_into_a_hidden_folder_are_read_once_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "a.md").write_text("# A")
    (tmp_path / "a.md").symlink_to(tmp_path / "..data" / "a.md")
    assert [one.id for one in find(tmp_path)] == ["a"]


def test_front_matter_gives_title_and_address(tmp_path: Path) -> None:
    text = '---\ntitle: "Set up: two steps"\nurl: https://help.example/setup\nid: 7\n---\n\nDo it.\n'
    document = load_one(tmp_path, "setup.md", text)
    assert (document.title, document.source, document.text) == (
        "Set up: two steps",
        "https://help.example/setup",
        "Do it.",
    )


def test_a_source_line_under_the_title_is_the_address(tmp_path: Path) -> None:
    document = load_one(tmp_path, "a.md", "# About **plans**\n\nSource: https://help.example/a\n\nText.\n")
    assert (document.title, document.source) == ("About plans", "https://help.example/a")
    assert document.text.strip() == "Text."


def test_without_a_title_the_file_name_is_one(tmp_path: Path) -> None:
    assert load_one(tmp_path, "gift-cards.md", "They never expire.").title == "gift cards"


def test_mdx_loses_its_components_and_keeps_their_words_and_all_code(tmp_path: Path) -> None:
    text = (
        'import {Card} from "./card"\n\n# Start\n\n<Card title="First steps" href="/x">\n    Install it.\n'
        "</Card>\n\n{/* a note */}\n\n```jsx\nimport React from 'react'\n<Card/>\n```\n"
    )
    document = load_one(tmp_path, "start.mdx", text)
    before, _, code = document.text.partition("```")
    assert "First steps" in before
    assert "\nInstall it." in before
    assert "import" not in before
    assert "a note" not in document.text
    assert "import React from 'react'\n<Card/>" in code


def test_html_is_read_as_a_person_would_see_it(tmp_path: Path) -> None:
    page = """<html><head><title>Ways to pay | Shop</title><script>track()</script>
    <link rel="canonical" href="https://shop.example/pay"></head><body><nav>Home</nav>
    <main><h1>Ways to pay</h1><p>By card.</p><p style="display: none">secret</p><h2>Fees</h2>
    <ul><li>Card: none</li><li>Cash: 2 EUR</li></ul><pre>pay --now</pre></main><footer>Imprint</footer></body></html>"""
    document = load_one(tmp_path, "pay.html", page)
    assert (document.title, document.source) == ("Ways to pay", "https://shop.example/pay")
    assert "## Fees" in document.text
    assert "* Cash: 2 EUR" in document.text
    assert "pay --now" in document.text
    for hidden in ("secret", "Home", "Imprint", "track"):
        assert hidden not in document.text


def test_text_has_its_short_first_line_as_title(tmp_path: Path) -> None:
    document = load_one(tmp_path, "note.txt", "Winter storage\r\n\r\nKeep it dry.\r\n")
    assert (document.title, document.text, document.format) == ("Winter storage", "Keep it dry.", "text")


def test_what_cannot_be_used_says_why(tmp_path: Path) -> None:
    assert "binary" in reason_for(tmp_path, "noise.md", bytes(range(256)) * 40)
    assert "binary" in reason_for(tmp_path, "controls.md", b"ab\x01\x02\x03" * 50)
    assert "UTF-8" in reason_for(tmp_path, "latin.md", "Größe".encode("latin-1"))
    assert "UTF-8" in reason_for(tmp_path, "wide.md", "text".encode("utf-16"))
    assert "larger than 5 MB" in reason_for(tmp_path, "huge.md", b"a" * (TEXT_BYTES + 1))
    with pytest.raises(EmptySourceError):
        load_one(tmp_path, "empty.md", "  \n\n")
    with pytest.raises(EmptySourceError):
        load_one(tmp_path, "empty.html", "<html></html>")


def test_of_a_file_of_two_gigabytes_only_its_beginning_is_looked_at(tmp_path: Path) -> None:
    for name in ("huge.md", "huge.pdf"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(2 * 1024**3)
    tracemalloc.start()
    for found in find(tmp_path):
        with pytest.raises(SourceError, match="larger than"):
            read(found)
    assert tracemalloc.get_traced_memory()[1] < 3 * CONVERTED_BYTES
    tracemalloc.stop()


def test_html_in_another_character_set_is_read_if_it_says_so(tmp_path: Path) -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body><p>Größe</p></body></html>'
    assert load_one(tmp_path, "size.html", page.encode("latin-1")).text == "Größe"
    assert "UTF-8" in reason_for(tmp_path, "unsaid.html", "<p>Größe</p>".encode("latin-1"))


def test_the_look_of_a_folder_changes_with_every_file_that_comes_changes_or_goes(tmp_path: Path) -> None:
    looks = [fingerprint([str(tmp_path)])]
    article = tmp_path / "a.md"
    for step in (
        lambda: article.write_text("one"),
        lambda: article.write_text("two!"),
        lambda: os.utime(article, ns=(1, 1)),
        lambda: article.rename(tmp_path / "b.md"),
        lambda: (tmp_path / "b.md").unlink(),
        lambda: tmp_path.rename(tmp_path.with_name("elsewhere")),
    ):
        step()
        looks.append(fingerprint([str(tmp_path)]))
    assert looks[0] == looks[5]
    assert len(set(looks)) == 6


def test_a_broken_link_says_why(tmp_path: Path) -> None:
    (tmp_path / "gone.md").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="broken link"):
        read(find(tmp_path)[0])


def test_sources_that_are_no_folders_say_why(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="an address, not a folder"):
        root_of("https://help.example/sitemap.xml")
    with pytest.raises(SourceError, match="no such folder"):
        root_of(tmp_path / "missing")
    with pytest.raises(SourceError, match="holds no documents"):
        find(tmp_path)


def test_the_hash_changes_with_the_content_and_only_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("one")
    first = read(find(tmp_path)[0]).content_hash
    path.touch()
    assert read(find(tmp_path)[0]).content_hash == first
    path.write_text("two")
    assert read(find(tmp_path)[0]).content_hash != first
