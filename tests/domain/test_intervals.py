"""Beta quantiles of many at once: against exact binomial sums, and one by one with another arithmetic."""

import math
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.intervals import beta_cdf, beta_quantiles


def exact_cdf(x: Fraction, a: int, b: int) -> Fraction:
    """I_x(a, b) of whole a and b: the chance of a or more successes in a + b - 1 trials."""
    n = a + b - 1
    return sum((math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1)), Fraction(0))


@given(a=st.integers(1, 20), b=st.integers(1, 20), percent=st.integers(0, 100))
def test_it_agrees_with_the_exact_binomial_sum(a, b, percent):
    found = beta_cdf(np.array([percent / 100]), np.array([float(a)]), np.array([float(b)]))[0]
    assert math.isclose(found, exact_cdf(Fraction(percent, 100), a, b), rel_tol=1e-9, abs_tol=1e-12)


def one_by_one(p: float, a: float, b: float) -> float:
    """The quantile by bisection, the distribution summed up as a hypergeometric series (DLMF 8.17.8)."""
    low, high = 0.0, 1.0
    for _ in range(32):
        middle = (low + high) / 2
        low, high = (middle, high) if series(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def series(x: float, a: float, b: float) -> float:
    if x > 0.5:
        return 1 - series(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    total = term = 1.0
    n = 0
    while abs(term) > 1e-17 * abs(total):  # F(a + b, 1; a + 1; x), all of whose terms are positive
        term *= (a + b + n) / (a + 1 + n) * x
        total += term
        n += 1
    return math.exp(log_front) / a * total


@pytest.mark.parametrize("p", [0.1, 0.9])
def test_quantiles_are_those_found_one_by_one(p):
    """People of up to 60 tasks in teams of some rates: to 1e-6 the same, and the same decimals shown."""
    a, b = [], []
    for rate in (0.0005, 0.4, 0.75, 0.95, 0.9995):
        for assigned in (*range(1, 17), 60):
            for completed in range(assigned + 1):
                tasks = min(assigned, 15)
                done = tasks * completed / assigned
                a.append(10 * rate + done)
                b.append(10 * (1 - rate) + tasks - done)
    found = beta_quantiles(np.full(len(a), p), np.array(a), np.array(b))
    expected = [one_by_one(p, *each) for each in zip(a, b, strict=True)]
    assert np.abs(found - expected).max() < 1e-6
    assert list(map(decimals, found)) == list(map(decimals, expected))


def decimals(rate: float) -> Decimal:
    return Decimal(100 * rate).quantize(Decimal("0.1"), ROUND_HALF_UP)
