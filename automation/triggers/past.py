"""The ledger between two dates, as triggers read it to say what would have started a rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import TypeVar

from django.db.models import Model, Prefetch, QuerySet

from automation import events
from automation.events import Event
from crm.models import Activity, Contact
from people.models import Team
from work.models import Task

Row = TypeVar("Row", bound=Model)
PART = 200


def standing(only: Contact | None) -> QuerySet[Contact]:
    """The contacts to look at: all that stand, or the one."""
    rows = Contact.objects.standing()
    return rows.filter(pk=only.pk) if only is not None else rows


def in_order(rows: QuerySet[Row], *related: str, prefetch: Sequence[Prefetch] = ()) -> Iterator[Row]:
    """The rows by their ids with what they are related to, a part at a time: for the first ones only the ids of the
    others are put in order, not all that is known of them.
    """
    waiting = rows.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=10 * PART)
    whole = rows.model._default_manager.select_related(*related).prefetch_related(*prefetch).order_by("pk")
    while part := list(islice(waiting, PART)):
        yield from whole.filter(pk__in=part)


@dataclass(frozen=True)
class Past:
    """A team's history from `start` up to, not including, `end`. Read once, whatever number of rules look at it."""

    team: Team
    start: datetime
    end: datetime

    @cached_property
    def contacts(self) -> dict[int, Contact]:
        """As they stand now: what a field held then is not kept, the status and the touches apart."""
        rows = Contact.objects.standing().filter(team=self.team).select_related("owner", "team")
        return {contact.pk: contact for contact in rows}

    @property
    def _ledger(self) -> QuerySet[Activity]:
        return Activity.objects.filter(team=self.team, received_at__gte=self.start, received_at__lt=self.end)

    @cached_property
    def _activities(self) -> list[Activity]:
        return list(self._ledger.order_by("received_at", "pk"))

    @cached_property
    def _named(self) -> dict[int, Contact]:
        """Those of `contacts` that something happened with: of a day and a large team, a few."""
        rows = Contact.objects.standing().filter(team=self.team, pk__in=self._ledger.order_by().values("contact"))
        return {contact.pk: contact for contact in rows.select_related("owner", "team")}

    @cached_property
    def _tasks(self) -> dict[int, Task]:
        ids = {activity.task_id for activity in self._activities if activity.task_id is not None}
        return Task.objects.in_bulk(ids)

    @cached_property
    def _events(self) -> list[Event]:
        found = []
        for activity in self._activities:
            activity.contact = self._named.get(activity.contact_id) if activity.contact_id is not None else None
            task = self._tasks.get(activity.task_id) if activity.task_id is not None else None
            found.append(events.of_activity(activity, task=task))
        return found

    def events(self) -> Iterator[Event]:
        """What was recorded, in the order it arrived, with the contacts as they stand now."""
        return iter(self._events)
