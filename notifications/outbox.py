"""Telling people: one row a person and key, whatever happens, however often it is tried."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from jobs.models import Job
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
) -> None:
    """Writes the notice for each person once; the same key again changes nothing. Nobody who left is told."""
    people = [users] if isinstance(users, User) else list(users)
    Notification.objects.bulk_create(
        [
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
        ],
        ignore_conflicts=True,
    )


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
    )
