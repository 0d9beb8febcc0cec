"""Values as callers have them, turned into what the engine compares, within a budget."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from domain.conditions.errors import ConditionFailed
from domain.conditions.fields import KIND_WORDS, Ref, Values, shown

MAX_ITEMS: Final = 2_000
"""Items in lists and maps that one condition may read."""

MAX_CHARACTERS: Final = 200_000
MAX_LOOPED: Final = 10_000_000
"""Items times characters, for a condition that loops: at most about half a second of searching."""

_ABSENT: Final[Mapping[str, Callable[[], object]]] = {"text": str, "bool": bool, "list": list, "map": dict}
_TYPES: Final[Mapping[str, type]] = {
    "text": str,
    "number": float,
    "bool": bool,
    "time": datetime,
    "list": list,
    "map": dict,
}


def variables(refs: Mapping[str, Ref], values: Values, *, loops: bool) -> dict[str, object]:
    """What each variable carries: numbers as floats, times in UTC (one without a zone is taken as UTC).

    Absent text is empty, absent yes/no is no, an absent list or map is empty, anything else absent is None.
    Raises ConditionFailed for a value that is not of its field's kind, and for more than the budget.
    """
    supply = _Supply()
    found = {name: supply.field(ref, values) for name, ref in refs.items()}
    if loops and supply.items * supply.characters > MAX_LOOPED:
        names = ", ".join(ref.full_name for ref in refs.values())
        amount = f"{supply.items} items and {supply.characters} characters"
        raise ConditionFailed(f"{names} hold {amount}: too much to loop over.")
    return found


@dataclass
class _Supply:
    """Converts, and counts what it converted."""

    items: int = 0
    characters: int = 0

    def field(self, ref: Ref, values: Values) -> object:
        value = ref.value(values)
        if value is None:
            return _ABSENT.get(ref.kind, lambda: None)()
        try:
            converted = self.convert(value)
        except RecursionError:
            raise ConditionFailed(f"{ref.full_name} is nested too deeply to judge.") from None
        except _TooMuch as problem:
            raise ConditionFailed(f"{ref.full_name} holds {problem}: too much to judge.") from None
        if ref.kind == "text" and not isinstance(converted, str):
            return str(value)
        if not isinstance(converted, _TYPES.get(ref.kind, object)):
            raise ConditionFailed(f"{ref.full_name} holds {shown(value)}, which is not {KIND_WORDS[ref.kind]}.")
        return converted

    def convert(self, value: object) -> object:
        if value is None or isinstance(value, bool | timedelta):
            return value
        if isinstance(value, int | float | Decimal):
            return _number(value)
        if isinstance(value, date):
            moment = value if isinstance(value, datetime) else datetime.combine(value, time())
            return _in_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if isinstance(value, Mapping):
            self.spend(items=len(value))
            return {self.text(str(key)): self.convert(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            self.spend(items=len(value))
            return [self.convert(item) for item in value]
        return self.text(str(value))

    def text(self, value: str) -> str:
        self.spend(characters=len(value))
        return value if value.isascii() else value.encode(errors="replace").decode()

    def spend(self, *, items: int = 0, characters: int = 0) -> None:
        self.items += items
        self.characters += characters
        if self.items > MAX_ITEMS:
            raise _TooMuch(f"more than {MAX_ITEMS} items")
        if self.characters > MAX_CHARACTERS:
            raise _TooMuch(f"more than {MAX_CHARACTERS} characters")


class _TooMuch(Exception):
    pass


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise _TooMuch("a time at the edge of the calendar") from None


def _number(value: int | float | Decimal) -> float:
    try:
        return float(value)
    except (OverflowError, ValueError):  # a whole number beyond all floats, a signalling NaN
        raise _TooMuch("a number beyond 10 to the 308") from None
