"""The team's week and its figures, as tables. Members see their own score only."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from people import rights
from people.models import User
from performance import scores
from performance import team as team_scores
from performance.models import ScoreSnapshot
from web import live, scorecard, sparkline
from web.access import Request, for_leads, signed_in
from work import capacity
from work.models import Task


@require_GET
@for_leads
def workload(request: Request) -> HttpResponse:
    now, user = timezone.now(), request.user
    people = list(User.objects.visible_to(user).active().select_related("team").order_by("first_name", "username"))
    weeks = capacity.weeks(people, now=now)
    context = {
        "status": capacity.team_status(user.team, now=now),
        "rows": sorted(
            ({"person": one, "week": weeks[one.pk]} for one in people),
            key=lambda row: row["week"].utilization or 0,
            reverse=True,
        ),
        "waiting": Task.objects.visible_to(user).waiting().count(),
    }
    return live.page(request, "web/team/workload.html", "web/team/week.html", context)


@require_GET
@signed_in
def performance(request: Request) -> HttpResponse:
    now, user = timezone.now(), request.user
    own, today = scores.current(user, now=now), scores.local_day(user.team, now)
    context: dict[str, Any] = {
        "own": own,
        "parts": scorecard.parts(own),
        "comparison": scorecard.comparison(own),
        "trend": sparkline.of(own["details"]["trend"], until=today),
    }
    if rights.may(user, "view_team"):
        figures = team_scores.figures(user.team, now=now)
        context |= {
            "figures": figures,
            "team_trend": sparkline.of(figures["trend"], until=today),
            "rows": _newest(user),
        }
    return render(request, "web/team/performance.html", context)


def _newest(user: User) -> list[dict[str, Any]]:
    """The newest kept score of each active person, by name: no league table."""
    people = User.objects.visible_to(user).active()
    kept = {row.user_id: row for row in ScoreSnapshot.objects.visible_to(user).newest_of(people)}
    rows = []
    for person in people.order_by("first_name", "username"):
        score = scores.as_dict(kept[person.pk]) if person.pk in kept else None
        compared = scorecard.comparison(score) if score else None
        rows.append({"person": person, "score": score, "comparison": compared})
    return rows
