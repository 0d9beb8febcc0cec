"""The performance score by two policies: four weighted parts of 0 to 100, their doubt, and when there is none.

Source of the figures: SEMANTICS section H. Decimal throughout; only the interval is computed in float.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

WEIGHTS: dict[str, Decimal] = {
    "completion": Decimal("0.35"),
    "estimation": Decimal("0.25"),
    "balance": Decimal("0.20"),
    "skill": Decimal("0.20"),
}
NOT_ENOUGH_DATA = "not enough data"
HIGHER, LOWER, NOT_CLEAR = "higher", "lower", "not clearly different"
FINISHED_FOR_LABEL = 5
SMALL_TEAM = 20  # below this many tasks the team's own rate says little

_HUNDRED, _TENTH, _EXACT = Decimal(100), Decimal("0.1"), Decimal("1e-20")
_PRIOR_TASKS = 10  # K: how many tasks the team's rate weighs
_MOST_TASKS = 15  # tasks of one person and time resemble each other: more of them add no certainty
_FOR_COMPARISON = 30  # tasks somebody must have been assigned
_SURE = 0.999  # each of many people in a team who are all alike could be taken for better or worse by mistake
_USUAL_RATE = 0.75
_OUTSIDE = 0.1  # of what the rate could be, this share lies below the range and as much above: it holds 80 %
_BUSY, _FULL, _TOO_FULL = Decimal("0.7"), Decimal("0.9"), Decimal("1.3")

Parts = dict[str, Decimal | None]
Range = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class Inputs:
    """What one person's score is made of: counts of tasks in the window, sums, and hours of the current week.

    `accuracy_sum` adds 100 * min / max of estimate and actual hours, where both are positive (so twice as long and half
    as long both give 50), `skill_sum` skill matches, both of 0 to 100 a task.
    `team_*` are the whole team's counts, for the interval only. What policy `fair` needs is in hours of estimates, of
    one task never more than three times the team's median: `due_hours` of tasks whose due date has passed or that are
    finished, of these `on_time_hours` and `late_hours` finished; `*_by_hours` sum value times hours over `*_hours`.
    """

    assigned: int
    completed: int
    on_time: int
    with_due: int
    accuracy_sum: Decimal
    accuracy_n: int
    booked_hours: Decimal
    capacity_hours: Decimal
    skill_sum: Decimal
    skill_n: int
    team_assigned: int = 0
    team_completed: int = 0
    due_hours: Decimal = Decimal(0)
    on_time_hours: Decimal = Decimal(0)
    late_hours: Decimal = Decimal(0)
    accuracy_hours: Decimal = Decimal(0)
    accuracy_by_hours: Decimal = Decimal(0)
    skill_hours: Decimal = Decimal(0)
    skill_by_hours: Decimal = Decimal(0)


@dataclass(frozen=True)
class Score:
    """A score with its reasons. `total` and `parts` are unrounded, `ranges` hold 80 % intervals to one decimal.

    `label` is "high", "at_risk" or None; `reason` says why there is no total, or no label yet. `comparison` is of the
    completion rate with the team's: HIGHER or LOWER when that is 99.9 % sure, NOT_CLEAR, or None for somebody who was
    assigned nothing.
    """

    total: Decimal | None
    parts: Parts
    ranges: dict[str, Range | None]
    comparison: str | None
    provisional: bool
    label: str | None
    reason: str | None


def classic(inputs: Inputs) -> Score:
    """The source's score. A part without data is None and left out of the total."""
    return score_all("classic", [inputs])[0]


def fair(inputs: Inputs) -> Score:
    """What was due: on time is all, late is half. A week booked to 70 to 90 % is balanced. Hours weigh tasks."""
    return score_all("fair", [inputs])[0]


def score_all(policy: str, people: Sequence[Inputs]) -> list[Score]:
    """Everybody's score by one policy, in the order of their inputs: the doubt of many costs little more than of one.

    Raises KeyError for a policy that is not in POLICIES.
    """
    parts_of, ranges, comparisons = POLICIES[policy], _completion_ranges(people), _comparisons(people)
    return [
        _scored(inputs, parts_of(inputs), ranges[_counts(inputs)], comparisons[_counts(inputs)]) for inputs in people
    ]


def _classic_parts(inputs: Inputs) -> Parts:
    return {
        "completion": _share(Decimal(inputs.completed), Decimal(inputs.assigned)),
        "estimation": _mean(inputs.accuracy_sum, inputs.accuracy_n),
        "balance": _share(inputs.capacity_hours - inputs.booked_hours, inputs.capacity_hours),
        "skill": _mean(inputs.skill_sum, inputs.skill_n),
    }


def _fair_parts(inputs: Inputs) -> Parts:
    return {
        "completion": _share(inputs.on_time_hours + inputs.late_hours / 2, inputs.due_hours),
        "estimation": _mean(inputs.accuracy_by_hours, inputs.accuracy_hours),
        "balance": band(inputs.booked_hours, inputs.capacity_hours),
        "skill": _mean(inputs.skill_by_hours, inputs.skill_hours),
    }


USUAL_POLICY = "classic"
POLICIES: dict[str, Callable[[Inputs], Parts]] = {USUAL_POLICY: _classic_parts, "fair": _fair_parts}


def band(booked: Decimal, capacity: Decimal) -> Decimal | None:
    """100 from 70 to 90 % of the week, falling to 0 at an empty week and at 130 %."""
    if capacity <= 0:
        return None
    used = booked / capacity
    if used > _FULL:
        return max(Decimal(0), _HUNDRED * (_TOO_FULL - used) / (_TOO_FULL - _FULL))
    return min(_HUNDRED, _HUNDRED * used / _BUSY)


def _scored(inputs: Inputs, parts: Parts, completion: Range | None, comparison: str | None) -> Score:
    total = combine(parts)
    provisional = inputs.completed < FINISHED_FOR_LABEL
    return Score(
        total=total,
        parts=parts,
        ranges={**dict.fromkeys(WEIGHTS), "completion": completion},
        comparison=comparison,
        provisional=provisional,
        label=None if total is None or provisional else label(total),
        reason=_reason(total, inputs.completed),
    )


def combine(parts: Mapping[str, Decimal | None]) -> Decimal | None:
    """The weighted mean of the parts that have data, weights renormalised, to 20 decimals.

    None without completion or with fewer than two parts. Decimals hold 28 digits, so thirds and sixths that make 80
    may come out a hair above it: that far behind the point no two scores differ.
    """
    known = {name: min(max(part, Decimal(0)), _HUNDRED) for name, part in parts.items() if part is not None}
    if len(known) < 2 or "completion" not in known:
        return None
    weight = sum((WEIGHTS[name] for name in known), Decimal(0))
    return (sum((WEIGHTS[name] * part for name, part in known.items()), Decimal(0)) / weight).quantize(_EXACT)


def label(total: Decimal, *, high: Decimal = Decimal(80), at_risk: Decimal = Decimal(50)) -> str | None:
    """ "high" strictly above, "at_risk" strictly below, on the unrounded total."""
    if total > high:
        return "high"
    return "at_risk" if total < at_risk else None


def shown(value: Decimal | None) -> Decimal | None:
    """One decimal, half up."""
    return None if value is None else value.quantize(_TENTH, ROUND_HALF_UP)


def _reason(total: Decimal | None, completed: int) -> str | None:
    if total is None:
        return NOT_ENOUGH_DATA
    if completed < FINISHED_FOR_LABEL:
        return f"provisional: {completed} of {FINISHED_FOR_LABEL} finished tasks"
    return None


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    """100 * part / whole within 0 and 100."""
    return min(max(_HUNDRED * part / whole, Decimal(0)), _HUNDRED) if whole > 0 else None


def _mean(total: Decimal, count: Decimal | int) -> Decimal | None:
    """The mean of values of 0 to 100; one that was written by hand beyond these moves it to the end at most."""
    return min(max(total / count, Decimal(0)), _HUNDRED) if count > 0 else None


_Counts = tuple[int, int, int, int]


def _counts(inputs: Inputs) -> _Counts:
    """All that a range depends on; in a large team many share it."""
    return inputs.assigned, inputs.completed, inputs.team_assigned, inputs.team_completed


def _completion_ranges(people: Sequence[Inputs]) -> dict[_Counts, Range | None]:
    """The 80 % intervals of the completion rates: of beta posteriors that start from the team's rate."""
    # Here, not above: numpy is loaded by whoever computes scores, not by every process that shows them.
    from domain import intervals

    ranges: dict[_Counts, Range | None] = dict.fromkeys(map(_counts, people))
    known = [counts for counts in ranges if counts[0] > 0]
    spans = intervals.central([_posterior(*counts) for counts in known], outside=_OUTSIDE)
    for counts, (low, high) in zip(known, spans, strict=True):
        ranges[counts] = _percent(low), _percent(high)
    return ranges


def _comparisons(people: Sequence[Inputs]) -> dict[_Counts, str | None]:
    """Everybody beside their team's rate: on all their tasks, and only where these are many and leave next to no doubt.

    Ten people who are all alike make ten comparisons, each of which may be wrong.
    """
    from domain import intervals

    answers: dict[_Counts, str | None] = {
        counts: None if counts[0] == 0 else NOT_CLEAR for counts in map(_counts, people)
    }
    many = [counts for counts in answers if counts[0] >= _FOR_COMPARISON and counts[2] >= SMALL_TEAM]
    if many:
        rates = [_prior(*counts[2:]) for counts in many]
        below = intervals.below(rates, [_posterior(*counts, most=counts[0]) for counts in many])
        for counts, share in zip(many, below, strict=True):
            answers[counts] = HIGHER if share < 1 - _SURE else LOWER if share > _SURE else NOT_CLEAR
    return answers


def _posterior(
    assigned: int, completed: int, team_assigned: int, team_completed: int, *, most: int = _MOST_TASKS
) -> tuple[float, float]:
    """a and b of the beta distribution that one's completion rate follows, of so many tasks at most."""
    prior, tasks = _prior(team_assigned, team_completed), min(assigned, most)
    done = tasks * min(completed / assigned, 1)
    return _PRIOR_TASKS * prior + done, _PRIOR_TASKS * (1 - prior) + tasks - done


def _prior(team_assigned: int, team_completed: int) -> float:
    if team_assigned < SMALL_TEAM:
        return _USUAL_RATE
    # Half a task away from 0 and 1, where the beta distribution would collapse into a point.
    half = 0.5 / team_assigned
    return min(max(team_completed / team_assigned, half), 1 - half)


def _percent(rate: float) -> Decimal:
    return Decimal(100 * rate).quantize(_TENTH, ROUND_HALF_UP)
