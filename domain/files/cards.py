"""vCard 2.1, 3 and 4: each card a row of the same columns, beginning at the line of its BEGIN."""

import re
from collections.abc import Iterator
from typing import Any

import vobject

from domain.files import decoding, sheets
from domain.files.sheets import Row, Sheet, Unreadable

COLUMNS = ["Name", "E-mail", "Phone", "Company", "Time zone", "Tags", "External id"]
BEGIN, END = re.compile(r"^BEGIN\s*:\s*VCARD\s*$", re.IGNORECASE), re.compile(r"^END\s*:\s*VCARD\s*$", re.IGNORECASE)
BULKY = re.compile(r"^(?:[A-Za-z0-9-]+\.)?(?:PHOTO|LOGO|SOUND|KEY)[;:]", re.IGNORECASE)
"""Pictures and such, which are no part of a contact here; they are not even parsed."""
AGENT = re.compile(r"^(?:[A-Za-z0-9-]+\.)?AGENT[^:]*:\s*$", re.IGNORECASE)
NO_END = "The card has no END:VCARD: the file was cut off, or a line is missing."
LONGEST_CARD = 100_000
LAST = 101
"""Of lines, the rank of one that is not preferred."""
NO_CARDS = "The file holds no vCard: each begins with BEGIN:VCARD and ends with END:VCARD."


def opened(data: bytes, *, encoding: str = "") -> Sheet:
    """The file as rows. Raises Unreadable."""
    text, found = decoding.text_of(data, encoding)
    if not re.search(r"^\s*BEGIN\s*:\s*VCARD", text[:10_000], re.IGNORECASE | re.MULTILINE):
        raise Unreadable(NO_CARDS)
    return Sheet("vcard", list(COLUMNS), sheets.bounded(_rows(text)), encoding=found)


def _rows(text: str) -> Iterator[Row]:
    for line, card, why in _cards(text):
        if not why:
            try:
                values = _values(card)
            except Exception as failure:  # the library raises of everything, for text of anybody's
                why = f"The card cannot be read ({str(failure)[:120]}): save it again as vCard 3 or 4."
            else:
                row = sheets.row_of(line, values, COLUMNS)
                yield row or Row(line, [""] * len(COLUMNS), {sheets.WHOLE: "The card is empty: leave it out."})
                continue
        yield Row(line, [""] * len(COLUMNS), {sheets.WHOLE: why})


def _cards(text: str) -> Iterator[tuple[int, str, str]]:
    """Each card with the line it begins at. The card of an AGENT lies within another, is part of that one and left out.

    Any other that begins before the one before it ended, shows that a line is missing there.
    """
    lines: list[str] = []
    begun = depth = size = 0
    bulky = False
    for number, line in enumerate(text.splitlines(), start=1):
        if BEGIN.match(line):
            if depth and not (lines and AGENT.match(lines[-1])):
                yield begun, "", NO_END
                depth = 0
            depth += 1
            if depth == 1:
                begun, lines, size, bulky = number, [], 0, False
        if depth == 1:
            folded = line[:1] in (" ", "\t")
            bulky = bulky if folded else bool(BULKY.match(line))
            if not bulky:
                lines.append(line)
                size += len(line)
        if END.match(line) and depth:
            depth -= 1
            if depth == 0:
                long = "The card is too long: leave out what is no part of a contact." if size > LONGEST_CARD else ""
                yield begun, "\r\n".join(lines) + "\r\n", long
    if depth:
        yield begun, "", NO_END


def _values(card: str) -> list[str]:
    found = vobject.readOne(card, ignoreUnreadable=True, allowQP=True)
    parts: dict[str, list[Any]] = found.contents
    name = _first(parts, "fn") or _full_name(parts)
    company = _first(parts, "org")
    zone = _first(parts, "tz")
    uid = _first(parts, "uid").removeprefix("urn:uuid:")
    tags = [tag for line in parts.get("categories", []) for tag in _texts(line.value)]
    phone = _preferred(parts, "tel").removeprefix("tel:")
    return [
        name,
        _preferred(parts, "email"),
        phone,
        company,
        zone if "/" in zone else "",
        "; ".join(tags),
        uid,
    ]


def _full_name(parts: dict[str, list[Any]]) -> str:
    for line in parts.get("n", []):
        value = line.value
        words = [" ".join(_texts(getattr(value, part, ""))) for part in ("given", "additional", "family")]
        if name := " ".join(word for word in words if word):
            return name
    return ""


def _first(parts: dict[str, list[Any]], name: str) -> str:
    return next((text for line in parts.get(name, []) for text in _texts(line.value)), "")


def _preferred(parts: dict[str, list[Any]], name: str) -> str:
    """The one the card prefers, else its first."""
    lines = sorted(parts.get(name, []), key=_rank)
    return next((text for line in lines for text in _texts(line.value)), "")


def _rank(line: Any) -> int:
    """vCard 4 says by 1 to 100 which comes first, the older ones that it does."""
    said = "".join(str(value) for value in line.params.get("PREF", []))
    if said.isascii() and said.isdecimal():
        return min(int(said[:4]), LAST)
    words = {str(word).lower() for value in line.params.get("TYPE", []) for word in str(value).split(",")}
    return 1 if "pref" in words or "PREF" in line.params or "PREF" in line.singletonparams else LAST


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list | tuple) else [value]
    texts = [one.decode() if isinstance(one, bytes) else str(one) for one in listed]
    return [text.strip() for text in texts if text.strip()]
