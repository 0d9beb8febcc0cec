"""What the Python names are given, checked before anything is made: a refusal names the argument and what it may be."""

import re
import reprlib
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from automation.programmes.eligibility import Refused
from crm import addresses, intake
from crm.models import Contact
from domain import recurrence
from people.models import User

Row = TypeVar("Row", bound=Model)

CENT = Decimal("0.01")
MOST_HOURS = 100_000
MOST_ID = 2**63 - 1
ID = re.compile("[0-9]{1,18}")
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class BadArgument(ValueError):
    """An argument that cannot be used; `argument` is its name, the message says what to give instead."""

    def __init__(self, argument: str, given: Any, wanted: str) -> None:
        super().__init__(f"{argument} is {reprlib.repr(given)}: give {wanted}.")
        self.argument = argument


def text(argument: str, given: Any, *, most: int, blank: bool = False) -> str:
    """A text that a column can hold. Raises BadArgument."""
    fits = isinstance(given, str) and len(given) <= most and (blank or given.strip()) and intake.can_be_kept(given)
    if not fits:
        raise BadArgument(argument, given, f"text of {'at most' if blank else '1 to'} {most} characters")
    return str(given)


def word(argument: str, given: Any, known: Iterable[str]) -> str:
    """One of these words, in any case of letters. Raises BadArgument."""
    words = list(known)
    found = given.strip().lower() if isinstance(given, str) else ""
    if found not in words:
        raise BadArgument(argument, given, f"one of {', '.join(words)}")
    return str(found)


def cadence(argument: str, given: Any) -> str:
    """A cadence as contacts have it. Raises BadArgument."""
    try:
        return recurrence.check_cadence(given if isinstance(given, str) else "")
    except ValueError:
        wanted = f"one of {', '.join(recurrence.CADENCES)}, or days:N with N from 1 to {recurrence.MAX_DAYS}"
        raise BadArgument(argument, given, wanted) from None


def hours(argument: str, given: Any, *, least: Decimal = Decimal(0), most: int = MOST_HOURS) -> Decimal:
    """A number of hours, to two places as columns hold them. Raises BadArgument."""
    return number(argument, given, least=least, most=most, what="number of hours").quantize(CENT, ROUND_HALF_UP)


def number(argument: str, given: Any, *, least: Decimal = Decimal(0), most: int, what: str = "number") -> Decimal:
    """A number, `most` at most. Raises BadArgument."""
    is_number = isinstance(given, int | float | Decimal) and not isinstance(given, bool)
    exact = Decimal(given) if is_number else Decimal("NaN")
    if not exact.is_finite() or not least <= exact <= most:
        raise BadArgument(argument, given, f"a {what} from {least} to {most}")
    return Decimal(str(given))


def instant(argument: str, given: Any) -> datetime:
    """A date and time with a zone. Raises BadArgument."""
    if not isinstance(given, datetime) or given.utcoffset() is None or not FIRST <= given < LAST:
        wanted = "a datetime with a zone between 1970 and 2199, such as timezone.now() + timedelta(days=1)"
        raise BadArgument(argument, given, wanted)
    return given


def row(argument: str, given: Any, among: QuerySet[Row]) -> Row:
    """The row that is meant by itself or by its id, as it stands in the database. Raises BadArgument."""
    pk = given.pk if isinstance(given, among.model) else given
    if isinstance(pk, int) and not isinstance(pk, bool):
        found = among.filter(pk=pk).first()
        if found is not None:
            return found
    raise BadArgument(argument, given, f"a {among.model._meta.verbose_name} that is there, or its id")


def row_id(argument: str, given: Any) -> int:
    """What the id of a row can be, as a number or in its digits. Raises BadArgument."""
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) <= MOST_ID:
        return given
    if isinstance(given, str) and ID.fullmatch(given):
        return int(given)
    raise BadArgument(argument, given, "the id of a row, a whole number")


def found(argument: str, given: Any, among: QuerySet[Row]) -> Row | None:
    """The row with this id; None when there is none. Raises BadArgument for what is no id."""
    return among.filter(pk=row_id(argument, given)).first()


def contact(given: Any, *, owner: User) -> Contact:
    """A contact of the owner's team as it stands; of one that was merged into another, the survivor.

    Raises BadArgument, Refused for one that was erased.
    """
    among = Contact.objects.filter(team_id=owner.team_id).select_related("team", "owner")
    found = addresses.survivor_of(row("contact", given, among))
    if found.erased_at is not None:
        raise Refused("erased", f"Contact {found.pk} was erased: nothing is scheduled for it, name another one.")
    return found
