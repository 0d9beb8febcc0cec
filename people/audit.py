"""The audit log: who changed what, before and after. Written once, by the verbs, in the transaction of the change.

A room says in its `audited.py` which columns count. What a column keeps secret is never written, only that it changed.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db import models, transaction

from jobs.rows import insert_new
from people.models import Change, Team, User

CREATED, CHANGED, DELETED = "created", "changed", "deleted"
HIDDEN = "hidden"
LONGEST = 2_000
"""Characters of a text that a line keeps; of a list or an object ten times as many."""

Facts = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What is kept of one kind of row: `columns`, and with `parts` what other rows say of it.

    Of `secrets` a line says that they changed and which of them are set. `name_of` is the subject of its lines.
    """

    name: str
    columns: tuple[str, ...]
    secrets: frozenset[str] = frozenset()
    parts: Callable[[Any], Facts] | None = None
    name_of: Callable[[Any], str] = str
    team_of: Callable[[Any], int | None] = attrgetter("team_id")

    def facts(self, row: Any) -> Facts:
        """The columns of the row as it is in memory."""
        return {name: getattr(row, name) for name in self.columns}

    @contextmanager
    def changing(self, row: Any, *, by: User | None, now: datetime, verb: str = "") -> Iterator[None]:
        """Around whatever makes, changes or deletes the row: writes a line if it then differs from what it was.

        Before and after are read from the database, under the row's lock, so it does not matter who changed it how.
        The block is part of the transaction.
        """
        with transaction.atomic():
            model, known = row._meta.model, row.pk  # a signed-in person comes as a lazy object
            before = self._kept(model, known)
            yield
            after = self._kept(model, row.pk or known)
            self._tell(before, after, verb=verb, by=by, now=now)

    def made(self, row: Any, *, by: User | None, now: datetime) -> None:
        """A line for a row that was made in this transaction."""
        self._tell(None, self._kept(row._meta.model, row.pk), verb="", by=by, now=now)

    def record(
        self, row: Any, verb: str, *, by: User | None, now: datetime, before: Facts | None = None, after: Facts
    ) -> None:
        """A line for a verb that knows itself what it changed; none when nothing differs. Be in a transaction."""
        self.record_all([(row, before or {}, after)], verb, by=by, now=now)

    def record_all(
        self, changed: Iterable[tuple[Any, Facts, Facts]], verb: str, *, by: User | None, now: datetime
    ) -> None:
        """A line for each row that differs: the row, how it was, how it is. In one statement. Be in a transaction."""
        lines = (self._line(row, verb, by, now, before, after) for row, before, after in changed)
        insert_new([line for line in lines if line is not None])

    def _line(self, row: Any, verb: str, by: User | None, now: datetime, before: Facts, after: Facts) -> Change | None:
        differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        differing = [name for name in differing if not _blank(before.get(name)) or not _blank(after.get(name))]
        if not differing:
            return None
        gone = verb == DELETED and isinstance(row, Team)  # then nobody's team; superusers see it in the admin
        return Change(
            team_id=None if gone else self.team_of(row),
            at=now,
            actor=by,
            kind=self.name,
            subject_id=str(row.pk),
            subject=self.name_of(row)[:255],
            verb=verb,
            before=self._written(before, differing),
            after=self._written(after, differing),
        )

    def _kept(self, model: type[models.Model], pk: Any) -> tuple[Any, Facts] | None:
        """The row and its facts as the database has them, until the transaction ends."""
        rows = model._default_manager.select_for_update(no_key=True)
        row = rows.filter(pk=pk).first() if pk is not None else None
        return None if row is None else (row, self.facts(row) | (self.parts(row) if self.parts else {}))

    def _tell(
        self,
        before: tuple[Any, Facts] | None,
        after: tuple[Any, Facts] | None,
        *,
        verb: str,
        by: User | None,
        now: datetime,
    ) -> None:
        if after is not None:
            verb = verb or (CHANGED if before is not None else CREATED)
            self.record(after[0], verb, by=by, now=now, before=before[1] if before else {}, after=after[1])
        elif before is not None:
            self.record(before[0], verb or DELETED, by=by, now=now, before=before[1], after={})

    def _written(self, facts: Facts, names: list[str]) -> Facts:
        return {
            name: _hidden(facts[name]) if name in self.secrets else bounded(plain(facts[name]))
            for name in names
            if name in facts
        }


def columns_of(model: type[models.Model], *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    """All columns of a model but its key and those that say what happened, not what somebody wants."""
    return tuple(
        field.attname
        for field in model._meta.concrete_fields
        if not field.primary_key and field.attname not in without and field.attname != "created_at"
    )


def plain(value: Any) -> Any:
    """The value as JSON keeps it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def bounded(value: Any) -> Any:
    """Long texts shortened, with a mark; of what is long all the same, the beginning as text."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        short: Any = {name: bounded(one) for name, one in value.items()}
    elif isinstance(value, list):
        short = [bounded(one) for one in value]
    else:
        return value
    text = json.dumps(short, ensure_ascii=False)
    return short if len(text) <= 10 * LONGEST else bounded(text)


def _hidden(value: Any) -> Any:
    """Which secrets are set, never what they are."""
    if isinstance(value, Mapping):
        return {str(name): HIDDEN for name, one in value.items() if not _blank(one)}
    return "" if _blank(value) else HIDDEN


def _blank(value: Any) -> bool:
    return value in (None, "", [], {})
