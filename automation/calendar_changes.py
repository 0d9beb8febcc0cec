"""Dates that follow working time: nothing says that a calendar changed but itself, so each team's is compared."""

from datetime import datetime

from automation import timers
from automation.models import Enrolment
from automation.programmes import enrolments
from people.models import Team
from work import due


def teams(now: datetime) -> list[int]:
    """Teams with open tasks, or steps or runs of rules to come, whose dates follow a calendar."""
    del now  # it may have changed at any time
    return sorted({*due.derived_teams(), *enrolments.planning_teams(), *timers.planned_teams()})


def follow(team_id: int, *, now: datetime) -> dict[str, int]:
    """Derives the team's dates anew when its calendar has changed; how many moved. Six queries when it has not."""
    team = Team.objects.get(pk=team_id)
    if not due.calendar_changed(team):
        return {"derived": 0}
    # The tasks' turn ends by noting that the change was followed, so the rest comes first.
    moved = enrolments.rederive(Enrolment.objects.filter(team=team), now=now) + timers.follow_clock(team_id, now=now)
    return {"derived": moved + due.follow_calendars(team_id, now=now)}
