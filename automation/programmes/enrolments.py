"""How an enrolment goes on: the steps that are due are done, exits first; what waits is looked at again."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from automation import due_rows, programmes
from automation.models import Enrolment, EnrolmentStep, Sequence
from automation.programmes import Outline, dating, exits, pausing, stepping
from automation.setting_aside import set_aside
from crm.models import Activity
from people import hours
from people.models import Team
from work.models import Task

log = logging.getLogger("nextmove.automation")

BATCH = 100
MOST_BATCHES = 25
RETRY_JOB = "automation.tasks.run_enrolment"
LOOK_AGAIN = timedelta(hours=1)
"""A step that waits for a task is released by the completion; this finds what was closed in another way."""
LOOK_FOR_END = timedelta(days=1)
"""All steps are done and a task is open still: closed past the verbs, it is noticed after this."""


def due_since(now: datetime, team_id: int | None = None) -> due_rows.Due:
    """Steps that are due and pauses that are over."""
    return due_rows.united(
        due_rows.earliest(Enrolment.objects.due(now), "next_step_at", team_id),
        due_rows.earliest(Enrolment.objects.to_resume(now), "resume_at", team_id),
    )


def planning_teams() -> list[int]:
    """Teams with steps to come; one look into the partial index on those under way for each team."""
    planning = Enrolment.objects.filter(team=OuterRef("pk"), state=Enrolment.ACTIVE, next_step_at__isnull=False)
    return list(Team.objects.filter(Exists(planning)).order_by("pk").values_list("pk", flat=True))


def run_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Ends the team's pauses that are over and does the steps that are due, each enrolment in its own transaction.

    One that fails becomes a job, which retries and tells, and stops no other. Any number of workers may run this.
    """
    totals = {"resumed": 0, "advanced": 0, "failed": 0}
    for name, act, rows in (
        ("resumed", pausing.end_pause, Enrolment.objects.to_resume(now)),
        ("advanced", advance, Enrolment.objects.due(now)),
    ):
        seen: set[int] = set()
        for _ in range(MOST_BATCHES):
            waiting = rows.filter(team_id=team_id).exclude(pk__in=seen).order_by("pk")
            batch = list(waiting.values_list("pk", flat=True)[:BATCH])
            seen.update(batch)
            for pk in batch:
                totals[_one(pk, act, name, now)] += 1
            if len(batch) < BATCH:
                break
    return totals


def _one(pk: int, act: Callable[..., Any], name: str, now: datetime) -> str:
    try:
        with transaction.atomic():
            for enrolment in exits.locked(Enrolment.objects.filter(pk=pk), skip=True):
                act(enrolment, now=now)
    except Exception:
        _set_aside(pk, now)
        return "failed"
    return name


def _set_aside(pk: int, now: datetime) -> None:
    """Out of the sweep's way: the job that takes it up again is the one retry there is."""
    with transaction.atomic():
        for enrolment in exits.locked(Enrolment.objects.filter(pk=pk, state__in=Enrolment.UNDER_WAY)):
            over = enrolment.resume_at if enrolment.state == Enrolment.PAUSED else None
            at = over or enrolment.next_step_at or now
            exits.save(enrolment, next_step_at=None, resume_at=None)
            args = [pk, over.isoformat()] if over else [pk]
            key = f"enrolment:{pk}:{at:%Y%m%dT%H%M%S%f}:{now:%Y%m%dT%H%M%S%f}"
            set_aside(RETRY_JOB, args, key=key, team_id=enrolment.team_id, now=now)


def run_one(pk: int, over: datetime | None = None, *, now: datetime) -> Enrolment | None:
    """Takes up an enrolment, as one that was set aside; None when it is gone. Raises what keeps it from going on.

    `over` is the end of the pause that could not be ended.
    """
    with transaction.atomic():
        for enrolment in exits.locked(Enrolment.objects.filter(pk=pk)):
            if over is not None and enrolment.state == Enrolment.PAUSED and enrolment.resume_at is None:
                exits.save(enrolment, resume_at=over)
                pausing.end_pause(enrolment, now=now)
            advance(enrolment, now=now)
            return enrolment
    return None


def follow(activity: Activity, *, now: datetime) -> list[Enrolment]:
    """What an activity does to those under way; those concerned. Asking again does nothing more.

    An automatic reply pauses them. A task that was finished may release the step that waits for it, or be the last.
    """
    if activity.activity_type == Activity.EMAIL_AUTO_REPLIED:
        return pausing.follow(activity, now=now)
    if activity.task_id is None or activity.activity_type not in (
        Activity.TASK_COMPLETED,
        Activity.TASK_STATUS_CHANGED,
    ):
        return []
    concerned = Enrolment.objects.filter(
        pk__in=EnrolmentStep.objects.filter(task_id=activity.task_id).values("enrolment"), state=Enrolment.ACTIVE
    )
    with transaction.atomic():
        found = exits.locked(concerned)
        for enrolment in found:
            advance(enrolment, now=now)
    return found


def rederive(rows: QuerySet[Enrolment], *, now: datetime) -> int:
    """Planned dates of those under way that follow the calendar, after it changed; how many moved.

    One that cannot be derived is logged and stops no other.
    """
    moved = 0
    for pk in list(rows.filter(state__in=Enrolment.UNDER_WAY).order_by("pk").values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                for enrolment in exits.locked(Enrolment.objects.filter(pk=pk, state__in=Enrolment.UNDER_WAY)):
                    moved += _rederive(enrolment, now)
        except Exception:
            log.exception("the dates of enrolment %s could not be derived again", pk)
    return moved


def _rederive(enrolment: Enrolment, now: datetime) -> int:
    clock = enrolment.paused_at or now
    moved = dating.rederive(enrolment, programmes.read(enrolment.version.content), now=clock)
    first = pausing.next_due(enrolment) if moved else None
    if first is not None and enrolment.state == Enrolment.ACTIVE:
        exits.save(enrolment, next_step_at=first)
    return moved


def advance(enrolment: Enrolment, *, now: datetime) -> None:
    """Does what is due and says when to look again. Call it in a transaction, with the row locked.

    Whatever ends or pauses the enrolment is looked for first, also in what the engine has not processed yet.
    """
    if enrolment.state != Enrolment.ACTIVE:
        return
    if reason := exits.standing_reason(enrolment, now=now):
        state = Enrolment.STOPPED if reason == exits.DELETED else Enrolment.EXITED
        exits.end(enrolment, state, reason=reason, now=now)
        return
    if pausing.should_pause(enrolment, now=now):
        return
    outline = programmes.read(enrolment.version.content)
    rows = list(enrolment.steps.order_by("number", "pk"))
    _keep_going(enrolment, outline, rows, now)


def _keep_going(enrolment: Enrolment, outline: Outline, rows: list[EnrolmentStep], now: datetime) -> None:
    looks: list[datetime] = []
    for place, row in enumerate(rows):
        step = outline.named(row.key)
        if row.state != EnrolmentStep.PLANNED or step is None:
            continue
        at_once = outline.at_once(step)
        look = None if at_once else _not_yet(row, rows[:place], waits=step.wait_for_previous, now=now)
        if look is not None:
            looks.append(look)
            if outline.pacing == Sequence.AT_ONCE:
                continue
            break
        stepping.run(enrolment, row, step, at_once=at_once, now=now)
        if row.state == EnrolmentStep.DONE and not at_once:
            _move_later(enrolment, outline, rows, place, now)
    _say_when(enrolment, looks, now)


def _not_yet(row: EnrolmentStep, before: Iterable[EnrolmentStep], *, waits: bool, now: datetime) -> datetime | None:
    """When to look at the step again; None when its time has come."""
    if row.due_at > now:
        return row.due_at
    return now + LOOK_AGAIN if waits and _is_held_up(before) else None


def _is_held_up(before: Iterable[EnrolmentStep]) -> bool:
    """Whether the step before is still to come, or its task still open. One that was skipped holds up nothing."""
    for row in sorted(before, key=lambda row: row.number, reverse=True):
        if row.state == EnrolmentStep.PLANNED:
            return True
        if row.task_id is not None:
            return Task.objects.open().filter(pk=row.task_id).exists()
    return False


def _move_later(enrolment: Enrolment, outline: Outline, rows: list[EnrolmentStep], place: int, now: datetime) -> None:
    schedule = dating.schedule_for(enrolment.contact, enrolment.owner, hours.TeamHours(enrolment.team))
    slipped = dating.after_step(outline, rows, place, schedule=schedule, now=now)
    if slipped:
        exits.save(enrolment, started_at=enrolment.started_at + slipped)


def _say_when(enrolment: Enrolment, looks: list[datetime], now: datetime) -> None:
    """The next look; without a step to come it has ended once the last task is closed."""
    if looks:
        exits.save(enrolment, next_step_at=min(looks))
    elif has_open_tasks(enrolment):
        exits.save(enrolment, next_step_at=now + LOOK_FOR_END)
    else:
        exits.save(
            enrolment, state=Enrolment.FINISHED, reason="", ended_at=now, next_step_at=None, active_key=None, undo=None
        )


def has_open_tasks(enrolment: Enrolment) -> bool:
    return Task.objects.open().filter(enrolment_steps__enrolment=enrolment).exists()
