"""Looking at an experiment while it runs without being fooled by it: how far apart two rates must be at each look.

The error that may be made in all is spent over the looks as Lan and DeMets proposed (Biometrika 70, 1983), with the
spending that resembles O'Brien and Fleming's boundary: hardly any of it early, nearly all of it at the planned end.
"""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = float | Floats

_NORMAL = NormalDist()
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(128)
_NEVER = 8.0  # standard deviations that no look ever reaches
_HALVINGS = 45
_LEAST_VARIANCE = 1e-12
_NEAR = 100.0


def z_score(wins: Numbers, n: Numbers, other_wins: Numbers, other_n: Numbers) -> Numbers:
    """The second rate less the first in standard errors of the pooled rate."""
    rate = (wins + other_wins) / (n + other_n)
    variance = np.maximum(rate * (1 - rate), _LEAST_VARIANCE) * (1 / n + 1 / other_n)
    return (other_wins / other_n - wins / n) / np.sqrt(variance)


def boundary(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """How large |z| must be at each look for a difference to be there; `alpha` is the chance to find one that is not.

    `fractions` are the shares of the planned contacts that had matured at each look, ascending, 1 at the end, apart by
    a hundredth at least. When looks are taken must not depend on what they show. A boundary of 8 is never reached.
    """
    return tuple(
        _walk(fractions[:until], alpha).edge / math.sqrt(fractions[until - 1]) for until in range(1, len(fractions) + 1)
    )


class _Walk(NamedTuple):
    """Brownian motion that has crossed at no look: its masses at places, and the edge it was last kept within."""

    place: Floats
    mass: Floats
    edge: float


_START = _Walk(np.zeros(1), np.ones(1), 0.0)


@lru_cache(maxsize=1024)
def _walk(fractions: tuple[float, ...], alpha: float) -> _Walk:
    """The recursion of Armitage, McPherson and Rowe (1969), from look to look at Gauss and Legendre's nodes.

    Each look starts from what is kept of the one before, so that one more costs milliseconds.
    """
    if not fractions:
        return _START
    *earlier, fraction = fractions
    before = earlier[-1] if earlier else 0.0
    walk = _walk(tuple(earlier), alpha)
    step = math.sqrt(fraction - before)
    spend = _spent(fraction, alpha) - (_spent(before, alpha) if earlier else 0.0)
    edge = _edge(walk, step, most=_NEVER * math.sqrt(fraction), outside=spend)
    place = edge * _NODES
    density = np.exp(-(((place[:, None] - walk.place) / step) ** 2) / 2) @ walk.mass / (step * math.sqrt(2 * math.pi))
    return _Walk(place, edge * _WEIGHTS * density, edge)


def _spent(fraction: float, alpha: float) -> float:
    """Of `alpha`, on both sides, until this share of the plan."""
    return 4 * _above(_NORMAL.inv_cdf(1 - alpha / 4) / math.sqrt(fraction))


def _edge(walk: _Walk, step: float, *, most: float, outside: float) -> float:
    """Where both sides together have `outside` beyond them after one more step, by bisection; `most` at most."""
    low, high = 0.0, most
    masses = list(zip(walk.place.tolist(), walk.mass.tolist(), strict=True))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        beyond = 2 * math.fsum(mass * _above((middle - place) / step) for place, mass in masses)
        low, high = (middle, high) if beyond > outside else (low, middle)
    return high


def _above(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2


def half_width(wins: int, n: int, other_wins: int, other_n: int, *, planned: int, alpha: float) -> float:
    """Of an interval around the difference of two rates that holds the truth at all looks together, whenever taken.

    An asymptotic confidence sequence (Waudby-Smith and others, 2021) in the form that platforms for experiments use,
    tuned to be narrowest after a third of the `planned` contacts of both arms. Wider than one for a single look.
    """
    one, other, both = (wins + 0.5) / (n + 1), (other_wins + 0.5) / (other_n + 1), n + other_n
    variance = both * (one * (1 - one) / n + other * (1 - other) / other_n)
    odds = -2 * math.log(alpha)
    tuned = (odds + math.log(odds + 1)) / (planned / 3)
    grown = both * tuned + 1
    return math.sqrt(variance * 2 * grown / (both * both * tuned) * math.log(math.sqrt(grown) / alpha))


def sample_ratio(counts: tuple[int, ...], weights: tuple[float, ...]) -> float:
    """How likely counts so far from their weights are by chance, whenever and however often one looks.

    One over the Bayes factor of other shares, drawn around the weights as after _NEAR contacts, against the weights:
    by chance it falls below p at any look in at most p of all experiments (Lindon and Malek, 2020). A test made for
    one look, taken daily at .001, cries wolf in more than a hundredth of them.
    """
    whole = sum(weights)
    shares = [weight / whole for weight in weights]
    other = math.lgamma(_NEAR) - math.lgamma(_NEAR + sum(counts))
    for count, share in zip(counts, shares, strict=True):
        other += math.lgamma(_NEAR * share + count) - math.lgamma(_NEAR * share) - count * math.log(share)
    return math.exp(min(0.0, -other))
