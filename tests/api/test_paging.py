"""Pages are stable while rows come and go, and their cursors cannot be made up."""

from datetime import timedelta
from typing import Any

import pytest

from crm.models import Contact
from tests import builders
from tests.api.conftest import Caller, World, problem
from work.models import Task

pytestmark = pytest.mark.database

LISTS = [
    "/api/tasks",
    "/api/contacts",
    "/api/activities",
    "/api/users",
    "/api/teams",
    "/api/skills",
    "/api/tokens",
    "/api/notifications",
    "/api/task-automation/rules/",
    "/api/task-automation/batches/",
    "/api/reports",
    "/automation/automation-log",
]


def walk(caller: Caller, path: str, *, back: bool = False) -> list[Any]:
    """The ids of all pages, each asked for as the one before said."""
    pages, following = [], path
    while following:
        document = caller.get(following).json()
        pages.append([row["id"] for row in document["results"]])
        following = document["previous" if back else "next"]
    return [row for page in (reversed(pages) if back else pages) for row in page]


@pytest.fixture
def full(world: World) -> Caller:
    """Several rows of every kind for the lead."""
    for n in range(5):
        builders.make_report(world.team, now=builders.NOW + timedelta(days=n))
        contact = builders.make_contact(world.lead, name=f"Same name {n // 3}")
        builders.make_activity(contact)
        builders.make_task(world.lead, contact=contact)
        builders.make_rule(world.lead)
        builders.make_batch(world.lead, contact=contact, tasks=1)
        builders.make_job(world.lead)
        builders.make_notification(world.lead)
        builders.make_skill(world.lead)
        builders.make_token(world.lead)
        builders.make_user(team=world.team)
    return Caller(world.lead)


@pytest.mark.parametrize("path", LISTS)
def test_small_pages_are_the_whole_list(full: Caller, path: str) -> None:
    whole = walk(full, f"{path}?limit=200")
    assert len(whole) >= (1 if path == "/api/teams" else 5)
    assert len(set(whole)) == len(whole)
    assert walk(full, f"{path}?limit=2") == whole


def test_back_is_the_way_one_came(full: Caller) -> None:
    whole = walk(full, "/api/contacts?limit=200")
    following = "/api/contacts?limit=2"
    while following:
        last, following = following, full.get(following).json()["next"]
    assert walk(full, last, back=True) == whole


def test_the_first_page_has_none_before_and_the_last_none_after(full: Caller) -> None:
    document = full.get("/api/tasks?limit=200").json()
    assert document["next"] is None
    assert document["previous"] is None


def test_rows_that_come_and_go_move_no_page(full: Caller, world: World) -> None:
    whole = walk(full, "/api/tasks?limit=200")
    first = full.get("/api/tasks?limit=3").json()
    Task.objects.filter(pk=first["results"][-1]["id"]).delete()
    builders.make_task(world.lead)
    second = full.get(first["next"]).json()
    assert [row["id"] for row in second["results"]] == whole[3:6]


def test_filters_stay_on_the_next_page(full: Caller, world: World) -> None:
    document = full.get(f"/api/contacts?owner_id={world.lead.pk}&limit=2").json()
    assert f"owner_id={world.lead.pk}" in document["next"]
    assert "limit=2" in document["next"]


@pytest.mark.parametrize("path", LISTS)
def test_made_up_cursors_are_refused(full: Caller, path: str) -> None:
    for cursor in ("x", "WyItaWQiXQ:1:2", "%00", "9" * 500):
        problem(full.get(f"{path}?cursor={cursor}"), 422)


def test_a_cursor_of_another_list_is_refused(full: Caller) -> None:
    following = full.get("/api/tasks?limit=2").json()["next"]
    cursor = following.split("cursor=")[1].split("&")[0]
    problem(full.get(f"/api/contacts?cursor={cursor}"), 422)


def test_tasks_name_where_they_come_from(world: World) -> None:
    found = Caller(world.member).get("/api/tasks").json()["results"]
    of_rule = next(row for row in found if row["id"] == world.task.pk)
    assert of_rule["rule_id"] == world.rule.pk
    assert of_rule["firing_id"] == world.task.firings.get().pk
    assert {row["batch_id"] for row in found} == {None, world.batch.pk}
    assert isinstance(of_rule["estimated_hours"], float)


def test_filters(world: World) -> None:
    member = Caller(world.member)
    urgent = builders.make_contact(world.member, name="Zoe", email="Zoe@Example.com", status=Contact.ACTIVE)

    def ids(path: str) -> list[int]:
        return [row["id"] for row in member.get(path).json()["results"]]

    assert ids("/api/contacts?email=zoe@example.COM") == [urgent.pk]
    assert ids("/api/contacts?status=active") == [urgent.pk]
    assert ids("/api/contacts?q=zo") == [urgent.pk]
    assert ids("/api/tasks?status=done") == []
    assert len(ids("/api/tasks?status=open")) == 3
    assert ids(f"/api/tasks?contact_id={urgent.pk}") == []
    assert ids("/api/tasks?due_before=2199-01-01T00:00:00Z") == []
    assert ids(f"/api/task-automation/batches/?contact_id={world.contact.pk}") == [world.batch.pk]
    assert ids("/api/task-automation/batches/?campaign_id=1") == []


def test_a_batch_shows_its_progress(world: World) -> None:
    Task.objects.filter(pk=world.batch.tasks.first().pk).update(status=Task.DONE)
    (row,) = Caller(world.member).get("/api/task-automation/batches/").json()["results"]
    assert (row["tasks_count"], row["tasks_completed"], row["progress"]) == (2, 1, 50.0)
