"""Telling people: one row a person and key, whatever happens, however often it is tried."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from jobs.models import Job
from jobs.rows import insert_new
from notifications import mutes, routing
from notifications.models import Notification
from people.models import User
from work.models import Task


def tell(
    users: User | Iterable[User],
    *,
    kind: str,
    key: str,
    title: str,
    now: datetime,
    body: str = "",
    task: Task | None = None,
    path: str = "",
    subjects: Collection[str] = (),
    outside: bool = True,
) -> None:
    """Writes the notice for each person once, and what is to be sent of it outside; the same key again changes nothing.

    Nobody who left is told. `outside` False keeps it to the inbox. Who muted what the task, or one of `subjects`
    (such as contact:12), is about finds it there as read.
    """
    people = [user for user in ([users] if isinstance(users, User) else users) if user.is_active]
    subjects = [*subjects, *(mutes.subjects_of(task) if task is not None else ())]
    deaf = mutes.deaf_to(subjects, people) if subjects and people else set()
    notices = {
        notice.key: notice
        for notice in (
            Notification(
                team_id=user.team_id,
                user=user,
                key=f"{key}:{user.pk}",
                kind=kind,
                title=title[:255],
                body=body,
                task=task,
                path=path,
                created_at=now,
                read_at=now if user.pk in deaf else None,
            )
            for user in people
        )
    }
    # Within somebody's transaction its own savepoint would only cost: what fails here fails all of it.
    with transaction.atomic(savepoint=False):
        fresh = []
        for pk, own_key in insert_new(list(notices.values()), returning=("id", "key")):
            notices[own_key].pk = pk
            fresh.append(notices[own_key])
        if outside:
            routing.route([notice for notice in fresh if notice.user_id not in deaf], now=now)


def tell_of_dead_job(job: Job, now: datetime) -> None:
    """A job that was given up: its team's managers and the superusers hear of it, once."""
    managers = Q(role=User.MANAGER, team_id=job.team_id) if job.team_id else Q(pk__in=[])
    people = User.objects.active().filter(managers | Q(is_superuser=True)).select_related("team").distinct()
    tell(
        people,
        kind=Notification.JOB_DEAD,
        key=f"job:{job.pk}:{job.attempt}",
        title=f"A job failed for good: {job.name.rpartition('.')[2].replace('_', ' ')}",
        body=job.error,
        path="/automations/jobs?state=dead",
        now=now,
        # A mail about mails that can't be sent would fail too, and so on without end.
        outside=job.name != routing.SEND_JOB,
    )
