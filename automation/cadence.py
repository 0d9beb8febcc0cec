"""Contacts that are due by the calendar: the next touch of a cadence, and follow-ups that were missed."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Q

from assignment import dispatch
from automation import sequences
from automation.models import ScheduledTaskBatch
from crm.models import Contact
from domain import calendars, recurrence
from people.models import User
from work import lifecycle
from work.models import Task

LIMIT = 500
TOUCH_HOUR = 8


def schedule_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Gives contacts with a cadence their next touch, and makes the task of each touch that has come.

    One open task a contact: while the last one is open no other is made. Touches missed in a downtime become one.
    """
    made = skipped = 0
    planned = _plan_missing(team_id, now)
    due = Contact.objects.filter(team_id=team_id, next_touch_at__lte=now).exclude(contact_cadence="")
    for contact in due.select_related("owner", "team").order_by("next_touch_at")[:LIMIT]:
        if _touch(contact, now):
            made += 1
        else:
            skipped += 1
    return {"planned": planned, "created": made, "skipped": skipped}


def create_overdue(team_id: int, *, now: datetime) -> dict[str, Any]:
    """One urgent task for each contact whose next touch passed the next local 09:00 with no open follow-up.

    Once an overdue period: the key carries the date that was missed.
    """
    created: list[int] = []
    skipped = 0
    late = Contact.objects.filter(team_id=team_id, owner__is_active=True).filter(
        Q(next_follow_up_at__lt=now) | Q(next_follow_up_at__isnull=True, next_touch_at__lt=now)
    )
    for contact in late.select_related("owner", "team").order_by("pk")[:LIMIT]:
        missed = contact.next_follow_up_at or contact.next_touch_at
        assert missed is not None  # the filter lets no other through
        if calendars.next_local_time(missed, _zone(contact), 9) > now:
            continue
        task = _overdue_task(contact, missed, now)
        if task is None:
            skipped += 1
        else:
            created.append(task.pk)
    return {"created": created, "skipped": skipped}


def _plan_missing(team_id: int, now: datetime) -> int:
    """A contact with a cadence and no next touch gets one, at 08:00 local."""
    planned = 0
    without = Contact.objects.filter(team_id=team_id, next_touch_at__isnull=True).exclude(contact_cadence="")
    for contact in without.select_related("owner", "team").order_by("pk")[:LIMIT]:
        when = contact.next_follow_up_at or _at_eight(contact, recurrence_after(contact, now))
        planned += Contact.objects.filter(pk=contact.pk, next_touch_at__isnull=True).update(next_touch_at=when)
    return planned


def recurrence_after(contact: Contact, after: datetime) -> datetime:
    return recurrence.next_occurrence(contact.contact_cadence, after=after, zone=_zone(contact))


def _touch(contact: Contact, now: datetime) -> bool:
    """Moves the next touch on, and makes its task unless one is open; the compare-and-set lets one sweep do it."""
    due = contact.next_touch_at
    assert due is not None
    following = recurrence_after(contact, due)
    while following <= now:
        following = recurrence_after(contact, following)
    with transaction.atomic():
        if not Contact.objects.filter(pk=contact.pk, next_touch_at=due).update(next_touch_at=following):
            return False
        series = ScheduledTaskBatch.objects.filter(contact=contact, kind=ScheduledTaskBatch.RECURRING).order_by("-pk")
        batch = series.first()
        if Task.objects.open().filter(contact=contact, group_key__in=[one.group_key for one in series]).exists():
            return False
        if batch is None:
            if contact.owner is None:
                return False
            batch = ScheduledTaskBatch.objects.create(
                owner=contact.owner,
                team_id=contact.team_id,
                name=f"{contact.get_contact_cadence_display()} touch of {contact.name}"[:200],
                kind=ScheduledTaskBatch.RECURRING,
                contact=contact,
                task_template={"title": "Get in touch with {{contact_name}}", "priority": Task.MEDIUM},
                created_at=now,
            )
        return sequences.next_of_series(batch, due, now=now) is not None


def _overdue_task(contact: Contact, missed: datetime, now: datetime) -> Task | None:
    assert contact.owner is not None
    if Task.objects.open().filter(contact=contact).exists():
        return None
    try:
        with transaction.atomic():
            task = lifecycle.create(
                contact.team,
                title=f"Overdue: follow up with {contact.name}"[:255],
                description=f"The follow-up was due on {missed.astimezone(_zone(contact)):%d %B %Y}.",
                priority=Task.URGENT,
                due_date=now + timedelta(hours=8),
                contact=contact,
                owner=contact.owner,
                origin_key=f"overdue:{contact.pk}:{missed:%Y%m%dT%H%M}",
                now=now,
            )
            reasons = {"sentence": f"{contact.owner.display_name} owns the contact."}
            dispatch.assign(task, contact.owner, by=None, now=now, method=dispatch.OWNER, reasons=reasons)
    except IntegrityError:  # the origin key: this period has its task
        return None
    return task


def _at_eight(contact: Contact, instant: datetime) -> datetime:
    zone = _zone(contact)
    wall = instant.astimezone(zone).replace(hour=TOUCH_HOUR, minute=0, second=0, microsecond=0, tzinfo=None)
    return calendars.from_wall(wall, zone)


def _zone(contact: Contact) -> ZoneInfo:
    """The contact's, else the owner's, else the team's."""
    owner: User | None = contact.owner
    return calendars.first_zone(contact.timezone, owner.timezone if owner else "", contact.team.timezone).zone
