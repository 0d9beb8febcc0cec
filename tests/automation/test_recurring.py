"""Recurring series: from the last touch, by fixed dates, from the last completion; one open task at a time."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from django.db import connections
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from automation import cadence, calendar_changes, engine, recurring, task_templates
from automation.models import ScheduledTaskBatch
from crm import contacts
from crm.models import Contact
from people.models import User
from tests import builders
from tests.builders import NOW
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = timedelta(days=1)
TEMPLATE = {"title": "Check in with {{contact_name}}", "priority": "high", "estimated_hours": 0.5}


@pytest.fixture
def user() -> User:
    return builders.make_manager()


def start(user: User, cadence_word: str = "weekly", now: datetime = NOW, **fields: Any) -> ScheduledTaskBatch:
    contact = fields.pop("contact", None) or builders.make_contact(user, **fields.pop("having", {}))
    batch, _ = recurring.schedule_recurring(contact, cadence_word, TEMPLATE, owner=user, now=now, **fields)
    return batch


def sweep(user: User, now: datetime) -> None:
    engine.drain(user.team_id, now=now)
    recurring.run_due(user.team_id, now=now)
    cadence.schedule_due(user.team_id, now=now)


def complete(user: User, batch: ScheduledTaskBatch, at: datetime) -> Task:
    task = Task.objects.open().get(group_key=batch.group_key)
    lifecycle.complete(task, by=user, now=at)
    engine.drain(user.team_id, now=at)
    return task


def tasks_of(batch: ScheduledTaskBatch) -> list[Task]:
    return list(Task.objects.filter(group_key=batch.group_key).order_by("pk"))


def test_the_first_task_is_there_at_once_and_the_contact_has_the_cadence(user: User) -> None:
    batch = start(user, having={"timezone": "Europe/Berlin"})
    (task,) = tasks_of(batch)
    contact = Contact.objects.get()
    assert (task.title, task.priority, task.assignee) == (f"Check in with {contact.name}", "high", user)
    assert task.due_date == NOW + 7 * DAY
    assert (contact.contact_cadence, contact.cadence_anchor_day) == ("weekly", 17)
    assert contact.next_touch_at == datetime(2026, 6, 24, 8, tzinfo=ZoneInfo("Europe/Berlin"))
    assert not Contact.objects.changed_by_hand().exists()


def test_from_touch_the_next_one_comes_a_period_after_the_last_touch(user: User) -> None:
    batch = start(user)
    complete(user, batch, NOW + 2 * DAY)
    assert len(tasks_of(batch)) == 1
    sweep(user, NOW + 8 * DAY)
    assert len(tasks_of(batch)) == 1
    sweep(user, datetime(2026, 6, 26, 8, tzinfo=UTC))
    assert [task.title.split()[0] for task in tasks_of(batch)] == ["Check", "Check"]


def test_by_fixed_dates_it_keeps_them_whenever_its_tasks_are_done(user: User) -> None:
    begun = datetime(2027, 1, 31, 15, 30, tzinfo=UTC)
    batch = start(user, "monthly", begun, recurs_from="schedule")
    assert tasks_of(batch)[0].due_date == datetime(2027, 2, 28, 15, 30, tzinfo=UTC)
    runs = []
    for _ in range(4):
        complete(user, batch, begun)
        batch.refresh_from_db()
        assert batch.next_run_at is not None
        runs.append(batch.next_run_at)
        begun = batch.next_run_at + timedelta(minutes=1)
        sweep(user, begun)
    assert [f"{run:%m-%d %H:%M}" for run in runs] == ["03-31 15:30", "04-30 15:30", "05-31 15:30", "06-30 15:30"]
    assert len(tasks_of(batch)) == 5


def test_by_fixed_dates_no_other_comes_while_one_is_open(user: User) -> None:
    batch = start(user, "daily", recurs_from="schedule")
    for days in range(1, 6):
        sweep(user, NOW + days * DAY)
    assert len(tasks_of(batch)) == 1
    complete(user, batch, NOW + timedelta(days=5, hours=1))
    sweep(user, NOW + 6 * DAY)
    assert len(tasks_of(batch)) == 2


def test_dates_missed_in_a_downtime_become_one_task_marked_late(user: User) -> None:
    batch = start(user, "weekly", recurs_from="schedule")
    complete(user, batch, NOW + DAY)
    now = NOW + timedelta(days=35, hours=2)
    assert recurring.due_since(now) == {user.team_id: NOW + 14 * DAY}
    sweep(user, now)
    _, late = tasks_of(batch)
    assert "3 earlier ones were missed" in late.description
    assert ScheduledTaskBatch.objects.get(pk=batch.pk).next_run_at == NOW + 42 * DAY
    assert recurring.due_since(now) == {}


@pytest.mark.parametrize("mover", ["team", "owner", "contact", "contact by hand"])
def test_by_fixed_dates_the_time_of_day_goes_along_to_another_zone(user: User, mover: str) -> None:
    batch = start(user, "daily", recurs_from="schedule")
    own = start(user, "daily", recurs_from="schedule", having={"timezone": "America/Lima"})
    gone = start(user, "daily", recurs_from="schedule")
    recurring.end(gone, reason="enough", now=NOW)
    calendar_changes.follow(user.team_id, now=NOW)
    complete(user, batch, NOW)
    assert user.team_id in calendar_changes.teams(NOW)
    contact = Contact.objects.get(pk=batch.contact_id)
    if mover == "contact":
        contacts.update(contact, by=user, now=NOW, timezone="Europe/Berlin")
    else:
        row = {"team": user.team, "owner": user}.get(mover, contact)
        type(row).objects.filter(pk=row.pk).update(timezone="Europe/Berlin")
    for _ in range(2):
        engine.drain(user.team_id, now=NOW)
        calendar_changes.follow(user.team_id, now=NOW)
    local, runs = NOW.replace(tzinfo=ZoneInfo("Europe/Berlin")), []
    for days in range(2, 4):
        assert batch.contact is not None
        runs.append(ScheduledTaskBatch.objects.get(pk=batch.pk).next_run_at)
        sweep(user, local + timedelta(days=days))
        complete(user, batch, local + timedelta(days=days))
    assert runs == [local + 2 * DAY, local + 3 * DAY]
    assert len(tasks_of(batch)) == 3
    assert tasks_of(own)[0].due_date == NOW + DAY


@pytest.mark.parametrize("recurs_from", ["touch", "schedule", "completion"])
@pytest.mark.parametrize("mover", ["team", "owner", "contact", "contact by hand"])
def test_an_open_task_keeps_its_local_time_in_another_zone(user: User, mover: str, recurs_from: str) -> None:
    batches = [start(user, "daily", recurs_from=recurs_from) for _ in range(4)]
    (plain, begun, edited, passed) = (tasks_of(batch)[0] for batch in batches)
    lifecycle.edit(edited, by=user, now=NOW, due_date=NOW + 2 * DAY)
    lifecycle.set_status(begun, "in_progress", by=user, now=NOW)
    now = NOW + timedelta(hours=1)
    Task.objects.filter(pk=passed.pk).update(due_date=now)
    calendar_changes.follow(user.team_id, now=now)
    assert user.team_id in calendar_changes.teams(now)
    for batch in batches:
        contact = Contact.objects.get(pk=batch.contact_id)
        if mover == "contact":
            contacts.update(contact, by=user, now=now, timezone="America/New_York")
        else:
            row = {"team": user.team, "owner": user}.get(mover, contact)
            type(row).objects.filter(pk=row.pk).update(timezone="America/New_York")
    for _ in range(2):
        engine.drain(user.team_id, now=now)
        calendar_changes.follow(user.team_id, now=now)
    for task in (plain, begun, edited, passed):
        task.refresh_from_db()
    moved = (NOW + DAY).replace(tzinfo=ZoneInfo("America/New_York"))
    assert (plain.due_date, plain.chase_at) == (moved, moved)
    assert (begun.due_date, edited.due_date, passed.due_date) == (NOW + DAY, NOW + 2 * DAY, now)


def test_a_task_of_a_touch_is_due_at_five_on_the_new_clock_and_one_late_in_eight_hours_still(user: User) -> None:
    eight = NOW.replace(hour=8)
    rows = [builders.make_contact(user, contact_cadence="weekly", next_touch_at=eight) for _ in range(2)]
    cadence.schedule_due(user.team_id, now=NOW)
    (late,) = Task.objects.filter(contact=rows[1])
    Task.objects.filter(pk=late.pk).delete()
    Contact.objects.filter(pk=rows[1].pk).update(next_touch_at=eight, touched_for=None)
    evening = NOW.replace(hour=18)
    cadence.schedule_due(user.team_id, now=evening)
    for contact in rows:
        contacts.update(contact, by=user, now=evening, timezone="America/New_York")
    at_five = datetime(2026, 6, 17, 17, tzinfo=UTC)
    assert Task.objects.get(contact=rows[0]).due_date == at_five, "it was due already"
    assert Task.objects.get(contact=rows[1]).due_date == evening + timedelta(hours=8)
    contacts.update(rows[0], by=user, now=NOW, timezone="UTC")
    contacts.update(rows[0], by=user, now=NOW, timezone="America/New_York")
    assert Task.objects.get(contact=rows[0]).due_date == datetime(2026, 6, 17, 17, tzinfo=ZoneInfo("America/New_York"))


def test_from_completion_the_next_is_due_a_period_after_the_day_it_was_done(user: User) -> None:
    batch = start(user, "days:10", recurs_from="completion")
    complete(user, batch, NOW + timedelta(days=3, hours=5))
    assert [task.due_date for task in tasks_of(batch)] == [NOW + 10 * DAY, NOW + 13 * DAY]


def test_completing_twice_makes_one_successor(user: User) -> None:
    batch = start(user, recurs_from="completion")
    task = complete(user, batch, NOW + DAY)
    successor = Task.objects.open().get(group_key=batch.group_key)
    for hours in (1, 2):
        lifecycle.set_status(Task.objects.get(pk=task.pk), "todo", by=user, now=NOW + DAY)
        lifecycle.complete(Task.objects.get(pk=task.pk), by=user, now=NOW + DAY + timedelta(hours=hours))
        engine.drain(user.team_id, now=NOW + 2 * DAY)
    assert tasks_of(batch) == [task, successor]
    lifecycle.set_status(successor, "cancelled", by=user, now=NOW + 2 * DAY)
    lifecycle.set_status(Task.objects.get(pk=task.pk), "todo", by=user, now=NOW + 2 * DAY)
    lifecycle.complete(Task.objects.get(pk=task.pk), by=user, now=NOW + 2 * DAY)
    engine.drain(user.team_id, now=NOW + 2 * DAY)
    assert tasks_of(batch) == [task, successor]


def test_a_series_from_completion_survives_a_task_that_was_cancelled(user: User) -> None:
    batch = start(user, recurs_from="completion")
    lifecycle.set_status(tasks_of(batch)[0], "cancelled", by=user, now=NOW + DAY)
    sweep(user, NOW + 13 * DAY)
    assert len(tasks_of(batch)) == 1
    sweep(user, NOW + 14 * DAY)
    assert len(tasks_of(batch)) == 2


def test_a_series_of_its_own_kind_keeps_the_cadence_from_making_tasks_beside_it(user: User) -> None:
    batch = start(user, recurs_from="schedule")
    complete(user, batch, NOW + DAY)
    for days in range(2, 14):
        sweep(user, NOW + days * DAY - timedelta(minutes=1))
    assert len(tasks_of(batch)) == 1
    assert Task.objects.count() == 1


def test_a_phone_call_closes_no_task_of_a_series_with_fixed_dates(user: User) -> None:
    batch = start(user, recurs_from="schedule")
    assert batch.contact is not None
    builders.make_activity(batch.contact, activity_type="call", occurred_at=NOW)
    engine.drain(user.team_id, now=NOW)
    assert tasks_of(batch)[0].is_open


def test_asking_again_ends_the_series_of_before_and_makes_a_task_all_the_same(user: User) -> None:
    first = start(user)
    other = recurring.schedule_recurring(
        first.contact, "daily", TEMPLATE, owner=builders.make_user(team=user.team), now=NOW
    )[0]
    again = start(user, "monthly", contact=first.contact)
    ended = {batch.pk for batch in ScheduledTaskBatch.objects.filter(ended_at__isnull=False)}
    assert ended == {first.pk}, "another person's series goes on"
    assert [task.close_reason for task in tasks_of(first)] == ["A new series took its place"]
    assert (len(tasks_of(again)), len(tasks_of(other))) == (1, 1)
    assert Contact.objects.get().contact_cadence == "monthly"


def test_clearing_the_cadence_ends_the_series_by_verb_and_by_hand(user: User) -> None:
    by_verb, by_hand = start(user), start(user, recurs_from="schedule")
    assert by_verb.contact is not None
    contacts.update(by_verb.contact, by=user, now=NOW, contact_cadence="")
    Contact.objects.filter(pk=by_hand.contact_id).update(contact_cadence="")
    sweep(user, NOW)
    assert ScheduledTaskBatch.objects.filter(ended_at=NOW, next_run_at=None).count() == 2
    assert Task.objects.open().count() == 0
    assert set(Contact.objects.values_list("next_touch_at", flat=True)) == {None}
    sweep(user, NOW + 400 * DAY)
    assert Task.objects.count() == 2


def test_the_owner_left_and_the_contacts_owner_goes_on(user: User) -> None:
    gone = builders.make_user(team=user.team)
    batch, _ = recurring.schedule_recurring(builders.make_contact(user), "weekly", TEMPLATE, owner=gone, now=NOW)
    Task.objects.update(status="done")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for days in (7, 14):
        sweep(user, NOW + days * DAY)
    assert [task.assignee for task in tasks_of(batch)][1:] == [user]


def test_one_bad_series_stops_no_other(user: User) -> None:
    bad, good = (start(user, recurs_from="schedule") for _ in range(2))
    Task.objects.update(status="done")
    ScheduledTaskBatch.objects.filter(pk=bad.pk).update(cadence="fortnight")
    done = recurring.run_due(user.team_id, now=NOW + 14 * DAY)
    assert (done["created"], done["failed"]) == (1, 1)
    assert len(tasks_of(good)) == 2
    assert recurring.due_since(NOW + 14 * DAY) == {}


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_each_occurrence_once() -> None:
    user = builders.make_manager()
    batches = [start(user, recurs_from="schedule") for _ in range(15)]
    Task.objects.update(status="done")
    barrier = threading.Barrier(2)

    def worker() -> None:
        barrier.wait()
        recurring.run_due(user.team_id, now=NOW + 14 * DAY)
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(tasks_of(batch)) for batch in batches] == [2] * 15


@pytest.mark.parametrize(
    "template",
    [{}, {"title": " "}, {"title": "{{nobody}}"}, {"title": "x", "colour": "red"}, {"title": "x", "priority": "now"}],
)
def test_a_bad_task_template_says_what_to_change(user: User, template: dict[str, str]) -> None:
    with pytest.raises(task_templates.BadTemplate):
        recurring.schedule_recurring(builders.make_contact(user), "weekly", template, owner=user, now=NOW)


def test_what_a_series_recurs_from_and_its_cadence_are_checked(user: User) -> None:
    with pytest.raises(ValueError, match="touch, schedule, completion"):
        start(user, recurs_from="moon")
    with pytest.raises(ValueError, match="days:N"):
        start(user, "hourly")
    assert Task.objects.count() == ScheduledTaskBatch.objects.count() == 0


class FixedDates(TestCase):
    """Held to a naive calendar over zones and clock changes."""

    @hypothesis_settings(max_examples=40, deadline=None)
    @given(
        word=st.sampled_from(["daily", "weekly", "biweekly", "monthly", "quarterly", "days:9"]),
        begun=st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
        zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
        gaps=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    )
    def test_the_dates_are_those_of_a_calendar(self, word: str, begun: datetime, zone: str, gaps: list[int]) -> None:
        steps = {
            "daily": relativedelta(days=1),
            "weekly": relativedelta(weeks=1),
            "biweekly": relativedelta(weeks=2),
            "monthly": relativedelta(months=1),
            "quarterly": relativedelta(months=3),
            "days:9": relativedelta(days=9),
        }
        user = builders.make_manager()
        batch = start(user, word, begun, recurs_from="schedule", having={"timezone": zone})
        local = begun.astimezone(ZoneInfo(zone))
        days = [local.date() + steps[word] * n for n in range(2, 400)]
        now = begun
        for gap in gaps:
            now += gap * DAY
            Task.objects.filter(group_key=batch.group_key).update(status="done")
            recurring.run_due(user.team_id, now=now)
            batch.refresh_from_db()
            assert batch.next_run_at is not None
            ahead = [day for day in days if datetime.combine(day, local.time(), local.tzinfo) > now]
            assert batch.next_run_at.astimezone(local.tzinfo).date() == ahead[0]


def api(user: User, client: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    token = builders.make_token(user)
    return client.post(
        f"/api/task-automation/{path}",
        body or {},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


def test_by_api_a_series_is_started_and_ended(user: User, client: Client) -> None:
    contact = builders.make_contact(user)
    body = {"contact_id": contact.pk, "cadence": "days:10", "recurs_from": "completion", "task_template": TEMPLATE}
    made = api(user, client, "schedule-recurring/", body)
    assert made.status_code == 201, made.content
    batch = ScheduledTaskBatch.objects.get(pk=made.json()["batch_id"])
    assert (batch.cadence, batch.recurs_from) == ("days:10", "completion")
    for _ in range(2):
        ended = api(user, client, f"batches/{batch.pk}/end")
        assert ended.status_code == 200, ended.content
        assert ended.json()["id"] == batch.pk
    batch.refresh_from_db()
    contact.refresh_from_db()
    assert batch.ended_at is not None
    assert (contact.contact_cadence, contact.next_touch_at) == ("", None), "else the cadence would bring it back"
    assert "ended the series" in tasks_of(batch)[0].close_reason


@pytest.mark.parametrize("word", ["hourly", "days:0", "days:3651", "days:x", "", "weekly "])
def test_by_api_an_unknown_cadence_is_refused(user: User, client: Client, word: str) -> None:
    body = {"contact_id": builders.make_contact(user).pk, "cadence": word, "task_template": TEMPLATE}
    answer = api(user, client, "schedule-recurring/", body)
    assert answer.status_code == (201 if word.strip() in ("weekly",) else 422), answer.content


def test_by_api_nobody_ends_the_series_of_others_and_no_sequence(user: User, client: Client) -> None:
    batch = start(user)
    member = builders.make_user(team=user.team)
    assert api(member, client, f"batches/{batch.pk}/end").status_code == 404
    lead = builders.make_lead(team=user.team)
    assert api(lead, client, f"batches/{batch.pk}/end").status_code == 403
    assert api(user, client, f"batches/{builders.make_batch(user).pk}/end").status_code == 409
    assert api(builders.make_manager(), client, f"batches/{batch.pk}/end").status_code == 404
    batch.refresh_from_db()
    assert batch.ended_at is None
