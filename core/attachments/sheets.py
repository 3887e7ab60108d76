"""Sheets and tables, row by row and no further than there is room: a million rows cost what is shown of them.

Used by `readers` alone. MarkItDown would load them whole, through pandas.
"""

import csv
import io
import sys
from collections.abc import Iterator
from typing import Any

from core.attachments.tables import Tables
from core.attachments.values import Limits, NotRead

_STRINGS = 8 * 1024 * 1024  # characters of a workbook's table of texts; writers number texts as they first stand
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read_csv(text: str, limits: Limits) -> str:
    """Return a table of comma-, semicolon- or tab-separated values."""
    csv.field_size_limit(limits.source)
    try:
        delimiter = csv.Sniffer().sniff(text[:8192], ",;\t|").delimiter
    except csv.Error:
        delimiter = ","
    tables = Tables(limits.characters)
    tables.add("", csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    return tables.text()


def read_xlsx(content: bytes, limits: Limits) -> str:
    """Return the sheets of a workbook: the values of its cells, not the formulas."""
    sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]  # openpyxl asks only whether a cell is one of its
    from openpyxl.reader.excel import ExcelReader  # type: ignore[import-untyped]
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet  # type: ignore[import-untyped]

    ReadOnlyWorksheet._get_size = lambda _: None  # noqa: SLF001 (it goes through the whole sheet; nobody asks for it)
    reader = ExcelReader(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    reader.read_strings = lambda: _read_strings(reader)
    reader.read()
    tables = Tables(limits.characters)
    for sheet in reader.wb.worksheets:
        sheet.reset_dimensions()  # what a program has written there may be too small
        tables.add(sheet.title, sheet.iter_rows(values_only=True))
        if tables.full:
            break
    return tables.text()


class _Strings(list[str]):
    """The first texts of a workbook; those behind them were not loaded."""

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(index) if index < len(self) else "…"


def _read_strings(reader: Any) -> None:
    """Load the table of texts as far as `_STRINGS` goes, into `reader`: all of a large one would take half a minute."""
    from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]
    from openpyxl.xml.constants import SHARED_STRINGS  # type: ignore[import-untyped]

    part = reader.package.find(SHARED_STRINGS)
    found, room = _Strings(), _STRINGS
    reader.shared_strings = found
    if part is None:
        return
    with reader.archive.open(part.PartName[1:]) as source:
        for _, node in iterparse(source):
            if node.tag != f"{_MAIN}si":
                continue
            runs = [node, *node.findall(f"{_MAIN}r")]  # phonetic runs are another word for the same
            text = "".join(run.findtext(f"{_MAIN}t") or "" for run in runs)
            found.append(text)
            node.clear()
            room -= len(text) + 1
            if room < 0:
                return


def read_xls(content: bytes, limits: Limits) -> str:
    """Return the sheets of an old workbook."""
    import xlrd  # type: ignore[import-untyped]

    try:
        book = xlrd.open_workbook(file_contents=content, logfile=io.StringIO(), on_demand=True)
    except xlrd.XLRDError as error:
        if "encrypted" in str(error).lower():
            raise NotRead("This file is protected with a password.") from error
        raise
    tables = Tables(limits.characters)
    for name in book.sheet_names():
        tables.add(name, _xls_rows(book, book.sheet_by_name(name)))
        if tables.full:
            break
        book.unload_sheet(name)
    return tables.text()


def _xls_rows(book: Any, sheet: Any) -> Iterator[list[object]]:
    for row in range(sheet.nrows):
        yield [_xls_value(cell, book.datemode) for cell in sheet.row(row)]


def _xls_value(cell: Any, datemode: int) -> object:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            return xlrd.xldate_as_datetime(cell.value, datemode)
        except (ValueError, OverflowError):
            return cell.value
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    return None if cell.ctype == xlrd.XL_CELL_ERROR else cell.value
