"""What a person does on the pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from assignment import runs
from automation.models import Sequence, TaskAutomationRule
from automation.programmes import enrolling, pausing, sequences
from crm.files import imports
from crm.files.models import Import
from crm.models import Activity, Contact, InboundForm, InboundSource
from jobs.models import Job
from people.models import SavedView, User
from performance import scores
from performance.models import DailyReport
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = (
    "/",
    "/?view=upcoming",
    "/?view=done",
    "/tasks",
    "/tasks?as=board",
    "/tasks?priority=urgent",
    "/tasks/new",
    "/tasks/import",
    "/tasks/{task}/edit",
    "/tasks/{task}",
    "/focus",
    "/search?q=a",
    "/contacts",
    "/contacts?sort=score",
    "/contacts/new",
    "/contacts/import",
    "/imports/{import}",
    "/contacts/{contact}",
    "/contacts/{contact}/edit",
    "/contacts/{contact}/merge",
    "/contacts/{contact}/erase",
    "/contacts/{contact}/rules",
    "/contacts/{contact}/rules/{rule}",
    "/activity",
    "/activity/{activity}",
    "/activity/unmatched",
    "/activity/unmatched/{unmatched}",
    "/activity/conflicts",
    "/automations/task-scheduling",
    "/automations/task-scheduling/new",
    "/automations/task-scheduling/import",
    "/automations/task-scheduling/new?template=hot-lead",
    "/automations/task-scheduling/{rule}",
    "/automations/task-scheduling/{rule}/runs",
    "/automations/task-scheduling/{rule}/versions",
    "/automations/task-scheduling/{rule}/explain?contact={contact}",
    "/automations/task-scheduling/{rule}/try",
    "/automations/task-scheduling/{rule}/backtest?start=2026-01-01&end=2026-12-31",
    "/automations/task-scheduling/backtests/{backtest}",
    "/automations/task-scheduling/{rule}/activate",
    "/automations/stats",
    "/automations/sequences",
    "/automations/sequences/new",
    "/automations/sequences/{sequence}",
    "/automations/sequences/{sequence}?contact={contact}",
    "/automations/sequences/{sequence}/edit",
    "/automations/sequences/{sequence}/migrate",
    "/automations/campaigns",
    "/automations/campaigns/new",
    "/automations/campaigns/{campaign}",
    "/automations/campaigns/{campaign}/edit",
    "/automations/campaigns/{campaign}/migrate",
    "/automations/jobs",
    "/automations/jobs/{job}",
    "/team/workload",
    "/team/workload/people/{manager}/{today}",
    "/team/workload/plans/{plan}",
    "/team/workload/tasks/{task}",
    "/team/workload/balance",
    "/team/members/{manager}",
    "/settings/team",
    "/team/performance",
    "/team/estimates",
    "/team/reports",
    "/team/reports/{report}",
    "/team/reports/{report}/mail",
    "/inbox",
    "/settings/profile",
    "/settings/notifications",
    "/settings/notifications?chat=telegram",
    "/settings/channels",
    "/settings/audit",
    "/settings/retention",
    "/settings/learning",
    "/settings/data",
    "/settings/sources",
    "/settings/sources/{source}",
    "/settings/forms",
    "/settings/forms/{form}",
    "/settings/security",
    "/settings/security/two-step",
    "/settings/calendar",
    "/settings/tokens",
    "/settings/webhooks",
    "/settings/webhooks/{webhook}",
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


def test_pinning_in_the_panel_leaves_the_panel(signed_in: Page) -> None:
    signed_in.get_by_role("link", name="Call Ana").click()
    panel = signed_in.get_by_role("complementary", name="Task details")
    pin = panel.get_by_role("switch")
    pin.click()
    expect(pin).to_have_attribute("aria-checked", "true")
    expect(panel.get_by_role("heading", name="Call Ana")).to_be_visible()
    assert Task.objects.get(title="Call Ana").pinned
    pin.click()
    expect(pin).to_have_attribute("aria-checked", "false")


def test_my_work_by_keyboard_alone(signed_in: Page) -> None:
    link = signed_in.get_by_role("link", name="Write the offer")
    link.focus()
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("#peek h2")).to_have_text("Write the offer")
    signed_in.keyboard.press("Escape")
    expect(link).to_be_focused()
    signed_in.keyboard.press("Shift+Tab")
    signed_in.keyboard.press("Enter")  # on the box to tick it by: sends nothing
    signed_in.keyboard.press("Shift+Tab")
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator(".toast")).to_contain_text("Completed: Write the offer")


def test_new_work_appears_on_the_open_page(signed_in: Page, manager) -> None:
    builders.make_task(manager, title="Came in meanwhile")
    builders.make_notification(manager)
    expect(signed_in.locator(".row", has_text="Came in meanwhile")).to_be_visible(timeout=8000)
    expect(signed_in.locator("#bell .count")).to_have_text("2", timeout=8000)
    expect(signed_in.locator("#waiting-i")).to_have_text("2", timeout=8000)


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
    rule = TaskAutomationRule.objects.get(name="Answer …")
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


def a_sequence(manager: User) -> Sequence:
    """One with somebody under way on older steps, somebody paused and somebody it ended for."""
    sequence, now = builders.make_sequence(manager, days=(0, 2, 4)), datetime.now(UTC)
    ways = [
        enrolling.enrol(sequence, builders.make_contact(manager, name=name), owner=manager, now=now)
        for name in ("Bea Holm", "Cal Ito", "Dee Roy")
    ]
    pausing.pause(ways[1], now=now, reason="Maya Chen paused it: on holiday", until=now + timedelta(days=3))
    pausing.stop(ways[2], by=manager, now=now)
    return sequences.update(sequence, by=manager, now=now, steps=[*sequence.steps, builders.step(240)])


def some_scores(manager: User) -> None:
    """Enough finished tasks to be compared, on days that make a trend."""
    now = datetime.now(UTC)
    for _ in range(25):
        builders.make_done_task(manager, at=now - timedelta(days=30))
    for days in (2, 1, 0):
        scores.recompute_team(manager.team, now=now - timedelta(days=days))


def an_import(manager: User) -> Import:
    """A file of contacts, compared: one that is new, one that is wrong, a column that nothing is known of."""
    file, now = b"Name,E-mail,Next follow-up,Other\nAda,ada@x.org,2026-01-01,x\nEve,nonsense,,\n", datetime.now(UTC)
    return imports.check(imports.upload(file, by=manager, kind="contacts", now=now), now=now)


def ids_of(manager: User) -> dict[str, Any]:
    """What the addresses of the pages name; each page has something to show."""
    some_scores(manager)
    team, now = manager.team, datetime.now(UTC)
    builders.make_view(manager)
    builders.make_view(manager, page=SavedView.CONTACTS, query="sort=score", name="Best first")
    return {
        "activity": Activity.objects.earliest("pk").pk,
        "unmatched": builders.make_unmatched(team, address="ana@home.example").pk,
        "job": Job.objects.earliest("created_at").pk,
        "import": an_import(manager).pk,
        "source": InboundSource.objects.create(team=team, provider="postmark", name="Main").pk,
        "form": InboundForm.objects.create(team=team, name="Contact us").pk,
        "webhook": builders.make_dispatch(builders.make_webhook(team)).endpoint_id,
        "plan": runs.plan(team, now=now).pk,
        "today": now.date(),
        "manager": manager.pk,
        "task": Task.objects.get(title="Call Ana").pk,
        "contact": Contact.objects.get().pk,
        "rule": TaskAutomationRule.objects.get().pk,
        "report": a_report(manager).pk,
        "backtest": builders.make_backtest(TaskAutomationRule.objects.get(), by=manager).pk,
        "sequence": a_sequence(manager).pk,
        "campaign": builders.make_campaign(manager, {"delay_days": 1}, {"message_type": "wait", "delay_days": 2}).pk,
    }


def test_my_work_by_keys(signed_in: Page, manager) -> None:
    """J K E S A C X Z, G and a letter, Ctrl K and ?, as the list of keys says."""
    colleague = builders.make_user(team=manager.team, first_name="Jo", last_name="Meyer")
    signed_in.reload()
    press = signed_in.keyboard.press
    press("j")
    first = signed_in.locator(".row").first
    expect(first.locator("[data-open]")).to_be_focused()
    press("j")
    press("k")
    press("c")
    expect(signed_in.get_by_label("Comment")).to_be_focused()
    signed_in.keyboard.type("Asks for two years")
    press("Tab")
    press("Enter")
    expect(signed_in.locator("#peek")).to_contain_text("Asks for two years")
    first.locator("[data-open]").focus()
    press("s")
    press("ArrowDown")
    press("Enter")
    expect(signed_in.locator(".toast", has_text="Put off")).to_be_visible()
    signed_in.wait_for_load_state("networkidle")  # leaving amid an answer would be an error in the console
    signed_in.goto("/?view=upcoming")
    press("j")
    press("x")
    expect(signed_in.locator("[data-ticked]")).to_have_text("1")
    press("a")
    signed_in.get_by_role("button", name="Jo Meyer").press("Enter")
    expect(signed_in.locator(".toast", has_text="Given on")).to_be_visible()
    assert Task.objects.filter(assignee=colleague).count() == 1
    press("z")
    expect(signed_in.locator(".toast", has_text="Taken back")).to_be_visible()
    assert not Task.objects.filter(assignee=colleague).exists()
    signed_in.wait_for_load_state("networkidle")
    press("?")
    expect(signed_in.get_by_role("dialog", name="Keys")).to_contain_text("C Contacts")
    press("Escape")
    press("Control+k")
    signed_in.keyboard.type("ana")
    signed_in.get_by_role("link", name="Ana Ruiz Lumen").wait_for()
    press("ArrowDown")
    press("Enter")
    signed_in.wait_for_url("**/contacts/*")
    press("g")
    press("m")
    signed_in.wait_for_url("**/")
