"""The pages of an import, from choosing the file to seeing what came of it."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from crm.files.models import Import
from crm.models import Contact
from tests.files.conftest import run_jobs
from tests.web.conftest import Office, browser_of, office
from work.models import Task

__all__ = ["browser_of", "office"]
pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_from_the_file_to_the_contacts(office: Office, browser_of) -> None:
    browser = browser_of(office.manager)
    bad = browser.post("/contacts/import", {"file": SimpleUploadedFile("a.xlsx", b"PK\x03\x04junk")})
    assert bad.status_code == 422
    assert "save it again as .xlsx" in bad.content.decode()
    file = SimpleUploadedFile("a.csv", b"Name,Adr,Next follow-up,Firm\nAda,ada@x.org,03/04/2026,Byron & Sons\nAna,,,\n")
    page = browser.post("/contacts/import", {"file": file}).headers["Location"]
    html = browser.get(page).content.decode()
    assert 'name="column_1"' in html
    assert "03/04/2026" in html
    assert "Byron &amp; Sons" in html, "escaped once"
    form = {"column_0": "name", "column_1": "email", "column_2": "next_follow_up_at"}
    browser.post(f"{page}/mapping", form)
    assert "whether the day comes first" in browser.get(page).content.decode()
    browser.post(f"{page}/mapping", form | {"day_first": "day"})
    html = browser.get(page).content.decode()
    assert "Import 2" in html
    assert "2026-04-03 08:00" in html, "in the time of whoever looks"
    browser.post(f"{page}/run")
    html = browser.get(page).content.decode()
    assert "0 of 2 rows" in html
    run_jobs()
    assert "Look at the contacts" in browser.get(page).content.decode()
    assert Contact.objects.get(email="ada@x.org").owner == office.manager
    assert "a.csv" in browser.get("/contacts/import").content.decode()


def test_letters_that_came_out_wrong_are_said(office: Office, browser_of) -> None:
    browser = browser_of(office.manager)
    data = "Name,E-mail\nGrüße,g@x.org\n".encode("cp850")
    for said in ("", "cp850"):
        file = SimpleUploadedFile("a.csv", data)
        page = browser.post("/contacts/import", {"file": file, "encoding": said}).headers["Location"]
    assert "Grüße" in browser.get(page).content.decode()
    wrong = browser.post("/contacts/import", {"file": SimpleUploadedFile("a.csv", data), "encoding": "utf-8"})
    assert wrong.status_code == 422
    assert "say its encoding" in wrong.content.decode()


def test_tasks_and_what_can_be_cancelled(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    file = SimpleUploadedFile("t.csv", b"Title,Due\nCall,2026-07-01\n")
    page = browser.post("/tasks/import", {"file": file}).headers["Location"]
    browser.post(f"{page}/cancel")
    assert Import.objects.get().state == Import.CANCELLED
    html = browser.post(f"{page}/run", follow=True).content.decode()
    assert "upload the file again" in html
    assert not Task.objects.filter(title="Call").exists()
    html = browser.get("/tasks?status=blocked&assignee=me").content.decode()
    link = re.search(
        r'href="([^"]*status=blocked[^"]*format=xlsx[^"]*|[^"]*format=xlsx[^"]*status=blocked[^"]*)"', html
    )
    assert link is not None
    assert browser.get(link.group(1).replace("&amp;", "&")).status_code == 200
