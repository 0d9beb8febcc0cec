"""Experiments on delays: who is in which arm, which outcomes count, and when there is something to say."""

import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm import erase, merge
from crm.models import Activity, Contact
from domain.learning import experiments as trials
from learning import arms, experiments, reading
from learning.arms import Arms
from learning.models import ContactAttempt, Experiment, ExperimentContact
from people.models import User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 3, tzinfo=UTC)
DAY = timedelta(days=1)
PLAN: dict[str, Any] = {"delays_hours": [24, 72], "base": 0.3, "effect": 0.25, "weekly": 100}


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def begin(manager: User, **fields: Any) -> Experiment:
    return experiments.start(manager.team, "rule:7", by=manager, now=NOW, **PLAN | fields)


def people(manager: User, count: int) -> list[Contact]:
    start = builders.number()
    Contact.objects.bulk_create(
        Contact(team=manager.team, owner=manager, name=f"C{start}-{n}", seen_status="lead") for n in range(count)
    )
    return list(Contact.objects.filter(name__startswith=f"C{start}-").order_by("pk"))


def replied(contacts: Iterable[Contact], after: timedelta, kind: str = Activity.EMAIL_REPLIED, **fields: Any) -> None:
    at = NOW + after
    Activity.objects.bulk_create(
        Activity(
            team_id=one.team_id,
            contact=one,
            activity_type=kind,
            occurred_at=at,
            received_at=at,
            processed_at=at,
            **fields,
        )
        for one in contacts
    )


def arm_of(experiment: Experiment, contact: Contact) -> int:
    return experiment.delays_hours.index(Arms().of(experiment, contact.pk, at=NOW).delay // timedelta(hours=1))


def look(experiment: Experiment, after: timedelta) -> Any:
    return experiments.look_at(experiment, now=NOW + after)


def test_a_contact_has_one_delay_for_ever_in_every_process(manager: User) -> None:
    row = begin(manager)
    contacts = people(manager, 60)
    drawn = [arm_of(row, one) for one in contacts]
    assert 10 < sum(drawn) < 50
    program = (
        "from domain.learning.experiments import arm_of\n"
        f"print([arm_of({row.pk}, {row.salt!r}, pk, [1.0, 1.0]) for pk in {[one.pk for one in contacts]}])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(drawn)


def test_a_contact_counts_once_from_its_first_trigger_since_the_start(manager: User) -> None:
    row, (one, other) = begin(manager), people(manager, 2)
    triggers = [(one.pk, NOW - DAY), (one.pk, NOW + DAY), (one.pk, NOW + 2 * DAY), (other.pk, NOW + DAY)]
    assert arms.take_in(row, triggers) == 2
    assert arms.take_in(row, [*triggers, (one.pk, NOW + 9 * DAY)]) == 0
    assert {kept.triggered_at for kept in row.contacts.all()} == {NOW + DAY}
    assert all(kept.arm == arm_of(row, kept.contact) for kept in row.contacts.select_related("contact"))


def test_an_answer_counts_within_the_window_of_the_trigger_in_all_arms_alike(manager: User) -> None:
    """Counted from the task, those who answer of themselves on the third day would count for the quick arm only."""
    row, contacts = begin(manager), people(manager, 40)
    assert row.window_hours == 10 * 24
    arms.take_in(row, [(one.pk, NOW) for one in contacts])
    replied(contacts[:10], -DAY)
    replied(contacts[:10], 3 * DAY)
    replied(contacts[10:20], 11 * DAY)
    replied(contacts[20:30], DAY, signal=Activity.MACHINE)
    replied(contacts[30:35], DAY, Activity.EMAIL_AUTO_REPLIED)
    replied(contacts[35:], 2 * DAY, Activity.CALL, data={"outcome": "reached"})
    reading.read(manager.team, now=NOW + 12 * DAY)
    counts = experiments.counts(row, now=NOW + 10 * DAY)
    assert sum(arm["answered"] for arm in counts) == 15
    assert sum(arm["matured"] for arm in counts) == sum(arm["contacts"] for arm in counts) == 40


@pytest.mark.parametrize("kind", [Activity.EMAIL_REPLIED, Activity.MEETING_BOOKED, Activity.CALL])
def test_what_triggers_the_rule_is_no_answer_to_it(manager: User, kind: str) -> None:
    """A rule that begins with a reply would find that everybody answers at once, whatever the delay."""
    row, contacts = begin(manager), people(manager, 60)
    replied(contacts, timedelta(), kind=kind, data={"outcome": "reached"})
    replied(contacts[:20], 2 * DAY)
    reading.read(manager.team, now=NOW + DAY)
    arms.take_in(row, [(one.pk, NOW) for one in contacts])
    over = NOW + 11 * DAY
    assert sum(arm["answered"] for arm in experiments.counts(row, now=over)) == 20
    triggers = {one.pk: NOW for one in contacts}
    assert experiments.share_answered(triggers, 10 * DAY, now=over) == pytest.approx(1 / 3)


def test_nobody_counts_before_the_window_is_over_not_even_who_answered(manager: User) -> None:
    row, contacts = begin(manager), people(manager, 10)
    arms.take_in(row, [(one.pk, NOW + (n % 2) * DAY) for n, one in enumerate(contacts)])
    replied(contacts, 2 * DAY)
    for days, matured in ((9, 0), (10, 5), (11, 10)):
        counts = experiments.counts(row, now=NOW + days * DAY)
        assert sum(arm["matured"] for arm in counts) == sum(arm["answered"] for arm in counts) == matured


def test_the_better_delay_is_found_and_said_once(manager: User) -> None:
    row, contacts = begin(manager), people(manager, 180)
    arms.take_in(row, [(one.pk, NOW) for one in contacts])
    by_arm = [[one for one in contacts if arm_of(row, one) == arm] for arm in (0, 1)]
    replied([*by_arm[0][: len(by_arm[0]) // 5], *by_arm[1][: len(by_arm[1]) * 2 // 3]], DAY)
    early = look(row, 2 * DAY)
    assert (early.verdict, early.fraction) == (trials.TOO_EARLY, 0)
    found = look(row, 10 * DAY)
    assert (found.verdict, found.counted, found.fraction) == (trials.BETTER, True, 1)
    row.refresh_from_db()
    assert (row.winner, row.decision, row.is_running) == (1, Experiment.RUN_OUT, False)
    assert look(row, 11 * DAY) is None
    experiments.end(row, Experiment.ADOPTED, now=NOW + 11 * DAY)
    with pytest.raises(experiments.HasEnded):
        experiments.end(row, Experiment.STOPPED, now=NOW + 12 * DAY)
    assert experiments.start(manager.team, "rule:7", by=manager, now=NOW + 12 * DAY, **PLAN).is_running


def test_without_a_difference_it_ends_as_planned(manager: User) -> None:
    row, contacts = begin(manager), people(manager, 180)
    arms.take_in(row, [(one.pk, NOW) for one in contacts])
    for arm in (0, 1):
        own = [one for one in contacts if arm_of(row, one) == arm]
        replied(own[: len(own) * 3 // 10], DAY)
    assert look(row, 10 * DAY).verdict == trials.NO_DIFFERENCE
    row.refresh_from_db()
    assert (row.is_running, row.winner) == (False, None)


def test_a_look_is_taken_once_a_day(manager: User) -> None:
    row = begin(manager)
    assert look(row, timedelta()) is not None
    assert look(row, timedelta(hours=20)) is None
    assert look(row, DAY) is not None


def test_a_split_that_is_no_chance_hides_the_result(manager: User) -> None:
    row, contacts = begin(manager), people(manager, 400)
    kept = [one for n, one in enumerate(contacts) if arm_of(row, one) == 0 or not n % 4]
    arms.take_in(row, [(one.pk, NOW) for one in kept])
    found = look(row, 10 * DAY)
    assert (found.verdict, found.data["comparisons"], found.fraction) == (trials.INVALID, [], 1)
    row.refresh_from_db()
    assert (row.is_running, row.decision, row.verdict) == (False, Experiment.RUN_OUT, trials.INVALID)


def test_a_split_that_is_no_chance_is_looked_into_until_the_planned_end(manager: User) -> None:
    row, contacts = begin(manager, effect=0.1), people(manager, 400)
    kept = [one for n, one in enumerate(contacts) if arm_of(row, one) == 0 or not n % 4]
    arms.take_in(row, [(one.pk, NOW) for one in kept])
    found = look(row, 10 * DAY)
    assert (found.verdict, found.fraction < 1) == (trials.INVALID, True)
    row.refresh_from_db()
    assert row.is_running


def test_what_makes_people_opt_out_is_stopped(manager: User) -> None:
    row, contacts = begin(manager), people(manager, 180)
    arms.take_in(row, [(one.pk, NOW) for one in contacts])
    replied([one for one in contacts if arm_of(row, one) == 1][:40], DAY, Activity.EMAIL_UNSUBSCRIBED)
    found = look(row, 10 * DAY)
    assert (found.verdict, found.data["harmed_by"]) == (trials.HARMFUL, "opt_outs")


def test_what_makes_work_late_is_stopped(manager: User) -> None:
    """By each contact's first task: late when it is finished after its date, or open past it."""
    row, contacts = begin(manager), people(manager, 180)
    arms.take_in(row, [(one.pk, NOW) for one in contacts])
    slow = [one for one in contacts if arm_of(row, one) == 1]
    made: dict[str, Any] = {"kind": "rule:7", "created_at": NOW, "due_date": NOW + 3 * DAY}
    for n, one in enumerate(slow[:40]):
        finished: dict[str, Any] = {"status": "done", "completed_at": NOW + 4 * DAY} if n % 2 else {}
        builders.make_task(manager, contact=one, **made | finished)
    for one in set(contacts) - set(slow):
        builders.make_task(manager, contact=one, **made | {"status": "done", "completed_at": NOW + 2 * DAY})
        builders.make_task(manager, contact=one, **made | {"created_at": NOW + DAY})  # a second one does not count
    found = look(row, 10 * DAY)
    assert (found.verdict, found.data["harmed_by"]) == (trials.HARMFUL, "overdue")
    row.refresh_from_db()
    assert (row.is_running, row.winner) == (False, None)


def test_work_that_is_late_with_all_delays_alike_stops_nothing(manager: User) -> None:
    row, contacts = begin(manager), people(manager, 180)
    arms.take_in(row, [(one.pk, NOW) for one in contacts])
    for one in contacts:
        builders.make_task(manager, contact=one, kind="rule:7", created_at=NOW, due_date=NOW + DAY)
    assert look(row, 10 * DAY).verdict == trials.NO_DIFFERENCE


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"delays_hours": [24]}, "2 to 4"),
        ({"delays_hours": [24, 24]}, "different"),
        ({"delays_hours": [24, -1]}, "different"),
        ({"delays_hours": [1, 2, 3, 4, 5]}, "2 to 4"),
        ({"base": 0.9, "effect": 0.2}, "rise"),
        ({"effect": 0.02}, "26 weeks"),
        ({"weekly": 0}, "26 weeks"),
    ],
)
def test_what_cannot_end_well_does_not_begin(manager: User, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(experiments.CannotStart, match=why):
        begin(manager, **fields)


def test_one_at_a_time_on_a_rule(manager: User) -> None:
    row = begin(manager)
    with pytest.raises(experiments.CannotStart, match="under way"):
        begin(manager)
    experiments.end(row, Experiment.STOPPED, now=NOW + DAY)
    assert begin(manager).is_running


@pytest.mark.parametrize("first", ["survivor", "absorbed"])
def test_a_person_who_was_two_contacts_counts_once_from_the_first_trigger(manager: User, first: str) -> None:
    """In the arm that was drawn then, with what either of the two answered; parted, both are as they were."""
    row, contacts = begin(manager), people(manager, 40)
    one = next(two for two in contacts if arm_of(row, two) == 0)
    other = next(two for two in contacts if arm_of(row, two) == 1)
    at = {one.pk: NOW + (first == "absorbed") * DAY, other.pk: NOW + (first == "survivor") * DAY}
    arms.take_in(row, at.items())
    before = set(row.contacts.values_list("contact", "arm", "triggered_at"))
    replied([other], 2 * DAY)
    merged = merge.merge(one, other, by=manager, now=NOW + 3 * DAY)
    drawn = 0 if first == "survivor" else 1
    counts = experiments.counts(row, now=NOW + 20 * DAY)
    assert [arm["contacts"] for arm in counts] == [1 - drawn, drawn]
    assert counts[drawn] == {"contacts": 1, "matured": 1, "answered": 1}
    assert experiments.left_out(row) == 1
    assert row.contacts.get(contact=one).triggered_at == NOW
    assert arm_of(row, one) == drawn, "whatever comes next, the delay stays"
    merge.unmerge(merged, by=manager, now=NOW + 4 * DAY)
    assert set(row.contacts.values_list("contact", "arm", "triggered_at")) == before
    assert experiments.left_out(row) == 0


def test_who_alone_was_drawn_is_drawn_for_both_until_they_part(manager: User) -> None:
    row, contacts = begin(manager), people(manager, 40)
    one = next(two for two in contacts if arm_of(row, two) == 0)
    other = next(two for two in contacts if arm_of(row, two) == 1)
    arms.take_in(row, [(other.pk, NOW)])
    merged = merge.merge(one, other, by=manager, now=NOW + DAY)
    assert arms.take_in(row, [(one.pk, NOW), (one.pk, NOW + 2 * DAY)]) == 0
    assert (experiments.left_out(row), arm_of(row, one)) == (0, 1)
    assert [arm["contacts"] for arm in experiments.counts(row, now=NOW + DAY)] == [0, 1]
    merge.unmerge(merged, by=manager, now=NOW + 3 * DAY)
    assert [kept.contact_id for kept in row.contacts.all()] == [other.pk]


def test_contacts_of_contacts_are_one_person_too(manager: User) -> None:
    row, (one, other, third) = begin(manager), people(manager, 3)
    arms.take_in(row, [(third.pk, NOW), (other.pk, NOW + DAY), (one.pk, NOW + 2 * DAY)])
    before = set(row.contacts.values_list("contact", "arm", "triggered_at"))
    merged = [merge.merge(*pair, by=manager, now=NOW + 3 * DAY) for pair in ((other, third), (one, other))]
    assert (experiments.left_out(row), row.contacts.get(contact=one).triggered_at) == (2, NOW)
    for made in reversed(merged):
        merge.unmerge(made, by=manager, now=NOW + 4 * DAY)
    assert set(row.contacts.values_list("contact", "arm", "triggered_at")) == before


def test_an_answer_of_one_who_is_merged_belongs_to_the_last_attempt_of_both(manager: User) -> None:
    one, other = people(manager, 2)
    said: dict[str, Any] = {"kind": Activity.CALL, "data": {"outcome": "no_answer"}}
    replied([one], timedelta(), **said)
    replied([other], timedelta(hours=1), **said)
    replied([one], timedelta(hours=2))
    merged = merge.merge(one, other, by=manager, now=NOW + DAY)
    reading.read(manager.team, now=NOW + DAY)
    assert answers_of(one) == [None, NOW + timedelta(hours=2)]
    merge.unmerge(merged, by=manager, now=NOW + DAY)
    reading.read(manager.team, now=NOW + DAY)
    assert (answers_of(one), answers_of(other)) == ([NOW + timedelta(hours=2)], [None])


def answers_of(contact: Contact) -> list[datetime | None]:
    return list(
        ContactAttempt.objects.filter(contact=contact).order_by("sent_at").values_list("answered_at", flat=True)
    )


def test_who_is_erased_leaves(manager: User) -> None:
    row, (one, other) = begin(manager), people(manager, 2)
    arms.take_in(row, [(one.pk, NOW), (other.pk, NOW)])
    merge.merge(one, other, by=manager, now=NOW)
    erase.erase(one, by=manager, now=NOW)
    assert not ExperimentContact.objects.exists()


def test_the_share_that_answers_is_measured_on_enough_contacts(manager: User) -> None:
    contacts = people(manager, 60)
    replied(contacts[:20], DAY)
    triggers = {one.pk: NOW for one in contacts}
    measured = experiments.share_answered(triggers, 10 * DAY, now=NOW + 10 * DAY)
    assert measured == pytest.approx(1 / 3)
    assert experiments.share_answered(triggers, 10 * DAY, now=NOW + 9 * DAY) is None
