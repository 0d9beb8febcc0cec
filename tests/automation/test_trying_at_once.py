"""Delays that are tried, by several at once: nobody waits for somebody who waits for them."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction

from automation import experimenting
from automation.models import TaskAutomationRule
from learning import arms
from learning.arms import Arms
from learning.models import ExperimentContact
from tests import builders
from tests.processes import until

NOW = datetime(2026, 6, 17, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_who_draws_contacts_and_counts_for_the_rule_waits_for_no_look() -> None:
    """A batch of events keeps what it drew, then counts in the rule; a look finds the same contacts meanwhile."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one write at a time")
    rule = builders.make_rule()
    row = experimenting.optimise(rule, delays_hours=[24, 72], by=None, now=NOW)
    contacts = [builders.make_contact(rule.owner) for _ in range(4)]
    for contact in contacts:
        builders.make_firing(rule, contact=contact, at=NOW, occurred_at=NOW)
    told: list[dict[str, str]] = []

    def look() -> None:
        try:
            told.append(experimenting.look(rule.team, now=NOW + DAY))
        finally:
            connections.close_all()

    thread, drawing = threading.Thread(target=look), Arms()
    with transaction.atomic():
        arms.keep(drawing.of(row, contact.pk, at=NOW) for contact in reversed(contacts))
        thread.start()
        until(_somebody_waits, why="it did not come to the lock")
        TaskAutomationRule.objects.filter(pk=rule.pk).update(times_triggered=4)
    thread.join()
    assert told == [{str(row.pk): "optimising"}]
    assert ExperimentContact.objects.count() == 4


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone() is not None
