"""Steps within a task: lines of its description that begin with `- [ ]`, or with `- [x]` once they are done.

So whoever writes a description writes a checklist: a person, a rule, a sequence, a file or a program.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ITEM = re.compile(r"^(?P<before>[ \t]*[-*] \[)(?P<mark>[ xX])(?P<after>\][ \t]+)(?P<words>\S.*?)[ \t]*$")


class Gone(ValueError):
    """The description was changed meanwhile: there is no such item at this place any more."""


@dataclass(frozen=True)
class Item:
    """One line to tick. `place` counts the items of a description from 0."""

    place: int
    words: str
    done: bool


@dataclass(frozen=True)
class Part:
    """A stretch of a description: either text or items that follow each other."""

    text: str = ""
    items: tuple[Item, ...] = ()


def parts(description: str) -> list[Part]:
    """A description in the order in which it is read; blank text between items is left out."""
    found: list[Part] = []
    text: list[str] = []
    items: list[Item] = []
    for line, item in _lines(description):
        if item is None:
            if items and line.strip():
                found.append(Part(items=tuple(items)))
                items = []
            text.append(line)
        else:
            if not items:
                _end(text, found)
            text.clear()
            items.append(item)
    if items:
        found.append(Part(items=tuple(items)))
    _end(text, found)
    return found


def progress(description: str) -> tuple[int, int]:
    """How many items are done, and how many there are."""
    items = [item for _, item in _lines(description) if item is not None]
    return sum(item.done for item in items), len(items)


def ticked(description: str, place: int, words: str, *, done: bool) -> str:
    """The description with one item done or not, all else to the letter as it was. Raises Gone."""
    lines = description.split("\n")
    for at, (line, item) in enumerate(_lines(description)):
        if item is not None and item.place == place and item.words == words:
            lines[at] = _marked(line, done=done)
            return "\n".join(lines)
    raise Gone(f"There is no “{words}” on this list any more: look at it again.")


def _lines(description: str) -> Iterator[tuple[str, Item | None]]:
    place = 0
    for line in description.split("\n"):
        match = _ITEM.match(line.rstrip("\r"))
        yield line, Item(place, match["words"], match["mark"] != " ") if match else None
        place += match is not None


def _marked(line: str, *, done: bool) -> str:
    match = _ITEM.match(line.rstrip("\r"))
    assert match is not None
    at = match.start("mark")
    return f"{line[:at]}{'x' if done else ' '}{line[at + 1 :]}"


def _end(text: list[str], found: list[Part]) -> None:
    """Keeps the text so far, if it says anything."""
    whole = "\n".join(text).strip()
    if whole:
        found.append(Part(text=whole))
    text.clear()
