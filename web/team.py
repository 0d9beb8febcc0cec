"""How people and the team do: figures, no league table. Members see their own score only."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from people import rights
from people.models import User
from performance import scores
from performance import team as team_scores
from performance.models import ScoreSnapshot
from web import definitions, histogram, scorecard, sparkline
from web.access import Request, signed_in


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
        "definitions": definitions.of(user.team.scoring, team=user.leads),
    }
    if rights.may(user, "view_team"):
        figures, rows = team_scores.figures(user.team, now=now), _newest(user)
        known = [row["score"]["performance_score"] for row in rows if row["score"]]
        context |= {
            "figures": figures,
            "team_trend": sparkline.of(figures["trend"], until=today),
            "rows": rows,
            "bars": histogram.of(score for score in known if score is not None),
            "lists": [
                (title, note, _by_name(figures[name]))
                for name, title, note in (
                    ("high_performers", _("High performers"), _("above 80")),
                    ("at_risk", _("May need help"), _("below 50")),
                )
            ],
        }
    return render(request, "web/team/performance.html", context)


def _by_name(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(lines, key=lambda line: (str(line["name"]).casefold(), line["user_id"]))


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
