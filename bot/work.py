"""What the commands do, whether `serve` runs it for them or they run it themselves."""

from typing import Any

from bot.bootstrap import Threadline
from channels.web.parse import parse_message
from core.chat import anonymous
from core.errors import TemporaryError
from core.events import Outcome
from core.ids import new_id
from core.store.credentials import Kind

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
