"""Rows that may be written by hand: what they leave out is filled in, however they are saved."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import models


class FilledInQuerySet(models.QuerySet[Any]):
    """For models with a `fill_in` method, which their `save` calls too."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        for row in rows:
            row.fill_in()
        return super().bulk_create(rows, *args, **kwargs)


MOST = Decimal("999999.99")
"""What a column of eight digits, two of them behind the point, can hold."""


def numbers_fit(name: str, *columns: str) -> models.CheckConstraint:
    """Refuses what the columns cannot hold, as PostgreSQL does itself: SQLite takes it and can never read it again."""
    fits = models.Q(**{f"{column}__lte": MOST for column in columns})
    return models.CheckConstraint(condition=fits, name=name)
