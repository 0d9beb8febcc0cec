"""The lists that may be exported, by name."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from automation.exports.people_and_work import PEOPLE_AND_WORK
from automation.exports.programs import AUTOMATION
from automation.exports.tables import Computed, NotAllowed, Table
from people import rights
from people.models import User

LISTS: Mapping[str, Table | Computed] = {**PEOPLE_AND_WORK, **AUTOMATION}


def lines(
    name: str, user: User, asked: Mapping[str, str], *, now: datetime
) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """The columns and rows of a list, as the person may see them. Raises KeyError, NotAllowed, BadFilter."""
    table = LISTS[name]
    if table.right and not rights.may(user, table.right):
        raise NotAllowed(f"You need the right {table.right} to export this list. Ask a manager of your team.")
    return table.heads, table.lines(user, asked, now=now)
