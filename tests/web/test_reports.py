"""The pages of the daily reports: what a lead sees, and moves applied and undone from there."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from assignment.models import Suggestion
from notifications.models import Notification
from people.models import User
from performance.models import DailyReport
from tests import builders
from tests.web.conftest import Office
from work.models import Task

pytestmark = pytest.mark.database

Browsers = Callable[..., Client]


@pytest.fixture
def report(office: Office) -> DailyReport:
    """One with a move: the member has 46 h, the colleague none."""
    for hours in (30, 8, 7):
        builders.make_task(office.member, title=f"Takes {hours} h", estimated_hours=hours)
    return builders.make_report(office.member.team)


def page(report: DailyReport, browser: Client) -> str:
    return browser.get(f"/team/reports/{report.pk}").content.decode()


def test_the_list_leads_to_the_reports_and_the_performance_page_to_the_list(
    office: Office, report: DailyReport, browser_of: Browsers
) -> None:
    lead = browser_of(office.lead)
    assert 'href="/team/reports"' in lead.get("/team/performance").content.decode()
    assert 'href="/team/reports"' not in browser_of(office.member).get("/team/performance").content.decode()
    assert f'href="/team/reports/{report.pk}"' in lead.get("/team/reports").content.decode()
    assert "No reports yet" in browser_of(office.stranger).get("/team/reports").content.decode()


def test_the_notice_leads_to_the_report(office: Office, report: DailyReport, browser_of: Browsers) -> None:
    notice = Notification.objects.get(user=office.lead, kind=Notification.REPORT)
    answer = browser_of(office.lead).post(f"/inbox/{notice.pk}/open")
    assert answer["Location"] == f"/team/reports/{report.pk}"


def test_a_report_shows_its_parts_with_links(office: Office, report: DailyReport, browser_of: Browsers) -> None:
    html = page(report, browser_of(office.lead))
    assert f'href="/tasks/{office.task.pk}"' in html
    assert "Maya Chen" in html
    assert "Nothing waits." in html
    assert f'href="/team/reports/{report.pk}/csv"' in html
    assert "Apply</button>" not in html, "a lead moves nobody's work"


def test_a_manager_applies_a_move_and_takes_it_back(office: Office, report: DailyReport, browser_of: Browsers) -> None:
    manager = browser_of(office.manager)
    (move,) = Suggestion.objects.standing()
    path = f"/team/reports/{report.pk}/moves/{move.pk}"
    assert f'action="{path}/apply"' in page(report, manager)
    assert manager.post(f"{path}/apply")["Location"] == f"/team/reports/{report.pk}"
    assert Task.objects.get(pk=move.task_id).assignee_id == move.to_user_id
    html = page(report, manager)
    assert "The task was moved." in html
    assert f'action="{path}/undo"' in html
    manager.post(f"{path}/apply")
    assert "This suggestion is applied already" in page(report, manager)
    manager.post(f"{path}/undo")
    assert Task.objects.get(pk=move.task_id).assignee == office.member
    assert "Moved back" in page(report, manager)


def test_all_are_applied_at_once_and_what_no_longer_fits_says_why(office: Office, browser_of: Browsers) -> None:
    for _ in range(8):
        builders.make_task(office.member, estimated_hours=8)
    report = builders.make_report(office.member.team)
    moves = list(Suggestion.objects.standing())
    assert len(moves) > 1
    Task.objects.filter(pk=moves[0].task_id).update(pinned=True)
    manager = browser_of(office.manager)
    assert "Apply all" in page(report, manager)
    manager.post(f"/team/reports/{report.pk}/apply")
    html = page(report, manager)
    assert "(pinned)" in html
    assert Suggestion.objects.filter(state=Suggestion.APPLIED).count() == len(moves) - 1


@pytest.mark.parametrize("words", ["apply", "moves/{move}/apply", "moves/{move}/undo"])
def test_only_managers_of_the_team_move_work(
    office: Office, report: DailyReport, browser_of: Browsers, words: str
) -> None:
    (move,) = Suggestion.objects.standing()
    path = f"/team/reports/{report.pk}/{words.format(move=move.pk)}"
    for person, status in ((office.member, 403), (office.lead, 403), (office.stranger, 404)):
        assert browser_of(person).post(path).status_code == status
    assert browser_of(office.manager).get(path).status_code == 405
    assert Suggestion.objects.standing().count() == 1


def test_one_finds_the_days_before_and_after(office: Office, report: DailyReport, browser_of: Browsers) -> None:
    later = builders.make_report(office.member.team, now=report.created_at + timedelta(days=2))
    lead = browser_of(office.lead)
    assert f'href="/team/reports/{later.pk}"' in page(report, lead)
    assert f'href="/team/reports/{report.pk}"' in page(later, lead)


def test_a_report_of_an_older_release_still_shows(office: Office, browser_of: Browsers) -> None:
    data = {
        "workload": {
            "total_team_members": 2,
            "total_capacity_hours": 80.0,
            "total_utilized_hours": 40.0,
            "utilization_rate": 50.0,
            "overloaded_members": 0,
            "available_capacity": 40.0,
        },
        "performance": {"team_average": None, "high_performers": [], "at_risk": []},
        "overdue_tasks": 1,
        "waiting_tasks": 2,
    }
    old = DailyReport.objects.create(
        team=office.member.team, on=builders.NOW.date(), data=data, created_at=builders.NOW
    )
    assert "40 of 80 h" in page(old, browser_of(office.lead))


def test_the_file_and_the_mail_of_a_report_speak_the_viewers_language(
    office: Office, report: DailyReport, browser_of: Browsers
) -> None:
    """What a program would read in the file is the same: figures, and what people wrote."""
    lead = browser_of(office.lead)
    paths = (f"/team/reports/{report.pk}/csv", f"/team/reports/{report.pk}/mail", f"/api/reports/{report.pk}/csv")
    english, mail, told = (lead.get(path).content.decode() for path in paths)
    assert english == told, "in English the heads are those of the API"
    User.objects.filter(pk=office.lead.pk).update(language="de")
    german = lead.get(paths[0]).content.decode()
    assert lead.get(paths[2]).content.decode() == told
    assert 'lang="de"' in lead.get(paths[1]).content.decode()
    assert 'lang="en"' in mail
    ours, theirs = (
        list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))) for text in (german, english)
    )
    assert ours[0] == ["Abschnitt", "Was", "Wer", "Wert", "Einheit", "Näheres"]
    assert [row[3] for row in ours[1:]] == [row[3] for row in theirs[1:]]
    assert {row[4] for row in ours[1:]} >= {"Aufgaben", "h", "%"}
    assert {"Call Ana", "Maya Chen"} <= {cell for row in ours for cell in row}
    assert not {row[0] for row in ours} & {row[0] for row in theirs}


@pytest.mark.parametrize("page", ["csv", "mail"])
def test_the_files_of_a_report_are_for_leads_of_its_team(
    office: Office, report: DailyReport, browser_of: Browsers, page: str
) -> None:
    for person, status in ((office.member, 403), (office.lead, 200), (office.stranger, 404)):
        assert browser_of(person).get(f"/team/reports/{report.pk}/{page}").status_code == status
