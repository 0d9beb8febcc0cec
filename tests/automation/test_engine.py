"""From event to task: each once, by the rule's own words, and why not when not."""

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import F
from django.utils import timezone

from automation import bulk, drafting, engine, rules
from automation.events import Event
from automation.models import Firing, RuleVersion, TaskAutomationRule
from automation.task_scheduler import TaskScheduler
from crm import contacts, intake
from crm.models import Activity, Contact
from jobs import bell, broker
from jobs.models import Job
from jobs.runner import run_due
from notifications.models import Notification
from people.models import User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def contact(manager: User) -> Contact:
    return builders.make_contact(manager)


def click(contact: Contact, **fields: object) -> Activity:
    return builders.make_activity(contact, **{"activity_type": Activity.EMAIL_CLICKED} | fields)


def drain(manager: User) -> dict[str, int]:
    return engine.drain(manager.team_id, now=timezone.now())


def test_a_click_becomes_one_task_due_from_when_it_happened(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager, reminder_offset_hours=1)
    event = click(contact, occurred_at=timezone.now() - timedelta(hours=2))
    assert drain(manager) == {"processed": 1, "fired": 1, "suppressed": 0, "failed": 0, "retried": 0}
    assert engine.pending_teams(timezone.now()) == [], "what is processed is looked at no more"
    task = rule.tasks.get()
    assert task.due_date == event.occurred_at + timedelta(hours=4)
    assert task.remind_at == event.occurred_at + timedelta(hours=3)
    assert (task.assignee, task.origin_key) == (manager, f"firing:{Firing.objects.get().pk}")
    assert Notification.objects.filter(user=manager, kind="assigned", task=task).count() == 1


def test_replaying_moves_nothing(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager, repeat_policy="every_time")
    for _ in range(5):
        click(contact)
    drain(manager)
    for _ in range(3):
        Activity.objects.update(processed_at=None)
        drain(manager)
        for event in Activity.objects.filter(activity_type="email_clicked"):
            engine.process(event, now=timezone.now())
    rule.refresh_from_db()
    assert (rule.times_triggered, rule.tasks_created) == (5, 5)
    assert rule.tasks.count() == Firing.objects.count() == Notification.objects.filter(kind="assigned").count() == 5
    before = (rule.times_triggered, rule.tasks_created)
    rules.rebuild_counters(rule)
    rule.refresh_from_db()
    assert (rule.times_triggered, rule.tasks_created) == before


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("once_while_open", 2), ("once_ever", 1), ("once_per_window", 2), ("every_time", 4)],
)
def test_repeat_policies(manager: User, contact: Contact, policy: str, expected: int) -> None:
    """Two clicks at once; then the task is done; then a click within the window and one after it."""
    rule = builders.make_rule(manager, repeat_policy=policy, repeat_window_hours=24)
    start = timezone.now() - timedelta(hours=60)
    click(contact, occurred_at=start, received_at=start)
    click(contact, occurred_at=start + timedelta(hours=1), received_at=start)
    drain(manager)
    for task in rule.tasks.all():
        lifecycle.complete(task, by=manager, now=timezone.now())
    click(contact, occurred_at=start + timedelta(hours=2), received_at=start)
    drain(manager)
    click(contact, occurred_at=start + timedelta(hours=30), received_at=start)
    drain(manager)
    assert rule.tasks.count() == expected
    assert Firing.objects.count() == 4, "what did not fire says why"
    assert not Firing.objects.filter(outcome="suppressed", reason="").exists()


@pytest.mark.parametrize(
    ("fields", "settings", "fires"),
    [
        ({"occurred_at": timezone.now() - timedelta(hours=73)}, {}, False),
        ({"occurred_at": timezone.now() - timedelta(hours=73)}, {"max_event_age_hours": 100}, True),
        ({"origin": "import"}, {}, False),
        ({"origin": "import"}, {"fires_on_imports": True}, True),
        ({"signal": "machine"}, {}, False),
        ({"signal": "machine"}, {"fires_on_machines": True}, True),
        ({"signal": "unknown"}, {}, True),
    ],
)
def test_what_does_not_fire(
    manager: User, contact: Contact, fields: dict[str, object], settings: dict[str, object], fires: bool
) -> None:
    rule = builders.make_rule(manager, **settings)
    click(contact, **fields)
    drain(manager)
    assert rule.tasks.exists() is fires
    assert Firing.objects.get().outcome == ("fired" if fires else "suppressed")
    rule.refresh_from_db()
    assert rule.times_triggered == int(fires)


def test_scope_is_the_owners_role_and_passing_a_rule_on_never_widens_it(manager: User) -> None:
    member = builders.make_user(team=manager.team)
    own, theirs = builders.make_contact(member), builders.make_contact(manager)
    rule = builders.make_rule(member)
    assert (rule.scope, builders.make_rule(manager, is_active=False).scope) == ("own", "team")
    click(own)
    click(theirs)
    drain(manager)
    assert [task.contact for task in rule.tasks.all()] == [own]
    rules.pass_on_rules_of(member, manager, timezone.now())
    rule.refresh_from_db()
    assert (rule.owner, rule.scope) == (manager, "own")


def test_a_rule_changed_by_hand_is_frozen_at_its_next_firing(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager, repeat_policy="every_time")
    for title in ("A", "A", "B", "A"):
        TaskAutomationRule.objects.filter(pk=rule.pk).update(task_title_template=title)
        click(contact)
        drain(manager)
    versions = RuleVersion.objects.order_by("number")
    assert [(one.number, one.content["task_title_template"]) for one in versions] == [(1, "A"), (2, "B")]
    assert [one.version.number for one in Firing.objects.order_by("pk") if one.version] == [1, 1, 2, 1]


def test_a_rule_needs_no_name(manager: User, contact: Contact) -> None:
    rule = TaskAutomationRule.objects.create(
        owner=manager,
        trigger_type="activity",
        trigger_config={"activity_types": ["email_clicked"]},
        task_title_template="Call {{contact_name}} back",
        delay_hours=1,
    )
    click(contact)
    drain(manager)
    rule.refresh_from_db()
    assert (rule.name, rule.parked_reason, rule.tasks.count()) == ("Call … back", "", 1)


def test_an_invalid_rule_is_parked_with_its_reason_and_stops_no_other(manager: User, contact: Contact) -> None:
    bad = builders.make_rule(manager, task_title_template="{{contact_nam}}")
    worse = builders.make_rule(manager, trigger_config={"activity_types": 5})
    good = builders.make_rule(manager)
    click(contact)
    drain(manager)
    assert good.tasks.count() == 1
    for rule, word in ((bad, "contact_nam"), (worse, "activity type")):
        rule.refresh_from_db()
        assert word in rule.parked_reason
        (told,) = manager.notifications.filter(kind=Notification.RULE, path=f"/automations/task-scheduling/{rule.pk}")
        assert told.title == f"“{rule.name}” cannot run"
        assert word in told.body
    TaskAutomationRule.objects.filter(pk=bad.pk).update(task_title_template="{{contact_name}}")
    click(contact)
    drain(manager)
    bad.refresh_from_db()
    assert (bad.parked_reason, bad.tasks.count()) == ("", 1)


def test_a_template_that_fails_for_one_contact_fails_that_firing_only(manager: User) -> None:
    rule = builders.make_rule(
        manager, task_title_template="{% if contact.lead_score == 7 %}{{ 1 | divided_by: 0 }}{% endif %}x"
    )
    fine, breaks = builders.make_contact(manager, lead_score=1), builders.make_contact(manager, lead_score=7)
    click(breaks)
    click(fine)
    totals = drain(manager)
    assert (totals["fired"], totals["failed"]) == (1, 1)
    assert [task.contact for task in rule.tasks.all()] == [fine]
    assert Firing.objects.get(contact=breaks).reason
    rule.refresh_from_db()
    assert rule.times_triggered == 1


def test_one_bad_record_becomes_a_job_and_the_rest_are_done(manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = builders.make_rule(manager)
    everybody = [builders.make_contact(manager) for _ in range(20)]
    for one in everybody:
        click(one)
    bad = everybody[7]
    draft = drafting.draft

    def stumbles(rule: TaskAutomationRule, event: Event, *more: Any, **also: Any) -> drafting.Draft:
        if event.contact == bad and bad.name != "mended":
            raise RuntimeError("unforeseen")
        return draft(rule, event, *more, **also)

    monkeypatch.setattr(drafting, "draft", stumbles)
    totals = drain(manager)
    assert (totals["fired"], totals["retried"]) == (19, 1)
    assert not Activity.objects.unprocessed().exists(), "nothing is tried for ever"
    bad.name = "mended"
    Job.objects.update(run_at=timezone.now(), send_at=timezone.now())
    run_due()
    assert rule.tasks.count() == 20
    assert Job.objects.get(name=engine.REDO_JOB).state == Job.DONE


def _failing(_batch: bulk.Batch) -> None:
    raise RuntimeError("of one record")


class Killed(BaseException):
    """What no handler catches, as by `kill -9`."""


def test_a_process_that_ends_in_a_long_queue_has_done_a_part_of_it(
    manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a queue that takes longer than processes live would never get shorter, and nobody else could write."""
    clicks = [builders.make_activity(builders.make_contact(manager)) for _ in range(5)]
    follow = bulk.Batch.follow

    def killed_at_the_fourth(batch: bulk.Batch, activity: Activity) -> None:
        if activity == clicks[3]:
            raise Killed
        follow(batch, activity)

    monkeypatch.setattr(bulk.Batch, "follow", killed_at_the_fourth)
    monkeypatch.setattr(engine, "BATCH_SECONDS", 0.0)
    with pytest.raises(Killed):
        engine.drain(manager.team_id, now=timezone.now())
    assert list(Activity.objects.unprocessed()) == clicks[3:]


def test_records_that_are_redone_one_by_one_are_kept_part_by_part_too(
    manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    clicks = [builders.make_activity(builders.make_contact(manager)) for _ in range(5)]
    process = engine._process
    monkeypatch.setattr(bulk.Batch, "finish", _failing)

    def bad_and_deadly(activity: Activity, *more: Any) -> Any:
        if activity == clicks[3]:
            raise Killed
        if activity == clicks[0]:
            raise RuntimeError("one that fails")
        return process(activity, *more)

    monkeypatch.setattr(engine, "_process", bad_and_deadly)
    monkeypatch.setattr(engine, "BATCH_SECONDS", 0.0)
    with pytest.raises(Killed):
        engine.drain(manager.team_id, now=timezone.now())
    assert list(Activity.objects.unprocessed()) == clicks[3:]
    assert Job.objects.filter(name=engine.REDO_JOB).count() == 1


@pytest.mark.parametrize(("has_broker", "done"), [(False, [1, 1, 1, 0]), (True, [3, 0, 0, 0])])
def test_a_long_queue_leaves_room_for_jobs_where_nobody_else_does_them(
    manager: User, monkeypatch: pytest.MonkeyPatch, has_broker: bool, done: list[int]
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(broker, "configured", lambda: has_broker)
    for _ in range(3):
        builders.make_activity(builders.make_contact(manager))
    monkeypatch.setattr(engine, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(engine, "DRAIN_SECONDS", 0.0)
    monkeypatch.setattr(bell, "ring", rung.append)
    assert [engine.drain(manager.team_id, now=timezone.now())["processed"] for _ in range(4)] == done
    assert rung == ([] if has_broker else [manager.team_id] * 2), "told that there is more"


def test_status_rules_compare_what_was_committed(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(
        manager, trigger_type="status_change", trigger_config={"to_status": "active"}, repeat_policy="every_time"
    )
    contact.status = "active"
    contact.save()
    contact.status = "lead"
    contact.save()
    drain(manager)
    assert rule.tasks.count() == 0, "there and back before anybody looked is nothing"
    contacts.update(contact, by=manager, now=timezone.now(), status="active")
    drain(manager)
    drain(manager)
    assert rule.tasks.count() == 1, "a verb's own activity is not seen twice"


def test_new_rows_are_no_changes(manager: User) -> None:
    builders.make_rule(manager, trigger_type="status_change", trigger_config={})
    Contact.objects.bulk_create([Contact(owner=manager, name="a", status="active")])
    builders.make_contact(manager, status="active")
    Contact.objects.filter(name="a").update(seen_status="")  # as plain SQL would leave it
    drain(manager)
    assert not Firing.objects.exists()
    assert not Contact.objects.changed_by_hand().exists()
    assert Contact.objects.filter(seen_status=F("status")).count() == 2


def test_a_rule_made_later_does_not_fire_for_what_was_before(manager: User, contact: Contact) -> None:
    event = click(contact)
    drain(manager)
    rule = builders.make_rule(manager)
    assert engine.process(event, now=timezone.now()) == []
    assert not rule.tasks.exists()


@pytest.mark.parametrize("assign", ["owner", "best_match", "round_robin", "unassigned", "user"])
def test_who_gets_the_task(manager: User, contact: Contact, assign: str) -> None:
    skilled = builders.make_user(team=manager.team)
    skill = builders.make_skill(skilled, level=4)
    rule = builders.make_rule(
        manager,
        assign=f"user:{skilled.pk}" if assign == "user" else assign,
        required_skills=[{"skill": skill.name, "level": 3}],
    )
    click(contact)
    drain(manager)
    task = rule.tasks.get()
    assert task.assignee == {"owner": manager, "unassigned": None}.get(assign, skilled)
    if task.assignee:
        assert task.assignments.get().reasons["sentence"]


def test_round_robin_takes_turns(manager: User) -> None:
    others = [builders.make_user(team=manager.team) for _ in range(2)]
    rule = builders.make_rule(manager, assign="round_robin")
    for _ in range(6):
        click(builders.make_contact(manager))
        drain(manager)
    got = [task.assignee_id for task in rule.tasks.order_by("pk")]
    assert got == [manager.pk, others[0].pk, others[1].pk] * 2


@pytest.mark.django_db(transaction=True)
def test_two_opens_in_two_workers_make_one_task() -> None:
    manager = builders.make_manager()
    contact = builders.make_contact(manager)
    rule = builders.make_rule(manager)
    for _ in range(12):
        click(contact)
    start = threading.Barrier(4)

    def worker() -> None:
        start.wait()
        drain(manager)
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(manager)
    assert rule.tasks.count() == 1
    assert Firing.objects.count() == 12
    rule.refresh_from_db()
    assert rule.times_triggered == 1


def test_intake_stores_each_once_shuffled_and_doubled(manager: User, contact: Contact) -> None:
    now = timezone.now()
    events = [
        intake.Incoming("email_clicked", contact_email=contact.email.upper(), source="esp", source_key=f"e{n}")
        for n in range(30)
    ]
    chance = random.Random(1)
    accepted = duplicates = 0
    for _ in range(6):
        some = chance.choices(events, k=25)
        outcome = intake.record(manager.team, some, now=now)
        accepted += len(outcome.accepted)
        duplicates += outcome.duplicates
    assert accepted == Activity.objects.filter(source="esp").count()
    assert accepted + duplicates == 150
    other = intake.Incoming("email_opened", contact_email=contact.email, source="esp", source_key="e1", data={"x": 1})
    intake.record(manager.team, [events[1]], now=now)
    outcome = intake.record(manager.team, [other], now=now)
    assert (outcome.duplicates, outcome.conflicts) == (1, 1)
    assert Activity.objects.get(source_key="e1").conflicts.count() == 1


def test_intake_says_what_to_mend_and_keeps_the_rest(manager: User, contact: Contact) -> None:
    now = timezone.now()
    outcome = intake.record(
        manager.team,
        [
            intake.Incoming("call", contact_id=contact.pk),
            intake.Incoming("call", contact_id=10**9),
            intake.Incoming("call"),
            intake.Incoming("call", contact_id=contact.pk, occurred_at=now + timedelta(days=1)),
            intake.Incoming("call", contact_email="stranger@example.com"),
        ],
        now=now,
    )
    assert len(outcome.accepted) == 1
    assert {one.index: one.errors[0].pointer for one in outcome.rejected} == {
        1: "/contact_id",
        2: "",
        3: "/occurred_at",
        4: "/contact_email",
    }


def test_the_scheduler_returns_the_open_task_instead_of_a_twin(manager: User, contact: Contact) -> None:
    scheduler = TaskScheduler(owner=manager)
    first = scheduler.schedule_based_on_activity(contact, Activity.EMAIL_OPENED)
    assert scheduler.schedule_based_on_activity(contact.pk, Activity.EMAIL_OPENED) == first
    assert scheduler.schedule_based_on_activity(contact, "something_else") is None
    rule = builders.make_rule(manager)
    second = scheduler.schedule_based_on_activity(contact, Activity.EMAIL_CLICKED)
    assert scheduler.schedule_based_on_activity(contact, Activity.EMAIL_CLICKED) == second == rule.tasks.get()
    assert Task.objects.count() == 2


def test_the_status_call_uses_the_change_there_is(manager: User, contact: Contact) -> None:
    contacts.update(contact, by=manager, now=timezone.now(), status="active")
    rule = builders.make_rule(manager, trigger_type="status_change", trigger_config={"to_status": "active"})
    task = TaskScheduler(owner=manager).schedule_based_on_status(contact, "lead", "active")
    assert task == rule.tasks.get()
    assert Activity.objects.filter(activity_type="status_changed").count() == 1
    with pytest.raises(ValueError, match="one of lead, active"):
        TaskScheduler(owner=manager).schedule_based_on_status(contact, "lead", "gone")


@pytest.mark.parametrize(
    "broken",
    [
        {"assign": "user:²"},
        {"assign": "user:99999999999999999999"},
        {"required_skills": [{"skill": 5}]},
        {"required_skills": [{"skill": "x", "level": True}]},
        {"trigger_config": []},
        {"trigger_config": {"activity_types": [[]]}},
        {"trigger_type": "moon"},
        {"estimated_hours": -3},
    ],
)
def test_whatever_a_row_holds_it_is_parked_and_stops_nobody(broken: dict[str, object]) -> None:
    manager, other = builders.make_manager(), builders.make_manager()
    bad = builders.make_rule(manager)
    TaskAutomationRule.objects.filter(pk=bad.pk).update(**broken)
    good = builders.make_rule(manager)
    elsewhere = builders.make_rule(other)
    click(builders.make_contact(manager))
    click(builders.make_contact(other))
    for team_id in engine.pending_teams(timezone.now()):
        engine.drain(team_id, now=timezone.now())
    bad.refresh_from_db()
    assert bad.parked_reason
    assert (good.tasks.count(), elsewhere.tasks.count()) == (1, 1)


def test_a_task_moved_to_another_contact_frees_the_first(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager)
    click(contact)
    drain(manager)
    other = builders.make_contact(manager)
    lifecycle.edit(rule.tasks.get(), by=manager, now=timezone.now(), contact=other)
    click(contact)
    assert drain(manager)["fired"] == 1
    assert {task.contact for task in rule.tasks.all()} == {contact, other}


def test_a_members_rule_gives_its_tasks_to_nobody_else_by_name(manager: User) -> None:
    member = builders.make_user(team=manager.team)
    fields = {
        "name": "x",
        "trigger_type": "activity",
        "trigger_config": {"activity_types": ["call"]},
        "task_title_template": "x",
    }
    with pytest.raises(rules.BadRule, match="manager"):
        rules.create(member, assign=f"user:{manager.pk}", **fields)
    assert rules.create(member, assign=f"user:{member.pk}", **fields).pk
    assert rules.create(manager, assign=f"user:{member.pk}", **fields).pk
