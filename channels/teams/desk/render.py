"""What operators read in Teams: the card of a case, what is said, what became of a line, lists, reminders. Pure.

Words of customers, models and colleagues stand where Teams shows them letter by letter: in a card in TextRuns, which
know no Markdown, and in messages as HTML that is escaped. Limits: learn.microsoft.com, 'Format your bot messages'.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import quote

from channels.teams.desk.parse import FIELDS, REFRESH, SUGGESTION, VERSION
from channels.teams.desk.shared import (
    LISTS,
    OVERDUE,
    TROUBLE,
    Command,
    channel,
    customer,
    cut,
    how,
    one_line,
    sentence,
    shortened,
    state,
    title,
    worst,
    writer,
)
from channels.teams.names import channel_of, root_of
from core.case import Case, Overdue
from core.delivery import Delivery, DeliveryState
from core.desk import RESENDABLE, allowed
from core.figures import duration
from core.ids import CaseId, MessageId, OperatorId
from core.messages import Author, Citation, DeskAction, Message, Resolution
from core.policy import Policy

JSON = dict[str, Any]
Names = Mapping[OperatorId, str]
Lines = Sequence[tuple[Message, Sequence[Delivery]]]

MOST_CARD = 28 * 1024  # bytes of a card, in UTF-16
_MOST_TEXT = 60_000  # bytes of a message of words: Teams takes 100 kB, and 40 kB where it is older
_PIECE = 5_000  # characters
_LONGEST = 4_000  # of one message in the transcript
_QUOTED = 150
_MOST_SOURCES = 8
_MOST_STEPS = 10
_MOST_LINES = 5
_MOST_COLLEAGUES = 60
_MOST_IN_ANSWER = 15
_MOST_CALLED = 20
_ADAPTIVE = "application/vnd.microsoft.card.adaptive"
_MARKS = str.maketrans("", "", "*_~`[]{}<>\\|#")

_LONGER = "This message is longer; the web desk has all of it."
_TOO_LONG = "This suggestion is too long for a card in Teams. Send it from the web desk."


@dataclass(frozen=True, slots=True)
class View:
    """What the card of a case shows beside the case: who holds it, for whom it is drawn, and the latest replies.

    `viewer`: whoever looks at it (None: everybody, who sees what the holder may do). `colleagues` can be given it.
    """

    holder: str = ""
    viewer: OperatorId | None = None
    overdue: Overdue | None = None
    colleagues: Names = field(default_factory=dict)
    lines: Lines = ()


# Activities


def size(activity: object) -> int:
    """Return how large Teams finds it: its JSON in UTF-16, in bytes."""
    return len(json.dumps(activity, ensure_ascii=False, separators=(",", ":")).encode("utf-16-le", "surrogatepass"))


def carrying(card: JSON, summary: str) -> JSON:
    """Return the activity that shows a card; `summary` stands for it in notifications."""
    attachment = {"contentType": _ADAPTIVE, "content": card}
    return {"type": "message", "summary": one_line(summary, 300), "attachments": [attachment]}


def look(card: JSON) -> str:
    """Return a short name of what a card shows: the same for two that look the same."""
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:12]


def said(markup: str) -> JSON:
    """Return the activity that says something in Teams' HTML."""
    return {"type": "message", "textFormat": "xml", "text": markup}


def verbatim(text: str) -> str:
    """Return words as HTML that shows them letter by letter, line by line."""
    return "<br>".join(escape(line, quote=False).replace("  ", "\u00a0 ") for line in text.split("\n"))


def to_person(user: str, name: str, text: str) -> JSON:
    """Return a sentence that names the one it is for, in a place where all can read it."""
    called = one_line(name.translate(_MARKS), 80) or "You"
    marked = f"<at>{called}</at>"
    mention = {"type": "mention", "text": marked, "mentioned": {"id": user, "name": called}}
    return {**said(f"{marked} {verbatim(shortened(text, 2_000))}"), "entities": [mention]}


# Pieces of a card


def _run(text: str, **style: Any) -> JSON:
    return {"type": "TextRun", "text": text or " ", **style}


def _rich(*runs: JSON, **more: Any) -> JSON:
    return {"type": "RichTextBlock", "inlines": list(runs), **more}


def _ours(text: str, **style: Any) -> JSON:
    """Return a block of words of our own."""
    return {"type": "TextBlock", "text": text, "wrap": True, **style}


def _subtle(text: str, **more: Any) -> JSON:
    return _rich(_run(text, isSubtle=True, size="Small"), **more)


def _literal(text: str, most: int) -> list[JSON]:
    """Return words that keep their lines: in a TextRun some clients would run them together."""
    lines = shortened(text, most).split("\n")
    return [_rich(_run(line), spacing="None" if n else "Default") for n, line in enumerate(lines[:60])]


def _data(case: CaseId, word: str, message: MessageId | None = None) -> JSON:
    about = {"message": message} if message else {}
    return {"v": VERSION, "case": case, "action": word, **about}


def _button(label: str, case: CaseId, word: str, message: MessageId | None = None, *, style: str = "") -> JSON:
    more = {"style": style} if style else {}
    return {
        "type": "Action.Execute",
        "title": label,
        "verb": word,
        "data": _data(case, word, message),
        **more,
    }


def _form(label: str, *body: JSON, submit: JSON) -> JSON:
    """Return a button that unfolds something to fill in."""
    card = {"type": "AdaptiveCard", "version": "1.5", "body": list(body), "actions": [submit]}
    return {"type": "Action.ShowCard", "title": label, "card": card}


def _field(action: DeskAction, label: str, value: str = "") -> JSON:
    given = {"value": value} if value else {}
    return {"type": "Input.Text", "id": FIELDS[action], "label": label, "isMultiline": True, **given}


def _choice(action: DeskAction, label: str, choices: Iterable[tuple[str, str]], value: str = "") -> JSON:
    options = [{"title": one_line(name, 80) or " ", "value": id_} for id_, name in choices]
    given = {"value": value} if value else {}
    return {"type": "Input.ChoiceSet", "id": FIELDS[action], "label": label, "choices": options, **given}


def _card(body: Iterable[JSON], actions: Sequence[JSON] = (), **more: Any) -> JSON:
    return {
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "body": list(body),
        **({"actions": list(actions)} if actions else {}),
        **more,
    }


def _moment(seconds: float) -> str:
    """Return words that Teams shows as a time in each reader's own zone (adaptivecards.io, text features)."""
    at = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{{{{DATE({at},SHORT)}}}} {{{{TIME({at})}}}}"


def _plain(text: str, most: int) -> str:
    """Return a name for where Teams reads Markdown: the signs that would mark it up are left out."""
    return one_line(text.translate(_MARKS), most) or "-"


# The card


def card(case: Case, view: View) -> JSON:
    """Return the case at a glance, with what can be done; as much of it as fits."""
    return _fitting(lambda percent: _drawn(case, view, percent / 100), (100, 50, 25, 10))


def _fitting(draw: Callable[[int], JSON], limits: Sequence[int] = (5_000, 2_000, 500)) -> JSON:
    """Return the card that is drawn with the first of the limits that keeps it small enough, or with the last."""
    for limit in limits:
        drawn = draw(limit)
        if size(drawn) <= MOST_CARD:
            break
    return drawn


def summary(case: Case, view: View) -> str:
    """Return the words that stand for the card in notifications."""
    return f"{title(case)}: {one_line(case.summary, 150) or case.reason.sentence} ({state(case, view.holder)})"


def _drawn(case: Case, view: View, scale: float) -> JSON:
    body = [
        _rich(_run(title(case), size="Large", weight="Bolder"), id="title"),
        {"type": "FactSet", "facts": [{"title": label, "value": value} for label, value in _facts(case, view)]},
        *_why(case, scale),
        *_found(case, scale),
        *_latest(view.lines),
        _subtle(how(case, view.holder), id="how", separator=True),
    ]
    refresh = {"action": {"type": "Action.Execute", "verb": REFRESH, "data": _data(case.id, REFRESH)}}
    return _card(body, _actions(case, view, int(_MOST_COLLEAGUES * scale)), refresh=refresh)


def _facts(case: Case, view: View) -> Iterator[tuple[str, str]]:
    yield "State", _plain(state(case, view.holder), 200)
    yield "Came by", _plain(channel(case), 60)
    if case.is_open and case.waiting_since:
        yield "Waits since", _moment(case.waiting_since)
    if view.overdue:
        yield "Overdue", OVERDUE[view.overdue]
    if case.times_reopened:
        yield "Opened again", "Once" if case.times_reopened == 1 else f"{case.times_reopened} times"
    if case.survey:
        yield "Survey", f"{case.survey.score} of 5"


def _why(case: Case, scale: float) -> Iterator[JSON]:
    told = (("Why", case.why, 600), ("About", case.summary, 1_500), ("Sender", case.thread.trust, 600))
    for label, text, most in told:
        if text:
            yield _rich(_run(f"{label}  ", weight="Bolder"), _run(one_line(text, int(most * scale))))


def _found(case: Case, scale: float) -> Iterator[JSON]:
    sources = case.sources[: int(_MOST_SOURCES * scale) + 1]
    steps = [f"{step.step}: {step.detail}" for step in case.result.trace[: int(_MOST_STEPS * scale) + 1]]
    for label, items in (("What the assistant found", sources), ("Why it was handed over", steps)):
        if items:
            yield _rich(_run(label, weight="Bolder"))
            yield from (_rich(_run(f"\u2022 {one_line(item, 200)}"), spacing="None") for item in items)


def _latest(lines: Lines) -> Iterator[JSON]:
    """Return what became of the latest replies: Teams lets no app react to a line, and a word below each is noise."""
    if lines:
        yield _rich(_run("To the customer", weight="Bolder"))
    for message, fates in lines[-_MOST_LINES:]:
        colour = {"color": "Attention"} if worst(fates) in TROUBLE else {}
        names = {file.id: file.name for file in message.files}
        files = [f"{one_line(names.get(f.file, 'file'), 80)} {f.state.value}" for f in fates if f.file]
        became = ", ".join([_became(fates), *files])
        shown = one_line(message.text, _QUOTED) or "Files"
        yield _rich(_run(shown), _run(f"  {became}", isSubtle=True, **colour), spacing="None", id=f"line-{message.id}")


def _became(fates: Sequence[Delivery]) -> str:
    words = [fate for fate in fates if not fate.file]
    return worst(words or fates).value


def _actions(case: Case, view: View, most_colleagues: int) -> list[JSON]:
    """Return the buttons, at most six: Teams shows no more."""
    owner = case.thread.owner
    may = allowed(owner, is_open=case.is_open, operator=view.viewer or owner.operator or OperatorId(""))
    simple = {
        DeskAction.CLAIM: _button("Claim", case.id, "claim", style="positive"),
        DeskAction.REOPEN: _button("Reopen", case.id, "reopen", style="positive"),
        DeskAction.DRAFT: _suggest(case),
        DeskAction.ASSIGN: _assign(case.id, view.colleagues, most_colleagues),
        DeskAction.RESOLVE: _resolve(case.id),
        DeskAction.NOTE: _note(case.id),
        DeskAction.RELEASE: _button("Release", case.id, "release"),
        DeskAction.HAND_BACK: _button("Hand back to the assistant", case.id, "hand_back"),
    }
    return [button for action, button in simple.items() if action in may and button]


def _suggest(case: Case) -> JSON | None:
    if case.suggestion and case.suggestion.text:
        return _button("Suggested reply", case.id, SUGGESTION)
    return None if case.drafting else _button("Suggest a reply", case.id, "draft")


def _assign(case: CaseId, colleagues: Names, most: int) -> JSON | None:
    chosen = sorted(colleagues.items(), key=lambda one: one[1].casefold())[: max(most, 1)]
    if not chosen:
        return None
    choice = _choice(DeskAction.ASSIGN, "Who goes on with it", chosen)
    return _form("Assign", choice, submit=_button("Assign it", case, "assign"))


def _resolve(case: CaseId) -> JSON:
    outcomes = [(outcome.value, outcome.words) for outcome in Resolution]
    choice = _choice(DeskAction.RESOLVE, "How it ended", outcomes, Resolution.SOLVED.value)
    return _form("Resolve", choice, submit=_button("Resolve it", case, "resolve", style="positive"))


def _note(case: CaseId) -> JSON:
    words = _field(DeskAction.NOTE, "For colleagues only; the customer does not see it")
    return _form("Note", words, submit=_button("Save the note", case, "note"))


def moved(case: Case, url: str) -> JSON:
    """Return what stands in the place of a card that is the case's no more."""
    goes_on = _rich(_run(f"{title(case)}: this case goes on at another card.", isSubtle=True), id="moved")
    return _card([goes_on], [{"type": "Action.OpenUrl", "title": "Open it", "url": url}] if url else [])


# The suggested reply


def suggestion(case: Case, refused: str) -> JSON:
    """Return the suggested reply for one reader, to be sent as it is or edited; `refused`: why they can't send it."""
    text = case.suggestion.text if case.suggestion else ""
    if not refused:
        drawn = _suggested(case, text, "")
        if size(drawn) <= MOST_CARD:
            return drawn
    return _fitting(lambda most: _suggested(case, shortened(text, most), refused or _TOO_LONG))


def _suggested(case: Case, text: str, refused: str) -> JSON:
    heading = _rich(_run(f"Suggested reply, {title(case)}", weight="Bolder"), id="suggestion")
    cited = _cited(case.suggestion.citations if case.suggestion else ())
    hint = _field(DeskAction.DRAFT, "What should it say, or do differently?")
    another = _form("Suggest another", hint, submit=_button("Suggest it", case.id, "draft"))
    back = _button("Back", case.id, REFRESH)
    if refused:
        return _card([heading, *_literal(text, len(text) + 1), *cited, _subtle(refused)], [another, back])
    words = _field(DeskAction.REPLY, f"It goes to {one_line(customer(case), 60)} under your name.", text)
    return _card([heading, words, *cited], [_button("Send", case.id, "reply", style="positive"), another, back])


def _cited(citations: Sequence[Citation]) -> list[JSON]:
    if not citations:
        return []
    heading = _rich(_run("Sources", weight="Bolder"))
    shown = [_rich(_run(f"[{c.index}] {one_line(c.title, 150)}"), spacing="None", id=f"source-{c.index}")
             for c in citations[:10]]  # fmt: skip
    return [heading, *shown]


# What is said


def transcript(messages: Sequence[Message], *, about: str = "") -> list[JSON]:
    """Return what was said so far, in as few messages as Teams allows. `about` names the case, in a chat."""
    head = [f"<p><strong>{verbatim(about)}</strong></p>"] if about else []
    return _packed([*head, *(_spoken(message, longest=_LONGEST, timed=True) for message in messages)])


def line(case: Case, message: Message, *, about: str = "") -> list[JSON]:
    """Return a message for the case's thread; the first activity is brought in line when the message changes.

    An operator's own, written in a form or elsewhere, comes as a card: nobody can edit in Teams what the app posted.
    """
    if message.author is Author.OPERATOR and not message.withdrawn:
        return [_own(case, message, about)]
    whole = _spoken(message, about=about)
    if size(said(whole)) <= _MOST_TEXT:
        return [said(whole)]
    pieces = cut(message.text, _PIECE)
    first = _spoken(message, pieces[0], about=about)
    return [said(first), *(said(f"<p>{verbatim(piece)}</p>") for piece in pieces[1:])]


def _spoken(message: Message, text: str = "", *, longest: int = 0, timed: bool = False, about: str = "") -> str:
    """Return a message as HTML: who wrote it in bold, which nothing that is escaped can imitate."""
    text = text or message.text
    shown = shortened(text, longest) if longest else text
    marks = _remarks(message)
    if longest and len(text) > longest:
        marks.append(_LONGER)
    when = f" <em>{datetime.fromtimestamp(message.at, UTC).strftime('%d %b %H:%M UTC')}</em>" if timed else ""
    who = f"{about} {writer(message)}".strip()
    words = f"<p>{verbatim(shown)}</p>" if shown and not message.withdrawn else ""
    below = "".join(f"<p><em>{verbatim(mark)}</em></p>" for mark in marks)
    return f"<p><strong>{verbatim(one_line(who, 250))}</strong>{when}</p>{words}{below}"


def _remarks(message: Message) -> list[str]:
    if message.withdrawn:
        return ["This message was withdrawn."]
    marks = []
    if message.changed_at is not None and message.original is not None:
        marks.append(f"Edited. Before: {one_line(message.original, 300)}")
    if message.files:
        marks.append(f"With {', '.join(one_line(file.name, 130) for file in message.files)}")
    return marks


def _own(case: Case, message: Message, about: str) -> JSON:
    """Return an operator's line with what its writer may do with it."""
    who = one_line(f"{about} {writer(message)}".strip(), 250)
    return carrying(_fitting(lambda most: _own_card(case, message, who, most)), f"{who}: {message.text}")


def _own_card(case: Case, message: Message, who: str, most: int) -> JSON:
    whole = len(message.text) <= most
    marks = [*_remarks(message), *([] if whole else [_LONGER])]
    body = [
        _rich(_run(who, weight="Bolder"), id=f"own-{message.id}"),
        *_literal(message.text, most),
        *(_subtle(mark) for mark in marks),
    ]
    words = _field(DeskAction.EDIT, "What the customer should read", message.text)
    correct = _form("Correct it", words, submit=_button("Correct", case.id, "edit", message.id))
    return _card(body, [*([correct] if whole else []), _button("Withdraw it", case.id, "withdraw", message.id)])


def _packed(pieces: Iterable[str]) -> list[JSON]:
    packed = [""]
    for piece in pieces:
        if packed[-1] and size(packed[-1] + piece) > _MOST_TEXT:
            packed.append("")
        packed[-1] += piece
    return [said(markup) for markup in packed if markup]


def unshown(names: Sequence[str], web_desk: str) -> JSON:
    """Return that files can't be shown here, and where they are."""
    where = f'<a href="{escape(web_desk)}">the web desk</a>' if web_desk else "the web desk"
    files = ", ".join(one_line(name, 130) for name in names)
    return said(f"<p><em>Teams takes no files from apps here. {verbatim(files)}: open it on {where}.</em></p>")


def picture(name: str, kind: str, encoded: str) -> JSON:
    """Return a small picture, `encoded` in Base64."""
    attachment = {"contentType": kind, "contentUrl": f"data:{kind};base64,{encoded}", "name": one_line(name, 130)}
    return {"type": "message", "attachments": [attachment]}


# What became of a line


def outcome(case: Case, message: Message, fates: Sequence[Delivery], *, about: str = "") -> JSON:
    """Return what became of each part of an operator's line, with what may help."""
    names = {file.id: file.name for file in message.files}
    shown = one_line(message.text, _QUOTED) or ", ".join(one_line(name, 80) for name in names.values())
    parts = [
        _rich(
            _run(one_line(names.get(fate.file, "File"), 80) if fate.file else "Message", weight="Bolder"),
            _run(f": {fate.state.value}. {one_line(fate.error, 400)}".rstrip()),
            spacing="None",
        )
        for fate in fates[:12]
    ]
    states = {fate.state for fate in fates}
    helps = [_button("Check", case.id, "check", message.id)] if DeliveryState.UNKNOWN in states else []
    helps += [_button("Send again", case.id, "resend", message.id)] if states & RESENDABLE else []
    told = sentence(fates)
    head = _rich(_run(f"{about} {told}".strip(), weight="Bolder"), id=f"fate-{message.id}")
    return carrying(_card([head, _rich(_run(shown), id="quoted"), *parts], helps), f"{told}: {shown}")


# To all


def reminder(text: str, *, called: Sequence[tuple[str, str]] = (), url: str = "") -> JSON:
    """Return a reminder; `called` are the names and ids of those who are called."""
    named = {_plain(name, 60): id_ for name, id_ in called[:_MOST_CALLED]}
    entities = [
        {"type": "mention", "text": f"<at>{name}</at>", "mentioned": {"id": id_, "name": name}}
        for name, id_ in named.items()
    ]
    call = [_ours(" ".join(str(one["text"]) for one in entities))] if entities else []
    body = [_rich(_run(one_line(text, 1_000), weight="Bolder"), id="reminder"), *call]
    card_ = _card(body, [{"type": "Action.OpenUrl", "title": "Open the case", "url": url}] if url else [])
    card_["msteams"] = {**card_["msteams"], "entities": entities}
    return carrying(card_, text)


def digest(text: str) -> JSON:
    """Return the day's figures."""
    head = _rich(_run("The desk today", weight="Bolder", size="Medium"), id="digest")
    return carrying(_card([head, *_literal(text, 3_000)]), f"The desk today: {text}")


def link(thread: str, tenant: str) -> str:
    """Return the address of a card in Teams (learn.microsoft.com, 'Create deep links to a message')."""
    channel_, root = channel_of(thread), root_of(thread)
    if not root:
        return ""
    context = "" if not channel_.endswith("@thread.v2") else "&context=%7B%22contextType%22%3A%22chat%22%7D"
    base = f"https://teams.microsoft.com/l/message/{quote(channel_, safe='')}/{quote(root, safe='')}"
    return f"{base}?tenantId={quote(tenant, safe='')}&parentMessageId={quote(root, safe='')}{context}"


# Lists


def overview(
    heading: str, cases: Sequence[Case], names: Names, now: float, policy: Policy, links: Mapping[CaseId, str]
) -> JSON:
    """Return a list of cases as the answer to a command."""
    body = [_rich(_run(one_line(heading, 200), weight="Bolder"), id="list")]
    body += [_entry(case, names, now, policy, links.get(case.id, "")) for case in cases[:_MOST_IN_ANSWER]]
    if len(cases) > _MOST_IN_ANSWER:
        body.append(_subtle(f"And {len(cases) - _MOST_IN_ANSWER} more."))
    return carrying(_card(body), heading)


def _entry(case: Case, names: Names, now: float, policy: Policy, url: str) -> JSON:
    late = case.overdue(now, policy)
    facts = [channel(case), state(case, names.get(case.thread.owner.operator or OperatorId(""), ""))]
    if late:
        facts.append(f"Overdue: {OVERDUE[late][0].lower()}{OVERDUE[late][1:]}")
    elif case.waiting_since:
        facts.append(f"waits for {duration(max(now - case.waiting_since, 0))}")
    opened = {"selectAction": {"type": "Action.OpenUrl", "title": "Open", "url": url}} if url else {}
    return {
        "type": "Container",
        "separator": True,
        **opened,
        "items": [
            _rich(_run(one_line(title(case), 100), weight="Bolder")),
            _subtle(one_line(" \u00b7 ".join(facts), 250), spacing="None"),
            _rich(_run(one_line(case.summary or case.reason.sentence, 200)), spacing="None"),
        ],
    }


HELP = (
    "cases  shows the open cases",
    "mine, unclaimed, overdue  shows some of them",
    "claim 12  takes case 12",
    "12  finds case 12",
    "search WORDS  finds cases, resolved ones too",
)


def help_(app: str = "@Threadline") -> JSON:
    """Return what can be asked of the app."""
    head = _rich(_run(f"Write to {app}, in a new post", weight="Bolder"), id="help")
    return carrying(_card([head, *_literal("\n".join(HELP), 1_000)]), "What can be asked")


def heading(command: Command, many: int) -> str:
    """Return the words above a list."""
    if command.number is not None:
        return f"Case {command.number}" if many else f"There is no case {command.number}."
    if command.word == "list":
        return f"{LISTS[command.rest]}: {many or 'none'}"
    return f"Cases with \u201c{one_line(command.rest, 100)}\u201d: {many or 'none'}"
