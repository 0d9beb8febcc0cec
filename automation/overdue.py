"""What is late: follow-ups of contacts that were missed, and tasks past due, of which somebody is told.

A missed follow-up is looked at each local 09:00 until it is dealt with, once for each date that was missed. A late
task moves from one threshold to the next: its assignee, the rules on late tasks, the leads.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from automation import cadence, due_rows, giving, occurring, one_by_one
from automation.models import Firing, TaskAutomationRule
from automation.setting_aside import put_aside
from automation.spreading import Days
from automation.triggers import overdue as trigger
from crm import contacts
from crm.models import Contact
from domain import calendars, recurrence
from notifications import outbox
from notifications.models import Notification
from people import hours
from people.models import Team, User
from work import lifecycle
from work.models import Task

CONTACT_ASIDE, TASK_ASIDE = "missed", "late_task"
URGENT_WITHIN = timedelta(hours=8)


def due_since(now: datetime, team_id: int | None = None) -> due_rows.Due:
    return due_rows.united(
        due_rows.earliest(Contact.objects.to_look_at(now), "look_at", team_id),
        due_rows.earliest(Task.objects.to_chase(now), "chase_at", team_id),
    )


def run_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Contacts whose missed follow-up is to be looked at now, then tasks that are late."""
    pks = list(
        Contact.objects.to_look_at(now)
        .filter(team_id=team_id)
        .order_by("look_at")
        .values_list("pk", flat=True)[: one_by_one.MOST]
    )
    return {**_look_at(team_id, pks, now), **chase(team_id, now=now)}


def create_overdue(team_id: int, *, now: datetime) -> dict[str, int]:
    """One urgent task for each contact whose next touch passed the next local 09:00 with no open follow-up.

    Once for each date that was missed. Looks at all the team's missed contacts that are not dealt with, also those
    that the sweep (`run_due`) would look at later in the day.
    """
    contacts.notice_changes_by_hand(team_id=team_id, now=now)
    rows = Contact.objects.filter(team_id=team_id, next_touch_at__lt=now)
    late = [*rows.missed().values_list("pk", flat=True), *rows.touch_due(now).values_list("pk", flat=True)]
    return _look_at(team_id, late, now)


def _look_at(team_id: int, pks: list[int], now: datetime) -> dict[str, int]:
    def begin() -> Callable[[int], bool]:
        days = Days(Team.objects.get(pk=team_id))
        return lambda pk: _look(pk, days, now)

    done = one_by_one.each(team_id, pks, begin, park=lambda pk: _put_contact_aside(pk, now))
    return {"created": done.made, "skipped": done.skipped, "failed": done.failed}


def _look(pk: int, days: Days, now: datetime) -> bool:
    """Deals with a missed follow-up, or says when it is looked at again. True when a task came of it."""
    contact = cadence.locked(pk)
    if contact is None or contact.next_touch_at is None or contact.next_touch_at in (contact.missed_for, None):
        return False
    missed = contact.next_touch_at
    own = missed == contact.next_follow_up_at
    what = cadence.what_was_missed(contact, missed, now) if missed <= now else None
    if not cadence.standing(contact) or (what is None and not own):
        return _dealt_with(contact, missed)
    zone = cadence.zone_of(contact)
    told_at = calendars.next_local_time(missed, zone, trigger.FOLLOW_UP_HOUR)
    if told_at > now:
        return _later(contact, told_at)
    if what is not None and not own and _is_passed_over(contact, what, days):
        return _dealt_with(contact, missed)
    if contact.do_not_contact or Task.objects.open().filter(contact=contact).exists():
        return _later(contact, calendars.next_local_time(now, zone, trigger.FOLLOW_UP_HOUR))
    firings = occurring.occur(trigger.of_follow_up(contact, missed), now=now)
    made = any(one.outcome == Firing.FIRED for one in firings)
    if not cadence.covers(firings):
        if contact.owner is None or not contact.owner.is_active:
            return _later(contact, calendars.next_local_time(now, zone, trigger.FOLLOW_UP_HOUR))
        made = _make_task(contact, contact.owner, missed, now) or made
    if what is not None and not own:
        _move_on(contact, what.following, days)
    _dealt_with(contact, missed)
    return made


def _is_passed_over(contact: Contact, what: recurrence.Missed, days: Days) -> bool:
    """A touch by cadence of somebody not to be contacted, or in a sequence: no task comes of it, and it goes on."""
    if contact.do_not_contact:
        Contact.objects.filter(pk=contact.pk).update(next_touch_at=None)
    elif cadence.in_sequence(contact):
        _move_on(contact, what.following, days)
    else:
        return False
    return True


def _move_on(contact: Contact, following: datetime, days: Days) -> None:
    placed = days.place(contact, following, cadence.zone_of(contact))
    Contact.objects.filter(pk=contact.pk).update(next_touch_at=placed)


def _dealt_with(contact: Contact, missed: datetime) -> bool:
    Contact.objects.filter(pk=contact.pk).update(missed_for=missed, look_late_at=None)
    return False


def _later(contact: Contact, look_at: datetime) -> bool:
    Contact.objects.filter(pk=contact.pk).update(look_late_at=look_at)
    return False


def _put_contact_aside(pk: int, now: datetime) -> None:
    contact = Contact.objects.filter(pk=pk, next_touch_at__isnull=False).first()
    if contact is not None and contact.next_touch_at is not None:
        Contact.objects.filter(pk=pk).update(missed_for=contact.next_touch_at)
        put_aside(CONTACT_ASIDE, pk, contact.next_touch_at, team_id=contact.team_id, now=now)


def take_up_contact(pk: int, at: datetime, *, now: datetime) -> bool:
    """A missed follow-up that was put aside, tried again by its job; False when its date was moved since."""
    contact = Contact.objects.select_related("team").filter(pk=pk, next_touch_at=at, missed_for=at).first()
    if contact is None:
        return False
    with occurring.alone(contact.team_id):
        Contact.objects.filter(pk=pk, next_touch_at=at).update(missed_for=None)
        return _look(pk, Days(contact.team), now)


def _make_task(contact: Contact, owner: User, missed: datetime, now: datetime) -> bool:
    try:
        with transaction.atomic():
            task = lifecycle.create(
                contact.team,
                title=f"Overdue: follow up with {contact.name}"[:255],
                description=f"The follow-up was due on {missed.astimezone(cadence.zone_of(contact)):%d %B %Y}.",
                priority=Task.URGENT,
                due_date=now + URGENT_WITHIN,
                contact=contact,
                owner=owner,
                kind="overdue",
                origin_key=f"overdue:{contact.pk}:{missed:%Y%m%dT%H%M}",
                now=now,
            )
            giving.give(task, owner, by=None, now=now, sentence=f"{owner.display_name} owns the contact.")
    except IntegrityError:  # the origin key: this date was dealt with before
        return False
    return True


def chase(team_id: int, *, now: datetime) -> dict[str, int]:
    """Tells of tasks past due and fires the rules on them, each threshold once; then sets the next look."""
    pks = list(
        Task.objects.to_chase(now)
        .filter(team_id=team_id)
        .order_by("chase_at")
        .values_list("pk", flat=True)[: one_by_one.MOST]
    )

    def begin() -> Callable[[int], bool]:
        team, rules = Team.objects.get(pk=team_id), _rules(team_id)
        return lambda pk: _chase(pk, team, rules, now)

    done = one_by_one.each(team_id, pks, begin, park=lambda pk: _put_task_aside(pk, now))
    return {"chased": done.made, "chase_failed": done.failed}


def replan(team_id: int, *, after_hours: float, now: datetime) -> int:
    """Has late tasks looked at when they are late by `after_hours`, for those where that is still to come; how many.

    Call it when a rule on late tasks begins or changes. What was late by as much before does not fire it.
    """
    at = F("due_date") + timedelta(hours=after_hours)
    late = Task.objects.overdue(now).filter(team_id=team_id, due_date__gt=now - timedelta(hours=after_hours))
    sooner = late.filter(Q(chase_at__isnull=True) | Q(chase_at__gt=at))
    return sooner.update(chase_at=at, chased_for=F("due_date"))


def _rules(team_id: int) -> list[TaskAutomationRule]:
    live = TaskAutomationRule.objects.live().filter(team_id=team_id, trigger_type=TaskAutomationRule.OVERDUE)
    rows = live.select_related("owner", "team").order_by("pk")
    sound = [rule for rule in rows if not trigger.check(rule.trigger_config)]
    return [rule for rule in sound if rule.trigger_config.get("what") != trigger.FOLLOW_UP]


def _chase(pk: int, team: Team, rules: list[TaskAutomationRule], now: datetime) -> bool:
    """True when the task is late. The compare-and-set loses to whoever finished it or moved its date."""
    rows = Task.objects.to_chase(now).select_related("assignee__team", "owner__team", "contact__owner", "contact__team")
    task = rows.filter(pk=pk).first()
    if task is None or task.chase_at is None:
        return False
    due, since = task.due_date, task.chase_at
    if not task.is_open:
        Task.objects.filter(pk=pk, chase_at=since, status=task.status).update(chase_at=None)
        return False
    if due is None or due > now or task.chased_for != due:  # moved past the verbs
        Task.objects.filter(pk=pk, chase_at=since).update(chase_at=due, chased_for=due)
        return False
    thresholds = {rule.pk: due + trigger.after(rule.trigger_config) for rule in rules}
    lead_at = due + timedelta(hours=team.overdue_lead_hours)
    ahead = [at for at in (lead_at, *thresholds.values()) if at > now]
    mine = Task.objects.open().filter(pk=pk, chase_at=since, due_date=due)
    if not mine.update(chase_at=min(ahead, default=None)):
        return False
    holder = task.assignee or task.owner
    if since <= due:
        _tell_holder(task, holder, due, now)
    for rule in rules:
        if max(since, rule.active_since or rule.created_at) <= thresholds[rule.pk] <= now:
            occurring.occur(trigger.of_task(task, trigger.after(rule.trigger_config)), now=now, rule=rule)
    if lead_at <= now:
        _tell_leads(task, holder, due, now)
    return True


def _put_task_aside(pk: int, now: datetime) -> None:
    task = Task.objects.filter(pk=pk, chase_at__isnull=False).first()
    if task is not None and task.chase_at is not None:
        Task.objects.filter(pk=pk).update(chase_at=None)
        put_aside(TASK_ASIDE, pk, task.chase_at, team_id=task.team_id, now=now)


def take_up_task(pk: int, at: datetime, *, now: datetime) -> bool:
    """A late task that was put aside, tried again by its job; False when its date was moved since."""
    rows = Task.objects.filter(pk=pk, chase_at__isnull=True, chased_for=F("due_date"))
    task = rows.select_related("team").first()
    if task is None:
        return False
    with occurring.alone(task.team_id):
        return bool(rows.update(chase_at=at)) and _chase(pk, task.team, _rules(task.team_id), now)


def _tell_holder(task: Task, holder: User | None, due: datetime, now: datetime) -> None:
    if holder is not None:
        outbox.tell(
            holder,
            kind=Notification.OVERDUE,
            key=f"overdue:{task.pk}:{due:%Y%m%dT%H%M%S}",
            title=f"Overdue: {task.title}",
            body=f"It was due at {due.astimezone(hours.zone_of(holder).zone):%Y-%m-%d %H:%M}.",
            task=task,
            path=f"/tasks/{task.pk}",
            now=now,
        )


def _tell_leads(task: Task, holder: User | None, due: datetime, now: datetime) -> None:
    """The team's leads, or its managers where it has none; whoever holds the task knows already."""
    people = User.objects.active().filter(team_id=task.team_id).select_related("team")
    leads = list(people.filter(role=User.LEAD)) or list(people.filter(role=User.MANAGER))
    whose = f"{holder.display_name} has it." if holder is not None else "Nobody has it."
    late_hours = int((now - due) / timedelta(hours=1))
    outbox.tell(
        [one for one in leads if holder is None or one.pk != holder.pk],
        kind=Notification.ESCALATED,
        key=f"overdue-lead:{task.pk}:{due:%Y%m%dT%H%M%S}",
        title=f"Overdue for 1 hour: {task.title}"
        if late_hours == 1
        else f"Overdue for {late_hours} hours: {task.title}",
        body=whose,
        task=task,
        path=f"/tasks/{task.pk}",
        now=now,
    )
