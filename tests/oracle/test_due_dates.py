"""Due dates and wall times of the product against a walk along the clock, around every kind of clock change."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain import calendars, delays
from tests.oracle import clock
from tests.oracle.amounts import cases

ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "America/St_Johns"),
    *("Africa/Casablanca", "Pacific/Auckland", "America/Santiago", "Asia/Beirut", "Pacific/Apia"),
)
CHANGES = [
    datetime.fromisoformat(f"{text}:00Z")
    for text in (
        *("2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00", "2026-11-01T06:00", "2026-04-04T15:00"),
        *("2026-10-03T15:30", "2026-03-28T22:00", "2026-09-26T14:00", "2026-09-06T04:00", "2011-12-30T10:00"),
        *("2026-02-15T02:00", "2026-06-17T10:00"),
    )
]
"""Clock changes of these zones, a day that Samoa skipped, and an ordinary day."""
HOURS = tuple(time(hour, minute) for hour in (0, 1, 2, 3, 8, 9, 12, 17, 22, 23) for minute in (0, 30))

zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
instants = st.builds(
    lambda change, minutes, seconds: change + timedelta(minutes=minutes, seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-4 * 1440, 2 * 1440),
    st.sampled_from([0, 0, 1, 59]),
)
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


@given(rules(), instants, zones, weeks, st.sets(st.integers(-3, 6), max_size=3))
@settings(max_examples=cases(800))
def test_a_due_date_is_where_a_walk_along_the_clock_ends(
    rule: dict[str, object],
    start: datetime,
    zone: ZoneInfo,
    week: tuple[tuple[int, time, time], ...],
    off: set[int],
) -> None:
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


@given(instants, zones)
@settings(max_examples=cases(1000))
def test_a_wall_time_is_the_first_instant_that_shows_it(instant: datetime, zone: ZoneInfo) -> None:
    wall = instant.replace(tzinfo=None)  # taken for a local time: those that are skipped or come twice are among them
    assert calendars.from_wall(wall, zone) == clock.first_shown(wall, zone)


@given(instants, zones, st.sampled_from(HOURS))
@settings(max_examples=cases(500))
def test_the_next_local_hour_is_the_first_one_to_come(instant: datetime, zone: ZoneInfo, at: time) -> None:
    found = calendars.next_local_time(instant, zone, at.hour, at.minute)
    assert found == clock.next_time_of_day(instant, zone, at)
