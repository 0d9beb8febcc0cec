"""A rule made, tried and followed in a browser: the dry run keeps up with the form, and the keyboard is enough."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, Page, expect

from automation import engine
from automation.models import TaskAutomationRule
from crm.models import Contact
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MOST_TABS = 80


def tab_to(page: Page, target: Locator) -> None:
    """Goes on from where one stands, as somebody without a mouse does."""
    for _ in range(MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is out of reach of the keyboard")


def test_from_a_template_to_a_rule_that_fires_by_keyboard_alone(signed_in: Page, manager) -> None:
    press = signed_in.keyboard.press
    press("g")
    press("r")
    signed_in.wait_for_url("**/automations/task-scheduling")
    press("n")
    signed_in.wait_for_url("**/new")
    tab_to(signed_in, signed_in.get_by_role("link", name="A hot lead clicks: call"))
    press("Enter")
    signed_in.wait_for_url("**/new?template=hot-lead")
    expect(signed_in.get_by_label("Title of the task")).to_have_value("Call {{contact_name}}: clicked a link")
    value = signed_in.get_by_role("group", name="Condition 1").get_by_label("Value")
    tab_to(signed_in, value)
    press("Control+a")
    signed_in.keyboard.type("70")
    expect(signed_in.locator("#trial dl")).to_be_visible()
    tab_to(signed_in, signed_in.get_by_role("button", name="Create the rule"))
    press("Enter")
    expect(signed_in.locator(".toast")).to_contain_text("The rule is on")
    rule = TaskAutomationRule.objects.get(name="A hot lead clicks: call")
    assert rule.condition == "contact.lead_score >= 70"
    contact = Contact.objects.get()
    contact.lead_score = 75
    contact.save()
    builders.make_activity(contact, activity_type="email_clicked")
    tab_to(signed_in, signed_in.get_by_role("navigation", name="This rule").get_by_role("link", name="Runs"))
    press("Enter")
    signed_in.wait_for_url("**/runs")
    expect(signed_in.get_by_text("No runs yet")).to_be_visible()
    engine.drain(manager.team_id, now=datetime.now(UTC))
    assert Task.objects.filter(title="Call Ana Ruiz: clicked a link").count() == 1
    expect(signed_in.get_by_role("link", name="Call Ana Ruiz: clicked a link")).to_be_visible(timeout=8000)


def test_a_whole_rule_from_nothing_by_keyboard_alone(signed_in: Page, manager) -> None:
    """When, If, Then, Assign and Limits, one after the other, and it is saved."""
    skill = builders.make_skill(
        builders.make_user(team=manager.team, first_name="Jo", last_name="Meyer"), name="Spanish"
    )
    press, write = signed_in.keyboard.press, signed_in.keyboard.type
    for key in "gr":
        press(key)
    signed_in.wait_for_url("**/automations/task-scheduling")
    press("n")
    signed_in.wait_for_url("**/new")
    tab_to(signed_in, signed_in.get_by_label("Something a contact did"))
    press("ArrowRight")
    expect(signed_in.get_by_label("A contact's status changed")).to_be_checked()
    tab_to(signed_in, signed_in.get_by_label("To", exact=True))
    write("Active")

    tab_to(signed_in, signed_in.get_by_role("button", name="Condition", exact=True))
    press("Enter")
    row = signed_in.get_by_role("group", name="Condition 1")
    expect(row.get_by_label("Field")).to_be_focused()
    tab_to(signed_in, row.get_by_label("Value"))
    write("50")

    tab_to(signed_in, signed_in.get_by_label("Title of the task"))
    write("Welcome ")
    tab_to(signed_in, signed_in.get_by_role("button", name="{{contact_name}}"))
    press("Enter")
    tab_to(signed_in, signed_in.get_by_label("Due after"))
    press("Control+a")
    write("2")
    press("Tab")
    write("working h")
    press("Tab")
    write("High")

    tab_to(signed_in, signed_in.get_by_label("Assign to"))
    write("Each")
    press("Tab")
    press("Enter")  # unfolds the skills
    tab_to(signed_in, signed_in.get_by_label("Spanish"))
    press("ArrowDown")
    press("ArrowDown")
    expect(signed_in.locator("#pool")).to_contain_text("Pool: Jo Meyer.")

    tab_to(signed_in, signed_in.locator("details.advanced > summary"))
    press("Enter")
    tab_to(signed_in, signed_in.get_by_label("Most automatic tasks for one contact a day"))
    write("3")
    expect(signed_in.locator("#trial dl")).to_be_visible()
    tab_to(signed_in, signed_in.get_by_role("button", name="Create the rule"))
    press("Enter")
    expect(signed_in.locator(".toast")).to_contain_text("The rule is on")
    rule = TaskAutomationRule.objects.latest("pk")
    assert (rule.name, rule.task_title_template) == ("Welcome …", "Welcome {{contact_name}}")
    assert (rule.trigger_type, rule.trigger_config) == ("status_change", {"to_status": "active"})
    assert (rule.condition, rule.task_priority) == ("contact.lead_score >= 50", "high")
    assert (rule.delay_kind, rule.delay_hours) == ("business", 2)
    assert (rule.assign, rule.required_skills) == ("round_robin", [{"skill": skill.name, "level": 2}])
    assert rule.limit_contact_day == 3


def test_the_dry_run_keeps_up_with_the_form(signed_in: Page, manager) -> None:
    contact = Contact.objects.get()
    contact.lead_score = 50
    contact.save()
    builders.make_activity(contact, activity_type="email_clicked")
    signed_in.goto("/automations/task-scheduling/new")
    trial = signed_in.locator("#trial")
    expect(trial).to_contain_text("It can be tried once this is filled in")
    signed_in.get_by_label("Clicked a link").check()
    signed_in.get_by_label("Title of the task").fill("Ring {{contact_name}}")
    expect(trial).to_contain_text("“Ring Ana Ruiz”")
    signed_in.get_by_role("button", name="Condition", exact=True).click()
    row = signed_in.get_by_role("group", name="Condition 1")
    expect(row.get_by_label("Field")).to_be_focused()
    row.get_by_label("Value").fill("60")
    expect(trial).to_contain_text("Not so: lead score is at least 60, it is 50")
    row.get_by_label("How it compares").select_option("is below")
    row.get_by_label("Value").fill("60")
    expect(trial).to_contain_text("“Ring Ana Ruiz”")
    row.get_by_label("Field").select_option("Status")
    expect(row.get_by_label("How it compares")).to_have_value("is")
    signed_in.get_by_role("button", name="Remove condition 1").click()
    expect(row).to_have_count(0)
    expect(trial).to_contain_text("“Ring Ana Ruiz”")
    assert TaskAutomationRule.objects.count() == 1
    signed_in.wait_for_load_state("networkidle")


def test_an_expression_is_judged_while_it_is_typed(signed_in: Page) -> None:
    signed_in.goto("/automations/task-scheduling/new")
    signed_in.get_by_role("button", name="Edit as expression").click()
    text = signed_in.get_by_label("Expression")
    text.press_sequentially("contact.leadscore > 80")
    expect(signed_in.locator("#condition-check")).to_contain_text("Did you mean lead_score")
    text.fill("contact.lead_score > 80")
    expect(signed_in.locator("#condition-check")).to_contain_text("If lead score is above 80")
    signed_in.get_by_role("button", name="Edit as rows").click()
    expect(signed_in.get_by_role("group", name="Condition 1").get_by_label("Value")).to_have_value("80")
    signed_in.wait_for_load_state("networkidle")


def test_enter_in_a_field_saves_and_removes_no_row(signed_in: Page) -> None:
    signed_in.goto("/automations/task-scheduling/new?template=hot-lead")
    signed_in.get_by_label("Title of the task").press("Enter")
    expect(signed_in.locator(".toast")).to_contain_text("The rule is on")
    assert TaskAutomationRule.objects.get(name="A hot lead clicks: call").condition == "contact.lead_score >= 60"
