"""How far a batch is: counted from the rows each time, so it is always true."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q

from automation.models import Enrolment, EnrolmentStep, ScheduledTaskBatch
from work.models import Task

PREFIX = "batch:"


@dataclass(frozen=True)
class Figures:
    """Tasks done and open, and steps still to come. Cancelled and obsolete ones count for nothing."""

    done: int = 0
    open: int = 0
    to_come: int = 0

    @property
    def progress(self) -> float:
        """Percent of what there is to do that is done."""
        total = self.done + self.open + self.to_come
        return round(100 * self.done / total, 1) if total else 0.0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(self.done + other.done, self.open + other.open, self.to_come + other.to_come)


def figures(batches: Iterable[ScheduledTaskBatch]) -> dict[int, Figures]:
    """By batch, in three queries for any number of batches. A bulk run has what its parts have."""
    rows = list(batches)
    whole = {row.pk: row.pk for row in rows}
    bulk = [row.pk for row in rows if row.kind == ScheduledTaskBatch.BULK]
    owners = dict(ScheduledTaskBatch.objects.filter(parent__in=bulk).values_list("pk", "parent")) if bulk else {}
    found = dict.fromkeys(whole, Figures())
    for pk, figure in _parts({*whole, *owners}).items():
        for batch in filter(None, (whole.get(pk), owners.get(pk))):
            found[batch] += figure
    return found


def _parts(ids: set[int]) -> dict[int, Figures]:
    found: dict[int, Figures] = {}
    tasks = Task.objects.filter(group_key__in=[f"{PREFIX}{pk}" for pk in ids]).values_list("group_key")
    counted = tasks.annotate(
        done=Count("pk", filter=Q(status=Task.DONE)), open=Count("pk", filter=Q(status__in=Task.OPEN))
    )
    for key, done, still_open in counted.order_by():
        found[int(key.removeprefix(PREFIX))] = Figures(done, still_open)
    planned = EnrolmentStep.objects.filter(
        enrolment__batch__in=ids, enrolment__state__in=Enrolment.UNDER_WAY, state=EnrolmentStep.PLANNED
    )
    for pk, to_come in planned.values_list("enrolment__batch").annotate(n=Count("pk")).order_by():
        found[pk] = found.get(pk, Figures()) + Figures(to_come=to_come)
    return found
