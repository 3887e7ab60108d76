"""A table: as a block where its message has room for one, else in columns of letters, or row by row. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markdown_it.token import Token

from channels.markdown import in_columns
from channels.slack.rich.elements import Block, element_of, rich_text, solid, text_of
from channels.slack.rich.paragraph import inline
from channels.slack.rich.reading import words_in_line

_WIDEST = 76  # characters of a preformatted line that still fits on a narrow screen; a wider table is written in rows

Cell = list[Block]


@dataclass(frozen=True, slots=True)
class Table:
    """A table, before it is known whether its message has room for it as one: a message may have one table block.

    `aligns` are 'left', 'center' or 'right', one for each column.
    """

    head: list[Cell]
    rows: list[list[Cell]]
    aligns: list[str]

    @property
    def solid(self) -> bool:
        """Whether there is anything in it."""
        return any(solid(cell) for row in (self.head, *self.rows) for cell in row)

    @property
    def fits(self) -> bool:
        """Whether it can be a block as it is: 20 columns, 100 rows with the head; 10,000 characters in all cells."""
        return self.divisible and len(self.rows) < 100 and self.size(self.rows) < 10_000

    @property
    def divisible(self) -> bool:
        """Whether it can be blocks of some of its rows each: no row is very long."""
        return len(self.head) <= 20 and self.size(()) < 1_000 and all(self.size([row]) < 3_000 for row in self.rows)

    def size(self, rows: Iterable[list[Cell]]) -> int:
        """Return the characters of the head and `rows`, an empty cell counted as one."""
        return sum(len(_cell_words(cell)) or 1 for row in (self.head, *rows) for cell in row)

    def block(self, rows: Iterable[list[Cell]]) -> Block:
        """Return the head and `rows` as a table block."""
        cells = [[rich_text(element_of("section", _in_a_line(cell))) for cell in row] for row in (self.head, *rows)]
        settings = [{"align": align, "is_wrapped": True} for align in self.aligns]
        return {"type": "table", "column_settings": settings, "rows": cells}

    def written(self) -> list[Block]:
        """Return it without a table block: in columns, or row by row where it is wide."""
        lines = in_columns([[_cell_words(cell) for cell in row] for row in (self.head, *self.rows)], _WIDEST)
        if lines:
            return [rich_text(element_of("preformatted", [text_of("\n".join(lines))]))]
        return [rich_text(element_of("section", section)) for section in self._row_by_row() if solid(section)]

    def _row_by_row(self) -> Iterator[list[Block]]:
        if not self.rows:
            yield [text_of(" | ".join(map(_cell_words, self.head)))]
        for at, row in enumerate(self.rows):
            lines: list[Block] = []
            for name, cell in zip(self.head, row, strict=False):
                if solid(cell) or (at == 0 and solid(name)):
                    colon = [text_of(": ", ["bold"])] if solid(name) else []
                    lines += [text_of("\n")] * bool(lines) + _copy(name) + colon + _copy(cell)
            yield lines


def _copy(cell: Cell) -> Cell:
    return [dict(inline) for inline in cell]


def _in_a_line(cell: Cell) -> Cell:
    """Return a cell that Slack takes: it refuses one without words."""
    return cell if solid(cell) else [text_of(" ")]


def _cell_words(cell: Cell) -> str:
    return words_in_line(cell).replace("\n", " ")


def table(tokens: Iterator[Token]) -> Table:
    """Take a table's tokens, and return it."""
    rows: list[list[Cell]] = []
    aligns: list[str] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            aligns.append(str(token.attrs.get("style", "text-align:left")).removeprefix("text-align:"))
        elif token.type == "inline":
            rows[-1].append(inline(token.children or (), *(("bold",) if len(rows) == 1 else ())))
    return Table(rows[0], rows[1:], aligns)
