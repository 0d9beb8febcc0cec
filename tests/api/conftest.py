"""A team with one of each role and one of each row, a stranger's team, and a client that speaks JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from api import limits
from automation.models import ScheduledTaskBatch, TaskAutomationRule
from crm.models import Contact, InboundSource
from jobs.models import Job
from people.models import Skill, Team, User
from tests import builders
from work.models import Task


class Caller:
    """Asks the API with one person's token, or with none."""

    def __init__(self, user: User | None = None, *, scopes: tuple[str, ...] = ("*",)) -> None:
        self.user = user
        self.headers = {"Authorization": f"Bearer {builders.make_token(user, scopes=scopes)}"} if user else {}
        self.client = Client(raise_request_exception=False)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        sent: dict[str, Any] = {}
        if body is not None:
            text = body if isinstance(body, str | bytes) else json.dumps(body)
            is_calendar = isinstance(body, bytes) and body.startswith(b"BEGIN:VCALENDAR")
            sent = {"data": text, "content_type": "text/calendar" if is_calendar else "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(method, path, headers=self.headers | named, **sent)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("POST", path, body, **headers)


@dataclass
class World:
    team: Team
    member: User
    lead: User
    manager: User
    stranger: User
    contact: Contact
    task: Task
    rule: TaskAutomationRule
    batch: ScheduledTaskBatch
    job: Job
    skill: Skill
    source: InboundSource


@pytest.fixture(autouse=True)
def _no_limits_left_over() -> Iterator[None]:
    limits.reset()
    yield
    limits.reset()


@pytest.fixture
def world(db: None) -> World:
    """The member owns the contact, the rule and the batch, and holds the task; the stranger manages another team."""
    team = builders.make_team()
    member = builders.make_user(team=team)
    contact = builders.make_contact(member)
    rule = builders.make_rule(member)
    task = builders.make_task(member, contact=contact, estimated_hours=2)
    builders.make_firing(rule, task=task)
    return World(
        team=team,
        member=member,
        lead=builders.make_lead(team=team),
        manager=builders.make_manager(team=team),
        stranger=builders.make_manager(),
        contact=contact,
        task=task,
        rule=rule,
        batch=builders.make_batch(member, contact=contact, tasks=2),
        job=builders.make_job(member),
        skill=builders.make_skill(member),
        source=builders.make_source(team),
    )


def problem(response: HttpResponse, status: int) -> dict[str, Any]:
    """The problem document of a refusal; fails when it is none, or not a whole one."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(response.content)
    assert set(document) == {"type", "title", "status", "detail", "instance", "request_id", "errors"}
    assert document["status"] == status
    assert document["type"].startswith("/problems/")
    assert document["request_id"] == response["X-Request-Id"]
    assert document["detail"].endswith((".", "?")), document["detail"]
    return document
