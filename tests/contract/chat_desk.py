"""The program whose desk is a channel of a chat platform, for the desk contract: what the kits share."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from channels.recording import WITHIN, RecordingChannel, until
from channels.testing import OperatorHand
from core.ids import CaseId, OperatorId, ThreadKey
from core.store.receipts import REFUSED
from tests.contract.programs import Program

Hand = TypeVar("Hand", bound=OperatorHand)
"""An operator, as the platform's people work."""

_STATES = {"Unclaimed": "unclaimed", "Held by": "held", "Resolved by": "resolved", "Handed back": "resolved"}
"""How a case is, by how the line begins that says so on its card."""


class ChatDeskKit(ABC, Generic[Hand]):
    """The program with such a desk; its customers write on a channel that records."""

    def __init__(self, program: Program, channel: RecordingChannel) -> None:
        self.program = program
        self.channel = channel
        self.inbox = program.inbox
        self.store = program.store
        self.files = program.files
        self.hands: dict[str, Hand] = {}

    @abstractmethod
    async def joins(self, name: str) -> Hand:
        """Let somebody new become an operator by what they do first."""

    async def operator(self, name: str) -> Hand:
        if name not in self.hands:
            self.hands[name] = await self.joins(name)
        known = {operator.id: operator for operator in await self.store.credentials.operators()}
        if not known[self.hands[name].id].active:
            await self.store.credentials.add_operator(name, self.program.clock())
        return self.hands[name]

    async def operator_id(self, account: str, name: str) -> OperatorId:
        """Return the operator that the owner of an account has become, under their own name."""
        operator = await self.store.credentials.operator_of(account)
        assert operator
        assert operator.name == name
        return operator.id

    async def remove(self, operator: OperatorHand) -> None:
        await self.store.credentials.revoke_operator(operator.name, self.program.clock())

    async def later(self, seconds: float) -> None:
        await self.program.later(seconds)

    async def has_word(self, case: CaseId, event: str) -> bool:
        """Say whether somebody is told something of what they did, once it is decided."""
        key = ThreadKey("desk", case, "")

        async def settled() -> tuple[str, str] | None:
            found = await self.store.receipts.result_of(key, event)
            return found if found and found[0] != "waiting" else None

        state, result = await until(settled, WITHIN)
        return bool(result) or state == REFUSED


def state_of(shown: str) -> str:
    """Return how a case is, by what its card says of it."""
    return next(state for words, state in _STATES.items() if words in shown)
