"""What operators see: figures that are true, alerts on figures that exist, and log lines that lead to their request."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from celery import shared_task
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config.metrics import Figures
from jobs import queue, runner
from jobs.models import Job
from people.models import User
from tests import builders
from work.models import Task

ROOT = Path(__file__).resolve().parents[2]
ALERTS, DASHBOARD = ROOT / "deploy/prometheus-alerts.yml", ROOT / "deploy/grafana-dashboard.json"
RUNBOOK = ROOT / "docs/runbook.md"
NAME = re.compile(r"\bnextmove_[a-z0-9_]+")

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def superuser() -> User:
    manager = builders.make_manager()
    User.objects.filter(pk=manager.pk).update(is_superuser=True)
    return User.objects.get(pk=manager.pk)


def ask(client: Client, secret: str) -> Any:
    return client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})


def figures(client: Client, superuser: User) -> dict[str, float]:
    """By name, and by name and label."""
    response = ask(client, builders.make_token(superuser, scopes=("jobs:read",)))
    assert response.status_code == 200, response.content
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_only_superusers_are_told(client: Client, superuser: User) -> None:
    assert client.get("/metrics").status_code == 401
    assert ask(client, "nm_wrong").status_code == 401
    assert ask(client, builders.make_token(builders.make_manager())).status_code == 403
    assert ask(client, builders.make_token(superuser, scopes=("tasks:read",))).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Basic x"}).status_code == 401
    assert client.post("/metrics").status_code == 405
    client.force_login(builders.make_manager())
    assert client.get("/metrics").status_code == 403
    client.force_login(superuser)
    assert client.get("/metrics").status_code == 200


def a_job(**columns: Any) -> Job:
    job_id = queue.enqueue(queue.Request("tests.noting"), now=timezone.now())[0]
    Job.objects.filter(pk=job_id).update(**columns)
    return Job.objects.get(pk=job_id)


def test_the_queue_as_it_stands(client: Client, superuser: User) -> None:
    now = timezone.now()
    nothing = figures(client, superuser)
    assert {nothing[f"nextmove_jobs {state}"] for state in ("due", "planned", "running", "dead")} == {0}
    assert nothing["nextmove_oldest_due_job_age_seconds"] == 0
    a_job(run_at=now - timedelta(minutes=7), retries=1)
    a_job(run_at=now - timedelta(minutes=2), sends=3)
    a_job(run_at=now + timedelta(hours=1))
    a_job(run_at=now - timedelta(hours=1), started_at=now)
    a_job(state=Job.DEAD)
    a_job(state=Job.DONE, done_at=now - timedelta(minutes=4))
    a_job(state=Job.DONE, done_at=now - timedelta(minutes=6))
    found = figures(client, superuser)
    assert [found[f"nextmove_jobs {state}"] for state in ("due", "planned", "running", "dead")] == [2, 1, 1, 1]
    assert (found["nextmove_jobs_retrying"], found["nextmove_jobs_published_again"]) == (1, 1)
    assert found["nextmove_jobs_done_5m"] == 1
    assert found["nextmove_oldest_due_job_age_seconds"] == pytest.approx(420, abs=60)


def test_what_waits_for_a_sweep_and_for_rules(client: Client, superuser: User) -> None:
    now = timezone.now()
    contact = builders.make_contact(superuser)
    task = builders.make_task(superuser, due_date=now + timedelta(days=1))
    Task.objects.filter(pk=task.pk).update(remind_at=now - timedelta(minutes=9))
    builders.make_activity(contact, received_at=now - timedelta(minutes=3))
    found = figures(client, superuser)
    assert found["nextmove_sweep_lag_seconds reminders"] == pytest.approx(540, abs=60)
    assert found["nextmove_sweep_lag_seconds series"] == 0
    assert found["nextmove_activities_waiting"] == 1
    assert found["nextmove_oldest_waiting_activity_age_seconds"] == pytest.approx(180, abs=60)


def test_what_rules_decided_and_what_did_not_arrive(client: Client, superuser: User) -> None:
    now, rule = timezone.now(), builders.make_rule(superuser)
    for n, (outcome, minutes) in enumerate([("fired", 5), ("suppressed", 30), ("suppressed", 50), ("failed", 61)]):
        builders.make_firing(rule, trigger_key=f"activity:{n}", outcome=outcome, at=now - timedelta(minutes=minutes))
    for state, minutes in [("failed", 5), ("unknown", 10), ("sent", 10), ("bounced", 61)]:
        builders.make_delivery(superuser, state=state, created_at=now - timedelta(minutes=minutes))
    found = figures(client, superuser)
    assert [found[f"nextmove_firings_1h {outcome}"] for outcome in ("fired", "suppressed", "failed")] == [1, 2, 0]
    assert [found[f"nextmove_deliveries_1h {state}"] for state in ("failed", "unknown", "bounced")] == [1, 1, 0]


def test_the_clock(client: Client, superuser: User) -> None:
    assert figures(client, superuser)["nextmove_clock_silent_seconds"] == pytest.approx(3600, abs=60)
    a_job(key="cron:minutely:1", created_at=timezone.now() - timedelta(minutes=20))
    assert figures(client, superuser)["nextmove_clock_silent_seconds"] == pytest.approx(1200, abs=60)
    a_job(key="cron:minutely:2", created_at=timezone.now() + timedelta(hours=3))
    assert figures(client, superuser)["nextmove_clock_silent_seconds"] == pytest.approx(10800, abs=60), (
        "it was set back"
    )


def test_however_many_rows_there_are_it_asks_the_same() -> None:
    def names() -> set[str]:
        return {family.name for family in Figures(timezone.now()).collect()}

    asked = _count(names)
    for _ in range(3):
        a_job()
        builders.make_task(builders.make_manager(), due_date=timezone.now() - timedelta(days=1))
    assert _count(names) == asked


def _count(what: Any) -> int:
    with CaptureQueriesContext(connection) as asked:
        what()
    return len(asked)


def exported() -> set[str]:
    """All names, that of the broker among them, which only stands where there is one."""
    return {family.name for family in Figures(timezone.now()).collect()} | {"nextmove_broker_up"}


def alerts() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from group["rules"]


def test_alerts_ask_for_figures_that_there_are_and_lead_into_the_runbook() -> None:
    titles = set(re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE))
    known = exported()
    for alert in alerts():
        asked = set(NAME.findall(alert["expr"]))
        assert asked <= known, alert["alert"]
        assert asked or "up{" in alert["expr"]
        assert alert["annotations"]["runbook"].endswith(f"#{alert['alert'].lower()}")
        assert alert["annotations"]["summary"]
    assert titles == {alert["alert"] for alert in alerts()}


def test_the_dashboard_shows_figures_that_there_are() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    asked = {name for panel in dashboard["panels"] for one in panel["targets"] for name in NAME.findall(one["expr"])}
    assert asked == exported(), "every figure is shown, and no other"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@shared_task(name="tests.noting")
def noting() -> None:
    logging.getLogger("nextmove.tests").warning("noted")
    queue.enqueue(queue.Request("tests.noted"), now=timezone.now())


@shared_task(name="tests.noted")
def noted() -> None:
    return None


def test_a_job_names_the_request_it_came_of(client: Client, superuser: User) -> None:
    task = builders.make_task(superuser)
    headers = {"Authorization": f"Bearer {builders.make_token(superuser)}", "X-Request-Id": "a-request-of-mine"}
    assert (
        client.post(f"/automation/tasks/{task.pk}/complete", {}, "application/json", headers=headers).status_code == 200
    )
    jobs = list(Job.objects.all())
    assert jobs
    for job in jobs:
        told = client.get(f"/automation/jobs/{job.pk}/status", headers=headers).json()
        assert told["request_id"] == job.request_id == "a-request-of-mine"


def test_the_log_lines_of_a_job_name_it_and_its_request() -> None:
    """And what it sets going itself came of the same one."""
    with structlog.contextvars.bound_contextvars(request_id="a-request-of-mine"):
        job = a_job()
    lines: list[dict[str, Any]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append({"message": record.getMessage(), **structlog.contextvars.get_contextvars()})

    handler, logger = Kept(), logging.getLogger("nextmove.tests")
    logger.addHandler(handler)
    try:
        runner.run_due()
    finally:
        logger.removeHandler(handler)
    (line,) = [one for one in lines if one["message"] == "noted"]
    assert line == {
        "message": "noted",
        "job": str(job.pk),
        "job_name": "tests.noting",
        "request_id": "a-request-of-mine",
    }
    assert Job.objects.get(name="tests.noted").request_id == "a-request-of-mine"
    assert structlog.contextvars.get_contextvars() == {}
