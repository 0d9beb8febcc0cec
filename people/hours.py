"""When people work: their spans and time off as a schedule of the domain."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from domain import calendars
from people.models import TimeOff, User, WorkingSpan


def zone_of(user: User) -> calendars.Zone:
    """The person's zone, else their team's."""
    return calendars.first_zone(user.timezone, user.team.timezone)


def schedules(users: Iterable[User]) -> Mapping[int, calendars.Schedule]:
    """Each person's week and days off, in two queries for any number of people (their teams loaded)."""
    people = list(users)
    ids = [user.pk for user in people]
    spans: dict[int, list[calendars.Span]] = {}
    for span in WorkingSpan.objects.filter(user_id__in=ids):
        spans.setdefault(span.user_id, []).append(calendars.Span(span.weekday, span.starts, span.ends))
    away: dict[int, set[date]] = {}
    for off in TimeOff.objects.filter(user_id__in=ids):
        days = (off.ends_on - off.starts_on).days + 1
        away.setdefault(off.user_id, set()).update(off.starts_on + timedelta(days=n) for n in range(days))
    return {
        user.pk: calendars.Schedule(
            tuple(spans.get(user.pk, calendars.DEFAULT_WEEK)),
            zone_of(user).zone,
            frozenset(away.get(user.pk, ())),
        )
        for user in people
    }
