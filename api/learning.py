"""/api/learning and what was learned of a contact or a task: best times, scores of leads, forecasts."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.contacts import seen
from api.errors import conflict, not_found
from api.fields import UNSET, Id, In, Out, one
from api.openapi import MAY_MISS
from api.paging import Cursor, Limit, Page, page
from domain.learning import best_time, lead_score
from learning import best_times, estimates, holdouts, lead_models, lead_scores, nights, sentences, settings
from learning.models import EstimateFit, ScoreModel
from people.models import Team
from work.models import Task

router = Router(tags=["learning"])

ContactStatus = Literal["lead", "active", "inactive", "lost"]
Word = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Points = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Within = Annotated[int, Query(24, ge=1, le=336, description="So many hours from now the best instant is looked for")]


class PointsIn(In):
    """So many points for a field that is `equals` or `at_least` a number; if neither, for one known, or a tag had.

    Of `did:ACTIVITY`, as did:email_clicked, each time it happens, halved every 14 days.
    """

    field: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        description="came_by, mail (company, free, missing), phone or company (known, missing), tag:NAME, did:ACTIVITY"
    )
    points: Points
    equals: Word | None = None
    at_least: Points | None = None


class LearningPatch(In):
    times: bool = Field(UNSET, description="Rules may choose the hour at which a contact answers soonest")
    scores: bool = Field(UNSET, description="Leads get a score, and rules may take the priority from it")
    estimates: bool = Field(UNSET, description="What tasks really took is told beside their estimates")
    won_statuses: list[ContactStatus] = Field(UNSET, max_length=4, description="Statuses of a contact that is won")
    lost_statuses: list[ContactStatus] = Field(UNSET, max_length=4, description="Statuses of a contact that is lost")
    points: list[PointsIn] = Field(
        UNSET,
        max_length=100,
        description="What facts of leads are worth, and what they do (did:); of either without a line the usual counts",
    )
    urgent_share: Annotated[int, Field(ge=1, le=100)] = Field(
        UNSET, description="So many open leads in a hundred may be urgent by their score"
    )
    deal_value_key: Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\x00-\x1f]*$")] = Field(
        UNSET,
        description="What events or forms of a lead call its worth, as amount: ranks go by chance times worth, a lead "
        "without one by the usual worth; empty: all are worth alike",
    )


class TimesLearned(Out):
    channel: str
    attempts: int
    needed: int
    built_at: datetime
    chances: list[float] = Field(
        description="Of an answer within 4 hours, by hour of the contacts' own clocks from 0 to 23, for the whole team"
    )
    tried: list[int] = Field(description="By the same hours: how many attempts each chance rests on")


class GroupOut(Out):
    contacts: int = Field(description="Each once, by its first attempt of which is known whether it was answered fast")
    answered: int
    rate: float | None


class TimesComparedOut(Out):
    """Contacts whose hours are chosen against the tenth that keeps the rules' own; the range may be looked at daily."""

    kept: GroupOut
    chosen: GroupOut
    verdict: str = Field(description="too_early, unclear, more or fewer fast answers at chosen hours")
    difference: float | None
    low: float | None
    high: float | None
    needed: int | None = Field(description="Contacts of both groups together that would show three points more")
    reason: str


class ModelLine(Out):
    """A version of how leads are scored."""

    version: int
    kind: str = Field(description="rules, as long as 30 wins or 30 losses are not reached, or learned")
    n: int = Field(description="Leads it was learned from")
    wins: int
    made_at: datetime
    active: bool
    held: bool = Field(description="A person chose it: newer ones are made and not used")


class EstimatesLearned(Out):
    tasks: int
    built_at: datetime


class LearningOut(Out):
    """What a team lets be learned, and what was learned so far."""

    times: bool
    scores: bool
    estimates: bool
    won_statuses: list[str]
    lost_statuses: list[str]
    points: list[PointsIn]
    urgent_share: int
    deal_value_key: str
    learned_times: list[TimesLearned]
    times_compared: TimesComparedOut | None = Field(description="What chosen hours bring; null before the first night")
    score_model: ModelLine | None
    learned_estimates: EstimatesLearned | None


class BestTimeOut(Out):
    contact_id: int
    known: bool = Field(description="False where nothing is learned, or not enough yet")
    best_at: datetime | None = Field(description="The instant at which answers come soonest, within working hours")
    hour: int | None = Field(description="Its hour on the contact's clock")
    chance: float | None = Field(description="Of an answer within 4 hours at that instant, by its hour and weekday")
    channel: str | None = Field(
        description="By what the contact would be reached: call where enough of these are known, else email"
    )
    zone: str | None
    zone_source: str | None = Field(description="contact, or phone, owner or team: guessed from these")
    level: str | None = Field(description="Whose past it rests on: contact, segment (of the same status) or workspace")
    level_attempts: int
    own_attempts: int
    history: int = Field(description="Attempts of the team by this channel")
    needed: int
    chances: list[float] = Field(description="By hour of the contact's clock, from 0 to 23, over all weekdays")
    attempts: list[int] = Field(description="Of the level, by the same hours: how many each chance rests on")
    kept_out: bool = Field(description="One of the tenth that stays on the rules' own hours, for comparison")
    reason: str


class ReasonOut(Out):
    field: str
    value: str | float | bool | None
    points: float = Field(description="Log-odds when learned, points by rules")


class ObservedOut(Out):
    """What became of leads of the same band that the model had not seen; the interval holds 90 %."""

    n: int
    wins: int
    rate: float | None
    low: float | None
    high: float | None


class LeadScoreOut(Out):
    contact_id: int
    score: int | None = Field(description="0 to 100; null for one that is no open lead, or not looked at yet")
    chance: float | None
    deal_value: float | None = Field(description="What it is worth, by its newest event that tells; it counts in rank")
    band: int | None = Field(description="1 is the best fifth")
    observed: ObservedOut | None
    reasons: list[ReasonOut] = Field(description="What raised it most, then what lowered it")
    priority: str | None
    priority_reason: str | None
    rank: float | None = Field(description="0 is the best of the team's open leads, 1 the last")
    model: ModelLine | None
    at: datetime | None
    reason: str


class BandOut(ObservedOut):
    band: int


class ModelOut(ModelLine):
    auc: float | None = Field(description="Chance that of a win and a loss it had not seen the win scored higher")
    brier: float | None
    checked_on: int = Field(description="Leads it was judged by")
    bands: list[BandOut]
    edges: list[float] = Field(description="Scores between the bands, the worst band first")


class BasisOut(Out):
    level: str
    n: int
    weight: float


class TaskForecastOut(Out):
    task_id: int
    low: float | None = Field(description="Hours; 8 of 10 tasks take between this and `high`")
    middle: float | None
    high: float | None
    mean: float | None = Field(description="The one to add up, for capacity")
    estimate: float | None
    corrects: bool = Field(description="Enough is known, and differs enough from the estimate, to be looked at")
    basis: list[BasisOut]
    reason: str


@router.get("/api/learning", auth=scope("team:read"), response=LearningOut)
def get_learning(request: HttpRequest) -> dict[str, Any]:
    """What your team lets be learned, and what was learned so far, on how much and since when."""
    return _learning(caller(request).team)


@router.patch("/api/learning", auth=scope("team:write"), response=LearningOut)
def change_learning(request: HttpRequest, payload: LearningPatch) -> dict[str, Any]:
    """Switches what is learned, says what winning means, and what facts of leads are worth."""
    user = caller(request)
    need(user, "manage_team", "change what is learned")
    settings.change(user.team, by=user, now=timezone.now(), **payload.model_dump(exclude_unset=True))
    return _learning(user.team)


@router.get("/api/contacts/{int:id}/best-time", auth=scope("contacts:read"), response=BestTimeOut)
def get_best_time(request: HttpRequest, id: Id, within_hours: Within) -> dict[str, Any]:
    """When the contact answers soonest, and how that is known."""
    user = caller(request)
    contact = seen(user, id)
    within = timedelta(hours=within_hours)
    found = best_times.advice(contact, team=user.team, start=timezone.now(), within=within)
    if found is None:
        nothing: dict[str, Any] = dict.fromkeys(
            ("best_at", "hour", "chance", "channel", "zone", "zone_source", "level")
        )
        counts = {"level_attempts": 0, "own_attempts": 0, "history": 0, "needed": best_time.NEEDED}
        nothing |= {"chances": [], "attempts": []}
        why = "Nothing is learned of best times yet, or your team has switched that off."
        return {"contact_id": id, "known": False, "kept_out": False, "reason": why, **nothing, **counts}
    hour = found.best.hour if found.best is not None else None
    return asdict(found) | {
        "contact_id": id,
        "known": found.history >= found.needed,
        "best_at": found.best,
        "hour": hour,
        "kept_out": best_time.held_out(user.team_id, id),
        "reason": sentences.best_time_of(found),
    }


@router.get("/api/contacts/{int:id}/score", auth=scope("contacts:read"), response=LeadScoreOut)
def get_score(request: HttpRequest, id: Id) -> dict[str, Any]:
    """The lead's score with its reasons, and what became of leads like it."""
    contact = seen(caller(request), id)
    row = lead_scores.of_contact(contact)
    if row is None:
        missing = ("score", "chance", "deal_value", "band", "observed", "priority", "priority_reason", "rank", "at")
        nothing = dict.fromkeys(missing)
        why = "Only open leads have a score, from the night on in which they were first looked at."
        return {"contact_id": id, **nothing, "reasons": [], "model": None, "reason": why}
    names = ("score", "chance", "deal_value", "band", "reasons", "priority", "priority_reason", "rank", "model", "at")
    return {name: getattr(row, name) for name in names} | {
        "contact_id": id,
        "observed": sentences.observed(row),
        "reason": sentences.score_of(row),
    }


@router.get("/api/tasks/{int:id}/forecast", auth=scope("tasks:read"), response=TaskForecastOut)
def get_forecast(request: HttpRequest, id: Id) -> dict[str, Any]:
    """What the task will take, as finished ones tell; it never takes the place of an estimate."""
    task = one(Task.objects.visible_to(caller(request)), id, "task")
    found = estimates.of_task(task)
    if found is None:
        nothing = dict.fromkeys(("low", "middle", "high", "mean", "estimate"))
        why = "Your team has switched learning from estimates off."
        return {"task_id": id, "corrects": False, "basis": [], "reason": why, **nothing}
    return found.as_dict() | {"task_id": id, "reason": sentences.forecast_of(found)}


@router.get("/api/lead-models", auth=scope("team:read"), response=Page[ModelLine])
def list_lead_models(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The versions of how your team's leads are scored, the newest first."""
    user = caller(request)
    need(user, "view_team", "see how leads are scored")
    rows = ScoreModel.objects.filter(team=user.team_id)
    return page(request, rows, limit=limit, cursor=cursor, shown=_lines, order=("-id",))


@router.post("/api/lead-models/train", auth=scope("team:write"), response={201: ModelOut})
def train_lead_model(request: HttpRequest) -> Status[ModelOut]:
    """Makes a new version now, from all that ended until now, and scores the open leads by it."""
    user = caller(request)
    need(user, "manage_team", "have leads scored anew")
    if not settings.of(user.team_id).scores:
        raise conflict("Scores are switched off: switch them on first, with scores at PATCH /api/learning.")
    return Status(201, _whole(nights.train_now(user.team, now=timezone.now())))


@router.post("/api/lead-models/release", auth=scope("team:write"), response=ModelOut, openapi_extra=MAY_MISS)
def release_lead_model(request: HttpRequest) -> ModelOut:
    """Uses the newest version again, and each newer one as it is made."""
    user = caller(request)
    need(user, "manage_team", "choose how leads are scored")
    row = lead_models.release(user.team, by=user, now=timezone.now())
    if row is None:
        raise not_found("version", "newest")
    lead_scores.refresh(user.team, now=timezone.now())
    return _whole(row)


@router.get("/api/lead-models/{int:version}", auth=scope("team:read"), response=ModelOut)
def get_lead_model(request: HttpRequest, version: Id) -> ModelOut:
    """A version: what it was learned from, and how it foresaw leads it had not seen."""
    user = caller(request)
    need(user, "view_team", "see how leads are scored")
    row = ScoreModel.objects.filter(team=user.team_id, version=version).first()
    if row is None:
        raise not_found("version", version)
    return _whole(row)


@router.post("/api/lead-models/{int:version}/activate", auth=scope("team:write"), response=ModelOut)
def activate_lead_model(request: HttpRequest, version: Id) -> ModelOut:
    """Goes back to a version and stays there, until it is released; the open leads are scored by it."""
    user = caller(request)
    need(user, "manage_team", "choose how leads are scored")
    try:
        row = lead_models.activate(user.team, version, by=user, now=timezone.now())
    except lead_models.NoSuchVersion:
        raise not_found("version", version) from None
    lead_scores.refresh(user.team, now=timezone.now())
    return _whole(row)


def _learning(team: Team) -> dict[str, Any]:
    row, model = settings.of(team.pk), lead_models.active(team.pk)
    names = ("times", "scores", "estimates", "won_statuses", "lost_statuses", "urgent_share", "deal_value_key")
    return {name: getattr(row, name) for name in names} | {
        "points": [asdict(rule) for rule in lead_models.rules_of(row)],
        "learned_times": [
            {
                "channel": one.fit.channel,
                "attempts": one.fit.attempts,
                "needed": best_time.NEEDED,
                "built_at": one.fit.built_at,
                "chances": one.chances,
                "tried": one.attempts,
            }
            for one in best_times.of_team(team)
        ],
        "times_compared": _compared(team),
        "score_model": model,
        "learned_estimates": EstimateFit.objects.filter(team=team).first(),
    }


def _compared(team: Team) -> dict[str, Any] | None:
    found = holdouts.of(team)
    if found is None:
        return None
    groups = {"kept": found.kept, "chosen": found.chosen}
    names = ("verdict", "difference", "low", "high", "needed")
    return {name: getattr(found, name) for name in names} | {
        "reason": holdouts.sentence_of(found),
        **{name: {"contacts": arm.n, "answered": arm.wins, "rate": arm.rate} for name, arm in groups.items()},
    }


def _lines(rows: Sequence[ScoreModel]) -> list[ModelLine]:
    return [ModelLine.model_validate(row) for row in rows]


def _whole(row: ScoreModel) -> ModelOut:
    check = row.check_data or {"auc": None, "brier": None, "n": 0, "bands": []}
    return ModelOut(
        **ModelLine.model_validate(row).model_dump(),
        auc=check["auc"],
        brier=check["brier"],
        checked_on=check["n"],
        bands=[BandOut(**band) for band in check["bands"]],
        edges=list(lead_score.Model.from_dict(row.data).edges),
    )
