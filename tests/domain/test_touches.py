"""The next touch of a contact: a period after the last one at 08:00 local, month ends kept, days with room."""

from calendar import monthrange
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from domain import touches

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Auckland",
        "UTC",
    )
]
STEPS = {
    "daily": {"days": 1},
    "weekly": {"weeks": 1},
    "biweekly": {"weeks": 2},
    "days:10": {"days": 10},
    "monthly": {"months": 1},
    "quarterly": {"months": 3},
    "yearly": {"years": 1},
}
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def naive_day(cadence: str, day: date, anchor: int | None) -> date:
    """Month arithmetic by hand: the plain calendar, with the day first chosen put back where a month's end cut it."""
    found = day + relativedelta(**STEPS[cadence])
    months = cadence in ("monthly", "quarterly", "yearly")
    if months and anchor and day == day + relativedelta(day=31) and day.day < anchor:
        found = found.replace(day=min(anchor, monthrange(found.year, found.month)[1]))
    return found


@given(
    cadence=st.sampled_from(sorted(STEPS)),
    base=INSTANTS,
    zone=st.sampled_from(ZONES),
    anchor=st.none() | st.integers(1, 31),
)
def test_agrees_with_a_naive_calendar(cadence, base, zone, anchor):
    found = touches.after(cadence, base, anchor_day=anchor, zone=zone)
    wall = datetime.combine(naive_day(cadence, base.astimezone(zone).date(), anchor), time(8))
    assert found > base
    assert found.astimezone(zone).replace(tzinfo=None) == wall


@given(
    cadence=st.sampled_from(sorted(STEPS)),
    due=INSTANTS,
    zone=st.sampled_from(ZONES),
    anchor=st.none() | st.integers(1, 31),
    late=st.integers(0, 3_000),
)
def test_what_was_missed_is_counted_day_by_day(cadence, due, zone, anchor, late):
    due = touches.after(cadence, due, anchor_day=anchor, zone=zone)  # a touch that a cadence planned
    now = due + timedelta(hours=late)
    day, chosen = due.astimezone(zone).date(), touches.anchor_for(due.astimezone(zone).date(), anchor)
    days = [day]
    while True:
        following = day + relativedelta(**{unit: n * len(days) for unit, n in STEPS[cadence].items()})
        if cadence in ("monthly", "quarterly", "yearly"):
            following = following.replace(day=min(chosen, monthrange(following.year, following.month)[1]))
        if datetime.combine(following, time(8), zone) > now:
            break
        days.append(following)
    found = touches.collapsed(cadence, due=due, now=now, anchor_day=anchor, zone=zone)
    assert found.count == len(days)
    assert found.latest.astimezone(zone).date() == days[-1]
    assert found.following.astimezone(zone).date() == following
    assert found.latest <= now < found.following


def test_month_ends_keep_the_day_first_chosen():
    at, days = datetime(2027, 1, 31, 15, tzinfo=BERLIN), []
    for _ in range(4):
        at = touches.after("monthly", at, anchor_day=31, zone=BERLIN)
        days.append(at.astimezone(BERLIN).strftime("%m-%d %H:%M"))
    assert days == ["02-28 08:00", "03-31 08:00", "04-30 08:00", "05-31 08:00"]


def test_a_touch_in_mid_month_starts_the_month_anew():
    at = touches.after("monthly", datetime(2027, 3, 12, 15, tzinfo=BERLIN), anchor_day=31, zone=BERLIN)
    assert at.astimezone(BERLIN).date() == date(2027, 4, 12)
    at = touches.after("monthly", datetime(2027, 1, 31, 15, tzinfo=BERLIN), anchor_day=1, zone=BERLIN)
    assert at.astimezone(BERLIN).date() == date(2027, 2, 28), "a month later, not the next morning"


def test_the_task_is_due_by_the_evening_or_in_eight_hours():
    morning = datetime(2027, 6, 2, 8, tzinfo=BERLIN)
    assert touches.task_due(morning, now=morning, zone=BERLIN) == datetime(2027, 6, 2, 17, tzinfo=BERLIN)
    late = datetime(2027, 6, 9, 11, tzinfo=BERLIN)
    assert touches.task_due(morning, now=late, zone=BERLIN) == late + timedelta(hours=8)


@given(
    wanted=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    most=st.integers(1, 4),
    zone=st.sampled_from(ZONES),
    owner_zone=st.sampled_from(ZONES),
)
def test_no_day_holds_more_than_it_may_and_none_is_skipped(wanted, most, zone, owner_zone):
    start = datetime(2027, 3, 15, 8, tzinfo=zone)  # around clock changes of several zones
    held: Counter[date] = Counter()
    for days in wanted:
        at = start + timedelta(days=days)
        found = touches.with_room(
            at,
            zone=zone,
            owner_zone=owner_zone,
            has_room=lambda day: held[day] < most,
            is_working_day=lambda day: day.weekday() < 5,
        )
        day = found.astimezone(owner_zone).date()
        first = at.astimezone(owner_zone).date()
        assert found.astimezone(zone).time() == time(8)
        assert day == first or day.weekday() < 5
        passed = [first + timedelta(days=n) for n in range((day - first).days)]
        assert all(held[one] >= most for one in passed if one == first or one.weekday() < 5)
        held[day] += 1
    assert max(held.values()) <= most


def test_a_calendar_without_a_working_day_moves_nothing():
    at = datetime(2027, 6, 2, 8, tzinfo=UTC)
    found = touches.with_room(
        at, zone=BERLIN, owner_zone=BERLIN, has_room=lambda day: day != at.date(), is_working_day=lambda day: False
    )
    assert found == at


def test_an_unknown_cadence_is_refused():
    with pytest.raises(ValueError, match="daily, weekly"):
        touches.after("hourly", datetime(2027, 6, 2, tzinfo=UTC), anchor_day=None, zone=BERLIN)
