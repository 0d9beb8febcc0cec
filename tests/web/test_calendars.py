"""The page of one's calendars: a file is read at once, what is refused says why, and no secret comes back."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from people.models import BusySource
from tests.web.conftest import Office

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PAGE = "/settings/calendar"


def ics(*lines: str) -> SimpleUploadedFile:
    text = "\r\n".join(["BEGIN:VCALENDAR", *lines, "END:VCALENDAR", ""])
    return SimpleUploadedFile("mine.ics", text.encode(), "text/calendar")


def test_a_file_is_read_and_what_was_left_out_is_listed(office: Office, browser_of: Any) -> None:
    browser, today = browser_of(office.member), timezone.now().strftime("%Y%m%d")
    good = ("BEGIN:VEVENT", "UID:1", f"DTSTART;VALUE=DATE:{today}", "SUMMARY:Secret talks", "END:VEVENT")
    bomb = ("BEGIN:VEVENT", "UID:2", f"DTSTART;VALUE=DATE:{today}", "RRULE:FREQ=SECONDLY", "END:VEVENT")
    said = browser.post(f"{PAGE}/busy", {"file": ics(*good, *bomb)}, follow=True).content.decode()
    ids = re.findall(r' id="([^"]+)"', said)
    assert len(ids) == len(set(ids))
    assert "1 busy time was found" in said
    assert "Line 7" in said
    assert "talks" not in said
    for sent in ({"file": SimpleUploadedFile("a.ics", b"nonsense")}, {"url": "https://127.0.0.1/a.ics"}, {}):
        assert browser.post(f"{PAGE}/busy", sent).status_code == 422
    assert BusySource.objects.get().events == 1
    assert browser.post(f"{PAGE}/busy/remove").status_code == 302
    assert not BusySource.objects.exists()


def test_whoever_is_given_less_is_told_why_and_so_is_the_lead(office: Office, browser_of: Any) -> None:
    first, last = (f"{timezone.now() + timedelta(days=days):%Y%m%d}" for days in (-8, 8))
    away = ("BEGIN:VEVENT", "UID:1", f"DTSTART;VALUE=DATE:{first}", f"DTEND;VALUE=DATE:{last}", "END:VEVENT")
    browser, manager = browser_of(office.member), browser_of(office.manager)
    assert "busy" not in browser.get("/").content.decode()
    browser.post(f"{PAGE}/busy", {"file": ics(*away)})
    assert f'href="{PAGE}#busy"' in browser.get("/").content.decode()
    assert "busy elsewhere" in manager.get("/team/workload").content.decode()


def test_neither_the_password_nor_the_address_of_a_push_comes_back(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    form = {"url": "https://dav.example.org/t0k3n/", "username": "ada", "password": "lovelace", "shows": "todo"}
    said = browser.post(f"{PAGE}/push", form, follow=True).content.decode()
    assert "ada · dav.example.org" in said
    assert "lovelace" not in said
    assert "t0k3n" not in said
    kept = browser.post(f"{PAGE}/push", {"url": "", "username": "ada", "password": "", "shows": "event"})
    assert kept.status_code == 302
    refused = browser.post(f"{PAGE}/push", {**form, "url": "https://10.0.0.1/"})
    assert (refused.status_code, "not a public address" in refused.content.decode()) == (422, True)
    assert "lovelace" not in refused.content.decode()
