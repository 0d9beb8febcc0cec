"""Staying in touch: when the next touch is planned, what comes of it, and what counts as one."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from automation import cadence, calendar_changes, engine, overdue, recurring, tasks, touch_clocks
from automation.models import Firing
from automation.programmes import sequences
from automation.simulation.dry_run import dry_run
from automation.simulation.explain import explain
from automation.task_scheduler import TaskScheduler
from crm import consent, contacts
from crm.models import Activity, Contact
from people.models import Team, User
from tests import builders
from tests.builders import NOW
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = timedelta(days=1)
MONDAY = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)


@pytest.fixture
def user() -> User:
    return builders.make_manager()


def due_contact(user: User, *, word: str = "weekly", due: datetime = MONDAY, **fields: Any) -> Contact:
    """Its touch is due, and was planned by its cadence."""
    return builders.make_contact(user, contact_cadence=word, next_touch_at=due, **fields)


def sweep(user: User, now: datetime = NOW) -> dict[str, int]:
    return cadence.schedule_due(user.team_id, now=now)


def happens(contact: Contact, kind: str, *, at: datetime = NOW, **fields: Any) -> Contact:
    """Something happens to the contact, and the engine has seen it."""
    builders.make_activity(contact, activity_type=kind, occurred_at=at, received_at=at, **fields)
    engine.drain(contact.team_id, now=max(at, NOW))
    return fresh(contact)


def fresh(contact: Contact) -> Contact:
    return Contact.objects.get(pk=contact.pk)


def test_a_cadence_written_by_hand_gets_its_touch_at_eight(user: User) -> None:
    contact = builders.make_contact(user, timezone="Asia/Tokyo")
    Contact.objects.filter(pk=contact.pk).update(contact_cadence="weekly")
    assert sweep(user)["planned"] == 1
    contact.refresh_from_db()
    assert contact.next_touch_at == datetime(2026, 6, 24, 8, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert contact.cadence_anchor_day == 17


@pytest.mark.parametrize(
    ("contact_zone", "owner_zone", "expected"),
    [
        ("Asia/Tokyo", "Europe/Berlin", "Asia/Tokyo"),
        ("", "Europe/Berlin", "Europe/Berlin"),
        ("Nowhere/Town", "", "America/New_York"),
        ("", "", "America/New_York"),
    ],
)
def test_eight_in_the_contacts_zone_else_the_owners_else_the_teams(
    contact_zone: str, owner_zone: str, expected: str
) -> None:
    team = builders.make_team(timezone="America/New_York")
    owner = builders.make_user(team=team, timezone=owner_zone)
    contact = builders.make_contact(owner, contact_cadence="days:10", timezone=contact_zone)
    sweep(owner)
    assert fresh(contact).next_touch_at == datetime(2026, 6, 27, 8, tzinfo=ZoneInfo(expected))


def follow(team: Team, now: datetime = NOW) -> dict[str, int]:
    return calendar_changes.follow(team.pk, now=now)


def move(row: Any, zone: str) -> None:
    type(row).objects.filter(pk=row.pk).update(timezone=zone)


def test_touches_to_come_follow_when_the_team_or_an_owner_moves(user: User) -> None:
    team, other = user.team, builders.make_user(team=user.team)
    eight = datetime(2026, 6, 25, 8, tzinfo=UTC)
    follows, of_other = due_contact(user, due=eight), due_contact(other, due=eight)
    nobodys = due_contact(user, due=eight)
    Contact.objects.filter(pk=nobodys.pk).update(owner=None)
    stay = {
        due_contact(user, due=eight, timezone="UTC"): eight,
        due_contact(user, due=eight + timedelta(minutes=10)): eight + timedelta(minutes=10),
        due_contact(user, due=eight, next_follow_up_at=eight): eight,
        due_contact(user, due=MONDAY, touched_for=MONDAY, missed_for=MONDAY): MONDAY,
    }
    follow(team)
    assert team.pk in calendar_changes.teams(NOW)
    move(team, "Europe/Berlin")
    move(other, "Asia/Tokyo")
    assert follow(team) == {"derived": 3}
    for contact, zone in ((follows, "Europe/Berlin"), (nobodys, "Europe/Berlin"), (of_other, "Asia/Tokyo")):
        assert fresh(contact).next_touch_at == eight.replace(tzinfo=ZoneInfo(zone))
    move(other, "America/New_York")
    assert [follow(team), follow(team)] == [{"derived": 1}, {"derived": 0}]
    assert fresh(of_other).next_touch_at == eight.replace(tzinfo=ZoneInfo("America/New_York"))
    assert [fresh(contact).next_touch_at for contact in stay] == list(stay.values())


def test_a_touch_planned_while_a_move_is_noticed_is_moved_no_further(user: User) -> None:
    before = due_contact(user, due=MONDAY + 10 * DAY)
    follow(user.team)
    move(user.team, "Asia/Tokyo")
    after = builders.make_contact(user, contact_cadence="days:8")
    sweep(user)
    eight = datetime(2026, 6, 25, 8, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert fresh(after).next_touch_at == eight
    assert follow(user.team) == {"derived": 1}
    assert fresh(before).next_touch_at == fresh(after).next_touch_at == eight


def test_a_move_that_was_cut_short_is_followed_on(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the first batch, with another move before the next try: all arrive on the last clock, once."""
    eight = MONDAY + 10 * DAY
    people = [due_contact(user, due=eight) for _ in range(5)]
    follow(user.team)
    move(user.team, "Asia/Tokyo")
    monkeypatch.setattr(touch_clocks, "BATCH", 2)
    with monkeypatch.context() as halfway:
        step, calls = touch_clocks._move, iter(range(9))
        halfway.setattr(touch_clocks, "_move", lambda *args: step(*args) if next(calls) < 1 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            follow(user.team)
    move(user.team, "Europe/Berlin")
    assert follow(user.team) == {"derived": 5}
    assert follow(user.team) == {"derived": 0}
    assert {fresh(one).next_touch_at for one in people} == {eight.replace(tzinfo=ZoneInfo("Europe/Berlin"))}


def test_a_touch_whose_morning_the_new_clock_has_passed_is_due_once(user: User) -> None:
    now = MONDAY - timedelta(hours=5)
    contact = due_contact(user, due=MONDAY)
    follow(user.team, now)
    move(user.team, "Asia/Tokyo")
    follow(user.team, now)
    for _ in range(2):
        sweep(user, now)
    task = Task.objects.get()
    assert task.due_date == MONDAY.replace(hour=17, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert fresh(contact).next_touch_at == MONDAY.replace(tzinfo=ZoneInfo("Asia/Tokyo")) + 7 * DAY


def test_a_touch_that_cannot_be_moved_stops_no_other(user: User) -> None:
    due_contact(user, due=datetime(9999, 12, 31, 20, tzinfo=UTC))
    good = due_contact(user, due=MONDAY + 7 * DAY)
    follow(user.team)
    move(user.team, "Asia/Tokyo")
    assert follow(user.team)["derived"] == 1
    assert fresh(good).next_touch_at == (MONDAY + 7 * DAY).replace(tzinfo=ZoneInfo("Asia/Tokyo"))


def test_it_counts_from_the_last_touch_and_a_touch_long_ago_is_due_the_next_morning(user: User) -> None:
    recent = builders.make_contact(user, contact_cadence="monthly", last_touch_at=NOW - 3 * DAY)
    old = builders.make_contact(user, contact_cadence="weekly", last_touch_at=NOW - 400 * DAY)
    sweep(user)
    assert fresh(recent).next_touch_at == datetime(2026, 7, 14, 8, tzinfo=UTC)
    assert fresh(old).next_touch_at == datetime(2026, 6, 18, 8, tzinfo=UTC)


def test_month_ends_keep_the_day_first_chosen(user: User) -> None:
    contact = builders.make_contact(user, contact_cadence="monthly")
    days, now = [], datetime(2027, 1, 31, 15, tzinfo=UTC)
    for _ in range(4):
        sweep(user, now)
        planned = fresh(contact).next_touch_at
        assert planned is not None
        days.append(f"{planned:%m-%d}")
        now = planned
    assert days == ["02-28", "03-31", "04-30", "05-31"]


def test_the_task_of_a_touch_that_came_and_no_twin_while_it_is_open(user: User) -> None:
    contact = due_contact(user)
    assert sweep(user, MONDAY) == {"planned": 0, "created": 1, "skipped": 0, "failed": 0}
    assert sweep(user, MONDAY)["created"] == 0
    task = Task.objects.get(contact=contact)
    assert (task.title, task.assignee) == (f"Get in touch with {contact.name}", user)
    assert task.due_date == MONDAY + timedelta(hours=9), "by the evening, so that it is not late when it is made"
    assert fresh(contact).next_touch_at == MONDAY + 7 * DAY
    assert sweep(user, MONDAY + 7 * DAY)["created"] == 0, "one open task a contact"
    assert fresh(contact).next_touch_at == MONDAY + 14 * DAY
    lifecycle.set_status(task, "cancelled", by=user, now=MONDAY + 8 * DAY)
    assert sweep(user, MONDAY + 14 * DAY)["created"] == 1, "a task that was cancelled does not end the cadence"


def test_touches_missed_in_a_downtime_become_one_task_marked_late(user: User) -> None:
    contact = due_contact(user, word="daily")
    now = MONDAY + timedelta(days=10, hours=3)
    sweep(user, now)
    task = Task.objects.get(contact=contact)
    assert "10 earlier ones were missed" in task.description
    assert task.due_date is not None
    assert task.due_date > now
    assert fresh(contact).next_touch_at == MONDAY + 11 * DAY


@pytest.mark.parametrize("kind", [Activity.CALL, Activity.MEETING, Activity.EMAIL_REPLIED, Activity.EMAIL_SENT])
def test_a_real_touch_moves_the_next_date_at_once_and_closes_an_untouched_task(user: User, kind: str) -> None:
    contact = due_contact(user)
    sweep(user, MONDAY)
    contact = happens(contact, kind, at=NOW)
    assert (contact.last_touch_at, contact.next_touch_at) == (NOW, datetime(2026, 6, 24, 8, tzinfo=UTC))
    task = Task.objects.get(contact=contact)
    assert (task.status, task.close_reason) == (Task.OBSOLETE, "In touch on 17 June 2026")
    assert sweep(user, datetime(2026, 6, 24, 8, tzinfo=UTC))["created"] == 1


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Activity.EMAIL_OPENED, {}),
        (Activity.EMAIL_CLICKED, {}),
        (Activity.EMAIL_AUTO_REPLIED, {}),
        (Activity.NOTE, {}),
        (Activity.MEETING_BOOKED, {}),
        (Activity.EMAIL_SENT, {"origin": Activity.SYSTEM}),
        (Activity.EMAIL_REPLIED, {"signal": Activity.MACHINE}),
    ],
)
def test_what_is_no_touch_moves_nothing(user: User, kind: str, fields: dict[str, Any]) -> None:
    contact = due_contact(user)
    sweep(user, MONDAY)
    contact = happens(contact, kind, **fields)
    assert (contact.last_touch_at, contact.next_touch_at) == (None, MONDAY + 7 * DAY)
    assert Task.objects.open().filter(contact=contact).count() == 1


def test_a_task_somebody_touched_stays_and_says_what_happened(user: User) -> None:
    started, edited = due_contact(user), due_contact(user)
    sweep(user, MONDAY)
    lifecycle.set_status(Task.objects.get(contact=started), "in_progress", by=user, now=MONDAY)
    lifecycle.edit(Task.objects.get(contact=edited), by=user, now=MONDAY, notes="Ask for Ms Weber")
    for contact in (started, edited):
        happens(contact, Activity.CALL)
        task = Task.objects.get(contact=contact)
        assert task.is_open
        assert task.banner == "In touch on 17 June 2026"


def test_the_last_touch_never_moves_backwards_and_replaying_changes_nothing(user: User) -> None:
    contact = happens(due_contact(user), Activity.CALL, at=NOW)
    before = (contact.last_touch_at, contact.next_touch_at)
    contact = happens(contact, Activity.CALL, at=NOW - 5 * DAY)
    assert (contact.last_touch_at, contact.next_touch_at) == before
    assert cadence.touch(contact.pk, NOW, now=NOW + DAY) is None
    Activity.objects.update(processed_at=None)
    engine.drain(user.team_id, now=NOW)
    assert (fresh(contact).last_touch_at, fresh(contact).next_touch_at) == before


def test_a_touch_so_old_that_the_next_is_due_anyway_leaves_the_task(user: User) -> None:
    contact = due_contact(user)
    sweep(user, MONDAY)
    contact = happens(contact, Activity.CALL, at=NOW - 30 * DAY)
    assert contact.last_touch_at == NOW - 30 * DAY
    assert Task.objects.get(contact=contact).is_open


def test_completing_the_cadence_task_is_a_touch_and_completing_another_is_none(user: User) -> None:
    contact = due_contact(user)
    sweep(user, MONDAY)
    other = builders.make_task(user, contact=contact)
    lifecycle.complete(other, by=user, now=MONDAY + DAY)
    engine.drain(user.team_id, now=MONDAY + DAY)
    assert fresh(contact).last_touch_at is None
    lifecycle.complete(Task.objects.get(title__startswith="Get in touch"), by=user, now=NOW)
    engine.drain(user.team_id, now=NOW)
    contact = fresh(contact)
    assert (contact.last_touch_at, contact.next_touch_at) == (NOW, datetime(2026, 6, 24, 8, tzinfo=UTC))


def test_a_persons_own_date_goes_before_the_cadence_and_a_touch_clears_it_once_it_is_past(user: User) -> None:
    own = NOW + timedelta(days=2, hours=4)
    contact = builders.make_contact(user, contact_cadence="monthly", next_follow_up_at=own)
    sweep(user)
    assert fresh(contact).next_touch_at == own
    contact = happens(contact, Activity.CALL, at=NOW)
    assert (contact.next_follow_up_at, contact.next_touch_at) == (own, own), "still ahead: it stands"
    assert sweep(user, own)["created"] == 1
    contact = fresh(contact)
    assert (contact.next_follow_up_at, contact.next_touch_at) == (own, own), "it stands until it is followed"
    contact = happens(contact, Activity.MEETING, at=own + timedelta(hours=1))
    assert contact.next_follow_up_at is None
    assert contact.next_touch_at == datetime(2026, 7, 19, 8, tzinfo=UTC)
    assert not Contact.objects.changed_by_hand().exists()


def test_an_import_of_thousands_is_spread_over_the_owners_working_days() -> None:
    team = builders.make_team(touches_per_day=20)
    owner, other = builders.make_user(team=team, timezone="America/New_York"), builders.make_user(team=team)
    builders.make_contact(owner, next_follow_up_at=datetime(2026, 6, 24, 20, tzinfo=UTC))  # counts, and stays
    Contact.objects.bulk_create(
        Contact(owner=one, name=f"C{n}", contact_cadence="weekly") for n in range(300) for one in (owner, owner, other)
    )
    while cadence.plan_missing(team.pk, now=NOW):
        pass
    for one, count in ((owner, 601), (other, 300)):
        zone = ZoneInfo(one.timezone or "UTC")
        touches = [
            touch.astimezone(zone) for touch in one.contacts.values_list("next_touch_at", flat=True).order_by("pk")
        ]
        days = Counter(touch.date() for touch in touches)
        assert (len(touches), max(days.values())) == (count, 20)
        assert len(days) == -(-count // 20), "no day is left with room"
        assert all(day.weekday() < 5 for day in days)
        assert all(touch.hour == 8 for touch in touches[1:]) or one is other


@pytest.mark.parametrize("by_hand", [False, True])
def test_handing_contacts_over_floods_no_day_of_the_new_owner(user: User, by_hand: bool) -> None:
    user.team.touches_per_day = 3
    user.team.save()
    other = builders.make_user(team=user.team)
    rows = [Contact(owner=one, name="C", contact_cadence="weekly") for one in (user, other) for _ in range(9)]
    Contact.objects.bulk_create(rows)
    sweep(user)
    (own, passed) = builders.make_contact(user, next_follow_up_at=NOW + 7 * DAY), due_contact(user, due=NOW - DAY)
    Contact.objects.filter(pk=passed.pk).update(touched_for=NOW - DAY)
    engine.drain(user.team_id, now=NOW)
    before = Contact.objects.filter(owner=other).values_list("pk", "next_touch_at")
    kept = dict(before)
    for contact in Contact.objects.filter(owner=user):
        if by_hand:
            Contact.objects.filter(pk=contact.pk).update(owner=other)
        else:
            contacts.update(contact, by=user, now=NOW, owner=other)
    engine.drain(user.team_id, now=NOW)
    planned = dict(before.all())
    assert {pk: planned[pk] for pk in kept} == kept
    assert (planned.pop(own.pk), planned.pop(passed.pk)) == (NOW + 7 * DAY, NOW - DAY)
    days = Counter(at.date() for at in planned.values() if at is not None)
    assert len(planned) == 18
    assert max(days.values()) == 3
    assert all(day.weekday() < 5 for day in days)


def test_planning_one_more_touch_takes_few_queries_however_full_the_days_are() -> None:
    owner = builders.make_user(team=builders.make_team(touches_per_day=2))
    for _ in range(30):
        builders.make_contact(owner, contact_cadence="weekly")
    cadence.plan_missing(owner.team_id, now=NOW)
    builders.make_contact(owner, contact_cadence="weekly")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert cadence.plan_missing(owner.team_id, now=NOW) == 1
    assert sum("COUNT" in one["sql"] or "next_touch_at" in one["sql"] for one in queries) <= 8


def test_no_automatic_task_while_a_sequence_is_under_way_but_an_explicit_call_makes_one(user: User) -> None:
    contact = due_contact(user)
    enrolment = builders.make_enrolment(contact, builders.make_sequence(user))
    rule = builders.make_rule(user, trigger_type="cadence", trigger_config={})
    Task.objects.all().delete()
    assert sweep(user, MONDAY)["created"] == 0
    assert (rule.tasks.count(), Task.objects.count()) == (0, 0)
    assert fresh(contact).next_touch_at == MONDAY + 7 * DAY
    recurring.schedule_recurring(contact, "weekly", {"title": "Ring"}, owner=user, now=NOW)
    task = Task.objects.get()
    lifecycle.set_status(task, "cancelled", by=user, now=NOW)
    type(enrolment).objects.filter(pk=enrolment.pk).update(state="finished")
    rule.delete()
    assert sweep(user, NOW + 8 * DAY)["created"] == 0, "the occurrence that was cancelled does not come again"
    assert sweep(user, NOW + 15 * DAY)["created"] == 1


def test_a_rule_stands_in_for_the_task_that_comes_of_itself(user: User) -> None:
    weekly, daily = due_contact(user), due_contact(user, word="daily")
    rule = builders.make_rule(user, trigger_type="cadence", trigger_config={"cadences": ["weekly"]}, delay_hours=2)
    assert sweep(user, MONDAY)["created"] == 2
    task = Task.objects.get(contact=weekly)
    assert (list(rule.tasks), task.due_date) == ([task], MONDAY + timedelta(hours=2))
    assert Firing.objects.get().trigger_key == f"cadence:contact:{weekly.pk}:20260615T080000"
    assert Task.objects.get(contact=daily).title.startswith("Get in touch")
    assert sweep(user, MONDAY + 7 * DAY)["created"] == 0
    assert Task.objects.filter(contact=weekly).count() == 1, "its task is still open: no other is made in its place"
    lifecycle.complete(task, by=user, now=MONDAY + 8 * DAY)
    engine.drain(user.team_id, now=MONDAY + 8 * DAY)
    assert fresh(weekly).last_touch_at == MONDAY + 8 * DAY, "completing it is a touch"


def test_a_rule_that_does_not_fire_leaves_the_task_to_come_of_itself(user: User) -> None:
    contact = due_contact(user)
    builders.make_rule(user, trigger_type="cadence", trigger_config={}, condition="contact.lead_score > 50")
    sweep(user, MONDAY)
    assert Task.objects.get(contact=contact).title.startswith("Get in touch")


def test_an_owner_who_left_leaves_the_touch_to_be_missed_and_nobody_is_looked_at_for_ever(user: User) -> None:
    gone = builders.make_user(team=user.team)
    contact = due_contact(gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert sweep(user, MONDAY) == {"planned": 0, "created": 0, "skipped": 1, "failed": 0}
    assert sweep(user, MONDAY)["skipped"] == 0
    assert fresh(contact).next_touch_at == MONDAY


def test_one_bad_contact_in_five_hundred_stops_no_other(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    user.team.touches_per_day = 1000
    user.team.save()
    Contact.objects.bulk_create(
        Contact(owner=user, name=f"C{n}", contact_cadence="weekly", next_touch_at=MONDAY) for n in range(500)
    )
    bad = Contact.objects.order_by("pk")[250]
    real = cadence._occur

    def occur(contact: Contact, *args: Any) -> list[Firing]:
        return real(contact, *args) if contact.pk != bad.pk else [][0]

    monkeypatch.setattr(cadence, "_occur", occur)
    assert sweep(user, MONDAY) == {"planned": 0, "created": 499, "skipped": 0, "failed": 1}
    assert Task.objects.count() == 499
    assert sweep(user, MONDAY)["failed"] == 0, "it is left alone until it changes"
    monkeypatch.undo()
    Contact.objects.filter(pk=bad.pk).update(next_touch_at=MONDAY + timedelta(minutes=1))
    assert sweep(user, MONDAY + timedelta(minutes=1))["created"] == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_the_same_touches_make_each_task_once_and_flood_no_day() -> None:
    owner = builders.make_user(team=builders.make_team(touches_per_day=5))
    due = [due_contact(owner) for _ in range(20)]
    builders.make_rule(owner, trigger_type="cadence", trigger_config={"cadences": ["daily"]})
    for _ in range(20):
        builders.make_contact(owner, contact_cadence="daily")
    start = threading.Barrier(2)

    def worker() -> None:
        start.wait()
        cadence.schedule_due(owner.team_id, now=MONDAY)
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(Task.objects.values_list("contact", flat=True)) == sorted(contact.pk for contact in due)
    days = Counter(touch.date() for touch in Contact.objects.values_list("next_touch_at", flat=True))
    assert max(days.values()) <= 5


def test_a_merged_or_erased_contact_is_left_alone(user: User) -> None:
    merged, erased = due_contact(user), due_contact(user)
    Contact.objects.filter(pk=merged.pk).update(merged_into=builders.make_contact(user))
    nobody = dict.fromkeys(("email", "phone", "phone_e164", "company"), "")
    Contact.objects.filter(pk=erased.pk).update(erased_at=MONDAY, name="Erased contact", **nobody)
    assert sweep(user, MONDAY)["created"] == 0
    Contact.objects.filter(pk=merged.pk).update(next_touch_at=None)
    assert sweep(user, MONDAY)["planned"] == 0
    assert cadence.due_since(MONDAY) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"contact_cadence": "fortnight", "next_touch_at": None},
        {"contact_cadence": "days:0", "next_touch_at": None},
        {"contact_cadence": "days:9999", "next_touch_at": None},
        {"contact_cadence": "fortnight"},
        {"contact_cadence": ""},
        {"next_touch_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"cadence_anchor_day": 77},
        {"timezone": "Moon/Base"},
        {"last_touch_at": datetime(9999, 12, 31, tzinfo=UTC), "next_touch_at": None},
    ],
)
def test_nonsense_written_by_sql_stops_nobody_and_is_not_looked_at_for_ever(user: User, fields: dict[str, Any]) -> None:
    bad, good = due_contact(user), due_contact(user)
    Contact.objects.filter(pk=bad.pk).update(**fields)
    for _ in range(2):
        sweep(user, MONDAY)
    assert Task.objects.filter(contact=good).count() == 1
    assert cadence.due_since(MONDAY) == {}


def test_the_oldest_touch_is_what_the_lag_is_told_by(user: User) -> None:
    due_contact(user, due=MONDAY + DAY)
    due_contact(user)
    assert cadence.due_since(NOW) == {user.team_id: MONDAY}
    sweep(user)
    assert cadence.due_since(NOW) == {}


def test_by_the_names_that_the_schedule_calls(user: User) -> None:
    contact = builders.make_contact(user, contact_cadence="daily", next_touch_at=timezone.now() - DAY)
    assert tasks.schedule_recurring_contact_tasks(user.team_id)["teams"][str(user.team_id)]["created"] == 1
    assert Task.objects.get(contact=contact).is_open


def test_a_sequence_may_begin_again_once_it_is_finished(user: User) -> None:
    contact = builders.make_contact(user)
    now = timezone.now()
    batch, made = sequences.enrol(contact, "standard", owner=user, now=now)
    with pytest.raises(sequences.AlreadyEnrolled, match=str(batch.pk)):
        sequences.enrol(contact, "standard", owner=user, now=now)
    sequences.enrol(contact, "gentle", owner=user, now=now)
    for task in made:
        lifecycle.complete(task, by=user, now=now)
    again, _ = sequences.enrol(contact, "standard", owner=user, now=now)
    assert again.pk != batch.pk
    assert Task.objects.filter(contact=contact).count() == 12


def test_a_rule_never_fires_on_what_it_caused_itself(user: User) -> None:
    contact = builders.make_contact(user)
    rule = builders.make_rule(
        user,
        trigger_config={"activity_types": [Activity.TASK_COMPLETED, Activity.EMAIL_CLICKED]},
        repeat_policy="every_time",
    )
    builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED)
    for _ in range(4):
        engine.drain(user.team_id, now=timezone.now())
        for task in Task.objects.open():
            lifecycle.complete(task, by=user, now=timezone.now())
    assert rule.tasks.count() == 1
    other = builders.make_task(user, contact=contact)
    lifecycle.complete(other, by=user, now=timezone.now())
    engine.drain(user.team_id, now=timezone.now())
    assert rule.tasks.count() == 2
    assert Firing.objects.filter(outcome="fired").count() == 2


@pytest.mark.parametrize("how", ["verb", "hand"])
def test_somebody_not_to_be_contacted_gets_no_task_of_itself_until_let_in_again(user: User, how: str) -> None:
    contact = due_contact(user)
    rule = builders.make_rule(user, trigger_type="cadence", trigger_config={})
    if how == "verb":
        consent.set_do_not_contact(contact, True, by=user, now=MONDAY)
    else:
        Contact.objects.filter(pk=contact.pk).update(do_not_contact=True)
    for days in (0, 1, 40):
        assert sweep(user, MONDAY + days * DAY)["created"] == 0
        overdue.create_overdue(user.team_id, now=MONDAY + days * DAY)
    assert (rule.tasks.count(), Task.objects.count()) == (0, 0)
    assert fresh(contact).next_touch_at is None
    assert (cadence.due_since(NOW + 40 * DAY), overdue.due_since(NOW + 40 * DAY)) == ({}, {})
    task = TaskScheduler(user).schedule_task_for_contact(contact, "Say sorry")
    assert task.contact == contact, "an explicit call is the person's own act"
    Contact.objects.filter(pk=contact.pk).update(do_not_contact=False)
    assert sweep(user, MONDAY + 41 * DAY)["planned"] == 1
    assert fresh(contact).next_touch_at == MONDAY + 48 * DAY


def test_marking_somebody_closes_tasks_to_get_in_touch_that_nobody_touched(user: User) -> None:
    contact, begun = due_contact(user), due_contact(user)
    sweep(user, MONDAY)
    mine, other = Task.objects.get(contact=contact), Task.objects.get(contact=begun)
    lifecycle.set_status(other, "in_progress", by=user, now=MONDAY)
    by_hand = builders.make_task(user, contact=contact)
    for one in (contact, begun):
        consent.set_do_not_contact(one, True, by=user, now=NOW)
    engine.drain(user.team_id, now=NOW)
    for task in (mine, other, by_hand):
        task.refresh_from_db()
    assert (mine.status, mine.close_reason) == ("obsolete", "The contact is not to be contacted.")
    assert (other.status, other.banner) == ("in_progress", "The contact is not to be contacted.")
    assert by_hand.status == "todo"


def test_a_call_for_a_series_makes_its_first_task_and_no_other_for_somebody_not_to_be_contacted(user: User) -> None:
    contact = builders.make_contact(user, do_not_contact=True)
    _, (task,) = recurring.schedule_recurring(contact, "weekly", {"title": "Ring"}, owner=user, now=NOW)
    engine.drain(user.team_id, now=NOW)
    assert fresh(contact).next_touch_at is None
    sweep(user, NOW + 8 * DAY)
    task.refresh_from_db()
    assert task.status == "todo", "it is what the person asked for"
    lifecycle.complete(task, by=user, now=NOW + 8 * DAY)
    engine.drain(user.team_id, now=NOW + 8 * DAY)
    sweep(user, NOW + 30 * DAY)
    assert Task.objects.count() == 1


def test_what_a_rule_on_touches_would_do_leaves_out_whoever_is_not_to_be_contacted(user: User) -> None:
    asked, spared = due_contact(user), due_contact(user, do_not_contact=True)
    rules = [
        builders.make_rule(user, trigger_type="cadence", trigger_config={}),
        builders.make_rule(user, trigger_type="overdue", trigger_config={"what": "follow_up"}),
    ]
    for rule in rules:
        assert dry_run(rule, now=NOW).counts["create"] == 1
        assert explain(rule, asked, now=NOW).now is not None
        assert explain(rule, spared, now=NOW).now is None
