"""Pausing an enrolment, which stops its clock, going on, stopping it for good, and taking an end back."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Min

from automation import programmes
from automation.models import Enrolment, EnrolmentStep
from automation.programmes import Outline, dating, exits
from crm.models import Activity
from domain import calendars, delays, sequencing
from domain.calendars import Schedule
from people import hours
from people.models import User
from work import lifecycle, retiring
from work.models import Task

AUTO_REPLY_PAUSE = timedelta(days=3)
LONGEST_PAUSE = timedelta(days=366)
"""A date further off than this, in an automatic reply, is a misreading: the usual pause is taken."""
SWITCHED_OFF = "It is switched off."
HOLD_LOOK = timedelta(hours=1)


class NotNow(Exception):
    """The enrolment is not in a state for this; the message says in which it is."""


def pause(enrolment: Enrolment, *, now: datetime, reason: str = "", until: datetime | None = None) -> Enrolment:
    """Stops the clock until somebody resumes it, or until an instant. Raises NotNow unless it is active."""
    with transaction.atomic():
        row = _locked(enrolment)
        if row.state != Enrolment.ACTIVE:
            raise NotNow(f"It is {row.state}: only an active enrolment can be paused.")
        _pause(row, now=now, reason=reason or "Somebody paused it.", until=until)
    return row


def resume(enrolment: Enrolment, *, now: datetime) -> Enrolment:
    """Goes on, with what is left moved by the length of the pause. Raises NotNow unless it is paused."""
    with transaction.atomic():
        row = _locked(enrolment)
        if row.state != Enrolment.PAUSED:
            raise NotNow(f"It is {row.state}: only a paused enrolment can be resumed.")
        _resume(row, ended=now)
    return row


def stop(enrolment: Enrolment, *, by: User, now: datetime) -> Enrolment:
    """Ends it as an exit does. Raises NotNow unless it is under way."""
    with transaction.atomic():
        row = _locked(enrolment)
        if not exits.end(row, Enrolment.STOPPED, reason=f"{by.display_name} stopped it.", by=by, now=now):
            raise NotNow(f"It is {row.state} already: there is nothing to stop.")
    return row


def end_pause(enrolment: Enrolment, *, now: datetime) -> None:
    """The sweep's: a pause whose end has come. Call it in a transaction, with the row locked.

    The clock goes on from the pause's own end, however late this is called. One whose sequence is still switched off
    is looked at again in an hour.
    """
    if enrolment.state != Enrolment.PAUSED or enrolment.resume_at is None or enrolment.resume_at > now:
        return
    programme = programmes.of(enrolment)
    if programme.archived_at is not None:
        exits.end(enrolment, Enrolment.STOPPED, reason=exits.DELETED, now=now)
    elif enrolment.reason == SWITCHED_OFF:
        if programme.is_active:
            _resume(enrolment, ended=now)
        else:
            exits.save(enrolment, resume_at=now + HOLD_LOOK)
    else:
        _resume(enrolment, ended=enrolment.resume_at)


def should_pause(enrolment: Enrolment, *, now: datetime) -> bool:
    """Pauses an active one before its step, for an automatic reply not processed yet or a sequence switched off."""
    unprocessed = exits.heard(enrolment, [Activity.EMAIL_AUTO_REPLIED], now=now).filter(processed_at__isnull=True)
    for activity in unprocessed:
        _follow(enrolment, activity, now)
    if enrolment.state == Enrolment.ACTIVE and not programmes.of(enrolment).is_active:
        _pause(enrolment, now=now, reason=SWITCHED_OFF, until=now + HOLD_LOOK)
    return enrolment.state == Enrolment.PAUSED


def switched_on(programme: programmes.Programme, *, now: datetime) -> None:
    """Those that were held while it was off go on with the next sweep."""
    held = Enrolment.objects.filter(**{programmes.kind_of(programme): programme}, state=Enrolment.PAUSED)
    held.filter(reason=SWITCHED_OFF).update(resume_at=now)


def follow(activity: Activity, *, now: datetime) -> list[Enrolment]:
    """An automatic reply pauses until the day it names, else three days; a second one only makes that longer."""
    if activity.activity_type != Activity.EMAIL_AUTO_REPLIED or activity.contact_id is None:
        return []
    under_way = Enrolment.objects.filter(contact_id=activity.contact_id, state__in=Enrolment.UNDER_WAY)
    with transaction.atomic():
        found = [
            row
            for row in exits.locked(under_way)
            if activity.occurred_at >= row.created_at and activity.pk > row.heard_activity
        ]
        for row in found:
            _follow(row, activity, now)
    return found


def _follow(enrolment: Enrolment, activity: Activity, now: datetime) -> None:
    zone = _zone(enrolment)
    named = _named_day(activity, zone)
    until = named or activity.occurred_at + AUTO_REPLY_PAUSE
    reason = f"An automatic reply came: until {until.astimezone(zone):%d %B %Y}."
    if until <= now:
        return
    if enrolment.state == Enrolment.ACTIVE:
        _pause(enrolment, now=now, reason=reason, until=until)
    elif enrolment.resume_at is not None and until > enrolment.resume_at and enrolment.reason != SWITCHED_OFF:
        exits.save(enrolment, resume_at=until, reason=reason)


def _named_day(activity: Activity, zone: ZoneInfo) -> datetime | None:
    """The instant that `until` in the reply's data names: a day begins at midnight on the contact's clock."""
    data = activity.data if isinstance(activity.data, dict) else {}
    said = data.get("until")
    if not isinstance(said, str):
        return None
    try:
        if len(said.strip()) == 10:
            named = calendars.from_wall(datetime.combine(date.fromisoformat(said.strip()), time()), zone)
        else:
            moment = datetime.fromisoformat(said.strip())
            named = moment.astimezone(UTC) if moment.tzinfo else calendars.from_wall(moment, zone)
    except (ValueError, OverflowError):
        return None
    return named if activity.occurred_at < named <= activity.occurred_at + LONGEST_PAUSE else None


def _pause(row: Enrolment, *, now: datetime, reason: str, until: datetime | None) -> None:
    exits.save(row, state=Enrolment.PAUSED, reason=reason[:255], paused_at=now, resume_at=until, next_step_at=None)


def _resume(row: Enrolment, *, ended: datetime) -> None:
    """Moves what is planned and the open tasks whose dates nobody set by hand; the next sweep does what is due."""
    assert row.paused_at is not None  # every pause says when it began
    schedule = dating.schedule_for(row.contact, row.owner, hours.TeamHours(row.team))
    length = sequencing.pause_length(row.paused_at, ended, schedule.zone)
    outline = programmes.read(row.version.content)
    planned = list(row.steps.filter(state=EnrolmentStep.PLANNED).order_by("number"))
    dating.shift(outline, planned, length, schedule=schedule)
    _move_tasks(row, outline, length, schedule, ended)
    first = min((step.due_at for step in planned), default=ended)
    exits.save(
        row,
        state=Enrolment.ACTIVE,
        reason="",
        started_at=dating.shifted(sequencing.Step(), row.started_at, length, schedule=schedule),
        paused_at=None,
        resume_at=None,
        next_step_at=first,
    )


def _zone(row: Enrolment) -> ZoneInfo:
    """The clock that its steps are planned on."""
    return dating.schedule_for(row.contact, row.owner, hours.TeamHours(row.team)).zone


def _move_tasks(row: Enrolment, outline: Outline, length: timedelta, schedule: Schedule, now: datetime) -> None:
    """Dates made on enrolment are the steps' own, and stay apart; any other counts in hours from when it was made."""
    made = row.steps.filter(task__status__in=Task.OPEN, task__edited_at__isnull=True, task__due_date__isnull=False)
    together: list[tuple[Task, sequencing.HasDelay, delays.Due]] = []
    for one in made.order_by("task__due_date").select_related("task") if length else ():
        task, step = one.task, outline.named(one.key)
        if task is None or task.due_date is None:
            continue
        if step is not None and outline.at_once(step):
            together.append((task, step, delays.at_instant(task.due_date, schedule.zone)))
        else:
            _move(task, dating.shifted(sequencing.Step(), task.due_date, length, schedule=schedule), now)
    steps, dates = [step for _, step, _ in together], [due for _, _, due in together]
    moved = sequencing.shift(steps, dates, length, schedule=schedule, least_gap=outline.least_gap)
    for (task, _, _), due in zip(together, moved, strict=True):
        _move(task, due.instant, now)


def _move(task: Task, due_date: datetime, now: datetime) -> None:
    lifecycle.edit(task, by=None, now=now, due_date=due_date)


def undo(enrolment: Enrolment, *, now: datetime) -> Enrolment:
    """Takes an end back within ten minutes: dates, steps and the tasks it closed are as they were.

    What the contact did up to now ends it no more. Raises NotNow: not ended, too late, or enrolled again since.
    """
    with transaction.atomic():
        row = _locked(enrolment)
        kept = row.undo
        if row.state in Enrolment.UNDER_WAY or kept is None or row.undo_until is None:
            raise NotNow(f"It is {row.state}: there is no end to take back.")
        if now > row.undo_until:
            raise NotNow("It ended more than 10 minutes ago: enrol the contact again instead.")
        newest = Activity.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        _restore_row(row, kept, heard=newest)
        row.steps.filter(pk__in=kept["steps"], state=EnrolmentStep.CANCELLED).update(
            state=EnrolmentStep.PLANNED, reason="", at=None
        )
        for task in kept["tasks"]:
            retiring.take_up(task, now=now)
    return row


def _restore_row(row: Enrolment, kept: dict[str, Any], *, heard: int) -> None:
    instants = {name: kept[name] for name in ("next_step_at", "paused_at", "resume_at")}
    try:
        with transaction.atomic():
            exits.save(
                row,
                state=kept["state"],
                reason=kept["reason"],
                active_key=kept["active_key"],
                **{name: datetime.fromisoformat(at) if at else None for name, at in instants.items()},
                ended_at=None,
                undo=None,
                undo_until=None,
                heard_activity=heard,
            )
    except IntegrityError:
        raise NotNow("The contact was enrolled again meanwhile: stop that enrolment first.") from None


def next_due(enrolment: Enrolment) -> datetime | None:
    """The date of the next planned step."""
    at: datetime | None = enrolment.steps.filter(state=EnrolmentStep.PLANNED).aggregate(at=Min("due_at"))["at"]
    return at


def _locked(enrolment: Enrolment) -> Enrolment:
    (row,) = exits.locked(Enrolment.objects.filter(pk=enrolment.pk))
    return row
