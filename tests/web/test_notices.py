"""The settings page of notifications: what is ticked is what is sent, and quiet hours are both times or none."""

from datetime import time

import pytest

from notifications import preferences
from notifications.kinds import KINDS
from tests import builders
from tests.web.conftest import Office

PAGE = "/settings/notifications"


def test_what_is_ticked_is_kept_and_shown(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert "daily report" not in browser.get(PAGE).content.decode(), "no member is told of it"
    assert "daily report" in browser_of(office.lead).get(PAGE).content.decode()
    form = {"email": ["assigned", "rule"], "starts": "22:00", "ends": "07:00"}
    assert browser.post(PAGE, form).status_code == 302
    wanted = {kind for kind, by in preferences.of(office.member).items() if by["email"]}
    assert wanted == {"assigned", "rule", *(code for code, kind in KINDS.items() if kind.for_leads)}
    assert preferences.quiet_of(office.member) == (time(22), time(7))
    html = browser.get(PAGE).content.decode()
    assert html.count(" checked") == 2
    assert 'value="22:00"' in html
    assert browser.post(PAGE, {"email": list(KINDS), "starts": "", "ends": ""}).status_code == 302
    assert preferences.quiet_of(office.member) is None


@pytest.mark.parametrize("form", [{"starts": "22:00", "ends": ""}, {"starts": "25:00", "ends": "07:00"}])
def test_a_time_that_cannot_be_changes_nothing(office: Office, browser_of, form: dict[str, str]) -> None:
    before = preferences.of(office.member)
    assert browser_of(office.member).post(PAGE, {"email": ["assigned"], **form}).status_code == 422
    assert preferences.of(office.member) == before


def test_what_was_sent_is_listed_with_what_became_of_it(office: Office, browser_of) -> None:
    builders.make_delivery(office.member, state="failed", reason="The mail server refused it: 550 no such box")
    builders.make_delivery(office.colleague)
    html = browser_of(office.member).get(PAGE).content.decode()
    assert html.count('<span class="quiet small">The mail server refused it: 550 no such box</span>') == 1
    assert html.count("A task is yours") == 1
