"""What chosen hours bring: contacts that keep the rule's own hour for ever, against all others whose hour was chosen.

Each contact counts once, by its first attempt, and in its group whatever became of the choice. It may be looked at as
often as one likes: the range holds at all looks together.
"""

from dataclasses import dataclass

from domain.learning import experiments, sequential
from domain.learning.best_time import KEPT_OUT
from domain.learning.experiments import ALPHA, Arm

TOO_EARLY, UNCLEAR, MORE, FEWER = "too_early", "unclear", "more", "fewer"
FEWEST = 50
"""Contacts of each group before anything is said."""
EFFECT = 0.03
"""The difference that best times may be hoped to make; to see it takes many contacts."""


@dataclass(frozen=True)
class Comparison:
    """Chosen hours against the rule's: the difference of the shares that answered fast, and its plausible range.

    `needed` contacts, of both groups together, would show a difference of EFFECT in four of five cases. What cannot be
    said yet is None.
    """

    kept: Arm
    chosen: Arm
    verdict: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    needed: int | None = None


def compare(kept: Arm, chosen: Arm) -> Comparison:
    """What the contacts say whose first attempt is known to have been answered fast, or not."""
    both = kept.n + chosen.n
    rate = (kept.wins + chosen.wins) / both if both >= FEWEST else None
    needed = None
    if rate is not None and 0 < rate < 1 - EFFECT:
        needed = experiments.contacts_to_see(base=rate, effect=EFFECT, control=KEPT_OUT)
    if min(kept.n, chosen.n) < FEWEST:
        return Comparison(kept, chosen, TOO_EARLY, needed=needed)
    difference = chosen.wins / chosen.n - kept.wins / kept.n
    half = sequential.half_width(kept.wins, kept.n, chosen.wins, chosen.n, planned=needed or both, alpha=ALPHA)
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    verdict = MORE if low > 0 else FEWER if high < 0 else UNCLEAR
    return Comparison(kept, chosen, verdict, difference, low, high, needed)
