"""What operators see beside the channel: forms, the App Home, and the answers of /support. Pure.

As in `blocks`, words that are not ours stand where Slack shows them letter by letter.
"""

from collections.abc import Callable, Sequence

from channels.desk import words as desk_words
from channels.desk.commands import in_order
from channels.desk.words import cut, one_line, shortened
from channels.slack.desk.blocks import JSON, button, context, header, mrkdwn, option, plain, rich, section, words
from channels.slack.desk.parse import PREFIX, About
from core.case import Case
from core.figures import Waiting
from core.ids import OperatorId
from core.messages import Citation
from core.policy import Policy
from core.thread import OwnerKind

Names = dict[OperatorId, str]
Link = Callable[[Case], str]

_FIELD = 2_900  # of the 3,000 characters that a field takes
_MOST_IN_HOME = 30
_MOST_IN_ANSWER = 15
_MOST_COLLEAGUES = 100


# Forms


def _form(word: str, title: str, about: About, blocks: list[JSON], *, submit: str = "") -> JSON:
    return {
        "type": "modal",
        "callback_id": f"{PREFIX}{word}",
        "private_metadata": about.dumps(),
        "title": plain(title, 24),
        "close": plain("Close"),
        **({"submit": plain(submit, 24)} if submit else {}),
        "blocks": blocks,
    }


def _field(label: str, name: str, text: str = "", *, optional: bool = False) -> JSON:
    element: JSON = {"type": "plain_text_input", "action_id": name, "multiline": True}
    if text:
        element["initial_value"] = text
    return {"type": "input", "block_id": name, "label": plain(label), "element": element, "optional": optional}


def _fields(label: str, text: str) -> tuple[list[JSON], tuple[str, ...]]:
    """Return as many fields as a text needs, and what stands between them."""
    pieces, joins = cut(text, _FIELD)
    fields = [_field(label if not n else "and on", f"text{n}", piece, optional=n > 0) for n, piece in enumerate(pieces)]
    return fields, tuple(joins)


def suggestion(case: Case, about: About, refused: str) -> JSON:
    """Return the suggested reply, to be sent as it is or edited; `refused` says why this operator can't send it."""
    suggested = case.suggestion
    text = suggested.text if suggested else ""
    sources = _sources(suggested.citations) if suggested else []
    if refused:
        shown = [rich(section(words(piece)), block_id=f"words-{n}") for n, piece in enumerate(cut(text, 3_000)[0])]
        return _form("suggestion", "Suggested reply", about, [*shown, *sources, context(refused)])
    fields, joins = _fields("Your reply", text)
    about = About(about.case, about.root, about.message, joins)
    note = context(desk_words.under_your_name(case), block_id="note")
    return _form("suggestion", "Suggested reply", about, [*fields, *sources, note], submit="Send")


def _sources(citations: Sequence[Citation]) -> list[JSON]:
    if not citations:
        return []
    titles = [section(words(one_line(f"[{c.index}] {c.title}", 250))) for c in citations[:20]]
    heading = section(words("Sources", bold=True))
    return [rich(heading, {"type": "rich_text_list", "style": "bullet", "elements": titles}, block_id="sources")]


def hint(about: About) -> JSON:
    """Return the form that has another reply suggested."""
    fields = [_field(desk_words.WHAT_INSTEAD, "text0", optional=True)]
    return _form("hint", "Suggest another reply", about, fields, submit="Suggest")


def note(about: About) -> JSON:
    """Return the form for a note."""
    fields = [_field(desk_words.NOT_FOR_CUSTOMERS, "text0")]
    return _form("note", "Write a note", about, fields, submit="Save")


def correct(about: About, text: str) -> JSON:
    """Return the form in which an operator corrects an own line."""
    fields, joins = _fields("What the customer should read", text)
    about = About(about.case, about.root, about.message, joins)
    return _form("correct", "Correct your line", about, fields, submit="Correct")


def assign(about: About, asking: str, elsewhere: Names) -> JSON:
    """Return the form that gives a case to somebody: a member of the channel, or one who works `elsewhere`."""
    members = {"type": "users_select", "action_id": "user", "initial_user": asking}
    blocks: list[JSON] = [
        {"type": "input", "block_id": "user", "label": plain("Who goes on with it"), "element": members}
    ]
    if elsewhere:
        options = [option(name, id_) for id_, name in list(elsewhere.items())[:_MOST_COLLEAGUES]]
        select = {"type": "static_select", "action_id": "operator", "options": options}
        label = plain("Or a colleague who works on the web desk")
        blocks.append({"type": "input", "block_id": "operator", "label": label, "element": select, "optional": True})
    return _form("assign", "Assign the case", about, blocks, submit="Assign")


# Lists


def _entry(case: Case, names: Names, now: float, policy: Policy, link: Link, n: int) -> JSON:
    """Return a case as one entry of a list; with a button where its card stands in Slack."""
    holder = names.get(case.thread.owner.operator or OperatorId(""), "")
    facts = "  ·  ".join(desk_words.brief(case, holder, now, policy))
    head = f"#{case.number}  {one_line(desk_words.customer(case), 80)}"
    entry: JSON = {
        "type": "section",
        "block_id": f"case-{n}",
        "text": plain(f"{head}\n{facts}\n{desk_words.about(case, 200)}", 2_000),
    }
    if url := link(case):
        entry["accessory"] = button("Open", "open", case.id, url=url)
    return entry


def home(cases: Sequence[Case], me: OperatorId, names: Names, now: float, policy: Policy, link: Link) -> JSON:
    """Return an operator's App Home: how the desk stands, and the open cases, the own ones first."""
    waiting = Waiting.of(cases, now, policy)
    mine = [case for case in cases if case.thread.owner.held_by(me)]
    free = [case for case in cases if case.thread.owner.kind is OwnerKind.DESK]
    others = [case for case in cases if case not in mine and case not in free]
    counts = (
        ("Open", waiting.open),
        ("Yours", len(mine)),
        ("Unclaimed", waiting.unclaimed),
        ("Overdue", waiting.overdue),
    )
    blocks: list[JSON] = [
        header("The desk"),
        {"type": "section", "fields": [mrkdwn(f"*{label}*\n{count}") for label, count in counts]},
    ]
    n = 0
    for label, group in (("Yours", mine), ("Unclaimed", free), ("With colleagues", others)):
        if not group:
            continue
        blocks += [{"type": "divider"}, context(mrkdwn(f"*{label}*"))]
        for case in in_order(group, now, policy)[: max(_MOST_IN_HOME - n, 0)]:
            blocks.append(_entry(case, names, now, policy, link, n))
            n += 1
    if len(cases) > n:
        blocks.append(context(f"And {len(cases) - n} more. Look for one with /support search WORDS"))
    if not cases:
        blocks += [{"type": "divider"}, context("Nothing is waiting.")]
    return {"type": "home", "blocks": blocks}


def welcome() -> JSON:
    """Return the App Home of everybody else."""
    text = "Write to me in the Messages tab. I answer from our documentation, and call a person where that is needed."
    return {"type": "home", "blocks": [header("Hello"), {"type": "section", "text": plain(text)}]}


HELP = (
    "/support  shows the open cases",
    "/support mine, /support unclaimed, /support overdue  show some of them",
    "/support claim 12  takes case 12",
    "/support 12  finds case 12",
    "/support search WORDS  finds cases, resolved ones too",
    "/support known 12  shows what is remembered about the customer of case 12",
    "/support forget 12 NAME  has one of it forgotten, by the name that stands before it",
)


def help_() -> JSON:
    """Return what /support can do."""
    return lines("\n".join(("What /support does", *HELP)))


def lines(text: str) -> JSON:
    """Return lines as the answer to a command, the first one in bold."""
    first, newline, rest = shortened(text, _FIELD).partition("\n")
    shown = section(words(f"{first}{newline}", bold=True), *([words(rest)] if rest else []))
    return {"text": rest or first, "blocks": [rich(shown)]}


def answer(heading: str, cases: Sequence[Case], names: Names, now: float, policy: Policy, link: Link) -> JSON:
    """Return a list of cases as the answer to a command."""
    shown = [_entry(case, names, now, policy, link, n) for n, case in enumerate(cases[:_MOST_IN_ANSWER])]
    more = [context(f"And {len(cases) - len(shown)} more.")] if len(cases) > len(shown) else []
    return {"text": shortened(heading, 200), "blocks": [rich(section(words(heading, bold=True))), *shown, *more]}
