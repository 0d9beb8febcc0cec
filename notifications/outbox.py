"""Telling people: one row a person and key, whatever happens, however often it is tried."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from jobs.models import Job
from jobs.rows import insert_new
from notifications import routing
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
    outside: bool = True,
) -> None:
    """Writes the notice for each person once, and what is to be sent of it outside; the same key again changes nothing.

    Nobody who left is told. `outside` False keeps it to the inbox.
    """
    people = [users] if isinstance(users, User) else list(users)
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
            )
            for user in people
            if user.is_active
        )
    }
    with transaction.atomic():
        fresh = []
        for pk, own_key in insert_new(list(notices.values()), returning=("id", "key")):
            notices[own_key].pk = pk
            fresh.append(notices[own_key])
        if outside:
            routing.route(fresh, now=now)


def tell_of_dead_job(job: Job, now: datetime) -> None:
    """A job that was given up: its team's managers and the superusers hear of it, once."""
    managers = Q(role=User.MANAGER, team_id=job.team_id) if job.team_id else Q(pk__in=[])
    people = User.objects.active().filter(managers | Q(is_superuser=True)).distinct()
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
