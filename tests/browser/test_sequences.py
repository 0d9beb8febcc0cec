"""A sequence from its first step to somebody who is under way in it, with mouse and keyboard."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from automation.models import Enrolment, Sequence
from tests.pictures import PHONE
from work import lifecycle

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_sequence_of_three_steps_from_making_it_to_pausing_somebody(signed_in: Page, manager) -> None:
    page = signed_in
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/automations/sequences")
    page.get_by_role("link", name="Make the first sequence").click()
    page.get_by_label("Name", exact=True).fill("After the demo")
    first = page.locator("#step-1")
    first.get_by_label("Title of the task").fill("Thank {{contact_name}}")
    first.get_by_label("Unit").select_option("hours")
    first.get_by_label("After").fill("0")
    expect(page.locator("#date-1")).to_contain_text("Today")

    page.get_by_role("button", name="Add a step").click()
    second = page.locator("#step-2")
    expect(second.get_by_label("Title of the task")).to_be_focused()
    second.get_by_label("Title of the task").fill("Write to {{contact_name}}")
    second.get_by_label("Unit").select_option("working_days")
    second.get_by_label("After").fill("2")
    near = page.locator("#date-2 time")
    expect(near).to_be_visible()
    told = near.get_attribute("datetime")
    second.get_by_label("After").fill("9")
    expect(near).not_to_have_attribute("datetime", told or "")
    expect(second.get_by_label("After")).to_be_focused()

    page.get_by_role("button", name="Add a step").click()
    page.locator("#step-3").get_by_label("Title of the task").fill("Call {{contact_name}}")
    page.get_by_role("button", name="Move step 3 up").click()
    expect(second.get_by_label("Title of the task")).to_have_value("Call {{contact_name}}")
    expect(page.get_by_role("button", name="Move step 2 up")).to_be_focused()
    page.get_by_role("button", name="Create it").click()
    expect(page.locator(".toast")).to_contain_text("The sequence is ready")
    assert [step["title"].split()[0] for step in Sequence.objects.get().steps] == ["Thank", "Call", "Write"]

    page.get_by_label("Contact", exact=True).select_option(label="Ana Ruiz")
    forecast = page.locator("#forecast")
    expect(forecast.locator("time")).to_have_count(3)
    assert Enrolment.objects.count() == 0
    forecast.get_by_role("button", name="Enrol Ana Ruiz").click()
    row = page.locator(".enrolment", has_text="Ana Ruiz")
    expect(row).to_contain_text("Step 1 of 3: Thank Ana Ruiz")

    way = Enrolment.objects.get()
    task = way.steps.get(number=1).task
    assert task is not None
    lifecycle.complete(task, by=manager, now=datetime.now(UTC))
    expect(row).to_contain_text("Step 2 of 3: Call Ana Ruiz", timeout=8000)

    row.get_by_text("Pause", exact=True).click()
    row.get_by_label("Why").fill("on holiday")
    row.get_by_role("button", name="Pause for Ana Ruiz").click()
    expect(row).to_contain_text("Maya Chen paused it: on holiday")
    way.refresh_from_db()
    assert way.state == Enrolment.PAUSED
    row.get_by_role("button", name="Resume for Ana Ruiz").click()
    expect(row.get_by_text("Pause", exact=True)).to_be_visible()
    row.get_by_role("button", name="Stop for Ana Ruiz").click()
    expect(row).to_contain_text("Maya Chen stopped it.")
    row.get_by_role("button", name="Undo the end for Ana Ruiz").click()
    expect(row).to_contain_text("Step 2 of 3: Call Ana Ruiz")


def test_enter_in_a_field_saves_and_rearranges_nothing(signed_in: Page) -> None:
    page = signed_in
    page.goto("/automations/sequences/new")
    page.get_by_label("Name", exact=True).fill("Welcome")
    page.locator("#step-1").get_by_label("Title of the task").fill("Call")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("The sequence is ready")


def test_steps_are_added_and_moved_without_scripts(chrome, live_server, manager) -> None:
    context = chrome.new_context(viewport=PHONE, base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("[name=login]", manager.username)
    page.fill("[name=password]", "a-long-password")
    page.get_by_role("button", name="Sign in").click()
    page.goto("/automations/campaigns/new")
    page.get_by_label("Name", exact=True).fill("Spring")
    page.get_by_label("Title of the task").fill("Call")
    page.get_by_role("button", name="Add a step").click()
    page.locator("#step-2").get_by_label("What happens").select_option("wait")
    page.get_by_role("button", name="Move step 2 up").click()
    expect(page.locator("#step-1").get_by_label("What happens")).to_have_value("wait")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.locator("#date-2 time")).to_be_visible()
    page.get_by_role("button", name="Create it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Spring")
    context.close()
