"""What a list of rules says about each: how often it ran, when last, how often that went well, and the last days."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from automation.models import Firing, TaskAutomationRule
from domain import calendars
from people.models import Team
from web import rule_charts

Figures = dict[str, Any]


def today(team: Team, now: datetime) -> date:
    """The day on the team's clock, by which figures by day are kept."""
    return now.astimezone(calendars.first_zone(team.timezone).zone).date()


def dressed(figures: Mapping[str, Any], *, today: date) -> Figures:
    """The figures of one rule with what is drawn and counted from them.

    A run is an event that the rule judged, and it went well when it did not fail. None of either without a run.
    """
    runs = figures["fired"] + figures["suppressed"] + figures["failed"]
    days = figures["by_day"]
    by_day = [{"on": on, **day} for on, day in days.items()] if isinstance(days, dict) else days
    return {
        **figures,
        "runs": runs,
        "success": 100 * (runs - figures["failed"]) / runs if runs else None,
        "on_time_share": 100 * figures["on_time"] / figures["completed"] if figures["completed"] else None,
        "conversion": 100 * figures["completed"] / figures["fired"] if figures["fired"] else None,
        "reasons": sorted(figures["suppressed_by_reason"].items(), key=lambda pair: (-pair[1], pair[0])),
        "spark": rule_charts.spark(by_day, until=today),
    }


def last_runs(rules: Sequence[TaskAutomationRule]) -> dict[int, datetime]:
    """When each rule last judged an event, in one query, which looks up one firing a rule."""
    newest = Firing.objects.filter(rule=OuterRef("pk")).order_by("-at").values("at")[:1]
    found = TaskAutomationRule.objects.filter(pk__in=[rule.pk for rule in rules])
    return dict(found.order_by().values_list("pk", Subquery(newest)))
