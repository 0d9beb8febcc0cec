"""What ends a sequence early, what pauses it, what then becomes of its tasks, and taking it back."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from automation.models import Enrolment, EnrolmentStep
from automation.programmes import enrolling, enrolments, exits, pausing, sequences
from crm import consent, contacts
from crm.models import Activity, Contact
from notifications import mutes
from notifications.models import Notification
from people.models import User
from tests import builders
from tests.builders import NOW, step
from work import lifecycle
from work.models import Assignment, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def user() -> User:
    return builders.make_manager()


@pytest.fixture
def contact(user: User) -> Contact:
    return builders.make_contact(user)


@pytest.fixture
def enrolment(user: User, contact: Contact) -> Enrolment:
    """On days 1, 3 and 7, with the first task made and open."""
    row = enrolling.enrol(builders.make_sequence(user, days=(1, 3, 7)), contact, owner=user, now=NOW)
    enrolments.run_due(user.team_id, now=NOW + DAY)
    return row


def happens(contact: Contact, kind: str, at: datetime, *, processed: bool = True, **data: Any) -> Activity:
    """An activity, and what the engine does with it before any rule."""
    activity = builders.make_activity(contact, activity_type=kind, occurred_at=at, received_at=at, data=data)
    if processed:
        follow(activity, at)
    return activity


def follow(activity: Activity, now: datetime) -> None:
    activity = Activity.objects.select_related("contact").get(pk=activity.pk)
    consent.follow(activity, now=now)
    exits.follow(activity, now=now)
    enrolments.follow(activity, now=now)
    Activity.objects.filter(pk=activity.pk).update(processed_at=now)


def states(enrolment: Enrolment) -> list[str]:
    return list(enrolment.steps.order_by("number").values_list("state", flat=True))


def fresh(enrolment: Enrolment) -> Enrolment:
    return Enrolment.objects.get(pk=enrolment.pk)


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        (Activity.EMAIL_REPLIED, {}, "The contact replied."),
        (Activity.MEETING_BOOKED, {}, "A meeting was booked or held."),
        (Activity.MEETING, {}, "A meeting was booked or held."),
        (Activity.STATUS_CHANGED, {"old_status": "lead", "new_status": "lost"}, "The contact's status became lost."),
        (Activity.EMAIL_UNSUBSCRIBED, {}, "The contact unsubscribed."),
        (Activity.EMAIL_COMPLAINED, {}, "The contact complained about a mail."),
        (Activity.EMAIL_BOUNCED, {"permanent": True}, "Mail to the contact bounced for good."),
        (Activity.DO_NOT_CONTACT, {}, "The contact is not to be contacted."),
    ],
)
def test_each_exit_ends_it_at_once(enrolment: Enrolment, kind: str, data: dict[str, Any], reason: str) -> None:
    happens(enrolment.contact, kind, NOW + 2 * DAY, **data)
    ended = fresh(enrolment)
    assert (ended.state, ended.reason, ended.ended_at) == ("exited", reason, NOW + 2 * DAY)
    assert (ended.active_key, ended.next_step_at) == (None, None)
    assert states(enrolment) == ["done", "cancelled", "cancelled"]
    task = Task.objects.get()
    assert (task.status, task.close_reason) == ("obsolete", f"{enrolment.sequence}: {reason}")
    enrolments.run_due(enrolment.team_id, now=NOW + 30 * DAY)
    assert Task.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Activity.EMAIL_OPENED, {}),
        (Activity.EMAIL_CLICKED, {}),
        (Activity.CALL, {}),
        (Activity.EMAIL_BOUNCED, {"permanent": False}),
        (Activity.EMAIL_BOUNCED, {}),
        (Activity.STATUS_CHANGED, {"old_status": "lead", "new_status": "active"}),
    ],
)
def test_what_ends_nothing(enrolment: Enrolment, kind: str, data: dict[str, Any]) -> None:
    happens(enrolment.contact, kind, NOW + 2 * DAY, **data)
    assert fresh(enrolment).state == "active"


def test_a_team_chooses_what_ends_it(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, exits={"replied": False, "statuses": ["active"]})
    enrolment = enrolling.enrol(sequence, contact, owner=user, now=NOW)
    happens(contact, Activity.EMAIL_REPLIED, NOW + HOUR)
    happens(contact, Activity.STATUS_CHANGED, NOW + HOUR, new_status="lost")
    assert fresh(enrolment).state == "active"
    contacts.update(contact, by=user, now=NOW + DAY, status="active")
    follow(Activity.objects.filter(activity_type="status_changed").latest("pk"), NOW + DAY)
    assert fresh(enrolment).state == "exited"


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"replies": True},
        {"replied": "yes"},
        {"statuses": "lost"},
        {"statuses": ["gone"]},
        {"do_not_contact": False},
    ],
)
def test_wrong_exits_are_refused_when_saved(wrong: Any) -> None:
    assert exits.check(wrong)


@pytest.mark.parametrize("touch", ["started", "edited"])
def test_work_somebody_has_touched_stays_with_a_banner(user: User, enrolment: Enrolment, touch: str) -> None:
    task = Task.objects.get()
    if touch == "started":
        lifecycle.set_status(task, "in_progress", by=user, now=NOW + DAY)
    else:
        lifecycle.edit(task, by=user, now=NOW + DAY, notes="Asked for Ms Lovelace")
    happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY)
    task.refresh_from_db()
    assert task.is_open
    assert task.banner == f"{enrolment.sequence}: The contact replied."


def test_a_finished_task_stays_finished(user: User, enrolment: Enrolment) -> None:
    lifecycle.complete(Task.objects.get(), by=user, now=NOW + DAY)
    happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY)
    assert Task.objects.get().status == "done"


def test_a_reply_before_the_step_beats_it_though_nobody_has_processed_it(enrolment: Enrolment) -> None:
    reply = happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW + 3 * DAY, processed=False)
    enrolments.run_due(enrolment.team_id, now=NOW + 3 * DAY)
    assert fresh(enrolment).state == "exited"
    assert states(enrolment) == ["done", "cancelled", "cancelled"]
    follow(reply, NOW + 4 * DAY)
    assert fresh(enrolment).ended_at == NOW + 3 * DAY, "processing it again ends nothing more"


def test_a_reply_that_arrives_after_the_step_closes_its_task_all_the_same(enrolment: Enrolment) -> None:
    enrolments.run_due(enrolment.team_id, now=NOW + 3 * DAY)
    assert Task.objects.open().count() == 2
    late = builders.make_activity(
        enrolment.contact,
        activity_type=Activity.EMAIL_REPLIED,
        occurred_at=NOW + 2 * DAY,
        received_at=NOW + 4 * DAY,
        origin=Activity.IMPORT,
    )
    follow(late, NOW + 4 * DAY)
    assert fresh(enrolment).state == "exited"
    assert not Task.objects.open().exists()


def test_what_happened_before_it_was_enrolled_ends_nothing(enrolment: Enrolment) -> None:
    happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW - MINUTE)
    assert fresh(enrolment).state == "active"


def test_a_reply_before_the_first_day_of_one_that_starts_later_counts(user: User, contact: Contact) -> None:
    enrolment = enrolling.enrol(builders.make_sequence(user), contact, owner=user, now=NOW, start=NOW + 5 * DAY)
    happens(contact, Activity.EMAIL_REPLIED, NOW + DAY)
    assert fresh(enrolment).state == "exited"


def test_one_persons_opt_out_stops_that_person_only(user: User, enrolment: Enrolment) -> None:
    other = builders.make_contact(user)
    assert enrolment.sequence is not None
    theirs = enrolling.enrol(enrolment.sequence, other, owner=user, now=NOW)
    elsewhere = enrolling.enrol(builders.make_sequence(user), enrolment.contact, owner=user, now=NOW)
    consent.opt_out(enrolment.contact, "unsubscribed", now=NOW + 2 * DAY)
    follow(Activity.objects.get(activity_type=Activity.EMAIL_UNSUBSCRIBED), NOW + 2 * DAY)
    assert [fresh(row).state for row in (enrolment, theirs, elsewhere)] == ["exited", "active", "exited"]


def test_a_flag_set_past_the_verbs_is_seen_before_the_next_step(enrolment: Enrolment) -> None:
    Contact.objects.update(do_not_contact=True)
    enrolments.run_due(enrolment.team_id, now=NOW + 3 * DAY)
    assert fresh(enrolment).reason == "The contact is not to be contacted."
    assert states(enrolment) == ["done", "cancelled", "cancelled"]


def test_a_status_changed_by_hand_is_seen_before_the_next_step(enrolment: Enrolment) -> None:
    Contact.objects.update(status="lost")
    enrolments.run_due(enrolment.team_id, now=NOW + 3 * DAY)
    assert fresh(enrolment).reason == "The contact's status became lost."


@pytest.mark.parametrize(
    ("until", "back"),
    [
        (None, NOW + 2 * DAY + 3 * DAY),
        ("2026-06-30", datetime.fromisoformat("2026-06-29T22:00:00Z")),
        ("2026-06-30T12:00:00Z", datetime.fromisoformat("2026-06-30T12:00:00Z")),
        ("2026-06-01", NOW + 5 * DAY),
        ("9999-12-31", NOW + 5 * DAY),
        ("next week", NOW + 5 * DAY),
        (17, NOW + 5 * DAY),
    ],
)
def test_an_automatic_reply_pauses_until_the_day_it_names(enrolment: Enrolment, until: Any, back: datetime) -> None:
    Contact.objects.update(timezone="Europe/Berlin")
    named = {} if until is None else {"until": until}
    happens(enrolment.contact, Activity.EMAIL_AUTO_REPLIED, NOW + 2 * DAY, **named)
    paused = fresh(enrolment)
    assert (paused.state, paused.resume_at) == ("paused", back)
    enrolments.run_due(enrolment.team_id, now=back - MINUTE)
    assert states(enrolment) == ["done", "planned", "planned"]
    enrolments.run_due(enrolment.team_id, now=back + MINUTE)
    resumed = fresh(enrolment)
    assert (resumed.state, resumed.next_step_at) == ("active", back + DAY)


def test_a_second_automatic_reply_only_makes_the_pause_longer(enrolment: Enrolment) -> None:
    happens(enrolment.contact, Activity.EMAIL_AUTO_REPLIED, NOW + 2 * DAY, until="2026-07-01")
    happens(enrolment.contact, Activity.EMAIL_AUTO_REPLIED, NOW + 3 * DAY)
    assert fresh(enrolment).resume_at == datetime.fromisoformat("2026-07-01T00:00:00Z")
    happens(enrolment.contact, Activity.EMAIL_AUTO_REPLIED, NOW + 4 * DAY, until="2026-07-09")
    assert fresh(enrolment).resume_at == datetime.fromisoformat("2026-07-09T00:00:00Z")
    assert fresh(enrolment).paused_at == NOW + 2 * DAY


def test_a_pause_that_somebody_made_is_not_shortened_by_an_automatic_reply(enrolment: Enrolment) -> None:
    pausing.pause(enrolment, now=NOW + DAY)
    happens(enrolment.contact, Activity.EMAIL_AUTO_REPLIED, NOW + 2 * DAY)
    assert fresh(enrolment).resume_at is None


def test_an_automatic_reply_not_processed_yet_holds_the_step(enrolment: Enrolment) -> None:
    reply = happens(enrolment.contact, Activity.EMAIL_AUTO_REPLIED, NOW + 2 * DAY, processed=False)
    enrolments.run_due(enrolment.team_id, now=NOW + 3 * DAY)
    assert (fresh(enrolment).state, states(enrolment)[1]) == ("paused", "planned")
    before = fresh(enrolment).resume_at
    follow(reply, NOW + 3 * DAY)
    assert fresh(enrolment).resume_at == before


def test_a_reply_ends_also_what_is_paused(enrolment: Enrolment) -> None:
    happens(enrolment.contact, Activity.EMAIL_AUTO_REPLIED, NOW + 2 * DAY)
    happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY + HOUR)
    ended = fresh(enrolment)
    assert (ended.state, ended.paused_at, ended.resume_at) == ("exited", None, None)


def snapshot(enrolment: Enrolment) -> list[Any]:
    """All that an undo has to restore."""
    columns = ("state", "reason", "started_at", "next_step_at", "paused_at", "resume_at", "ended_at", "active_key")
    return [
        Enrolment.objects.filter(pk=enrolment.pk).values(*columns).get(),
        list(EnrolmentStep.objects.filter(enrolment=enrolment).order_by("pk").values()),
        list(Task.objects.order_by("pk").values("status", "due_date", "assignee", "banner", "close_reason")),
        list(Assignment.objects.order_by("pk").values("task", "user", "ended_at", "outcome")),
    ]


@pytest.mark.parametrize("paused", [False, True])
def test_within_ten_minutes_an_exit_is_taken_back_to_the_letter(user: User, enrolment: Enrolment, paused: bool) -> None:
    if paused:
        pausing.pause(enrolment, now=NOW + DAY + HOUR, until=NOW + 20 * DAY)
    touched = builders.make_task(user, status="in_progress")
    EnrolmentStep.objects.filter(enrolment=enrolment, number=2).update(task=touched)
    before = snapshot(enrolment)
    happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY)
    assert snapshot(enrolment) != before
    pausing.undo(enrolment, now=NOW + 2 * DAY + 10 * MINUTE)
    assert snapshot(enrolment) == before


def test_what_was_undone_does_not_end_it_again_but_the_next_reply_does(enrolment: Enrolment) -> None:
    reply = happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY)
    pausing.undo(enrolment, now=NOW + 2 * DAY)
    follow(reply, NOW + 2 * DAY)
    enrolments.run_due(enrolment.team_id, now=NOW + 3 * DAY)
    assert states(enrolment) == ["done", "done", "planned"]
    happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY)
    assert fresh(enrolment).state == "exited"


def test_after_ten_minutes_it_is_too_late(enrolment: Enrolment) -> None:
    happens(enrolment.contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY)
    with pytest.raises(pausing.NotNow, match="10 minutes"):
        pausing.undo(enrolment, now=NOW + 2 * DAY + 10 * MINUTE + timedelta(seconds=1))


def test_enrolled_again_meanwhile_the_end_cannot_be_taken_back(user: User, enrolment: Enrolment) -> None:
    pausing.stop(enrolment, by=user, now=NOW + 2 * DAY)
    assert enrolment.sequence is not None
    enrolling.enrol(enrolment.sequence, enrolment.contact, owner=user, now=NOW + 2 * DAY)
    with pytest.raises(pausing.NotNow, match="enrolled again"):
        pausing.undo(enrolment, now=NOW + 2 * DAY)
    assert fresh(enrolment).state == "stopped"


def test_a_task_that_somebody_touched_since_is_theirs(user: User, enrolment: Enrolment) -> None:
    task = Task.objects.get()
    pausing.stop(enrolment, by=user, now=NOW + 2 * DAY)
    lifecycle.set_status(Task.objects.get(), "cancelled", by=user, now=NOW + 2 * DAY)
    pausing.undo(enrolment, now=NOW + 2 * DAY)
    task.refresh_from_db()
    assert task.status == "cancelled"


def test_a_ready_made_sequence_ends_by_a_reply_too(user: User, contact: Contact) -> None:
    batch, _ = sequences.enrol(contact, "standard", owner=user, now=NOW)
    happens(contact, Activity.EMAIL_REPLIED, NOW + HOUR)
    assert set(batch.tasks.values_list("status", flat=True)) == {"obsolete"}
    assert sequences.enrol(contact, "standard", owner=user, now=NOW + DAY)[0] != batch


def test_a_condition_on_a_person_who_replied_is_not_even_asked(user: User, contact: Contact) -> None:
    sequence = builders.make_sequence(user, steps=[step(24, condition="contact.lead_score > 50")])
    enrolment = enrolling.enrol(sequence, contact, owner=user, now=NOW)
    happens(contact, Activity.EMAIL_REPLIED, NOW + HOUR, processed=False)
    enrolments.run_due(user.team_id, now=NOW + DAY)
    assert states(enrolment) == ["cancelled"]


@pytest.mark.django_db(transaction=True)
def test_a_reply_and_the_step_at_the_same_time_leave_no_open_task(user: User, contact: Contact) -> None:
    enrolment = enrolling.enrol(builders.make_sequence(user, days=(1, 3)), contact, owner=user, now=NOW)
    reply = happens(contact, Activity.EMAIL_REPLIED, NOW + DAY, processed=False)
    barrier = threading.Barrier(2)

    def perform(act: Any) -> None:
        barrier.wait(10)
        try:
            act()
        finally:
            connections.close_all()

    acts = (lambda: follow(reply, NOW + DAY), lambda: enrolments.run_due(user.team_id, now=NOW + DAY))
    threads = [threading.Thread(target=perform, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert fresh(enrolment).state == "exited"
    assert not Task.objects.open().exists()


@pytest.mark.parametrize("kind", [Activity.EMAIL_UNSUBSCRIBED, Activity.EMAIL_COMPLAINED, Activity.EMAIL_BOUNCED])
def test_an_opt_out_told_only_after_the_enrolment_ends_it_though_it_came_before(
    enrolment: Enrolment, contact: Contact, kind: str
) -> None:
    """Had it been known, nobody would have been enrolled: providers tell minutes or hours later."""
    told = builders.make_activity(
        contact, activity_type=kind, occurred_at=NOW - HOUR, received_at=NOW + HOUR, data={"permanent": True}
    )
    follow(told, NOW + HOUR)
    assert fresh(enrolment).state == Enrolment.EXITED


def test_an_opt_out_from_before_somebody_let_the_contact_in_again_ends_nothing(user: User, contact: Contact) -> None:
    consent.opt_out(contact, consent.UNSUBSCRIBED, now=NOW - 3 * HOUR)
    consent.opt_in(contact, by=user, now=NOW - HOUR, note="Asked for it on the phone")
    row = enrolling.enrol(builders.make_sequence(user), contact, owner=user, now=NOW)
    told = builders.make_activity(
        contact, activity_type=Activity.EMAIL_UNSUBSCRIBED, occurred_at=NOW - 2 * HOUR, received_at=NOW + HOUR
    )
    follow(told, NOW + HOUR)
    assert fresh(row).state == Enrolment.ACTIVE


def test_a_reply_from_before_the_enrolment_told_after_it_ends_nothing(enrolment: Enrolment, contact: Contact) -> None:
    told = builders.make_activity(
        contact, activity_type=Activity.EMAIL_REPLIED, occurred_at=NOW - HOUR, received_at=NOW + HOUR
    )
    follow(told, NOW + HOUR)
    assert fresh(enrolment).state == Enrolment.ACTIVE


def test_who_enrolled_it_and_who_owns_the_contact_hear_why_it_stopped(user: User, enrolment: Enrolment) -> None:
    rep = builders.make_user(team=user.team)
    Contact.objects.filter(pk=enrolment.contact_id).update(owner=rep)
    happens(fresh(enrolment).contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY)
    for person in (user, rep):
        (notice,) = person.notifications.filter(kind=Notification.SEQUENCE)
        assert "stopped for" in notice.title
        assert notice.body.startswith("The contact replied.")


def test_who_stops_it_needs_no_notice_of_it(user: User, enrolment: Enrolment) -> None:
    pausing.stop(enrolment, by=user, now=NOW + 2 * DAY)
    assert not Notification.objects.filter(kind=Notification.SEQUENCE, user=user).exists()


def test_who_muted_the_contact_or_the_sequence_finds_it_read(user: User, enrolment: Enrolment) -> None:
    mutes.mute(user, f"sequence:{enrolment.sequence_id}", now=NOW)
    happens(fresh(enrolment).contact, Activity.EMAIL_REPLIED, NOW + 2 * DAY)
    assert user.notifications.get(kind=Notification.SEQUENCE).read_at is not None
