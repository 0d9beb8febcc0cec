"""The score: the worked figures, strict classes, missing data, ranges, and how one compares with the team."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.scoring import POLICIES, Inputs, band, classic, combine, fair, label, score_all, shown

D = Decimal


def make_inputs(**changes) -> Inputs:
    plain = {
        "assigned": 10,
        "completed": 9,
        "on_time": 8,
        "with_due": 9,
        "accuracy_sum": D(680),
        "accuracy_n": 8,
        "booked_hours": D(12),
        "capacity_hours": D(40),
        "skill_sum": D(900),
        "skill_n": 10,
    }
    return Inputs(**{**plain, **changes})


@pytest.mark.parametrize(
    ("parts", "total", "on_screen"),
    [(("90.5", 85, 70, 90), D("84.925"), "84.9"), (("92.3", 85, "78.5", 90), D("87.255"), "87.3")],
)
def test_the_worked_figures(parts, total, on_screen):
    found = combine(dict(zip(("completion", "estimation", "balance", "skill"), map(D, parts), strict=True)))
    assert found == total
    assert str(shown(found)) == on_screen


def test_parts_of_the_classic_policy():
    score = classic(make_inputs())
    assert score.parts == {"completion": 90, "estimation": 85, "balance": 70, "skill": 90}
    assert score.total == D("84.75")
    assert (score.label, score.provisional, score.reason) == ("high", False, None)


def test_parts_of_the_fair_policy():
    """Ten hours were due: six on time, two late, two not done."""
    score = fair(
        make_inputs(
            due_hours=D(10),
            on_time_hours=D(6),
            late_hours=D(2),
            accuracy_hours=D(8),
            accuracy_by_hours=D(680),
            skill_hours=D(5),
            skill_by_hours=D(450),
            booked_hours=D(30),
        )
    )
    assert score.parts == {"completion": 70, "estimation": 85, "balance": 100, "skill": 90}
    assert score.total == D("0.35") * 70 + D("0.25") * 85 + D("0.20") * 100 + D("0.20") * 90


def test_with_nothing_due_yet_there_is_no_fair_score():
    score = fair(make_inputs(accuracy_hours=D(8), accuracy_by_hours=D(680)))
    assert (score.total, score.reason) == (None, "not enough data")


@pytest.mark.parametrize(
    ("booked", "balance"), [(0, 0), (14, 50), (28, 100), (36, 100), (38, "87.5"), (44, 50), (52, 0), (80, 0)]
)
def test_a_week_booked_to_between_70_and_90_percent_is_balanced(booked, balance):
    assert band(D(booked), D(40)) == D(balance)
    assert band(D(booked), D(0)) is None


def test_the_idle_are_not_above_the_busy_as_they_are_by_the_classic_policy():
    """10 of 10 with a week at 95 % beside 2 of 2 at 20 %, both with accuracy and skill match 90."""

    def both(count: int, booked: str) -> tuple[D, D]:
        hours = {"due_hours": D(count), "on_time_hours": D(count), "accuracy_hours": D(count), "skill_hours": D(count)}
        sums = {"accuracy_by_hours": D(90 * count), "skill_by_hours": D(90 * count)}
        plain = {"assigned": count, "completed": count, "accuracy_n": count, "skill_n": count}
        inputs = make_inputs(
            accuracy_sum=D(90 * count), skill_sum=D(90 * count), booked_hours=D(booked), **plain, **hours, **sums
        )
        return classic(inputs).total, fair(inputs).total

    assert both(10, "38") == (D("76.5"), D("93"))
    assert [shown(total) for total in both(2, "8")] == [D("91.5"), D("81.2")]


def test_classes_are_strict_and_unrounded():
    assert [label(D(x)) for x in ("80", "80.001", "50", "49.999")] == [None, "high", None, "at_risk"]


def test_exactly_eighty_is_not_high_though_no_part_is_a_finite_decimal():
    """5 of 6 tasks, 20 of 60 hours free and a match of 95 5/6 make 80, and not a hair more."""
    score = classic(
        make_inputs(
            assigned=6,
            completed=5,
            accuracy_sum=D(300),
            accuracy_n=3,
            booked_hours=D(40),
            capacity_hours=D(60),
            skill_sum=D("287.5"),
            skill_n=3,
        )
    )
    assert (score.total, score.label) == (80, None)


@given(st.tuples(*[st.tuples(st.integers(0, 100), st.integers(1, 60))] * 3), st.sampled_from([50, 80]))
def test_a_total_of_exactly_a_threshold_is_neither_high_nor_at_risk(shares, threshold):
    """Three parts of any fractions, and a fourth that fills up to the threshold."""
    free = [Fraction(min(100 * part, 100 * whole), whole) for part, whole in shares]
    known = Fraction(35, 100) * free[0] + Fraction(25, 100) * free[1] + Fraction(20, 100) * free[2]
    fourth = (threshold - known) * 5
    assume(0 <= fourth <= 100)
    parts = [D(part.numerator) / part.denominator for part in (*free, fourth)]
    total = combine(dict(zip(("completion", "estimation", "balance", "skill"), parts, strict=True)))
    assert (total, label(total)) == (threshold, None)


def test_missing_parts_are_left_out_and_weights_renormalised():
    score = classic(make_inputs(accuracy_sum=D(0), accuracy_n=0, skill_sum=D(0), skill_n=0))
    assert score.parts["estimation"] is None
    assert score.total == round((D("0.35") * 90 + D("0.20") * 70) / D("0.55"), 20)


@pytest.mark.parametrize(
    "changes",
    [
        {"assigned": 0, "completed": 0},
        {"accuracy_n": 0, "skill_n": 0, "capacity_hours": D(0)},
    ],
)
def test_too_little_data_is_no_score(changes):
    score = classic(make_inputs(**changes))
    assert (score.total, score.label, score.reason) == (None, None, "not enough data")


def test_under_five_finished_tasks_has_no_label():
    score = classic(make_inputs(assigned=4, completed=4))
    assert score.total is not None
    assert score.total > 80
    assert (score.provisional, score.label, score.reason) == (True, None, "provisional: 4 of 5 finished tasks")


def test_balance_stays_within_its_scale():
    assert classic(make_inputs(booked_hours=D(60))).parts["balance"] == 0
    assert classic(make_inputs(booked_hours=D(-5))).parts["balance"] == 100


def test_the_range_narrows_with_tasks_up_to_fifteen_and_leans_to_the_team():
    def width(assigned: int) -> Decimal:
        low, high = classic(make_inputs(assigned=assigned, completed=assigned * 4 // 5)).ranges["completion"]
        return high - low

    assert width(5) > width(10) > width(15) == width(150)
    strong, weak = (
        classic(make_inputs(team_assigned=100, team_completed=done)).ranges["completion"] for done in (95, 40)
    )
    assert strong[0] > weak[0]
    assert strong[1] > weak[1]


def test_the_range_of_a_perfect_team_is_still_a_range():
    perfect = make_inputs(assigned=3, completed=3, team_assigned=50, team_completed=50)
    low, high = classic(perfect).ranges["completion"]
    assert 90 < low < high <= 100
    assert classic(make_inputs()).ranges["skill"] is None


@pytest.mark.parametrize(
    ("done", "team_done", "answer"),
    [(12, 160, "lower"), (38, 100, "higher"), (34, 160, "not clearly different"), (38, 190, "not clearly different")],
)
def test_one_is_compared_with_the_team(done, team_done, answer):
    """40 tasks; the team finished so many of 200."""
    own = make_inputs(assigned=40, completed=done, team_assigned=200, team_completed=team_done)
    assert classic(own).comparison == fair(own).comparison == answer


@pytest.mark.parametrize(("assigned", "answer"), [(29, "not clearly different"), (30, "lower")])
def test_nobody_stands_out_by_few_tasks(assigned, answer):
    own = make_inputs(assigned=assigned, completed=0, team_assigned=200, team_completed=180)
    assert classic(own).comparison == answer


def test_nobody_is_compared_with_a_team_of_few_tasks_nor_without_any():
    few = make_inputs(assigned=40, completed=0, team_assigned=19, team_completed=19)
    assert classic(few).comparison == "not clearly different"
    assert classic(make_inputs(assigned=0, completed=0, team_assigned=50)).comparison is None


def teams(people, tasks, rate, *, seed, count=300):
    """Whether somebody stands out, in teams in which everybody finishes a task as likely as everybody else."""
    done = np.random.default_rng(seed).binomial(tasks, rate, (count, people))
    inputs = [
        make_inputs(assigned=tasks, completed=own, team_assigned=tasks * people, team_completed=int(team.sum()))
        for team in done
        for own in team.tolist()
    ]
    answers = [score.comparison != "not clearly different" for score in score_all("classic", inputs)]
    return np.array(answers).reshape(count, people)


@pytest.mark.parametrize("rate", [0.72, 0.9])
@pytest.mark.parametrize(("people", "tasks"), [(10, 10), (10, 30), (10, 100), (10, 300), (30, 100)])
def test_in_teams_of_people_who_are_all_alike_hardly_anybody_stands_out(people, tasks, rate):
    assert teams(people, tasks, rate, seed=people + tasks).any(axis=1).mean() <= 0.08


def test_somebody_who_finishes_half_of_what_the_others_do_is_noticed():
    half = np.random.default_rng(3).binomial(100, 0.5, 300).tolist()
    inputs = [make_inputs(assigned=100, completed=n, team_assigned=1000, team_completed=720) for n in half]
    answers = [score.comparison for score in score_all("classic", inputs)]
    assert answers.count("lower") > 0.85 * 300
    assert "higher" not in answers


def hundredths(low, high):
    return st.decimals(low, high, places=2)


@st.composite
def some_inputs(draw):
    """Inputs as rows may make them, a week of any hours, and skill matches written by hand beyond 100."""
    assigned = draw(st.integers(0, 30))
    completed = draw(st.integers(0, assigned))
    with_due = draw(st.integers(0, completed))
    accuracy_n, skill_n = draw(st.integers(0, completed)), draw(st.integers(0, assigned))
    due, accuracy, skill = (draw(hundredths(0, 500)) for _ in range(3))
    on_time = draw(hundredths(0, due))
    return make_inputs(
        assigned=assigned,
        completed=completed,
        with_due=with_due,
        on_time=draw(st.integers(0, with_due)),
        accuracy_sum=draw(hundredths(0, 100)) * accuracy_n,
        accuracy_n=accuracy_n,
        skill_sum=draw(hundredths(0, 999)) * skill_n,
        skill_n=skill_n,
        booked_hours=draw(hundredths(0, 200)),
        capacity_hours=draw(st.just(D(0)) | hundredths(0, 80)),
        due_hours=due,
        on_time_hours=on_time,
        late_hours=draw(hundredths(0, due - on_time)),
        accuracy_hours=accuracy,
        accuracy_by_hours=accuracy * draw(hundredths(0, 100)),
        skill_hours=skill,
        skill_by_hours=skill * draw(hundredths(0, 999)),
        team_assigned=draw(st.integers(0, 1000)),
        team_completed=0,
    )


@pytest.mark.parametrize("policy", POLICIES)
@given(people=st.lists(some_inputs(), max_size=5))
def test_what_holds_of_every_score(policy, people):
    scores = score_all(policy, people)
    assert scores == [score_all(policy, [one])[0] for one in people]
    for inputs, score in zip(people, scores, strict=True):
        known = [part for part in score.parts.values() if part is not None]
        assert all(0 <= part <= 100 for part in known)
        assert (score.parts["balance"] is None) == (inputs.capacity_hours == 0)
        enough = len(known) >= 2 and score.parts["completion"] is not None
        assert (score.total is not None) == enough == (score.reason != "not enough data")
        assert score.total is None or min(known) <= round(score.total, 20) <= max(known)
        assert score.provisional == (inputs.completed < 5)
        assert score.label is None or (enough and not score.provisional)
        if score.total is not None and not score.provisional:
            assert score.label == ("high" if score.total > 80 else "at_risk" if score.total < 50 else None)
        span = score.ranges["completion"]
        assert (span is None) == (inputs.assigned == 0) == (score.comparison is None)
        assert span is None or 0 <= span[0] <= span[1] <= 100
        assert [name for name, one in score.ranges.items() if one is not None] in ([], ["completion"])


@given(st.lists(hundredths(0, 100), min_size=4, max_size=4))
def test_the_total_is_the_formula_to_the_last_digit(parts):
    total = combine(dict(zip(("completion", "estimation", "balance", "skill"), parts, strict=True)))
    weights = [Fraction(35, 100), Fraction(25, 100), Fraction(20, 100), Fraction(20, 100)]
    assert Fraction(total) == sum(weight * Fraction(part) for weight, part in zip(weights, parts, strict=True))
