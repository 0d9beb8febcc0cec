"""The settings page of notifications: what is ticked is what is sent, and quiet hours are both times or none."""

from datetime import time

import pytest

from notifications import preferences
from notifications.models import Address, Delivery, Gateway, Mute
from people import sealing
from tests import builders
from tests.web.conftest import Office

PAGE = "/settings/notifications"


def test_what_is_ticked_is_kept_and_shown(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert "daily report" not in browser.get(PAGE).content.decode(), "no member is told of it"
    assert "daily report" in browser_of(office.lead).get(PAGE).content.decode()
    before = preferences.of(office.member)
    form = {"email_assigned": "now", "email_overdue": "daily", "chat_rule": "weekly", "email_rule": "off"}
    assert browser.post(PAGE, form | {"sms_rule": "nonsense", "starts": "22:00", "ends": "07:00"}).status_code == 302
    wanted = preferences.of(office.member)
    assert [
        wanted["assigned"]["email"],
        wanted["overdue"]["email"],
        wanted["rule"]["email"],
        wanted["rule"]["chat"],
    ] == [
        "now",
        "daily",
        "off",
        "weekly",
    ]
    assert wanted["rule"]["sms"] == before["rule"]["sms"]
    assert wanted["reminder"] == before["reminder"], "what the page did not say stays"
    assert preferences.quiet_of(office.member) == (time(22), time(7))
    html = browser.get(PAGE).content.decode()
    assert html.count('value="weekly" selected') == 1
    assert 'value="22:00"' in html
    assert browser.post(PAGE, {"starts": "", "ends": ""}).status_code == 302
    assert preferences.quiet_of(office.member) is None


@pytest.mark.parametrize("form", [{"starts": "22:00", "ends": ""}, {"starts": "25:00", "ends": "07:00"}])
def test_a_time_that_cannot_be_changes_nothing(office: Office, browser_of, form: dict[str, str]) -> None:
    before = preferences.of(office.member)
    assert browser_of(office.member).post(PAGE, {"email_assigned": "daily", **form}).status_code == 422
    assert preferences.of(office.member) == before


def test_what_was_sent_is_listed_with_what_became_of_it(office: Office, browser_of) -> None:
    builders.make_delivery(office.member, state="failed", reason="The mail server refused it: 550 no such box")
    builders.make_delivery(office.colleague)
    html = browser_of(office.member).get(PAGE).content.decode()
    assert html.count('<span class="quiet small">The mail server refused it: 550 no such box</span>') == 1
    assert html.count("A task is yours") == 1


def test_one_enters_where_one_is_reached_and_sees_no_secret_again(office: Office, browser_of) -> None:
    browser, bot = browser_of(office.member), "123456789:AAFsecretsecretsecretsecretsecret00"
    page = browser.get(f"{PAGE}?chat=telegram").content.decode()
    assert 'name="token"' in page
    assert "Your team has no account for SMS yet" in page
    wrong = browser.post(f"{PAGE}/chat", {"service": "telegram", "token": bot, "chat_id": "a b"})
    assert wrong.status_code == 422
    assert "number of the chat" in wrong.content.decode()
    assert bot not in wrong.content.decode()
    answer = browser.post(f"{PAGE}/chat", {"service": "telegram", "token": bot, "chat_id": "12345"}, follow=True)
    assert "••••et00" in answer.content.decode()
    assert bot not in answer.content.decode()
    answer = browser.post(f"{PAGE}/chat", {"service": "telegram", "token": "", "chat_id": "54321"})
    assert Address.objects.get().config == {"token": bot, "chat_id": "54321"}
    assert browser.post(f"{PAGE}/chat", {"service": "fax"}).status_code == 404
    assert browser.post(f"{PAGE}/email", {}).status_code == 404


def test_a_test_says_how_it_went(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert "enter it first" in browser.post(f"{PAGE}/chat/test", headers={"HX-Request": "true"}).content.decode()
    builders.make_address(office.member)
    html = browser.post(f"{PAGE}/chat/test", headers={"HX-Request": "true"}).content.decode()
    delivery = Delivery.objects.get()
    address = f"{PAGE}/deliveries/{delivery.pk}"
    assert f'hx-get="{address}"' in html
    Delivery.objects.update(state="failed", reason="ntfy.sh refused it (403): forbidden")
    html = browser.get(address).content.decode()
    assert "refused it (403)" in html
    assert "hx-get" not in html
    assert browser_of(office.colleague).get(address).status_code == 404
    jobs = browser.get("/automations/jobs").content.decode()
    assert "ntfy.sh refused it (403): forbidden" in jobs


def test_a_number_is_confirmed_and_the_managers_account_is_masked(office: Office, browser_of) -> None:
    manager, member = browser_of(office.manager), browser_of(office.member)
    saved = manager.post("/settings/channels/sms", {"service": "twilio"} | builders.TWILIO, follow=True)
    assert builders.TWILIO["auth_token"] not in saved.content.decode()
    assert builders.TWILIO["account_sid"] in saved.content.decode()
    assert member.post("/settings/channels/sms", builders.TWILIO).status_code == 403
    asked = member.post(f"{PAGE}/sms", {"phone": "+49 170 1234567"}, follow=True).content.decode()
    assert "Not confirmed" in asked
    assert "1234567" not in asked
    assert "not the code" in member.post(f"{PAGE}/sms/confirm", {"code": "x"}, follow=True).content.decode()
    code = sealing.unseal(Address.objects.get().code)
    assert code not in asked
    assert "Confirmed" in member.post(f"{PAGE}/sms/confirm", {"code": code}, follow=True).content.decode()


def test_the_administration_shows_no_secret(office: Office, browser_of) -> None:
    boss = browser_of(builders.make_manager(team=office.manager.team, is_superuser=True, is_staff=True))
    builders.make_gateway(office.manager.team)
    row = builders.make_address(office.member, channel="sms", service="phone", phone="+491701234567")
    code = sealing.unseal(row.code)
    for model, kept in (("address", row), ("gateway", Gateway.objects.get())):
        html = boss.get(f"/admin/notifications/{model}/{kept.pk}/change/").content.decode()
        html += boss.get(f"/admin/notifications/{model}/").content.decode()
        assert "u2022" in html, "what is shown is masked"
        for secret in (kept.sealed, "491701234567", builders.TWILIO["auth_token"], code):
            assert secret not in html


def test_a_contact_is_muted_and_heard_again_where_one_looks_at_it(office: Office, browser_of) -> None:
    browser, page = browser_of(office.member), f"/contacts/{office.contact.pk}"
    subject = f"contact:{office.contact.pk}"
    assert f'name="subject" value="{subject}"' in browser.get(page).content.decode()
    answer = browser.post(f"{PAGE}/mute", {"subject": subject, "on": "1", "back": page})
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert "Hear of it again" in browser.get(page).content.decode()
    assert office.contact.name in browser.get(PAGE).content.decode()
    answer = browser.post(f"{PAGE}/mute", {"subject": subject, "on": "0", "back": "https://elsewhere.example"})
    assert answer["Location"] == PAGE
    assert not Mute.objects.exists()
    assert browser_of(office.stranger).post(f"{PAGE}/mute", {"subject": subject, "on": "1"}).status_code == 404


def test_the_inbox_folds_a_burst_and_still_has_each(office: Office, browser_of) -> None:
    for n in range(7):
        task = builders.make_task(office.member, title=f"Call {n}", kind=f"rule:{office.rule.pk}")
        builders.make_notification(
            office.member, kind="assigned", title=f"New task: Call {n}", task=task, created_at=builders.NOW
        )
    html = browser_of(office.member).get("/inbox").content.decode()
    assert f"7 tasks assigned to you by “{office.rule.name}”" in html
    assert html.count('<details class="burst">') == 1
    assert all(f">New task: Call {n}<" in html for n in range(7))


@pytest.mark.parametrize("odd", ["foo", "?x", "//evil.example", "\x00", "/ok\r\nX: y"])
def test_an_odd_place_to_go_back_to_is_the_settings_page(office: Office, browser_of, odd: str) -> None:
    answer = browser_of(office.member).post(f"{PAGE}/mute", {"subject": odd, "on": "0", "back": odd})
    assert answer.status_code == 302
    assert "evil" not in answer["Location"]
