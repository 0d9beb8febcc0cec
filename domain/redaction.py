"""Taking a person's words out of texts and JSON values, and leaving what counts."""

import re
from collections.abc import Iterable
from typing import Any

SHORTEST = 2
"""A single letter is nobody's name, and stands in every text."""


class Redaction:
    """Replaces the words wherever they stand by themselves, in any case of letters."""

    def __init__(self, words: Iterable[str], stand_in: str) -> None:
        self.words = sorted({word.strip() for word in words if len(word.strip()) >= SHORTEST}, key=len, reverse=True)
        self.stand_in = stand_in
        # Longest first, so that no part of a longer one stays behind.
        either = "|".join(re.escape(word) for word in self.words)
        self._pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE) if self.words else None

    def found_in(self, value: Any) -> bool:
        """Whether any of the words stands anywhere in a text or a JSON value."""
        return bool(self.of(value) != value)

    def of(self, value: Any) -> Any:
        """The same value without the words; keys of objects are looked at too."""
        if isinstance(value, str):
            return self._pattern.sub(self.stand_in, value) if self._pattern else value
        if isinstance(value, list):
            return [self.of(one) for one in value]
        if isinstance(value, dict):
            return {self.of(key): self.of(one) for key, one in value.items()}
        return value


def numbers_of(value: Any, *, names: Iterable[str]) -> dict[str, Any]:
    """Of an object only the named numbers, which say nothing of anybody."""
    if not isinstance(value, dict):
        return {}
    return {name: value[name] for name in names if isinstance(value.get(name), int | float)}


def facts_of(data: Any, *, words: Iterable[str], ids: Iterable[str]) -> dict[str, Any]:
    """Of an event's data only the named ids that are numbers, and values that are among the fixed words."""
    if not isinstance(data, dict):
        return {}
    known, named = frozenset(words), frozenset(ids)
    return {
        key: value
        for key, value in data.items()
        if (key in named and (value is None or isinstance(value, int)))
        or (key in ("old_status", "new_status") and isinstance(value, str) and value in known)
    }
