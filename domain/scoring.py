"""The performance score by two policies: four weighted parts of 0 to 100, their doubt, and when there is none.

Source of the figures: SEMANTICS section H. Decimal throughout; only the interval is computed in float.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

WEIGHTS: dict[str, Decimal] = {
    "completion": Decimal("0.35"),
    "estimation": Decimal("0.25"),
    "balance": Decimal("0.20"),
    "skill": Decimal("0.20"),
}
NOT_ENOUGH_DATA = "not enough data"
FINISHED_FOR_LABEL = 5

_HUNDRED = Decimal(100)
_PRIOR_TASKS = 10  # K: how many tasks the team's rate weighs
_MOST_TASKS = 15  # tasks of one person and time resemble each other: more of them add no certainty
_SMALL_TEAM = 20  # below this many tasks the team's own rate says little
_USUAL_RATE = 0.75
_BUSY, _FULL, _TOO_FULL = Decimal("0.7"), Decimal("0.9"), Decimal("1.3")


@dataclass(frozen=True)
class Inputs:
    """What one person's score is made of: counts of tasks in the window, sums, and hours of the current week.

    `accuracy_sum` adds `estimate_accuracy` values, `skill_sum` skill matches, both of 0 to 100 a task.
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

    `label` is "high", "at_risk" or None; `reason` says why there is no total, or no label yet.
    """

    total: Decimal | None
    parts: dict[str, Decimal | None]
    ranges: dict[str, tuple[Decimal, Decimal] | None]
    provisional: bool
    label: str | None
    reason: str | None


def estimate_accuracy(estimated: Decimal | None, actual: Decimal | None) -> Decimal | None:
    """100 * min / max of two durations, so twice as long and half as long both give 50.

    None when either is missing or not positive.
    """
    if estimated is None or actual is None or estimated <= 0 or actual <= 0:
        return None
    return _HUNDRED * min(estimated, actual) / max(estimated, actual)


def classic(inputs: Inputs) -> Score:
    """The source's score. A part without data is None and left out of the total."""
    parts = {
        "completion": _share(Decimal(inputs.completed), Decimal(inputs.assigned)),
        "estimation": _mean(inputs.accuracy_sum, inputs.accuracy_n),
        "balance": _share(inputs.capacity_hours - inputs.booked_hours, inputs.capacity_hours),
        "skill": _mean(inputs.skill_sum, inputs.skill_n),
    }
    return _scored(inputs, parts)


def fair(inputs: Inputs) -> Score:
    """What was due: on time is all, late is half. A week booked to 70 to 90 % is balanced. Hours weigh tasks."""
    parts = {
        "completion": _share(inputs.on_time_hours + inputs.late_hours / 2, inputs.due_hours),
        "estimation": _mean(inputs.accuracy_by_hours, inputs.accuracy_hours),
        "balance": band(inputs.booked_hours, inputs.capacity_hours),
        "skill": _mean(inputs.skill_by_hours, inputs.skill_hours),
    }
    return _scored(inputs, parts)


POLICIES = {"classic": classic, "fair": fair}


def band(booked: Decimal, capacity: Decimal) -> Decimal | None:
    """100 from 70 to 90 % of the week, falling to 0 at an empty week and at 130 %."""
    if capacity <= 0:
        return None
    used = booked / capacity
    if used > _FULL:
        return max(Decimal(0), _HUNDRED * (_TOO_FULL - used) / (_TOO_FULL - _FULL))
    return min(_HUNDRED, _HUNDRED * used / _BUSY)


def weight(hours: Decimal | None, median: Decimal) -> Decimal:
    """How much a task of so many hours counts: the median when unknown, never more than three times that."""
    return min(hours, 3 * median) if hours is not None and hours > 0 else median


def _scored(inputs: Inputs, parts: dict[str, Decimal | None]) -> Score:
    total = combine(parts)
    provisional = inputs.completed < FINISHED_FOR_LABEL
    ranges: dict[str, tuple[Decimal, Decimal] | None] = dict.fromkeys(WEIGHTS)
    ranges["completion"] = _completion_range(inputs)
    return Score(
        total=total,
        parts=parts,
        ranges=ranges,
        provisional=provisional,
        label=None if total is None or provisional else label(total),
        reason=_reason(total, inputs.completed),
    )


def combine(parts: Mapping[str, Decimal | None]) -> Decimal | None:
    """The weighted mean of the parts that have data, weights renormalised, unrounded.

    None without completion or with fewer than two parts.
    """
    known = {name: min(max(part, Decimal(0)), _HUNDRED) for name, part in parts.items() if part is not None}
    if len(known) < 2 or "completion" not in known:
        return None
    weight = sum((WEIGHTS[name] for name in known), Decimal(0))
    return sum((WEIGHTS[name] * part for name, part in known.items()), Decimal(0)) / weight


def label(total: Decimal, *, high: Decimal = Decimal(80), at_risk: Decimal = Decimal(50)) -> str | None:
    """ "high" strictly above, "at_risk" strictly below, on the unrounded total."""
    if total > high:
        return "high"
    return "at_risk" if total < at_risk else None


def shown(value: Decimal | None) -> Decimal | None:
    """One decimal, half up."""
    return None if value is None else value.quantize(Decimal("0.1"), ROUND_HALF_UP)


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
    return total / count if count > 0 else None


def _completion_range(inputs: Inputs) -> tuple[Decimal, Decimal] | None:
    """The 80 % interval of the completion rate: a beta posterior that starts from the team's rate."""
    if inputs.assigned <= 0:
        return None
    prior = _USUAL_RATE
    if inputs.team_assigned >= _SMALL_TEAM:
        # Half a task away from 0 and 1, where the beta distribution would collapse into a point.
        half = 0.5 / inputs.team_assigned
        prior = min(max(inputs.team_completed / inputs.team_assigned, half), 1 - half)
    tasks = min(inputs.assigned, _MOST_TASKS)
    done = tasks * min(inputs.completed / inputs.assigned, 1)
    a, b = _PRIOR_TASKS * prior + done, _PRIOR_TASKS * (1 - prior) + tasks - done
    low, high = (shown(Decimal(100 * _beta_quantile(p, a, b))) for p in (0.1, 0.9))
    return (low, high) if low is not None and high is not None else None


@lru_cache(maxsize=1024)
def _beta_quantile(p: float, a: float, b: float) -> float:
    """The x at which a share p of Beta(a, b) lies below, to about 1e-9, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_cdf(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a and b positive.

    Continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions, evaluated by Lentz's method.
    """
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):  # beyond this the fraction converges slowly; use I_x(a,b) = 1 - I_{1-x}(b,a)
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    numerator, denominator, value = 1.0, 1 / (1 - (a + b) * x / (a + 1)), 1 / (1 - (a + b) * x / (a + 1))
    for m in range(1, 200):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            denominator = 1 / (1 + term * denominator)
            numerator = 1 + term / numerator
            value *= denominator * numerator
        if abs(denominator * numerator - 1) < 1e-12:
            break
    return front * value
