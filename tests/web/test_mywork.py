"""My work: groups, the week's hours, and completing by tick, panel and plain form."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from jobs.models import Job
from tests import builders
from tests.web.conftest import Office
from web import task_form
from work.models import Task

WEDNESDAY = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


def headings(html: str) -> list[str]:
    return [part.split("<")[0] for part in html.split('<section class="group"><h2>')[1:]]


def test_groups_follow_the_viewers_days(db: None, browser_of) -> None:
    """22:30 UTC is tomorrow in Berlin, and Auckland's Wednesday is over."""
    with time_machine.travel(WEDNESDAY, tick=False):
        user = builders.make_user(timezone="Europe/Berlin")
        for due, title in (
            (WEDNESDAY - timedelta(days=1), "late"),
            (WEDNESDAY + timedelta(hours=2), "soon"),
            (WEDNESDAY + timedelta(hours=12, minutes=30), "tomorrow in Berlin"),
            (WEDNESDAY + timedelta(days=3), "saturday"),
            (WEDNESDAY + timedelta(days=20), "far"),
            (None, "some day"),
        ):
            builders.make_task(user, title=title, due_date=due)
        browser = browser_of(user)
        today = browser.get("/").content.decode()
        upcoming = browser.get("/?view=upcoming").content.decode()
    assert headings(today) == ["Overdue", "Today", "Any time"]
    assert headings(upcoming) == ["Tomorrow", "This week", "Later"]
    assert "tomorrow in Berlin" in upcoming
    assert ">14:00<" in today, "12:00 UTC is two in the afternoon in Berlin"


def test_a_row_says_why_it_exists(office: Office, browser_of) -> None:
    builders.make_task(office.member, title="Mine")
    batch = builders.make_batch(office.member, tasks=1, contact=office.contact)
    html = browser_of(office.member).get("/").content.decode()
    assert "Clicked: call" in html
    assert "By hand" in html
    assert batch.name in html
    assert "Ana Ruiz · Lumen" in html


def test_the_plan_counts_the_weeks_hours(office: Office, browser_of) -> None:
    html = browser_of(office.member).get("/").content.decode()
    assert "1 h planned of your 40 h this week" in html


def test_tick_completes_without_a_page(office: Office, browser_of) -> None:
    response = browser_of(office.member).post(f"/tasks/{office.task.pk}/complete", headers=HTMX)
    html = response.content.decode()
    office.task.refresh_from_db()
    assert response.status_code == 200
    assert office.task.status == Task.DONE
    assert 'id="toasts"' in html
    for job in Job.objects.filter(user_id=office.member.pk, key__startswith="activity:"):
        assert f"/automations/jobs#job-{job.pk}" in html
    assert "work-changed" in response["HX-Trigger-After-Swap"]


def test_the_panel_completes_with_hours_and_notes(office: Office, browser_of) -> None:
    response = browser_of(office.member).post(
        f"/tasks/{office.task.pk}/complete",
        {"actual_hours": "1.5", "notes": "Wants an offer"},
        headers=HTMX | {"HX-Target": "peek"},
    )
    office.task.refresh_from_db()
    assert (office.task.actual_hours, office.task.notes) == (Decimal("1.5"), "Wants an offer")
    html = response.content.decode()
    assert "work-changed" in response["HX-Trigger-After-Swap"]
    assert "Wants an offer" in html


def test_completing_works_without_scripts(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    response = browser.post(f"/tasks/{office.task.pk}/complete", {"next": "/?view=upcoming"})
    assert (response.status_code, response["Location"]) == (302, "/?view=upcoming")
    assert "Completed: Call Ana" in browser.get("/").content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_one_is_never_sent_to_another_site(target: str, office: Office, browser_of) -> None:
    response = browser_of(office.member).post(f"/tasks/{office.task.pk}/complete", {"next": target})
    assert response["Location"] == f"/tasks/{office.task.pk}"


def test_a_done_task_is_refused_kindly(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    browser.post(f"/tasks/{office.task.pk}/complete")
    response = browser.post(f"/tasks/{office.task.pk}/complete", headers=HTMX)
    assert response.status_code == 409
    assert response["HX-Reswap"] == "none"
    assert "reopen it first" in response.content.decode()


def test_a_lead_cannot_complete_for_others(office: Office, browser_of) -> None:
    response = browser_of(office.lead).post(f"/tasks/{office.task.pk}/complete", headers=HTMX)
    assert response.status_code == 409
    office.task.refresh_from_db()
    assert office.task.is_open


@pytest.mark.parametrize("hours", ["-1", "many", "1e9", "NaN"])
def test_bad_hours_come_back_beside_the_field(hours: str, office: Office, browser_of) -> None:
    response = browser_of(office.member).post(f"/tasks/{office.task.pk}/complete", {"actual_hours": hours})
    assert response.status_code == 422
    assert 'class="wrong"' in response.content.decode()
    office.task.refresh_from_db()
    assert office.task.is_open


def test_polling_answers_nothing_until_something_changes(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    page = browser.get("/").content.decode()
    address = page.split('id="live"')[1].split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert browser.get(address, headers=HTMX).status_code == 204
    builders.make_task(office.member, title="Came in meanwhile")
    fragment = browser.get(address, headers=HTMX)
    assert fragment.status_code == 200
    assert "Came in meanwhile" in fragment.content.decode()
    assert "<html" not in fragment.content.decode()


def test_the_bell_answers_nothing_until_something_changes(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert browser.get("/bell?n=1", headers=HTMX).status_code == 204
    assert 'aria-label="Inbox, 1 unread"' in browser.get("/bell?n=0", headers=HTMX).content.decode()


def test_a_task_made_by_hand_is_ones_own_or_goes_to_the_queue(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    given = {"title": "Write the offer", "priority": "high", "who": "me", "due_date": "2026-06-17T15:00"}
    response = browser.post("/tasks/new", given)
    task = Task.objects.get(title="Write the offer")
    assert (response.status_code, response["Location"]) == (302, f"/tasks/{task.pk}")
    assert (task.assignee, task.owner, task.due_date) == (
        office.member,
        office.member,
        datetime(2026, 6, 17, 15, tzinfo=UTC),
    )
    foreign = builders.make_contact(office.stranger)
    refused = browser.post("/tasks/new", given | {"contact": foreign.pk})
    assert refused.status_code == 422


def test_who_is_not_listed_gets_a_task_from_their_page(office: Office, browser_of, monkeypatch) -> None:
    monkeypatch.setattr(task_form, "MOST_LISTED", 1)
    other, browser = builders.make_contact(office.member, name="Zoe Last"), browser_of(office.member)
    html = browser.get("/tasks/new").content.decode()
    assert "Zoe Last" not in html
    assert "Only the first 1 by name are listed; a contact&#x27;s own page makes tasks for it." in html
    assert "Zoe Last" in browser.get(f"/tasks/new?contact={other.pk}").content.decode()


def test_a_lead_says_which_skills_a_task_needs(office: Office, browser_of) -> None:
    """It goes to who has them; when nobody does, whoever made it hears so at once."""
    skill = builders.make_skill(office.colleague, level=4, name="Negotiation")
    browser = browser_of(office.lead)
    assert "Negotiation" in browser.get("/tasks/new").content.decode()
    given = {"title": "Haggle", "priority": "medium", "who": "queue", f"skill_{skill.pk}": "3"}
    assert browser.post("/tasks/new", given).status_code == 302
    task = Task.objects.get(title="Haggle")
    assert task.assignee == office.colleague
    assert [(need.skill, need.min_level) for need in task.skill_levels.all()] == [(skill, 3)]
    hard = browser.post("/tasks/new", given | {"title": "Haggle hard", f"skill_{skill.pk}": "5"}, follow=True)
    assert "Nobody in the team has Negotiation" in hard.content.decode()
    assert Task.objects.get(title="Haggle hard").assignee is None
    assert browser.post("/tasks/new", given | {f"skill_{skill.pk}": "9"}).status_code == 422


def test_a_manager_makes_a_task_for_somebody_else(office: Office, browser_of) -> None:
    given = {"title": "Prepare the fair", "priority": "medium", "who": str(office.colleague.pk)}
    assert browser_of(office.manager).post("/tasks/new", given).status_code == 302
    assert Task.objects.get(title="Prepare the fair").assignee == office.colleague
    for who in (office.lead, office.member):
        assert browser_of(who).post("/tasks/new", given).status_code == 422
    assert browser_of(office.manager).post("/tasks/new", given | {"who": office.stranger.pk}).status_code == 422


def test_unknown_tasks_answer_404(office: Office, browser_of) -> None:
    browser = browser_of(office.manager)
    assert browser.get("/tasks/999999").status_code == 404
    assert browser.post(f"/automations/jobs/{uuid.uuid4()}/retry").status_code == 404
