"""Forgetting what was told long ago."""

from datetime import datetime, timedelta

from jobs import pruning
from webhooks.models import Event

KEPT = timedelta(days=30)


def prune(*, now: datetime) -> int:
    """Deletes events of over 30 days with what became of them; how many."""
    return pruning.prune(Event.objects.filter(created_at__lt=now - KEPT))
