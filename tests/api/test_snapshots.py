"""What others rely on, or what grows unseen, is checked in: a change shows as a diff of one line.

`.venv/bin/python -m tests.refresh` writes the files anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from api.urls import api
from assignment import runs
from automation import experimenting
from automation.models import Enrolment
from automation.programmes import enrolling
from crm.files import imports
from crm.models import InboundForm
from learning import nights
from learning.models import Experiment
from people import busy_times
from tests import builders
from tests.api.conftest import Caller, World
from work import pushing

HERE = Path(__file__).parent
REFRESH = "NEXTMOVE_TEST_REFRESH" in os.environ
FOREIGN = ("admin/", "accounts/")


def check(name: str, text: str) -> None:
    path = HERE / name
    if REFRESH:
        path.write_text(text)
    assert path.read_text() == text, f"{name} has changed. If that is meant: .venv/bin/python -m tests.refresh"


def test_the_openapi_document() -> None:
    document = json.loads(json.dumps(api.get_openapi_schema()))
    check("openapi.json", json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


AHEAD = re.compile(r"\^\(\?=.*\)")
"""What is only looked ahead at, to be quicker, is no part of an address."""


def patterns(resolver: Any, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + AHEAD.sub("", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from [route] if route in FOREIGN else patterns(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield f"/{route}"


def test_the_addresses() -> None:
    check("urls.txt", "\n".join(sorted(patterns(get_resolver()))) + "\n")


def test_the_number_of_queries(world: World) -> None:
    """Of every GET endpoint, for the manager of a filled team, after the token's first use."""
    fill(world)
    caller = Caller(world.manager)
    caller.get("/api/me")
    counts = {}
    for path, methods in sorted(api.get_openapi_schema()["paths"].items()):
        if "get" not in methods:
            continue
        asked = path.format(list="contacts", id=one_of(world, path), channel="sms", version=1)
        with CaptureQueriesContext(connection) as queries:
            response = caller.get(asked)
        assert response.status_code == 200, (path, response.content)
        counts[path] = len(queries)
    check("queries.json", json.dumps(counts, indent=1) + "\n")


@pytest.mark.parametrize("path", ["/api/tasks", "/api/contacts", "/api/users", "/api/task-automation/batches/"])
def test_more_rows_need_no_more_queries(world: World, path: str) -> None:
    caller = Caller(world.lead)
    caller.get(path)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert caller.get(path).status_code == 200
        return len(queries)

    before = count()
    fill(world)
    assert count() == before


def test_a_token_costs_one_query(world: World) -> None:
    caller = Caller(world.member)
    caller.get("/api/me")
    with CaptureQueriesContext(connection) as queries:
        caller.get("/api/teams/0")
    assert len(queries) == 1


def fill(world: World) -> None:
    of = {"by": world.manager, "now": builders.NOW}
    busy_times.connect(world.manager, url="https://calendar.example.org/mine.ics", **of)
    pushing.connect(
        world.manager, url="https://dav.example.org/", username="ada", password="lovelace", shows="todo", **of
    )
    for n in range(3):
        person = builders.make_user(team=world.team)
        builders.make_skill(person)
        contact = builders.make_contact(person)
        rule = builders.make_rule(person)
        builders.make_activity(contact)
        builders.make_firing(rule, task=builders.make_task(person, contact=contact, estimated_hours=4 * n + 1))
        builders.make_done_task(person)
        builders.make_batch(person, contact=contact, tasks=2)
        builders.make_job(person)
        builders.make_notification(world.lead)
    nights.learn(world.team, now=timezone.now())
    builders.make_gateway(world.team)
    builders.make_address(world.manager, channel="sms", service="phone", phone="+491701234567")


def make_form(world: World) -> InboundForm:
    return InboundForm.objects.create(team=world.team, name="Contact us")


def make_enrolment(world: World) -> Enrolment:
    sequence = builders.make_sequence(world.member)
    return enrolling.enrol(sequence, world.contact, owner=world.member, now=builders.NOW)


def make_experiment(world: World) -> Experiment:
    for _ in range(40):
        builders.make_firing(world.rule, contact=builders.make_contact(world.member))
    asked = {"delays_hours": [24, 72], "effect": 0.5, "base": 0.3}
    return experimenting.start(world.rule, by=world.member, now=timezone.now(), **asked)


MADE = {
    "forms": make_form,
    "sequences": lambda world: builders.make_sequence(world.member),
    "deliveries": lambda world: builders.make_delivery(world.member),
    "campaigns": lambda world: builders.make_campaign(world.member),
    "enrolments": make_enrolment,
    "imports": lambda world: imports.upload(b"Name\nAda\n", by=world.member, kind="contacts", now=builders.NOW),
    "runs": lambda world: runs.plan(world.team, now=builders.NOW),
    "experiments": make_experiment,
    "webhooks": lambda world: builders.make_dispatch(builders.make_webhook(world.team)).endpoint,
    "reports": lambda world: builders.make_report(world.team),
}


def one_of(world: World, path: str) -> Any:
    """The id of a row that the path may ask for."""
    before_id = path.split("/{id}")[0].rsplit("/", 1)[-1]
    if before_id in MADE and "{id}" in path:
        return MADE[before_id](world).pk
    rows = {
        "user": world.member,
        "users": world.member,
        "tasks": world.task,
        "contacts": world.contact,
        "rules": world.rule,
        "jobs": world.job,
        "skills": world.skill,
        "teams": world.team,
        "sources": world.source,
    }
    return rows[before_id].pk if "{id}" in path else None
