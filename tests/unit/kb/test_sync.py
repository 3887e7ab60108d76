"""The index stays in step with its sources, whatever the sources do."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from core.store.engine import Database
from kb.documents import Progress
from kb.embed import Embedder
from kb.load import fingerprint
from kb.markup import Content
from kb.plan import Plan, Planner
from kb.search import KnowledgeBase
from kb.sync import INDEX, forget, sync
from kb.tables import Known
from kb.web import Limits, Web
from tests.fakes.web_server import FakeWeb, Served, page
from tests.unit.kb.test_load_formats import pdf


@pytest.fixture
async def site() -> AsyncIterator[FakeWeb]:
    """A site of three pages."""
    async with FakeWeb() as server:
        server.pages = {
            "/help/": page("Help", "All that we know.", "/help/refunds", "/help/delivery"),
            "/help/refunds": page("Refunds", "The money is back within 30 days.", etag='"r1"'),
            "/help/delivery": page("Delivery", "A parcel takes two days.", etag='"d1"'),
        }
        yield server


async def documents_for(knowledge: KnowledgeBase, query: str) -> list[str]:
    grounding = await knowledge.search(query)
    return [passage.document for passage in grounding.passages]


async def test_the_first_sync_adds_and_the_second_changes_nothing(knowledge: KnowledgeBase, articles: Path) -> None:
    first = await sync(knowledge, [articles])
    assert (first.added, first.changed, first.removed, first.unchanged, first.failed) == (5, 0, 0, 0, ())
    assert first.passages >= 5
    generation = knowledge.status().generation
    second = await sync(knowledge, [articles])
    assert (second.added, second.changed, second.removed, second.unchanged) == (0, 0, 0, 5)
    assert second.passages == first.passages
    assert knowledge.status().generation == generation
    assert await knowledge.documents() == 5


async def test_what_changes_is_replaced_and_what_goes_is_removed(knowledge: KnowledgeBase, articles: Path) -> None:
    await sync(knowledge, [articles])
    (articles / "refunds.md").write_text("# Refunds\n\nRefunds are paid in gold coins.\n")
    (articles / "passwords.md").unlink()
    (articles / "parking.md").write_text("# Parking\n\nThere is a bicycle rack behind the shop.\n")
    report = await sync(knowledge, [articles])
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, 3)
    grounding = await knowledge.search("how are refunds paid?")
    assert grounding.passages[0].text == "Refunds are paid in gold coins."
    assert "passwords" not in await documents_for(knowledge, "I forgot my password")
    assert (await documents_for(knowledge, "bicycle rack"))[0] == "parking"


async def test_one_bad_file_stops_nothing_and_is_listed_with_its_reason(
    knowledge: KnowledgeBase, articles: Path
) -> None:
    (articles / "noise.md").write_bytes(bytes(range(256)) * 99)
    (articles / "latin.md").write_bytes("Größe".encode("latin-1"))
    report = await sync(knowledge, [articles, "ftp://help.example"])
    assert report.added == 5
    reasons = {failure.source: failure.reason for failure in report.failed}
    assert set(reasons) == {"noise.md", "latin.md", "ftp://help.example"}
    assert "binary" in reasons["noise.md"]
    assert report.as_json()["failed"][0].keys() == {"source", "reason"}


async def test_a_file_that_turns_bad_keeps_what_was_indexed_but_an_emptied_one_is_removed(
    knowledge: KnowledgeBase, articles: Path
) -> None:
    await sync(knowledge, [articles])
    (articles / "refunds.md").write_bytes(bytes(range(256)))
    (articles / "passwords.md").write_text("")
    report = await sync(knowledge, [articles])
    assert (report.changed, report.removed) == (0, 1)
    assert {failure.source for failure in report.failed} == {"refunds.md", "passwords.md"}
    assert "refunds" in await documents_for(knowledge, "when do I get my refund?")
    assert "passwords" not in await documents_for(knowledge, "reset my password")


async def test_a_folder_that_vanishes_keeps_what_was_indexed_from_it(knowledge: KnowledgeBase, articles: Path) -> None:
    await sync(knowledge, [articles])
    shutil.rmtree(articles)
    for prune in (False, True):
        report = await sync(knowledge, [articles], prune=prune)
        assert report.removed == 0
        assert "no such folder" in report.failed[0].reason
    assert await knowledge.documents() == 5


async def test_a_folder_that_is_suddenly_empty_keeps_what_was_indexed_for_a_disk_may_not_be_mounted(
    knowledge: KnowledgeBase, articles: Path
) -> None:
    await sync(knowledge, [articles])
    kept = articles.with_name("kept")
    shutil.move(articles, kept)
    shutil.copytree(kept, articles, ignore=shutil.ignore_patterns("*"))
    for prune in (False, True):
        report = await sync(knowledge, [articles], prune=prune)
        assert report.removed == 0
        assert "what was indexed from it before is kept" in report.failed[0].reason
    shutil.copytree(kept, articles, dirs_exist_ok=True)
    assert (await sync(knowledge, [articles])).unchanged == 5
    assert await forget(knowledge, {str(articles)}) == 5
    assert await knowledge.documents() == 0


async def test_a_folder_inside_that_can_not_be_read_keeps_its_documents_and_stops_no_other(
    knowledge: KnowledgeBase, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(articles / "billing" / "vat.md", "# VAT\n\nIt is 20 percent.\n")
    assert (await sync(knowledge, [articles])).added == 6
    write(articles / "parking.md", "# Parking\n\nBehind the shop.\n")
    look = Path.iterdir

    def refuse(folder: Path) -> Iterator[Path]:
        if folder.name == "billing":
            raise PermissionError(13, "Permission denied")
        return look(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    report = await sync(knowledge, [articles], prune=True)
    assert (report.added, report.removed) == (1, 0)
    assert [(one.source, one.reason) for one in report.failed] == [
        ("billing", "the folder cannot be read: Permission denied")
    ]
    assert await knowledge.documents() == 7


async def test_odd_names_and_odd_characters_are_written_as_text(knowledge: KnowledgeBase, articles: Path) -> None:
    write(Path(os.fsdecode(os.fsencode(articles) + b"/caf\xe9.md")), "# Coffee\n\nFree on Fridays.\n")
    write(articles / "odd.json", '{"title": "Odd\\ud800", "body": "nul\\u0000 and \\ud83d half"}')
    report = await sync(knowledge, [articles])
    assert (report.added, report.failed) == (7, ())
    assert (await documents_for(knowledge, "coffee on Friday"))[0] == "caf?"
    assert fingerprint([str(articles)])


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


async def test_an_empty_folder_says_so(knowledge: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = await sync(knowledge, [tmp_path / "empty"])
    assert "holds no documents" in report.failed[0].reason
    assert report.added == 0


async def test_sources_are_synced_apart_from_each_other_unless_pruned(
    knowledge: KnowledgeBase, articles: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "refunds.md").write_text("# Refunds elsewhere\n\nNo refunds on gift cards.\n")
    await sync(knowledge, [articles])
    assert (await sync(knowledge, [other])).removed == 0
    assert {"refunds", "other/refunds"} <= set(await documents_for(knowledge, "refunds"))
    assert (await sync(knowledge, [other], prune=True)).removed == 5


async def test_two_syncs_at_once_do_the_work_once(knowledge: KnowledgeBase, articles: Path) -> None:
    reports = await asyncio.gather(sync(knowledge, [articles]), sync(knowledge, [articles]))
    assert sorted(report.added for report in reports) == [0, 5]
    assert await knowledge.documents() == 5


async def test_progress_ends_at_the_total(knowledge: KnowledgeBase, articles: Path) -> None:
    seen: list[Progress] = []
    await sync(knowledge, [articles], progress=seen.append)
    assert seen[-1].done == seen[-1].total == 5


async def test_a_lost_chroma_folder_is_rebuilt_without_a_model(
    knowledge: KnowledgeBase, articles: Path, database: Database, tmp_path: Path, embedder: Embedder
) -> None:
    await sync(knowledge, [articles])
    await knowledge.close()
    shutil.rmtree(tmp_path / "chroma")
    again = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder)
    await again.open()
    try:
        assert (await documents_for(again, "how do I get my money back?"))[0] == "refunds"
        assert again.status().index == "ready"
        snapshot = await again.refresh()
        assert snapshot.vectors is not None
        repaired = await again.index.reconcile(
            snapshot.collection, list(snapshot.row_of), snapshot.vectors, exactly=True
        )
        assert repaired == 0
    finally:
        await again.close()


async def test_a_sync_that_was_cut_short_is_completed_by_the_next(
    knowledge: KnowledgeBase, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.sync.BATCH_PASSAGES", 1)

    class Crash(BaseException):
        pass

    def crash(progress: Progress) -> None:
        if progress.done == 3:
            raise Crash

    with pytest.raises(Crash):
        await sync(knowledge, [articles], progress=crash)
    await knowledge.refresh()
    assert 0 < await knowledge.documents() < 5
    report = await sync(knowledge, [articles])
    assert report.added + report.unchanged == 5
    assert await knowledge.documents() == 5


async def test_without_a_model_it_searches_by_words_and_vectors_come_when_there_is_one(
    database: Database, articles: Path, tmp_path: Path, embedder: Embedder, no_embedder: Embedder
) -> None:
    words = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=no_embedder)
    await words.open()
    assert (await sync(words, [articles])).added == 5
    assert words.status().mode == "words only"
    assert "no-such-model-anywhere" in words.status().model
    assert (await documents_for(words, "what is MQRC_2035?"))[0] == "errors"
    await words.close()
    await no_embedder.close()

    both = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder)
    await both.open()
    assert (await documents_for(both, "what is MQRC_2035?"))[0] == "errors"  # the older collection answers
    report = await sync(both, [])
    assert report.added == 5  # the sources of the older collection are built again
    assert both.status().mode == "vectors and words"
    assert list(await both.store.states()) == [await both.collection()]
    await both.close()


async def test_a_new_model_keeps_what_came_from_a_folder_that_is_away(
    database: Database, articles: Path, tmp_path: Path, embedder: Embedder, no_embedder: Embedder
) -> None:
    words = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=no_embedder)
    await words.open()
    await sync(words, [articles])
    await words.close()
    await no_embedder.close()
    shutil.rmtree(articles)
    both = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder)
    await both.open()
    await sync(both, [articles])
    assert both.status().mode == "vectors and words"
    assert (await documents_for(both, "how do I get my money back?"))[0] == "refunds"
    await both.close()


def planned(*sources: Path, known: Mapping[str, Known]) -> Plan:
    planner = Planner(known)
    for source in sources:
        planner.consider(str(source))
    return planner.finish()


def test_the_plan_keeps_ids_of_two_sources_apart(tmp_path: Path) -> None:
    for name in ("a/one.md", "b/one.md", "c/b/one.md"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("# One")
    plan = planned(tmp_path / "a", tmp_path / "b", tmp_path / "b", tmp_path / "c" / "b", known={})
    ids = [task.id for task in plan.added]
    assert ids[:2] == ["one", "b/one"]
    assert len(set(ids)) == 3
    known = {task.id: Known(task.root, task.content_hash) for task in plan.added}
    again = planned(tmp_path / "c" / "b", tmp_path / "b", tmp_path / "a", known=known)
    assert (again.added, again.changed, again.removed, again.unchanged) == ([], [], [], 3)


async def test_files_of_every_kind_are_read_and_the_locked_ones_are_listed(
    knowledge: KnowledgeBase, articles: Path
) -> None:
    (articles / "manual.pdf").write_bytes(pdf("Manual", "The spoke key lies in the tool box."))
    (articles / "rates.csv").write_text("Country;Price\nAustria;5 EUR\nNorway;12 EUR\n")
    (articles / "locked.pdf").write_bytes(pdf("secret", locked=True))
    report = await sync(knowledge, [articles])
    assert report.added == 7
    assert [(one.source, one.reason) for one in report.failed] == [
        ("locked.pdf", "this PDF is protected with a password")
    ]
    assert (await documents_for(knowledge, "where is the spoke key?"))[0] == "manual"
    assert (await documents_for(knowledge, "price in Norway"))[0] == "rates"
    assert (await sync(knowledge, [articles])).unchanged == 7


async def test_whatever_a_parser_raises_is_one_file_that_can_not_be_read(
    knowledge: KnowledgeBase, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(text: str) -> Content:
        raise AssertionError("a library's own")

    monkeypatch.setattr("kb.load.read_html", burst)
    report = await sync(knowledge, [articles])
    assert (report.added, [one.reason for one in report.failed]) == (4, ["it cannot be read: AssertionError"])


async def test_every_document_knows_its_language(knowledge: KnowledgeBase, articles: Path) -> None:
    (articles / "rueckgabe.md").write_text("# Rückgabe\n\nSie können jeden Artikel binnen 30 Tagen zurückgeben.\n")
    await sync(knowledge, [articles])
    contents = await knowledge.store.contents(await knowledge.collection())
    languages = {document.id: document.language for document in contents.documents}
    assert (languages["refunds"], languages["rueckgabe"]) == ("en", "de")


async def test_an_index_folder_that_can_not_be_written_is_named_and_searching_goes_on(
    database: Database, articles: Path, tmp_path: Path, embedder: Embedder
) -> None:
    (tmp_path / "file").write_text("not a folder")
    knowledge = KnowledgeBase(database, folder=tmp_path / "file" / "chroma", embedder=embedder)
    await knowledge.open()
    try:
        report = await sync(knowledge, [articles])
        assert report.added == 5
        [failure] = report.failed
        assert failure.source == INDEX
        assert "cannot be used" in failure.reason
        assert (await documents_for(knowledge, "how do I get my money back?"))[0] == "refunds"
        (tmp_path / "file").unlink()  # somebody has made room for it
        (articles / "parking.md").write_text("# Parking\n\nBehind the shop.\n")
        assert (await sync(knowledge, [articles])).failed == ()
        snapshot = await knowledge.refresh()
        assert snapshot.vectors is not None
        rows = list(snapshot.row_of)
        assert await knowledge.index.reconcile(snapshot.collection, rows, snapshot.vectors, exactly=True) == 0
    finally:
        await knowledge.close()


async def test_while_a_new_model_builds_its_vectors_the_old_index_answers(
    database: Database,
    articles: Path,
    tmp_path: Path,
    embedder: Embedder,
    no_embedder: Embedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=no_embedder)
    await words.open()
    await sync(words, [articles])
    await words.close()
    await no_embedder.close()
    monkeypatch.setattr("kb.sync.BATCH_PASSAGES", 1)
    both = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder)
    await both.open()
    begun = asyncio.Event()
    building = asyncio.create_task(sync(both, [articles], progress=lambda _: begun.set()))
    await begun.wait()
    assert not building.done()
    assert (await documents_for(both, "what is MQRC_2035?"))[0] == "errors"
    assert both.status().mode == "words only"
    await building
    assert both.status().mode == "vectors and words"
    assert (await documents_for(both, "what is MQRC_2035?"))[0] == "errors"
    await both.close()


async def test_a_sync_that_is_broken_off_lets_the_next_one_begin(knowledge: KnowledgeBase, articles: Path) -> None:
    (articles / "manual.pdf").write_bytes(pdf("Manual", "Text."))
    begun = asyncio.Event()
    running = asyncio.create_task(sync(knowledge, [articles], progress=lambda _: begun.set()))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await sync(knowledge, [articles])).added == 6


# Web sites


def of_the_site(served: FakeWeb) -> Web:
    return Web(private_hosts={"127.0.0.1"}, limits=Limits(seconds=2, patience=2))


async def test_the_pages_of_a_site_come_change_and_go(knowledge: KnowledgeBase, site: FakeWeb) -> None:
    web = of_the_site(site)
    first = await sync(knowledge, [f"{site.url}/help/"], web=web)
    assert (first.added, first.failed) == (3, ())
    passage = (await knowledge.search("how long do refunds take?")).passages[0]
    assert (passage.document, passage.source) == (f"{site.url}/help/refunds",) * 2
    assert (passage.title, passage.text) == ("Refunds", "The money is back within 30 days.")
    site.asked()
    second = await sync(knowledge, [f"{site.url}/help/"], web=web)
    assert (second.added, second.changed, second.unchanged) == (0, 0, 3)
    sent = {request.path: request.headers.get("If-None-Match") for request in site.requests}
    assert sent["/help/refunds"] == '"r1"'
    site.pages["/help/refunds"] = page("Refunds", "The money is back within 60 days.", etag='"r2"')
    del site.pages["/help/delivery"]
    third = await sync(knowledge, [f"{site.url}/help/"], web=web)
    assert (third.changed, third.removed, third.unchanged) == (1, 1, 1)
    assert [one.reason for one in third.failed] == ["there is no such page: its server answers 404 Not Found"]
    assert (await knowledge.search("how long do refunds take?")).passages[0].text.endswith("60 days.")


async def test_a_page_whose_bytes_change_with_every_visit_is_not_embedded_again(
    knowledge: KnowledgeBase, site: FakeWeb
) -> None:
    body = str(page("Refunds", "Within 30 days.").body)
    address = f"{site.url}/help/refunds"
    site.pages["/help/refunds"] = Served(body.replace("<head>", "<head><meta name=token content=1>"))
    await sync(knowledge, [address], web=of_the_site(site))
    new = {"ETag": '"now"'}
    site.pages["/help/refunds"] = Served(body.replace("<head>", "<head><meta name=token content=2>"), headers=new)
    report = await sync(knowledge, [address], web=of_the_site(site))
    assert (report.changed, report.unchanged) == (0, 1)
    known = await knowledge.store.known(await knowledge.collection())
    assert '"now"' in known[address].validator.replace("\\", "")


async def test_a_site_that_is_down_keeps_what_was_indexed_and_its_neighbours_go_on(
    knowledge: KnowledgeBase, site: FakeWeb, articles: Path
) -> None:
    source = f"{site.url}/help/"
    await sync(knowledge, [source], web=of_the_site(site))
    for served in site.pages.values():
        served.status = 500
    report = await sync(knowledge, [source, articles], web=of_the_site(site), prune=True)
    assert (report.added, report.removed) == (5, 0)
    assert [one.source for one in report.failed] == [source]
    assert await knowledge.documents() == 8
    await sync(knowledge, [articles], prune=True)
    assert await knowledge.documents() == 5


async def test_a_slow_site_holds_up_no_folder(knowledge: KnowledgeBase, site: FakeWeb, articles: Path) -> None:
    folder_is_read = asyncio.Event()
    for served in site.pages.values():
        served.until = folder_is_read
    seen: list[tuple[str, int, int]] = []

    def progress(at: Progress) -> None:
        seen.append((at.step, at.done, at.total))
        if at.done == 5:
            folder_is_read.set()

    source, web = f"{site.url}/help/", Web(private_hosts={"127.0.0.1"}, limits=Limits(seconds=60))
    report = await sync(knowledge, [source, articles], web=web, progress=progress)
    assert (report.added, report.failed) == (8, ())
    assert (seen[0], seen[-1]) == (("Reading", 5, 5), ("Reading", 8, 8))
    assert (await sync(knowledge, [source, articles], web=web, prune=True)).unchanged == 8
