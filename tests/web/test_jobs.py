"""The jobs page: what is counted and how far, what is found, why one failed, and running many again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs import pulse
from jobs.models import Job, Worker, seen_by
from notifications.routing import SEND_JOB
from tests import builders
from tests.builders import NOW
from tests.web.conftest import Office
from tests.web.test_doing import note_of
from web import job_words

MINUTE = timedelta(minutes=1)


def make(office: Office, *, ago: int = 0, **fields: Any) -> Job:
    """A job of the member, due and made so many minutes before NOW."""
    at = NOW - ago * MINUTE
    times = {"created_at": at, "run_at": at, "send_at": at}
    return builders.make_job(office.member, **{**times, **fields})


@pytest.fixture
def queue(office: Office) -> Office:
    Job.objects.all().delete()
    make(office, ago=7)
    make(office, ago=3, retries=1)
    make(office, ago=-5)
    make(office, ago=1, started_at=NOW)
    make(office, ago=9, state=Job.DEAD)
    make(office, ago=2, state=Job.DONE, done_at=NOW - MINUTE)
    make(office, ago=200, state=Job.DONE, done_at=NOW - 100 * MINUTE)
    make(office, ago=12, key="cron:reminders:1", state=Job.DONE, done_at=NOW - 11 * MINUTE)
    builders.make_job(office.stranger, state=Job.DEAD)
    return office


def test_the_pulse_counts_what_one_sees(queue: Office) -> None:
    found = pulse.read(seen_by(queue.manager), now=NOW)
    assert (found.due, found.running, found.retrying, found.planned, found.dead, found.done) == (2, 1, 1, 1, 1, 2)
    assert (found.age, found.is_stuck) == (7 * MINUTE, True)
    assert (found.last_done_at, found.last_period_at) == (NOW - MINUTE, NOW - 12 * MINUTE)
    assert not found.clock_is_silent
    assert pulse.read(seen_by(queue.manager), now=NOW + 5 * MINUTE).clock_is_silent
    own = pulse.read(seen_by(queue.colleague), now=NOW)
    assert (own.due, own.dead, own.last_done_at) == (0, 0, NOW - MINUTE)


def test_counting_stops_at_its_bound(queue: Office, monkeypatch: Any) -> None:
    monkeypatch.setattr(pulse, "MOST", 2)
    for _ in range(6):
        make(queue)
    found = pulse.read(seen_by(queue.manager), now=NOW)
    assert found.due + found.running + found.planned <= 3


def test_no_count_reads_the_whole_table(queue: Office, browser_of: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        browser_of(queue.manager).get("/automations/jobs")
    asked = [one["sql"] for one in captured if 'FROM "jobs_job"' in one["sql"]]
    assert asked
    assert all("LIMIT" in sql and "COUNT(" not in sql for sql in asked)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("state=dead", 1),
        ("state=running", 1),
        ("state=pending", 3),
        ("state=done", 3),
        ("state=x", 8),
        ("name=nope", 0),
    ],
)
def test_the_address_narrows_what_is_listed(query: str, count: int, queue: Office, browser_of: Any) -> None:
    assert len(browser_of(queue.manager).get(f"/automations/jobs?{query}").context["jobs"]) == count


def test_all_that_failed_runs_again_or_those_of_one_name(queue: Office, browser_of: Any) -> None:
    other = make(queue, state=Job.DEAD, name="automation.tasks.assign_task")
    browser = browser_of(queue.manager)
    assert browser_of(queue.lead).post("/automations/jobs/retry").status_code == 403
    browser.post("/automations/jobs/retry", {"name": other.name})
    assert list(Job.objects.filter(state=Job.DEAD, team_id=queue.member.team_id)) != []
    assert Job.objects.get(pk=other.pk).state == Job.PENDING
    browser.post("/automations/jobs/retry")
    assert [job.team_id for job in Job.objects.filter(state=Job.DEAD)] == [queue.stranger.team_id]


def test_a_jobs_page_says_what_it_does_why_it_failed_and_what_it_sent(office: Office, browser_of: Any) -> None:
    delivery = builders.make_delivery(office.member)
    job = builders.make_job(
        office.member, state=Job.DEAD, name=SEND_JOB, args=[str(delivery.pk)], error="ConnectionRefusedError(111)"
    )
    html = browser_of(office.member).get(f"/automations/jobs/{job.pk}").content.decode()
    assert "Sends one notice outside." in html
    assert "could not be reached" in html
    assert delivery.notification.title in html
    assert browser_of(office.colleague).get(f"/automations/jobs/{job.pk}").status_code == 404


def test_every_job_of_ours_is_explained() -> None:
    from celery import current_app

    import automation.tasks  # noqa: F401 (registers them)
    from jobs.tasks import BellTask

    ours = {
        name.removeprefix(job_words.PREFIX)
        for name, task in current_app.tasks.items()
        if name.startswith(job_words.PREFIX) and not isinstance(task, BellTask)
    }
    assert ours == set(job_words.ABOUT)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("its process ended 5 times while running it", "more memory"),
        ("DoesNotExist('User matching query')", "changes nothing"),
        ("TimeoutError()", "in time"),
        ("SMTPAuthenticationError(535)", "mend the account"),
        ("OperationalError('database is locked')", "busy or away"),
        ("ZeroDivisionError('division by zero')", "Nobody foresaw"),
        ("", ""),
    ],
)
def test_what_an_error_means(error: str, words: str) -> None:
    assert words in str(job_words.cause(Job(error=error)))


def test_a_running_queue_is_said_in_words(office: Office, browser_of: Any) -> None:
    Job.objects.update(state=Job.DONE, done_at=datetime.now(UTC))
    html = browser_of(office.manager).get("/automations/jobs").content.decode()
    assert "Ready" in html
    assert "Nobody works" not in html


def test_a_job_that_waits_is_cancelled_and_taken_back_from_the_page(queue: Office, browser_of: Any) -> None:
    job = Job.objects.filter(state=Job.PENDING, started_at__isnull=True, run_at__gt=NOW).get()
    path, browser = f"/automations/jobs/{job.pk}", browser_of(queue.manager)
    assert f'action="{path}/cancel"' in browser.get(path).content.decode()
    assert f'action="{path}/cancel"' not in browser_of(queue.lead).get(path).content.decode()
    for who, status in ((queue.lead, 403), (queue.stranger, 404)):
        assert browser_of(who).post(f"{path}/cancel").status_code == status
    response = browser.post(f"{path}/cancel", follow=True)
    assert Job.objects.get(pk=job.pk).state == Job.REVOKED
    assert [one.pk for one in browser.get("/automations/jobs?state=cancelled").context["jobs"]] == [job.pk]
    assert pulse.read(seen_by(queue.manager), now=NOW).dead == 1, "it has not failed"
    assert browser.post(f"{path}/cancel", headers={"HX-Request": "true"}).status_code == 409
    html = browser.get(path).content.decode()
    assert "Cancelled" in html
    assert "Put back" in html
    note = note_of(response)
    browser.post("/undo", {"note": note})
    assert Job.objects.get(pk=job.pk).state == Job.PENDING
    assert "put back already" in browser.post("/undo", {"note": note}, follow=True).content.decode()


def test_a_cancelled_job_is_put_back_from_its_page(queue: Office, browser_of: Any) -> None:
    job = Job.objects.filter(state=Job.PENDING, started_at__isnull=True).first()
    assert job is not None
    browser = browser_of(queue.manager)
    for verb, state in (("cancel", Job.REVOKED), ("retry", Job.PENDING)):
        browser.post(f"/automations/jobs/{job.pk}/{verb}")
        assert Job.objects.get(pk=job.pk).state == state


def test_who_works_is_listed_with_its_lane_and_since_when(office: Office, browser_of: Any) -> None:
    now = datetime.now(UTC)
    fields = {"part": Worker.RUNNER, "place": "castle:7", "started_at": now - timedelta(hours=3)}
    Worker.objects.create(lane="webhooks", seen_at=now, **fields)
    Worker.objects.create(lane="", seen_at=now - timedelta(minutes=5), **fields)
    Worker.objects.create(lane="plans", seen_at=now - timedelta(hours=1), **fields)
    part = browser_of(office.manager).get("/automations/jobs").content.decode().partition('id="workers"')[2]
    assert [part.count(word) for word in ("Webhooks", "Alive", "Silent", "castle:7", "Plans and learning")] == [
        1, 1, 1, 2, 0,
    ]  # fmt: skip
    assert "castle" not in browser_of(office.member).get("/automations/jobs").content.decode()


@pytest.mark.parametrize(("minutes", "lane", "warned"), [(3, "", False), (30, "", True), (3, "plans", True)])
def test_who_has_just_been_started_is_not_called_silent(
    minutes: int, lane: str, warned: bool, office: Office, browser_of: Any
) -> None:
    """Nothing periodic comes due in the first minutes of an installation."""
    now = datetime.now(UTC)
    Job.objects.all().delete()
    Worker.objects.create(
        part=Worker.RUNNER, lane=lane, place="castle:7", started_at=now - minutes * MINUTE, seen_at=now
    )
    html = browser_of(office.manager).get("/automations/jobs").content.decode()
    assert ("Nothing periodic was started lately" in html) is warned
