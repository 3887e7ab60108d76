"""What people answered becomes what the assistant answers: suggested, approved on the desk, read as a file."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.articles import write_whole
from bot.bootstrap import build
from bot.home import Home
from bot.missing import Missing
from core.articles import MAX_TITLE, ArticleState
from core.desk import Operator as Colleague
from kb import rank
from kb.embed import Embedder
from tests.conftest import Launch, serving
from tests.support import Answer, Client, Operator, plain_settings, until

PATH = "/api/v1/desk/articles"
RENT = "Can I rent a bike for the weekend?"
PRICE = "Yes, a rental bike costs 35 EUR a day, and the helmet is included."


async def solve(client: Client, operator: Operator, question: str = RENT, answer: str = PRICE) -> int:
    """Have a customer ask, and ask for a person, and `operator` answer and resolve it; returns the case's number."""
    chat = await client.chat()
    await chat.say(question)
    if not await operator.cases():
        await chat.say("I want to talk to a person")
    [case] = await operator.cases()
    await operator.act(case["id"], "claim")
    await operator.act(case["id"], "reply", answer)
    await operator.act(case["id"], "resolve")
    return int(case["number"])


async def waiting(operator: Operator) -> list[dict[str, Any]]:
    """Return the groups of suggestions."""
    return list((await operator.client.call("GET", PATH, token=operator.token)).data["groups"])


def ids(*groups: dict[str, Any]) -> list[str]:
    """Return the ids of the suggestions in `groups`."""
    return [one["id"] for group in groups for one in group["suggestions"]]


async def approve(operator: Operator, suggested: list[str], **words: str) -> Answer:
    """Approve `suggested` with these words."""
    words = {"title": "Renting a bike", "question": RENT, "answer": PRICE, **words}
    body = {"action": "approve", "ids": suggested, **words}
    return await operator.client.call("POST", PATH, token=operator.token, json=body)


async def drop(operator: Operator, suggested: list[str]) -> Answer:
    """Drop `suggested`."""
    body = {"action": "drop", "ids": suggested}
    return await operator.client.call("POST", PATH, token=operator.token, json=body)


async def documents(client: Client) -> list[str]:
    """Return the ids of the documents in the index."""
    knowledge = client.threadline.knowledge
    return sorted(await knowledge.store.known(await knowledge.collection()))


async def until_read(client: Client, document: str) -> list[str]:
    """Wait until `document` is in the index, and return all there is."""

    async def found() -> list[str]:
        held = await documents(client)
        return held if document in held else []

    return list(await until(found, 60))


async def test_what_a_person_answered_is_what_the_assistant_answers_next_time(launch: Launch) -> None:
    client = await launch()
    ada = await client.operator("Ada")
    number = await solve(client, ada)
    [group] = await waiting(ada)
    assert (group["title"], group["question"], group["answer"]) == (RENT, RENT, PRICE)
    [source] = group["suggestions"]
    assert (source["case"]["number"], source["by"]) == (number, "Ada")
    done = await approve(ada, ids(group), answer=f"{PRICE} Book it a day ahead.")
    assert (done.status, done.data["groups"], done.data["told"]) == (200, [], None)
    file = client.threadline.home.path / "articles" / done.data["file"]
    assert file.name == f"renting-a-bike-{number}.md"
    assert [path.name for path in file.parent.iterdir()] == [file.name], "nothing half-written beside it"
    assert f'source: "case #{number}"' in file.read_text()
    held = await until_read(client, file.stem)
    assert "returns-and-refunds" in held, "an approved article is no reason for the sample to go"
    [reply] = await (await client.chat()).say(RENT)
    assert [citation["title"] for citation in reply["citations"]] == ["Renting a bike"]
    assert "35 EUR a day" in reply["text"]
    await client.threadline.readiness.sync()  # what a start, and the schedule, do
    assert await documents(client) == held


async def test_an_article_is_not_missing_once_it_is_written(launch: Launch) -> None:
    client = await launch()
    ada = await client.operator("Ada")
    threadline, mars = client.threadline, "Do you deliver to the planet Mars?"
    floor = rank.floors()[threadline.settings.answer_caution]
    missing = Missing(threadline.store, threadline.readiness, floor, threadline.clock)

    async def listed() -> list[str]:
        for _ in range(2):
            await missing.look()
        data = (await client.call("GET", "/api/v1/desk/gaps", token=ada.token)).data
        return sorted(gap["question"] for gap in data["gaps"])

    await (await client.chat()).say(mars)
    await solve(client, ada)
    assert await listed() == [RENT, mars], "nothing has been written about them yet"
    [group] = await waiting(ada)
    done = await approve(ada, ids(group))
    await until_read(client, Path(done.data["file"]).stem)
    await threadline.knowledge.refresh()
    assert await listed() == [mars]


async def test_like_questions_are_one_article_and_what_is_left_out_stays(launch: Launch) -> None:
    client = await launch()
    ada = await client.operator("Ada")
    await client.threadline.knowledge.embedder.ready()
    for question in (RENT, "Is it possible to rent a bike for a weekend?", "can i rent a BIKE for the weekend"):
        await solve(client, ada, question)
    await solve(client, ada, "Do you sell unicycles to circus schools?", "We don't.")
    three, one = await waiting(ada)
    assert [len(group["suggestions"]) for group in (three, one)] == [3, 1]
    assert three["question"] == "can i rent a BIKE for the weekend", "the newest"
    assert (await approve(ada, ids(three)[:2])).status == 200
    assert [ids(group) for group in await waiting(ada)] == [ids(one), ids(three)[2:]]


async def test_a_colleague_who_comes_second_is_told_so_and_repeating_it_changes_nothing(launch: Launch) -> None:
    client = await launch()
    ada, bob = await client.operator("Ada"), await client.operator("Bob")
    await solve(client, ada)
    await solve(client, ada, "Do you sell unicycles to circus schools?", "We don't.")
    unicycles, rent = await waiting(ada)
    first = await approve(ada, ids(rent))
    again = await approve(ada, ids(rent), title="Another title")
    assert (first.status, again.status, first.data["file"]) == (200, 200, again.data["file"])
    folder = client.threadline.home.path / "articles"
    assert [path.name for path in folder.iterdir()] == [first.data["file"]]
    for second in (await approve(bob, ids(rent)), await drop(bob, ids(rent)), await drop(ada, ids(rent))):
        assert second.status == 409
        assert "Ada has approved this suggestion already" in second.data["error"]["message"]
        assert [ids(group) for group in second.data["groups"]] == [ids(unicycles)]
    assert [(await drop(bob, ids(unicycles))).status for _ in range(2)] == [200, 200]
    assert (await approve(bob, ids(unicycles))).status == 409
    assert await waiting(ada) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "read", "ids": ["a_1"]},
        {"action": "drop"},
        {"action": "drop", "ids": []},
        {"action": "drop", "ids": "a_1"},
        {"action": "drop", "ids": [1]},
        {"action": "drop", "ids": ["a_1"] * 201},
        {"action": "approve", "ids": ["a_1"], "title": "x", "answer": " "},
        {"action": "approve", "ids": ["a_1"], "title": "", "answer": "x"},
        {"action": "approve", "ids": ["a_1"], "title": 1, "answer": "x"},
        {"action": "approve", "ids": ["a_1"], "title": "x" * (MAX_TITLE + 1), "answer": "x"},
    ],
    ids=str,
)
async def test_what_is_no_decision_is_refused_with_what_one_is(launch: Launch, body: object) -> None:
    client = await launch()
    ada = await client.operator("Ada")
    answer = await client.call("POST", PATH, token=ada.token, json=body)
    assert answer.status in {400, 413}
    assert answer.data["error"]["message"]


async def test_a_suggestion_that_is_not_there_is_a_refusal(launch: Launch) -> None:
    client = await launch()
    ada = await client.operator("Ada")
    for answer in (await approve(ada, ["a_none"]), await drop(ada, ["a_none"])):
        assert (answer.status, "not there any more" in answer.data["error"]["message"]) == (409, True)


async def test_a_folder_that_cannot_be_written_is_said_and_the_article_written_later(
    launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "shared").touch()  # a file where the folder should be
    client = await launch(articles_path=tmp_path / "shared" / "articles")
    ada = await client.operator("Ada")
    await solve(client, ada)
    done = await approve(ada, ids(*await waiting(ada)))
    assert (done.status, "can't be written" in done.data["told"]) == (200, True)
    (tmp_path / "shared").unlink()
    assert await client.threadline.articles.write() == ""  # what the schedule does
    await until_read(client, Path(done.data["file"]).stem)
    (tmp_path / "shared" / "articles" / done.data["file"]).unlink()
    assert await client.threadline.articles.write() == ""
    assert not list((tmp_path / "shared" / "articles").iterdir()), "an owner's deleting is not undone"


async def test_who_was_killed_between_the_approval_and_the_file_writes_it_at_the_next_start(
    sample_home: Path, tmp_path: Path, embedder: Embedder
) -> None:
    folder = tmp_path / "home"
    shutil.copytree(sample_home, folder)
    async with serving(build(plain_settings(folder), Home(folder), embedder=embedder)) as client:
        ada = await client.operator("Ada")
        await solve(client, ada)
        store, [one] = client.threadline.store.articles, await client.threadline.store.articles.waiting()
        by = Colleague(one.by, "Ada", 0.0)  # type: ignore[arg-type]
        await store.decide([one.id], ArticleState.APPROVED, by, 1.0, file="rent-1.md", content="# Rent\n\n35 EUR.\n")
    async with serving(build(plain_settings(folder), Home(folder), embedder=embedder)) as client:
        assert "returns-and-refunds" in await until_read(client, "rent-1")
        assert (folder / "articles" / "rent-1.md").read_text() == "# Rent\n\n35 EUR.\n"
        assert await client.threadline.store.articles.unwritten() == []


# The folder among the sources


def shelf(folder: Path, name: str) -> Path:
    """Write a folder with one article and return it."""
    folder.mkdir(parents=True)
    (folder / f"{name}.md").write_text(f"# {name}\n\n{name} are watered every second day.\n")
    return folder


async def test_articles_stand_beside_the_owners_own_sources(launch: Launch, tmp_path: Path) -> None:
    client = await launch(kb_path=[str(shelf(tmp_path / "plants", "orchids"))])
    shelf(client.threadline.home.path / "articles", "cacti")
    await client.threadline.readiness.assistant()
    await client.threadline.readiness.sync()
    assert await documents(client) == ["cacti", "orchids"]


async def test_the_sample_leaves_with_the_owners_first_source_and_the_articles_stay(
    launch: Launch, tmp_path: Path
) -> None:
    client = await launch()
    readiness = client.threadline.readiness
    await readiness.assistant()
    folder = shelf(client.threadline.home.path / "articles", "cacti")
    await readiness.read_articles()
    assert "returns-and-refunds" in await documents(client)
    await readiness.read([str(shelf(tmp_path / "plants", "orchids"))])
    assert await documents(client) == ["cacti", "orchids"]
    await readiness.sync()
    assert await documents(client) == ["cacti", "orchids"]
    body = {"sources": [str(folder)]}
    answer = await client.call("POST", "/api/v1/admin/kb/drop", token="admin-key-for-tests", json=body)
    assert (answer.status, "approved articles" in str(answer.data)) == (400, True)


async def test_a_folder_that_lies_in_a_source_is_read_once(launch: Launch, tmp_path: Path) -> None:
    plants = shelf(tmp_path / "plants", "orchids")
    client = await launch(kb_path=[str(plants)], articles_path=plants / "articles")
    readiness = client.threadline.readiness
    await readiness.assistant()
    shelf(plants / "articles", "cacti")
    for read in (readiness.sync, readiness.read_articles):
        await read()
        assert await documents(client) == ["articles/cacti", "orchids"]


async def test_an_article_that_is_deleted_or_changed_by_hand_is_followed(launch: Launch) -> None:
    client = await launch()
    readiness = client.threadline.readiness
    await readiness.assistant()
    await readiness.sync()
    folder = shelf(client.threadline.home.path / "articles", "cacti")
    write_whole(folder, "ferns.md", "# Ferns\n")
    write_whole(folder, "ferns.md", "# Ferns\n\nFerns like it wet.\n")
    for _ in range(2):
        await readiness.look()
    assert {"cacti", "ferns"} <= set(await documents(client))
    (folder / "cacti.md").unlink()
    for _ in range(2):
        await readiness.look()
    held = await documents(client)
    assert ("cacti" in held, "ferns" in held, "returns-and-refunds" in held) == (False, True, True)


async def test_a_folder_that_has_vanished_keeps_what_was_read_from_it(launch: Launch) -> None:
    client = await launch()
    await client.threadline.readiness.assistant()
    folder = shelf(client.threadline.home.path / "articles", "cacti")
    await client.threadline.readiness.sync()
    shutil.rmtree(folder)  # as a disk that is not mounted
    report = await client.threadline.readiness.sync()
    assert [failure.source for failure in report.failed] == [str(folder)]
    assert "cacti" in await documents(client)
