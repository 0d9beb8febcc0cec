"""YAML text as plain values with the line of each, within limits: nothing in the text can run, expand or hide anything.

Only what the written file uses is read: maps, lists, texts, numbers, true and false. Words such as `yes` or `10:00` are
texts, whatever older YAML made of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same events, many times as fast
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}

Place = tuple[str | int, ...]


class BadDocument(ValueError):
    """The text is no document that can be read; the message says where and what to do."""


class TooLarge(BadDocument):
    """It is over the limit of bytes."""


@dataclass
class Parsed:
    """The document's value, and the line (from 1) on which each part of it begins."""

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)

    def line_of(self, place: Place) -> int | None:
        """The line of the part, else of the nearest one around it; None for what was no text."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


@dataclass
class _Open:
    """A map or list that is being read. `key` is the one whose value comes next."""

    value: Any
    place: Place
    key: str | None = None


def parse(text: str | bytes) -> Parsed:
    """One YAML document. Raises BadDocument, TooLarge."""
    source = _decoded(text)
    try:
        return _built(yaml.parse(source, Loader=_LOADER))
    except yaml.YAMLError as failure:
        mark = getattr(failure, "problem_mark", None)
        where = f"Line {mark.line + 1}" if mark is not None else "The text"
        problem = getattr(failure, "problem", None) or " ".join(str(failure).split())
        raise BadDocument(
            f"{where} is no YAML ({problem}). Indent with spaces, and put texts that hold : or # in quotes."
        ) from None


def settled(value: Any) -> Any:
    """A value that came as JSON, as `parse` would give it: floats are decimals, depth has its limit."""
    return _settled(value, 0)


def _settled(value: Any, depth: int) -> Any:
    if depth > MOST_DEPTH:
        raise BadDocument(_TOO_DEEP)
    if isinstance(value, dict):
        return {_text(str(key), ""): _settled(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_settled(one, depth + 1) for one in value]
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, int) and abs(value) >= 10**18:
        raise BadDocument("A number has more than 18 digits: nothing in the document needs that.")
    return _text(value, "") if isinstance(value, str) else value


def _decoded(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise TooLarge(f"The document has {size:,} bytes and may have {MOST_BYTES:,}: send it in parts.")
    try:
        return (text if isinstance(text, bytes) else text.encode()).decode("utf-8-sig")
    except (UnicodeDecodeError, UnicodeEncodeError) as failure:
        raise BadDocument(f"The document is not UTF-8 ({failure.reason}): save it as UTF-8.") from None


_TOO_DEEP = f"The document is nested more than {MOST_DEPTH} deep: nothing in it needs that."


def _built(events: Iterator[Any]) -> Parsed:
    found = Parsed()
    stack: list[_Open] = []
    documents = 0
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BadDocument(f"Line {line} begins a second document: put everything into one.")
        elif isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        elif isinstance(event, yaml.NodeEvent):
            _take(event, line, stack, found)
    return found


def _take(event: Any, line: int, stack: list[_Open], found: Parsed) -> None:
    """One scalar, or the beginning of a map or list, put where it belongs."""
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise BadDocument(f"Line {line} uses an anchor or alias (& or *): write the value out, or put it in quotes.")
    if event.tag not in (None, "!"):
        raise BadDocument(f"Line {line} uses a tag ({event.tag[:40]}): leave it out, or put the text in quotes.")
    around = stack[-1] if stack else None
    if around is not None and isinstance(around.value, dict) and around.key is None:
        around.key = _key(event, line, around)
        return
    is_scalar = isinstance(event, yaml.ScalarEvent)
    value: Any = _scalar(event, line) if is_scalar else {} if isinstance(event, yaml.MappingStartEvent) else []
    place = _put(value, around, found)
    found.lines[place] = line
    if not is_scalar:
        stack.append(_Open(value, place))
        if len(stack) > MOST_DEPTH:
            raise BadDocument(f"Line {line}: {_TOO_DEEP}")


def _put(value: Any, around: _Open | None, found: Parsed) -> Place:
    if around is None:
        found.value = value
        return ()
    if isinstance(around.value, list):
        around.value.append(value)
        return (*around.place, len(around.value) - 1)
    assert around.key is not None  # the caller has read it
    key, around.key = around.key, None
    around.value[key] = value
    return (*around.place, key)


def _key(event: Any, line: int, around: _Open) -> str:
    if not isinstance(event, yaml.ScalarEvent):
        raise BadDocument(f"Line {line} has a list or map as a name: put texts that begin with [ or {{ in quotes.")
    key = _text(event.value, f"Line {line}: ")
    if key in around.value:
        raise BadDocument(f"Line {line} gives {key[:60]!r} a second time: leave one of the two out.")
    return key


def _scalar(event: Any, line: int) -> Any:
    text: str = event.value
    is_quoted = event.style not in (None, "")  # the two parsers tell it differently
    if is_quoted or not event.implicit[0]:
        return _text(text, f"Line {line}: ")
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else _text(text, f"Line {line}: ")


def _text(text: str, where: str) -> str:
    if "\0" in text:
        raise BadDocument(f"{where}A text holds a NUL character, which cannot be kept: take it out.")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise BadDocument(f"{where}A text holds half a character: type it again.")
    return text


def is_plain(text: str) -> bool:
    """Whether the text, written without quotes, is read as this text and not as a number or a word of YAML's own."""
    return text.lower() not in _WORDS and not _INT.fullmatch(text) and not _DECIMAL.fullmatch(text)
