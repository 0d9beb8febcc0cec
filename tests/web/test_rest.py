"""Contacts, jobs, inbox, settings, theme: what their forms do."""

import gzip
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from crm.models import Activity, Contact
from jobs.models import Job
from people.models import ApiToken, Change
from tests import builders
from tests.web.conftest import Office

HTMX = {"HX-Request": "true"}


def test_a_status_change_is_one_activity(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert browser.post(f"/contacts/{office.contact.pk}/status", {"status": "active"}).status_code == 302
    changed = Activity.objects.get(contact=office.contact, activity_type=Activity.STATUS_CHANGED)
    assert (changed.data["old_status"], changed.data["new_status"]) == ("lead", "active")
    html = browser.get(f"/contacts/{office.contact.pk}").content.decode()
    assert "Lead → Active" in html
    browser.post(f"/contacts/{office.contact.pk}/status", {"status": "rich"})
    assert Contact.objects.get(pk=office.contact.pk).status == "active"


def test_a_cadence_can_be_set_and_cleared(office: Office, browser_of) -> None:
    browser, path = browser_of(office.member), f"/contacts/{office.contact.pk}/cadence"
    for word in ("weekly", ""):
        assert browser.post(path, {"contact_cadence": word}).status_code == 302
        assert Contact.objects.get(pk=office.contact.pk).contact_cadence == word


def test_an_address_that_is_taken_is_said(office: Office, browser_of) -> None:
    response = browser_of(office.member).post("/contacts/new", {"name": "Twin", "email": office.contact.email.upper()})
    assert response.status_code == 422
    assert "has this address already" in response.content.decode()


def test_search_and_pages_of_contacts(office: Office, browser_of) -> None:
    for n in range(60):
        builders.make_contact(office.member, name=f"Person {n:02}")
    browser = browser_of(office.member)
    first = browser.get("/contacts?q=person").content.decode()
    assert "Person 49" in first
    assert "Person 50" not in first
    following = first.split('class="pages"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    second = browser.get(following).content.decode()
    assert "Person 50" in second
    assert "Person 49" not in second
    assert "Ana Ruiz" not in second


def test_text_of_others_is_never_markup(office: Office, browser_of) -> None:
    evil = "<script>alert(1)</script>"
    Contact.objects.update(name=evil, company=evil)
    builders.make_activity(office.contact, activity_type=evil[:60], source=evil, data={"note": evil})
    browser = browser_of(office.member)
    for path in (f"/contacts/{office.contact.pk}", "/contacts", "/", "/activity", f"/tasks/{office.task.pk}"):
        assert evil not in browser.get(path).content.decode(), path


def test_a_dead_job_can_be_run_again(office: Office, browser_of) -> None:
    Job.objects.update(state=Job.DEAD, error="ValueError: no such user")
    browser = browser_of(office.member)
    assert "ValueError: no such user" in browser.get("/automations/jobs?state=dead").content.decode()
    assert browser.post(f"/automations/jobs/{office.job.pk}/retry").status_code == 403, "managers are told of it"
    browser_of(office.manager).post(f"/automations/jobs/{office.job.pk}/retry")
    assert Job.objects.get(pk=office.job.pk).state == Job.PENDING
    assert browser_of(office.colleague).post(f"/automations/jobs/{office.job.pk}/retry").status_code == 404


def test_a_notice_leads_where_it_says_and_is_read(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert browser.post(f"/inbox/{office.notice.pk}/open")["Location"] == f"/tasks/{office.task.pk}"
    office.notice.refresh_from_db()
    assert office.notice.read_at is not None
    assert browser_of(office.manager).post(f"/inbox/{office.notice.pk}/open").status_code == 404


def test_all_can_be_marked_read_and_only_ones_own(office: Office, browser_of) -> None:
    other = builders.make_notification(office.colleague)
    builders.make_notification(office.member)
    browser = browser_of(office.member)
    assert browser.post("/inbox/read").status_code == 302
    assert "All read" in browser.get("/inbox").content.decode()
    other.refresh_from_db()
    assert other.read_at is None


def test_a_tokens_secret_is_shown_once(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    made = browser.post("/settings/tokens", {"name": "Sync", "days": "30", "reach": "some", "scopes": ["tasks:read"]})
    secret = made.content.decode().split('<code id="secret">')[1].split("<")[0]
    token = ApiToken.objects.get()
    assert (token.user, token.scopes) == (office.member, ["tasks:read"])
    assert secret not in browser.get("/settings/tokens").content.decode()
    assert browser_of(office.manager).post(f"/settings/tokens/{token.pk}/revoke").status_code == 404
    assert browser.post(f"/settings/tokens/{token.pk}/revoke").status_code == 302
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_token_limited_to_nothing_is_refused(office: Office, browser_of) -> None:
    response = browser_of(office.member).post("/settings/tokens", {"name": "Sync", "days": "30", "reach": "some"})
    assert response.status_code == 422
    assert not ApiToken.objects.exists()


def test_times_are_shown_in_ones_own_zone(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    office.task.due_date = datetime(2027, 1, 5, 23, 30, tzinfo=UTC)
    office.task.save()
    assert "5 Jan 2027, 23:30" in browser.get(f"/tasks/{office.task.pk}").content.decode()
    saved = browser.post("/settings/profile", {"first_name": "Maya", "last_name": "Chen", "timezone": "Asia/Tokyo"})
    assert saved.status_code == 302
    assert "6 Jan 2027, 08:30" in browser.get(f"/tasks/{office.task.pk}").content.decode()


@pytest.mark.parametrize(("chosen", "kept"), [("dark", "dark"), ("light", "light"), ("pink", "system")])
def test_the_theme_is_a_cookie_that_the_server_renders(chosen: str, kept: str, db: None, client: Client) -> None:
    response = client.post("/theme", {"theme": chosen, "next": "/accounts/login/"})
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/")
    assert f'data-theme="{kept}"' in client.get("/accounts/login/").content.decode()
    assert "theme" in client.post("/theme", {"theme": chosen}, headers=HTMX)["HX-Trigger"]


def test_members_see_their_own_score_only(office: Office, browser_of) -> None:
    assert "Scores by person" not in browser_of(office.member).get("/team/performance").content.decode()
    assert office.member.display_name in browser_of(office.lead).get("/team/performance").content.decode()


def test_repeated_wrong_passwords_lock_with_a_page_of_ours(db: None, client: Client) -> None:
    user = builders.make_user(password="right-password")
    for _ in range(11):
        response = client.post("/accounts/login/", {"login": user.username, "password": "wrong"})
    assert response.status_code == 429
    assert "Locked for a while" in response.content.decode()


def test_one_can_sign_in_by_name_or_address_and_out_again(db: None, client: Client) -> None:
    user = builders.make_user(password="right-password")
    for name in (user.username, user.email):
        assert client.post("/accounts/login/", {"login": name, "password": "right-password"})["Location"] == "/"
        assert client.get("/").status_code == 200
        assert client.post("/accounts/logout/").status_code == 302
        assert client.get("/").status_code == 302
    wrong = client.post("/accounts/login/", {"login": user.username, "password": "wrong"})
    assert 'class="errors' in wrong.content.decode()


@pytest.mark.parametrize("path", ["/accounts/password/reset/", "/accounts/email/"])
def test_nobody_is_promised_a_letter(db: None, client: Client, path: str) -> None:
    assert "No link is sent by mail" in client.get(path).content.decode()
    assert client.post(path, {"email": "ann@example.com"}).status_code == 405


def test_a_forgotten_password_is_set_anew_by_a_link(db: None, client: Client, settings: Any) -> None:
    settings.MAILS, settings.BASE_URL = True, "https://tasks.example.org"
    user = builders.make_user(password="the-forgotten-one")
    for address in ("nobody@example.org", user.email):
        answer = client.post("/accounts/password/reset/", {"email": address}, headers={"Host": "evil.example"})
        assert answer["Location"] == "/accounts/password/reset/done/", "nobody learns who has an account"
    (letter,) = mail.outbox
    assert (letter.to, letter.subject) == ([user.email], "A new password for Nextmove")
    (link,) = re.findall(r"https://tasks.example.org(/\S+)", letter.body)
    form = client.get(link, follow=True)
    path, new = form.request["PATH_INFO"], {"password1": "quite another 5", "password2": "quite another 5"}
    assert client.post(path, {"password1": "short", "password2": "short"}).status_code == 200
    assert client.post(path, new).status_code == 302
    assert client.post("/accounts/login/", {"login": user.username, "password": "quite another 5"})["Location"] == "/"
    assert Change.objects.get().actor == user
    assert "password1" not in Client().get(link, follow=True).content.decode(), "it worked once"


def test_a_mail_server_that_is_away_is_said(db: None, client: Client, settings: Any) -> None:
    settings.MAILS, settings.EMAIL_BACKEND = True, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    answer = client.post("/accounts/password/reset/", {"email": builders.make_user().email})
    assert answer.status_code == 503
    assert "does not answer" in answer.content.decode()


def test_pages_are_sent_compressed_and_answers_to_programs_as_they_are(office, browser_of, client: Client) -> None:
    asked = {"Accept-Encoding": "gzip"}
    page = browser_of(office.manager).get("/tasks", headers=asked)
    assert page["Content-Encoding"] == "gzip"
    assert b"Call Ana" in gzip.decompress(page.content)
    assert not client.get("/api/openapi.json", headers=asked).has_header("Content-Encoding")
    assert not client.post("/hooks/forms/0", headers=asked).has_header("Content-Encoding")
