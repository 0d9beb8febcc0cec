"""The daily report: what is in it, that it is made and told once, and its forms: mail, text and CSV."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from assignment import runs
from automation import reporting, tasks
from crm import erase
from jobs.models import Job
from notifications.models import Notification
from people import speech
from people.models import Team, User
from performance import letters, reports, sections, tables
from performance.models import DailyReport, TeamScore
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 3, 4, 8, tzinfo=UTC)
"""A Wednesday."""
BASE = "https://next.example"


@pytest.fixture
def team() -> Team:
    return builders.make_team(name="Sales")


@pytest.fixture
def ann(team: Team) -> User:
    return builders.make_user(team=team, first_name="Ann")


def done(user: User, at: datetime, **fields: Any) -> Task:
    return builders.make_done_task(user, at=at, **fields)


def section(report: DailyReport, key: str) -> list[sections.Row]:
    (found,) = [one for one in sections.of(report.data) if one.key == key]
    return list(found.rows)


def test_yesterday_is_counted_from_midnight_to_midnight(team: Team, ann: User) -> None:
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    done(ann, midnight - timedelta(seconds=1))
    done(ann, midnight, due_date=midnight)
    done(ann, midnight + timedelta(hours=23, minutes=59), due_date=midnight, hours=3)
    done(builders.make_user(team=team), midnight + timedelta(hours=5), hours=1)
    done(ann, midnight + timedelta(days=1))
    done(builders.make_user(), midnight + timedelta(hours=5))
    day = reports.make(team, now=NOW).data["yesterday"]
    assert (day["on"], day["finished"], day["on_time"], day["late"], day["undated"]) == ("2026-03-03", 3, 1, 1, 1)
    first = day["people"][0]
    assert (first["name"], first["finished"], first["late"], first["hours"]) == ("Ann", 2, 1, 5)
    assert day["hours"] == 6


@pytest.mark.parametrize(
    ("zone", "now", "start", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 30, 6, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 26, 7, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        # Clocks skip midnight itself: the day begins at 01:00.
        ("America/Santiago", datetime(2026, 9, 7, 11, tzinfo=UTC), datetime(2026, 9, 6, 4, tzinfo=UTC), 23),
    ],
)
def test_days_on_which_clocks_change_have_23_or_25_hours(zone: str, now: datetime, start: datetime, hours: int) -> None:
    team = builders.make_team(timezone=zone)
    user = builders.make_user(team=team)
    end = start + timedelta(hours=hours)
    for at in (start - timedelta(seconds=1), start, end - timedelta(seconds=1), end):
        done(user, at)
    assert reports.make(team, now=now).data["yesterday"]["finished"] == 2


def test_one_report_a_local_day_told_once_to_leads_and_managers(team: Team, ann: User) -> None:
    lead, manager = builders.make_lead(team=team), builders.make_manager(team=team)
    builders.make_lead(team=team, is_active=False)
    team.timezone = "Pacific/Auckland"  # 21:00 on the Wednesday there
    team.save()
    first = reports.make(team, now=NOW)
    done(ann, NOW)
    assert reports.make(team, now=NOW + timedelta(hours=2)) == first
    builders.make_lead(team=team)
    assert reports.make(team, now=NOW + timedelta(hours=2)).data == first.data
    notices = Notification.objects.filter(kind=Notification.REPORT)
    assert sorted(notices.values_list("user", flat=True)) == sorted([lead.pk, manager.pk])
    assert set(notices.values_list("path", flat=True)) == {f"/team/reports/{first.pk}"}
    second = reports.make(team, now=NOW + timedelta(hours=3))
    assert (first.on.isoformat(), second.on.isoformat()) == ("2026-03-04", "2026-03-05")
    assert Notification.objects.filter(kind=Notification.REPORT).count() == 5


@pytest.mark.parametrize(
    ("count", "late", "english", "german"),
    [
        (
            1,
            1,
            "Yesterday 1 task was finished, late. "
            "Now: 1 of 1 person overloaded, 1 task overdue, 1 task waiting for somebody.",
            "Gestern wurde 1 Aufgabe abgeschlossen, verspätet. "
            "Jetzt: 1 von 1 Person überlastet, 1 Aufgabe überfällig, 1 Aufgabe wartet auf jemanden.",
        ),
        (
            1,
            0,
            "Yesterday 1 task was finished, not late. "
            "Now: 1 of 1 person overloaded, 1 task overdue, 1 task waiting for somebody.",
            "Gestern wurde 1 Aufgabe abgeschlossen, nicht verspätet. "
            "Jetzt: 1 von 1 Person überlastet, 1 Aufgabe überfällig, 1 Aufgabe wartet auf jemanden.",
        ),
        (
            2,
            1,
            "Yesterday 2 tasks were finished, 1 of them late. "
            "Now: 2 of 2 people overloaded, 2 tasks overdue, 2 tasks waiting for somebody.",
            "Gestern wurden 2 Aufgaben abgeschlossen, 1 davon verspätet. "
            "Jetzt: 2 von 2 Personen überlastet, 2 Aufgaben überfällig, 2 Aufgaben warten auf jemanden.",
        ),
    ],
)
def test_one_is_told_as_one_and_several_as_several(count: int, late: int, english: str, german: str) -> None:
    told = reports.summary(
        {
            "workload": {"overloaded_members": count, "total_team_members": count},
            "overdue": {"count": count},
            "waiting": {"count": count},
            "yesterday": {"finished": count, "late": late},
        }
    )
    assert told == english
    with translation.override("de"):
        assert speech.said(told) == german


def test_a_team_of_nobody_and_one_without_work_get_a_report(team: Team) -> None:
    nobody = reporting.make(team, now=NOW)
    builders.make_lead(team=(idle := builders.make_team()))
    without_work = reporting.make(idle, now=NOW)
    for report in (nobody, without_work):
        words = letters.text(report, base_url=BASE)
        assert "Nothing is overdue." in words
        assert "Nothing waits." in words
        assert "There is not enough data for scores yet." in words
        assert letters.html(report, base_url=BASE)
        assert tables.of_report(report)
        assert "No move is needed." in words


def test_what_is_overdue_is_listed_oldest_first_and_capped(team: Team, ann: User) -> None:
    for days in range(1, 24):
        builders.make_task(ann, title=f"Late by {days}", due_date=NOW - timedelta(days=days))
    builders.make_task(team=team, title="Nobody's", due_date=NOW - timedelta(days=40))
    late = reports.make(team, now=NOW).data["overdue"]
    assert (late["count"], len(late["tasks"])) == (24, 10)
    assert [(one["title"], one["name"], one["days"]) for one in late["tasks"][:2]] == [
        ("Nobody's", "", 40),
        ("Late by 23", "Ann", 23),
    ]
    rows = section(DailyReport.objects.get(), "overdue")
    assert (rows[0].who, rows[0].figure, rows[0].detail) == ("nobody", "40 days", "due Fri 23 Jan, 08:00")
    assert (rows[-1].what, rows[-1].figure) == ("And more", "14 tasks")


def test_what_waits_comes_with_why_nobody_has_it(team: Team, ann: User) -> None:
    rare = builders.make_skill(team=team, name="Welding")
    for _ in range(2):
        builders.make_task(team=team, title="Weld it", skills={rare: 3}, created_at=NOW)
    runs.run(team, now=NOW)
    builders.make_task(team=team, title="New", due_date=NOW + timedelta(days=9))
    report = reporting.make(team, now=NOW)
    assert report.data["waiting"]["codes"] == {"": 1, "NO_SKILLED_PERSON": 2}
    rows = section(report, "waiting")
    assert [(row.what, row.figure) for row in rows[:2]] == [
        ("Not looked at yet", "1 task"),
        ("Nobody has the skills", "2 tasks"),
    ]
    assert rows[2].detail == "not looked at yet"
    assert rows[3].detail == "nobody has the skills. Ann: Welding level 0 < 3"


def test_what_waits_for_another_task_says_for_which(team: Team, ann: User) -> None:
    first = builders.make_task(ann)
    second = builders.make_task(team=team)
    second.dependencies.create(waits_for=first)
    runs.run(team, now=NOW)
    assert [row.detail for row in section(reporting.make(team, now=NOW), "waiting")] == ["", f"waits on #{first.pk}"]


def test_the_load_with_moves_and_who_is_stuck(team: Team, ann: User) -> None:
    bob = builders.make_user(team=team, first_name="Bob")
    cid = builders.make_user(team=team, first_name="Cid")
    old = NOW - timedelta(days=20)
    builders.make_task(ann, title="Plan", estimated_hours=30, created_at=old)
    builders.make_task(ann, title="Call", estimated_hours=15, created_at=old)
    builders.make_task(cid, estimated_hours=50, pinned=True, created_at=old)
    builders.make_task(bob, estimated_hours=4)
    report = reporting.make(team, now=NOW)
    assert [one["name"] for one in report.data["overloaded"]] == ["Cid", "Ann"]
    assert [one["name"] for one in report.data["underutilized"]] == ["Bob"]
    (move,) = section(report, "suggestions")
    assert (move.what, move.who, move.figure) == ("Call", "Ann → Bob", "15 h")
    assert move.detail == "load 112.5 → 75 % and 10 → 47.5 %"
    assert move.suggestion_id == report.data["suggestions"][0]["id"]
    (stuck,) = section(report, "stuck")
    assert (stuck.who, stuck.detail) == ("Cid", "10 h over: no task may be moved (1 pinned)")


def test_where_nothing_may_move_no_move_would_help(team: Team, ann: User) -> None:
    builders.make_task(ann, estimated_hours=50, pinned=True)
    words = letters.text(reporting.make(team, now=NOW), base_url=BASE)
    assert "No move would help." in words
    assert "No move is needed." not in words


def test_of_very_many_moves_the_first_are_named(team: Team, ann: User) -> None:
    for _ in range(60):
        builders.make_task(ann, estimated_hours=2, created_at=NOW - timedelta(days=20))
    for _ in range(3):
        builders.make_user(team=team)
    builders.make_task(ann, estimated_hours=31, pinned=True)
    rows = section(reporting.make(team, now=NOW), "suggestions")
    assert len(rows) == 51
    assert (rows[-1].what, rows[-1].figure) == ("And more", "6 moves")


def test_what_was_reopened_since_is_not_finished(team: Team, ann: User) -> None:
    task = done(ann, NOW - timedelta(hours=20))
    lifecycle.set_status(task, Task.IN_PROGRESS, by=ann, now=NOW)
    assert reports.make(team, now=NOW).data["yesterday"]["finished"] == 0


def test_paused_rules_and_failed_jobs_stand_in_it(team: Team, ann: User) -> None:
    builders.make_rule(ann, name="Clicks", is_active=False, paused_reason="It ran 200 times in an hour.")
    builders.make_job(ann, state=Job.DEAD, error="No route")
    builders.make_job(builders.make_user(), state=Job.DEAD)
    report = reporting.make(team, now=NOW)
    (rule,) = section(report, "paused_rules")
    assert (rule.what, rule.detail) == ("Clicks", "It ran 200 times in an hour.")
    assert [(row.what, row.detail) for row in section(report, "failed_jobs")] == [
        ("Update user performance metrics", "No route")
    ]


def test_the_week_is_told_beside_the_week_before(team: Team, ann: User) -> None:
    midnight = datetime(2026, 3, 4, tzinfo=UTC)
    for days, due in ((1, 1), (7, -1), (8, 1), (14, None), (15, 1)):
        at = midnight - timedelta(days=days)
        done(ann, at, due_date=None if due is None else at + timedelta(hours=due))
    rows = section(reports.make(team, now=NOW), "week")
    assert [(row.figure, row.detail) for row in rows] == [
        ("2 tasks", "2 in the week before"),
        ("50 %", "100 % in the week before"),
    ]


@pytest.mark.parametrize(
    ("days", "earlier", "words"),
    [(7, 70, "+5 in a week"), (8, 78.5, "-3.5 in a week"), (7, 75, "as a week ago"), (6, 70, "")],
)
def test_the_average_is_told_beside_that_of_a_week_ago(
    team: Team, ann: User, days: int, earlier: float, words: str
) -> None:
    builders.make_score(ann, total=75, on=NOW.date(), details={})
    for before, average in ((0, 75), (days, earlier)):
        on = NOW.date() - timedelta(days=before)
        TeamScore.objects.create(team=team, on=on, average=average, people=1, computed_at=NOW)
    first = section(reports.make(team, now=NOW), "performance")[0]
    assert (first.what, first.figure, first.detail) == ("Average score", "75", words)


def test_queries_do_not_grow_with_team_and_work(team: Team) -> None:
    counts = []
    for day, size in enumerate((2, 12)):
        for _ in range(size):
            user = builders.make_user(team=team)
            done(user, NOW - timedelta(hours=20))
            builders.make_task(user, due_date=NOW - timedelta(days=3))
            builders.make_task(team=team)
            builders.make_score(user)
        with CaptureQueriesContext(connection) as queries:
            reports.make(team, now=NOW + timedelta(days=day))
        counts.append(len(queries))
    assert counts[1] <= counts[0]


def test_a_report_of_an_older_release_still_shows(team: Team) -> None:
    data = {
        "workload": {
            "total_team_members": 2,
            "total_capacity_hours": 80.0,
            "total_utilized_hours": 40.0,
            "utilization_rate": 50.0,
            "overloaded_members": 0,
            "available_capacity": 40.0,
        },
        "performance": {"team_average": None, "high_performers": [], "at_risk": [], "overloaded": []},
        "overdue_tasks": 1,
        "waiting_tasks": 2,
        "suggestions": [
            {"id": 1, "task_id": 2, "from_user_id": 3, "to_user_id": 4, "hours": 2.0, "loads": {}, "reason": "full"}
        ],
        "stuck": [],
    }
    report = DailyReport.objects.create(team=team, on=NOW.date(), data=data, created_at=NOW)
    words = letters.text(report, base_url=BASE)
    assert "Planned of this week: 50 %; 40 of 80 h" in words
    assert "Task 2 (3 → 4): 2 h; load no hours and no hours" in words
    assert letters.html(report, base_url=BASE)
    assert tables.of_report(report)


class Outside(HTMLParser):
    """What a document asks for from elsewhere, and what it is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "background", "srcset"):
                self.addresses.append(value or "")
            assert not name.startswith("on"), "no script"
            assert "url(" not in (value or "")


def test_the_mail_is_whole_and_needs_nothing_from_elsewhere(team: Team, ann: User) -> None:
    builders.make_task(ann, title="<script>alert(1)</script>", due_date=NOW - timedelta(days=1), estimated_hours=50)
    builders.make_task(ann, title="Safe & sound", estimated_hours=9, created_at=NOW - timedelta(days=20))
    builders.make_user(team=team)
    report = reporting.make(team, now=NOW)
    document = letters.html(report, base_url=f"{BASE}/")
    found = Outside(document)
    assert document.startswith("<!doctype html>")
    assert not {"script", "img", "link", "style", "iframe", "form"} & set(found.tags)
    assert all(address.startswith(f"{BASE}/") for address in found.addresses), found.addresses
    assert f"{BASE}/team/reports/{report.pk}#suggestions" in found.addresses
    assert "&lt;script&gt;" in document
    words = letters.text(report, base_url=BASE)
    assert "Safe & sound (Ann → " in words
    assert f"{BASE}/team/reports/{report.pk}" in words
    assert not re.search(r"<\w", words.replace("<script>", ""))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_no_cell_of_the_file_is_a_formula(team: Team, name: str) -> None:
    user = builders.make_user(team=team)
    User.objects.filter(pk=user.pk).update(first_name=name)
    Task.objects.filter(pk=done(user, NOW - timedelta(hours=20)).pk).update(title=name)
    builders.make_task(team=team, title=name, due_date=NOW - timedelta(days=1))
    text = tables.of_report(reports.make(team, now=NOW))
    assert text.startswith("\ufeffsection,what,who,value,unit,detail\r\n")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert {len(row) for row in rows} == {6}
    cells = [cell for row in rows for cell in row]
    assert any(cell.lstrip("'") == name for cell in cells)
    assert not [cell for cell in cells if cell.strip(" \n").startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_an_erased_contact_is_in_no_report(team: Team, ann: User) -> None:
    contact = builders.make_contact(ann, name="Grace Hopper", email="grace@navy.example")
    builders.make_task(ann, contact=contact, title="Call Grace Hopper", due_date=NOW - timedelta(days=2))
    builders.make_task(team=team, contact=contact, title="Write to grace@navy.example")
    report = reporting.make(team, now=NOW)
    count = report.data["overdue"]["count"]
    erase.erase(contact, by=None, now=NOW)
    report.refresh_from_db()
    kept = json.dumps(report.data)
    assert "Grace" not in kept
    assert "grace@" not in kept
    assert report.data["overdue"]["count"] == count
    assert "Grace" not in letters.html(report, base_url=BASE) + tables.of_report(report)


def test_the_job_makes_one_report_a_day(team: Team) -> None:
    first = tasks.generate_daily_reports(team.pk)
    assert tasks.generate_daily_reports(team.pk) == first
    assert DailyReport.objects.filter(team=team).count() == 1
