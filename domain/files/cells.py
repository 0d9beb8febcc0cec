"""Single cells: text that a spreadsheet must not take for a formula, and text as it was before that was seen to."""

import json
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take a cell that begins with for more than text; some of them the full-width forms too."""
BLANK = " \n\N{NO-BREAK SPACE}"
MARK = "'"


def harmless(text: str) -> str:
    """Text that no spreadsheet runs: what would be a formula begins with an apostrophe, blanks before it or not.

    So does what begins with apostrophes before such a thing, so that `plain` gives every text back.
    """
    return MARK + text if _looks_like_one(text.lstrip(MARK)) else text


def plain(text: str) -> str:
    """The text of a cell, without blanks around it and without the apostrophe of `harmless`."""
    text = text.strip()
    return text[1:].strip() if text.startswith(MARK) and _looks_like_one(text.lstrip(MARK)) else text


def _looks_like_one(text: str) -> bool:
    return text.lstrip(BLANK).startswith(STARTS)


def can_be_kept(text: str) -> bool:
    """Whether every database can: no NUL, no half of a pair."""
    return "\0" not in text and not any(unicodedata.category(one) == "Cs" for one in text if one >= "\ud800")


def written(value: Any) -> Any:
    """A value as files have it: numbers stay numbers, instants are UTC in ISO 8601, lists are joined."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds" if value.microsecond else "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple | set):
        return "; ".join(str(one) for one in value)
    return value if isinstance(value, int | float | str) else str(value)
