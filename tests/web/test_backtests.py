"""A backtest that takes longer than somebody waits: a job that one may leave, and whose answer is found again."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from automation import backtests, rules
from automation.models import Backtest
from automation.simulation import backtest as replaying
from crm import erase
from jobs import queue, runner
from jobs.models import Job
from tests import builders
from tests.web.conftest import Office
from tests.web.test_rule_pages import ROWS, clicked, html_of
from tests.web.test_rules import FIRST, HTMX
from web import backtests as pages

BASE = "/automations/task-scheduling"


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "AT_ONCE_SECONDS", -1.0)


def span() -> str:
    today = datetime.now(UTC).date()
    return f"start={today - timedelta(days=7)}&end={today}"


def asked(office: Office, browser: Client) -> Backtest:
    answer = browser.get(f"{BASE}/{office.rule.pk}/backtest?{span()}")
    row = Backtest.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"/automations/task-scheduling/backtests/{row.pk}"
    return row


def test_it_is_left_and_found_again_with_its_answer(office: Office, browser_of) -> None:
    contact = builders.make_contact(office.member, name="Ada Lang")
    clicked(contact, hours=30)
    browser = browser_of(office.member)
    row = asked(office, browser)
    path = f"/automations/task-scheduling/backtests/{row.pk}"
    waiting = html_of(browser.get(path))
    assert "0 % of the events are behind" in waiting
    assert "data-poll" in waiting
    runner.run_due()
    told = browser.get(path)
    assert told.context["told"]["created"] == 1
    assert "Ada Lang" in html_of(told)
    assert '<svg class="load-chart"' in html_of(told)
    assert path in html_of(browser.get(f"{BASE}/{office.rule.pk}/backtest"))
    assert "Ada" not in str(Backtest.objects.values_list("told", flat=True))
    same = replaying.backtest(office.rule, start=row.start, end=row.end)
    assert len(same.created) == told.context["told"]["created"]


def test_asked_twice_it_is_replayed_once(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    first = asked(office, browser)
    assert asked(office, browser) == first
    moved = browser.get(f"{BASE}/{office.rule.pk}/backtest?{span()}", headers=HTMX)
    assert moved["HX-Redirect"] == f"/automations/task-scheduling/backtests/{first.pk}"
    assert Job.objects.filter(name=backtests.JOB).count() == 1


def test_unsaved_changes_are_replayed_as_they_were_sent(office: Office, browser_of) -> None:
    clicked(builders.make_contact(office.member, lead_score=5), hours=30)
    browser = browser_of(office.member)
    assert browser.post(f"{BASE}/{office.rule.pk}/backtest", FIRST | ROWS).status_code == 302
    rules.update(office.rule, task_title_template="Something else", now=timezone.now())
    runner.run_due()
    told = browser.get(f"/automations/task-scheduling/backtests/{Backtest.objects.get().pk}")
    assert told.context["told"]["difference"]["created"] == -1
    assert "changes that were not saved then" in html_of(told)


def test_it_is_nobody_elses(office: Office, browser_of) -> None:
    row = asked(office, browser_of(office.member))
    for other in (office.manager, office.colleague):
        assert browser_of(other).get(f"/automations/task-scheduling/backtests/{row.pk}").status_code == 404
        assert browser_of(other).post(f"/automations/task-scheduling/backtests/{row.pk}/stop").status_code == 404
    assert browser_of(office.member).get(f"/automations/task-scheduling/backtests/{uuid.uuid4()}").status_code == 404
    assert Backtest.objects.filter(pk=row.pk).exists()


def test_stopped_it_is_gone_and_its_job_does_nothing(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    row = asked(office, browser)
    answer = browser.post(f"/automations/task-scheduling/backtests/{row.pk}/stop")
    assert answer["Location"] == f"{BASE}/{office.rule.pk}/backtest"
    runner.run_due()
    assert Job.objects.get(pk=row.job_id).result == {"skipped": "nobody waits for it any more"}


def test_stopped_while_it_runs_it_ends_within_a_second(
    office: Office, browser_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    clicked(builders.make_contact(office.member), hours=30)
    row = asked(office, browser_of(office.member))
    monkeypatch.setattr(backtests, "SAID_EVERY_SECONDS", 0.0)
    whole = replaying.in_order

    def meanwhile(*args, **kwargs):
        found = whole(*args, **kwargs)
        backtests.stop(Backtest.objects.get(pk=row.pk))
        return found

    monkeypatch.setattr(replaying, "in_order", meanwhile)
    assert backtests.replay(row.pk) == {"skipped": "nobody waits for it any more"}
    assert not Backtest.objects.exists()


def test_what_takes_too_long_even_for_a_job_says_what_to_do(
    office: Office, browser_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    clicked(builders.make_contact(office.member), hours=30)
    browser = browser_of(office.member)
    row = asked(office, browser)
    monkeypatch.setattr(backtests, "MOST_SECONDS", -1)
    runner.run_due()
    assert "choose fewer days" in html_of(browser.get(f"/automations/task-scheduling/backtests/{row.pk}"))


def test_one_whose_job_was_cancelled_says_so_and_is_asked_for_anew(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    row = asked(office, browser)
    queue.cancel(Job.objects.get(pk=row.job_id), now=timezone.now())
    assert "stopped before its end" in html_of(browser.get(f"/automations/task-scheduling/backtests/{row.pk}"))
    browser.get(f"{BASE}/{office.rule.pk}/backtest?{span()}")
    assert Backtest.objects.count() == 2


def test_they_are_kept_for_a_week_and_not_past_an_erasing(office: Office, browser_of) -> None:
    asked(office, browser_of(office.member))
    now = timezone.now()
    assert backtests.prune(now=now + backtests.KEEP - timedelta(minutes=1)) == 0
    erase.erase(office.contact, by=office.manager, now=now)
    assert not Backtest.objects.exists()
    asked(office, browser_of(office.member))
    assert backtests.prune(now=now + backtests.KEEP + timedelta(minutes=1)) == 1


def test_a_program_that_waits_too_long_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    clicked(builders.make_contact(office.member), hours=30)
    monkeypatch.setattr("api.rule_trials.MOST_SECONDS", -1.0)
    token = builders.make_token(office.manager)
    body = {"start": "2026-01-01T00:00:00Z", "end": timezone.now().isoformat()}
    answer = Client().post(
        f"/api/task-automation/rules/{office.rule.pk}/backtest",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 422
    assert "choose fewer days" in answer.content.decode()
