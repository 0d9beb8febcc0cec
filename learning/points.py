"""A team's table of what facts of leads and their deeds are worth, changed line by line; at first, the usual ones."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from domain.learning.lead_points import DID
from learning import lead_models, settings
from people.models import Team, User

Line = Mapping[str, Any]
"""As domain.learning.lead_points.PointRule has it: field, points, equals, at_least."""


class Gone(ValueError):
    """The line is not in the table any more; the message says what to do."""


def lines(team: Team) -> list[dict[str, Any]]:
    """The table as it counts now."""
    return [asdict(rule) for rule in lead_models.rules_of(settings.of(team.pk))]


def add(team: Team, line: Line, *, by: User, now: datetime) -> None:
    """Raises ValidationError for a line that is there already, or that the table cannot have."""
    kept = lines(team)
    if any(_same(line, one) for one in kept):
        raise ValidationError({"points": ["This line is in the table already: change its points."]})
    _keep(team, [*kept, dict(line)], by, now)


def change(team: Team, line: Line, points: float, *, by: User, now: datetime) -> None:
    """Gives a line other points. Raises Gone, ValidationError."""
    kept = lines(team)
    kept[_place(kept, line)]["points"] = points
    _keep(team, kept, by, now)


def remove(team: Team, line: Line, *, by: User, now: datetime) -> None:
    """Raises Gone, and ValidationError for the last line of facts, or of deeds: without any the usual would count."""
    kept = lines(team)
    place = _place(kept, line)
    if sum(is_deed(one) == is_deed(line) for one in kept) == 1:
        raise ValidationError({"points": ["This is the last line, and without any the usual points count: give it 0."]})
    _keep(team, kept[:place] + kept[place + 1 :], by, now)


def is_deed(line: Line) -> bool:
    """Whether it is for what a lead did, rather than for what is known of it."""
    field: str = line["field"]
    return field.startswith(DID)


def use_the_usual(team: Team, *, by: User, now: datetime) -> None:
    settings.change(team, by=by, now=now, points=[])


def put_back(team: Team, was: list[Line], after: list[Line], *, by: User, now: datetime) -> bool:
    """The team's own lines as they were, if they are still as somebody left them; else nothing, and False."""
    if settings.of(team.pk).points != after:
        return False
    settings.change(team, by=by, now=now, points=was)
    return True


def _keep(team: Team, kept: list[dict[str, Any]], by: User, now: datetime) -> None:
    settings.change(team, by=by, now=now, points=kept)


def _place(kept: list[dict[str, Any]], line: Line) -> int:
    for place, one in enumerate(kept):
        if one == line:
            return place
    raise Gone("Somebody changed this line meanwhile: look at the table again.")


def _same(line: Line, other: Line) -> bool:
    return all(line.get(name) == other.get(name) for name in ("field", "equals", "at_least"))
