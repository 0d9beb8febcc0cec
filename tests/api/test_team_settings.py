"""What managers set for matching: the team's weights, what a person may hold, what skills ask for."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from people.models import Change, User
from tests import builders
from tests.api.conftest import Caller, World, problem

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager(world: World) -> Caller:
    return Caller(world.manager)


def test_the_weights_of_a_team(world: World, manager: Caller) -> None:
    path = f"/api/teams/{world.team.pk}"
    default = {"priority": 400, "urgency": 300, "skill": 200, "continuity": 100, "balance": 200}
    assert Caller(world.member).get(path).json()["weights"] == default
    changed = manager("PATCH", path, {"weights": {"priority": 500, "urgency": 200, "balance": 0}})
    weights = {"priority": 500, "urgency": 200, "skill": 200, "continuity": 100, "balance": 0}
    assert changed.json()["weights"] == manager.get(path).json()["weights"] == weights
    line = Change.objects.filter(kind="team").get()
    assert line.before == {"weight_priority": 400, "weight_urgency": 300, "weight_balance": 200}
    problem(Caller(world.lead)("PATCH", path, {"weights": {"balance": 1}}), 403)


@pytest.mark.parametrize(
    ("weights", "pointer", "says"),
    [
        (
            {"priority": 500},
            "/weights",
            "The weights sum to 1100 (priority 500, urgency 300, skill 200, continuity 100)",
        ),
        ({"priority": 1000}, "/weights", "change them so that they sum to 1000"),
        ({"balance": 1001}, "/weights/balance", "less than or equal to 1000"),
        ({"urgency": -1}, "/weights/urgency", "greater than or equal to 0"),
        ({"score": 100}, "/weights/score", "no such field"),
    ],
)
def test_impossible_weights_say_what_to_change(
    weights: dict[str, int], pointer: str, says: str, world: World, manager: Caller
) -> None:
    refused = problem(manager("PATCH", f"/api/teams/{world.team.pk}", {"weights": weights}), 422)
    assert [fault["pointer"] for fault in refused["errors"]] == [pointer]
    assert says in refused["errors"][0]["message"]
    world.team.refresh_from_db()
    assert world.team.weights.priority == 400


def test_the_admin_says_it_too(world: World, client: Client) -> None:
    boss = builders.make_manager(team=world.team, is_superuser=True, is_staff=True)
    client.force_login(boss)
    page = reverse("admin:people_team_change", args=[world.team.pk])
    form = client.get(page).context["adminform"].form
    sent = {name: value for name in form.fields if (value := form[name].initial) not in (None, False)}
    spans = {f"{one}-{part}_FORMS": 0 for one in ("working_spans", "days_off") for part in ("TOTAL", "INITIAL")}
    refused = client.post(page, sent | spans | {"weight_priority": 500})
    assert "The weights sum to 1100 (priority 500" in refused.content.decode()
    assert client.post(page, sent | spans | {"weight_priority": 500, "weight_urgency": 200}).status_code == 302
    line = Change.objects.get(kind="team")
    assert line.after == {"weight_priority": 500, "weight_urgency": 200}


def test_what_a_person_may_hold(world: World, manager: Caller) -> None:
    path = f"/api/users/{world.member.pk}"
    assert {name: manager.get(path).json()[name] for name in ("focus_factor", "wip_limit")} == {
        "focus_factor": 1.0,
        "wip_limit": None,
    }
    changed = manager("PATCH", path, {"focus_factor": 0.6, "wip_limit": 0}).json()
    assert (changed["focus_factor"], changed["wip_limit"]) == (0.6, 0)
    line = Change.objects.filter(kind="member").get()
    assert (line.before, line.after) == (
        {"focus_factor": 1.0, "wip_limit": None},
        {"focus_factor": 0.6, "wip_limit": 0},
    )
    assert manager("PATCH", path, {"wip_limit": None}).json()["wip_limit"] is None
    assert manager("PATCH", path, {"first_name": "Ann"}).json()["focus_factor"] == 0.6
    problem(Caller(world.member)("PATCH", path, {"wip_limit": 3}), 403)
    made = manager.post("/api/users", {"username": "part", "focus_factor": 0.5, "wip_limit": 4}).json()
    assert (made["focus_factor"], made["wip_limit"]) == (0.5, 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("focus_factor", 0), ("focus_factor", 0.04), ("focus_factor", 1.01), ("wip_limit", -1), ("wip_limit", 1001)],
)
def test_what_nobody_can_hold(name: str, value: float, world: World, manager: Caller) -> None:
    refused = problem(manager("PATCH", f"/api/users/{world.member.pk}", {name: value}), 422)
    assert [fault["pointer"] for fault in refused["errors"]] == [f"/{name}"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("other", ["is demoted", "leaves"])
@pytest.mark.parametrize("attempt", range(3))
def test_of_two_managers_who_go_at_once_one_stays(other: str, attempt: int) -> None:
    ann = builders.make_manager()
    bob = builders.make_manager(team=ann.team)
    ask, path, start = Caller(ann), f"/api/users/{bob.pk}", threading.Barrier(2)
    second = partial(ask, "PATCH", path, {"role": "lead"}) if other == "is demoted" else partial(ask, "DELETE", path)

    def go(verb: Callable[[], HttpResponse]) -> None:
        start.wait()
        verb()
        connections.close_all()

    verbs = (partial(ask, "PATCH", f"/api/users/{ann.pk}", {"role": "lead"}), second)
    threads = [threading.Thread(target=go, args=[verb]) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.active().filter(team=ann.team, role=User.MANAGER).count() == 1


def skill(manager: Caller, name: str, **requires: Any) -> int:
    return int(manager.post("/api/skills", {"name": name, **requires}).json()["id"])


def test_skills_that_ask_for_others(world: World, manager: Caller) -> None:
    python = skill(manager, "Python")
    sql = skill(manager, "SQL", requires=[{"skill_id": python, "min_level": 2}])
    assert manager.get(f"/api/skills/{sql}").json() == {
        "id": sql,
        "name": "SQL",
        "requires": [{"skill_id": python, "min_level": 2}],
    }
    refused = problem(manager("PATCH", f"/api/skills/{python}", {"requires": [{"skill_id": sql}]}), 422)
    assert refused["errors"] == [
        {
            "pointer": "/requires",
            "code": "invalid",
            "message": "Python needs SQL, which needs Python: remove one.",
        }
    ]
    data = skill(manager, "Data", requires=[{"skill_id": sql}])
    problem(manager("PATCH", f"/api/skills/{python}", {"requires": [{"skill_id": data}]}), 422)
    strange = builders.make_skill()
    refused = problem(manager("PATCH", f"/api/skills/{python}", {"requires": [{"skill_id": strange.pk}]}), 422)
    assert refused["errors"][0]["pointer"] == "/requires/0/skill_id"
    problem(manager("PATCH", f"/api/skills/{python}", {"requires": [{"skill_id": sql, "min_level": 6}]}), 422)
    assert "SQL asks for this skill" in problem(manager("DELETE", f"/api/skills/{python}"), 409)["detail"]
    assert manager("PATCH", f"/api/skills/{sql}", {"name": "SQL 2"}).json()["requires"], "what is left out stays"
    assert manager("PATCH", f"/api/skills/{sql}", {"requires": []}).json()["requires"] == []
    line = Change.objects.filter(kind="skill", subject_id=sql).latest("pk")
    assert (line.before, line.after) == ({"requires": {"Python": 2}}, {"requires": {}})
    listed = {row["name"]: row["requires"] for row in Caller(world.member).get("/api/skills").json()["results"]}
    assert listed["Data"] == [{"skill_id": sql, "min_level": 1}]
    assert manager("DELETE", f"/api/skills/{python}").status_code == 204
