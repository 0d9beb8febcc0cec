"""Recurring series: a task template that makes a task for a contact again and again, one open at a time.

From `touch` it goes by the contact's cadence and is moved by every real touch; from `schedule` by fixed dates; from
`completion` the next task comes a period after the last one was done.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from automation import due_rows, giving, occurring, one_by_one
from automation.drafting import template_values
from automation.models import ScheduledTaskBatch
from automation.setting_aside import put_aside
from automation.task_templates import BadTemplate, checked_template
from crm import announced
from crm.models import Activity, Contact
from domain import calendars, recurrence, templating, touches
from people.models import Team, User
from work import lifecycle
from work.due import at_wall, move_to_zone
from work.models import Task

__all__ = ["BadTemplate", "checked_template", "schedule_recurring"]

log = logging.getLogger("nextmove.automation")

ASIDE = "series"
TASKS_OF = 500
"""Series whose tasks are read at a time."""
FROM_TOUCH = (ScheduledTaskBatch.TOUCH, "")
LATE = "Late: {count} earlier ones were missed meanwhile, and are one with this task."


def schedule_recurring(
    contact: Contact,
    cadence: str,
    task_template: Mapping[str, Any],
    *,
    owner: User,
    now: datetime,
    recurs_from: str = ScheduledTaskBatch.TOUCH,
) -> tuple[ScheduledTaskBatch, list[Task]]:
    """Sets the contact's cadence and makes the first task of the series, due at its first occurrence.

    Later ones come as they fall due. Asking again ends the owner's series of before and makes a task all the same.
    Raises ValueError for an unknown cadence or `recurs_from`, BadTemplate.
    """
    if recurs_from not in dict(ScheduledTaskBatch.RECURS_FROM):
        known = ", ".join(dict(ScheduledTaskBatch.RECURS_FROM))
        raise ValueError(f"A series cannot recur from {recurs_from!r}: use one of {known}.")
    template = checked_template(task_template)
    zone = _zone(contact, owner)
    first = recurrence.next_occurrence(cadence, after=now, zone=zone)
    with transaction.atomic():
        for before in live_series(contact).filter(owner=owner):
            end(before, reason="A new series took its place", now=now)
        name = f"{recurrence.label(cadence)} task for {contact.name}"
        batch = start(contact, cadence, template, name=name, owner=owner, recurs_from=recurs_from, now=now)
        _plan_run(batch, first, zone)
        morning = calendars.from_wall(datetime.combine(first.astimezone(zone).date(), touches.TOUCH_AT), zone)
        key = _key(morning if recurs_from == ScheduledTaskBatch.TOUCH else first)
        task = _make(batch, first, key=key, now=now)
        _set_cadence(contact, cadence, morning, now.astimezone(zone).day, now)
    return batch, [task]


def start(
    contact: Contact,
    cadence: str,
    template: Mapping[str, Any],
    *,
    name: str,
    owner: User,
    recurs_from: str,
    now: datetime,
) -> ScheduledTaskBatch:
    """A new series without tasks."""
    began = now.astimezone(_zone(contact, owner))
    batch: ScheduledTaskBatch = ScheduledTaskBatch.objects.create(
        owner=owner,
        team_id=contact.team_id,
        name=name[:200],
        kind=ScheduledTaskBatch.RECURRING,
        contact=contact,
        task_template=dict(template),
        cadence=cadence,
        anchor_day=began.day,
        time_of_day=began.time(),
        recurs_from=recurs_from,
        created_at=now,
    )
    return batch


def live_series(contact: Contact) -> QuerySet[ScheduledTaskBatch]:
    """The contact's series that go on, the newest first."""
    return _live().filter(contact=contact).select_related("owner", "contact__team", "contact__owner").order_by("-pk")


def _live() -> QuerySet[ScheduledTaskBatch]:
    return ScheduledTaskBatch.objects.filter(kind=ScheduledTaskBatch.RECURRING, ended_at__isnull=True)


def has_open_task(series: Iterable[ScheduledTaskBatch]) -> bool:
    return Task.objects.open().filter(group_key__in=[batch.group_key for batch in series]).exists()


def batch_of(task: Task) -> ScheduledTaskBatch | None:
    """The series a task belongs to."""
    number = task.group_key.removeprefix("batch:")
    if not number.isdigit():
        return None
    return ScheduledTaskBatch.objects.filter(pk=int(number), kind=ScheduledTaskBatch.RECURRING).first()


def make_occurrence(
    batch: ScheduledTaskBatch, due: datetime, missed: recurrence.Missed, *, now: datetime
) -> Task | None:
    """The series' task for the occurrence that was due and those missed since; None when it has one already."""
    assert batch.contact is not None
    key = _key(due)
    if _exists(batch, key):
        return None
    by = touches.task_due(missed.latest, now=now, zone=_zone(batch.contact, batch.owner))
    return _make(batch, by, key=key, missed=missed.count - 1, now=now, local=by != now + touches.LATEST_START)


def end(batch: ScheduledTaskBatch, *, reason: str, now: datetime) -> bool:
    """Ends a series for good; its untouched task closes with the reason. False when it had ended before."""
    with transaction.atomic():
        mine = _live().filter(pk=batch.pk)
        if not mine.update(ended_at=now, next_run_at=None):
            return False
        batch.ended_at, batch.next_run_at = now, None
        for task in Task.objects.open().filter(group_key=batch.group_key):
            lifecycle.close(task, reason=reason, now=now)
    return True


def end_all(contact: Contact, *, reason: str, now: datetime) -> int:
    """Ends every series of the contact; how many."""
    return sum(end(batch, reason=reason, now=now) for batch in live_series(contact))


def end_by_hand(batch: ScheduledTaskBatch, *, by: User, now: datetime) -> bool:
    """Ends a series because somebody said so. With its last series the contact's cadence goes, which would bring
    the tasks back.
    """
    with transaction.atomic():
        if not end(batch, reason=f"{by.display_name} ended the series", now=now):
            return False
        contact = batch.contact
        if contact is not None and contact.contact_cadence and not live_series(contact).exists():
            Contact.objects.filter(pk=contact.pk, contact_cadence=contact.contact_cadence).update(
                contact_cadence="", seen_cadence="", cadence_anchor_day=None, next_touch_at=F("next_follow_up_at")
            )
            announced.tell_changed(contact, ["contact_cadence"], now=now, by=by)
    return True


def follow(activity: Activity, *, now: datetime) -> None:
    """The completion of a task whose series goes by completions makes the next one; completing it again does not."""
    if activity.activity_type != Activity.TASK_COMPLETED or activity.task_id is None:
        return
    task = Task.objects.filter(pk=activity.task_id).only("group_key").first()
    batch = batch_of(task) if task is not None else None
    if task is None or batch is None or batch.recurs_from != ScheduledTaskBatch.COMPLETION:
        return
    key = f"after:{task.pk}"
    if batch.ended_at is not None or batch.contact is None or has_open_task([batch]) or _exists(batch, key):
        return
    zone = _zone(batch.contact, batch.owner)
    task = _make(batch, _following(batch, activity.occurred_at, zone), key=key, now=now)
    assert task.due_date is not None
    _plan_run(batch, task.due_date, zone)


def due_since(now: datetime, team_id: int | None = None) -> due_rows.Due:
    return due_rows.earliest(_due(now), "next_run_at", team_id)


def run_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Makes the tasks of series on fixed dates whose date has come; dates missed meanwhile become one task.

    A series that goes by completions is looked at a period after its task was due: one whose task was cancelled, so
    that nobody will complete it, goes on.
    """
    pks = list(
        _due(now).filter(team_id=team_id).order_by("next_run_at").values_list("pk", flat=True)[: one_by_one.MOST]
    )

    def begin() -> Callable[[int], bool]:
        return lambda pk: _run(pk, now)

    done = one_by_one.each(team_id, pks, begin, park=lambda pk: _put_aside(pk, now))
    return {"created": done.made, "skipped": done.skipped, "failed": done.failed}


def _due(now: datetime) -> QuerySet[ScheduledTaskBatch]:
    return ScheduledTaskBatch.objects.filter(next_run_at__lte=now, ended_at__isnull=True)


def _run(pk: int, now: datetime) -> bool:
    rows = ScheduledTaskBatch.objects.select_related("owner", "contact__team", "contact__owner")
    batch = rows.filter(pk=pk, ended_at__isnull=True, next_run_at__lte=now).first()
    if batch is None or batch.next_run_at is None or batch.contact is None:
        return False
    contact, due = batch.contact, batch.next_run_at
    if contact.merged_into_id is not None or contact.erased_at is not None:
        return not end(batch, reason="The contact is no longer there", now=now)
    zone = _zone(contact, batch.owner)
    missed = recurrence.collapse(
        batch.cadence, due=due, now=now, anchor_day=batch.anchor_day, zone=zone, at=_time_of_day(batch, zone)
    )
    mine = ScheduledTaskBatch.objects.filter(pk=pk, next_run_at=due)
    if not mine.update(next_run_at=missed.following, zone=zone.key):
        return False
    return not has_open_task([batch]) and make_occurrence(batch, due, missed, now=now) is not None


def _plan_run(batch: ScheduledTaskBatch, last: datetime, zone: ZoneInfo) -> None:
    if batch.recurs_from not in FROM_TOUCH:
        batch.next_run_at, batch.zone = _following(batch, last, zone), zone.key
        ScheduledTaskBatch.objects.filter(pk=batch.pk).update(next_run_at=batch.next_run_at, zone=batch.zone)


def planned_teams(now: datetime) -> list[int]:
    """Teams with series that have a run to come; reads their partial index."""
    to_come = _to_come(now).filter(team=OuterRef("pk"))
    return list(Team.objects.filter(Exists(to_come)).order_by("pk").values_list("pk", flat=True))


def follow_clock(team_id: int, *, now: datetime, contact: Contact | None = None) -> int:
    """After a zone changed: the runs to come, and open tasks that nobody touched, at their time of day on the new
    clock, all of a team's or those of one contact; how many moved.

    They keep their local day; one that the new clock has passed already is due. Asking again moves nothing.
    """
    mine = {"team_id": team_id} | ({"contact": contact} if contact is not None else {})
    return _move_runs(_to_come(now).filter(**mine), now) + _move_tasks(_live().filter(**mine), now)


def _move_runs(rows: QuerySet[ScheduledTaskBatch], now: datetime) -> int:
    moved = 0
    for pk in list(rows.order_by("pk").values_list("pk", flat=True)):
        try:
            with transaction.atomic():
                moved += _put_on_its_clock(pk, now)
        except Exception:
            log.exception("the next run of series %s could not be moved to its new clock", pk)
    return moved


def _put_on_its_clock(pk: int, now: datetime) -> bool:
    batch = _to_come(now).filter(pk=pk).select_related("owner", "contact__team").first()
    if batch is None or batch.contact is None or batch.next_run_at is None:
        return False
    zone = _zone(batch.contact, batch.owner)
    if batch.zone in ("", zone.key):
        return False
    wall = batch.next_run_at.astimezone(calendars.first_zone(batch.zone).zone).replace(tzinfo=None)
    moved = calendars.from_wall(datetime.combine(wall.date(), batch.time_of_day or wall.time()), zone)
    mine = ScheduledTaskBatch.objects.filter(pk=pk, next_run_at=batch.next_run_at, zone=batch.zone)
    return bool(mine.update(next_run_at=moved, zone=zone.key)) and moved != batch.next_run_at


def _move_tasks(rows: QuerySet[ScheduledTaskBatch], now: datetime) -> int:
    """Those of the series, found by their group keys; one task that cannot be moved stops no other."""
    moved = 0
    series = list(rows.select_related("owner", "contact__team").order_by("pk"))
    for start in range(0, len(series), TASKS_OF):
        part = series[start : start + TASKS_OF]
        zones = {one.group_key: _zone(one.contact, one.owner) for one in part if one.contact is not None}
        for task in Task.objects.open().filter(group_key__in=list(zones), due_date__gt=now).exclude(due_zone=""):
            try:
                moved += move_to_zone(task, zones[task.group_key], now=now)
            except Exception:
                log.exception("the due date of task %s could not be moved to its new clock", task.pk)
    return moved


def _to_come(now: datetime) -> QuerySet[ScheduledTaskBatch]:
    return ScheduledTaskBatch.objects.filter(next_run_at__gt=now, ended_at__isnull=True)


def _put_aside(pk: int, now: datetime) -> None:
    batch = ScheduledTaskBatch.objects.filter(pk=pk, next_run_at__isnull=False).first()
    if batch is not None and batch.next_run_at is not None:
        ScheduledTaskBatch.objects.filter(pk=pk).update(next_run_at=None)
        put_aside(ASIDE, pk, batch.next_run_at, team_id=batch.team_id, now=now)


def take_up(pk: int, at: datetime, *, now: datetime) -> bool:
    """A series that was put aside, gone on with by its job; False when it was ended or planned anew since."""
    rows = ScheduledTaskBatch.objects.filter(pk=pk, ended_at__isnull=True, next_run_at__isnull=True)
    batch = rows.first()
    if batch is None:
        return False
    with occurring.alone(batch.team_id):
        return bool(rows.update(next_run_at=at)) and _run(pk, now)


def _set_cadence(contact: Contact, cadence: str, touch: datetime, anchor_day: int, now: datetime) -> None:
    """The contact's own next touch falls on the first occurrence's day, if it may be contacted; a date that a person
    set stands before it.
    """
    before = contact.contact_cadence
    contact.contact_cadence = contact.seen_cadence = cadence
    contact.cadence_anchor_day = anchor_day
    if contact.next_follow_up_at is None:
        contact.next_touch_at = None if contact.do_not_contact else touch
    names = ("contact_cadence", "seen_cadence", "cadence_anchor_day", "next_touch_at")
    Contact.objects.filter(pk=contact.pk).update(**{name: getattr(contact, name) for name in names})
    if cadence != before:
        announced.tell_changed(contact, ["contact_cadence"], now=now)


def _following(batch: ScheduledTaskBatch, after: datetime, zone: ZoneInfo) -> datetime:
    """A period after the local date of `after`, at the time of day at which the series began."""
    anchor = batch.anchor_day
    if batch.recurs_from == ScheduledTaskBatch.COMPLETION:
        anchor = touches.anchor_for(after.astimezone(zone).date(), anchor)
    return recurrence.next_occurrence(
        batch.cadence, after=after, anchor_day=anchor, zone=zone, at=_time_of_day(batch, zone)
    )


def _time_of_day(batch: ScheduledTaskBatch, zone: ZoneInfo) -> time:
    return batch.time_of_day or batch.created_at.astimezone(zone).time()


def _make(
    batch: ScheduledTaskBatch, due: datetime, *, key: str, now: datetime, missed: int = 0, local: bool = True
) -> Task:
    """The task of an occurrence. `local`: its due date is a time of day, which goes along to another zone."""
    assert batch.contact is not None  # every series is for a contact
    template, values = batch.task_template, template_values(batch.contact, None)
    description = templating.render(str(template.get("description") or ""), values)
    holder = _holder(batch)
    task = lifecycle.create(
        batch.contact.team,
        title=templating.render_title(template["title"], values, fallback=batch.name),
        description="\n\n".join(filter(None, (description, LATE.format(count=missed) if missed else ""))),
        priority=template.get("priority", Task.MEDIUM),
        **(at_wall(due, _zone(batch.contact, batch.owner))._asdict() if local else {"due_date": due}),
        reminder_offset_hours=_hours(template.get("reminder_offset_hours")),
        estimated_hours=_hours(template.get("estimated_hours")),
        contact=batch.contact,
        owner=holder,
        group_key=batch.group_key,
        kind="recurring",
        origin_key=_origin(batch, key),
        now=now,
    )
    if holder is not None:
        sentence = f"{batch.owner.display_name} scheduled it: {batch.name}."
        giving.give(task, holder, by=batch.owner, now=now, sentence=sentence)
    return task


def _holder(batch: ScheduledTaskBatch) -> User | None:
    """Whoever scheduled it, else the contact's owner; with neither there it waits for anybody."""
    people = (batch.owner, batch.contact.owner if batch.contact is not None else None)
    return next((one for one in people if one is not None and one.is_active and one.team_id == batch.team_id), None)


def _zone(contact: Contact, owner: User) -> ZoneInfo:
    """The contact's, else the zone of whoever scheduled the series, else the team's."""
    return calendars.first_zone(contact.timezone, owner.timezone, contact.team.timezone).zone


def _hours(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _key(occurrence: datetime) -> str:
    return f"{occurrence.astimezone(UTC):%Y%m%dT%H%M}"


def _exists(batch: ScheduledTaskBatch, key: str) -> bool:
    return Task.objects.filter(origin_key=_origin(batch, key)).exists()


def _origin(batch: ScheduledTaskBatch, key: str) -> str:
    return f"{batch.group_key}:{key}"
