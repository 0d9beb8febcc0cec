"""Contacts changed past the verbs, by `save()`, `.update()` or SQL, are followed as those changed by them."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from automation import cadence, engine
from automation.programmes import enrolling
from crm import consent, contacts, erase
from crm.models import Activity, Contact
from domain import delays
from jobs.models import Job
from people.models import User
from tests import builders
from tests.builders import NOW
from work import due
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = timedelta(days=1)


def by_save(contact: Contact, **fields: Any) -> None:
    row = Contact.objects.get(pk=contact.pk)
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


def by_update(contact: Contact, **fields: Any) -> None:
    Contact.objects.filter(pk=contact.pk).update(**fields)


def by_sql(contact: Contact, **fields: Any) -> None:
    for name, value in fields.items():
        field = Contact._meta.get_field(name)
        stored = field.get_db_prep_save(getattr(value, "pk", value), connection)
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE crm_contact SET {field.column} = %s WHERE id = %s", [stored, contact.pk])


def by_verb(contact: Contact, **fields: Any) -> None:
    contacts.update(contact, by=None, now=NOW, **fields)


def by_verb_for_many(contact: Contact, **fields: Any) -> None:
    with transaction.atomic():
        assert contacts.update_all({contact.pk: fields}, by=None, now=NOW) == {contact.pk}


HANDS = pytest.mark.parametrize("change", [by_save, by_update, by_sql, by_verb, by_verb_for_many])
Change = Callable[..., None]


@pytest.fixture
def user() -> User:
    return builders.make_manager()


def sweep(contact: Contact) -> Contact:
    """What the bell sets off: the engine, then the plan of touches."""
    engine.drain(contact.team_id, now=NOW)
    cadence.plan_missing(contact.team_id, now=NOW)
    assert not Contact.objects.changed_by_hand().exists()
    return Contact.objects.get(pk=contact.pk)


@HANDS
def test_a_status_becomes_an_activity_once(user: User, change: Change) -> None:
    contact = builders.make_contact(user)
    change(contact, status="active")
    for _ in range(2):
        sweep(contact)
    (activity,) = Activity.objects.filter(activity_type=Activity.STATUS_CHANGED)
    assert activity.data == {"old_status": "lead", "new_status": "active"}


@HANDS
def test_a_cadence_plans_the_next_touch_and_clearing_it_clears_that(user: User, change: Change) -> None:
    contact = builders.make_contact(user)
    change(contact, contact_cadence="weekly")
    assert sweep(contact).next_touch_at == datetime(2026, 6, 24, 8, tzinfo=UTC)
    change(contact, contact_cadence="monthly")
    assert sweep(contact).next_touch_at == datetime(2026, 7, 17, 8, tzinfo=UTC)
    change(contact, contact_cadence="")
    assert sweep(contact).next_touch_at is None


@HANDS
def test_a_follow_up_date_is_the_next_touch_until_it_is_cleared(user: User, change: Change) -> None:
    contact = builders.make_contact(user, contact_cadence="weekly")
    own = NOW + 3 * DAY
    for date in (own, own + DAY, own - DAY):
        change(contact, next_follow_up_at=date)
        assert sweep(contact).next_touch_at == date
    change(contact, next_follow_up_at=None)
    assert sweep(contact).next_touch_at == datetime(2026, 6, 24, 8, tzinfo=UTC)


@HANDS
def test_another_zone_keeps_the_day_and_moves_the_hour(user: User, change: Change) -> None:
    contact = builders.make_contact(user, contact_cadence="monthly")
    Contact.objects.filter(pk=contact.pk).update(next_touch_at=datetime(2026, 6, 20, 8, tzinfo=UTC))
    change(contact, timezone="Asia/Tokyo")
    assert sweep(contact).next_touch_at == datetime(2026, 6, 20, 8, tzinfo=ZoneInfo("Asia/Tokyo"))


@HANDS
def test_another_zone_moves_no_touch_that_was_dealt_with(user: User, change: Change) -> None:
    contact = builders.make_contact(user, contact_cadence="monthly")
    missed = NOW - 2 * DAY
    Contact.objects.filter(pk=contact.pk).update(next_touch_at=missed, touched_for=missed, missed_for=missed)
    change(contact, timezone="Asia/Tokyo")
    assert sweep(contact).next_touch_at == missed
    assert not Task.objects.exists(), "it was told once"


@HANDS
def test_another_owner_keeps_the_day_and_moves_the_hour(user: User, change: Change) -> None:
    mine, placed = builders.make_contact(user, contact_cadence="monthly"), builders.make_contact(user, timezone="UTC")
    eight = datetime(2026, 6, 20, 8, tzinfo=UTC)
    Contact.objects.update(next_touch_at=eight, contact_cadence="monthly", seen_cadence="monthly")
    other = builders.make_user(team=user.team, timezone="Asia/Tokyo")
    for contact in (mine, placed):
        change(contact, owner=other)
    assert sweep(mine).next_touch_at == eight.replace(tzinfo=ZoneInfo("Asia/Tokyo"))
    assert sweep(placed).next_touch_at == eight, "it has a zone of its own"
    change(mine, owner=None)
    assert sweep(mine).next_touch_at == eight, "nobody's: the team's clock"


@HANDS
def test_another_owner_moves_tasks_that_are_due_on_the_owners_clock(user: User, change: Change) -> None:
    contact = builders.make_contact(user)
    found = due.due_of(delays.Delay(kind="calendar", days=3), start=NOW, contact=contact, owner=user, team=user.team)
    builders.make_task(user, contact=contact, **found._asdict())
    builders.make_task(user, contact=contact)
    other = builders.make_user(team=user.team, timezone="Asia/Tokyo")
    change(contact, owner=other)
    assert sweep(contact).seen_owner_id == other.pk
    assert Task.objects.filter(due_date=found.due_date).exists(), "its owner is the task's, who has not moved"


@pytest.mark.parametrize("change", [by_save, by_update, by_sql])
def test_one_written_past_every_default_is_new_and_not_anothers(user: User, change: Change) -> None:
    User.objects.filter(pk=user.pk).update(timezone="Asia/Tokyo")
    eight = datetime(2026, 6, 20, 8, tzinfo=ZoneInfo("Asia/Tokyo"))
    contact = builders.make_contact(user, contact_cadence="monthly", next_touch_at=eight)
    change(contact, seen_status="", seen_owner_id=None)
    assert sweep(contact).next_touch_at == eight


@HANDS
def test_somebody_not_to_be_contacted_leaves_at_once(user: User, change: Change) -> None:
    contact = builders.make_contact(user, contact_cadence="weekly", next_touch_at=NOW + DAY)
    enrolment = enrolling.enrol(builders.make_sequence(user, pacing="at_once"), contact, owner=user, now=NOW)
    assert Task.objects.open().exists()
    if change is by_verb:
        consent.set_do_not_contact(contact, True, by=user, now=NOW)
    else:
        change(contact, do_not_contact=True)
    for _ in range(2):
        assert sweep(contact).next_touch_at is None
    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.reason) == ("exited", "The contact is not to be contacted.")
    assert not Task.objects.open().exists()
    assert Activity.objects.filter(activity_type=Activity.DO_NOT_CONTACT).count() == 1
    if change is by_verb:
        consent.set_do_not_contact(contact, False, by=user, now=NOW)
    else:
        change(contact, do_not_contact=False)
    for _ in range(2):
        assert sweep(contact).next_touch_at == datetime(2026, 6, 24, 8, tzinfo=UTC), "planned again"
    (lifted,) = Activity.objects.filter(activity_type=Activity.OPTED_IN)
    assert lifted.data == {"lifted": ["do_not_contact"]}


@HANDS
def test_another_zone_moves_tasks_that_are_due_on_the_contacts_clock(user: User, change: Change) -> None:
    contact = builders.make_contact(user)
    delay = delays.Delay(kind="calendar", days=3)
    found = due.due_of(delay, start=NOW, contact=contact, owner=user, team=user.team)
    task = builders.make_task(user, contact=contact, **found._asdict())
    change(contact, timezone="Asia/Tokyo")
    sweep(contact)
    task.refresh_from_db()
    assert task.due_date != found.due_date
    assert task.due_zone == "Asia/Tokyo"


def test_a_new_row_with_a_follow_up_date_has_it_as_its_next_touch_at_once(user: User) -> None:
    own = NOW + 5 * DAY
    made = contacts.create(user.team, owner=user, name="Ada", next_follow_up_at=own)
    assert made.next_touch_at == own
    assert not Contact.objects.changed_by_hand().exists()
    written = builders.make_contact(user, next_follow_up_at=own)
    Contact.objects.bulk_create([Contact(owner=user, name="Bo", next_follow_up_at=own, contact_cadence="weekly")])
    assert engine.pending_teams(NOW) == [user.team_id]
    sweep(written)
    assert set(Contact.objects.values_list("next_touch_at", flat=True)) == {own}


def test_a_row_written_with_a_cadence_and_its_date_keeps_the_date(user: User) -> None:
    date = NOW + 9 * DAY
    contact = builders.make_contact(user, contact_cadence="monthly", next_touch_at=date)
    Contact.objects.filter(pk=contact.pk).update(seen_cadence="")  # as rows of an earlier version
    assert sweep(contact).next_touch_at == date


def test_a_change_by_hand_is_not_forgotten_when_a_verb_comes_first(user: User) -> None:
    contact = builders.make_contact(user)
    Contact.objects.filter(pk=contact.pk).update(status="active", contact_cadence="weekly")
    contacts.update(contact, by=user, now=NOW, status="inactive")
    sweep(contact)
    changes = [one.data for one in Activity.objects.filter(activity_type=Activity.STATUS_CHANGED).order_by("pk")]
    assert changes == [
        {"old_status": "lead", "new_status": "active"},
        {"old_status": "active", "new_status": "inactive"},
    ]
    assert Contact.objects.get().next_touch_at == datetime(2026, 6, 24, 8, tzinfo=UTC)


def test_there_and_back_within_a_transaction_is_nothing(user: User) -> None:
    contact = builders.make_contact(user)
    with transaction.atomic():
        by_update(contact, status="active", contact_cadence="weekly")
        by_update(contact, status="lead", contact_cadence="")
    sweep(contact)
    assert not Activity.objects.exists()


def test_what_a_higher_room_does_is_undone_with_the_change(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    contact = builders.make_contact(user)
    monkeypatch.setattr(contacts, "_steps", [lambda row, changed, now: 1 / 0])
    with pytest.raises(ZeroDivisionError):
        contacts.update(contact, by=user, now=NOW, status="lost")
    assert Contact.objects.get().status == "lead"
    assert not Activity.objects.exists()


def test_one_that_cannot_be_followed_is_logged_and_not_looked_at_for_ever(
    user: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = builders.make_contact(user), builders.make_contact(user)
    Contact.objects.update(status="active")
    real = contacts.record_status_change
    monkeypatch.setattr(
        contacts,
        "record_status_change",
        lambda row, *words, **rest: real(row, *words, **rest) if row.pk != bad.pk else 1 / 0,
    )
    assert contacts.notice_changes_by_hand(now=NOW, team_id=user.team_id) == 1
    assert f"contact {bad.pk}" in caplog.text
    assert Activity.objects.get().contact == good
    assert engine.pending_teams(NOW) == [user.team_id], "the activity of the good one"
    assert not Contact.objects.changed_by_hand().exists()
    monkeypatch.undo()
    job = Job.objects.get(name=contacts.FOLLOW_JOB)
    assert contacts.follow_again(*job.args, now=NOW)
    assert Activity.objects.get(contact=bad).data == {"old_status": "lead", "new_status": "active"}
    assert not contacts.follow_again(bad.pk, {"status": ["lead", "lost"]}, now=NOW), "another change was made since"


@pytest.mark.parametrize(
    "fields",
    [
        {"contact_cadence": "fortnight"},
        {"timezone": "Moon/Base"},
        {"status": "vip"},
        {"next_follow_up_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"next_follow_up_at": datetime(9999, 12, 31, tzinfo=UTC)},
    ],
)
def test_nonsense_is_looked_at_once(user: User, fields: dict[str, Any]) -> None:
    contact = builders.make_contact(user)
    Contact.objects.filter(pk=contact.pk).update(**fields)
    sweep(contact)
    cadence.schedule_due(user.team_id, now=NOW)
    assert cadence.due_since(NOW) == {}
    assert not Task.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_notice_each_change_once() -> None:
    user = builders.make_manager()
    for _ in range(20):
        builders.make_contact(user)
    Contact.objects.update(status="active", contact_cadence="weekly")
    barrier = threading.Barrier(2)

    def worker() -> None:
        barrier.wait()
        contacts.notice_changes_by_hand(now=NOW, team_id=user.team_id)
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Activity.objects.count() == 20


def test_an_object_read_before_an_erasure_cannot_put_the_person_back(user: User) -> None:
    contact = builders.make_contact(user, name="Ada", email="ada@example.com", phone="+49 30 123456")
    older = Contact.objects.get(pk=contact.pk)
    erase.erase(contact, by=user, now=NOW)
    older.save()
    assert Contact.objects.get(pk=contact.pk).email == ""
    older.company = "Byron & Co"
    with pytest.raises(IntegrityError, match="an_erased_contact_names_nobody"), transaction.atomic():
        older.save()
    with pytest.raises(IntegrityError, match="an_erased_contact_names_nobody"), transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(email="ada@example.com")
    assert Contact.objects.get(pk=contact.pk).name == f"Erased contact {contact.pk}"


@pytest.mark.parametrize("follow", [engine.drain, None], ids=["swept between", "swept after"])
@pytest.mark.parametrize("other", [True, False], ids=["another object", "the same object"])
def test_a_change_saved_twice_is_followed_once(user: User, follow: Any, other: bool) -> None:
    contact = builders.make_contact(user)
    rule = builders.make_rule(
        user, trigger_type="status_change", trigger_config={"to_status": "active"}, repeat_policy="every_time"
    )
    older = Contact.objects.get(pk=contact.pk) if other else contact
    for row in (contact, older):
        row.status, row.contact_cadence = "active", "weekly"
        row.save()
        if follow is not None:
            follow(user.team_id, now=timezone.now())
    engine.drain(user.team_id, now=timezone.now())
    assert Activity.objects.filter(activity_type=Activity.STATUS_CHANGED).count() == 1
    assert rule.tasks.count() == 1
    older.name = "Ada"
    older.save()
    engine.drain(user.team_id, now=timezone.now())
    assert rule.tasks.count() == 1
    assert Contact.objects.get(pk=contact.pk).name == "Ada"


def test_saving_an_older_object_takes_back_nothing_that_only_the_product_writes(user: User) -> None:
    survivor, contact = builders.make_contact(user), builders.make_contact(user)
    older = Contact.objects.defer("company").get(pk=contact.pk)
    touched = timezone.now() - DAY
    Contact.objects.filter(pk=contact.pk).update(last_touch_at=touched, merged_into=survivor, company="Byron & Co")
    older.phone = "+49 170 1234567"
    older.save()
    kept = Contact.objects.get(pk=contact.pk)
    assert (kept.last_touch_at, kept.merged_into, kept.company) == (touched, survivor, "Byron & Co")
    assert (kept.phone, kept.phone_e164) == ("+49 170 1234567", "+491701234567")


SAID_NO = {"do_not_contact": True, "unsubscribed_at": NOW, "complained_at": NOW, "bounced_at": NOW}


@pytest.mark.parametrize("made_here", [True, False])
def test_saving_an_older_object_lifts_no_opt_out(user: User, *, made_here: bool) -> None:
    contact = Contact(owner=user, name="A", team=user.team)
    Contact.objects.bulk_create([contact])
    older = contact if made_here else Contact.objects.get(pk=contact.pk)
    for kind in consent.KINDS:
        consent.opt_out(Contact.objects.get(pk=contact.pk), kind, now=NOW)
    for name in ("Ada", "Ada Byron"):
        older.name = name
        older.save()
    kept = Contact.objects.get(pk=contact.pk)
    assert {column: getattr(kept, column) for column in SAID_NO} == SAID_NO
    assert kept.name == "Ada Byron"


def test_who_knows_of_an_opt_out_lifts_it_by_saving(user: User) -> None:
    contact = builders.make_contact(user)
    contact.do_not_contact = True
    contact.save()
    contact.do_not_contact = False
    contact.save()
    assert not Contact.objects.get(pk=contact.pk).do_not_contact
    Contact.objects.filter(pk=contact.pk).update(**SAID_NO)
    contact.refresh_from_db()
    contact.do_not_contact, contact.bounced_at = False, None
    contact.save()
    kept = Contact.objects.get(pk=contact.pk)
    assert (kept.do_not_contact, kept.bounced_at, kept.unsubscribed_at) == (False, None, NOW)


SET_BY_HAND = {
    "name": "Ada", "email": "ada@example.com", "phone": "+49 30 123456", "company": "Byron", "status": "active",
    "contact_cadence": "weekly", "next_follow_up_at": NOW, "next_touch_at": NOW, "timezone": "Europe/Paris",
    "lead_score": 80, "tags": ["vip"], "cadence_anchor_day": 31, "last_touch_at": NOW, "last_activity_at": NOW,
    "quiet_at": NOW, "created_at": NOW, **SAID_NO,
}  # fmt: skip


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("column", SET_BY_HAND)
def test_whatever_is_set_by_hand_is_kept(user: User, column: str, *, read: bool) -> None:
    contact = Contact.objects.create(owner=user, name="A")
    contact = Contact.objects.get(pk=contact.pk) if read else contact
    setattr(contact, column, SET_BY_HAND[column])
    contact.save()
    assert getattr(Contact.objects.get(pk=contact.pk), column) == SET_BY_HAND[column]


def test_saving_an_older_object_puts_no_touch_back_that_was_dealt_with(user: User) -> None:
    contact = builders.make_contact(user, contact_cadence="weekly", next_touch_at=NOW, next_follow_up_at=NOW)
    older = Contact.objects.get(pk=contact.pk)
    moved = {"next_touch_at": NOW + 7 * DAY, "touched_for": NOW, "next_follow_up_at": None, "status": "active"}
    Contact.objects.filter(pk=contact.pk).update(**moved)
    older.name = "Ada"
    older.tags.append("vip")
    older.save()
    kept = Contact.objects.get(pk=contact.pk)
    assert {column: getattr(kept, column) for column in moved} == moved
    assert (kept.name, kept.tags) == ("Ada", ["vip"])


def test_what_was_written_in_bulk_is_written_again_by_a_save(user: User) -> None:
    made = Contact(owner=user, name="A", team=user.team)
    made.do_not_contact = True
    Contact.objects.bulk_create([made])
    made.do_not_contact = False
    made.save()
    assert not Contact.objects.get(pk=made.pk).do_not_contact
    made.do_not_contact = True
    Contact.objects.bulk_update([made], ["do_not_contact"])
    made.do_not_contact = False
    made.save()
    assert not Contact.objects.get(pk=made.pk).do_not_contact


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_written_by_the_next_save(user: User) -> None:
    contact = Contact.objects.get(pk=builders.make_contact(user).pk)
    contact.status = "active"
    with transaction.atomic():
        contact.save()
        transaction.set_rollback(True)
    contact.save()
    assert Contact.objects.get(pk=contact.pk).status == "active"
    Contact.objects.filter(pk=contact.pk).update(status="lost")
    contact.name = "Ada"
    contact.save()
    assert Contact.objects.get(pk=contact.pk).status == "lost"


def test_a_copy_and_one_with_a_chosen_id_are_new_rows(user: User) -> None:
    contact = Contact.objects.get(pk=builders.make_contact(user, email="").pk)
    contact.pk = None
    contact.save()
    assert Contact.objects.filter(name=contact.name).count() == 2
    Contact.objects.create(pk=contact.pk + 1, owner=user, name="B", status="active", timezone="Europe/Paris")
    assert not Contact.objects.changed_by_hand().exists()


def test_one_read_in_part_is_saved_without_asking_for_the_rest(user: User) -> None:
    row = Contact.objects.only("name", "phone", "team").select_related("team").get(pk=builders.make_contact(user).pk)
    row.name = "Ada"
    Contact.objects.filter(pk=row.pk).update(**SAID_NO)
    row.save()
    kept = Contact.objects.get(pk=row.pk)
    assert (kept.name, kept.do_not_contact) == ("Ada", True)
