"""Where those enrolled in a sequence or campaign stand: how many in each state, and at which step."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from automation import programmes
from automation.models import Enrolment, EnrolmentStep
from automation.programmes import Programme
from work.models import Task


@dataclass
class Figures:
    """How many contacts, of those somebody may see. `by_step` holds who is under way, by the key of the step."""

    states: dict[str, int] = field(default_factory=dict)
    by_step: dict[str, int] = field(default_factory=dict)

    @property
    def under_way(self) -> int:
        return sum(self.states.get(state, 0) for state in Enrolment.UNDER_WAY)

    @property
    def paused(self) -> int:
        return self.states.get(Enrolment.PAUSED, 0)

    @property
    def finished(self) -> int:
        return self.states.get(Enrolment.FINISHED, 0)

    @property
    def stopped(self) -> int:
        """Ended before the last step, by whatever ended it."""
        return self.states.get(Enrolment.EXITED, 0) + self.states.get(Enrolment.STOPPED, 0)

    @property
    def all(self) -> int:
        return sum(self.states.values())


def at_step(rows: QuerySet[Enrolment]) -> QuerySet[Any]:
    """The enrolments, each with `at_key`: the first step that is to come or whose task is open; None after the last."""
    ahead = EnrolmentStep.objects.filter(enrolment=OuterRef("pk")).filter(
        Q(state=EnrolmentStep.PLANNED) | Q(task__status__in=Task.OPEN)
    )
    return rows.annotate(at_key=Subquery(ahead.order_by("number", "pk").values("key")[:1]))


def figures(found: Iterable[Programme], among: QuerySet[Enrolment]) -> dict[int, Figures]:
    """By the id of each of the programmes, all of one kind; two queries for any number of them."""
    rows = list(found)
    result = {row.pk: Figures() for row in rows}
    if not rows:
        return result
    column = f"{programmes.kind_of(rows[0])}_id"
    mine = among.filter(**{f"{column}__in": list(result)}).order_by()
    for pk, state, count in mine.values_list(column, "state").annotate(count=Count("pk")):
        result[pk].states[state] = count
    under_way = at_step(mine.filter(state__in=Enrolment.UNDER_WAY))
    for pk, key, count in under_way.values_list(column, "at_key").annotate(count=Count("pk")):
        result[pk].by_step[key or ""] = count
    return result
