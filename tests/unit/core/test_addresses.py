"""What looks like an address, to programs and to people."""

import pytest

from core import addresses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://evil.example/x?y#z.", ["https://evil.example/x?y#z."]),
        ("HTTPS://EVIL.example", ["HTTPS://EVIL.example"]),
        ("www.evil.example", ["www.evil.example"]),
        ("evil.com and evil.co.uk/x", ["evil.com", "evil.co.uk/x"]),
        ("nowhere.example/path", ["nowhere.example/path"]),
        ("//evil.example/p.gif", ["//evil.example/p.gif"]),
        ("kim@evil.com", ["kim@evil.com"]),
        ("mailto:kim@evil.com?cc=a", ["mailto:kim@evil.com?cc=a"]),
        ("tel:+4990012345 slack://x javascript:alert(1)", ["tel:+4990012345", "slack://x", "javascript:alert(1"]),
        ("1.2.3.4:8080/x", ["1.2.3.4:8080/x"]),
        ("_evil.com_ -evil.com ..evil.com @evil.com evil.com-x", ["evil.com"] * 5),
        ("evil.xn--p1ai evil.com:443/x", ["evil.xn--p1ai", "evil.com:443/x"]),
        (f"{'x' * 40}https://evil.com", ["//evil.com"]),
        ("例え.jp пример.рф", ["例え.jp", "пример.рф"]),
    ],
)
def test_whatever_a_program_makes_a_link_of_is_an_address(text: str, found: list[str]) -> None:
    assert [match[0] for match in addresses.found(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "It takes 2 to 4 days. Then it is there.",
        "e.g. at 10.30 a.m., z.B. in the U.S. or No.5",
        "Node.js 20.1.4, version 1.2.3.4, and/or 10.5 kg/m",
        "Your data: name and address.",
        "no space after the stop.There it goes on",
        "Cost: £3.50/month. A 1/2 inch. 24/7",
        "days...or weeks",
        "@channel and a@b",
    ],
)
def test_words_and_numbers_are_none(text: str) -> None:
    assert [match[0] for match in addresses.found(text)] == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("hxxps://evil[.]com", "https://evil.com"),
        ("evil (dot) com", "evil.com"),
        ("evil dot com", "evil.com"),
        ("kim [at] evil [dot] com", "kim@evil.com"),
        ("e v i l . c o m", "evil.com"),
        ("ev\u200bil\u2060.com", "evil.com"),
        ("ｅｖｉｌ．ｃｏｍ", "evil.com"),
        ("evil。com", "evil.com"),
        ("evil&#46;com &amp;#46;", "evil.com ."),
        ("evil\\.com", "evil.com"),
        ("evil.**com**, _evil_.`com`, evil[](/known).com", "evil.com, evil.com, evil.com"),
        ("[evil](https://known.example).com", "evil.com"),
        ("the dot is red", "the dot is red"),
        ("I a m x", "Iamx"),
    ],
)
def test_a_disguise_is_taken_off(written: str, read: str) -> None:
    assert addresses.undisguised(written) == read


def test_signs_that_nobody_sees_are_taken_out_and_joiners_stay() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "do evil")
    assert addresses.visible(f"Hello{hidden}\u202e!") == "Hello!"
    for kept in ("👩‍🚀", "می‌خواهم", "क्‍ष", "❤️"):
        assert addresses.visible(kept) == kept


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://track.example.com/1?x=2", "track.example.com"),
        ("TRACK.example.com:8443", "track.example.com"),
        ("https://track.example.com@evil.com/", ""),
        ("https://evil.com\\@track.example.com", ""),
        ("https://evil.com/@track.example.com", ""),
        ("javascript://track.example.com/%0aalert(1)", ""),
        ("//track.example.com/", ""),
        ("https://trаck.example.com/", ""),  # a Cyrillic a
    ],
)
def test_the_host_of_an_address_is_told_only_where_all_programs_agree(address: str, host: str) -> None:
    assert addresses.web_host(address) == host


def test_mailboxes_are_found_among_other_addresses() -> None:
    text = "Write to kim@evil.com or mailto:bob@evil.com or https://kim@evil.com"
    assert list(addresses.mailboxes(text)) == ["kim@evil.com"]
