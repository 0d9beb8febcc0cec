"""Several notices in one message: those of one burst, of a night's quiet hours, or of a day or week by choice.

The rows of a bundle are sent by whichever of them is looked at first; the others come with it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from notifications.kinds import KINDS
from notifications.models import Delivery, Notification, Preference
from work.models import Task

MOST = 1_000
"""So many notices are told of in one message, though it shows the first of them only; what is left goes in the next."""
BURST = timedelta(minutes=1)
"""What comes within the same minute comes together, so nothing waits longer than that."""
_MANY = 3
_ALSO_IN_BURSTS = frozenset({Notification.SEQUENCE, Notification.RULE, Notification.JOB_DEAD})
"""What concerns no task and still comes in hundreds: one cause stops many sequences, or fails many jobs."""

Names = Callable[[Iterable[str]], Mapping[str, str]]
_names: list[Names] = []


def register_names(names: Names) -> None:
    """Lets rooms above say what the things are called that make tasks: by `rule:7`, the rule's name."""
    if names not in _names:
        _names.append(names)


def cause_of(task: Task | None) -> str:
    """What made the task, such as rule:7, sequence:3 or campaign:5; empty for what nobody can mute."""
    kind, _, rest = (task.kind if task is not None else "").partition(":")
    number = rest.partition(":")[0]
    return f"{kind}:{number}" if kind in ("rule", "sequence", "campaign") and number.isdecimal() else ""


def in_bursts(notice: Notification) -> bool:
    """Whether it may be one of many of its kind, and so waits for the end of its minute."""
    return notice.task_id is not None or notice.kind in _ALSO_IN_BURSTS


def key_of(notice: Notification, *, digest: str, created_at: datetime, due_at: datetime) -> str:
    """Which bundle it goes in; empty for one that goes by itself, at once. `due_at` is when it is to be sent."""
    if digest != Preference.AT_ONCE:
        return f"{digest}:{due_at:%Y%m%dT%H%M}"
    if due_at > created_at + BURST:
        return f"quiet:{due_at:%Y%m%dT%H%M}"
    return f"{notice.kind}:{created_at:%Y%m%dT%H%M}" if in_bursts(notice) else ""


def end_of_burst(created_at: datetime) -> datetime:
    return created_at.replace(second=0, microsecond=0) + BURST


def together(delivery: Delivery) -> list[Delivery]:
    """The delivery and those that come in its message, oldest first, with their notices and tasks."""
    rows = Delivery.objects.filter(sent_with=delivery.pk, state=Delivery.SENDING)
    rows = rows.select_related("notification__task", "user__team")
    return sorted([delivery, *rows], key=lambda row: (row.created_at, row.notification_id))


def bursts(notices: Iterable[Notification]) -> list[list[Notification]]:
    """Notices in their order, those of one kind that came within the same minute together, where they are many."""
    found: list[list[Notification]] = []
    for (_, many, _), some in groupby(notices, _burst_of):
        rows = list(some)
        found += [rows] if many and len(rows) >= _MANY else [[row] for row in rows]
    return found


def _burst_of(notice: Notification) -> tuple[str, bool, datetime]:
    return notice.kind, in_bursts(notice), notice.created_at.replace(second=0, microsecond=0)


def titles(groups: Sequence[Sequence[Notification]]) -> list[str]:
    """What each group is about: “7 tasks assigned to you by “Opened the offer””, or how many of what.

    A few queries for all of them; the notices' tasks are loaded.
    """
    causes = [_one_cause(group) if len(group) > 1 else "" for group in groups]
    asked = {cause for cause in causes if cause}
    known = {cause: name for names in _names for cause, name in names(asked).items()} if asked else {}
    return [_title(group, known.get(cause, "")) for group, cause in zip(groups, causes, strict=True)]


def lines(notices: Sequence[Notification], most: int) -> list[str]:
    """The titles of the first, and how many there are more."""
    told = [" ".join(one.title.split()) for one in notices[:most]]
    return [*told, f"and {len(notices) - most} more"] if len(notices) > most else told


def _title(notices: Sequence[Notification], by: str) -> str:
    if len(notices) == 1:
        return " ".join(notices[0].title.split())
    kinds = Counter(one.kind for one in notices)
    if len(kinds) > 1:
        return f"{len(notices)} notices: {', '.join(_counted(kind, count) for kind, count in kinds.most_common(3))}"
    (kind,) = kinds
    return _counted(kind, len(notices)) + (f" by “{by}”" if by else "")


def _counted(kind: str, count: int) -> str:
    one, many = (KINDS[kind].one, KINDS[kind].many) if kind in KINDS else ("notice", "notices")
    return f"{count} {one if count == 1 else many}"


def _one_cause(notices: Sequence[Notification]) -> str:
    """What made all of their tasks; empty when it is not one thing."""
    causes = {cause_of(one.task) for one in notices}
    return causes.pop() if len(causes) == 1 else ""
