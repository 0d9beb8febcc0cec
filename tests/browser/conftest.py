"""A browser on the live pages. Without a Chromium these tests are skipped, and say so."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests import builders
from tests.pictures import ARGUMENTS, WIDE

PASSWORD = "a-long-password"


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    """Closed before any other tests begin: Playwright keeps its event loop in this thread for as long as it is open."""
    # Django would take that loop for an asynchronous caller.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def manager(transactional_db: None):
    """A manager with a password, and some work."""
    user = builders.make_manager(first_name="Maya", last_name="Chen", password=PASSWORD)
    contact = builders.make_contact(user, name="Ana Ruiz", company="Lumen")
    rule = builders.make_rule(user, name="Clicked: call", scope="team")
    task = builders.make_task(user, title="Call Ana", contact=contact, priority="urgent")
    builders.make_firing(rule, task=task, activity=builders.make_activity(contact))
    builders.make_task(user, title="Write the offer", contact=contact)
    builders.make_job(user, state="dead", error="ValueError: no such user")
    builders.make_notification(user, task=task)
    builders.make_token(user)
    return user


@pytest.fixture
def page(chrome: Browser, live_server, manager) -> Iterator[Page]:
    """A page at the sign-in form. Whatever the console says in red fails the test."""
    context = chrome.new_context(viewport=WIDE, base_url=live_server.url)
    page, faults = context.new_page(), []
    page.on("console", lambda said: faults.append(said.text) if _is_fault(said) else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.set_default_timeout(10_000)
    page.goto("/accounts/login/")
    yield page
    page.goto("about:blank")  # ends the polling before the server goes
    context.close()
    assert faults == []


def _is_fault(said: ConsoleMessage) -> bool:
    """Whatever is said in red, but for a poll that was cut off as one went to another page."""
    cut_off = said.text.startswith(("htmx:afterRequest, ", "htmx:sendAbort, "))
    return said.type in ("error", "warning") and not cut_off


@pytest.fixture
def signed_in(page: Page, manager) -> Page:
    page.fill("[name=login]", manager.username)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    return page
