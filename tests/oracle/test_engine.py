"""The engine against the oracle: whatever happens, in whatever order, each makes the same of it."""

import copy
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings

from automation import engine, rules, silence, timers
from crm.models import Activity
from tests import builders
from tests.oracle import driver, histories
from tests.oracle.amounts import cases
from tests.oracle.interpreter import Interpreter

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def hold(history: histories.History) -> None:
    """Both through the same history; nothing is kept of it."""
    oracle = Interpreter(history.team, history.people, history.rules, copy.deepcopy(history.contacts), history.start)
    with transaction.atomic():
        found, wanted = driver.play(history, driver.Product(history), oracle)
        transaction.set_rollback(True)
    for name in wanted:
        assert found[name] == wanted[name], driver.told(name, found, wanted)


@given(histories.histories())
@settings(max_examples=cases(160, rows=True))
def test_what_happens_to_contacts(history: histories.History) -> None:
    hold(history)


@given(histories.histories(kinds=histories.CLOCKED, verbs=histories.CLOCK_VERBS, most=10))
@settings(max_examples=cases(70, rows=True))
def test_what_the_clock_brings(history: histories.History) -> None:
    hold(history)


@given(histories.chains())
@settings(max_examples=cases(12, rows=True))
def test_rules_that_set_each_other_off(history: histories.History) -> None:
    hold(history)


@given(histories.rushes())
@settings(max_examples=cases(25, rows=True))
def test_rules_that_make_too_much(history: histories.History) -> None:
    hold(history)


@given(histories.crowds())
@settings(max_examples=cases(80, rows=True))
def test_rules_with_more_to_do_than_they_may(history: histories.History) -> None:
    hold(history)


def test_what_happened_in_any_stretch_of_being_off_never_fires() -> None:
    """Switched off and on twice: what comes late may be of either stretch, or have come in one and wait since."""
    owner, at, hour = builders.make_manager(), datetime(2026, 6, 17, 10, tzinfo=UTC), timedelta(hours=1)
    rule = builders.make_rule(owner, repeat_policy="every_time", created_at=at)
    for number in range(1, 5):
        rules.update(rule, now=at + number * hour, is_active=number % 2 == 0)
    for number in range(5):
        happened = at + (number + 0.5) * hour
        contact = builders.make_contact(owner)
        kind = Activity.EMAIL_CLICKED
        builders.make_activity(contact, activity_type=kind, occurred_at=happened, received_at=at + 6 * hour)
    builders.make_activity(contact, activity_type=kind, occurred_at=at, received_at=at + 1.5 * hour)
    engine.drain(owner.team_id, now=at + 6 * hour)
    fired = [(one.occurred_at - at) / hour for one in rule.firings.order_by("occurred_at")]
    assert fired == [0.5, 2.5, 4.5]


def test_a_window_is_over_when_its_last_second_is() -> None:
    owner, at = builders.make_manager(), datetime(2026, 6, 17, 10, tzinfo=UTC)
    rule = builders.make_rule(owner, repeat_policy="once_per_window", repeat_window_hours=1)
    contact = builders.make_contact(owner)
    for seconds in (0, 3599, 3600, 7199, 7200):
        when = at + timedelta(seconds=seconds)
        builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED, occurred_at=when, received_at=when)
    engine.drain(owner.team_id, now=at + timedelta(hours=2))
    fired = rule.firings.filter(outcome="fired").order_by("occurred_at")
    assert [(one.occurred_at - at).total_seconds() for one in fired] == [0, 3600, 7200]


def test_the_hour_of_an_event_is_read_on_the_owners_clock_when_the_contact_has_none() -> None:
    """Zone order: contact, owner, team. It is ten in the evening in Berlin and past nine in the morning in Auckland."""
    owner = builders.make_manager(team=builders.make_team(timezone="Europe/Berlin"), timezone="Pacific/Auckland")
    rule = builders.make_rule(owner, condition="activity.hour >= 9 && activity.hour < 17")
    at = datetime(2026, 6, 17, 21, 30, tzinfo=UTC)
    builders.make_activity(
        builders.make_contact(owner), activity_type=Activity.EMAIL_CLICKED, occurred_at=at, received_at=at
    )
    engine.drain(owner.team_id, now=at)
    assert rule.firings.count() == 1


def test_a_sign_of_life_begins_the_shorter_silence_anew_while_a_longer_one_is_watched() -> None:
    owner, at, hour = builders.make_manager(), datetime(2026, 6, 17, 10, tzinfo=UTC), timedelta(hours=1)
    made = {"trigger_type": "inactivity", "repeat_policy": "every_time", "created_at": at}
    short, _ = (builders.make_rule(owner, trigger_config={"hours": hours}, **made) for hours in (1, 36))
    contact = builders.make_contact(owner, created_at=at)
    timers.run_due(owner.team_id, now=at)
    silence.run_due(owner.team_id, now=at + hour)
    for hours in (5, 4):  # the older one comes later, in the same batch
        when = at + hours * hour
        builders.make_activity(contact, occurred_at=when, received_at=at + 5 * hour)
    engine.drain(owner.team_id, now=at + 5 * hour)
    contact.refresh_from_db()
    assert contact.last_activity_at == at + 5 * hour
    silence.run_due(owner.team_id, now=at + 6 * hour)
    assert [one.occurred_at - at for one in short.firings.order_by("occurred_at")] == [hour, 6 * hour]


def test_a_silence_begins_with_the_contact_when_only_older_signs_are_imported() -> None:
    """As a backtest has it: what the engine finds is one hour after the contact was made, not before it."""
    owner = builders.make_manager()
    at = datetime(2026, 6, 17, 10, tzinfo=UTC)
    rule = builders.make_rule(owner, trigger_type="inactivity", trigger_config={"hours": 1}, created_at=at)
    contact = builders.make_contact(owner, created_at=at)
    timers.run_due(owner.team_id, now=at)
    builders.make_activity(contact, occurred_at=at - timedelta(days=1), received_at=at)
    engine.drain(owner.team_id, now=at)
    silence.run_due(owner.team_id, now=at)
    silence.run_due(owner.team_id, now=at + timedelta(hours=1))
    assert [one.occurred_at for one in rule.firings.all()] == [at + timedelta(hours=1)]
