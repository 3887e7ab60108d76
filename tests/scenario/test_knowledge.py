"""The owner's own articles: read by hand or by setting, never mixed with the sample, whoever is killed meanwhile."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from bot.bootstrap import build
from bot.home import Home
from bot.readiness import Readiness
from kb.embed import Embedder
from tests.conftest import Launch
from tests.fakes.web_server import FakeWeb, page
from tests.support import Client, plain_settings

ADMIN = "admin-key-for-tests"
ROOT = Path(__file__).resolve().parents[2]


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


async def test_a_source_read_by_hand_is_dropped_by_hand(launch: Launch, tmp_path: Path) -> None:
    client = await launch()
    await client.threadline.readiness.assistant()
    first, second = shelf(tmp_path / "Orchids", "Orchids"), shelf(tmp_path / "Cacti", "Cacti")
    body = {"sources": [first, second]}
    assert (await client.call("POST", "/api/v1/admin/kb/sync", token=ADMIN, json=body)).data["added"] == 2
    for times, (status, said) in enumerate(((200, "1"), (400, "Nothing was read from"))):
        answer = await client.call("POST", "/api/v1/admin/kb/drop", token=ADMIN, json={"sources": [second]})
        assert (answer.status, said in str(answer.data)) == (status, True), times
    await client.threadline.readiness.sync()
    assert len(await documents(client)) == 1


async def test_a_source_of_kb_path_is_dropped_there(launch: Launch, tmp_path: Path) -> None:
    first, second = shelf(tmp_path / "Orchids", "Orchids"), shelf(tmp_path / "Cacti", "Cacti")
    client = await launch(kb_path=[first, second])
    await client.threadline.readiness.assistant()
    await client.threadline.readiness.sync()
    assert len(await documents(client)) == 2
    answer = await client.call("POST", "/api/v1/admin/kb/drop", token=ADMIN, json={"sources": [second]})
    assert (answer.status, "KB_PATH" in str(answer.data)) == (400, True)
    shorter = Readiness(client.threadline.knowledge, client.threadline.assistant, [first])
    assert (await shorter.sync()).removed == 1
    assert len(await documents(client)) == 1


async def test_a_folder_that_is_not_there_leaves_the_sample_to_answer(launch: Launch, tmp_path: Path) -> None:
    client = await launch()
    await client.threadline.readiness.assistant()
    body = {"sources": [str(tmp_path / "nowhere")]}
    report = (await client.call("POST", "/api/v1/admin/kb/sync", token=ADMIN, json=body)).data
    assert "no such folder" in report["failed"][0]["reason"]
    assert "returns-and-refunds" in await documents(client)


async def test_a_file_that_is_written_is_read_once_it_has_come_to_rest(launch: Launch, tmp_path: Path) -> None:
    folder = Path(shelf(tmp_path / "plants", "Orchids"))
    client = await launch(kb_path=[str(folder)])
    readiness = client.threadline.readiness
    await readiness.assistant()
    await readiness.sync()
    for _ in range(2):
        await readiness.look()
    assert await documents(client) == {"article"}
    _write(folder / "cacti.md", "# Cacti\n\nCacti are watered once a month.\n")
    await readiness.look()
    assert await documents(client) == {"article"}, "it may still be being written"
    await readiness.look()
    assert await documents(client) == {"article", "cacti"}
    (folder / "article.md").unlink()
    for _ in range(2):
        await readiness.look()
    assert await documents(client) == {"cacti"}
    generation = client.threadline.knowledge.status().generation
    for _ in range(3):
        await readiness.look()
    assert client.threadline.knowledge.status().generation == generation


def _write(path: Path, text: str) -> None:
    path.write_text(text)


async def run_sync(home: Path, folder: Path, fault: str = "") -> tuple[int, Any]:
    """Run the program's own `kb sync` and return its status, and its report if it lived to write one."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "THREADLINE_HOME": str(home),
        "FAULT_POINT": fault,
    }
    command = (sys.executable, "-m", "bot", "kb", "sync", str(folder), "--json")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=home.parent, env=environment, stdout=pipe)
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, json.loads(out) if out else None


async def test_a_sync_that_is_killed_leaves_an_index_that_answers_and_the_next_one_completes_it(
    tmp_path: Path, embedder: Embedder
) -> None:
    home, folder, count = tmp_path / "home", tmp_path / "articles", 520
    folder.mkdir()
    for at in range(count):
        _write(folder / f"part-{at:03}.md", f"# Part {at}\n\nIt costs {at} EUR.\n")
    killed = -signal.SIGKILL
    assert await run_sync(home, folder, "after:kb.replace") == (killed, None)  # in SQL, and not yet in Chroma
    threadline = build(plain_settings(home), Home(home), embedder=embedder)
    async with threadline.opened():
        held = await threadline.knowledge.documents()
        assert 0 < held < count
        found = (await threadline.knowledge.search("What does part 7 cost?")).passages
        assert found[0].document == "part-007"
    assert await run_sync(home, folder, "before:kb.finish") == (killed, None)
    status, report = await run_sync(home, folder)
    assert (status, report["added"], report["unchanged"], report["failed"]) == (0, 0, count, [])
    threadline = build(plain_settings(home), Home(home), embedder=embedder)
    async with threadline.opened():
        snapshot = await threadline.knowledge.refresh()
        assert snapshot.vectors is not None
        rows = list(snapshot.row_of)
        assert (
            await threadline.knowledge.index.reconcile(snapshot.collection, rows, snapshot.vectors, exactly=True) == 0
        )


async def test_a_site_in_kb_path_is_read_and_quoted_with_its_address(launch: Launch) -> None:
    async with FakeWeb() as site:
        site.pages["/help/"] = page("Help", "All that we know.", "/help/orchids")
        site.pages["/help/orchids"] = page("Orchids", "Orchids are watered every second day, never in the sun.")
        client = await launch(kb_path=[f"{site.url}/help/"], kb_private_hosts=["127.0.0.1"])
        await client.threadline.readiness.assistant()
        await client.threadline.readiness.sync()
        [reply] = await (await client.chat()).say("How often are orchids watered?")
        assert [citation["source"] for citation in reply["citations"]] == [f"{site.url}/help/orchids"]


async def test_a_private_address_is_refused_with_the_setting_that_allows_it(launch: Launch) -> None:
    async with FakeWeb() as site:
        client = await launch()
        await client.threadline.readiness.assistant()
        body = {"sources": [f"{site.url}/help/"]}
        report = (await client.call("POST", "/api/v1/admin/kb/sync", token=ADMIN, json=body)).data
        assert "KB_PRIVATE_HOSTS=127.0.0.1" in report["failed"][0]["reason"]
        assert site.requests == []
        assert "returns-and-refunds" in await documents(client)
