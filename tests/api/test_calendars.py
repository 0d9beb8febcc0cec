"""One's own calendars by API: secrets masked, files taken whole or not at all, whatever is in them."""

import json
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api import limits
from domain.busy.reading import MOST_BYTES
from people.models import BusySource
from tests.api.conftest import Caller, World, problem
from work.models import CalendarPush

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BUSY, PUSH = "/api/me/busy-times", "/api/me/calendar-push"
FEED = {"url": "webcal://calendar.example.org/private-3f9a77c1/basic.ics"}
DAV = {"url": "https://dav.example.org/tasks/", "username": "ada", "password": "lovelace and babbage"}


def ics() -> bytes:
    day = timezone.now().strftime("%Y%m%d")
    lines = (
        "BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VTIMEZONE", "TZID:Ours", "BEGIN:STANDARD", "DTSTART:20000101T000000",
        "TZOFFSETFROM:+0300", "TZOFFSETTO:+0300", "END:STANDARD", "END:VTIMEZONE", "BEGIN:VEVENT", "UID:1",
        f"DTSTART;TZID=Ours:{day}T100000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=5;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        f"EXDATE;TZID=Ours:{day}T100000", "END:VEVENT", "BEGIN:VEVENT", "UID:2", f"DTSTART;VALUE=DATE:{day}",
        "SUMMARY:Secret talks", "END:VEVENT", "END:VCALENDAR", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


@pytest.fixture
def member(world: World) -> Caller:
    return Caller(world.member)


def put(member: Caller, data: bytes) -> Any:
    return member.client.generic("PUT", f"{BUSY}/file?name=mine.ics", data, "text/calendar", headers=member.headers)


def test_an_address_is_shown_by_its_host_and_end_alone(member: Caller) -> None:
    told = member("PUT", BUSY, FEED).json()
    assert told["address"] == "calendar.example.org ••••.ics"
    assert (told["kind"], told["busy_times"], told["error"]) == ("url", 0, "")
    refused = problem(member("PUT", BUSY, {"url": "https://10.0.0.1/mine.ics"}), 422)
    assert "not a public address" in refused["errors"][0]["message"]
    assert member.get(BUSY).json() == told
    assert member("DELETE", BUSY).status_code == 204
    problem(member.get(BUSY), 404)


def test_a_file_is_read_at_once_and_of_what_is_in_it_only_times_are_kept(member: Caller) -> None:
    told = put(member, ics()).json()
    assert (told["kind"], told["address"], told["events"], told["broken"]) == ("file", "mine.ics", 2, 0)
    assert told["busy_times"] == 5
    assert "Secret" not in json.dumps([*BusySource.objects.values()], default=str)
    problem(put(member, b" " * (MOST_BYTES + 1)), 413)
    problem(member("PUT", f"{BUSY}/file", ics().decode()), 415)
    problem(member.post(f"{BUSY}/read"), 404)
    assert member.get(BUSY).json() == told


def test_a_push_shows_no_password_and_keeps_the_one_there_is(member: Caller) -> None:
    told = member("PUT", PUSH, DAV).json()
    assert (told["address"], told["shows"], told["state"]) == ("ada · dav.example.org", "todo", "on")
    again = member("PUT", PUSH, {**DAV, "password": "", "shows": "event"})
    assert (again.status_code, again.json()["shows"]) == (200, "event")
    refused = problem(member("PUT", PUSH, {**DAV, "username": "bo", "password": ""}), 422)
    assert refused["errors"][0]["pointer"] == "/password"
    problem(member("PUT", PUSH, {**DAV, "url": "http://dav.example.org/"}), 422)
    assert "lovelace" not in json.dumps([*CalendarPush.objects.values()], default=str)


@given(data=st.binary(max_size=400), at=st.integers(0, 700), cut=st.integers(0, 60), mutate=st.booleans())
@example(data=b"", at=0, cut=0, mutate=False)
@example(data=b"\xff\xfe", at=0, cut=0, mutate=True)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_file_is_sent_it_is_taken_whole_or_nothing_changes(
    member: Caller, data: bytes, at: int, cut: int, mutate: bool
) -> None:
    limits.reset()
    put(member, ics())
    before = BusySource.objects.values().get()
    whole = ics()
    answer = put(member, whole[:at] + data[:20] + whole[at + cut :] if mutate else data)
    after = BusySource.objects.values().get()
    if answer.status_code == 200:
        assert answer.json()["events"] == after["events"]
        assert after["made_at"] > before["made_at"]
    else:
        problem(answer, answer.status_code)
        assert (answer.status_code, after) == (422 if mutate or data else 415, before)
