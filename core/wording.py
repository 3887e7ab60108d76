"""The fixed sentences customers read. Kept together, so that their tone can be read at one glance."""

HANDED_OFF = (
    "I'm passing your question to a colleague, with everything you've written so far. You'll get the answer right here."
)
HANDED_OFF_ASKED = "Of course. I'm getting a colleague for you; the answer will come right here."
HANDED_OFF_FAILED = (
    "Sorry, I can't answer just now. I've passed your question to a colleague; the answer will come right here."
)
CUT_SHORT = "A colleague is taking over from here."
DECLINED = (
    "I'm afraid that's outside what I can help with here. "
    "Is there anything about our products or services I can look up for you?"
)
GREETING = "Hello! What can I help you with?"
THANKS = "You're welcome! If anything else comes up, just write."
ASK_BACK = (
    "I'd like to help. Could you tell me a little more: which product or service it is about, "
    "what you tried, and what happened?"
)


def joined(operator: str) -> str:
    """The line that tells the customer who is there now."""
    return f"{operator} has joined the conversation."


def left(operator: str) -> str:
    """The line that tells the customer that another colleague will go on."""
    return f"{operator} had to step away. Another colleague will take over."


def handed_back(operator: str) -> str:
    """The factual marker after a human stretch; the bot reads it too."""
    return f"{operator} has handed the conversation back to the assistant."


def resolved(operator: str) -> str:
    """The line that closes a case."""
    return f"{operator} marked this as resolved. Write again any time."
