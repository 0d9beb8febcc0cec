"""Due dates and wall times of the product against a walk along the clock, around every kind of clock change."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain import calendars, delays
from tests.oracle import clock
from tests.oracle.amounts import cases

CHANGES = {
    "Europe/Berlin": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "America/St_Johns": ("2026-03-08T05:30", "2026-11-01T04:30"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "Pacific/Auckland": ("2026-04-04T14:00", "2026-09-26T14:00"),
    "Asia/Beirut": ("2026-03-28T22:00", "2026-10-24T21:00"),  # at midnight
    "America/Santiago": ("2026-04-05T03:00", "2026-09-06T04:00"),  # at midnight, too
    "Africa/Casablanca": ("2026-02-15T02:00", "2026-03-22T02:00"),
    "Pacific/Apia": ("2011-12-30T10:00",),  # a whole day
    "Asia/Kathmandu": ("2026-06-17T10:00",),  # none at all
}
"""Where clocks change, in UTC."""
HOURS = tuple(time(hour, minute) for hour in (0, 1, 2, 3, 8, 9, 12, 17, 22, 23) for minute in (0, 30))


@st.composite
def moments(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """An instant before or soon after a change of the zone's clocks, half of them within the day."""
    name = draw(st.sampled_from(sorted(CHANGES)))
    change = datetime.fromisoformat(draw(st.sampled_from(CHANGES[name])) + "Z")
    minutes = draw(st.integers(-4 * 1440, 2 * 1440) | st.integers(-24, 24).map(lambda quarter: quarter * 15))
    return change + timedelta(minutes=minutes, seconds=draw(st.sampled_from([0, 0, 1, 59]))), ZoneInfo(name)


spans = st.tuples(st.integers(0, 6), st.sampled_from(HOURS), st.sampled_from(HOURS)).filter(lambda one: one[1] < one[2])
weeks = st.one_of(
    st.just(tuple((day, time(9), time(17)) for day in range(5))),
    st.lists(spans, min_size=1, max_size=5).map(tuple),
    st.just(((5, time(22), time(6)), (6, time(22), time(6)), (0, time(9), time(12)), (0, time(13), time(17)))),
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, object]:
    kind = draw(st.sampled_from(["elapsed", "calendar", "business", "business_hours"]))
    rule: dict[str, object] = {"delay_kind": kind.removesuffix("_hours")}
    if kind in ("calendar", "business"):
        rule["delay_days"] = draw(st.integers(0, 5))
        rule["delay_at"] = draw(st.none() | st.sampled_from(HOURS))
    else:
        rule["delay_hours"] = draw(st.sampled_from(["0", "0.25", "1", "2.5", "4", "8", "24", "25.75"]))
    return rule | {"outside_hours": draw(st.sampled_from(["", "next", "previous", "as_is"]))}


@given(rules(), moments(), weeks, st.sets(st.integers(-3, 6), max_size=3))
@settings(max_examples=cases(500))
def test_a_due_date_is_where_a_walk_along_the_clock_ends(
    rule: dict[str, object],
    moment: tuple[datetime, ZoneInfo],
    week: tuple[tuple[int, time, time], ...],
    off: set[int],
) -> None:
    start, zone = moment
    today = clock.shown(start, zone).date()
    away = frozenset(today + timedelta(days=days) for days in off)
    delay = delays.Delay(
        kind=rule["delay_kind"],  # type: ignore[arg-type]
        hours=Decimal(str(rule.get("delay_hours", 0))),
        days=rule.get("delay_days"),  # type: ignore[arg-type]
        at=rule.get("delay_at"),  # type: ignore[arg-type]
        outside=rule["outside_hours"],  # type: ignore[arg-type]
    )
    schedule = calendars.Schedule(tuple(calendars.Span(*span) for span in week), zone, away)
    found = delays.due(delay, start=start, schedule=schedule)
    assert found.instant == clock.due(rule, start, clock.Week(week, zone, away))
    assert found.wall == clock.shown(found.instant, zone)


@given(moments())
@settings(max_examples=cases(800))
def test_a_wall_time_is_the_first_instant_that_shows_it(moment: tuple[datetime, ZoneInfo]) -> None:
    instant, zone = moment
    wall = instant.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(minutes=20)  # also what is skipped
    assert calendars.from_wall(wall, zone) == clock.first_shown(wall, zone)


@given(moments(), st.sampled_from(HOURS))
@settings(max_examples=cases(300))
def test_the_next_local_hour_is_the_first_one_to_come(moment: tuple[datetime, ZoneInfo], at: time) -> None:
    instant, zone = moment
    found = calendars.next_local_time(instant, zone, at.hour, at.minute)
    assert found == clock.next_time_of_day(instant, zone, at)
