"""The inbox: read and unread, what one does right there, and the bell's newest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.models import Notification
from tests import builders
from tests.web.conftest import Office
from work.models import Task

HTMX = {"HX-Request": "true"}


def read(notice: Notification) -> bool:
    return Notification.objects.get(pk=notice.pk).read_at is not None


def test_one_is_marked_read_and_unread_again(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    for value in ("1", "0"):
        assert browser.post("/inbox/mark", {"notice": office.notice.pk, "read": value}).status_code == 302
        assert read(office.notice) == (value == "1")
    assert browser.post("/inbox/mark", {"notice": office.notice.pk, "read": "0"}, headers=HTMX).status_code == 409
    browser_of(office.manager).post("/inbox/mark", {"notice": office.notice.pk, "read": "1"})
    assert not read(office.notice), "it is the member's"


def test_a_burst_is_marked_at_once(office: Office, browser_of: Any) -> None:
    rows = [builders.make_notification(office.member) for _ in range(4)]
    browser_of(office.member).post("/inbox/mark", {"notice": [row.pk for row in rows], "read": "1"})
    assert all(map(read, rows))
    assert not read(office.notice)


@pytest.mark.parametrize("ids", [[], ["x"], ["99999999999999999999999"], ["0"]])
def test_nonsense_marks_nothing(ids: list[str], office: Office, browser_of: Any) -> None:
    answer = browser_of(office.member).post("/inbox/mark", {"notice": ids, "read": "1"}, headers=HTMX)
    assert answer.status_code == 409
    assert not read(office.notice)


def test_only_what_is_unread_is_shown_when_asked(office: Office, browser_of: Any) -> None:
    builders.make_notification(office.member, read_at=datetime.now(UTC))
    browser = browser_of(office.member)
    assert len(browser.get("/inbox").context["page"].rows) == 2
    assert [row.pk for row in browser.get("/inbox?view=unread").context["page"].rows] == [office.notice.pk]


def test_days_part_what_one_was_told(office: Office, browser_of: Any) -> None:
    now = datetime.now(UTC)
    Notification.objects.filter(pk=office.notice.pk).update(created_at=now - timedelta(days=30))
    for days in (3, 1, 0):
        builders.make_notification(office.member, created_at=now - timedelta(days=days))
    names = [day["name"] for day in browser_of(office.member).get("/inbox").context["days"]]
    assert names == ["Today", "Yesterday", "Last 7 days", "Earlier"]


def test_a_task_is_done_and_put_off_right_there(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    html = browser.get("/inbox").content.decode()
    assert f"/tasks/{office.task.pk}/complete" in html
    assert f"/tasks/{office.task.pk}/snooze" in html
    assert browser.post(f"/tasks/{office.task.pk}/complete", {"next": "/inbox"})["Location"] == "/inbox"
    assert Task.objects.get(pk=office.task.pk).status == Task.DONE
    assert f"/tasks/{office.task.pk}/complete" not in browser.get("/inbox").content.decode()


def test_only_what_puts_a_task_off_is_offered_and_nothing_of_what_is_not_ones_own(
    office: Office, browser_of: Any
) -> None:
    """A task of next month cannot be put off until tomorrow, neither in the inbox nor on its contact's page."""
    later = builders.make_task(office.member, contact=office.contact, due_date=datetime.now(UTC) + timedelta(days=30))
    theirs = builders.make_task(office.colleague, contact=office.contact)
    for task in (later, theirs):
        builders.make_notification(office.member, task=task)
    html = browser_of(office.member).get("/inbox").content.decode()
    offered = [pk for pk in (office.task.pk, later.pk, theirs.pk) if f"/tasks/{pk}/snooze" in html]
    assert offered == [office.task.pk]
    Task.objects.exclude(pk=later.pk).update(status=Task.DONE)
    shown = browser_of(office.member).get(f"/contacts/{office.contact.pk}").content.decode()
    assert f"/tasks/{later.pk}/complete" in shown
    assert f"/tasks/{later.pk}/snooze" not in shown


def test_the_bells_menu_has_the_newest_five_of_ones_own(office: Office, browser_of: Any) -> None:
    rows = [builders.make_notification(office.member, title=f"Told {n}") for n in range(6)]
    builders.make_notification(office.colleague)
    found = browser_of(office.member).get("/inbox/newest", headers=HTMX)
    assert [one.pk for one in found.context["notices"]] == [row.pk for row in rows[:0:-1]]
    assert "<html" not in found.content.decode()
    assert browser_of(office.member).get("/inbox/newest").status_code == 302


def test_the_list_answers_nothing_until_something_changes(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    address = browser.get("/inbox").context["live_url"]
    assert browser.get(address, headers=HTMX).status_code == 204
    builders.make_notification(office.member, title="Just came in")
    assert "Just came in" in browser.get(address, headers=HTMX).content.decode()
