"""A free port of the loopback for a fake, as each of them needs one."""

from typing import Any

from aiohttp import web


async def serve(application: web.Application, **options: Any) -> tuple[web.AppRunner, str]:
    """Serve `application`; returns its runner, to be cleaned up, and its address. `options` are `AppRunner`'s."""
    runner = web.AppRunner(application, **options)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"
