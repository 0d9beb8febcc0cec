"""Looks at a running experiment: boundaries against published ones, and worlds without any difference."""

import math
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.learning import sequential

DAILY = tuple(day / 60 for day in range(1, 61))


@pytest.mark.parametrize(
    ("looks", "published"),
    [
        ((1.0,), [1.960]),
        ((0.5, 1.0), [2.963, 1.969]),
        ((0.25, 0.5, 0.75, 1.0), [4.333, 2.963, 2.359, 2.014]),
        ((0.2, 0.4, 0.6, 0.8, 1.0), [4.877, 3.357, 2.680, 2.290, 2.031]),
    ],
)
def test_boundaries_are_the_published_ones(looks, published):
    """Of Lan and DeMets with the spending that resembles O'Brien and Fleming's, at 5 % on both sides."""
    assert sequential.boundary(looks, 0.05) == pytest.approx(published, abs=0.0006)


schedules = st.lists(st.integers(1, 20), min_size=1, max_size=12).map(
    lambda steps: tuple(until / sum(steps) for until in accumulate(steps))
)


@settings(max_examples=40, deadline=None)
@given(schedules, st.sampled_from([0.01, 0.05 / 3, 0.05]))
def test_a_later_look_changes_no_earlier_boundary_and_each_is_at_least_that_of_one_look(looks, alpha):
    bounds = sequential.boundary(looks, alpha)
    for until in range(1, len(looks)):
        assert sequential.boundary(looks[:until], alpha) == bounds[:until]
    single = sequential.boundary((1.0,), alpha)[0]
    assert min(bounds) >= single - 1e-9


@pytest.mark.parametrize("looks", [DAILY, (0.1, 0.11, 0.5, 0.51, 0.99, 1.0), tuple(n / 100 for n in range(1, 101))])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_all_looks_together_cross_as_often_as_alpha(looks, alpha):
    """Brownian motion walked step by step."""
    chance = np.random.default_rng(1)
    steps = np.sqrt(np.diff((0.0, *looks)))
    walks = (chance.normal(size=(40_000, len(looks))) * steps).cumsum(axis=1)
    crossed = (np.abs(walks) >= np.array(sequential.boundary(looks, alpha)) * np.sqrt(looks)).any(axis=1).mean()
    assert crossed == pytest.approx(alpha, abs=4 * math.sqrt(alpha / 40_000))


def runs(rates, *, a_day, days=60, count=4000, seed=2):
    """Wins of each run, arm and day, added up: [count, arms, days], and how many contacts each arm then has."""
    chance = np.random.default_rng(seed)
    daily = np.stack([chance.binomial(a_day, rate, (count, days)) for rate in rates], axis=1)
    return daily.cumsum(axis=2), a_day * np.arange(1, days + 1)


def test_daily_looks_find_a_winner_where_there_is_none_in_one_of_twenty_experiments():
    """4,000 experiments on nothing. Stopping at the first |z| of 1.96 instead finds one in every third."""
    bounds = np.array(sequential.boundary(DAILY, 0.05))
    for rate, seed in ((0.30, 2), (0.05, 3)):
        wins, n = runs((rate, rate), a_day=20, seed=seed)
        z = np.abs(sequential.z_score(wins[:, 0], n, wins[:, 1], n))
        assert (z >= bounds).any(axis=1).mean() <= 0.058
        assert (z >= 1.96).any(axis=1).mean() > 0.25


def test_four_arms_share_the_chance_of_an_error():
    bounds = np.array(sequential.boundary(DAILY, 0.05 / 3))
    wins, n = runs((0.3,) * 4, a_day=20, seed=4)
    z = np.abs(sequential.z_score(wins[:, :1], n, wins[:, 1:], n))
    assert (z >= bounds).any(axis=(1, 2)).mean() <= 0.058


@pytest.mark.parametrize(("base", "other", "a_day"), [(0.30, 0.40, 20), (0.30, 0.36, 30), (0.10, 0.15, 30)])
def test_looking_daily_costs_little_of_the_power(base, other, a_day):
    bounds = np.array(sequential.boundary(DAILY, 0.05))
    wins, n = runs((base, other), a_day=a_day, seed=5)
    z = sequential.z_score(wins[:, 0], n, wins[:, 1], n)
    assert (z >= bounds).any(axis=1).mean() >= (z[:, -1] >= 1.96).mean() - 0.06


@pytest.mark.parametrize(("one", "other"), [(0.30, 0.30), (0.30, 0.36), (0.10, 0.15)])
def test_the_range_holds_the_truth_at_all_looks_together(one, other):
    """An ordinary 95 % interval, looked at daily, loses it in more than a fifth of the experiments."""
    wins, n = runs((one, other), a_day=20, count=500, seed=6)
    off = np.abs(wins[:, 1] / n - wins[:, 0] / n - (other - one))[:, 2:]
    half = np.array(
        [
            [
                sequential.half_width(a, m, b, m, planned=2 * 1200, alpha=0.05)
                for a, b, m in zip(run[0].tolist()[2:], run[1].tolist()[2:], n.tolist()[2:], strict=True)
            ]
            for run in wins
        ]
    )
    rates = wins / n
    usual = 1.96 * np.sqrt((rates * (1 - rates)).sum(axis=1) / n)[:, 2:]
    assert (off <= half).all(axis=1).mean() >= 0.95
    assert (off <= usual).all(axis=1).mean() < 0.8


def test_an_uneven_split_is_noticed():
    assert sequential.sample_ratio((600, 400), (1, 1)) < 1e-6
    assert sequential.sample_ratio((200, 100), (1, 1)) < 1e-4
    assert sequential.sample_ratio((667, 333), (2, 1)) == 1
    assert sequential.sample_ratio((667, 333), (1, 1)) < 1e-9
    assert sequential.sample_ratio((0, 0), (1, 1)) == 1


@pytest.mark.parametrize("arms", [2, 3, 4])
def test_a_fair_split_that_is_looked_at_daily_for_half_a_year_hardly_ever_looks_uneven(arms):
    """By Pearson's test at .001, made for one look, more than one in a hundred would."""
    fair = np.random.default_rng(7).multinomial(10, [1 / arms] * arms, (1500, 180)).cumsum(axis=1)
    lowest = [min(sequential.sample_ratio(tuple(day), (1,) * arms) for day in run) for run in fair.tolist()]
    assert (np.array(lowest) < 0.001).mean() <= 0.002
    assert (np.array(lowest) < 0.05).mean() <= 0.05


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 500), st.integers(1, 500))
def test_z_turns_its_sign_with_the_arms(wins, losses, other_wins, other_losses):
    n, other_n = wins + losses, other_wins + other_losses
    assume(wins * other_n != other_wins * n)
    z = sequential.z_score(wins, n, other_wins, other_n)
    assert z == pytest.approx(-sequential.z_score(other_wins, other_n, wins, n))
    assert (z > 0) == (other_wins / other_n > wins / n)
