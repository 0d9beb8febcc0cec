"""Bad input is told clearly, as a problem document, and changes nothing."""

import json
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client

from api import errors, limits
from automation.models import TaskAutomationRule
from crm.models import Activity, InboundForm
from tests import builders
from tests.api.conftest import Caller, World, problem
from work import lifecycle
from work.models import Task

pytestmark = pytest.mark.database


@pytest.fixture
def manager(world: World) -> Caller:
    return Caller(world.manager)


def pointers(document: dict[str, Any]) -> list[str]:
    return [fault["pointer"] for fault in document["errors"]]


@pytest.mark.parametrize(
    "body",
    ["{", "[1,]", '{"title": NaN}', '{"title": "\\ud800"}', b"\xff\xfe", '{"title": "a\\u0000b"}', "[" * 100_000],
)
def test_malformed_json(manager: Caller, body: str | bytes) -> None:
    problem(manager.post("/api/tasks", body), 400)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/title"),
        ([], ""),
        ({"title": ""}, "/title"),
        ({"title": 5}, "/title"),
        ({"title": "x" * 256}, "/title"),
        ({"title": "Call", "priority": "soon"}, "/priority"),
        ({"title": "Call", "due_date": "tomorrow"}, "/due_date"),
        ({"title": "Call", "due_date": "2026-07-01T10:00:00"}, "/due_date"),
        ({"title": "Call", "due_date": "0001-01-01T00:00:00Z"}, "/due_date"),
        ({"title": "Call", "estimated_hours": -1}, "/estimated_hours"),
        ({"title": "Call", "estimated_hours": 1e308}, "/estimated_hours"),
        ({"title": "Call", "contact_id": 2**70}, "/contact_id"),
        ({"title": "Call", "contact_id": 987654}, "/contact_id"),
        ({"title": "Call", "required_skills": [{"skill_id": 987654}]}, "/required_skills/0/skill_id"),
        ({"title": "Call", "required_skills": [{"skill_id": 1, "min_level": 9}]}, "/required_skills/0/min_level"),
        ({"title": "Call", "a/b": 1}, "/a~1b"),
    ],
)
def test_wrong_fields_are_pointed_at(manager: Caller, body: Any, pointer: str) -> None:
    before = Task.objects.count()
    assert pointer in pointers(problem(manager.post("/api/tasks", body), 422))
    assert Task.objects.count() == before


@pytest.mark.parametrize("field", ["id", "team_id", "status", "origin_key", "once_key", "completed_at", "version"])
def test_what_is_not_ones_to_set_is_refused(manager: Caller, world: World, field: str) -> None:
    path = f"/api/tasks/{world.task.pk}"
    assert pointers(problem(manager("PATCH", path, {field: 1}), 422)) == [f"/{field}"]


@pytest.mark.parametrize("field", ["is_superuser", "is_staff", "is_active", "team_id", "password", "last_login"])
def test_nobody_is_promoted_by_a_patch(manager: Caller, world: World, field: str) -> None:
    path = f"/api/users/{world.member.pk}"
    assert pointers(problem(manager("PATCH", path, {field: True}), 422)) == [f"/{field}"]


@pytest.mark.parametrize("field", ["scope", "team_id", "times_triggered", "owner_id", "archived_at", "content_hash"])
def test_a_rule_is_not_widened_by_a_patch(world: World, field: str) -> None:
    path = f"/api/task-automation/rules/{world.rule.pk}/"
    assert pointers(problem(Caller(world.member)("PATCH", path, {field: "team"}), 422)) == [f"/{field}"]


def test_null_is_no_text(manager: Caller, world: World) -> None:
    problem(manager("PATCH", f"/api/tasks/{world.task.pk}", {"title": None}), 422)
    problem(manager("PATCH", f"/api/contacts/{world.contact.pk}", {"name": None}), 422)


def test_a_bad_template_is_refused_when_saved(manager: Caller) -> None:
    rule = {"trigger_type": "activity", "trigger_config": {"activity_types": ["call"]}}
    document = problem(
        manager.post("/api/task-automation/rules/", rule | {"task_title_template": "{{ contact_name"}), 422
    )
    assert pointers(document) == ["/task_title_template"]
    document = problem(manager.post("/api/task-automation/rules/", rule | {"task_title_template": "{{ nobody }}"}), 422)
    assert pointers(document) == ["/task_title_template"]
    assert not TaskAutomationRule.objects.filter(task_title_template__contains="nobody").exists()


def test_an_unknown_skill_level_or_assignee_of_a_rule(manager: Caller) -> None:
    rule = {"trigger_type": "activity", "trigger_config": {"activity_types": ["call"]}, "task_title_template": "Call"}
    path = "/api/task-automation/rules/"
    assert pointers(problem(manager.post(path, rule | {"assign": "user:987654"}), 422)) == ["/assign"]
    assert pointers(problem(manager.post(path, rule | {"assign": "user:" + "9" * 30}), 422)) == ["/assign"]
    skills = [{"skill": "No such thing"}]
    assert pointers(problem(manager.post(path, rule | {"required_skills": skills}), 422)) == ["/required_skills"]


def test_a_huge_body(manager: Caller) -> None:
    problem(manager.post("/api/tasks", '{"title": "' + "x" * (2 * 1024 * 1024) + '"}'), 413)


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
@pytest.mark.parametrize("length", ["abc", "-5", "+3", "1_0", "\uff13", "9" * 5000])
def test_a_length_that_is_no_number(world: World, kind: str, length: str) -> None:
    form = InboundForm.objects.create(team=world.team, name="Contact us")
    caller, mail = Caller(world.manager), f"/hooks/mail/{world.source.provider}/{world.source.secret}"
    for path in ("/api/contacts", f"/hooks/forms/{form.key}", mail, f"{mail}/inbound"):
        sent = {"data": "a=b", "content_type": kind, "headers": caller.headers}
        response = caller.client.post(path, **sent, CONTENT_LENGTH=length)
        assert "Content-Length" in problem(response, 400)["detail"]


def test_a_body_in_chunks_is_not_taken_for_an_empty_one(world: World) -> None:
    form = InboundForm.objects.create(team=world.team, name="Contact us")
    caller, mail = Caller(world.manager), f"/hooks/mail/{world.source.provider}/{world.source.secret}"
    chunks = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    for path in ("/api/activities", f"/hooks/forms/{form.key}", mail, f"{mail}/inbound"):
        response = caller.client.post(path, "{}", content_type="application/json", headers=caller.headers, **chunks)
        assert "Content-Length" in problem(response, 411)["detail"]


def test_another_content_type(manager: Caller) -> None:
    response = manager.client.post("/api/tasks", {"title": "Call"}, headers=manager.headers)
    assert "application/json" in problem(response, 415)["detail"]


def test_a_task_already_done(world: World) -> None:
    member = Caller(world.member)
    path = f"/automation/tasks/{world.task.pk}/complete"
    assert member.post(path, {"actual_hours": 1.5}).status_code == 200
    assert "already" in problem(member.post(path, {}), 409)["detail"]


def test_somebody_elses_task(world: World) -> None:
    task = builders.make_task(world.lead, contact=world.contact)
    assert "manage_team" in problem(Caller(world.member).post(f"/automation/tasks/{task.pk}/complete"), 403)["detail"]


def test_an_unknown_status(world: World) -> None:
    response = Caller(world.member)("PUT", f"/automation/tasks/{world.task.pk}/status", {"status": "finished"})
    assert pointers(problem(response, 422)) == ["/status"]
    problem(Caller(world.member).get("/api/tasks?status=finished"), 422)


def test_a_change_made_meanwhile(world: World) -> None:
    member, path = Caller(world.member), f"/api/tasks/{world.task.pk}"
    tag = member.get(path)["ETag"]
    assert member("PATCH", path, {"title": "First"}, If_Match=tag).status_code == 200
    problem(member("PATCH", path, {"title": "Second"}, If_Match=tag), 412)
    world.task.refresh_from_db()
    assert world.task.title == "First"


def test_a_taken_address_names_the_contact_only_to_those_who_see_it(world: World) -> None:
    body = {"name": "Again", "email": world.contact.email.upper()}
    assert str(world.contact.pk) in problem(Caller(world.manager).post("/api/contacts", body), 409)["detail"]
    other = builders.make_user(team=world.team)
    hidden = problem(Caller(other).post("/api/contacts", body), 409)
    assert pointers(hidden) == ["/email"]
    assert world.contact.name not in hidden["detail"]


def test_the_same_sequence_twice_names_the_batch(world: World) -> None:
    member, path = Caller(world.member), "/api/task-automation/schedule-sequence/"
    first = member.post(path, {"contact_id": world.contact.pk})
    assert first.status_code == 201
    assert first.json()["tasks_created"] == 4
    document = problem(member.post(path, {"contact_id": world.contact.pk}), 409)
    assert str(first.json()["batch_id"]) in document["detail"]


def test_unknown_contacts_are_told_by_their_place_in_the_list(world: World) -> None:
    known = {"contact_email": world.contact.email, "activity_type": "call", "source_key": "k1"}
    said = [known, {**known, "contact_email": "nobody@example.com"}, {"activity_type": "call"}, "?", known]
    answer = Caller(world.member).post("/api/activities", said)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert answer.json()["duplicates"] == 1
    assert [row["index"] for row in answer.json()["rejected"]] == [1, 2, 3]
    assert Activity.objects.filter(source_key="k1").count() == 1


def test_one_wrong_activity_is_a_422(world: World) -> None:
    member = Caller(world.member)
    document = problem(member.post("/api/activities", {"contact_id": world.contact.pk}), 422)
    assert pointers(document) == ["/activity_type"]
    document = problem(member.post("/api/activities", {"contact_id": 987654, "activity_type": "call"}), 422)
    assert pointers(document) == ["/contact_id"]


def test_too_long_a_list(world: World) -> None:
    said = [{"contact_id": world.contact.pk, "activity_type": "call"}] * 1001
    problem(Caller(world.member).post("/api/activities", said), 422)


def test_hooks(world: World) -> None:
    anybody = Caller()
    problem(anybody.post("/hooks/mail/sendgrid/wrong", []), 404)
    problem(anybody.post(f"/hooks/mail/nobody/{world.source.secret}", []), 404)
    path = f"/hooks/mail/sendgrid/{world.source.secret}"
    problem(anybody.post(path, "{"), 400)
    problem(anybody.post(path, {"event": 5}), 400)
    event = [{"email": world.contact.email, "event": "click", "timestamp": 1_780_000_000, "sg_event_id": "e1"}]
    event[0]["timestamp"] = int(builders.datetime.now(builders.UTC).timestamp())
    assert anybody.post(path, event).json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert anybody.post(path, event).json() == {"accepted": 0, "duplicates": 1, "rejected": []}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/automation/nothing", 404),
        ("GET", "/api/tasks/0", 404),
        ("GET", "/api/tasks/99999999999999999999999999", 404),
        ("GET", "/api/tasks/abc", 404),
        ("GET", "/automation/jobs/job-id-1/status", 404),
        ("DELETE", "/api/tasks", 405),
        ("GET", "/api/notifications/read", 405),
        ("GET", "/api/tasks?limit=0", 422),
        ("GET", "/api/tasks?limit=201", 422),
        ("GET", "/api/tasks?contact_id=x", 422),
        ("GET", "/api/contacts?q=%00", 422),
    ],
)
def test_wrong_addresses(manager: Caller, method: str, path: str, status: int) -> None:
    document = problem(manager(method, path), status)
    assert document["instance"] == path.split("?")[0]


def test_405_says_what_is_possible(manager: Caller) -> None:
    response = manager("PUT", "/api/tasks")
    assert response["Allow"] == "GET, POST"


def test_the_unforeseen_is_logged_and_answered_without_a_traceback(
    manager: Caller, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(lifecycle, "complete", broken)
    response = manager.post(f"/automation/tasks/{world.task.pk}/complete")
    assert "secret" not in response.content.decode()
    problem(response, 500)
    assert "a secret detail" in caplog.text


def test_too_many_requests(manager: Caller, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    answers = [manager.get("/api/me") for _ in range(4)]
    assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
    problem(answers[3], 429)
    assert 1 <= int(answers[3]["Retry-After"]) <= 60


def test_guessing_tokens_is_slowed_down(settings: Any, world: World) -> None:
    settings.API_FAILURES_PER_MINUTE = 3
    guesses = [Client().get("/api/me", headers={"Authorization": f"Bearer nm_{n}"}) for n in range(4)]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]


def test_the_window_slides() -> None:
    window = limits.SlidingWindow(max_keys=2)
    for second in range(60):
        window.hit("a", second)
    assert window.used("a", 59.9) == 60
    assert 29 <= window.used("a", 90) <= 31
    assert window.used("a", 180) == 0
    window.hit("b", 61)
    window.hit("c", 61)
    assert "a" not in window.counts


def test_a_session_needs_a_csrf_token(world: World) -> None:
    person = Client(enforce_csrf_checks=True)
    person.force_login(world.member, backend="allauth.account.auth_backends.AuthenticationBackend")
    path = f"/automation/tasks/{world.task.pk}/complete"
    assert person.get("/api/me").json()["id"] == world.member.pk
    problem(person.post(path, {}, content_type="application/json"), 403)
    token = "a" * 32
    person.cookies["csrftoken"] = token
    assert person.post(path, {}, content_type="application/json", headers={"X-CSRFToken": token}).status_code == 200


def test_a_wrong_token_is_not_helped_by_a_session(world: World) -> None:
    person = Client()
    person.force_login(world.member, backend="allauth.account.auth_backends.AuthenticationBackend")
    problem(person.get("/api/me", headers={"Authorization": "Bearer nm_wrong"}), 401)


def test_paths_answer_with_and_without_the_slash(manager: Caller, world: World) -> None:
    for path in (
        "/api/tasks",
        "/api/task-automation/rules",
        f"/api/tasks/{world.task.pk}",
        "/automation/automation-log",
    ):
        assert manager.get(path).status_code == 200
        assert manager.get(path + "/").status_code == 200
    assert manager.post(f"/automation/tasks/{world.task.pk}/complete/").status_code == 200


def test_a_token_never_makes_one_that_may_more(world: World) -> None:
    narrow = Caller(world.member, scopes=("tokens:write", "tasks:read"))
    problem(narrow.post("/api/tokens", {"name": "more"}), 403)
    problem(narrow.post("/api/tokens", {"name": "more", "scopes": ["tasks:write"]}), 403)
    problem(narrow.post("/api/tokens", {"name": "odd", "scopes": ["everything"]}), 422)
    made = narrow.post("/api/tokens", {"name": "same", "scopes": ["tasks:read"]}).json()
    assert Client().get("/api/tasks", headers={"Authorization": f"Bearer {made['token']}"}).status_code == 200
    assert "token" not in narrow.get("/api/tokens").json()["results"][0]


def test_a_manager_cannot_touch_a_superusers_account(world: World) -> None:
    admin = builders.make_manager(team=world.team, is_superuser=True)
    manager = Caller(world.manager)
    problem(manager("PATCH", f"/api/users/{admin.pk}", {"email": "mine@example.org"}), 403)
    problem(manager("DELETE", f"/api/users/{admin.pk}"), 403)


def test_a_team_keeps_a_manager(world: World) -> None:
    manager, path = Caller(world.manager), f"/api/users/{world.manager.pk}"
    problem(manager("PATCH", path, {"role": "member"}), 409)
    problem(manager("DELETE", path), 409)


def test_messages_are_json_whatever_the_path(manager: Caller) -> None:
    assert json.loads(manager.get("/api/%ff%00%22").content)["status"] == 404


def test_a_contact_with_history_is_kept(world: World) -> None:
    answer = Caller(world.manager)("DELETE", f"/api/contacts/{world.contact.pk}", None)
    assert "ledger" in problem(answer, 409)["detail"]
    world.contact.refresh_from_db()


def test_a_body_that_is_too_large_is_heard_out_so_that_its_sender_sees_the_answer() -> None:
    size = 3 * 1024 * 1024
    sent = BytesIO(b" " * size)
    request = WSGIRequest(
        {"REQUEST_METHOD": "POST", "PATH_INFO": "/api/tasks", "CONTENT_LENGTH": str(size), "wsgi.input": sent}
    )
    with pytest.raises(RequestDataTooBig):
        _ = request.body
    problem = errors.as_problem(RequestDataTooBig())
    assert problem is not None
    assert errors.respond(request, problem).status_code == 413
    assert sent.read() == b""
