"""An invitation becomes a line that people and the agent can read: what, when, where, who.

`mime.py` calls `summary` for text/calendar (RFC 5545). Times stay as the sender wrote them, with their zone's name: to
convert them would need the zone's rules, which the file may define itself.
"""

import re

from channels.email.mime.charsets import clean

MOST_EVENTS = 5
_MOST_PEOPLE = 10
_MOST_LINES = 20_000
_MOST_WORDS = 300

_FOLDED = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"([A-Za-z-]+)((?:;[^:;\"]*(?:\"[^\"]*\"[^:;\"]*)*)*):(.*)")
_PARAMETER = re.compile(r";([A-Za-z-]+)=(\"[^\"]*\"|[^;:]*)")
_ESCAPED = re.compile(r"\\([\\;,nN])")
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?")

_KINDS = {
    "request": "Invitation",
    "cancel": "Cancelled",
    "counter": "Proposed change",
    "declinecounter": "Declined change",
    "refresh": "Asked for again",
    "add": "Added date",
}
_ANSWERS = {"accepted": "Accepted", "declined": "Declined", "tentative": "Tentatively accepted"}

_Values = dict[str, list[tuple[dict[str, str], str]]]


def summary(text: str) -> str:
    """Return the events in `text`, a line each, '' if there are none."""
    method, events = "", []
    current: _Values | None = None
    inner = 0
    for line in _FOLDED.sub("", text).splitlines()[:_MOST_LINES]:
        found = _LINE.match(line[:2_000])
        if not found:
            continue
        name, value = found[1].upper(), found[3].strip()
        if name in {"BEGIN", "END"} and value.upper() != "VEVENT":
            inner += (1 if name == "BEGIN" else -1) if current is not None else 0
        elif name == "BEGIN":
            current, inner = {}, 0
        elif name == "END" and current is not None:
            events.append(current)
            current = None
        elif current is not None and not inner:
            current.setdefault(name, []).append((_parameters(found[2]), _plain(value)))
        elif name == "METHOD":
            method = value.lower()
    return "\n".join(_event(one, method) for one in events[:MOST_EVENTS])


def _parameters(text: str) -> dict[str, str]:
    return {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(text)}


def _plain(value: str) -> str:
    return clean(_ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value))[:_MOST_WORDS]


def _event(values: _Values, method: str) -> str:
    pieces = [f"{_kind(values, method)}: {_first(values, 'SUMMARY') or 'an event'}", _when(values)]
    if place := _first(values, "LOCATION"):
        pieces.append(f"at {place}")
    if organizer := _people(values.get("ORGANIZER", [])):
        pieces.append(f"from {organizer}")
    if people := _people(values.get("ATTENDEE", [])):
        pieces.append(f"with {people}")
    return ", ".join(piece for piece in pieces if piece)


def _kind(values: _Values, method: str) -> str:
    if method == "reply":
        answer = next((marks.get("PARTSTAT", "") for marks, _ in values.get("ATTENDEE", [])), "")
        return _ANSWERS.get(answer.lower(), "Answer to an invitation")
    return "Cancelled" if _first(values, "STATUS").upper() == "CANCELLED" else _KINDS.get(method, "Event")


def _first(values: _Values, name: str) -> str:
    return values[name][0][1].strip() if values.get(name) else ""


def _when(values: _Values) -> str:
    begins, ends = (_stamp(values.get(name, [])) for name in ("DTSTART", "DTEND"))
    if not begins:
        return ""
    day, time, zone = begins
    to_day, to_time, _ = ends or ("", "", "")
    until = " ".join(piece for piece in (to_day if to_day != day and time else "", to_time) if piece)
    words = f"{day} {time}".strip() + (f" to {until}" if until else "")
    return words + (f" ({zone})" if zone and time else "") + (", repeated" if values.get("RRULE") else "")


def _stamp(values: list[tuple[dict[str, str], str]]) -> tuple[str, str, str] | None:
    found = _STAMP.match(values[0][1]) if values else None
    if not found:
        return None
    year, month, day, hour, minute, _, utc = found.groups()
    return f"{year}-{month}-{day}", f"{hour}:{minute}" if hour else "", "UTC" if utc else values[0][0].get("TZID", "")


def _people(values: list[tuple[dict[str, str], str]]) -> str:
    names = [marks.get("CN") or re.sub(r"(?i)^mailto:", "", value) for marks, value in values]
    more = len(names) - _MOST_PEOPLE
    return ", ".join(clean(name)[:100] for name in names[:_MOST_PEOPLE]) + (f" and {more} more" if more > 0 else "")
