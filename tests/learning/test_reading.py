"""What the ledger says of attempts and outcomes: the same, however it is read."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm import contacts, erase
from crm.models import Activity, Contact
from learning import answers, reading
from learning.models import ContactAttempt, LeadOutcome, LedgerReading
from people.models import User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 10, tzinfo=UTC)
"""A Wednesday; 19:00 in Tokyo."""
HOUR = timedelta(hours=1)
OUTCOMES = ["", *(word for word, _ in Task.OUTCOMES)]


@pytest.fixture
def member() -> User:
    return builders.make_user()


@pytest.fixture
def contact(member: User) -> Contact:
    return builders.make_contact(member, timezone="Asia/Tokyo")


def happened(contact: Contact, kind: str, at: datetime, **fields: Any) -> Activity:
    return builders.make_activity(contact, activity_type=kind, occurred_at=at, received_at=at, **fields)


def done(contact: Contact, outcome: str, at: datetime = NOW, **fields: Any) -> Task:
    assert contact.owner is not None
    task = builders.make_task(contact.owner, contact=contact, **fields)
    lifecycle.complete(task, by=contact.owner, now=at, outcome=outcome)
    return task


def read(contact: Contact) -> reading.Read:
    return reading.read(contact.team, now=NOW + timedelta(days=1))


def the_attempt() -> ContactAttempt:
    return ContactAttempt.objects.get()


def test_a_task_completed_with_an_outcome_is_an_attempt_on_the_clock_of_the_contact(contact: Contact) -> None:
    task = done(contact, Task.NO_ANSWER)
    assert read(contact) == reading.Read(attempts=1, outcomes=0, finished=True)
    row = the_attempt()
    assert (row.channel, row.sent_at, row.task_id, row.owner_id) == ("call", NOW, task.pk, contact.owner_id)
    assert (row.zone, row.zone_source, row.local_hour, row.local_weekday) == ("Asia/Tokyo", "contact", 19, 2)
    assert (row.reached, row.answered_at, row.matured_at) == (False, None, NOW + 4 * HOUR)


def test_a_zone_that_is_not_the_contacts_own_says_whose_it_is(contact: Contact) -> None:
    assert contact.owner is not None
    Contact.objects.update(timezone="")
    User.objects.filter(pk=contact.owner_id).update(timezone="Europe/Lisbon")
    done(contact, Task.REACHED)
    read(contact)
    row = the_attempt()
    assert (row.zone, row.zone_source, row.local_hour) == ("Europe/Lisbon", "owner", 11)
    assert (row.reached, row.answered_at, row.matured_at) == (True, NOW, NOW + 4 * HOUR)


def test_who_chose_the_hour(contact: Contact) -> None:
    timing = {"chosen_by": "explore", "propensity": 0.01}
    done(contact, Task.NO_ANSWER, due_date=NOW + HOUR / 2, timing=timing)
    done(contact, Task.NO_ANSWER, due_date=NOW + 2 * HOUR, timing=timing)
    done(contact, Task.NO_ANSWER, due_date=NOW, origin_key="firing:1", timing=timing | {"moved": True})
    done(contact, Task.NO_ANSWER, due_date=NOW, origin_key="firing:1x")
    done(contact, Task.NO_ANSWER, due_date=NOW)
    happened(contact, Activity.EMAIL_SENT, NOW, origin=Activity.SYSTEM)
    happened(contact, Activity.EMAIL_SENT, NOW)
    read(contact)
    rows = ContactAttempt.objects.order_by("activity").values_list("chosen_by", "propensity")
    assert list(rows) == [
        ("explore", 0.01),
        ("human", None),
        ("human", None),
        ("rule", None),
        ("human", None),
        ("rule", None),
        ("human", None),
    ]


def test_an_answer_is_a_persons_and_belongs_to_the_last_attempt_before_it(contact: Contact) -> None:
    for hours in (0, 10):
        happened(contact, Activity.EMAIL_SENT, NOW - hours * HOUR)
    happened(contact, Activity.EMAIL_AUTO_REPLIED, NOW + HOUR)
    happened(contact, Activity.EMAIL_OPENED, NOW + HOUR)
    happened(contact, Activity.EMAIL_REPLIED, NOW + HOUR, signal=Activity.MACHINE)
    happened(contact, Activity.EMAIL_REPLIED, NOW - 9 * HOUR)
    happened(contact, Activity.EMAIL_REPLIED, NOW + 3 * HOUR)
    happened(contact, Activity.EMAIL_REPLIED, NOW + 2 * HOUR)
    read(contact)
    rows = ContactAttempt.objects.order_by("sent_at").values_list("answered_at", flat=True)
    assert list(rows) == [NOW - 9 * HOUR, NOW + 2 * HOUR]


def test_what_tells_of_no_attempt_is_none(contact: Contact) -> None:
    happened(contact, Activity.CALL, NOW)
    happened(contact, Activity.CALL, NOW, data={"outcome": ["odd"]})
    happened(contact, Activity.CALL, NOW, data=["odd"])
    done(contact, "")
    done(contact, Task.LOST)
    happened(contact, Activity.EMAIL_SENT, NOW - timedelta(days=800))
    builders.make_unmatched(contact.team, activity_type=Activity.EMAIL_SENT)
    read(contact)
    assert not ContactAttempt.objects.exists()
    happened(contact, Activity.CALL, NOW, data={"outcome": "no_answer"})
    assert read(contact).attempts == 1


def test_who_was_won_was_reached(contact: Contact) -> None:
    done(contact, Task.WON)
    happened(contact, Activity.CALL, NOW + HOUR, data={"outcome": "won"})
    read(contact)
    rows = ContactAttempt.objects.order_by("sent_at").values_list("channel", "reached", "answered_at")
    assert list(rows) == [("call", True, NOW), ("call", True, NOW + HOUR)]


def test_leads_end_by_outcomes_and_by_statuses(contact: Contact) -> None:
    done(contact, Task.WON)
    contacts.update(contact, by=None, now=NOW + HOUR, status=Contact.ACTIVE)
    happened(contact, Activity.STATUS_CHANGED, NOW, data={"new_status": "unheard of"})
    assert read(contact).outcomes == 2
    rows = LeadOutcome.objects.order_by("at").values_list("word", "is_status", "at")
    assert list(rows) == [("won", False, NOW), ("active", True, NOW + HOUR)]


def test_what_was_completed_by_mistake_and_taken_up_again_never_happened(contact: Contact) -> None:
    assert contact.owner is not None
    tasks = [done(contact, outcome) for outcome in (Task.REACHED, Task.WON, Task.LOST)]
    read(contact)
    for task in tasks:
        lifecycle.set_status(task, "todo", by=contact.owner, now=NOW)
    done(contact, Task.NO_ANSWER)
    read(contact)
    assert [row.reached for row in ContactAttempt.objects.all()] == [False]
    assert not LeadOutcome.objects.exists()
    lifecycle.complete(tasks[0], by=contact.owner, now=NOW, outcome=Task.REACHED)
    read(contact)
    assert sorted(row.reached for row in ContactAttempt.objects.all()) == [False, True]


def test_what_is_said_afterwards_counts_as_of_the_completion_and_the_last_word_is_true(contact: Contact) -> None:
    assert contact.owner is not None
    task = done(contact, "", due_date=NOW, origin_key="firing:1")
    read(contact)
    assert not ContactAttempt.objects.exists()

    def said(outcome: str, hours: int) -> None:
        lifecycle.say_outcome(task, outcome, by=contact.owner, now=NOW + hours * HOUR)  # type: ignore[arg-type]
        read(contact)

    said(Task.REACHED, 2)
    row = the_attempt()
    assert (row.sent_at, row.answered_at, row.chosen_by) == (NOW, NOW, "rule")
    said(Task.NO_ANSWER, 3)
    row = the_attempt()
    assert (row.sent_at, row.reached, row.answered_at) == (NOW, False, None)
    said(Task.WON, 4)
    row = the_attempt()
    assert (row.sent_at, row.reached, row.answered_at) == (NOW, True, NOW)
    assert [(one.word, one.at) for one in LeadOutcome.objects.all()] == [("won", NOW)]
    said(Task.LOST, 5)
    assert not ContactAttempt.objects.exists()
    said("", 6)
    assert not LeadOutcome.objects.exists()


@pytest.mark.parametrize("seed", range(6))
def test_read_at_one_go_or_in_any_pieces_it_is_the_same(
    member: User, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    people = [builders.make_contact(member) for _ in range(3)]
    pieces = chance.choice((1, 3, 7))
    monkeypatch.setattr(reading, "WINDOW", pieces)
    monkeypatch.setattr(reading, "AGAIN", chance.choice((0, 5, 100)))
    first = happened(people[0], Activity.NOTE, NOW).pk  # behind the ids that other tests have used up
    LedgerReading.objects.create(team=member.team, upto=first)
    tasks: list[Task] = []
    for _ in range(60):
        at = NOW - timedelta(hours=chance.randrange(200))
        who = chance.choice(people)
        kind = chance.choice(("task", "task", "reopen", "told", "told", "sent", "replied", "status", "read"))
        if kind == "task":
            tasks.append(done(who, chance.choice(OUTCOMES), at))
        elif kind == "reopen" and tasks:
            lifecycle.set_status(tasks.pop(chance.randrange(len(tasks))), "todo", by=member, now=at)
        elif kind == "told" and tasks:
            lifecycle.say_outcome(chance.choice(tasks), chance.choice(OUTCOMES), by=member, now=at)
        elif kind in ("sent", "replied"):
            happened(who, f"email_{kind}", at)
        elif kind == "status":
            happened(who, Activity.STATUS_CHANGED, at, data={"new_status": chance.choice(["won", "active", "lost"])})
        elif kind == "read":
            reading.read(member.team, now=NOW, most=chance.randrange(1, 9))
    while not reading.read(member.team, now=NOW, most=2).finished:
        pass
    in_pieces = learned()
    for model in (ContactAttempt, LeadOutcome, LedgerReading):
        model._default_manager.all().delete()
    LedgerReading.objects.create(team=member.team, upto=first)
    monkeypatch.setattr(reading, "WINDOW", 5_000)
    assert reading.read(member.team, now=NOW).finished
    assert learned() == in_pieces
    assert len(in_pieces) > 5
    reading.read(member.team, now=NOW)
    assert learned() == in_pieces


def learned() -> list[Any]:
    names = ("activity", "channel", "sent_at", "chosen_by", "reached", "answered_at")
    attempts = list(ContactAttempt.objects.order_by("activity").values_list(*names))
    return attempts + list(LeadOutcome.objects.order_by("activity").values_list("activity", "word", "at"))


@given(st.lists(st.integers(0, 50), max_size=12), st.lists(st.integers(0, 50), max_size=12))
def test_each_answer_is_of_the_last_attempt_before_it_and_the_first_counts(
    sent: list[int], answered: list[int]
) -> None:
    tried = [NOW + at * HOUR for at in sorted(sent)]
    found = answers.first_answers(tried, [NOW + at * HOUR for at in answered])
    for place, at in enumerate(tried):
        upto = tried[place + 1] if place + 1 < len(tried) else NOW + 99 * HOUR
        own = [NOW + one * HOUR for one in answered if at <= NOW + one * HOUR < upto]
        assert found[place] == (min(own) if own else None)


def test_a_row_that_was_committed_late_is_found_the_next_time(contact: Contact) -> None:
    first, second = (happened(contact, Activity.EMAIL_SENT, NOW) for _ in range(2))
    Activity.objects.filter(pk=first.pk).delete()
    read(contact)
    first.save(force_insert=True)
    assert read(contact).attempts == 1
    assert set(ContactAttempt.objects.values_list("activity", flat=True)) == {first.pk, second.pk}


def test_teams_are_read_apart(contact: Contact) -> None:
    other = builders.make_contact()
    happened(other, Activity.EMAIL_SENT, NOW)
    happened(contact, Activity.EMAIL_SENT, NOW)
    assert read(contact).attempts == 1
    assert the_attempt().contact == contact


def test_of_somebody_erased_nothing_is_left_and_nothing_is_read_again(contact: Contact) -> None:
    done(contact, Task.REACHED)
    done(contact, Task.WON)
    read(contact)
    erase.erase(contact, by=None, now=NOW)
    assert not ContactAttempt.objects.exists()
    assert not LeadOutcome.objects.exists()
    assert read(contact) == reading.Read(attempts=0, outcomes=0, finished=True)


def test_attempts_go_after_two_years(contact: Contact) -> None:
    happened(contact, Activity.EMAIL_SENT, NOW)
    read(contact)
    assert reading.forget_old(contact.team, now=NOW + timedelta(days=729)) == 0
    assert reading.forget_old(contact.team, now=NOW + timedelta(days=731)) == 1
