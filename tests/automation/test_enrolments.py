"""Enrolments: printed dates, steps one by one, waiting, conditions, pauses, twice at once, many at once, live edits."""

import threading
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from automation import cadence, calendar_changes
from automation.models import Enrolment, EnrolmentStep, ScheduledTaskBatch, Sequence
from automation.programmes import enrolling, enrolments, migrating, pausing, sequences, stepping
from automation.programmes.enrolling import AlreadyEnrolled, Refused, Wish
from crm.models import Activity, Contact
from jobs.models import Job
from people.models import User
from tests import builders
from tests.builders import NOW, step
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def user() -> User:
    return builders.make_manager()


@pytest.fixture
def contact(user: User) -> Contact:
    return builders.make_contact(user)


def enrol(contact: Contact, sequence: Any, **more: Any) -> Enrolment:
    owner = more.pop("owner", None) or contact.owner
    return enrolling.enrol(sequence, contact, owner=owner, **{"now": NOW} | more)


def run(user: User, now: datetime) -> dict[str, int]:
    return enrolments.run_due(user.team_id, now=now)


def tasks_of(enrolment: Enrolment) -> list[Task]:
    return list(Task.objects.filter(enrolment_steps__enrolment=enrolment).order_by("enrolment_steps__number"))


def states(enrolment: Enrolment) -> list[str]:
    return list(enrolment.steps.order_by("number").values_list("state", flat=True))


def dates(enrolment: Enrolment) -> list[timedelta]:
    return [at - NOW for at in enrolment.steps.order_by("number").values_list("due_at", flat=True)]


def complete(task: Task, user: User, at: datetime) -> None:
    done = lifecycle.complete(task, by=user, now=at)
    enrolments.follow(Activity.objects.get(pk=done.activity_id), now=at)


def test_each_task_is_made_when_its_time_comes_and_not_before(user: User, contact: Contact) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, days=(1, 3)))
    assert dates(enrolment) == [DAY, 3 * DAY]
    run(user, NOW + DAY - timedelta(seconds=1))
    assert tasks_of(enrolment) == []
    run(user, NOW + DAY)
    (first,) = tasks_of(enrolment)
    assert (first.title, first.assignee, first.due_date) == (f"Call {contact.name}", user, NOW + DAY + 8 * HOUR)
    run(user, NOW + DAY)
    assert len(tasks_of(enrolment)) == 1
    run(user, NOW + 3 * DAY)
    assert len(tasks_of(enrolment)) == 2


def test_the_sweep_knows_who_has_something_due_and_since_when(user: User, contact: Contact) -> None:
    enrol(contact, builders.make_sequence(user, days=(1,)))
    assert enrolments.due_since(NOW) == {}
    assert enrolments.due_since(NOW + 2 * DAY) == {user.team_id: NOW + DAY}


def test_it_is_over_when_its_last_task_is_closed(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, days=(1,))
    enrolment = enrol(contact, sequence)
    run(user, NOW + DAY)
    with pytest.raises(AlreadyEnrolled, match=f"batch {enrolment.batch_id} .enrolment {enrolment.pk}"):
        enrol(contact, sequence, now=NOW + DAY)
    complete(tasks_of(enrolment)[0], user, NOW + DAY + HOUR)
    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.active_key, enrolment.next_step_at) == ("finished", None, None)
    assert enrol(contact, sequence, now=NOW + 2 * DAY).pk != enrolment.pk


@pytest.mark.parametrize("status", ["done", "cancelled"])
def test_a_task_closed_past_the_verbs_ends_it_too(user: User, contact: Contact, status: str) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, days=(1,)))
    run(user, NOW + DAY)
    Task.objects.update(status=status)
    run(user, NOW + 2 * DAY)
    enrolment.refresh_from_db()
    assert enrolment.state == "finished"


def test_a_step_may_wait_for_the_task_before_it(user: User, contact: Contact) -> None:
    steps = [step(24), step(48, wait_for_previous=True)]
    enrolment = enrol(contact, builders.make_sequence(user, steps=steps))
    run(user, NOW + DAY)
    run(user, NOW + 5 * DAY)
    assert states(enrolment) == ["done", "planned"]
    complete(tasks_of(enrolment)[0], user, NOW + 6 * DAY)
    assert states(enrolment) == ["done", "done"]
    assert tasks_of(enrolment)[1].due_date == NOW + 6 * DAY + 8 * HOUR


def test_done_early_the_waiting_step_still_keeps_its_date(user: User, contact: Contact) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, steps=[step(24), step(72, wait_for_previous=True)]))
    run(user, NOW + DAY)
    complete(tasks_of(enrolment)[0], user, NOW + DAY + HOUR)
    assert states(enrolment) == ["done", "planned"]
    run(user, NOW + 3 * DAY)
    assert states(enrolment) == ["done", "done"]


def test_a_cancelled_task_holds_nothing_up(user: User, contact: Contact) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, steps=[step(24), step(48, wait_for_previous=True)]))
    run(user, NOW + DAY)
    lifecycle.set_status(tasks_of(enrolment)[0], "cancelled", by=user, now=NOW + DAY)
    run(user, NOW + 2 * DAY)
    assert states(enrolment) == ["done", "done"]


@pytest.mark.parametrize(("slip", "days"), [("push", [1, 9, 12]), ("anchor", [1, 4, 7])])
def test_a_late_step_pushes_the_later_ones_by_choice(user: User, contact: Contact, slip: str, days: list[int]) -> None:
    steps = [step(24), step(96, wait_for_previous=True), step(168)]
    enrolment = enrol(contact, builders.make_sequence(user, steps=steps, slip=slip))
    run(user, NOW + DAY)
    late = NOW + (9 * DAY if slip == "push" else 4 * DAY)
    complete(tasks_of(enrolment)[0], user, late)
    run(user, late)
    second = enrolment.steps.get(number=2)
    assert second.at == late
    assert enrolment.steps.get(number=3).due_at == NOW + days[2] * DAY


def test_two_steps_are_at_least_twenty_hours_apart(user: User, contact: Contact) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, steps=[step(1), step(2), step(30)]))
    assert dates(enrolment) == [HOUR, 21 * HOUR, 41 * HOUR]
    run(user, NOW + 10 * DAY)
    assert states(enrolment) == ["done", "planned", "planned"], "a downtime makes no flood"
    run(user, NOW + 10 * DAY + 20 * HOUR)
    assert states(enrolment) == ["done", "done", "planned"]


def test_a_step_whose_condition_is_false_is_skipped_with_the_reason(user: User, contact: Contact) -> None:
    steps = [step(24, condition="contact.lead_score > 50"), step(48)]
    enrolment = enrol(contact, builders.make_sequence(user, steps=steps))
    run(user, NOW + 2 * DAY)
    assert states(enrolment) == ["skipped", "done"]
    assert "contact.lead_score" in enrolment.steps.get(number=1).reason
    assert "0" in enrolment.steps.get(number=1).reason


def test_skills_estimate_and_reminder_reach_the_task(user: User, contact: Contact) -> None:
    expert = builders.make_user(team=user.team)
    builders.make_skill(expert, name="Negotiation", level=4)
    wanted = step(
        24,
        assign="best_match",
        required_skills=[{"skill": "negotiation", "level": 3}],
        estimated_hours=2,
        reminder_offset_hours=1,
        due_within_hours=4,
        priority="high",
        description="For {{contact_email}}",
    )
    enrolment = enrol(contact, builders.make_sequence(user, steps=[wanted]))
    run(user, NOW + DAY)
    (task,) = tasks_of(enrolment)
    assert (task.assignee, task.estimated_hours, task.priority) == (expert, 2, "high")
    assert task.description == f"For {contact.email}"
    assert task.due_date == NOW + DAY + 4 * HOUR
    assert task.remind_at == NOW + DAY + 3 * HOUR


@pytest.mark.parametrize(("assign", "whose"), [("owner", "owner"), ("enroller", "enroller"), ("unassigned", None)])
def test_who_gets_the_task(user: User, contact: Contact, assign: str, whose: str | None) -> None:
    enroller = builders.make_manager(team=user.team)
    enrolment = enrol(contact, builders.make_sequence(user, steps=[step(1, assign=assign)]), owner=enroller)
    run(user, NOW + HOUR)
    assert tasks_of(enrolment)[0].assignee == {"owner": user, "enroller": enroller, None: None}[whose]


def test_a_step_that_fails_is_shown_and_the_next_one_comes(
    user: User, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, steps=[step(24), step(48, title="Write")]))
    real = lifecycle.create

    def refuse(*args: Any, **fields: Any) -> Task:
        if fields["title"].startswith("Call"):
            raise lifecycle.NotAllowed("Nobody may do this.")
        return real(*args, **fields)

    monkeypatch.setattr(lifecycle, "create", refuse)
    run(user, NOW + DAY)
    run(user, NOW + 2 * DAY)
    assert states(enrolment) == ["failed", "done"]
    assert enrolment.steps.get(number=1).reason == "Nobody may do this."


def test_one_bad_enrolment_becomes_a_job_and_stops_no_other(
    user: User, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = builders.make_sequence(user, days=(1,))
    bad, fine = enrol(contact, sequence), enrol(builders.make_contact(user), sequence)
    real = stepping.run
    broken = {bad.pk}

    def fail(enrolment: Enrolment, *args: Any, **more: Any) -> None:
        if enrolment.pk in broken:
            raise ZeroDivisionError
        real(enrolment, *args, **more)

    monkeypatch.setattr(stepping, "run", fail)
    assert run(user, NOW + DAY) == {"resumed": 0, "advanced": 1, "failed": 1}
    assert (states(bad), states(fine)) == (["planned"], ["done"])
    job = Job.objects.get(name=enrolments.RETRY_JOB)
    assert run(user, NOW + 2 * DAY)["failed"] == 0, "it is the job's now"
    broken.clear()
    enrolments.run_one(*job.args, now=NOW + 2 * DAY)
    assert states(bad) == ["done"]


def test_a_pause_stops_the_clock_and_moves_what_is_left(user: User, contact: Contact) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, days=(1, 3, 7)))
    run(user, NOW + DAY)
    (plain,) = tasks_of(enrolment)
    pausing.pause(enrolment, now=NOW + 2 * DAY)
    run(user, NOW + 8 * DAY)
    assert states(enrolment) == ["done", "planned", "planned"]
    pausing.resume(enrolment, now=NOW + 9 * DAY)
    assert dates(enrolment)[1:] == [10 * DAY, 14 * DAY]
    plain.refresh_from_db()
    assert plain.due_date == NOW + DAY + 8 * HOUR + 7 * DAY
    run(user, NOW + 10 * DAY)
    assert states(enrolment) == ["done", "done", "planned"]


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("zoned", ["contact", "owner", "team"])
@pytest.mark.parametrize(
    ("paused", "resumed", "due"),
    [
        ((27, 10), (30, 10), (31, 9)),  # over the night of the change, which is an hour short
        ((24, 10), (27, 10), (31, 9)),  # before it, and the date lies after
        ((28, 23), (29, 4), (28, 13)),  # four hours that the clocks show as five
    ],
)
def test_a_pause_over_a_change_of_the_clocks_keeps_the_time_of_day(
    user: User, contact: Contact, zoned: str, paused: Any, resumed: Any, due: Any
) -> None:
    start, (first, then) = (
        datetime(2026, 3, 23, 9, tzinfo=BERLIN),
        (datetime(2026, 3, *at, tzinfo=BERLIN) for at in (paused, resumed)),
    )
    row = {"contact": contact, "owner": user, "team": user.team}[zoned]
    type(row).objects.filter(pk=row.pk).update(timezone=BERLIN.key)
    days = {"delay": {"kind": "calendar", "days": 5, "at": "09:00", "outside": "as_is"}, "title": "Call"}
    sequence = builders.make_sequence(user, steps=[days], pacing="at_once")
    contact = Contact.objects.get(pk=contact.pk)
    enrolments_made = [enrol(contact, one, now=start) for one in (sequence, builders.make_sequence(user, steps=[days]))]
    for enrolment in enrolments_made:
        pausing.pause(enrolment, now=first)
        pausing.resume(enrolment, now=then)
    wanted = datetime(2026, 3, *due, tzinfo=BERLIN)
    assert Task.objects.get().due_date == wanted
    assert enrolments_made[1].steps.get().due_at == wanted
    enrolments.rederive(Enrolment.objects.all(), now=then)
    assert enrolments_made[1].steps.get().due_at == wanted, "counting anew from the start comes to the same"


@pytest.mark.parametrize("outside", ["next", "as_is"])
def test_a_date_that_a_pause_moves_out_of_working_time_goes_where_the_step_says(
    user: User, contact: Contact, outside: str
) -> None:
    """Planned for Friday and Monday, moved by a day: to a Saturday, where the step may stay or not."""
    delays = [{"kind": "calendar", "days": days, "at": "09:00", "outside": outside} for days in (2, 5)]
    steps = [{"title": "Call", "delay": delay} for delay in delays]
    plain = builders.make_sequence(user, steps=steps)
    made = builders.make_sequence(user, steps=steps, pacing="at_once")
    one, other = enrol(contact, plain), enrol(contact, made)
    for enrolment in (one, other):
        pausing.pause(enrolment, now=NOW + DAY)
        pausing.resume(enrolment, now=NOW + 2 * DAY)
    saturday, monday = NOW.replace(day=20, hour=9), NOW.replace(day=22, hour=9)
    first = monday if outside == "next" else saturday
    wanted = [first, monday + DAY]
    assert list(one.steps.order_by("number").values_list("due_at", flat=True)) == wanted
    assert [task.due_date for task in tasks_of(other)] == wanted


def test_a_pause_leaves_steps_twenty_hours_apart(user: User, contact: Contact) -> None:
    """Moved to either side of the night in which the clocks skip an hour."""
    Contact.objects.filter(pk=contact.pk).update(timezone=BERLIN.key)
    steps = [step(24), step(44)]
    start = datetime(2026, 3, 20, 12, tzinfo=BERLIN)
    enrolment = enrol(Contact.objects.get(pk=contact.pk), builders.make_sequence(user, steps=steps), now=start)
    pausing.pause(enrolment, now=start + HOUR)
    pausing.resume(enrolment, now=start + HOUR + 7 * DAY)
    first, then = enrolment.steps.order_by("number").values_list("due_at", flat=True)
    assert (first, then) == (datetime(2026, 3, 28, 12, tzinfo=BERLIN), datetime(2026, 3, 29, 9, tzinfo=BERLIN))


def test_tasks_made_at_once_stay_apart_when_a_pause_moves_them_over_a_weekend(user: User, contact: Contact) -> None:
    delays = [{"kind": "calendar", "days": days, "at": "09:00"} for days in (1, 2)]
    steps = [{"title": "Call", "delay": delay} for delay in delays]
    enrolment = enrol(contact, builders.make_sequence(user, steps=steps, pacing="at_once"))
    pausing.pause(enrolment, now=NOW + HOUR)
    pausing.resume(enrolment, now=NOW + HOUR + 2 * DAY)
    monday = NOW.replace(day=22, hour=9)
    assert [task.due_date for task in tasks_of(enrolment)] == [monday, monday + DAY]


def test_a_date_that_a_person_set_is_not_moved_by_a_pause(user: User, contact: Contact) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, days=(1,)))
    run(user, NOW + DAY)
    (task,) = tasks_of(enrolment)
    lifecycle.edit(task, by=user, now=NOW + DAY, due_date=NOW + 4 * DAY)
    pausing.pause(enrolment, now=NOW + DAY)
    pausing.resume(enrolment, now=NOW + 3 * DAY)
    task.refresh_from_db()
    assert task.due_date == NOW + 4 * DAY


def test_a_pause_until_a_date_ends_by_itself_however_late_the_sweep(user: User, contact: Contact) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, days=(4,)))
    pausing.pause(enrolment, now=NOW + DAY, until=NOW + 3 * DAY)
    run(user, NOW + 2 * DAY)
    enrolment.refresh_from_db()
    assert enrolment.state == "paused"
    run(user, NOW + 5 * DAY)
    enrolment.refresh_from_db()
    assert (enrolment.state, dates(enrolment)) == ("active", [6 * DAY])


def test_what_cannot_be_paused_resumed_or_stopped_says_why(user: User, contact: Contact) -> None:
    enrolment = enrol(contact, builders.make_sequence(user, days=(1,)))
    with pytest.raises(pausing.NotNow, match="active"):
        pausing.resume(enrolment, now=NOW)
    pausing.stop(enrolment, by=user, now=NOW)
    for act in (lambda: pausing.pause(enrolment, now=NOW), lambda: pausing.stop(enrolment, by=user, now=NOW)):
        with pytest.raises(pausing.NotNow, match="stopped"):
            act()


def test_switched_off_it_holds_everybody_until_it_is_on_again(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, days=(1, 3))
    enrolment = enrol(contact, sequence)
    sequences.update(sequence, is_active=False, now=NOW)
    with pytest.raises(Refused, match="switched off"):
        enrol(builders.make_contact(user), sequence)
    run(user, NOW + DAY)
    run(user, NOW + 2 * DAY)
    assert states(enrolment) == ["planned", "planned"]
    sequences.update(sequence, is_active=True, now=NOW + 2 * DAY)
    run(user, NOW + 2 * DAY)
    assert states(enrolment) == ["done", "planned"]
    assert dates(enrolment)[1] == 4 * DAY


def test_deleting_a_sequence_ends_it_for_everybody_under_way(user: User, contact: Contact) -> None:
    from automation import programmes

    sequence = builders.make_sequence(user, days=(1, 3))
    one, other = enrol(contact, sequence), enrol(builders.make_contact(user), sequence)
    pausing.pause(other, now=NOW)
    programmes.archive(sequence, now=NOW + HOUR)
    run(user, NOW + HOUR)
    for enrolment in (one, other):
        enrolment.refresh_from_db()
        assert (enrolment.state, states(enrolment)) == ("stopped", ["cancelled", "cancelled"])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"do_not_contact": True}, "do_not_contact"),
        ({"complained_at": NOW}, "complained"),
        ({"erased_at": NOW, "name": "Erased contact", "email": ""}, "erased"),
    ],
)
def test_who_is_refused(user: User, contact: Contact, fields: dict[str, Any], code: str) -> None:
    Contact.objects.filter(pk=contact.pk).update(**fields)
    contact.refresh_from_db()
    with pytest.raises(Refused) as refused:
        enrol(contact, builders.make_sequence(user))
    assert refused.value.code == code
    assert not Enrolment.objects.exists()
    assert not ScheduledTaskBatch.objects.exists()


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    ("fields", "code"), [({"do_not_contact": True}, "do_not_contact"), ({"complained_at": NOW}, "complained")]
)
def test_who_has_said_no_since_the_row_was_read_is_refused(
    user: User, contact: Contact, fields: dict[str, Any], code: str, *, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence, asked = builders.make_sequence(user), enrolling._asked

    def asked_before(*args: Any) -> Any:
        found = asked(*args)
        Contact.objects.filter(pk=contact.pk).update(**fields)
        return found

    if many:
        monkeypatch.setattr(enrolling, "_asked", asked_before)
        outcome = many_of(user, sequence, [contact])
        assert [one.refused.code for one in outcome.refused if one.refused] == [code]
    else:
        Contact.objects.filter(pk=contact.pk).update(**fields)
        with pytest.raises(Refused) as refused:
            enrol(contact, sequence)
        assert refused.value.code == code
    assert not Enrolment.objects.exists()


def test_a_contact_that_is_gone_is_refused(user: User, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).delete()
    with pytest.raises(Refused, match="no contact"):
        enrol(contact, builders.make_sequence(user))


def test_somebody_who_unsubscribed_may_still_be_called_but_not_written_to(user: User, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(unsubscribed_at=NOW, bounced_at=NOW)
    contact.refresh_from_db()
    enrol(contact, builders.make_sequence(user))
    with pytest.raises(Refused, match="unsubscribed"):
        enrol(contact, builders.make_campaign(user, {"message_type": "email"}))


def test_who_may_be_enrolled_again(user: User, contact: Contact) -> None:
    once = builders.make_sequence(user, days=(1,), reenrol="once")
    pausing.stop(enrol(contact, once), by=user, now=NOW)
    with pytest.raises(Refused, match="each goes through it once"):
        enrol(contact, once)
    always = builders.make_sequence(user, days=(1,), reenrol="always")
    assert enrol(contact, always).pk != enrol(contact, always).pk
    another = builders.make_sequence(user)
    assert enrol(contact, another).state == "active"


def many_of(user: User, sequence: Sequence, contacts: list[Contact], **wish: Any) -> enrolling.Outcome:
    return enrolling.enrol_many(
        sequence,
        [contact.pk for contact in contacts],
        owner=user,
        wish=Wish.of(NOW, **wish),
        visible=Contact.objects.visible_to(user),
        now=NOW,
    )


def test_of_many_the_refused_are_listed_and_the_others_go_on(user: User) -> None:
    sequence = builders.make_sequence(user, days=(1,))
    stranger, refusing = builders.make_contact(), builders.make_contact(user, do_not_contact=True)
    fine = [builders.make_contact(user) for _ in range(3)]
    outcome = many_of(user, sequence, [fine[0], refusing, fine[1], stranger, fine[2], fine[0]])
    assert [row.contact for row in outcome.enrolled] == fine
    assert [(one.contact_id, one.refused and one.refused.code) for one in outcome.refused] == [
        (refusing.pk, "do_not_contact"),
        (stranger.pk, "unknown"),
    ]
    assert outcome.batch is not None
    assert outcome.batch.kind == "bulk"
    assert {row.batch.parent_id for row in outcome.enrolled} == {outcome.batch.pk}
    again = many_of(user, sequence, fine)
    assert again.enrolled == []
    assert again.batch is None


def test_an_id_that_no_column_holds_is_nobodys(user: User, contact: Contact) -> None:
    wish, visible = Wish.of(NOW), Contact.objects.visible_to(user)
    ids = [2**63, contact.pk, -(2**70)]
    found = enrolling.preview(builders.make_sequence(user), ids, owner=user, wish=wish, visible=visible, now=NOW)
    assert [one.refused and one.refused.code for one in found] == ["unknown", None, "unknown"]
    outcome = enrolling.enrol_many(builders.make_sequence(user), ids, owner=user, wish=wish, visible=visible, now=NOW)
    assert [row.contact for row in outcome.enrolled] == [contact]


def test_starts_are_spread_evenly_over_working_days(user: User) -> None:
    contacts = [builders.make_contact(user) for _ in range(6)]
    outcome = many_of(user, builders.make_sequence(user), contacts, spread_days=3)  # NOW is a Wednesday
    starts = [row.started_at for row in outcome.enrolled]
    assert starts == [NOW, NOW, NOW + DAY, NOW + DAY, NOW + 2 * DAY, NOW + 2 * DAY]
    more = many_of(user, builders.make_sequence(user), contacts, spread_days=4)
    assert {row.started_at for row in more.enrolled} == {NOW, NOW + DAY, NOW + 2 * DAY, NOW + 5 * DAY}


def test_a_preview_prints_what_enrolling_then_does_and_writes_nothing(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, steps=[step(24), step(25, condition="contact.lead_score > 50"), step(60)])
    refusing = builders.make_contact(user, do_not_contact=True)
    ids = [contact.pk, refusing.pk]
    visible = Contact.objects.visible_to(user)
    found = enrolling.preview(sequence, ids, owner=user, wish=Wish.of(NOW), visible=visible, now=NOW)
    assert not Enrolment.objects.exists()
    assert found[1].refused is not None
    assert "lead_score" in found[0].steps[1].skipped
    outcome = many_of(user, sequence, [contact])
    assert [one.at for one in found[0].steps] == [at + NOW for at in dates(outcome.enrolled[0])]
    run(user, NOW + DAY)
    assert tasks_of(outcome.enrolled[0])[0].due_date == found[0].steps[0].due_date


@pytest.mark.django_db(transaction=True)
def test_enrolled_twice_at_the_same_time_it_is_one(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, days=(1,))
    results = together(lambda: enrol(contact, sequence), lambda: enrol(contact, sequence))
    assert sorted(type(one).__name__ for one in results) == ["AlreadyEnrolled", "Enrolment"]
    assert Enrolment.objects.count() == ScheduledTaskBatch.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_the_same_due_step_make_one_task(user: User) -> None:
    sequence = builders.make_sequence(user, days=(1, 3))
    for _ in range(5):
        enrol(builders.make_contact(user), sequence)
    together(*[lambda: run(user, NOW + DAY)] * 3)
    run(user, NOW + DAY)  # what one left to another that then had nothing to do
    assert Task.objects.count() == 5
    assert EnrolmentStep.objects.filter(state="done").count() == 5


def together(*acts: Any) -> list[Any]:
    """Each in a thread of its own, all at once; what they returned or raised."""
    barrier, results = threading.Barrier(len(acts)), []

    def perform(act: Any) -> None:
        try:
            barrier.wait(10)
            results.append(act())
        except Exception as error:
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=perform, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_editing_a_live_sequence_leaves_those_under_way_on_their_steps(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, days=(1, 3))
    enrolment = enrol(contact, sequence)
    sequences.update(sequence, steps=[step(24, key="s1", title="Write")], now=NOW)
    run(user, NOW + DAY)
    assert tasks_of(enrolment)[0].title == f"Call {contact.name}"
    assert enrol(builders.make_contact(user), sequence).version_id != enrolment.version_id


def test_migrating_keeps_what_is_done_and_lets_nothing_past_happen(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, days=(1, 5, 9))
    enrolment = enrol(contact, sequence)
    run(user, NOW + DAY)
    steps = [
        step(24, key="s1"),
        step(48, title="Too late"),
        step(6 * 24, key="s2"),
        step(8 * 24, title="New"),
    ]
    sequences.update(sequence, steps=steps, now=NOW + 3 * DAY)
    now = NOW + 3 * DAY
    before = list(EnrolmentStep.objects.values())
    (move,) = migrating.preview(sequence, now=now)
    assert [(one.title, one.change) for one in move.changes] == [
        ("Too late", "passed"),
        ("Call {{contact_name}}", "moved"),
        ("New", "new"),
        ("Call {{contact_name}}", "removed"),
    ]
    assert list(EnrolmentStep.objects.values()) == before
    migrating.migrate(sequence, now=now)
    assert states(enrolment) == ["done", "skipped", "planned", "planned", "cancelled"]
    assert len(tasks_of(enrolment)) == 1
    assert migrating.migrate(sequence, now=now) == []
    run(user, NOW + 6 * DAY)
    run(user, NOW + 8 * DAY)
    assert states(enrolment) == ["done", "skipped", "done", "done", "cancelled"]


def test_more_than_one_call_migrates_are_previewed_and_counted_until_none_is_left(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "MOST", 2)
    sequence = builders.make_sequence(user, days=(1, 5))
    rows = [enrol(builders.make_contact(user), sequence) for _ in range(5)]
    sequences.update(sequence, steps=[step(24, key="s1"), step(9 * 24, key="s2")], now=NOW)
    for left in (5, 3, 1):
        assert migrating.left(sequence) == left
        previewed = [move.enrolment for move in migrating.preview(sequence, now=NOW)]
        assert previewed == [move.enrolment for move in migrating.migrate(sequence, now=NOW)]
    assert (migrating.left(sequence), migrating.migrate(sequence, now=NOW)) == (0, [])
    assert all(dates(row) == [DAY, 9 * DAY] for row in rows)


@pytest.mark.parametrize(("hours", "place", "age"), [(400, 0, 50), (100, 0, 94), (100, 1, 94), (60, 0, 50), (30, 3, 0)])
def test_a_step_put_in_comes_in_its_place_twenty_hours_from_others_as_previewed(
    user: User, contact: Contact, hours: int, place: int, age: int
) -> None:
    sequence = builders.make_sequence(user, days=(1, 3, 5))
    enrolment = enrol(contact, sequence, now=NOW - age * HOUR)
    for day in range(age // 24 + 1):
        run(user, NOW + (24 * day - age) * HOUR)
    steps = [dict(one) for one in sequence.steps]
    steps.insert(place, step(hours))
    sequences.update(sequence, now=NOW, steps=steps)
    (move,) = migrating.preview(sequence, now=NOW)
    migrating.migrate(sequence, now=NOW)
    said = {change.key: change.after for change in move.changes}
    assert list(said.values()) == sorted(filter(None, said.values()))
    for at in sorted(filter(None, said.values())):
        run(user, at)
    done = dict(enrolment.steps.filter(state="done").values_list("key", "at"))
    assert said == {key: done.get(key) for key in said}
    times = sorted(at for at in done.values() if at is not None)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 20 * HOUR


@pytest.mark.parametrize(
    ("hours", "place", "second", "comes"),
    [
        (4, 0, 72, 4),
        (5, 0, 72, 44),
        (50, 1, 72, 50),
        (60, 1, 72, 92),
        (70, 2, 72, 92),
        (110, 1, 72, 140),
        (70, 1, 80, 100),
    ],
)
def test_a_step_put_in_where_tasks_exist_already_is_twenty_hours_from_each_as_previewed(
    user: User, contact: Contact, hours: int, place: int, second: int, comes: int
) -> None:
    sequence = builders.make_sequence(user, days=(1, 3, 5), pacing="at_once")
    enrolment = enrol(contact, sequence)
    lifecycle.edit(tasks_of(enrolment)[1], by=user, now=NOW, due_date=NOW + second * HOUR)
    steps = [dict(one) for one in sequence.steps]
    steps.insert(place, step(hours))
    sequences.update(sequence, now=NOW, steps=steps)
    (move,) = migrating.preview(sequence, now=NOW + HOUR)
    migrating.migrate(sequence, now=NOW + HOUR)
    added = tasks_of(enrolment)[place]
    assert added.due_date == NOW + comes * HOUR
    assert [change.after for change in move.changes] == [added.due_date]


def test_two_steps_put_in_at_once_are_apart_too(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, days=(1, 3), pacing="at_once")
    enrolment = enrol(contact, sequence)
    first, *rest = [dict(one) for one in sequence.steps]
    sequences.update(sequence, now=NOW, steps=[first, step(60), step(61), *rest])
    migrating.migrate(sequence, now=NOW + HOUR)
    assert sorted((task.due_date or NOW) - NOW for task in tasks_of(enrolment)) == [
        24 * HOUR,
        72 * HOUR,
        92 * HOUR,
        112 * HOUR,
    ]


def test_a_pause_is_not_forgotten_by_a_migration(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, days=(1, 3))
    enrolment = enrol(contact, sequence)
    pausing.pause(enrolment, now=NOW)
    pausing.resume(enrolment, now=NOW + 10 * DAY)
    sequences.update(sequence, steps=[step(24, key="s1"), step(96, key="s2")], now=NOW + 10 * DAY)
    migrating.migrate(sequence, now=NOW + 10 * DAY)
    assert dates(enrolment) == [11 * DAY, 14 * DAY]


def test_planned_dates_follow_the_contacts_clock_and_new_holidays(user: User, contact: Contact) -> None:
    steps = [
        step(24),
        {"title": "Call", "delay": {"kind": "business", "days": 5, "at": "09:00"}},
    ]
    enrolment = enrol(contact, builders.make_sequence(user, steps=steps))  # NOW is Wednesday the 17th
    assert enrolment.steps.get(number=2).due_at == datetime.fromisoformat("2026-06-24T09:00Z")
    Contact.objects.update(timezone="Asia/Tokyo")
    cadence.contact_changed(Contact.objects.get(), frozenset({"timezone"}), NOW)
    assert enrolment.steps.get(number=2).due_at == datetime.fromisoformat("2026-06-24T00:00Z")
    assert enrolment.steps.get(number=1).due_at == NOW + DAY
    builders.make_time_off(user, starts_on="2026-06-24")
    calendar_changes.follow(user.team_id, now=NOW)
    assert enrolment.steps.get(number=2).due_at == datetime.fromisoformat("2026-06-25T00:00Z")
    enrolment.refresh_from_db()
    assert enrolment.next_step_at == NOW + DAY
