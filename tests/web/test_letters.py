"""The links of a letter: they act for its reader without a session, once, and only when a button is pressed."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from crm import erase
from jobs import runner
from notifications import links, outbox, preferences
from notifications.channels.email import letters
from notifications.models import Delivery, LinkUse, Notification
from people.models import Change, User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NOW = builders.NOW


@pytest.fixture
def reader(settings: Any) -> User:
    settings.MAILS = True
    return builders.make_user(email="ada@example.org")


@pytest.fixture
def task(reader: User) -> Task:
    return builders.make_task(reader, title="Call Bo", due_date=NOW - timedelta(hours=1))


@pytest.fixture
def page(reader: User, task: Task) -> str:
    """Where a letter about the task leads, as it stands in the letter."""
    return _page_of(_letter(reader, task))


def _letter(reader: User, task: Task, kind: str = Notification.OVERDUE) -> Any:
    outbox.tell(reader, kind=kind, key="o", title=f"Overdue: {task.title}", task=task, now=NOW)
    with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
        runner.run_due()
    return mail.outbox[-1]


def _page_of(letter: Any) -> str:
    (found,) = re.findall(r"http://127.0.0.1:5000(/go/\S+)", letter.body)
    return str(found)


def _post(page: str, act: str, *, at: datetime = NOW + timedelta(minutes=5)) -> Any:
    with time_machine.travel(at, tick=False):
        return Client(enforce_csrf_checks=True).post(page, {"act": act})


def test_looking_changes_nothing_however_often(page: str, task: Task) -> None:
    for act in ("", "?act=done", "?act=tomorrow"):
        with time_machine.travel(NOW, tick=False):
            response = Client().get(page + act)
        assert response.status_code == 200
        assert (response["Referrer-Policy"], response["Cache-Control"]) == ("no-referrer", "private, no-store")
        assert "Overdue: Call Bo" in response.content.decode()
    assert Task.objects.get().version == task.version
    assert not LinkUse.objects.exists()


def test_done_is_done_by_the_reader_and_once(page: str, task: Task, reader: User) -> None:
    assert "is done" in _post(page, "done").content.decode()
    done = Task.objects.get()
    assert (done.status, done.completed_at) == (Task.DONE, NOW + timedelta(minutes=5))
    assert Change.objects.get().actor == reader
    lifecycle.set_status(done, Task.TODO, by=reader, now=NOW + timedelta(minutes=6))
    assert "used already" in _post(page, "done").content.decode()
    assert Task.objects.get().is_open, "the link was good for one time"


@pytest.mark.parametrize(("act", "due"), [("hour", timedelta(hours=1, minutes=5)), ("tomorrow", timedelta(hours=23))])
def test_it_is_put_off_and_then_done(page: str, act: str, due: timedelta) -> None:
    assert "It is due" in _post(page, act).content.decode()
    assert Task.objects.get().due_date == NOW + due
    assert "used already" in _post(page, act, at=NOW + timedelta(hours=3)).content.decode()
    assert "is done" in _post(page, "done").content.decode(), "another act is another link"


def test_what_cannot_be_done_is_said_and_uses_nothing_up(page: str, task: Task, reader: User) -> None:
    lifecycle.edit(task, by=reader, now=NOW, due_date=NOW + timedelta(days=60))
    assert "stays as it is" in _post(page, "tomorrow").content.decode()
    lifecycle.complete(task, by=reader, now=NOW)
    assert "reopen it first" in _post(page, "done").content.decode()
    assert not LinkUse.objects.exists()


def test_a_task_that_went_to_somebody_else_is_left_alone(page: str, task: Task, reader: User) -> None:
    other = builders.make_user(team=reader.team)
    lifecycle.assign(task, other, by=None, now=NOW, method="manual", expected=reader.pk)
    assert "somebody else" in _post(page, "done").content.decode()
    assert Task.objects.get().is_open
    with time_machine.travel(NOW, tick=False):
        shown = Client().get(page).content.decode()
    assert "Mark it done" not in shown
    assert "It is not yours any more." in shown


def test_it_works_for_two_weeks(page: str) -> None:
    response = _post(page, "done", at=NOW + links.GOOD_FOR + timedelta(minutes=2))
    assert response.status_code == 410
    assert "sign in" in response.content.decode()
    assert Task.objects.get().is_open


def test_it_is_worth_nothing_once_its_reader_has_left(page: str, reader: User) -> None:
    User.objects.update(is_active=False)
    assert _post(page, "done").status_code == 404
    assert Task.objects.get().is_open


def test_an_unknown_act_shows_the_page(page: str) -> None:
    response = _post(page, "explode")
    assert response.status_code == 200
    assert Task.objects.get().is_open


@given(st.integers(0, 200), st.characters(categories=["L", "N"]))
@settings(max_examples=30)
def test_a_changed_address_leads_nowhere(at: int, letter: str) -> None:
    row = Delivery(id=uuid.UUID(int=7), due_at=NOW)
    token = links.of(row).rpartition("/")[2]
    at %= len(token)
    changed = token[:at] + letter + token[at + 1 :]
    if changed != token:
        assert Client().post(f"/go/{changed}", {"act": "done"}).status_code == 404


def test_the_letter_of_somebody_who_only_hears_of_it_has_no_buttons(reader: User, task: Task) -> None:
    lead = builders.make_lead(team=reader.team)
    assert "/go/" not in _letter(lead, task, Notification.ESCALATED).body


def test_programs_unsubscribe_with_one_request(reader: User, task: Task) -> None:
    letter = _letter(reader, task)
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = letter.extra_headers["List-Unsubscribe"].strip("<>").removeprefix("http://127.0.0.1:5000")
    assert Client().get(address).status_code == 200
    assert preferences.of(reader)["overdue"]["email"] == "now", "looking changes nothing"
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert preferences.of(reader)["overdue"]["email"] == "off"
    assert preferences.of(reader)["reminder"]["email"] == "now", "of this kind alone"
    browser.post(address, {"wanted": "yes"})
    assert preferences.of(reader)["overdue"]["email"] == "now"
    assert Client().post(f"{address}x").status_code == 404


def test_an_erased_contact_is_not_shown_by_its_letters(reader: User, task: Task) -> None:
    contact = builders.make_contact(reader, name="Bo Lindqvist")
    Task.objects.update(contact=contact)
    page = _page_of(_letter(reader, Task.objects.get()))
    erase.erase(contact, by=builders.make_manager(team=reader.team), now=NOW)
    with time_machine.travel(NOW, tick=False):
        assert "Call Bo" not in Client().get(page).content.decode()


def test_a_letter_is_the_same_each_time_it_is_written(reader: User, task: Task) -> None:
    letter = _letter(reader, task)
    again = letters.of(Delivery.objects.select_related("notification__task", "user").get())
    assert (again.body, again.extra_headers, again.alternatives) == (
        letter.body,
        letter.extra_headers,
        letter.alternatives,
    )
