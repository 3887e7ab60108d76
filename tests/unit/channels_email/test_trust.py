"""Who vouches for a sender: real signatures, a table for the DNS, and what forgers try."""

import asyncio
import base64
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, cast

import dkim
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from channels.email.mail import Envelope, Trust
from channels.email.mime.read import read
from channels.email.senders.dmarc import aligned, organization
from channels.email.senders.resolver import MOST_QUESTIONS, Names, Resolver
from channels.email.senders.signatures import MOST_SIGNATURES, Signed, canonical
from channels.email.senders.trust import Authenticator, TrustedServer, read_results, sender_domain
from core.errors import SetupError

Table = Mapping[tuple[str, str], Sequence[str]]

BODY = b"Where is my order?\r\n\r\nAda\r\n"
DMARC = {("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject"]}
SIGNED = [b"from", b"to", b"subject", b"date", b"message-id", b"reply-to"]


@cache
def key(size: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=exponent, key_size=size)


def pem(size: int = 2048) -> bytes:
    kind = serialization.PrivateFormat.TraditionalOpenSSL
    return key(size).private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())


def record(size: int = 2048, tags: str = "v=DKIM1; k=rsa; ") -> str:
    public = key(size).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"{tags}p={base64.b64encode(der).decode()}"


def mail(from_: str = "Ada <ada@shop.example>", body: bytes = BODY, **more: str) -> bytes:
    lines = {"From": from_, "To": "help@support.example", "Subject": "Order 7", "Message-ID": "<1@shop.example>"}
    lines |= {name.replace("_", "-"): value for name, value in more.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"\r\n" + body


def sign(raw: bytes, domain: str = "shop.example", **options: Any) -> bytes:
    """Return `raw` with a signature of `domain` on top."""
    options = {"include_headers": SIGNED, "canonicalize": (b"relaxed", b"relaxed"), **options}
    size = options.pop("size", 2048)
    header: bytes = dkim.sign(raw, b"s1", domain.encode(), pem(size), **options)
    return header + raw


def resign(raw: bytes, **tags: bytes) -> bytes:
    """Sign `raw` by hand with other tags than dkimpy would write: real signatures that something is wrong with."""
    signer = dkim.DKIM(raw)
    canon = dkim.CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    signer.hasher = dkim.HASH_ALGORITHMS[tags.get("a", b"rsa-sha256")]
    signer.signature_algorithm = tags.get("a", b"rsa-sha256")
    body = canon.canonicalize_body(signer.body)
    covered = body[: int(tags["l"])] if "l" in tags else body
    fields = {b"v": b"1", b"a": b"rsa-sha256", b"c": b"relaxed/relaxed", b"d": b"shop.example", b"s": b"s1"}
    fields |= {b"h": b":".join(SIGNED), b"bh": base64.b64encode(signer.hasher(covered).digest())}
    fields |= {name.encode(): value for name, value in tags.items()}
    include = [name.strip() for name in fields[b"h"].split(b":")]
    private = dkim.parse_pem_private_key(pem())
    header = signer.gen_header([*fields.items(), (b"b", b"0" * 60)], include, canon, b"DKIM-Signature", private)
    return b"DKIM-Signature: " + bytes(header) + raw


def keys(*domains: str, size: int = 2048) -> Table:
    return {(f"s1._domainkey.{domain}", "TXT"): [record(size)] for domain in domains or ("shop.example",)}


def table(*parts: Table) -> Callable[[str, str], Sequence[str]]:
    known = {name: value for part in parts for name, value in part.items()}
    return lambda name, kind: known.get((name, kind), ())


async def judge(raw: bytes, *parts: Table, envelope: Envelope | None = None, **options: Any) -> Trust:
    options.setdefault("lookup", table(*parts))
    authenticator = Authenticator(**options)
    try:
        return await authenticator.check(raw, envelope or Envelope())
    finally:
        authenticator.close()


def spf(terms: str) -> dict[tuple[str, str], list[str]]:
    return {("shop.example", "TXT"): [f"v=spf1 {terms}"]}


SPF = {("shop.example", "TXT"): ["other text", "v=spf1 ip4:192.0.2.7 -all"]}
FROM_SHOP = Envelope("ada@shop.example", ("help@support.example",), ip="192.0.2.7", helo="mx.shop.example")


# Who is believed


async def test_a_signature_of_the_senders_domain_vouches() -> None:
    trust = await judge(sign(mail()), keys(), DMARC)
    assert trust == Trust(
        True, "shop.example vouches for this sender (DKIM).", dkim="pass", dmarc="pass", domain="shop.example"
    )


@pytest.mark.parametrize("canonicalize", [(b"simple", b"simple"), (b"relaxed", b"simple"), (b"simple", b"relaxed")])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n\r\n",
        b" \t \r\n\r\n",
        b"a  \t b \r\n c\t\r\n\r\n\r\n",
        b"no line end",
        b"blank at the end ",
        b"x\r\r\n\r\n",
        b"bare\nline feeds \n\n",
        b"\r",
    ],
)
async def test_every_canonical_form_of_a_body_is_understood(canonicalize: tuple[bytes, bytes], body: bytes) -> None:
    trust = await judge(sign(mail(body=body), canonicalize=canonicalize), keys(), DMARC)
    assert trust.verified
    parsed = dkim.CanonicalizationPolicy.from_c_value(b"/".join(canonicalize))
    theirs = parsed.canonicalize_body(dkim.rfc822_parse(mail(body=body))[1])
    assert canonical(body, relaxed=canonicalize[1] == b"relaxed") == theirs


async def test_a_mail_with_line_feeds_alone_is_understood_as_from_a_mailbox() -> None:
    assert (await judge(sign(mail()).replace(b"\r\n", b"\n"), keys(), DMARC)).verified


async def test_the_machine_that_the_domain_names_vouches() -> None:
    trust = await judge(mail(), SPF, DMARC, envelope=FROM_SHOP)
    assert trust.verified
    assert (trust.spf, trust.dkim, trust.dmarc) == ("pass", "none", "pass")
    assert trust.sentence == "shop.example vouches for this sender (SPF)."


async def test_a_domain_without_a_policy_can_vouch_and_the_operator_is_told() -> None:
    signed = await judge(sign(mail()), keys())
    assert signed.verified
    assert signed.dmarc == "none"
    assert signed.sentence == "shop.example vouches for this sender (DKIM), though it publishes no DMARC policy."
    assert (await judge(mail(), SPF, envelope=FROM_SHOP)).verified


@pytest.mark.parametrize(
    ("domain", "other"),
    [
        ("shop.example", "mail.shop.example"),
        ("mail.shop.example", "shop.example"),
        ("victim.onmicrosoft.com", "evil.onmicrosoft.com"),
        ("victim.zendesk.com", "evil.zendesk.com"),
    ],
)
async def test_without_a_policy_a_relative_vouches_for_nobody(domain: str, other: str) -> None:
    from_ = f"ada@{domain}"
    trust = await judge(sign(mail(from_), other), keys(other))
    assert not trust.verified
    assert f"DKIM of {other} only" in trust.sentence
    sends = {(other, "TXT"): ["v=spf1 ip4:192.0.2.7 -all"]}
    trust = await judge(mail(from_), sends, envelope=Envelope(f"ada@{other}", ip="192.0.2.7"))
    assert (trust.verified, trust.spf) == (False, "pass")


@pytest.mark.parametrize(
    ("from_", "signer", "policy", "verified"),
    [
        ("ada@shop.example", "shop.example", "v=DMARC1; p=none", True),
        ("ada@news.shop.example", "shop.example", "v=DMARC1; p=none", True),
        ("ada@shop.example", "mail.shop.example", "v=DMARC1; p=none", True),
        ("ada@shop.example", "mail.shop.example", "v=DMARC1; p=none; adkim=s", False),
        ("ada@shop.example", "shop.example", "v=DMARC1; p=none; adkim=s", True),
        ("ada@SHOP.Example", "shop.example", "v=DMARC1; p=none; adkim=s", True),
        ("ada@shop.example", "other.example", "v=DMARC1; p=none", False),
        ("ada@shop.example", "hop.example", "v=DMARC1; p=none", False),
        ("ada@my-shop.example", "my.example", "v=DMARC1; p=none", False),
        ("ada@shop.co.uk", "other.co.uk", "v=DMARC1; p=none", False),
        ("ada@a.github.io", "b.github.io", "v=DMARC1; p=none", False),
        ("ada@victim.onmicrosoft.com", "evil.onmicrosoft.com", "v=DMARC1; p=none", False),
        ("ada@mail.victim.onmicrosoft.com", "victim.onmicrosoft.com", "v=DMARC1; p=none", True),
    ],
)
async def test_only_an_aligned_domain_may_vouch(from_: str, signer: str, policy: str, verified: bool) -> None:
    domain = from_.rpartition("@")[2].lower()
    policies = {(f"_dmarc.{name}", "TXT"): [policy] for name in (domain, organization(domain))}
    trust = await judge(sign(mail(from_), signer), keys(signer), policies)
    assert trust.verified is verified
    if not verified:
        assert f"DKIM of {signer} only" in trust.sentence


async def test_a_policy_of_the_name_that_strangers_rent_theirs_under_joins_none_of_them() -> None:
    raw = sign(mail("ada@victim.onmicrosoft.com"), "evil.onmicrosoft.com")
    landlord = {("_dmarc.onmicrosoft.com", "TXT"): ["v=DMARC1; p=none"]}
    assert not (await judge(raw, keys("evil.onmicrosoft.com"), landlord)).verified


async def test_a_subdomain_is_judged_by_the_policy_of_its_organization() -> None:
    raw = sign(mail("ada@a.b.shop.example"), "mail.shop.example")
    strict = {("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject; adkim=s"]}
    assert (await judge(raw, keys("mail.shop.example"), DMARC)).verified
    assert not (await judge(raw, keys("mail.shop.example"), strict)).verified


@pytest.mark.parametrize(
    ("sender", "policy", "verified"),
    [
        ("bounce@mail.shop.example", "v=DMARC1; p=none", True),
        ("bounce@mail.shop.example", "v=DMARC1; p=none; aspf=s", False),
        ("bounce@mailer.example", "v=DMARC1; p=none", False),
    ],
)
async def test_spf_needs_an_aligned_return_path(sender: str, policy: str, verified: bool) -> None:
    domain = sender.rpartition("@")[2]
    records = {(domain, "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"], ("_dmarc.shop.example", "TXT"): [policy]}
    trust = await judge(mail(), records, envelope=Envelope(sender, ip="192.0.2.7"))
    assert trust.verified is verified
    assert trust.spf == "pass"


@pytest.mark.parametrize(
    ("records", "result"),
    [
        (spf("-all"), "fail"),
        (spf("~all"), "softfail"),
        (spf("?all"), "neutral"),
        ({}, "none"),
        (spf("include:a.example -all") | {("a.example", "TXT"): ["v=spf1 include:shop.example"]}, "permerror"),
        (spf("redirect=shop.example"), "permerror"),
        (spf(" ".join(f"exists:{number}.x.example" for number in range(12))), "permerror"),
        ({("shop.example", "TXT"): ["v=spf1 -all", "v=spf1 +all"]}, "permerror"),
        (spf("ip4:nonsense +all"), "permerror"),
        (spf("a -all") | {("shop.example", "A"): ["192.0.2.7"]}, "pass"),
        (
            spf("mx -all") | {("shop.example", "MX"): ["10 mx.shop.example."], ("mx.shop.example", "A"): ["192.0.2.7"]},
            "pass",
        ),
        (
            spf("ptr -all")
            | {
                ("7.2.0.192.in-addr.arpa", "PTR"): ["x.shop.example."],
                ("x.shop.example", "A"): ["192.0.2.7"],
            },
            "pass",
        ),
    ],
)
async def test_spf_is_evaluated(records: Table, result: str) -> None:
    trust = await judge(mail(), records, envelope=FROM_SHOP)
    assert trust.spf == result
    assert trust.verified is (result == "pass")


async def test_a_bounce_is_judged_by_the_name_in_helo() -> None:
    records = {("mx.shop.example", "TXT"): ["v=spf1 ip4:192.0.2.7 -all"]}
    envelope = Envelope("", ip="192.0.2.7", helo="mx.shop.example")
    assert (await judge(mail("postmaster@shop.example"), records, DMARC, envelope=envelope)).verified


@pytest.mark.parametrize("ip", ["", "127.0.0.1", "10.1.2.3", "fd00::1"])
async def test_an_address_that_says_nothing_isnt_asked_about(ip: str) -> None:
    trust = await judge(mail(), {("shop.example", "TXT"): ["v=spf1 +all"]}, envelope=Envelope("a@shop.example", ip=ip))
    assert (trust.verified, trust.spf) == (False, "")


async def test_nobody_vouches_and_the_operator_reads_why() -> None:
    trust = await judge(mail(), DMARC, {("shop.example", "TXT"): ["v=spf1 -all"]}, envelope=FROM_SHOP)
    assert trust.sentence == "Nobody vouches for this sender: the mail may be forged (SPF fail, no DKIM)."
    assert trust.dmarc == "fail"


# Signatures that don't count


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"Order 7", b"Order 8"),
        lambda raw: raw.replace(b"Where", b"There"),
        lambda raw: raw.replace(b"ada@", b"eve@"),
        lambda raw: raw + b"More\r\n",
        lambda raw: raw.replace(b"d=shop.example", b"d=other.example"),
        lambda raw: raw.replace(b"; s=s1", b"; s=s2"),
    ],
)
async def test_a_mail_that_was_changed_isnt_believed(change: Callable[[bytes], bytes]) -> None:
    raw = sign(mail())
    assert change(raw) != raw
    trust = await judge(change(raw), keys(), DMARC)
    assert not trust.verified
    assert trust.dkim in ("fail", "permerror")


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ({}, "DKIM of shop.example does not count: its key can't be used"),
        ({("s1._domainkey.shop.example", "TXT"): ["v=DKIM1; p="]}, "does not count"),
        ({("s1._domainkey.shop.example", "TXT"): ["v=DKIM1; p=nonsense!"]}, "DKIM"),
        ({("s1._domainkey.shop.example", "TXT"): ["v=DKIM1; k=rsa; p=" + "A" * 5_000]}, "DKIM"),
        ({("s1._domainkey.shop.example", "TXT"): [record(tags="v=DKIM2; ")]}, "its key can't be used"),
    ],
)
async def test_a_key_that_is_missing_revoked_or_nonsense_vouches_for_nobody(records: Table, words: str) -> None:
    trust = await judge(sign(mail()), records, DMARC)
    assert not trust.verified
    assert words in trust.sentence


@pytest.fixture
def weak() -> tuple[bytes, bytes]:
    """A private key of 768 bits (PEM) and its public half (DER): `cryptography` makes none so small."""
    private = subprocess.run(["openssl", "genrsa", "-traditional", "768"], capture_output=True, check=True).stdout
    command = ["openssl", "rsa", "-pubout", "-outform", "DER"]
    return private, subprocess.run(command, input=private, capture_output=True, check=True).stdout


async def test_a_weak_key_vouches_for_nobody(weak: tuple[bytes, bytes]) -> None:
    text = f"v=DKIM1; k=rsa; p={base64.b64encode(weak[1]).decode()}"
    raw = dkim.sign(mail(), b"s1", b"shop.example", weak[0], include_headers=SIGNED) + mail()
    assert dkim.verify(raw, dnsfunc=lambda *_, **__: text.encode(), minkey=512)
    trust = await judge(raw, {("s1._domainkey.shop.example", "TXT"): [text]}, DMARC)
    assert not trust.verified
    assert "its key can't be used" in trust.sentence


async def test_a_key_that_would_hold_up_the_processor_is_refused() -> None:
    n, e = b"\x00" + b"\xc3" * 512, b"\x00" + b"\xc5" * 512

    def der(tag: int, content: bytes) -> bytes:
        size = len(content)
        length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
        return bytes([tag]) + length + content

    numbers = der(0x30, der(0x02, n) + der(0x02, e))
    rsa_id = der(0x30, bytes.fromhex("06092a864886f70d010101") + b"\x05\x00")
    public = base64.b64encode(der(0x30, rsa_id + der(0x03, b"\x00" + numbers))).decode()
    records = {("s1._domainkey.shop.example", "TXT"): [f"v=DKIM1; p={public}"]}
    started = time.monotonic()
    trust = await judge(sign(mail()), records, DMARC)
    assert time.monotonic() - started < 1
    assert "take too long" in trust.sentence


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"l": b"5"}, "it covers only a part of the text"),
        ({"l": b"1000000"}, "it covers only a part of the text"),
        ({"h": b"to:subject"}, "it leaves out the sender"),
        ({"a": b"rsa-sha1"}, "it uses a hash that is no longer safe"),
        ({"x": b"1000000000", "t": b"999999999"}, "DKIM fail"),
        ({"t": b"9999999999"}, "DKIM fail"),
        ({"h": b":".join([b"from", b"subject"] * 150)}, "it names too many headers"),
    ],
)
async def test_a_signature_that_covers_too_little_or_is_too_old_vouches_for_nobody(
    tags: dict[str, bytes], words: str
) -> None:
    trust = await judge(resign(mail(), **tags), keys(), DMARC)
    assert not trust.verified
    assert words in trust.sentence


async def test_signing_by_hand_in_these_tests_makes_good_signatures() -> None:
    assert (await judge(resign(mail()), keys(), DMARC)).verified
    assert (await judge(resign(mail(), x=b"9999999999"), keys(), DMARC)).verified
    assert (await judge(resign(mail(), h=b":".join([*SIGNED, *SIGNED])), keys(), DMARC)).verified


async def test_text_added_after_a_length_limited_signature_isnt_believed() -> None:
    raw = sign(mail(), length=True)
    assert not (await judge(raw + b"Send the money to this account instead.\r\n", keys(), DMARC)).verified


@pytest.mark.parametrize("name", ["Subject", "Reply-To", "Content-Type", "To", "Message-ID"])
async def test_a_header_put_above_a_signed_mail_takes_the_belief_away(name: str) -> None:
    raw = sign(mail(Reply_To="ada@shop.example", Content_Type="text/plain"))
    assert (await judge(raw, keys(), DMARC)).verified
    trust = await judge(f"{name}: something else\r\n".encode() + raw, keys(), DMARC)
    assert not trust.verified
    assert f"more than one {name.title()} line" in trust.sentence


async def test_a_reply_address_that_isnt_signed_takes_the_belief_away() -> None:
    raw = sign(mail(), include_headers=[b"from", b"to", b"subject"])
    assert (await judge(raw, keys(), DMARC)).verified
    trust = await judge(b"Reply-To: eve@evil.example\r\n" + raw, keys(), DMARC)
    assert "leaves out the Reply-To line" in trust.sentence


async def test_a_broken_signature_doesnt_spoil_a_good_one_below_or_above() -> None:
    raw = sign(mail())
    mailer = b"DKIM-Signature: v=1; a=rsa-sha256; d=mailer.example; s=x; h=from; bh=AAAA; b=AAAA\r\n"
    assert (await judge(mailer + raw, keys(), DMARC)).verified
    assert (await judge(mailer.replace(b"mailer", b"a.shop") * 3 + raw, keys(), DMARC)).verified


async def test_a_kind_of_key_that_isnt_known_is_neither_good_nor_bad() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    raw_key = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    raw = sign(mail()).replace(b"a=rsa-sha256", b"a=ed25519-sha256")
    records = {("s1._domainkey.shop.example", "TXT"): [f"v=DKIM1; k=ed25519; p={base64.b64encode(raw_key).decode()}"]}
    trust = await judge(raw, records, DMARC)
    assert (trust.verified, trust.dkim) == (False, "neutral")


# What forgers do with the head


@pytest.mark.parametrize(
    "raw",
    [
        mail("ada@shop.example, eve@evil.example"),
        mail("ada@shop.example").replace(b"To:", b"From: eve@evil.example\r\nTo:"),
        mail("ada@shop.example").replace(b"To:", b"from: ada@shop.example\r\nTo:"),
        mail(""),
        mail("undisclosed-recipients:;"),
        mail("ada@[192.0.2.1]"),
        mail("ada@192.0.2.1"),
        mail("ada@localhost"),
        mail().replace(b"From:", b"X-From:"),
        b"",
        b"\r\n\r\n",
        b"no header at all",
    ],
)
async def test_a_from_line_that_doesnt_name_one_sender_isnt_believed(raw: bytes) -> None:
    everything = {("shop.example", "TXT"): ["v=spf1 +all"], **keys(), **DMARC}
    trust = await judge(sign(raw) if b"From:" in raw else raw, everything, envelope=FROM_SHOP)
    assert not trust.verified
    assert trust.sentence == "Nobody vouches for this sender: From does not name one address."
    assert trust.domain == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: x\rFrom: ceo@bank.example\r\n" + sign(mail()),
        sign(mail()).replace(b"Order 7", b"Order\r7"),
        b"X: " + b"x" * 300_000 + b"\r\n" + sign(mail()),
        b"".join(b"X-%d: x\r\n" % number for number in range(10_000)) + sign(mail()),
        b" continued from nothing\r\n" + sign(mail()),
        b"X:" + b"\r\n a" * 60_000 + b"\r\n" + sign(mail()),
    ],
)
async def test_a_head_that_readers_could_take_differently_isnt_believed(raw: bytes) -> None:
    trust = await judge(raw, {("shop.example", "TXT"): ["v=spf1 +all"]}, keys(), DMARC, envelope=FROM_SHOP)
    assert not trust.verified


async def test_the_sender_is_read_as_the_desk_shows_it() -> None:
    for from_ in ('"ceo@bank.example" <ada@shop.example>', "=?utf-8?q?ceo=40bank.example?= <ada@shop.example>"):
        assert (await judge(sign(mail(from_)), keys(), DMARC)).domain == "shop.example"
    assert sender_domain(["Ada <ada@bücher.example>"]) == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "written",
    [
        "'kim@shop.example",
        "Kim <'kim@shop.example>",
        '"kim"@shop.example',
        'Kim <"kim"@shop.example>',
        '"the kim"@shop.example',
        "Kim <.kim@shop.example>",
        "Kim <kim@shop.example.>",
        "Kim <k im@shop.example>",
        "Kim <k\r\n im@shop.example>",
        "Kim <(a)kim@shop.example>",
        "k(a)im@shop.example",
        "Kim <mailto:kim@shop.example>",
        "Kim <@evil.example:kim@shop.example>",
        "Kim <\u212aim@shop.example>",
        "Kim <k\x00im@shop.example>",
        "Kim <k\x1b(Bim@shop.example>",
        "Kim <k\x01im@shop.example>",
        "=?utf-8?q?kim=40shop=2Eexample?=",
        "Kim kim@shop.example",
        "kim@shop.example, <'kim@shop.example>",
        "'kim@shop.example, <kim@shop.example>",
        "<'kim@shop.example> <kim@shop.example>",
        "<'kim@shop.example> (<kim@shop.example>)",
        '<\'kim@shop.example> "<kim@shop.example>"',
        '"<kim@shop.example>" <\'kim@shop.example>',
        "Kim: 'kim@shop.example <kim@shop.example>;",
    ],
)
async def test_whoever_is_read_as_another_mailbox_of_their_domain_isnt_vouched_for(written: str) -> None:
    trust = await judge(told(PASS) + mail(written), envelope=FROM_FRONT, **FRONT)
    assert not trust.verified
    assert trust.sentence.startswith("Nobody vouches for this sender: ")


@pytest.mark.parametrize(
    "written",
    [
        "kim@shop.example",
        "<kim@shop.example>",
        "KIM@Shop.Example",
        "kim@shop.example (Kim)",
        "Kim Lane <kim@shop.example>",
        "Kim <Kim@shop.example> (Sales)",
        '"Lane, Kim \\"K\\" <the one>" <kim@shop.example>',
        "Kim (Sales) O'Hara <kim@shop.example>",
        "Kim\r\n <kim@shop.example>",
        "kim@shop.example <kim@shop.example>",
        "=?utf-8?q?Kim_=28Sales=29?= <kim@shop.example>",
        "Zoë <kim@shop.example>",
    ],
)
async def test_whoever_writes_their_address_as_mail_programs_do_is_vouched_for(written: str) -> None:
    raw = sign(mail(written))
    assert (await judge(raw, keys(), DMARC)).verified
    assert read(raw).from_.address == "kim@shop.example"


async def test_an_address_beyond_ascii_is_vouched_for_as_it_is_written() -> None:
    assert (await judge(sign(mail("Jürgen <jürgen@shop.example>")), keys(), DMARC)).verified
    assert not (await judge(sign(mail("Jürgen <JÜRGEN@shop.example>")), keys(), DMARC)).verified


async def test_ten_thousand_signatures_cost_no_more_than_ten() -> None:
    asked: list[str] = []

    def lookup(name: str, kind: str) -> Sequence[str]:
        asked.append(name)
        return ()

    head = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=shop.example; s=s%d; h=from; bh=AAAA; b=AAAA\r\n" % number
        for number in range(900)
    )
    signed = Signed(head + mail())
    found = list(signed.verify(Names(lookup, 10), lambda _: True))
    assert len(found) == MOST_SIGNATURES
    assert not (await judge(head * 12 + mail(), lookup=lookup)).verified


@pytest.mark.parametrize(
    "raw",
    [
        sign(mail()) + b" " * 5_000_000 + b"x\r\n",
        sign(mail()) + b"a b\t" * 1_000_000,
        sign(mail()) + b"\r\n" * 2_000_000 + b"\r",
        b"DKIM-Signature: v=1; d=a.example; s=s; h=from; z= b" + b"\n\t" * 3_000 + b"; bh=A; b=A\r\n" + mail(),
        b"DKIM-Signature: " + b";" * 200_000 + b"\r\n" + mail(),
        b"ARC-Seal: i=" + b"9" * 5_000 + b"; a=b\r\n" + mail(),
        b"".join(b"ARC-Seal: i=%d; cv=pass; d=a.example; s=s; b=AAAA\r\n" % number for number in range(99)) + mail(),
        b"From: " + b"<" * 100_000 + b"\r\n\r\n",
        b"From: " + b"(" * 100_000 + b"a@b.example\r\n\r\n",
        mail('"a"(b)c ' * 25_000 + "<ada@shop.example> "),
        mail('"a' * 80_000 + "<ada@shop.example>"),
        bytes(range(256)) * 100,
    ],
)  # fmt: skip
async def test_hostile_mails_are_judged_quickly(raw: bytes) -> None:
    started = time.monotonic()
    await judge(raw, keys(), DMARC, trusted_forwarders=["a.example"], trusted_server="mx.support.example")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("cut", range(0, 700, 23))
async def test_any_part_of_a_mail_gets_a_verdict(cut: int) -> None:
    raw = sign(mail())
    whole = sign(mail(), canonicalize=(b"simple", b"simple"))
    for broken in (raw[cut:], raw[:cut], whole[:cut] + b"\x00\xff" + whole[cut:]):
        assert (await judge(broken, keys(), DMARC)).sentence


# The DNS


async def test_a_dns_that_doesnt_answer_leaves_it_open() -> None:
    def lookup(name: str, kind: str) -> Sequence[str]:
        raise TimeoutError

    trust = await judge(sign(mail()), lookup=lookup, envelope=FROM_SHOP)
    assert (trust.verified, trust.dmarc) == (False, "temperror")
    assert "its DNS did not answer" in trust.sentence


@pytest.mark.parametrize("silent", ["s1._domainkey.shop.example", "shop.example"])
async def test_an_answer_that_is_missing_isnt_a_no(silent: str) -> None:
    known = table(DMARC)

    def lookup(name: str, kind: str) -> Sequence[str]:
        if name == silent:
            raise TimeoutError
        return known(name, kind)

    raw = mail() if silent == "shop.example" else sign(mail())
    trust = await judge(raw, lookup=lookup, envelope=FROM_SHOP)
    assert (trust.verified, trust.dmarc) == (False, "temperror")


async def test_a_dns_that_hangs_is_left_behind_and_the_loop_goes_on() -> None:
    release = threading.Event()

    def lookup(name: str, kind: str) -> Sequence[str]:
        release.wait(10)
        return ()

    authenticator = Authenticator(lookup=lookup, seconds=0.1, threads=1)
    started = time.monotonic()
    first, second = await asyncio.gather(*(authenticator.check(sign(mail()), FROM_SHOP) for _ in range(2)))
    release.set()
    authenticator.close()
    assert time.monotonic() - started < 2
    assert (
        first
        == second
        == Trust(False, "Whether anybody vouches for this sender could not be found out in time.", dmarc="temperror")
    )


async def test_a_lookup_that_breaks_is_no_verdict() -> None:
    def lookup(name: str, kind: str) -> Sequence[str]:
        raise RuntimeError("broken")

    trust = await judge(sign(mail()), lookup=lookup)
    assert (trust.verified, trust.dmarc) == (False, "permerror")


def test_one_mail_asks_a_bounded_number_of_questions_and_each_once() -> None:
    asked: list[str] = []

    def lookup(name: str, kind: str) -> Sequence[str]:
        asked.append(name)
        return ["x" * 3_000, "y"]

    names = Names(lookup, 10)
    for number in range(MOST_QUESTIONS):
        assert names.get(f"{number}.example", "TXT") == ["y"]
        assert names.get(f"{number}.EXAMPLE.", "TXT") == ["y"]
    assert len(asked) == MOST_QUESTIONS
    with pytest.raises(TimeoutError):
        names.get("one-more.example", "TXT")


@pytest.mark.parametrize("name", ["", "a..b", "a b.example", "ä.example", "a\n.example", "x" * 64, "a." * 140 + "b"])
def test_what_is_no_name_isnt_asked_about(name: str) -> None:
    def lookup(name: str, kind: str) -> Sequence[str]:
        raise AssertionError(name)

    assert Names(lookup, 10).get(name, "TXT") == ()


class NameServer(asyncio.DatagramProtocol):
    """A name server of one domain, on the loopback."""

    zone: ClassVar[dict[str, str]] = {
        "TXT": '"v=DMARC1; " "p=none"',
        "MX": "10 mx.shop.example.",
        "A": "192.0.2.7",
    }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        query = dns.message.from_wire(data)
        asked, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        answer = dns.message.make_response(query)
        if asked.to_text() == "silent.example.":
            return
        if asked.to_text() != "shop.example.":
            answer.set_rcode(dns.rcode.NXDOMAIN if asked.to_text() == "nobody.example." else dns.rcode.SERVFAIL)
        elif kind in self.zone:
            answer.answer.append(dns.rrset.from_text(asked, 60, "IN", kind, self.zone[kind]))
        self.transport.sendto(answer.to_wire(), addr)


async def test_name_servers_are_asked() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(NameServer, ("127.0.0.1", 0))
    resolver = Resolver(0.3)
    resolver._resolver = dns.resolver.Resolver(configure=False)
    resolver._resolver.nameservers = ["127.0.0.1"]
    resolver._resolver.port = transport.get_extra_info("sockname")[1]

    async def ask(name: str, kind: str) -> Sequence[str]:
        return await asyncio.to_thread(resolver, name, kind)

    assert await ask("shop.example", "TXT") == ["v=DMARC1; p=none"]
    assert await ask("shop.example", "MX") == ["10 mx.shop.example."]
    assert await ask("shop.example", "A") == ["192.0.2.7"]
    assert await ask("shop.example", "AAAA") == ()
    assert await ask("nobody.example", "TXT") == ()
    for name in ("silent.example", "broken.example"):
        with pytest.raises(TimeoutError):
            await ask(name, "TXT")
    transport.close()


@pytest.mark.parametrize(
    ("records", "published"),
    [
        (["v=DMARC1; p=reject"], True),
        (["v=spf1 -all", "v=DMARC1;p=none"], True),
        (["v=DMARC1; p=reject", "v=DMARC1; p=none"], False),
        (["v=DMARC1"], False),
        (["p=reject; v=DMARC1"], False),
        (["v=DMARC1; rua=mailto:x@shop.example"], True),
        (["v=DMARC1; =; ;;; p=none ; adkim = s"], True),
    ],
)
async def test_a_dmarc_record_is_read(records: list[str], published: bool) -> None:
    trust = await judge(sign(mail()), keys(), {("_dmarc.shop.example", "TXT"): records})
    assert trust.verified
    assert trust.dmarc == ("pass" if published else "none")


@pytest.mark.parametrize(
    ("domain", "other", "relaxed"),
    [
        ("a.shop.example", "b.shop.example", True),
        ("co.uk", "shop.co.uk", False),
        ("co.uk", "co.uk", True),
        ("shop.example", "", False),
        ("", "", False),
        ("xn--bcher-kva.example", "mail.xn--bcher-kva.example", True),
    ],
)
def test_domains_of_one_organization_are_aligned(domain: str, other: str, relaxed: bool) -> None:
    assert aligned(domain, other, strict=False) is relaxed
    assert aligned(domain, other, strict=True) is (domain == other != "")


# The owner's mail server


def told(results: str, name: str = "mx.support.example") -> bytes:
    return f"Authentication-Results: {name}; {results}\r\n".encode()


PASS = "dmarc=pass (p=reject) header.from=shop.example"
FRONT = {"trusted_server": "mx.support.example 198.51.100.0/24"}
FROM_FRONT = Envelope("ada@shop.example", ip="198.51.100.9")


async def test_the_owners_mail_server_is_believed() -> None:
    raw = told(f"spf=pass smtp.mailfrom=ada@shop.example; {PASS}") + mail()
    trust = await judge(raw, envelope=FROM_FRONT, **FRONT)
    assert trust == Trust(
        True,
        "shop.example vouches for this sender, says mx.support.example (DMARC).",
        spf="pass",
        dmarc="pass",
        domain="shop.example",
    )
    assert not (
        await judge(told("dmarc=fail header.from=shop.example") + mail(), envelope=FROM_FRONT, **FRONT)
    ).verified


@pytest.mark.parametrize(
    "raw",
    [
        told(PASS, "mx.evil.example") + mail(),
        told("dmarc=fail header.from=shop.example") + told(PASS) + mail(),
        told("dmarc=pass", "other.example") + told(PASS) + mail(),
        told("dmarc=pass header.from=evil.example") + mail(),
        told("none") + told(PASS) + mail(),
        b"Authentication-Results: nonsense (((\r\n" + told(PASS) + mail(),
        b"X-Authentication-Results: mx.support.example; " + PASS.encode() + b"\r\n" + mail(),
        mail() + told(PASS),
        told("x=" + "y" * 9_000 + "; " + PASS) + mail(),
    ],
)
async def test_other_peoples_results_arent_believed(raw: bytes) -> None:
    assert not (await judge(raw, envelope=FROM_FRONT, **FRONT)).verified


@pytest.mark.parametrize(
    ("server", "envelope", "believed"),
    [
        ("mx.support.example 198.51.100.9", FROM_FRONT, True),
        ("MX.Support.example 198.51.100.9", FROM_FRONT, True),
        ("mx.support.example 198.51.100.9", Envelope("a@shop.example", ip="198.51.100.8"), False),
        ("mx.support.example", FROM_FRONT, False),
        ("mx.support.example", Envelope("a@shop.example", ip="127.0.0.1"), True),
        ("mx.support.example", Envelope(), False),
        ("mx.support.example mailbox", Envelope(), True),
        ("mx.support.example mailbox", Envelope("a@shop.example", ip="127.0.0.1"), False),
        ("mx.support.example 198.51.100.9, mailbox", Envelope(), True),
        ("", FROM_FRONT, False),
    ],
)
async def test_the_owners_server_is_believed_only_where_its_mails_come_from(
    server: str, envelope: Envelope, believed: bool
) -> None:
    assert (await judge(told(PASS) + mail(), envelope=envelope, trusted_server=server)).verified is believed


async def test_behind_the_owners_server_its_own_address_isnt_taken_for_the_senders() -> None:
    records = {("shop.example", "TXT"): ["v=spf1 ip4:198.51.100.9 -all"]}
    trust = await judge(mail(), records, envelope=FROM_FRONT, **FRONT)
    assert (trust.verified, trust.spf) == (False, "")
    assert (await judge(sign(mail()), keys(), DMARC, envelope=FROM_FRONT, **FRONT)).verified


async def test_results_without_dmarc_are_judged_by_the_policy() -> None:
    raw = told("dkim=pass header.d=mail.shop.example; spf=pass smtp.mailfrom=x@mailer.example") + mail()
    assert (await judge(raw, DMARC, envelope=FROM_FRONT, **FRONT)).verified
    strict = {("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject; adkim=s"]}
    assert not (await judge(raw, strict, envelope=FROM_FRONT, **FRONT)).verified
    spf = told("spf=pass smtp.mailfrom=x@bounces.shop.example") + mail()
    assert (await judge(spf, DMARC, envelope=FROM_FRONT, **FRONT)).verified


def test_a_trusted_server_that_cant_be_read_is_told_at_the_start() -> None:
    with pytest.raises(SetupError, match="addresses can't be read"):
        Authenticator(trusted_server="mx.example.com 300.1.2.3")
    assert TrustedServer.read("  ") is None


@pytest.mark.parametrize(
    "value", ["", ";", "mx", "mx.support.example; dmarc", "\x00", "mx.support.example; " + "(" * 5000]
)
def test_results_that_cant_be_read_are_none(value: str) -> None:
    found = read_results(value, "mx.support.example")
    assert found is None or found.dmarc == ""


# Forwarders


def forward(raw: bytes, domain: str, results: str, *, broken: bool = True) -> bytes:
    """Return what a mailing list sends on: sealed, and changed after the first signature if `broken`."""
    changed = raw.replace(b"Order 7", b"[list] Order 7") if broken else raw
    marked = f"Authentication-Results: {domain}; {results}\r\n".encode() + changed
    headers = [b"from", b"to", b"subject", b"message-id"]
    sealed = dkim.arc_sign(marked, b"s1", domain.encode(), pem(), domain.encode(), include_headers=headers)
    return b"".join(sealed) + changed


LIST = "dmarc=pass header.from=shop.example"


async def test_a_forwarder_that_the_owner_trusts_may_vouch() -> None:
    raw = forward(sign(mail()), "lists.example", LIST)
    records = (keys("shop.example", "lists.example"), DMARC)
    trust = await judge(raw, *records, trusted_forwarders=["lists.example"])
    assert trust.verified
    assert trust.arc == "pass"
    assert trust.sentence == (
        "shop.example vouched for this sender when the mail reached lists.example, which forwarded it (ARC)."
    )
    assert (await judge(raw, *records)).arc == ""
    assert not (await judge(raw, *records)).verified
    for others in (["other.example"], ["ists.example"], [""], ["x.lists.example"]):
        assert not (await judge(raw, *records, trusted_forwarders=others)).verified


@pytest.mark.parametrize(
    ("results", "believed"),
    [
        (LIST, True),
        ("dkim=pass header.d=shop.example", True),
        ("spf=pass smtp.mailfrom=a@mail.shop.example", True),
        ("dkim=pass header.d=mail.shop.example", True),
        ("dmarc=fail header.from=shop.example; dkim=pass header.d=shop.example", False),
        ("dmarc=pass header.from=evil.example", False),
        ("dmarc=pass", False),
        ("dkim=fail header.d=shop.example", False),
        ("dkim=pass header.d=evil.example", False),
        ("none", False),
    ],
)
async def test_a_forwarder_vouches_only_with_what_it_had_found(results: str, believed: bool) -> None:
    raw = forward(mail(), "lists.example", results)
    trust = await judge(raw, keys("lists.example"), DMARC, trusted_forwarders=["lists.example"])
    assert trust.verified is believed
    assert trust.arc == "pass"


@pytest.mark.parametrize(
    "passed", ["dkim=pass header.d=", "dmarc=none; dkim=pass header.d=", "spf=pass smtp.mailfrom=a@"]
)
async def test_a_forwarder_lets_a_relative_vouch_only_as_the_domains_policy_does(passed: str) -> None:
    strict = {("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject; adkim=s; aspf=s"]}
    for domain, policies, believed in (
        ("mail.shop.example", DMARC, True),
        ("mail.shop.example", strict, False),
        ("mail.shop.example", {}, False),
        ("shop.example", strict, True),
        ("shop.example", {}, True),
    ):
        raw = forward(mail(), "lists.example", passed + domain)
        trust = await judge(raw, keys("lists.example"), policies, trusted_forwarders=["lists.example"])
        assert trust.verified is believed
        assert trust.arc == "pass"


async def test_a_chain_that_was_changed_isnt_believed() -> None:
    raw = forward(sign(mail()), "lists.example", LIST)
    for changed in (
        raw.replace(b"[list] ", b"[evil] "),
        raw.replace(b"ada@", b"eve@"),
        raw.replace(b"dmarc=pass", b"dmarc=none"),
        raw.replace(b"Where", b"There"),
        raw.replace(b"ARC-Seal", b"X-Seal"),
        b"Subject: above\r\n" + raw,
        b"ARC-Seal: i=1; nonsense\r\n" + raw,
    ):
        assert changed != raw
        trust = await judge(changed, keys("lists.example"), DMARC, trusted_forwarders=["lists.example"])
        assert not trust.verified


async def test_of_two_forwarders_both_must_be_trusted() -> None:
    first = forward(sign(mail()), "lists.example", LIST)
    second = forward(first, "relay.example", "arc=pass; dmarc=none header.from=shop.example", broken=False)
    records = (keys("lists.example", "relay.example"), DMARC)
    assert (await judge(second, *records, trusted_forwarders=["lists.example", "relay.example"])).verified
    assert not (await judge(second, *records, trusted_forwarders=["lists.example"])).verified
    assert not (await judge(second, *records, trusted_forwarders=["relay.example"])).verified
