"""A new version in the place of the old one while events come in: nothing is refused, lost or done twice."""

import itertools
import os
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests import migrated, processes, servers
from tests.processes import Site, until

pytestmark = [pytest.mark.flow, pytest.mark.broker]

CELERY = [sys.executable, "-m", "celery", "-A", "celery_app"]
WEB, WORKER, BEAT = [*processes.NEXTMOVE, "web"], [*CELERY, "worker", "-c", "1"], [*CELERY, "beat"]
RULE = {
    "name": "Clicked",
    "trigger_type": "activity",
    "trigger_config": {"activity_types": ["email_clicked"]},
    "task_title_template": "Call {{contact_name}}",
    "repeat_policy": "every_time",
    "burst": 0,
}
NEWER = (
    "ALTER TABLE work_task ADD COLUMN of_tomorrow varchar(20) NOT NULL DEFAULT ''",
    "ALTER TABLE jobs_job ADD COLUMN of_tomorrow integer NULL",
    "ALTER TABLE crm_activity ADD COLUMN of_tomorrow boolean NOT NULL DEFAULT false",
    "CREATE TABLE of_tomorrow (id bigint PRIMARY KEY, task_id bigint REFERENCES work_task (id) ON DELETE CASCADE)",
    "CREATE INDEX CONCURRENTLY of_tomorrow_task ON work_task (of_tomorrow)",
)
"""What a next release does to the schema: it adds. The version that runs does not know of it."""


CONTACTS, PAUSE = 60, 0.2
"""So many and so slowly that nobody's events look like a circle."""


class Provider:
    """Tells of one event after the other at whichever address answers, as a load balancer passes on."""

    def __init__(self, token: str, contacts: list[int]) -> None:
        self.token, self.contacts = token, contacts
        self.webs: list[Site] = []
        self.answers: Counter[int] = Counter()
        self.told: list[str] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._tell, daemon=True)

    def _tell(self) -> None:
        for number in itertools.count():
            if self.stop.is_set():
                return
            contact = self.contacts[number % len(self.contacts)]
            event = {"activity_type": "email_clicked", "contact_id": contact, "source_key": f"event-{number}"}
            web = self.webs[number % len(self.webs)]
            self.answers[web.post("/api/activities", event, token=self.token)[0]] += 1
            self.told.append(event["source_key"])
            self.stop.wait(PAUSE)

    def tells(self, more: int) -> None:
        """Returns when it has told of so many more."""
        enough = len(self.told) + more
        until(lambda: len(self.told) >= enough or not self.thread.is_alive(), seconds=60, why="events were not told")


@pytest.fixture
def own(redis_url: str) -> Iterator[dict[str, str]]:
    database_server = os.environ.get("NEXTMOVE_TEST_USE_DATABASE", "")
    if not database_server:
        pytest.skip("two versions at once are for PostgreSQL, which this run has not")
    name = f"{servers.OURS}_{uuid.uuid4().hex[:12]}"
    yield {
        "NEXTMOVE_DATABASE_URL": migrated.postgres(database_server, name),
        "CELERY_BROKER_URL": redis_url,
        "NEXTMOVE_REDIS_KEY_PREFIX": f"{name}:",
        "NEXTMOVE_QUEUE": name,
        "NEXTMOVE_ADMIN_PASSWORD": "for the tests",
    }
    servers.drop_databases(database_server, name)
    servers.forget_keys(redis_url, name)


def a_contact(web: Site, token: str, n: int) -> int:
    status, made = web.post("/api/contacts", {"name": f"Contact {n}", "email": f"c{n}@lumen.example"}, token=token)
    assert status == 201, made
    return int(made["id"])


def test_each_part_is_replaced_while_events_come_in(tmp_path: Path, own: dict[str, str]) -> None:
    with ExitStack() as stack:

        def start(command: list[str], *, prepare: bool = False) -> Site:
            port = processes.free_port() if command == WEB else 0
            more = {"NEXTMOVE_PORT": str(port)} if port else {}
            site = stack.enter_context(
                processes.started([*command, *(["--prepare"] if prepare else [])], tmp_path, port, **own, **more)
            )
            if port:
                until(site.ready, seconds=processes.READY_SECONDS, why="/readyz")
            return site

        old_web, old_worker, old_beat = start(WEB, prepare=True), start(WORKER), start(BEAT)
        token = old_web.token("admin")
        assert old_web.post("/api/task-automation/rules/", RULE, token=token)[0] == 201
        provider = Provider(token, [a_contact(old_web, token, n) for n in range(CONTACTS)])
        provider.webs = [old_web]
        provider.thread.start()
        provider.tells(10)

        with psycopg.connect(own["NEXTMOVE_DATABASE_URL"], autocommit=True) as database:
            for statement in NEWER:
                database.execute(statement)
        provider.tells(10)

        new_web = start(WEB)
        provider.webs = [old_web, new_web]
        provider.tells(10)
        provider.webs = [new_web]
        provider.tells(2)  # none is under way at the old one any more
        assert old_web.stop() == 0
        new_worker = start(WORKER)
        assert old_worker.stop() == 0
        provider.tells(10)
        start(BEAT)
        assert old_beat.stop() == 0
        provider.tells(10)
        provider.stop.set()
        provider.thread.join(30)

        assert set(provider.answers) == {202}, provider.answers
        count = "SELECT COUNT(*), COUNT(DISTINCT trigger_key), COUNT(DISTINCT task_id) FROM automation_firing"
        with psycopg.connect(own["NEXTMOVE_DATABASE_URL"], autocommit=True) as database:

            def decided() -> tuple[int, ...]:
                return tuple(database.execute(count).fetchone() or ())

            wanted = (len(provider.told),) * 3
            until(lambda: decided() == wanted, seconds=90, why=f"a task of each: {wanted}")
            assert new_worker.process.poll() is None
