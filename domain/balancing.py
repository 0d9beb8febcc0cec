"""Which tasks to hand over so that nobody has more work than hours: few moves, and why there is none if stuck."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_HALF_UP, Decimal

from domain.matching import missing_skill


@dataclass(frozen=True)
class Movable:
    """An open task that may change hands: not started, not pinned, not due within a working day, not just moved.

    `required` pairs a skill id with the least level.
    """

    task_id: int
    hours_q: int
    required: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Load:
    """A person's week in quarter hours; `booked_q` is all open work, of which `tasks` are those that may move."""

    id: int
    name: str
    capacity_q: int
    booked_q: int
    skills: Mapping[int, int]
    tasks: tuple[Movable, ...] = ()
    away: bool = False


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
    """The suggested moves, in the order to apply them, and who stays overloaded."""

    suggestions: tuple[Suggestion, ...]
    stuck: tuple[Stuck, ...]


def rebalance(people: Iterable[Load], *, names: Mapping[int, str]) -> Plan:
    """Moves that bring people over 100 % back to it, never anybody else over it; `names` maps skill ids to names.

    Greedy, the most overloaded first: the smallest task that removes the overload, else the largest, each to the least
    loaded person who has the skills and the hours. Same people, same plan, in any order.
    """
    team = sorted(people, key=lambda person: person.id)
    booked = {person.id: person.booked_q for person in team}
    suggestions: list[Suggestion] = []
    stuck: list[Stuck] = []
    for giver in sorted(team, key=lambda person: (person.capacity_q - person.booked_q, person.id)):
        left = list(giver.tasks)
        while (over := booked[giver.id] - giver.capacity_q) > 0:
            move = _next_move(giver, left, over, team, booked)
            if move is None:
                stuck.append(Stuck(giver.id, _obstacle(giver, left, over, team, booked, names)))
                break
            task, taker = move
            left.remove(task)
            suggestions.append(_apply(task, giver, taker, booked))
    return Plan(tuple(suggestions), tuple(stuck))


def _next_move(
    giver: Load, tasks: list[Movable], over: int, team: list[Load], booked: Mapping[int, int]
) -> tuple[Movable, Load] | None:
    def by_fewest_moves(task: Movable) -> tuple[bool, int, int]:
        enough = task.hours_q >= over
        return not enough, task.hours_q if enough else -task.hours_q, task.task_id

    for task in sorted(tasks, key=by_fewest_moves):
        takers = [
            person
            for person in team
            if person.id != giver.id
            and not person.away
            and booked[person.id] + task.hours_q <= person.capacity_q
            and missing_skill(task.required, person.skills, {}) is None
        ]
        if takers:
            return task, min(takers, key=lambda p: (Decimal(booked[p.id] + task.hours_q) / p.capacity_q, p.id))
    return None


def _apply(task: Movable, giver: Load, taker: Load, booked: dict[int, int]) -> Suggestion:
    """The suggestion for a move, which `booked` then includes."""
    before = _percent(giver, booked), _percent(taker, booked)
    booked[giver.id] -= task.hours_q
    booked[taker.id] += task.hours_q
    return Suggestion(
        task_id=task.task_id,
        from_id=giver.id,
        to_id=taker.id,
        hours=_hours(task.hours_q),
        from_before=before[0],
        from_after=_percent(giver, booked),
        to_before=before[1],
        to_after=_percent(taker, booked),
        reason=f"{giver.name} {_load(before[0])}; {taker.name} has the skills and {_load(before[1])}",
    )


def _obstacle(
    giver: Load, tasks: list[Movable], over: int, team: list[Load], booked: Mapping[int, int], names: Mapping[int, str]
) -> str:
    """What keeps the smallest task that is left from moving."""
    still = f"{_hours(over)} h over"
    if not tasks:
        return f"{still}: no task may be moved"
    task = min(tasks, key=lambda t: (t.hours_q, t.task_id))
    others = [person for person in team if person.id != giver.id and not person.away]
    if not others:
        return f"{still}: nobody else is there"
    gaps = {person.id: missing_skill(task.required, person.skills, names) for person in others}
    skilled = [person for person in others if gaps[person.id] is None]
    if not skilled:
        return f"{still}: nobody else has the skills of task {task.task_id} ({gaps[others[0].id]})"
    most = max(skilled, key=lambda person: (person.capacity_q - booked[person.id], -person.id))
    free = max(0, most.capacity_q - booked[most.id])
    return f"{still}: task {task.task_id} needs {_hours(task.hours_q)} h, {most.name} has most free, {_hours(free)} h"


def _load(percent: Decimal | None) -> str:
    return "has no hours this week" if percent is None else f"is at {percent} %"


def _percent(person: Load, booked: Mapping[int, int]) -> Decimal | None:
    if person.capacity_q <= 0:
        return None
    share = Decimal(100 * booked[person.id]) / person.capacity_q
    return share.quantize(Decimal("0.1"), ROUND_HALF_UP)


def _hours(quarters: int) -> Decimal:
    return Decimal(quarters) / 4
