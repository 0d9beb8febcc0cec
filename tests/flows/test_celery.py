"""Celery as the operator and the script use it, on Redis: inspect, delay, results, and a runner on the same table."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.processes import Site, until

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Site]:
    """Web, a Celery worker and beat, from nothing; on PostgreSQL where the run has one."""
    database = os.environ.get("NEXTMOVE_TEST_USE_DATABASE", "")
    folder = tmp_path_factory.mktemp("celery")
    # Set, and not heeded: the state of a job is its row's.
    own = {"CELERY_RESULT_BACKEND": redis_url}
    with processes.serving(
        folder, database_server=database, redis_url=redis_url, demo=True, from_nothing=True, **own
    ) as running:
        until(lambda: {"web", "worker", "beat"} <= set(running.parts()), seconds=30, why="worker and beat")
        yield running


def python(site: Site, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=processes.ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


DELAY = """
from celery_app import assign_next_task_for_user, celery_app
from people.models import User

job = assign_next_task_for_user.delay(User.objects.get(username="lena").pk)
print(job.get(timeout=30)["user_id"], celery_app.AsyncResult(job.id).status)
"""


def test_inspect_active(site: Site) -> None:
    def answer() -> str:
        command = [sys.executable, "-m", "celery", "-A", "celery_app", "inspect", "active"]
        return subprocess.run(
            command, cwd=processes.ROOT, env=site.environment, capture_output=True, text=True, check=False
        ).stdout

    assert "OK" in until(lambda: (text := answer()) and "online" in text and text, seconds=60, why="a worker")


def test_delay_and_its_result_from_a_script(site: Site) -> None:
    lena, status = python(site, DELAY).split()
    assert (lena.isdigit(), status) == (True, "SUCCESS")


MANY = """
from celery_app import update_user_performance_metrics as task
from people.models import User

people = list(User.objects.values_list("pk", flat=True))
for number in range(60):
    task.delay(people[number % len(people)])
"""
LEFT = "import celery_app; from jobs.models import Job; print(Job.objects.filter(state='pending').count())"
COUNT = """
import celery_app
from jobs.models import Job

jobs = Job.objects.filter(name__endswith="update_user_performance_metrics")
print(jobs.count(), jobs.filter(state="done").count(), jobs.exclude(crashes=0).count())
"""


def test_a_worker_and_a_runner_on_one_table_do_no_harm(site: Site, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "config.cli", "jobs"]
    own = {name: value for name, value in site.environment.items() if name.startswith(("NEXTMOVE_", "CELERY_"))}
    with processes.started(command, tmp_path, **own | {"NEXTMOVE_DATA_DIR": site.environment["NEXTMOVE_DATA_DIR"]}):
        python(site, MANY)
        until(lambda: python(site, LEFT) == "0", seconds=60, why="the end of the queue")
    assert python(site, COUNT) == "60 60 0"
