"""Whoever must not have a task does not get it from any automation: it is made all the same, and waits."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from automation import engine, log, overdue, recurring
from automation.models import Firing
from automation.programmes import enrolling
from automation.task_scheduler import TaskScheduler
from crm.models import Activity, Contact
from people.models import User
from tests import builders
from tests.builders import NOW
from work import ties
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def owner() -> User:
    return builders.make_manager(first_name="Ann")


@pytest.fixture
def contact(owner: User) -> Contact:
    contact = builders.make_contact(owner)
    ties.exclude_from(contact, [owner], by=owner, now=NOW)
    return contact


@pytest.mark.parametrize("assign", ["owner", "user"])
def test_a_rule_fires_and_its_task_waits(assign: str, owner: User, contact: Contact) -> None:
    rule = builders.make_rule(owner, scope="team", assign=f"user:{owner.pk}" if assign == "user" else assign)
    click = builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED)
    (firing,) = engine.process(click, now=timezone.now())
    kept = Firing.objects.get(rule=rule)
    assert (firing.outcome, kept.outcome) == (Firing.FIRED, Firing.FIRED)
    assert kept.reason.startswith("ACCESS: Ann must not have work of this contact: choose somebody else")
    task = Task.objects.get(pk=kept.task_id)
    assert (task.assignee, task.status) == (None, Task.TODO)
    assert task in Task.objects.waiting()
    told = Activity.objects.get(task_id=task.pk, activity_type=Activity.TASK_ASSIGNED)
    assert (told.data["user_id"], told.data["code"]) == (None, "ACCESS")
    assert kept.reason in [entry["reason"] for entry in log.entries(owner, limit=20, now=timezone.now())]


MAKERS: dict[str, Callable[[User, Contact], object]] = {
    "scheduler": lambda owner, contact: TaskScheduler(owner=owner).schedule_task_for_contact(contact, "Call"),
    "series": lambda owner, contact: recurring.schedule_recurring(
        contact, "weekly", {"title": "Call"}, owner=owner, now=NOW
    ),
    "sequence": lambda owner, contact: enrolling.enrol(
        builders.make_sequence(owner, days=(0, 1)), contact, owner=owner, now=NOW
    ),
    "overdue": lambda owner, contact: overdue._make_task(contact, owner, NOW - timedelta(days=2), NOW),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_so_it_is_whatever_makes_it(maker: str, owner: User, contact: Contact) -> None:
    MAKERS[maker](owner, contact)
    tasks = list(Task.objects.filter(contact=contact))
    assert tasks
    assert {task.assignee for task in tasks} == {None}
