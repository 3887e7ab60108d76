"""The app for Teams: with an owner's ids the manifest is what Microsoft's schema asks for, the zip what Teams takes."""

import json
import re
import struct
import zipfile
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from bot.cli import run
from bot.cli_teams import app_manifest
from core.errors import SetupError
from tests.support import plain_settings

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = (
    ROOT / "tests" / "browser" / "node_modules" / "@microsoft" / "app-manifest" / "build" / "json-schemas" / "teams"
)
ID = "11111111-2222-3333-4444-555555555555"

needs_schemas = pytest.mark.skipif(not SCHEMAS.exists(), reason="Microsoft's schemas: run npm ci in tests/browser")


@needs_schemas
def test_the_manifest_is_valid_by_the_newest_schema(tmp_path: Path) -> None:
    manifest = app_manifest(plain_settings(tmp_path, teams_app_id=ID, teams_dev=True))
    version = manifest["manifestVersion"]
    numbers = [tuple(map(int, re.findall(r"\d+", one.name))) for one in SCHEMAS.iterdir() if one.name[1:2].isdigit()]
    assert tuple(map(int, version.split("."))) == max(numbers), "a newer schema is there"
    schema = json.loads((SCHEMAS / f"v{version}" / "MicrosoftTeams.schema.json").read_text())
    errors = [f"{list(error.path)}: {error.message}" for error in Draft4Validator(schema).iter_errors(manifest)]
    assert errors == []
    assert manifest["bots"][0]["supportsFiles"]
    assert set(manifest["bots"][0]["scopes"]) == {"personal", "team", "groupChat"}


@pytest.mark.parametrize(
    "name", ['Quotes "and" \\ marks', "Ünïcode & Co", "A company whose name is much too long for it all"]
)
@needs_schemas
def test_any_company_has_a_valid_manifest(tmp_path: Path, name: str) -> None:
    manifest = app_manifest(plain_settings(tmp_path, teams_app_id=ID, teams_dev=True, company_name=name))
    schema = json.loads((SCHEMAS / f"v{manifest['manifestVersion']}" / "MicrosoftTeams.schema.json").read_text())
    assert not list(Draft4Validator(schema).iter_errors(manifest))
    assert manifest["developer"]["name"] == name[:32]


def test_an_id_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="TEAMS_APP_ID is not an application id"):
        app_manifest(plain_settings(tmp_path, teams_app_id="my bot", teams_dev=True))


def test_the_zip_holds_the_manifest_and_both_icons_in_their_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEAMS_APP_ID", ID)
    monkeypatch.setenv("TEAMS_DEV", "1")
    monkeypatch.setenv("PUBLIC_URL", "https://support.example.com")
    monkeypatch.chdir(tmp_path)
    assert run(["teams-package", "app.zip"]) == 0
    assert "app.zip is written" in capsys.readouterr().err
    with zipfile.ZipFile("app.zip") as package:
        assert sorted(package.namelist()) == ["color.png", "manifest.json", "outline.png"]
        manifest = json.loads(package.read("manifest.json"))
        sizes = {name: struct.unpack(">II", package.read(name)[16:24]) for name in ("color.png", "outline.png")}
    assert sizes == {"color.png": (192, 192), "outline.png": (32, 32)}
    assert manifest["id"] == manifest["bots"][0]["botId"] == ID
    assert manifest["developer"]["websiteUrl"] == "https://support.example.com"
    assert "${" not in json.dumps(manifest)


def test_a_place_that_can_not_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEAMS_APP_ID", ID)
    monkeypatch.setenv("TEAMS_DEV", "1")
    assert run(["teams-package", str(tmp_path / "none" / "app.zip")]) == 1
