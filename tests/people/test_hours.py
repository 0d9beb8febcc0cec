"""When people and teams work: whose week, whose days off, on which clock."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from domain import calendars
from people import hours
from people.models import TeamDayOff, TeamSpan, TimeOff, WorkingSpan
from tests.builders import make_contact, make_team, make_time_off, make_user, make_working_week

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")


def make_team_week(team, *, starts="08:00", ends="12:00", days=range(5)):
    TeamSpan.objects.bulk_create(TeamSpan(team=team, weekday=day, starts=starts, ends=ends) for day in days)


def week_hours(schedule, day=1):
    """Of the week from Monday 1 June 2026."""
    start = datetime(2026, 6, day, tzinfo=schedule.zone)
    return calendars.working_hours(schedule, start=start, end=datetime(2026, 6, day + 7, tzinfo=schedule.zone))


def test_whose_week_counts():
    team = make_team()
    own, plain = make_user(team=team), make_user(team=team)
    make_working_week(own, starts="10:00", ends="11:00")
    assert [week_hours(hours.schedules([own, plain])[user.pk]) for user in (own, plain)] == [5, 40]
    make_team_week(team)
    assert [week_hours(hours.schedules([own, plain])[user.pk]) for user in (own, plain)] == [5, 20]
    assert week_hours(hours.team_schedule(team)) == 20


def test_whose_days_off_count():
    team = make_team(country="DE", region="BY")
    bavarian = make_user(team=team)
    austrian = make_user(team=team, country="AT")
    berliner = make_user(team=team, region="BE")
    make_time_off(berliner, starts_on=date(2026, 6, 1), ends_on=date(2026, 6, 2))
    TeamDayOff.objects.create(team=team, on=date(2026, 6, 5), name="Outing")
    plans = hours.schedules([bavarian, austrian, berliner])
    off = {
        user.pk: [day for day in range(1, 8) if date(2026, 6, day) in plans[user.pk].days_off]
        for user in (bavarian, austrian, berliner)
    }
    assert off == {bavarian.pk: [4, 5], austrian.pk: [4, 5], berliner.pk: [1, 2, 5]}  # the fourth: Corpus Christi
    assert date(2026, 10, 26) in plans[austrian.pk].days_off
    assert date(2026, 10, 26) not in plans[bavarian.pk].days_off
    assert week_hours(hours.team_schedule(team)) == 24


def test_hours_of_many_people_and_teams_are_five_queries(django_assert_num_queries):
    people = [make_user(team=team) for team in (make_team(country="DE"), make_team()) for _ in range(3)]
    for person in people:
        make_working_week(person)
        make_time_off(person, starts_on=date(2026, 6, 1))
    with django_assert_num_queries(5):  # three of the people, two of the team
        plans = hours.schedules(people)
        assert all(week_hours(plans[person.pk]) for person in people)


def test_the_clock_is_the_contacts_then_the_owners_then_the_teams():
    team = make_team(timezone="America/New_York")
    owner = make_user(team=team, timezone="Europe/Berlin")
    contact = make_contact(owner, timezone="Asia/Tokyo")

    def zone(**who):
        return hours.schedule_for(team=team, **who).schedule.zone.key

    assert zone(contact=contact, user=owner) == "Asia/Tokyo"
    contact.timezone = ""
    assert zone(contact=contact, user=owner) == "Europe/Berlin"
    assert zone(contact=contact) == "America/New_York"
    assert zone() == "America/New_York"


def test_unknown_zones_fall_through_and_are_flagged():
    team = make_team()
    owner = make_user(team=team, timezone="Europe/Berlin")
    contact = make_contact(owner, timezone="Mars/Base")
    chosen = hours.schedule_for(contact=contact, user=owner, team=team)
    assert (chosen.schedule.zone, chosen.unknown) == (BERLIN, ("Mars/Base",))


def test_a_batch_reads_each_persons_hours_once(django_assert_num_queries):
    team = make_team()
    people = [make_user(team=team) for _ in range(3)]
    known = hours.TeamHours(team)
    with django_assert_num_queries(5):  # three of the people, two of the team
        known.preload(people)
        for _ in range(2):
            for person in people:
                known.of(user=person)
            known.of()


def test_the_digest_sees_every_change_and_nothing_else():
    team, other = make_team(), make_team()
    person, stranger = make_user(team=team), make_user(team=other)
    seen = [hours.digest(team)]

    def changed():
        seen.append(hours.digest(team))
        return seen[-1] != seen[-2]

    make_time_off(stranger, starts_on=date(2026, 6, 1))
    person.first_name = "Ada"
    person.save()
    assert not changed()
    make_time_off(person, starts_on=date(2026, 6, 1))
    assert changed()
    make_working_week(person)
    assert changed()
    WorkingSpan.objects.filter(user=person, weekday=1).update(ends="18:00")
    assert changed()
    TimeOff.objects.filter(user=person).delete()
    assert changed()
    make_team_week(team)
    assert changed()
    TeamDayOff.objects.create(team=team, on=date(2026, 6, 5))
    assert changed()
    for row, name, value in (
        (team, "timezone", "Asia/Tokyo"),
        (team, "country", "DE"),
        (team, "region", "BY"),
        (person, "timezone", "Asia/Tokyo"),
        (person, "country", "AT"),
        (person, "region", "9"),
    ):
        setattr(row, name, value)
        row.save()
        assert changed(), name
    assert len(set(seen)) == len(seen) - 1


def test_places_are_checked_on_the_rows():
    with pytest.raises(ValidationError, match="needs its country"):
        make_team(region="BY").full_clean()
    team = make_team(country="DE")
    make_user(team=team, region="BY", password="secret").full_clean()
    with pytest.raises(ValidationError, match="no region of DE"):
        make_user(team=team, region="AK", password="secret").full_clean()
