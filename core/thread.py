"""The state of one customer conversation, as far as deciding needs it.

Loaded and stored by `core.store.threads`, changed only by `core.decide`. The epoch grows by one at
each change of owner; whatever was computed under an older epoch no longer counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from core.actions import Pending
from core.ids import CaseId, OperatorId, RunId, ThreadId, ThreadKey


class OwnerKind(StrEnum):
    """Who may speak to the customer."""

    BOT = "bot"
    DESK = "desk"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Owner:
    """The one who may speak to the customer, written 'bot', 'desk' or 'operator:ID'."""

    kind: OwnerKind
    operator: OperatorId | None = None

    def __str__(self) -> str:
        return self.kind.value if self.operator is None else f"{self.kind.value}:{self.operator}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str(owner)` wrote."""
        kind, _, operator = text.partition(":")
        return cls(OwnerKind(kind), OperatorId(operator) if operator else None)

    def held_by(self, operator: OperatorId) -> bool:
        """Whether this very operator owns the thread."""
        return self.operator == operator


BOT = Owner(OwnerKind.BOT)
DESK = Owner(OwnerKind.DESK)


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """The one agent run that counts: it reads messages up to `seen_up_to`; `speaking` once its stream is open."""

    id: RunId
    seen_up_to: int
    speaking: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """The thread's last case, when a person resolved it: who that was, and when."""

    case: CaseId
    operator: OperatorId
    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Thread:
    """One customer conversation.

    `last_seq` numbers the last message, `asked_up_to` the customer's last one, and `turn_over_up_to`
    the last customer message that has had its answer or its reason for none; `answered_up_to` the last that
    the bot, a person or a handover answered: what lies behind it waits for words. `apologised_up_to` is the last
    of those about which the customer was told that it takes longer. `case` is the open case,
    `surveyed` the last one whose survey was sent. `language` is what the customer writes in ('' unknown);
    `verified` says that somebody vouched for who wrote all of the customer's messages, and that it was always
    `customer`, `trust` what is known of the last one's sender; `email` is an address of theirs then, that somebody
    vouches for, if one is known; `alone`: nobody else reads what they are answered. `subject` is the conversation's
    title, `route` what the channel needs to answer, `pending` the change that the customer was asked about.
    """

    id: ThreadId
    key: ThreadKey
    customer: str
    customer_name: str = ""
    verified: bool = False
    email: str = ""
    alone: bool = True
    language: str = ""
    owner: Owner = BOT
    epoch: int = 0
    last_seq: int = 0
    asked_up_to: int = 0
    turn_over_up_to: int = 0
    answered_up_to: int = 0
    apologised_up_to: int = 0
    run: ActiveRun | None = None
    case: CaseId | None = None
    resolved: Resolved | None = None
    surveyed: CaseId | None = None
    subject: str = ""
    trust: str = ""
    route: Mapping[str, object] = field(default_factory=dict)
    pending: Pending | None = None

    @property
    def identities(self) -> tuple[str, ...]:
        """Who the customer is: on their channel and, last, on every channel, which is what mail calls them."""
        return tuple(dict.fromkeys((self.customer, *([f"email:{self.email}"] if self.email else []))))

    @property
    def is_theirs(self) -> bool:
        """Whether what is remembered of the customer may be used here.

        Somebody vouches for them, or they are known by this conversation alone.
        """
        return self.verified or self.customer == f"{self.key.channel}:{self.key.conversation}"
