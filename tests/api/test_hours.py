"""Working weeks, days off and public holidays over HTTP, and what they do to due dates."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from automation import engine
from crm.models import Activity
from people.models import User
from tests import builders
from work import due

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager() -> User:
    return builders.make_manager(team=builders.make_team(timezone="Europe/Berlin"))


def put(user: User, path: str, body: Any, *, status: int = 200, method: str = "put") -> Any:
    api = Client(headers={"authorization": f"Bearer {builders.make_token(user)}"})
    response = getattr(api, method)(path, body, content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()


def test_a_holiday_that_is_told_later_moves_what_is_due_on_it(manager: User) -> None:
    """Two working days after a Monday: a holiday and a day off of the team's own push it on, one by one."""
    team = f"/api/teams/{manager.team_id}"
    builders.make_rule(manager, delay_kind="business", delay_days=2, delay_hours=0)
    monday = datetime(2030, 9, 30, 8, 0, tzinfo=UTC)
    contact = builders.make_contact(manager)
    builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED, occurred_at=monday, received_at=monday)
    engine.drain(manager.team_id, now=monday)
    task = contact.tasks.get()
    assert task.due_date == datetime(2030, 10, 2, 8, 0, tzinfo=UTC)
    put(manager, f"{team}/hours", {"days_off": [{"on": "2030-10-02", "name": "Outing"}]})
    due.follow_calendars(manager.team_id, now=monday)
    task.refresh_from_db()
    assert task.due_date == datetime(2030, 10, 3, 8, 0, tzinfo=UTC)
    said = put(manager, team, {"country": "DE"}, method="patch")
    assert said["country"] == "DE"
    due.follow_calendars(manager.team_id, now=monday)
    task.refresh_from_db()
    assert task.due_date == datetime(2030, 10, 4, 8, 0, tzinfo=UTC), "3 October is a holiday in Germany"


def test_who_may_change_hours(manager: User) -> None:
    member, other = builders.make_user(team=manager.team), builders.make_user(team=manager.team)
    week = {"working_spans": [{"weekday": 0, "starts": "08:00", "ends": "12:00"}]}
    assert put(member, f"/api/users/{member.pk}/hours", week)["working_spans"][0]["ends"] == "12:00:00"
    put(member, f"/api/users/{other.pk}/hours", week, status=403)
    put(member, f"/api/teams/{manager.team_id}/hours", week, status=403)
    put(manager, f"/api/users/{other.pk}/hours", {"time_off": [{"starts_on": "2030-01-02", "ends_on": "2030-01-04"}]})
    stranger = builders.make_manager()
    put(stranger, f"/api/users/{member.pk}/hours", week, status=404)
    put(stranger, f"/api/teams/{manager.team_id}/hours", week, status=404)


def test_a_night_shift_runs_into_the_next_day(manager: User) -> None:
    member = builders.make_user(team=manager.team)
    night = {"working_spans": [{"weekday": 4, "starts": "22:00", "ends": "06:00"}]}
    assert put(manager, f"/api/users/{member.pk}/hours", night)["working_spans"][0]["ends"] == "06:00:00"


WEEKDAY = {"weekday": 0, "starts": "08:00", "ends": "12:00"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("hours", {"working_spans": [{"weekday": 0, "starts": "12:00", "ends": "08:00"}]}),
        ("hours", {"working_spans": [{"weekday": 7, "starts": "08:00", "ends": "12:00"}]}),
        ("hours", {"working_spans": [{"weekday": 1, "starts": "08:00Z", "ends": "12:00Z"}]}),
        ("hours", {"days_off": [{"on": "someday"}]}),
    ],
)
def test_what_is_wrong_changes_nothing(manager: User, path: str, body: dict[str, Any]) -> None:
    put(manager, f"/api/teams/{manager.team_id}/{path}", {"days_off": [{"on": "2030-01-02"}]})
    put(manager, f"/api/teams/{manager.team_id}/{path}", body, status=422)
    assert manager.team.days_off.count() == 1


@pytest.mark.parametrize(
    ("whose", "body", "pointer", "what_to_do"),
    [
        (
            "teams",
            {"working_spans": [WEEKDAY, {**WEEKDAY, "starts": "13:00"}]},
            "/working_spans/1/ends",
            "swap the two",
        ),
        ("users", {"working_spans": [{**WEEKDAY, "ends": "07:00"}]}, "/working_spans/0/ends", "16 hours at most"),
        ("users", {"working_spans": [WEEKDAY, WEEKDAY]}, "/working_spans/1", "already exists"),
        ("users", {"time_off": [{"starts_on": "2030-01-04", "ends_on": "2030-01-02"}]}, "/time_off/0/ends_on", "swap"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_do(
    manager: User, whose: str, body: dict[str, Any], pointer: str, what_to_do: str
) -> None:
    pk = manager.pk if whose == "users" else manager.team_id
    (fault,) = put(manager, f"/api/{whose}/{pk}/hours", body, status=422)["errors"]
    assert fault["pointer"] == pointer
    assert what_to_do in fault["message"]
    assert not manager.working_spans.exists()
    assert not manager.time_off.exists()


def test_a_country_that_is_none_is_refused_with_what_to_write(manager: User) -> None:
    said = put(manager, f"/api/teams/{manager.team_id}", {"country": "XX"}, status=422, method="patch")
    assert "two-letter code" in said["errors"][0]["message"]


@pytest.mark.parametrize("name", ["Mars/Base", "localtime", "posixrules", "right/Europe/Berlin"])
def test_a_zone_that_is_no_place_is_refused(manager: User, name: str) -> None:
    contact = builders.make_contact(manager)
    for path in (f"/api/teams/{manager.team_id}", f"/api/contacts/{contact.pk}"):
        said = put(manager, path, {"timezone": name}, status=422, method="patch")
        assert "is no known time zone" in str(said)
