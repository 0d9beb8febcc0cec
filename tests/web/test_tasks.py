"""The page of one task: what made it, and what else is to be done for its contact."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from automation import engine
from crm.models import Activity
from people.models import User
from tests import builders
from tests.builders import NOW
from work.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> User:
    return builders.make_lead()


def test_it_leads_to_the_version_of_the_rule_and_to_the_event(lead: User, browser_of: Callable[[User], Client]) -> None:
    rule = builders.make_rule(lead)
    event = builders.make_activity(builders.make_contact(lead), activity_type=Activity.EMAIL_CLICKED)
    engine.process(event, now=event.occurred_at)
    page = browser_of(lead).get(f"/tasks/{Task.objects.get().pk}").text
    assert f'href="/automations/task-scheduling/{rule.pk}/versions"' in page
    assert f'href="/activity/{event.pk}"' in page


def test_who_may_not_see_the_event_is_not_led_to_it(lead: User, browser_of: Callable[[User], Client]) -> None:
    holder = builders.make_user(team=lead.team)
    builders.make_rule(lead)
    event = builders.make_activity(builders.make_contact(lead), activity_type=Activity.EMAIL_CLICKED)
    engine.process(event, now=event.occurred_at)
    task = Task.objects.get()
    Task.objects.update(assignee=holder)
    page = browser_of(holder).get(f"/tasks/{task.pk}").text
    assert task.title in page
    assert f'href="/activity/{event.pk}"' not in page


def test_it_lists_what_else_is_open_for_the_contact_and_seen(lead: User, browser_of: Callable[[User], Client]) -> None:
    member = builders.make_user(team=lead.team)
    contact = builders.make_contact(lead)
    later, sooner, done, own = (
        builders.make_task(member, contact=contact, title=title, due_date=NOW + timedelta(days=days))
        for title, days in (("Later", 3), ("Sooner", 1), ("Done", 2), ("Itself", 1))
    )
    Task.objects.filter(pk=done.pk).update(status=Task.DONE)
    builders.make_task(lead, contact=contact, title="Of the lead")
    builders.make_task(member, title="For nobody")
    related = browser_of(member).get(f"/tasks/{own.pk}").context["related"]
    assert related == [sooner, later]
    assert [one.title for one in browser_of(lead).get(f"/tasks/{own.pk}").context["related"]] == [
        "Sooner",
        "Later",
        "Of the lead",
    ]
