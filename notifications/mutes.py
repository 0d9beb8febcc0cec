"""What somebody wants to hear nothing of: a contact's work, or all that one rule, sequence or campaign makes."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from notifications.bundles import cause_of
from notifications.models import Mute
from people.models import User
from work.models import Task

FEW = 50
"""Of more words than that it is asked what the people muted at all, which is seldom much."""
SUBJECT = re.compile(r"[a-z]{1,20}:[0-9]{1,19}")


def mute(user: User, subject: str, *, now: datetime) -> None:
    """From now on the inbox keeps it as read, and nothing of it is sent. `subject` is as contact:12 or rule:7."""
    Mute.objects.get_or_create(user=user, subject=subject, defaults={"made_at": now})


def unmute(user: User, subject: str) -> bool:
    """False when it was not muted."""
    return SUBJECT.fullmatch(subject) is not None and bool(Mute.objects.filter(user=user, subject=subject).delete()[0])


class Heard(Protocol):
    """What somebody is to hear, and what it is about."""

    @property
    def user(self) -> User: ...

    @property
    def about(self) -> Collection[str]: ...


def deaf_to(words: Mapping[str, Heard]) -> set[str]:
    """Keys of the words whose person muted one of the subjects that each is about."""
    rows = Mute.objects.filter(user__in={word.user.id for word in words.values()})
    if len(words) <= FEW:
        subjects = {subject for word in words.values() for subject in word.about}
        if not subjects:
            return set()
        rows = rows.filter(subject__in=subjects)
    muted = set(rows.values_list("user", "subject"))
    if not muted:
        return set()
    return {key for key, one in words.items() if any((one.user.id, subject) in muted for subject in one.about)}


def subjects_of(task: Task) -> list[str]:
    """By what the task's notices can be muted."""
    return [subject for subject in (cause_of(task), f"contact:{task.contact_id}" if task.contact_id else "") if subject]
