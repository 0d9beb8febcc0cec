"""Lists: `?limit=&cursor=` -> {results, next, previous}. A cursor is the place after a row, signed, so that pages stay
right while rows come and go, and page 1,000 costs what page 1 does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from api.errors import invalid

MAX_LIMIT = 200
SALT = "api.cursor"

T = TypeVar("T")
Row = TypeVar("Row", bound=Model)

Limit = Annotated[int, Query(50, ge=1, le=MAX_LIMIT, description="Rows on a page")]
Cursor = Annotated[
    str | None, Query(None, max_length=1000, description="From `next` or `previous` of another page of this list")
]


class Page(BaseModel, Generic[T]):
    results: list[T]
    next: str | None = Field(description="The address of the next page; null on the last")
    previous: str | None = Field(description="The address of the page before; null on the first")


@dataclass(frozen=True)
class Place:
    """A row's sort values, and whether the page lies after it or before it."""

    values: list[Any]
    before: bool = False


def page(
    request: HttpRequest,
    rows: QuerySet[Row],
    *,
    limit: int,
    cursor: str | None,
    shown: Callable[[Sequence[Row]], list[Any]],
    order: Sequence[str] = ("id",),
) -> dict[str, Any]:
    """One page. `order` is columns that are never null, all ascending or all descending (`-id`), the last unique."""
    place = read_cursor(cursor, order) if cursor else None
    backward = place is not None and place.before
    if place is not None:
        rows = rows.filter(_beyond(order, place))
    found = list(rows.order_by(*(_flipped(order) if backward else order))[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backward:
        found.reverse()
    has_next = more if not backward else bool(found)
    has_previous = more if backward else place is not None and bool(found)
    return {
        "results": shown(found),
        "next": _link(request, order, found[-1], before=False) if has_next else None,
        "previous": _link(request, order, found[0], before=True) if has_previous else None,
    }


def link(request: HttpRequest, cursor: str) -> str:
    """The address of the page at this cursor: same path, same filters."""
    query = {name: value for name, value in request.GET.items() if name != "cursor"}
    return f"{request.path}?{urlencode(query | {'cursor': cursor})}"


def read_cursor(cursor: str, order: Sequence[str]) -> Place:
    try:
        columns, values, before = signing.loads(cursor, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        columns, values, before = None, [], False
    if columns != list(order):
        raise invalid("/cursor", "cursor", "This cursor is not of this list. Start again without one.") from None
    return Place([_read(value) for value in values], before)


def write_cursor(order: Sequence[str], place: Place) -> str:
    return signing.dumps([list(order), [_written(value) for value in place.values], place.before], salt=SALT)


def _link(request: HttpRequest, order: Sequence[str], row: Model, *, before: bool) -> str:
    values = [getattr(row, column.lstrip("-")) for column in order]
    return link(request, write_cursor(order, Place(values, before)))


def _written(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _read(value: Any) -> Any:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value


def _beyond(order: Sequence[str], place: Place) -> Q:
    """(a, id) > (x, y), written so that every database can walk an index."""
    descending = order[0].startswith("-")
    word = "lt" if descending != place.before else "gt"
    columns = [column.lstrip("-") for column in order]
    condition = Q()
    for position, column in enumerate(columns):
        equal = dict(zip(columns[:position], place.values, strict=False))
        condition |= Q(**equal, **{f"{column}__{word}": place.values[position]})
    return condition


def _flipped(order: Sequence[str]) -> list[str]:
    return [column[1:] if column.startswith("-") else f"-{column}" for column in order]
