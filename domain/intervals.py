"""How sure a rate is: quantiles of the beta distribution, for many people at once.

Float throughout: an interval is shown to one decimal and feeds no sum.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS, _CLOSE = 100, 1e-10
_TERMS, _SETTLED = 200, 1e-12


def central(posteriors: Sequence[tuple[float, float]], *, outside: float) -> list[tuple[float, float]]:
    """The ends of the interval of each Beta(a, b), this share of it below and as much above."""
    if not posteriors:
        return []
    a, b = np.tile(np.array(posteriors).T, 2)
    ends = np.repeat([outside, 1 - outside], len(posteriors))
    lows, highs = beta_quantiles(ends, a, b).reshape(2, -1).tolist()
    return list(zip(lows, highs, strict=True))


def below(values: Sequence[float], posteriors: Sequence[tuple[float, float]]) -> list[float]:
    """The share of each Beta(a, b) that lies below its value."""
    a, b = np.array(posteriors).T
    shares: list[float] = beta_cdf(np.array(values), a, b).tolist()
    return shares


def beta_quantiles(p: Floats, a: Floats, b: Floats) -> Floats:
    """The x of each Beta(a, b) at which the share p lies below, to about 1e-9; a and b positive, p within 0 and 1.

    Newton's method, halving what is left where a step would leave it: each step keeps the quantile between two bounds.
    """
    low, high, x = np.zeros(len(a)), np.ones(len(a)), a / (a + b)
    logs = _log_beta(a, b)
    for _ in range(_STEPS):
        over = _cdf(x, a, b, logs) - p
        low, high = np.where(over < 0, x, low), np.where(over < 0, high, x)
        density = np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - logs)
        step, before = x - over / np.maximum(density, _SETTLED), x
        x = np.where((low < step) & (step < high), step, (low + high) / 2)
        if np.all(np.abs(x - before) < _CLOSE):
            break
    return x


def beta_cdf(x: Floats, a: Floats, b: Floats) -> Floats:
    """The regularised incomplete beta function I_x(a, b) of each, a and b positive, x within 0 and 1.

    Continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions, evaluated by Lentz's method.
    """
    return _cdf(x, a, b, _log_beta(a, b))


def _log_beta(a: Floats, b: Floats) -> Floats:
    pairs = zip(a.tolist(), b.tolist(), strict=True)
    return np.array([math.lgamma(one) + math.lgamma(two) - math.lgamma(one + two) for one, two in pairs])


def _cdf(x: Floats, a: Floats, b: Floats, log_beta: Floats) -> Floats:
    # Beyond this the fraction converges slowly: there I_x(a, b) = 1 - I_{1-x}(b, a).
    swap = x > (a + 1) / (a + b + 2)
    x, a, b = np.where(swap, 1 - x, x), np.where(swap, b, a), np.where(swap, a, b)
    with np.errstate(divide="ignore"):  # the logarithm of 0, at either end, makes the factor 0
        front = np.exp(a * np.log(x) + b * np.log1p(-x) - log_beta) / a
    value = front * _fraction(x, a, b)
    return np.where(swap, 1 - value, value)


def _fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    denominator = 1 / (1 - (a + b) * x / (a + 1))
    numerator, value = np.ones(len(x)), denominator
    for m in range(1, _TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            denominator = 1 / (1 + term * denominator)
            numerator = 1 + term / numerator
            value = value * denominator * numerator
        if np.all(np.abs(denominator * numerator - 1) < _SETTLED):
            break
    return value
