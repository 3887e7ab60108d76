"""What operators read in Slack: the card of a case, what became of a line, reminders, the digest. Pure.

What is said stands in `lines`; `channels.desk.words` has the words that desks have in common.
"""

from collections.abc import Sequence

from channels.desk.words import about, facts, how, one_line, sentence, shortened, state, title, worst
from channels.slack.desk.blocks import (
    JSON,
    PIECE,
    Post,
    bullets,
    button,
    context,
    flat,
    header,
    mrkdwn,
    option,
    overflow,
    plain,
    quote,
    rich,
    section,
    words,
)
from channels.slack.desk.parse import PREFIX
from channels.slack.rich.elements import escape
from core.case import Case, Overdue
from core.delivery import Delivery, DeliveryState
from core.desk import RESENDABLE, allowed
from core.ids import CaseId, OperatorId
from core.messages import DeskAction, Message, Resolution

_QUOTED = 150
_MOST_SOURCES = 8
_MOST_STEPS = 12

DELIVERED, WAITING, TROUBLE = "white_check_mark", "hourglass_flowing_sand", "warning"
"""Reactions to an operator's line."""


def card(case: Case, *, holder: str = "", overdue: Overdue | None = None) -> Post:
    """Return the case at a glance, with what can be done."""
    blocks = [
        header(title(case)),
        {"type": "section", "block_id": "state", "fields": _fields(case, holder, overdue)},
        rich(*_why(case), block_id="about"),
        *_found(case),
        {"type": "divider"},
        *_actions(case),
        context(how(case, holder), block_id="how"),
    ]
    return Post(flat(f"{title(case)}: {about(case, 150)}\n{state(case, holder)}"), blocks)


def _fields(case: Case, holder: str, overdue: Overdue | None) -> list[JSON]:
    return [mrkdwn(f"*{label}*\n{_ours(value)}") for label, value in facts(case, holder, overdue)]


def _ours(text: str) -> str:
    """Return a colleague's name, or a channel's, for mrkdwn: signs that would mark it up are left out."""
    return escape("".join(sign for sign in one_line(text, 200) if sign not in "*_~`"))


def _why(case: Case) -> list[JSON]:
    why = one_line(case.why, 600)
    told = [("Why", why), ("About", shortened(case.summary, 1_500)), ("Sender", shortened(case.thread.trust, 600))]
    lines = [(label, text) for label, text in told if text]
    last = len(lines) - 1
    return [
        section(words(f"{label}  ", bold=True), words(text if n == last else f"{text}\n"))
        for n, (label, text) in enumerate(lines)
    ]


def _found(case: Case) -> list[JSON]:
    sources = [one_line(source, 250) for source in case.sources]
    steps = [one_line(f"{step.step}: {step.detail}", 250) for step in case.result.trace]
    lists = (("What the assistant found", sources[:_MOST_SOURCES]), ("Why it was handed over", steps[:_MOST_STEPS]))
    return [rich(section(words(label, bold=True)), bullets(items)) for label, items in lists if items]


def _actions(case: Case) -> list[JSON]:
    """Return the buttons for what whoever has the case may do: Slack shows everyone the same."""
    owner = case.thread.owner
    may = allowed(owner, is_open=case.is_open, operator=owner.operator or OperatorId(""))
    suggested = bool(case.suggestion and case.suggestion.text)
    elements = []
    if DeskAction.CLAIM in may:
        elements.append(button("Claim", "claim", case.id, style="primary"))
    if DeskAction.REOPEN in may:
        elements.append(button("Reopen", "reopen", case.id, style="primary"))
    if DeskAction.DRAFT in may and suggested:
        elements.append(button("Suggested reply", "suggestion", case.id))
    elif DeskAction.DRAFT in may and not case.drafting:
        elements.append(button("Suggest a reply", "draft", case.id))
    if DeskAction.RELEASE in may:
        elements.append(button("Release", "release", case.id))
    if DeskAction.ASSIGN in may:
        elements.append(button("Assign", "assign", case.id))
    if DeskAction.RESOLVE in may:
        elements.append(_resolve(case.id))
    more = [option("Write a note", f"note {case.id}")]
    if DeskAction.DRAFT in may:
        more.append(option("Have another reply suggested", f"hint {case.id}"))
    if DeskAction.HAND_BACK in may:
        more.append(option("Hand back to the assistant", f"hand_back {case.id}"))
    return [{"type": "actions", "block_id": "actions", "elements": [*elements, overflow(more)]}]


def _resolve(case: CaseId) -> JSON:
    return {
        "type": "static_select",
        "action_id": f"{PREFIX}resolve",
        "placeholder": plain("Resolve as"),
        "options": [option(outcome.words, f"{case} {outcome.value}") for outcome in Resolution],
    }


# What became of a line


def mark(fates: Sequence[Delivery]) -> str:
    """Return the reaction that says what became of a line, '' for none."""
    state = worst(fates)
    if state is DeliveryState.DELIVERED:
        return DELIVERED
    if state is DeliveryState.SUPERSEDED:
        return ""
    return WAITING if state is DeliveryState.WAITING else TROUBLE


def outcome(case: CaseId, message: Message, fates: Sequence[Delivery]) -> Post:
    """Return what became of each part of an operator's line, with what may help."""
    said = sentence(fates)
    names = {file.id: file.name for file in message.files}
    parts = [
        f"{names.get(fate.file, 'File') if fate.file else 'Message'}: {fate.state.value}. {one_line(fate.error, 400)}"
        for fate in fates
    ]
    named = f"{case} {message.id}"
    states = {fate.state for fate in fates}
    helps = [button("Check", "check", named)] if DeliveryState.UNKNOWN in states else []
    helps += [button("Send again", "resend", named)] if states & RESENDABLE else []
    shown = one_line(message.text, _QUOTED) or ", ".join(names.values())
    blocks = [
        rich(section(words(said, bold=True)), quote(shown), bullets(part.strip() for part in parts), block_id="fate")
    ]
    if helps:
        blocks.append({"type": "actions", "block_id": "helps", "elements": helps})
    return Post(flat(f"{said}: {shown}\n" + "\n".join(parts)), blocks)


# To all, and to one


def reminder(text: str, *, everyone: bool = False, url: str = "") -> Post:
    """Return a reminder; `everyone`: Slack calls all who are there. `url` leads to the card."""
    call: list[JSON] = [{"type": "broadcast", "range": "here"}, words(" ")] if everyone else []
    blocks = [rich(section(*call, words(text)), block_id="reminder")]
    if url:
        blocks.append({"type": "actions", "elements": [button("Open the case", "open", "open", url=url)]})
    return Post(f"<!here> {flat(text)}" if everyone else flat(text), blocks)


def digest(heading: str, text: str) -> Post:
    """Return the day's figures, or the week's report."""
    return Post(
        flat(f"{heading}\n{text}"),
        [header(heading), rich(section(words(shortened(text, PIECE)))), context("All open cases: /support")],
    )


def verbatim(text: str) -> Post:
    """Return words as they are, for one reader."""
    return Post(flat(text), [rich(section(words(shortened(text, PIECE))))])
