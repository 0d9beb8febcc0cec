"""What matching is given and what it answers: work, people, values, and choices that explain themselves.

Units are integers: quarter hours (`*_q`), values in thousandths per hour, loads in percent of a week's capacity.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

REJECTIONS_KEPT = 20  # in stored explanations: a team or a backlog can have thousands


@dataclass(frozen=True)
class Work:
    """A task that is ready to be given to somebody.

    `estimated` is False when `hours_q` is the median of its kind. `slack_q` is the working time until `due` less
    `hours_q` (negative when it can't be in time), None without a due date. `required` pairs a skill id with the least
    level (1 to 5). `group_key` is empty for a task of no batch or campaign. `due` is shown in the zone it comes in.
    `holder` has it already and may keep it; `excluded` are people who must not have it; `late` when nobody can be in
    time, so that it counts as overdue.
    """

    id: int
    hours_q: int
    estimated: bool
    priority: str
    due: datetime | None
    slack_q: int | None
    waiting_days: int
    required: tuple[tuple[int, int], ...]
    contact_id: int | None
    group_key: str
    created: datetime
    holder: int | None = None
    excluded: frozenset[int] = frozenset()
    late: bool = False

    def __post_init__(self) -> None:
        if self.hours_q < 1:
            raise ValueError(f"Task {self.id} has {self.hours_q} quarter hours: use the median of its kind, never 0.")

    @property
    def overdue(self) -> bool:
        """No working time is left until the due date, or none that anybody has."""
        return self.late or (self.slack_q is not None and self.slack_q + self.hours_q <= 0)

    @property
    def order(self) -> tuple[bool, float, float, int]:
        """By due date (none comes last), age and id: ties are never left to the order in which rows come."""
        due = self.due.timestamp() if self.due else 0.0
        return self.due is None, due, self.created.timestamp(), self.id


@dataclass(frozen=True)
class Person:
    """Somebody who may take work, as they stand after time off and the work they already have.

    `free_q` is what is left of this week, `capacity_q` the whole week. `free_by` tells what is left until an instant,
    ascending: working time until then less the work due by then. An entry for each due date to be matched is exact;
    for a date between two entries the earlier counts. Left empty, only this week's hours limit. `may_take` is how many
    more tasks they may hold (None: any number), `holding` how many they hold.
    `skills` maps skill ids to levels 1 to 5. `recent_contacts` and `recent_groups` are those of the last 90 days.
    """

    id: int
    name: str
    skills: Mapping[int, int]
    free_q: int
    capacity_q: int
    away: bool = False
    recent_contacts: frozenset[int] = frozenset()
    recent_groups: frozenset[str] = frozenset()
    free_by: tuple[tuple[datetime, int], ...] = ()
    may_take: int | None = None
    holding: int = 0

    def free_for(self, due: datetime | None) -> int:
        """Quarter hours that one more task with this due date may take.

        It also takes them from all that is due later, hence the least of what is left then and at every later entry.
        """
        if due is None or not self.free_by:
            return self.free_q
        dues, least = self._least
        at = bisect_right(dues, due)
        return least[at - 1] if at else min(0, least[0])

    @cached_property
    def _least(self) -> tuple[list[datetime], list[int]]:
        """The dates of `free_by`, and the least that is left at each of them, at any later one and of the week."""
        least = list(accumulate((free for _, free in reversed(self.free_by)), min, initial=self.free_q))[1:]
        return [at for at, _ in self.free_by], least[::-1]

    @property
    def booked_q(self) -> int:
        return max(0, self.capacity_q - self.free_q)

    def load_with(self, extra_q: int) -> Fraction:
        """The share of the week that is booked with `extra_q` more; a week without capacity counts as one hour."""
        return Fraction(self.booked_q + extra_q, self.capacity_q or 4)


@dataclass(frozen=True)
class Weights:
    """What a value is made of, in thousandths; a team may set its own. Raises ValueError with what to change."""

    priority: int = 400
    urgency: int = 300
    skill: int = 200
    continuity: int = 100
    balance: int = 200
    """What an hour in the last tenth of a full week costs, in value per hour; never as much as any task is worth."""

    def __post_init__(self) -> None:
        parts = {"priority": self.priority, "urgency": self.urgency, "skill": self.skill, "continuity": self.continuity}
        for name, share in {**parts, "balance": self.balance}.items():
            if not 0 <= share <= 1000:
                raise ValueError(f"The weight of {name} is {share}: choose a number from 0 to 1000.")
        if sum(parts.values()) != 1000:
            shares = ", ".join(f"{name} {share}" for name, share in parts.items())
            raise ValueError(
                f"The weights sum to {sum(parts.values())} ({shares}): change them so that they sum to 1000."
            )


@dataclass(frozen=True)
class Value:
    """The value per hour of one task for one person, by its parts. `same` is "contact", "group" or empty."""

    priority: int
    urgency: int
    skill: int
    continuity: int
    same: str

    @property
    def total(self) -> int:
        return self.priority + self.urgency + self.skill + self.continuity

    def sentence(self) -> str:
        parts = [f"priority {self.priority}", f"urgency {self.urgency}", f"skill {self.skill}"]
        if self.same:
            parts.append(f"same {self.same} {self.continuity}")
        return f"{self.total}/h = {' + '.join(parts)}"


@dataclass(frozen=True)
class Rejection:
    """The first hard rule that keeps a task from a person, with its numbers."""

    person_id: int
    code: str
    detail: str
    work_id: int


@dataclass(frozen=True)
class Candidate:
    """A pair that breaks no hard rule. `price` (per hour) is the load price, or half of what others make of it.

    `estimated` is False when the hours are the median of the task's kind.
    """

    person_id: int
    work_id: int
    value: Value
    price: int
    load_before: int
    load_after: int
    estimated: bool

    def as_dict(self) -> dict[str, object]:
        return {**vars(self), "value": dict(vars(self.value)), "total": self.value.total}


@dataclass(frozen=True)
class _Decision:
    """What both kinds of choice carry: the best three, why not the others, and a code when nobody or nothing fits."""

    code: str | None
    top: tuple[Candidate, ...] = ()
    rejected: tuple[Rejection, ...] = field(default=(), repr=False)
    more_rejected: int = 0

    @property
    def value(self) -> Value | None:
        return self.top[0].value if self.top else None

    @property
    def load_before(self) -> int | None:
        return self.top[0].load_before if self.top else None

    @property
    def load_after(self) -> int | None:
        return self.top[0].load_after if self.top else None

    def as_dict(self) -> dict[str, object]:
        """JSON-ready; of the rejections the first 20 and their number."""
        return {
            "code": self.code,
            "value": {**vars(self.value), "total": self.value.total} if self.value else None,
            "load_before": self.load_before,
            "load_after": self.load_after,
            "top": [candidate.as_dict() for candidate in self.top],
            "rejected": [dict(vars(rejection)) for rejection in self.rejected[:REJECTIONS_KEPT]],
            "rejected_total": len(self.rejected) + self.more_rejected,
        }


@dataclass(frozen=True)
class Choice(_Decision):
    """Who gets one task. Codes: NO_SKILLED_PERSON, NO_CAPACITY_BEFORE_DUE (skilled people are full or away), OUTRANKED,
    DEPENDENCY.

    `outranked_by` are the tasks that got the hours instead, `waits_for` those that must be finished first; `late` when
    nobody has the hours before it is due; `kept` when the plan has nobody for it, so that its holder keeps it.
    """

    work_id: int = 0
    person_id: int | None = None
    outranked_by: tuple[int, ...] = ()
    waits_for: tuple[int, ...] = ()
    late: bool = False
    kept: bool = False

    def as_dict(self) -> dict[str, object]:
        return {
            "work_id": self.work_id,
            "person_id": self.person_id,
            "late": self.late,
            "outranked_by": list(self.outranked_by),
            "waits_for": list(self.waits_for),
            **super().as_dict(),
        }

    def sentence(self, names: Mapping[int, str]) -> str:
        """One line for people; `names` maps person ids to names."""
        others = ", ".join(f"#{work}" for work in self.outranked_by or self.waits_for)
        by = f"{' by ' if self.outranked_by else ' on '}{others}" if others else ""
        if self.top:
            lines = [_won(names.get(self.top[0].person_id, "?"), self.top[0])]
        else:
            lines = [f"Nobody: {self.code}{by}."]
            if not self.rejected and not self.more_rejected and not others:
                lines.append("The team has no active members: add one.")
        lines += [
            _came_after(names.get(other.person_id, "?"), place, other, self.top[0])
            for place, other in zip(("2nd", "3rd"), self.top[1:], strict=False)
        ]
        lines += [f"{names.get(r.person_id, '?')}: {r.detail}." for r in self.rejected[:3]]
        if self.late and self.top:
            lines.append(TOO_LATE)
        return " ".join(lines)


@dataclass(frozen=True)
class TaskChoice(_Decision):
    """Which task one person should do next. Codes: NOTHING_READY, NOTHING_FITS."""

    person_id: int = 0
    work_id: int | None = None

    def as_dict(self) -> dict[str, object]:
        return {"person_id": self.person_id, "work_id": self.work_id, **super().as_dict()}

    def sentence(self, names: Mapping[int, str]) -> str:
        """One line for people; `names` maps task ids to titles."""
        lines = [_won(_title(names, self.top[0].work_id), self.top[0])] if self.top else [_NO_TASK[self.code]]
        lines += [
            f"{_title(names, other.work_id)} was {place}: {other.value.total}/h, less {other.price} for others."
            for place, other in zip(("2nd", "3rd"), self.top[1:], strict=False)
        ]
        lines += [f"{_title(names, r.work_id)}: {r.detail}." for r in self.rejected[:3]]
        return " ".join(lines)


TOO_LATE = "There are too few hours before it is due: it will be late."
_NO_TASK: dict[str | None, str] = {
    "NOTHING_READY": "No task waits to be taken.",
    "NOTHING_FITS": "None of the tasks that wait fits.",
}


def _title(names: Mapping[int, str], work_id: int) -> str:
    return names.get(work_id, f"#{work_id}")


def _came_after(name: str, place: str, other: Candidate, winner: Candidate) -> str:
    better = other.value.total - winner.value.total
    if better > 0 and other.price > winner.price:
        return (
            f"{name} fits better (+{better}/h), but their hours are scarcer ({other.price}/h against {winner.price}/h)."
        )
    return f"{name} was {place}: {other.value.total}/h, load {other.load_before} → {other.load_after} %."


def _won(name: str, winner: Candidate) -> str:
    guess = "" if winner.estimated else " (hours: the median of its kind)"
    return f"{name}: {winner.value.sentence()}; load {winner.load_before} → {winner.load_after} %{guess}."
