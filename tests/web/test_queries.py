"""A page asks the database as often for fifty rows as for five."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from automation.models import Firing
from people.models import User
from performance import scores
from tests import builders
from tests.web.conftest import Office
from work.models import Dependency

PAGES = (
    "/",
    "/?view=upcoming",
    "/?view=done",
    "/tasks?status=all",
    "/tasks/{task}",
    "/tasks/{task}/peek",
    "/tasks/new",
    "/contacts",
    "/contacts/{contact}",
    "/activity",
    "/automations/task-scheduling",
    "/automations/task-scheduling/{rule}",
    "/automations/jobs",
    "/team/workload",
    "/team/performance",
    "/team/reports",
    "/team/reports/{report}",
    "/inbox",
    "/settings/tokens",
    "/bell",
)
MOST = 20


def fill(office: Office, count: int) -> None:
    """As many rows of every kind, each with all that a row may have."""
    user, now = office.manager, datetime.now(UTC)
    for n in range(count):
        colleague = builders.make_user(team=user.team)
        contact = builders.make_contact(colleague, contact_cadence="weekly")
        rule = builders.make_rule(colleague)
        activity = builders.make_activity(office.contact, actor=colleague)
        for due in (-1, 0, 2):
            task = builders.make_task(user, contact=contact, due_date=now + timedelta(days=due))
            builders.make_firing(rule, task=task, activity=builders.make_activity(contact))
            Dependency.objects.create(task=task, waits_for=builders.make_task(colleague))
        builders.make_done_task(user, contact=contact)
        builders.make_batch(user, tasks=1, contact=contact)
        builders.make_firing(office.rule, contact=contact, outcome=Firing.SUPPRESSED, reason="still open")
        builders.make_firing(rule, task=builders.make_task(colleague, contact=office.contact), activity=activity)
        builders.make_activity(office.contact, activity_type="task_completed", task_id=task.pk, actor=colleague)
        builders.make_job(user, at=now - timedelta(minutes=n))
        builders.make_notification(user, task=task)
        builders.make_token(user)
    scores.recompute_team(user.team, now=now)


def queries(browser: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("path", PAGES)
def test_constant_queries(path: str, office: Office, browser_of) -> None:
    browser = browser_of(User.objects.get(pk=office.manager.pk))
    fill(office, 3)
    few = queries(browser, address(path, office, day=0))
    fill(office, 12)
    assert queries(browser, address(path, office, day=1)) == few <= MOST


def address(path: str, office: Office, *, day: int) -> str:
    if "{report}" in path:
        for before in (1, 0):  # one that has another before it
            report = builders.make_report(office.manager.team, now=builders.NOW + timedelta(days=2 * day - before))
        return path.format(report=report.pk)
    return path.format(task=office.task.pk, contact=office.contact.pk, rule=office.rule.pk)
