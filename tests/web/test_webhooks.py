"""The settings page of webhooks: a secret shown once, the switch, a test, the log and sending again."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from people import sealing
from tests import builders
from tests.web.conftest import Office
from webhooks.models import Dispatch, Endpoint

pytestmark = pytest.mark.django_db
PAGE = "/settings/webhooks"
FORM = {"url": "https://hooks.example.org/nextmove", "kinds": ["task.completed", "rule.paused"]}


def test_one_is_added_and_its_secret_shown_once(office: Office, browser_of) -> None:
    browser = browser_of(office.manager)
    html = browser.post(PAGE, FORM).content.decode()
    secret = re.search(r"whsec_[^<]+", html)
    row = Endpoint.objects.get()
    assert secret is not None
    assert sealing.unseal(row.secret) == secret.group()
    assert (row.kinds, row.made_by) == (FORM["kinds"], office.manager)
    assert 'id="live"' not in html, "it must not be asked for again"
    for path in (PAGE, f"{PAGE}/{row.pk}"):
        assert "whsec_" not in browser.get(path).content.decode()
    assert "whsec_" in browser.post(f"{PAGE}/{row.pk}/rotate").content.decode()
    assert "signs too until" in browser.get(f"{PAGE}/{row.pk}").content.decode()


@pytest.mark.parametrize("change", [{"url": "https://10.0.0.1/"}, {"url": "http://hooks.example.org"}, {"kinds": []}])
def test_what_cannot_work_is_said_at_its_field(office: Office, browser_of, change: dict) -> None:
    browser = browser_of(office.manager)
    row = builders.make_webhook(office.manager.team)
    for path in (PAGE, f"{PAGE}/{row.pk}"):
        response = browser.post(path, FORM | change)
        assert response.status_code == 422
        assert response.content.decode().count('class="wrong"') == 1
    assert Endpoint.objects.get().url == row.url


def test_it_is_switched_tested_sent_again_and_deleted(office: Office, browser_of) -> None:
    browser = browser_of(office.manager)
    row = builders.make_webhook(office.manager.team)
    failed = builders.make_dispatch(row, state=Dispatch.FAILED, status=500, answer="<b>oh no</b>", sent_at=None)
    assert browser.post(f"{PAGE}/{row.pk}/test").status_code == 302
    html = browser.get(f"{PAGE}/{row.pk}").content.decode()
    assert html.count('id="delivery-') == 2
    assert "&lt;b&gt;oh no" in html
    failed.event.data |= {"task": {"title": "Call <Bo>"}}
    failed.event.save()
    assert "Call &lt;Bo&gt;" in browser.get(f"{PAGE}/{row.pk}").content.decode(), "what it was about"
    assert browser.get(f"{PAGE}/{row.pk}?state=failed").content.decode().count('id="delivery-') == 1
    resend = f"{PAGE}/deliveries/{failed.pk}/resend"
    assert browser_of(office.stranger).post(resend).status_code == 404
    assert browser.post(resend).status_code == 302
    failed.refresh_from_db()
    assert failed.state == Dispatch.QUEUED
    browser.post(f"{PAGE}/{row.pk}/switch", {"on": "0"})
    assert "switched off" in browser.get(f"{PAGE}/{row.pk}").content.decode()
    assert "switch it on first" in browser.post(resend, follow=True).content.decode()
    browser.post(f"{PAGE}/{row.pk}/switch", {"on": "1"})
    assert Endpoint.objects.get().is_active
    assert browser.post(f"{PAGE}/{row.pk}/delete").status_code == 302
    assert not Dispatch.objects.exists()


@pytest.mark.parametrize("what", ["", "/switch", "/rotate", "/test", "/delete"])
def test_it_is_for_the_managers_of_its_team(office: Office, browser_of, what: str) -> None:
    row = builders.make_webhook(office.manager.team)
    path = f"{PAGE}/{row.pk}{what}"
    assert browser_of(office.lead).post(path, FORM).status_code == 403
    assert browser_of(office.stranger).post(path, FORM).status_code == 404
    assert "/settings/webhooks" not in browser_of(office.lead).get("/settings/profile").content.decode()


def test_a_full_log_needs_no_more_queries(office: Office, browser_of) -> None:
    browser, row = browser_of(office.manager), builders.make_webhook(office.manager.team)

    def queries() -> int:
        builders.make_dispatch(row, state=Dispatch.QUEUED, next_try_at=row.created_at)
        with CaptureQueriesContext(connection) as seen:
            assert browser.get(f"{PAGE}/{row.pk}").status_code == 200
        return len(seen)

    few = queries()
    for _ in range(55):
        builders.make_dispatch(row)
    assert queries() == few
    assert "Next page" in browser.get(f"{PAGE}/{row.pk}").content.decode()
