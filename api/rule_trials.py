"""/api/task-automation/rules/{id}/…: trying a rule before it goes live, asking why it did not fire, and what it did."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from api.auth import caller, scope
from api.errors import by_field, forbidden, invalid, not_found
from api.fields import Id, In, Instant, Out, named, one
from api.paging import Cursor, Limit, Page, page
from api.rules import NewRule, RulePatch, editable, whole
from automation import activation, chains, rules
from automation.models import Firing, ParkedPair, RuleVersion, TaskAutomationRule
from automation.simulation import backtest, dry_run, explain, telling
from crm.models import Contact
from people import rights
from people.models import User

router = Router(tags=["task automation"])
RULE = "/api/task-automation/rules/{int:id}"
MOST_SECONDS = 30.0
"""Of a backtest, whose caller waits for the answer."""


class DraftIn(In):
    changes: RulePatch | None = Field(None, description="Tried as if saved; the rule itself stays as it is")


class BacktestIn(DraftIn):
    start: Instant
    end: Instant
    done_after_hours: Annotated[float, Field(gt=0, le=8784)] | None = Field(
        None, description="How long a simulated task stays open; the median of the rule's own tasks when left out"
    )


class ExplainIn(In):
    contact_id: Id


class ActivateIn(In):
    apply_to_current: bool = Field(False, description="Also make the tasks of what matches already")


class ClauseOut(Out):
    text: str
    holds: bool | None = Field(description="null when it could not be evaluated")
    values: dict[str, Any]
    fault: str


class SampleOut(Out):
    event: str
    contact_id: int | None
    contact: str
    task_id: int | None
    reason: str
    clause: ClauseOut | None = Field(description="The condition that does not hold, with its values")
    title: str | None
    due_date: datetime | None
    owner_id: int | None


class DryRunOut(Out):
    examined: int
    cut_off: bool = Field(description="Whether there were more records than were looked at")
    would_create: int
    suppressed: int
    no_match: int
    failed: int
    waiting: int
    out_of_scope: int
    reasons: dict[str, int]
    samples: dict[str, list[SampleOut]]


class LoadOut(Out):
    on: date
    owner_id: int
    owner: str
    tasks: int
    hours: float
    capacity_hours: float


class DifferenceOut(Out):
    created: int = Field(description="Tasks more, or less, than the live version would have made")
    only_draft: list[str]
    only_live: list[str]


class BacktestOut(Out):
    start: datetime
    end: datetime
    done_after_hours: float | None
    created: int
    suppressed: int
    no_match: int
    failed: int
    reasons: dict[str, int]
    by_day: list[LoadOut] = Field(description="By the day the tasks fall due and by owner, against working hours")
    really_created: int = Field(description="Tasks the rule really made in that time")
    difference: DifferenceOut | None = Field(description="To the live version, when changes were sent")
    samples: list[SampleOut]


class LookOut(Out):
    event: str
    occurred_at: datetime
    starts: bool = Field(description="Whether the event starts the rule")
    outcome: str | None
    reason: str
    task_id: int | None


class ExplainOut(Out):
    sentence: str
    active: bool
    in_scope: bool
    parked: str | None
    conditions: list[ClauseOut]
    events: list[LookOut]


class ActivatedOut(Out):
    rule_id: int
    is_active: bool
    matching_now: int = Field(description="Records, of those looked at, that would get a task if it were applied")
    examined: int = Field(description="Records that were looked at for the answer")
    cut_off: bool = Field(description="Whether there are more than were looked at: applied, it works on all of them")
    job_id: UUID | None = Field(description="The job that applies it to them, when asked for")
    warning: str = Field(description="What to look at, such as a circle that the rule closes; empty when nothing is")


class FiringOut(Out):
    id: int
    rule_id: int
    version: int | None
    event: str
    occurred_at: datetime | None
    outcome: str
    reason: str
    contact_id: int | None
    task_id: int | None
    due_at: datetime | None = Field(description="When one that waits is looked at again")
    depth: int
    path: list[int] = Field(description="The rules that led to it, the first one first")
    at: datetime


class VersionOut(Out):
    number: int
    frozen_at: datetime
    content: dict[str, Any]


class ParkedOut(Out):
    id: int
    contact_id: int
    reason: str
    chain: list[str]
    at: datetime


@router.post("/api/task-automation/rules/dry-run/", auth=scope("rules:read"), response=DryRunOut)
def dry_run_new_rule(request: HttpRequest, payload: NewRule) -> dict[str, Any]:
    """Tries a rule that is not saved yet over the records as they stand. Writes nothing."""
    user = caller(request)
    rule = TaskAutomationRule(owner=user, team=user.team, **whole(payload))
    return _dry(rule)


@router.post(f"{RULE}/dry-run", auth=scope("rules:read"), response=DryRunOut)
def dry_run_rule(request: HttpRequest, id: Id, payload: DraftIn | None = None) -> dict[str, Any]:
    """Tries the rule, also one that is off, over the records as they stand. Writes nothing."""
    return _dry(_draft(caller(request), id, payload))


@router.post(f"{RULE}/backtest", auth=scope("rules:read"), response=BacktestOut)
def backtest_rule(request: HttpRequest, id: Id, payload: BacktestIn) -> dict[str, Any]:
    """Replays the ledger between two dates through the rule, and the live version beside it. Writes nothing. What takes
    longer than half a minute is refused: choose fewer days, or use the page or the command line."""
    rule = _draft(caller(request), id, payload)
    done_after = timedelta(hours=payload.done_after_hours) if payload.done_after_hours else None
    try:
        step = backtest.within(MOST_SECONDS)
        return telling.of_backtest(rule, start=payload.start, end=payload.end, done_after=done_after, step=step)
    except (backtest.BadSpan, backtest.TooLong) as bad:
        raise invalid("/end", "span", str(bad)) from None
    except rules.BadRule as bad:
        raise by_field(bad.errors) from None


@router.post(f"{RULE}/explain", auth=scope("rules:read"), response=ExplainOut)
def explain_rule(request: HttpRequest, id: Id, payload: ExplainIn) -> dict[str, Any]:
    """Why the rule did or did not fire for a contact: each condition with its values, and its newest events."""
    user = caller(request)
    rule = _readable(user, id)
    contact = named(
        Contact.objects.visible_to(user).select_related("team", "owner"), payload.contact_id, "/contact_id", "contact"
    )
    try:
        return telling.of_explanation(explain.explain(rule, contact, now=timezone.now()))
    except rules.BadRule as bad:
        raise by_field(bad.errors) from None


@router.post(f"{RULE}/activate", auth=scope("rules:write"), response=ActivatedOut)
def activate_rule(request: HttpRequest, id: Id, payload: ActivateIn | None = None) -> dict[str, Any]:
    """Switches the rule on and says how many records match already; they get tasks only when asked for."""
    user = caller(request)
    rule = editable(user, id)
    try:
        done = activation.activate(
            rule, by=user, now=timezone.now(), apply_to_current=bool(payload and payload.apply_to_current)
        )
    except rules.BadRule as bad:
        raise by_field(bad.errors) from None
    return {
        "rule_id": rule.pk,
        "is_active": rule.is_active,
        "matching_now": done.preview.counts["create"],
        "examined": done.preview.examined,
        "cut_off": done.preview.cut_off,
        "job_id": done.job_id,
        "warning": rules.warning(rule, now=timezone.now()),
    }


@router.get(f"{RULE}/firings", auth=scope("rules:read"), response=Page[FiringOut])
def list_firings(
    request: HttpRequest,
    id: Id,
    limit: Limit,
    cursor: Cursor,
    outcome: Annotated[Literal["fired", "suppressed", "failed", "waiting"] | None, Query(None)],
    contact_id: Annotated[Id | None, Query(None)],
) -> dict[str, Any]:
    """What the rule made of its events, newest first: also what it held back, and why."""
    user = caller(request)
    rows = Firing.objects.visible_to(user).filter(rule=_readable(user, id)).select_related("version")
    if outcome is not None:
        rows = rows.filter(outcome=outcome)
    if contact_id is not None:
        rows = rows.filter(contact_id=contact_id)
    return page(request, rows, limit=limit, cursor=cursor, shown=_firings, order=("-at", "-id"))


@router.get(f"{RULE}/versions", auth=scope("rules:read"), response=Page[VersionOut])
def list_versions(request: HttpRequest, id: Id, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The rule as it stood, newest first; firings and tasks name theirs."""
    rows = RuleVersion.objects.filter(rule=_readable(caller(request), id))
    return page(request, rows, limit=limit, cursor=cursor, shown=_versions, order=("-number", "-id"))


@router.get(f"{RULE}/parked", auth=scope("rules:read"), response=Page[ParkedOut])
def list_parked(request: HttpRequest, id: Id, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """Contacts that the rule leaves alone because it ran in circles over them."""
    user = caller(request)
    mine = Contact.objects.visible_to(user)
    rows = ParkedPair.objects.filter(rule=_readable(user, id), released_at__isnull=True, contact__in=mine)
    return page(request, rows, limit=limit, cursor=cursor, shown=_parked, order=("-id",))


@router.post(f"{RULE}/parked/{{int:pair_id}}/release", auth=scope("rules:write"), response=ParkedOut)
def release_parked(request: HttpRequest, id: Id, pair_id: Id) -> ParkedPair:
    """Lets the rule work for the contact again."""
    user = caller(request)
    pair = one(ParkedPair.objects.filter(rule=editable(user, id), released_at__isnull=True), pair_id, "parked pair")
    if not chains.release(pair, by=user, now=timezone.now()):
        raise not_found("parked pair", pair_id)
    return pair


def _readable(user: User, id: int) -> TaskAutomationRule:
    return one(TaskAutomationRule.objects.visible_to(user).select_related("team", "owner"), id, "rule")


def _draft(user: User, id: int, payload: DraftIn | None) -> TaskAutomationRule:
    """The rule with the changes that were sent, not saved. Its samples name contacts, so it is not for everybody."""
    rule = _readable(user, id)
    if not (user.leads or rights.may_edit_rule(user, rule)):
        raise forbidden("view_team", "try a rule that is not yours")
    changes = payload.changes.model_dump(exclude_unset=True) if payload is not None and payload.changes else {}
    for name, value in changes.items():
        setattr(rule, name, value)
    return rule


def _dry(rule: TaskAutomationRule) -> dict[str, Any]:
    try:
        return telling.of_dry_run(dry_run.dry_run(rule, now=timezone.now(), most=dry_run.AT_ONCE))
    except rules.BadRule as bad:
        raise by_field(bad.errors) from None


def _firings(rows: Sequence[Firing]) -> list[FiringOut]:
    return [
        FiringOut(
            id=row.pk,
            rule_id=row.rule_id,
            version=row.version.number if row.version is not None else None,
            event=row.trigger_key,
            occurred_at=row.occurred_at,
            outcome=row.outcome,
            reason=row.reason,
            contact_id=row.contact_id,
            task_id=row.task_id,
            due_at=row.due_at,
            depth=row.depth,
            path=row.path,
            at=row.at,
        )
        for row in rows
    ]


def _versions(rows: Sequence[RuleVersion]) -> list[VersionOut]:
    return [VersionOut.model_validate(row) for row in rows]


def _parked(rows: Sequence[ParkedPair]) -> list[ParkedOut]:
    return [ParkedOut.model_validate(row) for row in rows]
