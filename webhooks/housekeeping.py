"""Forgetting what was told long ago."""

from datetime import datetime, timedelta

from webhooks.models import Event

KEPT = timedelta(days=30)
AT_ONCE = 1_000


def prune(*, now: datetime) -> int:
    """Deletes events of over 30 days with what became of them, piece by piece; how many."""
    old, deleted = Event.objects.filter(created_at__lt=now - KEPT).order_by("created_at"), 0
    while pks := list(old.values_list("pk", flat=True)[:AT_ONCE]):
        Event.objects.filter(pk__in=pks).delete()
        deleted += len(pks)
    return deleted
