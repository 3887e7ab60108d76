"""Reading what a platform keeps for us, and no more of it than we take."""

import aiohttp

from core.errors import PermanentError

_CHUNK = 64 * 1024


async def bounded(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body of `answer`. Raises `PermanentError` as soon as it is of more than `most` bytes."""
    content = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        content += chunk
        if len(content) > most:
            raise too_large(most)
    return bytes(content)


def too_large(most: int) -> PermanentError:
    """Return what is raised for a file of more than `most` bytes."""
    return PermanentError(f"The file is larger than {most // 1024 // 1024} MB.")
