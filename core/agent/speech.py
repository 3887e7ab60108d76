"""What a model says, as it grows: heard piece by piece, judged by the sentence, let go once a source stands in it.

`Run` hears with it. Nothing is let go before a search has carried an answer; nothing is unsaid: what must not be said
ends the run before it is, as a `HandOff`.
"""

import re

from agent_framework import AgentResponseUpdate

from core import language
from core.agent import sentences
from core.agent.notebook import Notebook
from core.agent.screen import Room
from core.events import HandoffReason
from core.messages import Citation
from core.phrases import promises_person
from core.turn import Turn, Voice
from core.wording import LANGUAGES, language_name

MOST_ANSWER = 40_000  # characters; more than any platform shows of one message
_AT_ONCE = 50
"""A long text is judged anew when it has grown by so many parts of itself: what it costs grows as it does."""
_MARKS = re.compile(r"\s*\[[\d,\s]*\]")
_STEM = 5  # letters of a language's name
_TELLING = 20  # characters by which a language is told: of 2,817 sentences of help centres none was taken for another


class HandOff(Exception):  # noqa: N818 (ends the answering, from wherever it is noticed)
    """People take over; the text says why, for them."""

    def __init__(self, reason: HandoffReason, detail: str = "") -> None:
        super().__init__(detail or reason.sentence)
        self.reason = reason


class OtherLanguage(Exception):  # noqa: N818 (what was said, and to be said anew)
    """The answer is in another language than the customer's. Nobody has read any of it."""

    def __init__(self, theirs: str, spoken: str) -> None:
        self.theirs, self.spoken = language_name(theirs, "en"), language_name(spoken, "en")
        super().__init__(f"It answered in {self.spoken}, and the customer writes {self.theirs}.")


class Speech:
    """The words of one run. `spoken` is what the customer has read of them, with its `sources`."""

    def __init__(self, room: Room, voice: Voice, notebook: Notebook, turn: Turn, *, of_model: bool) -> None:
        """`of_model`: a model's words wait for their first source; a quotation has one, whenever its number comes."""
        self._room = room
        self._voice = voice
        self._notebook = notebook
        self._turn = turn
        self._of_model = of_model
        self.lead = ""
        self.spoken = ""
        self.sources: tuple[Citation, ...] = ()
        self.start()

    def start(self) -> None:
        """Forget what was heard: it is said anew."""
        self.finished: str | None = None
        self._text = ""
        self._judged = 0  # characters of whole sentences that were looked at
        self._passed = 0  # characters that they became

    def hear(self, update: AgentResponseUpdate) -> None:
        """Take in a piece of the model's answer; only its last message counts. Raises `HandOff`."""
        for content in update.contents:
            if content.type in {"function_call", "function_result"}:
                self.start()
            elif content.type == "text" and content.merge_mode != "replace":
                self._text += content.text or ""  # the Responses API repeats a finished text whole, as 'replace'
        self.finished = update.finish_reason or self.finished
        if len(self._text) > MOST_ANSWER:
            raise HandOff(HandoffReason.MODEL_FAILED, f"The answer grew beyond {MOST_ANSWER:,} characters.")

    async def speak(self) -> None:
        """Let go what is finished, guarded: no words before a search carried an answer, none after an ending.

        Raises `HandOff`, `OtherLanguage`, `HeldBackError`, `Superseded`.
        """
        if not self._notebook.grounded or self._notebook.ending:
            return
        whole = sentences.finished(self._text)
        grown = len(whole) - self._judged
        if not grown or grown < len(whole) // _AT_ONCE or not self._room.may_go(whole):
            return
        ready, citations = self._room.passed(whole, self._judged)
        if promises_person(ready[self._passed :]):
            raise HandOff(HandoffReason.PROMISED_PERSON)
        self._judged, self._passed = len(whole), len(ready)
        sourced = bool(citations) or not self._of_model
        if sourced and (self.spoken or self._tells_its_language(whole)):
            await self._say(f"{self.lead}{ready}", citations)

    def ends(self) -> None:
        """Look at what was said in one breath, and not let go before its end. Raises `OtherLanguage`."""
        if not (self.spoken or self._notebook.ending):
            self._tells_its_language(self._text)

    def _tells_its_language(self, text: str) -> bool:
        """Whether `text` is long enough to tell, and in no other language than the customer's. Raises `OtherLanguage`.

        A customer who names another language may have asked for it.
        """
        if not self._of_model:
            return True
        telling = _MARKS.sub("", text)
        if len(telling) < _TELLING:
            return False
        theirs, spoken, asked = self._turn.thread.language, language.detect(telling), self._turn.question
        if theirs and spoken and spoken != theirs and language.detect(asked) == theirs and not _names(asked, spoken):
            raise OtherLanguage(theirs, spoken)
        return True

    async def _say(self, text: str, citations: tuple[Citation, ...]) -> None:
        """Have the customer read it, if anybody reads along."""
        if not self._voice.is_heard:
            await self._voice.check()
            return
        if len(text) <= len(self.spoken):
            return
        before, self.spoken, self.sources = (self.spoken, self.sources), text, citations  # while it is on its way, too
        if not await self._voice.say(text.rstrip()):
            self.spoken, self.sources = before

    def whole(self) -> tuple[str, tuple[Citation, ...]]:
        """Return all that was said, as the customer may read it, and its sources. Raises `HeldBackError`."""
        text, citations = self._room.passed(self._text.strip())
        return text.strip(), citations


def _names(text: str, spoken: str) -> bool:
    """Whether `text` names a language, however it is inflected: 'auf Englisch', 'en inglés'."""
    return any(language_name(spoken, one).casefold()[:_STEM] in text.casefold() for one in LANGUAGES)
