"""Which teams have rows that are due, and since when: one look into a partial index for each team, however full."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from people.models import Team

Due = dict[int, datetime]
"""By team, since when its longest waiting row is due; a team with nothing to do is not in it."""


def earliest(rows: QuerySet[Any], column: str, team_id: int | None = None) -> Due:
    """What is due of these rows by the earliest instant in a column; of one team, or of all.

    A correlated look for each team: asked for the distinct teams instead, SQLite reads a whole index on teams.
    """
    first = rows.filter(team=OuterRef("pk")).order_by(column).values(column)[:1]
    found = _teams(team_id).values_list("pk", Subquery(first))
    return {pk: at for pk, at in found if at is not None}


def present(rows: QuerySet[Any], now: datetime, team_id: int | None = None) -> Due:
    """The same for rows that wait for no instant: they are due now."""
    found = _teams(team_id).filter(Exists(rows.filter(team=OuterRef("pk"))))
    return dict.fromkeys(found.values_list("pk", flat=True), now)


def united(*found: Mapping[int, datetime]) -> Due:
    """By team, the earliest of all."""
    result: Due = {}
    for one in found:
        for team_id, at in one.items():
            result[team_id] = min(at, result.get(team_id, at))
    return result


def _teams(team_id: int | None) -> QuerySet[Team]:
    rows: QuerySet[Team] = Team.objects.order_by("pk")
    return rows if team_id is None else rows.filter(pk=team_id)
