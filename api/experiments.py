"""/api/experiments: delays of a rule tried against each other."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field

from api.auth import caller, scope
from api.errors import conflict, invalid
from api.fields import Id, In, Out, one
from api.openapi import MAY_MISS
from api.paging import Cursor, Limit, Page, page
from api.rules import editable
from automation import experimenting
from domain.learning.experiments import MOST_ARMS
from learning.experiments import MOST_HOURS, CannotStart, HasEnded, OthersTried
from learning.models import Experiment
from people.models import User

router = Router(tags=["learning"])

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Delays = Annotated[list[Annotated[int, Field(ge=0, le=MOST_HOURS)]], Field(min_length=2, max_length=MOST_ARMS)]


class PlanIn(In):
    rule_id: Id
    delays_hours: Delays = Field(description="The first is what the others are compared with")
    effect: Share = Field(description="The smallest difference worth finding, as 0.06 for six points")
    base: Share | None = Field(None, description="The share that answers now; left out, it is measured")


class ExperimentIn(In):
    rule_id: Id
    delays_hours: Delays = Field(description="The first is what a test compares the others with")
    kind: Literal["test", "optimise"] = Field(
        "test",
        description="optimise gives most contacts what was answered most so far; it proves nothing and names no winner",
    )
    effect: Share | None = Field(None, description="Of a test: the smallest difference worth finding, as 0.06")
    base: Share | None = Field(None, description="Of a test: the share that answers now; left out, it is measured")


class PlanOut(Out):
    per_arm: int = Field(description="Contacts that each delay needs")
    total: int
    weeks: float | None = Field(description="By how often the rule was triggered in four weeks; null: never")
    base: float
    refused: bool = Field(description="It would take more than half a year, and is not begun")


class ArmOut(Out):
    delay_hours: int
    contacts: int
    matured: int = Field(description="Those whose time to answer is over")
    answered: int | None = Field(description="Of these; null while the split of the contacts is no chance")
    rate: float | None = Field(description="answered of matured")
    share: float | None = Field(description="Of whoever is triggered next, where contacts are shared out; 0 to 1")


class ComparisonOut(Out):
    """A delay against the first one; the range is plausible at any moment."""

    arm: int
    difference: float
    low: float
    high: float
    z: float | None
    bound: float | None = Field(description="What z has to reach, either way")


class ExperimentLine(Out):
    id: int
    rule_id: int
    kind: str = Field(description="test, or optimise")
    delays_hours: list[int]
    window_hours: int = Field(description="An answer counts so long after the trigger, for all delays alike")
    base: float | None = Field(description="Of a test, as effect and per_arm are")
    effect: float | None
    per_arm: int | None
    started_at: datetime
    ended_at: datetime | None
    verdict: str = Field(
        description="optimising, or of a test too_early, running, better, no_difference, invalid (the split) or harmful"
    )
    winner: int | None = Field(description="The place of the better delay in delays_hours")
    decision: str = Field(description="adopted, stopped, or run_out at its planned end")


class ExperimentOut(ExperimentLine):
    arms: list[ArmOut]
    left_out: int = Field(description="Contacts that were merged into one that counts: a person counts once")
    planned: int | None
    looked_at: datetime | None = Field(description="The last look; one is taken every night")
    next_look: datetime | None = Field(description="The next one, or the next shares; null once it is over")
    reason: str = Field(description="What the verdict means, and how far to believe it")
    comparisons: list[ComparisonOut]
    harmed_by: str | None = Field(description="opt_outs, or overdue tasks, where a test was stopped for its harm")


class AdoptIn(In):
    arm: Annotated[int, Field(ge=0, lt=MOST_ARMS)] | None = Field(None, description="Left out, the winner")


@router.get("/api/experiments", auth=scope("rules:read"), response=Page[ExperimentLine])
def list_experiments(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The team's experiments, the newest first."""
    rows = Experiment.objects.filter(team=caller(request).team_id)
    return page(request, rows, limit=limit, cursor=cursor, shown=_lines, order=("-id",))


@router.post("/api/experiments/plan", auth=scope("rules:write"), response=PlanOut, openapi_extra=MAY_MISS)
def plan_experiment(request: HttpRequest, payload: PlanIn) -> dict[str, Any]:
    """How many contacts an experiment takes, and how long, by what the rule did lately. Begins nothing."""
    rule = editable(caller(request), payload.rule_id)
    try:
        planned = experimenting.plan(rule, **payload.model_dump(exclude={"rule_id"}), now=timezone.now())
    except CannotStart as refused:
        raise invalid("/delays_hours", "cannot_start", str(refused)) from None
    names = ("per_arm", "total", "base", "refused")
    weeks = planned.weeks if planned.weeks < float("inf") else None
    return {name: getattr(planned, name) for name in names} | {"weeks": weeks}


@router.post("/api/experiments", auth=scope("rules:write"), response={201: ExperimentOut}, openapi_extra=MAY_MISS)
def start_experiment(request: HttpRequest, payload: ExperimentIn) -> Status[ExperimentOut]:
    """Begins one: from now on each contact of the rule gets one of the delays, drawn once and for good."""
    user, now = caller(request), timezone.now()
    rule, delays = editable(user, payload.rule_id), payload.delays_hours
    try:
        if payload.kind == Experiment.OPTIMISE:
            row = experimenting.optimise(rule, delays_hours=delays, by=user, now=now)
        elif payload.effect is None:
            raise invalid("/effect", "missing", "Name the smallest difference worth finding: a test is planned by it.")
        else:
            effect, base = payload.effect, payload.base
            row = experimenting.start(rule, delays_hours=delays, effect=effect, base=base, by=user, now=now)
    except CannotStart as refused:
        raise invalid("/delays_hours", "cannot_start", str(refused)) from None
    return Status(201, _whole(row))


@router.get("/api/experiments/{int:id}", auth=scope("rules:read"), response=ExperimentOut)
def get_experiment(request: HttpRequest, id: Id) -> ExperimentOut:
    """How it stands."""
    return _whole(one(Experiment.objects.filter(team=caller(request).team_id), id, "experiment"))


@router.post("/api/experiments/{int:id}/stop", auth=scope("rules:write"), response=ExperimentOut)
def stop_experiment(request: HttpRequest, id: Id) -> ExperimentOut:
    """Ends it; the rule goes on with its own delay."""
    user = caller(request)
    row = _own(user, id)
    try:
        experimenting.stop(row, by=user, now=timezone.now())
    except HasEnded as refused:
        raise conflict(str(refused), code="ended") from None
    return _whole(row)


@router.post("/api/experiments/{int:id}/adopt", auth=scope("rules:write"), response=ExperimentOut)
def adopt_experiment(request: HttpRequest, id: Id, payload: AdoptIn | None = None) -> ExperimentOut:
    """Gives the rule the delay that won, or another one of them, and ends it."""
    user = caller(request)
    row = _own(user, id)
    arm = payload.arm if payload is not None and payload.arm is not None else row.winner
    if arm is None:
        raise invalid("/arm", "missing", "No delay has won: name the one to adopt by its place, from 0 on.")
    try:
        experimenting.adopt(row, arm, by=user, now=timezone.now())
    except HasEnded as refused:
        raise conflict(str(refused), code="ended") from None
    except OthersTried as refused:
        raise conflict(str(refused), code="under_way") from None
    except CannotStart as refused:
        raise invalid("/arm", "unknown", str(refused)) from None
    return _whole(row)


def _own(user: User, id: int) -> Experiment:
    """One of a rule that the person may change."""
    row = one(Experiment.objects.filter(team=user.team_id), id, "experiment")
    rule = experimenting.rule_of(row)
    if rule is not None:
        editable(user, rule.pk)
    return row


def _lines(rows: Sequence[Experiment]) -> list[ExperimentLine]:
    return [ExperimentLine.model_validate(_line(row)) for row in rows]


def _line(row: Experiment) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in ExperimentLine.model_fields if name != "rule_id"}
    return columns | {"rule_id": int(row.subject_key.removeprefix("rule:"))}


def _whole(row: Experiment) -> ExperimentOut:
    row.refresh_from_db()
    return ExperimentOut.model_validate(_line(row) | experimenting.figures(row, now=timezone.now()))
