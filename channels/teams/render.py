"""A message as Teams' activities: within Teams' limits, with sources, thumbs, suggestions and the operator's name.

The channel calls `activities` for what it sends, `final` and `ended` when it ends a stream, `edited` for updates, and
`last_resort_of` when Teams has refused one. `text` writes the words. An activity here is its JSON, but for where it
goes. Pure.

Numbers are those of learn.microsoft.com: 'Format your bot messages' (about 100 KB of UTF-16 for all of an activity, 80
KB recommended), 'Bot messages with AI-generated content' (citations), 'Conversations with a bot' (suggested actions:
personal chats only, imBack only, six), and the schema of Adaptive Cards.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Any, Literal

from channels.cutting import shortened
from channels.markdown import cleaned, is_safe
from channels.teams import text
from channels.teams.rich.elements import LONGEST_URL, size
from core import wording
from core.messages import Author, Citation, Message
from core.wording import Line

Activity = dict[str, Any]
"""An activity, or a part of one, as JSON."""

Scope = Literal["personal", "group", "channel"]
"""What kind of conversation it is."""

MOST_CHARACTERS = 40_000
"""Characters of a message that are shown; then comes '…'. An operator may write half of that (core.desk.MAX_TEXT)."""

MOST_TEXT = 26_000
"""The longest text of one activity, by `size`: 52 KB, and 28 KB are left for what stands around it."""

_MOST_ENTITY = 8_000  # UTF-16 units of the citations as JSON: 16 KB
_MOST_CITATIONS = 20
_LONGEST_NAME = 80
_LONGEST_ABSTRACT = 160
_LONGEST_TITLE = 150
_LONGEST_CARD = 4_000  # characters of a question within a card; a longer one stands above it
_MESSAGE: Activity = {"type": "https://schema.org/Message", "@type": "Message", "@context": "https://schema.org"}
_LABEL: Activity = {"additionalType": ["AIGeneratedContent"]}
_SCORES = range(1, 6)
_CARD = "application/vnd.microsoft.card.adaptive"


@dataclass(frozen=True, slots=True)
class Labels:
    """What stands on the button that calls a person, in the customer's language: pressed, it is what they say."""

    person: str = "Talk to a person"


ENGLISH = Labels()


def activities(
    message: Message, *, language: str, scope: Scope, labels: Labels = ENGLISH, offers: bool = True
) -> list[Activity]:
    """Return `message` as activities, in their order; none if there is nothing in it to read.

    The first begins with the operator's name in bold. Each activity of the assistant has the label 'AI generated', and
    each the citations that its own text has as '[1]'; other sources are listed below the words. The last one has the
    thumbs, and while `offers` what calls a person: a suggestion in a personal chat, elsewhere a sentence (it says to
    mention the app, which hears nothing else there), because suggestions are shown in personal chats only, and Teams
    makes two messages of a text with a card, without telling their ids. A survey is a card of its own, with its five
    scores as buttons: suggestions go with the next message.

    Of more than `MOST_CHARACTERS` the beginning is shown.
    """
    if message.withdrawn:
        return edited(message, language=language, scope=scope)
    if message.survey:
        return _survey_card(message)
    made = _worded(message, _foot(language, Line.MENTION_FOOT) if offers and scope != "personal" else "")
    if made and scope == "personal":
        made[-1] |= _suggestions(message, labels, offers=offers)
    return made


def final(activity: Activity, stream: str, *, language: str = "") -> Activity:
    """Return `activity`, the first of a message, as the one that ends the stream with the id `stream`.

    Its text has to begin with what `text.streamed` gave, or Teams refuses it. Suggestions are not shown after a stream
    until the chat is opened again (microsoft/teams-sdk, issue 2899; microsoft/Agents, issue 308): with `language`, a
    sentence says how to reach a person where a suggestion does.
    """
    info = {"type": "streaminfo", "streamId": stream, "streamType": "final"}
    foot = f"\n\n{_foot(language)}" if language and "suggestedActions" in activity else ""
    return activity | {"text": activity["text"] + foot, "entities": [info, *activity.get("entities", ())]}


def ended(shown: str, stream: str) -> Activity:
    """Return the activity that ends a stream which no message follows, with what it has `shown`, as Teams reads it."""
    return final(_activity(shown) | {"entities": [_MESSAGE | _LABEL]}, stream)


def edited(
    message: Message, *, language: str, scope: Scope, labels: Labels = ENGLISH, offers: bool = True
) -> list[Activity]:
    """Return the activities that a changed or withdrawn message becomes, for updates of those that were sent.

    There may be fewer than were sent, and the others are to be deleted; or more. Of a withdrawn message one is left,
    which says so. None has suggestions: Teams does not show those of an update (microsoft/teams.net, issue 283).
    """
    if message.withdrawn:
        operator = shortened(_one_line(message.name), _LONGEST_TITLE) or "…"
        return [_activity(text.literal(wording.text(Line.WITHDRAWN, language, operator=operator)))]
    made = activities(message, language=language, scope=scope, labels=labels, offers=offers)
    return [{key: value for key, value in one.items() if key != "suggestedActions"} for one in made]


def last_resort(message: Message) -> list[Activity]:
    """Return `message` as words only, which Teams can't refuse: the operator's name before, the sources behind."""
    words = "\n\n".join(filter(None, (_name(message), text.plain(_short_enough(message.text)))))
    return _in_words(words, message.citations)


def last_resort_of(activity: Activity, message: Message) -> list[Activity]:
    """Return one of the activities of `message` as words only; its suggestions are left out, and buttons of a card."""
    cited = {claim["position"] for part in activity.get("entities", ()) for claim in part.get("citation", ())}
    words = text.plain(activity.get("text", message.text))
    return _in_words(words, [source for source in message.citations if source.index in cited])


def _in_words(words: str, citations: Iterable[Citation]) -> list[Activity]:
    sources = "\n".join(_listed(source, plain=True) for source in citations)
    whole = "\n\n".join(filter(None, (words, sources)))
    return [{"type": "message", "textFormat": "plain", "text": piece} for piece in text.plain_pieces(whole, MOST_TEXT)]


def _activity(words: str) -> Activity:
    return {"type": "message", "textFormat": "markdown", "text": words}


def _worded(message: Message, foot: str) -> list[Activity]:
    """Return the words of `message`, with `foot` below those of the assistant, and what belongs to words anywhere."""
    bot = message.author is Author.BOT
    texts = _texts(message, foot if bot else "")
    made = [_activity(words) | _entities(message, words) for words in texts]
    if made and bot:
        made[-1]["channelData"] = {"feedbackLoop": {"type": "default"}}
    return made


def _texts(message: Message, foot: str) -> list[str]:
    """Return the texts of one activity after the other: the name before the first, sources and `foot` below the last.

    What stands around the words is at most a few thousand characters, which `MOST_TEXT` leaves to the last text.
    """
    words = _short_enough(message.text)
    if not words.strip():
        return []
    whole = text.shown(words)
    texts = [whole] if size(whole) <= MOST_TEXT else text.pieces(words, MOST_TEXT)
    if name := _name(message):
        texts[0] = f"**{text.literal(name)}**\n\n{texts[0]}"
    shown = {source.index for one in texts for source in _cited(message.citations, one)}
    below = [_listed(source) for source in message.citations if source.index not in shown]
    texts[-1] = "\n\n".join(filter(None, (texts[-1], _few(below), foot)))
    return texts


def _short_enough(words: str) -> str:
    """Return `words`, or their beginning and '…' as a paragraph of its own."""
    return words if len(words) <= MOST_CHARACTERS else f"{shortened(words, MOST_CHARACTERS)[:-1]}\n\n…"


def _one_line(words: str) -> str:
    return " ".join(cleaned(words).split())


def _name(message: Message) -> str:
    return shortened(_one_line(message.name), _LONGEST_TITLE) if message.author is Author.OPERATOR else ""


def _foot(language: str, line: Line = Line.MAIL_FOOT) -> str:
    return f"*{text.literal(wording.text(line, language))}*"


# Sources


def _entities(message: Message, words: str) -> Activity:
    """Return what schema.org says of a text: that the assistant wrote it, and the sources that it cites."""
    label = _LABEL if message.author is Author.BOT else {}
    claims = [_claim(source, abstract=abstract) for source, abstract in _cited_in_room(message.citations, words)]
    cited = {"citation": claims} if claims else {}
    return {"entities": [_MESSAGE | label | cited]} if label or cited else {}


def _cited(citations: Iterable[Citation], words: str) -> list[Citation]:
    """Return the sources that Teams shows where `words` have their number."""
    return [source for source, _ in _cited_in_room(citations, words)]


def _cited_in_room(citations: Iterable[Citation], words: str) -> list[tuple[Citation, bool]]:
    """Return the sources that `words` cite, each with whether there is room for its passage."""
    made: dict[int, tuple[Citation, bool]] = {}
    left = _MOST_ENTITY
    for source in citations:
        if source.index < 1 or source.index in made or f"[{source.index}]" not in words:
            continue
        sizes = {abstract: _units(_claim(source, abstract=abstract)) for abstract in (True, False)}
        fits = next((abstract for abstract, size in sizes.items() if size <= left), None)
        if fits is not None and len(made) < _MOST_CITATIONS:
            made[source.index] = (source, fits)
            left -= sizes[fits]
    return list(made.values())


def _units(part: Activity) -> int:
    """Return the UTF-16 units of `part` as JSON."""
    return len(dumps(part, ensure_ascii=False).encode("utf-16-le")) // 2


def _claim(source: Citation, *, abstract: bool) -> Activity:
    """Return a source as Teams shows it at its number; a name is required, an address must be one."""
    appearance = {"@type": "DigitalDocument", "name": shortened(_title(source), _LONGEST_NAME)}
    if url := _url(source):
        appearance["url"] = url
    passage = _one_line(text.plain(source.text)) if abstract else ""
    if passage:
        appearance["abstract"] = shortened(passage, _LONGEST_ABSTRACT)
    return {"@type": "Claim", "position": source.index, "appearance": appearance}


def _title(source: Citation) -> str:
    title, heading = _one_line(source.title) or _one_line(source.source), _one_line(source.heading)
    return " > ".join(filter(None, (title, "" if heading == title else heading))) or "…"


def _url(source: Citation) -> str:
    """Return the address of a source, if it may be a link; white space in one is none."""
    url = source.source
    web = re.fullmatch(r"https?://\S+", url, re.IGNORECASE) and cleaned(url) == url
    return url if web and len(url) <= LONGEST_URL and is_safe(url) else ""


def _listed(source: Citation, *, plain: bool = False) -> str:
    """Return a source as a line with its number, which here must not be '[1]'."""
    title, url = shortened(_title(source), _LONGEST_TITLE), _url(source)
    if plain:
        return f"{source.index}. {title}" + (f" ({url})" if url and url != title else "")
    return f"{source.index}\\. {text.link(title, url) if url else text.literal(title)}"


def _few(lines: Sequence[str]) -> str:
    """Return `lines`, a line each on the screen; those that are too many are left out."""
    kept: list[str] = []
    for line in lines:
        if sum(map(size, kept)) + size(line) > _MOST_ENTITY // 2:
            kept.append("…")
            break
        kept.append(line)
    return "  \n".join(kept)


# What can be pressed


def _suggestions(message: Message, labels: Labels, *, offers: bool) -> Activity:
    """Return the suggestions of a personal chat: pressed, they are what the customer says."""
    titles = [labels.person] if offers and message.author is Author.BOT else []
    actions = [{"type": "imBack", "title": title, "value": title} for title in titles]
    return {"suggestedActions": {"actions": actions}} if actions else {}


def _survey_card(message: Message) -> list[Activity]:
    """Return a survey as a card: the question, and five buttons that everybody in the conversation can press."""
    question = text.plain(_short_enough(message.text))
    if not question:
        return []
    above = _worded(message, "") if len(question) > _LONGEST_CARD else []
    # the words of a TextRun are literal; in a TextBlock they would be Markdown
    words = {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": question}]}
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "body": [] if above else [words],
        "actions": [
            {
                "type": "Action.Execute",
                "title": str(score),
                "verb": "survey",
                "tooltip": f"{score} / 5",
                "data": {"v": 1, "survey": message.survey, "score": score},
            }
            for score in _SCORES
        ],
    }
    return [
        *above,
        {
            "type": "message",
            "summary": shortened(_one_line(question), _LONGEST_TITLE),
            "attachments": [{"contentType": _CARD, "content": card}],
        },
    ]
