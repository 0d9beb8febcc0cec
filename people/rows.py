"""Rows that may be written by hand: what they leave out is filled in, however they are saved."""

from collections.abc import Collection, Iterable
from copy import copy, deepcopy
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Self

from django.db import models, transaction

from jobs.rows import from_database


class FilledInQuerySet(models.QuerySet[Any]):
    """For models with a `fill_in` method, which their `save` calls too."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        for row in rows:
            row.fill_in()
        made = super().bulk_create(rows, *args, **kwargs)
        for row in rows:
            if isinstance(row, SavesChanges):
                row.note_stored()
        return made

    def bulk_update(self, objs: Iterable[Any], fields: Iterable[str], *args: Any, **kwargs: Any) -> int:
        rows, names = list(objs), list(fields)
        count = super().bulk_update(rows, names, *args, **kwargs)
        for row in rows:
            if isinstance(row, SavesChanges):
                row.note_written(names)
        return count


class SavesChanges(models.Model):
    """Rows that people and the product both write. A plain save writes what was changed on the object since it was read
    and nothing else: an object read earlier would put old values back. A new row is written whole, and so is one saved
    with `force_update`.
    """

    ALWAYS: ClassVar[frozenset[str]] = frozenset()
    """Columns that every plain save writes."""

    class Meta:
        abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored: dict[str, Any] = {}
        self.note_stored()

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        row = from_database(cls, db, field_names, values, **more)
        if "_stored" not in row.__dict__:
            row._stored = {}
            row.note_stored()
        return row

    @property
    def is_new(self) -> bool:
        """Not yet a row, also a copy made by taking the key away."""
        return self.pk is None or self._state.adding

    def save(self, *args: Any, **kwargs: Any) -> None:
        is_new, whole = self.is_new, kwargs.get("force_insert") or kwargs.get("force_update")
        if not (is_new or whole) and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = self._changed()
        super().save(*args, **kwargs)
        if is_new:
            self.note_stored()
        else:
            self.note_written(kwargs.get("update_fields"))

    def refresh_from_db(self, using: Any = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        self.note_stored(fields)

    def note_stored(self, names: Iterable[str] | None = None) -> None:
        """The database has these columns, or all, as the object has them."""
        self._stored = self._stored | self._values(names)  # a new one: copies of the object share the old

    def note_written(self, names: Iterable[str] | None = None) -> None:
        """The same once the transaction is committed; until then they are written by every save, for a savepoint or the
        whole may be rolled back.
        """
        written = self._values(names)
        self._stored = {name: value for name, value in self._stored.items() if name not in written}
        transaction.on_commit(lambda: setattr(self, "_stored", self._stored | written))

    def _changed(self) -> set[str]:
        now, stored = self.__dict__, self._stored
        names = {one.attname for one in self._meta.concrete_fields if one.attname in now and not one.primary_key}
        return {name for name in names if name in self.ALWAYS or name not in stored or now[name] != stored[name]}

    def _values(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """What was read, or these columns of it. Every row that is read comes by here: all of it is copied at once."""
        values = self.__dict__.copy()
        values.pop("_stored", None)
        if names is not None:
            wanted = {*names}
            named = {one.attname for one in self._meta.concrete_fields if wanted & {one.name, one.attname}}
            values = {name: value for name, value in values.items() if name in named}
        for name in _changed_in_place(type(self)):
            if name in values:
                values[name] = deepcopy(values[name]) if values[name] else copy(values[name])
        return values


@cache
def _changed_in_place(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(one.attname for one in model._meta.concrete_fields if isinstance(one, models.JSONField))


MOST = Decimal("999999.99")
"""What a column of eight digits, two of them behind the point, can hold."""


def numbers_fit(name: str, *columns: str) -> models.CheckConstraint:
    """Refuses what the columns cannot hold, as PostgreSQL does itself: SQLite takes it and can never read it again."""
    fits = models.Q(**{f"{column}__lte": MOST for column in columns})
    return models.CheckConstraint(condition=fits, name=name)
