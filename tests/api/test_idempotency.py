"""The same POST twice is one effect and one answer."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from api import idempotency
from api.models import IdempotentAnswer
from crm.models import Contact
from people.models import ApiToken
from tests import builders
from tests.api.conftest import Caller, World, problem
from work import lifecycle
from work.models import Task

pytestmark = pytest.mark.database

CONTACT = {"name": "Ada", "email": "ada@example.com"}


def test_a_repeated_request_gets_the_first_answer(world: World) -> None:
    member = Caller(world.member)
    first = member.post("/api/contacts", CONTACT, Idempotency_Key="k")
    second = member.post("/api/contacts/", CONTACT, Idempotency_Key="k")
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first["Content-Type"] == second["Content-Type"]
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert Contact.objects.filter(email=CONTACT["email"]).count() == 1


def test_refusals_are_kept_too(world: World) -> None:
    member, path = Caller(world.member), f"/automation/tasks/{world.task.pk}/complete"
    member.post(path)
    first = problem(member.post(path, Idempotency_Key="k"), 409)
    lifecycle.set_status(Task.objects.get(pk=world.task.pk), "todo", by=world.member, now=timezone.now())
    second = member.post(path, Idempotency_Key="k")
    assert second["Idempotent-Replayed"] == "true"
    assert second.json()["detail"] == first["detail"]


@pytest.mark.parametrize(
    ("path", "body"), [("/api/contacts", {"name": "Bob"}), ("/api/tasks", CONTACT), ("/api/contacts?x=1", CONTACT)]
)
def test_a_key_is_for_one_request(world: World, path: str, body: Any) -> None:
    member = Caller(world.member)
    assert member.post("/api/contacts", CONTACT, Idempotency_Key="k").status_code == 201
    problem(member.post(path, body, Idempotency_Key="k"), 422)


def test_keys_are_each_persons_own(world: World) -> None:
    assert Caller(world.member).post("/api/tasks", {"title": "Mine"}, Idempotency_Key="k").status_code == 201
    assert Caller(world.lead).post("/api/tasks", {"title": "Theirs"}, Idempotency_Key="k").status_code == 201


def test_a_key_has_a_length(world: World) -> None:
    member = Caller(world.member)
    problem(member.post("/api/contacts", CONTACT, Idempotency_Key="k" * 256), 422)
    problem(member.post("/api/contacts", CONTACT, Idempotency_Key=""), 422)
    assert member.post("/api/contacts", CONTACT, Idempotency_Key="k" * 255).status_code == 201


def claimed(world: World, *, age: timedelta) -> None:
    """A first request under the key `k` that was never answered."""
    member = Caller(world.member)
    member.post("/api/contacts", CONTACT, Idempotency_Key="k")
    Contact.objects.filter(email=CONTACT["email"]).delete()
    IdempotentAnswer.objects.update(status=0, body="", created_at=timezone.now() - age)


def test_a_request_in_flight_is_waited_for(world: World) -> None:
    claimed(world, age=timedelta(seconds=2))
    response = Caller(world.member).post("/api/contacts", CONTACT, Idempotency_Key="k")
    problem(response, 409)
    assert response["Retry-After"] == "1"


def test_a_request_that_died_is_taken_over(world: World) -> None:
    claimed(world, age=idempotency.STALE + timedelta(seconds=1))
    assert Caller(world.member).post("/api/contacts", CONTACT, Idempotency_Key="k").status_code == 201
    again = Caller(world.member).post("/api/contacts", CONTACT, Idempotency_Key="k")
    assert again["Idempotent-Replayed"] == "true"


def test_a_run_that_was_taken_over_leaves_no_effect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    create = lifecycle.create

    def slow(*args: Any, **fields: Any) -> Task:
        IdempotentAnswer.objects.update(created_at=timezone.now() + timedelta(minutes=6))
        return create(*args, **fields)

    monkeypatch.setattr(lifecycle, "create", slow)
    problem(Caller(world.member).post("/api/tasks", {"title": "Late"}, Idempotency_Key="k"), 409)
    assert not Task.objects.filter(title="Late").exists()


def test_an_answer_that_holds_a_secret_is_sealed_and_given_again(world: World, settings: Any) -> None:
    manager, asked = Caller(world.manager), {"name": "Program", "scopes": ["jobs:read"]}
    first = manager.post("/api/tokens", asked, Idempotency_Key="k")
    secret = first.json()["token"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM api_idempotentanswer")
        assert secret not in str(cursor.fetchall())
    assert manager.post("/api/tokens", asked, Idempotency_Key="k").content == first.content
    settings.SECRET_KEY = "another"
    assert "look at what was made" in problem(manager.post("/api/tokens", asked, Idempotency_Key="k"), 409)["detail"]
    assert ApiToken.objects.filter(name="Program").count() == 1


def test_after_a_day_the_key_is_free(world: World) -> None:
    claimed(world, age=idempotency.KEEP + timedelta(seconds=1))
    assert Caller(world.member).post("/api/contacts", {"name": "Bob"}, Idempotency_Key="k").status_code == 201


def test_a_failure_of_ours_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    create = lifecycle.create

    def broken(*args: Any, **fields: Any) -> Task:
        create(*args, **fields)
        raise RuntimeError

    member = Caller(world.member)
    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "create", broken)
        problem(member.post("/api/tasks", {"title": "Call back"}, Idempotency_Key="k"), 500)
    assert not Task.objects.filter(title="Call back").exists()
    assert member.post("/api/tasks", {"title": "Call back"}, Idempotency_Key="k").status_code == 201
    assert Task.objects.filter(title="Call back").count() == 1


def test_the_wrong_scope_takes_no_key(world: World) -> None:
    problem(Caller(world.member, scopes=("jobs:read",)).post("/api/tasks", {"title": "x"}, Idempotency_Key="k"), 403)
    problem(Caller().post("/api/tasks", {"title": "x"}, Idempotency_Key="k"), 401)
    assert not IdempotentAnswer.objects.exists()


def test_completing_twice_with_a_key_names_the_same_jobs(world: World) -> None:
    task = builders.make_task(world.member)
    member, path = Caller(world.member), f"/automation/tasks/{task.pk}/complete"
    first = member.post(path, {"actual_hours": 5.5}, Idempotency_Key="k").json()
    assert member.post(path, {"actual_hours": 5.5}, Idempotency_Key="k").json() == first
    assert first["message"] == "Task completed"
    assert set(first["automation"]["jobs"]) == {"performance_update", "next_task_assignment"}
