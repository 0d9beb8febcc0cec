"""Campaigns: rows written by hand, days from the step before, waits, channels that are not there yet."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automation import batches
from automation.models import AutomationStep, Campaign, Enrolment
from automation.programmes import BadProgramme, campaigns, enrolling, enrolments, exits, outlines, steps
from crm.models import Activity
from jobs.models import Job
from people.models import User
from tests import builders
from tests.builders import NOW
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def user() -> User:
    return builders.make_manager()


def enrol(campaign: Campaign, **fields: Any) -> Enrolment:
    contact = builders.make_contact(campaign.owner, **fields)
    return enrolling.enrol(campaign, contact, owner=campaign.owner, now=NOW)


def dates(enrolment: Enrolment) -> list[timedelta]:
    return [at - NOW for at in enrolment.steps.order_by("number").values_list("due_at", flat=True)]


@pytest.mark.parametrize("value", ["yes", 1, "false", []])
def test_whether_a_step_waits_is_said_with_true_or_false(user: User, value: Any) -> None:
    """Anything else would be taken for true without a word, "false" as well."""
    campaign = builders.make_campaign(user)
    row = AutomationStep(campaign=campaign, name="Call", order=1, settings={"wait_for_previous": value})
    assert campaigns.check_step(row, 0, user.team, user) == {
        "steps/0/settings/wait_for_previous": [f"Say true or false, not {value!r}."]
    }
    faults = steps.check([{"title": "One"}, {"title": "Two", "wait_for_previous": value}], team=user.team, owner=user)
    assert faults == {"steps/1/wait_for_previous": [f"Say true or false, not {value!r}."]}


def test_days_count_from_the_step_before_and_waits_add_to_them(user: User) -> None:
    campaign = builders.make_campaign(
        user,
        {"delay_days": 1, "order": 2},
        {"message_type": "wait", "delay_days": 4, "order": 5},
        {"delay_days": 3, "order": 9},
        {"delay_days": Decimal("1.5"), "order": 12},
    )
    assert dates(enrol(campaign)) == [DAY, 8 * DAY, 9.5 * DAY]


def test_a_day_keeps_the_time_of_day_across_a_change_of_the_clocks(user: User) -> None:
    campaign = builders.make_campaign(user, {"delay_days": 150})
    enrolment = enrol(campaign, timezone="Europe/Berlin")  # from June to November
    assert dates(enrolment) == [150 * DAY + HOUR]


def test_a_late_step_moves_the_next_one_which_counts_from_it(user: User) -> None:
    enrolment = enrol(builders.make_campaign(user, {"delay_days": 1}, {"delay_days": 3}))
    enrolments.run_due(user.team_id, now=NOW + 5 * DAY)
    assert dates(enrolment) == [DAY, 8 * DAY]


def test_a_task_is_titled_and_described_by_the_step(user: User) -> None:
    step = {"name": "Call {{contact_name}}", "body": "At {{contact_email}}", "priority": "high", "delay_days": 1}
    enrolment = enrol(builders.make_campaign(user, step))
    enrolments.run_due(user.team_id, now=NOW + DAY)
    task = Task.objects.get()
    assert (task.title, task.priority) == (f"Call {enrolment.contact.name}", "high")
    assert task.description == f"At {enrolment.contact.email}"
    assert (task.assignee, task.contact) == (user, enrolment.contact)


def test_steps_changed_by_hand_count_for_those_enrolled_afterwards(user: User) -> None:
    campaign = builders.make_campaign(user)
    first = enrol(campaign)
    AutomationStep.objects.filter(campaign=campaign).update(name="Write")
    second = enrol(campaign)
    enrolments.run_due(user.team_id, now=NOW + DAY)
    assert set(Task.objects.values_list("title", flat=True)) == {f"Call {first.contact.name}", "Write"}
    assert {first.version.number, second.version.number} == {1, 2}


@pytest.mark.parametrize("kind", ["email", "sms"])
def test_a_step_whose_channel_is_not_set_up_is_refused_when_saved_saying_why(user: User, kind: str) -> None:
    with pytest.raises(BadProgramme, match="is not set up for this team"):
        campaigns.create(user, name="Spring", rows=[{"message_type": kind, "name": "Hello"}])
    assert not Campaign.objects.exists()
    campaign = builders.make_campaign(user)
    with pytest.raises(ValidationError, match="is not set up"):
        AutomationStep(campaign=campaign, message_type=kind, name="Hello").full_clean()


def test_a_channel_that_is_registered_is_accepted_when_saved(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(campaigns.CHANNELS, "email", lambda team: team == user.team)
    campaigns.create(user, name="Spring", rows=[{"message_type": "email", "name": "Hello"}])
    with pytest.raises(BadProgramme):
        campaigns.create(builders.make_manager(), name="Spring", rows=[{"message_type": "email", "name": "Hello"}])


def test_written_past_that_the_step_fails_with_its_reason_and_the_next_one_comes(user: User) -> None:
    campaign = builders.make_campaign(
        user, {"message_type": "email", "name": "Hello", "delay_days": 1}, {"delay_days": 1}
    )
    enrolment = enrol(campaign)
    enrolments.run_due(user.team_id, now=NOW + DAY)
    enrolments.run_due(user.team_id, now=NOW + 2 * DAY)
    mail, call = enrolment.steps.order_by("number")
    assert (mail.state, call.state) == ("failed", "done")
    assert "E-mail is not set up" in mail.reason


def test_a_condition_that_has_no_value_for_one_contact_passes_that_step_over_and_the_rest_goes_on(user: User) -> None:
    campaign = builders.make_campaign(
        user,
        {"delay_days": 1, "condition": "100 / contact.lead_score > 5"},
        {"message_type": "email", "name": "Hello", "delay_days": 1},
        {"name": "Write", "delay_days": 1},
    )
    broken, other = enrol(campaign, lead_score=0), enrol(campaign, lead_score=2)
    for day in (1, 2, 3):
        assert enrolments.run_due(user.team_id, now=NOW + day * DAY)["failed"] == 0
    states = [list(one.steps.order_by("number").values_list("state", flat=True)) for one in (broken, other)]
    assert states == [["skipped", "failed", "done"], ["done", "failed", "done"]]
    assert "100 / contact.lead_score > 5 (contact.lead_score is 0)" in broken.steps.get(number=1).reason
    assert not Job.objects.exists()
    figures = batches.figures([broken.batch, other.batch])
    assert [(one.open, one.to_come) for one in figures.values()] == [(1, 0), (2, 0)]
    lifecycle.complete(Task.objects.get(enrolment_steps__enrolment=broken), by=user, now=NOW + 4 * DAY)
    assert batches.figures([broken.batch])[broken.batch.pk].progress == 100, "what failed is nothing left to do"


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"name": ""}, "steps/0/name"),
        ({"name": "{{nobody}}"}, "steps/0/name"),
        ({"name": "x", "delay_days": -1}, "steps/0/delay_days"),
        ({"name": "x", "delay_days": 5000}, "steps/0/delay_days"),
        ({"name": "x", "condition": "contact.size > 3"}, "steps/0/condition"),
        ({"name": "x", "message_type": "wait", "condition": "contact.lead_score > 3"}, "steps/0/condition"),
        ({"name": "x", "message_type": "fax"}, "steps/0/message_type"),
        ({"name": "x", "priority": "now"}, "steps/0/priority"),
        ({"name": "x", "settings": {"colour": 1}}, "steps/0/settings"),
        ({"name": "x", "settings": {"assign": "nobody"}}, "steps/0/settings/assign"),
        ({"name": "x", "settings": {"required_skills": [{"skill": "x"}]}}, "steps/0/settings/required_skills"),
        ({"name": "x", "settings": {"estimated_hours": "many"}}, "steps/0/settings/estimated_hours"),
        ({"name": "x", "id": 99}, "steps/0/id"),
    ],
)
def test_a_wrong_step_is_pointed_at(user: User, row: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadProgramme) as bad:
        campaigns.create(user, name="Spring", rows=[row])
    assert list(bad.value.errors) == [pointer]


def test_a_broken_row_written_by_hand_enrols_nobody_and_says_why(user: User) -> None:
    campaign = builders.make_campaign(user, {"name": "{{nobody}}"})
    with pytest.raises(BadProgramme, match="nobody"):
        enrol(campaign)
    with pytest.raises(BadProgramme, match="Nothing is to be done"):
        enrol(builders.make_campaign(user, {"message_type": "wait", "delay_days": 1}))


def test_steps_keep_their_identity_over_an_edit(user: User) -> None:
    campaign = campaigns.create(user, name="Spring", rows=[{"name": "One"}, {"name": "Two", "delay_days": 2}])
    one, two = campaign.steps.all()
    rows = [{"id": two.pk, "name": "Two", "delay_days": 1}, {"name": "Three", "delay_days": 1}]
    campaigns.update(campaign, rows=rows, now=NOW)
    kept, new = campaign.steps.all()
    assert (kept.pk, kept.order, new.order) == (two.pk, 1, 2)
    assert new.pk not in (one.pk, two.pk)
    assert [step.key for step in outlines.of(campaign).steps] == [f"step-{two.pk}", f"step-{new.pk}"]


def test_a_reply_ends_a_campaign(user: User) -> None:
    enrolment = enrol(builders.make_campaign(user))
    reply = builders.make_activity(
        enrolment.contact, activity_type=Activity.EMAIL_REPLIED, occurred_at=NOW + HOUR, received_at=NOW + HOUR
    )
    exits.follow(reply, now=NOW + HOUR)
    enrolments.run_due(user.team_id, now=NOW + DAY)
    enrolment.refresh_from_db()
    assert enrolment.state == "exited"
    assert not Task.objects.exists()


def test_settings_of_a_step_reach_its_task(user: User) -> None:
    settings = {"assign": "unassigned", "estimated_hours": 2, "due_within_hours": 24}
    enrol(builders.make_campaign(user, {"delay_days": 1, "settings": settings}))
    enrolments.run_due(user.team_id, now=NOW + DAY)
    task = Task.objects.get()
    assert (task.assignee, task.estimated_hours, task.due_date) == (None, 2, NOW + 2 * DAY)
