"""What operators read in Teams: the card of a case, the suggested reply, what became of a line, reminders. Pure.

What is said stands in `lines`, lists in `lists`; `channels.desk.words` has the words that desks have in common.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from channels.desk.words import (
    NOT_FOR_CUSTOMERS,
    TROUBLE,
    WHAT_INSTEAD,
    about,
    facts,
    how,
    one_line,
    sentence,
    shortened,
    state,
    title,
    under_your_name,
    worst,
)
from channels.teams.desk.parse import REFRESH, SUGGESTION
from channels.teams.desk.pieces import (
    JSON,
    MOST_CARD,
    button,
    card_of,
    carrying,
    data,
    field_for,
    fitting,
    form,
    literal,
    menu,
    moment,
    ours,
    plain,
    rich,
    run,
    size,
    subtle,
)
from channels.teams.names import channel_of, root_of
from core.case import Case, Overdue
from core.delivery import Delivery, DeliveryState
from core.desk import RESENDABLE, allowed
from core.ids import CaseId, OperatorId
from core.messages import Citation, DeskAction, Message, Resolution

Names = Mapping[OperatorId, str]
Lines = Sequence[tuple[Message, Sequence[Delivery]]]

_QUOTED = 150
_MOST_SOURCES = 8
_MOST_STEPS = 10
_MOST_LINES = 5
_MOST_COLLEAGUES = 60
_MOST_CALLED = 20
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


def card(case: Case, view: View) -> JSON:
    """Return the case at a glance, with what can be done; as much of it as fits."""
    return fitting(lambda percent: _drawn(case, view, percent / 100), (100, 50, 25, 10))


def summary(case: Case, view: View) -> str:
    """Return the words that stand for the card in notifications."""
    return f"{title(case)}: {about(case, 150)} ({state(case, view.holder)})"


def _drawn(case: Case, view: View, scale: float) -> JSON:
    body = [
        rich(run(title(case), size="Large", weight="Bolder"), id="title"),
        {"type": "FactSet", "facts": [{"title": label, "value": value} for label, value in _facts(case, view)]},
        *_why(case, scale),
        *_found(case, scale),
        *_latest(view.lines),
        subtle(how(case, view.holder), id="how", separator=True),
    ]
    refresh = {"action": {"type": "Action.Execute", "verb": REFRESH, "data": data(case.id, REFRESH)}}
    return card_of(body, _actions(case, view, int(_MOST_COLLEAGUES * scale)), refresh=refresh)


def _facts(case: Case, view: View) -> list[tuple[str, str]]:
    told = [(label, plain(value, 200)) for label, value in facts(case, view.holder, view.overdue)]
    if case.is_open and case.waiting_since:
        told.insert(2, ("Waits since", moment(case.waiting_since)))
    return told


def _why(case: Case, scale: float) -> Iterator[JSON]:
    told = (("Why", case.why, 600), ("About", case.summary, 1_500), ("Sender", case.thread.trust, 600))
    for label, text, most in told:
        if text:
            yield rich(run(f"{label}  ", weight="Bolder"), run(one_line(text, int(most * scale))))


def _found(case: Case, scale: float) -> Iterator[JSON]:
    sources = case.sources[: int(_MOST_SOURCES * scale) + 1]
    steps = [f"{step.step}: {step.detail}" for step in case.result.trace[: int(_MOST_STEPS * scale) + 1]]
    for label, items in (("What the assistant found", sources), ("Why it was handed over", steps)):
        if items:
            yield rich(run(label, weight="Bolder"))
            yield from (rich(run(f"\u2022 {one_line(item, 200)}"), spacing="None") for item in items)


def _latest(lines: Lines) -> Iterator[JSON]:
    """Return what became of the latest replies: Teams lets no app react to a line, and a word below each is noise."""
    if lines:
        yield rich(run("To the customer", weight="Bolder"))
    for message, fates in lines[-_MOST_LINES:]:
        colour = {"color": "Attention"} if worst(fates) in TROUBLE else {}
        names = {file.id: file.name for file in message.files}
        files = [f"{one_line(names.get(f.file, 'file'), 80)} {f.state.value}" for f in fates if f.file]
        became = ", ".join([_became(fates), *files])
        shown = one_line(message.text, _QUOTED) or "Files"
        yield rich(run(shown), run(f"  {became}", isSubtle=True, **colour), spacing="None", id=f"line-{message.id}")


def _became(fates: Sequence[Delivery]) -> str:
    words = [fate for fate in fates if not fate.file]
    return worst(words or fates).value


def _actions(case: Case, view: View, most_colleagues: int) -> list[JSON]:
    """Return the buttons, at most six: Teams shows no more."""
    owner = case.thread.owner
    may = allowed(owner, is_open=case.is_open, operator=view.viewer or owner.operator or OperatorId(""))
    simple = {
        DeskAction.CLAIM: button("Claim", case.id, "claim", style="positive"),
        DeskAction.REOPEN: button("Reopen", case.id, "reopen", style="positive"),
        DeskAction.DRAFT: _suggest(case),
        DeskAction.ASSIGN: _assign(case.id, view.colleagues, most_colleagues),
        DeskAction.RESOLVE: _resolve(case.id),
        DeskAction.NOTE: _note(case.id),
        DeskAction.RELEASE: button("Release", case.id, "release"),
        DeskAction.HAND_BACK: button("Hand back to the assistant", case.id, "hand_back"),
    }
    return [shown for action, shown in simple.items() if action in may and shown]


def _suggest(case: Case) -> JSON | None:
    if case.suggestion and case.suggestion.text:
        return button("Suggested reply", case.id, SUGGESTION)
    return None if case.drafting else button("Suggest a reply", case.id, "draft")


def _assign(case: CaseId, colleagues: Names, most: int) -> JSON | None:
    chosen = sorted(colleagues.items(), key=lambda one: one[1].casefold())[: max(most, 1)]
    if not chosen:
        return None
    choice = menu(DeskAction.ASSIGN, "Who goes on with it", chosen)
    return form("Assign", choice, submit=button("Assign it", case, "assign"))


def _resolve(case: CaseId) -> JSON:
    outcomes = [(outcome.value, outcome.words) for outcome in Resolution]
    choice = menu(DeskAction.RESOLVE, "How it ended", outcomes, Resolution.SOLVED.value)
    return form("Resolve", choice, submit=button("Resolve it", case, "resolve", style="positive"))


def _note(case: CaseId) -> JSON:
    words = field_for(DeskAction.NOTE, NOT_FOR_CUSTOMERS)
    return form("Note", words, submit=button("Save the note", case, "note"))


def moved(case: Case, url: str) -> JSON:
    """Return what stands in the place of a card that is the case's no more."""
    goes_on = rich(run(f"{title(case)}: this case goes on at another card.", isSubtle=True), id="moved")
    return card_of([goes_on], [{"type": "Action.OpenUrl", "title": "Open it", "url": url}] if url else [])


# The suggested reply


def suggestion(case: Case, refused: str) -> JSON:
    """Return the suggested reply for one reader, to be sent as it is or edited; `refused`: why they can't send it."""
    text = case.suggestion.text if case.suggestion else ""
    if not refused:
        drawn = _suggested(case, text, "")
        if size(drawn) <= MOST_CARD:
            return drawn
    return fitting(lambda most: _suggested(case, shortened(text, most), refused or _TOO_LONG))


def _suggested(case: Case, text: str, refused: str) -> JSON:
    heading = rich(run(f"Suggested reply, {title(case)}", weight="Bolder"), id="suggestion")
    cited = _cited(case.suggestion.citations if case.suggestion else ())
    hint = field_for(DeskAction.DRAFT, WHAT_INSTEAD)
    another = form("Suggest another", hint, submit=button("Suggest it", case.id, "draft"))
    back = button("Back", case.id, REFRESH)
    if refused:
        return card_of([heading, *literal(text, len(text) + 1), *cited, subtle(refused)], [another, back])
    words = field_for(DeskAction.REPLY, under_your_name(case), text)
    return card_of([heading, words, *cited], [button("Send", case.id, "reply", style="positive"), another, back])


def _cited(citations: Sequence[Citation]) -> list[JSON]:
    if not citations:
        return []
    heading = rich(run("Sources", weight="Bolder"))
    shown = [rich(run(f"[{c.index}] {one_line(c.title, 150)}"), spacing="None", id=f"source-{c.index}")
             for c in citations[:10]]  # fmt: skip
    return [heading, *shown]


# What became of a line


def outcome(case: Case, message: Message, fates: Sequence[Delivery], *, about: str = "") -> JSON:
    """Return what became of each part of an operator's line, with what may help."""
    names = {file.id: file.name for file in message.files}
    shown = one_line(message.text, _QUOTED) or ", ".join(one_line(name, 80) for name in names.values())
    parts = [
        rich(
            run(one_line(names.get(fate.file, "File"), 80) if fate.file else "Message", weight="Bolder"),
            run(f": {fate.state.value}. {one_line(fate.error, 400)}".rstrip()),
            spacing="None",
        )
        for fate in fates[:12]
    ]
    states = {fate.state for fate in fates}
    helps = [button("Check", case.id, "check", message.id)] if DeliveryState.UNKNOWN in states else []
    helps += [button("Send again", case.id, "resend", message.id)] if states & RESENDABLE else []
    told = sentence(fates)
    head = rich(run(f"{about} {told}".strip(), weight="Bolder"), id=f"fate-{message.id}")
    return carrying(card_of([head, rich(run(shown), id="quoted"), *parts], helps), f"{told}: {shown}")


# To all


def reminder(text: str, *, called: Sequence[tuple[str, str]] = (), url: str = "") -> JSON:
    """Return a reminder; `called` are the names and ids of those who are called."""
    named = {plain(name, 60): id_ for name, id_ in called[:_MOST_CALLED]}
    entities = [
        {"type": "mention", "text": f"<at>{name}</at>", "mentioned": {"id": id_, "name": name}}
        for name, id_ in named.items()
    ]
    call = [ours(" ".join(str(one["text"]) for one in entities))] if entities else []
    body = [rich(run(one_line(text, 1_000), weight="Bolder"), id="reminder"), *call]
    card_ = card_of(body, [{"type": "Action.OpenUrl", "title": "Open the case", "url": url}] if url else [])
    card_["msteams"] = {**card_["msteams"], "entities": entities}
    return carrying(card_, text)


def digest(heading: str, text: str) -> JSON:
    """Return the day's figures, or the week's report."""
    head = rich(run(heading, weight="Bolder", size="Medium"), id="digest")
    return carrying(card_of([head, *literal(text, 3_000)]), f"{heading}: {text}")


def link(thread: str, tenant: str) -> str:
    """Return the address of a card in Teams (learn.microsoft.com, 'Create deep links to a message')."""
    channel_, root = channel_of(thread), root_of(thread)
    if not root:
        return ""
    context = "" if not channel_.endswith("@thread.v2") else "&context=%7B%22contextType%22%3A%22chat%22%7D"
    base = f"https://teams.microsoft.com/l/message/{quote(channel_, safe='')}/{quote(root, safe='')}"
    return f"{base}?tenantId={quote(tenant, safe='')}&parentMessageId={quote(root, safe='')}{context}"
