"""The first run as a new user walks through it: from the sign-in form to a rule of one's own that made a task."""

import pytest
from playwright.sync_api import Browser, expect

from automation.models import TaskAutomationRule
from people.models import Team
from tests import builders
from tests.browser.conftest import PASSWORD
from tests.browser.test_looks import faults as looks
from work.models import Task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_from_the_first_sign_in_to_a_task(chrome: Browser, live_server, transactional_db) -> None:
    rank = {"is_superuser": True, "is_staff": True, "username": "admin", "password": PASSWORD}
    admin = builders.make_manager(team=Team.objects.default(), **rank)
    context = chrome.new_context(base_url=live_server.url, timezone_id="Europe/Berlin")
    page, faults = context.new_page(), []
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.goto("/")
    page.fill("[name=login]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Welcome to Nextmove")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    seen = looks(page, "light")
    page.get_by_label("First name").fill("Ada")
    page.get_by_label("Your team or company").fill("Analytical")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Somebody fills in a form").wait_for()
    seen += looks(page, "light")
    page.get_by_role("button", name="Somebody fills in a form").click()
    page.get_by_role("button", name="Let it happen").wait_for()
    seen += looks(page, "light")
    page.get_by_role("button", name="Let it happen").click()
    expect(page.get_by_role("heading", name="There it is")).to_be_visible()
    seen += looks(page, "light")
    page.get_by_role("link", name="Open the task").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Answer Ada Example")

    task = Task.objects.get()
    assert task.assignee == admin
    assert task.firings.get().rule == TaskAutomationRule.objects.get()
    admin.team.refresh_from_db()
    assert (admin.team.name, admin.team.timezone) == ("Analytical", "Europe/Berlin")
    page.goto("about:blank")
    context.close()
    assert faults == seen == []
