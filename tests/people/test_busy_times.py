"""Busy times of a foreign calendar: read right, whole or not at all, within bounds, and nobody else's business."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment import dispatch
from domain import calendars
from domain.busy import reading
from domain.busy.blocks import NotACalendar
from domain.delays import Delay
from people import busy_times, hours
from people.models import BusySource, Change, User
from tests import builders
from work import capacity, due, lifecycle

NOW = datetime(2026, 6, 17, 10, tzinfo=UTC)
"""A Wednesday."""
BERLIN = ZoneInfo("Europe/Berlin")
START, END = datetime(2026, 6, 15, 22, tzinfo=UTC), datetime(2026, 8, 15, 22, tzinfo=UTC)


def event(*lines: str, uid: str = "one") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT", ""])


def file(*events: str, head: str = "") -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{''.join(events)}END:VCALENDAR\r\n".encode()


def read(*events: str, head: str = "", emails: tuple[str, ...] = ()) -> reading.Found:
    whose = reading.Whose(BERLIN, frozenset(emails))
    return reading.read(file(*events, head=head), whose=whose, start=START, end=END)


def local(found: reading.Found) -> list[str]:
    return [
        f"{begins.astimezone(BERLIN):%d.%m. %H:%M}-{ends.astimezone(BERLIN):%d.%m. %H:%M}"
        for begins, ends in found.spans
    ]


def test_each_shape_of_an_event_is_the_time_it_says() -> None:
    shapes = {
        "utc": (("DTSTART:20260617T080000Z", "DTEND:20260617T090000Z"), ["17.06. 10:00-17.06. 11:00"]),
        "zone": (
            ("DTSTART;TZID=America/New_York:20260617T080000", "DURATION:PT30M"),
            ["17.06. 14:00-17.06. 14:30"],
        ),
        "floating": (("DTSTART:20260617T080000", "DTEND:20260617T090000"), ["17.06. 08:00-17.06. 09:00"]),
        "day": (("DTSTART;VALUE=DATE:20260617",), ["17.06. 00:00-18.06. 00:00"]),
        "folded": (("DTSTART:2026061", " 7T080000", "DTEND:20260617T090000"), ["17.06. 08:00-17.06. 09:00"]),
        "weekly over an exception and a moved one": (
            (
                "DTSTART;TZID=Europe/Berlin:20250604T090000",
                "DTEND;TZID=Europe/Berlin:20250604T100000",
                "RRULE:FREQ=WEEKLY;UNTIL=20260708T215959Z",
                "EXDATE;TZID=Europe/Berlin:20260624T090000",
                "END:VEVENT",
                "BEGIN:VEVENT",
                "UID:one",
                "RECURRENCE-ID;TZID=Europe/Berlin:20260701T090000",
                "DTSTART;TZID=Europe/Berlin:20260702T140000",
                "DTEND;TZID=Europe/Berlin:20260702T150000",
            ),
            ["17.06. 09:00-17.06. 10:00", "02.07. 14:00-02.07. 15:00", "08.07. 09:00-08.07. 10:00"],
        ),
        "rdate with a period": (
            ("DTSTART:20260617T080000Z", "DURATION:PT1H", "RDATE;VALUE=PERIOD:20260619T080000Z/PT2H"),
            ["17.06. 10:00-17.06. 11:00", "19.06. 10:00-19.06. 12:00"],
        ),
        "a rule that says nothing": (
            ("DTSTART:20260617T080000", "DTEND:20260617T090000", "RRULE:"),
            ["17.06. 08:00-17.06. 09:00"],
        ),
        "free": (("DTSTART:20260617T080000Z", "DURATION:PT1H", "TRANSP:TRANSPARENT"), []),
        "cancelled": (("DTSTART:20260617T080000Z", "DURATION:PT1H", "STATUS:CANCELLED"), []),
        "declined": (
            ("DTSTART:20260617T080000Z", "DURATION:PT1H", "ATTENDEE;PARTSTAT=DECLINED:mailto:Ada@example.org"),
            [],
        ),
        "declined by another": (
            ("DTSTART:20260617T080000Z", "DURATION:PT1H", "ATTENDEE;PARTSTAT=DECLINED:mailto:bo@example.org"),
            ["17.06. 10:00-17.06. 11:00"],
        ),
        "no length": (("DTSTART:20260617T080000Z",), []),
        "over long ago": (("DTSTART:20200617T080000Z", "DTEND:20200617T090000Z"), []),
    }
    for name, (lines, expected) in shapes.items():
        found = read(event(*lines), emails=("ada@example.org",))
        assert (local(found), found.faults) == (expected, []), name


def test_a_zone_that_the_file_describes_is_its_own_and_not_that_of_the_next_file() -> None:
    def zone(offset: str) -> str:
        return (
            "BEGIN:VTIMEZONE\r\nTZID:Our Zone\r\nBEGIN:STANDARD\r\nDTSTART:20000101T000000\r\n"
            f"TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        )

    meeting = event("DTSTART;TZID=Our Zone:20260617T080000", "DURATION:PT1H")
    assert local(read(meeting, head=zone("+0300"))) == ["17.06. 07:00-17.06. 08:00"]
    assert local(read(meeting, head=zone("-0200"))) == ["17.06. 12:00-17.06. 13:00"]
    assert local(read(meeting)) == ["17.06. 08:00-17.06. 09:00"], "unknown: the person's clock"


def test_a_zone_that_nobody_knows_is_the_persons_own_and_said_once() -> None:
    found = read(
        event("DTSTART;TZID=Mars/Olympus:20260617T080000", "DURATION:PT1H", "RDATE;TZID=Mars/Olympus:20260618T080000"),
        event("DTSTART;TZID=Mars/Olympus:20260619T080000", "DURATION:PT1H", uid="two"),
    )
    assert local(found) == ["17.06. 08:00-17.06. 09:00", "18.06. 08:00-18.06. 09:00", "19.06. 08:00-19.06. 09:00"]
    assert [(fault.uid, "Mars/Olympus" in fault.what) for fault in found.faults] == [("one", True)]


def test_one_broken_event_is_named_and_stops_no_other() -> None:
    good = event("DTSTART:20260617T080000Z", "DURATION:PT1H", uid="good")
    for broken in (
        event("DTSTART:tomorrow", "DURATION:PT1H", uid="bad"),
        event("SUMMARY:No start", uid="bad"),
        event("DTSTART:20260617T080000Z", "RRULE:FREQ=SOMETIMES", uid="bad"),
        "BEGIN:VEVENT\r\nUID:bad\r\nDTSTART:20260617T080000Z\r\n",
    ):
        found = read(broken, good)
        assert local(found) == ["17.06. 10:00-17.06. 11:00"]
        assert [fault.line for fault in found.faults] == [3]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYDAY=MO",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYYEARDAY=366;BYWEEKNO=10",
        "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60))),
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
    ],
)
def test_what_would_repeat_for_ever_is_refused_before_it_is_tried(rule: str) -> None:
    found = read(event("DTSTART:20260617T080000Z", "DURATION:PT1H", f"RRULE:{rule}", uid="bomb"))
    assert (found.spans, [fault.uid for fault in found.faults]) == ((), ["bomb"])


def test_many_bombs_in_one_file_share_one_budget() -> None:
    daily = [
        event("DTSTART:20200617T000000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5,6", uid=str(number))
        for number in range(300)
    ]
    found = read(*daily)
    assert 0 < found.events < 300
    assert found.events + len(found.faults) == 300


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\xff" * 50, b"Name,Mail\nAda,ada@example.org\n", b"<html>Sign in</html>", file(event())[:-20]],
)
def test_what_is_no_whole_calendar_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(NotACalendar):
        reading.read(data, whose=reading.Whose(BERLIN), start=START, end=END)


INSTANTS = st.integers(0, 14 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
PAIRS = st.lists(st.tuples(INSTANTS, INSTANTS).map(lambda pair: tuple(sorted(pair))), max_size=8)


@given(busy=PAIRS, start=INSTANTS, end=INSTANTS, added=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_busy_hours_are_taken_from_working_hours_and_adding_stays_the_inverse(
    busy: Any, start: datetime, end: datetime, added: int
) -> None:
    plain = calendars.Schedule(calendars.DEFAULT_WEEK, BERLIN)
    schedule = calendars.Schedule(calendars.DEFAULT_WEEK, BERLIN, busy=calendars.merged(busy))
    overlap = sum(
        (
            calendars.working_hours(plain, start=max(start, begins), end=min(end, ends))
            for begins, ends in schedule.busy
            if max(start, begins) < min(end, ends)
        ),
        Decimal(0),
    )
    counted = calendars.working_hours(schedule, start=start, end=end)
    whole = calendars.working_hours(plain, start=start, end=end)
    assert abs(counted - (whole - overlap)) < Decimal("0.000001")
    assert calendars.Clock(schedule, start=start, end=end).hours(end) == counted or end < start
    reached = calendars.add_working_hours(schedule, start, added)
    assert calendars.working_hours(schedule, start=start, end=reached) == added


@pytest.fixture
def person() -> User:
    return builders.make_user(timezone="Europe/Berlin", email="ada@example.org")


MEETING = event("SUMMARY:Secret talks", "DTSTART:20260618T080000Z", "DURATION:PT3H")


@pytest.mark.django_db
@pytest.mark.database
def test_a_file_takes_hours_from_the_week_and_taking_it_away_gives_them_back(person: User) -> None:
    digests = [hours.digest(person.team)]
    row = busy_times.upload(person, file(MEETING), name="work.ics", by=person, now=NOW)
    week = capacity.week(person, now=NOW)
    assert (week.contracted_hours, week.max_hours, week.busy_hours) == (40, 37, 3), "a meeting is no absence"
    assert [day.hours for day in capacity.days(person, now=NOW, count=2)] == [5, 5]
    assert (row.events, row.broken, "Secret" in str(BusySource.objects.values())) == (1, 0, False)
    digests.append(hours.digest(person.team))
    with pytest.raises(busy_times.BadSource):
        busy_times.upload(person, b"nonsense", by=person, now=NOW)
    assert capacity.week(person, now=NOW).max_hours == 37
    busy_times.end(person, by=person, now=NOW)
    assert capacity.week(person, now=NOW).max_hours == 40
    digests.append(hours.digest(person.team))
    assert digests[0] != digests[1] != digests[2]
    assert list(Change.objects.filter(kind="busy_times").order_by("pk").values_list("verb", flat=True)) == [
        "created",
        "deleted",
    ]


@pytest.mark.django_db
def test_what_is_over_is_remembered_when_the_calendar_is_read_again(person: User) -> None:
    row = busy_times.upload(person, file(MEETING), by=person, now=NOW)
    busy_times._fill(row, file(), now=NOW + timedelta(days=10))
    assert len(row.spans) == 1, "dates were counted by it"
    busy_times._fill(row, file(), now=NOW + timedelta(days=80))
    assert row.spans == []


@pytest.mark.django_db
@pytest.mark.database
def test_who_is_busy_is_given_less_and_due_dates_in_working_hours_follow(person: User) -> None:
    colleague = builders.make_user(team=person.team, timezone="Europe/Berlin")
    eight_hours = Delay("business", hours=Decimal(8))
    derived = due.due_of(eight_hours, start=NOW, contact=None, owner=person, team=person.team)
    task = lifecycle.create(person.team, title="Write", owner=person, now=NOW, **derived._asdict())
    assert task.due_date == NOW + timedelta(days=1)
    due.follow_calendars(person.team_id, now=NOW)
    away = event("DTSTART;VALUE=DATE:20260618", "DTEND;VALUE=DATE:20260625")
    busy_times.upload(person, file(away), by=person, now=NOW)
    assert due.follow_calendars(person.team_id, now=NOW) == 1
    task.refresh_from_db()
    assert task.due_date == NOW + timedelta(days=8)
    assert due.follow_calendars(person.team_id, now=NOW) == 0
    big = builders.make_task(team=person.team, estimated_hours=20)
    assert dispatch.assign_best(big, now=NOW).person_id == colleague.pk, "no other has the hours"
    assert capacity.team_status(person.team, now=NOW)["total_capacity_hours"] == 80


def test_what_is_left_out_is_named_without_its_words() -> None:
    found = read(event("DTSTART:20260617T080000Z", "DURATION:PT1H", "Secret talks with the bank"))
    assert "Secret" not in str(found.faults)


@given(seed=st.integers(0, 10**9), cuts=st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_no_bytes_crash_the_reader(seed: int, cuts: int) -> None:
    noise = random.Random(seed)
    data = bytearray(file(MEETING, event("DTSTART;TZID=Europe/Berlin:20260101T080000", "RRULE:FREQ=DAILY;COUNT=9")))
    for _ in range(cuts):
        at = noise.randrange(len(data))
        data[at : at + noise.randrange(3)] = noise.randbytes(noise.randrange(3))
    try:
        found = reading.read(bytes(data), whose=reading.Whose(BERLIN), start=START, end=END)
    except NotACalendar:
        return
    assert found.spans == calendars.merged(found.spans)


@pytest.mark.django_db
@pytest.mark.database
def test_a_line_that_no_database_keeps_is_told_of_all_the_same() -> None:
    user = builders.make_user()
    text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + event("DTSTART:2026\x0018T") + "END:VCALENDAR\r\n"
    row = busy_times.upload(user, text.encode(), by=user, now=NOW)
    row.refresh_from_db()
    assert row.faults
    assert "\x00" not in str(row.faults)


def test_times_that_contradict_each_other_are_said_in_words() -> None:
    twice = event("DTSTART:20260617T080000Z", "DTSTART:20260618T080000Z", "DURATION:PT1H", uid="twice")
    of_no_day = event("DTSTART:20260617T080000Z", "RDATE;VALUE=TIME:083000", uid="no day")
    assert [(one.uid, one.what) for one in read(twice, of_no_day).faults] == [
        ("twice", "It can't be read: it says DTSTART twice."),
        ("no day", "It can't be read: its dates and times do not fit each other. Look at them in that calendar."),
    ]
