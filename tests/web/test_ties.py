"""On the pages: what a task waits for, who must not have it, and the pin."""

import pytest
from django.utils import timezone

from tests import builders
from tests.builders import NOW
from tests.web.conftest import Office
from work import lifecycle, ties
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HTMX = {"HX-Request": "true"}


def test_whoever_holds_it_sees_what_it_waits_for_until_that_is_done(office: Office, browser_of) -> None:
    own = builders.make_task(office.member, title="Gather figures")
    others = builders.make_task(office.colleague, title="Audit")
    ties.wait_for(office.task, [own, others], by=office.manager, now=NOW)
    browser = browser_of(office.member)
    page = browser.get(f"/tasks/{office.task.pk}").content.decode()
    assert "Waits for" in page
    assert "Gather figures" in page
    assert "A task of somebody else" in page
    assert "Audit" not in page
    assert "Waits for Gather figures" in browser.get("/").content.decode()
    lifecycle.complete(own, by=office.member, now=timezone.now())
    assert "Waits for a task of somebody else" in browser.get("/").content.decode()
    lifecycle.complete(others, by=office.colleague, now=timezone.now())
    assert "Waits for" not in browser.get("/").content.decode()
    assert "Waits for" not in browser.get(f"/tasks/{office.task.pk}").content.decode()


def test_the_pin_is_a_switch_of_those_who_may_edit(office: Office, browser_of) -> None:
    pin = f"/tasks/{office.task.pk}/pin"
    page = browser_of(office.member).get(f"/tasks/{office.task.pk}").content.decode()
    assert 'aria-label="Keep it with Maya Chen"' in page
    assert 'aria-checked="true"' in browser_of(office.member).post(pin, {"on": "1"}, headers=HTMX).content.decode()
    assert Task.objects.get(pk=office.task.pk).pinned
    assert browser_of(office.lead).post(pin, {"on": "0"}).status_code == 403
    assert "Only people move it" in browser_of(office.lead).get(f"/tasks/{office.task.pk}").content.decode()
    answer = browser_of(office.manager).post(pin, {"on": "0"})
    assert (answer.status_code, answer["Location"]) == (302, f"/tasks/{office.task.pk}")
    assert not Task.objects.get(pk=office.task.pk).pinned
    lifecycle.unassign(office.task, by=office.manager, now=NOW)
    page = browser_of(office.manager).get(f"/tasks/{office.task.pk}").content.decode()
    assert "Waits for whoever fits best" in page
    refused = browser_of(office.manager).post(pin, {"on": "1"}, headers=HTMX).content.decode()
    assert "Nobody holds this task: assign it first" in refused


def test_who_must_not_have_it_is_shown_and_refused(office: Office, browser_of) -> None:
    ties.exclude(office.task, [office.lead], by=office.manager, now=NOW)
    page = browser_of(office.manager).get(f"/tasks/{office.task.pk}").content.decode()
    assert "Not for" in page
    ties.exclude_from(office.contact, [office.lead], by=office.manager, now=NOW)
    form = {"title": "Visit", "priority": "low", "who": "me", "contact": office.contact.pk}
    answer = browser_of(office.lead).post("/tasks/new", form)
    assert answer.status_code == 422
    assert "must not have work of this contact" in answer.content.decode()
    assert not Task.objects.filter(title="Visit").exists()


def test_a_new_task_may_wait_for_another(office: Office, browser_of) -> None:
    form = {"title": "Then this", "priority": "low", "who": "queue", "waits_for": office.task.pk}
    assert browser_of(office.member).post("/tasks/new", form).status_code == 302
    made = Task.objects.get(title="Then this")
    assert (made.assignee, ties.waited_for(made)) == (None, [office.task])
    unseen = builders.make_task(office.colleague)
    assert browser_of(office.member).post("/tasks/new", form | {"waits_for": unseen.pk}).status_code == 422


def test_one_sees_what_matching_knows_of_oneself(office: Office, browser_of) -> None:
    office.member.focus_factor, office.member.wip_limit = 0.6, 4
    office.member.save()
    page = browser_of(office.member).get("/settings/profile").content.decode()
    assert "60&nbsp;%" in page
    assert "4 at most" in page
