"""When sessions end: of those that nobody is at, and of those that somebody never leaves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.test import Client

from people import sessions
from people.models import User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
IDLE, LONGEST = timedelta(hours=settings.SESSION_IDLE_HOURS), timedelta(days=settings.SESSION_DAYS)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
UNATTENDED = {"Nextmove-Unattended": "1"}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as travel:
        yield travel


@pytest.fixture
def person(clock: time_machine.Traveller) -> User:
    return builders.make_user(username="ada", password="correct horse 7")


def signed_in(*, remember: bool = True) -> Client:
    browser = Client()
    form = {"login": "ada", "password": "correct horse 7"} | ({"remember": "on"} if remember else {})
    assert browser.post("/accounts/login/", form).status_code == 302
    return browser


def is_in(browser: Client, **headers: str) -> bool:
    answer = browser.get("/bell?n=0", headers=headers)
    return answer.status_code in (200, 204)


@pytest.mark.parametrize("remember", [True, False])
def test_a_page_that_is_left_open_does_not_keep_its_session(
    remember: bool, person: User, clock: time_machine.Traveller
) -> None:
    browser = signed_in(remember=remember)
    steps = int(IDLE / HOUR)
    for hours in range(1, steps):
        clock.move_to(START + hours * HOUR)
        assert is_in(browser, **UNATTENDED), hours
    clock.move_to(START + IDLE + MINUTE)
    assert not is_in(browser, **UNATTENDED)
    assert not is_in(browser)


def test_whoever_is_at_work_stays_in(person: User, clock: time_machine.Traveller) -> None:
    browser = signed_in()
    for working_day in range(1, 5):
        clock.move_to(START + working_day * timedelta(days=1))
        assert is_in(browser)
    clock.shift(IDLE - MINUTE)
    assert is_in(browser), "idle from when somebody was last at it"


def test_it_ends_after_its_days_at_the_first_pause(person: User, clock: time_machine.Traveller) -> None:
    browser = signed_in()
    while clock.shift(IDLE / 2) or datetime.now(UTC) < START + LONGEST - IDLE / 2:
        assert is_in(browser)
    clock.move_to(START + LONGEST - MINUTE)
    assert is_in(browser)
    clock.move_to(START + LONGEST + 30 * MINUTE)
    assert browser.post("/theme", {"theme": "dark"}).status_code != 403
    assert is_in(browser), "nobody is thrown out of a form"
    clock.shift(2 * HOUR)
    assert not is_in(browser)


def test_nothing_holds_it_a_day_later(person: User, clock: time_machine.Traveller) -> None:
    begun, now, ends = START, START, START
    while now < begun + timedelta(days=40):
        ends = sessions.ends_at(begun, now, idle=IDLE, longest=LONGEST)
        if ends <= now:
            break
        now += MINUTE * 50
    assert ends == begun + LONGEST + timedelta(days=1)


def test_work_is_written_down_once_in_a_while(person: User, clock: time_machine.Traveller) -> None:
    browser = signed_in()
    key = browser.session.session_key
    first = Session.objects.get(pk=key).expire_date
    clock.shift(sessions.NOTED_EVERY - timedelta(seconds=1))
    for _ in range(3):
        is_in(browser)
    assert Session.objects.get(pk=key).expire_date == first
    clock.shift(timedelta(seconds=1))
    assert is_in(browser, **UNATTENDED)
    assert Session.objects.get(pk=key).expire_date == first, "polling writes nothing"
    assert is_in(browser)
    assert Session.objects.get(pk=key).expire_date == first + sessions.NOTED_EVERY


def test_one_that_is_remembered_outlives_the_browser_and_another_does_not(person: User) -> None:
    cookie = signed_in().cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["max-age"] == IDLE.total_seconds()
    assert signed_in(remember=False).cookies[settings.SESSION_COOKIE_NAME]["max-age"] == ""


def test_sessions_of_the_release_before_are_read_and_get_an_end(person: User) -> None:
    browser = signed_in()
    key = browser.session.session_key
    older = db.SessionStore(key)
    older.load()
    for name in (sessions.BEGUN, sessions.SEEN):
        del older[name]
    older.save()
    assert Session.objects.get(pk=key).expire_date == START + timedelta(days=14)
    assert is_in(browser)
    assert Session.objects.get(pk=key).expire_date == START + IDLE
    assert db.SessionStore(key).get("_auth_user_id") == str(person.pk), "and the release before reads ours"
    assert import_module(settings.SESSION_ENGINE).SessionStore is sessions.SessionStore
