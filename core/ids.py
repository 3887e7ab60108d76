"""Names for the things a support desk talks about, so that one is never passed for another.

Every package uses these. Ids that we make are random and opaque; ids that come from a platform
live inside a `ThreadKey`, which only the channel that made it can read.
"""

import secrets
from dataclasses import dataclass
from typing import NewType

ThreadId = NewType("ThreadId", str)
MessageId = NewType("MessageId", str)
ReceiptId = NewType("ReceiptId", str)
RunId = NewType("RunId", str)
DeliveryId = NewType("DeliveryId", str)
CaseId = NewType("CaseId", str)
OperatorId = NewType("OperatorId", str)
FileId = NewType("FileId", str)
FactId = NewType("FactId", str)
ActionId = NewType("ActionId", str)
ArticleId = NewType("ArticleId", str)


@dataclass(frozen=True, slots=True)
class ThreadKey:
    """One customer conversation as its channel names it; opaque outside that channel.

    `channel` is the kind ('web', 'slack', ...), `account` the workspace, tenant or mailbox, and
    `conversation` whatever the channel needs to find the conversation again.
    """

    channel: str
    account: str
    conversation: str


def new_id(prefix: str) -> str:
    """Return a fresh opaque id such as 'm_9f8c1b2a77d04e51': 64 random bits behind a letter that tells its kind."""
    return f"{prefix}_{secrets.token_hex(8)}"
