"""What a list is as a table: its columns, its rows as one may see them, and what it may be narrowed by."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from people.models import User

AT_ONCE = 2_000
MOST_ID = 2**63 - 1

Filter = Callable[[Any, str, User], Any]
"""Rows, what they are narrowed by, and who asks. Raises ValueError that says what to send."""


class BadFilter(ValueError):
    """The list cannot be narrowed so; `name` is the filter's, the message says what to send."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class NotAllowed(Exception):
    """The person may not see the list; the message names the right that it takes."""


@dataclass(frozen=True)
class Table:
    """A list of rows of one model, whose `columns` are read as they are named.

    `scope` is what a token needs to read the list itself.
    """

    scope: str
    rows: Callable[[User], Any]
    columns: Mapping[str, str]
    order: Sequence[str]
    filters: Mapping[str, Filter] = field(default_factory=dict)
    right: str = ""
    """Without which the list is refused, as its page is."""
    shown: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """How the value of a column is told, where that is not as it is."""

    @property
    def heads(self) -> list[str]:
        return list(self.columns)

    def lines(self, user: User, asked: Mapping[str, str], *, now: datetime) -> Iterator[Sequence[Any]]:  # noqa: ARG002
        """The rows, as they are read: memory stays the same however many there are. Raises BadFilter."""
        rows = self.rows(user)
        for name, value in narrowed(asked, self.filters).items():
            try:
                rows = self.filters[name](rows, value, user)
            except ValueError as wrong:
                raise BadFilter(name, str(wrong)) from None
        return self.told(rows)

    def told(self, rows: Any) -> Iterator[Sequence[Any]]:
        """These rows of the list, which somebody else has narrowed, in the list's own order."""
        found = rows.order_by(*self.order).values_list(*self.columns.values()).iterator(chunk_size=AT_ONCE)
        if not self.shown:
            return iter(found)
        tellers = [self.shown.get(name) for name in self.columns]
        return (
            [value if tell is None else tell(value) for tell, value in zip(tellers, row, strict=True)] for row in found
        )


@dataclass(frozen=True)
class Computed:
    """A list that no table holds: all of it is worked out at once."""

    scope: str
    heads: list[str]
    work_out: Callable[[User, datetime], Iterable[Sequence[Any]]]
    right: str = ""
    filters: Mapping[str, Filter] = field(default_factory=dict)

    def lines(self, user: User, asked: Mapping[str, str], *, now: datetime) -> Iterator[Sequence[Any]]:
        narrowed(asked, {})
        return iter(self.work_out(user, now))


def narrowed(asked: Mapping[str, str], filters: Mapping[str, Filter]) -> dict[str, str]:
    """The filters that were given. Raises BadFilter for one that the list does not have."""
    for name in asked:
        if name not in filters:
            known = ", ".join(filters) or "none"
            raise BadFilter(name, f"This list has no filter {name!r}. It has: {known}.")
    return {name: value for name, value in asked.items() if value != ""}


def equal(column: str, *, among: Sequence[str] = ()) -> Filter:
    """Rows whose column is the value; one of `among` when those are given."""

    def filtered(rows: Any, value: str, user: User) -> Any:  # noqa: ARG001
        if among and value not in among:
            raise ValueError(f"There is no {column} {value[:40]!r}: use one of {', '.join(among)}.")
        return rows.filter(**{column: value})

    return filtered


def identified(column: str) -> Filter:
    """Rows whose column is the id; `me` is who asks, `none` nobody."""

    def filtered(rows: Any, value: str, user: User) -> Any:
        if value == "none":
            return rows.filter(**{f"{column}__isnull": True})
        if value == "me":
            return rows.filter(**{column: user.pk})
        if not (value.isascii() and value.isdecimal() and int(value) <= MOST_ID):
            raise ValueError(f"{value[:40]!r} is no id: send a number, me or none.")
        return rows.filter(**{column: int(value)})

    return filtered


def yes(column: str) -> Filter:
    """Rows whose column is true, or not."""

    def filtered(rows: Any, value: str, user: User) -> Any:  # noqa: ARG001
        if value not in ("true", "false"):
            raise ValueError(f"{value[:40]!r} is neither true nor false.")
        return rows.filter(**{column: value == "true"})

    return filtered


def before(column: str) -> Filter:
    """Rows whose instant lies before the one given."""
    return lambda rows, value, _user: rows.filter(**{f"{column}__lt": _instant(value)})


def since(column: str) -> Filter:
    """Rows whose instant is the one given, or lies after it."""
    return lambda rows, value, _user: rows.filter(**{f"{column}__gte": _instant(value)})


def _instant(value: str) -> datetime:
    try:
        instant = parse_datetime(value)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not 1970 <= instant.year < 2200:
        raise ValueError(f"{value[:40]!r} is no instant: send one such as 2026-07-01T09:00:00Z.")
    return instant
