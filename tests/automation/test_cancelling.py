"""Cancelling a job that waits: it does not run, what waited for it hears of it, and it can be put back."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from automation import cancelling
from jobs import hooks, queue, running
from jobs.models import Job
from notifications.models import Delivery, Notification
from notifications.routing import SEND_JOB
from people.models import Change
from tests import builders
from tests.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]

LATER = NOW + timedelta(days=400)
"""After any clock that runs while this is tested."""


def handler(*_args: Any) -> dict[str, bool]:
    return {"ran": True}


def waiting(**fields: Any) -> Job:
    return builders.make_job(builders.make_manager(), run_at=NOW, send_at=NOW, **fields)


def test_a_cancelled_job_does_not_run_and_one_that_was_put_back_does() -> None:
    job, boss = waiting(), builders.make_manager()
    assert cancelling.cancel(job, by=boss, now=NOW)
    assert not cancelling.cancel(job, by=boss, now=NOW)
    assert running.run(job.pk, handler, external=False) == {"skipped": "done, dead or not due"}
    assert (job.state, job.status, job.error) == (Job.REVOKED, "FAILURE", queue.CANCELLED)
    assert cancelling.put_back(job, by=boss, now=NOW)
    assert not cancelling.put_back(Job.objects.get(pk=job.pk), by=boss, now=NOW)
    assert running.run(job.pk, handler, external=False) == {"ran": True}
    lines = Change.objects.filter(kind="job", subject_id=str(job.pk)).order_by("pk")
    assert [(line.verb, line.actor) for line in lines] == [("cancelled", boss), ("put back", boss)]


def test_one_that_was_planned_for_later_is_put_back_for_then() -> None:
    job = waiting(retries=2)
    Job.objects.filter(pk=job.pk).update(run_at=LATER, send_at=LATER)
    cancelling.cancel(job, by=None, now=NOW)
    cancelling.put_back(job, by=None, now=NOW)
    job.refresh_from_db()
    assert (job.run_at, job.send_at, job.state, job.error, job.done_at, job.retries) == (
        LATER, LATER, Job.PENDING, "", None, 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    "fields", [{"started_at": NOW}, {"state": Job.DONE}, {"state": Job.DEAD}, {"state": Job.REVOKED}]
)
def test_what_runs_or_is_over_is_not_cancelled(fields: dict[str, Any]) -> None:
    job = waiting(**fields)
    assert not cancelling.cancel(job, by=None, now=NOW)
    assert Job.objects.get(pk=job.pk).state == fields.get("state", Job.PENDING)
    assert not Change.objects.exists()


def test_whoever_claims_it_first_runs_it() -> None:
    """The job is read as waiting, and is started before the cancelling comes to it."""
    job = waiting()
    seen = Job.objects.get(pk=job.pk)

    def cancelled_meanwhile(*_args: Any) -> dict[str, bool]:
        return {"cancelled": cancelling.cancel(seen, by=None, now=NOW)}

    assert running.run(job.pk, cancelled_meanwhile, external=False) == {"cancelled": False}
    assert Job.objects.get(pk=job.pk).state == Job.DONE


def test_what_it_was_to_send_has_failed_and_nobody_is_alarmed() -> None:
    delivery = builders.make_delivery(builders.make_manager(), state=Delivery.QUEUED)
    job = waiting(name=SEND_JOB, args=[str(delivery.pk)])
    cancelling.cancel(job, by=None, now=NOW)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (Delivery.FAILED, queue.CANCELLED)
    assert not Notification.objects.filter(kind=Notification.JOB_DEAD).exists()
    cancelling.put_back(job, by=None, now=NOW)
    delivery.refresh_from_db()
    assert delivery.state == Delivery.QUEUED


def test_a_cancelled_job_is_forgotten_with_those_that_are_done() -> None:
    old, young = waiting(created_at=NOW), waiting(created_at=NOW)
    cancelling.cancel(old, by=None, now=NOW)
    cancelling.cancel(young, by=None, now=NOW + timedelta(days=1))
    queue.prune(now=NOW + queue.KEEP_DONE + timedelta(minutes=1))
    assert set(Job.objects.filter(pk__in=[old.pk, young.pk]).values_list("pk", flat=True)) == {young.pk}


def test_a_program_that_waits_for_it_hears_that_it_failed() -> None:
    from celery_app import celery_app

    job = waiting()
    cancelling.cancel(job, by=None, now=NOW)
    result = celery_app.AsyncResult(str(job.pk))
    assert (result.status, str(result.result)) == ("FAILURE", queue.CANCELLED)
    assert celery_app.AsyncResult(str(uuid.uuid4())).status == "PENDING"


def test_whoever_ends_with_a_job_that_is_over_is_there_again_with_one_that_is_put_back() -> None:
    def rooms(callbacks: list[Any]) -> set[tuple[str, int]]:
        return {(one.__module__, id(getattr(one, "__self__", None))) for one in callbacks}

    assert rooms(hooks.over_callbacks) == rooms(hooks.again_callbacks)
