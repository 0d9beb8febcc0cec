"""Recurrence: month ends keep their day, days keep their wall time, a downtime comes to one occurrence."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import from_wall
from domain.recurrence import CADENCES, check_cadence, collapse, label, next_occurrence, occurrences_between

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    BERLIN,
    *map(ZoneInfo, ("America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "UTC")),
]
STEPS = {
    "daily": {"days": 1},
    "weekly": {"weeks": 1},
    "biweekly": {"weeks": 2},
    "days:10": {"days": 10},
    "days:3650": {"days": 3650},
    "monthly": {"months": 1},
    "quarterly": {"months": 3},
    "yearly": {"years": 1},
}


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)


def test_month_ends_anchor_to_the_first_day_chosen():
    at, days = local(2027, 12, 31, 9), []
    for _ in range(5):
        at = next_occurrence("monthly", after=at, anchor_day=31, zone=BERLIN)
        days.append(at.astimezone(BERLIN).strftime("%m-%d %H:%M"))
    assert days == ["01-31 09:00", "02-29 09:00", "03-31 09:00", "04-30 09:00", "05-31 09:00"]


def test_a_leap_day_comes_back_in_leap_years():
    at = next_occurrence("yearly", after=local(2027, 2, 28, 9), anchor_day=29, zone=BERLIN)
    assert at == local(2028, 2, 29, 9)


def test_a_skipped_wall_time_is_the_first_instant_after_the_gap():
    at = next_occurrence("daily", after=local(2026, 3, 28, 2, 30), zone=BERLIN)
    assert at.astimezone(BERLIN).replace(tzinfo=None) == datetime(2026, 3, 29, 3)  # noqa: DTZ001 - wall time


@given(
    cadence=st.sampled_from([*CADENCES, "days:10", "days:3650"]),
    after=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_agrees_with_dateutil_on_the_wall(cadence, after):
    wall = after.astimezone(BERLIN).replace(tzinfo=None) + relativedelta(**STEPS[cadence])
    found = next_occurrence(cadence, after=after, zone=BERLIN)
    assert found > after
    assert found.tzinfo is UTC
    shown = found.astimezone(BERLIN).replace(tzinfo=None, fold=0)
    in_gap = wall.replace(tzinfo=BERLIN).astimezone(UTC).astimezone(BERLIN).replace(tzinfo=None, fold=0) != wall
    assert shown == wall.replace(fold=0) or in_gap


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="daily, weekly, biweekly, monthly, quarterly, yearly"):
        next_occurrence("hourly", after=local(2026, 1, 1), zone=BERLIN)
    with pytest.raises(ValueError, match="from 1 to 31"):
        next_occurrence("monthly", after=local(2026, 1, 1), anchor_day=32, zone=BERLIN)


def test_every_so_many_days():
    assert next_occurrence("days:10", after=local(2026, 3, 25, 9), zone=BERLIN) == local(2026, 4, 4, 9)
    assert [label(word) for word in ("weekly", "days:10", "days:1")] == ["Weekly", "Every 10 days", "Every day"]
    assert check_cadence("days:3650") == "days:3650"


@pytest.mark.parametrize(
    "word", ["", "hourly", "days:0", "days:3651", "days:010", "days:-1", "days:x", "Weekly", "days:1 "]
)
def test_other_cadences_are_refused_with_the_list(word):
    for ask in (check_cadence, label):
        with pytest.raises(ValueError, match=r"daily, weekly, .*days:N with N from 1 to 3650"):
            ask(word)


def test_a_leap_day_series_runs_on_the_28th_in_between():
    found = occurrences_between(
        "yearly", first=local(2024, 2, 29, 9), start=local(2024, 1, 1), end=local(2029, 1, 1), zone=BERLIN
    )
    days = [at.astimezone(BERLIN).strftime("%Y-%m-%d") for at in found]
    assert days == ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]


def series(cadence, first, anchor_day, zone, until):
    """The plain way: one wall time after the other, all counted from the first."""
    wall, found = first.astimezone(zone).replace(tzinfo=None), [first]
    while found[-1] <= until:
        later = wall + relativedelta(**{unit: n * len(found) for unit, n in STEPS[cadence].items()})
        if cadence in ("monthly", "quarterly", "yearly") and anchor_day:
            later += relativedelta(day=anchor_day)
        found.append(from_wall(later, zone))
    return found


@given(
    cadence=st.sampled_from(sorted(STEPS)),
    first=st.datetimes(datetime(2010, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    length=st.timedeltas(timedelta(), timedelta(days=900)),
    anchor_day=st.none() | st.integers(28, 31),
    zone=st.sampled_from(ZONES),
)
def test_what_a_downtime_comes_to_agrees_with_going_through_it(cadence, first, length, anchor_day, zone):
    now = first + length
    slow = series(cadence, first, anchor_day, zone, now)
    missed = collapse(cadence, due=first, now=now, anchor_day=anchor_day, zone=zone)
    assert (missed.latest, missed.following, missed.count) == (slow[-2], slow[-1], len(slow) - 1)
    assert missed.latest <= now < missed.following
    between = occurrences_between(
        cadence, first=first, start=first + length / 2, end=now, anchor_day=anchor_day, zone=zone
    )
    assert between == sorted({at for at in slow if first + length / 2 <= at < now})


def test_a_decade_of_days_is_not_walked_through(monkeypatch):
    asked = []
    monkeypatch.setattr("domain.recurrence.from_wall", lambda wall, zone: asked.append(wall) or from_wall(wall, zone))
    missed = collapse("daily", due=local(1996, 6, 1, 9), now=local(2026, 6, 1, 9), zone=BERLIN)
    assert (missed.latest, missed.count) == (local(2026, 6, 1, 9), 10_958)
    assert len(asked) < 10


def test_the_first_hour_chosen_comes_back_after_a_gap():
    moved = local(2026, 3, 29, 3)  # 02:30 does not exist that day
    assert next_occurrence("daily", after=moved, zone=BERLIN, at=time(2, 30)) == local(2026, 3, 30, 2, 30)
    missed = collapse("daily", due=moved, now=local(2026, 3, 31, 12), zone=BERLIN, at=time(2, 30))
    assert missed.latest == local(2026, 3, 31, 2, 30)


def test_a_midnight_that_was_over_before_the_clock_went_back_counts():
    st_johns = ZoneInfo("America/St_Johns")  # until 2011 the clock went from 00:01 back to 23:01 of the day before
    midnight = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    missed = collapse("daily", due=midnight - timedelta(days=2), now=midnight + timedelta(minutes=30), zone=st_johns)
    assert (missed.latest, missed.count) == (midnight, 3)


def test_only_what_is_due_collapses():
    with pytest.raises(ValueError, match="still to come"):
        collapse("daily", due=local(2026, 6, 2), now=local(2026, 6, 1), zone=BERLIN)
