"""Rows as a Markdown table, written until there is no room: a sheet of a million rows costs what is shown of it."""

from collections.abc import Iterable, Sequence


class Tables:
    """Collects headed tables up to `room` characters; `full` once one more row would not fit."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._lines: list[str] = []
        self.full = False

    def add(self, title: str, rows: Iterable[Sequence[object]]) -> None:
        """Add a table under `title` ('' for none); rows and cells that are empty at the end are left out."""
        if title:
            self._write(f"{chr(10) if self._lines else ''}## {title}\n")
        width = 0
        for row in rows:
            cells = _cells(row)
            if not cells:
                continue
            first, width = not width, max(width, len(cells))
            self._write(f"| {' | '.join([*cells, *[''] * (width - len(cells))])} |")
            if first:
                self._write(f"|{' --- |' * width}")
            if self.full:
                return

    def _write(self, line: str) -> None:
        self._room -= len(line) + 1
        self.full = self._room < 0
        self._lines.append(line)

    def text(self) -> str:
        """Return what was written, perhaps a row more than there was room for."""
        return "\n".join(self._lines)


def _cells(row: Sequence[object]) -> list[str]:
    cells = [_cell(value) for value in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value)
        case float():
            return f"{value:.15g}"
        case _:
            return " ".join(str(value).split()).replace("|", "\\|")
