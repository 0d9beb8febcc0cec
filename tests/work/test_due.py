"""Due dates that follow the calendar: derived, derived again when it changes, left alone once a person chose one."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from domain.delays import Delay
from people import hours
from people.models import TeamDayOff
from tests.builders import NOW, make_contact, make_team, make_time_off, make_user, number
from work import due, lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

AT_NINE = Delay("calendar", days=1, at=time(9))
TWO_DAYS = Delay("business", days=2, at=time(9))


@pytest.fixture
def team():
    return make_team(timezone="Europe/Berlin")


@pytest.fixture
def owner(team):
    return make_user(team=team)


def wanted(delay, owner, *, contact=None, start=NOW, **fields):
    """A task as a rule makes it: its due date derived."""
    derived = due.due_of(delay, start=start, contact=contact, owner=owner, team=owner.team)
    return lifecycle.create(
        owner.team, title=f"T{number()}", owner=owner, contact=contact, now=start, **derived._asdict(), **fields
    )


def berlin(day, hour=9):
    """June 2026, in summer time."""
    return datetime(2026, 6, day, hour - 2, tzinfo=UTC)


def test_wall_time_zone_and_spec_are_kept_beside_the_instant(owner):
    when, wall, zone, spec = due.due_of(AT_NINE, start=NOW, contact=None, owner=owner, team=owner.team)
    assert (when, wall, zone) == (berlin(18), "2026-06-18T09:00:00", "Europe/Berlin")
    assert spec == {"delay": {"kind": "calendar", "days": 1, "at": "09:00"}, "start": NOW.isoformat()}


def test_elapsed_hours_have_no_spec_and_nothing_moves_them(owner):
    task = wanted(Delay(hours=Decimal(72)), owner)
    assert (task.due_date, task.due_spec) == (NOW + timedelta(hours=72), None)
    TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 20))
    assert due.rederive_team(owner.team, NOW) == 0


def test_what_is_to_be_flagged_is_in_the_spec(owner):
    contact = make_contact(owner, timezone="Mars/Base")
    make_time_off(owner, starts_on=date(2026, 1, 1), ends_on=date(2030, 1, 1))
    found = due.due_of(Delay("business", hours=Decimal(5)), start=NOW, contact=contact, owner=owner, team=owner.team)
    assert found.due_date == NOW + timedelta(hours=5)
    assert found.due_spec["unknown_zones"] == ["Mars/Base"]
    assert "check working hours" in found.due_spec["note"]


def test_a_contacts_new_zone_moves_its_tasks(owner):
    contact, other = make_contact(owner), make_contact(owner)
    task, untouched = wanted(AT_NINE, owner, contact=contact), wanted(AT_NINE, owner, contact=other)
    contact.timezone = "America/New_York"
    contact.save()
    assert due.rederive_contact(contact, NOW) == 1
    task.refresh_from_db()
    untouched.refresh_from_db()
    assert task.due_date == datetime(2026, 6, 18, 13, tzinfo=UTC)  # nine in New York
    assert (task.due_wall, task.due_zone) == ("2026-06-18T09:00:00", "America/New_York")
    assert untouched.due_date == berlin(18)
    assert due.rederive_contact(contact, NOW) == 0


def test_a_moved_task_reminds_anew_and_is_chased_later(owner):
    task = wanted(AT_NINE, owner, reminder_offset_hours=Decimal(2))
    Task.objects.filter(pk=task.pk).update(reminded_at=NOW)
    TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 18))
    assert due.rederive_team(owner.team, NOW) == 1
    task.refresh_from_db()
    assert (task.due_date, task.remind_at, task.reminded_at) == (berlin(19), berlin(19, 7), None)
    assert (task.chase_at, task.chased_for, task.version) == (berlin(19), berlin(19), 2)


def test_a_persons_own_date_is_never_moved(owner):
    by_verb, by_save, by_update = (wanted(AT_NINE, owner) for _ in range(3))
    chosen = berlin(18, 15)
    lifecycle.edit(by_verb, by=owner, now=NOW, due_date=chosen)
    by_save.due_date = chosen
    by_save.save()
    Task.objects.filter(pk=by_update.pk).update(due_date=chosen)
    TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 18))
    assert due.rederive_team(owner.team, NOW) == 0
    assert set(Task.objects.values_list("due_date", flat=True)) == {chosen}
    by_verb.refresh_from_db()
    assert (by_verb.due_spec, by_verb.due_wall, by_verb.due_zone) == (None, "", "")


def test_an_edit_of_something_else_leaves_the_date_derived(owner):
    task = wanted(AT_NINE, owner)
    lifecycle.edit(task, by=owner, now=NOW, title="Other words", due_date=task.due_date)
    TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 18))
    assert due.rederive_team(owner.team, NOW) == 1


def test_a_date_set_meanwhile_wins(owner):
    """The row was read before a person changed it: the compare-and-set finds another date, or no spec."""
    edited, written, done = (wanted(AT_NINE, owner) for _ in range(3))
    TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 18))
    read = list(Task.objects.select_related("owner__team", "team", "contact"))
    lifecycle.edit(edited, by=owner, now=NOW, due_date=berlin(18, 15))
    Task.objects.filter(pk=written.pk).update(due_date=berlin(18, 15))
    Task.objects.filter(pk=done.pk).update(status=Task.DONE)
    assert due.rederive(read, now=NOW) == 0
    assert list(Task.objects.order_by("pk").values_list("due_date", flat=True)) == [
        berlin(18, 15),
        berlin(18, 15),
        berlin(18),
    ]


def test_finished_and_late_tasks_stay(owner):
    done, late = wanted(AT_NINE, owner), wanted(AT_NINE, owner)
    Task.objects.filter(pk=done.pk).update(status=Task.DONE)
    TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 18))
    assert due.rederive_team(owner.team, berlin(18, 10)) == 0
    late.refresh_from_db()
    assert late.due_date == berlin(18)


def test_one_broken_spec_stops_no_other(owner):
    broken, fine = wanted(AT_NINE, owner), wanted(AT_NINE, owner)
    Task.objects.filter(pk=broken.pk).update(due_spec={"delay": {"kind": "lunar"}, "start": NOW.isoformat()})
    TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 18))
    assert due.rederive_team(owner.team, NOW) == 1
    fine.refresh_from_db()
    assert fine.due_date == berlin(19)


def test_all_batches_are_read(owner, monkeypatch):
    monkeypatch.setattr(due, "BATCH", 2)
    for _ in range(5):
        wanted(AT_NINE, owner)
    TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 18))
    assert due.rederive_team(owner.team, NOW) == 5


def test_hours_are_read_once_for_a_batch(owner, django_assert_max_num_queries):
    for _ in range(20):
        wanted(AT_NINE, owner)
    with django_assert_max_num_queries(7):
        assert due.rederive_team(owner.team, NOW) == 0


@pytest.mark.parametrize(
    ("change", "instant"),
    [
        (lambda owner: make_time_off(owner, starts_on=date(2026, 6, 19)), berlin(22)),
        (lambda owner: TeamDayOff.objects.create(team=owner.team, on=date(2026, 6, 18)), berlin(22)),
        (lambda owner: _set(owner.team, timezone="America/New_York"), berlin(19, 15)),
        (lambda owner: _set(owner, timezone="America/New_York"), berlin(19, 15)),
        (lambda owner: _set(owner, country="US"), berlin(22)),  # 19 June is a holiday there
        (lambda owner: _set(owner.team, country="US"), berlin(22)),
    ],
)
def test_every_change_of_a_calendar_is_followed(owner, change, instant):
    task = wanted(TWO_DAYS, owner)
    assert task.due_date == berlin(19)
    assert due.follow_calendars(owner.team_id, now=NOW) == 0
    assert not _changed(owner)
    change(owner)
    assert _changed(owner)
    assert due.follow_calendars(owner.team_id, now=NOW) == 1
    task.refresh_from_db()
    assert task.due_date == instant
    assert not _changed(owner)
    assert due.follow_calendars(owner.team_id, now=NOW) == 0


def _set(row, **fields):
    type(row).objects.filter(pk=row.pk).update(**fields)


def _changed(owner):
    owner.team.refresh_from_db()
    return hours.digest(owner.team) != owner.team.calendar_digest


def test_following_an_unchanged_calendar_reads_no_task(owner, django_assert_num_queries):
    wanted(TWO_DAYS, owner)
    due.follow_calendars(owner.team_id, now=NOW)
    with django_assert_num_queries(7) as seen:
        assert due.follow_calendars(owner.team_id, now=NOW) == 0
    assert not any("work_task" in query["sql"] for query in seen.captured_queries)


def test_killed_halfway_it_is_followed_again(owner, monkeypatch):
    task = wanted(TWO_DAYS, owner)
    due.follow_calendars(owner.team_id, now=NOW)
    make_time_off(owner, starts_on=date(2026, 6, 19))
    with monkeypatch.context() as halfway:
        halfway.setattr(due, "rederive_team", lambda team, now: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            due.follow_calendars(owner.team_id, now=NOW)
    assert due.follow_calendars(owner.team_id, now=NOW) == 1
    task.refresh_from_db()
    assert task.due_date == berlin(22)


def test_a_change_while_following_is_followed_next(owner, monkeypatch):
    """The digest kept is the one read before the hours: a change in between shows as one the next time."""
    wanted(TWO_DAYS, owner)
    follow = due.rederive_team

    def with_a_change(team, now):
        moved = follow(team, now)
        make_time_off(owner, starts_on=date(2026, 6, 19))
        return moved

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(due, "rederive_team", with_a_change)
        assert due.follow_calendars(owner.team_id, now=NOW) == 0
    assert due.follow_calendars(owner.team_id, now=NOW) == 1
