"""When a task is due that somebody puts on a day."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import calendars, placing

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = calendars.Schedule(calendars.DEFAULT_WEEK, BERLIN)
NIGHTS = calendars.Schedule((calendars.Span(2, time(22), time(6)),), BERLIN)
NOW = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
instants = st.integers(0, 365 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(st.none() | instants, instants, st.integers(0, 60))
def test_it_is_due_on_that_day_and_not_past(was: datetime | None, now: datetime, ahead: int) -> None:
    day = now.astimezone(BERLIN).date() + timedelta(days=ahead)
    due = placing.due_on(day, was=was, plan=WEEK, now=now)
    assert placing.day_of(due, WEEK) == day
    assert due > now or due == was


@given(instants, instants)
def test_what_is_due_on_the_day_stays_as_it_is(was: datetime, now: datetime) -> None:
    assert placing.due_on(placing.day_of(was, WEEK), was=was, plan=WEEK, now=now) == was


def local(day: int, hour: int) -> datetime:
    return datetime(2026, 6, day, hour, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("day", "was", "plan", "due"),
    [
        (19, local(17, 9), WEEK, local(19, 9)),
        (19, None, WEEK, local(19, 17)),
        (17, local(19, 9), WEEK, local(17, 17)),  # nine is past
        (20, None, WEEK, local(21, 0)),  # a Saturday
        (24, None, NIGHTS, local(25, 0)),  # work that begins in the evening ends on the next day
    ],
)
def test_the_time_of_day(day: int, was: datetime | None, plan: calendars.Schedule, due: datetime) -> None:
    assert placing.due_on(date(2026, 6, day), was=was, plan=plan, now=NOW) == due


def test_a_day_that_is_over_is_refused() -> None:
    with pytest.raises(ValueError, match="This day is over"):
        placing.due_on(date(2026, 6, 16), was=None, plan=WEEK, now=NOW)
