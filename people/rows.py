"""Rows that may be written by hand: what they leave out is filled in, however they are saved."""

from collections.abc import Iterable
from typing import Any

from django.db import models


class FilledInQuerySet(models.QuerySet[Any]):
    """For models with a `fill_in` method, which their `save` calls too."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        for row in rows:
            row.fill_in()
        return super().bulk_create(rows, *args, **kwargs)
