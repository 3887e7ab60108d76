"""What is handed to the inbox: what a channel parsed, or what one of our own sweeps noticed."""

from dataclasses import dataclass

from core.events import CardDue, CaseOverdue, OperatorGone
from core.ids import CaseId
from core.messages import (
    DeskEvent,
    InboundBounce,
    InboundChange,
    InboundIgnored,
    InboundMessage,
    InboundRating,
)


@dataclass(frozen=True, slots=True)
class Noticed:
    """A sweep noticed something about a case. `event_id` is the same for every replica that notices it."""

    case: CaseId
    event_id: str
    event: CaseOverdue | OperatorGone | CardDue


Inbound = InboundMessage | InboundChange | InboundRating | InboundIgnored | InboundBounce | DeskEvent | Noticed
