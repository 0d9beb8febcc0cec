"""What tasks on a page wait for. For many tasks at once, in two queries."""

from collections.abc import Iterable

from people.models import User
from work.models import Dependency, Task


def add_to(tasks: Iterable[Task], user: User) -> list[Task]:
    """The same tasks, each with `waits_for`: the open ones that hold it back, by the title where one may see it."""
    rows = list(tasks)
    waits: dict[int, list[Task]] = {}
    unmet = Dependency.objects.unmet().filter(task__in=[task.pk for task in rows if task.is_open])
    for one in unmet.select_related("waits_for").order_by("waits_for"):
        waits.setdefault(one.task_id, []).append(one.waits_for)
    seen = _seen({other.pk for others in waits.values() for other in others}, user)
    for task in rows:
        others = waits.get(task.pk, [])
        for other in others:
            other.is_seen = other.pk in seen  # type: ignore[attr-defined]
        task.waits_for = others  # type: ignore[attr-defined]
    return rows


def _seen(pks: set[int], user: User) -> set[int]:
    return set(Task.objects.visible_to(user).filter(pk__in=pks).values_list("pk", flat=True)) if pks else set()
