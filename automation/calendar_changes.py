"""Dates that follow working time: nothing says that a calendar changed but itself, so each team's is compared."""

from datetime import datetime

from automation import recurring, timers, touch_clocks
from automation.models import Enrolment
from automation.programmes import enrolments
from people.models import Team
from work import due


def teams(now: datetime) -> list[int]:
    """Teams with open tasks, or with steps, touches, or runs of rules and series to come, that follow a calendar."""
    steps, runs = enrolments.planning_teams(), timers.planned_teams()
    return sorted(
        {*due.derived_teams(), *steps, *runs, *touch_clocks.planned_teams(now), *recurring.planned_teams(now)}
    )


def follow(team_id: int, *, now: datetime) -> dict[str, int]:
    """Derives the team's dates anew when its calendar has changed; how many moved. Seven queries when it has not."""
    return {"derived": due.follow_calendars(team_id, now=now, first=lambda team: _follow(team, now))}


def _follow(team: Team, now: datetime) -> int:
    """All but the tasks: their turn ends by noting that the change was followed."""
    steps = enrolments.rederive(Enrolment.objects.filter(team=team), now=now)
    runs = timers.follow_clock(team.pk, now=now) + recurring.follow_clock(team.pk, now=now)
    return steps + runs + touch_clocks.follow(team, now=now)
