"""Moves as people read them, and what stands in the way of those that are missing."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from domain.balancing.model import Load, Movable, Stuck, Suggestion
from domain.balancing.problem import Move, Problem, Room, thousandths
from domain.matching import Work, missing_skill, rejection
from domain.matching.rules import CAPACITY

TOLD = 3
"""Of so many people it is told what keeps them from taking a task."""


def refusal(movable: Movable, load: Load, *, names: Mapping[int, str]) -> str | None:
    """What keeps somebody from taking a task as they stand, such as "lacks 2 h this week"; None when nothing does."""
    if load.over:
        return "is overloaded"
    refused = rejection(movable.work, load.person, names)
    if refused is not None:
        return refused.detail
    lacks = movable.hours - (load.capacity - load.booked)
    return f"lacks {float(lacks):g} h this week" if lacks > 0 else None


def suggestions(problem: Problem, moves: Iterable[Move]) -> Iterable[Suggestion]:
    room = Room(problem)
    for task, taker in moves:
        giver, receiver = problem.team[task.giver], problem.team[taker]
        before = _percent(giver, room.booked[task.giver]), _percent(receiver, room.booked[taker])
        room.move(task, taker)
        yield Suggestion(
            task_id=task.id,
            from_id=giver.id,
            to_id=receiver.id,
            hours=Decimal(task.size) / 1000,
            from_before=before[0],
            from_after=_percent(giver, room.booked[task.giver]),
            to_before=before[1],
            to_after=_percent(receiver, room.booked[taker]),
            reason=f"{giver.person.name} {_load(before[0])}; "
            f"{receiver.person.name} has the skills and {_load(before[1])}",
        )


def _load(percent: Decimal | None) -> str:
    return "has no hours this week" if percent is None else f"is at {percent} %"


def _percent(load: Load, booked: int) -> Decimal | None:
    if load.capacity <= 0:
        return None
    return (Decimal(booked) / 10 / load.capacity).quantize(Decimal("0.1"), ROUND_HALF_UP)


def stuck(problem: Problem, moves: Sequence[Move], names: Mapping[int, str]) -> Iterable[Stuck]:
    room = Room(problem)
    for task, taker in moves:
        room.move(task, taker)
    moved = {task.id for task, _ in moves}
    for giver in problem.givers:
        over = room.booked[giver] - problem.capacity[giver]
        if over > 0:
            rest = [one for one in problem.team[giver].tasks if one.work.id not in moved]
            still = f"{_hours(over)} h over"
            yield Stuck(problem.team[giver].id, f"{still}: {_obstacle(problem, giver, rest, room, names)}")


def _obstacle(problem: Problem, giver: int, rest: Sequence[Movable], room: Room, names: Mapping[int, str]) -> str:
    """What keeps the smallest task that is left from moving."""
    if not rest:
        kept = problem.team[giver].kept
        why = ", ".join(f"{count} {reason}" for reason, count in kept.items())
        return f"no task may be moved{f' ({why})' if why else ''}"
    small = min(rest, key=lambda one: (one.hours, one.work.id))
    work = small.work
    others = [at for at in range(len(problem.team)) if at != giver]
    if not others:
        return "nobody else is in the team"
    skilled = [at for at in others if missing_skill(work.required, problem.team[at].person.skills, {}) is None]
    if not skilled:
        return f"no feasible receiver: task {work.id} needs {_lacking(problem, others, work, names)}{_before(work)}"
    skilled.sort(key=lambda at: (-room.rows[at][-1], at))
    told = "; ".join(f"{problem.team[at].person.name} {_refusal(problem, at, small, room)}" for at in skilled[:TOLD])
    more = f"; and {len(skilled) - TOLD} more" if len(skilled) > TOLD else ""
    return f"no feasible receiver of the {float(small.hours):g} h of task {work.id}: {told}{more}"


def _lacking(problem: Problem, others: Sequence[int], work: Work, names: Mapping[int, str]) -> str:
    """The skills that none of the others has, else all of them: no one has them together."""
    people = [problem.team[at].person for at in others]
    unmet = [(skill, least) for skill, least in work.required if all(p.skills.get(skill, 0) < least for p in people)]
    told = " and ".join(
        f"{names.get(skill, f'skill {skill}')} level {least}" for skill, least in unmet or work.required
    )
    return told if unmet else f"{told} in one person"


def _refusal(problem: Problem, at: int, movable: Movable, room: Room) -> str:
    """What keeps somebody with the skills from taking a task after all moves, such as "is away"."""
    work, person = movable.work, problem.team[at].person
    if at in problem.over:
        return "is overloaded too"
    refused = rejection(work, person, {})
    if refused is not None and refused.code != CAPACITY:
        return refused.detail
    if room.may_take[at] <= 0:
        return "then holds as many tasks as they may"
    free = min(room.rows[at][problem.due_of(work) :])
    this_week = free == room.rows[at][-1]
    return f"lacks {_hours(thousandths(movable.hours) - max(0, free))} h{' this week' if this_week else _before(work)}"


def _before(work: Work) -> str:
    return f" before {work.due:%a} {work.due.day} {work.due:%b}" if work.due else ""


def _hours(thousandths: int) -> str:
    return f"{thousandths / 1000:g}"
