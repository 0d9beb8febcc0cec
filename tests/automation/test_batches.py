"""Progress of batches: counted from the rows, so it is true whatever happened to the tasks."""

from datetime import timedelta

import pytest

from automation import batches
from automation.batches import Figures
from automation.models import ScheduledTaskBatch
from automation.programmes import enrolling, enrolments, pausing, sequences
from automation.programmes.enrolling import Wish
from crm.models import Contact
from people.models import User
from tests import builders
from tests.builders import NOW
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = timedelta(days=1)


@pytest.fixture
def user() -> User:
    return builders.make_manager()


def of(batch: ScheduledTaskBatch) -> Figures:
    return batches.figures([batch])[batch.pk]


def test_steps_to_come_count_until_they_are_tasks(user: User) -> None:
    contact = builders.make_contact(user)
    enrolment = enrolling.enrol(builders.make_sequence(user, days=(1, 2, 3, 4)), contact, owner=user, now=NOW)
    assert of(enrolment.batch) == Figures(0, 0, 4)
    enrolments.run_due(user.team_id, now=NOW + DAY)
    lifecycle.complete(Task.objects.get(), by=user, now=NOW + DAY)
    enrolments.run_due(user.team_id, now=NOW + 2 * DAY)
    assert (of(enrolment.batch), of(enrolment.batch).progress) == (Figures(1, 1, 2), 25.0)
    pausing.stop(enrolment, by=user, now=NOW + 2 * DAY)
    assert (of(enrolment.batch), of(enrolment.batch).progress) == (Figures(1, 0, 0), 100.0)


def test_cancelled_and_obsolete_tasks_do_not_count(user: User) -> None:
    batch, tasks = sequences.enrol(builders.make_contact(user), "standard", owner=user, now=NOW)
    lifecycle.complete(tasks[0], by=user, now=NOW)
    lifecycle.set_status(tasks[1], "cancelled", by=user, now=NOW)
    Task.objects.filter(pk=tasks[2].pk).update(status="obsolete")
    assert (of(batch), of(batch).progress) == (Figures(1, 1, 0), 50.0)


def test_nothing_to_do_and_nothing_done_is_no_progress(user: User) -> None:
    assert of(builders.make_batch(user)).progress == 0


def test_a_bulk_run_has_what_its_parts_have(user: User) -> None:
    contacts = [builders.make_contact(user) for _ in range(3)]
    outcome = enrolling.enrol_many(
        builders.make_sequence(user, days=(1, 3)),
        [contact.pk for contact in contacts],
        owner=user,
        wish=Wish.of(NOW),
        visible=Contact.objects.visible_to(user),
        now=NOW,
    )
    enrolments.run_due(user.team_id, now=NOW + DAY)
    lifecycle.complete(Task.objects.earliest("pk"), by=user, now=NOW + DAY)
    assert outcome.batch is not None
    assert of(outcome.batch) == Figures(1, 2, 3)


def test_many_batches_cost_what_one_does(user: User, django_assert_num_queries: object) -> None:
    for _ in range(5):
        sequences.enrol(builders.make_contact(user), "gentle", owner=user, now=NOW)
    rows = list(ScheduledTaskBatch.objects.all())
    with django_assert_num_queries(2):  # type: ignore[operator]
        batches.figures(rows)
