"""CSV: which character parts the cells, and the rows with the lines they begin at."""

import csv
import io
from collections import Counter
from collections.abc import Iterator

from domain.files import decoding, sheets
from domain.files.sheets import Row, Sheet, Unreadable

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
LOOKED_AT = 50
"""Rows by which the delimiter is told."""
LONGEST_SAMPLE = 256 * 1024
SAID = "sep="
"""How spreadsheets name the delimiter in a first line of its own."""
csv.field_size_limit(64 * 1024 * 1024)
"""More than a file may have: cut off within quotes, the rest of a long cell would be taken for rows."""


def opened(data: bytes, *, encoding: str = "", delimiter: str = "") -> Sheet:
    """The file with its columns. Raises Unreadable, TooLarge."""
    text, found = decoding.text_of(data, encoding)
    skipped = 0
    first = text[: len(SAID) + 3]
    if first.lower().startswith(SAID) and first[len(SAID) : len(SAID) + 1] in DELIMITERS:
        delimiter = delimiter or first[len(SAID)]
        text, skipped = text.partition("\n")[2], 1
    by = _delimiter(text, delimiter)
    records = _records(text, by)
    for line, values, why in records:
        if why:
            raise Unreadable(f"Line {line + skipped} should name the columns, but {why}")
        if columns := sheets.headings(values):
            rows = sheets.bounded(_rows(records, columns, skipped))
            return Sheet("csv", columns, rows, encoding=found, delimiter=by)
    raise Unreadable("The file is empty: its first line names the columns, each line after it is a row.")


def _rows(records: Iterator[tuple[int, list[str], str]], columns: list[str], skipped: int) -> Iterator[Row]:
    for line, values, why in records:
        if why:
            yield Row(line + skipped, [""] * len(columns), {sheets.WHOLE: why})
        elif (row := sheets.row_of(line + skipped, values, columns)) is not None:
            yield row


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Line, cells, and what is wrong; after a fault the next line begins a record."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as failure:
            last = reader.line_num
            reach = f", and everything up to line {last} was taken as part of it" if last > line else ""
            yield line, [], f"its quotes are wrong ({failure}){reach}: a quote within quotes is written twice."
        else:
            yield line, values, ""


def _delimiter(text: str, said: str) -> str:
    if said:
        by_name = {name: one for one, name in DELIMITERS.items()} | {"\\t": "\t"}
        found = by_name.get(said.strip().lower(), said)
        if found not in DELIMITERS:
            raise Unreadable(f"{said!r} parts no cells: use one of {', '.join(DELIMITERS.values())}.")
        return found
    return max(DELIMITERS, key=lambda one: _fit(text[:LONGEST_SAMPLE], one))


def _fit(sample: str, delimiter: str) -> tuple[float, int]:
    """How many of the first rows are as wide as the first, if that is more than one cell; the wider, the better."""
    widths: list[int] = []
    for _, values, why in _records(sample, delimiter):
        if not why and any(values):
            widths.append(len(values))
        if len(widths) >= LOOKED_AT:
            break
    if not widths or widths[0] < 2:
        return (0.0, 0)
    alike = Counter(widths)[widths[0]] / len(widths)
    return (round(alike, 1), widths[0])
