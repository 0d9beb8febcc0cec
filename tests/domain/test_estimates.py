"""Forecasts of hours: the formula against a slow reading of it, and worlds in which people err in known ways."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.learning import estimates
from domain.learning.estimates import Done, History, Level, Work

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def done(actual, *, estimate=4.0, kind="offer", person=1, at=0, lasting=1):
    begun = START + at * HOUR
    return Done(Work(kind, person, estimate), actual, begun, begun + lasting * HOUR)


# The formula.


def plainly(chain, prior):
    quantiles = np.array(prior)
    for place, logs in enumerate(chain):
        if logs:
            weight = len(logs) / (len(logs) + (10 if place else 5))
            quantiles = weight * np.quantile(logs, (0.1, 0.5, 0.9)) + (1 - weight) * quantiles
    return quantiles


logs = st.lists(st.floats(-3, 3), max_size=80)


@given(st.lists(logs, min_size=1, max_size=4), st.none() | st.floats(0.1, 100), st.floats(0.5, 3))
def test_a_forecast_is_what_the_formula_says(chain, estimate, width):
    found = estimates.forecast(
        [Level(str(n), sorted(values)) for n, values in enumerate(chain)], estimate=estimate, width=width, scale=1.2
    )
    low, middle, high = plainly(chain, (-1.5, 0.7, 2.5) if estimate is None else (-0.7, 0.0, 0.7))
    unit = estimate or 1
    assert found.middle == pytest.approx(unit * math.exp(middle))
    assert found.low == pytest.approx(unit * math.exp(middle + width * (low - middle)))
    assert found.high == pytest.approx(unit * math.exp(middle + width * (high - middle)))
    assert found.mean == pytest.approx(1.2 * found.middle)
    assert found.low <= found.middle <= found.high
    assert [basis.n for basis in found.basis] == list(map(len, chain))
    beforehand = math.prod(1 - len(v) / (len(v) + (10 if place else 5)) for place, v in enumerate(chain))
    assert sum(basis.weight for basis in found.basis) == pytest.approx(1 - beforehand)


def test_without_history_the_estimate_stands():
    found = History().forecast(Work("offer", 1, estimate=4.0))
    assert (found.middle, found.mean, found.corrects) == (4.0, 4.0, False)
    assert (found.low, found.high) == pytest.approx((2.0, 8.0), rel=0.01)
    assert [basis.weight for basis in found.basis] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("tasks", "actual", "shown"), [(9, 8.0, False), (10, 8.0, True), (30, 4.0, False), (30, 4.5, True)]
)
def test_a_correction_is_shown_from_ten_tasks_on_and_above_a_twentieth(tasks, actual, shown):
    history = estimates.replay(done(actual, at=n) for n in range(tasks))
    assert history.forecast(Work("offer", 1, estimate=6.0)).corrects is shown


def test_an_estimate_that_says_nothing_is_refused():
    with pytest.raises(ValueError, match="leave it out"):
        History().forecast(Work("offer", estimate=0))


def test_a_forecast_can_be_stored_as_json():
    stored = History().forecast(Work("offer", 1, estimate=4.0)).as_dict()
    assert stored["basis"][0] == {"level": "workspace", "n": 0, "weight": 0.0}
    assert stored["estimate"] == 4.0


# Only what had been completed before.


class Slowly:
    """The replay, looking through all tasks anew for each one."""

    def __init__(self, tasks):
        self.tasks = sorted(tasks, key=lambda one: one.completed_at)
        self.width = {True: 1.0, False: 1.0}
        for one in self.tasks:
            for estimated in (True, False):
                if estimated and one.work.estimate is None:
                    continue
                low, high = self.band(one.work, one.begun_at, estimated=estimated)
                miss = not low <= one.actual <= high
                self.width[estimated] *= math.exp(0.03 * (miss - 0.2))

    def band(self, work, until, *, estimated):
        """The width is that of the moment when the task was begun: it is found by counting again until then."""
        chain = self.chain(work, until, estimated=estimated)
        quantiles = plainly(chain, (-0.7, 0.0, 0.7) if estimated else (-1.5, 0.7, 2.5))
        width = Slowly([one for one in self.tasks if one.completed_at < until]).width[estimated]
        unit = work.estimate if estimated else 1
        middle = quantiles[1]
        low, high = (unit * math.exp(middle + width * (end - middle)) for end in quantiles[[0, 2]])
        return low, high

    def chain(self, work, until, *, estimated):
        levels = [lambda w: True, lambda w: w.kind == work.kind]
        if estimated:
            levels.append(lambda w: w.person == work.person)
        levels.append(lambda w: (w.person, w.kind) == (work.person, work.kind))
        known = [one for one in self.tasks if one.completed_at < until]
        if estimated:
            known = [one for one in known if one.work.estimate is not None]
        return [
            [
                math.log(one.actual / one.work.estimate) if estimated else math.log(one.actual)
                for one in known
                if level(one.work)
            ][-80:]
            for level in levels
        ]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_each_task_is_foreseen_from_what_was_completed_before_it_was_begun(data):
    count = data.draw(st.integers(1, 8))
    moments = data.draw(st.permutations(range(2 * count)))
    tasks = []
    for one in range(count):
        begun, completed = sorted(moments[2 * one : 2 * one + 2])
        work = Work(
            data.draw(st.sampled_from("ab")),
            data.draw(st.integers(1, 2)),
            data.draw(st.sampled_from([None, 2.0, 8.0])),
        )
        tasks.append(Done(work, data.draw(st.floats(0.25, 40)), START + begun * HOUR, START + completed * HOUR))
    history, slow = estimates.replay(tasks), Slowly(tasks)
    asked = Work("a", 1, 3.0)
    for work in (asked, replace(asked, estimate=None)):
        found = history.forecast(work)
        low, high = slow.band(work, START + 99 * HOUR, estimated=work.estimate is not None)
        assert (found.low, found.high) == pytest.approx((low, high))


def test_a_level_remembers_its_last_80_tasks():
    early = [done(40.0, at=n) for n in range(200)]
    late = [done(2.0, at=300 + n) for n in range(80)]
    found = estimates.replay(early + late).forecast(Work("offer", 1, estimate=4.0))
    assert [basis.n for basis in found.basis] == [80] * 4
    assert found.middle == pytest.approx(2.0, rel=0.01)


def test_an_estimate_written_when_the_work_was_done_is_none():
    """It would always be right, and make the honest ones look better than they are."""
    honest = [done(8.0, at=n) for n in range(40)]
    afterwards = [done(4.0, at=50 + n, lasting=-1) for n in range(400)]
    found = estimates.replay(honest + afterwards).forecast(Work("offer", 1, estimate=4.0))
    assert found.basis[0].n == 40
    assert found.middle == pytest.approx(8.0, rel=0.01)


def test_broken_rows_are_left_out():
    broken = [done(0.0), done(-3.0, at=5), done(2.0, estimate=0.0, at=9), done(2.0, estimate=-1.0, at=12)]
    good = [done(3.0, at=20 + n) for n in range(12)]
    history = estimates.replay(broken + good)
    assert history.forecast(Work("offer", 1, estimate=4.0)).basis[0].n == 12
    assert history.forecast(Work("offer", 1)).basis[0].n == 14


def test_a_task_of_nobody_has_fewer_levels_and_so_has_one_without_an_estimate():
    history = estimates.replay(done(8.0, person=None, at=n) for n in range(20))
    assert [b.level for b in history.forecast(Work("offer", estimate=4.0)).basis] == ["workspace", "kind"]
    assert [b.level for b in history.forecast(Work("offer", 1)).basis] == ["workspace", "kind", "person_kind"]


# Worlds in which people err in known ways.


def world(seed, count=3000, *, spread=0.6):
    """Twelve people, each with an error of their own, on five kinds of work; a task is begun as the last one ends."""
    chance = np.random.default_rng(seed)
    person, kind = chance.integers(0, 12, count), chance.integers(0, 5, count)
    error = chance.normal(0.1, 0.4, 12)[person] + chance.normal(0, 0.3, 5)[kind]
    estimate = np.round(np.exp(chance.normal(1.2, 0.8, count)), 2) + 0.1
    actual = estimate * np.exp(error + spread * chance.standard_t(4, count))
    return [
        Done(Work(f"k{k}", int(p), float(e)), float(a), START + n * HOUR, START + (n + 0.5) * HOUR)
        for n, (p, k, e, a) in enumerate(zip(person, kind, estimate, actual, strict=True))
    ]


def foreseen(tasks, *, estimated=True):
    """Each task with its forecast; the last two thirds of them."""
    history, found = History(), []
    for one in tasks:
        both = history.foresee(one.work)
        found.append((one, both[0] if estimated else both[-1]))
        history.learn(one.work, one.actual, both)
    return found[len(found) // 3 :]


def off(pairs, of):
    return float(np.mean([abs(math.log(one.actual / of(one, found))) for one, found in pairs]))


def test_known_errors_are_taken_out_of_estimates():
    pairs = foreseen(world(1))
    ours, human = off(pairs, lambda _, found: found.middle), off(pairs, lambda one, _: one.work.estimate)
    assert ours < human - 0.05


def test_where_nobody_errs_one_way_an_estimate_is_hardly_touched():
    chance = np.random.default_rng(2)
    tasks = [replace(one, actual=one.work.estimate * math.exp(0.6 * chance.normal())) for one in world(2)]
    pairs = foreseen(tasks)
    assert off(pairs, lambda _, found: found.middle) < 1.04 * off(pairs, lambda one, _: one.work.estimate)


def test_an_estimate_is_worth_more_than_any_guess_from_the_kind():
    tasks = world(3)
    with_estimate, without = foreseen(tasks), foreseen(tasks, estimated=False)
    assert off(with_estimate, lambda _, found: found.middle) < off(without, lambda _, found: found.middle) - 0.1


@pytest.mark.parametrize("estimated", [True, False])
@pytest.mark.parametrize("spread", [0.2, 0.6, 1.5])
def test_the_band_holds_eight_in_ten_however_people_err(estimated, spread):
    pairs = foreseen(world(4, spread=spread), estimated=estimated)
    assert 0.77 < np.mean([found.holds(one.actual) for one, found in pairs]) < 0.83


def test_sums_need_the_mean():
    """Work that runs over runs over far: the middle of each adds up to too little, the mean does not."""
    pairs = foreseen(world(5))
    needed = sum(one.actual for one, _ in pairs)
    assert sum(found.middle for _, found in pairs) < 0.85 * needed
    assert 0.9 < sum(found.mean for _, found in pairs) / needed < 1.1


def test_one_slip_of_the_pen_does_not_move_every_sum():
    tasks = world(6, 500)
    slip = replace(tasks[250], actual=1e6)
    usual, slipped = (
        estimates.replay(some).forecast(Work("k1", 1, estimate=4.0)).mean
        for some in (tasks, [*tasks[:250], slip, *tasks[251:]])
    )
    assert slipped == pytest.approx(usual, rel=0.1)


def test_the_fewer_tasks_somebody_has_the_more_the_others_count():
    others = [done(4.0, person=9, at=n) for n in range(60)]
    middles = []
    for own in (0, 3, 10, 40):
        history = estimates.replay(others + [done(12.0, person=1, at=100 + n) for n in range(own)])
        middles.append(history.forecast(Work("offer", 1, estimate=4.0)).middle)
    assert all(fewer < more for fewer, more in pairwise(middles))
    assert middles[0] == pytest.approx(4.0)
    assert middles[1] < 7 < 10 < middles[3] < 12


@given(st.lists(st.booleans(), max_size=400))
def test_the_width_stays_within_its_limits(misses):
    width = 1.0
    for missed in misses:
        before, width = width, estimates.wider(width, missed=missed)
        assert 0.5 <= width <= 3
        assert width >= before if missed else width <= before


def test_a_report_counts_each_task_once_for_the_whole_its_kind_and_its_person():
    history = estimates.replay(
        [done(6.0, kind="offer", person=1, at=n) for n in range(30)]
        + [done(2.0, kind="call", person=2, at=n) for n in range(30)]
        + [done(3.0, estimate=None, kind="call", person=3, at=n) for n in range(5)]
    )
    report = history.report()
    assert report.workspace is not None
    assert (report.workspace.n, {kind: one.n for kind, one in report.kinds.items()}) == (60, {"offer": 30, "call": 30})
    assert {person: one.n for person, one in report.people.items()} == {1: 30, 2: 30}
    assert sum(one.held for one in report.kinds.values()) == report.workspace.held
    assert report.kinds["call"].middle < 1 < report.kinds["offer"].middle
    assert estimates.Report.from_dict(json.loads(json.dumps(report.as_dict()))) == report
    assert estimates.Report.from_dict({}) == History().report()
