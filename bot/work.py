"""What the commands do, whether `serve` runs it for them or they run it themselves."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.assistant import make_assistant
from bot.bootstrap import Threadline, make_embedder, make_reranker
from bot.settings import Settings
from channels.web.parse import parse_message
from core.chat import anonymous
from core.errors import SetupError, TemporaryError
from core.events import Outcome
from core.grounding import documents_of
from core.ids import MessageId, ThreadId, ThreadKey, new_id
from core.messages import Author, Message
from core.store.credentials import Kind
from core.store.engine import Database, sqlite_url
from core.store.migrations import migrate
from core.thread import Thread
from core.turn import Turn
from kb.documents import SourceError
from kb.evaluate import Decision, evaluate
from kb.search import KnowledgeBase
from kb.sync import sync

ASK_SECONDS = 300.0


async def ask(threadline: Threadline, question: str) -> dict[str, Any]:
    """Put one question through the whole way of a message, as a chat session of its own.

    Returns the contract's json of `ask`, and the session with its token, so that whoever asked can
    follow a handoff on the chat page.
    """
    session = new_id("s")
    token = await threadline.store.credentials.issue(Kind.SESSION, session, threadline.clock())
    receipt = await threadline.inbox.accept(parse_message(anonymous(session), question, None))
    replies = await threadline.inbox.replies(receipt, ASK_SECONDS)
    if replies is None:
        raise TemporaryError(f"No answer within {ASK_SECONDS:g} s. `threadline doctor` says what is not ready.")
    result = await threadline.store.runs.latest_result(receipt.thread)
    citations = [citation for reply in replies for citation in reply.citations]
    return {
        "text": "\n\n".join(reply.text for reply in replies),
        "citations": [{"index": c.index, "title": c.title, "source": c.source} for c in citations],
        "outcome": result.outcome.value if result else Outcome.HANDED_OFF.value,
        "handoff": {"reason": result.reason.value} if result and result.reason else None,
        "session_id": session,
        "token": token,
    }


class _Silence:
    """The voice of a run that nobody listens to."""

    async def check(self) -> None:
        """It always counts."""

    async def say(self, text: str) -> None:
        """Nobody hears it."""


def single_turn(question: str) -> Turn:
    """Return a turn that consists of one question, outside any stored thread."""
    thread = Thread(ThreadId("t_eval"), ThreadKey("eval", "", ""), "eval", last_seq=1, asked_up_to=1)
    return Turn(thread, (Message(MessageId("m_eval"), 1, Author.CUSTOMER, question, 0.0),))


async def measure(
    settings: Settings,
    folder: Path,
    *,
    split: str | None,
    limit: int | None,
    progress: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Measure retrieval and decisions on an evaluation folder, in a database and index of its own."""
    with TemporaryDirectory(prefix="threadline-eval-") as scratch:
        database = Database(sqlite_url(Path(scratch) / "eval.db"))
        embedder, reranker = make_embedder(settings), make_reranker(settings)
        knowledge = KnowledgeBase(database, folder=Path(scratch) / "chroma", embedder=embedder, reranker=reranker)
        try:
            await migrate(database)
            await knowledge.open()
            await sync(knowledge, [str(folder / "kb")], progress=lambda p: progress("Reading", p.done, p.total))
            assistant = make_assistant(settings, knowledge)

            async def decide(question: str) -> Decision:
                result = await assistant.answer(single_turn(question), _Silence())
                cited = {citation.text for citation in result.citations}
                documents = documents_of([p for p in result.grounding.passages if p.text in cited])
                return Decision(result.outcome.value, tuple(documents), result.text)

            return await evaluate(
                folder,
                knowledge,
                decide,
                split=split,
                limit=limit,
                progress=lambda p: progress("Asking", p.done, p.total),
                compare=knowledge.rankings,
            )
        except SourceError as wrong:
            raise SetupError(f"{wrong}. The README says what an evaluation folder holds.") from wrong
        finally:
            await knowledge.close()
            if reranker:
                await reranker.close()
            await embedder.close()
            await database.close()
