"""Values of the file in their normal form, one reader for each kind: what cannot be taken is told with what can."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from automation.programmes import exits
from automation.triggers import KINDS
from domain import delays

MOST_TEXT = 20_000
MOST_COUNT = 1_000_000

Fault = tuple[tuple[str | int, ...], str]
"""Where in a value something is wrong, and what to do."""


class Unfit(ValueError):
    """A value that its field cannot take, with what is wrong by its place in the value."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = list(faults)


def unfit(message: str, *place: str | int) -> Unfit:
    return Unfit((place, message))


def exact(most: int) -> Callable[[Any], str]:
    """A name, kept to the letter: it is what the row is found by."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise unfit(f"Give a text of at most {most} characters, in quotes if it looks like a number.")
        return value

    return read


def text(most: int = MOST_TEXT) -> Callable[[Any], str]:
    """A text, its line ends all of one kind."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise unfit(f"Give a text: put {str(value)[:40]} in quotes if it is one.")
        lines = value.replace("\r\n", "\n").replace("\r", "\n")
        if len(lines) > most:
            raise unfit(f"It has {len(lines):,} characters and may have {most:,}: shorten it.")
        return lines

    return read


def one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise unfit(f"Unknown {str(value)[:40]!r}: use {', '.join(words)}.")
        return str(value)

    return read


def whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise unfit(f"Give a whole number from {least:,} to {most:,}.")
        return value

    return read


def decimal(value: Any) -> Decimal:
    """A number of hours or days; which are allowed is for the domain to say."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not -MOST_COUNT <= value <= MOST_COUNT:
        raise unfit("Give a number, such as 4 or 1.5.")
    return Decimal(value).normalize() + 0  # no minus before a zero


def hours(value: Any) -> Any:
    """A number of hours that JSON keeps as a text or a float; anything else as it is."""
    if value == "" or isinstance(value, bool) or not isinstance(value, str | int | float):
        return value if value != "" else None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return value
    return number if number.is_finite() else str(value)


def yes_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise unfit("Give true or false.")
    return value


def delay(value: Any) -> dict[str, Any]:
    """As a map without what is usual: {} is at once."""
    if not isinstance(value, Mapping):
        raise unfit("Give a map, such as {kind: business, days: 2}.")
    try:
        read = delays.from_dict({name: str(one) if isinstance(one, Decimal) else one for name, one in value.items()})
    except ValueError as failure:
        raise unfit(str(failure)) from None
    kept = delays.as_dict(read)
    if kept["kind"] == "elapsed":
        del kept["kind"]
    if "hours" in kept:
        kept["hours"] = decimal(Decimal(kept["hours"]))
    return kept


def skills(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise unfit("Give a list, such as [{skill: Negotiation, level: 3}].")
    found = []
    for place, need in enumerate(value):
        if not isinstance(need, Mapping) or set(need) - {"skill", "level"} or not isinstance(need.get("skill"), str):
            raise unfit("Each skill is a map such as {skill: Negotiation, level: 3}.", place)
        level = whole(1, 5)(need.get("level", 1))
        found.append({"skill": need["skill"]} | ({"level": level} if level != 1 else {}))
    return found


def exits_of(value: Any) -> dict[str, Any]:
    """What differs from the usual exits, in their order."""
    if faults := exits.check(value):
        raise unfit(" ".join(faults))
    return {name: value[name] for name in exits.DEFAULTS if name in value and value[name] != exits.DEFAULTS[name]}


def plain(value: Any) -> Any:
    """Settings of a trigger at any depth: names sorted, numbers in their shortest form."""
    if isinstance(value, Mapping):
        return {str(name): plain(value[name]) for name in sorted(value, key=str)}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal) and not value.is_finite():
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value.normalize()
    return value


def trigger_config(kind: Any, value: Any) -> dict[str, Any]:
    """In the order of the trigger's own settings, without those left at what they are anyway."""
    if not isinstance(value, Mapping):
        raise unfit("Give a map of the trigger's settings.")
    if "rule_ids" in value:
        raise unfit("Name the rules, as rules: [Call back]: numbers differ from one installation to the next.")
    known = KINDS[kind].Config.model_fields if isinstance(kind, str) and kind in KINDS else {}
    order = ["rules", *known, *sorted(set(value) - set(known) - {"rules"})]
    given = {name: plain(value[name]) for name in order if name in value}
    usual = {name: one.default for name, one in known.items()}
    return {name: one for name, one in given.items() if one not in (None, "", []) and one != usual.get(name)}
