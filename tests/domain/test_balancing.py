"""Rebalancing: moves never create an overload, skills hold, and whoever stays overloaded is told why."""

import json
import random
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.balancing import Load, Movable, rebalance

SKILLS = {1: "SQL", 2: "Python"}


def make_load(id: int, booked_q: int, hours=(), *, capacity_q=160, skills=None, away=False, required=()) -> Load:
    tasks = tuple(Movable(id * 100 + n, q, required) for n, q in enumerate(hours))
    return Load(id, f"P{id}", capacity_q, booked_q, {} if skills is None else skills, tasks, away)


@st.composite
def teams(draw):
    team = []
    for id in range(1, draw(st.integers(1, 6)) + 1):
        hours = draw(st.lists(st.integers(1, 60), max_size=6))
        team.append(
            make_load(
                id,
                sum(hours) + draw(st.integers(0, 120)),
                hours,
                capacity_q=draw(st.sampled_from([0, 80, 160])),
                skills=draw(st.dictionaries(st.sampled_from([1, 2]), st.integers(1, 5))),
                away=draw(st.booleans()),
                required=draw(st.sampled_from([(), ((1, 3),), ((1, 2), (2, 2))])),
            )
        )
    return team


@given(team=teams(), seed=st.integers())
def test_applying_all_moves_overloads_nobody_and_order_does_not_matter(team, seed):
    plan = rebalance(team, names=SKILLS)
    by_id = {person.id: person for person in team}
    booked = {person.id: person.booked_q for person in team}
    moved = [s.task_id for s in plan.suggestions]
    assert len(set(moved)) == len(moved)
    for s in plan.suggestions:
        task = next(t for t in by_id[s.from_id].tasks if t.task_id == s.task_id)
        assert booked[s.from_id] > by_id[s.from_id].capacity_q
        booked[s.from_id] -= task.hours_q
        booked[s.to_id] += task.hours_q
        assert booked[s.to_id] <= by_id[s.to_id].capacity_q
        assert not by_id[s.to_id].away
        assert all(by_id[s.to_id].skills.get(skill, 0) >= least for skill, least in task.required)
    over = {id for id, q in booked.items() if q > by_id[id].capacity_q}
    assert over == {s.person_id for s in plan.stuck}
    json.dumps([s.as_dict() for s in plan.suggestions])
    random.Random(seed).shuffle(team)
    assert rebalance(team, names=SKILLS) == plan


def test_one_move_is_better_than_three():
    plan = rebalance([make_load(1, 180, (8, 8, 8, 24, 40)), make_load(2, 80), make_load(3, 40)], names=SKILLS)
    (move,) = plan.suggestions
    assert (move.task_id, move.to_id, move.hours) == (103, 3, Decimal(6))
    assert (move.from_before, move.from_after, move.to_before, move.to_after) == (
        Decimal("112.5"),
        Decimal("97.5"),
        Decimal("25.0"),
        Decimal("40.0"),
    )
    assert move.reason == "P1 is at 112.5 %; P3 has the skills and is at 25.0 %"


def test_exactly_full_is_not_overloaded():
    assert rebalance([make_load(1, 160, (8,)), make_load(2, 0)], names=SKILLS).suggestions == ()


def test_work_of_somebody_without_hours_moves():
    plan = rebalance([make_load(1, 8, (8,), capacity_q=0), make_load(2, 0)], names=SKILLS)
    assert plan.suggestions[0].from_before is None
    assert plan.stuck == ()


def test_whoever_is_stuck_is_told_why():
    def reason(*others, **changes):
        return rebalance([make_load(1, 172, **changes), *others], names=SKILLS).stuck[0].reason

    assert reason(make_load(2, 0)) == "3 h over: no task may be moved"
    assert reason(hours=(20,)) == "3 h over: nobody else is there"
    needs = {"hours": (20,), "required": ((2, 3),)}
    assert reason(make_load(2, 0), **needs) == ("3 h over: nobody else has the skills of task 100 (Python level 0 < 3)")
    assert reason(make_load(2, 150), hours=(20,)) == "3 h over: task 100 needs 5 h, P2 has most free, 2.5 h"
