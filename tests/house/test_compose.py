"""The container files, without an engine: what compose.yaml runs is run as processes, and names are checked by name."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import processes, servers
from tests.processes import until

SERVICES: dict[str, Any] = yaml.safe_load((processes.ROOT / "compose.yaml").read_text())["services"]
SOURCE_VARIABLES = """\
CELERY_BROKER_URL=redis://localhost:6379/0
CELERY_RESULT_BACKEND=redis://localhost:6379/0
CELERY_TASK_SERIALIZER=json
CELERY_RESULT_SERIALIZER=json
CELERY_ACCEPT_CONTENT=['json']
CELERY_TIMEZONE=UTC
"""


def command(service: str) -> list[str]:
    """As the service runs it, with this environment's programs."""
    program, *arguments = shlex.split(SERVICES[service]["command"])
    own = {"nextmove": [sys.executable, "-m", "config.cli"], "celery": [sys.executable, "-m", "celery"]}
    return [*own[program], *arguments]


def test_the_services_have_the_names_people_know():
    assert {"redis", "celery-worker", "celery-beat", "web", "postgres"} == set(SERVICES)
    assert SERVICES["redis"]["image"] == "redis:7"
    assert SERVICES["celery-worker"]["command"] == "celery -A celery_app worker --loglevel=info"
    assert SERVICES["celery-beat"]["command"] == "celery -A celery_app beat --loglevel=info"


def test_the_example_holds_the_known_variables_and_only_settings_that_exist():
    from config.settings import Environment

    text = (processes.ROOT / ".env.example").read_text()
    assert SOURCE_VARIABLES in text
    known = {f"NEXTMOVE_{name.upper()}" for name in Environment.model_fields}
    named = {line.lstrip("# ").split("=")[0] for line in text.splitlines() if line.lstrip("# ").startswith("NEXTMOVE_")}
    assert named <= known
    assert {name for name in known if "CELERY" not in name} <= named


@pytest.mark.broker
def test_the_services_commands_do_the_work_together(tmp_path: Path, redis_url: str):
    name = f"{servers.OURS}_{processes.free_port()}_compose"
    port = processes.free_port()
    own = {
        "NEXTMOVE_PORT": str(port),
        "CELERY_BROKER_URL": redis_url,
        "NEXTMOVE_REDIS_KEY_PREFIX": f"{name}:",
        "NEXTMOVE_QUEUE": name,
    }
    try:
        with processes.started(command("web"), tmp_path, port, **own) as web:
            until(web.ready, seconds=60, why="/readyz")
            assert "Sign in as admin with the password" in web.logged()
            with (
                processes.started(command("celery-worker"), tmp_path, **own),
                processes.started(command("celery-beat"), tmp_path, **own),
            ):
                # Written without a broker, so that only the beat's relay can tell the worker.
                job = written(processes.environment(tmp_path / "data"))
                until(lambda: (job, "SUCCESS") in statuses(web), seconds=60, why="beat and worker have the job done")
    finally:
        servers.forget_keys(redis_url, name)


def written(environment: dict[str, str]) -> str:
    """A job, asked for as any script does; its id."""
    code = "from celery_app import recalculate_team_performance as job; print(job.delay().id)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def statuses(web: processes.Site) -> set[tuple[str, str]]:
    return {(job["id"], job["status"]) for job in web.nextmove("job", "list")}
