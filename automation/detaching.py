"""Taking back that unmatched events were given to a contact: they wait again, and what their rules made goes.

The rules may have run meanwhile, so this is more than a column: tasks that nobody has begun are closed, the contact's
clock is set back, and the events may start the rules again once they are given to somebody else. What ended a sequence,
closed work or took the contact out of the mailing stands: that is for a person to mend.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.dateparse import parse_datetime

from automation import firing, occurring
from automation.models import Enrolment, Firing
from crm import addresses
from crm.models import Activity, Contact, ContactIdentity
from work import retiring
from work.models import Task

CLOCK = (
    "next_follow_up_at",
    "seen_follow_up_at",
    "next_touch_at",
    "look_late_at",
    "last_touch_at",
    "last_activity_at",
    "quiet_at",
)
"""When the contact was last in touch, and is to be next."""
OPT_OUTS = ("do_not_contact", "unsubscribed_at", "complained_at", "bounced_at")
REASON = "The event was not {name}'s."


GONE, WENT_ON, OPTED_OUT, CLOSED = "gone", "went_on", "opted_out", "closed"
"""Why events stay: they are not the contact's any more; or a sequence, the contact's consent or its tasks changed."""


class CannotDetach(ValueError):
    """The events stay the contact's; its text is one of these."""


@dataclass(frozen=True)
class Detached:
    activities: list[int]
    kept: int
    """Tasks that somebody has begun, and that stay."""


def before(contact: Contact) -> dict[str, Any]:
    """How the contact stands, as JSON. To be asked for before events are given to it."""
    return {
        "columns": {name: _plain(getattr(contact, name)) for name in (*CLOCK, *OPT_OUTS)},
        "enrolments": dict(_under_way(contact)),
        "tasks": list(Task.objects.open().filter(contact=contact).values_list("pk", flat=True)),
    }


def detach(
    contact: Contact, activities: Iterable[int], was: dict[str, Any], *, learned: str = "", at: datetime, now: datetime
) -> Detached:
    """Gives the events back to the list of what is nobody's, all or none.

    `was` is how the contact stood before they were attached `at`, and `learned` the address that became its own by it.
    Raises CannotDetach.
    """
    with occurring.alone(contact.team_id):
        held = Contact.objects.select_for_update().get(pk=contact.pk)
        rows = list(Activity.objects.select_for_update().filter(pk__in=list(activities), contact=held).order_by("pk"))
        _check(held, rows, was)
        kept = sum(_take_back(row, held, now) for row in rows)
        _set_clock_back(held, rows, was, at)
        if learned:
            ContactIdentity.objects.filter(contact=held, source=addresses.EMAIL, external_id=learned).delete()
    return Detached([row.pk for row in rows], kept)


def _check(contact: Contact, rows: list[Activity], was: dict[str, Any]) -> None:
    if not rows:
        raise CannotDetach(GONE)
    now = dict(_under_way(contact))
    if any(now.get(int(pk)) != state for pk, state in was["enrolments"].items()):
        raise CannotDetach(WENT_ON)
    if any(_plain(getattr(contact, name)) != was["columns"][name] for name in OPT_OUTS):
        raise CannotDetach(OPTED_OUT)
    if Task.objects.filter(pk__in=was["tasks"], contact=contact, status=Task.OBSOLETE).exists():
        raise CannotDetach(CLOSED)


def _take_back(row: Activity, contact: Contact, now: datetime) -> int:
    """Back into the list; how many tasks stay, as somebody has begun them."""
    reason = REASON.format(name=contact.name)
    kept = 0
    for made in Firing.objects.filter(activity=row).select_related("task"):
        if made.task is not None and made.task.is_open:
            retiring.retire(made.task, reason=reason, now=now)
            kept += made.task.is_open
        if made.outcome == Firing.WAITING:
            firing.keep(made, Firing.SUPPRESSED, reason)
        # The key is free: once the event is given to somebody else, the rule answers it anew.
        Firing.objects.filter(pk=made.pk).update(trigger_key=f"{made.trigger_key}:back:{made.pk}", activity=None)
    data = dict(row.data)
    first = _instant(data.pop("first_received_at", None)) or row.received_at
    Activity.objects.filter(pk=row.pk).update(contact=None, processed_at=now, received_at=first, data=data)
    return kept


def _set_clock_back(contact: Contact, rows: list[Activity], was: dict[str, Any], at: datetime) -> None:
    """Unless something else has happened to the contact, which then has the last word."""
    since = Activity.objects.filter(contact=contact, received_at__gte=at).exclude(origin=Activity.SYSTEM)
    if not since.exclude(pk__in=[row.pk for row in rows]).exists():
        Contact.objects.filter(pk=contact.pk).update(**{name: _instant(was["columns"][name]) for name in CLOCK})


def _under_way(contact: Contact) -> models.QuerySet[Any]:
    return Enrolment.objects.filter(contact=contact, state__in=Enrolment.UNDER_WAY).values_list("pk", "state")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _instant(said: str | None) -> datetime | None:
    return parse_datetime(said) if said else None
