"""A customer is who the site has signed, and nobody else; every doubt is a refusal with a sentence for the owner."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.web.identity import MAX_ID, MAX_TOKEN, MIN_SECRET, ForgedIdentity, Identities, Identity
from core.errors import SetupError

SECRET = "the-secret-that-the-site-shares-with-us"
NOW = 1_800_000_000.0
HOUR = 3600
HEADER = {"alg": "HS256", "typ": "JWT"}
IDENTITIES = Identities(SECRET, clock=lambda: NOW)


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(
    claims: object, *, secret: str = SECRET, header: object = HEADER, digest: str = "sha256", **more: object
) -> str:
    """Return a token as a site makes one, by hand: the library that reads them has no part in it."""
    body = {**claims, **more} if isinstance(claims, dict) else claims
    head = f"{part(header)}.{part(body)}"
    return f"{head}.{part(hmac.new(secret.encode(), head.encode(), digest).digest())}"


def hashed(user: str, *, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), user.encode(), hashlib.sha256).hexdigest()


GOOD = {"sub": "42", "exp": NOW + HOUR}


def refusal(shown: object, identities: Identities = IDENTITIES) -> str:
    with pytest.raises(ForgedIdentity) as caught:
        identities.read(shown)
    assert (caught.value.status, caught.value.code) == (401, "forged_identity")
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_token_of_the_site_says_who_the_customer_is() -> None:
    token = signed(GOOD, name="Ada Lovelace", email="Ada@example.com", email_verified=True, iat=NOW, plan="pro")
    assert IDENTITIES.read(token) == Identity("42", "Ada Lovelace", "ada@example.com")


def test_a_hashed_id_says_who_the_customer_is_but_not_what_they_are_called() -> None:
    assert IDENTITIES.read({"user_id": "42", "name": "The owner", "hash": hashed("42")}) == Identity("42")
    assert IDENTITIES.read({"user_id": "42", "hash": hashed("42").upper()}) == Identity("42")


def test_a_signed_id_is_never_that_of_a_chat_session() -> None:
    assert Identity("s_1").customer != "web:s_1"


@pytest.mark.parametrize("name", ["名前 太郎", "Zoë", "👩\u200d🚀 Ana", "مريم"])
def test_names_and_ids_of_every_script_are_kept(name: str) -> None:
    assert IDENTITIES.read(signed({"sub": name, "exp": NOW + HOUR, "name": name})) == Identity(name, name)
    assert IDENTITIES.read({"user_id": name, "hash": hashed(name)}) == Identity(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  Ada \n Lovelace\t", "Ada Lovelace"),
        ("Ada\x00\x1b[31m", "Ada[31m"),
        ("Ada \u202eecalevoL", "Ada ecalevoL"),
        ("Ada \ud800", "Ada"),
        ("x" * 500, "x" * 80),
        (None, ""),
        (["Ada"], ""),
        (7, ""),
    ],
)
def test_a_name_is_made_fit_to_be_shown(name: object, shown: str) -> None:
    assert IDENTITIES.read(signed(GOOD, name=name)).name == shown


@pytest.mark.parametrize("email", ["", "ada", "@", "ada@", "a b@example.com", f"{'a' * 250}@b.example", None, 1, {}])
def test_what_is_no_address_is_left_out(email: object) -> None:
    assert IDENTITIES.read(signed(GOOD, email=email, email_verified=True)).email == ""


@pytest.mark.parametrize("proved", [None, False, "true", 1])
def test_an_address_that_the_site_has_not_proved_is_left_out(proved: object) -> None:
    assert IDENTITIES.read(signed(GOOD, email="ada@example.com", email_verified=proved)).email == ""


def test_a_token_signed_with_another_secret_is_refused_with_the_fix() -> None:
    assert "WIDGET_SECRET" in refusal(signed(GOOD, secret="another-secret-that-is-just-as-long-as-ours"))


def test_a_token_whose_words_were_changed_is_refused() -> None:
    head, _, signature = signed(GOOD).split(".")
    refusal(f"{head}.{part({**GOOD, 'sub': '43'})}.{signature}")


@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "hs256", None, 7, ["HS256"]]
)
def test_only_one_way_of_signing_is_taken(alg: object) -> None:
    header = {"alg": alg, "typ": "JWT"}
    refusal(signed(GOOD, header=header))
    refusal(f"{part(header)}.{part(GOOD)}.")


@pytest.mark.parametrize("digest", ["sha384", "sha512", "sha1"])
def test_a_signature_of_another_kind_is_refused(digest: str) -> None:
    refusal(signed(GOOD, digest=digest))
    refusal(signed(GOOD, digest=digest, header={"alg": digest.replace("sha", "HS")}))


def test_a_key_that_the_token_itself_brings_or_names_is_not_used() -> None:
    jwk = {"kty": "oct", "k": part(b"a key of the sender's own, long enough")}
    for more in ({"jwk": jwk}, {"kid": "../../dev/null"}, {"jku": "https://evil.example/keys"}):
        refusal(signed(GOOD, secret="a key of the sender's own, long enough", header={"alg": "HS256", **more}))


def test_a_header_that_demands_what_we_do_not_know_is_refused() -> None:
    refusal(signed(GOOD, header={"alg": "HS256", "crit": ["exp2"], "exp2": 1}))


@pytest.mark.parametrize(
    ("exp", "why"),
    [
        (NOW - 31, "too old"),
        (0, "too old"),
        (NOW + 24 * HOUR + 31, "24 hours"),
        (1e11, "24 hours"),
        (1e13, "seconds since 1970"),
        (10**400, "seconds since 1970"),
        (-1, "seconds since 1970"),
        (float("nan"), "seconds since 1970"),
        (float("inf"), "seconds since 1970"),
        (str(NOW + HOUR), "seconds since 1970"),
        (True, "seconds since 1970"),
        ([NOW], "seconds since 1970"),
        (None, "no end"),
    ],
)
def test_a_token_ends_within_a_day(exp: object, why: str) -> None:
    assert why in refusal(signed({"sub": "42", "exp": exp}))


def test_a_token_without_an_end_is_refused() -> None:
    assert "no end" in refusal(signed({"sub": "42"}))


@pytest.mark.parametrize("exp", [NOW - 29, NOW + 24 * HOUR, NOW + 24 * HOUR + 29])
def test_two_clocks_may_differ_a_little(exp: float) -> None:
    assert IDENTITIES.read(signed({"sub": "42", "exp": exp, "iat": NOW, "nbf": NOW + 29})).id == "42"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"iat": NOW + 60}, "not good yet"),
        ({"nbf": NOW + 60}, "not good yet"),
        ({"iat": NOW - 24 * HOUR}, "24 hours"),
        ({"iat": "today"}, "seconds since 1970"),
        ({"aud": "billing"}, "another service"),
    ],
)
def test_a_token_that_is_for_another_time_or_place_is_refused(more: dict[str, object], why: str) -> None:
    assert why in refusal(signed({**GOOD, **more}))


@pytest.mark.parametrize(
    "user", [None, 42, 4.2, True, "", "   ", [], {}, "a\x00b", "a\nb", "\u202e42", "x" * (MAX_ID + 1)]
)
def test_an_id_that_cannot_stand_as_it_is_is_refused(user: Any) -> None:
    refusal(signed({"sub": user, "exp": NOW + HOUR}))
    refusal({"user_id": user, "hash": hashed(str(user))})


def test_half_a_character_is_no_id() -> None:
    refusal(signed({"sub": "\ud800", "exp": NOW + HOUR}))
    refusal({"user_id": "\ud800", "hash": hashed("?")})


def test_an_id_may_be_so_long_and_no_longer() -> None:
    longest = "ü" * MAX_ID
    assert IDENTITIES.read(signed({"sub": longest, "exp": NOW + HOUR})).id == longest
    assert IDENTITIES.read({"user_id": longest, "hash": hashed(longest)}).id == longest


def test_the_hash_of_another_customer_is_refused() -> None:
    assert "WIDGET_SECRET" in refusal({"user_id": "42", "hash": hashed("43")})


@pytest.mark.parametrize(
    "shown",
    [
        hashed("42")[:-1],
        hashed("42") + "0",
        hashed("42", secret="another-secret-that-is-just-as-long-as-ours"),
        hashlib.sha256(b"42").hexdigest(),
        hmac.new(SECRET.encode(), b"42", "sha1").hexdigest(),
        "",
        "ü" * 64,
        "\ud800",
        None,
        0,
        [hashed("42")],
    ],
)
def test_a_hash_that_is_not_the_right_one_is_refused(shown: object) -> None:
    refusal({"user_id": "42", "hash": shown})


@pytest.mark.parametrize("shown", [None, True, 42, 4.2, [], ["a"], b"a.b.c", {}, "", "...", "a.b", "a.b.c", "é.é.é"])
def test_what_is_no_identity_is_refused(shown: object) -> None:
    refusal(shown)


@pytest.mark.parametrize("claims", [[], "42", 42, None, b"\xff\xfe", b"{", b"[" * 2500, b"1" * 3000])
def test_a_signed_token_that_holds_no_claims_is_refused(claims: object) -> None:
    refusal(signed(claims))
    refusal(signed(GOOD, header=claims))


def test_a_token_may_be_so_long_and_no_longer() -> None:
    def long(size: int) -> str:
        return signed(GOOD, pad="x" * size)

    room = max(size for size in range(2800, 3100) if len(long(size)) <= MAX_TOKEN)
    assert IDENTITIES.read(long(room)).id == "42"
    assert "4,096" in refusal(long(room + 3))
    refusal("a" * 10_000_000)


def test_without_a_secret_no_identity_is_believed() -> None:
    nobody = Identities("", clock=lambda: NOW)
    for shown in (signed(GOOD, secret=""), {"user_id": "42", "hash": hashed("42", secret="")}, "a.b.c"):
        assert "WIDGET_SECRET" in refusal(shown, nobody)


def test_a_secret_that_can_be_guessed_does_not_start() -> None:
    with pytest.raises(SetupError, match="WIDGET_SECRET has 31 characters; use 32 or more"):
        Identities("x" * (MIN_SECRET - 1), clock=lambda: NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
claim_names = st.sampled_from(["sub", "exp", "iat", "nbf", "aud", "iss", "jti", "name", "email", "email_verified"])


def holds(shown: object) -> None:
    try:
        found = IDENTITIES.read(shown)
    except ForgedIdentity:
        return
    assert found.id.strip()
    assert f"{found.id}{found.name}{found.email}".encode()


@given(json_values)
def test_anything_at_all_is_an_identity_or_a_refusal(shown: object) -> None:
    holds(shown)


@given(st.dictionaries(claim_names, json_values, max_size=4))
def test_whatever_the_site_signs_is_an_identity_or_a_refusal(claims: Mapping[str, object]) -> None:
    holds(signed({**GOOD, **claims}))


@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "x5c"]), json_values, max_size=4))
def test_a_header_of_any_shape_is_an_identity_or_a_refusal(header: Mapping[str, object]) -> None:
    holds(signed(GOOD, header={"alg": "HS256", **header}))
