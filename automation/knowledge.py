"""What a batch of events has to know of the past to judge its rules: read at one go, then kept up to date in memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from django.db.models import Count, Max, Q

from automation.history import COUNTS, LedgerHistory
from automation.models import Firing, ParkedPair, TaskAutomationRule
from automation.readiness import Ready
from crm.models import Contact
from domain import policies
from people.models import User
from work.models import Exclusion, Task

ONCE = (TaskAutomationRule.ONCE_EVER, TaskAutomationRule.ONCE_PER_WINDOW)
Pair = tuple[int, int]
"""Ids of a rule and a contact."""


class Knowledge:
    """Of some contacts, what rules did for them; whoever is excluded from their work; and what the batch adds to it.

    `write` writes down what the batch has decided and not written yet: what is asked seldom is asked of the database.
    """

    def __init__(self, rules: Iterable[Ready], *, now: datetime, write: Callable[[], None]) -> None:
        self.now, self.write = now, write
        self._asks_for_latest = any(ready.rule.repeat_policy in ONCE for ready in rules)
        self._known: set[int] = set()
        self.parked: set[Pair] = set()
        self.excluded: set[Pair] = set()
        """Ids of a person and a contact."""
        self.busy: set[Pair] = set()
        """Whose task is open, or about to be made."""
        self.latest: dict[Pair, datetime] = {}
        """The newest event that a rule which does not repeat itself fired for."""
        self.lately: Counter[Pair] = Counter()
        """Firings of the last hour."""
        self._instants: dict[int, list[datetime]] = {}
        self._of_owner: Counter[tuple[int, datetime]] = Counter()
        self._of_contact: Counter[tuple[int, datetime]] = Counter()

    def read(self, contacts: Collection[int]) -> None:
        """Learns of these contacts."""
        new = [pk for pk in contacts if pk not in self._known]
        if not new:
            return
        self._known.update(new)
        parked = ParkedPair.objects.filter(contact__among=new, released_at__isnull=True)
        self.parked.update(parked.values_list("rule", "contact"))
        self.excluded.update(Exclusion.objects.filter(contact__among=new).values_list("user", "contact"))
        made = Task.objects.open().filter(contact__among=new, firings__isnull=False)
        self.busy.update(made.values_list("firings__rule", "contact"))
        fired = Firing.objects.filter(contact__among=new).order_by()
        waiting = Q(outcome=Firing.WAITING)
        this_hour = Q(outcome=Firing.FIRED, at__gt=self.now - policies.HOUR)
        counted = fired.filter(waiting | this_hour).values("rule", "contact", "outcome").annotate(times=Count("pk"))
        for rule, contact, outcome, times in counted.values_list("rule", "contact", "outcome", "times"):
            if outcome == Firing.WAITING:
                self.busy.add((rule, contact))
            else:
                self.lately[rule, contact] = times
        if self._asks_for_latest:
            newest = fired.filter(COUNTS, rule__repeat_policy__in=ONCE).values("rule", "contact")
            for rule, contact, at in newest.annotate(newest=Max("occurred_at")).values_list(
                "rule", "contact", "newest"
            ):
                self.latest[rule, contact] = at

    def forget(self, contact: int | None) -> None:
        """After something else fired, or changed what there is of a contact: that is read anew. Write first."""
        for counts in (self._instants, self._of_owner, self._of_contact):
            counts.clear()
        if contact is None:
            return
        self._known.discard(contact)
        for pairs in (self.parked, self.excluded, self.busy):
            pairs.difference_update([pair for pair in pairs if pair[1] == contact])
        for counted in (self.latest, self.lately):
            for pair in [pair for pair in counted if pair[1] == contact]:
                del counted[pair]
        self.read([contact])

    def note(self, firing: Firing) -> None:
        """Takes into account what was decided just now."""
        if firing.outcome not in (Firing.FIRED, Firing.WAITING) or firing.contact_id is None:
            return
        pair = (firing.rule_id, firing.contact_id)
        self.busy.add(pair)
        occurred_at = firing.occurred_at or firing.at
        self.latest[pair] = max(occurred_at, self.latest.get(pair, occurred_at))
        if firing.outcome != Firing.FIRED:
            return
        self.lately[pair] += 1
        if firing.rule_id in self._instants:
            self._instants[firing.rule_id].append(firing.at)
        for counts, pk in ((self._of_owner, firing.owner_id), (self._of_contact, firing.contact_id)):
            for whose in [whose for whose in counts if whose[0] == pk]:
                counts[whose] += 1

    def instants(self, asked: "KnownHistory", since: datetime) -> Sequence[datetime]:
        whose = asked.rule.pk
        if whose not in self._instants:
            self.write()
            self._instants[whose] = list(asked.ledger.rule_instants(since))
        return self._instants[whose]

    def of_owner(self, asked: "KnownHistory", start: datetime) -> int:
        whose = (asked.owner.pk, start)
        if whose not in self._of_owner:
            self.write()
            self._of_owner[whose] = asked.ledger.owner_count(start)
        return self._of_owner[whose]

    def of_contact(self, asked: "KnownHistory", start: datetime) -> int:
        whose = (asked.contact.pk, start)
        if whose not in self._of_contact:
            self.write()
            self._of_contact[whose] = asked.ledger.contact_count(start)
        return self._of_contact[whose]


class KnownHistory:
    """Answers `policies.History` for one rule and contact from what is known."""

    def __init__(self, known: Knowledge, rule: TaskAutomationRule, contact: Contact, owner: User) -> None:
        self.known, self.rule, self.contact, self.owner = known, rule, contact, owner
        self.pair = (rule.id, contact.id)

    @property
    def ledger(self) -> LedgerHistory:
        return LedgerHistory(self.rule, self.contact, self.owner)

    def is_parked(self) -> bool:
        return self.pair in self.known.parked

    def has_open_task(self) -> bool:
        return self.pair in self.known.busy

    def has_fired(self) -> bool:
        return self.pair in self.known.latest

    def has_fired_after(self, instant: datetime) -> bool:
        newest = self.known.latest.get(self.pair)
        return newest is not None and newest > instant

    def pair_count(self, since: datetime) -> int:
        """Near the number that parks the pair it matters whether somebody has released it, which the ledger knows."""
        count = self.known.lately[self.pair]
        if count < policies.MOST_AN_HOUR:
            return count
        self.known.write()
        return self.ledger.pair_count(since)

    def rule_instants(self, since: datetime) -> Sequence[datetime]:
        return self.known.instants(self, since)

    def owner_count(self, start: datetime) -> int:
        return self.known.of_owner(self, start)

    def contact_count(self, start: datetime) -> int:
        return self.known.of_contact(self, start)
