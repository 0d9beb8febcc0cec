"""Staying in touch: when a contact's next touch is planned, what comes of it when it is due, and what counts as one.

A person's own date (`next_follow_up_at`) goes before the cadence, is never moved, and stands until it is followed;
touches by cadence count from the last real touch, at 08:00 local, on a day of the owner's that has room.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from automation import due_rows, events, occurring, one_by_one, recurring
from automation.models import Enrolment, Firing, ScheduledTaskBatch, TaskAutomationRule
from automation.programmes import enrolments
from automation.setting_aside import put_aside
from automation.spreading import Days
from automation.triggers.cadence import TOUCHES
from crm import contacts
from crm.models import Activity, Contact
from domain import calendars, policies, recurrence, touches
from people.models import Team
from work import due, lifecycle
from work.models import Task

TOUCH_ASIDE, PLAN_ASIDE = "touch", "touch_plan"
UNPLANNED_FOR = timedelta(days=1)
NOT_CONTACTED = "The contact is not to be contacted."
TEMPLATE = {"title": "Get in touch with {{contact_name}}", "priority": Task.MEDIUM}


def due_since(now: datetime, team_id: int | None = None) -> due_rows.Due:
    """Contacts whose date has come, and those that wait for one."""
    return due_rows.united(
        due_rows.earliest(Contact.objects.touch_due(now), "next_touch_at", team_id),
        due_rows.present(Contact.objects.unplanned(), now, team_id),
    )


def schedule_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Plans touches that are missing, and lets those that have come occur: rules first, else the task of the series.

    One open task a contact: while it is open no other is made. Touches missed in a downtime become one, marked late.
    """
    planned = plan_missing(team_id, now=now)
    rows = Contact.objects.touch_due(now).filter(team_id=team_id).order_by("next_touch_at")
    pks = list(rows.values_list("pk", flat=True)[: one_by_one.MOST])

    def begin() -> Callable[[int], bool]:
        days = Days(Team.objects.get(pk=team_id))
        return lambda pk: _come(pk, days, now)

    done = one_by_one.each(team_id, pks, begin, park=lambda pk: _put_aside(pk, now))
    return {"planned": planned, "created": done.made, "skipped": done.skipped, "failed": done.failed}


def plan_missing(team_id: int, *, now: datetime) -> int:
    """A contact with a cadence and no next touch gets one. Reads partial indexes."""
    contacts.notice_changes_by_hand(team_id=team_id, now=now)
    pks = list(Contact.objects.unplanned().filter(team_id=team_id).values_list("pk", flat=True)[: one_by_one.MOST])

    def begin() -> Callable[[int], bool]:
        days = Days(Team.objects.get(pk=team_id))
        return lambda pk: _plan(pk, days, now)

    return one_by_one.each(team_id, pks, begin, park=lambda pk: _put_aside_unplanned(pk, now)).made


def follow(activity: Activity, *, now: datetime) -> None:
    """A real touch moves the next one, and a plain no ends them; any other activity changes nothing.

    Call it while holding the team's queue.
    """
    if activity.contact_id is not None and activity.activity_type == Activity.DO_NOT_CONTACT:
        _leave_alone(activity.contact_id, now)
    elif activity.contact_id is not None and _is_touch(activity):
        touched = touch(activity.contact_id, min(activity.occurred_at, now), now=now)
        if touched is not None and activity.contact is not None:
            for name in ("last_touch_at", "next_touch_at", "next_follow_up_at"):
                setattr(activity.contact, name, getattr(touched, name))


def touch(contact_id: int, at: datetime, *, now: datetime) -> Contact | None:
    """Notes a real touch, and what follows: the next date, a follow-up date that is met, tasks no longer needed.

    One that is not newer than the last known changes nothing, so repeating it is safe. None then. A touch so old that
    the next one by it has passed already leaves date and tasks as they are.
    """
    contact = locked(contact_id)
    if contact is None or not standing(contact) or (contact.last_touch_at is not None and contact.last_touch_at >= at):
        return None
    contact.last_touch_at = at
    met = contact.next_follow_up_at is not None and contact.next_follow_up_at <= at
    if met:
        contact.next_follow_up_at = contact.seen_follow_up_at = None
    wanted = _by_cadence(contact, at)
    if contact.next_follow_up_at is None and (met or wanted is None or wanted > now):
        contact.next_touch_at = planned(contact, Days(contact.team), now)
        contact.look_late_at = None
    _keep(contact, *_PLAN, "last_touch_at", "next_follow_up_at", "seen_follow_up_at", "look_late_at")
    if wanted is None or wanted > now:
        for task in open_tasks(contact):
            lifecycle.close(task, reason=f"In touch on {at.astimezone(zone_of(contact)):%d %B %Y}", now=now)
    return contact


def _leave_alone(contact_id: int, now: datetime) -> None:
    """Whoever is not to be contacted has no next touch, and no task to get in touch that nobody has begun."""
    contact = locked(contact_id)
    if contact is None or not contact.do_not_contact:
        return
    if contact.next_touch_at != contact.next_follow_up_at:
        contact.next_touch_at, contact.look_late_at = contact.next_follow_up_at, None
        _keep(contact, "next_touch_at", "look_late_at")
    for task in open_tasks(contact):
        lifecycle.close(task, reason=NOT_CONTACTED, now=now)


_PLAN = ("next_touch_at", "cadence_anchor_day")


def contact_changed(contact: Contact, changed: frozenset[str], now: datetime) -> None:
    """What else follows when somebody changes a contact: dates on its clock, and series without a cadence end."""
    if changed & {"timezone", "owner_id"}:
        due.rederive_contact(contact, now)
        enrolments.rederive(Enrolment.objects.filter(contact=contact), now=now)
        recurring.follow_clock(contact.team_id, now=now, contact=contact)
    if "owner_id" in changed:
        _find_room(contact, now)
    if "contact_cadence" in changed and not contact.contact_cadence:
        recurring.end_all(contact, reason="The contact's cadence was cleared", now=now)


def _find_room(contact: Contact, now: datetime) -> None:
    """A touch to come stays on its day where the new owner's has room. Two at once may take the same room."""
    instant = contact.next_touch_at
    if instant is None or instant <= now or contact.next_follow_up_at is not None:
        return
    placed = Days(contact.team).place(contact, instant, zone_of(contact))
    if Contact.objects.filter(pk=contact.pk, next_touch_at=instant).update(next_touch_at=placed):
        contact.next_touch_at = placed


def planned(contact: Contact, days: Days, now: datetime) -> datetime | None:
    """When the contact is next to be touched, if it may be; the first day of the month chosen is noted on it.

    A touch that would have been due already, as after setting a cadence on somebody not seen for a year, is planned
    for the next morning with room.
    """
    base = contact.last_touch_at or now
    zone = zone_of(contact)
    if contact.contact_cadence and contact.cadence_anchor_day is None:
        contact.cadence_anchor_day = (contact.next_follow_up_at or base).astimezone(zone).day
    if contact.next_follow_up_at is not None:
        return contact.next_follow_up_at
    wanted = _by_cadence(contact, min(base, now))
    if wanted is None or contact.do_not_contact:
        return None
    if wanted <= now:
        wanted = calendars.next_local_time(now, zone, touches.TOUCH_AT.hour)
    return days.place(contact, wanted, zone)


def what_was_missed(contact: Contact, instant: datetime, now: datetime) -> recurrence.Missed | None:
    """What a touch due at `instant` came to by now, and the one after it; None without a cadence."""
    if not _has_cadence(contact):
        return None
    return touches.collapsed(
        contact.contact_cadence, due=instant, now=now, anchor_day=contact.cadence_anchor_day, zone=zone_of(contact)
    )


def zone_of(contact: Contact) -> ZoneInfo:
    """The contact's, else the owner's, else the team's."""
    owner = contact.owner
    return calendars.first_zone(contact.timezone, owner.timezone if owner else "", contact.team.timezone).zone


def locked(contact_id: int) -> Contact | None:
    """The row as it stands, which nobody else changes until the transaction ends."""
    rows = Contact.objects.select_for_update(of=("self",), no_key=True).select_related("owner__team", "team")
    found: Contact | None = rows.filter(pk=contact_id).first()
    return found


def standing(contact: Contact) -> bool:
    """Neither merged into another nor erased."""
    return contact.merged_into_id is None and contact.erased_at is None


def in_sequence(contact: Contact) -> bool:
    """Whether a sequence or campaign is under way, which keeps in touch in place of the cadence."""
    return Enrolment.objects.filter(contact=contact, state__in=Enrolment.UNDER_WAY).exists()


def covers(firings: list[Firing]) -> bool:
    """Whether a rule stands in for what comes of itself: it made a task, will, or its task is still open."""
    return any(
        one.outcome in (Firing.FIRED, Firing.WAITING)
        or (one.outcome == Firing.SUPPRESSED and one.reason == policies.STILL_OPEN)
        for one in firings
    )


def open_tasks(contact: Contact) -> QuerySet[Task]:
    """The contact's open tasks whose point is to get in touch: touch series, follow-ups, and rules in their place."""
    series = recurring.live_series(contact).filter(recurs_from__in=recurring.FROM_TOUCH)
    keys = [batch.group_key for batch in series]
    by_rule = Firing.objects.filter(_IN_PLACE, task=OuterRef("pk"))
    of_itself = Q(group_key__in=keys) | Q(origin_key__startswith="overdue:")
    found: QuerySet[Task] = Task.objects.open().filter(Q(contact=contact) & (of_itself | Exists(by_rule)))
    return found


_IN_PLACE = Q(kind=TaskAutomationRule.CADENCE) | Q(kind=TaskAutomationRule.OVERDUE, cause__isnull=True)


def _is_touch(activity: Activity) -> bool:
    """A call, a meeting, mail either way written by a person, or the completion of a task to get in touch."""
    if activity.activity_type in TOUCHES:
        by_program = activity.signal == Activity.MACHINE
        return not by_program and not (
            activity.activity_type == Activity.EMAIL_SENT and activity.origin == Activity.SYSTEM
        )
    if activity.activity_type != Activity.TASK_COMPLETED or activity.task_id is None:
        return False
    task = Task.objects.filter(pk=activity.task_id).only("group_key", "origin_key").first()
    if task is None:
        return False
    if (task.origin_key or "").startswith("firing:"):
        return Firing.objects.filter(_IN_PLACE, task=task).exists()
    return (task.origin_key or "").startswith("overdue:") or recurring.batch_of(task) is not None


def _has_cadence(contact: Contact) -> bool:
    """False for a word that somebody wrote past every check, too."""
    try:
        return bool(recurrence.check_cadence(contact.contact_cadence))
    except ValueError:
        return False


def _by_cadence(contact: Contact, base: datetime) -> datetime | None:
    if not _has_cadence(contact):
        return None
    return touches.after(contact.contact_cadence, base, anchor_day=contact.cadence_anchor_day, zone=zone_of(contact))


def _plan(pk: int, days: Days, now: datetime) -> bool:
    contact = locked(pk)
    if contact is None or contact.next_touch_at is not None:
        return False
    if not standing(contact):  # merging and erasing clear the cadence; this one was written by hand since
        contact.contact_cadence = contact.seen_cadence = ""
        _keep(contact, "contact_cadence", "seen_cadence")
        return False
    contact.next_touch_at = planned(contact, days, now)
    _keep(contact, *_PLAN)
    return contact.next_touch_at is not None


def _come(pk: int, days: Days, now: datetime) -> bool:
    """Lets a touch occur. True when a task came of it, by a rule or of itself."""
    contact = locked(pk)
    if contact is None or contact.next_touch_at is None or contact.next_touch_at > now:
        return False
    instant = contact.next_touch_at
    if instant == contact.touched_for:
        return False
    own = instant == contact.next_follow_up_at
    contact.touched_for = instant
    if contact.do_not_contact:
        contact.next_touch_at = contact.next_follow_up_at
    missed = what_was_missed(contact, instant, now)
    if not standing(contact) or contact.do_not_contact or (missed is None and not own):
        _keep(contact, "touched_for", "next_touch_at")
        return False
    programmed = in_sequence(contact)
    firings = [] if programmed and not own else _occur(contact, instant, missed, now)
    dealt_with, task = programmed or covers(firings), None
    if not dealt_with and missed is not None:
        dealt_with, task = _make_task(contact, instant, missed, now)
    if dealt_with and missed is not None and not own:
        contact.next_touch_at, contact.look_late_at = days.place(contact, missed.following, zone_of(contact)), None
    _keep(contact, "touched_for", "next_touch_at", "look_late_at")
    return task is not None or any(one.outcome == Firing.FIRED for one in firings)


def _occur(contact: Contact, instant: datetime, missed: recurrence.Missed | None, now: datetime) -> list[Firing]:
    data = {"missed": missed.count - 1} if missed is not None and missed.count > 1 else {}
    event = events.at_instant(
        TaskAutomationRule.CADENCE,
        f"contact:{contact.pk}",
        instant,
        team_id=contact.team_id,
        contact=contact,
        data=data,
    )
    return occurring.occur(event, now=now)


def _make_task(
    contact: Contact, instant: datetime, missed: recurrence.Missed, now: datetime
) -> tuple[bool, Task | None]:
    """The task that comes of itself. True when the touch is dealt with: nobody to give it to leaves it to be missed."""
    series = list(recurring.live_series(contact))
    if recurring.has_open_task(series):
        return True, None
    batch = next((one for one in series if one.recurs_from in recurring.FROM_TOUCH), None)
    if batch is None and series:  # a series that goes by the calendar, or by its own completions, keeps in touch
        return True, None
    if batch is None:
        if contact.owner is None or not contact.owner.is_active:
            return False, None
        batch = recurring.start(
            contact,
            contact.contact_cadence,
            TEMPLATE,
            name=f"{contact.get_contact_cadence_display()} touch of {contact.name}",
            owner=contact.owner,
            recurs_from=ScheduledTaskBatch.TOUCH,
            now=now,
        )
    return True, recurring.make_occurrence(batch, instant, missed, now=now)


def _put_aside(pk: int, now: datetime) -> None:
    """Out of the sweep's way as one that occurred: should its job die, it is missed, and looked at as such."""
    contact = Contact.objects.filter(pk=pk, next_touch_at__isnull=False).first()
    if contact is not None and contact.next_touch_at is not None:
        Contact.objects.filter(pk=pk).update(touched_for=contact.next_touch_at)
        put_aside(TOUCH_ASIDE, pk, contact.next_touch_at, team_id=contact.team_id, now=now)


def take_up(pk: int, at: datetime, *, now: datetime) -> bool:
    """A touch that was put aside, let occur by its job; False when it was moved or dealt with since."""
    contact = Contact.objects.select_related("team").filter(pk=pk, next_touch_at=at, touched_for=at).first()
    if contact is None or contact.missed_for == at:
        return False
    with occurring.alone(contact.team_id):
        Contact.objects.filter(pk=pk, next_touch_at=at).update(touched_for=None)
        return _come(pk, Days(contact.team), now)


def _put_aside_unplanned(pk: int, now: datetime) -> None:
    """It gets a date for the time being, so that it is not looked at with every sweep, nor forgotten."""
    meanwhile = now + UNPLANNED_FOR
    contact = Contact.objects.filter(pk=pk, next_touch_at__isnull=True).first()
    if contact is not None:
        Contact.objects.filter(pk=pk).update(next_touch_at=meanwhile)
        put_aside(PLAN_ASIDE, pk, meanwhile, team_id=contact.team_id, now=now)


def take_up_unplanned(pk: int, at: datetime, *, now: datetime) -> bool:
    """One that could not be planned, tried again by its job; False when it was planned since."""
    contact = Contact.objects.select_related("team").filter(pk=pk, next_touch_at=at).first()
    if contact is None or contact.next_follow_up_at == at:
        return False
    with occurring.alone(contact.team_id):
        Contact.objects.filter(pk=pk, next_touch_at=at).update(next_touch_at=None)
        return _plan(pk, Days(contact.team), now)


def _keep(contact: Contact, *names: str) -> None:
    Contact.objects.filter(pk=contact.pk).update(**{name: getattr(contact, name) for name in names})
