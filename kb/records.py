"""Records turned into text: JSON and the rows of tables, each entry with the names of its fields.

`kb.load` reads JSON with it, `kb.convert` the tables of workbooks and CSV. A row alone says nothing: cut
out of its table, as a passage is, it has lost its header. What names an entry (its title, the question
it answers) becomes a heading, so that the splitter cuts along the entries.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kb.documents import EmptySourceError, SourceError
from kb.markup import Content, read_html

_NAMES = ("question", "title", "subject", "headline", "heading", "topic", "name")
_BODIES = ("answer", "body", "content", "text", "description", "html")
_ADDRESSES = ("url", "html_url", "canonical_url", "permalink", "link", "href")
_BOOKKEEPING = re.compile(r"(?:.*_)?(?:id|uuid|guid|slug|hash)|(?:created|updated|edited|modified|published)(?:_?at)?")
_TAG = re.compile(r"</?(?:p|br|div|ul|ol|li|h[1-6]|table|strong|em|a|span)\b[^<>]*>", re.IGNORECASE)
_DEEPEST = 6  # levels of headings that Markdown has
_HEADING = re.compile(r"^(#{1,6})(?= )", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|(?: --- \|)+")


def read_json(text: str) -> Content:
    """Read JSON: objects become sections under what names them, with a line for each of their fields."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SourceError(f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise SourceError("it is nested too deeply to be read") from error
    if value in (None, "", [], {}):
        raise EmptySourceError("it is empty")
    title = address = ""
    if isinstance(value, dict):
        title, address = _first(value, _NAMES), _first(value, _ADDRESSES)
        value = {key: inner for key, inner in value.items() if inner not in (title, address)}
    return Content(
        title=" ".join(title.split()),
        address=address if address.startswith(("http://", "https://")) else "",
        body="\n".join(_lines(value, 2)).strip("\n"),
    )


def read_tables(text: str) -> str:
    """Return tables written as Markdown (as `core.attachments` writes them) as one entry for each row."""
    lines: list[str] = []
    header: list[str] = []
    for line in text.split("\n"):
        if not line.startswith("|"):
            header = []
            lines += ["", line] if line.strip() else []
        elif not header:
            header = _cells(line)
        elif not _RULE.fullmatch(line):
            lines += _entry(dict(zip(_unlike(header), _cells(line), strict=False)), 3)
    return "\n".join(lines).strip("\n")


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]


def _unlike(header: Sequence[str]) -> list[str]:
    """Return the names of columns, told apart where two are alike; a column without one keeps its values."""
    seen: dict[str, int] = {}
    names = []
    for name in header:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})" if name else " " * seen[name])
    return names


def _first(fields: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the first value with one of these names that is a text, '' if there is none."""
    lower = {str(key).strip().lower(): value for key, value in fields.items()}
    return next((lower[key] for key in keys if isinstance(lower.get(key), str) and lower[key].strip()), "")


def _entry(fields: Mapping[str, Any], level: int) -> Iterator[str]:
    """Yield the lines of one entry: its name as a heading, then its fields."""
    name = _first(fields, _NAMES)
    if name:
        yield from ("", f"{'#' * min(level, _DEEPEST)} {' '.join(name.split())}", "")
    else:
        yield ""
    for key, value in fields.items():
        if value is name or _BOOKKEEPING.fullmatch(str(key).strip().lower()):
            continue
        yield from _field(str(key).strip(), value, level + 1)


def _field(key: str, value: Any, level: int) -> Iterator[str]:
    match value:
        case None | bool() | "" | [] | {}:
            return
        case dict():
            yield from ("", f"{'#' * min(level, _DEEPEST)} {key}", *_entry(value, level + 1))
        case list() if any(isinstance(one, dict | list) for one in value):
            yield from ("", f"{'#' * min(level, _DEEPEST)} {key}", *_lines(value, level + 1))
        case list():
            yield f"{key}: {', '.join(map(str, value))}"
        case str() if key.lower() in _BODIES or "\n" in value.strip():
            yield from ("", _below(_prose(value), level), "")
        case _:
            said = _prose(str(value))
            yield f"{key}: {said}" if key else said


def _lines(value: Any, level: int) -> Iterator[str]:
    match value:
        case dict():
            yield from _entry(value, level)
        case list():
            for one in value:
                yield from _lines(one, level)
        case None | bool() | "":
            return
        case _:
            yield f"- {_prose(str(value))}"


def _prose(value: str) -> str:
    """Return a text as it stands; one that is written in HTML is laid out."""
    if _TAG.search(value):
        laid_out = read_html(f"<main>{value}</main>")
        return f"{laid_out.title}\n\n{laid_out.body}".strip()
    return value.strip()


def _below(text: str, level: int) -> str:
    """Return `text` with its headings moved below those that it stands under."""
    levels = [len(marks) for marks in _HEADING.findall(text)]
    down = max(0, level - min(levels)) if levels else 0
    return _HEADING.sub(lambda found: "#" * min(len(found[1]) + down, _DEEPEST), text)
