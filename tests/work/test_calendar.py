"""The calendar of a person: read alike by two independent libraries, right over clock changes, and nobody else's."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from people import deactivation, feeds
from people.models import CalendarFeed, Change, User
from tests import builders
from work import calendar, lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
INSTANT, DURATION, TEXT = r":\d{8}T\d{6}Z", r"P(\d+W|\d+D|(\d+D)?T(\d+H)?(\d+M)?(\d+S)?)", r":([^\\;,]|\\[\\;,nN])*"
SAID = {
    **dict.fromkeys(("CREATED", "DTSTAMP", "DUE", "DTSTART", "DTEND", "COMPLETED"), INSTANT),
    **dict.fromkeys(("SUMMARY", "DESCRIPTION", "UID", "X-WR-CALNAME", "PRODID"), TEXT),
    "TRIGGER": f";VALUE=DATE-TIME{INSTANT}",
    "REFRESH-INTERVAL": f";VALUE=DURATION:{DURATION}",
    "X-PUBLISHED-TTL": f":{DURATION}",
    "PRIORITY": ":[0-9]",
    "SEQUENCE": r":\d+",
    "PERCENT-COMPLETE": ":(100|[1-9]?[0-9])",
    "STATUS": ":(NEEDS-ACTION|IN-PROCESS|COMPLETED)",
    "TRANSP": ":TRANSPARENT",
    "URL": r":http\S+",
    "VERSION": ":2.0",
    "METHOD": ":PUBLISH",
    "ACTION": ":DISPLAY",
    "BEGIN": ":(VCALENDAR|VTODO|VEVENT|VALARM)",
    "END": ":(VCALENDAR|VTODO|VEVENT|VALARM)",
}
"""Each property that is written, with its value as RFC 5545 spells it: libraries read more than that."""
REQUIRED = {
    "VCALENDAR": {"PRODID", "VERSION"},
    "VTODO": {"UID", "DTSTAMP"},
    "VEVENT": {"UID", "DTSTAMP", "DTSTART"},
    "VALARM": {"ACTION", "TRIGGER", "DESCRIPTION"},
}
"""Once each (RFC 5545, 3.6)."""


@pytest.fixture
def person() -> User:
    return builders.make_user(first_name="Ada", last_name="Byron", timezone="Europe/Berlin")


def read(person: User, shows: str = CalendarFeed.TODO, *, now: datetime = NOW) -> list[Any]:
    """The entries as one library reads them, once the other has agreed."""
    feed = CalendarFeed(user=person, digest="x", shows=shows, made_at=now)
    text = calendar.of(feed, now=now)
    whole: Any = icalendar.Calendar.from_ical(text)
    for part in whole.walk():
        assert set(part) >= REQUIRED[part.name]
        assert not any(isinstance(value, list) for value in part.values()), "nothing is said twice"
    found = list(whole.subcomponents)
    other = vobject.readOne(text.decode())
    entries = list(getattr(other, "vtodo_list", [])) + list(getattr(other, "vevent_list", []))
    assert sorted(entry.uid.value for entry in entries) == sorted(str(entry["uid"]) for entry in found)
    assert sorted(entry.summary.value for entry in entries) == sorted(str(entry["summary"]) for entry in found)
    assert all(len(line) <= 75 for line in text.split(b"\r\n")), "RFC 5545, 3.1: lines are folded"
    assert text.endswith(b"END:VCALENDAR\r\n")
    for line in text.replace(b"\r\n ", b"").decode().split("\r\n")[:-1]:
        name = re.split("[;:]", line)[0]
        assert re.fullmatch(SAID[name], line.removeprefix(name)), line
    return found


def test_a_todo_has_its_date_its_reminder_and_where_to_open_it(person: User) -> None:
    due = datetime(2026, 3, 29, 9, tzinfo=BERLIN)  # the clock was put forward that night
    task = builders.make_task(
        person, title="Call; Bo, today", description="One\nTwo", priority="high", due_date=due, reminder_offset_hours=24
    )
    (todo,) = read(person)
    assert (todo.name, str(todo["summary"]), str(todo["description"])) == ("VTODO", "Call; Bo, today", "One\nTwo")
    assert todo.decoded("due") == due
    assert todo["due"].to_ical() == b"20260329T070000Z"
    assert (todo["priority"], str(todo["status"])) == (3, "NEEDS-ACTION")
    assert str(todo["url"]).endswith(f"/tasks/{task.pk}")
    (alarm,) = todo.subcomponents
    assert alarm.decoded("trigger") == due - timedelta(hours=24)


def test_an_appointment_ends_when_the_task_is_due_and_blocks_nobody(person: User) -> None:
    due = datetime(2026, 3, 29, 9, tzinfo=BERLIN)
    builders.make_task(person, due_date=due, estimated_hours="1.5")
    builders.make_task(person, due_date=None)
    (event,) = read(person, CalendarFeed.EVENT)
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (due - timedelta(minutes=90), due)
    assert str(event["transp"]) == "TRANSPARENT"


CHANGES = {"Europe/Berlin": ((3, 29), (10, 25)), "America/New_York": ((3, 8), (11, 1))}


@pytest.mark.parametrize("shows", [CalendarFeed.TODO, CalendarFeed.EVENT])
@pytest.mark.parametrize("zone", CHANGES)
def test_nothing_moves_where_clocks_change(person: User, zone: str, shows: str) -> None:
    """On the days around both changes, and in the hour that comes twice, as each of two libraries reads it."""
    there, hour = ZoneInfo(zone), 1 if zone == "America/New_York" else 2
    days = [datetime(2026, *day, 8, 30, tzinfo=there) + timedelta(days=n) for day in CHANGES[zone] for n in (-1, 0, 1)]
    twice = [datetime(2026, *CHANGES[zone][1], hour, 15, tzinfo=there, fold=fold) for fold in (0, 1)]
    dues = [due.astimezone(UTC) for due in [*days, *twice]]
    assert len(set(dues)) == len(dues)
    for due in dues:
        builders.make_task(person, due_date=due, reminder_offset_hours=48, estimated_hours=1)
    name = "due" if shows == CalendarFeed.TODO else "dtend"
    entries = read(person, shows)
    assert sorted(entry.decoded(name) for entry in entries) == sorted(dues)
    alarms = sorted(entry.subcomponents[0].decoded("trigger") for entry in entries)
    assert alarms == sorted(due - timedelta(hours=48) for due in dues)
    text = calendar.of(CalendarFeed(user=person, digest="x", shows=shows, made_at=NOW), now=NOW).decode()
    other = vobject.readOne(text)
    read_by_other = getattr(other, "vtodo_list" if shows == CalendarFeed.TODO else "vevent_list")
    assert sorted(getattr(entry, name).value for entry in read_by_other) == sorted(dues)
    assert sorted(entry.valarm.trigger.value for entry in read_by_other) == alarms


@pytest.mark.parametrize("shows", [CalendarFeed.TODO, CalendarFeed.EVENT])
def test_lines_are_folded_between_letters(person: User, client: Any, shows: str) -> None:
    """By octets, of which a German letter has two and others more: no line ends in the middle of one."""
    title, description = "Ä" + "ößü" * 80, "Grüße an Zoë 🙂; bis bald, " * 40
    builders.make_task(person, title=title, description=description, due_date=NOW + timedelta(days=1))
    secret = feeds.make(person, shows=shows, by=person, now=NOW)
    lines = client.get(f"/calendar/{secret}.ics").content.split(b"\r\n")
    assert max(len(line) for line in lines) <= 75
    assert all(line.decode() for line in lines[:-1]), "each is text by itself"
    (entry,) = read(person, shows)
    assert (str(entry["summary"]), str(entry["description"]).strip()) == (title, description.strip())


def test_what_is_finished_stays_ticked_for_a_while_and_what_is_anothers_is_not_there(person: User) -> None:
    builders.make_task(builders.make_user(team=person.team), title="Another's")
    builders.make_task(team=person.team, title="Nobody's")
    builders.make_task(person, title="Cancelled", status="cancelled")
    task = builders.make_task(person, title="Mine")
    lifecycle.complete(task, by=person, now=NOW)
    (todo,) = read(person)
    assert (str(todo["summary"]), str(todo["status"]), todo["percent-complete"]) == ("Mine", "COMPLETED", 100)
    assert read(person, now=NOW + timedelta(days=31)) == []


@given(title=st.text(min_size=1, max_size=255), description=st.text(max_size=400))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_the_file(person: User, title: str, description: str) -> None:
    Task.objects.all().delete()
    try:
        builders.make_task(person, title=title.replace("\x00", ""), description=description.replace("\x00", ""))
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text: no database keeps it
    (todo,) = read(person)
    assert todo.name == "VTODO"


def test_a_new_address_ends_the_old_one_and_nobody_who_left_has_any(person: User, client: Any) -> None:
    first = feeds.make(person, by=person, now=NOW)
    second = feeds.make(person, shows=CalendarFeed.EVENT, by=person, now=NOW)
    assert client.get(f"/calendar/{first}.ics").status_code == 404
    answer = client.get(f"/calendar/{second}.ics")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    again = client.get(f"/calendar/{second}.ics", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert second not in str(list(Change.objects.values()))
    builders.make_manager(team=person.team)
    deactivation.deactivate(person, by=None, now=NOW)
    assert client.get(f"/calendar/{second}.ics").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PROPFIND", "OPTIONS", "REPORT"])
def test_a_program_that_asks_for_more_leaves_no_secret_in_the_log(
    method: str, person: User, caplog: pytest.LogCaptureFixture
) -> None:
    """Some look first whether an address speaks CalDAV."""
    secret = feeds.make(person, by=person, now=NOW)
    answer = Client(enforce_csrf_checks=True).generic(method, f"/calendar/{secret}.ics")
    assert answer.status_code == 405
    assert secret not in caplog.text
