"""A reply that the assistant suggests to operators, and what the case is about, in two lines.

`Assistant.draft` calls this for every case that opens, and again when an operator asks. It reads the
knowledge base and changes nothing. Without a language model, or when it fails, the suggestion is
quoted from the best passages; nothing here ever reaches a customer by itself.
"""

import asyncio
import re
from collections.abc import Sequence

import structlog
from agent_framework import Agent, Message

from core.agent import extractive, sentences
from core.agent.citations import Sources
from core.agent.history import to_model
from core.agent.models import Meter
from core.agent.papers import Papers
from core.agent.providers import Provider
from core.agent.screen import HeldBackError, Room, Screen
from core.errors import TemporaryError
from core.events import Suggestion
from core.grounding import Grounding, Knowledge, Passage
from core.messages import Author
from core.phrases import is_greeting, is_thanks, wants_person
from core.turn import Turn

log = structlog.get_logger()

_PASSAGES = 5
_NEWEST = 30  # messages a model is shown
_MOST_QUESTION = 2_000  # characters
_PARTS = re.compile(r"\s*SUMMARY:\s*(?P<summary>.*?)\s*REPLY:\s*(?P<reply>.*)", re.DOTALL | re.IGNORECASE)


async def draft(
    turn: Turn,
    provider: Provider,
    knowledge: Knowledge,
    *,
    instructions: str,
    related_floor: float,
    seconds: float,
    screen: Screen,
) -> Suggestion | None:
    """Return a suggestion for `turn`, empty where the knowledge base holds nothing near it; None if it is away."""
    question = what_was_asked(turn)
    try:
        grounding = await knowledge.search(question, k=_PASSAGES) if question else Grounding()
    except TemporaryError:
        return None
    passages = grounding.passages if grounding.relatedness >= related_floor else ()
    if provider.has_model:
        written = await _written(turn, provider, passages, instructions, seconds, screen)
        if written:
            return written
    return quoted(question, passages)


def what_was_asked(turn: Turn) -> str:
    """Return the customer's last words that ask something: not the call for a person, not a thank-you."""
    said = [turn.asked_last, *(m.text for m in reversed(turn.messages) if m.author is Author.CUSTOMER)]
    return next(filter(None, map(_asking, said)), "")[-_MOST_QUESTION:]


def _asking(text: str) -> str:
    """Return the sentences of `text` that are more than a greeting, a thank-you or the call for a person."""
    pieces = [piece for piece in sentences.split(text) if piece.strip()]
    return "".join(p for p in pieces if not (wants_person(p) or is_thanks(p) or is_greeting(p))).strip()


def quoted(question: str, passages: Sequence[Passage]) -> Suggestion:
    """Return the suggestion that needs no model: what the best passages say, with their numbers."""
    if not passages:
        return Suggestion()
    sources = Sources()
    numbered = [
        extractive.Numbered(number, p.title, p.text, p.heading, p.position) for number, p in sources.register(passages)
    ]
    text, citations = sources.resolve(extractive.quote(question, numbered))
    return Suggestion(text.strip(), citations)


async def _written(
    turn: Turn, provider: Provider, passages: Sequence[Passage], instructions: str, seconds: float, screen: Screen
) -> Suggestion | None:
    """Have the model write it; None when it fails, is late, or writes something else than was asked for."""
    sources = Sources()
    room = Room(screen, turn, sources)
    shown = "\n\n".join(f"[{number}] {p.title}\n{p.text}" for number, p in sources.register(passages))
    agent = Agent(
        client=provider.client,
        instructions=instructions,
        middleware=room.middleware,
        default_options=provider.options,  # type: ignore[arg-type]  # as each client names them
    )
    meter, papers = Meter(), Papers(turn, turns_pages=False)
    given = [f"Passages:\n{shown or 'none'}", papers.excerpts(turn.messages)]
    given += [f"The operator adds: {turn.hint or 'nothing'}", "Write the two parts now."]
    asked = "\n\n".join(filter(None, given))
    failures: tuple[type[Exception], ...] = (*provider.errors, TimeoutError)
    said = [to_model(message, papers) for message in turn.messages[-_NEWEST:]]
    try:
        async with asyncio.timeout(seconds):
            answer = await agent.run([*said, Message("user", [asked])], client_kwargs={"meter": meter})
    except failures as error:
        log.warning("draft_failed", provider=provider.name, error=type(error).__name__)
        return None
    parts = _PARTS.fullmatch(answer.text or "")
    if parts is None or not parts["reply"].strip():
        return None
    try:
        text, citations = room.passed(parts["reply"].strip())
    except HeldBackError as held:
        log.warning("draft_held_back", reason=str(held))
        return None
    return Suggestion(text, citations, room.for_desk(" ".join(parts["summary"].split()))[:500], meter.usage)
