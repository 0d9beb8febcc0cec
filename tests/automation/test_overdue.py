"""What is late: missed follow-ups become one urgent task, late tasks are told to their holder and to the lead, once."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.utils import timezone

from automation import cadence, engine, overdue, tasks, timers
from automation.models import Firing
from crm import contacts
from crm.models import Activity, Contact
from notifications.models import Notification
from people.models import User
from tests import builders
from tests.builders import NOW
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def user() -> User:
    return builders.make_manager()


def sweep(user: User, now: datetime = NOW) -> None:
    """What the sweeps do of this: touches, then what is late."""
    cadence.schedule_due(user.team_id, now=now)
    overdue.run_due(user.team_id, now=now)


def missed(user: User, *, at: datetime = NOW - 3 * DAY, **fields: Any) -> Contact:
    """A follow-up date that somebody set and nobody kept."""
    return builders.make_contact(user, next_follow_up_at=at, **fields)


def urgent(contact: Contact) -> list[Task]:
    return list(Task.objects.filter(contact=contact, priority="urgent"))


def test_a_missed_follow_up_makes_one_urgent_task_a_period(user: User) -> None:
    contact = missed(user, at=timezone.now() - 3 * DAY)
    builders.make_contact(user, next_follow_up_at=timezone.now() + 3 * DAY)
    builders.make_contact(user, next_touch_at=timezone.now() - 3 * DAY)  # no cadence: nobody is waiting
    for _ in range(3):
        tasks.auto_schedule_overdue_tasks()
    task = Task.objects.get()
    assert (task.contact, task.priority, task.assignee) == (contact, "urgent", user)
    lifecycle.complete(task, by=user, now=timezone.now())
    tasks.auto_schedule_overdue_tasks()
    assert Task.objects.count() == 1
    Contact.objects.filter(pk=contact.pk).update(next_follow_up_at=timezone.now() - 2 * DAY)
    tasks.auto_schedule_overdue_tasks()
    assert Task.objects.count() == 2


@pytest.mark.parametrize(
    ("contact_zone", "team_zone", "told_at"),
    [
        ("Asia/Tokyo", "UTC", datetime(2026, 6, 17, 9, tzinfo=ZoneInfo("Asia/Tokyo"))),
        ("", "America/New_York", datetime(2026, 6, 16, 9, tzinfo=ZoneInfo("America/New_York"))),
    ],
)
def test_it_is_missed_at_the_next_nine_oclock_local(contact_zone: str, team_zone: str, told_at: datetime) -> None:
    user = builders.make_user(team=builders.make_team(timezone=team_zone))
    contact = missed(user, at=datetime(2026, 6, 16, 10, tzinfo=UTC), timezone=contact_zone)
    for minutes in range(-2000, -1, 240):
        sweep(user, told_at + timedelta(minutes=minutes))
    assert urgent(contact) == []
    for minutes in range(0, 3000, 240):
        sweep(user, told_at + timedelta(minutes=minutes))
    assert [task.due_date for task in urgent(contact)] == [told_at + 8 * HOUR]


def test_an_open_follow_up_is_waited_for_and_the_next_morning_decides(user: User) -> None:
    contact = missed(user)
    task = builders.make_task(user, contact=contact)
    sweep(user)
    assert urgent(contact) == []
    assert overdue.due_since(NOW + HOUR) == {}, "one that waits is not read with every sweep"
    lifecycle.set_status(task, "cancelled", by=user, now=NOW + HOUR)
    sweep(user, NOW + 22 * HOUR)
    assert urgent(contact) == []
    sweep(user, NOW + 23 * HOUR)
    assert len(urgent(contact)) == 1


def test_asked_by_name_it_looks_at_all_that_is_missed_at_once(user: User) -> None:
    contact = missed(user)
    task = builders.make_task(user, contact=contact)
    sweep(user)
    lifecycle.set_status(task, "cancelled", by=user, now=NOW + HOUR)
    assert overdue.create_overdue(user.team_id, now=NOW + HOUR)["created"] == 1
    assert len(urgent(contact)) == 1


def test_a_touch_by_cadence_that_nobody_was_given_is_missed_too_and_the_cadence_goes_on(user: User) -> None:
    gone = builders.make_user(team=user.team)
    contact = builders.make_contact(gone, contact_cadence="weekly", next_touch_at=NOW - 3 * DAY)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    sweep(user)
    assert Task.objects.count() == 0
    contacts.update(contact, by=user, now=NOW, owner=user)
    sweep(user, NOW + DAY)
    assert len(urgent(contact)) == 1
    assert Contact.objects.get(pk=contact.pk).next_touch_at == datetime(2026, 6, 21, 8, tzinfo=UTC)


def test_asked_by_name_alone_a_touch_by_cadence_counts_as_missed(user: User) -> None:
    contact = builders.make_contact(user, contact_cadence="weekly", next_touch_at=NOW - 3 * DAY)
    for _ in range(2):
        overdue.create_overdue(user.team_id, now=NOW)
        sweep(user)
    assert [task.title for task in Task.objects.all()] == [f"Overdue: follow up with {contact.name}"]


@pytest.mark.parametrize("own", [False, True])
def test_asked_by_name_a_touch_by_cadence_is_not_missed_while_a_sequence_is_under_way(user: User, own: bool) -> None:
    contact = builders.make_contact(user, contact_cadence="weekly", next_touch_at=NOW - DAY)
    if own:
        contacts.update(contact, by=user, now=NOW - 2 * DAY, next_follow_up_at=NOW - DAY)
    builders.make_enrolment(contact, builders.make_sequence(user))
    for _ in range(2):
        overdue.create_overdue(user.team_id, now=NOW)
    assert Task.objects.count() == own, "a person's own date stands beside it"
    cadence.schedule_due(user.team_id, now=NOW)
    assert Task.objects.count() == own
    if not own:
        assert Contact.objects.get().next_touch_at == (NOW + 6 * DAY).replace(hour=8)


def test_a_real_touch_ends_it(user: User) -> None:
    contact = missed(user)
    sweep(user)
    builders.make_activity(contact, activity_type=Activity.CALL, occurred_at=NOW + HOUR)
    engine.drain(user.team_id, now=NOW + HOUR)
    (task,) = urgent(contact)
    assert task.status == Task.OBSOLETE
    contact.refresh_from_db()
    assert (contact.next_follow_up_at, contact.next_touch_at) == (None, None)
    sweep(user, NOW + 5 * DAY)
    assert len(urgent(contact)) == 1


def test_completing_the_urgent_task_is_a_touch(user: User) -> None:
    contact = missed(user, contact_cadence="weekly", timezone="Europe/Berlin")
    overdue.create_overdue(user.team_id, now=NOW)
    lifecycle.complete(urgent(contact)[0], by=user, now=NOW + HOUR)
    engine.drain(user.team_id, now=NOW + HOUR)
    contact.refresh_from_db()
    assert contact.next_follow_up_at is None
    assert contact.next_touch_at == datetime(2026, 6, 24, 8, tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_rule_on_missed_follow_ups_stands_in_for_the_urgent_task(user: User) -> None:
    contact = missed(user)
    rule = builders.make_rule(user, trigger_type="overdue", trigger_config={"what": "follow_up"})
    for _ in range(3):
        sweep(user)
    assert list(rule.tasks) == list(Task.objects.filter(contact=contact))
    assert rule.tasks.count() == 1
    assert Firing.objects.get().trigger_key == f"overdue:contact:{contact.pk}:20260614T100000"


def test_one_bad_contact_stops_no_other(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = missed(user), missed(user)
    real = overdue._make_task
    monkeypatch.setattr(overdue, "_make_task", lambda row, *rest: real(row, *rest) if row.pk != bad.pk else 1 / 0)
    done = overdue.create_overdue(user.team_id, now=NOW)
    assert (done["created"], done["failed"]) == (1, 1)
    assert (len(urgent(good)), len(urgent(bad))) == (1, 0)
    assert overdue.create_overdue(user.team_id, now=NOW)["failed"] == 0


def told(**fields: Any) -> list[str]:
    rows = Notification.objects.filter(kind__in=(Notification.OVERDUE, Notification.ESCALATED), **fields)
    return [row.user.username for row in rows.order_by("pk")]


@pytest.fixture
def late(user: User) -> Task:
    """Due at NOW, held by a member whose lead is told after 24 hours."""
    builders.make_lead(team=user.team, username="lead")
    return builders.make_task(builders.make_user(team=user.team, username="holder"), due_date=NOW)


def test_a_late_task_is_told_to_its_assignee_once_and_to_the_lead_once(user: User, late: Task) -> None:
    for hours in range(-5, 100):
        overdue.chase(user.team_id, now=NOW + hours * HOUR)
        assert told() == ["holder"] * (hours >= 0) + ["lead"] * (hours >= 24), hours
    late.refresh_from_db()
    assert late.chase_at is None


def test_after_a_downtime_both_are_told_at_once(user: User, late: Task) -> None:
    overdue.chase(user.team_id, now=NOW + 5 * DAY)
    overdue.chase(user.team_id, now=NOW + 6 * DAY)
    assert told() == ["holder", "lead"]
    assert "120 hours" in Notification.objects.get(user__username="lead").title


def test_one_hour_is_told_as_one(user: User, late: Task) -> None:
    late.team.overdue_lead_hours = 1
    late.team.save()
    for hours in (0, 1):
        overdue.chase(user.team_id, now=NOW + hours * HOUR)
    assert Notification.objects.get(user__username="lead").title == f"Overdue for 1 hour: {late.title}"


def test_finishing_ends_it_and_moving_the_date_begins_anew(user: User, late: Task) -> None:
    done = builders.make_task(late.assignee, due_date=NOW)
    overdue.chase(user.team_id, now=NOW)
    lifecycle.complete(done, by=done.assignee, now=NOW + HOUR)
    lifecycle.edit(late, by=user, now=NOW + HOUR, due_date=NOW + 10 * HOUR)
    overdue.chase(user.team_id, now=NOW + 9 * HOUR)
    assert told() == ["holder", "holder"]
    overdue.chase(user.team_id, now=NOW + 40 * HOUR)
    assert told(task=late) == ["holder", "holder", "lead"]
    assert told(task=done) == ["holder"]


def test_a_task_taken_up_again_is_told_of_again_only_if_it_was_not(user: User, late: Task) -> None:
    other = builders.make_task(late.assignee, due_date=NOW)
    lifecycle.set_status(other, "cancelled", by=user, now=NOW - HOUR)
    overdue.chase(user.team_id, now=NOW)
    assert overdue.due_since(NOW + HOUR) == {}, "what is finished is not looked at again"
    lifecycle.set_status(Task.objects.get(pk=late.pk), "cancelled", by=user, now=NOW + HOUR)
    for task in (other, late):
        lifecycle.set_status(Task.objects.get(pk=task.pk), "todo", by=user, now=NOW + HOUR)
    overdue.chase(user.team_id, now=NOW + HOUR)
    assert (told(task=late), told(task=other)) == (["holder"], ["holder"])


def test_a_date_moved_past_the_verbs_is_looked_at_when_it_comes(user: User, late: Task) -> None:
    Task.objects.filter(pk=late.pk).update(due_date=NOW + 5 * HOUR)
    for hours in (0, 4):
        overdue.chase(user.team_id, now=NOW + hours * HOUR)
        assert told() == []
    for _ in range(2):
        overdue.chase(user.team_id, now=NOW + 5 * HOUR)
    assert told() == ["holder"]


def test_without_an_assignee_the_owner_is_told_and_a_lead_only_once(user: User) -> None:
    lead = builders.make_lead(team=user.team, username="lead")
    builders.make_task(None, owner=lead, due_date=NOW)
    overdue.chase(user.team_id, now=NOW + 3 * DAY)
    assert told() == ["lead"]


def overdue_rule(user: User, hours: int, **fields: Any) -> Any:
    return builders.make_rule(
        user,
        trigger_type="overdue",
        trigger_config={"what": "task", "after_hours": hours},
        repeat_policy="every_time",
        active_since=NOW - 30 * DAY,
        created_at=NOW - 30 * DAY,
        **fields,
    )


def test_rules_on_late_tasks_fire_when_their_hours_have_passed(user: User, late: Task) -> None:
    early, later = overdue_rule(user, 2), overdue_rule(user, 30)
    for hours in range(40):
        overdue.chase(user.team_id, now=NOW + hours * HOUR)
        fired = [one.rule for one in Firing.objects.filter(cause=late).order_by("pk")]
        assert fired == [early] * (hours >= 2) + [later] * (hours >= 30), hours
    assert {one.trigger_key for one in Firing.objects.filter(cause=late)} == {
        f"overdue:task:{late.pk}:20260617T120000",
        f"overdue:task:{late.pk}:20260618T160000",
    }


def test_a_rule_saved_later_is_looked_at_when_its_hours_are_still_to_come(user: User, late: Task) -> None:
    longer = builders.make_task(late.assignee, due_date=NOW - 60 * HOUR)
    overdue.chase(user.team_id, now=NOW + 30 * HOUR)
    rule = builders.make_rule(
        user, trigger_type="overdue", trigger_config={"what": "task", "after_hours": 48}, created_at=NOW + 30 * HOUR
    )
    timers.run_due(user.team_id, now=NOW + 30 * HOUR)
    for hours in (31, 47, 48, 49):
        overdue.chase(user.team_id, now=NOW + hours * HOUR)
        assert rule.tasks.count() == int(hours >= 48), hours
    assert {one.cause for one in Firing.objects.all()} == {late}
    assert longer.due_date is not None, "late by as much before the rule was there: it does not fire for that"


def test_the_rules_own_tasks_are_no_reason_to_fire_again(user: User, late: Task) -> None:
    rule = overdue_rule(user, 1)
    for hours in range(0, 100, 3):
        overdue.chase(user.team_id, now=NOW + hours * HOUR)
    assert rule.tasks.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_and_make_each_once() -> None:
    user = builders.make_manager()
    holder = builders.make_user(team=user.team)
    for _ in range(15):
        builders.make_task(holder, due_date=NOW - 2 * DAY)
        missed(user)
    cadence.schedule_due(user.team_id, now=NOW)
    start = threading.Barrier(2)

    def worker() -> None:
        start.wait()
        overdue.run_due(user.team_id, now=NOW)
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Task.objects.filter(priority="urgent").count() == 15
    assert Notification.objects.filter(kind__in=("overdue", "escalated")).count() == 30, (
        "15 to the holder, 15 to the manager"
    )


def test_the_lag_is_that_of_the_oldest(user: User, late: Task) -> None:
    missed(user)
    cadence.schedule_due(user.team_id, now=NOW)
    assert overdue.due_since(NOW) == {user.team_id: NOW - 3 * DAY}
    overdue.run_due(user.team_id, now=NOW)
    assert overdue.due_since(NOW) == {}
