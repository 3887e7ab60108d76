"""Our signed addresses and ids: what comes back names its conversation, and nobody can make one up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.addresses import Addresses, short
from core.ids import CaseId, DeliveryId

OURS = Addresses("support@example.com", b"a secret of thirty-two characters")
OTHERS = Addresses("support@example.com", b"another secret, just as long as it")
NAME = st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True)


@given(NAME)
def test_what_an_address_names_comes_back(name: str) -> None:
    assert OURS.conversation_of(["kim@example.org", OURS.reply(name)]) == name
    assert OURS.delivery_of([OURS.bounce(DeliveryId(name))]) == name
    assert OURS.case_of([OURS.case(CaseId(name))]) == name
    assert OURS.own(["<x@example.org>", f"<{OURS.message_id('d_1', name)}>"]) == ("d_1", name)


@given(NAME)
def test_servers_may_fold_the_case_and_clients_may_keep_the_brackets(name: str) -> None:
    assert OURS.conversation_of([f"<{OURS.reply(name).upper()}>"]) == name


@given(NAME, NAME)
def test_a_signature_counts_for_one_kind_one_name_and_one_installation(name: str, other: str) -> None:
    assert OURS.delivery_of([OURS.reply(name)]) is None
    assert OURS.case_of([OURS.reply(name)]) is None
    assert OTHERS.conversation_of([OURS.reply(name)]) is None
    assert OTHERS.own([OURS.message_id("d_1", name)]) is None
    if name != other:
        forged = OURS.reply(name).replace(f".{name}.", f".{other}.")
        assert OURS.conversation_of([forged]) is None


@given(st.lists(st.text(max_size=80), max_size=5))
def test_whatever_stands_in_an_address_is_only_a_name_without_our_signature(addresses: list[str]) -> None:
    assert OURS.conversation_of(addresses) is None
    assert OURS.own(addresses) is None


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("support@example.com", True),
        ("Support@EXAMPLE.com", True),
        ("support+anything@example.com", True),
        (OURS.reply("c1"), True),
        ("sales@example.com", False),
        ("support@example.org", False),
        ("support@example.com.evil.example", False),
        ("xsupport@example.com", False),
        ("support", False),
        ("", False),
    ],
)
def test_only_the_support_address_and_its_tags_are_ours(address: str, *, ours: bool) -> None:
    assert OURS.is_ours(address) is ours


def test_the_newest_of_our_ids_counts() -> None:
    chain = [OURS.message_id("d_1", "one"), "x@example.org", OURS.message_id("d_2", "two")]
    assert OURS.own(chain) == ("d_2", "two")


def test_local_parts_are_short_enough_for_every_mail_server() -> None:
    long = Addresses("customer-service.international@example.com", b"secret")
    for address in (long.reply(short("x")), long.bounce(DeliveryId("d_0123456789abcdef"))):
        assert len(address.rpartition("@")[0]) <= 80
    assert len(OURS.bounce(DeliveryId("d_0123456789abcdef")).rpartition("@")[0]) <= 64, "RFC 5321, 4.5.3.1.1"
