"""Settings: read, checked together, and documented."""

from pathlib import Path

import pytest

from bot.settings import SAMPLE_COMPANY, SAMPLE_KB, Settings, load_settings
from core.errors import SetupError
from core.hours import Hours
from core.policy import Policy

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", Settings.model_fields)
@pytest.mark.parametrize("document", ["README.md", ".env.example"])
def test_every_setting_is_documented(document: str, name: str) -> None:
    assert name.upper() in (ROOT / document).read_text(encoding="utf-8")


def test_every_setting_says_what_it_does() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_example_file_can_be_read_as_it_is() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {
        line.lstrip("# ").partition("=")[0]
        for line in lines
        if "=" in line and " " not in line.partition("=")[0].lstrip("# ")
    }
    assert named <= {name.upper() for name in Settings.model_fields}
    assert load_settings(_env_file=ROOT / ".env.example").http_port == 8080


def test_without_any_setting_the_sample_is_served_on_this_machine_alone() -> None:
    settings = load_settings()
    assert (settings.http_host, settings.http_port, settings.is_exposed) == ("127.0.0.1", 8080, False)
    assert (settings.kb_path, settings.company, settings.has_model) == ([str(SAMPLE_KB)], SAMPLE_COMPANY, False)


def test_a_file_of_settings_is_read_and_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "HTTP_PORT=9000\nCOMPANY_NAME=Acme\nKB_PATH=./a, ./b ,\nUNKNOWN=1\n", encoding="utf-8"
    )
    monkeypatch.setenv("HTTP_PORT", "9001")
    settings = load_settings()
    assert (settings.http_port, settings.company, settings.kb_path) == (9001, "Acme", ["./a", "./b"])


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "")
    monkeypatch.setenv("OPENAI_API", "")
    assert load_settings().http_port == 8080


def test_one_error_lists_everything_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "HTTP_PORT": "99999",
        "DATABASE_URL": "mysql://root:hunter2@db/x",
        "FILES_URL": "gs://hunter2",
        "PUBLIC_URL": "help.example.com",
        "OPENAI_BASE_URL": "ftp://hunter2@models",
        "OPENAI_API": "telepathy",
        "ANSWER_CAUTION": "bold",
        "DESK": "pigeon",
        "DESK_HOURS": "Mon 25:00-26:00",
        "DESK_TIME_ZONE": "Europe/Nowhere",
        "DESK_HOLIDAYS": "the day after tomorrow",
        "DIGEST_AT": "noon",
        "REPORT_AT": "08:30",
        "WIDGET_ORIGINS": "www.example.com",
        "WIDGET_SECRET": "short",
        "QUIET_SECONDS": "-1",
        "RUN_SECONDS": "soon",
        "LOG_LEVEL": "loud",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError) as caught:
        load_settings()
    sentence = str(caught.value)
    assert [name for name in wrong if f"  {name}: " not in sentence] == []
    assert "postgresql+asyncpg://" in sentence
    assert "https://help.example.com" in sentence
    assert "s3://bucket/folder" in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"DESK_HOURS": "weekdays"}, "'weekdays' is no day"),
        ({"DESK_TIME_ZONE": "Mars"}, "time zone 'Mars'"),
        ({"DESK_HOLIDAYS": "Christmas"}, "holiday 'Christmas'"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else None,
)
def test_hours_that_cannot_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError, match=named):
        load_settings()


def test_the_desks_settings_are_its_policy() -> None:
    policy = load_settings(
        desk_hours="Mon-Fri 09:00-17:00",
        desk_time_zone="Europe/Berlin",
        remind_unclaimed_minutes=5,
        remind_unanswered_minutes=0,
        reopen_days=2,
        survey=False,
        desk="slack:C1",
        second_desk="slack:C2",
    ).policy
    assert policy == Policy(
        Hours.parse("Mon-Fri 09-17", "Europe/Berlin"), "slack:C1", "slack:C2", 300, 0, 172_800, False
    )
    assert load_settings().policy == Policy(), "the defaults are those of the rules"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"OPENAI_API_KEY": "k"}, "OPENAI_MODEL"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "OPENAI_MODEL"),
        ({"AZURE_OPENAI_ENDPOINT": "https://a.example"}, "AZURE_OPENAI_DEPLOYMENT"),
        ({"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_DEPLOYMENT": "d"}, "AZURE_OPENAI_ENDPOINT"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else None,
)
def test_half_a_language_model_is_an_error_that_names_the_other_half(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError, match=named):
        load_settings()


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),  # noqa: S104 (not bound)
        ("::", True),
        ("192.168.1.5", True),
        ("help.example.com", True),
    ],
)
def test_a_port_that_others_reach_is_known_as_such(host: str, exposed: bool) -> None:
    assert load_settings(http_host=host).is_exposed is exposed


def test_the_public_address_is_a_host_we_answer_for() -> None:
    assert load_settings(public_url="https://help.example.com/").hosts == {"help.example.com", "127.0.0.1"}


def test_a_company_without_a_name_is_not_the_samples(tmp_path: Path) -> None:
    assert load_settings(kb_path=[str(tmp_path)]).company == "our company"
