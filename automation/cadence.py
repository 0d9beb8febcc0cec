"""Contacts that are due by the calendar: the next touch of a cadence, and follow-ups that were missed."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from assignment import dispatch
from automation import recurring
from automation.models import ScheduledTaskBatch
from crm.models import Contact
from domain import calendars, recurrence
from people.models import User
from work import lifecycle
from work.models import Task

log = logging.getLogger("nextmove.automation")

LIMIT = 500
TOUCH_HOUR = 8


def schedule_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Gives contacts with a cadence their next touch, and makes the task of each touch that has come.

    One open task a contact: while the last one is open no other is made. Touches missed in a downtime become one.
    """
    planned = plan_missing(team_id, now=now)
    due = Contact.objects.filter(team_id=team_id, next_touch_at__lte=now).exclude(contact_cadence="")
    contacts = list(due.select_related("owner", "team").order_by("next_touch_at")[:LIMIT])
    made, skipped, failed = _each(contacts, lambda contact: _touch(contact, now))
    return {"planned": planned, "created": made, "skipped": skipped, "failed": failed}


def create_overdue(team_id: int, *, now: datetime) -> dict[str, int]:
    """One urgent task for each contact whose next touch passed the next local 09:00 with no open follow-up.

    Once an overdue period: the key carries the date that was missed.
    """
    busy = Task.objects.open().filter(contact=OuterRef("pk"))
    late = Contact.objects.filter(team_id=team_id, owner__is_active=True).exclude(Exists(busy))
    by_hand, by_cadence = Q(next_follow_up_at__lt=now), Q(next_follow_up_at__isnull=True, next_touch_at__lt=now)
    late = late.filter(by_hand | (by_cadence & ~Q(contact_cadence="")))
    missed = {
        _overdue_key(contact): contact
        for contact in late.select_related("owner", "team").order_by("pk")
        if calendars.next_local_time(_missed(contact), _zone(contact), 9) <= now
    }
    done = set(Task.objects.filter(origin_key__in=list(missed)).values_list("origin_key", flat=True))
    waiting = [contact for key, contact in missed.items() if key not in done]
    made, skipped, failed = _each(waiting, lambda contact: _overdue_task(contact, now))
    return {"created": made, "skipped": skipped + len(done), "failed": failed}


def plan_missing(team_id: int, *, now: datetime) -> int:
    """A contact with a cadence and no next touch gets one, at 08:00 local. Reads a partial index."""
    contacts = list(Contact.objects.unplanned().filter(team_id=team_id).select_related("owner", "team")[:LIMIT])
    planned, _, _ = _each(contacts, lambda contact: _plan(contact, now))
    return planned


def _plan(contact: Contact, now: datetime) -> bool:
    when = contact.next_follow_up_at or _at_eight(contact, recurrence_after(contact, now))
    return bool(Contact.objects.filter(pk=contact.pk, next_touch_at__isnull=True).update(next_touch_at=when))


def unplanned_teams() -> list[int]:
    return sorted(set(Contact.objects.unplanned().values_list("team_id", flat=True)))


def _each(contacts: list[Contact], step: Callable[[Contact], bool]) -> tuple[int, int, int]:
    """Done, passed over and failed: one bad contact is logged and stops no other."""
    done = failed = 0
    for contact in contacts:
        try:
            with transaction.atomic():
                done += step(contact)
        except Exception:
            log.exception("contact %s could not be scheduled", contact.pk)
            failed += 1
    return done, len(contacts) - done - failed, failed


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
        series = ScheduledTaskBatch.objects.filter(contact=contact, kind=ScheduledTaskBatch.RECURRING)
        series = series.select_related("owner", "contact__team", "contact__owner").order_by("-pk")
        batch = series.first()
        if Task.objects.open().filter(contact=contact, group_key__in=[one.group_key for one in series]).exists():
            return False
        holder = batch.owner if batch is not None else contact.owner
        if holder is None or not holder.is_active:
            return False
        if batch is None:
            batch = ScheduledTaskBatch.objects.create(
                owner=holder,
                team_id=contact.team_id,
                name=f"{contact.get_contact_cadence_display()} touch of {contact.name}"[:200],
                kind=ScheduledTaskBatch.RECURRING,
                contact=contact,
                task_template={"title": "Get in touch with {{contact_name}}", "priority": Task.MEDIUM},
                created_at=now,
            )
        return recurring.next_of_series(batch, due, now=now) is not None


def _missed(contact: Contact) -> datetime:
    missed = contact.next_follow_up_at or contact.next_touch_at
    assert missed is not None  # asked only of contacts that have one
    return missed


def _overdue_key(contact: Contact) -> str:
    return f"overdue:{contact.pk}:{_missed(contact):%Y%m%dT%H%M}"


def _overdue_task(contact: Contact, now: datetime) -> bool:
    assert contact.owner is not None
    missed = _missed(contact).astimezone(_zone(contact))
    try:
        with transaction.atomic():
            task = lifecycle.create(
                contact.team,
                title=f"Overdue: follow up with {contact.name}"[:255],
                description=f"The follow-up was due on {missed:%d %B %Y}.",
                priority=Task.URGENT,
                due_date=now + timedelta(hours=8),
                contact=contact,
                owner=contact.owner,
                origin_key=_overdue_key(contact),
                now=now,
            )
            reasons = {"sentence": f"{contact.owner.display_name} owns the contact."}
            dispatch.assign(task, contact.owner, by=None, now=now, method=dispatch.OWNER, reasons=reasons)
    except IntegrityError:  # the origin key: another sweep made this period's task
        return False
    return True


def _at_eight(contact: Contact, instant: datetime) -> datetime:
    zone = _zone(contact)
    wall = instant.astimezone(zone).replace(hour=TOUCH_HOUR, minute=0, second=0, microsecond=0, tzinfo=None)
    return calendars.from_wall(wall, zone)


def _zone(contact: Contact) -> ZoneInfo:
    """The contact's, else the owner's, else the team's."""
    owner: User | None = contact.owner
    return calendars.first_zone(contact.timezone, owner.timezone if owner else "", contact.team.timezone).zone
