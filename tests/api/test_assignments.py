"""Giving out work by the API: what a manager sees before and after, and how full a person's days are."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import builders
from tests.api.conftest import Caller, World
from work.models import Dependency, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_replan_shows_its_moves_before_it_makes_them_and_takes_them_back(world: World) -> None:
    manager, now = Caller(world.manager), timezone.now()
    Task.objects.all().delete()
    task = builders.make_task(world.member, due_date=now + timedelta(days=5), estimated_hours=1)
    waits = builders.make_task(team=world.team)
    Dependency.objects.create(task=waits, waits_for=task)
    builders.make_time_off(
        world.member, starts_on=now.date() - timedelta(days=1), ends_on=now.date() + timedelta(days=9)
    )
    shown = manager.post("/automation/assignments/run", {"dry_run": True, "replan": True}).json()
    assert (shown["state"], shown["dry_run"], shown["replan"]) == ("planned", True, True)
    (move,) = shown["assigned"]
    assert (move["task_id"], move["from_user_id"]) == (task.pk, world.member.pk)
    assert [(row["task_id"], row["code"]) for row in shown["unassigned"]] == [(waits.pk, "DEPENDENCY")]
    assert holder(task) == world.member.pk
    path = f"/automation/assignments/runs/{shown['run_id']}"
    done = manager.post(f"{path}/apply").json()
    assert holder(task) == done["assigned"][0]["user_id"] == move["user_id"]
    held = manager.get(f"/api/tasks/{task.pk}").json()["assignment"]
    assert held["sentence"] == move["reason"]
    assert held["choice"]["top"][0]["person_id"] == move["user_id"]
    assert manager.post(f"{path}/undo").json()["kept"] == []
    assert holder(task) == world.member.pk


def test_a_persons_days_are_told_with_their_week(world: World) -> None:
    Task.objects.all().delete()
    now = timezone.now()
    builders.make_task(world.member, due_date=now + timedelta(days=2), estimated_hours=3)
    told: dict[str, Any] = Caller(world.member).get(f"/automation/workload/user/{world.member.pk}/capacity").json()
    assert told["contracted_hours"] == told["max_hours"] == 40
    assert told["busy_hours"] == 0
    assert [datetime.fromisoformat(day["on"]).date() for day in told["days"]] == [
        now.date() + timedelta(days=day) for day in range(7)
    ]
    assert sum(day["due_hours"] for day in told["days"]) == 3


def holder(task: Task) -> int | None:
    return Task.objects.get(pk=task.pk).assignee_id


def test_a_task_without_an_estimate_says_what_it_counts_as(world: World) -> None:
    for hours in (1, 3, 8):
        builders.make_task(world.member, kind="rule:1", estimated_hours=hours)
    task = builders.make_task(world.member, kind="rule:1")
    path, member = f"/api/tasks/{task.pk}", Caller(world.member)
    assert [member.get(path).json()[name] for name in ("estimated_hours", "assumed_hours")] == [None, 3]
    assert member("PATCH", path, {"estimated_hours": 2}).json()["assumed_hours"] is None
