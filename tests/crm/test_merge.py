"""Merging contacts: one person afterwards, nothing lost, nothing twice; and two again when it was a mistake."""

import itertools
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import OperationalError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from automation import cadence, engine, overdue
from automation.models import Enrolment, EnrolmentStep, Firing, ParkedPair
from crm import addresses, consent, contacts, erase, merge, moving, traces
from crm.models import Activity, Contact, ContactIdentity, ContactMerge
from tests import builders
from tests.builders import NOW
from tests.processes import until
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LATER = NOW + timedelta(days=3)


@pytest.fixture
def two() -> tuple[Contact, Contact]:
    owner = builders.make_manager()
    return builders.make_contact(owner, name="Ann"), builders.make_contact(owner, name="Ann L.")


def join(survivor: Contact, absorbed: Contact, **more: Any) -> ContactMerge:
    return merge.merge(survivor, absorbed, **{"by": survivor.owner, "now": NOW} | more)


def test_everything_of_the_one_is_the_others(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    task = builders.make_task(survivor.owner, contact=absorbed)
    activity = builders.make_activity(absorbed)
    firing = builders.make_firing(builders.make_rule(survivor.owner), contact=absorbed)
    batch = builders.make_batch(survivor.owner, contact=absorbed)
    join(survivor, absorbed)
    for row in (task, activity, firing, batch):
        row.refresh_from_db()
        assert row.contact == survivor, row
    assert absorbed.merged_into == survivor
    assert list(Contact.objects.visible_to(survivor.owner)) == [survivor]
    assert survivor.activities.filter(activity_type=Activity.CONTACT_MERGED).count() == 1


def test_every_pointer_to_a_contact_moves_or_says_that_it_stays() -> None:
    known = {name for name, _, _ in moving.pointers()}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if getattr(field, "related_model", None) is Contact and not field.auto_created:
                assert not field.many_to_many, f"{model._meta.label}.{field.name} needs a way to move"
                assert f"{model._meta.label}.{field.name}" in known or (model, field.name) in moving.STAYS


def test_what_is_empty_is_filled_and_the_strictest_opt_out_wins(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    early, late = NOW - timedelta(days=9), NOW - timedelta(days=2)
    Contact.objects.filter(pk=survivor.pk).update(
        status="active",
        seen_status="active",
        unsubscribed_at=late,
        next_touch_at=late,
        last_touch_at=early,
        tags=["vip"],
        email="",
    )
    Contact.objects.filter(pk=absorbed.pk).update(
        status="lost", seen_status="lost", unsubscribed_at=early, next_touch_at=early, last_touch_at=late,
        tags=["vip", "eu"], company="Acme", do_not_contact=True, email="Ann@Example.com",
        contact_cadence="weekly", seen_cadence="weekly",
    )  # fmt: skip
    join(survivor, absorbed)
    assert (survivor.status, survivor.company, survivor.tags) == ("active", "Acme", ["vip", "eu"])
    assert (survivor.unsubscribed_at, survivor.do_not_contact) == (early, True)
    assert (survivor.next_touch_at, survivor.last_touch_at) == (early, late)
    assert (survivor.email, absorbed.email) == ("Ann@Example.com", "")
    assert not Contact.objects.changed_by_hand().filter(pk__in=[survivor.pk, absorbed.pk]).exists()
    assert not Contact.objects.unplanned().filter(pk=absorbed.pk).exists()
    told = survivor.activities.filter(activity_type=Activity.DO_NOT_CONTACT, processed_at=None)
    assert told.count() == 1, "what the survivor is enrolled in has to end"


def test_the_old_address_leads_to_the_survivor(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    row = join(survivor, absorbed)
    identity = ContactIdentity.objects.get(source="email", external_id=absorbed.email.lower())
    assert identity.contact == survivor
    assert addresses.holder_of(survivor.team_id, absorbed.email.upper()) == survivor
    merge.unmerge(row, by=None, now=LATER)
    assert addresses.holder_of(survivor.team_id, absorbed.email) == absorbed
    assert not ContactIdentity.objects.exists()


def test_the_survivor_may_take_the_old_address_as_its_own(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    row = join(survivor, absorbed)
    first, second = survivor.email, absorbed.email
    contacts.update(survivor, by=None, now=NOW, email=second.upper())
    for address in (first, second):
        assert addresses.holder_of(survivor.team_id, address) == survivor
    stranger = builders.make_contact(survivor.owner)
    with pytest.raises(contacts.EmailTaken) as taken:
        contacts.update(stranger, by=None, now=NOW, email=first)
    assert taken.value.contact == survivor
    merge.unmerge(row, by=None, now=LATER)
    survivor.refresh_from_db()
    absorbed.refresh_from_db()
    assert (survivor.email, absorbed.email) == (second.upper(), first)


def test_the_old_number_leads_to_the_survivor(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    contacts.update(absorbed, by=None, now=NOW, phone="+49 30 901820")
    contacts.update(survivor, by=None, now=NOW, phone="+49 30 901821")
    row = join(survivor, absorbed)
    assert ContactIdentity.objects.get(source="phone").external_id == "+4930901820"
    merge.unmerge(row, by=None, now=LATER)
    assert not ContactIdentity.objects.exists()


def test_an_event_that_comes_in_during_the_merge_is_the_survivors(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    row = join(survivor, absorbed)
    stray = builders.make_activity(absorbed, activity_type=Activity.EMAIL_UNSUBSCRIBED)
    engine.drain(survivor.team_id, now=NOW)
    stray.refresh_from_db()
    survivor.refresh_from_db()
    assert stray.contact == survivor
    assert survivor.unsubscribed_at is not None
    merge.unmerge(row, by=None, now=LATER)


def test_unprocessed_activities_are_processed_for_the_survivor(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    builders.make_rule(survivor.owner, trigger_config={"activity_types": [Activity.EMAIL_CLICKED]})
    builders.make_activity(absorbed, activity_type=Activity.EMAIL_CLICKED, occurred_at=NOW, received_at=NOW)
    join(survivor, absorbed)
    engine.drain(survivor.team_id, now=NOW)
    assert Task.objects.get().contact == survivor


@pytest.mark.parametrize("case", ["itself", "team", "merged", "survivor merged", "erased", "circle"])
def test_what_cannot_be_merged_is_refused(two: tuple[Contact, Contact], case: str) -> None:
    survivor, absorbed = two
    third = builders.make_contact(survivor.owner)
    match case:
        case "itself":
            pair = (survivor, survivor)
        case "team":
            pair = (survivor, builders.make_contact())
        case "merged":
            join(third, absorbed)
            pair = (survivor, absorbed)
        case "survivor merged":
            join(third, survivor)
            pair = (survivor, absorbed)
        case "erased":
            erase.erase(absorbed, by=None, now=NOW)
            pair = (survivor, absorbed)
        case _:
            join(absorbed, survivor)
            pair = (survivor, absorbed)
    before = ContactMerge.objects.count()
    with pytest.raises(merge.CannotMerge):
        join(*pair)
    assert ContactMerge.objects.count() == before


def rule_tasks(one: Contact, other: Contact, **rule: Any) -> tuple[Task, Task]:
    """An open task of one rule for each, with the key that keeps the rule from a second."""
    made = builders.make_rule(one.owner, **rule)
    tasks = []
    for contact in (one, other):
        task = builders.make_task(one.owner, contact=contact, once_key=f"rule:{made.pk}:contact:{contact.pk}")
        builders.make_firing(made, task=task)
        tasks.append(task)
    return tasks[0], tasks[1]


def test_open_tasks_of_one_rule_collapse_into_the_oldest(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    theirs, ours = rule_tasks(absorbed, survivor)
    row = join(survivor, absorbed)
    theirs.refresh_from_db()
    ours.refresh_from_db()
    assert (theirs.status, ours.status) == (Task.TODO, Task.OBSOLETE)
    assert str(theirs.pk) in ours.close_reason
    assert theirs.once_key
    assert theirs.once_key.endswith(f":contact:{survivor.pk}")
    assert not ours.assignments.filter(ended_at=None).exists()
    merge.unmerge(row, by=None, now=LATER)
    theirs.refresh_from_db()
    ours.refresh_from_db()
    assert (theirs.status, ours.status, ours.close_reason) == (Task.TODO, Task.TODO, "")
    assert theirs.once_key
    assert theirs.once_key.endswith(f":contact:{absorbed.pk}")
    assert ours.once_key
    assert ours.once_key.endswith(f":contact:{survivor.pk}")
    assert ours.assignments.filter(ended_at=None).count() == 1


def test_a_started_task_stays_whichever_is_older(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    ours, theirs = rule_tasks(survivor, absorbed)
    assert theirs.assignee is not None
    lifecycle.set_status(theirs, Task.IN_PROGRESS, by=theirs.assignee, now=NOW)
    join(survivor, absorbed)
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.status, theirs.status) == (Task.OBSOLETE, Task.IN_PROGRESS)


def test_two_started_tasks_stay_both_and_one_says_so(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    tasks = rule_tasks(survivor, absorbed)
    for task in tasks:
        assert task.assignee is not None
        lifecycle.set_status(task, Task.IN_PROGRESS, by=task.assignee, now=NOW)
    join(survivor, absorbed)
    told = list(Task.objects.order_by("pk").values_list("status", "banner"))
    assert [status for status, _ in told] == [Task.IN_PROGRESS] * 2
    assert [bool(banner) for _, banner in told] == [False, True]
    assert Task.objects.exclude(once_key=None).count() == 1


def test_a_rule_that_fires_every_time_keeps_each_of_its_tasks(two: tuple[Contact, Contact]) -> None:
    rule_tasks(*two, repeat_policy="every_time")
    join(*two)
    assert Task.objects.open().count() == 2


def test_a_collapsed_task_that_somebody_took_up_stays_as_it_is(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    _, theirs = rule_tasks(survivor, absorbed)
    row = join(survivor, absorbed)
    theirs.refresh_from_db()
    lifecycle.set_status(theirs, Task.CANCELLED, by=survivor.owner, now=NOW)
    merge.unmerge(row, by=None, now=LATER)
    theirs.refresh_from_db()
    assert (theirs.status, theirs.contact) == (Task.CANCELLED, absorbed)


def test_a_rule_that_fires_once_ever_has_fired_for_the_survivor(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    rule = builders.make_rule(survivor.owner, repeat_policy="once_ever")
    builders.make_firing(rule, contact=absorbed)
    row = join(survivor, absorbed)
    fired = Firing.objects.filter(rule=rule, outcome=Firing.FIRED)
    assert [firing.contact_id for firing in fired] == [survivor.pk]
    merge.unmerge(row, by=None, now=LATER)
    assert [firing.contact_id for firing in fired.all()] == [absorbed.pk]


def test_a_pair_parked_for_both_is_parked_once(two: tuple[Contact, Contact]) -> None:
    rule = builders.make_rule(two[0].owner)
    for contact in two:
        ParkedPair.objects.create(rule=rule, contact=contact, reason="in circles", at=NOW)
    row = join(*two)
    assert ParkedPair.objects.filter(released_at=None).count() == 1
    merge.unmerge(row, by=None, now=LATER)
    assert ParkedPair.objects.filter(released_at=None).count() == 2


def test_an_opt_out_of_the_survivor_ends_what_the_other_was_enrolled_in(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    consent.opt_out(survivor, consent.UNSUBSCRIBED, now=NOW - timedelta(days=5))
    engine.drain(survivor.team_id, now=NOW)
    ended = builders.make_enrolment(absorbed, builders.make_sequence(survivor.owner))
    heedless = builders.make_sequence(survivor.owner, exits={"unsubscribed": False})
    goes_on = builders.make_enrolment(absorbed, heedless)
    row = join(survivor, absorbed)
    for enrolment, state in ((ended, Enrolment.EXITED), (goes_on, Enrolment.ACTIVE)):
        enrolment.refresh_from_db()
        assert enrolment.state == state
    assert ended.reason == "The contact unsubscribed."
    assert not ended.steps.filter(state=EnrolmentStep.PLANNED).exists()
    merge.unmerge(row, by=None, now=LATER)
    ended.refresh_from_db()
    assert (ended.contact, ended.state) == (absorbed, Enrolment.ACTIVE)
    assert ended.steps.filter(state=EnrolmentStep.PLANNED).exists()


def test_an_opt_out_that_nobody_has_heard_of_when_they_part_stays_where_it_was(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    for kind in (consent.UNSUBSCRIBED, consent.DO_NOT_CONTACT):
        consent.opt_out(absorbed, kind, now=NOW - timedelta(days=5))
    engine.drain(survivor.team_id, now=NOW)
    merge.unmerge(join(survivor, absorbed), by=None, now=NOW)
    engine.drain(survivor.team_id, now=NOW)
    survivor.refresh_from_db()
    absorbed.refresh_from_db()
    assert (survivor.unsubscribed_at, survivor.do_not_contact) == (None, False)
    assert (absorbed.unsubscribed_at is None, absorbed.do_not_contact) == (False, True)
    kinds = set(survivor.activities.values_list("activity_type", flat=True))
    assert kinds == {Activity.CONTACT_MERGED, Activity.CONTACT_PARTED}


def test_a_missed_follow_up_that_was_dealt_with_is_not_missed_again(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    team, day = survivor.team_id, timedelta(days=1)
    contacts.update(absorbed, by=None, now=NOW - 5 * day, next_follow_up_at=NOW - 3 * day)
    cadence.schedule_due(team, now=NOW - 2 * day)
    overdue.run_due(team, now=NOW - day)
    lifecycle.set_status(Task.objects.get(), Task.CANCELLED, by=survivor.owner, now=NOW)
    join(survivor, absorbed)
    for days in range(1, 4):
        cadence.schedule_due(team, now=NOW + days * day)
        overdue.run_due(team, now=NOW + days * day)
    assert Task.objects.count() == 1
    assert survivor.next_follow_up_at == NOW - 3 * day


def test_a_date_that_a_person_set_goes_before_the_cadence_that_came_along(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    mine = NOW + timedelta(days=20)
    contacts.update(survivor, by=None, now=NOW, next_follow_up_at=mine)
    contacts.update(absorbed, by=None, now=NOW, contact_cadence="weekly")
    cadence.schedule_due(survivor.team_id, now=NOW)
    row = join(survivor, absorbed)
    assert (survivor.contact_cadence, survivor.next_follow_up_at, survivor.next_touch_at) == ("weekly", mine, mine)
    merge.unmerge(row, by=None, now=LATER)
    absorbed.refresh_from_db()
    assert absorbed.next_touch_at == NOW.replace(hour=8) + timedelta(days=7)


def test_a_touch_of_the_survivor_closes_the_follow_up_that_came_along(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    contacts.update(absorbed, by=None, now=NOW, next_follow_up_at=NOW - timedelta(days=3))
    overdue.create_overdue(survivor.team_id, now=NOW)
    join(survivor, absorbed)
    builders.make_activity(survivor, activity_type=Activity.CALL, occurred_at=NOW, received_at=NOW)
    engine.drain(survivor.team_id, now=NOW)
    assert Task.objects.get().status == Task.OBSOLETE


def test_in_the_same_sequence_the_one_that_is_further_goes_on(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    sequence = builders.make_sequence(survivor.owner)
    ours = builders.make_enrolment(survivor, sequence, done=1)
    theirs = builders.make_enrolment(absorbed, sequence, done=2)
    row = join(survivor, absorbed)
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.state, theirs.state) == (Enrolment.EXITED, Enrolment.ACTIVE)
    assert theirs.active_key == f"sequence:{sequence.pk}:{survivor.pk}"
    assert ours.reason
    assert not ours.steps.filter(state=EnrolmentStep.PLANNED).exists()
    merge.unmerge(row, by=None, now=LATER)
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.state, theirs.state) == (Enrolment.ACTIVE, Enrolment.ACTIVE)
    assert ours.active_key == f"sequence:{sequence.pk}:{survivor.pk}"
    assert theirs.active_key == f"sequence:{sequence.pk}:{absorbed.pk}"
    assert ours.steps.filter(state=EnrolmentStep.PLANNED).exists()


def test_what_happened_since_stays_with_the_survivor(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    moved_on = builders.make_task(survivor.owner, contact=absorbed)
    row = join(survivor, absorbed)
    new = builders.make_activity(survivor)
    third = builders.make_contact(survivor.owner)
    lifecycle.edit(moved_on, by=survivor.owner, now=NOW, contact=third)
    contacts.update(survivor, by=None, now=NOW, company="Acme")
    merge.unmerge(row, by=None, now=LATER)
    new.refresh_from_db()
    moved_on.refresh_from_db()
    survivor.refresh_from_db()
    assert (new.contact, moved_on.contact, survivor.company) == (survivor, third, "Acme")


def test_an_opt_out_made_while_they_were_one_holds_for_both(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    row = join(survivor, absorbed)
    consent.opt_out(survivor, consent.UNSUBSCRIBED, now=NOW + timedelta(hours=1))
    consent.opt_out(survivor, consent.DO_NOT_CONTACT, now=NOW + timedelta(hours=1))
    merge.unmerge(row, by=None, now=LATER)
    for contact in Contact.objects.all():
        assert contact.unsubscribed_at
        assert contact.do_not_contact


def test_an_opt_out_of_one_of_them_is_that_ones_again(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    consent.opt_out(absorbed, consent.UNSUBSCRIBED, now=NOW)
    row = join(survivor, absorbed)
    assert survivor.unsubscribed_at == NOW
    merge.unmerge(row, by=None, now=LATER)
    survivor.refresh_from_db()
    absorbed.refresh_from_db()
    assert (survivor.unsubscribed_at, absorbed.unsubscribed_at) == (None, NOW)


@pytest.mark.parametrize(
    ("own", "bounced", "comes_along"),
    [("a@x.org", "absorbed", False), ("", "absorbed", True), ("a@x.org", "survivor", True)],
)
def test_a_bounce_is_about_an_address_and_goes_where_that_goes(
    two: tuple[Contact, Contact], own: str, bounced: str, *, comes_along: bool
) -> None:
    survivor, absorbed = two
    Contact.objects.filter(pk=survivor.pk).update(email=own)
    sequence = builders.make_sequence(survivor.owner)
    enrolment = builders.make_enrolment(survivor, sequence, created_at=NOW - timedelta(days=9))
    concerned = survivor if bounced == "survivor" else absorbed
    if concerned == survivor:
        survivor.refresh_from_db()
    consent.opt_out(concerned, consent.BOUNCED, now=NOW)
    row = join(survivor, absorbed)
    assert survivor.bounced_at == (NOW if comes_along else None)
    engine.drain(survivor.team_id, now=NOW)
    enrolment.refresh_from_db()
    assert enrolment.state == (Enrolment.EXITED if comes_along else Enrolment.ACTIVE)
    merge.unmerge(row, by=None, now=LATER)
    assert list(Contact.objects.filter(bounced_at=NOW)) == [concerned]


@pytest.mark.parametrize("own", ["a@x.org", ""])
def test_a_bounce_since_stays_with_the_address_when_they_part(two: tuple[Contact, Contact], own: str) -> None:
    survivor, absorbed = two
    Contact.objects.filter(pk=survivor.pk).update(email=own)
    row = join(survivor, absorbed)
    consent.opt_out(survivor, consent.BOUNCED, now=NOW)
    merge.unmerge(row, by=None, now=LATER)
    assert list(Contact.objects.filter(bounced_at=NOW)) == [survivor if own else absorbed]


def test_it_can_be_undone_for_30_days_and_once(two: tuple[Contact, Contact]) -> None:
    row = join(*two)
    with pytest.raises(merge.CannotPart, match="30 days"):
        merge.unmerge(row, by=None, now=NOW + timedelta(days=30, seconds=1))
    merge.unmerge(row, by=None, now=NOW + timedelta(days=30))
    with pytest.raises(merge.CannotPart, match="already"):
        merge.unmerge(row, by=None, now=NOW + timedelta(days=30))


def test_merges_are_undone_the_last_one_first(two: tuple[Contact, Contact]) -> None:
    survivor, absorbed = two
    third, top = (builders.make_contact(survivor.owner) for _ in range(2))
    first, second, above = join(survivor, absorbed), join(survivor, third), join(top, survivor)
    assert addresses.survivor_of(absorbed).pk == top.pk
    for blocked, by in ((first, above), (second, above)):
        with pytest.raises(merge.CannotPart, match=f"Merge {by.pk}"):
            merge.unmerge(blocked, by=None, now=LATER)
    merge.unmerge(above, by=None, now=LATER)
    with pytest.raises(merge.CannotPart, match=f"Merge {second.pk}"):
        merge.unmerge(first, by=None, now=LATER)
    merge.unmerge(second, by=None, now=LATER)
    merge.unmerge(first, by=None, now=LATER)
    assert Contact.objects.standing().count() == 4


@given(st.sets(st.integers(1, 400)))
def test_ids_fold_and_unfold(ids: set[int]) -> None:
    folded = traces.compact(sorted(ids))
    unfolded = [range(one, one + 1) if isinstance(one, int) else range(one[0], one[1] + 1) for one in folded]
    assert list(itertools.chain(*unfolded)) == sorted(ids)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_merge() -> None:
    owner = builders.make_manager()
    one, other = builders.make_contact(owner), builders.make_contact(owner)
    for _ in range(20):
        builders.make_activity(other)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def attempt(pair: tuple[int, int]) -> None:
        try:
            rows = Contact.objects.in_bulk(pair)
            start.wait()
            merge.merge(rows[pair[0]], rows[pair[1]], by=None, now=NOW)
            outcomes.append("merged")
        except merge.CannotMerge:
            outcomes.append("refused")
        finally:
            connection.close()

    pairs = [(one.pk, other.pk), (one.pk, other.pk), (other.pk, one.pk), (other.pk, one.pk)]
    threads = [threading.Thread(target=attempt, args=(pair,)) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["merged", "refused", "refused", "refused"]
    assert ContactMerge.objects.count() == 1
    standing = Contact.objects.standing().get()
    assert standing.activities.filter(activity_type=Activity.EMAIL_OPENED).count() == 20


@pytest.mark.skipif(connection.vendor == "sqlite", reason="on SQLite whoever writes is alone")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["merge", "unmerge", "erase"])
def test_events_of_both_in_the_other_order_do_not_stop_it(act: str) -> None:
    """Each waits for rows of the other: the database ends such a pair, and the one it stopped goes on by itself."""
    owner = builders.make_manager()
    one, other = builders.make_contact(owner), builders.make_contact(owner)
    acts: dict[str, Any] = {"merge": lambda: join(one, other)}
    if act != "merge":
        row = join(one, other)
        acts |= {"unmerge": lambda: merge.unmerge(row, by=None, now=NOW)}
        acts |= {"erase": lambda: erase.erase(one, by=None, now=NOW)}
    outcomes: list[Any] = []

    def change() -> None:
        try:
            outcomes.append(acts[act]())
        except OperationalError as stopped:
            outcomes.append(stopped)
        finally:
            connection.close()

    thread = threading.Thread(target=change)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # one by one, as a commit asks for the contacts of its rows
        cursor.execute("SET LOCAL deadlock_timeout = '1min'")  # so that the other is the one that is stopped
        Activity.objects.create(contact=other)
        thread.start()
        until(_somebody_waits, why="it did not come to the lock")
        Activity.objects.create(contact=one)
    thread.join(timeout=60)
    assert [type(outcome) for outcome in outcomes] == [{"merge": ContactMerge, "unmerge": Contact, "erase": bool}[act]]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone() is not None


LIFE = ["activity", "task", "started", "done", "rule", "fired once", "enrolled", "batch", "series", "identity",
        "parked", "opt out", "cadence", "waiting"]  # fmt: skip


class Histories(TestCase):
    """Whatever happened to two contacts before: merging and parting leaves every row as it was."""

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(
        lives=st.lists(st.tuples(st.booleans(), st.sampled_from(LIFE), st.integers(0, 3)), max_size=10),
        blanks=st.sets(st.sampled_from(["email", "company", "phone", "timezone"])),
    )
    def test_parting_undoes_merging(self, lives: list[tuple[bool, str, int]], blanks: set[str]) -> None:
        owner = builders.make_manager()
        both = [
            builders.make_contact(owner, company=name, phone=name, timezone=zone, **({"email": ""} if empty else {}))
            for name, zone, empty in (("A", "UTC", "email" in blanks), ("B", "Europe/Berlin", False))
        ]
        Contact.objects.filter(pk=both[0].pk).update(**dict.fromkeys(blanks - {"email"}, ""))
        shared = builders.make_rule(owner)
        sequence = builders.make_sequence(owner)
        for second, what, extra in lives:
            live(both[second], what, extra, shared, sequence)
        for contact in both:
            contact.refresh_from_db()
        before = everything()
        row = merge.merge(both[0], both[1], by=owner, now=NOW)
        assert not any(rows.filter(**{field: both[1]}).exists() for _, rows, field in moving.pointers())
        merge.unmerge(row, by=owner, now=LATER)
        after = everything()
        assert {key: after.get(key) for key in before} == before
        added = {model for model, _ in set(after) - set(before)}
        assert added <= {"crm.Activity", "crm.ContactMerge", "automation.EngineQueue"}, added


def live(contact: Contact, what: str, extra: int, rule: Any, sequence: Any) -> None:
    """One thing that may have happened to a contact."""
    owner = contact.owner
    assert owner is not None
    match what:
        case "activity":
            builders.make_activity(contact, processed_at=NOW if extra else None)
        case "task":
            builders.make_task(owner if extra else None, owner=owner, contact=contact)
        case "started":
            lifecycle.set_status(builders.make_task(owner, contact=contact), Task.IN_PROGRESS, by=owner, now=NOW)
        case "done":
            lifecycle.complete(builders.make_task(owner, contact=contact), by=owner, now=NOW)
        case "rule":
            key = f"rule:{rule.pk}:contact:{contact.pk}"
            if not Task.objects.filter(once_key=key).exists():
                task = builders.make_task(owner, contact=contact, once_key=key, edited_at=NOW if extra == 3 else None)
                builders.make_firing(rule, task=task)
        case "fired once" | "waiting":
            outcome = Firing.WAITING if what == "waiting" else Firing.FIRED
            builders.make_firing(rule, contact=contact, outcome=outcome, trigger_key=f"test:{builders.number()}")
        case "enrolled":
            if not Enrolment.objects.filter(contact=contact, state=Enrolment.ACTIVE).exists():
                builders.make_enrolment(contact, sequence, done=extra)
        case "batch" | "series":
            key = f"sequence:standard:{contact.pk}" if what == "batch" else None
            if not key or not contact.batches.filter(active_key=key).exists():
                builders.make_batch(owner, contact=contact, tasks=extra, active_key=key)
        case "identity":
            ContactIdentity.objects.create(
                team=contact.team, contact=contact, source="crm", external_id=str(builders.number())
            )
        case "parked":
            ParkedPair.objects.get_or_create(rule=rule, contact=contact, defaults={"reason": "circle", "at": NOW})
        case "opt out":
            consent.opt_out(contact, consent.KINDS[extra], now=NOW - timedelta(days=extra))
        case _:
            Contact.objects.filter(pk=contact.pk).update(
                contact_cadence="weekly", seen_cadence="weekly" if extra else "", next_touch_at=NOW, tags=[what]
            )


def everything() -> dict[tuple[str, Any], dict[str, Any]]:
    """Every row of the product; a task's version only ever grows."""
    return {
        (model._meta.label, row.pk): {
            field.attname: getattr(row, field.attname)
            for field in model._meta.concrete_fields
            if field.name != "version"
        }
        for label in ("crm", "work", "notifications", "assignment", "automation")
        for model in apps.get_app_config(label).get_models()
        for row in model._default_manager.all()
    }
