"""Rules whose event is an instant: set times and silences. Once each, whatever is missed, repeated or shared."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from automation import calendar_changes, engine, rules, silence, sweeps, timers
from automation.models import Firing, TaskAutomationRule
from crm.models import Activity, Contact
from jobs.models import Job
from jobs.runner import run_due
from people.models import User
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
START = datetime(2026, 3, 27, 6, tzinfo=UTC)  # a Friday; Berlin's clocks go forward on Sunday


@pytest.fixture
def manager() -> User:
    return builders.make_manager(team=builders.make_team(timezone="Europe/Berlin"))


def on_time(manager: User, now: datetime, **fields: Any) -> TaskAutomationRule:
    defaults = {
        "name": "Weekly look",
        "trigger_type": "time",
        "task_title_template": "Look at the pipeline",
        "repeat_policy": "every_time",
    }
    rule = rules.create(manager, now=now, **defaults | fields)
    timers.run_due(manager.team_id, now=now)
    rule.refresh_from_db()
    return rule


def test_nine_oclock_stays_nine_oclock_when_the_clocks_change(manager: User) -> None:
    rule = on_time(manager, START, trigger_config={"cron": "0 9 * * *"})
    for day in range(4):
        timers.run_due(manager.team_id, now=START + timedelta(days=day, hours=12))
    local = [task.due_date for task in rule.tasks.order_by("due_date")]
    assert [due.hour for due in local] == [8, 8, 7, 7], "09:00 in Berlin, in UTC"


def test_nine_oclock_follows_its_owner_to_another_zone(manager: User) -> None:
    daily, once = (
        on_time(manager, START, name=name, trigger_config=config)
        for name, config in (("daily", {"cron": "0 9 * * *"}), ("once", {"at": "2026-03-27T09:00"}))
    )
    calendar_changes.follow(manager.team_id, now=START)
    User.objects.filter(pk=manager.pk).update(timezone="America/New_York")
    assert manager.team_id in calendar_changes.teams(START)
    assert calendar_changes.follow(manager.team_id, now=START + timedelta(hours=1)) == {"derived": 2}
    for rule in (daily, once):
        rule.refresh_from_db()
        assert rule.next_run_at == datetime(2026, 3, 27, 13, tzinfo=UTC)
    User.objects.filter(pk=manager.pk).update(timezone="Asia/Tokyo")
    assert calendar_changes.follow(manager.team_id, now=START + timedelta(hours=2)) == {"derived": 1}
    daily.refresh_from_db()
    once.refresh_from_db()
    assert daily.next_run_at == datetime(2026, 3, 28, 0, tzinfo=UTC)
    assert once.next_run_at == datetime(2026, 3, 27, 13, tzinfo=UTC), "passed in Tokyo, but not yet done"


def test_runs_missed_in_a_downtime_are_one_task_that_says_so(manager: User) -> None:
    rule = on_time(manager, START, trigger_config={"cron": "0 9 * * *"})
    for _ in range(3):
        timers.run_due(manager.team_id, now=START + timedelta(days=5))
    task = rule.tasks.get()
    assert "5 earlier runs were missed" not in task.description
    assert "4 earlier runs were missed" in task.description
    assert rule.firings.get().data == {"missed": 4}
    rule.refresh_from_db()
    assert rule.next_run_at == datetime(2026, 4, 1, 7, tzinfo=UTC)


def test_an_audience_gets_one_task_each_in_pages(manager: User) -> None:
    now = timezone.now()
    everybody = [builders.make_contact(manager, status="active") for _ in range(5)]
    builders.make_contact(manager)
    rule = on_time(
        manager,
        now,
        trigger_config={"every": {"hours": 6}, "audience": "contacts", "statuses": ["active"]},
        task_title_template="Greet {{contact_name}}",
        condition='contact.name != "nobody"',
    )
    TaskAutomationRule.objects.filter(pk=rule.pk).update(next_run_at=now - timedelta(hours=1))
    for _ in range(2):
        timers.run_due(manager.team_id, now=timezone.now())
        run_due()
    assert {task.contact for task in rule.tasks.all()} == set(everybody)
    assert rule.tasks.count() == 5


def test_a_rule_that_pauses_itself_stops_in_the_midst_of_its_audience(manager: User) -> None:
    now = timezone.now()
    for _ in range(8):
        builders.make_contact(manager)
    rule = on_time(manager, now, trigger_config={"every": {"hours": 6}, "audience": "contacts"}, burst=5)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(next_run_at=now)
    timers.run_due(manager.team_id, now=timezone.now())
    run_due()
    rule.refresh_from_db()
    assert (rule.is_active, rule.tasks.count()) == (False, 5)


def test_a_rule_switched_on_again_makes_up_for_nothing(manager: User) -> None:
    rule = on_time(manager, START, trigger_config={"cron": "0 9 * * *"})
    rules.update(rule, is_active=False, now=START + timedelta(hours=1))
    later = START + timedelta(days=3)
    rules.update(rule, is_active=True, now=later)
    timers.run_due(manager.team_id, now=later)
    assert not rule.tasks.exists()
    rule.refresh_from_db()
    assert rule.next_run_at is not None
    assert rule.next_run_at > later


def test_a_rule_on_time_written_by_hand_is_planned_by_the_sweep(manager: User) -> None:
    rule = builders.make_rule(manager, trigger_type="time", trigger_config={"every": {"hours": 1}})
    assert manager.team_id in timers.due_since(timezone.now())
    timers.run_due(manager.team_id, now=timezone.now())
    rule.refresh_from_db()
    first = rule.next_run_at
    assert first is not None
    TaskAutomationRule.objects.filter(pk=rule.pk).update(trigger_config={"every": {"hours": 5}})
    timers.run_due(manager.team_id, now=timezone.now())
    rule.refresh_from_db()
    assert rule.next_run_at != first
    assert manager.team_id not in timers.due_since(timezone.now())


def test_one_that_cannot_run_stops_no_other(manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = (on_time(manager, START, name=name, trigger_config={"cron": "0 9 * * *"}) for name in ("bad", "good"))
    real = timers._run
    monkeypatch.setattr(timers, "_run", lambda rule, now: 1 / 0 if rule.pk == bad.pk else real(rule, now))
    timers.run_due(manager.team_id, now=START + timedelta(hours=12))
    assert good.tasks.count() == 1
    bad.refresh_from_db()
    assert bad.next_run_at is None, "it is the job's now"
    monkeypatch.undo()
    kind, pk, at = Job.objects.get(name="automation.tasks.take_up").args
    assert sweeps.take_up(kind, pk, datetime.fromisoformat(at), now=START + timedelta(hours=12))
    for rule in (bad, good):
        rule.refresh_from_db()
    assert (bad.tasks.count(), bad.next_run_at) == (1, good.next_run_at)


def quiet_rule(manager: User, **config: Any) -> TaskAutomationRule:
    return rules.create(
        manager,
        name="Silence",
        trigger_type="inactivity",
        trigger_config=config or {"days": 10},
        task_title_template="Ask {{contact_name}}",
        repeat_policy="every_time",
    )


def heard(contact: Contact, at: datetime, kind: str = Activity.EMAIL_OPENED) -> None:
    builders.make_activity(contact, activity_type=kind, occurred_at=at, received_at=at)


def sweep(manager: User, now: datetime) -> None:
    engine.drain(manager.team_id, now=now)
    timers.run_due(manager.team_id, now=now)
    silence.run_due(manager.team_id, now=now)


def test_a_silence_fires_once_and_again_only_after_a_sign_of_life(manager: User) -> None:
    rule = quiet_rule(manager)
    contact = builders.make_contact(manager)
    start = timezone.now()
    sweep(manager, start)
    heard(contact, start + timedelta(days=4))
    for day in (4, 9, 13):
        sweep(manager, start + timedelta(days=day))
    assert not rule.tasks.exists()
    for day in (14, 15, 40):
        sweep(manager, start + timedelta(days=day, minutes=1))
    firing = rule.firings.get()
    assert firing.occurred_at == start + timedelta(days=14)
    heard(contact, start + timedelta(days=50))
    for day in (50, 59, 60):
        sweep(manager, start + timedelta(days=day, minutes=1))
    assert rule.tasks.count() == 2


def test_who_was_silent_before_the_rule_began_is_left_alone(manager: User) -> None:
    old = builders.make_contact(manager, created_at=timezone.now() - timedelta(days=100))
    soon = builders.make_contact(manager, created_at=timezone.now() - timedelta(days=6))
    sweep(manager, timezone.now())
    rule = quiet_rule(manager)
    now = timezone.now()
    for day in (0, 3, 5, 30):
        sweep(manager, now + timedelta(days=day))
    assert [task.contact for task in rule.tasks.all()] == [soon]
    assert old.pk != soon.pk


def test_only_the_signs_that_the_rule_counts_are_signs_of_life(manager: User) -> None:
    rule = quiet_rule(manager, days=10, activity_types=["email_replied"])
    contact = builders.make_contact(manager)
    now = timezone.now()
    sweep(manager, now)
    for day in range(1, 10, 2):
        heard(contact, now + timedelta(days=day))
        sweep(manager, now + timedelta(days=day))
    sweep(manager, now + timedelta(days=10, minutes=1))
    assert rule.tasks.count() == 1


def test_what_our_side_writes_is_no_sign_of_life(manager: User) -> None:
    rule = quiet_rule(manager)
    contact = builders.make_contact(manager)
    now = timezone.now()
    sweep(manager, now)
    heard(contact, now + timedelta(days=9), Activity.TASK_COMPLETED)
    sweep(manager, now + timedelta(days=10, minutes=1))
    assert rule.tasks.count() == 1


def test_one_bad_contact_becomes_a_job_and_the_rest_are_looked_at(
    manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = quiet_rule(manager)
    people = [builders.make_contact(manager) for _ in range(20)]
    now = timezone.now()
    sweep(manager, now)
    real = silence._look
    broken = {people[3].pk}
    monkeypatch.setattr(silence, "_look", lambda row, ready, at: 1 / 0 if row.pk in broken else real(row, ready, at))
    Contact.objects.update(created_at=now - timedelta(days=11), quiet_at=now)
    TaskAutomationRule.objects.update(planned_at=now - timedelta(days=20))
    sweep(manager, now)
    assert rule.tasks.count() == 19
    broken.clear()
    Job.objects.update(run_at=now, send_at=now)
    run_due()
    assert rule.tasks.count() == 20


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_the_same_due_rule_make_its_run_once(manager: User) -> None:
    now = timezone.now()
    rule = on_time(manager, now, trigger_config={"every": {"hours": 1}})
    TaskAutomationRule.objects.filter(pk=rule.pk).update(next_run_at=now - timedelta(minutes=5))
    gate = threading.Barrier(2)

    def work() -> None:
        gate.wait()
        timers.run_due(manager.team_id, now=now)
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    timers.run_due(manager.team_id, now=now)
    assert Task.objects.count() == 1
    assert Firing.objects.count() == 1
