"""Plans of whole teams: hard rules hold, nobody idles beside work they could do, and every decision has its reasons."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.matching import Person, Weights, Work, engine, exact, pairing, planning, rejection
from domain.matching.pairing import STICKINESS, pair
from domain.matching.values import value_of

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DUES = [NOW + timedelta(hours=hours) for hours in (4, 26, 80)]
NAMES = {1: "SQL", 2: "Python"}
LITTLE = engine.Effort(all_starts=True, looks=10_000, renewals=1_000)


def make_work(number: int = 1, **changes) -> Work:
    plain = {
        "id": number,
        "hours_q": 8,
        "estimated": True,
        "priority": "medium",
        "due": None,
        "slack_q": None,
        "waiting_days": 0,
        "required": (),
        "contact_id": None,
        "group_key": "",
        "created": NOW,
    }
    return Work(**{**plain, **changes})


def make_person(number: int = 1, **changes) -> Person:
    plain = {"id": number, "name": f"P{number}", "skills": {1: 3, 2: 3}, "free_q": 80, "capacity_q": 160}
    return Person(**{**plain, **changes})


@st.composite
def teams(draw) -> tuple[list[Work], list[Person]]:
    people = []
    for number in range(1, draw(st.integers(0, 5)) + 1):
        free = draw(st.integers(-10, 60))
        by = sorted(draw(st.lists(st.integers(-5, 60), min_size=3, max_size=3)))
        people.append(
            make_person(
                number,
                skills=draw(st.dictionaries(st.sampled_from([1, 2]), st.integers(1, 5))),
                free_q=free,
                capacity_q=draw(st.sampled_from([0, 60, 160])),
                away=draw(st.booleans()) and draw(st.booleans()),
                free_by=tuple(zip(DUES, by, strict=True)),
                recent_contacts=draw(st.frozensets(st.integers(1, 3))),
                recent_groups=draw(st.frozensets(st.sampled_from(["a", "b"]))),
                may_take=draw(st.sampled_from([None, None, 0, 1, 3])),
            )
        )
    works = []
    for number in range(1, draw(st.integers(0, 14)) + 1):
        due = draw(st.sampled_from([None, *DUES]))
        works.append(
            make_work(
                number,
                hours_q=draw(st.integers(1, 24)),
                priority=draw(st.sampled_from(["low", "medium", "high", "urgent"])),
                due=due,
                slack_q=None if due is None else draw(st.integers(-40, 200)),
                waiting_days=draw(st.integers(0, 9)),
                required=draw(st.sampled_from([(), ((1, 2),), ((1, 3), (2, 1))])),
                contact_id=draw(st.sampled_from([None, 1, 2])),
                group_key=draw(st.sampled_from(["", "a"])),
                created=NOW - timedelta(hours=draw(st.integers(0, 3))),
                holder=draw(st.sampled_from([None, None, 1, 2, 9])),
                excluded=draw(st.frozensets(st.integers(1, 3), max_size=1)),
            )
        )
    return works, people


def remaining(plan: planning.TeamPlan, works: list[Work], people: list[Person]) -> dict[int, Person]:
    """The people after the plan, counted anew."""
    by_work = {work.id: work for work in works}
    after = {}
    for person in people:
        given = [decision for decision in plan.decisions if decision.person_id == person.id]
        own = [replace(by_work[decision.work_id], late=decision.late) for decision in given]

        def until(due: datetime, own: list[Work] = own) -> int:
            return sum(work.hours_q for work in own if work.due is not None and not work.overdue and work.due <= due)

        after[person.id] = replace(
            person,
            free_q=person.free_q - sum(work.hours_q for work in own),
            free_by=tuple((due, free - until(due)) for due, free in person.free_by),
            may_take=None if person.may_take is None else person.may_take - len(own),
        )
    return after


@st.composite
def allowed_weights(draw) -> Weights:
    """Every part may count for nothing: then some work is worth nothing to anybody, and is to be done all the same."""
    cuts = sorted(draw(st.lists(st.sampled_from([0, 0, 1000, 1000, 333, 999]), min_size=3, max_size=3)))
    parts = [after - before for before, after in zip([0, *cuts], [*cuts, 1000], strict=True)]
    return Weights(*parts, balance=draw(st.integers(0, 1000)))


@given(teams(), allowed_weights())
@settings(max_examples=80, deadline=None)
def test_no_hard_rule_is_broken_and_nobody_is_idle_beside_work_they_could_do(team, weights: Weights):
    works, people = team
    plan = planning.plan(works, people, names=NAMES, weights=weights, effort=LITTLE)
    after = remaining(plan, works, people)
    by_id = {person.id: person for person in people}
    for work in works:
        decision = next(one for one in plan.decisions if one.work_id == work.id)
        if decision.late and not work.overdue:
            assert all(rejection(work, person, NAMES) for person in people), "somebody could have been in time"
            work = replace(work, late=True)
        if decision.kept:
            assert decision.person_id == work.holder
        elif decision.person_id is None:
            assert work.holder not in by_id, "what is held is never taken away and given to nobody"
            assert all(rejection(work, person, NAMES) for person in after.values())
        else:
            assert rejection(work, by_id[decision.person_id], NAMES) is None
    for person in after.values():
        given = [one for one in plan.decisions if one.person_id == person.id and not one.kept]
        assert not given or person.free_q >= 0, "hours of what is kept are spoken for"
        if given and not any(one.kept for one in plan.decisions if one.person_id == person.id):
            for due, free in person.free_by:
                taken = by_id[person.id].free_for(due) - person.free_for(due)
                assert taken <= 0 or free >= 0
        assert person.may_take is None or person.may_take >= 0 or not given
    assert plan.value <= plan.bound


@given(teams(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_works_and_people_changes_nothing(team, chance: random.Random):
    works, people = team
    first = planning.plan(works, people, names=NAMES, effort=LITTLE)
    shuffled_works, shuffled_people = chance.sample(works, len(works)), chance.sample(people, len(people))
    again = planning.plan(shuffled_works, shuffled_people, names=NAMES, effort=LITTLE)
    assert [one.as_dict() for one in again.decisions] == [one.as_dict() for one in first.decisions]
    assert (again.value, again.bound) == (first.value, first.bound)


@given(teams())
@settings(max_examples=40, deadline=None)
def test_every_decision_explains_itself_and_is_data(team):
    works, people = team
    plan = planning.plan(works, people, names=NAMES, effort=LITTLE)
    assert sorted(one.work_id for one in plan.decisions) == sorted(work.id for work in works)
    for decision in plan.decisions:
        assert json.loads(json.dumps(decision.as_dict())) == decision.as_dict()
        assert (decision.person_id is None) == (decision.code is not None)
        if decision.person_id is not None:
            assert decision.top[0].person_id == decision.person_id
        assert decision.sentence({person.id: person.name for person in people})
        mentioned = {one.person_id for one in (*decision.top, *decision.rejected)}
        assert len(mentioned) <= len(people)


@given(teams())
@settings(max_examples=40, deadline=None)
def test_the_value_is_the_sum_of_its_parts(team):
    """Hours times value, less the price of load, less what leaving a holder costs."""
    works, people = team
    plan = planning.plan(works, people, names=NAMES, effort=LITTLE)
    kept = {one.work_id for one in plan.decisions if one.kept}
    found = pair([work for work in works if work.id not in kept], people, weights=Weights())
    by_work, by_id = {work.id: work for work in works}, {person.id: person for person in people}
    total = 0
    load = {person.id: person.booked_q for person in people}
    for work in works:
        if work.id in kept:
            person = by_id[work.holder]
            load[work.holder] = max(0, load[work.holder] + work.hours_q - max(0, person.free_q - person.capacity_q))
    for decision in plan.decisions:
        work = by_work[decision.work_id]
        if decision.kept:
            continue
        if decision.person_id is not None:
            total += work.hours_q * value_of(work, by_id[decision.person_id]).total
        if work.holder in by_id and work.holder != decision.person_id:
            total -= STICKINESS * work.hours_q
    prices = found.problem.step_price.tolist()
    for decision in plan.decisions:
        if decision.person_id is not None and not decision.kept:
            person = by_id[decision.person_id]
            for quarter in range(load[person.id], load[person.id] + by_work[decision.work_id].hours_q):
                total -= prices[min(9, quarter * 10 // max(1, person.capacity_q))]
            load[person.id] += by_work[decision.work_id].hours_q
    assert plan.value == total


def test_a_large_team_is_searched_in_part_and_left_over_work_is_offered_to_all():
    """100 people, each with hours for one task only: whoever is searched, all 100 tasks are given."""
    people = [make_person(number, free_q=8, capacity_q=160) for number in range(1, 101)]
    works = [make_work(number, required=((1, 2),)) for number in range(1, 104)]
    plan = planning.plan(works, people, names=NAMES)
    given_to = [one.person_id for one in plan.decisions if one.person_id is not None]
    assert len(given_to) == len(set(given_to)) == 100
    assert plan.value <= plan.bound
    assert plan.gap < 0.05
    assert {one.code for one in plan.decisions if one.person_id is None} == {planning.OUTRANKED}


def dated_team(seed: int, people: int) -> tuple[list[Work], list[Person]]:
    """90 tasks, each due at a time of its own, and people who work round the clock but have other work too."""
    chance = random.Random(seed)
    dues = [NOW + timedelta(minutes=chance.randrange(30, 5 * 24 * 60)) for _ in range(90)]
    works = [
        make_work(
            number,
            due=due,
            hours_q=chance.randint(1, 8),
            slack_q=chance.randint(0, 100),
            priority=chance.choice(["low", "medium", "high", "urgent"]),
        )
        for number, due in enumerate(dues, start=1)
    ]
    by = tuple((due, int((due - NOW) / timedelta(hours=1))) for due in sorted(dues))
    return works, [make_person(number, free_q=160, free_by=by) for number in range(1, people + 1)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_very_many_dates_none_leaves_somebody_idle_beside_work_they_could_do(seed: int):
    works, people = dated_team(seed, people=4)
    plan = planning.plan(works, people, names=NAMES, effort=LITTLE)
    after = remaining(plan, works, people)
    for work, decision in zip(sorted(works, key=lambda one: one.order), plan.decisions, strict=True):
        if decision.person_id is None:
            assert all(rejection(work, person, NAMES) for person in after.values())
    for person in after.values():
        assert person.free_q >= 0
        assert all(free >= 0 for _, free in person.free_by)


@pytest.mark.parametrize("seed", [0, 8, 20])
def test_the_bound_holds_for_very_many_dates_and_each_of_them_counts(seed: int, monkeypatch: pytest.MonkeyPatch):
    works, people = dated_team(seed, people=2)
    prove = exact.solve if exact.available() else None
    plan = planning.plan(works, people, names=NAMES, prove=prove)
    monkeypatch.setattr(pairing, "MOST_DUES", 1000)
    every = planning.plan(works, people, names=NAMES, prove=prove)
    assert plan.value <= plan.bound
    assert every.value <= plan.bound


def test_dates_between_which_nobody_gains_an_hour_are_one():
    """200 dates of a night and of after the week limit nobody by themselves: each task counts as due when it is."""
    people = [make_person(1, free_q=16, free_by=((NOW + timedelta(hours=8), 8), (NOW + timedelta(hours=30), 16)))]
    night = [make_work(number, due=NOW + timedelta(hours=9, minutes=number), slack_q=9) for number in range(1, 101)]
    later = [make_work(number, due=NOW + timedelta(hours=40, minutes=number), slack_q=9) for number in range(101, 201)]
    found = pair([*night, *later], people, weights=Weights())
    assert found.dues == (night[-1].due,)
    assert found.problem.bucket.tolist() == [0] * 100 + [1] * 100
    assert not found.early.any()


def test_the_bound_of_a_large_team_holds_for_those_who_were_not_searched():
    """64 match better and have no hours; who has them was not searched, and is counted all the same."""
    full = [make_person(number, skills={1: 5}, free_q=0) for number in range(1, 65)]
    works = [make_work(required=((1, 1),))]
    found = pair(works, [*full, make_person(65, skills={1: 1})], weights=Weights())
    assert 64 not in found.problem.person
    solved = engine.solve(found.problem)
    assert found.bound(solved.prices, solved.bound) == 8 * (100 + 40)


def test_no_balance_leaves_work_undone_that_only_those_could_do_who_were_not_searched():
    full = [make_person(number, skills={1: 5}, free_q=0) for number in range(1, 65)]
    last = make_person(65, skills={1: 1}, free_q=8)
    weights = Weights(priority=0, urgency=0, skill=1000, continuity=0, balance=1000)
    (decision,) = planning.plan([make_work(required=((1, 1),))], [*full, last], names=NAMES, weights=weights).decisions
    assert decision.person_id == 65


def test_an_unassigned_task_names_what_took_the_hours():
    works = [make_work(1, priority="urgent"), make_work(2, priority="low")]
    plan = planning.plan(works, [make_person(free_q=10)], names=NAMES)
    left = next(one for one in plan.decisions if one.work_id == 2)
    assert (left.code, left.outranked_by) == (planning.OUTRANKED, (1,))
    assert left.sentence({1: "Ann"}) == "Nobody: OUTRANKED by #1. Ann: lacks 1.5 h this week."


@pytest.mark.parametrize(
    ("person", "code", "detail"),
    [
        ({"skills": {}}, "NO_SKILLED_PERSON", "SQL level 0 < 2"),
        ({"free_q": 4}, "NO_CAPACITY_BEFORE_DUE", "lacks 1.0 h this week"),
        ({"away": True}, "NO_CAPACITY_BEFORE_DUE", "is away"),
        ({"may_take": 0, "holding": 7}, "NO_CAPACITY_BEFORE_DUE", "holds 7 tasks, as many as they may"),
    ],
)
def test_why_nobody_gets_a_task(person: dict, code: str, detail: str):
    plan = planning.plan([make_work(required=((1, 2),))], [make_person(**person)], names=NAMES)
    (decision,) = plan.decisions
    assert (decision.code, decision.rejected[0].detail) == (code, detail)


def test_what_nobody_can_do_in_time_is_given_all_the_same_and_says_so():
    person = make_person(free_by=((DUES[0], 4),))
    works = [make_work(1, due=DUES[0], slack_q=0, hours_q=8), make_work(2, due=DUES[0], slack_q=0, hours_q=3)]
    late, in_time = planning.plan(works, [person], names=NAMES).decisions
    assert (late.person_id, late.late, in_time.person_id, in_time.late) == (1, True, 1, False)
    assert late.sentence({1: "Ann"}).endswith("it will be late.")


def test_a_scarce_expert_is_kept_for_work_that_only_they_can_do():
    expert = make_person(1, name="Bob", skills={1: 5, 2: 3}, free_q=8)
    other = make_person(2, name="Ann", skills={1: 2}, free_q=8)
    works = [make_work(1, required=((1, 2),)), make_work(2, required=((2, 2),), priority="high")]
    plan = planning.plan(works, [expert, other], names=NAMES)
    by_work = {one.work_id: one for one in plan.decisions}
    assert (by_work[1].person_id, by_work[2].person_id) == (2, 1)
    assert "Bob: lacks 2.0 h this week" in by_work[1].sentence({1: "Bob", 2: "Ann"})


def test_what_is_held_is_never_dropped_for_work_that_is_worth_more():
    """Eight hours, a low task of eight held and an urgent one of eight that waits: the urgent one has to wait."""
    held = make_work(1, priority="low", hours_q=32, holder=1)
    urgent = make_work(2, priority="urgent", hours_q=32)
    first, second = planning.plan([held, urgent], [make_person(1, free_q=32)], names=NAMES).decisions
    assert (first.person_id, first.kept) == (1, True)
    assert (second.person_id, second.code) == (None, "NO_CAPACITY_BEFORE_DUE")
    assert first.top[0].load_after - first.top[0].load_before == 20
    people = [make_person(1, free_q=32), make_person(2, free_q=32)]
    first, second = planning.plan([held, urgent], people, names=NAMES).decisions
    assert (first.person_id, second.person_id) == (1, 2)


def test_held_work_stays_unless_moving_it_is_worth_it():
    """The other matches better, by less than what moving costs; then by more."""
    people = [make_person(1, skills={1: 3}), make_person(2, skills={1: 4})]
    (stays,) = planning.plan([make_work(required=((1, 3),), holder=1)], people, names=NAMES).decisions
    assert stays.person_id == 1
    people = [make_person(1, skills={1: 3}), make_person(2, skills={1: 5}, recent_contacts=frozenset({7}))]
    (moves,) = planning.plan([make_work(required=((1, 3),), holder=1, contact_id=7)], people, names=NAMES).decisions
    assert moves.person_id == 2


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({"priority": 500}, "sum to 1100"),
        ({"priority": -100, "urgency": 800}, "weight of priority is -100"),
        ({"balance": 1001}, "weight of balance is 1001"),
    ],
)
def test_impossible_weights_are_refused(weights: dict, reason: str):
    with pytest.raises(ValueError, match=reason):
        Weights(**weights)
