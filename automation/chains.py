"""What led to an event: the root activity, the rules passed since, and the pairs parked for running in circles."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from automation.audited import RULE
from automation.events import Event
from automation.models import Firing, ParkedPair, TaskAutomationRule
from jobs.rows import insert_new
from notifications import outbox
from notifications.models import Notification
from people.models import User


@dataclass(frozen=True)
class Chain:
    """The rules passed, the first cause first; empty for an event that no rule caused."""

    root_id: int | None = None
    path: tuple[int, ...] = ()


def of(event: Event) -> Chain:
    """A task's events carry the chain of the firing that made the task."""
    own = event.activity.id if event.activity is not None else None
    if event.task is None:
        return Chain(own)
    made_by = Firing.objects.filter(task=event.task, outcome=Firing.FIRED).order_by("pk").first()
    if made_by is None:
        return Chain(own)
    return Chain(made_by.root_id or made_by.activity_id or own, (*made_by.path, made_by.rule_id))


def park(rule: TaskAutomationRule, event: Event, chain: Chain, reason: str, *, now: datetime) -> None:
    """Leaves the pair alone from now on, and tells the rule's owner with the chain. Parking twice is parking once."""
    assert event.contact is not None  # a chain without a contact is not parked but ends by its depth
    names = dict(TaskAutomationRule.objects.filter(pk__in=chain.path).values_list("pk", "name"))
    told = [*(names.get(pk, f"rule {pk}") for pk in chain.path), rule.name]
    row = ParkedPair(rule=rule, contact=event.contact, reason=reason[:255], chain=told, at=now)
    if not insert_new([row]):
        return
    outbox.tell(
        rule.owner,
        kind=Notification.RULE,
        key=f"parked:{rule.pk}:{event.contact.pk}:{now:%Y%m%dT%H%M%S}",
        title=f"“{rule.name}” stopped for {event.contact.name}: {reason}",
        body=f"{' → '.join(told)}. It goes on for everybody else; release the pair once the cause is mended.",
        path=f"/automations/task-scheduling/{rule.pk}",
        now=now,
    )


def release(pair: ParkedPair, *, by: User, now: datetime) -> bool:
    """Lets the rule work for the contact again; False when somebody has done so already."""
    with transaction.atomic():
        if not ParkedPair.objects.filter(pk=pair.pk, released_at__isnull=True).update(released_at=now):
            return False
        RULE.record(pair.rule, "released", by=by, now=now, after={"contact_id": pair.contact_id})
    return True
