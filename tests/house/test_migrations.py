"""A filled database of the release before moves on without anything of it counting as new, late or changed."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

BEFORE = [
    ("people", "0002_default_team"),
    ("crm", "0002_initial"),
    ("work", "0001_initial"),
    ("automation", "0001_initial"),
]


@pytest.fixture
def before() -> Any:
    """The models of the release before, on a database that is put back to today's afterwards."""
    executor = MigrationExecutor(connection)
    today = executor.loader.graph.leaf_nodes()
    executor.migrate(BEFORE)
    yield MigrationExecutor(connection).loader.project_state(BEFORE).apps
    MigrationExecutor(connection).migrate(today)


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_rows_of_the_release_before_go_on(before: Any) -> None:
    now = timezone.now()
    team = before.get_model("people", "Team").objects.create(name="Old", timezone="Europe/Berlin")
    owner = before.get_model("people", "User").objects.create(username="ada", team=team, role="manager")
    follow_up = now + timedelta(days=3)
    contact = before.get_model("crm", "Contact").objects.create(
        team=team, owner=owner, name="Bo", contact_cadence="weekly", next_touch_at=now + timedelta(days=5),
        next_follow_up_at=follow_up, timezone="Asia/Tokyo", status="lead", seen_status="lead",
    )  # fmt: skip
    activity = before.get_model("crm", "Activity").objects.create(
        team=team, contact=contact, activity_type="call", occurred_at=now - timedelta(days=2), processed_at=now
    )
    before.get_model("automation", "ScheduledTaskBatch").objects.create(
        owner=owner, team=team, contact=contact, name="Weekly", kind="recurring", created_at=now
    )
    task = before.get_model("work", "Task").objects.create(
        team=team, title="Call", owner=owner, due_date=now + timedelta(days=1), contact=contact
    )
    rule = before.get_model("automation", "TaskAutomationRule").objects.create(
        owner=owner, team=team, name="R", trigger_type="activity", trigger_config={"activity_types": ["call"]},
        task_title_template="Call", scope="team", is_active=True,
    )  # fmt: skip
    before.get_model("automation", "Firing").objects.create(
        rule=rule, trigger_key=f"activity:{activity.pk}", activity=activity, contact=contact, outcome="fired", at=now,
        task=before.get_model("work", "Task").objects.create(team=team, title="Made", owner=owner, contact=contact),
    )  # fmt: skip
    for outcome in ("completed", "moved", "completed"):
        before.get_model("work", "Assignment").objects.create(
            task=task, user=owner, assigned_at=now - timedelta(days=2), ended_at=now, outcome=outcome
        )
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    from automation import sweeps
    from automation.models import Firing, ScheduledTaskBatch, TaskAutomationRule
    from crm.models import Contact
    from people.models import Team
    from work.models import Assignment, Task

    kept = Contact.objects.get(pk=contact.pk)
    assert not Contact.objects.changed_by_hand().exists()
    assert kept.next_touch_at == follow_up, "a person's own date goes before the cadence"
    assert kept.last_activity_at == kept.last_touch_at == now - timedelta(days=2)
    assert Task.objects.get(pk=task.pk).chase_at == now + timedelta(days=1)
    assert TaskAutomationRule.objects.get(pk=rule.pk).seen_active
    assert Team.objects.get(pk=team.pk).followed_zones == [{"team": "Europe/Berlin", "people": {}}]
    assert ScheduledTaskBatch.objects.get().time_of_day == now.astimezone(ZoneInfo("Asia/Tokyo")).time()
    assert Firing.objects.get().occurred_at == now - timedelta(days=2)
    assert Task.objects.get(title="Made").kind == f"rule:{rule.pk}"
    assert list(Assignment.objects.order_by("pk").values_list("outcome", flat=True)) == [
        "reopened",
        "moved",
        "completed",
    ]
    sweeps.run(team.pk, now=now)
    assert Task.objects.count() == 2, "nothing is made of what was there"
