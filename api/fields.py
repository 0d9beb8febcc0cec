"""What bodies are made of: bounded text, ids, hours and instants, each refusing what no column could hold."""

from datetime import UTC, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, TypeVar

from django.db.models import Model, QuerySet
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from api.errors import invalid, not_found
from domain import recurrence

Row = TypeVar("Row", bound=Model)

UNSET: Any = None
"""The default of a field that a PATCH may leave out but not set to null; read with `exclude_unset`."""

MAX_ID = 2**63 - 1
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
CENT = Decimal("0.01")


class In(BaseModel):
    """A body. Unknown fields are refused, so that a typing error never passes for a wish."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Out(BaseModel):
    """An answer, read from a row or a dict."""

    model_config = ConfigDict(from_attributes=True)


def _to_cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def _in_range(value: datetime) -> datetime:
    if not FIRST <= value < LAST:
        raise ValueError("the year must lie between 1970 and 2199")
    return value


def _local(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("write a local time without a zone, such as 09:00")
    return value


LocalTime = Annotated[time, AfterValidator(_local)]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Level = Annotated[int, Field(ge=1, le=5)]
Short = Annotated[str, StringConstraints(max_length=60)]
Line = Annotated[str, StringConstraints(max_length=200)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
MOST_HOURS = 100_000
# A number in JSON, a decimal of two places behind it.
Hours = Annotated[
    Decimal,
    Field(ge=0, le=MOST_HOURS),
    AfterValidator(_to_cents),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MOST_HOURS}),
]
Spent = Annotated[
    Decimal,
    Field(ge=0, le=1000),
    AfterValidator(_to_cents),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1000}),
]
Estimate = Annotated[
    Decimal,
    Field(ge=CENT, le=MOST_HOURS),
    AfterValidator(_to_cents),
    WithJsonSchema({"type": "number", "minimum": 0.01, "maximum": MOST_HOURS}),
]
Share = Annotated[
    Decimal,
    Field(ge=Decimal("0.05"), le=1),
    AfterValidator(_to_cents),
    WithJsonSchema({"type": "number", "minimum": 0.05, "maximum": 1}),
]
# As `recurrence.check_cadence` has it: a word, or every 1 to 3650 days.
_WORDS = "|".join(recurrence.CADENCES)
_EVERY_N_DAYS = "days:([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650)"
Cadence = Annotated[
    str, StringConstraints(pattern=f"^({_WORDS}|{_EVERY_N_DAYS})$"), Field(examples=["weekly", "days:10"])
]
MaybeCadence = Annotated[
    str, StringConstraints(pattern=f"^({_WORDS}|{_EVERY_N_DAYS})?$"), Field(examples=["weekly", "days:10", ""])
]
Instant = Annotated[AwareDatetime, AfterValidator(_in_range)]


def one(rows: QuerySet[Row], pk: Any, what: str) -> Row:
    """The row of the path, among those one may see; else the 404."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise not_found(what, pk)
    return row


def named(rows: QuerySet[Row], pk: Any, pointer: str, what: str) -> Row:
    """A row that the body names, among those one may see; else a 422 that points at the field."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise invalid(pointer, "unknown", f"There is no {what} {pk} that you may see.")
    return row


def all_named(rows: QuerySet[Row], ids: list[int], field: str, what: str) -> list[Row]:
    """The rows of a list of ids, each once; else a 422 that points at the first that one may not name."""
    known = rows.in_bulk(ids)
    for index, pk in enumerate(ids):
        if pk not in known:
            named(rows.none(), pk, f"/{field}/{index}", what)
    return list(known.values())
