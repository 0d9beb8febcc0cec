"""The demo: what was promised is in it, and two installations look alike."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from automation.models import TaskAutomationRule
from config import demo
from crm.models import Activity, Contact
from jobs.models import Job
from notifications.models import Notification
from people.models import Team, TimeOff, User
from tests import builders
from work import capacity
from work.models import Dependency, Task

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def filled() -> dict[str, Any]:
    """What a person sees of it, without ids and secrets."""
    with transaction.atomic():
        builders.make_manager(username="admin", team=Team.objects.default(), is_superuser=True)
        demo.fill(now=NOW)
        tasks = Task.objects.order_by("pk").values_list("title", "status", "due_date", "assignee__username")
        seen = {
            "tasks": list(tasks),
            "contacts": list(Contact.objects.order_by("pk").values_list("name", "email", "status", "owner__username")),
            "activities": list(Activity.objects.order_by("pk").values_list("activity_type", "occurred_at")),
        }
        transaction.set_rollback(True)
    return seen


def test_two_installations_look_alike() -> None:
    assert filled() == filled()


def test_what_is_in_it() -> None:
    admin = builders.make_manager(username="admin", team=Team.objects.default(), is_superuser=True)
    assert demo.is_empty()
    demo.fill(now=NOW)
    assert not demo.is_empty()
    people = User.objects.filter(team=admin.team)
    assert (people.count(), {user.role for user in people}) == (8, {"member", "lead", "manager"})
    assert (Contact.objects.count(), TimeOff.objects.exists(), TaskAutomationRule.objects.count()) == (200, True, 9)
    assert {task.status for task in Task.objects.all()} == {status for status, _ in Task.STATUSES}
    assert Task.objects.waiting().exists(), "somebody who finishes a task gets another"
    assert Dependency.objects.unmet().count() == 2
    assert people.filter(focus_factor__lt=1, wip_limit=None).exists()
    assert people.filter(wip_limit__isnull=False).exists()
    days = {activity.occurred_at.date() for activity in Activity.objects.all()}
    assert (NOW.date() - min(days)).days in (58, 59, 60)
    status = capacity.team_status(admin.team, now=NOW)
    assert status["overloaded_members"] == 1
    assert not Activity.objects.unprocessed().exists()
    assert not Job.objects.exists()
    assert not Notification.objects.exists()
