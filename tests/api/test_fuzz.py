"""Schemathesis over the OpenAPI document: whatever is sent, the answer is one the document names, never a 5xx."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import limits
from api.urls import api
from config.wsgi import application
from people.models import Team, User
from tests import builders

EXAMPLES = int(os.environ.get("NEXTMOVE_TEST_FUZZ_EXAMPLES", "10"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

schemathesis.serializer.alias(
    ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "text/csv", "text/vcard", "text/x-vcard"],
    "application/octet-stream",
)
schemathesis.serializer.alias(["text/calendar", "text/tab-separated-values"], "application/octet-stream")

OPERATIONS = [
    f"{method.upper()} {path}" for path, methods in api.get_openapi_schema()["paths"].items() for method in methods
]


@pytest.fixture(scope="session")
def operations(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, Any]:
    """What Schemathesis reads of each. The request for the document closes the connections of tests before."""
    load_all_checks()
    with django_db_blocker.unblock():
        schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
        return {one.ok().label: one.ok() for one in schema.get_all_operations()}


@pytest.fixture
def connected(db: None) -> Iterator[None]:
    """Requests leave the test's connection open, as those of Django's own test client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def token(connected: None) -> str:
    """Of a manager whose team has a few of everything, under low ids that the fuzzer finds."""
    manager = builders.make_manager(team=Team.objects.default())
    member = builders.make_user(team=manager.team, role=User.MEMBER)
    contact = builders.make_contact(member)
    builders.make_task(member, contact=contact)
    builders.make_rule(member)
    builders.make_batch(member, contact=contact, tasks=1)
    builders.make_skill(member)
    return builders.make_token(manager)


@pytest.mark.long
@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_sent(name: str, operations: dict[str, Any], token: str) -> None:
    """The cases are made here, as `schema.parametrize` makes them: it does so for every operation in each process that
    only collects tests, which takes longer than collecting all others.
    """

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def sent(case: schemathesis.Case) -> None:
        limits.reset()
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(response, checks=CHECKS)

    operation = operations[name]
    build_operation_test(
        config=operation.schema.config,
        operation=operation,
        test_func=sent,
        given_kwargs={},
        feedback=FeedbackSources(),
    )()
