"""Telling people: one row a person and key, whatever happens, however often it is tried."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from jobs.models import Job
from jobs.rows import add_all, at_hand, give_ids, insert_new, new
from notifications import mutes, routing
from notifications.models import Notification
from people.models import User
from work.models import Task


@dataclass(frozen=True)
class Word:
    """What one person is told, once under its key. `subjects`, such as contact:12, are what it is about beside what
    the task says.
    """

    user: User
    key: str
    title: str
    body: str = ""
    task: Task | None = None
    path: str = ""
    subjects: Collection[str] = ()

    @property
    def about(self) -> list[str]:
        """By what it can be muted."""
        return [*self.subjects, *(mutes.subjects_of(self.task) if self.task is not None else ())]


def tell(
    users: User | Iterable[User], *, kind: str, key: str, now: datetime, outside: bool = True, **said: Any
) -> None:
    """Tells each person the same, what a `Word` says beside its user and key; see `tell_all`."""
    people = [users] if isinstance(users, User) else users
    tell_all([Word(user, key, **said) for user in people], kind=kind, now=now, outside=outside)


def tell_all(words: Iterable[Word], *, kind: str, now: datetime, outside: bool = True, fresh: bool = False) -> None:
    """Writes each notice once, and what is to be sent of it outside; the same key again changes nothing.

    Nobody who left is told. `outside` False keeps it to the inbox. Who muted what it is about finds it there as read.
    `fresh`: the keys name what was made just now, so that nobody was told; IntegrityError says that somebody was.
    Costs as many statements for a hundred as for one.
    """
    told = {f"{word.key}:{word.user.id}": word for word in words if word.user.is_active}
    if not told:
        return
    deaf = mutes.deaf_to(told)
    notices = {key: _notice(key, word, kind, now, read=key in deaf) for key, word in told.items()}
    # Within somebody's transaction its own savepoint would only cost: what fails here fails all of it.
    with transaction.atomic(savepoint=False):
        written = _add(list(notices.values())) if fresh else _add_new(notices)
        if outside:
            routing.route([notice for notice in written if notice.key not in deaf], now=now)


def _notice(key: str, word: Word, kind: str, now: datetime, *, read: bool) -> Notification:
    notice = new(
        Notification,
        team_id=word.user.team_id,
        user_id=word.user.id,
        key=key,
        kind=kind,
        title=word.title[:255],
        body=word.body,
        task_id=word.task.id if word.task is not None else None,
        path=word.path,
        created_at=now,
        read_at=now if read else None,
    )
    at_hand(notice, user=word.user, task=word.task)
    return notice


def _add(notices: Sequence[Notification]) -> Sequence[Notification]:
    give_ids(notices)
    add_all(notices)
    return notices


def _add_new(notices: Mapping[str, Notification]) -> Sequence[Notification]:
    """Those whose key was free."""
    added = []
    for pk, key in insert_new(list(notices.values()), returning=("id", "key")):
        notices[key].id = pk
        added.append(notices[key])
    return added


def tell_of_dead_job(job: Job, now: datetime) -> None:
    """A job that was given up: its team's managers and the superusers hear of it, once."""
    managers = Q(role=User.MANAGER, team_id=job.team_id) if job.team_id else Q(pk__in=[])
    people = User.objects.active().filter(managers | Q(is_superuser=True)).select_related("team").distinct()
    tell(
        people,
        kind=Notification.JOB_DEAD,
        key=f"job:{job.id}:{job.attempt}",
        title=f"A job failed for good: {job.name.rpartition('.')[2].replace('_', ' ')}",
        body=job.error,
        path="/automations/jobs?state=dead",
        now=now,
        # A mail about mails that can't be sent would fail too, and so on without end.
        outside=job.name != routing.SEND_JOB,
    )
