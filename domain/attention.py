"""What comes next for a contact, decided from plain instants: whatever is due first, else that something be planned."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LATE_TASK, TASK, LATE_TOUCH, TOUCH, STEP = "late_task", "task", "late_touch", "touch", "step"
MAKE, LEAVE = "make", "leave"
UNDATED = timedelta(days=7)
"""A task without a date is looked at as if it were due then: what has a date in the week ahead goes first."""


@dataclass(frozen=True)
class Next:
    kind: str
    at: datetime | None = None
    """When it is due; None for what has no date."""


def next_thing(
    *,
    has_task: bool,
    task_due: datetime | None,
    touch_at: datetime | None,
    step_at: datetime | None,
    may_contact: bool,
    now: datetime,
) -> Next:
    """The first of the open task, the planned touch and the next step of a sequence; a task goes before its equals.

    With nothing planned a task is to be made. Whoever must not be contacted is left alone, but for their open tasks.
    """
    found: list[tuple[datetime, int, Next]] = []
    if has_task:
        late = task_due is not None and task_due < now
        found.append((task_due or now + UNDATED, 0, Next(LATE_TASK if late else TASK, task_due)))
    if may_contact and touch_at is not None:
        found.append((touch_at, 1, Next(LATE_TOUCH if touch_at <= now else TOUCH, touch_at)))
    if may_contact and step_at is not None:
        found.append((step_at, 2, Next(STEP, step_at)))
    if found:
        return min(found, key=lambda one: one[:2])[2]
    return Next(MAKE) if may_contact else Next(LEAVE)
