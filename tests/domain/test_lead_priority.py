"""The order of leads: by rank, steady, at most one change a day, never against a person, and sometimes by chance."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.learning.lead_priority import HIGH, LOW, MEDIUM, URGENT, Open, prioritise

ORDER = (URGENT, HIGH, MEDIUM, LOW)


def ranked(n=1000, **changed):
    """So many leads, the first most likely won."""
    return [Open(id=place, score=0, chance=1 - place / n, **changed) for place in range(n)]


def priorities(leads, **changed):
    return {key: found.priority for key, found in prioritise(leads, **{"base_rate": 0.1, **changed}).items()}


def test_the_top_fifth_comes_first_then_three_tenths_each():
    found = prioritise(ranked(), base_rate=0.1)
    by_rank = Counter(one.priority for one in found.values() if one.reason != "drawn")
    assert by_rank[URGENT] == 200
    assert by_rank[HIGH] == 300
    assert [found[place].priority for place in (0, 199, 200, 499)] == [URGENT, URGENT, HIGH, HIGH]
    assert {found[place].priority for place in range(500, 800)} == {MEDIUM, HIGH}
    assert {found[place].priority for place in range(800, 1000)} == {LOW, HIGH}


def test_a_twentieth_of_what_would_come_later_is_lifted_by_chance_and_stays_so():
    found = prioritise(ranked(10_000), base_rate=0.1)
    drawn = {key for key, one in found.items() if one.reason == "drawn"}
    assert 0.04 < len(drawn) / 5000 < 0.06
    assert {found[key].priority for key in drawn} == {HIGH}
    again = prioritise(ranked(10_000), base_rate=0.1)
    assert {key for key, one in again.items() if one.reason == "drawn"} == drawn
    other = prioritise(ranked(10_000), base_rate=0.1, salt="another model")
    assert {key for key, one in other.items() if one.reason == "drawn"} != drawn


def test_nothing_is_urgent_that_is_hardly_likelier_than_usual():
    found = prioritise([Open(1, 0, 0.14), Open(2, 0, 0.13)], base_rate=0.1)
    assert (found[1].priority, found[1].reason) == (HIGH, "unlikely")
    assert prioritise([Open(1, 0, 0.16), Open(2, 0, 0.13)], base_rate=0.1)[1].priority == URGENT


def test_by_rules_alone_the_score_ranks_and_no_chance_is_asked_for():
    found = priorities([Open(1, 5), Open(2, 80), Open(3, 40)], base_rate=None, capacity_share=0.3)
    assert (found[2], found[3]) == (URGENT, HIGH)


def test_a_larger_deal_outranks_a_likelier_one_and_an_unknown_one_is_the_usual():
    leads = [Open(1, 0, 0.5, 100), Open(2, 0, 0.2, 1000), Open(3, 0, 0.4), Open(4, 0, 0.1, 300)]
    order = sorted(prioritise(leads, base_rate=0.1).items(), key=lambda pair: pair[1].rank)
    assert [key for key, _ in order] == [2, 3, 1, 4]


@pytest.mark.parametrize(("place", "stays"), [(215, True), (229, True), (230, False), (400, False)])
def test_just_past_its_border_a_priority_stays(place, stays):
    leads = ranked()
    leads[place] = replace(leads[place], priority=URGENT)
    found = prioritise(leads, base_rate=0.1)[place]
    assert (found.priority, found.reason) == ((URGENT, "steady") if stays else (HIGH, "rank"))


def test_it_changes_once_a_day_at_most_but_what_presses_is_lifted_at_once():
    leads = ranked()
    leads[0] = replace(leads[0], priority=LOW, changed_today=True)
    leads[950] = replace(leads[950], priority=LOW, changed_today=True, pressing=True)
    found = prioritise(leads, base_rate=0.1)
    assert (found[0].priority, found[0].reason) == (LOW, "today")
    assert (found[950].priority, found[950].reason) == (HIGH, "pressing")


@pytest.mark.parametrize("reason", ["drawn", "pressing", "unlikely"])
def test_what_was_no_rank_is_not_held_steady(reason):
    """Just past the border of high: a check by chance, or what pressed, would stay for good."""
    leads = ranked()
    drawn = {key for key, one in prioritise(leads, base_rate=0.1).items() if one.reason == "drawn"}
    place = next(place for place in range(500, 530) if place not in drawn)
    leads[place] = replace(leads[place], priority=HIGH, reason=reason)
    assert priorities(leads)[place] == MEDIUM
    for held in ("rank", "today"):
        leads[place] = replace(leads[place], reason=held)
        assert priorities(leads)[place] == HIGH


@pytest.mark.parametrize(
    ("reason", "next_day"), [("rank", HIGH), ("steady", HIGH), ("drawn", MEDIUM), ("pressing", MEDIUM)]
)
def test_what_waited_for_the_next_day_is_held_then_as_it_was_before(reason, next_day):
    """A rank that fell too far, on a day on which it may not change, and is back at its border the day after: still
    steady. What was no rank still is none.
    """
    leads = ranked()
    drawn = {key for key, one in prioritise(leads, base_rate=0.1).items() if one.reason == "drawn"}
    far, near = (next(at for at in range(start, start + 30) if at not in drawn) for start in (600, 500))
    leads[far] = replace(leads[far], priority=HIGH, reason=reason, changed_today=True)
    kept = prioritise(leads, base_rate=0.1)[far]
    assert kept.priority == HIGH
    leads = ranked()
    leads[near] = replace(leads[near], priority=HIGH, reason=kept.reason)
    assert priorities(leads)[near] == next_day


def test_what_presses_is_not_put_below_what_its_rank_gives():
    leads = [replace(lead, pressing=True) for lead in ranked(100)]
    assert Counter(priorities(leads).values()) == {URGENT: 20, HIGH: 80}


leads_of_any_kind = st.lists(
    st.builds(
        Open,
        id=st.integers(1, 10_000),
        score=st.integers(0, 100),
        chance=st.none() | st.floats(0, 1),
        deal_value=st.none() | st.floats(0, 1e6),
        priority=st.none() | st.sampled_from(ORDER),
        pressing=st.booleans(),
        by_hand=st.booleans(),
        changed_today=st.booleans(),
    ),
    unique_by=lambda lead: lead.id,
    max_size=40,
)


@given(leads_of_any_kind, st.floats(0.01, 1), st.none() | st.floats(0, 1))
def test_everybody_has_a_priority_and_a_persons_own_is_kept(leads, share, base_rate):
    found = prioritise(leads, base_rate=base_rate, capacity_share=share)
    assert set(found) == {lead.id for lead in leads}
    for lead in leads:
        one = found[lead.id]
        assert one.priority in ORDER
        assert 0 <= one.rank < 1
        if lead.by_hand and lead.priority is not None:
            assert (one.priority, one.reason) == (lead.priority, "by_hand")
        elif lead.pressing:
            assert one.priority in (URGENT, HIGH)
        elif lead.changed_today and lead.priority is not None:
            assert one.priority == lead.priority


@given(leads_of_any_kind)
def test_a_second_look_changes_nothing(leads):
    """What was decided is asked again, with nothing new known: no lead moves to and fro."""
    once = prioritise(leads, base_rate=0.1)
    settled = [replace(lead, priority=once[lead.id].priority, reason=once[lead.id].reason) for lead in leads]
    assert priorities(settled) == {key: one.priority for key, one in once.items()}


def test_small_moves_of_the_ranks_leave_nearly_all_priorities():
    """Chances wobble by two in a hundred places from day to day: hardly anybody changes, where borders alone would."""
    leads = ranked()
    day = priorities(leads)
    moved = [
        replace(lead, chance=lead.chance + (0.02 if lead.id % 2 else -0.02), priority=day[lead.id]) for lead in leads
    ]
    assert priorities(moved) == day
    fresh = priorities([replace(lead, priority=None) for lead in moved])
    assert sum(fresh[key] != day[key] for key in day) > 20


def test_nobody_is_no_trouble():
    assert prioritise([], base_rate=0.1) == {}
