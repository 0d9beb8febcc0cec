"""The calendars by which libraries test themselves, brought in by every way there is: read right, or refused."""

import os
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from domain import calendars
from domain.busy import reading
from domain.busy.blocks import NotACalendar
from people import busy_times
from people.models import BusySource
from tests.api.conftest import Caller, World, problem, world
from tests.people.test_busy_feeds import Feed, feed
from tests.web.conftest import browser_of
from tests.webhooks.conftest import work

__all__ = ["browser_of", "feed", "world"]
BERLIN = ZoneInfo("Europe/Berlin")
NAMED = "NEXTMOVE_TEST_ICS_CORPUS"


@pytest.fixture(params=["installed", "named"])
def corpus(request: pytest.FixtureRequest) -> list[Path]:
    """Those that come with an installed package, and those in a folder of one's own."""
    if request.param == "installed":
        folder = Path(icalendar.__file__).parent / "tests"
    elif NAMED in os.environ:
        folder = Path(os.environ[NAMED])
    else:
        pytest.skip(f"{NAMED} names no folder with more calendars")
    found = sorted(folder.rglob("*.ics"))
    assert len(found) > 50, f"{folder} holds hardly any calendars"
    return found


@pytest.mark.django_db
@pytest.mark.database
def test_a_file_is_taken_or_refused_in_words_and_a_refused_one_changes_nothing(
    corpus: list[Path], world: World, browser_of: Any
) -> None:
    caller, browser = Caller(world.member), browser_of(world.member)
    taken = 0
    for file in corpus:
        data, before = file.read_bytes(), kept(world)
        path = "/api/me/busy-times/file?name=one.ics"
        sent = caller.client.generic("PUT", path, data, "text/calendar", headers=caller.headers)
        posted = browser.post("/settings/calendar/busy", {"file": SimpleUploadedFile("one.ics", data)})
        if sent.status_code == 200:
            taken += 1
            assert posted.status_code == 302, file
            assert sent.json()["events"] == kept(world)["events"], file
        else:
            assert len(problem(sent, 422)["detail"]) > 20, file
            assert (posted.status_code, kept(world)) == (422, before), file
    assert taken > len(corpus) / 3


@pytest.mark.django_db
def test_an_address_that_answers_with_it_keeps_what_was_read_or_says_why_not(
    corpus: list[Path], world: World, feed: tuple[type[Feed], str]
) -> None:
    handler, url = feed
    now = timezone.now()
    busy_times.connect(world.member, url=url, by=world.member, now=now)
    for file in corpus:
        handler.body = file.read_bytes()
        BusySource.objects.update(etag="", last_modified="")
        before, now = kept(world), BusySource.objects.get().next_read_at or now
        work(now)
        after = kept(world)
        assert after["next_read_at"] > now, file
        if after["error"]:
            assert (after["spans"], after["read_at"]) == (before["spans"], before["read_at"]), file
        else:
            assert after["read_at"] == now, file


def test_it_says_the_same_as_the_library_says_of_the_whole_file(corpus: list[Path]) -> None:
    """Read event by event, with zones of its own, it comes to the same stretches, whenever one looks."""
    compared = 0
    for file in corpus:
        data = file.read_bytes()
        if is_ambiguous(data):
            continue
        for at in instants(data):
            start, end = at - timedelta(days=3), at + timedelta(days=60)
            try:
                found = reading.read(data, whose=reading.Whose(BERLIN), start=start, end=end)
            except NotACalendar:
                break
            whole = None if found.faults else by_library(data, start, end)
            if whole is not None:
                assert found.spans == whole[: reading.MOST_SPANS], (file, at)
                compared += len(whole)
            assert not any(word in fault.what for fault in found.faults for word in ("object", "not supported")), file
    assert compared > 100


def kept(world: World) -> dict[str, Any]:
    return BusySource.objects.filter(pk=world.member.pk).values().first() or {}


def instants(data: bytes) -> Iterator[datetime]:
    """Two days after some of the days on which something begins."""
    days = list(dict.fromkeys(re.findall(rb"DTSTART[^:\r\n]*:(\d{8})", data)))
    for day in days[:: max(1, len(days) // 4)]:
        year = int(day[:4])
        if 1971 < year < 9000:
            try:
                yield datetime.strptime(day.decode(), "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=2)
            except ValueError:
                continue


def is_ambiguous(data: bytes) -> bool:
    """Whether two events claim to be the same one: which of them counts, everybody decides alone."""
    events = re.findall(rb"BEGIN:VEVENT\r?\n(.*?)END:VEVENT", data, re.DOTALL)
    uids = [found[1] for one in events if b"RECURRENCE-ID" not in one and (found := re.search(rb"UID:(\S+)", one))]
    return len(uids) != len(set(uids))


def by_library(data: bytes, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...] | None:
    """The busy stretches as one library expands what the other parsed; None where they make nothing of the file."""
    found = []
    around = timedelta(days=2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for calendar in icalendar.Calendar.from_ical(data, multiple=True):
                found += recurring_ical_events.of(calendar).between(start - around, end + around)
    except Exception:
        return None
    busy = [one for one in found if one.get("TRANSP") != "TRANSPARENT" and one.get("STATUS") != "CANCELLED"]
    spans = [(max(instant(one["DTSTART"].dt), start), min(instant(one["DTEND"].dt), end)) for one in busy]
    return calendars.merged([(begins, ends) for begins, ends in spans if begins < ends])


def instant(value: Any) -> datetime:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value.astimezone(UTC) if value.tzinfo else calendars.from_wall(value, BERLIN)
