"""Only what this run has found can become a source or a link."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.agent.citations import Sources
from core.grounding import Passage

TABLE = "https://larkfield.example/delivery/table"


def passage(name: str, text: str = "Some words.") -> Passage:
    return Passage(name, name, name.title(), "", f"{name}.md", text, 1.0)


def sources(*texts: str) -> Sources:
    """Sources with one passage a text, numbered from 1."""
    registered = Sources()
    registered.register([passage(f"p{index}", text) for index, text in enumerate(texts, 1)])
    return registered


def test_a_passage_keeps_its_number_through_several_searches() -> None:
    found = Sources()
    first = found.register([passage("a"), passage("b")])
    second = found.register([passage("c"), passage("a")])
    assert [number for number, _ in first + second] == [1, 2, 3, 1]


@pytest.mark.parametrize(
    ("written", "read", "cited"),
    [
        ("Two days [1].", "Two days [1].", ["p1"]),
        ("Two days[1].", "Two days [1].", ["p1"]),
        ("A [3]. B [1]. C [3].", "A [1]. B [2]. C [1].", ["p3", "p1"]),
        ("A [1, 3].", "A [1] [2].", ["p1", "p3"]),
        ("A [1][2].", "A [1] [2].", ["p1", "p2"]),
        ("A 【2†source】.", "A [1].", ["p2"]),
        ("A [9].", "A.", []),
        ("A [0] [-1] [999].", "A [-1].", []),
        ("A [9, 2].", "A [1].", ["p2"]),
        ("A [x].", "A [x].", []),
        ("No mark.", "No mark.", []),
        ("| a |\n| b |\n\n[2]", "| a |\n| b |\n\n[1]", ["p2"]),
        ("- two\n[9]\n- three", "- two\n\n- three", []),
    ],
)
def test_marks_are_counted_from_one_and_foreign_ones_dropped(written: str, read: str, cited: list[str]) -> None:
    text, citations = sources("one", "two", "three").resolve(written)
    assert text == read
    assert [citation.title.lower() for citation in citations] == cited
    assert [citation.index for citation in citations] == list(range(1, len(cited) + 1))


def test_without_a_search_there_are_no_sources() -> None:
    assert Sources().resolve("Trust me [1].") == ("Trust me.", ())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("See https://evil.example/x now.", "See  now."),
        ("See HTTPS://EVIL.EXAMPLE/x.", "See "),
        ("See www.evil.example.", "See "),
        ("See <https://evil.example>.", "See <>."),
        ("See [our page](https://evil.example/x).", "See our page."),
        ("See [our page](//evil.example/x).", "See our page."),
        ("See [our page](javascript:alert`1`).", "See our page."),
        ("See [our page](data:text/html,x).", "See our page."),
        ("![](https://evil.example/spy.png?q=secret)", ""),
        ("![seen](https://evil.example/spy.png)", "seen"),
        ("[x]: https://evil.example/x", "[x]: "),
        ("mailto:thief@evil.example", ""),
        ("See https://larkfield.example.evil.example/delivery/table", "See "),
        ("See https://larkfield.example/delivery/table@evil.example", "See "),
        ("See https://larkfield.ex", "See "),
        ("See [it](https://larkfield.ex)", "See it"),
    ],
)
def test_an_address_that_no_passage_holds_is_dropped(written: str, read: str) -> None:
    text, _ = sources(f"The table is at {TABLE}.").resolve(written)
    assert text == read


@pytest.mark.parametrize(
    "written",
    [f"See {TABLE}.", f"See {TABLE}", f"See [the table]({TABLE}).", f"See **{TABLE}**, please.", f"({TABLE})"],
)
def test_an_address_out_of_a_passage_is_kept(written: str) -> None:
    assert sources(f"The table is at {TABLE}.").resolve(written)[0] == written
    assert sources(f"See [the table]({TABLE}).").resolve(written)[0] == written


def test_an_address_of_a_passage_that_was_not_found_in_this_run_is_dropped() -> None:
    assert sources("nothing").resolve(f"See {TABLE}")[0] == "See "


parts = st.sampled_from(
    ["Two days", " [1]", " [2]", " [7]", "[3, 1]", " https://evil.example/a", f" {TABLE}", "[x](/y)"]
)
texts = st.lists(st.lists(parts, min_size=1, max_size=4).map(lambda these: "".join(these) + ". "), max_size=6)


@given(texts)
def test_a_growing_text_keeps_its_numbers_and_its_words(lines: list[str]) -> None:
    found = sources("one", f"See {TABLE}", "three")
    shown, cited = "", 0
    for count in range(len(lines) + 1):
        text, citations = found.resolve("".join(lines[:count]))
        assert text.startswith(shown)
        assert len(citations) >= cited
        shown, cited = text, len(citations)


@given(st.text(alphabet="[]()0123456789, ht:/p.sxwevil!", max_size=60))
def test_whatever_is_written_no_foreign_address_and_no_foreign_number_gets_through(written: str) -> None:
    text, citations = sources("one", "two").resolve(written)
    assert not re.search(r"https?://\w", text)
    assert len(citations) <= 2


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("See evil.com or evil.com/x today.", "See  or  today."),
        ("Write to thief@evil.com.", "Write to ."),
        ("See //evil.example/x.", "See "),
        ("See ht\u200btps://evil.example/x.", "See "),
        ("Your data: all of it.", "Your data: all of it."),
        ("Node.js 20, e.g. at 10.30 a.m.", "Node.js 20, e.g. at 10.30 a.m."),
    ],
)
def test_what_only_looks_like_an_address_to_programs_is_one(written: str, read: str) -> None:
    assert sources(f"The table is at {TABLE}.").resolve(written)[0] == read


def test_the_mere_host_of_a_known_address_and_what_a_passage_calls_by_name_are_kept() -> None:
    found = sources(f"The table is at {TABLE}. Open settings.py, or write to help@larkfield.com.")
    for written in ("It is larkfield.example.", "Open settings.py.", "Write to help@larkfield.com, at larkfield.com."):
        assert found.resolve(written)[0] == written
        assert found.disguised(written) == ""


def test_addresses_of_trusted_hosts_are_kept_whatever_their_path_and_no_others() -> None:
    found = Sources()
    found.trust(["track.example.com", ".shop.example.com"])
    for kept in ("https://track.example.com/7?x=1", "[it](https://track.example.com/7)", "https://a.shop.example.com/"):
        assert found.resolve(f"See {kept} now")[0] == f"See {kept} now"
    for gone in (
        "https://track.example.com.evil.com/",
        "https://xshop.example.com/",
        "https://evil.com\\@track.example.com",
    ):
        assert "evil" not in found.resolve(f"See {gone} now")[0]
        assert "xshop" not in found.resolve(f"See {gone} now")[0]


def test_an_allowed_mailbox_does_not_make_its_host_known() -> None:
    found = Sources()
    found.allow(["kim@evil.com"], hosts=False)
    assert found.resolve("Write to kim@evil.com, see evil.com now")[0] == "Write to kim@evil.com, see  now"


@pytest.mark.parametrize(
    "written", ["hxxp : //evil[.]com", "evil dot com", "e v i l . c o m", "evil&#46;com", "evil\\.com"]
)
def test_an_address_in_disguise_is_told(written: str) -> None:
    assert sources(f"See {TABLE}").disguised(written)


@pytest.mark.parametrize("said", ["See [above](#costs) or [there](/help).", "[empty]()", "mailto: and javascript:", ""])
def test_what_a_passage_links_to_within_itself_makes_no_other_address_known(said: str) -> None:
    found = Sources()
    found.register([Passage("p", "p", "P", "", "", said, 1.0)])
    assert found.resolve("See https://evil.com/x, evil.com, [x](https://evil.com).")[0] == "See  , x."
