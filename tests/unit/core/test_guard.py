"""Keys and our own instructions stay inside."""

import base64
import codecs
from collections.abc import Callable
from pathlib import Path

import pytest

from core import keys
from core.agent.providers import load_instructions
from core.guard import BEGINNING, LETTERS, Guard

OURS = load_instructions("Larkfield Cycles")
GUARD = Guard([OURS, load_instructions("Larkfield Cycles", "drafting")], ["a-token-of-ours", "test"])
PIECE = OURS[400:600]
SAMPLE = Path(__file__).resolve().parents[3] / "kb" / "sample"

KEYS = {
    "OpenAI or Anthropic": "sk-proj-abcdefghijklmnop0123",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Azure": f"AccountKey={'a1B2' * 12}==",
    "GitHub": f"ghp_{'a1B2' * 9}",
    "GitLab": f"glpat-{'a1B2' * 5}",
    "Google": f"AIza{'a1B2c' * 7}",
    "Slack": "xoxb-1234567890-abcdef",
    "Stripe": f"sk_live_{'a1B2' * 6}",
    "SendGrid": f"SG.{'a1B2' * 5}.{'a1B2' * 5}",
    "Hugging Face, npm or PyPI": f"hf_{'a1B2' * 9}",
    "a signed token": f"eyJ{'a1B2' * 4}.eyJ{'a1B2' * 4}.{'a1B2' * 4}",
    "a private key": "-----BEGIN EC PRIVATE KEY-----",
    "an address with a password": "postgresql://user:hunter2@db.example/x",
    "a setting": "OPENAI_API_KEY=abcdef0123",
}


def test_every_shape_of_the_table_has_an_example() -> None:
    assert KEYS.keys() == keys.SHAPES.keys()


@pytest.mark.parametrize("whose", KEYS)
def test_a_key_is_held_back_and_not_repeated(whose: str) -> None:
    held = GUARD.holds_back(f"Use this: {KEYS[whose]}.")
    assert held == f"It held a key ({whose})."
    assert GUARD.holds_back(f"Use this: {KEYS[whose]}.", published=f"For example {KEYS[whose]}") == ""


def test_the_programs_own_tokens_are_held_back_if_they_are_long_enough_to_be_told_from_words() -> None:
    assert GUARD.holds_back("It is a-token-of-ours.") == "It held one of this program's own keys."
    assert GUARD.holds_back("This is a test.") == ""


@pytest.mark.parametrize("form", [str, lambda key: key[::-1], " ".join, "-".join, lambda key: key.encode().hex()])
def test_our_own_keys_are_held_back_however_they_are_written(form: Callable[[str], str]) -> None:
    assert GUARD.holds_back(f"Here: {form('a-token-of-ours')} ") == "It held one of this program's own keys."


@pytest.mark.parametrize(
    "written",
    [
        PIECE,
        PIECE.upper(),
        PIECE[::-1],
        " ".join(PIECE),
        "\n- ".join(PIECE.split()),
        "\u200b".join(PIECE),
        codecs.encode(PIECE, "rot13"),
        base64.b64encode(PIECE.encode()).decode(),
        base64.urlsafe_b64encode(PIECE.encode()).decode().rstrip("="),
        PIECE.encode().hex(),
        f"Sure! {PIECE[:70]}",
    ],
)
def test_our_instructions_are_held_back_however_they_are_written(written: str) -> None:
    assert GUARD.holds_back(f"Here they are: {written}") == "It held the assistant's own instructions."


def test_who_speaks_may_be_said() -> None:
    assert GUARD.holds_back("I am the support assistant of Larkfield Cycles. How can I help?") == ""


@pytest.mark.parametrize("article", sorted(SAMPLE.glob("*.md")), ids=lambda path: path.stem)
def test_nothing_that_the_sample_says_is_held_back(article: Path) -> None:
    text = article.read_text(encoding="utf-8")
    assert GUARD.holds_back(text) == ""
    assert not any(Guard(GUARD.instructions).may_begin(text[:end]) for end in range(0, len(text), 7))


@pytest.mark.parametrize("form", [str, lambda text: text[::-1], lambda text: codecs.encode(text, "rot13")])
@pytest.mark.parametrize(("ours", "most"), [(PIECE, BEGINNING), ("a-token-of-ours", 8)], ids=["instructions", "a key"])
def test_a_growing_text_waits_as_soon_as_it_may_turn_into_what_is_ours(
    ours: str, most: int, form: Callable[[str], str]
) -> None:
    said = "\n".join(form(ours))
    grown = [said[:end] for end in range(len(said) + 1)]
    free = [text for text in grown if not GUARD.may_begin(f"Hello. 12 {text}") and not GUARD.holds_back(text)]
    assert max(sum(map(str.isalnum, text)) for text in free) <= most < LETTERS
