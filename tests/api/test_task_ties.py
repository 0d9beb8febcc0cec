"""By the API: what tasks wait for, who must not have them, pins, hours, and what nobody can do."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connections
from django.http import HttpResponse

from people.models import User
from tests import builders
from tests.api.conftest import Caller, World, problem
from work.models import Dependency, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager(world: World) -> Caller:
    return Caller(world.manager)


@pytest.fixture
def member(world: World) -> Caller:
    return Caller(world.member)


def faults(refused: dict) -> list[tuple[str, str]]:
    return [(fault["pointer"], fault["message"]) for fault in refused["errors"]]


def test_what_a_task_waits_for(world: World, manager: Caller, member: Caller) -> None:
    build = manager.post("/api/tasks", {"title": "Build"}).json()["id"]
    ship = manager.post("/api/tasks", {"title": "Ship", "depends_on": [build, world.task.pk]}).json()
    assert [row["task_id"] for row in ship["dependencies"]] == [world.task.pk, build]
    assert not ship["ready"]
    path = f"/api/tasks/{ship['id']}"
    assert manager("PATCH", path, {"title": "Ship it"}).json()["dependencies"] == ship["dependencies"]
    refused = problem(manager("PATCH", f"/api/tasks/{build}", {"depends_on": [ship["id"]]}), 422)
    assert faults(refused) == [("/depends_on", "“Build” waits for “Ship it”, which waits for “Build”: remove one.")]
    refused = problem(manager("PATCH", path, {"depends_on": [build, builders.make_task().pk]}), 422)
    assert faults(refused)[0][0] == "/depends_on/1"
    Task.objects.filter(pk=ship["id"]).update(owner=world.member)
    seen = member.get(path)
    assert [row["title"] for row in seen.json()["dependencies"]] == [world.task.title], "only what one may see"
    member("PATCH", path, {"depends_on": []})
    assert list(Dependency.objects.values_list("waits_for", flat=True)) == [build], "what one may not see stays"
    assert not member.get(path).json()["ready"]
    manager.post(f"/automation/tasks/{build}/complete")
    done = member.get(path).json()
    assert done["ready"]


def test_a_change_of_ties_is_a_change_of_the_task(world: World, manager: Caller) -> None:
    path = f"/api/tasks/{world.task.pk}"
    other = builders.make_task(team=world.team)
    before = manager.get(path)["ETag"]
    changed = manager("PATCH", path, {"depends_on": [other.pk]}, If_Match=before)
    assert changed.status_code == 200
    assert changed["ETag"] == manager.get(path)["ETag"] == f'"{changed.json()["version"]}"'
    problem(manager("PATCH", path, {"excluded_user_ids": []}, If_Match=before), 412)


def test_who_must_not_have_a_task(world: World, manager: Caller, member: Caller) -> None:
    made = manager.post("/api/tasks", {"title": "Audit", "excluded_user_ids": [world.lead.pk]}).json()
    assert made["excluded_user_ids"] == [world.lead.pk]
    refused = problem(manager.post(f"/automation/tasks/{made['id']}/assign", {"user_id": world.lead.pk}), 409)
    assert "must not have this task: choose somebody else, or take them off" in refused["detail"]
    taken = {"title": "A", "excluded_user_ids": [world.lead.pk], "assignee_id": world.lead.pk}
    problem(manager.post("/api/tasks", taken), 409)
    assert not Task.objects.filter(title="A").exists()
    path = f"/api/tasks/{world.task.pk}"
    refused = problem(member("PATCH", path, {"excluded_user_ids": [world.member.pk]}), 422)
    assert faults(refused)[0][0] == "/excluded_user_ids"
    assert "give it to somebody else first" in faults(refused)[0][1]
    refused = problem(manager("PATCH", path, {"excluded_user_ids": [world.stranger.pk]}), 422)
    assert faults(refused)[0][0] == "/excluded_user_ids/0"


def test_who_must_not_have_work_of_a_contact(world: World, manager: Caller, member: Caller) -> None:
    path, lead = f"/api/contacts/{world.contact.pk}", [world.lead.pk]
    assert member.get(path).json()["excluded_user_ids"] is None
    problem(member("PATCH", path, {"excluded_user_ids": lead}), 403)
    assert Caller(world.lead)("PATCH", path, {"excluded_user_ids": lead}).json()["excluded_user_ids"] == lead
    assert manager("PATCH", path, {"company": "B"}).json()["excluded_user_ids"] == lead
    body = {"title": "Call", "contact_id": world.contact.pk, "assignee_id": world.lead.pk}
    assert "work of this contact" in problem(manager.post("/api/tasks", body), 409)["detail"]
    refused = problem(manager("PATCH", path, {"excluded_user_ids": [world.member.pk]}), 422)
    assert faults(refused)[0][0] == "/excluded_user_ids"
    assert manager.get(path).json()["excluded_user_ids"] == lead, "a refusal changes nothing"
    made = manager.post("/api/contacts", {"name": "New", "excluded_user_ids": lead}).json()
    assert made["excluded_user_ids"] == lead
    problem(member.post("/api/contacts", {"name": "Other", "excluded_user_ids": lead}), 403)


def test_pins(world: World, manager: Caller, member: Caller) -> None:
    path = f"/api/tasks/{world.task.pk}"
    assert member.get(path).json()["pinned"] is False
    assert member("PATCH", path, {"pinned": True}).json()["pinned"] is True
    given = manager.post(f"/automation/tasks/{world.task.pk}/assign", {"user_id": world.lead.pk})
    assert given.status_code == 200
    assert manager.get(path).json()["pinned"] is True
    queued = builders.make_task(team=world.team)
    refused = problem(manager("PATCH", f"/api/tasks/{queued.pk}", {"pinned": True}), 422)
    assert faults(refused) == [("/pinned", "Nobody holds this task: assign it first, then pin it.")]
    problem(manager.post("/api/tasks", {"title": "A", "pinned": True}), 422)
    made = manager.post("/api/tasks", {"title": "A", "pinned": True, "assignee_id": world.lead.pk}).json()
    assert (made["pinned"], made["assignee_id"]) == (True, world.lead.pk)


@pytest.mark.parametrize("to_whom", ["somebody", "the best"])
def test_assigned_and_pinned_at_once(to_whom: str, world: World, manager: Caller) -> None:
    queued = builders.make_task(team=world.team, owner=world.manager)
    body = {"pinned": True} | ({"user_id": world.lead.pk} if to_whom == "somebody" else {})
    given = manager.post(f"/automation/tasks/{queued.pk}/assign", body).json()
    assert given["success"]
    queued.refresh_from_db()
    assert (queued.pinned, queued.assignee_id) == (True, given["user_id"])
    manager.post(f"/automation/tasks/{queued.pk}/assign", {"user_id": world.manager.pk, "pinned": False})
    queued.refresh_from_db()
    assert (queued.pinned, queued.assignee_id) == (False, world.manager.pk)


@pytest.mark.parametrize(
    ("method", "path", "field", "values"),
    [
        ("POST", "/api/tasks", "estimated_hours", [0, -1, 0.001, 1_000_000]),
        ("POST", "/api/tasks", "actual_hours", [-1, 1_000_000]),
        ("PATCH", "/api/tasks/{task}", "estimated_hours", [0, -1, 0.001, 1_000_000]),
        ("PATCH", "/api/tasks/{task}", "actual_hours", [-1, 1001]),
        ("POST", "/automation/tasks/{task}/complete", "actual_hours", [-1, 1001]),
        ("POST", "/api/task-automation/rules/", "estimated_hours", [0, -1, 1_000_000]),
    ],
)
def test_hours_that_cannot_be(
    method: str, path: str, field: str, values: list[float], world: World, manager: Caller
) -> None:
    rule = {"trigger_type": "activity", "trigger_config": {"activity_types": ["x"]}, "task_title_template": "Call"}
    body = {"/api/tasks": {"title": "New"}, "/api/task-automation/rules/": rule}.get(path, {})
    for value in values:
        refused = problem(manager(method, path.format(task=world.task.pk), body | {field: value}), 422)
        assert [fault["pointer"] for fault in refused["errors"]] == [f"/{field}"]


@pytest.mark.parametrize("hours", [0, -1, 1_000_000])
def test_nor_can_they_be_in_what_makes_tasks_later(hours: float, world: World, manager: Caller) -> None:
    series = {
        "contact_id": world.contact.pk,
        "cadence": "weekly",
        "task_template": {"title": "Call", "estimated_hours": hours},
    }
    problem(manager.post("/api/task-automation/schedule-recurring/", series), 422)
    steps = [builders.step(24, estimated_hours=hours)]
    problem(manager.post("/api/task-automation/sequences/", {"name": "New", "steps": steps}), 422)
    step = {"message_type": "task", "name": "Call", "delay_days": 1, "options": {"estimated_hours": hours}}
    problem(manager.post("/api/task-automation/campaigns/", {"name": "New", "steps": [step]}), 422)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of", ["tasks", "skills"])
def test_two_who_would_close_a_circle_together(of: str) -> None:
    boss = builders.make_manager()
    manager = Caller(boss)
    rows = [builders.make_task(boss) if of == "tasks" else builders.make_skill(boss) for _ in range(2)]
    start = threading.Barrier(2)
    answers: list[int] = []

    def ask(one: int, other: int) -> None:
        body = {"depends_on": [other]} if of == "tasks" else {"requires": [{"skill_id": other}]}
        start.wait()
        answers.append(manager("PATCH", f"/api/{of}/{one}", body).status_code)
        connections.close_all()

    pks = [row.pk for row in rows]
    threads = [threading.Thread(target=ask, args=pair) for pair in (pks, pks[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 422]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["made", "moved"])
@pytest.mark.parametrize("attempt", range(8))
def test_nobody_gets_work_of_a_contact_while_being_excluded_from_it(how: str, attempt: int) -> None:
    boss = builders.make_manager()
    contact, ann, start = builders.make_contact(boss), builders.make_user(team=boss.team), threading.Barrier(2)
    body = {"title": "Call", "contact_id": contact.pk, "assignee_id": ann.pk}
    held = builders.make_task(ann)
    verbs = [
        partial(Caller(boss), "PATCH", f"/api/contacts/{contact.pk}", {"excluded_user_ids": [ann.pk]}),
        partial(Caller(boss), "POST", "/api/tasks", body)
        if how == "made"
        else partial(Caller(boss), "PATCH", f"/api/tasks/{held.pk}", {"contact_id": contact.pk}),
    ]

    def ask(verb: Callable[[], HttpResponse]) -> None:
        start.wait()
        verb()
        connections.close_all()

    threads = [threading.Thread(target=ask, args=[verb]) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contact.exclusions.exists() != Task.objects.filter(contact=contact, assignee=ann).exists()


def test_skills_that_nobody_has_are_told_not_refused(world: World, manager: Caller) -> None:
    rare, common = builders.make_skill(team=world.team, name="Welsh"), world.skill

    def warning(*needs: tuple[int, int]) -> str:
        wanted = [{"skill_id": pk, "min_level": level} for pk, level in needs]
        made = manager.post("/api/tasks", {"title": "New", "required_skills": wanted})
        assert made.status_code == 201
        return str(made.json()["warning"])

    assert warning() == warning((common.pk, 3)) == ""
    assert "Nobody in the team has Welsh at level 1: ask for less, or" in warning((rare.pk, 1), (common.pk, 3))
    assert f"Nobody in the team has {common.name} at level 4" in warning((common.pk, 4))
    builders.make_skill(world.lead, name="Welsh", level=1)
    assert warning((rare.pk, 1)) == ""
    assert "Nobody in the team has all of" in warning((rare.pk, 1), (common.pk, 3))
    manager("PATCH", f"/api/skills/{common.pk}", {"requires": [{"skill_id": rare.pk, "min_level": 2}]})
    assert "Welsh at level 2" in warning((common.pk, 3))
    User.objects.filter(team=world.team).exclude(pk=world.manager.pk).update(is_active=False)
    assert "Nobody in the team has" in warning((common.pk, 3))
    rule = {
        "trigger_type": "activity",
        "trigger_config": {"activity_types": ["email_opened"]},
        "task_title_template": "Call",
        "assign": "best_match",
        "required_skills": [{"skill": "Welsh", "level": 2}],
    }
    saved = manager.post("/api/task-automation/rules/", rule).json()
    assert "Nobody in the team has Welsh at level 2" in saved["warning"]
    assert manager.post("/api/task-automation/rules/", rule | {"assign": "owner"}).json()["warning"] == ""
