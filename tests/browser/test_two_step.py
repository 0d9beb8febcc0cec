"""Two-step sign-in as a person meets it: set up, asked for at the next sign-in, passed by a recovery code, off."""

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.utils import timezone
from playwright.sync_api import Page, expect

from people import two_step
from tests.browser.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def code(key: str) -> str:
    counter = int(timezone.now().timestamp()) // two_step.PERIOD_SECONDS
    return str(totp.format_hotp_value(totp.hotp_value(key, counter)))


def sign_in(page: Page, name: str) -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", name)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_two_steps_from_setting_it_up_to_switching_it_off(signed_in: Page, manager) -> None:
    page = signed_in
    page.goto("/settings/security")
    page.get_by_role("link", name="Set it up").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()

    page.get_by_text("It cannot be scanned").click()
    key = page.locator("#key").inner_text().replace(" ", "")
    shown = page.get_by_alt_text("QR code of the key")
    assert shown.evaluate("image => image.complete && image.naturalWidth > 50"), "the policy lets it be drawn"
    page.get_by_label("The six digits").fill(code(key))
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator(".codes code")).to_have_count(10)
    codes = page.locator(".codes code").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#two-step")).to_contain_text("10 recovery codes are left")

    page.get_by_role("button", name="Maya Chen").click()
    page.locator("#user-menu").get_by_role("button", name="Sign out").click()
    sign_in(page, manager.username)
    expect(page.get_by_role("heading", name="Your code")).to_be_visible()
    page.get_by_label("Code").fill(codes[0] + "0")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("This code is not right")).to_be_visible()
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Maya")

    page.goto("/settings/security")
    expect(page.locator("#two-step")).to_contain_text("9 recovery codes are left")
    page.locator("#two-step").get_by_role("button", name="Switch off").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#two-step")).to_contain_text("Your password alone opens your account")
    assert not two_step.state(manager).on
