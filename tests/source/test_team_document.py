"""The team design, block by block: programs and requests run as printed; settings and signatures name by name."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from domain import scoring
from people.models import User
from tests import builders, migrated
from work.models import Task

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def member(manager: User) -> User:
    return builders.make_user(team=manager.team)


def client_of(user: User) -> Client:
    return Client(headers={"authorization": f"Bearer {builders.make_token(user)}"})


@pytest.mark.parametrize(
    "name",
    [
        "assign_next_task_for_user",
        "find_and_assign_tasks_for_available_users",
        "update_user_performance_metrics",
        "recalculate_team_performance",
        "send_task_assignment_notification",
        "send_performance_update_notification",
        "cleanup_old_assignments",
        "generate_daily_reports",
    ],
)
def test_the_jobs_of_celery_app(name: str) -> None:
    import celery_app

    assert getattr(celery_app, name).name == f"automation.tasks.{name}"


@pytest.mark.parametrize(
    ("entry", "hours", "minutes"),
    [
        ("cleanup-old-assignments", {2}, {0}),
        ("generate-daily-reports", {8}, {0}),
        ("find-and-assign-tasks", set(range(24)), {0}),
    ],
)
def test_the_scheduled_jobs(entry: str, hours: set[int], minutes: set[int]) -> None:
    from celery_app import celery_app

    found = celery_app.conf.beat_schedule[entry]["schedule"]
    assert (found.hour, found.minute) == (hours, minutes)


@pytest.mark.parametrize("as_id", [False, True])
@pytest.mark.parametrize("on_instance", [False, True])
def test_the_engine(member: User, as_id: bool, on_instance: bool) -> None:
    from automation import TaskAutomationEngine

    engine = TaskAutomationEngine() if on_instance else TaskAutomationEngine
    task = builders.make_task(member)
    given = task.pk if as_id else task
    answer = engine.on_task_completed(given)
    assert (answer["success"], answer["task_id"], answer["user_id"]) == (True, task.pk, member.pk)
    assert set(answer["jobs"]) == {"performance_update", "next_task_assignment"}
    task.refresh_from_db()
    assert task.status == Task.DONE
    assert engine.on_task_completed(given)["jobs"] == answer["jobs"], "asking again makes no twins"
    assert engine.on_task_status_changed(given, "in_progress", "Done")["jobs"] == answer["jobs"]
    fresh = builders.make_task(team=member.team)
    assert set(engine.on_task_created(fresh.pk if as_id else fresh)["jobs"]) == {"task_assignment"}


def test_the_calculator(member: User) -> None:
    from automation import PerformanceCalculator

    for _ in range(6):
        builders.make_done_task(member)
    score = PerformanceCalculator.calculate_performance_score(member)
    assert score == PerformanceCalculator().calculate_performance_score(member.pk) | {
        "computed_at": score["computed_at"]
    }
    assert score["performance_score"] == 100.0
    figures = PerformanceCalculator.calculate_team_performance(member.team)
    assert {"team_average", "high_performers", "at_risk", "overloaded", "underutilized"} <= set(figures)
    high = PerformanceCalculator.identify_high_performers(threshold=80, team=member.team)
    assert [one["user_id"] for one in high] == [member.pk]
    assert PerformanceCalculator.identify_at_risk_performers(threshold=50, team=member.team) == []


def test_the_balancer(member: User) -> None:
    from automation import WorkloadBalancer

    assert WorkloadBalancer.get_user_available_capacity(member) == 40
    assert WorkloadBalancer().is_user_overloaded(member.pk) is False
    builders.make_task(member, estimated_hours=30)
    builders.make_task(member, estimated_hours=20)
    assert WorkloadBalancer.is_user_overloaded(member) is True
    builders.make_user(team=member.team)
    (move,) = WorkloadBalancer.suggest_workload_rebalancing(member.team)
    assert move["from_user_id"] == member.pk


def test_the_endpoints(manager: User, member: User) -> None:
    client, own = client_of(manager), client_of(member)
    task = builders.make_task(member)
    builders.make_task(member, estimated_hours=30)
    builders.make_task(member, estimated_hours=20)
    started = own.put(f"/automation/tasks/{task.pk}/status", {"status": "in_progress"}, content_type="application/json")
    assert started.status_code == 200, started.content
    done = own.post(
        f"/automation/tasks/{task.pk}/complete",
        {"actual_hours": 5.5, "notes": "Completed ahead of schedule"},
        content_type="application/json",
    )
    jobs = done.json()["automation"]["jobs"]
    for path in (
        f"/automation/performance/user/{member.pk}",
        "/automation/performance/team",
        "/automation/performance/high-performers",
        "/automation/performance/at-risk",
        f"/automation/workload/user/{member.pk}/capacity",
        "/automation/workload/team/rebalance-suggestions",
        "/automation/workload/team/status",
        f"/automation/jobs/{jobs['performance_update']}/status",
        "/automation/automation-log",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.content)


def test_completing_as_the_curl_example_does(member: User) -> None:
    task = builders.make_task(member)
    answer = (
        client_of(member)
        .post(
            f"/automation/tasks/{task.pk}/complete",
            data='{\n    "actual_hours": 5.5,\n    "notes": "Completed ahead of schedule"\n  }',
            content_type="application/json",
        )
        .json()
    )
    jobs = answer["automation"].pop("jobs")
    assert answer == {
        "success": True,
        "message": "Task completed",
        "automation": {"success": True, "task_id": task.pk, "user_id": member.pk},
    }
    assert set(jobs) == {"performance_update", "next_task_assignment"}
    task.refresh_from_db()
    assert (task.actual_hours, task.notes, task.status) == (Decimal("5.5"), "Completed ahead of schedule", Task.DONE)


def test_the_performance_answer(member: User) -> None:
    answer = client_of(member).get(f"/automation/performance/user/{member.pk}").json()
    assert set(answer) >= {
        "user_id",
        "performance_score",
        "completion_rate",
        "estimation_accuracy",
        "workload_balance",
        "skill_utilization",
        "total_assignments",
        "completed_assignments",
    }


def test_the_workload_answer(manager: User) -> None:
    answer = client_of(manager).get("/automation/workload/team/status").json()
    assert set(answer) >= {
        "total_team_members",
        "total_capacity_hours",
        "total_utilized_hours",
        "utilization_rate",
        "overloaded_members",
        "available_capacity",
    }
    assert (answer["total_team_members"], answer["total_capacity_hours"]) == (1, 40.0)


def test_the_worked_score() -> None:
    """The document prints 84.7 and 87.5; its own weights and parts make these."""
    parts = {"completion": "90.5", "estimation": "85", "balance": "70", "skill": "90"}
    assert scoring.combine({name: Decimal(part) for name, part in parts.items()}) == Decimal("84.925")
    parts = {"completion": "92.3", "estimation": "85.0", "balance": "78.5", "skill": "90.0"}
    assert scoring.combine({name: Decimal(part) for name, part in parts.items()}) == Decimal("87.255")


ENVIRONMENT = """
CELERY_BROKER_URL=redis://localhost:6379/0
CELERY_RESULT_BACKEND=redis://localhost:6379/0
CELERY_TASK_SERIALIZER=json
CELERY_RESULT_SERIALIZER=json
CELERY_ACCEPT_CONTENT=['json']
CELERY_TIMEZONE=UTC
"""


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_the_environment_variables(where: str, tmp_path: Path) -> None:
    """The block is taken as it is, from the environment and from a file; a team without a zone gets CELERY_TIMEZONE."""
    block = ENVIRONMENT.replace("CELERY_TIMEZONE=UTC", "CELERY_TIMEZONE=Europe/Berlin")
    shown = run_python(
        "from django.conf import settings as s; print(s.BROKER_URL, s.DEFAULT_TEAM_ZONE)", block, where, tmp_path
    )
    assert shown == "redis://localhost:6379/0 Europe/Berlin"


CHECK_A_JOB = """
from celery_app import celery_app

job = celery_app.AsyncResult('job-id')
print(job.status)   # PENDING, STARTED, SUCCESS, FAILURE
print(job.result)   # Result if successful
"""


def test_checking_a_job_in_plain_python(tmp_path: Path) -> None:
    """With CELERY_RESULT_BACKEND set all the same: state comes from the row."""
    assert (
        run_python("import sys; sys.argv = ['x']" + CHECK_A_JOB, ENVIRONMENT, "environment", tmp_path)
        == "PENDING\nNone"
    )


def run_python(program: str, block: str, where: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NEXTMOVE_", "CELERY_"))}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "NEXTMOVE_DATA_DIR": str(folder)}
    if where == "environment":
        environment |= dict(line.split("=", 1) for line in block.split())
        environment["NEXTMOVE_ENV_FILE"] = os.devnull
    else:
        (folder / ".env").write_text(block)
        environment["NEXTMOVE_ENV_FILE"] = str(folder / ".env")
    script = "import django; django.setup()\n" if "celery_app" not in program else ""
    if "celery_app" in program:
        migrated.sqlite(folder / "nextmove.sqlite3")
    done = subprocess.run(
        [sys.executable, "-c", script + program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_compose_services() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for words in (
        "redis:7",
        "6379:6379",
        "celery-worker:",
        "celery -A celery_app worker --loglevel=info",
        "celery-beat:",
        "celery -A celery_app beat --loglevel=info",
        "CELERY_BROKER_URL=redis://redis:6379/0",
    ):
        assert words in text or words.replace("=", ": ", 1) in text, words


def test_the_requirements_file() -> None:
    assert "requirements/run.txt" in (ROOT / "requirements.txt").read_text()


@pytest.mark.parametrize(
    ("right", "roles"),
    [
        ("edit_tasks", {"member", "lead", "manager"}),
        ("view_team", {"lead", "manager"}),
        ("manage_team", {"manager"}),
    ],
)
def test_the_permissions(right: str, roles: set[str]) -> None:
    from people import rights

    people: dict[str, Any] = {role: User(role=role) for role in ("member", "lead", "manager")}
    assert {role for role, user in people.items() if rights.may(user, right)} == roles
