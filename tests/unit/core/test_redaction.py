"""What needn't be read is hidden, and nothing else: an order's number is what a support agent lives on."""

import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import redaction
from core.redaction import BY_DEFAULT, FOR_TOOLS, Kind, Veil

ALL = frozenset(Kind)
CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"It is {CARD}, 12/27.", "It is [card], 12/27."),
        ("4111111111111111", "[card]"),
        ("378282246310005 and 3782-822463-10005", "[card] and [card]"),
        ("5555.5555.5555.4444", "[card]"),
        (f"order 4711 {CARD} 12/27", "order 4711 [card] 12/27"),
        ("CVV: 123, cvc 4321", "CVV: [card], cvc [card]"),
        ("DE89 3704 0044 0532 0130 00 please", "[iban] please"),
        ("gb82 west 1234 5698 7654 32.", "[iban]."),
        ("NO9386011117947", "[iban]"),
        ("536-90-4399", "[id]"),
        ("DNI 54362315K", "DNI [id]"),
        ("RCCMNL83S18D969H", "[id]"),
        ("my pesel is 44051401359", "my pesel is [id]"),
        ("AB 12 34 56 C", "[id]"),
        ("password: hunter2", "password: [password]"),
        ("Passwort: geheim", "Passwort: [password]"),
        ("My password is Sommer2024!", "My password is [password]!"),
        ("пароль: тест123", "пароль: [password]"),
        ("密码：abc123", "密码：[password]"),
        ("PIN 4321", "PIN [password]"),
        ("sk-abcdefghijklmnopqrstuvwx", "[key]"),
        ("kim@customers.example", "[email]"),
        ("+49 170 1234567, 0170 1234567, Tel. 030 1234567", "[phone], 0170 1234567, Tel. [phone]"),
        ("(555) 123-4567", "[phone]"),
    ],
)
def test_what_a_check_or_a_word_proves_is_found(text: str, shown: str) -> None:
    assert redaction.blanked(text, ALL) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Order 1000234567, invoice 20261121-4711, ticket #99120",
        "My order number is 4111111111111111",
        "Sendungsnummer: 4111111111111111",
        "tracking number 1Z999AA10123456784",
        "https://help.example/articles/4407225360018-Uninstall",
        "44051401359",
        "1234 5678 9012 3456",
        "2026-11-21T18:25:00Z and 1790000000000",
        "Password: must have 12 characters",
        "I forgot my password. It is not working, my password is wrong!",
        "Reset your password: https://shop.example/reset",
        "The IBAN is on the invoice; AB12 CDEF",
        "EAN 4006381333931, serial 49015420323751",
    ],
)
def test_order_numbers_and_plain_words_stay(text: str) -> None:
    assert redaction.blanked(text) == text


def test_mail_and_phone_stay_unless_the_owner_wants_them_hidden() -> None:
    assert {Kind.EMAILS, Kind.PHONES} & set(BY_DEFAULT) == set()
    assert redaction.blanked("kim@customers.example +49 170 1234567") == "kim@customers.example +49 170 1234567"


def steps(work: Callable[[], object]) -> int:
    """Return how many functions `work` calls and generators it resumes."""
    count = 0

    def called(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("text", ["1 ", "12-", "1234 "])
def test_long_rows_of_numbers_cost_little(text: str) -> None:
    row = text * (40_000 // len(text))
    assert steps(lambda: redaction.find(row, frozenset({Kind.CARDS}))) < 2 * len(row)


@pytest.mark.parametrize(
    ("setting", "kinds"), [("off", set()), ("cards, Emails", {Kind.CARDS, Kind.EMAILS}), ("", set())]
)
def test_the_setting_names_kinds(setting: str, kinds: set[Kind]) -> None:
    assert redaction.parse(setting) == kinds


def test_a_wrong_setting_is_told_with_the_choice() -> None:
    with pytest.raises(ValueError, match=r"creditcards: use off, or any of cards,ibans"):
        redaction.parse("creditcards")


def test_the_same_number_has_the_same_placeholder_wherever_it_stands() -> None:
    veil = Veil()
    assert veil.hide(f"{CARD} and 5555555555554444") == "[card-1] and [card-2]"
    assert veil.hide("4111-1111-1111-1111") == "[card-1]"
    assert redaction.in_words(veil.counts) == "2 cards"


def test_what_comes_back_is_shown_again_but_for_what_need_not_travel_twice() -> None:
    veil = Veil(ALL)
    text = f"{CARD} kim@customers.example DE89370400440532013000 password: hunter2 CVV 123"
    hidden = veil.hide(text)
    assert hidden == "[card-1] [email-1] [iban-1] password: [password-1] CVV [card-2]"
    shown = "•••• 1111 kim@customers.example DE89370400440532013000 password: •••• CVV •••"
    assert veil.show(hidden) == shown
    assert veil.show("[Email-1] [card-9]") == "kim@customers.example [card-9]"
    assert veil.show(hidden, FOR_TOOLS).startswith("[card-1] kim@customers.example DE89370400440532013000 password: [")


def test_hiding_what_is_hidden_changes_nothing() -> None:
    veil = Veil()
    once = veil.hide(f"My password is hunter2, Passwort: x9y, {CARD}")
    assert veil.hide(once) == once


@given(st.text(alphabet="0123456789 .-:/ABDEGHINPSTWXZabdeinprswx@+", max_size=80))
def test_whatever_is_written_hiding_is_total_and_found_pieces_lie_apart(text: str) -> None:
    found = redaction.find(text, ALL)
    assert all(one.end <= two.start for one, two in pairwise(found))
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    hidden = Veil(ALL).hide(text)
    assert Veil(ALL).hide(hidden) == hidden or found
