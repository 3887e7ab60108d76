"""What operators do with lines at a desk in a chat program, as the inbox takes it, and how they hear what came of it.

Called by the desks' `actions`, which know who wrote where, read the platform's words, and whisper in its way.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from channels.desk.answers import NO_CASE, lane, no_change, private_word
from channels.later import Later
from core.desk import Operator
from core.errors import ThreadlineError
from core.ids import CaseId, FileId, MessageId
from core.messages import DeskAction, DeskEvent, Message
from core.store.files import Files
from core.store.inbox import Clock, Inbox
from core.store.receipts import Receipt
from core.store.store import Store

TOLD = 10.0
"""Seconds that an action may take before its answer."""
Say = Callable[[str], Awaitable[None]]
"""Says a sentence to the one who did something."""


class RemoteFile(Protocol):
    """A file as its platform names it; `origin` is what it takes to fetch it, `size` in bytes, 0 if it is not known."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def type(self) -> str:
        """Its media type."""
        ...

    @property
    def size(self) -> int:
        """Its size."""
        ...

    @property
    def origin(self) -> dict[str, object]:
        """Where it is."""
        ...


class NoChange(ThreadlineError):  # noqa: N818 (an answer)
    """The change of a line does not reach the customer; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Doings:
    """What is done at the desk named `desk`."""

    desk: str
    store: Store
    files: Files
    inbox: Inbox
    clock: Clock

    async def line(
        self,
        case: CaseId,
        event: str,
        operator: Operator,
        text: str,
        files: Sequence[RemoteFile],
        raw: Mapping[str, Any],
    ) -> DeskEvent:
        """Return the writing of a line in a case's thread; its files are fetched when they go out."""
        known = await self.store.receipts.message_of(lane(case), event)
        expected = () if known else await self._expect(files)
        return DeskEvent(
            case,
            event,
            operator.id,
            operator.name,
            DeskAction.WRITE,
            text,
            files=expected,
            desk=self.desk,
            raw=dict(raw),
        )

    async def _expect(self, files: Sequence[RemoteFile]) -> tuple[FileId, ...]:
        now = self.clock()
        return tuple([(await self.files.expect(f.name, f.type, f.size, f.origin, now)).id for f in files])

    async def change(
        self,
        case: CaseId,
        message: MessageId,
        event: str,
        operator: Operator,
        text: str | None,
        raw: Mapping[str, Any],
    ) -> DeskEvent:
        """Return the change of a line to `text`, its deletion if that is None. Raises `NoChange`."""
        if no := no_change(await self.said(case, message), text, operator.id):
            raise NoChange(no)
        return DeskEvent(
            case,
            event,
            operator.id,
            operator.name,
            DeskAction.WITHDRAW if text is None else DeskAction.EDIT,
            text or "",
            message=message,
            desk=self.desk,
            raw=dict(raw),
        )

    async def said(self, case: CaseId, message: MessageId) -> Message | None:
        """Return a message of a case's transcript. Raises LookupError if there is no such case."""
        said = await self.store.cases.messages(await self.store.cases.get(case))
        return next((one for one in said if one.id == message), None)

    async def enter(self, event: DeskEvent, say: Say, later: Later) -> None:
        """Hand it to the inbox; once this returns it is stored, and `later` its writer is told what there is to say."""
        try:
            receipt = await self.inbox.accept(event)
        except LookupError:
            later.begin(_say(say, NO_CASE))
            return
        later.begin(tell(self.inbox.told(event, receipt, TOLD), say))


async def tell(told: Awaitable[Receipt], say: Say) -> None:
    """Say what one operator is told of an action of theirs, if there is anything, once it is decided."""
    if word := private_word(await told):
        await say(word)


async def _say(say: Say, word: str) -> None:
    await say(word)
