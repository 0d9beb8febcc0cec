"""Which rows of the ledger are attempts to reach somebody, and when that was on the contact's clock."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from crm.models import Activity
from jobs.rows import write_all
from learning import settings, zones
from learning.models import ContactAttempt
from people.models import Team
from work.models import Task

FAST = timedelta(hours=4)
"""An answer within this counts as fast: the hour moves how soon people answer far more than whether they do."""
PUNCTUAL = timedelta(hours=1)
"""Work done this close to when it was due was done at the hour that was chosen for it; other hours are a person's."""
KEPT_FOR = timedelta(days=730)
"""After two years an attempt weighs a sixteenth, and tells no more of hours."""
HELD = (Task.REACHED, Task.WON)
"""Outcomes that tell of an attempt that reached somebody: nobody is won who was not. A lead may be given up unreached,
so `lost` tells of neither."""
SPOKEN = (*HELD, Task.NO_ANSWER, Task.MESSAGE_LEFT)
"""Outcomes of a task, or in the data of a call, that tell of an attempt."""
KINDS = (Activity.TASK_COMPLETED, Activity.TASK_OUTCOME, Activity.CALL, Activity.EMAIL_SENT)


def attempt_of(activity: Activity, task: Task | None, team: Team) -> ContactAttempt | None:
    """What an activity of a contact says of an attempt; None when it tells of none, or not what came of it.

    What came of a task may be said after it was completed: the attempt was when it was completed all the same.
    A call that was written down without an outcome was held: counted, it would make the hours at which people write
    down look like those at which everybody answers.
    """
    outcome = activity.data.get("outcome") if isinstance(activity.data, Mapping) else None
    is_mail = activity.activity_type == Activity.EMAIL_SENT
    if activity.contact is None or not (is_mail or outcome in SPOKEN):
        return None
    contact, at = activity.contact, made_at(activity, task)
    zone, zone_source = zones.zone_of(contact, team)
    local = at.astimezone(zone.zone)
    chosen_by, propensity = _chosen(activity, task, at)
    reached = not is_mail and outcome in HELD
    return ContactAttempt(
        team=team,
        contact=contact,
        activity=activity,
        task_id=activity.task_id,
        owner_id=contact.owner_id,
        channel=ContactAttempt.EMAIL if is_mail else ContactAttempt.CALL,
        sent_at=at,
        zone=zone.name,
        zone_source=zone_source,
        local_hour=local.hour,
        local_weekday=local.weekday(),
        chosen_by=chosen_by,
        propensity=propensity,
        reached=reached,
        answered_at=at if reached else None,
        matured_at=at + FAST,  # also of who answered at once: they must not count sooner than the others
    )


@transaction.atomic
def tell_anew(team: Team) -> int:
    """Tells attempts by the clock that is known by now, where it was guessed, and worse; how many.

    What was known of a contact itself stays: one that moved was reached where it was.
    """
    settings.enter(team.pk)
    rows = ContactAttempt.objects.filter(team=team).filter(
        (~Q(zone_source=zones.CONTACT) & ~Q(contact__timezone=""))
        | (Q(zone_source__in=(zones.OWNER, zones.TEAM)) & ~Q(contact__phone_e164=""))
        | (Q(zone_source=zones.TEAM) & ~Q(contact__owner__timezone="") & ~Q(contact__owner=None))
    )
    changed = []
    for row in rows.select_related("contact__owner").order_by("pk").iterator():
        zone, source = zones.zone_of(row.contact, team)
        if zones.SOURCES.index(source) < zones.SOURCES.index(row.zone_source):
            local = row.sent_at.astimezone(zone.zone)
            row.zone, row.zone_source = zone.name, source
            row.local_hour, row.local_weekday = local.hour, local.weekday()
            changed.append(row)
    write_all(changed, ["zone", "zone_source", "local_hour", "local_weekday"])
    return len(changed)


def made_at(activity: Activity, task: Task | None) -> datetime:
    """When what an activity tells of was done: what came of a task is dated by its completion, whenever it is said."""
    if activity.activity_type == Activity.TASK_OUTCOME and task is not None and task.completed_at is not None:
        return task.completed_at
    return activity.occurred_at


def _chosen(activity: Activity, task: Task | None, at: datetime) -> tuple[str, float | None]:
    """What chose the instant, and how likely it was to choose it, where that is known."""
    if task is None or task.due_date is None:
        sent_by_itself = activity.activity_type == Activity.EMAIL_SENT and activity.origin == Activity.SYSTEM
        return (ContactAttempt.RULE if sent_by_itself else ContactAttempt.HUMAN), None
    if abs(at - task.due_date) > PUNCTUAL:
        return ContactAttempt.HUMAN, None
    if task.timing:
        if task.timing.get("moved"):
            return ContactAttempt.HUMAN, None
        return task.timing["chosen_by"], task.timing["propensity"]
    return (ContactAttempt.RULE if task.origin_key else ContactAttempt.HUMAN), None
