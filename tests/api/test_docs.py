"""The description of the API: complete, readable without signing in, and drawn without asking anybody else."""

import importlib
import pkgutil
import re
from collections import Counter
from typing import Any

import pytest
from django.test import Client
from pydantic import BaseModel

import api as package
from api.urls import api

CONTRACT = """
POST /automation/tasks/{id}/complete
PUT /automation/tasks/{id}/status
PUT /automation/tasks/{id}/outcome
POST /automation/tasks/{id}/assign
POST /automation/users/{id}/next-task
POST /automation/assignments/run
GET /automation/assignments/runs
GET /automation/assignments/runs/{id}
POST /automation/assignments/runs/{id}/apply
POST /automation/assignments/runs/{id}/undo
GET /automation/performance/user/{id}
GET /automation/performance/team
GET /automation/performance/high-performers
GET /automation/performance/at-risk
GET /api/reports
GET /api/reports/estimates
GET /api/reports/{id}
GET /api/reports/{id}/csv
GET /api/reports/{id}/html
GET /automation/workload/user/{id}/capacity
GET /automation/workload/team/status
GET /automation/workload/team/rebalance-suggestions
POST /automation/workload/team/rebalance-suggestions/apply
POST /automation/workload/team/rebalance-suggestions/{id}/apply
POST /automation/workload/team/rebalance-suggestions/{id}/undo
GET /automation/jobs/{id}/status
POST /automation/jobs/{id}/cancel
POST /automation/jobs/{id}/retry
GET /automation/automation-log
GET POST /api/task-automation/rules/
GET PUT PATCH DELETE /api/task-automation/rules/{id}/
POST /api/task-automation/schedule-sequence/
POST /api/task-automation/schedule-recurring/
GET /api/task-automation/stats/
GET /api/task-automation/batches/
POST /api/task-automation/batches/{id}/end
GET POST /api/task-automation/campaigns/
GET PUT PATCH DELETE /api/task-automation/campaigns/{id}/
POST /api/task-automation/campaigns/{id}/enrol
POST /api/task-automation/campaigns/{id}/migrate
POST /api/task-automation/campaigns/{id}/migrate-preview
POST /api/task-automation/campaigns/{id}/preview
POST /api/task-automation/conditions/check/
GET /api/task-automation/conditions/fields/
GET /api/task-automation/enrolments/
GET /api/task-automation/enrolments/{id}/
POST /api/task-automation/enrolments/{id}/pause
POST /api/task-automation/enrolments/{id}/resume
POST /api/task-automation/enrolments/{id}/stop
POST /api/task-automation/enrolments/{id}/undo
GET /api/task-automation/export
POST /api/task-automation/import
POST /api/task-automation/rules/dry-run/
POST /api/task-automation/rules/{id}/activate
POST /api/task-automation/rules/{id}/backtest
POST /api/task-automation/rules/{id}/dry-run
POST /api/task-automation/rules/{id}/explain
GET /api/task-automation/rules/{id}/firings
GET /api/task-automation/rules/{id}/parked
POST /api/task-automation/rules/{id}/parked/{pair_id}/release
GET /api/task-automation/rules/{id}/versions
GET POST /api/task-automation/sequences/
GET PUT PATCH DELETE /api/task-automation/sequences/{id}/
POST /api/task-automation/sequences/{id}/copy
POST /api/task-automation/sequences/{id}/enrol
POST /api/task-automation/sequences/{id}/migrate
POST /api/task-automation/sequences/{id}/migrate-preview
POST /api/task-automation/sequences/{id}/preview
GET /api/task-automation/triggers/
GET POST /api/activities
GET /api/conflicts
POST /api/conflicts/{id}/dismiss
GET POST /api/forms
GET PATCH DELETE /api/forms/{id}
GET POST /api/sources
GET PATCH DELETE /api/sources/{id}
POST /api/sources/{id}/renew
GET /api/unmatched
POST /api/unmatched/{id}/attach
POST /api/unmatched/{id}/dismiss
GET POST /api/contacts
GET POST /api/imports
GET /api/exports/{list}
GET /api/imports/{id}
PUT /api/imports/{id}/mapping
POST /api/imports/{id}/check
POST /api/imports/{id}/run
POST /api/imports/{id}/cancel
GET PATCH DELETE /api/contacts/{id}
POST /api/contacts/{id}/erase
POST /api/contacts/{id}/merge
GET /api/contacts/{id}/merges
POST /api/contacts/{id}/opt-in
POST /api/contacts/{id}/opt-out
POST /api/contacts/{id}/unmerge
GET /api/contacts/{id}/best-time
GET /api/contacts/{id}/score
GET POST /api/experiments
POST /api/experiments/plan
GET /api/experiments/{id}
POST /api/experiments/{id}/stop
POST /api/experiments/{id}/adopt
GET PATCH /api/learning
GET /api/lead-models
GET /api/lead-models/{version}
POST /api/lead-models/train
POST /api/lead-models/release
POST /api/lead-models/{version}/activate
GET /api/tasks/{id}/forecast
GET POST /api/tasks
GET PATCH DELETE /api/tasks/{id}
GET POST /api/tasks/{id}/comments
GET POST /api/users
GET PATCH DELETE /api/users/{id}
GET POST /api/teams
GET PATCH DELETE /api/teams/{id}
GET POST /api/skills
GET PATCH DELETE /api/skills/{id}
GET POST /api/tokens
DELETE /api/tokens/{id}
GET /api/me
GET PUT DELETE /api/me/busy-times
PUT /api/me/busy-times/file
POST /api/me/busy-times/read
GET PUT DELETE /api/me/calendar-push
POST /api/me/calendar-push/now
GET /api/audit
GET PUT /api/teams/{id}/hours
GET PUT /api/users/{id}/hours
GET /api/notifications
GET PUT DELETE /api/notifications/addresses/{channel}
POST /api/notifications/addresses/{channel}/confirm
GET /api/notifications/deliveries
GET /api/notifications/deliveries/{id}
GET PUT DELETE /api/notifications/gateways/{channel}
GET PUT /api/notifications/preferences
GET /api/notifications/mutes
PUT DELETE /api/notifications/mutes/{subject}
POST /api/notifications/read
POST /api/notifications/test
POST /api/notifications/{id}/read
GET POST /api/webhooks
GET PATCH DELETE /api/webhooks/{id}
GET /api/webhooks/{id}/deliveries
POST /api/webhooks/{id}/rotate-secret
POST /api/webhooks/{id}/test
POST /api/webhooks/deliveries/{id}/resend
POST /hooks/mail/{provider}/{secret}
POST /hooks/forms/{key}
POST /hooks/messages/{secret}
POST /hooks/mail/{provider}/{secret}/inbound
"""

TRIALS = ("/dry-run", "/backtest", "/explain", "/preview", "/migrate-preview", "/conditions/check")
"""What is asked by POST and writes nothing: the right to read is enough."""


@pytest.fixture(scope="module")
def document() -> Any:
    return api.get_openapi_schema()


def test_every_path_is_printed_as_promised(document: Any) -> None:
    promised = {line.split()[-1]: set(line.split()[:-1]) for line in CONTRACT.strip().splitlines()}
    assert {path: {name.upper() for name in methods} for path, methods in document["paths"].items()} == promised


def test_every_operation_says_what_it_refuses(document: Any) -> None:
    for path, methods in document["paths"].items():
        for method, details in methods.items():
            codes = {int(code) for code in details["responses"]}
            assert codes & {200, 201, 202, 204}, (method, path)
            assert path.startswith("/hooks/") or {401, 403, 429} <= codes, (method, path)
            assert details["description"], (method, path)


def test_every_operation_needs_a_scope(document: Any) -> None:
    for path, methods in document["paths"].items():
        for method, details in methods.items():
            if path.startswith("/hooks/"):
                continue
            bearer, session = details["security"]
            assert set(session) == {"Session"}
            wanted = "read" if method == "get" or path.rstrip("/").endswith(TRIALS) else "write"
            assert path == "/api/me" or bearer["Bearer"][0].endswith(f":{wanted}"), (method, path)


def test_every_post_takes_an_idempotency_key(document: Any) -> None:
    for path, methods in document["paths"].items():
        if "post" in methods and not path.startswith("/hooks/"):
            references = [parameter.get("$ref", "") for parameter in methods["post"]["parameters"]]
            assert "#/components/parameters/IdempotencyKey" in references, path


def test_operation_ids_and_schema_names_are_unique(document: Any) -> None:
    """Of two models with one name the document would show the last, for both."""
    ids = Counter(details["operationId"] for methods in document["paths"].values() for details in methods.values())
    assert max(ids.values()) == 1
    names: Counter[str] = Counter()
    for module in pkgutil.iter_modules(package.__path__):
        if module.name == "migrations":
            continue
        found = importlib.import_module(f"api.{module.name}")
        names.update(
            name
            for name, value in vars(found).items()
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == found.__name__
        )
    assert [name for name, n in names.items() if n > 1] == []


def test_every_reference_leads_somewhere(document: Any) -> None:
    for reference in re.findall(r"#/components/(\w+)/([^'\"]+)", str(document)):
        assert reference[1] in document["components"][reference[0]], reference


@pytest.mark.django_db
def test_anybody_may_read_the_document() -> None:
    response = Client().get("/api/openapi.json")
    assert response["Content-Type"] == "application/json"
    assert response.json()["openapi"].startswith("3.1")


@pytest.mark.django_db
def test_the_page_asks_nobody_else() -> None:
    response = Client().get("/api/docs")
    text = response.content.decode()
    assert response.status_code == 200
    assert "swagger-ui-bundle.js" in text
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", text)
    policy = response["Content-Security-Policy"]
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src 'self'" in [part.strip() for part in policy.split(";")]
