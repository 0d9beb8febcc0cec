"""What every file becomes once it is read: columns with their names, and rows of text with their line numbers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from domain.files import cells

MOST_COLUMNS = 200
MOST_ROWS = 200_000
LONGEST_CELL = 32_767
"""What a cell of a spreadsheet holds."""
LONGEST_HEADING = 100
WHOLE = ""
"""Instead of a column's name: what is wrong with the row as a whole."""


class Unreadable(ValueError):
    """The file is none that can be read; the message says what to send instead."""


class TooLarge(ValueError):
    """The file holds more than is taken at one go; the message says how much that is."""


@dataclass
class Row:
    """A row: where it begins in its file, its cells by column, and what is wrong with which of them."""

    line: int
    cells: list[str]
    faults: dict[str, str] = field(default_factory=dict)


@dataclass
class Sheet:
    """An opened file. `rows` is read as it is asked for, once."""

    format: str
    columns: list[str]
    rows: Iterator[Row]
    encoding: str = ""
    delimiter: str = ""


def headings(names: Iterable[str]) -> list[str]:
    """The columns' names, each once: an empty one is called by its letter, a second one of a name is numbered.

    Empty ones at the end are no columns. Raises TooLarge, Unreadable.
    """
    given = [" ".join(cells.plain(name).split())[:LONGEST_HEADING] for name in names]
    while given and not given[-1]:
        given.pop()
    if len(given) > MOST_COLUMNS:
        raise TooLarge(f"The file has over {MOST_COLUMNS} columns: leave out those that are not needed.")
    for place, name in enumerate(given):
        if not cells.can_be_kept(name):
            raise Unreadable(f"The name of column {letter(place)} holds a character that cannot be kept, such as NUL.")
    known: list[str] = []
    for place, name in enumerate(given):
        name, number = name or f"Column {letter(place)}", 1
        while (name if number == 1 else f"{name} ({number})") in known:
            number += 1
        known.append(name if number == 1 else f"{name} ({number})")
    return known


def letter(place: int) -> str:
    """How spreadsheets call the column at this place: A, B, ... AA."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def row_of(line: int, values: list[str], columns: list[str]) -> Row | None:
    """A row as wide as the columns, cleaned; None for an empty one. What no column can hold is a fault of its cell."""
    texts = [cells.plain(value) for value in values]
    while texts and not texts[-1]:
        texts.pop()
    if not texts:
        return None
    row = Row(line, (texts + [""] * len(columns))[: len(columns)])
    if len(texts) > len(columns):
        row.faults[WHOLE] = (
            f"It has {len(texts)} cells, and the row that names the columns has {len(columns)}: let the first row name "
            "all columns; in CSV, a text that holds the delimiter belongs in quotes."
        )
    for column, text in zip(columns, row.cells, strict=True):
        if len(text) > LONGEST_CELL:
            row.faults[column] = f"It is longer than {LONGEST_CELL:,} characters: shorten it."
        elif not cells.can_be_kept(text):
            row.faults[column] = "It holds a character that cannot be kept, such as NUL: take it out."
    for column in row.faults:
        if column in columns:
            row.cells[columns.index(column)] = ""
    return row


def bounded(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, up to as many as are taken. Raises TooLarge at the one that is too many."""
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS:
            raise TooLarge(f"The file has over {MOST_ROWS:,} rows: send it in parts.")
        yield row
