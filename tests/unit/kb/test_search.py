"""A question finds the right page, or nothing; whatever is away, the rest goes on."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from core.grounding import Knowledge
from core.store.engine import Database
from kb.embed import Embedder
from kb.index import IndexInUseError
from kb.search import QUERY_CHARACTERS, KnowledgeBase, tidy_query
from kb.sync import sync

ROOT = Path(__file__).resolve().parents[3]


@pytest_asyncio.fixture
async def filled(knowledge: KnowledgeBase, articles: Path) -> KnowledgeBase:
    await sync(knowledge, [articles])
    return knowledge


async def test_it_is_what_the_agent_asks_for(knowledge: KnowledgeBase) -> None:
    asked: Knowledge = knowledge
    assert (await asked.search("anything")).passages == ()


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("how do I get my money back?", "refunds"),
        ("I can't log in any more", "passwords"),
        ("MQRC_2059", "errors"),
        ("bike battery in the cold season", "batteries"),
        ("when can I visit you?", "opening-hours"),
    ],
)
async def test_a_question_in_other_words_finds_its_page(filled: KnowledgeBase, question: str, document: str) -> None:
    assert (await filled.search(question)).passages[0].document == document


async def test_a_passage_names_its_title_heading_and_source(filled: KnowledgeBase) -> None:
    first = (await filled.search("how long does a refund take?")).passages[0]
    assert (first.title, first.heading, first.source) == ("Refunds", "How long it takes", "refunds.md")
    assert first.text.startswith("The money is back")


async def test_a_known_question_is_trusted_more_than_a_foreign_one(filled: KnowledgeBase) -> None:
    known = await filled.search("How do I reset my password?")
    foreign = await filled.search("Who won the football world cup in 1990?")
    assert known.confidence > 0.5 > foreign.confidence
    assert known.relatedness > 0.5 > foreign.relatedness


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "\0"])
async def test_an_empty_question_finds_nothing(filled: KnowledgeBase, query: str) -> None:
    grounding = await filled.search(query)
    assert (grounding.passages, grounding.confidence, grounding.relatedness) == ((), 0.0, 0.0)


@pytest.mark.parametrize("query", ["?!", "🙂", "a" * 50_000, "refund " * 20_000])
async def test_odd_questions_never_fail(filled: KnowledgeBase, query: str) -> None:
    grounding = await filled.search(query)
    assert len(grounding.passages) == 5
    assert 0 <= grounding.confidence <= 1


def test_a_long_question_is_cut_at_a_word() -> None:
    cut = tidy_query("word " * 10_000)
    assert len(cut) <= QUERY_CHARACTERS
    assert cut.endswith("word")


async def test_no_more_than_two_passages_of_one_document_and_no_text_twice(
    knowledge: KnowledgeBase, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    sections = "\n\n".join(f"## Part {at}\n\nRefunds of kind {at} are paid." for at in range(9))
    (folder / "long.md").write_text(f"# Refunds\n\n{sections}")
    for name in ("copy-a.md", "copy-b.md"):
        (folder / name).write_text("# Refund copies\n\nThe same words about refunds.")
    await sync(knowledge, [folder])
    passages = (await knowledge.search("refunds", k=20)).passages
    assert sum(passage.document == "long" for passage in passages) == 2
    assert len({passage.text for passage in passages}) == len(passages)


async def test_k_bounds_the_passages(filled: KnowledgeBase) -> None:
    assert len((await filled.search("refund", k=2)).passages) == 2
    assert (await filled.search("refund", k=0)).passages == ()


async def test_it_goes_on_when_chroma_is_away(filled: KnowledgeBase) -> None:
    before = await filled.search("how do I get my money back?")
    await filled.index.close()
    after = await filled.search("how do I get my money back?")
    assert after.passages[0] == before.passages[0]
    assert "not open" in filled.status().index


async def test_a_second_process_is_told_whose_the_index_is(
    knowledge: KnowledgeBase, database: Database, tmp_path: Path, embedder: Embedder
) -> None:
    second = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder)
    with pytest.raises(IndexInUseError, match="another process uses the index"):
        await second.open()


async def test_a_broken_chroma_folder_is_made_again(
    filled: KnowledgeBase, database: Database, tmp_path: Path, embedder: Embedder
) -> None:
    await filled.close()
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"this is no database" * 100)
    again = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder)
    await again.open()
    assert (await again.search("how do I get my money back?")).passages[0].document == "refunds"
    assert again.status().index == "ready"
    await again.close()


async def test_a_newer_generation_of_another_process_is_noticed(
    filled: KnowledgeBase, database: Database, articles: Path, tmp_path: Path, embedder: Embedder
) -> None:
    now = [0.0]
    reader = KnowledgeBase(database, folder=tmp_path / "reader", embedder=embedder, clock=lambda: now[0])
    await reader.open()
    assert await reader.documents() == 5
    (articles / "parking.md").write_text("# Parking\n\nThere is a bicycle rack behind the shop.\n")
    await sync(filled, [articles])
    now[0] += 10
    await reader.search("bicycle rack")
    await reader.refresh()
    assert (await reader.search("bicycle rack")).passages[0].document == "parking"
    await reader.close()


async def test_searches_go_on_while_a_sync_runs(filled: KnowledgeBase, articles: Path) -> None:
    for at in range(30):
        (articles / f"more-{at}.md").write_text(f"# More {at}\n\n" + f"Some words about thing {at}. " * 60)
    syncing = asyncio.create_task(sync(filled, [articles]))
    answered = 0
    while not syncing.done():
        assert (await filled.search("how do I get my money back?")).passages[0].document == "refunds"
        answered += 1
    assert answered > 2
    assert (await syncing).added == 30


def test_importing_it_loads_no_model_library() -> None:
    code = (
        "import sys, kb.search, kb.sync, kb.evaluate\n"
        "print([name for name in ('torch', 'sentence_transformers', 'transformers', 'chromadb', 'bm25s') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_what_words_and_vectors_find_alone_can_be_seen(filled: KnowledgeBase) -> None:
    found = await filled.rankings("MQRC_2059")
    assert found["words (BM25)"] == ["errors"]
    assert len(found["vectors"]) > 1
    assert await filled.rankings("  ") == {}


@pytest_asyncio.fixture
async def bilingual(knowledge: KnowledgeBase, articles: Path) -> KnowledgeBase:
    """A knowledge base with one German article among the English ones."""
    (articles / "rueckgabe.md").write_text(
        "# Rückgabe\n\nSie können einen Artikel innerhalb von 30 Tagen zurückgeben.\n\n## Dauer der Erstattung\n\n"
        "Die Erstattung ist innerhalb von fünf Werktagen auf Ihrer Karte.\n",
        "utf-8",
    )
    await sync(knowledge, [articles])
    return knowledge


async def test_a_question_in_a_language_the_model_does_not_cover_is_searched_by_its_words_and_says_so(
    bilingual: KnowledgeBase,
) -> None:
    found = await bilingual.search("Wie lange dauert die Erstattung auf meine Karte?")
    assert (found.uncovered, found.passages[0].document, found.passages[0].language) == ("de", "rueckgabe", "de")
    assert (await bilingual.search("退款需要多长时间")).passages == ()
    covered = await bilingual.search("When is the shop open on weekdays?")
    assert (covered.uncovered, covered.passages[0].document) == ("", "opening-hours")
    assert covered.passages[0].language == "en"


async def test_the_owner_says_what_another_model_covers(
    database: Database, tmp_path: Path, articles: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedder, "languages", frozenset({"en", "de"}))
    knowledge = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=embedder)
    await knowledge.open()
    await sync(knowledge, [articles])
    found = await knowledge.search("Wie lange hat der Laden in Hamburg geöffnet?")
    assert found.uncovered == ""
    assert found.passages
    assert knowledge.status().languages == ("de", "en")
    await knowledge.close()


async def test_a_passage_knows_its_place_in_its_document(filled: KnowledgeBase) -> None:
    found = await filled.search("Within how many days is the money back on my card?")
    assert (found.passages[0].document, found.passages[0].position) == ("refunds", 1)


@pytest.mark.parametrize(
    ("question", "document"),
    [("How long does delivery take?", "delivery"), ("How soon is my delivery there?", "delivery")],
)
async def test_without_a_model_a_title_counts_and_how_long_asks_for_a_time(
    database: Database, tmp_path: Path, no_embedder: Embedder, question: str, document: str
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in {
        "delivery": "# Delivery times and costs\n\n| Service | Arrives in |\n|---|---|\n| Standard | 2 to 4 days |",
        "address": "# Changing the delivery address\n\nIt does not take long to change a delivery that is not packed.",
        "cards": "# Gift cards\n\n## How long a card is valid\n\nA card is valid for 3 years, take good care of it.",
        "size": "# Choosing a size\n\nIt does take a while to measure your long legs.",
    }.items():
        (folder / f"{name}.md").write_text(text, "utf-8")
    knowledge = KnowledgeBase(database, folder=tmp_path / "chroma", embedder=no_embedder)
    await knowledge.open()
    await sync(knowledge, [folder])
    assert (await knowledge.search(question)).passages[0].document == document
    await knowledge.close()
