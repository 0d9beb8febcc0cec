"""Two contacts become one: open tasks of one rule for both of them collapse into one."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from automation.models import Firing, TaskAutomationRule
from crm.merge import Merging
from work import retiring
from work.models import Task


def collapse(one: Merging) -> list[retiring.Kept]:
    """For each rule the task that was started stays, else the oldest; the others close, or get a banner if touched.

    A rule that fires every time means each of its tasks, so these all stay.
    """
    return [
        retiring.retire(task, reason=f"Its contact was merged: task {first.pk} of the same rule goes on.", now=one.now)
        for first, *rest in _twins(one)
        for task in rest
    ]


def unfold(kept: Iterable[retiring.Kept], *, now: datetime) -> None:
    """Takes up again what nobody has touched since."""
    for task in kept:
        retiring.take_up(task, now=now)


def _twins(one: Merging) -> Iterable[list[Task]]:
    """Open tasks by rule, of rules that have some for both contacts, the one that stays first."""
    both = (one.survivor, one.absorbed)
    firings = Firing.objects.filter(contact__in=both, task__contact__in=both, task__status__in=Task.OPEN)
    firings = firings.exclude(rule__repeat_policy=TaskAutomationRule.EVERY_TIME)
    by_rule: dict[int, dict[int, Task]] = defaultdict(dict)
    for firing in firings.select_related("task").order_by("rule", "task"):
        assert firing.task is not None  # the filter asks for open ones
        by_rule[firing.rule_id][firing.task.pk] = firing.task
    for tasks in by_rule.values():
        if len({task.contact_id for task in tasks.values()}) > 1:
            yield sorted(tasks.values(), key=_by_worth)


def _by_worth(task: Task) -> tuple[bool, bool, datetime, int]:
    return task.started_at is None, task.edited_at is None, task.created_at, task.pk
