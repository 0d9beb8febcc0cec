"""What a person does on the pages, and what an accessibility checker says about each."""

from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from automation.models import TaskAutomationRule
from crm.models import Contact
from people.models import User
from performance import scores
from performance.models import DailyReport
from tests import builders
from tests.browser.conftest import PHONE, WIDE
from work.models import Task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = (
    "/",
    "/?view=upcoming",
    "/?view=done",
    "/tasks",
    "/tasks/new",
    "/tasks/{task}",
    "/contacts",
    "/contacts/new",
    "/contacts/{contact}",
    "/activity",
    "/automations/task-scheduling",
    "/automations/task-scheduling/new",
    "/automations/task-scheduling/{rule}",
    "/automations/jobs",
    "/team/workload",
    "/team/performance",
    "/team/reports",
    "/team/reports/{report}",
    "/api/reports/{report}/html",
    "/inbox",
    "/settings/profile",
    "/settings/tokens",
    "/accounts/password/change/",
    "/accounts/logout/",
)


def test_sign_in_leads_to_my_work(signed_in: Page) -> None:
    expect(signed_in.get_by_role("heading", level=1)).to_contain_text("Maya")
    signed_in.get_by_role("button", name="Maya Chen").click()
    signed_in.locator("#user-menu").get_by_role("button", name="Sign out").click()
    expect(signed_in.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_tick_completes_a_task_and_says_what_follows(signed_in: Page) -> None:
    signed_in.get_by_role("button", name="Complete Call Ana").click()
    toast = signed_in.locator(".toast")
    expect(toast).to_contain_text("Completed: Call Ana")
    expect(signed_in.locator(".row", has_text="Call Ana")).to_have_count(0)
    assert Task.objects.get(title="Call Ana").status == Task.DONE
    toast.get_by_role("link", name="the new score").click()
    signed_in.wait_for_url("**/automations/jobs#job-*")
    expect(signed_in.locator("tr:target")).to_contain_text("Update user performance metrics")


def test_the_panel_explains_and_completes(signed_in: Page) -> None:
    signed_in.get_by_role("link", name="Call Ana").click()
    panel = signed_in.get_by_role("complementary", name="Task details")
    expect(panel).to_contain_text("so the rule “Clicked: call” created it")
    panel.get_by_label("Hours it took").fill("0.75")
    panel.get_by_label("What came of it").fill("She wants an offer")
    panel.get_by_role("button", name="Complete").click()
    expect(signed_in.locator(".toast")).to_contain_text("Completed: Call Ana")
    expect(panel).to_contain_text("She wants an offer")
    expect(signed_in.locator(".row", has_text="Call Ana")).to_have_count(0)


def test_my_work_by_keyboard_alone(signed_in: Page) -> None:
    link = signed_in.get_by_role("link", name="Write the offer")
    link.focus()
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("#peek h2")).to_have_text("Write the offer")
    signed_in.keyboard.press("Escape")
    expect(link).to_be_focused()
    signed_in.keyboard.press("Shift+Tab")
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator(".toast")).to_contain_text("Completed: Write the offer")


def test_new_work_appears_on_the_open_page(signed_in: Page, manager) -> None:
    builders.make_task(manager, title="Came in meanwhile")
    builders.make_notification(manager)
    expect(signed_in.locator(".row", has_text="Came in meanwhile")).to_be_visible(timeout=8000)
    expect(signed_in.locator("#bell .count")).to_have_text("2", timeout=8000)


def test_a_first_rule(signed_in: Page) -> None:
    signed_in.get_by_role("navigation", name="Main").get_by_role("link", name="Task scheduling").click()
    signed_in.get_by_role("link", name="New rule").click()
    signed_in.get_by_label("Submitted a form").check()
    signed_in.get_by_label("Title of the task").fill("Answer ")
    signed_in.get_by_role("button", name="{{contact_name}}").click()
    expect(signed_in.get_by_label("Title of the task")).to_have_value("Answer {{contact_name}}")
    signed_in.get_by_label("Due after").fill("1")
    signed_in.get_by_role("button", name="Create the rule").click()
    expect(signed_in.locator(".toast")).to_contain_text("The rule is on")
    rule = TaskAutomationRule.objects.get(name="Answer {{contact_name}}")
    assert rule.trigger_config == {"activity_types": ["form_submitted"]}
    switch = signed_in.get_by_role("switch")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    rule.refresh_from_db()
    assert not rule.is_active


def test_only_the_fields_of_the_chosen_trigger_show(signed_in: Page) -> None:
    signed_in.goto("/automations/task-scheduling/new")
    expect(signed_in.get_by_label("Clicked a link")).to_be_visible()
    signed_in.get_by_label("A contact's status changed").check()
    expect(signed_in.get_by_label("Clicked a link")).to_be_hidden()
    expect(signed_in.get_by_label("From")).to_be_visible()


def test_the_theme_switches_at_once_and_stays(signed_in: Page) -> None:
    def ground() -> str:
        return signed_in.evaluate("getComputedStyle(document.body).backgroundColor")

    light = ground()
    signed_in.get_by_role("button", name="Choose the theme").click()
    signed_in.get_by_role("button", name="Dark").click()
    expect(signed_in.locator("html")).to_have_attribute("data-theme", "dark")
    assert ground() != light
    signed_in.reload()
    expect(signed_in.locator("html")).to_have_attribute("data-theme", "dark")


def a_report(manager: User) -> DailyReport:
    """One with something in each of its parts, and several moves to apply."""
    builders.make_user(team=manager.team)
    for _ in range(8):
        builders.make_task(manager, title="Prepare the quarterly review", estimated_hours=8)
    builders.make_task(team=manager.team, due_date=builders.NOW)
    builders.make_task(builders.make_user(team=manager.team), estimated_hours=50)
    builders.make_done_task(manager, at=datetime.now(UTC) - timedelta(days=1))
    return builders.make_report(manager.team)


def some_scores(manager: User) -> None:
    """Enough finished tasks to be compared, on days that make a trend."""
    now = datetime.now(UTC)
    for _ in range(25):
        builders.make_done_task(manager, at=now - timedelta(days=30))
    for days in (2, 1, 0):
        scores.recompute_team(manager.team, now=now - timedelta(days=days))


@pytest.mark.parametrize("width", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(theme: str, width: dict, page: Page, manager, live_server) -> None:
    page.set_viewport_size(width)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])
    page.goto("/accounts/login/")
    found = _violations(page)
    page.fill("[name=login]", manager.username)
    page.fill("[name=password]", "a-long-password")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    ids = {
        "task": Task.objects.get(title="Call Ana").pk,
        "contact": Contact.objects.get().pk,
        "rule": TaskAutomationRule.objects.get().pk,
        "report": a_report(manager).pk,
    }
    some_scores(manager)
    for path in PAGES:
        page.goto(path.format(**ids))
        found += _violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the window"
    page.goto("/")
    page.get_by_role("link", name="Call Ana").click()
    page.locator("#peek h2").wait_for()
    found += _violations(page)
    assert found == []


def _violations(page: Page) -> list[str]:
    results = Axe().run(page).response["violations"]
    return [f"{page.url}: {one['id']} at {one['nodes'][0]['target']}" for one in results]
