"""How things stood before somebody changed many at once: kept for the minutes in which they can take it back."""

from datetime import datetime, timedelta
from typing import Any

from jobs import pruning
from people.models import UndoNote, User

KEEP = timedelta(minutes=10)


def keep(user: User, steps: list[Any], *, now: datetime) -> int:
    """Keeps what JSON can say, and returns the id of it; what others kept for too long goes on that occasion."""
    prune(now=now)
    return UndoNote.objects.create(user=user, steps=steps, made_at=now).pk


def kept(user: User, pk: int, *, now: datetime) -> list[Any] | None:
    """What the person kept under this id; None when it is another's, or longer ago than `KEEP`."""
    note = UndoNote.objects.visible_to(user).filter(pk=pk, made_at__gte=now - KEEP).first()
    return None if note is None else note.steps


def prune(*, now: datetime) -> int:
    """Deletes what nobody can take back any more."""
    return pruning.prune(UndoNote.objects.filter(made_at__lt=now - KEEP))


def forget(team_id: int) -> None:
    """For good, of everybody in the team: when a person is erased, nothing may bring back what was said of them."""
    UndoNote.objects.filter(user__team_id=team_id).delete()
