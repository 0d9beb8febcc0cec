"""Contacts due by the calendar: touches of a cadence, missed follow-ups, sequences."""

from datetime import timedelta

import pytest
from django.utils import timezone

from automation import cadence, engine, recurring, sequences, tasks
from automation.models import Firing
from crm.models import Activity, Contact
from people.models import User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def user() -> User:
    return builders.make_manager()


def sweep(user: User) -> None:
    for team_id in cadence.unplanned_teams():
        tasks.sweep_team(team_id)
    tasks.schedule_recurring_contact_tasks(user.team_id)


def late(contact: Contact, *, days: int = 3) -> None:
    Contact.objects.filter(pk=contact.pk).update(next_touch_at=timezone.now() - timedelta(days=days))


def test_a_cadence_written_by_hand_gets_its_touch_at_eight(user: User) -> None:
    contact = builders.make_contact(user, timezone="Asia/Tokyo")
    Contact.objects.filter(pk=contact.pk).update(contact_cadence="weekly")
    sweep(user)
    contact.refresh_from_db()
    assert contact.next_touch_at is not None
    assert (contact.next_touch_at.hour, contact.next_touch_at.minute) == (23, 0), "08:00 in Tokyo"
    assert timedelta(days=5) < contact.next_touch_at - timezone.now() < timedelta(days=8)


def test_missed_touches_become_one_task_and_no_twin_while_it_is_open(user: User) -> None:
    contact = builders.make_contact(user, contact_cadence="daily")
    late(contact, days=10)
    for _ in range(3):
        sweep(user)
    task = Task.objects.get(contact=contact)
    late(contact)
    sweep(user)
    assert Task.objects.filter(contact=contact).count() == 1
    lifecycle.complete(task, by=user, now=timezone.now())
    late(contact, days=2)
    sweep(user)
    assert Task.objects.filter(contact=contact).count() == 2


def test_a_contact_that_cannot_be_scheduled_stops_no_other(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = builders.make_user(team=user.team)
    bad, fine, broken = (builders.make_contact(one, contact_cadence="daily") for one in (gone, user, user))
    for contact in (bad, fine, broken):
        late(contact)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    real = cadence._touch
    monkeypatch.setattr(cadence, "_touch", lambda row, now: 1 / 0 if row.pk == broken.pk else real(row, now))
    assert cadence.schedule_due(user.team_id, now=timezone.now()) == {
        "planned": 0,
        "created": 1,
        "skipped": 1,
        "failed": 1,
    }
    assert Task.objects.get().contact == fine


def test_a_missed_follow_up_makes_one_urgent_task_a_period(user: User) -> None:
    missed = builders.make_contact(user, next_follow_up_at=timezone.now() - timedelta(days=3))
    builders.make_contact(user, next_follow_up_at=timezone.now() + timedelta(days=3))
    builders.make_contact(user, next_touch_at=timezone.now() - timedelta(days=3))  # no cadence: nobody is waiting
    for _ in range(3):
        tasks.auto_schedule_overdue_tasks()
    task = Task.objects.get()
    assert (task.contact, task.priority, task.assignee) == (missed, "urgent", user)
    lifecycle.complete(task, by=user, now=timezone.now())
    tasks.auto_schedule_overdue_tasks()
    assert Task.objects.count() == 1
    Contact.objects.filter(pk=missed.pk).update(next_follow_up_at=timezone.now() - timedelta(days=2))
    tasks.auto_schedule_overdue_tasks()
    assert Task.objects.count() == 2


def test_a_sequence_may_begin_again_once_it_is_finished(user: User) -> None:
    contact = builders.make_contact(user)
    now = timezone.now()
    batch, made = sequences.enrol(contact, "standard", owner=user, now=now)
    with pytest.raises(sequences.AlreadyEnrolled, match=str(batch.pk)):
        sequences.enrol(contact, "standard", owner=user, now=now)
    sequences.enrol(contact, "gentle", owner=user, now=now)
    for task in made:
        lifecycle.complete(task, by=user, now=now)
    again, _ = sequences.enrol(contact, "standard", owner=user, now=now)
    assert again.pk != batch.pk
    assert Task.objects.filter(contact=contact).count() == 12


@pytest.mark.parametrize(
    "template",
    [{}, {"title": " "}, {"title": "{{nobody}}"}, {"title": "x", "colour": "red"}, {"title": "x", "priority": "now"}],
)
def test_a_bad_task_template_says_what_to_change(user: User, template: dict[str, str]) -> None:
    with pytest.raises(recurring.BadTemplate):
        recurring.schedule_recurring(builders.make_contact(user), "weekly", template, owner=user, now=timezone.now())


def test_a_rule_never_fires_on_what_it_caused_itself(user: User) -> None:
    contact = builders.make_contact(user)
    rule = builders.make_rule(
        user,
        trigger_config={"activity_types": [Activity.TASK_COMPLETED, Activity.EMAIL_CLICKED]},
        repeat_policy="every_time",
    )
    builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED)
    for _ in range(4):
        engine.drain(user.team_id, now=timezone.now())
        for task in Task.objects.open():
            lifecycle.complete(task, by=user, now=timezone.now())
    assert rule.tasks.count() == 1
    other = builders.make_task(user, contact=contact)
    lifecycle.complete(other, by=user, now=timezone.now())
    engine.drain(user.team_id, now=timezone.now())
    assert rule.tasks.count() == 2
    assert Firing.objects.filter(outcome="fired").count() == 2
