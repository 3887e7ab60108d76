"""The program is killed (-9) at every commit on the way of a message, while customers ask.

The real program runs as a process of its own; the customers here repeat what was not answered, with
the same Idempotency-Key, as the chat page does. Whatever was killed when, each question is in its
transcript once, and has one reply, in order.
"""

import asyncio
import json
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from core.store import schema
from core.store.engine import Database, sqlite_url
from core.store.store import Store
from tests.fakes.openai_server import FakeOpenAI, Step, call, say

ROOT = Path(__file__).resolve().parents[2]

KILLS = {
    "migrate": (1,),
    "store.forget_leases": (1,),
    "sessions.start": (1, 2),
    "credentials.issue": (2,),
    "receipts.accept": (1, 4),
    "receipts.claim": (5,),
    "receipts.decide": (1, 4),
    "files.save": (1,),
    "extractions.claim": (2,),
    "extractions.finish": (1, 2),
    "runs.claim": (5,),
    "runs.speak": (1, 3),
    "runs.spoken": (3,),
    "runs.finish": (1, 4),
    "runs.finish_draft": (1,),
    "deliveries.claim": (5,),
    "deliveries.finish": (1, 3),
}
"""The commits on the way of a message, and at which of their turns after a start the process dies."""

ELSEWHERE = {
    "credentials.redeem": "a ticket for a socket; the page asks for another",
    "credentials.drop_expired": "housekeeping",
    "credentials.add_operator": "an owner's command",
    "credentials.revoke_operator": "an owner's command",
    "credentials.link": "an owner's command",
    "receipts.drop_raw": "housekeeping",
    "receipts.refuse": "a refused action, which leaves nothing but its refusal: judged again",
    "receipts.retry": "only after a failure, which a kill is not",
    "receipts.give_up": "only after a failure, which a kill is not",
    "runs.slow": "only in runs of more than twenty seconds; a line that is lost is no answer lost",
    "runs.heartbeat": "only in runs of more than ten seconds",
    "runs.retry": "only after a failure, which a kill is not",
    "deliveries.post_digest": "posted by the clock, once a day whatever happens",
    "articles.decide": "an operator's word on a suggested article; test_articles.py takes it up after one",
    "articles.written": "a file that is there already; it is written again",
    "gaps.drop": "housekeeping: a question that is answered now is asked again at each start",
    "deliveries.heartbeat": "only in sends of more than ten seconds",
    "deliveries.retry": "only after a failure, which a kill is not",
    "extractions.heartbeat": "only for files that take more than ten seconds to read",
    "extractions.retry": "only after a failure, which a kill is not",
    "actions.begin": "of the owner's tools; test_tool_kills.py kills there",
    "actions.settle": "of the owner's tools; test_tool_kills.py kills there",
    "actions.forget_unanswered": "housekeeping",
    "actions.note": "of a tool that changes nothing: it is called again",
    "files.expect": "of channels that fetch files: it holds nothing yet",
    "files.arrive": "of channels that fetch files: it is fetched again",
    "files.drop_unsent": "housekeeping",
    "desks.offer": "an owner's command",
    "desks.move": "an owner's line, which can be written again",
    "kb.replace": "the knowledge base's own; read again at each start",
    "kb.revalidate": "the knowledge base's own; read again at each start",
    "kb.finish": "the knowledge base's own; read again at each start",
}
"""The other commits, and why no message passes them."""

QUESTIONS = ("How much does delivery cost?", "How do gift cards work?", "How do I update the display firmware?")
WITH_A_FILE = QUESTIONS[1]
ANSWER = ("The help centre has an article on that [1]. ", "Everything is in it.")
A_PERSON = "I want to talk to a person"
CUSTOMERS = 3  # who ask at the same time
CHAINS = 2  # installations that are killed side by side
LONGEST = 60.0  # seconds for one start, one kill or one answer


def test_no_commit_on_the_way_of_a_message_is_forgotten() -> None:
    source = "".join(path.read_text() for package in ("bot", "channels", "core", "kb") for path in _python(package))
    named = set(re.findall(r'(?:\.writing\(|Together\(database,)\s*"([^"]+)"', source))
    assert named == KILLS.keys() | ELSEWHERE.keys()


def answering(body: dict[str, Any]) -> Step:
    """A language model that looks everything up and then answers, one sentence at a time; it drafts when asked to."""
    asked = body["messages"][-1]
    if not body.get("tools"):
        return say("SUMMARY: Wants a person.\nREPLY: Hello! How can I help?")
    return (
        say("", ANSWER)
        if asked["role"] == "tool"
        else call("search_knowledge_base", {"query": asked["content"].splitlines()[0]})
    )


def _python(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@dataclass
class Installation:
    """A HOME, and whichever process serves it now."""

    folder: Path
    model: str
    settings: Mapping[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    kills: int = 0

    def prepare(self) -> None:
        """Make its folder. Without sentence-transformers, whose import takes ten seconds, it searches by words."""
        without = self.folder / "without" / "sentence_transformers.py"
        without.parent.mkdir(parents=True)
        without.write_text('raise ImportError("left out: these tests need no model")\n')

    async def start(self, fault: str = "") -> asyncio.subprocess.Process:
        """Start `serve`, to be killed at `fault`."""
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "PYTHONPATH": os.pathsep.join([str(self.folder / "without"), str(ROOT)]),
            "THREADLINE_HOME": str(self.folder / "home"),
            "EMBEDDING_MODEL": "none",
            "OPENAI_BASE_URL": self.model,
            "OPENAI_MODEL": "gpt-test",
            "HTTP_PORT": "0",
            "CHAT_SESSIONS_PER_MINUTE": "100000",
            "CHAT_MESSAGES_PER_MINUTE": "100000",
            "FAULT_POINT": fault,
            **self.settings,
        }
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        return self.process

    async def url(self) -> str:
        """Return where the living process serves; waits for the next one while there is none."""
        while True:
            try:
                serving = json.loads((self.folder / "home" / "serve.json").read_text())
            except (OSError, ValueError):
                serving = {}
            alive = self.process and self.process.returncode is None
            if alive and self.process and serving.get("pid") == self.process.pid:
                return str(serving["url"])
            await asyncio.sleep(0.02)

    async def die(self, faults: Sequence[str]) -> None:
        """Start and be killed at each of `faults`, one after the other."""
        for fault in faults:
            process = await self.start(fault)
            try:
                async with asyncio.timeout(LONGEST):
                    status = await process.wait()
            except TimeoutError:
                pytest.fail(f"{fault} was not reached; the log ends: {self.log()}")
            assert status == -SIGKILL, f"{fault}: the process ended with {status}: {self.log()}"
            self.kills += 1

    def log(self) -> str:
        """Return the end of what the processes wrote."""
        return (self.folder / "log").read_text()[-3000:]


@asynccontextmanager
async def installation(folder: Path, model: str, **settings: str) -> AsyncIterator[Installation]:
    """Give an installation with `settings` beside the usual; its last process ends with the block."""
    made = Installation(folder, model, settings)
    made.prepare()
    try:
        yield made
    finally:
        if made.process and made.process.returncode is None:
            made.process.kill()
            await made.process.wait()


@dataclass
class Conversation:
    """One chat session: what was asked, and the replies that were read for it."""

    session: str
    token: str
    asked: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)


class Customer:
    """Asks one question after the other; repeats each until it is answered, as the chat page does."""

    def __init__(self, http: aiohttp.ClientSession, place: Installation) -> None:
        self._http = http
        self._place = place
        self._enough = asyncio.Event()
        self.conversations: list[Conversation] = []

    def stop(self) -> None:
        """Ask nothing new."""
        self._enough.set()

    async def ask_on(self) -> None:
        """Hold conversations until told to stop: three questions each, then the wish for a person."""
        while not self._enough.is_set():
            opened = await self._call("POST", "/api/v1/chat/sessions")
            talk = Conversation(opened["session_id"], opened["token"])
            self.conversations.append(talk)
            for n, words in enumerate((*QUESTIONS, A_PERSON)):
                if self._enough.is_set():
                    break
                replies = await self._ask(talk, words, key=f"question-{n}")
                talk.asked.append((words, replies))
                if any(reply["author"] == "system" for reply in replies):
                    break  # a person has it now

    async def _ask(self, talk: Conversation, words: str, *, key: str) -> list[dict[str, Any]]:
        path = f"/api/v1/chat/sessions/{talk.session}/messages?wait=20"
        headers = {"Authorization": f"Bearer {talk.token}", "Idempotency-Key": key}
        while True:
            answer = await self._call("POST", path, body=lambda: _body(words), headers=headers)
            if "replies" in answer:
                return list(answer["replies"])

    async def read(self, talk: Conversation) -> list[dict[str, Any]]:
        """Return the transcript."""
        headers = {"Authorization": f"Bearer {talk.token}"}
        answer = await self._call("GET", f"/api/v1/chat/sessions/{talk.session}/messages", headers=headers)
        return list(answer["messages"])

    async def _call(
        self, method: str, path: str, body: Callable[[], dict[str, Any]] = dict, **options: Any
    ) -> dict[str, Any]:
        """Call the API until it answers; `body` is made anew each time, since a form is used up by being sent."""
        while True:
            try:
                address = await self._place.url() + path
                async with self._http.request(method, address, **options, **body()) as response:
                    assert response.status < 400, await response.text()
                    return dict(await response.json())
            except (aiohttp.ClientError, ConnectionError):  # killed: again, where the next process serves
                await asyncio.sleep(0.02)


def _body(words: str) -> dict[str, Any]:
    """Return the body of a message: one of the questions comes with a file."""
    if words != WITH_A_FILE:
        return {"json": {"text": words}}
    form = aiohttp.FormData({"text": words})
    form.add_field("files", b"Card 4711", filename="card.txt", content_type="text/plain")
    return {"data": form}


@dataclass
class Tally:
    """What was found in the end."""

    kills: int = 0
    questions: int = 0
    lost: int = 0
    doubled: int = 0
    others: list[str] = field(default_factory=list)

    def count(self, talk: Conversation, said: list[dict[str, Any]]) -> None:
        """Compare what was asked with what is in the transcript."""
        self.questions += len(talk.asked)
        times = Counter(m["text"] for m in said if m["author"] == "customer")
        for words, read in talk.asked:
            self.lost += times[words] == 0
            self.doubled += max(0, times[words] - 1)
            replies = 0
            at = next((i for i, m in enumerate(said) if m["text"] == words), len(said)) + 1
            while at + replies < len(said) and said[at + replies]["author"] != "customer":
                replies += 1
            self.lost += replies == 0
            self.doubled += max(0, replies - 1)
            wanted = {"system"} if words == A_PERSON else {"bot", "system"}
            if replies and said[at]["author"] not in wanted:
                self.others.append(f"{words}: answered by {said[at]}")
            if [m["id"] for m in said[at : at + replies]] != [m["id"] for m in read]:
                self.others.append(f"{words}: what was read at first was {read}")
        order = [m["text"] for m in said if m["author"] == "customer"]
        if order != [words for words, _ in talk.asked]:
            self.others.append(f"asked {talk.asked}, stored {order}")


def _faults() -> list[str]:
    return [f"{side}:{name}*{turn}" for name, turns in KILLS.items() for turn in turns for side in ("before", "after")]


async def test_thirty_kills_at_commits_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    faults = _faults()
    assert len(faults) >= 30
    tally = Tally()
    chains = (_chain(tmp_path / f"chain-{n}", faults[n::CHAINS], tally) for n in range(CHAINS))
    await asyncio.gather(*chains)
    print(f"kills {tally.kills}, questions {tally.questions}, lost {tally.lost}, doubled {tally.doubled}")
    assert tally.kills == len(faults)
    assert tally.questions >= 30
    assert (tally.lost, tally.doubled, tally.others) == (0, 0, [])


async def _chain(folder: Path, faults: Sequence[str], tally: Tally) -> None:
    async with (
        FakeOpenAI(otherwise=answering) as model,
        installation(folder, model.base_url) as place,
        aiohttp.ClientSession() as http,
    ):
        customers = [Customer(http, place) for _ in range(CUSTOMERS)]
        asking = [asyncio.create_task(customer.ask_on()) for customer in customers]
        try:
            await place.die(faults)
            await place.start()
            for customer in customers:
                customer.stop()
            async with asyncio.timeout(LONGEST):
                await asyncio.gather(*asking)
                for customer in customers:
                    for talk in customer.conversations:
                        tally.count(talk, await customer.read(talk))
                await nothing_waits(http, place)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        assert place.process
        place.process.terminate()
        assert await place.process.wait() == 0
        tally.kills += place.kills
        await _every_line_went_out_once(place)


async def nothing_waits(http: aiohttp.ClientSession, place: Installation) -> None:
    """Return once the program has nothing left to do."""
    while True:
        async with http.get(f"{await place.url()}/readyz") as response:
            backlog = (await response.json())["parts"]["store"]["backlog"]
        assert backlog["receipts_failed"] == 0, place.log()
        if not any(backlog.values()):
            return
        await asyncio.sleep(0.05)


async def _every_line_went_out_once(place: Installation) -> None:
    store = Store(Database(sqlite_url(place.folder / "home" / "threadline.db")))
    async with store.database.reading() as connection:
        parts = (await connection.execute(select(schema.deliveries))).all()
        lines = (await connection.execute(select(schema.messages).where(schema.messages.c.author != "customer"))).all()
    await store.close()
    assert Counter(part.message_id for part in parts if part.message_id) == Counter(line.id for line in lines)
    assert {part.state for part in parts} == {"delivered"}
