"""The page of one task: what made it, its checklist, and what else is to be done for its contact."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from automation import engine
from crm.models import Activity
from people.models import User
from tests import builders
from tests.builders import NOW
from work import lifecycle
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


LIST = "Before you call:\n- [ ] read the last note\n- [x] open the offer"


def tick(browser: Client, task: Task, place: int, words: str, *, done: bool = True, **headers: str) -> Any:
    sent = {"place": place, "words": words} | ({"done": "1"} if done else {})
    return browser.post(f"/tasks/{task.pk}/tick", sent, headers=headers)


def test_a_checklist_in_the_description_is_ticked(lead: User, browser_of: Callable[[User], Client]) -> None:
    task = builders.make_task(lead, description=LIST)
    browser = browser_of(lead)
    assert "1 of 2 done" in browser.get(f"/tasks/{task.pk}").text
    answer = tick(browser, task, 0, "read the last note", **{"HX-Request": "true"})
    assert "2 of 2 done" in answer.text
    assert "<html" not in answer.text
    answer = tick(browser, task, 1, "open the offer", done=False)
    assert (answer.status_code, answer["location"]) == (302, f"/tasks/{task.pk}")
    task.refresh_from_db()
    assert task.description == LIST.replace("- [ ]", "- [x]").replace("- [x] open", "- [ ] open")


def test_two_who_tick_at_once_lose_nothing_and_a_changed_list_is_said(
    lead: User, browser_of: Callable[[User], Client]
) -> None:
    task = builders.make_task(lead, description=LIST)
    stale = Task.objects.get(pk=task.pk)
    tick(browser_of(lead), task, 0, "read the last note")
    lifecycle.tick(stale, 1, "open the offer", done=False, by=lead, now=NOW)
    task.refresh_from_db()
    assert task.description == LIST.replace("- [x]", "- [ ]").replace("- [ ] read", "- [x] read")
    refused = tick(browser_of(lead), task, 0, "call their boss", **{"HX-Request": "true"})
    assert refused.status_code == 409
    assert "There is no “call their boss” on this list any more" in refused.text
    assert tick(browser_of(lead), task, -1, "", **{"HX-Request": "true"}).status_code == 409


def test_who_may_not_edit_a_task_sees_its_list_and_ticks_nothing(
    lead: User, browser_of: Callable[[User], Client]
) -> None:
    owner, other = builders.make_user(team=lead.team), builders.make_user(team=lead.team)
    task = builders.make_task(other, contact=builders.make_contact(owner), description=LIST)
    page = browser_of(owner).get(f"/tasks/{task.pk}").text
    assert "read the last note" in page
    assert f"/tasks/{task.pk}/tick" not in page
    assert tick(browser_of(owner), task, 0, "read the last note").status_code == 403
    stranger = builders.make_manager()
    assert tick(browser_of(stranger), task, 0, "read the last note").status_code == 404
