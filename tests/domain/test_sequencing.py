"""Sequences: the printed offsets, elapsed across a clock change; plans, and what moves when a step is late."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import delays
from domain.calendars import DEFAULT_WEEK, Schedule
from domain.delays import Delay, Due
from domain.sequencing import (
    LEAST_GAP,
    PRESETS,
    Step,
    UnknownSequence,
    pause_length,
    plan,
    repush,
    sequence_due_dates,
    shift,
)

START = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin"))  # the clock springs forward that night


@pytest.mark.parametrize(
    ("preset", "delay", "days"),
    [
        ("standard", 0, [1, 3, 7, 14]),
        ("aggressive", 0, [1, 2, 4, 7]),
        ("gentle", 0, [3, 7, 14, 30]),
        ("aggressive", 24, [2, 3, 5, 8]),
        ("aggressive", Decimal("12"), [1.5, 2.5, 4.5, 7.5]),
    ],
)
def test_offsets_are_elapsed_days_from_the_start(preset, delay, days):
    due = sequence_due_dates(preset, start=START, start_delay_hours=delay)
    assert due == [START.astimezone(UTC) + timedelta(days=d) for d in days]
    assert all(d.tzinfo is UTC for d in due)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownSequence, match="standard, aggressive, gentle"):
        sequence_due_dates("fierce", start=START)


@pytest.mark.parametrize("delay", [-1, Decimal("-0.5"), float("nan"), float("inf")])
def test_a_delay_must_be_a_number_of_hours(delay):
    with pytest.raises(ValueError, match="0 or more hours"):
        sequence_due_dates("standard", start=START, start_delay_hours=delay)


def test_presets_ascend():
    assert all(list(days) == sorted(set(days)) for days in PRESETS.values())


BERLIN = ZoneInfo("Europe/Berlin")
WEEK = Schedule(DEFAULT_WEEK, BERLIN)
WEDNESDAY = datetime(2026, 6, 3, 12, tzinfo=BERLIN)


def berlin(day: int, hour: int = 9, minute: int = 0, month: int = 6) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


def at_nine(days: int, **more) -> Step:
    return Step(Delay("calendar", days=days, at=time(9)), **more)


def elapsed(hours: int, **more) -> Step:
    return Step(Delay(hours=Decimal(hours)), **more)


def instants(dues):
    return [due.instant for due in dues]


@pytest.mark.parametrize("slip", ["anchor", "push"])
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_planned_without_a_gap_keeps_its_offsets(preset, slip):
    steps = [elapsed(24 * days) for days in PRESETS[preset]]
    dues = plan(steps, start=START, schedule=WEEK, slip=slip, least_gap=timedelta())
    assert instants(dues) == sequence_due_dates(preset, start=START)


@pytest.mark.parametrize(
    ("steps", "slip", "dates"),
    [
        ([at_nine(1), at_nine(2), at_nine(6)], "anchor", [berlin(4), berlin(5), berlin(9)]),
        ([at_nine(1), at_nine(2, from_previous=True)], "anchor", [berlin(4), berlin(8)]),  # Saturday moves to Monday
        # Two on one day: the later one goes to its own hour of the next; only `push` takes the third along.
        ([at_nine(1), at_nine(1), elapsed(69)], "anchor", [berlin(4), berlin(5), berlin(6)]),
        ([at_nine(1), at_nine(1), elapsed(69)], "push", [berlin(4), berlin(5), berlin(7)]),
        ([elapsed(1), Step(Delay("calendar", days=0, at=time(16)))], "anchor", [berlin(3, 13), berlin(4, 16)]),
        ([elapsed(1), elapsed(2), elapsed(3)], "anchor", [berlin(3, 13), berlin(4, 9), berlin(5, 5)]),
        ([elapsed(0), elapsed(30, from_previous=True)], "push", [berlin(3, 12), berlin(4, 18)]),
        ([], "push", []),
    ],
)
def test_plans_by_example(steps, slip, dates):
    assert instants(plan(steps, start=WEDNESDAY, schedule=WEEK, slip=slip)) == dates


steps_of_any_kind = st.lists(
    st.builds(
        Step,
        st.one_of(
            st.builds(Delay, st.just("elapsed"), st.integers(0, 200).map(Decimal)),
            st.builds(
                Delay,
                st.sampled_from(["calendar", "business"]),
                days=st.integers(0, 9),
                at=st.none() | st.sampled_from([time(2, 30), time(9), time(20)]),
                outside=st.sampled_from(["", "as_is"]),
            ),
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
starts = st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 5), timezones=st.just(UTC))  # noqa: DTZ001


@given(steps=steps_of_any_kind, start=starts, slip=st.sampled_from(["anchor", "push"]))
def test_steps_stay_apart_and_come_no_sooner_than_their_delay(steps, start, slip):
    dues = plan(steps, start=start, schedule=WEEK, slip=slip)
    for n, (step, due) in enumerate(zip(steps, dues, strict=True)):
        counted_from = dues[n - 1].instant if step.from_previous and n else start
        assert due.instant >= delays.due(step.delay, start=counted_from, schedule=WEEK).instant
        assert n == 0 or due.instant - dues[n - 1].instant >= LEAST_GAP
    pushed = plan(steps, start=start, schedule=WEEK, slip="push")
    assert all(later.instant >= due.instant for due, later in zip(dues, pushed, strict=True))


@given(
    steps=steps_of_any_kind,
    start=starts,
    slip=st.sampled_from(["anchor", "push"]),
    late=st.timedeltas(timedelta(), timedelta(days=20)),
    index=st.integers(0, 5),
    more=st.timedeltas(timedelta(), timedelta(days=3)),
)
def test_a_late_step_moves_nothing_back_and_keeps_the_rest_apart(steps, start, slip, late, index, more):
    planned = plan(steps, start=start, schedule=WEEK, slip=slip)
    index = min(index, len(steps) - 1)
    happened = planned[index].instant + late
    found = repush(steps, planned, index=index, happened=happened, now=happened + more, schedule=WEEK, slip=slip)
    before = happened
    for old, new in zip(planned[index + 1 :], found, strict=True):
        assert new.instant >= old.instant
        if late:
            assert new.instant - before >= LEAST_GAP
            assert new.instant >= happened + more
        before = new.instant
    if not late:
        assert found == planned[index + 1 :]


@pytest.mark.parametrize(
    ("slip", "late", "dates"),
    [
        ("push", timedelta(minutes=20), [berlin(8), berlin(10, 12, 20)]),  # its own hour of the same day
        ("push", timedelta(hours=30), [berlin(9), berlin(11, 18)]),
        ("push", timedelta(days=3), [berlin(11), berlin(13, 12)]),
        ("anchor", timedelta(minutes=20), [berlin(8), berlin(10, 12)]),
        ("anchor", timedelta(days=3), [berlin(8), berlin(10, 12)]),
        ("anchor", timedelta(days=4), [berlin(9), berlin(10, 12)]),  # 20 hours after Monday at nine
        ("anchor", timedelta(days=8), [berlin(15), berlin(16, 5)]),
    ],
)
def test_a_late_step_by_example(slip, late, dates):
    steps = [at_nine(1), at_nine(5), elapsed(7 * 24)]
    planned = plan(steps, start=WEDNESDAY, schedule=WEEK, slip=slip)
    assert instants(planned) == [berlin(4), berlin(8), berlin(10, 12)]
    happened = berlin(4) + late
    found = repush(steps, planned, index=0, happened=happened, now=happened, schedule=WEEK, slip=slip)
    assert instants(found) == dates


def test_a_step_that_counts_from_the_one_before_counts_from_what_happened():
    steps = [elapsed(24), elapsed(48, from_previous=True)]
    planned = plan(steps, start=WEDNESDAY, schedule=WEEK, slip="anchor")
    late = planned[0].instant + timedelta(hours=5)
    found = repush(steps, planned, index=0, happened=late, now=late, schedule=WEEK, slip="anchor")
    assert instants(found) == [late + timedelta(hours=48)]


def test_a_preset_keeps_its_dates_however_late():
    steps = [elapsed(24 * days) for days in PRESETS["standard"]]
    planned = plan(steps, start=START, schedule=WEEK, slip="anchor", least_gap=timedelta())
    late = planned[2].instant + timedelta(hours=1)
    found = repush(
        steps, planned, index=0, happened=late, now=late, schedule=WEEK, slip="anchor", least_gap=timedelta()
    )
    assert found == planned[1:]


def test_a_pause_moves_dates_on_the_local_clock():
    steps = [at_nine(1), at_nine(6)]
    planned = plan(steps, start=berlin(20, month=3), schedule=WEEK, slip="push")
    assert instants(planned) == [berlin(23, month=3), berlin(26, month=3)]

    def after(pause: timedelta) -> list[Due]:
        return shift(steps, planned, pause, schedule=WEEK)

    week = after(timedelta(days=7))  # the clock changed in between
    assert instants(week) == [berlin(30, month=3), berlin(2, month=4)]
    assert [due.wall.hour for due in week] == [9, 9]
    assert instants(after(timedelta(hours=5)))[0] == berlin(23, 14, month=3)
    assert after(timedelta()) == planned


@pytest.mark.parametrize(
    ("began", "ended", "length"),
    [
        (berlin(27, 10, month=3), berlin(30, 10, month=3), timedelta(days=3)),
        (berlin(28, 23, month=3), berlin(29, 4, month=3), timedelta(hours=4)),
        (berlin(28, 10, month=3), berlin(29, 9, month=3), timedelta(hours=22)),
        (berlin(24, 10, month=10), berlin(25, 11, month=10), timedelta(days=1, hours=1)),
        (berlin(24, 10, month=10), berlin(25, 9, month=10), timedelta(hours=24)),
        (berlin(30, 10, month=3), berlin(27, 10, month=3), timedelta()),
    ],
)
def test_the_length_of_a_pause_is_counted_in_local_days(began: datetime, ended: datetime, length: timedelta) -> None:
    assert pause_length(began, ended, BERLIN) == length


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="anchor or push"):
        plan([at_nine(1)], start=START, schedule=WEEK, slip="drift")
    with pytest.raises(ValueError, match="cannot end before it began"):
        shift([], [], -timedelta(hours=1), schedule=WEEK)
