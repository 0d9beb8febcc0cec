"""The product's story over HTTP, on the running processes: a click becomes the right person's task, is done, scored,
and followed by the next."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mcp import Client

from domain import scoring
from tests.agents.conftest import names, over_http, over_stdio, text
from tests.processes import Site, until

pytestmark = pytest.mark.flow


def click(email: str, at: float, event_id: str) -> bytes:
    """A click as SendGrid's event webhook documentation describes it."""
    return json.dumps(
        [
            {
                "email": email,
                "timestamp": int(at),
                "event": "click",
                "sg_event_id": event_id,
                "sg_message_id": f"{event_id}.filter0001",
                "useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "ip": "192.0.2.7",
                "url": "https://northbeam.example/pricing",
                "url_offset": {"index": 0, "type": "html"},
                "category": ["newsletter"],
            }
        ]
    ).encode()


def test_the_loop(running: Site) -> None:
    token = running.token("admin")
    me = running.get("/api/me", token=token)[1]
    rule = next(one for one in rules(running, token) if one["name"].startswith("Link clicked"))
    assert (rule["is_active"], rule["delay_hours"]) == (True, 4)
    contact = quiet_contact(running, token, rule)

    # A link is clicked; the provider tells it twice.
    (source,) = running.nextmove("source", "list")
    clicked, event_id = time.time(), uuid.uuid4().hex
    for expected in ({"accepted": 1, "duplicates": 0}, {"accepted": 0, "duplicates": 1}):
        status, answer = running.post(source["path"], click(contact["email"], clicked, event_id))
        assert status == 202, answer
        assert {name: answer[name] for name in expected} == expected
    (task,) = until(lambda: tasks_of(running, token, contact, rule), seconds=5, why="no task came of the click")
    due = datetime.fromisoformat(task["due_date"])
    assert due == datetime.fromtimestamp(int(clicked), UTC) + timedelta(hours=4)
    assert task["reminder_offset_hours"] == 1
    assert task["assignee_id"] is not None
    whose = task["assignment"]
    assert "priority" in whose["sentence"]
    assert whose["choice"]["person_id"] == task["assignee_id"]
    person = running.get(f"/api/users/{task['assignee_id']}", token=token)[1]

    # It is told in the app, and waiting work is there for afterwards.
    theirs = running.token(person["username"])
    told = running.get("/api/notifications", token=theirs)[1]["results"]
    assert [one["kind"] for one in told if one["task_id"] == task["id"]] == ["assigned"]
    waiting = running.post(
        "/api/tasks",
        {"title": "Prepare the quarterly numbers", "priority": "urgent", "estimated_hours": 0.25},
        token=token,
    )[1]
    if waiting["assignee_id"] is not None:
        pytest.fail("a task made without an assignee waits")
    before = score_of(running, theirs, person)

    # It is done: the answer comes with two job ids, and both succeed.
    status, answer = running.post(
        f"/automation/tasks/{task['id']}/complete", {"actual_hours": 0.75, "notes": "Wants a quote"}, token=theirs
    )
    assert status == 200, answer
    assert answer["message"] == "Task completed"
    automation = answer["automation"]
    assert (automation["task_id"], automation["user_id"]) == (task["id"], person["id"])
    jobs = [automation["jobs"]["performance_update"], automation["jobs"]["next_task_assignment"]]
    results = [
        until(lambda job=job: finished(running, theirs, job), seconds=20, why="a job did not end") for job in jobs
    ]
    assert [one["status"] for one in results] == ["SUCCESS", "SUCCESS"]

    # The score moved as the formula says.
    after = score_of(running, theirs, person)
    assert after["completed_assignments"] == before["completed_assignments"] + 1
    inputs = after["details"]["inputs"]
    expected = scoring.classic(scoring.Inputs(**{name: exact(value) for name, value in inputs.items()}))
    shown = scoring.shown(expected.total)
    assert shown is not None
    assert after["performance_score"] == float(shown)

    # The next task came with its reasons.
    following = results[1]["result"]
    assert following["assigned"] is not None
    assert "/h = priority" in following["reason"]
    assert running.get(f"/api/tasks/{following['assigned']}", token=theirs)[1]["assignee_id"] == person["id"]

    # The log tells the whole story.
    log = running.get("/automation/automation-log?limit=200", token=token)[1]["results"]
    kinds = [(one["kind"], one["outcome"]) for one in reversed(log) if one["task_id"] == task["id"]]
    assert [kind for kind, _ in kinds if kind != "task_created"] == ["rule", "assignment", "task_completed"] or {
        kind for kind, _ in kinds
    } == {"task_created", "rule", "assignment", "task_completed"}
    assert {one["job_id"] for one in log if one["kind"] == "job"} >= set(jobs)
    assert any(one["rule_id"] == rule["id"] and one["outcome"] == "fired" for one in log)
    assert me["role"] == "manager"


def test_a_status_change_reaches_its_rule(running: Site) -> None:
    token = running.token("admin")
    contact = next(one for one in running.get("/api/contacts?status=lead", token=token)[1]["results"])
    rule = next(one for one in rules(running, token) if one["trigger_type"] == "status_change")
    status, answer = running.request("PATCH", f"/api/contacts/{contact['id']}", {"status": "active"}, token=token)
    assert status == 200, answer
    (task,) = until(lambda: tasks_of(running, token, contact, rule), seconds=5, why="no task came of the change")
    assert task["title"] == f"Onboard {contact['name']}"


def test_bad_webhooks_are_refused_and_change_nothing(running: Site) -> None:
    (source,) = running.nextmove("source", "list")
    for body in (b"{", b'{"a": 1}', b"[1]"):
        assert running.post(source["path"], body)[0] == 400, body
    assert running.post("/hooks/mail/sendgrid/no-such-secret", b"[]")[0] == 404
    assert running.post(source["path"].replace("sendgrid", "nobody"), b"[]")[0] == 404


def test_an_agent_works_over_http_and_over_stdio(running: Site) -> None:
    """The library's own client: makes a task, finishes it twice with one key, and sees with a smaller token less."""
    token = running.token("admin")
    me = running.get("/api/me", token=token)[1]

    async def work(client: Client) -> dict[str, Any]:
        title = f"Ask {uuid.uuid4().hex[:6]}"
        made = await client.call_tool("create_task", {"title": title, "assignee_id": me["id"]})
        task_id = made.structured_content["id"]
        mine = await client.call_tool("my_work", {"limit": 100})
        assert task_id in {task["id"] for task in mine.structured_content["tasks"]}
        done = [
            await client.call_tool("complete_task", {"task_id": task_id, "idempotency_key": title}) for _ in range(2)
        ]
        assert not done[0].is_error, done[0].content
        assert done[0].structured_content == done[1].structured_content
        return dict(done[0].structured_content["automation"])

    for mode in ("auto", "legacy"):
        followed = over_http(running, token, work, mode=mode)
        lines = running.get(f"/api/audit?kind=task&subject_id={followed['task_id']}", token=token)[1]["results"]
        assert {line["actor_id"] for line in lines} == {me["id"]}
        job = followed["jobs"]["performance_update"]
        until(lambda job=job: finished(running, token, job), seconds=20, why="the score was not computed")

    reading = running.nextmove("token", "create", "admin", "--scope", "tasks:read")["token"]

    async def look(client: Client) -> tuple[list[str], Any, Any]:
        refused = await client.call_tool("create_task", {"title": "Not with this token"})
        return await names(client), await client.call_tool("my_work", {}), refused

    for shown, mine, refused in (over_http(running, reading, look), over_stdio(running, reading, look)):
        assert shown == ["my_work", "why"]
        assert mine.structured_content["open"] == len(mine.structured_content["tasks"])
        assert (refused.is_error, "tasks:write" in text(refused)) == (True, True)

    assert running.post("/mcp", {}, token=token, headers={"Origin": "https://evil.example"})[0] == 403
    assert running.post("/mcp", {}, token=token, headers={"Host": "evil.example"})[0] == 400
    assert running.post("/mcp", {})[0] == 401
    assert running.get("/mcp/", token=token)[0] == 405


def test_it_says_that_it_is_ready(running: Site) -> None:
    assert running.get("/healthz")[0] == 200
    status, answer = running.get("/readyz")
    assert status == 200, answer


def rules(site: Site, token: str) -> list[dict[str, Any]]:
    return list(site.get("/api/task-automation/rules/", token=token)[1]["results"])


def quiet_contact(site: Site, token: str, rule: dict[str, Any]) -> dict[str, Any]:
    """One that has no open task of the rule, which would keep it from firing."""
    for contact in site.get("/api/contacts?limit=50", token=token)[1]["results"]:
        if not any(task["rule_id"] == rule["id"] for task in open_tasks(site, token, contact)):
            return dict(contact)
    raise AssertionError("every contact has an open task of the rule")


def open_tasks(site: Site, token: str, contact: dict[str, Any]) -> list[dict[str, Any]]:
    found = site.get(f"/api/tasks?contact_id={contact['id']}", token=token)[1]["results"]
    return [task for task in found if task["status"] in ("todo", "in_progress", "blocked")]


def tasks_of(site: Site, token: str, contact: dict[str, Any], rule: dict[str, Any]) -> list[dict[str, Any]]:
    """The rule's open tasks for the contact, as their own pages show them."""
    found = [task for task in open_tasks(site, token, contact) if task["rule_id"] == rule["id"]]
    return [site.get(f"/api/tasks/{task['id']}", token=token)[1] for task in found]


def finished(site: Site, token: str, job: str) -> dict[str, Any] | None:
    answer = site.get(f"/automation/jobs/{job}/status", token=token)[1]
    return dict(answer) if answer["status"] in ("SUCCESS", "FAILURE") else None


def score_of(site: Site, token: str, person: dict[str, Any]) -> dict[str, Any]:
    return dict(site.get(f"/automation/performance/user/{person['id']}", token=token)[1])


def exact(value: float) -> Any:
    """Figures of the answer as the formula takes them."""
    from decimal import Decimal

    return Decimal(str(value)) if isinstance(value, float) else value
