"""Rows to a file, as they come: CSV and JSON in pieces, a workbook at the end."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from domain.files import cells
from domain.files.sheets import LONGEST_CELL

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
AT_ONCE = 500
PIECE = 64 * 1024
MOST_SHEET_ROWS = 1_048_575
Rows = Iterable[Sequence[Any]]


def csv_of(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """RFC 4180 in UTF-8, with the mark by which spreadsheets know that; no text in it is a formula."""
    text = io.StringIO()
    text.write(BOM)
    lines = csv.writer(text)
    lines.writerow(columns)
    for number, row in enumerate(rows, start=1):
        lines.writerow([_harmless(cells.written(value)) for value in row])
        if number % AT_ONCE == 0:
            yield _taken(text)
    yield _taken(text)


def json_of(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """One array of objects, by the columns' names; values as they are."""
    yield b"["
    lead = ""
    part: list[str] = []
    for number, row in enumerate(rows, start=1):
        part.append(lead + json.dumps(dict(zip(columns, map(_json, row), strict=True)), ensure_ascii=False))
        lead = ",\n"
        if number % AT_ONCE == 0:
            yield "".join(part).encode()
            part = []
    yield ("".join(part) + "]\n").encode()


def xlsx_of(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """A workbook of one sheet. Texts are texts whatever they begin with; nothing in it is a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Nextmove")
    sheet.freeze_panes = "A2"
    sheet.append([_cell(sheet, column) for column in columns])
    for number, row in enumerate(rows, start=1):
        if number > MOST_SHEET_ROWS:
            break
        sheet.append([_cell(sheet, cells.written(value)) for value in row])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


Write = Callable[[Sequence[str], Rows], Iterator[bytes]]
FORMATS: dict[str, tuple[str, Write]] = {
    "csv": ("text/csv; charset=utf-8", csv_of),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_of),
    "json": ("application/json", json_of),
}
"""Each with its media type and how it is written."""


def _harmless(value: Any) -> Any:
    return cells.harmless(value) if isinstance(value, str) else value


def _taken(text: io.StringIO) -> bytes:
    piece = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return piece


def _json(value: Any) -> Any:
    if value is None or isinstance(value, bool | dict):
        return value
    return list(value) if isinstance(value, list | tuple | set) else cells.written(value)


def _cell(sheet: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = ILLEGAL_CHARACTERS_RE.sub("", value)
    text = cells.harmless(text) if text.startswith(cells.MARK) else text  # else reading would take its own mark off
    cell = WriteOnlyCell(sheet, value=text[:LONGEST_CELL])
    cell.data_type = "s"  # the library takes a text that begins with = for a formula
    return cell
