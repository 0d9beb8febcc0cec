"""How a team's estimates went: as the last night found it, as far as somebody may see it."""

from dataclasses import dataclass
from datetime import datetime

from domain.learning.estimates import Report
from learning import settings
from learning.models import EstimateFit
from people import rights
from people.models import User

_ABOUT_OTHERS = "view_team"


@dataclass(frozen=True)
class Told:
    """When it was found, and the report: of `people` only those whom the reader may see, by id."""

    built_at: datetime
    report: Report


def told_to(reader: User) -> Told | None:
    """What somebody may see of their team's estimates: all of it, or, without `view_team`, what they took themselves.

    None where estimates are not to be learned from, or no night has looked at them.
    """
    if not settings.of(reader.team_id).estimates:
        return None
    fitted = EstimateFit.objects.filter(team=reader.team_id).first()
    if fitted is None:
        return None
    found = Report.from_dict(fitted.report)
    if not rights.may(reader, _ABOUT_OTHERS):
        own = {person: bias for person, bias in found.people.items() if person == reader.pk}
        found = Report(None, {}, own)
    return Told(fitted.built_at, found)
