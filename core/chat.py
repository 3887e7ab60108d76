"""A session of the built-in chat, and who its customer is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """One customer's chat. `customer` stays the same over sessions where the customer's own site vouched for them."""

    id: str
    customer: str
    name: str = ""
    verified: bool = False


def anonymous(session: str) -> Session:
    """Return the session of a customer who is known by nothing else."""
    return Session(session, f"web:{session}")
