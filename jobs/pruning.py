"""Deleting what is old, piece by piece: nobody waits for more than a piece, and what is stopped goes on from there."""

from typing import Any

from django.db.models import QuerySet

AT_ONCE = 1_000
"""Rows a statement."""


def prune(rows: QuerySet[Any]) -> int:
    """Deletes these rows with what hangs on them; how many rows. To be called outside a transaction, else all is one.

    What hangs on a row goes with its piece: where that can be much, prune it first.
    """
    deleted, name = 0, rows.model._meta.label
    while pks := list(rows.values_list("pk", flat=True)[:AT_ONCE]):
        # Asked once more: one that became young or other meanwhile stays.
        deleted += rows.filter(pk__in=pks).delete()[1].get(name, 0)
    return deleted
