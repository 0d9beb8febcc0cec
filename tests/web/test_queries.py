"""A page asks the database as often for fifty rows as for five."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from automation.models import Campaign, Firing, Sequence
from automation.programmes import enrolling
from people.models import User
from performance import scores
from tests import builders
from tests.web.conftest import Office, make_office
from work.models import Dependency

PAGES = (
    "/",
    "/?view=upcoming",
    "/?view=done",
    "/tasks?status=all",
    "/tasks/{task}",
    "/tasks/{task}/peek",
    "/tasks/new",
    "/tasks?as=board",
    "/tasks?sort=due&due=overdue&q=a",
    "/tasks/{task}/edit",
    "/focus",
    "/search?q=a",
    "/contacts",
    "/contacts?sort=heard&consent=ok",
    "/contacts/{contact}",
    "/contacts/{contact}/edit",
    "/contacts/{contact}/merge",
    "/contacts/{contact}/rules",
    "/activity",
    "/activity?state=again&outcome=fired",
    "/activity/unmatched",
    "/activity/conflicts",
    "/automations/task-scheduling",
    "/automations/task-scheduling/import",
    "/automations/task-scheduling/{rule}",
    "/automations/task-scheduling/{rule}/runs",
    "/automations/task-scheduling/{rule}/versions",
    "/automations/task-scheduling/{rule}/try",
    "/automations/task-scheduling/{rule}/explain?q=a",
    "/automations/stats",
    "/automations/sequences",
    "/automations/sequences/{sequence}",
    "/automations/sequences/{sequence}?view=all",
    "/automations/sequences/{sequence}/edit",
    "/automations/campaigns",
    "/automations/campaigns/{campaign}",
    "/automations/jobs",
    "/team/workload",
    "/team/workload/people/{member}/{today}",
    "/team/workload/tasks/{task}",
    "/team/members/{member}",
    "/settings/team",
    "/team/performance",
    "/team/estimates",
    "/team/reports",
    "/team/reports/{report}",
    "/automations/jobs?state=dead&name=automation.tasks.send_delivery",
    "/inbox",
    "/settings/audit",
    "/settings/retention",
    "/settings/data",
    "/settings/learning",
    "/settings/sources",
    "/settings/forms",
    "/settings/security",
    "/settings/tokens",
    "/bell",
    "/side",
)
MOST = 25
"""Five of them are the sidebar's."""
MORE = {
    "/team/workload": 33,
    "/team/performance": 26,
    "/team/members/{member}": 27,
    "/automations/stats": 29,
    "/tasks/{task}": 27,
    "/focus": 28,
}
"""Of a page that is made of several: hours, days off and work of everybody, figures of two weeks, the queue; figures of
rules, of sequences and of campaigns; what earlier tasks of the team, the kind and the person took; whose pools one is
in.
"""


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
        builders.make_conflict(activity)
        builders.make_unmatched(user.team)
        builders.make_job(user, at=now - timedelta(minutes=n))
        builders.make_notification(user, task=task)
        builders.make_token(user)
        builders.make_view(user)
    enrol_some(user, count, now)
    scores.recompute_team(user.team, now=now)


def enrol_some(user: User, count: int, now: datetime) -> None:
    """Contacts in one sequence and one campaign, beside as many sequences and campaigns of others."""
    sequence = builders.make_sequence(user, days=(0, 1, 2), name="Welcome")
    campaign = builders.make_campaign(user, {"delay_days": 0}, {"delay_days": 2}, name="Welcome")
    for _ in range(count):
        contact = builders.make_contact(builders.make_user(team=user.team))
        enrolling.enrol(sequence, contact, owner=user, now=now)
        enrolling.enrol(campaign, contact, owner=user, now=now)
        enrolling.enrol(builders.make_sequence(user), contact, owner=user, now=now)
        builders.make_campaign(user)


def queries(browser: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)


@pytest.fixture(scope="module")
def offices(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Office, Office]]:
    """Two teams beside each other, one with few rows and one with many: filled once, since that takes longer than any
    page. What a test changes is taken back by its own transaction, and all of it at the end.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        few, many = make_office(), make_office()
        fill(few, 3)
        fill(many, 15)
        yield few, many
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_constant_queries(path: str, offices: tuple[Office, Office], browser_of) -> None:
    few, many = (
        queries(browser_of(User.objects.get(pk=office.manager.pk)), address(path, office)) for office in offices
    )
    assert many == few <= MORE.get(path, MOST)


def address(path: str, office: Office) -> str:
    if "{sequence}" in path or "{campaign}" in path:
        welcome = {"owner": office.manager, "name": "Welcome"}
        return path.format(sequence=Sequence.objects.get(**welcome).pk, campaign=Campaign.objects.get(**welcome).pk)
    if "{report}" in path:
        for before in (1, 0):  # one that has another before it
            report = builders.make_report(office.manager.team, now=builders.NOW - timedelta(days=before))
        return path.format(report=report.pk)
    today = datetime.now(UTC).date()
    return path.format(
        member=office.member.pk, today=today, task=office.task.pk, contact=office.contact.pk, rule=office.rule.pk
    )
