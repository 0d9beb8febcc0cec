"""What rebalancing is given and what it answers: people's weeks, moves, and who stays overloaded."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal

from domain.matching import Person, Work


@dataclass(frozen=True)
class Movable:
    """An open task that may change hands, and the hours that are left of it, which `work` has in quarters, up."""

    work: Work
    hours: Decimal


@dataclass(frozen=True)
class Load:
    """A person's week in hours; `booked` is all open work, of which `tasks` are those that may move.

    `person` says what the hard rules ask: skills, absence, hours free before a date. `kept` counts the tasks of this
    week that stay, by why: {"started": 2}.
    """

    person: Person
    capacity: Decimal
    booked: Decimal
    tasks: tuple[Movable, ...] = ()
    kept: Mapping[str, int] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.person.id

    @property
    def over(self) -> bool:
        """Strictly more work than hours."""
        return self.booked > self.capacity


@dataclass(frozen=True)
class Suggestion:
    """One move. The percentages hold when the suggestions are applied in order; None means no capacity at all."""

    task_id: int
    from_id: int
    to_id: int
    hours: Decimal
    from_before: Decimal | None
    from_after: Decimal | None
    to_before: Decimal | None
    to_after: Decimal | None
    reason: str

    def as_dict(self) -> dict[str, object]:
        """JSON-ready: hours and percentages as numbers."""
        return {key: float(value) if isinstance(value, Decimal) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Stuck:
    """Somebody who stays overloaded, and what stands in the way."""

    person_id: int
    reason: str


@dataclass(frozen=True)
class Plan:
    """The suggested moves, in the order in which their percentages hold, and who stays overloaded.

    `proven` when no other plan takes more overload away, nor as much with fewer moves.
    """

    suggestions: tuple[Suggestion, ...]
    stuck: tuple[Stuck, ...]
    proven: bool
