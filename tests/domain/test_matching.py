"""Matching: no hard rule is ever broken, order never matters, and every answer explains itself."""

import json
import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.matching import Person, Work, choose_person, choose_task, lates_marked, rejection, skill_match, value_of
from domain.matching.values import load_price

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 27, 17, tzinfo=UTC)
SKILLS = {1: "SQL", 2: "Python"}
PEOPLE = {1: "Ann", 2: "Bob", 3: "Cid"}


def make_work(**changes) -> Work:
    plain = {
        "id": 1,
        "hours_q": 12,
        "estimated": True,
        "priority": "high",
        "due": FRIDAY,
        "slack_q": 32,
        "waiting_days": 0,
        "required": ((1, 3),),
        "contact_id": 7,
        "group_key": "",
        "created": NOW,
    }
    return Work(**{**plain, **changes})


def make_person(**changes) -> Person:
    plain = {"id": 1, "name": "Ann", "skills": {1: 4}, "free_q": 80, "capacity_q": 160}
    return Person(**{**plain, **changes})


levels = st.dictionaries(st.sampled_from([1, 2]), st.integers(1, 5))
works = st.builds(
    make_work,
    id=st.integers(1, 9999),
    hours_q=st.integers(1, 60),
    priority=st.sampled_from(["low", "medium", "high", "urgent"]),
    due=st.none() | st.integers(-3, 10).map(lambda d: NOW + timedelta(days=d)),
    slack_q=st.integers(-80, 400),
    required=levels.map(lambda d: tuple(d.items())),
    contact_id=st.none() | st.integers(1, 3),
).map(lambda w: w if w.due else make_work(**{**vars(w), "slack_q": None, "waiting_days": 4}))
people = st.lists(
    st.builds(
        make_person,
        id=st.integers(1, 50),
        skills=levels,
        free_q=st.integers(-20, 160),
        away=st.booleans(),
        recent_contacts=st.frozensets(st.integers(1, 3)),
        free_by=st.lists(st.integers(0, 160), max_size=3).map(
            lambda hours: tuple((NOW + timedelta(days=3 * n), q) for n, q in enumerate(hours))
        ),
    ),
    max_size=8,
    unique_by=lambda p: p.id,
)


def fits(work: Work, person: Person) -> bool:
    """The hard rules, said once more in another way."""
    skilled = all(person.skills.get(skill, 0) >= least for skill, least in work.required)
    free = [person.free_q]
    if work.due and person.free_by and work.slack_q + work.hours_q > 0:
        free += [q for at, q in person.free_by if at > work.due]
        free.append(max(((at, q) for at, q in person.free_by if at <= work.due), default=(None, 0))[1])
    return skilled and not person.away and work.hours_q <= min(free)


@given(work=works, team=people, seed=st.integers())
def test_no_hard_rule_is_broken_and_order_does_not_matter(work, team, seed):
    choice = choose_person(work, team, names=SKILLS)
    able = {p.id for p in team if fits(work, p)}
    assert (choice.person_id in able) if able else (choice.person_id is None and choice.code)
    assert {r.person_id for r in choice.rejected} == {p.id for p in team} - able
    assert len(choice.top) == min(3, len(able))
    random.Random(seed).shuffle(team)
    assert choose_person(work, team, names=SKILLS) == choice


@given(work=works, team=people)
def test_the_price_never_beats_the_value(work, team):
    assert all(c.price < c.value.total for c in choose_person(work, team, names=SKILLS).top)


@settings(max_examples=60)
@given(backlog=st.lists(works, max_size=8, unique_by=lambda w: w.id), team=people, seed=st.integers())
def test_the_next_task_is_the_argmax_by_brute_force(backlog, team, seed):
    me = make_person(id=99, skills={1: 4, 2: 4})

    def rank(work: Work):
        rival = max((value_of(work, p).total for p in team if fits(work, p)), default=0)
        due = work.due.timestamp() if work.due else float("inf")
        return Fraction(rival, 2) - value_of(work, me).total, due, work.created, work.id

    able = sorted((w for w in backlog if fits(w, me)), key=rank)
    choice = choose_task(me, backlog, [*team, me], names=SKILLS)
    assert [c.work_id for c in choice.top] == [w.id for w in able[:3]]
    assert choice.work_id == (able[0].id if able else None)
    random.Random(seed).shuffle(backlog)
    assert choose_task(me, backlog, team, names=SKILLS) == choice
    json.dumps(choice.as_dict())


@given(required=levels.map(lambda d: tuple(d.items())), skills=levels, better=st.sampled_from([1, 2]))
def test_skill_match_grows_with_skill(required, skills, better):
    before = skill_match(required, skills)
    assert 0 <= before <= skill_match(required, {**skills, better: 5}) <= 1000
    assert skill_match(required, {1: 5, 2: 5}) == 1000


def test_values_of_the_formula():
    assert skill_match((), {}) == 1000
    assert skill_match(((1, 3),), {1: 9}) == 1000
    assert skill_match(((1, 3), (2, 2)), {1: 4, 2: 2}) == (666 + 250) // 2
    value = value_of(make_work(), make_person(recent_contacts=frozenset({7})))
    assert (value.priority, value.urgency, value.skill, value.continuity) == (200, 270, 133, 100)
    assert value_of(make_work(slack_q=-12), make_person()).urgency == 300
    assert value_of(make_work(due=None, slack_q=None, waiting_days=90), make_person()).urgency == 90
    assert value_of(make_work(group_key="batch:3"), make_person(recent_groups=frozenset({"batch:3"}))).continuity == 50


@given(free=st.integers(0, 160), hours=st.integers(1, 80))
def test_load_gets_dearer(free, hours):
    busy, idle = make_person(free_q=free), make_person(free_q=free + 20)
    assert load_price(busy, hours, 400) >= load_price(idle, hours, 400)
    assert load_price(busy, hours, 400) <= 400 * hours


def test_equals_go_to_the_less_loaded_then_the_lower_id():
    free = [make_person(id=3, free_q=60), make_person(id=2, free_q=100), make_person(id=1, free_q=100)]
    assert choose_person(make_work(), free, names=SKILLS).person_id == 1
    same_price = [make_person(id=1, free_q=156), make_person(id=2, free_q=160)]  # both stay in the free first tenth
    assert choose_person(make_work(hours_q=4), same_price, names=SKILLS).person_id == 2


def test_each_rejection_has_its_numbers():
    short = make_person(free_by=((FRIDAY - timedelta(hours=1), 6), (FRIDAY + timedelta(days=9), 50)))
    assert rejection(make_work(hours_q=30), short, SKILLS).detail == "lacks 6.0 h before Fri 27 Nov"
    assert rejection(make_work(hours_q=100, due=None), short, SKILLS).detail == "lacks 5.0 h this week"
    assert rejection(make_work(), make_person(skills={1: 2}), SKILLS).detail == "SQL level 2 < 3"
    assert rejection(make_work(), make_person(away=True), SKILLS).code == "AWAY"
    for holding, told in (
        (0, "may hold no tasks"),
        (1, "holds 1 task, as many as they may"),
        (2, "holds 2 tasks, as many as they may"),
    ):
        full = make_person(may_take=0, holding=holding)
        assert rejection(make_work(), full, SKILLS).detail == told
    overdue = make_work(hours_q=30, slack_q=-30)
    assert rejection(overdue, short, SKILLS) is None


def test_a_later_deadline_limits_an_earlier_task_too():
    full_later = make_person(free_by=((FRIDAY, 40), (FRIDAY + timedelta(days=3), 8)))
    assert rejection(make_work(hours_q=9), full_later, SKILLS).code == "CAPACITY"
    assert rejection(make_work(hours_q=8), full_later, SKILLS) is None


def test_codes_when_nobody_fits():
    unskilled, away = make_person(id=2, skills={}), make_person(id=3, away=True)
    assert choose_person(make_work(), [unskilled], names=SKILLS).code == "NO_SKILLED_PERSON"
    assert choose_person(make_work(), [], names=SKILLS).code == "NO_SKILLED_PERSON"
    assert choose_person(make_work(), [unskilled, away], names=SKILLS).code == "NO_CAPACITY_BEFORE_DUE"
    assert choose_task(away, [], [], names=SKILLS).code == "NOTHING_READY"
    assert choose_task(away, [make_work()], [], names=SKILLS).code == "NOTHING_FITS"
    assert choose_task(away, [], [], names=SKILLS).sentence({}) == "No task waits to be taken."
    told = choose_task(away, [make_work()], [], names=SKILLS).sentence({})
    assert told.startswith("None of the tasks that wait fits. #")


def test_nobody_takes_what_another_would_do_much_better():
    me = make_person(skills={1: 4, 2: 2})
    expert = make_person(id=2, skills={1: 4}, recent_contacts=frozenset({7}))
    shared, mine = make_work(id=1), make_work(id=2, required=((2, 2),), contact_id=None)
    assert value_of(shared, me).total > value_of(mine, me).total
    assert choose_task(me, [shared, mine], [], names=SKILLS).work_id == 1
    assert choose_task(me, [shared, mine], [expert], names=SKILLS).work_id == 2


def test_the_sentence_reads_well():
    team = [
        make_person(recent_contacts=frozenset({7})),
        make_person(id=2, name="Bob", free_q=40),
        make_person(id=3, name="Cid", skills={1: 2}),
    ]
    choice = choose_person(make_work(), team, names=SKILLS)
    assert choice.sentence(PEOPLE) == (
        "Ann: 703/h = priority 200 + urgency 270 + skill 133 + same contact 100; load 50 → 58 %. "
        "Bob was 2nd: 603/h, load 75 → 83 %. Cid: SQL level 2 < 3."
    )
    nobody = choose_person(make_work(), team[2:], names=SKILLS)
    assert nobody.sentence(PEOPLE) == "Nobody: NO_SKILLED_PERSON. Cid: SQL level 2 < 3."
    task = choose_task(team[0], [make_work(estimated=False)], team, names=SKILLS)
    assert task.sentence({}).endswith("load 50 → 58 % (hours: the median of its kind).")
    assert json.loads(json.dumps(choice.as_dict()))["value"]["total"] == 703


def test_work_without_hours_is_refused():
    with pytest.raises(ValueError, match="median"):
        make_work(hours_q=0)


@pytest.mark.parametrize("kept_off", [{"excluded": frozenset({1})}, {}])
def test_what_nobody_who_may_have_it_can_do_in_time_is_late_whoever_else_has_the_hours(kept_off: dict):
    """Ann has the hours and must not have the task, or holds as many as she may: Bob does it late."""
    work = make_work(due=NOW + timedelta(hours=8), **kept_off)
    ann = make_person(id=1, free_by=((work.due, 40),), may_take=None if kept_off else 0)
    bob = make_person(id=2, free_by=((work.due, 4),))
    (late,) = lates_marked([work], [ann, bob])
    choice = choose_person(late, [ann, bob], names=SKILLS)
    assert (choice.person_id, choice.late) == (2, True)
