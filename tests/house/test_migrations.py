"""A filled database goes back to the release before, and one of that moves on without anything of it counting as new,
late or changed."""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from config import demo

BEFORE = [
    ("people", "0002_default_team"),
    ("crm", "0002_initial"),
    ("work", "0001_initial"),
    ("automation", "0001_initial"),
]


class Release:
    """The release before: its models, and how many rows of today's it was given in each table that it knows."""

    def __init__(self) -> None:
        demo.fill(now=timezone.now())
        today = counts()
        MigrationExecutor(connection).migrate(BEFORE)
        self.given, self.found = today, counts()
        self.get_model = MigrationExecutor(connection).loader.project_state(BEFORE).apps.get_model


@pytest.fixture
def before() -> Iterator[Release]:
    """On a filled database that went back to it; put back to today's afterwards."""
    yield Release()
    call_command("migrate", verbosity=0)  # with the triggers that tables made anew have lost


def counts() -> dict[str, int]:
    """Rows by table. What SQLite keeps for an index is its own business, and what was migrated is not the program's."""
    with connection.cursor() as cursor:
        names = set(connection.introspection.django_table_names(include_views=False))
        names &= set(connection.introspection.table_names(cursor))
        found = {}
        for name in names:
            cursor.execute(f'SELECT COUNT(*) FROM "{name}"')
            found[name] = int(cursor.fetchone()[0])
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_rows_go_back_to_the_release_before_and_its_own_go_on(before: Release) -> None:
    assert all(before.found[name] > 10 for name in ("crm_contact", "crm_activity", "work_task", "work_assignment"))
    assert {name: before.given.get(name, 0) for name in before.found} == before.found, "back: nothing is lost"
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
    given = counts()
    executor.migrate(executor.loader.graph.leaf_nodes())
    found = counts()
    assert {name: found[name] for name in given} == given, "and forward again"

    from automation import sweeps
    from automation.models import Firing, ScheduledTaskBatch, TaskAutomationRule
    from crm.models import Contact
    from people.models import Team
    from work.models import Assignment, Task

    kept_contact = Contact.objects.get(pk=contact.pk)
    assert not Contact.objects.changed_by_hand().exists()
    assert kept_contact.next_touch_at == follow_up, "a person's own date goes before the cadence"
    assert kept_contact.last_activity_at == kept_contact.last_touch_at == now - timedelta(days=2)
    assert Task.objects.get(pk=task.pk).chase_at == now + timedelta(days=1)
    assert TaskAutomationRule.objects.get(pk=rule.pk).seen_active
    assert Team.objects.get(pk=team.pk).followed_zones == [{"team": "Europe/Berlin", "people": {}}]
    assert ScheduledTaskBatch.objects.get(team=team.pk).time_of_day == now.astimezone(ZoneInfo("Asia/Tokyo")).time()
    assert Firing.objects.get(rule=rule.pk).occurred_at == now - timedelta(days=2)
    assert Task.objects.get(team=team.pk, title="Made").kind == f"rule:{rule.pk}"
    assert list(Assignment.objects.filter(task=task.pk).order_by("pk").values_list("outcome", flat=True)) == [
        "reopened",
        "moved",
        "completed",
    ]
    sweeps.run(team.pk, now=now)
    assert Task.objects.filter(team=team.pk).count() == 2, "nothing is made of what was there"
