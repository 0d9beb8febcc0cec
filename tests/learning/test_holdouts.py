"""What best times bring: who counts, once, in which group, and what is said of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm import merge
from crm.models import Contact
from domain.learning import best_time
from learning import attempts, holdouts, nights, reading
from learning.models import BestTimeCheck, ContactAttempt, TeamLearning
from people.models import User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 3, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def attempt(contact: Contact, answered: bool, *, at: datetime = NOW - DAY, reason: str = "", **fields: Any) -> None:
    kept = best_time.held_out(contact.team_id, contact.pk)
    reason = reason or (best_time.HELD_OUT if kept else best_time.LEARNED)
    task = builders.make_task(contact.owner, contact=contact, timing={"reason": reason, "chosen_by": "x"})
    said = {"channel": "call", "zone": "UTC", "zone_source": "team", "local_hour": 9, "local_weekday": 1}
    ContactAttempt.objects.create(
        team=contact.team,
        contact=contact,
        activity=builders.make_activity(contact),
        task_id=task.pk,
        sent_at=at,
        matured_at=at + attempts.FAST,
        answered_at=at + timedelta(hours=1) if answered else None,
        **{**said, "chosen_by": ContactAttempt.HUMAN, **fields},
    )


def groups(manager: User, count: int) -> tuple[list[Contact], list[Contact]]:
    """Contacts that are kept out, and others; so many of each."""
    kept: list[Contact] = []
    chosen: list[Contact] = []
    while min(len(kept), len(chosen)) < count:
        contact = builders.make_contact(manager)
        group = kept if best_time.held_out(contact.team_id, contact.pk) else chosen
        group.append(contact)
    return kept[:count], chosen[:count]


def counted(manager: User) -> tuple[int, int, int, int]:
    row = holdouts.count(manager.team, now=NOW)
    return row.kept, row.kept_answered, row.chosen, row.chosen_answered


def test_a_contact_counts_once_by_its_first_attempt_in_the_group_of_its_draw(manager: User) -> None:
    """Whenever it was really tried: a person who calls at another hour moves nobody into another group."""
    (one, two), (other, another) = groups(manager, 2)
    attempt(one, True, at=NOW - 2 * DAY)
    attempt(one, False)
    attempt(two, False)
    attempt(other, False, reason=best_time.NO_HOUR)
    attempt(another, True, chosen_by=ContactAttempt.EXPLORE, reason=best_time.TRYING)
    assert counted(manager) == (2, 1, 2, 1)


def test_whose_date_a_person_moves_stays_in_the_group_of_the_draw(manager: User) -> None:
    (one,), (other,) = groups(manager, 1)
    attempt(one, False)
    attempt(other, True)
    for task in Task.objects.all():
        lifecycle.edit(task, by=manager, now=NOW, due_date=NOW + DAY)
    assert counted(manager) == (1, 0, 1, 1)


def test_what_was_before_there_was_a_choice_or_is_not_known_yet_does_not_count(manager: User) -> None:
    (one, two), (other, another) = groups(manager, 2)
    attempt(one, True, reason=best_time.TOO_FEW, at=NOW - 9 * DAY)
    attempt(one, False)
    attempt(two, True, at=NOW - timedelta(hours=2))
    attempt(other, True, at=NOW - timedelta(hours=2))
    attempt(other, True, at=NOW - timedelta(hours=1))
    attempt(another, True)
    ContactAttempt.objects.filter(contact=another).update(answered_at=NOW)  # after more than four hours
    assert counted(manager) == (1, 0, 1, 0)


def test_merged_contacts_are_one(manager: User) -> None:
    _, (one, other, another) = groups(manager, 3)
    for contact in (one, other, another):
        attempt(contact, True)
    merge.merge(one, other, by=manager, now=NOW)
    assert counted(manager) == (0, 0, 2, 2)


def test_who_is_merged_counts_in_the_group_that_was_drawn_for_the_first_attempt(manager: User) -> None:
    (one, two), (other, another) = groups(manager, 2)
    attempt(one, True, at=NOW - 3 * DAY)
    attempt(other, False, at=NOW - 2 * DAY)
    merge.merge(other, one, by=manager, now=NOW)
    attempt(another, True, at=NOW - 3 * DAY)
    attempt(two, False, at=NOW - 2 * DAY)
    merge.merge(two, another, by=manager, now=NOW)
    assert counted(manager) == (1, 1, 1, 1)


def test_a_contact_is_counted_by_its_first_attempt_for_good(manager: User) -> None:
    """Attempts go after two years; gone with the others, it would leave a second one to count as the first."""
    (one,), (other,) = groups(manager, 1)
    for contact, answered in ((one, True), (other, False)):
        for years in (5, 3, 1):
            attempt(contact, answered == (years == 5), at=NOW - years * 365 * DAY)
        attempt(contact, True, at=NOW - 6 * 365 * DAY, reason=best_time.TOO_FEW)
    before = counted(manager)
    assert before == (1, 1, 1, 0)
    assert reading.forget_old(manager.team, now=NOW) == 4
    assert ContactAttempt.objects.count() == 4
    assert counted(manager) == before


def test_nothing_is_said_before_the_first_night_and_little_after_it(manager: User) -> None:
    assert holdouts.of(manager.team) is None
    nights.learn(manager.team, now=NOW)
    found = holdouts.of(manager.team)
    assert found is not None
    assert holdouts.sentence_of(found) == "Too early to tell: each group needs 50 contacts, and they have 0 and 0."


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ((60, 18, 540, 170), "No difference can be told yet: plausibly it lies between -"),
        ((60, 18, 540, 170), "To see 3 points takes 23,"),
        ((1000, 250, 9000, 3600), "Fast answers are more frequent at chosen hours, plausibly by 10.6 to 19.4 points."),
        ((1000, 400, 9000, 2250), "Fast answers are rarer at chosen hours, plausibly by 10.1 to 19.9 points"),
        ((20, 10, 180, 60), "there are 200."),
    ],
)
def test_what_is_said_of_it(manager: User, figures: tuple[int, int, int, int], said: str) -> None:
    names = ("kept", "kept_answered", "chosen", "chosen_answered")
    BestTimeCheck.objects.create(team=manager.team, at=NOW, **dict(zip(names, figures, strict=True)))
    found = holdouts.of(manager.team)
    assert found is not None
    assert said in holdouts.sentence_of(found)


def test_who_does_without_best_times_compares_nothing(manager: User) -> None:
    TeamLearning.objects.create(team=manager.team, times=False)
    nights.learn(manager.team, now=NOW)
    assert not BestTimeCheck.objects.exists()
