"""Setting when a team or a person works and is off, checked in one place for API and pages."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from people.audited import MEMBER, TEAM
from people.models import Team, TeamDayOff, TeamSpan, TimeOff, User, WorkingSpan

Rows = Iterable[Mapping[str, Any]]


class BadRow(ValueError):
    """One of the rows cannot be; `what` names the list, `number` its place from 0, `errors` are by field."""

    def __init__(self, what: str, number: int, errors: Mapping[str, list[str]]) -> None:
        super().__init__(" ".join(why for all_of in errors.values() for why in all_of))
        self.what, self.number, self.errors = what, number, errors


def of_team(
    team: Team, *, by: User, now: datetime, working_spans: Rows | None = None, days_off: Rows | None = None
) -> None:
    """Replaces what is given: rows of weekday, starts, ends; and of on, name. Raises BadRow, and then changes nothing.

    Of two rows for one day off the later counts.
    """
    with TEAM.changing(team, by=by, now=now):
        if working_spans is not None:
            spans = (TeamSpan(team=team, **row) for row in working_spans)
            _replace(TeamSpan.objects.filter(team=team), spans, what="working_spans")
        if days_off is not None:
            days = {row["on"]: row for row in days_off}
            rows = (TeamDayOff(team=team, **row) for row in days.values())
            _replace(TeamDayOff.objects.filter(team=team), rows, what="days_off")


def of_person(
    person: User, *, by: User, now: datetime, working_spans: Rows | None = None, time_off: Rows | None = None
) -> None:
    """Replaces what is given: rows of weekday, starts, ends; and of starts_on, ends_on, reason. Raises BadRow, and
    then changes nothing.
    """
    with MEMBER.changing(person, by=by, now=now):
        if working_spans is not None:
            spans = (WorkingSpan(user=person, **row) for row in working_spans)
            _replace(WorkingSpan.objects.filter(user=person), spans, what="working_spans")
        if time_off is not None:
            away = (TimeOff(user=person, **row) for row in time_off)
            _replace(TimeOff.objects.filter(user=person), away, what="time_off")


def _replace(kept: Any, rows: Iterable[Any], *, what: str) -> None:
    kept.delete()
    for number, row in enumerate(rows):
        try:
            row.full_clean()
        except ValidationError as wrong:
            raise BadRow(what, number, wrong.message_dict) from None
        row.save()
