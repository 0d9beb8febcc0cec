"""The simulation against the engine: what a backtest forecasts is what living through the same ledger makes."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from automation import activation, waiting
from automation.models import Firing, TaskAutomationRule
from automation.simulation import dry_run
from automation.simulation.backtest import Backtest, backtest
from automation.simulation.trial import PAUSED
from crm.models import Activity
from jobs.models import Job
from tests.oracle import driver, histories, runs
from tests.oracle.amounts import cases
from tests.oracle.clock import first_known
from tests.oracle.ledgers import DAYS, arrivals, ledgers
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@given(ledgers(), st.sampled_from([timedelta(minutes=30), timedelta(hours=1), timedelta(hours=24)]))
@settings(max_examples=cases(40, rows=True))
def test_what_a_backtest_forecasts_is_what_a_replay_creates(ledger: histories.History, done_after: timedelta) -> None:
    start, end = ledger.start, ledger.start + DAYS
    with transaction.atomic():
        recorded = driver.Product(ledger)
        for at, fields in arrivals(ledger):
            recorded.record(at, **fields, processed_at=at)
        forecast = backtest(recorded.rules[0], start=start, end=end, done_after=done_after)
        again = backtest(recorded.rules[0], start=start, end=end, done_after=done_after)
        told, told_again = _told(recorded, forecast), _told(recorded, again)
        assert not Firing.objects.filter(rule=recorded.rules[0]).exists()
        lived = driver.Product(ledger)
        _live(ledger, lived, done_after, end)
        made = _made(lived)
        transaction.set_rollback(True)
    assert told == told_again
    assert Counter(told) == Counter(made), _difference(told, made)


@given(ledgers(kinds=("activity", "activity", "time", "inactivity")))
@settings(max_examples=cases(20, rows=True))
def test_a_dry_run_counts_what_applying_creates(ledger: histories.History) -> None:
    now = ledger.start + DAYS
    with transaction.atomic():
        product = driver.Product(ledger)
        rule = product.rules[0]
        off = {"is_active": False, "seen_active": False, "off_since": ledger.start, "active_since": None}
        TaskAutomationRule.objects.filter(pk=rule.pk).update(**off)
        rule.refresh_from_db()
        for at, fields in arrivals(ledger):
            product.record(at, **fields)
        product.drain(now)
        tried = dry_run.dry_run(rule, now=now)
        done = activation.activate(rule, now=now, apply_to_current=True)
        job = Job.objects.get(pk=done.job_id)
        applied = activation.apply(job.args[0], datetime.fromisoformat(job.args[1]), job.args[2], now=now)
        found = Counter(Firing.objects.filter(rule=rule).values_list("outcome", flat=True))
        transaction.set_rollback(True)
    assert done.preview.counts == tried.counts
    assert applied["created"] == found["fired"] == tried.counts["create"]
    assert found["suppressed"] == tried.counts["suppressed"] - tried.reasons[PAUSED], "one that is off leaves no row"
    assert found["waiting"] == tried.counts["waiting"]


def _live(ledger: histories.History, product: driver.Product, done_after: timedelta, end: datetime) -> None:
    """The same ledger as it arrives: every instant is looked at when it comes, each task done so long after it."""
    moment = timedelta(microseconds=1)
    product.sweep(ledger.start - moment)
    come = arrivals(ledger)
    for now in sorted({at for at, _ in come} | _instants(ledger, end)):
        _until(product, now, done_after)
        product.sweep(now)
        for at, fields in come:
            if at == now:
                product.record(at, **fields)
                product.drain(now)
    _until(product, end, done_after)


def _until(product: driver.Product, until: datetime, done_after: timedelta) -> None:
    """What is done and what waits, each at its instant."""
    while True:
        tasks = [task for task in product.tasks() if task.status == Task.TODO]
        waits = Firing.objects.filter(rule=product.rules[0], outcome=Firing.WAITING).values_list("due_at", flat=True)
        now = min([*(task.created_at + done_after for task in tasks), *waits], default=until)
        if now > until or not (tasks or waits):
            return
        for place, task in enumerate(product.tasks()):
            if task.status == Task.TODO and task.created_at + done_after <= now:
                product.finish(now, place, done=True)
        waiting.run_due(product.team.pk, now=now)
        if now == until and not [task for task in tasks if task.created_at + done_after <= now] and not waits:
            return


def _instants(ledger: histories.History, end: datetime) -> set[datetime]:
    """When the clock itself brings something: the runs of a rule on time, silences complete."""
    rule = ledger.rules[0]
    if rule["trigger_type"] == "time":
        zone = first_known(ledger.people[rule["owner"]]["timezone"], ledger.team["timezone"])
        found = runs.between(rule["trigger_config"], ledger.start, end, zone=zone, anchor=ledger.start)
        return {run for run in found if run < end}
    if rule["trigger_type"] == "inactivity":
        silence = timedelta(hours=rule["trigger_config"]["hours"])
        return {at + silence for at in (ledger.start, *(at for at, _ in arrivals(ledger))) if at + silence < end}
    return set()


def _told(product: driver.Product, forecast: Backtest) -> list[Any]:
    names = _names(product)
    return [
        names(one.event.key, "fired" if one.draft else one.outcome, one.reason, one.at, one.draft)
        for one in forecast.results
        if one.outcome in ("create", "suppressed", "failed") and one.reason != PAUSED
    ]


def _made(product: driver.Product) -> list[Any]:
    names = _names(product)
    firings = Firing.objects.filter(rule=product.rules[0]).exclude(outcome=Firing.WAITING)
    return [
        names(one.trigger_key, one.outcome, one.reason, one.at, one.task)
        for one in firings.select_related("task__owner")
    ]


def _names(product: driver.Product) -> Callable[..., tuple[Any, ...]]:
    """Says what became of an event without the ids of a database; `made` is the task, or what it would be."""
    labels = _labels(product)

    def named(key: str, outcome: str, reason: str, at: datetime, made: Any) -> tuple[Any, ...]:
        label = labels.get(key) or _clocked(product, key)
        if made is None:
            return label, outcome, driver.word(reason)
        return label, outcome, at, made.title, made.due_date, product.people.index(made.owner)

    return named


def _labels(product: driver.Product) -> dict[str, str]:
    ids = Activity.objects.filter(team=product.team).exclude(activity_type__startswith="task_").order_by("pk")
    return {f"activity:{pk}": f"activity {place}" for place, pk in enumerate(ids.values_list("pk", flat=True))}


def _clocked(product: driver.Product, key: str) -> str:
    """The key of an instant, with the contact by its place."""
    for place, contact in enumerate(product.contacts):
        key = key.replace(f":contact:{contact.pk}:", f" for contact {place} at ")
    return key


def _difference(told: list[Any], made: list[Any]) -> str:
    more, less = Counter(told) - Counter(made), Counter(made) - Counter(told)
    return "\n".join([*(f"  forecast {one}" for one in more), *(f"  made     {one}" for one in less)])
