"""The index stays in step with its sources, whatever the sources do."""

import asyncio
import shutil
from pathlib import Path

import pytest

from core.store.engine import Database
from kb.documents import Progress
from kb.embed import Embedder
from kb.search import KnowledgeBase
from kb.sync import make_plan, sync
from kb.tables import Known


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
    report = await sync(knowledge, [articles, "https://help.example"])
    assert report.added == 5
    reasons = {failure.source: failure.reason for failure in report.failed}
    assert set(reasons) == {"noise.md", "latin.md", "https://help.example"}
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


def test_the_plan_keeps_ids_of_two_sources_apart(tmp_path: Path) -> None:
    for name in ("a/one.md", "b/one.md", "c/b/one.md"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("# One")
    plan = make_plan([tmp_path / "a", tmp_path / "b", tmp_path / "b", tmp_path / "c" / "b"], {})
    ids = [task.id for task in plan.added]
    assert ids[:2] == ["one", "b/one"]
    assert len(set(ids)) == 3
    known = {task.id: Known(task.root, task.content_hash) for task in plan.added}
    again = make_plan([tmp_path / "c" / "b", tmp_path / "b", tmp_path / "a"], known)
    assert (again.added, again.changed, again.removed, again.unchanged) == ([], [], [], 3)
