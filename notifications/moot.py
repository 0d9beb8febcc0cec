"""Why a notice need not be sent any more: looked at once more before anything goes."""

from collections.abc import Collection, Mapping, Sequence

from notifications import mutes, routing
from notifications.models import Address, Delivery, Mute, Notification
from work.models import Task

_FOR_WHOEVER_HOLDS_IT = frozenset({Notification.ASSIGNED, Notification.REMINDER, Notification.OVERDUE})
_OF_A_DATE = {
    Notification.REMINDER: "remind_at",
    Notification.OVERDUE: "due_date",
    Notification.ESCALATED: "due_date",
}
"""What is told when an instant of the task has passed. Moved on, it is told again when the new one passes."""
_AGAIN = "A later notice in the same message says it."


def reasons(rows: Sequence[Delivery]) -> dict[Delivery, str]:
    """By row of one person and channel, with notices and tasks loaded; empty for what is still worth saying.

    Four queries for any number.
    """
    first = rows[0]
    if not first.user.is_active:
        return dict.fromkeys(rows, "The person has left.")
    if not _reached(first):
        return dict.fromkeys(rows, "There is no address to send it to any more.")
    wishes = routing.wishes([first.user], {row.notification.kind for row in rows})
    wanted = {kind for (_, kind, channel), wish in wishes.items() if channel == first.channel and wish != routing.OFF}
    muted = set(Mute.objects.filter(user=first.user).values_list("subject", flat=True))
    newest = {_said(row): row for row in sorted(rows, key=lambda row: row.notification_id)}
    return {row: _reason(row, wanted, muted) or ("" if newest[_said(row)] == row else _AGAIN) for row in rows}


def _said(row: Delivery) -> object:
    """What two notices of one message would say twice: a task that went away and came back, for example."""
    notice = row.notification
    return (notice.kind, notice.task_id) if notice.task_id is not None else row.pk


def _reason(row: Delivery, wanted: Collection[str], muted: Collection[str]) -> str:
    notice, task = row.notification, row.notification.task
    if notice.kind == Notification.TEST:
        return ""
    if notice.kind not in wanted:
        return "They switched it off before it was sent."
    if task is None:
        return ""
    if any(subject in muted for subject in mutes.subjects_of(task)):
        return "They muted what it is about before it was sent."
    if task.status not in Task.OPEN:
        return "The task was finished before it was sent."
    if notice.kind == Notification.MOVED and task.assignee_id == row.user_id:
        return "The task came back before it was sent."
    holder = task.assignee_id or (None if notice.kind == Notification.ASSIGNED else task.owner_id)
    if notice.kind in _FOR_WHOEVER_HOLDS_IT and holder != row.user_id:
        return "The task was given to somebody else before it was sent."
    if notice.kind in _OF_A_DATE:
        at = getattr(task, _OF_A_DATE[notice.kind])
        if at is None or at > notice.created_at:
            return "Its date was moved before it was sent."
    return ""


def _reached(row: Delivery) -> bool:
    """A test also goes where no code came back from yet: it brings the code."""
    address: Mapping[tuple[int, str], Address] = Address.objects.of([row.user])
    own = address.get((row.user_id, row.channel))
    if row.notification.kind == Notification.TEST and own is not None and own.code:
        return own.served
    return routing.CHANNELS[row.channel].reaches(row.user, own)
