"""The answerer without a language model: a chat client that quotes the knowledge base.

It takes the model's place under the same `Agent`, tools and fences: it calls
`search_knowledge_base`, reads the tool's result, and then quotes the best-supported sentences with
their number, or calls `ask_back`, `decline` or `hand_off`. It makes no sentence of its own up.
"""

import json
import math
import re
from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent_framework import (
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
)

from core import language, wording
from core.agent import sentences
from core.agent.tools import ASK_BACK, DECLINE, HAND_OFF, SEARCH
from core.ids import new_id
from core.phrases import is_greeting, is_only_unhelpful, is_thanks, is_vague
from core.wording import Line

_WHOLE = 130  # a passage of up to so many words is quoted whole
_TOGETHER = 170  # the most words of two passages quoted together
_OPENING = 60  # a passage of fewer words may be the introduction to what answers
_QUOTED = 110  # the most words quoted from a longer one
_WORD = re.compile(r"\w+")
_PARAGRAPH = re.compile(r"(?<=\n\n)")
_FOOTNOTE = re.compile(r"\[\d{1,3}\]")
_QUESTION = re.compile(r"[?？؟][\s\"'”’)*_]*$")
_ANSWER = re.compile(
    r"^[*_ \t]*(?:answer|fix|resolution|resolving the problem|solution|workaround)s?[:*_ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER_WORDS = 15  # fewer words after its sign are not taken for the answer
# At the end of a quote: the introduction to a list that does not follow any more, or a line between two parts.
_LOOSE_END = re.compile(r":[*_ \t]*$|^[-*_ \t]{3,}$")

_MOST_ALONE, _MOST_POINTING = 2, 3  # telling words of what may be a follow-up, and of one that points back
_SHORT = 2  # characters of words that tell nothing
_POINTING = """
    it its they them their theirs that this those these he she his her him there one ones such same other others
    else another both either neither
"""
_COMMON = """
    what when where which while does have been with about would could should from your will much many more also then
    than some make know tell need want please like into just only very well here were has had did how why who can the
    and for are was you not any all out get but our use
"""
"""Words that say nothing of what is asked for. Only in a short follow-up does it matter what stands here."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A passage under the number it is cited by."""

    number: int
    title: str
    text: str
    heading: str = ""
    position: int = 0


class ExtractiveClient(FunctionInvocationLayer[Any], ChatMiddlewareLayer[Any], BaseChatClient[Any]):
    """A chat client that needs no model. Deterministic: the same passages give the same answer."""

    OTEL_PROVIDER_NAME = "threadline.extractive"

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **kwargs: Any
    ) -> Awaitable[ChatResponse] | ResponseStream[ChatResponseUpdate, ChatResponse]:
        contents = reply(messages)
        if stream:
            return self._build_response_stream(_updates(contents))
        return _respond(contents)


async def _respond(contents: Sequence[Content]) -> ChatResponse:
    return ChatResponse(messages=[Message("assistant", list(contents))])


async def _updates(contents: Sequence[Content]) -> AsyncIterable[ChatResponseUpdate]:
    message = new_id("x")
    for content in contents:
        yield ChatResponseUpdate(contents=[content], role="assistant", message_id=message)
    yield ChatResponseUpdate(contents=[], role="assistant", message_id=message, finish_reason="stop")


def reply(messages: Sequence[Message]) -> list[Content]:
    """Return what the answerer says next to a conversation: one tool call, or the answer by paragraphs."""
    asked = max((i for i, message in enumerate(messages) if message.role == "user"), default=-1)
    question = messages[asked].text if asked >= 0 else ""
    queries = looked_for([message.text for message in messages[: asked + 1] if message.role == "user"])
    results = [content for m in messages[asked + 1 :] for content in m.contents if content.type == "function_result"]
    if results:
        found, tried = json.loads(str(results[-1].result)), min(len(results), len(queries))
        more = queries[tried:] if not found["carries_an_answer"] else []
        return [_call(SEARCH, query=more[0])] if more else _conclude(queries[tried - 1], found, messages[asked])
    if is_thanks(question):
        return [Content.from_text(_say(Line.THANKS, messages[asked]))]
    answered = any(message.role == "assistant" for message in messages[:asked])
    for says, line in _ASKS_BACK:
        if says(question) and (answered or line is not Line.SORRY_UNHELPFUL):
            return [_call(ASK_BACK, question=_say(line, messages[asked]))]
    return [_call(SEARCH, query=queries[0])]


def looked_for(said: Sequence[str]) -> list[str]:
    """Return what to search for when a customer has `said` these things, oldest first; the next if one finds nothing.

    A follow-up that names too little ('How does it work?', 'And for students?') is searched with what was asked
    before it. A short question may be one, or a new one ('How do I return an article?'): first it is searched alone.
    """
    *before, last = said or [""]
    earlier = next((text for text in reversed(before) if not (is_greeting(text) or is_thanks(text))), "")
    telling, points_back = _telling(last)
    if not earlier or telling > (_MOST_POINTING if points_back else _MOST_ALONE):
        return [last]
    joined = f"{last}\n{earlier}"
    return [joined] if points_back or telling < _MOST_ALONE else [last, joined]


def _telling(text: str) -> tuple[int, bool]:
    """Return how many words say what `text` is about, and whether one points back."""
    words = {word.casefold() for word in _WORD.findall(text)}
    pointing = set(_POINTING.split())
    return len({word for word in words if len(word) > _SHORT} - pointing - set(_COMMON.split())), bool(words & pointing)


_ASKS_BACK = (
    (is_greeting, Line.GREETING),
    (is_only_unhelpful, Line.SORRY_UNHELPFUL),
    (is_vague, Line.ASK_BACK),
)


def _say(line: Line, asked: Message, **values: str) -> str:
    """`line` in the conversation's language, or in the message's own."""
    return wording.text(line, _spoken(asked) or "en", **values)


def _spoken(asked: Message) -> str | None:
    """The conversation's language, which the message carries, or the message's own; None if unsure."""
    return asked.additional_properties.get("language") or language.detect(asked.text)


def _call(tool: str, **arguments: str) -> Content:
    return Content.from_function_call(new_id("call"), tool, arguments=json.dumps(arguments))


def _conclude(question: str, found: Mapping[str, Any], asked: Message) -> list[Content]:
    passages = [Numbered(p["number"], p["title"], p["text"], p["heading"], p["position"]) for p in found["passages"]]
    if found["carries_an_answer"]:
        text = "\n\n".join(filter(None, [_caution(found, asked), quote(question, passages)]))
        return [Content.from_text(piece) for piece in _PARAGRAPH.split(text) if piece]
    if not found["is_on_topic"] and not _foreign(found, asked) and _same_language(question, passages):
        return [_call(DECLINE, subject=question[:200])]
    return [_call(HAND_OFF, reason="No passage of the knowledge base carries an answer.")]


def _caution(found: Mapping[str, Any], asked: Message) -> str:
    """Return what the customer must know of the articles: their language is another, or only words were looked for."""
    said = []
    if written := _foreign(found, asked):
        said.append(_say(Line.OTHER_LANGUAGE, asked, articles=wording.language_name(written, _spoken(asked) or "en")))
    if found["searched_by_words_only"]:
        said.append(_say(Line.WORDS_ONLY, asked))
    return " ".join(said).replace("。 ", "。")


def _foreign(found: Mapping[str, Any], asked: Message) -> str:
    """Return the language of the best passage where it surely is not the customer's, else ''."""
    written = next((passage["language"] for passage in found["passages"]), "")
    return written if (_spoken(asked) or written) != written else ""


def quote(question: str, passages: Sequence[Numbered]) -> str:
    """Return the part of the best passage that speaks most of `question`, quoted, with its number.

    A short passage is quoted whole, so that steps stay together; of a longer one the run of
    neighbouring sentences whose words are the rarest ones shared with the question. The next passage
    is quoted too where it goes on from the first and both are short; in the order they have in the document.
    """
    rarity = _rarity(question, passages)
    first = _quote_one(passages[0], rarity)
    if len(passages) < 2 or not _goes_on(passages[0], passages[1], rarity):
        return first
    second = _quote_one(passages[1], rarity)
    if len(f"{first} {second}".split()) > _TOGETHER:
        return first
    in_order = passages[0].position <= passages[1].position
    return f"{first}\n\n{second}" if in_order else f"{second}\n\n{first}"


def _goes_on(first: Numbered, second: Numbered, rarity: Mapping[str, float]) -> bool:
    """Whether `second` adds to `first`, of the same document, and isn't a matter of its own.

    It does where the first is but a few words, or where it speaks of the question as much under the same heading.
    What stands under another heading may hold for another case: another region, another product.
    """
    if first.title != second.title:
        return False
    as_much = _spoken_of(second, rarity) >= _spoken_of(first, rarity)
    return len(first.text.split()) < _OPENING or (first.heading == second.heading and as_much)


def _spoken_of(passage: Numbered, rarity: Mapping[str, float]) -> float:
    """How much of the question stands in a passage: the rarity of the words they share."""
    return sum(rarity[word] for word in rarity.keys() & _words(passage.text))


def _quote_one(passage: Numbered, rarity: Mapping[str, float]) -> str:
    text = _from_its_answer(_FOOTNOTE.sub("", passage.text).strip())
    if len(text.split()) > _WHOLE:
        text = _window(text, rarity)
    text = _without_loose_end(text)
    joint = "\n\n" if text.endswith(("|", "```")) else " "  # a mark after a table's last bar would be a cell
    return f"{text}{joint}[{passage.number}]"


def _without_loose_end(text: str) -> str:
    """Return `text` without what only announces the next part, unless little else is there."""
    pieces = sentences.split(text)
    kept = len(pieces)
    while kept and _LOOSE_END.search(pieces[kept - 1].strip()):
        kept -= 1
    rest = "".join(pieces[:kept]).rstrip()
    return rest if len(rest.split()) >= _ANSWER_WORDS else text


def _from_its_answer(text: str) -> str:
    """Return `text` from where it begins to answer, when it repeats the question in front of that.

    The sign is a line 'Answer' or 'Solution', or the only question in the text, in its first half.
    """
    signs = [sign.end() for sign in _ANSWER.finditer(text)]
    pieces = sentences.split(text)
    asked = [at for at, piece in enumerate(pieces) if _QUESTION.search(piece)]
    if len(asked) == 1 and not signs:
        end = sum(map(len, pieces[: asked[0] + 1]))
        signs = [end] if len(text[:end].split()) <= len(text[end:].split()) else []
    rest = next((text[end:].strip() for end in signs if len(text[end:].split()) >= _ANSWER_WORDS), "")
    return f"… {rest}" if rest else text


def _same_language(question: str, passages: Sequence[Numbered]) -> bool:
    """Whether the question shares any word with what was found: in another language nothing can be judged off topic."""
    return any(_words(question) & _words(f"{passage.title} {passage.text}") for passage in passages)


def _rarity(question: str, passages: Sequence[Numbered]) -> dict[str, float]:
    """How telling each word of the question is among the passages found (inverse document frequency)."""
    seen = Counter(word for passage in passages for word in _words(f"{passage.title} {passage.text}"))
    return {word: math.log(1 + len(passages) / (1 + seen[word])) for word in _words(question)}


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.casefold()) if len(word) > 2}


def _window(text: str, rarity: Mapping[str, float]) -> str:
    pieces = sentences.split(text)
    best, best_score = (0, len(pieces)), -1.0
    for start in range(len(pieces)):
        end, words = start, 0
        while end < len(pieces) and (end == start or words + len(pieces[end].split()) <= _QUOTED):
            words += len(pieces[end].split())
            end += 1
        score = sum(rarity.get(word, 0.0) for word in _words("".join(pieces[start:end])))
        if score > best_score:
            best, best_score = (start, end), score
    before = "… " if best[0] else ""
    after = " …" if best[1] < len(pieces) else ""
    return f"{before}{''.join(pieces[best[0] : best[1]]).strip()}{after}"
