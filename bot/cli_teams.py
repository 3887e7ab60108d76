"""Microsoft Teams at the command line.

`teams-package` builds the app that Teams takes, with the owner's ids. `teams-desk` prints the line with a one-time code
that makes a channel the desk. And what `threadline replay --channel teams` reads: captured activities, as Teams posts
them, one to a file, a list of them, or one to a line.
"""

import argparse
import json
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from bot.replay import Outcome, Payload, Reader, bodies, rejected
from bot.settings import Settings
from bot.terminal import Commands, add, err, open_parts, open_store, out
from channels.teams.names import CHANNEL
from core.errors import PermanentError, SetupError, TemporaryError

if TYPE_CHECKING:
    from channels.teams.parse import Changed, Place, Said

_ICONS = ("color.png", "outline.png")
_NO_ADDRESS = "https://example.com"


def add_teams(commands: Commands) -> None:
    """Add `teams-package` and `teams-desk`."""
    command = add(
        commands,
        "teams-package",
        _package,
        "build the app for Microsoft Teams, to be uploaded there",
        "threadline teams-package threadline.zip",
    )
    command.add_argument("file", type=Path, nargs="?", default=Path("threadline-teams.zip"), help="the zip to write")
    add(
        commands,
        "teams-desk",
        _choose_desk,
        "print the line that makes a Teams channel the desk",
        "threadline teams-desk",
    )


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


async def _choose_desk(settings: Settings, _options: argparse.Namespace) -> int:
    if CHANNEL not in {settings.desk, settings.second_desk}:
        raise SetupError("Set DESK=teams, and start Threadline with it: then a channel can be made the desk.")
    async with AsyncExitStack() as stack:
        store, now = await open_store(settings, stack)
        code = await store.desks.offer(CHANNEL, now)
    out.print(f"@Threadline desk {code[:4]}-{code[4:]}", markup=False, soft_wrap=True)
    err.print(
        "Write this in the channel that is to be the desk, within fifteen minutes: type @, choose the app, then the "
        "rest. It works once; a new line ends this one.",
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


# Captured activities


async def captured_activities(settings: Settings, stack: AsyncExitStack, dry: bool) -> Reader:
    """Return what reads captured activities of Teams, and takes them in unless `dry`. Raises `SetupError`."""
    take = None if dry else await _taking(settings, stack)

    def read(raw: bytes) -> Iterator[Payload]:
        for body in bodies(raw):
            try:
                yield _payload(body, take)
            except ValueError as odd:
                yield rejected(odd)

    return read


Take = Callable[[dict[str, Any], "Place"], Awaitable[str | None]]
"""Takes in an activity of a conversation, and returns our thread for that; None if there is none."""


async def _taking(settings: Settings, stack: AsyncExitStack) -> Take:
    if not (settings.teams_app_id or settings.teams_dev):
        raise SetupError("TEAMS_APP_ID is not set, so Teams is off here. Look at the activities with --dry-run.")
    from bot.teams import make_teams

    parts = await open_parts(settings, stack)
    teams = make_teams(parts)
    stack.push_async_callback(teams.close)
    stack.push_async_callback(teams.door.close)

    async def take(body: dict[str, Any], where: "Place") -> str | None:
        await teams.door.take(body)
        thread = await parts.store.find_thread(teams.door.key(where))
        return thread.id if thread else None

    return take


def _payload(body: Any, take: Take | None) -> Payload:
    """Read one activity. Raises ValueError for what Teams would not send."""
    from channels.teams import parse

    if not isinstance(body, dict) or body.get("channelId") != "msteams":
        raise ValueError("no activity of Teams'")
    happened = parse.happened(body)
    match happened:
        case parse.Said():
            payload = _said(happened)
        case parse.Changed():
            payload = _changed(happened)
        case parse.Silent():
            return Payload(Outcome.IGNORED, happened.value)
        case _:
            who = happened.person
            return Payload(Outcome.IGNORED, type(happened).__name__.lower(), author=(who.user, who.name))
    where = happened.place
    return replace(payload, take=lambda: _taken(take(body, where), payload)) if take else payload


def _said(said: "Said") -> Payload:
    from channels.teams import parse
    from channels.teams.names import root_of

    heard = said.mentioned or root_of(said.place.conversation) not in {"", said.id}
    return Payload(
        Outcome.MESSAGE if heard else Outcome.IGNORED,
        None if heard else "overheard",
        said.place.conversation,
        (said.person.user, said.person.name),
        said.text[: parse.MAX_TEXT],
        said.text,
        tuple((file.name, file.type, 0) for file in said.files),
    )


def _changed(changed: "Changed") -> Payload:
    how = "deleted" if changed.text is None else "undeleted" if changed.undone else "edited"
    author, text = (changed.person.user, changed.person.name), changed.text or ""
    return Payload(reason=how, thread=changed.place.conversation, author=author, text=text, full_text=text)


async def _taken(taking: Awaitable[str | None], payload: Payload) -> Payload:
    """Bring an activity in as Teams would. Raises `PermanentError` for a change of what was never brought."""
    try:
        thread = await taking
    except TemporaryError as never:
        raise PermanentError(str(never)) from None
    if thread is None:
        return replace(payload, outcome=Outcome.IGNORED, reason=payload.reason or "overheard")
    return replace(payload, thread=thread)
