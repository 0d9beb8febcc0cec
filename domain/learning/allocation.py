"""Sharing contacts out by what is known so far, for those who want answers rather than evidence.

Most go to the arm that looks best. What was filled this way proves nothing: no winner may be named from it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.learning.experiments import Arm

OPTIMISING = "optimising"
"""What there is to say of contacts that are shared out like this, whatever they answered."""

Floats = NDArray[np.float64]

_FLOOR = 0.1
_CELLS, _SPREADS = 2001, 6.0


def shares(arms: Sequence[Arm]) -> tuple[float, ...]:
    """Of the next day's contacts: a tenth evenly, the rest by each arm's chance to be the best (Thompson, 1933)."""
    best = _chances_of_best(arms)
    return tuple((_FLOOR / len(arms) + (1 - _FLOOR) * best).tolist())


def _chances_of_best(arms: Sequence[Arm]) -> Floats:
    """By sums over a grid that covers all posteriors, Beta(1 + wins, 1 + losses), from uniform priors."""
    a = np.array([1.0 + arm.wins for arm in arms])[:, None]
    b = np.array([1.0 + arm.n - arm.wins for arm in arms])[:, None]
    mean = a / (a + b)
    spread = _SPREADS * np.sqrt(mean * (1 - mean) / (a + b + 1))
    low, high = max(0.0, float((mean - spread).min())), min(1.0, float((mean + spread).max()))
    at = low + (high - low) * (np.arange(_CELLS) + 0.5) / _CELLS
    logs = (a - 1) * np.log(at) + (b - 1) * np.log1p(-at)
    density = np.exp(logs - logs.max(axis=1, keepdims=True))
    density /= density.sum(axis=1, keepdims=True)
    below = np.cumsum(density, axis=1)
    best = np.array([(density[own] * np.delete(below, own, axis=0).prod(axis=0)).sum() for own in range(len(arms))])
    found: Floats = best / best.sum()
    return found
