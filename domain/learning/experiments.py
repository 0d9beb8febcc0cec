"""Which delay of a follow-up works better: arms, outcomes that may be counted, a plan, looks, and their verdicts.

Contacts are drawn into arms once and for good and count in their arm whatever became of the task (intention to treat);
the first arm is the control. An experiment ends when its planned contacts have matured: a longer one is a new one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist

from domain.learning import drawing, sequential

TOO_EARLY, RUNNING, BETTER, NO_DIFFERENCE = "too_early", "running", "better", "no_difference"
INVALID, HARMFUL = "invalid", "harmful"

MOST_ARMS = 4
MOST_WEEKS = 26
"""An experiment that would take longer is refused: a bigger difference, more triggers, or none."""
WEEKS_LATELY = 4
"""How many weeks back say how often contacts trigger."""
DAYS_AFTER = 7
"""An answer may come so many days after the longest delay and count."""
ALPHA, POWER = 0.05, 0.8
LEAST_EFFECT = 0.001
"""A tenth of a point, as a share."""

_LOOKS_COST = 1.10  # so many more contacts make good what looking early takes of the power
_LEAST = 50  # matured contacts of each arm before anything is said
_APART = 0.01  # of the plan: looks closer than that are not taken, they would cost and show nothing new
_UNEVEN = 0.001  # a split this unlikely has a cause that is not chance
_GUARD_ALPHA = 0.01
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Arm:
    """`n` matured contacts, and for how many of them the thing that is counted came true."""

    n: int
    wins: int

    @property
    def rate(self) -> float | None:
        return self.wins / self.n if self.n else None


@dataclass(frozen=True)
class Plan:
    """How many contacts each arm needs to find `effect` above a rate of `base` in `power` of the cases.

    `alpha` is the chance to name a better arm where there is none, over all looks and arms together. `weeks` is what
    it takes, infinite without triggers.
    """

    arms: int
    base: float
    effect: float
    per_arm: int
    weeks: float
    alpha: float = ALPHA
    power: float = POWER

    @property
    def total(self) -> int:
        return self.arms * self.per_arm

    @property
    def refused(self) -> bool:
        return self.weeks > MOST_WEEKS


@dataclass(frozen=True)
class Comparison:
    """An arm against the control: the difference of the rates, and the range it plausibly lies in at any moment.

    `z` must reach `bound` either way to be `clear`; both are None where no look was taken.
    """

    arm: int
    difference: float
    low: float
    high: float
    z: float | None = None
    bound: float | None = None

    @property
    def clear(self) -> bool:
        return self.z is not None and self.bound is not None and abs(self.z) >= self.bound


@dataclass(frozen=True)
class Look:
    """What there is to say now. `counted` looks are paid for: their `fraction` goes into `earlier` of the next one.

    With an INVALID split nothing is compared. `winner` is the arm that is BETTER, `harmed_by` the guardrail that fell.
    """

    verdict: str
    fraction: float
    counted: bool
    split_chance: float
    comparisons: tuple[Comparison, ...] = ()
    winner: int | None = None
    harmed_by: str | None = None


class Ended(ValueError):
    """A look after the planned end: it would find differences that are not there."""

    def __init__(self) -> None:
        super().__init__("The planned contacts have matured: start a new experiment with new contacts.")


def arm_of(experiment: int, salt: str, contact: int, weights: Sequence[float]) -> int:
    """The arm of a contact, the same for ever and in every process."""
    return drawing.pick(weights, experiment, salt, contact)


def least_window(delays: Sequence[timedelta]) -> timedelta:
    """How long after the TRIGGER answers must be waited for in all arms alike."""
    return max(delays) + timedelta(days=DAYS_AFTER)


def outcome(*, triggered_at: datetime, answered_at: datetime | None, window: timedelta, now: datetime) -> bool | None:
    """Whether the contact answered within the window; None until it is over, also for those who answered already.

    The window runs from the trigger: counted from the task, a longer delay loses the answers that come by themselves.
    Counted before it is over, whoever is quicker looks better. What triggered, as a reply may, is no answer to what
    follows from it.
    """
    if now < triggered_at + window:
        return None
    return answered_at is not None and triggered_at < answered_at < triggered_at + window


def plan(*, arms: int, base: float, effect: float, weekly: float) -> Plan:
    """The plan of an experiment with so many triggers a week, shared by all arms.

    The usual size for two proportions, each pair with the control at alpha divided by the pairs (Bonferroni), and a
    tenth more for the looks; never fewer than a look needs. Raises ValueError for arms or rates that can't be.
    """
    if not 2 <= arms <= MOST_ARMS:
        raise ValueError(f"An experiment has 2 to {MOST_ARMS} delays, not {arms}.")
    if 0 < effect < LEAST_EFFECT:
        raise ValueError("To see a difference of less than 0.1 points takes millions of contacts: name a bigger one.")
    if not (0 < base < 1 and 0 < effect < 1 - base):
        raise ValueError(f"From {base:.0%} a rate can't rise by {effect:.0%}: both must lie within 0 and 100 %.")
    per_arm = max(_LEAST, math.ceil(_control_size(base, effect, alpha=ALPHA / (arms - 1), times=1.0)))
    return Plan(arms, base, effect, per_arm, weeks=arms * per_arm / weekly if weekly > 0 else math.inf)


def weeks_for(total: int, *, lately: int, new: int) -> float:
    """How long it takes until so many different contacts have come; infinite where they never do.

    `lately` came in the WEEKS_LATELY, `new` of them for the first time. Those who come again count once, so that after
    as many weeks only new ones add to it.
    """
    if total <= lately:
        return WEEKS_LATELY * total / lately
    return WEEKS_LATELY * (1 + (total - lately) / new) if new else math.inf


def contacts_to_see(*, base: float, effect: float, control: float) -> int:
    """Contacts of both groups together that show the effect as a plan does, where `control` of them are the control."""
    return math.ceil(_control_size(base, effect, alpha=ALPHA, times=(1 - control) / control) / control)


def _control_size(base: float, effect: float, *, alpha: float, times: float) -> float:
    """Contacts of a control beside a group so many times as large."""
    other = base + effect
    mean = (base + times * other) / (1 + times)
    sure, found = _NORMAL.inv_cdf(1 - alpha / 2), _NORMAL.inv_cdf(POWER)
    spread = sure * math.sqrt((1 + 1 / times) * mean * (1 - mean))
    spread += found * math.sqrt(base * (1 - base) + other * (1 - other) / times)
    return _LOOKS_COST * (spread / effect) ** 2


def look(
    planned: Plan,
    arms: Sequence[Arm],
    *,
    assigned: Sequence[int],
    earlier: Sequence[float] = (),
    guardrails: Mapping[str, Sequence[Arm]] | None = None,
) -> Look:
    """What the matured contacts of the arms say. When it is called must not depend on what it says: once a day.

    `assigned` are all contacts of the arms, matured or not; `earlier` the fractions of the looks that counted.
    `guardrails` are things that must not become more frequent: arms whose `wins` are harms. Raises Ended past the plan.
    """
    if earlier and earlier[-1] >= 1:
        raise Ended
    fraction = min(1.0, sum(arm.n for arm in arms) / planned.total)
    split = sequential.sample_ratio(tuple(assigned), (1.0,) * len(arms))
    if split < _UNEVEN:
        return Look(INVALID, fraction, counted=False, split_chance=split)
    if min(arm.n for arm in arms) < _LEAST:
        return Look(TOO_EARLY, fraction, counted=False, split_chance=split)
    counted = _counts(fraction, earlier)
    looks = (*earlier, fraction) if counted else ()
    comparisons = _compared(planned, arms, looks)
    verdict, winner = _verdict(comparisons, fraction)
    harmed_by = _harmed(guardrails or {}, looks)
    return Look(
        verdict=verdict if harmed_by is None else HARMFUL,
        fraction=fraction,
        counted=counted,
        split_chance=split,
        comparisons=comparisons,
        winner=winner if harmed_by is None else None,
        harmed_by=harmed_by,
    )


def _counts(fraction: float, earlier: Sequence[float]) -> bool:
    """Looks are a hundredth of the plan apart, the last one from the end too."""
    return fraction >= 1 or (fraction - (earlier[-1] if earlier else 0.0) >= _APART and fraction <= 1 - _APART)


def _compared(planned: Plan, arms: Sequence[Arm], looks: Sequence[float]) -> tuple[Comparison, ...]:
    alpha = planned.alpha / (planned.arms - 1)
    control = arms[0]
    return tuple(
        _comparison(place, control, arm, planned=2 * planned.per_arm, looks=looks, alpha=alpha)
        for place, arm in enumerate(arms[1:], start=1)
    )


def _comparison(
    place: int, control: Arm, arm: Arm, *, planned: int, looks: Sequence[float], alpha: float
) -> Comparison:
    difference = arm.wins / arm.n - control.wins / control.n
    half = sequential.half_width(control.wins, control.n, arm.wins, arm.n, planned=planned, alpha=alpha)
    return Comparison(
        arm=place,
        difference=difference,
        low=max(-1.0, difference - half),
        high=min(1.0, difference + half),
        z=_z(control, arm) if looks else None,
        bound=sequential.boundary(tuple(looks), alpha)[-1] if looks else None,
    )


def _z(control: Arm, arm: Arm) -> float:
    return float(sequential.z_score(control.wins, control.n, arm.wins, arm.n))


def _verdict(comparisons: Sequence[Comparison], fraction: float) -> tuple[str, int | None]:
    """The best of the arms that beat the control; the control when it beats all of them."""
    better = [one for one in comparisons if one.clear and one.difference > 0]
    if better:
        return BETTER, max(better, key=lambda one: one.difference).arm
    if all(one.clear for one in comparisons):
        return BETTER, 0
    return (NO_DIFFERENCE if fraction >= 1 else RUNNING), None


def _harmed(guardrails: Mapping[str, Sequence[Arm]], looks: Sequence[float]) -> str | None:
    """The first thing that is clearly more frequent in some arm than in the control."""
    if not looks:
        return None
    for name, (control, *others) in guardrails.items():
        bound = sequential.boundary(tuple(looks), _GUARD_ALPHA / len(others))[-1]
        if any(_z(control, arm) >= bound for arm in others if min(arm.n, control.n) >= _LEAST):
            return name
    return None
