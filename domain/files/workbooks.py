"""XLSX: the first sheet that holds anything, as text. A file that would unpack to far more than it is, is refused."""

import io
import warnings
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from itertools import islice
from typing import Any, TypeVar

import openpyxl
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from domain.files import sheets
from domain.files.sheets import Row, Sheet, TooLarge, Unreadable

MOST_UNPACKED = 400 * 1024 * 1024
MOST_SHARED = 100 * 1024 * 1024
"""Texts that cells share are all held in memory."""
MOST_PARTS = 2_000
MOST_LINES = 1_048_576
"""What a sheet has in a spreadsheet program, empty ones counted."""
AT_ONCE = 500
UNCOMPUTED = "uncomputed"
NO_WORKBOOK = "It is no XLSX workbook that can be read: save it again as .xlsx, or as CSV."

T = TypeVar("T")
Values = tuple[int, list[str], dict[int, str]]
"""A row's number, its texts, and which of them are errors."""


def opened(data: bytes) -> Sheet:
    """The file with its columns. Raises Unreadable, TooLarge."""
    _check(data)
    book = _read(lambda: openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False))
    for worksheet in _read(lambda: list(book.worksheets)):
        if worksheet.sheet_state != "visible":
            continue
        values = _values(worksheet)
        for _, texts, _ in values:
            if columns := sheets.headings(texts):
                return Sheet("xlsx", columns, sheets.bounded(_rows(values, columns)))
    raise Unreadable(
        "No sheet of the workbook holds anything: the first row names the columns, each row after it is one."
    )


def _check(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise TooLarge(
                    f"Unpacked, the workbook is over {MOST_UNPACKED // 2**20} MB: send it in parts, or as CSV."
                )
            shared = [part.file_size for part in parts if part.filename.endswith("sharedStrings.xml")]
            if sum(shared) > MOST_SHARED:
                raise TooLarge("The workbook holds too many different texts: send it in parts, or as CSV.")
    except TooLarge:
        raise
    except Exception as failure:  # the library raises of everything, for bytes of anybody's
        raise Unreadable(NO_WORKBOOK) from failure


def _read(step: Callable[[], T]) -> T:
    """One step of the library, which warns of what it leaves out, and raises of everything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return step()
    except (Unreadable, TooLarge):
        raise
    except Exception as failure:
        raise Unreadable(NO_WORKBOOK) from failure


class _Parser(WorkSheetParser):
    """Tells a formula whose value was never worked out from an empty cell."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None and element.get("t") != "str" and element.find(FORMULA_TAG) is not None:
            cell |= {"data_type": "e", "value": UNCOMPUTED}
        return cell


def _values(worksheet: Any) -> Iterator[Values]:
    """All rows that are not empty, in the order of the file, by the numbers that it gives them. Raises TooLarge.

    Read by the library's parser: its `iter_rows` makes up all rows and cells that are left out, which a few bytes make
    millions of, and leaves out those that are not in their order.
    """
    book = worksheet.parent
    with _read(worksheet._get_source) as source:
        parser = _Parser(
            source,
            worksheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        rows, seen = parser.parse(), 0
        while part := _read(lambda: list(islice(rows, AT_ONCE))):
            seen += len(part)
            if seen > MOST_LINES:
                raise TooLarge(f"The sheet has over {MOST_LINES:,} rows, empty ones too: delete what is not needed.")
            for number, cells in part:
                texts, errors = _cells(cells)
                if errors or any(texts):
                    yield number, texts, errors


def _cells(cells: list[dict[str, Any]]) -> tuple[list[str], dict[int, str]]:
    """The texts of a row, and what is wrong with which. Cells farther right than any column stand for one too many."""
    texts: list[str] = []
    errors: dict[int, str] = {}
    for cell in cells:
        place = min(cell["column"] - 1, sheets.MOST_COLUMNS)
        texts += [""] * (place + 1 - len(texts))
        if cell["data_type"] == "e":
            errors[place] = str(cell["value"])
        else:
            texts[place] = texts[place] or _text(cell["value"])
    return texts, errors


def _rows(values: Iterator[Values], columns: list[str]) -> Iterator[Row]:
    for number, texts, errors in values:
        row = sheets.row_of(number, texts, columns) or Row(number, [""] * len(columns))
        for place, error in errors.items():
            if place < len(columns):
                cell = f"{sheets.letter(place)}{number}"
                row.faults[columns[place]] = (
                    f"The formula of cell {cell} was never worked out: save the file in a spreadsheet program."
                    if error == UNCOMPUTED
                    else f"Cell {cell} is the error {error[:20]}: mend its formula."
                )
        if row.faults or any(row.cells):
            yield row


def _text(value: Any) -> str:
    """As people read it, where that can be told apart from another value: dates in ISO 8601, whole numbers whole."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)
