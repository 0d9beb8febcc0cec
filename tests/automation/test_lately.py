"""A rule tried on the last day and on an event that did not happen: what the form shows beside it."""

from datetime import timedelta

import pytest

from automation.models import Firing, TaskAutomationRule
from automation.rules import BadRule
from automation.simulation import lately
from crm.models import Activity
from tests import builders
from tests.builders import NOW
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

KINDS = {
    "activity": {"activity_types": ["email_clicked"]},
    "status_change": {"to_status": "active"},
    "cadence": {},
    "time": {"every": {"days": 1, "at": "09:00"}, "audience": "contacts"},
    "overdue": {"what": "task"},
    "inactivity": {"days": 30},
    "task_completed": {},
}


def draft(user, **fields) -> TaskAutomationRule:
    """A rule that nobody saved."""
    fields = {"trigger_type": "activity", "trigger_config": KINDS["activity"], **fields}
    return TaskAutomationRule(
        owner=user, team=user.team, name="x", task_title_template="Call {{contact_name}}", **fields
    )


def clicks(contact, *hours: float) -> None:
    for ago in hours:
        at = NOW - timedelta(hours=ago)
        builders.make_activity(contact, activity_type="email_clicked", occurred_at=at, received_at=at)


def test_the_last_day_is_that_and_no_more() -> None:
    user = builders.make_manager()
    clicks(builders.make_contact(user, name="Ana"), 1)
    clicks(builders.make_contact(user, name="Ben"), 24)
    clicks(builders.make_contact(user, name="Old"), 24.01)
    found = lately.last_day(draft(user), now=NOW, most=10)
    assert sorted(one.event.contact.name for one in found.samples["create"]) == ["Ana", "Ben"]
    assert (found.examined, found.cut_off) == (2, False)


def test_what_it_would_have_made_counts_against_what_comes_after() -> None:
    user = builders.make_manager()
    clicks(builders.make_contact(user, lead_score=90), 3, 2, 1)
    clicks(builders.make_contact(user, lead_score=10), 1)
    found = lately.last_day(draft(user, condition="contact.lead_score > 50"), now=NOW, most=10)
    assert dict(found.counts) == {"create": 1, "suppressed": 2, "no_match": 1}


def test_a_long_day_is_cut_off_and_says_so() -> None:
    user = builders.make_manager()
    for _ in range(4):
        clicks(builders.make_contact(user), 1)
    found = lately.last_day(draft(user), now=NOW, most=3)
    assert (found.examined, found.cut_off) == (3, True)


def test_a_change_that_waits_to_settle_is_told_once_it_has() -> None:
    user = builders.make_manager()
    contact, at = builders.make_contact(user, status="active"), NOW - timedelta(hours=2)
    data = {"old_status": "lead", "new_status": "active"}
    builders.make_activity(contact, activity_type="status_changed", occurred_at=at, received_at=at, data=data)
    rule = draft(user, trigger_type="status_change", trigger_config={"to_status": "active"}, settle_seconds=600)
    assert lately.last_day(rule, now=NOW, most=10).counts["create"] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("saved", [True, False], ids=["saved", "new"])
def test_an_example_of_each_kind_starts_the_rule_and_writes_nothing(kind: str, saved: bool) -> None:
    user = builders.make_manager()
    contact = builders.make_contact(user, status="active", contact_cadence="weekly")
    builders.make_task(user, contact=contact, due_date=NOW - timedelta(hours=1))
    fields = {"trigger_type": kind, "trigger_config": KINDS[kind]}
    rule = builders.make_rule(user, **fields) if saved else draft(user, **fields)
    before = (Activity.objects.count(), Task.objects.count(), Firing.objects.count())
    found = lately.example(rule, contact, now=NOW)
    assert dict(found.counts) == {"create": 1}, found.reasons
    assert (Activity.objects.count(), Task.objects.count(), Firing.objects.count()) == before


def test_an_example_is_judged_against_what_the_rule_has_really_done() -> None:
    user = builders.make_manager()
    contact = builders.make_contact(user)
    rule = builders.make_rule(user)
    builders.make_firing(rule, task=builders.make_task(user, contact=contact), contact=contact)
    assert lately.example(rule, contact, now=NOW).counts["suppressed"] == 1


@pytest.mark.parametrize("kind", ["overdue", "task_completed"])
def test_an_example_about_a_task_needs_one(kind: str) -> None:
    user = builders.make_manager()
    with pytest.raises(lately.NoExample, match="no task with a due date"):
        lately.example(draft(user, trigger_type=kind, trigger_config=KINDS[kind]), builders.make_contact(user), now=NOW)


def test_without_a_contact_there_is_only_the_rule_on_time_about_nobody() -> None:
    user = builders.make_manager()
    with pytest.raises(lately.NoExample, match="Choose a contact"):
        lately.example(draft(user), None, now=NOW)
    on_time = draft(user, trigger_type="time", trigger_config={"every": {"days": 1, "at": "09:00"}})
    assert lately.example(on_time, None, now=NOW).counts["create"] == 1


@pytest.mark.parametrize("attempt", [lately.last_day, lately.example])
def test_a_rule_that_cannot_run_says_what_is_wrong(attempt) -> None:
    user = builders.make_manager()
    rule = draft(user, condition="contact.nonsense")
    args = {"most": 5} if attempt is lately.last_day else {"contact": builders.make_contact(user)}
    with pytest.raises(BadRule, match="nonsense"):
        attempt(rule, now=NOW, **args)
