"""What chosen hours bring, told from two groups of unequal size without claiming too much."""

import numpy as np
import pytest

from domain.learning import experiments, holdout
from domain.learning.experiments import Arm


def test_few_contacts_tell_nothing():
    found = holdout.compare(Arm(49, 0), Arm(5000, 5000))
    assert (found.verdict, found.difference, found.low) == ("too_early", None, None)
    assert holdout.compare(Arm(0, 0), Arm(0, 0)).needed is None


@pytest.mark.parametrize(
    ("kept", "chosen", "verdict"),
    [
        (Arm(100, 30), Arm(900, 290), "unclear"),
        (Arm(1000, 250), Arm(9000, 3600), "more"),
        (Arm(1000, 400), Arm(9000, 2250), "fewer"),
        (Arm(60, 60), Arm(540, 540), "unclear"),
        (Arm(60, 0), Arm(540, 0), "unclear"),
    ],
)
def test_a_difference_is_claimed_only_when_its_whole_range_is_on_one_side(kept, chosen, verdict):
    found = holdout.compare(kept, chosen)
    assert found.verdict == verdict
    assert found.low < found.difference < found.high
    assert (found.low > 0, found.high < 0) == (verdict == "more", verdict == "fewer")


def test_three_points_take_thousands_of_contacts_most_of_them_for_the_small_group():
    """4,139 of each group when they are of equal size; one kept out of ten takes nearly three times as many in all."""
    assert experiments.contacts_to_see(base=0.3, effect=0.03, control=0.5) == pytest.approx(2 * 4139, abs=2)
    assert holdout.compare(Arm(100, 30), Arm(900, 270)).needed == pytest.approx(23_000, rel=0.02)


def test_so_many_contacts_do_show_it_in_four_of_five_cases():
    total = experiments.contacts_to_see(base=0.3, effect=0.03, control=0.1)
    kept = round(total / 10)
    chance = np.random.default_rng(3)
    one, other = chance.binomial(kept, 0.3, 4000), chance.binomial(total - kept, 0.33, 4000)
    rate = (one + other) / total
    z = (other / (total - kept) - one / kept) / np.sqrt(rate * (1 - rate) * (1 / kept + 1 / (total - kept)))
    assert 0.8 < (z > 1.96).mean() < 0.87


def test_looked_at_every_night_no_difference_is_nearly_never_claimed():
    chance, claimed = np.random.default_rng(4), 0
    for _ in range(300):
        kept, chosen = chance.binomial(4, 0.3, 120).cumsum(), chance.binomial(36, 0.3, 120).cumsum()
        told = {
            holdout.compare(Arm(4 * night, one), Arm(36 * night, other)).verdict
            for night, (one, other) in enumerate(zip(kept.tolist(), chosen.tolist(), strict=True), start=1)
        }
        claimed += bool(told & {"more", "fewer"})
    assert claimed / 300 < 0.05
