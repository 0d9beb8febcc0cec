"""Calendars at an address: read through the sender that is safe for given addresses, hourly, once, told when away."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import time_machine

from automation import cancelling, tasks
from jobs import queue
from jobs.models import Job
from notifications.models import Notification
from people import busy_times, deactivation, turns
from people.models import BusySource, User
from tests import builders
from tests.people.test_busy_times import MEETING, NOW, event, file
from tests.webhooks.conftest import serving, work
from work import capacity

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HOUR = timedelta(hours=1)


class Feed(BaseHTTPRequestHandler):
    status = 200
    body = file(MEETING)
    asked: list[dict[str, str]] = []

    def do_GET(self) -> None:
        type(self).asked.append({name.lower(): value for name, value in self.headers.items()})
        same = self.status == 200 and self.headers.get("If-None-Match") == '"1"'
        self.send_response(304 if same else self.status)
        self.send_header("ETag", '"1"')
        self.end_headers()
        if not same:
            self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def feed(settings: Any) -> Iterator[tuple[type[Feed], str]]:
    handler = type("OneFeed", (Feed,), {"asked": []})
    with serving(handler) as host:
        settings.PRIVATE_HOSTS = [host]
        yield handler, f"http://{host}/secret-of-ada.ics"


@pytest.fixture
def person() -> User:
    return builders.make_user(timezone="Europe/Berlin")


def row_of(person: User) -> BusySource:
    return BusySource.objects.get(pk=person.pk)


def test_a_feed_is_read_now_and_every_hour_and_only_when_it_is_new(person: User, feed: Any) -> None:
    handler, url = feed
    row = busy_times.connect(person, url=url, by=person, now=NOW)
    assert "secret-of-ada" not in json.dumps([*BusySource.objects.values()], default=str)
    assert "secret-of-ada" not in busy_times.shown_address(row)
    work(NOW)
    assert capacity.week(person, now=NOW).max_hours == 37
    assert (row_of(person).etag, row_of(person).next_read_at) == ('"1"', NOW + HOUR)
    work(NOW + HOUR / 2)
    assert len(handler.asked) == 1
    work(NOW + HOUR)
    assert handler.asked[1]["if-none-match"] == '"1"'
    assert (row_of(person).error, row_of(person).read_at) == ("", NOW + HOUR)
    work(NOW + timedelta(days=1))
    assert "if-none-match" not in handler.asked[2], "the days that are looked at have moved on"


def test_whoever_moves_has_their_calendar_read_on_the_new_clock_though_it_says_the_same(
    person: User, feed: Any
) -> None:
    handler, url = feed
    handler.body = file(event("DTSTART:20261027T080000", "DTEND:20261027T090000"))
    now = datetime(2026, 9, 1, 10, tzinfo=UTC)
    # Both clocks show the same until that of Berlin is put back.
    busy_times.connect(person, url=url, by=person, now=now)
    work(now)
    begins = datetime.fromtimestamp(row_of(person).spans[0][0], UTC)
    User.objects.filter(pk=person.pk).update(timezone="Africa/Johannesburg")
    work(now + HOUR)
    assert datetime.fromtimestamp(row_of(person).spans[0][0], UTC) == begins - HOUR


def test_one_turn_is_read_once_however_often_it_is_run(person: User, feed: Any) -> None:
    handler, url = feed
    busy_times.connect(person, url=url, by=person, now=NOW)
    busy_times.read_soon(person, now=NOW)
    work(NOW)
    assert len(handler.asked) == 1, "the turn before leaves it to this one"
    with time_machine.travel(NOW, tick=False):
        assert "skipped" in tasks.read_busy_times(person.pk, 1)
    assert Job.objects.filter(name=busy_times.READ_JOB, state=Job.PENDING).count() == 1


def test_what_fails_keeps_what_was_read_and_is_told_once_after_a_day(person: User, feed: Any) -> None:
    handler, url = feed
    busy_times.connect(person, url=url, by=person, now=NOW)
    work(NOW)
    now = NOW
    for status, body, said in [
        (404, b"", "copy it anew"),
        (200, b"<html>Sign in</html>", "BEGIN:VCALENDAR"),
        (302, b"", "leads to another address"),
        *[(500, b"", "answered 500")] * 12,
    ]:
        handler.status, handler.body = status, body
        BusySource.objects.update(etag="")
        now = row_of(person).next_read_at
        work(now)
        assert said in row_of(person).error
    assert capacity.week(person, now=NOW).max_hours == 37
    assert row_of(person).next_read_at == now + turns.LONGEST_WAIT
    (notice,) = Notification.objects.filter(kind=Notification.CALENDAR)
    assert (notice.user, "answered 500" in notice.body) == (person, True)
    handler.status, handler.body = 200, file(event("DTSTART;VALUE=DATE:20260618"))
    work(row_of(person).next_read_at)
    after = row_of(person)
    assert (after.error, after.failures, after.failing_since, after.told_at) == ("", 0, None, None)


def test_a_reading_that_was_cancelled_is_no_failed_one_and_is_done_when_it_is_put_back(person: User, feed: Any) -> None:
    handler, url = feed
    busy_times.connect(person, url=url, by=person, now=NOW)
    job = Job.objects.get(name=busy_times.READ_JOB)
    assert cancelling.cancel(job, by=person, now=NOW)
    row = row_of(person)
    assert (row.error, row.failures, row.failing_since) == (queue.CANCELLED, 0, None), "nobody asked it"
    assert row.next_read_at == NOW + HOUR, "the next turn comes as ever"
    assert cancelling.put_back(job, by=person, now=NOW)
    work(NOW)
    assert (row_of(person).error, row_of(person).read_at, len(handler.asked)) == ("", NOW, 1)
    work(NOW + HOUR)
    assert len(handler.asked) == 2, "still one an hour"


def test_a_reading_that_was_planned_for_later_is_put_back_for_then(person: User, feed: Any) -> None:
    handler, url = feed
    busy_times.connect(person, url=url, by=person, now=NOW)
    work(NOW)
    job = Job.objects.get(name=busy_times.READ_JOB, state=Job.PENDING)
    cancelling.cancel(job, by=person, now=NOW)
    assert row_of(person).next_read_at == NOW + 2 * HOUR
    cancelling.put_back(job, by=person, now=NOW)
    assert row_of(person).next_read_at == NOW + HOUR
    work(NOW)
    work(NOW + HOUR)
    assert len(handler.asked) == 2


def test_a_file_that_came_in_place_of_the_address_has_no_turns(person: User, feed: Any) -> None:
    handler, url = feed
    busy_times.connect(person, url=url, by=person, now=NOW)
    busy_times.upload(person, file(MEETING), by=person, now=NOW)
    job = Job.objects.get(name=busy_times.READ_JOB)
    cancelling.cancel(job, by=person, now=NOW)
    assert (row_of(person).error, row_of(person).next_read_at) == ("", None)
    cancelling.put_back(job, by=person, now=NOW)
    work(NOW)
    assert (row_of(person).error, row_of(person).next_read_at, handler.asked) == ("", None, [])


def test_one_that_is_put_back_when_there_were_other_turns_since_changes_nothing(person: User, feed: Any) -> None:
    handler, url = feed
    busy_times.connect(person, url=url, by=person, now=NOW)
    job = Job.objects.get(name=busy_times.READ_JOB)
    cancelling.cancel(job, by=person, now=NOW)
    busy_times.read_soon(person, now=NOW)
    work(NOW)
    cancelling.put_back(job, by=person, now=NOW)
    work(NOW)
    assert (len(handler.asked), row_of(person).next_read_at) == (1, NOW + HOUR)


@pytest.mark.parametrize(
    "url", ["http://example.org/a.ics", "https://127.0.0.1/a.ics", "file:///etc/passwd", "nonsense"]
)
def test_an_address_that_may_not_be_called_is_refused_and_changes_nothing(person: User, url: str) -> None:
    busy_times.upload(person, file(MEETING), by=person, now=NOW)
    with pytest.raises(busy_times.BadSource):
        busy_times.connect(person, url=url, by=person, now=NOW)
    assert row_of(person).kind == BusySource.FILE
    assert busy_times._checked("webcal://example.org/a.ics") == "https://example.org/a.ics"


def test_who_leaves_has_no_calendar_here(person: User, feed: Any) -> None:
    handler, url = feed
    builders.make_manager(team=person.team)
    busy_times.connect(person, url=url, by=person, now=NOW)
    deactivation.deactivate(person, by=None, now=NOW)
    work(NOW)
    assert (BusySource.objects.count(), handler.asked) == (0, [])
