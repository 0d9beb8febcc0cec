"""The sidebar: what waits for the viewer, and whether the automation is well; said anew only when it changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from jobs.models import Job, JobQuerySet
from people.models import User
from tests import builders
from tests.web.conftest import Office
from web import side

HTMX = {"HX-Request": "true"}


@pytest.fixture
def running(office: Office) -> Office:
    """Everybody has been here for long, and the clock ran three minutes ago."""
    User.objects.update(date_joined=datetime.now(UTC) - timedelta(days=30))
    Job.objects.all().delete()
    make(office, key="cron:reminders:1", state=Job.DONE, ago=3)
    return office


def make(office: Office, *, ago: int, **fields: Any) -> Job:
    at = datetime.now(UTC) - timedelta(minutes=ago)
    return builders.make_job(office.member, created_at=at, run_at=at, send_at=at, **fields)


def seen(user: User) -> side.Side:
    return side.of(User.objects.get(pk=user.pk), datetime.now(UTC))


def test_all_is_well_and_what_waits_is_counted(running: Office, browser_of: Any) -> None:
    builders.make_task(running.member, due_date=datetime.now(UTC) + timedelta(days=3))
    builders.make_done_task(running.member)
    found = seen(running.member)
    assert (found.today, found.unread, found.trouble, found.minutes) == (1, 1, "", 3)
    html = browser_of(running.member).get("/contacts").content.decode()
    assert "Automation is healthy" in html
    assert 'id="waiting-m">1</span>' in html
    assert 'id="waiting-i">1</span>' in html


@pytest.mark.parametrize(
    ("fields", "state", "words"),
    [
        ({"ago": 1, "state": Job.DEAD}, "dead", "1 job failed."),
        ({"ago": 7}, "pending", "nobody does it"),
        ({"ago": 7, "started_at": datetime.now(UTC)}, "", ""),
        ({"ago": 3}, "", ""),
    ],
)
def test_what_is_wrong_leads_to_the_jobs(fields: dict[str, Any], state: str, words: str, running: Office) -> None:
    make(running, **fields)
    for user in (running.member, running.lead, running.manager):
        found = seen(user)
        assert found.state == state
        assert words in found.trouble
        assert bool(words) == bool(found.trouble)
    assert seen(running.colleague).trouble == seen(running.stranger).trouble == ""


def test_a_clock_that_stands_is_told_but_not_to_whom_is_new_here(running: Office) -> None:
    Job.objects.update(created_at=datetime.now(UTC) - timedelta(minutes=20))
    assert "periodic" in seen(running.member).trouble
    User.objects.update(date_joined=datetime.now(UTC))
    assert seen(running.member).trouble == ""


@pytest.mark.database
def test_the_clock_is_found_by_an_index_however_much_runs(running: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(JobQuerySet, "first", lambda rows: asked.append(rows))
    seen(running.member)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads so few rows one by one
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "job_periodic" in asked[0][:1].explain()


def test_it_is_said_anew_when_something_changes(running: Office, browser_of: Any) -> None:
    browser = browser_of(running.member)
    address = f"/side?v={seen(running.member).version}"
    assert browser.get(address, headers=HTMX).status_code == 204
    builders.make_task(running.member, due_date=datetime.now(UTC))
    html = browser.get(address, headers=HTMX).content.decode()
    assert 'id="waiting-m" hx-swap-oob="true">2</span>' in html
    assert "<html" not in html
