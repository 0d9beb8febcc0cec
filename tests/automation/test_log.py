"""The log tells the same before and after old assignments are cleaned up."""

from datetime import UTC, datetime, timedelta

import pytest

from assignment import dispatch
from automation import log
from tests import builders
from work import housekeeping, lifecycle
from work.models import Assignment

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 12, tzinfo=UTC)


def test_who_was_given_what_is_told_for_good() -> None:
    lead = builders.make_lead(first_name="Lea", last_name="Lind")
    person = builders.make_user(team=lead.team, first_name="Ada", last_name="Byron")
    for days in (200, 120, 30):
        at = NOW - timedelta(days=days)
        task = lifecycle.create(lead.team, title="Call", now=at, owner=person)
        dispatch.assign(task, person, by=lead, now=at)
        lifecycle.complete(task, by=person, now=at + timedelta(hours=1))

    def told() -> list[dict[str, object]]:
        return [one for one in log.entries(lead, limit=100, now=NOW) if one["kind"] == "assignment"]

    before = told()
    assert [(one["actor"], one["outcome"]) for one in before] == [("Lea Lind", "assigned to Ada Byron")] * 3
    assert [one["reason"] for one in before] == ["Lea Lind gave it to Ada Byron.", "manual", "manual"]
    assert housekeeping.delete_old_assignments(lead.team, now=NOW) == 2
    assert Assignment.objects.count() == 1
    assert told() == before
    pages, cursor = [], None
    while page := log.entries(lead, limit=2, now=NOW, before=cursor):
        pages += page
        cursor = page[-1]["at"], page[-1]["id"]
    assert [one["id"] for one in pages] == [one["id"] for one in log.entries(lead, limit=100, now=NOW)]


def test_what_was_left_to_nobody_is_told_as_soon_as_it_is_and_for_good() -> None:
    lead = builders.make_lead(first_name="Lea", last_name="Lind")
    person = builders.make_user(team=lead.team, first_name="Ada", last_name="Byron")
    for days in (120, 30):
        at = NOW - timedelta(days=days)
        task = lifecycle.create(lead.team, title="Call", now=at, owner=person)
        dispatch.assign(task, person, by=lead, now=at)
        lifecycle.unassign(task, by=lead, now=at + timedelta(hours=1))

    def told(now: datetime) -> list[object]:
        found = log.entries(lead, limit=100, now=now)
        return [one["outcome"] for one in found if one["kind"] == "assignment"]

    assert told(NOW) == ["left waiting", "assigned to Ada Byron"] * 2
    assert told(NOW + timedelta(days=70)) == told(NOW)
    pages, cursor = [], None
    while page := log.entries(lead, limit=1, now=NOW, before=cursor):
        pages += page
        cursor = page[-1]["at"], page[-1]["id"]
    assert [one["id"] for one in pages] == [one["id"] for one in log.entries(lead, limit=100, now=NOW)]
