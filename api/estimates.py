"""/api/reports/estimates: what tasks took against what was estimated."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from api.auth import caller, scope
from api.fields import Out
from automation import task_kinds
from domain.learning.estimates import Bias
from learning import estimate_reports, sentences
from people.models import User

router = Router(tags=["learning"])


class BiasOut(Out):
    """Actual hours over estimated ones; 8 of 10 tasks lie between `low` and `high`."""

    n: int = Field(description="Finished tasks with an estimate; where they are few, the team's count as well")
    low: float
    middle: float
    high: float
    held: int = Field(description="Of these, how many lay in the band that was foreseen before they were begun")
    coverage: float = Field(description="held of n; the band is to hold 0.8")


class KindBias(BiasOut):
    kind: str = Field(description="What makes such tasks, as rule:7; empty for those made by hand")
    name: str


class PersonBias(BiasOut):
    user_id: int
    name: str


class EstimateReportOut(Out):
    """How estimates went. Without the right view_team only your own line, if there is one."""

    known: bool = Field(description="False where nothing is learned of estimates, or not yet")
    built_at: datetime | None
    team: BiasOut | None
    kinds: list[KindBias] = Field(description="Those of most tasks first")
    people: list[PersonBias] = Field(description="By name: people who do other work cannot be compared")
    reason: str


@router.get("/api/reports/estimates", auth=scope("performance:read"), response=EstimateReportOut)
def estimate_report(request: HttpRequest) -> dict[str, Any]:
    """What tasks took against their estimates: of the team, each kind of task and each person; and if bands held."""
    user = caller(request)
    told = estimate_reports.told_to(user)
    if told is None:
        why = "Nothing is learned of estimates yet, or your team has switched that off."
        return {"known": False, "built_at": None, "team": None, "kinds": [], "people": [], "reason": why}
    report, kinds = told.report, task_kinds.names(user.team_id, told.report.kinds)
    people = {person.pk: person.display_name for person in User.objects.visible_to(user).filter(pk__in=report.people)}
    by_count = sorted(report.kinds.items(), key=lambda one: (-one[1].n, one[0]))
    by_name = sorted((name, pk) for pk, name in people.items())
    return {
        "known": True,
        "built_at": told.built_at,
        "team": _bias(report.workspace) if report.workspace is not None else None,
        "kinds": [{"kind": kind, "name": kinds[kind], **_bias(bias)} for kind, bias in by_count],
        "people": [{"user_id": pk, "name": name, **_bias(report.people[pk])} for name, pk in by_name],
        "reason": sentences.estimates_of(report),
    }


def _bias(bias: Bias) -> dict[str, Any]:
    return {**asdict(bias), "coverage": bias.coverage}
