"""A small team at work, and everybody's browser."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from automation.models import TaskAutomationRule
from crm.models import Contact
from jobs.models import Job
from notifications.models import Notification
from people.models import User
from tests import builders
from work.models import Task

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass(frozen=True)
class Office:
    member: User
    colleague: User
    lead: User
    manager: User
    stranger: User
    contact: Contact
    task: Task
    rule: TaskAutomationRule
    job: Job
    notice: Notification

    def people(self) -> dict[str, User]:
        names = ("member", "colleague", "lead", "manager", "stranger")
        return {name: getattr(self, name) for name in names}


@pytest.fixture
def office(db: None) -> Office:
    return make_office()


@pytest.fixture(scope="module")
def lasting(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Rows that are made once for all tests of a module, which only read them: what a test changes is taken back by its
    own transaction, and all of it at the end.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


def make_office() -> Office:
    """One row of each kind, all the member's; the stranger manages another team."""
    team = builders.make_team(name="Northbeam", timezone="UTC")
    member = builders.make_user(team=team, first_name="Maya", last_name="Chen")
    contact = builders.make_contact(member, name="Ana Ruiz", company="Lumen")
    due = datetime.now(UTC) - timedelta(hours=30)
    task = builders.make_task(member, title="Call Ana", contact=contact, due_date=due, estimated_hours=1)
    rule = builders.make_rule(member, name="Clicked: call")
    activity = builders.make_activity(contact)
    builders.make_firing(rule, task=task, activity=activity)
    return Office(
        member=member,
        colleague=builders.make_user(team=team),
        lead=builders.make_lead(team=team),
        manager=builders.make_manager(team=team),
        stranger=builders.make_manager(),
        contact=contact,
        task=task,
        rule=rule,
        job=builders.make_job(member),
        notice=builders.make_notification(member, task=task),
    )


@pytest.fixture
def browser_of() -> Callable[[User], Client]:
    """A client in which somebody is signed in."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user, backend=BACKEND)
        return client

    return make
