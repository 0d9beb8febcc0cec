"""Whose language a page speaks: the person's own, else the cookie's, else the browser's."""

import pytest
from django.test import Client

from people.models import Change, User
from tests.web.conftest import Office

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def language_of(browser: Client, path: str = "/settings/profile", asked: str = "en") -> str:
    page = browser.get(path, headers={"Accept-Language": asked}).content.decode()
    return page.partition('<html lang="')[2][:2]


def test_a_persons_language_goes_with_them(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert browser.post("/language", {"language": "de", "next": "/settings/profile"})["Location"] == "/settings/profile"
    assert User.objects.get(pk=office.member.pk).language == "de"
    assert language_of(browser_of(office.member)) == "de"
    assert language_of(Client(), "/accounts/login/") == "en"
    assert language_of(browser_of(office.colleague)) == "en"


def test_the_persons_goes_before_the_cookies_and_that_before_the_browsers(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert language_of(browser, asked="de") == "de"
    browser.cookies["django_language"] = "en"
    assert language_of(browser, asked="de") == "en"
    User.objects.filter(pk=office.member.pk).update(language="de")
    assert language_of(browser, asked="en") == "de"


def test_as_the_browser_asks_takes_the_cookie_too(office: Office, browser_of) -> None:
    User.objects.filter(pk=office.member.pk).update(language="de")
    browser = browser_of(office.member)
    browser.cookies["django_language"] = "de"
    browser.post("/language", {"language": ""})
    assert User.objects.get(pk=office.member.pk).language == ""
    assert (language_of(browser), language_of(browser, asked="de")) == ("en", "de")


def test_a_strangers_choice_stays_in_the_browser(client: Client, db: None) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert 'action="/language"' in page
    assert client.post("/language", {"language": "de", "next": "/accounts/login/"}).status_code == 302
    assert language_of(client, "/accounts/login/") == "de"
    assert not Change.objects.exists()


def test_the_choice_is_in_the_audit_log_once(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    for _ in range(2):
        browser.post("/language", {"language": "de"})
    (line,) = Change.objects.all()
    assert (line.kind, line.actor, line.before, line.after) == (
        "member",
        office.member,
        {"language": ""},
        {"language": "de"},
    )


def test_the_profile_marks_what_was_chosen(office: Office, browser_of) -> None:
    browser = browser_of(office.member)

    def marked() -> list[str]:
        page = browser.get("/settings/profile", headers={"Accept-Language": "de"}).content.decode()
        form = page.partition('action="/language"')[2].partition("</form>")[0]
        return [one.partition('"')[0] for one in form.split('value="')[2:] if "aria-current" in one.partition(">")[0]]

    assert marked() == [""]
    browser.post("/language", {"language": "en"})
    assert marked() == ["en"]


def test_an_unknown_language_is_none(office: Office, browser_of) -> None:
    browser_of(office.member).post("/language", {"language": "tlh"})
    assert User.objects.get(pk=office.member.pk).language == ""
    User.objects.filter(pk=office.member.pk).update(language="tlh")  # as by hand, or when it was there once
    assert language_of(browser_of(office.member), asked="de") == "de"
