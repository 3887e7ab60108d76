"""The doctor: what works, what is off, what is broken, and the fix for it."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap import open_database
from bot.check import Check
from bot.doctor import _covered, examine
from bot.home import Home
from core.store.migrations import migrate
from core.store.store import Store
from kb.embed import Embedder
from tests.fakes.openai_server import FakeOpenAI, error, say
from tests.fakes.s3_server import FakeS3
from tests.support import plain_settings


@pytest.fixture
async def free_port() -> AsyncIterator[int]:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    yield port


async def checks(home: Path, **settings: Any) -> dict[str, Check]:
    """Examine; without the embedding model unless it is named, since loading it takes seconds."""
    return {
        check.name: check async for check in examine(plain_settings(home, **{"embedding_model": "none", **settings}))
    }


async def test_a_fresh_installation_is_well_and_says_what_is_off(home: Path, free_port: int) -> None:
    found = await checks(home, http_port=free_port)
    assert {name: check.state for name, check in found.items()} == {
        "home": "ok",
        "embeddings": "off",
        "http": "ok",
        "database": "ok",
        "knowledge base": "ok",
        "articles": "ok",
        "language model": "off",
        "redaction": "ok",
        "desk": "ok",
        "desk hours": "off",
        "subjects": "ok",
        "tools": "off",
        "slack": "off",
        "teams": "off",
        "email": "off",
    }
    assert "OPENAI_API_KEY" in found["language model"].fix
    assert found["articles"].found.endswith(str(home / "articles"))
    assert not (home / "articles").exists(), "the doctor only looks"


async def test_the_doctor_says_what_no_model_and_no_log_reads(home: Path, free_port: int) -> None:
    redacted = (await checks(home, http_port=free_port))["redaction"]
    assert (redacted.state, redacted.found) == ("ok", "cards, ibans, ids, keys, passwords: read by no model and no log")
    off = (await checks(home, http_port=free_port, redact="off"))["redaction"]
    assert (off.state, off.found) == ("off", "models and logs read all that customers write")
    assert "REDACT=cards" in off.fix


async def test_the_doctor_tries_the_bucket_for_files(
    home: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeS3() as server:
        for name, value in {
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }.items():
            monkeypatch.setenv(name, value)
        there = (await checks(home, http_port=free_port, files_url="s3://bucket/files"))["files"]
        missing = (await checks(home, http_port=free_port, files_url="s3://nobody"))["files"]
    assert (there.state, there.found) == ("ok", "s3://bucket/files")
    assert missing.state == "broken"
    assert "s3://nobody can't be used now" in missing.found
    assert server.objects == {}


async def test_the_doctor_says_when_the_desk_opens_and_what_goes_to_people(home: Path, free_port: int) -> None:
    found = await checks(home, http_port=free_port, desk_hours="Mon-Sun 0-24", desk_holidays="01-01")
    assert "open" in found["desk hours"].found
    assert "legal" in found["subjects"].found


async def test_the_doctor_finds_a_desk_that_is_not_there_or_never_opens(home: Path, free_port: int) -> None:
    found = await checks(home, http_port=free_port, desk="slack:C1", desk_hours="closed")
    assert (found["desk"].state, found["desk hours"].state) == ("broken", "broken")
    assert found["desk"].fix
    assert found["desk hours"].fix


async def test_everything_broken_has_a_fix(home: Path, tmp_path: Path, free_port: int) -> None:
    (tmp_path / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = await checks(
            home,
            http_port=taken.getsockname()[1],
            kb_path=[str(tmp_path / "nothing")],
            articles_path=tmp_path / "file" / "articles",
            embedding_model="no-such/model",
            database_url=f"postgresql+asyncpg://u:hunter2@127.0.0.1:{free_port}/x",
            openai_base_url=f"http://127.0.0.1:{free_port}/v1",
            openai_model="gpt-test",
        )
    broken = {name: check for name, check in found.items() if check.state == "broken"}
    assert set(broken) == {"http", "database", "embeddings", "knowledge base", "articles", "language model"}
    assert all(check.fix for check in broken.values())
    assert "HTTP_PORT" in broken["http"].fix
    assert "KB_PATH" in broken["knowledge base"].fix
    assert "ARTICLES_PATH" in broken["articles"].fix
    assert "DATABASE_URL" in broken["database"].fix
    assert "hunter2" not in str(broken)
    assert "no-such/model" in broken["embeddings"].found
    assert not [check for check in found.values() if "\n" in check.found + check.fix], "each takes one line"


async def test_no_embedding_model_is_a_choice_and_no_fault(home: Path, free_port: int) -> None:
    found = (await checks(home, http_port=free_port))["embeddings"]
    assert (found.state, found.found) == ("off", "none: searching by words only")
    assert "EMBEDDING_MODEL" in found.fix


async def test_without_a_home_nothing_else_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [check] = (await checks(tmp_path / "file" / "home")).values()
    assert (check.name, check.state) == ("home", "broken")
    assert "THREADLINE_HOME" in check.fix


async def test_a_model_that_answers_is_well_and_one_that_refuses_is_not(home: Path, free_port: int) -> None:
    async with FakeOpenAI(say("ready"), error(401, message="Incorrect API key provided: sk-secret")) as model:
        settings = {"openai_base_url": model.base_url, "openai_api_key": "sk-secret", "openai_model": "gpt-test"}
        well = (await checks(home, http_port=free_port, **settings))["language model"]
        refused = (await checks(home, http_port=free_port, **settings))["language model"]
    assert (well.state, well.found) == ("ok", "gpt-test")
    assert (refused.state, refused.found) == ("broken", "AuthenticationError (HTTP 401)")
    assert "sk-secret" not in str(refused)


async def test_operators_are_named_and_only_the_loss_of_all_is_a_fault(home: Path, free_port: int) -> None:
    store = Store(open_database(plain_settings(home), Home(home)))
    await migrate(store.database)
    before = (await checks(home, http_port=free_port))["operators"]
    await store.credentials.add_operator("Ada", 0.0)
    named = (await checks(home, http_port=free_port))["operators"]
    await store.credentials.revoke_operator("Ada", 1.0)
    revoked = (await checks(home, http_port=free_port))["operators"]
    await store.close()
    assert (before.state, named.state, named.found, revoked.state) == ("ok", "ok", "Ada", "broken")
    assert "threadline operator add" in revoked.fix


async def test_a_port_that_our_own_program_serves_is_well(home: Path) -> None:
    with Home(home).lock(), Home(home).announce("http://127.0.0.1:8080"):
        found = (await checks(home))["http"]
    assert found.state == "ok"
    assert "serving at http://127.0.0.1:8080" in found.found


@pytest.mark.parametrize(
    ("model", "languages", "said"),
    [
        (None, [], "covers English: questions in other languages are searched by words alone"),
        ("my-own-model", [], "taken to cover every language"),
        ("my-own-model", ["de", "en"], "covers English, German: questions in other languages"),
    ],
)
def test_the_doctor_says_which_languages_the_model_covers(model: str | None, languages: list[str], said: str) -> None:
    assert _covered(Embedder(model, languages=languages)).startswith(said)
