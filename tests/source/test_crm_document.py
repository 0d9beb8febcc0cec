"""The CRM design, block by block: programs run as printed, each on a contact of its own; the rest name by name."""

import inspect
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from automation.models import ScheduledTaskBatch, TaskAutomationRule
from crm.models import Activity, Contact
from people.models import User
from tests import builders, migrated, processes
from work.models import Task

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def user() -> User:
    return builders.make_manager()


@pytest.fixture
def client(user: User) -> Client:
    return Client(headers={"authorization": f"Bearer {builders.make_token(user)}"})


def run(printed: str, **names: Any) -> dict[str, Any]:
    """Executes a block as it stands in the document, in a namespace that holds what its prose takes for given."""
    scope: dict[str, Any] = {
        "timezone": timezone,
        "timedelta": timedelta,
        "Activity": Activity,
        "Contact": Contact,
        "TaskAutomationRule": TaskAutomationRule,
        **names,
    }
    exec(compile(printed, "source", "exec"), scope)
    return scope


SCHEDULER = """
from automation.task_scheduler import TaskScheduler

scheduler = TaskScheduler(owner=request.user)

# Schedule a single task
task = scheduler.schedule_task_for_contact(
    contact=contact,
    title="Follow up with lead",
    description="Check on project status",
    priority="high",
    due_date=timezone.now() + timedelta(days=1),
    reminder_offset_hours=2
)

# Schedule a follow-up sequence
tasks = scheduler.schedule_follow_up_sequence(
    contact=contact,
    sequence_type="standard",  # or "aggressive" or "gentle"
    start_delay_hours=24
)

# Schedule based on activity
task = scheduler.schedule_based_on_activity(
    contact=contact,
    activity_type=Activity.EMAIL_OPENED
)

# Schedule based on status change
task = scheduler.schedule_based_on_status(
    contact=contact,
    old_status=Contact.LEAD,
    new_status=Contact.ACTIVE
)

# Schedule recurring tasks
tasks = scheduler.schedule_recurring_tasks(
    contact=contact,
    cadence=Contact.CADENCE_WEEKLY,
    task_template={
        "title": "Weekly check-in",
        "priority": "medium"
    }
)
"""


def test_the_schedulers_five_methods(user: User) -> None:
    contact = builders.make_contact(user)
    before = timezone.now()
    scope = run(SCHEDULER, request=SimpleNamespace(user=user), contact=contact)
    single = Task.objects.get(title="Follow up with lead")
    assert (single.priority, single.assignee, single.contact) == ("high", user, contact)
    assert single.due_date is not None
    assert single.remind_at == single.due_date - timedelta(hours=2)
    sequence = ScheduledTaskBatch.objects.get(contact=contact, kind="sequence").tasks.order_by("due_date")
    assert [round((task.due_date - before) / timedelta(days=1)) for task in sequence] == [2, 4, 8, 15]
    assert Task.objects.get(title__contains="opened your email").priority == "medium"
    assert scope["task"].priority == "urgent"
    (weekly,) = scope["tasks"]
    assert weekly.title == "Weekly check-in"
    contact.refresh_from_db()
    assert contact.contact_cadence == "weekly"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("auto_schedule_overdue_tasks", []),
        ("process_activity_triggers", ["activity_id"]),
        ("process_status_change_triggers", ["contact_id", "old_status", "new_status"]),
        ("process_automation_workflows", []),
        ("schedule_recurring_contact_tasks", []),
        ("send_task_reminders", []),
    ],
)
def test_the_celery_tasks(name: str, parameters: list[str]) -> None:
    from automation import tasks

    task = getattr(tasks, name)
    assert task.name == f"automation.tasks.{name}"
    required = [p.name for p in inspect.signature(task.run).parameters.values() if p.default is p.empty]
    assert required == parameters
    if not parameters:
        assert isinstance(task(), dict)


def test_the_rule_as_a_dict_of_fields(user: User) -> None:
    fields = {
        "name": "Email Engagement Follow-up",
        "trigger_type": "activity",
        "trigger_config": {"activity_types": ["email_opened", "email_clicked"]},
        "task_title_template": "Follow up with {{contact_name}} - Email Engagement",
        "task_priority": "high",
        "delay_hours": 4,
        "is_active": True,
    }
    rule = TaskAutomationRule.objects.create(owner=user, **fields)
    contact = builders.make_contact(user)
    from automation.task_scheduler import TaskScheduler

    task = TaskScheduler(owner=user).schedule_based_on_activity(contact, "email_clicked")
    assert task is not None
    assert task.title == f"Follow up with {contact.name} - Email Engagement"
    rule.refresh_from_db()
    assert (rule.times_triggered, rule.tasks_created) == (1, 1)


def test_the_batch_tracks_progress_by_contact(client: Client, user: User) -> None:
    contact = builders.make_contact(user)
    scheduled = client.post(
        "/api/task-automation/schedule-sequence/", {"contact_id": contact.pk}, content_type="application/json"
    )
    batch = ScheduledTaskBatch.objects.get(pk=scheduled.json()["batch_id"])
    assert batch.tasks.count() == 4
    done = batch.tasks.order_by("due_date").first()
    assert done is not None
    client.post(f"/automation/tasks/{done.pk}/complete", {}, content_type="application/json")
    (listed,) = client.get(f"/api/task-automation/batches/?contact_id={contact.pk}").json()["results"]
    assert (listed["tasks_count"], listed["tasks_completed"]) == (4, 1)


def test_the_rule_endpoints(client: Client) -> None:
    body = {
        "name": "Opened",
        "trigger_type": "activity",
        "trigger_config": {"activity_types": ["email_opened"]},
        "task_title_template": "Follow up with {{contact_name}}",
        "delay_hours": 4,
    }
    made = client.post("/api/task-automation/rules/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    path = f"/api/task-automation/rules/{made.json()['id']}/"
    assert [rule["id"] for rule in client.get("/api/task-automation/rules/").json()["results"]] == [made.json()["id"]]
    assert client.get(path).json()["name"] == "Opened"
    changed = client.put(path, body | {"name": "Read"}, content_type="application/json")
    assert (changed.status_code, changed.json()["name"]) == (200, "Read")
    assert client.get("/api/task-automation/stats/").json()["total_rules"] == 1
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


ACTIVITY_RULE = """
rule = TaskAutomationRule.objects.create(
    owner=user,
    name="Email Open Follow-up",
    trigger_type="activity",
    trigger_config={"activity_types": ["email_opened"]},
    task_title_template="Follow up with {{contact_name}} - engaged with email",
    task_description_template="{{contact_name}} opened your email - strike while hot!",
    task_priority="high",
    delay_hours=4,
    reminder_offset_hours=1,
    is_active=True
)
"""


def test_the_activity_rule_written_by_hand(user: User, client: Client) -> None:
    rule = run(ACTIVITY_RULE, user=user)["rule"]
    contact = builders.make_contact(user)
    posted = client.post(
        "/api/activities",
        {"contact_id": contact.pk, "activity_type": "email_opened"},
        content_type="application/json",
    )
    assert posted.status_code == 202, posted.content
    drain(user)
    task = rule.tasks.get()
    activity = Activity.objects.get(contact=contact, activity_type="email_opened")
    assert task.title == f"Follow up with {contact.name} - engaged with email"
    assert task.description == f"{contact.name} opened your email - strike while hot!"
    assert task.priority == "high"
    assert task.due_date == activity.occurred_at + timedelta(hours=4)
    assert task.remind_at == activity.occurred_at + timedelta(hours=3)


STATUS_RULE = """
rule = TaskAutomationRule.objects.create(
    owner=user,
    name="New Customer Onboarding",
    trigger_type="status_change",
    trigger_config={"from_status": "lead", "to_status": "active"},
    task_title_template="Onboard {{contact_name}} - New Customer!",
    task_description_template="Send welcome email and schedule kickoff call",
    task_priority="urgent",
    delay_hours=2,
    is_active=True
)
"""


@pytest.mark.parametrize("how", ["save", "update", "api"])
def test_the_status_rule_written_by_hand(user: User, client: Client, how: str) -> None:
    rule = run(STATUS_RULE, user=user)["rule"]
    contact = builders.make_contact(user)
    if how == "save":
        contact.status = Contact.ACTIVE
        contact.save()
    elif how == "update":
        Contact.objects.filter(pk=contact.pk).update(status="active")
    else:
        client.patch(f"/api/contacts/{contact.pk}", {"status": "active"}, content_type="application/json")
    drain(user)
    drain(user)
    task = rule.tasks.get()
    assert (task.title, task.priority) == (f"Onboard {contact.name} - New Customer!", "urgent")


@pytest.mark.parametrize("how", ["python", "job"])
def test_a_status_saved_by_hand_and_then_named_fires_once(user: User, how: str) -> None:
    from automation import tasks
    from automation.task_scheduler import TaskScheduler

    rule = run(STATUS_RULE, user=user)["rule"]
    TaskAutomationRule.objects.filter(pk=rule.pk).update(repeat_policy="every_time")
    contact = builders.make_contact(user)
    Contact.objects.filter(pk=contact.pk).update(status="active")
    if how == "python":
        TaskScheduler(owner=user).schedule_based_on_status(contact, "lead", "active")
    else:
        tasks.process_status_change_triggers(contact.pk, "lead", "active")
    drain(user)
    drain(user)
    assert rule.tasks.count() == 1
    assert Activity.objects.filter(contact=contact, activity_type=Activity.STATUS_CHANGED).count() == 1


SEQUENCE_BY_CODE = """
scheduler = TaskScheduler(owner=user)
tasks = scheduler.schedule_follow_up_sequence(
    contact=contact,
    sequence_type="aggressive"
)
# Creates 4 tasks at 1, 2, 4, and 7 days
"""


def test_the_sequence_by_request_and_by_code(user: User, client: Client) -> None:
    from automation.task_scheduler import TaskScheduler

    before = timezone.now()
    posted = client.post(
        "/api/task-automation/schedule-sequence/",
        {"contact_id": builders.make_contact(user).pk, "sequence_type": "aggressive", "start_delay_hours": 24},
        content_type="application/json",
    )
    assert posted.status_code == 201, posted.content
    assert posted.json()["tasks_created"] == 4
    due = [timezone.datetime.fromisoformat(task["due_date"]) for task in posted.json()["tasks"]]
    assert [round((one - before) / timedelta(days=1)) for one in due] == [2, 3, 5, 8]
    tasks = run(SEQUENCE_BY_CODE, user=user, contact=builders.make_contact(user), TaskScheduler=TaskScheduler)["tasks"]
    assert [round((task.due_date - before) / timedelta(days=1)) for task in tasks] == [1, 2, 4, 7]


CADENCE = """
contact.contact_cadence = Contact.CADENCE_WEEKLY
contact.save()
"""


def test_the_cadence_by_code_and_by_request(user: User, client: Client) -> None:
    from automation import tasks

    contact = run(CADENCE, contact=builders.make_contact(user))["contact"]
    tasks.schedule_recurring_contact_tasks()
    contact.refresh_from_db()
    assert contact.next_touch_at is not None
    Contact.objects.filter(pk=contact.pk).update(next_touch_at=timezone.now() - timedelta(minutes=1))
    tasks.schedule_recurring_contact_tasks()
    assert Task.objects.filter(contact=contact).count() == 1
    other = builders.make_contact(user)
    posted = client.post(
        "/api/task-automation/schedule-recurring/",
        {
            "contact_id": other.pk,
            "cadence": "weekly",
            "task_template": {"title": "Weekly check-in with {{contact_name}}", "priority": "medium"},
        },
        content_type="application/json",
    )
    assert posted.status_code == 201, posted.content
    assert [task["title"] for task in posted.json()["tasks"]] == [f"Weekly check-in with {other.name}"]


@pytest.mark.parametrize(
    ("entry", "task", "hours", "minutes"),
    [
        ("auto-schedule-overdue-tasks", "automation.tasks.auto_schedule_overdue_tasks", {9}, {0}),
        ("process-automation-workflows", "automation.tasks.process_automation_workflows", None, {0, 15, 30, 45}),
        ("schedule-recurring-tasks", "automation.tasks.schedule_recurring_contact_tasks", {8}, {0}),
        ("send-task-reminders", "automation.tasks.send_task_reminders", None, {0, 15, 30, 45}),
    ],
)
def test_the_beat_entries(entry: str, task: str, hours: set[int] | None, minutes: set[int]) -> None:
    from config.celery import app

    found = app.conf.beat_schedule[entry]
    assert found["task"] == task
    assert found["schedule"].minute == minutes
    assert found["schedule"].hour == (hours or set(range(24)))


AUTOMATION_STEP = """
step = AutomationStep.objects.create(
    campaign=campaign,
    message_type=AutomationStep.TASK,
    name="Follow up call",
    body="Schedule and complete follow-up call",
    delay_days=3,
    order=2
)

# Celery will automatically create the task when step is due
"""


def test_the_step_of_a_campaign_written_by_hand(user: User, client: Client) -> None:
    from automation import tasks
    from automation.models import AutomationStep, Campaign

    campaign = Campaign.objects.create(owner=user, name="Spring")
    run(AUTOMATION_STEP, campaign=campaign, AutomationStep=AutomationStep)
    contact = builders.make_contact(user)
    started = timezone.now()
    enrolled = client.post(
        f"/api/task-automation/campaigns/{campaign.pk}/enrol",
        {"contact_ids": [contact.pk]},
        content_type="application/json",
    )
    assert enrolled.status_code == 201, enrolled.content
    for days, made in ((2.9, False), (3.1, True), (3.2, True)):
        with time_machine.travel(started + timedelta(days=days), tick=False):
            tasks.process_automation_workflows()
        assert Task.objects.filter(contact=contact).count() == made
    task = Task.objects.get(contact=contact)
    assert (task.title, task.description) == ("Follow up call", "Schedule and complete follow-up call")
    (batch,) = client.get(f"/api/task-automation/batches/?campaign_id={campaign.pk}").json()["results"]
    assert (batch["kind"], batch["tasks_count"]) == ("campaign", 1)


@pytest.mark.parametrize("variable", ["contact_name", "contact_email", "activity_type", "old_status", "new_status"])
def test_the_template_variables(variable: str, user: User) -> None:
    from automation.task_scheduler import TaskScheduler

    builders.make_rule(
        user,
        trigger_type="status_change",
        trigger_config={},
        task_title_template="Task",
        task_description_template="{{" + variable + "}}",
    )
    contact = builders.make_contact(user)
    task = TaskScheduler(owner=user).schedule_based_on_status(contact, "lead", "active")
    assert task is not None
    assert (
        task.description
        == {
            "contact_name": contact.name,
            "contact_email": contact.email,
            "activity_type": "status_changed",
            "old_status": "lead",
            "new_status": "active",
        }[variable]
    )


def test_a_rule_made_inactive_to_test_it_first(user: User) -> None:
    from automation.task_scheduler import TaskScheduler

    rule = builders.make_rule(user, is_active=False)
    contact = builders.make_contact(user)
    built_in = TaskScheduler(owner=user).schedule_based_on_activity(contact, Activity.EMAIL_CLICKED)
    assert built_in is not None
    assert not rule.tasks.exists()


def test_the_page(user: User, client: Client) -> None:
    browser = Client()
    browser.force_login(user)
    assert browser.get("/automations/task-scheduling").status_code == 200


def test_the_migration_command(tmp_path: Path) -> None:
    """`python manage.py migrate automation` made, on an empty database, what this is a copy of: a schema that works."""
    migrated.sqlite(tmp_path / "nextmove.sqlite3")
    count = "from automation.models import TaskAutomationRule as Rule; print(Rule.objects.count())"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", count],
        cwd=ROOT,
        env=processes.environment(tmp_path, DJANGO_SETTINGS_MODULE="config.settings"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0"


@pytest.mark.parametrize("kind", ["activity", "status_change", "cadence", "time", "overdue"])
def test_every_kind_of_trigger_is_there(kind: str) -> None:
    from automation.triggers import KINDS

    assert kind in KINDS


def drain(user: User) -> None:
    from automation import tasks

    tasks.drain_team(user.team_id)
