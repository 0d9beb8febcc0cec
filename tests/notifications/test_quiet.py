"""Quiet hours by a person's clock, also on the days on which clocks change."""

from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain import calendars
from notifications import routing
from notifications.models import QuietHours
from people.models import Team, User

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu")
CHANGES = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 2, 15, 2, tzinfo=UTC),
)
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


def is_quiet(at: datetime, zone: str, starts: time, ends: time) -> bool:
    shown = at.astimezone(calendars.first_zone(zone).zone).time()
    return starts <= shown < ends if starts <= ends else shown >= starts or shown < ends


@given(st.sampled_from(ZONES), times, times, st.sampled_from(CHANGES), st.integers(-1800, 1800))
def test_it_is_the_first_instant_that_is_not_quiet(
    zone: str, starts: time, ends: time, change: datetime, minutes: int
) -> None:
    now = change + timedelta(minutes=minutes)
    user = User(timezone=zone, team=Team(timezone="UTC"))
    found = routing.after_quiet(user, QuietHours(user=user, starts=starts, ends=ends), now)
    assert not is_quiet(found, zone, starts, ends)
    assert found == now or is_quiet(found - timedelta(minutes=1), zone, starts, ends)
    assert timedelta() <= found - now <= timedelta(hours=25)


def test_the_hour_that_clocks_show_twice_is_quiet_twice() -> None:
    user = User(timezone="Europe/Berlin", team=Team(timezone="UTC"))
    quiet = QuietHours(user=user, starts=time(1), ends=time(2, 30))
    second_time = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert routing.after_quiet(user, quiet, second_time) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
