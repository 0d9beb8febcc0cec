"""What somebody wants to hear nothing of: a contact's work, or all that one rule, sequence or campaign makes."""

import re
from collections.abc import Collection
from datetime import datetime

from notifications.bundles import cause_of
from notifications.models import Mute
from people.models import User
from work.models import Task

SUBJECT = re.compile(r"[a-z]{1,20}:[0-9]{1,19}")


def mute(user: User, subject: str, *, now: datetime) -> None:
    """From now on the inbox keeps it as read, and nothing of it is sent. `subject` is as contact:12 or rule:7."""
    Mute.objects.get_or_create(user=user, subject=subject, defaults={"made_at": now})


def unmute(user: User, subject: str) -> bool:
    """False when it was not muted."""
    return SUBJECT.fullmatch(subject) is not None and bool(Mute.objects.filter(user=user, subject=subject).delete()[0])


def deaf_to(subjects: Collection[str], people: Collection[User]) -> set[int]:
    """Ids of those who muted one of these."""
    rows = Mute.objects.filter(user__in=[user.pk for user in people], subject__in=subjects)
    return set(rows.values_list("user", flat=True))


def subjects_of(task: Task) -> list[str]:
    """By what the task's notices can be muted."""
    return [subject for subject in (cause_of(task), f"contact:{task.contact_id}" if task.contact_id else "") if subject]
