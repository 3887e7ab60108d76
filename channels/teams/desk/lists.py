"""Lists of cases, and what can be asked of the app, as operators read them in Teams. Pure."""

from collections.abc import Mapping, Sequence

from channels.desk.words import about, brief, one_line, title
from channels.teams.desk.pieces import JSON, card_of, carrying, literal, rich, run, subtle
from core.case import Case
from core.ids import CaseId, OperatorId
from core.policy import Policy

Names = Mapping[OperatorId, str]

_MOST_IN_ANSWER = 15


def overview(
    heading: str, cases: Sequence[Case], names: Names, now: float, policy: Policy, links: Mapping[CaseId, str]
) -> JSON:
    """Return a list of cases as the answer to a command."""
    body = [rich(run(one_line(heading, 200), weight="Bolder"), id="list")]
    body += [_entry(case, names, now, policy, links.get(case.id, "")) for case in cases[:_MOST_IN_ANSWER]]
    if len(cases) > _MOST_IN_ANSWER:
        body.append(subtle(f"And {len(cases) - _MOST_IN_ANSWER} more."))
    return carrying(card_of(body), heading)


def _entry(case: Case, names: Names, now: float, policy: Policy, url: str) -> JSON:
    facts = brief(case, names.get(case.thread.owner.operator or OperatorId(""), ""), now, policy)
    opened = {"selectAction": {"type": "Action.OpenUrl", "title": "Open", "url": url}} if url else {}
    return {
        "type": "Container",
        "separator": True,
        **opened,
        "items": [
            rich(run(one_line(title(case), 100), weight="Bolder")),
            subtle(one_line(" \u00b7 ".join(facts), 250), spacing="None"),
            rich(run(about(case, 200)), spacing="None"),
        ],
    }


HELP = (
    "cases  shows the open cases",
    "mine, unclaimed, overdue  shows some of them",
    "claim 12  takes case 12",
    "12  finds case 12",
    "search WORDS  finds cases, resolved ones too",
    "known 12  shows what is remembered about the customer of case 12",
    "forget 12 NAME  has one of it forgotten, by the name that stands before it",
)


def help_(app: str = "@Threadline") -> JSON:
    """Return what can be asked of the app."""
    head = rich(run(f"Write to {app}, in a new post", weight="Bolder"), id="help")
    return carrying(card_of([head, *literal("\n".join(HELP), 1_000)]), "What can be asked")


def lines(text: str) -> JSON:
    """Return lines as the answer to a command, the first one in bold."""
    first, _, rest = text.partition("\n")
    head = rich(run(one_line(first, 200), weight="Bolder"), id="lines")
    return carrying(card_of([head, *(literal(rest, 8_000) if rest else [])]), one_line(first, 200))
