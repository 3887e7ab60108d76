"""The other commands' way to a running `serve`: its HTTP API, with the key from HOME."""

from typing import Any

import aiohttp

from bot.home import Serving
from core.errors import TemporaryError, ThreadlineError


async def call(serving: Serving, path: str, body: dict[str, Any], *, seconds: float = 3600) -> Any:
    """Post `body` to the serving process and return its JSON. Raises `ThreadlineError` with its error's sentence."""
    headers = {"Authorization": f"Bearer {serving.key}"}
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.post(f"{serving.url}{path}", json=body) as response,
        ):
            data = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise TemporaryError(f"The program serving at {serving.url} did not answer: {error}") from error
    if response.status >= 400:
        raise ThreadlineError(data.get("error", {}).get("message", f"HTTP {response.status}"))
    return data
