"""Where events come from: addresses shown once, keys never, a sample event that goes the way of all, forms likewise."""

import re
from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import escape

from automation import engine
from crm.models import Activity, Contact, InboundForm, InboundSource
from crm.providers import PROVIDERS
from people.models import User
from tests import builders
from tests.builders import NOW
from tests.web.conftest import Office
from web.provider_steps import STEPS

OPENED = {"activity_types": ["email_opened"]}
pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def source(office: Office) -> InboundSource:
    return InboundSource.objects.create(team=office.manager.team, provider="mailgun", name="Main")


@pytest.fixture
def form(office: Office) -> InboundForm:
    return InboundForm.objects.create(
        team=office.manager.team, owner=office.member, name="Contact us", mapping={"Mail": "email", "Who": "name"}
    )


def test_every_provider_says_where_its_address_goes() -> None:
    assert set(STEPS) == set(PROVIDERS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_address_is_shown_once_and_takes_what_comes(provider: str, office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    html = browser.post("/settings/sources", {"provider": provider, "name": "Main"}).content.decode()
    row = InboundSource.objects.get()
    assert row.secret in html
    assert row.team == office.manager.team
    again = browser.get(reverse("web:source", args=[row.pk])).content.decode()
    assert row.secret not in again
    assert escape(str(STEPS[provider])) in again
    assert browser.get(f"/hooks/mail/{provider}/{row.secret}").status_code == 200


def test_a_new_address_takes_the_place_of_the_old(source: InboundSource, office: Office, browser_of: Any) -> None:
    old, browser = source.secret, browser_of(office.manager)
    html = browser.post(reverse("web:source-renew", args=[source.pk])).content.decode()
    source.refresh_from_db()
    assert source.secret != old
    assert source.secret in html
    assert browser.get(f"/hooks/mail/mailgun/{old}").status_code == 404


def test_keys_are_kept_changed_and_taken_away_but_never_shown(
    source: InboundSource, office: Office, browser_of: Any
) -> None:
    browser, page = browser_of(office.manager), reverse("web:source", args=[source.pk])
    browser.post(page, {"name": "Main", "key_webhook_signing_key": "sealed-1234"})
    browser.post(page, {"name": "Renamed", "key_webhook_secret": "user:password"})
    source.refresh_from_db()
    assert source.keys == {"webhook_signing_key": "sealed-1234", "webhook_secret": "user:password"}
    html = browser.get(page).content.decode()
    assert "sealed-1234" not in html
    assert "user:password" not in html.replace("Webhook secret is user:password", "")
    browser.post(page, {"name": "Renamed", "take_away": "webhook_signing_key"})
    source.refresh_from_db()
    assert (source.name, source.keys) == ("Renamed", {"webhook_secret": "user:password"})


def test_keys_that_cannot_be_used_are_refused(source: InboundSource, office: Office, browser_of: Any) -> None:
    InboundSource.objects.filter(pk=source.pk).update(provider="sendgrid")
    page = reverse("web:source", args=[source.pk])
    wrong = {"name": "Main", "key_tracking_webhook_verification_key": "nonsense"}
    assert browser_of(office.manager).post(page, wrong).status_code == 422
    source.refresh_from_db()
    assert source.keys == {}


@pytest.mark.parametrize("known", [True, False])
def test_a_sample_event_is_followed_on_the_page(
    known: bool, source: InboundSource, office: Office, browser_of: Any
) -> None:
    builders.make_rule(office.manager, name="Opened: write", scope="team", trigger_config=OPENED)
    Contact.objects.filter(pk=office.contact.pk).update(email="ana@lumen.example")
    browser = browser_of(office.manager)
    email = "ana@lumen.example" if known else "nobody@lumen.example"
    sample = {"kind": "email_opened", "email": email}
    way = browser.post(reverse("web:source-test", args=[source.pk]), sample)["Location"]
    event = Activity.objects.get(source="mailgun")
    assert f"?event={event.pk}" in way
    html = browser.get(way).content.decode()
    assert ("Ana Ruiz" if known else "waits until somebody says whose it is") in html
    if known:
        assert "in a moment" in html
        engine.process(event, now=NOW)
        assert "Opened: write" in browser.get(way).content.decode()


def test_a_sample_to_no_address_is_refused(source: InboundSource, office: Office, browser_of: Any) -> None:
    answer = browser_of(office.manager).post(reverse("web:source-test", args=[source.pk]), {"kind": "x", "email": "y"})
    assert answer.status_code == 422
    assert not Activity.objects.filter(source="mailgun").exists()


@pytest.mark.parametrize("event", ["0", "99999999999999999999", "x", "-1", "\u0661"])
def test_an_event_that_is_none_shows_nothing(
    event: str, source: InboundSource, office: Office, browser_of: Any
) -> None:
    page = reverse("web:source", args=[source.pk])
    assert "Stored in the ledger" not in browser_of(office.manager).get(f"{page}?event={event}").content.decode()


@pytest.mark.parametrize("name", ["source", "source-renew", "source-test", "source-delete"])
def test_another_teams_source_does_not_exist(name: str, source: InboundSource, office: Office, browser_of: Any) -> None:
    assert browser_of(office.stranger).post(reverse(f"web:{name}", args=[source.pk])).status_code == 404


@pytest.mark.parametrize("name", ["form", "form-test", "form-delete"])
def test_another_teams_form_does_not_exist(name: str, form: InboundForm, office: Office, browser_of: Any) -> None:
    assert browser_of(office.stranger).post(reverse(f"web:{name}", args=[form.pk])).status_code == 404


def test_the_snippet_of_a_new_form_is_taken_as_it_stands(office: Office, browser_of: Any, client: Any) -> None:
    browser = browser_of(office.manager)
    page = browser.post("/settings/forms", {"name": "Contact us"})["Location"]
    html = browser.get(page).content.decode()
    address = re.search(r"action=&quot;([^&]+)&quot;|action=\"(http[^\"]+/hooks/forms/[^\"]+)\"", html)
    assert address is not None
    path = "/hooks/" + (address[1] or address[2]).split("/hooks/")[1]
    names = re.findall(r"&lt;input name=\"([^\"]+)\"", html)
    assert names == ["name", "email", "message", "website"]
    client.post(path, {"name": "Bo", "email": "bo@example.org", "message": "Hello", "website": ""})
    assert Contact.objects.get(email="bo@example.org").owner == office.manager


def test_a_form_tried_out_makes_its_contact_and_shows_the_way(
    form: InboundForm, office: Office, browser_of: Any
) -> None:
    browser = browser_of(office.manager)
    way = browser.post(reverse("web:form-test", args=[form.pk]))["Location"]
    assert Contact.objects.get(name="Ada Example").owner == office.member
    assert "Ada Example" in browser.get(way).content.decode()


def test_what_a_form_says_is_kept(form: InboundForm, office: Office, browser_of: Any) -> None:
    sent = {
        "name": "Ask us",
        "owner": office.colleague.pk,
        "mapping": "E-Mail = email\n\nBudget=data.budget\na = b = name",
        "honeypot": "fax",
        "allowed_origins": "https://www.example.org\n",
        "redirect_url": "https://www.example.org/thanks",
        "rate_per_minute": "7",
    }
    assert browser_of(office.manager).post(reverse("web:form", args=[form.pk]), sent).status_code == 302
    form.refresh_from_db()
    assert form.mapping == {"E-Mail": "email", "Budget": "data.budget", "a = b": "name"}
    assert form.allowed_origins == ["https://www.example.org"]
    assert (form.owner, form.honeypot, form.rate_per_minute) == (office.colleague, "fax", 7)
    assert not form.is_active
    assert not form.creates_contacts


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mapping", "E-Mail email"),
        ("mapping", "E-Mail = nowhere"),
        ("allowed_origins", "https://www.example.org/path"),
        ("redirect_url", "javascript:alert(1)"),
        ("rate_per_minute", "0"),
        ("owner", "stranger"),
        ("name", ""),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    field: str, value: str, form: InboundForm, office: Office, browser_of: Any
) -> None:
    """And nothing is changed."""
    value = str(office.stranger.pk) if value == "stranger" else value
    sent = {"name": "Other", "rate_per_minute": "5"} | {field: value}
    answer = browser_of(office.manager).post(reverse("web:form", args=[form.pk]), sent)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    form.refresh_from_db()
    assert form.name == "Contact us"


def test_each_list_says_when_it_was_heard_of(
    source: InboundSource, form: InboundForm, office: Office, browser_of: Any
) -> None:
    browser = browser_of(User.objects.get(pk=office.manager.pk))
    assert "none in a week" in browser.get("/settings/sources").content.decode()
    browser.post(reverse("web:source-test", args=[source.pk]), {"kind": "email_opened", "email": "a@example.org"})
    browser.post(reverse("web:form-test", args=[form.pk]))
    for page in ("sources", "forms"):
        assert "just now" in browser.get(f"/settings/{page}").content.decode()


def test_the_administration_shows_no_key_of_a_provider(office: Office, source: InboundSource, browser_of: Any) -> None:
    boss = browser_of(builders.make_manager(team=office.manager.team, is_superuser=True, is_staff=True))
    InboundSource.objects.filter(pk=source.pk).update(keys={"webhook_signing_key": "a-key-of-mailgun"})
    html = boss.get(f"/admin/crm/inboundsource/{source.pk}/change/").content.decode()
    assert "Main" in html
    assert "a-key-of-mailgun" not in html
    assert source.secret not in html
    form = {"team": source.team_id, "provider": "mailgun", "name": "Renamed"}
    assert boss.post(f"/admin/crm/inboundsource/{source.pk}/change/", form).status_code == 302
    source.refresh_from_db()
    assert (source.name, source.keys) == ("Renamed", {"webhook_signing_key": "a-key-of-mailgun"})
