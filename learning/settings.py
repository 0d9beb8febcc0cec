"""What a team lets be learned, read as it stands and changed; and the lock under which its contacts are written of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from crm import intake
from crm.models import Activity, Contact
from domain.learning import lead_points
from domain.learning.lead_points import DID, PointRule
from learning.audited import LEARNING
from learning.models import LedgerReading, TeamLearning
from people.models import Team, User

FIELDS = ("came_by", "mail", "phone", "company")
TAG = "tag:"
MOST_POINTS = 100
LONGEST_KIND = 60


def of(team_id: int) -> TeamLearning:
    """The team's row, or one with the defaults that is not kept."""
    return TeamLearning.objects.filter(team=team_id).first() or TeamLearning(team_id=team_id)


def change(team: Team, *, by: User, now: datetime, **fields: Any) -> TeamLearning:
    """Changes what is named. Raises ValidationError that names the fields."""
    if "points" in fields:
        fields["points"] = [whole(rule) for rule in fields["points"]]
    row, _ = TeamLearning.objects.get_or_create(team=team)
    with LEARNING.changing(row, by=by, now=now):
        for name, value in fields.items():
            setattr(row, name, value)
        row.clean_fields()
        _check_statuses(row.won_statuses, row.lost_statuses)
        if "points" in fields:
            _check_points(row.points)
        row.save()
    return row


def whole(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A line of points with the value it is for: of a tag alone those who have it, since of others it is known too."""
    bare = rule["field"].startswith(TAG) and rule.get("equals") is None and rule.get("at_least") is None
    return {**rule, "equals": "yes"} if bare else dict(rule)


def enter(team_id: int) -> LedgerReading:
    """Takes the team's reading, in a transaction: whoever writes of contacts, or erases one, has it alone."""
    LedgerReading.objects.get_or_create(team_id=team_id)
    return LedgerReading.objects.select_for_update().get(team=team_id)


def _check_statuses(won: Sequence[str], lost: Sequence[str]) -> None:
    known = {status for status, _ in Contact.STATUSES}
    for name, words in (("won_statuses", won), ("lost_statuses", lost)):
        if not words or set(words) - known:
            raise ValidationError({name: [f"Name one or more of {', '.join(sorted(known))}."]})
    if set(won) & set(lost):
        raise ValidationError({"lost_statuses": ["A status means won or lost, not both."]})
    if known <= {*won, *lost}:
        raise ValidationError({"lost_statuses": ["Leave a status that means neither: open leads have it."]})


def _check_points(rules: Sequence[Mapping[str, Any]]) -> None:
    if len(rules) > MOST_POINTS:
        raise ValidationError({"points": [f"At most {MOST_POINTS} lines."]})
    seen: set[PointRule] = set()
    for rule in rules:
        line = PointRule(**rule)
        name, same = line.field, replace(line, points=0)
        if same in seen:
            raise ValidationError({"points": [f"Two lines are for the same of {name}: give it its points in one."]})
        seen.add(same)
        if line.equals is not None and line.at_least is not None:
            raise ValidationError({"points": [f"Give {name} equals or at_least, not both."]})
        if name.startswith(TAG) and not name.removeprefix(TAG).strip():
            raise ValidationError({"points": [f"Name the tag after {TAG}, as {TAG}vip."]})
        if name.startswith(DID):
            _check_deed(line)
        if lead_points.is_personal(name.removeprefix(TAG)):
            raise ValidationError({"points": [f"{name} is a trait of the person, which is never scored."]})
        if name not in FIELDS and not name.startswith((TAG, DID)):
            known = ", ".join(FIELDS)
            raise ValidationError({"points": [f"There is no field {name}: use {known}, tag:NAME or did:ACTIVITY."]})


def _check_deed(line: PointRule) -> None:
    kind = line.field.removeprefix(DID)
    if not kind.strip() or len(kind) > LONGEST_KIND:
        raise ValidationError({"points": [f"Name the activity after {DID}, as {DID}{Activity.EMAIL_CLICKED}."]})
    if kind in intake.OWN_RECORDS:
        raise ValidationError({"points": [f"{kind} is no deed of a lead: Nextmove itself records it."]})
    if line.equals is not None or line.at_least is not None:
        raise ValidationError({"points": [f"What a lead did has points each time: give {line.field} no value."]})
