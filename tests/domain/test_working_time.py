"""Counting in working time: hours and days on, against a minute by minute count in zones that change their clocks."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendars import (
    DEFAULT_WEEK,
    Clock,
    NoWorkingTime,
    Schedule,
    Span,
    add_working_days,
    add_working_hours,
    from_wall,
    is_working_day,
    next_working_day,
    working_day_after,
    working_hours,
)
from tests.domain import slow

BERLIN, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")
WEEK = Schedule(DEFAULT_WEEK, BERLIN)

# A day or two before the clock changes, so that every example is near a change.
CHANGES = [
    (BERLIN, date(2026, 3, 28)),
    (BERLIN, date(2026, 10, 24)),
    (ZoneInfo("America/New_York"), date(2026, 3, 7)),
    (ZoneInfo("America/New_York"), date(2026, 10, 31)),
    (ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 4)),
    (ZoneInfo("Australia/Lord_Howe"), date(2026, 10, 3)),
    (ZoneInfo("Africa/Casablanca"), date(2026, 2, 14)),
    (ZoneInfo("Africa/Casablanca"), date(2026, 3, 21)),
    (ZoneInfo("America/St_Johns"), date(2010, 11, 6)),
    (APIA, date(2011, 12, 29)),
    (ZoneInfo("UTC"), date(2026, 6, 1)),
]

quarter_spans = st.tuples(
    st.integers(0, 6), st.integers(0, 95).map(lambda n: n * 15), st.integers(0, 95).map(lambda n: n * 15)
)
weeks = st.lists(quarter_spans, min_size=1, max_size=5)


def schedule_of(spans, off, zone):
    def clock(minutes):
        return time(minutes // 60, minutes % 60)

    return Schedule(tuple(Span(day, clock(a), clock(b)) for day, a, b in spans), zone, frozenset(off))


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(), change=st.sampled_from(CHANGES), spans=weeks, into=st.integers(0, 2 * 24 * 4), skip=st.booleans()
)
def test_hours_on_agree_with_counting_minutes(data, change, spans, into, skip):
    zone, day = change
    off = {day + timedelta(days=1)} if skip else set()
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=15 * into)
    worked = slow.working_minutes(spans, off, zone, start, days=9)
    total = sum(worked)
    minutes = data.draw(st.integers(0, total))
    schedule = schedule_of(spans, off, zone)
    found = add_working_hours(schedule, start, Decimal(minutes) / 60)
    seen, expected = 0, start
    for n, minute in enumerate(worked):
        if seen == minutes:
            break
        seen += minute
        expected = start + (n + 1) * slow.MINUTE
    assert found == expected
    assert working_hours(schedule, start=start, end=start + timedelta(days=9)) == Decimal(total) / 60


@settings(deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    spans=weeks,
    into=st.integers(0, 200_000),
    hours=st.decimals(0, 300, places=4),
    off=st.sets(st.integers(0, 20), max_size=5),
)
def test_counting_back_gives_the_hours_again(change, spans, into, hours, off):
    zone, day = change
    schedule = schedule_of(
        [span for span in spans if span[1] != span[2]] or [(0, 540, 1020)], {day + timedelta(days=n) for n in off}, zone
    )
    start = from_wall(datetime.combine(day, time()), zone) + timedelta(seconds=into)
    found = add_working_hours(schedule, start, hours)
    assert abs(working_hours(schedule, start=start, end=found) - hours) * 3_600_000_000 < 1
    assert hours == 0 or working_hours(schedule, start=start, end=found - timedelta(microseconds=1)) < hours


@settings(max_examples=60, deadline=None)
@given(change=st.sampled_from(CHANGES), spans=weeks, into=st.integers(0, 96), ends=st.lists(st.integers(-5, 400)))
def test_a_clock_tells_what_counting_tells(change, spans, into, ends):
    zone, day = change
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=15 * into)
    schedule = schedule_of(spans, {day + timedelta(days=1)}, zone)
    clock = Clock(schedule, start=start, end=start + timedelta(days=4))
    for end in ends:
        instant = start + timedelta(minutes=20 * end)
        within = min(instant, start + timedelta(days=4))
        assert clock.hours(instant) == working_hours(schedule, start=start, end=within)


@pytest.mark.parametrize(
    ("start", "hours", "found"),
    [
        (berlin(2026, 6, 5, 16), 2, berlin(2026, 6, 8, 10)),  # Friday afternoon
        (berlin(2026, 6, 5, 16), 1, berlin(2026, 6, 5, 17)),  # the day's end, not the next morning
        (berlin(2026, 6, 6, 12), 0, berlin(2026, 6, 6, 12)),
        (berlin(2026, 6, 6, 12), 1, berlin(2026, 6, 8, 10)),
        (berlin(2026, 3, 27, 16), 8, berlin(2026, 3, 30, 16)),  # a clock change on the Sunday between
    ],
)
def test_hours_on_by_example(start, hours, found):
    assert add_working_hours(WEEK, start, hours) == found


def test_a_day_that_was_shown_before_the_clock_went_back_counts():
    """Until 2011 the clock of St. John's went from 00:01 back to 23:01 of the day before."""
    sundays = Schedule((Span(6, time(0), time(8)),), ZoneInfo("America/St_Johns"))
    midnight = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    assert working_hours(sundays, start=midnight, end=midnight + timedelta(minutes=30)) == Decimal("0.5")


def test_a_night_shift_loses_an_hour_in_spring_and_gains_one_in_autumn():
    nights = Schedule((Span(5, time(22), time(6)),), BERLIN)
    assert add_working_hours(nights, berlin(2026, 3, 28, 20), 7) == berlin(2026, 3, 29, 6)
    assert add_working_hours(nights, berlin(2026, 10, 24, 20), 9) == berlin(2026, 10, 25, 6)


@pytest.mark.parametrize(
    ("start", "days", "found"),
    [
        (date(2026, 6, 3), 0, date(2026, 6, 3)),
        (date(2026, 6, 3), 2, date(2026, 6, 5)),
        (date(2026, 6, 4), 2, date(2026, 6, 8)),
        (date(2026, 6, 5), 1, date(2026, 6, 8)),
        (date(2026, 6, 6), 0, date(2026, 6, 8)),  # the count starts on Monday
        (date(2026, 6, 6), 1, date(2026, 6, 9)),
        (date(2026, 6, 7), 1, date(2026, 6, 9)),
    ],
)
def test_days_on_by_example(start, days, found):
    assert working_day_after(WEEK, start, days) == found


@given(start=st.dates(date(2020, 1, 1), date(2030, 1, 1)), days=st.integers(0, 30), off=st.sets(st.integers(0, 60)))
def test_days_on_pass_over_that_many_working_days(start, days, off):
    schedule = Schedule(DEFAULT_WEEK, BERLIN, frozenset(start + timedelta(days=n) for n in off))
    found = working_day_after(schedule, start, days)

    def works(day):
        return day.weekday() < 5 and (day - start).days not in off

    passed = [start + timedelta(days=n) for n in range((found - start).days + 1)]
    assert works(found)
    assert sum(map(works, passed)) == days + 1


def test_days_keep_their_wall_time():
    assert add_working_days(WEEK, berlin(2026, 3, 27, 18, 30), 1) == berlin(2026, 3, 30, 18, 30)


def test_a_night_shift_is_a_working_day_on_the_evening_it_begins():
    nights = Schedule((Span(4, time(22), time(6)),), BERLIN)
    assert is_working_day(nights, date(2026, 6, 5))
    assert not is_working_day(nights, date(2026, 6, 6))
    assert next_working_day(nights, date(2026, 6, 5)) == date(2026, 6, 12)


def test_a_day_that_the_zone_skipped_is_no_working_day():
    week = Schedule(DEFAULT_WEEK, APIA)
    assert not is_working_day(week, date(2011, 12, 30))
    assert next_working_day(week, date(2011, 12, 29)) == date(2012, 1, 2)


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule((), BERLIN),
        Schedule((Span(0, time(9), time(17)),), BERLIN, type("Always", (), {"__contains__": lambda self, day: True})()),
    ],
)
def test_without_working_time_nothing_can_be_counted(schedule):
    with pytest.raises(NoWorkingTime, match="check working hours and days off"):
        add_working_hours(schedule, berlin(2026, 6, 1), 1)
    with pytest.raises(NoWorkingTime):
        working_day_after(schedule, date(2026, 6, 1), 0)


def test_nothing_is_counted_backwards():
    with pytest.raises(ValueError, match="0 or more"):
        add_working_hours(WEEK, berlin(2026, 6, 1), -1)
    with pytest.raises(ValueError, match="0 or more"):
        add_working_days(WEEK, berlin(2026, 6, 1), -1)
