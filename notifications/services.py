"""What a service outside asks for: its fields, each checked when it is entered, and what is shown of them."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from crm import phones
from jobs import outgoing
from notifications.models import Sealed
from people import sealing

Config = Mapping[str, str]
LONGEST = 2_000


class Invalid(ValueError):
    """Fields that can't be kept; `errors` has for each what to write instead."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(said for messages in errors.values() for said in messages))
        self.errors = errors


@dataclass(frozen=True)
class Field:
    """`check` answers the value as it is kept, or raises ValueError with what to write instead."""

    name: str
    label: str
    check: Callable[[str], str]
    help: str = ""
    secret: bool = False
    required: bool = True
    default: str = ""
    mask: Callable[[str], str] = sealing.masked


@dataclass(frozen=True)
class Service:
    """`knows_again` says, by what is shown, whether the other side takes a second message with the same id for the
    first.
    """

    code: str
    label: str
    fields: tuple[Field, ...]
    help: str = ""
    knows_again: Callable[[Config], bool] = lambda _shown: False


def fill(row: Sealed, known: Mapping[str, Service], code: str, given: Config, *, now: datetime) -> bool:
    """Checks and seals what was entered into the row, unsaved; False when it is what the row has. Raises Invalid."""
    service = known.get(code)
    if service is None:
        raise Invalid({"service": [f"There is no service {code!r} for this: use one of {', '.join(known)}."]})
    kept = _kept(row) if row.service == code else {}
    config = _cleaned(service, given, kept)
    if config == kept:
        return False
    row.service, row.sealed, row.changed_at = code, sealing.seal(json.dumps(config)), now
    row.shown = {
        one.name: one.mask(config[one.name]) if one.secret and config[one.name] else config[one.name]
        for one in service.fields
    }
    return True


def _kept(row: Sealed) -> Config:
    """What cannot be read any more is entered anew."""
    try:
        return row.config
    except sealing.Unreadable:
        return {}


def _cleaned(service: Service, given: Config, kept: Config) -> dict[str, str]:
    """A secret that is left out or empty stays as it was."""
    known = [one.name for one in service.fields]
    errors = {
        name: [f"{service.label} has no such field: use some of {', '.join(known)}."]
        for name in given
        if name not in known
    }
    config = {}
    for one in service.fields:
        value = given.get(one.name, "").strip() or (kept.get(one.name, "") if one.secret else "") or one.default
        try:
            config[one.name] = one.check(value) if value else ""
        except ValueError as wrong:
            errors[one.name] = [str(wrong)]
        if not value and one.required:
            errors[one.name] = [f"{one.label} is needed."]
    if errors:
        raise Invalid(errors)
    return config


def matching(pattern: str, advice: str) -> Callable[[str], str]:
    """A check by a pattern, over the whole value."""
    form = re.compile(pattern)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(advice)
        return value

    return check


def web_address(value: str) -> str:
    """An address that our own sender calls."""
    if len(value) > LONGEST:
        raise ValueError(f"Write an address of at most {LONGEST:,} characters.")
    outgoing.check(value)
    return value


def phone(value: str) -> str:
    number = phones.normalised(value)
    if not number:
        raise ValueError("Write the number with its country's code, such as +49 170 1234567.")
    return number


def end_of_phone(number: str) -> str:
    return f"••••{number[-3:]}"


def host_and_end(url: str) -> str:
    return f"{urlsplit(url).hostname}/{sealing.masked(url)}"


PHONE = Service("phone", "Phone", (Field("phone", "Phone number", phone, secret=True, mask=end_of_phone),))
