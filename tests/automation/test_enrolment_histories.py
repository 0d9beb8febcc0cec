"""Random histories of one contact in a sequence: whatever happens in whatever order, the promises hold."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from automation.models import Enrolment, EnrolmentStep
from automation.programmes import enrolling, enrolments, exits, pausing
from crm.models import Activity
from tests import builders
from tests.builders import NOW, step
from work import lifecycle
from work.models import Assignment, Task

pytestmark = [pytest.mark.database]

HOURS = st.integers(0, 200)
STEPS = st.lists(st.tuples(HOURS, st.booleans()), min_size=1, max_size=5)
SECOND = timedelta(seconds=1)


class Histories(RuleBasedStateMachine):
    """A person, a contact and the clock, with what the engine and the sweep do in between."""

    @initialize(steps=STEPS, slip=st.sampled_from(["anchor", "push"]))
    def start(self, steps: list[tuple[int, bool]], slip: str) -> None:
        self.block = transaction.atomic()
        self.block.__enter__()
        self.now = NOW
        self.user = builders.make_manager()
        self.contact = builders.make_contact(self.user)
        wanted = [step(hours, wait_for_previous=waits and place > 0) for place, (hours, waits) in enumerate(steps)]
        self.sequence = builders.make_sequence(self.user, steps=wanted, slip=slip)
        self.enrol()

    def enrol(self) -> None:
        self.enrolment = enrolling.enrol(self.sequence, self.contact, owner=self.user, now=self.now)
        self.ended_with: set[int] | None = None

    def teardown(self) -> None:
        if hasattr(self, "block"):
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    @property
    def row(self) -> Enrolment:
        return Enrolment.objects.get(pk=self.enrolment.pk)

    def follow(self, activity: Activity) -> None:
        exits.follow(activity, now=self.now)
        enrolments.follow(activity, now=self.now)
        Activity.objects.filter(pk=activity.pk).update(processed_at=self.now)

    def happens(self, kind: str) -> Activity:
        return builders.make_activity(
            self.contact, activity_type=kind, occurred_at=self.now, received_at=self.now, team=self.user.team
        )

    def sweep(self) -> None:
        enrolments.run_due(self.user.team_id, now=self.now)

    @rule(hours=st.integers(1, 80), sweeps=st.booleans())
    def time_passes(self, hours: int, sweeps: bool) -> None:
        self.now += timedelta(hours=hours)
        if sweeps:
            self.sweep()

    @rule()
    def the_sweep_runs_twice(self) -> None:
        self.sweep()
        self.sweep()

    @rule(done=st.booleans(), processed=st.booleans())
    def a_task_is_closed(self, done: bool, processed: bool) -> None:
        task = Task.objects.open().filter(contact=self.contact).first()
        if task is None:
            return
        if done:
            completion = lifecycle.complete(task, by=self.user, now=self.now)
            if processed:
                self.follow(Activity.objects.get(pk=completion.activity_id))
        else:
            lifecycle.set_status(task, "cancelled", by=self.user, now=self.now)

    @rule()
    def a_task_is_begun(self) -> None:
        task = Task.objects.filter(contact=self.contact, status="todo").first()
        if task is not None:
            lifecycle.set_status(task, "in_progress", by=self.user, now=self.now)

    @precondition(lambda self: self.row.state in Enrolment.UNDER_WAY)
    @rule(processed=st.booleans())
    def the_contact_replies(self, processed: bool) -> None:
        reply = self.happens(Activity.EMAIL_REPLIED)
        if processed:
            self.follow(reply)
            assert self.row.state == "exited"
            self.ended_with = self.tasks()
        else:
            self.sweep()
            if self.row.next_step_at is not None:
                assert self.row.next_step_at > self.now

    @rule()
    def an_automatic_reply_comes(self) -> None:
        self.follow(self.happens(Activity.EMAIL_AUTO_REPLIED))
        assert self.row.state != "active"

    @precondition(lambda self: self.row.state == "active")
    @rule()
    def somebody_pauses(self) -> None:
        pausing.pause(self.enrolment, now=self.now)

    @precondition(lambda self: self.row.state == "paused")
    @rule()
    def somebody_resumes(self) -> None:
        began = self.row.paused_at
        old = dict(self.row.steps.filter(state="planned").values_list("pk", "due_at"))
        pausing.resume(self.enrolment, now=self.now)
        moved = dict(self.row.steps.filter(state="planned").values_list("pk", "due_at"))
        assert began is not None
        assert {moved[pk] - old[pk] for pk in old} <= {self.now - began}

    @precondition(lambda self: self.row.state in Enrolment.UNDER_WAY)
    @rule()
    def somebody_stops(self) -> None:
        pausing.stop(self.enrolment, by=self.user, now=self.now)
        self.ended_with = self.tasks()

    @precondition(lambda self: self.row.state in Enrolment.UNDER_WAY)
    @rule(replies=st.booleans(), minutes=st.integers(0, 10))
    def an_end_is_taken_back(self, replies: bool, minutes: int) -> None:
        before = self.picture()
        if replies:
            self.follow(self.happens(Activity.EMAIL_REPLIED))
        else:
            pausing.stop(self.enrolment, by=self.user, now=self.now)
        assert self.picture() != before
        self.now += timedelta(minutes=minutes)
        pausing.undo(self.enrolment, now=self.now)
        assert self.picture() == before

    @precondition(lambda self: self.row.undo_until is not None and self.row.undo_until < self.now)
    @rule()
    def it_is_too_late_to_take_it_back(self) -> None:
        with pytest.raises(pausing.NotNow):
            pausing.undo(self.enrolment, now=self.now)

    @rule()
    def enrolled_again(self) -> None:
        if self.row.state in Enrolment.UNDER_WAY and self.steps_left():
            with pytest.raises(enrolling.AlreadyEnrolled):
                enrolling.enrol(self.sequence, self.contact, owner=self.user, now=self.now)
        elif self.row.state not in Enrolment.UNDER_WAY:
            self.enrol()

    def steps_left(self) -> bool:
        return self.row.steps.filter(state="planned").exists()

    def tasks(self) -> set[int]:
        return set(Task.objects.filter(enrolment_steps__enrolment=self.enrolment).values_list("pk", flat=True))

    def picture(self) -> list[Any]:
        columns = ("state", "reason", "started_at", "next_step_at", "paused_at", "resume_at", "ended_at", "active_key")
        return [
            Enrolment.objects.filter(pk=self.enrolment.pk).values(*columns).get(),
            list(EnrolmentStep.objects.filter(enrolment=self.enrolment).order_by("pk").values()),
            list(Task.objects.order_by("pk").values("pk", "status", "due_date", "assignee", "banner", "close_reason")),
            list(Assignment.objects.order_by("pk").values("task", "user", "ended_at", "outcome")),
        ]

    @invariant()
    def no_step_before_its_date(self) -> None:
        for row in EnrolmentStep.objects.filter(state="done"):
            assert row.at is not None
            assert row.at >= row.due_at

    @invariant()
    def steps_are_at_least_twenty_hours_apart(self) -> None:
        if not hasattr(self, "enrolment"):
            return
        done = sorted(filter(None, self.row.steps.filter(state="done").values_list("at", flat=True)))
        assert all(later - earlier >= timedelta(hours=20) for earlier, later in pairwise(done))

    @invariant()
    def each_step_has_one_task(self) -> None:
        keys = [key for key in Task.objects.values_list("origin_key", flat=True) if key]
        assert len(keys) == len(set(keys))
        done = EnrolmentStep.objects.filter(state="done")
        assert done.count() == Task.objects.filter(origin_key__startswith="enrolment:").count()

    @invariant()
    def nothing_comes_after_an_end(self) -> None:
        if not hasattr(self, "enrolment") or self.row.state in Enrolment.UNDER_WAY:
            return
        row = self.row
        assert (row.active_key, row.next_step_at, row.resume_at) == (None, None, None)
        assert not self.steps_left()
        if self.ended_with is not None:
            assert self.tasks() == self.ended_with

    @invariant()
    def what_is_under_way_is_looked_at_again(self) -> None:
        if hasattr(self, "enrolment") and self.row.state == "active":
            assert self.row.next_step_at is not None


@pytest.mark.django_db
def test_random_histories_keep_every_promise() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
