"""Experiments with delays: plans, verdicts, and the three ways in which they fool whoever counts otherwise."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.learning import allocation, experiments, sequential
from domain.learning.experiments import Arm, Ended, Plan

DAY = timedelta(days=1)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


# The plan.


@pytest.mark.parametrize(
    ("base", "effect", "per_arm"), [(0.3, 0.10, 392), (0.3, 0.06, 1060), (0.3, 0.03, 4139), (0.1, 0.05, 755)]
)
def test_how_many_contacts_a_difference_takes(base, effect, per_arm):
    assert experiments.plan(arms=2, base=base, effect=effect, weekly=100).per_arm == per_arm


@pytest.mark.parametrize(("weekly", "weeks", "refused"), [(20, 106, True), (100, 21.2, False), (0, math.inf, True)])
def test_an_experiment_that_would_take_more_than_half_a_year_is_refused(weekly, weeks, refused):
    plan = experiments.plan(arms=2, base=0.3, effect=0.06, weekly=weekly)
    assert (plan.weeks, plan.refused) == (pytest.approx(weeks), refused)


@pytest.mark.parametrize("arms", [2, 4])
def test_no_plan_is_smaller_than_what_a_look_needs(arms):
    plan = experiments.plan(arms=arms, base=0.3, effect=0.6, weekly=100)
    assert (plan.per_arm, plan.total) == (50, 50 * arms)
    found = looked(*[Arm(50, 15)] * arms, plan=plan)
    assert (found.verdict, found.fraction) == ("no_difference", 1)


@pytest.mark.parametrize(
    ("total", "lately", "new", "weeks"),
    [
        (100, 40, 40, 10),
        (100, 200, 200, 2),
        (100, 200, 0, 2),
        (400, 200, 40, 24),
        (400, 200, 0, math.inf),
        (1, 0, 0, math.inf),
    ],
)
def test_who_comes_again_each_week_is_one_contact(total, lately, new, weeks):
    assert experiments.weeks_for(total, lately=lately, new=new) == weeks


def test_a_plan_keeps_its_promise():
    """Contacts as planned, looked at daily: the planned difference is found in the planned share of experiments."""
    plan = experiments.plan(arms=2, base=0.3, effect=0.1, weekly=100)
    days = np.linspace(0, plan.per_arm, 41).astype(int)
    chance = np.random.default_rng(1)
    wins = np.stack([chance.binomial(np.diff(days), rate, (4000, 40)).cumsum(axis=1) for rate in (0.3, 0.4)])
    looks = tuple((days[1:] / plan.per_arm).tolist())
    z = sequential.z_score(wins[0], days[1:], wins[1], days[1:])
    assert (z >= np.array(sequential.boundary(looks, 0.05))).any(axis=1).mean() > 0.8


@pytest.mark.parametrize(("arms", "base", "effect"), [(1, 0.3, 0.1), (5, 0.3, 0.1), (2, 0, 0.1), (2, 0.95, 0.06)])
def test_a_plan_that_cannot_be_is_refused(arms, base, effect):
    with pytest.raises(ValueError, match=r"delays|rate"):
        experiments.plan(arms=arms, base=base, effect=effect, weekly=10)


@pytest.mark.parametrize("effect", [1e-160, 0.0009])
def test_a_difference_too_small_to_be_seen_is_refused(effect: float) -> None:
    with pytest.raises(ValueError, match=r"less than 0\.1 points"):
        experiments.plan(arms=2, base=0.3, effect=effect, weekly=10)


def test_more_arms_need_more_contacts_each():
    sizes = [experiments.plan(arms=arms, base=0.3, effect=0.06, weekly=100).per_arm for arms in (2, 3, 4)]
    assert sizes == sorted(sizes)
    assert sizes[2] > 1.3 * sizes[0]


def test_answers_are_waited_for_a_week_longer_than_the_longest_delay():
    assert experiments.least_window([DAY, 5 * DAY]) == 12 * DAY


# Arms and outcomes.


def test_a_contact_stays_in_its_arm_in_every_process_and_release():
    arms = [experiments.arm_of(7, "f3a9", contact, (1, 1)) for contact in range(8, 20)]
    assert arms == [0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0]


def test_experiments_are_drawn_apart():
    one, other = ([experiments.arm_of(number, "s", c, (1, 1)) for c in range(4000)] for number in (1, 2))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05


moments = st.integers(-40, 40).map(lambda days: NOW + days * DAY / 2)


@given(moments, st.none() | moments, st.integers(1, 30))
def test_an_outcome_waits_for_its_window_and_then_never_changes(triggered_at, answered_at, days):
    window = days * DAY
    found = [
        experiments.outcome(
            triggered_at=triggered_at, answered_at=answered_at, window=window, now=triggered_at + at * DAY
        )
        for at in range(60)
    ]
    assert found[:days] == [None] * days
    inside = answered_at is not None and triggered_at < answered_at < triggered_at + window
    assert set(found[days:]) == {inside}


# The three traps.


def false_winners(outcomes):
    """The share of runs in which two arms without a difference differ at 5 %: outcomes [runs, arms] of (n, wins)."""
    n, wins = outcomes[..., 0], outcomes[..., 1]
    return float((np.abs(sequential.z_score(wins[:, 0], n[:, 0], wins[:, 1], n[:, 1])) >= 1.96).mean())


def counted(triggers, answers, *, window, now):
    found = [
        experiments.outcome(triggered_at=at, answered_at=answer, window=window, now=now)
        for at, answer in zip(triggers, answers, strict=True)
    ]
    matured = [one for one in found if one is not None]
    return len(matured), sum(matured)


def test_counted_from_the_trigger_the_delay_alone_makes_no_winner():
    """Contacts answer by themselves, whatever is done. Counted from the task, the later one misses early answers."""
    chance = np.random.default_rng(2)
    delays, contacts, count = (DAY, 5 * DAY), 250, 200
    from_trigger, from_task = np.zeros((2, count, 2, 2))
    for run in range(count):
        for arm, delay in enumerate(delays):
            triggers = [NOW] * contacts
            answers = [NOW + days * DAY for days in chance.exponential(10, contacts).tolist()]
            from_trigger[run, arm] = counted(triggers, answers, window=12 * DAY, now=NOW + 30 * DAY)
            tasks = [at + delay for at in triggers]
            from_task[run, arm] = counted(tasks, answers, window=7 * DAY, now=NOW + 30 * DAY)
    assert false_winners(from_trigger) <= 0.07
    assert false_winners(from_task) > 0.3


def test_drawn_and_counted_by_contact_its_many_tasks_make_no_winner():
    """Five tasks each, answered alike by the same contact: counted by task, the sample looks larger than it is."""
    chance = np.random.default_rng(3)
    contacts, tasks, count, alike = 300, 5, 800, 0.3
    by_contact, by_task = np.zeros((2, count, 2, 2))
    for run in range(count):
        arm = np.array([experiments.arm_of(run, "salt", contact, (1, 1)) for contact in range(contacts)])
        own = chance.beta(0.3 * (1 / alike - 1), 0.7 * (1 / alike - 1), contacts)
        answered = chance.random((contacts, tasks)) < own[:, None]
        for place in (0, 1):
            inside = answered[arm == place]
            by_contact[run, place] = len(inside), inside[:, 0].sum()
            by_task[run, place] = inside.size, inside.sum()
    assert false_winners(by_contact) <= 0.07
    assert false_winners(by_task) > 0.14


def test_counted_when_all_had_the_same_time_the_quicker_arm_is_no_winner():
    """One delay brings the answers sooner, none more of them. Counted too soon, it seems to bring more."""
    chance = np.random.default_rng(4)
    contacts, count, window = 400, 200, 10 * DAY
    matured, too_soon = np.zeros((2, count, 2, 2))
    for run in range(count):
        triggers = [NOW + days * DAY for days in np.linspace(0, 15, contacts).tolist()]
        for arm, slowest in enumerate((4, 10)):
            willing, after = chance.random(contacts) < 0.3, chance.uniform(0, slowest, contacts)
            answers = [
                at + days * DAY if will else None
                for at, days, will in zip(triggers, after.tolist(), willing.tolist(), strict=True)
            ]
            now = NOW + 15 * DAY
            matured[run, arm] = counted(triggers, answers, window=window, now=now + 5 * DAY)
            too_soon[run, arm] = contacts, sum(answer is not None and answer < now for answer in answers)
    assert false_winners(matured) <= 0.07
    assert false_winners(too_soon) > 0.3


# Looks and verdicts.

PLAN = experiments.plan(arms=2, base=0.3, effect=0.06, weekly=100)


def looked(*arms, plan=PLAN, **changed):
    facts = {"assigned": [1000] * len(arms), "earlier": ()}
    return experiments.look(plan, arms, **{**facts, **changed})


def test_a_running_experiment_shows_its_range_and_what_it_would_take():
    found = looked(Arm(540, 161), Arm(540, 195))
    assert (found.verdict, found.counted, found.winner) == ("running", True, None)
    [one] = found.comparisons
    assert one.difference == pytest.approx(0.063, abs=0.001)
    assert (one.low, one.high) == pytest.approx((-0.024, 0.150), abs=0.002)
    assert abs(one.z) < one.bound
    assert found.fraction == pytest.approx(1080 / 2120)


def test_a_clear_difference_ends_it_early_either_way():
    assert (looked(Arm(540, 100), Arm(540, 195)).verdict, looked(Arm(540, 100), Arm(540, 195)).winner) == ("better", 1)
    assert (looked(Arm(540, 195), Arm(540, 100)).verdict, looked(Arm(540, 195), Arm(540, 100)).winner) == ("better", 0)


def test_at_its_end_it_ends():
    found = looked(Arm(1060, 318), Arm(1060, 330))
    assert (found.verdict, found.fraction) == ("no_difference", 1)
    with pytest.raises(Ended, match="start a new experiment"):
        looked(Arm(1200, 360), Arm(1200, 480), earlier=(0.5, 1.0))


def test_fewer_than_fifty_each_is_too_early():
    found = looked(Arm(49, 0), Arm(49, 49))
    assert (found.verdict, found.counted, found.comparisons) == ("too_early", False, ())


@pytest.mark.parametrize(
    ("n", "earlier", "counted"),
    [(540, (), True), (540, (0.505,), False), (540, (0.49,), True), (1055, (), False), (1060, (0.985,), True)],
)
def test_looks_are_a_hundredth_of_the_plan_apart(n, earlier, counted):
    """Those in between cost nothing and decide nothing: also a huge difference waits for the next that counts."""
    found = looked(Arm(n, 0), Arm(n, n), earlier=earlier)
    assert found.counted is counted
    assert (found.verdict == "better") is counted
    assert (found.comparisons[0].bound is not None) is counted


def test_an_uneven_split_hides_the_result():
    found = looked(Arm(540, 100), Arm(360, 195), assigned=[600, 400])
    assert (found.verdict, found.comparisons, found.counted) == ("invalid", (), False)
    assert found.split_chance < 0.001


def test_more_unsubscribers_stop_it_whoever_wins():
    harms = {"overdue": (Arm(540, 40), Arm(540, 44)), "unsubscribed": (Arm(540, 2), Arm(540, 40))}
    found = looked(Arm(540, 100), Arm(540, 195), guardrails=harms)
    assert (found.verdict, found.harmed_by, found.winner) == ("harmful", "unsubscribed", None)
    fewer = {"unsubscribed": (Arm(540, 40), Arm(540, 2))}
    assert looked(Arm(540, 160), Arm(540, 195), guardrails=fewer).verdict == "running"


@pytest.mark.parametrize(
    ("wins", "verdict", "winner"),
    [
        ((150, 160, 250, 290), "better", 3),
        ((150, 160, 150, 250), "better", 3),
        ((290, 150, 150, 150), "better", 0),
        ((290, 290, 150, 150), "running", None),
        ((150, 155, 160, 165), "running", None),
    ],
)
def test_of_several_arms_the_best_that_beats_the_control_wins(wins, verdict, winner):
    plan = experiments.plan(arms=4, base=0.3, effect=0.06, weekly=300)
    found = looked(*(Arm(500, one) for one in wins), plan=plan)
    assert (found.verdict, found.winner) == (verdict, winner)


def test_each_of_several_arms_must_be_clearer_than_one_alone():
    plan = experiments.plan(arms=4, base=0.3, effect=0.06, weekly=300)
    found = looked(*(Arm(500, 150) for _ in range(4)), plan=plan)
    looks = (2000 / plan.total,)
    assert {one.bound for one in found.comparisons} == set(sequential.boundary(looks, 0.05 / 3))


def test_looks_day_by_day_decide_as_the_boundary_says():
    """Whole experiments through `look`, beside the same counts compared at once."""
    plan = Plan(arms=2, base=0.3, effect=0.1, per_arm=400, weeks=10)
    chance = np.random.default_rng(5)
    daily = chance.binomial(10, [[0.3], [0.38]], (60, 40, 2, 1))[..., 0].cumsum(axis=1)
    looks = (*(day / 40 for day in range(5, 40)), 1.0)
    bounds = sequential.boundary(looks, 0.05)
    ends = {"better": 0, "no_difference": 0}
    for run in daily:
        earlier, found = [], None
        for day, wins in enumerate(run.tolist(), start=1):
            arms = [Arm(10 * day, one) for one in wins]
            found = experiments.look(plan, arms, assigned=[10 * day] * 2, earlier=earlier)
            if found.counted:
                earlier.append(found.fraction)
            if found.verdict in ends:
                break
        z = [float(sequential.z_score(one, 10 * day, two, 10 * day)) for day, (one, two) in enumerate(run, start=1)]
        crossed = [day for day, bound in zip(range(5, 41), bounds, strict=True) if abs(z[day - 1]) >= bound]
        assert found.verdict == ("better" if crossed else "no_difference")
        assert day == (crossed[0] if crossed else 40)
        ends[found.verdict] += 1
    assert min(ends.values()) > 5


def test_nothing_is_found_in_experiments_on_nothing():
    """400 experiments of identical arms through `look`: about one in twenty names a winner."""
    plan = Plan(arms=2, base=0.3, effect=0.1, per_arm=400, weeks=10)
    daily = np.random.default_rng(6).binomial(20, 0.3, (400, 20, 2)).cumsum(axis=1)
    won = 0
    for run in daily:
        earlier = []
        for day, wins in enumerate(run.tolist(), start=1):
            arms = [Arm(20 * day, one) for one in wins]
            found = experiments.look(plan, arms, assigned=[20 * day] * 2, earlier=earlier)
            earlier += [found.fraction] * found.counted
            if found.verdict == "better":
                won += 1
                break
    assert won / 400 <= 0.08


# Sharing out instead of proving.


def better_chance(one, other):
    """That a rate from Beta(1 + wins, 1 + losses) is above another, summed exactly over whole numbers."""
    a, b = 1 + one.wins, 1 + one.n - one.wins
    c, d = 1 + other.wins, 1 + other.n - other.wins
    log = math.lgamma
    beta = lambda x, y: log(x) + log(y) - log(x + y)  # noqa: E731
    return math.fsum(math.exp(beta(c + i, b + d) - math.log(b + i) - beta(1 + i, b) - beta(c, d)) for i in range(a))


arms_of_any_size = st.integers(0, 300).flatmap(lambda n: st.builds(Arm, st.just(n), st.integers(0, n)))


@settings(max_examples=60, deadline=None)
@given(arms_of_any_size, arms_of_any_size)
def test_two_arms_share_by_their_chance_to_be_the_better_one(one, other):
    found = allocation.shares([one, other])
    assert found[0] == pytest.approx(0.05 + 0.9 * better_chance(one, other), abs=2e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(arms_of_any_size, min_size=2, max_size=4))
def test_everybody_keeps_a_part_of_the_floor(arms):
    found = allocation.shares(arms)
    assert sum(found) == pytest.approx(1)
    assert min(found) >= 0.1 / len(arms) - 1e-12


def test_arms_that_know_nothing_share_evenly_and_a_large_lead_takes_nearly_all():
    assert allocation.shares([Arm(0, 0)] * 4) == pytest.approx((0.25,) * 4)
    assert allocation.shares([Arm(100_000, 30_000), Arm(100_000, 36_000)]) == pytest.approx((0.05, 0.95))


@pytest.mark.parametrize(("contacts", "a_day", "most"), [(1000, 10, 24), (3000, 20, 60)])
def test_it_loses_fewer_answers_than_an_even_split(contacts, a_day, most):
    """Three delays of 30, 36 and 33 %, a day's batch at a time, answers known fifteen days later; an even split loses
    30 answers of the best delay in 1,000 contacts, 90 in 3,000.
    """
    chance = np.random.default_rng(8)
    rates, lost = np.array([0.30, 0.36, 0.33]), []
    for _ in range(40):
        n, wins, waiting, missed = np.zeros(3, int), np.zeros(3, int), [], 0.0
        for _day in range(contacts // a_day):
            share = allocation.shares([Arm(*pair) for pair in zip(n.tolist(), wins.tolist(), strict=True)])
            drawn = chance.multinomial(a_day, share)
            waiting.append((drawn, chance.binomial(drawn, rates)))
            missed += float(drawn @ (0.36 - rates))
            if len(waiting) > 15:
                known, answered = waiting.pop(0)
                n, wins = n + known, wins + answered
        lost.append(missed)
    assert np.mean(lost) < most < contacts * (0.36 - rates.mean())
