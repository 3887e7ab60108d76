"""What an agent run is given: the conversation so far, and the words it has to answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from core.actions import Action, ActionState, Call
from core.budget import Spent
from core.ids import ActionId, FileId
from core.memory import Fact, Recap
from core.messages import Author, Message
from core.phrases import is_greeting, is_thanks, is_vague
from core.thread import Thread


@dataclass(frozen=True, slots=True)
class Turn:
    """A thread and what has been said in it, notes left out: last, the customer's words that wait for an answer.

    `facts` are known about the customer; `hint` is what an operator wants of a draft; `texts` are
    what the customer's files say; `spent` is what language models took today, where that is limited;
    `action` is the change that the customer has said yes to.
    """

    thread: Thread
    messages: tuple[Message, ...]
    facts: tuple[Fact, ...] = ()
    hint: str = ""
    texts: Mapping[FileId, str] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    recap: Recap | None = None
    action: Action | None = None

    @property
    def history(self) -> tuple[Message, ...]:
        """The messages before those that wait for an answer."""
        return self.messages[: self._unanswered_from()]

    @property
    def waiting(self) -> tuple[Message, ...]:
        """The customer's messages that wait for an answer."""
        return self.messages[self._unanswered_from() :]

    @property
    def question(self) -> str:
        """What the customer wrote since anyone last spoke to them, one message a line; at first, below its subject."""
        words = [message.text for message in self.waiting if message.text]
        subject = self.thread.subject
        if words and self.waiting[0] is self.messages[0] and subject not in words[0] and not _says_nothing(subject):
            words.insert(0, subject)
        return "\n".join(words)

    @property
    def asked_last(self) -> str:
        """The customer's words since the bot or an operator last spoke, or else the last ones before that."""
        words: list[str] = []
        for message in reversed(self.messages):
            if message.author is Author.CUSTOMER and message.text:
                words.append(message.text)
            elif words and message.author in {Author.BOT, Author.OPERATOR}:
                break
        return "\n".join(reversed(words))

    def _unanswered_from(self) -> int:
        start = len(self.messages)
        while start and self.messages[start - 1].author is Author.CUSTOMER:
            start -= 1
        return start


def _says_nothing(subject: str) -> bool:
    """Whether it is a subject such as 'Question', 'Hello' or 'Thank you'."""
    return is_vague(subject) or is_greeting(subject) or is_thanks(subject)


class Voice(Protocol):
    """How a run is heard while it works. Both methods raise `Superseded` once the run no longer counts."""

    @property
    def is_heard(self) -> bool:
        """Whether anybody reads along while an answer grows."""
        ...

    async def check(self) -> None:
        """Asked before each tool starts."""
        ...

    async def say(self, text: str) -> bool:
        """Let the customer read `text`: all of the answer so far, in whole sentences. False if it can't be shown."""
        ...


class Silence:
    """The voice of a run that nobody hears: it always counts, and every tool may start."""

    is_heard = False

    async def check(self) -> None:
        """It counts."""

    async def say(self, text: str) -> bool:
        """Say nothing."""
        return False


class Ledger(Protocol):
    """Where a run writes down its calls of the owner's tools. `bot.worker` hands one to each run."""

    async def begin(self, action: ActionId) -> Action:
        """Write that the change is being made, before it is: once more than before, or with its end if it has one.

        Raises `Superseded` once the run no longer counts.
        """
        ...

    async def settle(self, action: ActionId, state: ActionState, result: str, took: int) -> None:
        """Write what came of the change; `took` is in milliseconds."""
        ...

    async def note(self, call: Call) -> None:
        """Write down a call that changed nothing."""
        ...
