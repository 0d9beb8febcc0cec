"""Tasks in somebody's calendar, against a real CalDAV server (Radicale): in step, once each, nothing else touched."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import icalendar
import pytest
import radicale
import radicale.config
import vobject

from automation import cancelling
from jobs import outgoing, queue, running
from jobs.models import Job
from notifications.models import Notification
from people import deactivation
from people.models import User
from tests import builders
from tests.webhooks.conftest import work
from work import caldav, lifecycle, pushing
from work.models import CalendarPush, PushedItem, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LOGIN = {"Authorization": "Basic YWRhOmxvdmVsYWNl"}  # ada:lovelace
MAKE = b"""<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><set><prop>
<resourcetype><collection/><c:calendar/></resourcetype><c:supported-calendar-component-set>
<c:comp name="%s"/></c:supported-calendar-component-set></prop></set></mkcol>"""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Server:
    """Radicale on this machine; with a `status` every answer is that."""

    def __init__(self, folder: Path) -> None:
        (folder / "users").write_text("ada:lovelace\n")
        configuration = radicale.config.load()
        configuration.update(
            {
                "auth": {"type": "htpasswd", "htpasswd_filename": str(folder / "users"), "htpasswd_encryption": "plain",
                         "delay": 0},
                "storage": {"filesystem_folder": str(folder / "collections")},
                "logging": {"level": "critical"},
            },
            "test",
        )  # fmt: skip
        self.inner = radicale.Application(configuration)
        self.asked: list[str] = []
        self.status = ""
        self.server = make_server("127.0.0.1", 0, self._answer, server_class=_Server, handler_class=_Quiet)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.host}/ada/tasks/"

    def _answer(self, environ: Any, start: Any) -> Any:
        self.asked.append(environ["REQUEST_METHOD"])
        if self.status:
            start(self.status, [("Content-Length", "0")])
            return [b""]
        return self.inner(environ, start)

    def call(self, method: str, name: str = "", body: bytes = b"", **headers: str) -> outgoing.Answer:
        return outgoing.call(method, self.url + name, body=body, headers=LOGIN | headers)

    def entries(self) -> dict[str, Any]:
        """What is served, by UID, as two libraries read it alike."""
        text = self.call("GET").body
        found = {str(part["uid"]): part for part in icalendar.Calendar.from_ical(text).walk() if "uid" in part}
        other = vobject.readOne(text.decode())
        mine = [*getattr(other, "vtodo_list", []), *getattr(other, "vevent_list", [])]
        assert sorted(found) == sorted(entry.uid.value for entry in mine)
        return found


@pytest.fixture
def server(tmp_path: Path, settings: Any) -> Iterator[Server]:
    found = Server(tmp_path)
    threading.Thread(target=found.server.serve_forever, args=(0.02,), daemon=True).start()
    settings.PRIVATE_HOSTS = [found.host]
    try:
        assert found.call("MKCOL", body=MAKE % b"VTODO").status == 201
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()


@pytest.fixture
def person() -> User:
    return builders.make_user(email="ada@example.org")


def connect(person: User, server: Server, **given: Any) -> CalendarPush:
    config = {"url": server.url, "username": "ada", "password": "lovelace", "shows": "todo"} | given
    return pushing.connect(person, **config, by=person, now=NOW)


def row_of(person: User) -> CalendarPush:
    return CalendarPush.objects.get(pk=person.pk)


def titles(server: Server) -> list[str]:
    return sorted(str(entry["summary"]) for entry in server.entries().values())


def later(person: User, minutes: int) -> None:
    """What the minute's look and the jobs do then."""
    now = NOW + minutes * MINUTE
    pushing.look(person.team_id, now=now)
    work(now)


def test_tasks_are_made_changed_ticked_and_taken_away_there(person: User, server: Server) -> None:
    colleague = builders.make_user(team=person.team)
    call = builders.make_task(person, title="Call", due_date=NOW + timedelta(days=1))
    write = builders.make_task(person, title="Write")
    row = connect(person, server)
    assert "lovelace" not in str(CalendarPush.objects.values())
    assert "lovelace" not in pushing.shown_address(row)
    work(NOW)
    assert titles(server) == ["Call", "Write"]
    before = len(server.asked)
    later(person, 1)
    assert len(server.asked) == before, "nothing changed, so nothing was asked"

    lifecycle.edit(call, by=person, now=NOW, title="Call Bo")
    later(person, 2)
    assert (titles(server), server.asked[before:-1]) == (["Call Bo", "Write"], ["REPORT", "PUT"])

    lifecycle.complete(call, by=person, now=NOW + 2 * MINUTE)
    lifecycle.assign(write, colleague, by=None, method="manual", expected=person.pk, now=NOW + 2 * MINUTE)
    later(person, 3)
    (entry,) = server.entries().values()
    assert (str(entry["summary"]), str(entry["status"])) == ("Call Bo", "COMPLETED")
    later(person, 40 * 24 * 60)
    assert server.entries() == {}
    assert (PushedItem.objects.count(), row_of(person).error) == (0, "")


def test_what_a_killed_push_put_there_is_found_again_and_stays_one(person: User, server: Server) -> None:
    task = builders.make_task(person, title="Call")
    connect(person, server)
    work(NOW)
    PushedItem.objects.all().delete()  # as if it had died between the call and the note
    Task.objects.filter(pk=task.pk).update(title="Call Bo", version=2)
    later(person, 1)
    assert titles(server) == ["Call Bo"]
    assert PushedItem.objects.get().etag
    PushedItem.objects.update(etag="", digest="")
    later(person, 61)
    assert (titles(server), bool(PushedItem.objects.get().etag)) == (["Call Bo"], True)


def test_what_the_person_did_there_is_put_right_and_what_is_theirs_is_left_alone(person: User, server: Server) -> None:
    first = builders.make_task(person, title="First")
    second = builders.make_task(person, title="Second")
    third = builders.make_task(person, title="Third")
    theirs = (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Ada//EN\r\nBEGIN:VTODO\r\nUID:mine\r\nDTSTAMP:20260617T100000Z\r\n"
        b"SUMMARY:Mine\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
    )
    connect(person, server)
    assert server.call("PUT", "mine.ics", theirs).status == 201
    work(NOW)
    names = {item.task_id: item.name for item in PushedItem.objects.all()}
    edited = server.call("GET", names[first.pk]).body.replace(b"First", b"Ticked there")
    assert server.call("PUT", names[first.pk], edited).status in (201, 204)
    assert server.call("DELETE", names[second.pk]).status == 200
    assert server.call("DELETE", names[third.pk]).status == 200
    assert server.call("PUT", names[third.pk], theirs.replace(b"UID:mine", b"UID:other")).status == 201
    Task.objects.update(title="New words", version=2)
    later(person, 1)
    assert titles(server) == ["Mine", "Mine", "New words", "New words"]
    assert "left alone" in row_of(person).error
    Task.objects.update(status="cancelled", version=3)
    later(person, 2)
    assert titles(server) == ["Mine", "Mine"]


def test_what_was_lost_there_comes_back_within_the_hour(person: User, server: Server) -> None:
    for title in ("First", "Second", "Third"):
        builders.make_task(person, title=title)
    connect(person, server)
    work(NOW)
    assert server.call("DELETE", PushedItem.objects.order_by("task_id")[1].name).status == 200
    work(NOW + 60 * MINUTE)
    assert titles(server) == ["First", "Second", "Third"]
    assert server.call("DELETE").status == 200
    assert server.call("MKCOL", body=MAKE % b"VTODO").status == 201, "the whole calendar was made anew"
    work(NOW + 120 * MINUTE)
    assert (titles(server), row_of(person).error) == (["First", "Second", "Third"], "")


def test_another_address_of_this_place_changes_entries_and_makes_none_twice(
    person: User, server: Server, settings: Any
) -> None:
    task = builders.make_task(person, title="Call")
    connect(person, server)
    work(NOW)
    settings.BASE_URL = "https://tasks.example.org"
    builders.make_task(person, title="Write")
    work(NOW + 60 * MINUTE)
    assert (titles(server), row_of(person).error) == (["Call", "Write"], "")
    assert f"https://tasks.example.org/tasks/{task.pk}" in {str(entry["url"]) for entry in server.entries().values()}
    Task.objects.update(status="cancelled")
    work(NOW + 120 * MINUTE)
    assert titles(server) == []


def test_a_server_that_went_away_is_noticed_within_the_hour(person: User, server: Server) -> None:
    builders.make_task(person, title="Call")
    connect(person, server)
    work(NOW)
    server.status = "503 Away"
    work(NOW + 60 * MINUTE)
    assert (row_of(person).failures, "503" in row_of(person).error) == (1, True)
    server.status = "401 Unauthorized"
    work(NOW + 65 * MINUTE)
    assert (row_of(person).state, "user name and password" in row_of(person).error) == ("stopped", True)


@pytest.mark.parametrize("first", [True, False])
def test_two_people_may_keep_their_tasks_in_one_calendar(person: User, server: Server, first: bool) -> None:
    colleague = builders.make_user(team=person.team)
    giver, taker = (person, colleague) if first else (colleague, person)
    task = builders.make_task(giver, title="Call")
    for one in (person, colleague):
        connect(one, server)
    work(NOW)
    lifecycle.assign(task, taker, by=None, method="manual", expected=giver.pk, now=NOW)
    later(person, 1)
    assert titles(server) == ["Call"]
    assert [item.push_id for item in PushedItem.objects.all()] == [taker.pk]
    lifecycle.close(task, reason="", now=NOW + MINUTE)
    later(person, 2)
    assert (titles(server), PushedItem.objects.count()) == ([], 0)


def test_a_wrong_password_stops_it_and_is_told_once_and_a_right_one_goes_on(person: User, server: Server) -> None:
    builders.make_task(person, title="Call")
    connect(person, server, password="wrong")
    work(NOW)
    assert (row_of(person).state, "user name and password" in row_of(person).error) == ("stopped", True)
    pushing.push_soon(person, now=NOW)
    work(NOW)
    later(person, 61)
    (notice,) = Notification.objects.filter(kind=Notification.CALENDAR)
    assert (notice.user, "wrong" in notice.body) == (person, False)
    connect(person, server)
    work(NOW + 62 * MINUTE)
    assert (titles(server), row_of(person).error) == (["Call"], "")


@pytest.mark.parametrize(
    ("path", "shows", "said"),
    [("ada/", "todo", "not of the account"), ("ada/nothing/", "todo", "no calendar"),
     ("ada/tasks/", "event", "takes no appointments")],
)  # fmt: skip
def test_only_a_calendar_that_takes_such_entries_will_do(
    person: User, server: Server, path: str, shows: str, said: str
) -> None:
    builders.make_task(person, title="Call", due_date=NOW)
    connect(person, server, url=f"http://{server.host}/{path}", shows=shows)
    work(NOW)
    assert (row_of(person).state, said in row_of(person).error) == ("stopped", True), row_of(person).error
    assert "PUT" not in server.asked


def test_a_server_that_is_away_or_full_is_tried_again_and_told_of_after_a_day(person: User, server: Server) -> None:
    builders.make_task(person, title="Call")
    connect(person, server)
    server.status = "503 Away"
    work(NOW)
    assert (row_of(person).state, row_of(person).next_at) == ("on", NOW + 5 * MINUTE)
    server.status = "507 Full"
    for _ in range(12):
        work(row_of(person).next_at)
    assert "no room" in row_of(person).error
    assert Notification.objects.filter(kind=Notification.CALENDAR).count() == 1
    server.status = ""
    work(row_of(person).next_at)
    assert (titles(server), row_of(person).error, row_of(person).told_at) == (["Call"], "", None)


def test_one_turn_is_sent_once_and_a_job_that_was_given_up_is_followed_by_another(person: User, server: Server) -> None:
    builders.make_task(person, title="Call")
    connect(person, server)
    work(NOW)
    assert "skipped" in pushing.push(person.pk, 1, now=NOW)
    job = Job.objects.get(name=pushing.PUSH_JOB, state=Job.PENDING)
    pushing.give_up(job, NOW)
    assert (row_of(person).next_at, row_of(person).state) == (NOW + 5 * MINUTE, "on")


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_push_whose_job_was_cancelled_or_given_up_is_done_when_that_is_run_again(
    person: User, server: Server, cancelled: bool
) -> None:
    builders.make_task(person, title="Call")
    connect(person, server)
    job = Job.objects.get(name=pushing.PUSH_JOB)
    if cancelled:
        assert cancelling.cancel(job, by=person, now=NOW)
    else:
        running._give_up(job, "RuntimeError()", NOW)
    assert (row_of(person).failures, row_of(person).next_at) == (int(not cancelled), NOW + 5 * MINUTE)
    assert queue.retry(job, now=NOW)
    work(NOW)
    assert (titles(server), row_of(person).error, row_of(person).failures) == (["Call"], "", 0)


def test_a_push_that_was_overtaken_notes_nothing_for_the_calendar_chosen_meanwhile(
    person: User, server: Server
) -> None:
    builders.make_task(person, title="Call")
    overtaken = pushing._Run(connect(person, server), NOW)
    connect(person, server, url=f"http://{server.host}/ada/other/")
    with pytest.raises(caldav.Trouble):
        overtaken.all()
    assert not PushedItem.objects.exists()


def test_who_leaves_takes_the_password_along(person: User, server: Server) -> None:
    builders.make_manager(team=person.team)
    builders.make_task(person, title="Call")
    connect(person, server)
    deactivation.deactivate(person, by=None, now=NOW)
    work(NOW)
    assert (CalendarPush.objects.count(), "PUT" in server.asked) == (0, False)
