"""Local time: gaps and folds on their real dates, working time against a slow count."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendars import (
    DEFAULT_WEEK,
    Schedule,
    Span,
    first_zone,
    from_wall,
    next_local_time,
    shift_into_working_time,
    week_of,
    working_hours,
)

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE, APIA = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")
WEEK = Schedule(DEFAULT_WEEK, BERLIN)


def wall(*parts: int) -> datetime:
    return datetime(*parts)  # noqa: DTZ001 - a wall time has no zone


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_the_first_known_zone_counts_and_unknown_ones_are_reported():
    zone = first_zone(None, "", "Mars/Base", "Europe", "../etc", "America/New_York", "UTC")
    assert (zone.zone, zone.name, zone.unknown) == (NEW_YORK, "America/New_York", ("Mars/Base", "Europe", "../etc"))
    assert first_zone(None).name == "UTC"


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/Europe/Berlin"])
def test_files_of_a_host_that_name_no_place_are_unknown_zones(name):
    zone = first_zone(name, "Europe/Berlin")
    assert (zone.name, zone.unknown) == ("Europe/Berlin", (name,))


@pytest.mark.parametrize(
    ("at", "zone", "instant"),
    [
        (wall(2026, 3, 29, 2, 30), BERLIN, utc(2026, 3, 29, 1)),  # 02:00-03:00 does not exist
        (wall(2026, 3, 29, 2), BERLIN, utc(2026, 3, 29, 1)),
        (wall(2026, 3, 29, 2, 59, 59, 999999), BERLIN, utc(2026, 3, 29, 1)),
        (wall(2026, 3, 29, 3), BERLIN, utc(2026, 3, 29, 1)),
        (wall(2026, 10, 25, 2, 30), BERLIN, utc(2026, 10, 25, 0, 30)),  # comes twice
        (wall(2026, 11, 1, 1, 30), NEW_YORK, utc(2026, 11, 1, 5, 30)),
        (wall(2026, 10, 4, 2, 10), LORD_HOWE, utc(2026, 10, 3, 15, 30)),  # half an hour
        (wall(2011, 12, 30, 9), APIA, utc(2011, 12, 30, 10)),  # a whole day was skipped
    ],
)
def test_gaps_and_folds(at, zone, instant):
    assert from_wall(at, zone) == instant
    assert from_wall(at.replace(fold=1), zone) == instant


def test_a_zoned_time_is_not_a_wall_time():
    with pytest.raises(ValueError, match="naive"):
        from_wall(utc(2026, 1, 1), BERLIN)


@given(
    at=st.datetimes(wall(2000, 1, 1), wall(2037, 1, 1)),
    zone=st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, APIA]),
)
def test_from_wall_is_the_first_instant_that_shows_at_least_that_time(at, zone):
    at = at.replace(microsecond=0)
    found = from_wall(at, zone)
    assert found.astimezone(zone).replace(tzinfo=None) >= at
    assert (found - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < at


def test_the_default_week_has_forty_hours_also_when_the_clock_changes():
    for monday in (date(2026, 3, 23), date(2026, 10, 19), date(2026, 6, 1)):
        start, end = week_of(from_wall(datetime.combine(monday, time(12)), BERLIN), BERLIN)
        assert working_hours(WEEK, start=start, end=end) == 40
    assert end - start == timedelta(days=7)


def test_a_night_shift_is_shorter_in_spring_and_longer_in_autumn():
    nights = Schedule((Span(5, time(22), time(6)),), BERLIN)
    hours = [
        working_hours(nights, start=utc(2026, month, day), end=utc(2026, month, day) + timedelta(days=3))
        for month, day in ((3, 27), (6, 5), (10, 23))
    ]
    assert hours == [7, 8, 9]


def test_days_off_overlaps_and_empty_ranges():
    start, end = utc(2026, 6, 1), utc(2026, 6, 8)
    off = Schedule(DEFAULT_WEEK, BERLIN, frozenset({date(2026, 6, 3), date(2026, 6, 6)}))
    assert working_hours(off, start=start, end=end) == 32
    double = Schedule((*DEFAULT_WEEK, Span(0, time(8), time(10))), BERLIN)
    assert working_hours(double, start=start, end=end) == 41
    assert working_hours(WEEK, start=end, end=start) == 0


spans = st.lists(
    st.builds(
        Span, st.integers(0, 6), st.sampled_from([time(h) for h in range(24)]), st.sampled_from([time(5), time(17)])
    ),
    max_size=4,
)


@settings(max_examples=60)
@given(spans=spans, first=st.integers(0, 200), length=st.integers(0, 60), off=st.integers(22, 31))
def test_working_hours_agree_with_a_quarter_hourly_count(spans, first, length, off):
    schedule = Schedule(tuple(spans), BERLIN, frozenset({date(2026, 3, off)}))
    start = utc(2026, 3, 25) + timedelta(hours=first)
    quarters = [start + timedelta(minutes=15 * n) for n in range(length * 4)]
    days = [date(2026, 3, 20) + timedelta(days=n) for n in range(25)]
    intervals = [
        (
            from_wall(datetime.combine(day, span.starts), BERLIN),
            from_wall(datetime.combine(day + timedelta(days=span.ends <= span.starts), span.ends), BERLIN),
        )
        for day in days
        for span in spans
        if day.weekday() == span.weekday and day not in schedule.days_off
    ]
    slow = sum(any(begin <= at < end for begin, end in intervals) for at in quarters)
    assert working_hours(schedule, start=start, end=start + timedelta(hours=length)) == Decimal(slow) / 4


@given(now=st.datetimes(wall(2026, 1, 1), wall(2027, 1, 1), timezones=st.just(UTC)), hour=st.integers(0, 23))
def test_next_local_time_is_within_a_day_and_strictly_later(now, hour):
    found = next_local_time(now, BERLIN, hour, 30)
    assert timedelta() < found - now <= timedelta(hours=25)
    shown = found.astimezone(BERLIN)
    assert (shown.hour, shown.minute) in ((hour, 30), (3, 0))
    assert next_local_time(found, BERLIN, hour, 30) > found


@pytest.mark.parametrize(
    ("at", "following", "preceding"),
    [
        (wall(2026, 6, 6, 12), wall(2026, 6, 8, 9), wall(2026, 6, 5, 17)),  # Saturday
        (wall(2026, 6, 3, 8), wall(2026, 6, 3, 9), wall(2026, 6, 2, 17)),
        (wall(2026, 6, 3, 18), wall(2026, 6, 4, 9), wall(2026, 6, 3, 17)),
        (wall(2026, 6, 3, 17), wall(2026, 6, 3, 17), wall(2026, 6, 3, 17)),
        (wall(2026, 6, 3, 11), wall(2026, 6, 3, 11), wall(2026, 6, 3, 11)),
    ],
)
def test_a_due_time_moves_by_the_choice(at, following, preceding):
    instant = from_wall(at, BERLIN)
    assert shift_into_working_time(instant, WEEK, "next") == from_wall(following, BERLIN)
    assert shift_into_working_time(instant, WEEK, "previous") == from_wall(preceding, BERLIN)
    assert shift_into_working_time(instant, WEEK, "as_is") == instant


def test_without_working_time_nothing_moves():
    instant = utc(2026, 6, 6, 12)
    assert shift_into_working_time(instant, Schedule((), BERLIN), "next") == instant
    with pytest.raises(ValueError, match="next, previous or as_is"):
        shift_into_working_time(instant, WEEK, "later")
