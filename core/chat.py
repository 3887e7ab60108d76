"""A session of the built-in chat, and who its customer is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """One customer's chat. `customer` stays the same over sessions where the customer's own site vouched for them.

    `email` is an address that the site vouches for, too, '' if it does not.
    """

    id: str
    customer: str
    name: str = ""
    verified: bool = False
    email: str = ""


def anonymous(session: str) -> Session:
    """Return the session of a customer who is known by nothing else."""
    return Session(session, f"web:{session}")
