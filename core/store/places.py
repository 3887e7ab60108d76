"""Where the bytes of files lie: a folder, or a bucket of S3 or of a server that speaks like it. Used by `files` alone.

Names are our own ids. In a cluster every replica needs the same place, so there it is a bucket.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from core.errors import SetupError, TemporaryError

_SECONDS = 20.0  # until a request that fails is not tried again
_NO_BUCKET = "NoSuchBucket"  # S3's code for it; for obstore it is as if the object were missing
_VARIABLES = "AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL say how it is reached."


class Place(Protocol):
    """Keeps bytes by name. Each method raises `TemporaryError` when the place can't be used now."""

    async def write(self, name: str, content: bytes) -> None:
        """Keep `content`; once this returns it is there."""
        ...

    async def read(self, name: str) -> bytes:
        """Return the bytes. Raises LookupError if they are gone."""
        ...

    async def drop(self, name: str) -> None:
        """Forget the bytes; those that are gone already are no error."""
        ...


class FolderPlace:
    """A folder, made when the first file is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, name: str, content: bytes) -> None:
        """See `Place`."""
        try:
            await asyncio.to_thread(self._write, name, content)
        except OSError as error:  # a full disk, most likely
            raise TemporaryError(f"The file can't be stored: {error.strerror}") from error

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_bytes(content)

    async def read(self, name: str) -> bytes:
        """See `Place`."""
        try:
            return await asyncio.to_thread((self._folder / name).read_bytes)
        except FileNotFoundError:
            raise LookupError(f"the bytes of {name} are gone") from None
        except OSError as error:
            raise TemporaryError(f"The file can't be read: {error.strerror}") from error

    async def drop(self, name: str) -> None:
        """See `Place`."""
        await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)


class BucketPlace:
    """A folder of a bucket. Region, keys and endpoint come from AWS's own variables, or from `options`.

    An endpoint without TLS needs AWS_ALLOW_HTTP=true. Requests are made on threads: after obstore 0.12's own coroutines
    a process that ends at once may abort.
    """

    def __init__(self, url: str, **options: Any) -> None:
        """`url` is s3://BUCKET or s3://BUCKET/FOLDER; `options` are obstore's, for tests. Raises `SetupError`."""
        parts, patience = urlsplit(url), timedelta(seconds=_SECONDS)
        self._url = url
        try:
            self._store = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                retry_config={"max_retries": 2, "retry_timeout": patience},
                **options,
            )
        except (BaseError, ValueError) as error:
            raise SetupError(f"FILES_URL={url}: {str(error).splitlines()[0]}. {_VARIABLES}") from error

    async def write(self, name: str, content: bytes) -> None:
        """See `Place`."""
        try:
            await asyncio.to_thread(self._store.put, name, content)
        except (BaseError, FileNotFoundError) as error:  # not found: the bucket
            raise self._away(error) from error

    async def read(self, name: str) -> bytes:
        """See `Place`."""
        try:
            return await asyncio.to_thread(lambda: bytes(self._store.get(name).bytes()))
        except (NotFoundError, FileNotFoundError) as error:
            if _NO_BUCKET in str(error):
                raise self._away(error) from error
            raise LookupError(f"the bytes of {name} are gone") from None
        except BaseError as error:
            raise self._away(error) from error

    async def drop(self, name: str) -> None:
        """See `Place`."""
        try:
            await asyncio.to_thread(self._store.delete, name)
        except (NotFoundError, FileNotFoundError) as error:
            if _NO_BUCKET in str(error):
                raise self._away(error) from error
        except BaseError as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> TemporaryError:
        return TemporaryError(f"{self._url} can't be used now ({type(error).__name__}).")


def open_place(url: str, folder: Path) -> Place:
    """Return the place at `url`, or `folder` where it is ''. Raises `SetupError`."""
    return BucketPlace(url) if url else FolderPlace(folder)
