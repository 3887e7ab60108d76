"""What a case is about, in two lines, without a language model."""

from collections.abc import Sequence

from core.messages import Author, Message

_SHOWN = 280


def summarise(messages: Sequence[Message]) -> str:
    """Return the customer's latest words, shortened, and how long the conversation has been; '' for no messages."""
    asked = [message.text for message in messages if message.author is Author.CUSTOMER]
    if not asked:
        return ""
    latest = " ".join(asked[-1].split())
    if len(latest) > _SHOWN:
        latest = latest[: _SHOWN - 1].rsplit(" ", 1)[0] + "…"
    if len(asked) == 1:
        return latest
    first = " ".join(asked[0].split())[:80]
    return f"{latest}\n({len(asked)} messages from the customer; the first was: “{first}”)"
