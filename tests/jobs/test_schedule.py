"""Periods as keys: each once, in the team's own time, whatever the clocks and the number of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import current_app
from celery.schedules import crontab
from hypothesis import given
from hypothesis import strategies as st

from config.celery import app
from jobs import queue, schedule
from jobs.models import Job
from people.models import Team
from tests import builders

pytestmark = pytest.mark.database

DAILY = {"daily": {"task": "automation.tasks.generate_daily_reports", "schedule": crontab(hour=8, minute=0)}}
OLD = datetime(2020, 1, 1, tzinfo=UTC)
START, END = datetime(2024, 1, 1), datetime(2028, 1, 1)  # noqa: DTZ001 (hypothesis wants them naive)


@pytest.fixture
def teams(db: None) -> list[Team]:
    Team.objects.all().delete()
    zones = ["UTC", "Asia/Tokyo", "America/New_York"]
    return [builders.make_team(timezone=zone, created_at=OLD) for zone in zones]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def keys() -> set[str]:
    return set(Job.objects.values_list("key", flat=True))


def test_a_time_of_day_is_each_teams_own(teams: list[Team]) -> None:
    clock = schedule.Clock()
    clock.tick(DAILY, now=at("2026-03-02T08:00"))
    utc, tokyo, york = (team.pk for team in teams)
    assert keys() == {
        f"cron:daily:{utc}:2026-03-02",
        f"cron:daily:{tokyo}:2026-03-02",
        f"cron:daily:{york}:2026-03-01",
    }
    clock.tick(DAILY, now=at("2026-03-02T13:00"))
    assert f"cron:daily:{york}:2026-03-02" in keys()
    assert Job.objects.get(key=f"cron:daily:{tokyo}:2026-03-02").kwargs == {"team_id": tokyo}


def test_two_clocks_make_one_job_and_downtime_makes_one(teams: list[Team]) -> None:
    for hour in range(24):
        for clock in (schedule.Clock(), schedule.Clock()):
            clock.tick(DAILY, now=at("2026-03-02T08:00") + timedelta(hours=hour))
    assert Job.objects.filter(kwargs__team_id=teams[0].pk).count() == 1
    Job.objects.all().delete()
    schedule.Clock().tick(DAILY, now=at("2026-03-09T09:00"))
    assert Job.objects.filter(kwargs__team_id=teams[0].pk).count() == 1, "a week away: the latest only"


RARE = {
    "task": "automation.tasks.generate_daily_reports",
    "schedule": crontab(hour=2, minute=0, day_of_month=1, month_of_year="1,7"),
}
RARE_MINUTES = {
    "task": "automation.tasks.process_automation_workflows",
    "schedule": crontab(minute=0, day_of_month=1, month_of_year="1,7"),
}


@pytest.mark.parametrize("entry", [RARE, RARE_MINUTES])
def test_a_period_whose_job_was_deleted_since_does_not_run_again(teams: list[Team], entry: dict[str, Any]) -> None:
    july = at("2026-07-01T23:59")
    assert schedule.Clock().tick({"rare": entry}, now=july)
    Job.objects.update(state=Job.DONE, done_at=july)
    for later in (july + timedelta(days=29), july + timedelta(days=31), july + timedelta(days=100)):
        queue.prune(now=later)
        schedule.Clock().tick({"rare": entry}, now=later)
        assert not Job.objects.filter(state=Job.PENDING).exists(), later


def test_a_new_installation_makes_up_for_nothing(db: None) -> None:
    Team.objects.all().delete()
    team = builders.make_team(created_at=at("2026-03-02T12:00"))
    clock = schedule.Clock()
    clock.tick(app.conf.beat_schedule, now=at("2026-03-02T12:03"))
    assert keys() == {
        "cron:find-and-assign-tasks:2026-03-02T12:00:00+00:00",
        "cron:process-automation-workflows:2026-03-02T12:00:00+00:00",
        "cron:send-task-reminders:2026-03-02T12:00:00+00:00",
    }
    clock.tick(app.conf.beat_schedule, now=at("2026-03-03T02:00"))
    assert f"cron:cleanup-old-assignments:{team.pk}:2026-03-03" in keys()


def test_entries_that_users_add_are_honoured_and_a_broken_one_stops_no_other(teams: list[Team]) -> None:
    entries = {
        "broken": {"task": "x", "schedule": "soon"},
        "own": {"task": "own.task", "schedule": crontab(hour=7, minute=30), "args": (1,)},
        "often": {"task": "own.often", "schedule": 30.0},
        "delta": {"task": "own.delta", "schedule": timedelta(minutes=5)},
    }
    schedule.Clock().tick(entries, now=at("2026-03-02T12:00:40"))
    assert {job.name for job in Job.objects.all()} == {"own.task", "own.often", "own.delta"}
    local_days = {job.key for job in Job.objects.filter(name="own.task")}
    assert local_days == {"cron:own:2026-03-02", "cron:own:2026-03-01"}, "zones share the day's key"
    assert Job.objects.filter(name="own.task").first().args == [1]  # type: ignore[union-attr]
    assert Job.objects.get(name="own.often").key == "cron:often:2026-03-02T12:00:30+00:00"


def test_every_entry_names_a_task_there_is() -> None:
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(current_app.tasks)


@pytest.mark.parametrize(
    ("cron", "now", "zone", "due"),
    [
        # Berlin skips 02:30 on 29 March 2026, and shows it twice on 25 October.
        (crontab(hour=2, minute=30), "2026-03-29T12:00", "Europe/Berlin", "2026-03-29T01:00"),
        (crontab(hour=2, minute=30), "2026-10-25T12:00", "Europe/Berlin", "2026-10-25T00:30"),
        (crontab(hour=9, minute=0, day_of_week="mon"), "2026-03-08T12:00", "UTC", "2026-03-02T09:00"),
        (crontab(hour=9, minute=0, day_of_week="sun"), "2026-03-09T12:00", "UTC", "2026-03-08T09:00"),
        (crontab(hour=0, minute=0, day_of_month="31"), "2026-03-30T12:00", "UTC", "2026-01-31T00:00"),
    ],
)
def test_last_due(cron: crontab, now: str, zone: str, due: str) -> None:
    assert schedule.last_due(cron, at(now), ZoneInfo(zone)) == at(due)


@given(
    now=st.datetimes(min_value=START, max_value=END),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_the_last_daily_instant_is_at_most_a_day_old(now: datetime, hour: int, minute: int, zone: str) -> None:
    instant = now.replace(tzinfo=UTC)
    due = schedule.last_due(crontab(hour=hour, minute=minute), instant, ZoneInfo(zone))
    assert due is not None
    assert timedelta(0) <= instant - due <= timedelta(hours=25)
