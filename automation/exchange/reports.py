"""What an import did, would do, or could not do: the same object for API, command line and tests."""

from dataclasses import asdict, dataclass, field
from typing import Any

OFF = "What is new arrives switched off, whatever the file says: look at a dry run, then activate it."
NOT_UPDATED = "What differs was left as it is: import again with update to make it as the file says."


@dataclass(frozen=True)
class Difference:
    """One field, as the row has it and as the file says, each as YAML."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    """One rule, sequence or campaign of the file. `changes` are the fields that differ, or differed."""

    kind: str
    name: str
    owner: str
    path: str
    id: int | None = None
    changes: list[Difference] = field(default_factory=list)

    @property
    def fields(self) -> list[str]:
        return [one.field for one in self.changes]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"fields": self.fields}


@dataclass(frozen=True)
class Refusal:
    """Why something was not imported. `path` is a JSON pointer into the document, `line` counts from 1."""

    path: str
    message: str
    line: int | None = None


@dataclass
class Report:
    """Every entry of the file is in one of the lists, each in the order of the file."""

    dry_run: bool
    created: list[Entry] = field(default_factory=list)
    updated: list[Entry] = field(default_factory=list)
    unchanged: list[Entry] = field(default_factory=list)
    differing: list[Entry] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """What to do next."""
        return [OFF] * bool(self.created) + [NOT_UPDATED] * bool(self.differing)

    @property
    def in_force(self) -> bool:
        """Whether the team now has, or after a dry run would have, all that the file says."""
        return not self.refused and not self.differing

    def as_dict(self) -> dict[str, Any]:
        lists = ("created", "updated", "unchanged", "differing")
        return (
            asdict(self)
            | {name: [one.as_dict() for one in getattr(self, name)] for name in lists}
            | {"notes": self.notes}
        )
