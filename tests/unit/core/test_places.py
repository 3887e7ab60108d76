"""Where the bytes of files lie: a folder and a bucket keep the same promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import TemporaryError
from core.store.engine import Database
from core.store.files import Files
from core.store.places import BucketPlace, FolderPlace, Place, open_place
from tests.fakes.s3_server import FakeS3


def bucket(server: FakeS3, url: str = "s3://bucket/files/of threadline") -> BucketPlace:
    """Return a place in the server's bucket."""
    return BucketPlace(
        url,
        endpoint=server.endpoint,
        region="eu-central-1",
        access_key_id="key",
        secret_access_key="secret",
        client_options={"allow_http": True},
    )


@pytest.fixture
async def server() -> AsyncIterator[FakeS3]:
    """A server that speaks like S3."""
    async with FakeS3() as listening:
        yield listening


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, server: FakeS3) -> Place:
    """Each kind of place."""
    return FolderPlace(tmp_path / "files") if request.param == "folder" else bucket(server)


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 20_000], ids=["nothing", "a byte", "megabytes"])
async def test_what_is_kept_comes_back_as_it_was(place: Place, content: bytes) -> None:
    await place.write("f_1", content)
    assert await place.read("f_1") == content


async def test_what_is_dropped_is_gone_and_dropping_it_again_is_no_error(place: Place) -> None:
    await place.write("f_1", b"x")
    await place.drop("f_1")
    await place.drop("f_1")
    with pytest.raises(LookupError):
        await place.read("f_1")


async def test_a_bucket_keeps_files_under_the_folder_that_was_named(server: FakeS3) -> None:
    await bucket(server).write("f_1", b"x")
    await bucket(server, "s3://bucket").write("f_2", b"y")
    assert server.objects == {"files/of threadline/f_1": b"x", "f_2": b"y"}


@pytest.mark.parametrize("failing", [403, 404])
async def test_a_bucket_that_refuses_or_is_not_there_is_away_and_no_file_is_called_gone(
    server: FakeS3, failing: int
) -> None:
    place = bucket(server) if failing == 403 else bucket(server, "s3://nobody")
    server.failing = failing if failing == 403 else 0
    for work in (place.write("f_1", b"x"), place.read("f_1"), place.drop("f_1")):
        with pytest.raises(TemporaryError, match="can't be used now"):
            await work


async def test_a_server_that_fails_for_a_moment_is_asked_again(server: FakeS3) -> None:
    server.failing = 503
    with pytest.raises(TemporaryError):
        await bucket(server).read("f_1")
    assert server.requests == 3


async def test_files_in_a_bucket_are_saved_read_and_swept_away_like_those_in_a_folder(
    database: Database, server: FakeS3
) -> None:
    files = Files(database, bucket(server, "s3://bucket"))
    saved = await files.save("../bill.pdf", "application/pdf", b"%PDF", 1.0)
    assert server.objects == {saved.id: b"%PDF"}
    assert await files.read(saved.id) == b"%PDF"
    assert await files.drop_unsent(2.0) == 1
    assert server.objects == {}


def test_without_a_bucket_files_lie_in_the_folder(tmp_path: Path) -> None:
    assert isinstance(open_place("", tmp_path), FolderPlace)
