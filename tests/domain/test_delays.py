"""Delays: the three kinds by example and against a plain reading, across clock changes and without working time."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import delays
from domain.calendars import DEFAULT_WEEK, Schedule, Span
from domain.delays import Delay
from tests.domain import slow

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    BERLIN,
    *map(ZoneInfo, ("America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "UTC")),
]
WEEK = Schedule(DEFAULT_WEEK, BERLIN)
NEVER = Schedule((), BERLIN)
NINE = time(9)


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("delay", "start", "due"),
    [
        (Delay(), berlin(2026, 6, 6, 12), berlin(2026, 6, 6, 12)),
        (Delay(hours=Decimal(72)), berlin(2026, 3, 27, 12), berlin(2026, 3, 30, 13)),  # elapsed: the clock is moved
        (Delay(hours=Decimal(2), outside="next"), berlin(2026, 6, 5, 16), berlin(2026, 6, 8, 9)),
        (Delay(hours=Decimal(2), outside="previous"), berlin(2026, 6, 5, 16), berlin(2026, 6, 5, 17)),
        (Delay("calendar", days=3, at=NINE), berlin(2026, 3, 27, 12), berlin(2026, 3, 30, 9)),
        (Delay("calendar", days=3), berlin(2026, 3, 27, 12), berlin(2026, 3, 30, 12)),  # the same wall time
        (Delay("calendar", days=1, at=NINE), berlin(2026, 6, 5, 12), berlin(2026, 6, 8, 9)),  # Saturday moves on
        (Delay("calendar", days=1, at=NINE, outside="as_is"), berlin(2026, 6, 5, 12), berlin(2026, 6, 6, 9)),
        (Delay("calendar", days=1, at=NINE, outside="previous"), berlin(2026, 6, 5, 12), berlin(2026, 6, 5, 17)),
        (Delay("calendar", days=0, at=time(14)), berlin(2026, 6, 3, 12), berlin(2026, 6, 3, 14)),
        (Delay("calendar", days=0, at=NINE), berlin(2026, 6, 3, 12), berlin(2026, 6, 4, 9)),  # that hour is over
        (Delay("calendar", days=1, at=time(2, 30), outside="as_is"), berlin(2026, 3, 28, 1), berlin(2026, 3, 29, 3)),
        (Delay("business", days=3), berlin(2026, 6, 3, 11), berlin(2026, 6, 8, 11)),
        (Delay("business", days=1), berlin(2026, 6, 5, 18), berlin(2026, 6, 9, 9)),  # as if it came on Monday at nine
        (Delay("business", days=1), berlin(2026, 6, 6, 11), berlin(2026, 6, 9, 11)),
        (Delay("business", days=2, at=time(8)), berlin(2026, 6, 3, 11), berlin(2026, 6, 5, 9)),
        (Delay("business", days=0, at=NINE), berlin(2026, 6, 5, 11), berlin(2026, 6, 8, 9)),
        (Delay("business", hours=Decimal(10)), berlin(2026, 6, 5, 16), berlin(2026, 6, 9, 10)),
        (Delay("business", hours=Decimal("1.5")), berlin(2026, 6, 6, 3), berlin(2026, 6, 8, 10, 30)),
        (Delay("business"), berlin(2026, 6, 6, 3), berlin(2026, 6, 8, 9)),
    ],
)
def test_by_example(delay, start, due):
    found = delays.due(delay, start=start, schedule=WEEK)
    assert found.instant == due
    assert found.instant.tzinfo is UTC
    assert (found.wall, found.zone, found.note) == (due.replace(tzinfo=None), "Europe/Berlin", "")


def test_the_second_of_two_equal_hours_is_kept():
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 in Berlin, the second time
    sundays = Schedule((Span(6, time(0), time(12)),), BERLIN)
    for delay in (Delay(), Delay("calendar", days=0, outside="as_is"), Delay("business", days=0)):
        assert delays.due(delay, start=second, schedule=sundays).instant == second


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2011, 12, 20), datetime(2012, 1, 5), timezones=st.just(UTC))  # noqa: DTZ001
    | st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    days=st.integers(1, 60),
    at=st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_calendar_days_agree_with_reading_the_clock(zone, start, days, at):
    start = start.replace(second=0, microsecond=0)
    wall = slow.shown(start, zone) + timedelta(days=days)
    wall = datetime.combine(wall.date(), at) if at else wall
    delay = Delay("calendar", days=days, at=at, outside="as_is")
    found = delays.due(delay, start=start, schedule=Schedule((), zone))
    assert found.instant == slow.first_showing(wall, zone)
    assert found.wall == slow.shown(found.instant, zone)
    assert found.instant >= start


kinds = st.one_of(
    st.builds(Delay, st.just("elapsed"), st.decimals(0, 900, places=2), outside=st.sampled_from(["", "next", "as_is"])),
    st.builds(
        Delay,
        st.sampled_from(["calendar", "business"]),
        days=st.integers(0, 40),
        at=st.none() | st.times(),
        outside=st.sampled_from(["", "next", "as_is"]),
    ),
    st.builds(Delay, st.just("business"), st.decimals(0, 200, places=2)),
)


@given(
    delay=kinds,
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    week=st.sampled_from([DEFAULT_WEEK, (Span(5, time(22), time(6)), Span(2, time(1), time(4))), ()]),
)
def test_nothing_is_due_before_it_began_and_moved_times_are_working_times(delay, zone, start, week):
    schedule = Schedule(week, zone, frozenset({date(2026, 5, 1)}))
    found = delays.due(delay, start=start, schedule=schedule)
    assert found.instant >= start
    assert bool(found.note) == (delay.kind == "business" and not week and (delay.days is not None or delay.hours > 0))
    if week and delays.outside(delay) == "next":
        around = slow.working_minutes(
            [(s.weekday, s.starts.hour * 60, s.ends.hour * 60) for s in week],
            schedule.days_off,
            zone,
            found.instant.replace(second=0, microsecond=0) - timedelta(minutes=1),
            days=1,
        )
        assert around[1] or around[0]  # within, or at the very end


@given(delay=kinds)
def test_what_is_stored_reads_back(delay):
    assert delays.from_dict(json.loads(json.dumps(delays.as_dict(delay)))) == delay


@pytest.mark.parametrize(
    ("delay", "instant"),
    [
        (Delay("business", days=2, at=NINE), berlin(2026, 6, 8, 9)),
        (Delay("business", days=2), berlin(2026, 6, 8, 12)),
        (Delay("business", hours=Decimal(6)), berlin(2026, 6, 6, 18)),
    ],
)
def test_without_working_time_a_business_delay_is_elapsed_and_says_so(delay, instant):
    found = delays.due(delay, start=berlin(2026, 6, 6, 12), schedule=NEVER)
    assert found.instant == instant
    assert "check working hours" in found.note


@pytest.mark.parametrize(
    ("delay", "words"),
    [
        (Delay(), "at once"),
        (Delay(hours=Decimal(4)), "within 4 h"),
        (Delay(hours=Decimal("1.50"), outside="next"), "within 1.5 h, moved to the next working time"),
        (Delay("calendar", days=3, at=NINE), "in 3 days at 09:00"),
        (Delay("calendar", days=1), "in 1 day"),
        (Delay("calendar", days=0, at=NINE, outside="as_is"), "the same day at 09:00, also outside working time"),
        (Delay("business", days=2), "in 2 working days"),
        (Delay("business", days=1, at=NINE, outside="next"), "in 1 working day at 09:00"),
        (Delay("business", hours=Decimal(6)), "after 6 working hours"),
        (Delay("business", hours=Decimal(100)), "after 100 working hours"),
    ],
)
def test_in_words(delay, words):
    assert delays.sentence(delay) == words


@pytest.mark.parametrize(
    ("delay", "complaint"),
    [
        ({"kind": "lunar"}, "elapsed, calendar, business"),
        ({"hours": -1}, "from 0 to 87600"),
        ({"hours": "NaN"}, "from 0 to 87600"),
        ({"hours": "soon"}, "such as 4 or 1.5"),
        ({"hours": True}, "such as 4 or 1.5"),
        ({"days": 1.5, "kind": "calendar"}, "whole number"),
        ({"days": 4000, "kind": "calendar"}, "from 0 to 3650"),
        ({"days": 2}, "choose the kind calendar or business"),
        ({"kind": "calendar"}, "give days"),
        ({"kind": "calendar", "hours": 3}, "give days"),
        ({"kind": "business", "days": 1, "hours": 3}, "not both"),
        ({"kind": "business", "hours": 3, "at": "09:00"}, "goes with days"),
        ({"kind": "calendar", "days": 1, "at": "nine"}, "write it as 09:00"),
        ({"kind": "calendar", "days": 1, "at": "09:00+02:00"}, "without a zone"),
        ({"outside": "sometimes"}, "next, previous, as_is"),
        ({"wait": 3}, "Unknown field wait"),
        ([], "an object"),
        ({"kind": ["elapsed"]}, "elapsed, calendar, business"),
    ],
)
def test_what_is_wrong_says_how_to_mend_it(delay, complaint):
    with pytest.raises(ValueError, match=complaint):
        delays.from_dict(delay)


def test_a_wrong_delay_is_not_counted():
    with pytest.raises(ValueError, match="give days"):
        delays.due(Delay("calendar"), start=berlin(2026, 6, 6), schedule=WEEK)


def test_what_follows_the_calendar():
    assert not delays.follows_the_calendar(Delay(hours=Decimal(4)))
    assert delays.follows_the_calendar(Delay(hours=Decimal(4), outside="next"))
    assert delays.follows_the_calendar(Delay("calendar", days=1, outside="as_is"))
