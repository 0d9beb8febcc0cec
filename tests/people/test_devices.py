"""What the nightly cleaning takes away of sessions, devices and sign-ins, and what it leaves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.test import Client

from automation import tasks
from jobs import pruning
from people import devices
from people.models import User
from tests import builders

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
OLD = NOW - devices.KEEP - timedelta(days=1)


@pytest.fixture
def person() -> User:
    return builders.make_user(username="ada", password="correct horse 7")


def signed_in(password: str = "correct horse 7") -> Client:
    browser = Client()
    browser.post("/accounts/login/", {"login": "ada", "password": password})
    return browser


def counts() -> dict[str, Any]:
    done = tasks.cleanup_old_assignments()
    return {name: done[name] for name in ("sessions", "devices", "sign_ins")}


def test_what_has_run_out_goes_and_what_lives_stays(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    living, *gone = (signed_in() for _ in range(4))
    assert UserSession.objects.count() == AccessLog.objects.count() == 4
    keys = [browser.session.session_key for browser in gone]
    Session.objects.filter(session_key__in=keys).update(expire_date=NOW - timedelta(seconds=1))
    UserSession.objects.filter(session_key__in=keys).update(created_at=NOW - timedelta(days=20))
    AccessLog.objects.filter(pk__in=AccessLog.objects.order_by("pk").values("pk")[:3]).update(attempt_time=OLD)
    assert counts() == {"sessions": 3, "devices": 3, "sign_ins": 3}
    assert living.get("/settings/security").status_code == 200
    assert UserSession.objects.get().session_key == living.session.session_key
    assert counts() == {"sessions": 0, "devices": 0, "sign_ins": 0}


def test_wrong_passwords_still_lock_out_and_are_forgotten_later(person: User) -> None:
    signed_in("wrong")
    assert counts() == {"sessions": 0, "devices": 0, "sign_ins": 0}
    assert AccessAttempt.objects.count() == 1
    AccessAttempt.objects.update(attempt_time=OLD)
    assert counts()["sign_ins"] == 1


def test_every_way_of_writing_a_name_counts_as_the_same_person(person: User) -> None:
    """Else each had ten tries of its own, and nobody saw the others among theirs."""
    User.objects.filter(pk=person.pk).update(email="ada@example.org")
    spellings = ["ada", "Ada", "ADA", "ada@example.org", "Ada@Example.org"]
    tries = [Client().post("/accounts/login/", {"login": spellings[n % 5], "password": "wrong"}) for n in range(11)]
    assert [answer.status_code for answer in tries] == [200] * 9 + [429] * 2
    assert sum(row.failures_since_start for row in devices.refused(person, 9)) >= 10
    assert Client().post("/accounts/login/", {"login": "aDA", "password": "correct horse 7"}).status_code == 429


def test_the_right_password_ends_the_count_however_the_name_was_written(person: User) -> None:
    User.objects.filter(pk=person.pk).update(email="ada@example.org")
    for name in ("ADA", "ada@example.org"):
        Client().post("/accounts/login/", {"login": name, "password": "wrong"})
    assert len(devices.refused(person, 9)) > 0
    signed_in()
    assert not AccessAttempt.objects.exists()


@pytest.mark.database
@pytest.mark.parametrize("name", ["Nobody", "N" * 3_000, "Nobody@example.org"])
def test_a_name_of_nobody_is_counted_too(name: str) -> None:
    for _ in range(2):
        assert Client().post("/accounts/login/", {"login": name, "password": "wrong"}).status_code == 200
    row = AccessAttempt.objects.get()
    assert (row.username, row.failures_since_start) == (name.lower()[:150], 2)


def test_a_device_that_was_noted_before_its_session_is_left(person: User) -> None:
    UserSession.objects.create(user=person, session_key="x" * 32, ip="127.0.0.1", created_at=NOW)
    assert counts()["devices"] == 0
