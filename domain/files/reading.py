"""One door for every file: told by its first bytes, not by its name."""

from domain.files import cards, delimited, workbooks
from domain.files.sheets import Sheet, TooLarge, Unreadable

MOST_BYTES = 30 * 1024 * 1024
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
CARD = b"BEGIN:VCARD"


def opened(data: bytes, *, encoding: str = "", delimiter: str = "") -> Sheet:
    """The file with its columns; rows follow as they are asked for. Raises Unreadable, TooLarge.

    `encoding` and `delimiter` are found out when left empty.
    """
    if len(data) > MOST_BYTES:
        raise TooLarge(f"The file is over {MOST_BYTES // 2**20} MB: send it in parts.")
    if data.startswith(ZIP):
        return workbooks.opened(data)
    if data.startswith(OLD_EXCEL):
        raise Unreadable("It is a workbook of an old format (.xls), or one with a password: save it as .xlsx or CSV.")
    if _is_card(data):
        return cards.opened(data, encoding=encoding)
    return delimited.opened(data, encoding=encoding, delimiter=delimiter)


def _is_card(data: bytes) -> bool:
    """In any encoding: NULs of UTF-16 and marks left out."""
    start = data[:200].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start[: len(CARD)].upper() == CARD
