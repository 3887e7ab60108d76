"""`threadline teams package`: the app for Microsoft Teams, as the zip file that Teams takes, with the owner's ids."""

import argparse
import json
import zipfile
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from bot.settings import Settings
from bot.terminal import Commands, add, err
from core.errors import SetupError

_ICONS = ("color.png", "outline.png")
_NO_ADDRESS = "https://example.com"


def add_teams(commands: Commands) -> None:
    """Add `teams-package`."""
    command = add(
        commands,
        "teams-package",
        _package,
        "build the app for Microsoft Teams, to be uploaded there",
        "threadline teams-package threadline.zip",
    )
    command.add_argument("file", type=Path, nargs="?", default=Path("threadline-teams.zip"), help="the zip to write")


async def _package(settings: Settings, options: argparse.Namespace) -> int:
    manifest = app_manifest(settings)
    source = files("manifests.teams")
    try:
        with zipfile.ZipFile(options.file, "w", zipfile.ZIP_DEFLATED) as package:
            package.writestr("manifest.json", json.dumps(manifest, ensure_ascii=False, indent=2))
            for icon in _ICONS:
                package.writestr(icon, (source / icon).read_bytes())
    except OSError as error:
        raise SetupError(f"{options.file} can't be written: {error.strerror}.") from None
    err.print(
        f"{options.file} is written. Upload it: Teams, Apps, Manage your apps, Upload an app "
        "(or for everybody: the Teams admin center, Manage apps).",
        markup=False,
        soft_wrap=True,
    )
    return 0


def app_manifest(settings: Settings) -> dict[str, Any]:
    """Return the app's manifest with these settings' ids and names. Raises `SetupError` for an id that is none."""
    try:
        app = str(UUID(settings.teams_app_id))
    except ValueError:
        raise SetupError("TEAMS_APP_ID is not an application id: copy it from the app's registration.") from None
    address = settings.public_url if urlsplit(settings.public_url).scheme == "https" else _NO_ADDRESS
    names = {
        "TEAMS_APP_ID": app,
        "COMPANY_NAME": settings.company[:32],
        "APP_NAME": f"{settings.company} support"[:30].strip(),
        "PUBLIC_URL": address,
    }
    quoted = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in names.items()}
    written = Template((files("manifests.teams") / "manifest.json").read_text(encoding="utf-8"))
    return dict(json.loads(written.safe_substitute(quoted)))
