"""Recurrence: month ends keep their day, days keep their wall time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from domain.recurrence import CADENCES, next_occurrence

BERLIN = ZoneInfo("Europe/Berlin")


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
    cadence=st.sampled_from(CADENCES),
    after=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_agrees_with_dateutil_on_the_wall(cadence, after):
    steps = {
        "daily": {"days": 1},
        "weekly": {"weeks": 1},
        "biweekly": {"weeks": 2},
        "monthly": {"months": 1},
        "quarterly": {"months": 3},
        "yearly": {"years": 1},
    }
    wall = after.astimezone(BERLIN).replace(tzinfo=None) + relativedelta(**steps[cadence])
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
