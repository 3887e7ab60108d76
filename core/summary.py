"""What a case is about, in two lines, without a language model."""

from collections.abc import Sequence

from core.messages import Author, Message

_SHOWN = 280


def summarise(messages: Sequence[Message], question: str = "") -> str:
    """Return what the customer wants, shortened, and how long they have been at it; '' if they said nothing.

    `question` is what the run took for the question; without it, the customer's latest words are.
    """
    asked = [_words(message) for message in messages if message.author is Author.CUSTOMER]
    if not asked:
        return ""
    summary = _short(question or asked[-1], _SHOWN)
    if len(asked) == 1 or asked[0] == question:
        return summary
    return f"{summary}\n({len(asked)} messages from the customer; the first was: “{_short(asked[0], 80)}”)"


def _words(message: Message) -> str:
    """Return what the customer wrote, or which files they sent without words."""
    return message.text if message.text.strip() else "".join(f"(sent {file.name}) " for file in message.files)


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"
