"""The settings about what may go out, and what they become."""

from pathlib import Path

import pytest

from bot.screen import make_screen, own_secrets
from bot.settings import Settings, load_settings
from core.errors import SetupError
from core.redaction import BY_DEFAULT, Kind
from tests.support import plain_settings


@pytest.fixture
def set_up(tmp_path: Path) -> Settings:
    """An installation with everything that is secret."""
    return plain_settings(
        tmp_path,
        openai_api_key="key-of-the-model",
        openai_model="m",
        database_url="postgresql+asyncpg://user:of%20the%20database@127.0.0.1/x",
        email_address="support@example.com",
        email_smtp_url="smtp://user:of-the-mail-server@mail.example.com",
        email_login="user:of-the-door",
        operator_token="a-token-of-the-owner",
        public_url="https://help.example.com",
        widget_origins="https://shop.example.com",
        link_hosts="track.example.net,.example.org",
    )


def test_every_key_and_password_of_the_settings_is_known_and_never_leaves(set_up: Settings) -> None:
    secrets = ["key-of-the-model", "of the database", "of-the-mail-server", "of-the-door", "a-token-of-the-owner"]
    assert set(secrets) <= set(own_secrets(set_up))
    guard = make_screen(set_up).guard
    for secret in secrets:
        assert guard.holds_back(f"It is {secret}!") == "It held one of this program's own keys."
    assert guard.holds_back("Write to support@example.com or see https://help.example.com") == ""


def test_the_owners_own_addresses_may_stand_in_answers(set_up: Settings) -> None:
    screen = make_screen(set_up)
    assert screen.own == ("support@example.com",)
    assert screen.hosts == ("help.example.com", "shop.example.com", "track.example.net", ".example.org")


def test_without_a_setting_numbers_and_passwords_are_hidden_and_mailboxes_are_not(tmp_path: Path) -> None:
    assert make_screen(plain_settings(tmp_path)).hidden == frozenset(BY_DEFAULT)
    assert make_screen(plain_settings(tmp_path, redact="off")).hidden == frozenset()
    assert make_screen(plain_settings(tmp_path, redact="cards,emails")).hidden == {Kind.CARDS, Kind.EMAILS}


def test_a_kind_that_is_none_is_refused_with_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACT", "names")
    with pytest.raises(SetupError, match="REDACT: names: use off, or any of cards,ibans,ids,passwords,keys"):
        load_settings(_env_file=None)
