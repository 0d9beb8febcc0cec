"""What a rule has done, as the policies ask for it: read from the firings, only as far as a decision needs."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from automation.models import Firing, ParkedPair, TaskAutomationRule
from crm.models import Contact
from domain import policies
from people.models import User
from work.models import Task

COUNTS = Q(outcome__in=(Firing.FIRED, Firing.WAITING))
"""A firing that waits will fire: what counts firings counts it."""


class LedgerHistory:
    """Answers `policies.History` from the database. `leaving_out` is the waiting firing that is being judged."""

    def __init__(
        self,
        rule: TaskAutomationRule,
        contact: Contact | None,
        owner: User | None,
        *,
        leaving_out: Firing | None = None,
    ) -> None:
        self.rule, self.contact, self.owner = rule, contact, owner
        self.firings = Firing.objects.filter(rule=rule)
        if leaving_out is not None:
            self.firings = self.firings.exclude(pk=leaving_out.pk)

    def is_parked(self) -> bool:
        if self.contact is None:
            return False
        return ParkedPair.objects.filter(rule=self.rule, contact=self.contact, released_at__isnull=True).exists()

    def has_open_task(self) -> bool:
        if self.firings.filter(contact=self.contact, outcome=Firing.WAITING).exists():
            return True
        return open_task_of(self.rule, self.contact) is not None

    def has_fired(self) -> bool:
        return self.firings.filter(COUNTS, contact=self.contact).exists()

    def has_fired_after(self, instant: datetime) -> bool:
        return self.firings.filter(COUNTS, contact=self.contact, occurred_at__gt=instant).exists()

    def pair_count(self, since: datetime) -> int:
        """Somebody who let the pair go on has seen what it had done: only a count that would park it asks for that."""
        if self.contact is None:
            return 0
        fired = self.firings.filter(contact=self.contact, outcome=Firing.FIRED, at__gt=since)
        count = fired.count()
        if count < policies.MOST_AN_HOUR:
            return count
        pairs = ParkedPair.objects.filter(rule=self.rule, contact=self.contact, released_at__gt=since)
        released_at = pairs.order_by("-released_at").values_list("released_at", flat=True).first()
        return fired.filter(at__gt=released_at).count() if released_at is not None else count

    def rule_instants(self, since: datetime) -> Sequence[datetime]:
        return list(self.firings.filter(outcome=Firing.FIRED, at__gt=since).order_by("at").values_list("at", flat=True))

    def owner_count(self, start: datetime) -> int:
        return Firing.objects.filter(owner=self.owner, outcome=Firing.FIRED, at__gte=start).count()

    def contact_count(self, start: datetime) -> int:
        return Firing.objects.filter(contact=self.contact, outcome=Firing.FIRED, at__gte=start).count()


def open_task_of(rule: TaskAutomationRule, contact: Contact | None) -> Task | None:
    """The rule's task for the contact that somebody still has to do."""
    return Task.objects.open().filter(firings__rule=rule, contact=contact).order_by("pk").first()
