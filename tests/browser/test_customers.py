"""What a rep does on a contact's page, and a manager with a mail of somebody nobody knows."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from automation import engine
from automation.models import Enrolment
from automation.programmes import enrolling
from crm import unmatched
from crm.models import Activity, Contact
from notifications.models import Notification
from people.models import User
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def run_rules(user: User) -> None:
    """As the runner does within a second."""
    engine.drain(user.team_id, now=datetime.now(UTC))


def test_a_call_is_noted_and_opting_out_stops_the_sequence(signed_in: Page, manager: User) -> None:
    contact = Contact.objects.get(name="Ana Ruiz")
    enrolling.enrol(builders.make_sequence(manager), contact, owner=manager, now=datetime.now(UTC))
    signed_in.goto(f"/contacts/{contact.pk}")
    expect(signed_in.get_by_text("Under way")).to_be_visible()
    signed_in.get_by_role("radio", name="Call").check()
    signed_in.get_by_label("What was said").fill("Asks for two years")
    signed_in.get_by_label("minutes").fill("12")
    signed_in.get_by_role("button", name="Add", exact=True).click()
    expect(signed_in.locator(".toast", has_text="The call is noted")).to_be_visible()
    story = signed_in.locator(".timeline")
    expect(story).to_contain_text("Asks for two years")
    expect(story).to_contain_text("12 min")
    expect(signed_in.get_by_label("What was said")).to_have_value("")
    assert Activity.objects.get(activity_type=Activity.CALL).actor == manager
    signed_in.locator("summary", has_text="Opt out").click()
    signed_in.get_by_label("Reason").fill("Said so on the phone")
    signed_in.get_by_role("button", name="Opt them out").click()
    expect(signed_in.locator(".toast", has_text="Opted out")).to_be_visible()
    run_rules(manager)
    expect(signed_in.locator(".enrolled")).to_contain_text("Left", timeout=8000)
    expect(signed_in.get_by_text("Said so on the phone").first).to_be_visible()
    assert Enrolment.objects.get().state == Enrolment.EXITED


def test_an_unmatched_mail_is_attached_and_its_task_comes(signed_in: Page, manager: User) -> None:
    builders.make_rule(
        manager,
        name="Answer replies",
        scope="team",
        trigger_config={"activity_types": ["email_replied"]},
        task_title_template="Answer {{contact_name}}",
    )
    builders.make_unmatched(manager.team, address="ana@home.example")
    signed_in.goto("/activity")
    signed_in.get_by_role("link", name="Unmatched 1").click()
    signed_in.get_by_role("link", name="ana@home.example").click()
    signed_in.get_by_label("Search contacts").fill("ruiz")
    signed_in.get_by_role("button", name="Search", exact=True).click()
    signed_in.get_by_role("button", name="It is Ana Ruiz's").click()
    expect(signed_in.locator(".toast", has_text="1 event is Ana Ruiz's now")).to_be_visible()
    assert not unmatched.waiting(manager).exists()
    contact = Contact.objects.get(name="Ana Ruiz")
    signed_in.goto(f"/contacts/{contact.pk}")
    run_rules(manager)
    expect(signed_in.get_by_role("link", name="Answer Ana Ruiz").first).to_be_visible(timeout=8000)
    assert Task.objects.filter(contact=contact, title="Answer Ana Ruiz").exists()


def test_the_bell_shows_the_newest_and_the_inbox_completes_the_task(signed_in: Page, manager: User) -> None:
    signed_in.locator("#bell summary").click()
    told = signed_in.locator("#bell > .menu .told")
    expect(told).to_have_count(1)
    expect(signed_in.locator("#bell > summary")).to_have_accessible_name("Inbox, 1 unread")
    signed_in.locator("#bell").get_by_role("link", name="Open the inbox").click()
    notice = signed_in.locator(".notice")
    notice.hover()
    notice.get_by_role("button", name="Complete Call Ana").click()
    expect(signed_in.locator(".toast", has_text="Completed: Call Ana")).to_be_visible()
    notice.hover()
    notice.get_by_role("button", name="Mark read").click()
    expect(signed_in.locator(".notice.new")).to_have_count(0)
    assert Task.objects.get(title="Call Ana").status == Task.DONE
    assert not Notification.objects.unread().exists()
