"""Statistics for whoever asks: counted as one looks, or a while ago where there is too much to count for that."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from automation import statistics
from automation.models import EnrolmentStep, Firing, Tally, TaskAutomationRule
from automation.statistics import Counted, Counting, Figures
from jobs import queue
from people.models import Team

MUCH = 5_000
"""Firings, or steps of enrolments: so many are counted within some ten milliseconds."""
FRESH = timedelta(minutes=5)
"""Counted longer ago, figures are shown once more and counted anew behind the request."""
OLD = timedelta(hours=6)
"""Counted longer ago, nobody wants to see them: whoever asks waits."""


def of_team(team: Team, *, now: datetime) -> Figures:
    """The statistics of the team's rules, sequences and campaigns, with the instant they were counted at."""
    counting = Counting.of(team)
    counted = _of_much(team, now) or statistics.count(counting, now=now)
    return statistics.of_team(counting, counted)


def in_short(
    team: Team, rules: Sequence[TaskAutomationRule], *, now: datetime, days: int
) -> tuple[dict[int, Figures], datetime]:
    """What a list of these rules says, see `statistics.in_short`, and when it was counted."""
    counted = _of_much(team, now)
    if counted is None:
        return statistics.in_short(rules, team, now=now, days=days), now
    return {rule.pk: counted.of_rule(rule) for rule in rules}, counted.at


def count(team: Team, *, now: datetime) -> Counted:
    """Counts the team's figures and keeps them."""
    counted = statistics.count(Counting.of(team), now=now)
    figures = {name: getattr(counted, name) for name in ("rules", "sequences", "campaigns")}
    Tally.objects.update_or_create(team=team, defaults={"at": counted.at, "figures": figures})
    return counted


def prune(*, now: datetime) -> dict[str, int]:
    """Deletes what nobody will be shown any more."""
    return {"tallies": Tally.objects.filter(at__lt=now - OLD).delete()[0]}


def _of_much(team: Team, now: datetime) -> Counted | None:
    """What was counted last in a team with much to count; None in one with little."""
    firings = Firing.objects.filter(rule__team=team)
    steps = EnrolmentStep.objects.filter(enrolment__team=team)
    if all(rows.order_by()[: MUCH + 1].count() <= MUCH for rows in (firings, steps)):
        return None
    kept = Tally.objects.filter(team=team).first()
    if kept is None or kept.at < now - OLD:
        return count(team, now=now)
    if kept.at < now - FRESH:
        # One job, however many look.
        key = f"tally:{team.pk}:{kept.at.isoformat()}"
        with transaction.atomic():
            queue.enqueue(queue.Request("automation.tasks.count_figures", [team.pk], key=key, team_id=team.pk), now=now)
    return Counted(kept.at, **{name: _by_id(figures) for name, figures in kept.figures.items()})


def _by_id(figures: dict[str, Any]) -> dict[int, Figures]:
    """As they were before they were JSON, which has neither numbers for keys nor days."""
    return {
        int(pk): one | {"by_day": [day | {"on": date.fromisoformat(day["on"])} for day in one["by_day"]]}
        for pk, one in figures.items()
    }
