"""`threadline serve`: everything that is configured, until it is told to stop."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable

from bot.admin import Admin
from bot.assistant import NO_MODEL
from bot.bootstrap import Threadline, build
from bot.home import Home
from bot.http import listen, make_application
from bot.settings import Settings
from core.errors import SetupError

OWNER = "Support"
"""The owner's name as an operator: customers read it when the owner answers."""


async def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `say` prints for people. Raises `SetupError` when it can't start."""
    home = Home(settings.threadline_home)
    with home.lock():
        threadline = build(settings, home)
        admin = Admin(threadline)
        application = make_application(threadline.access, [*threadline.routes, *admin.routes()])
        async with threadline.running():
            token = await owner_token(threadline)
            runner, port = await listen(application, settings.http_host, settings.http_port)
            try:
                url = f"http://{_reachable(settings.http_host)}:{port}"
                with home.announce(url) as serving:
                    admin.key = serving.key
                    say(banner(threadline, url, token))
                    settling = asyncio.create_task(settle(threadline))
                    await _until_told(say)
                    settling.cancel()
            finally:
                await runner.cleanup()


async def settle(threadline: Threadline) -> None:
    """Once all is loaded, have the garbage collector pass over it from then on.

    The models and their libraries are half a million objects that stay: to look through them holds everything up for
    0.3 s, again and again under load.
    """
    await threadline.readiness.assistant()
    gc.collect()
    gc.freeze()


def _reachable(host: str) -> str:
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 (read from the settings, not bound here)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


async def owner_token(threadline: Threadline) -> str | None:
    """Make the owner an operator at the first start; returns the token if it was made now, else None."""
    credentials, now, given = threadline.store.credentials, threadline.clock(), threadline.settings.operator_token
    if given and len(given) < 16:
        raise SetupError("OPERATOR_TOKEN has fewer than 16 characters; anyone could guess it. Take a longer one.")
    if given and await credentials.operator(given, now):
        return None
    owner = next((o for o in await credentials.operators() if o.name == OWNER), None)
    if owner and owner.active:
        if not given:
            return None
        await credentials.revoke_operator(OWNER, now)  # the setting was changed: the old token ends
    elif owner and not given:
        return None  # revoked by hand: stays so
    _, token = await credentials.add_operator(OWNER, now, token=given)
    return None if given else token


def banner(threadline: Threadline, url: str, token: str | None) -> str:
    """Return what the start prints: where to look, and what speaks."""
    provider = threadline.assistant.provider
    speaks = f"Language model: {provider.name}" if provider.has_model else NO_MODEL
    desk = f"{url}/desk#token={token}" if token else f"{url}/desk"
    lines = [
        "",
        f"  Threadline is up for {threadline.settings.company}.",
        "",
        f"  Chat page   {threadline.settings.public_url or url}/",
        f"  Desk page   {desk}",
    ]
    lines += [f"  {platform.line}" for platform in threadline.platforms]
    if token:
        lines += [
            f"  Operator    {OWNER}; token {token}",
            "              (shown this once; make one for each colleague: threadline operator add NAME)",
        ]
    else:
        lines += ["              (sign in with your operator token; a new one: threadline operator add NAME)"]
    lines += [
        "",
        f"  {speaks}",
        "  The embedding model loads in the background; questions asked meanwhile wait for it.",
        "",
    ]
    if threadline.settings.is_exposed:
        lines += [
            "  Other machines can reach this port. Put TLS in front of it, and set PUBLIC_URL to its address.",
            "",
        ]
    return "\n".join(lines)


async def _until_told(say: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    if sys.stderr.isatty():
        say("\nStopping: finishing what is under way …")
