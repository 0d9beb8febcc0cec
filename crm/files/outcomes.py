"""What becomes of each row of a file: planned from what is there, then carried out or only shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from crm.files.models import Import
from domain.files import headers
from domain.files.sheets import Row
from people.models import User


@dataclass(frozen=True)
class Fault:
    """What is wrong in a row, in which column, and what to do. An empty column is the row as a whole."""

    column: str
    message: str


@dataclass(frozen=True)
class Job:
    """What is asked for: whose rights, which options, which column is which field, and now."""

    of: Import
    by: User
    now: datetime

    @property
    def update(self) -> bool:
        return bool(self.of.options.get("update"))

    @property
    def day_first(self) -> bool | None:
        found = self.of.options.get("day_first")
        return None if found is None else bool(found)

    def column_of(self, name: str) -> str:
        """The column that a field is read from, for whoever has to be told; the field's own name when it has none."""
        return next((column for column, field in self.of.mapping.items() if field == name), name)


@dataclass
class Outcome:
    """One row: its verdict, what it is called, and what would differ from before, field by field."""

    line: int
    verdict: str
    name: str = ""
    id: int | None = None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    row: Any = None
    """The contact or task: as it is there, or yet to be made."""
    values: dict[str, Any] = field(default_factory=dict)
    keys: list[tuple[str, str]] = field(default_factory=list)
    """By what it is to be known from now on."""

    def refuse(self, column: str, message: str) -> "Outcome":
        self.verdict, self.changes = Import.REFUSED, {}
        self.faults.append(Fault(column, message))
        return self


class Importer(Protocol):
    """How rows become contacts, or tasks. `memory` is one dict for all parts of a comparison: what earlier rows would
    have made.
    """

    @property
    def fields(self) -> Sequence[headers.Field]:
        """What a column may be."""

    def check_mapping(self, names: set[str]) -> str:
        """What a mapping lacks, with what to do; empty when it can be worked with."""

    def plan(self, job: Job, rows: Sequence[Row], memory: dict[str, Any]) -> list[Outcome]:
        """What each row would do, in the same number of queries however many they are."""

    def carry_out(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        """Does it, within a transaction. A row that the database does not take becomes a refused one."""


def cells_of(job: Job, row: Row) -> dict[str, str]:
    """The row's texts by field, empty ones left out."""
    by_column = zip(job.of.columns, row.cells, strict=True)
    named = {job.of.mapping.get(column, ""): text for column, text in by_column}
    return {name: text for name, text in named.items() if name and text}


def faults_of(job: Job, row: Row) -> list[Fault]:
    """What reading the file found wrong, as far as the column counts."""
    return [Fault(column, why) for column, why in row.faults.items() if not column or job.of.mapping.get(column)]


def parted(changed: Iterable[Outcome], *, alone: frozenset[str]) -> tuple[dict[int, Outcome], list[Outcome]]:
    """Which rows may be carried out at one go, by what they change; and the others, in their order.

    Those are the rows that change a column of `alone`, and what comes after another row of the same thing.
    """
    together: dict[int, Outcome] = {}
    others: list[Outcome] = []
    apart: set[int] = set()
    for one in changed:
        pk = one.row["id"]
        if pk in together or pk in apart or alone & set(one.values):
            others.append(one)
            apart.add(pk)
        else:
            together[pk] = one
    return together, others
