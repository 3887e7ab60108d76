"""The owner's own articles: read by hand or by setting, and never mixed with the sample."""

from pathlib import Path

from tests.conftest import Launch
from tests.support import Client

ADMIN = "admin-key-for-tests"


def shelf(folder: Path, title: str) -> str:
    """Write a folder with one article about `title` and return its path."""
    folder.mkdir()
    (folder / "article.md").write_text(f"# {title}\n\n{title} are watered every second day, never in the sun.\n")
    return str(folder)


async def documents(client: Client) -> set[str]:
    """Return the ids of the documents in the index."""
    knowledge = client.threadline.knowledge
    return set(await knowledge.store.known(await knowledge.collection()))


async def test_a_folder_read_by_hand_replaces_the_sample_and_stays_at_the_next_start(
    launch: Launch, tmp_path: Path
) -> None:
    client = await launch()
    await client.threadline.readiness.assistant()
    assert "returns-and-refunds" in await documents(client)
    body = {"sources": [shelf(tmp_path / "plants", "Orchids")]}
    report = (await client.call("POST", "/api/v1/admin/kb/sync", token=ADMIN, json=body)).data
    assert (report["added"], report["failed"]) == (1, [])
    assert await documents(client) == {"article"}
    await client.threadline.readiness.sync()  # what a start, and the schedule, do
    assert await documents(client) == {"article"}
    [reply] = await (await client.chat()).say("How often are orchids watered?")
    assert [citation["source"] for citation in reply["citations"]] == ["article.md"]


async def test_a_second_folder_read_by_hand_is_added_to_the_first(launch: Launch, tmp_path: Path) -> None:
    client = await launch()
    await client.threadline.readiness.assistant()
    for name in ("Orchids", "Cacti"):
        body = {"sources": [shelf(tmp_path / name, name)]}
        assert (await client.call("POST", "/api/v1/admin/kb/sync", token=ADMIN, json=body)).status == 200
    assert len(await documents(client)) == 2
