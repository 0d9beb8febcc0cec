"""The Celery tasks: each translates, makes one call, and answers what it did and skipped.

Called directly they run now; `.delay()` writes a job row. A `team_id` narrows a scheduled one to that team, whose
local time the schedule is read in.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from assignment import dispatch, next_task, rebalancing, runs
from automation import (
    activation,
    arguments,
    backtests,
    cadence,
    calendar_changes,
    engine,
    experimenting,
    overdue,
    reminders,
    reporting,
    rule_changes,
    silence,
    sweeps,
    tallies,
    task_scheduler,
    timers,
    waiting,
)
from automation.programmes import enrolments
from crm import contacts
from crm.files import imports
from crm.models import Activity, Contact
from jobs import queue
from jobs.tasks import BellTask
from learning import nights
from notifications import delivery, outbox
from notifications.models import Notification
from people import busy_times, devices, undo_notes
from people.models import Team, User
from performance import scores
from webhooks import housekeeping as webhook_housekeeping
from webhooks import sending
from work import housekeeping, pushing
from work.models import Assignment, Task


def _each_team(team_id: int | None, step: Callable[[Team], Any]) -> dict[str, Any]:
    """Runs a step for one team or all of them; the answers by team id."""
    teams = Team.objects.filter(pk=arguments.row_id("team_id", team_id)) if team_id is not None else Team.objects.all()
    return {"teams": {str(team.pk): step(team) for team in teams.order_by("pk")}}


@shared_task(name="automation.tasks.drain_team", base=BellTask, ignore_result=True)
def drain_team(team_id: int) -> dict[str, int]:
    """The bell's answer: processes what waits in the team's ledger."""
    return engine.drain(team_id, now=timezone.now())


@shared_task(name="automation.tasks.sweep_team", base=BellTask, ignore_result=True)
def sweep_team(team_id: int) -> dict[str, Any]:
    """Due work that lives in columns, swept every few seconds."""
    return sweeps.run(team_id, now=timezone.now())


@shared_task(name="automation.tasks.follow_calendar", base=BellTask, ignore_result=True)
def follow_calendar(team_id: int) -> dict[str, int]:
    """A team whose dates follow working hours and holidays: looked at every minute, in few queries."""
    return calendar_changes.follow(team_id, now=timezone.now())


@shared_task(name="automation.tasks.process_activity_triggers")
def process_activity_triggers(activity_id: int) -> dict[str, Any]:
    """Runs the rules over one activity; one already processed answers what was done then."""
    activity = arguments.found("activity_id", activity_id, Activity.objects.select_related("contact__owner", "team"))
    if activity is None:
        return {"activity_id": activity_id, "skipped": "there is no such activity"}
    return {"activity_id": activity_id, **_fired(engine.process(activity, now=timezone.now()))}


@shared_task(name="automation.tasks.process_status_change_triggers")
def process_status_change_triggers(contact_id: int, old_status: str, new_status: str) -> dict[str, Any]:
    """Runs the rules over the contact's latest change between these words, recorded now when there is none."""
    now = timezone.now()
    contact = arguments.found("contact_id", contact_id, Contact.objects.select_related("owner", "team"))
    if contact is None:
        return {"contact_id": contact_id, "skipped": "there is no such contact"}
    activity = task_scheduler.status_activity(contact, old_status, new_status, by=None, now=now)
    return {"contact_id": contact_id, "activity_id": activity.pk, **_fired(engine.process(activity, now=now))}


def _fired(firings: list[Any]) -> dict[str, Any]:
    return {
        "tasks": [one.task_id for one in firings if one.task_id is not None],
        "suppressed": [{"rule_id": one.rule_id, "reason": one.reason} for one in firings if one.task_id is None],
    }


@shared_task(name="automation.tasks.conclude_firing")
def conclude_firing(firing_id: int) -> dict[str, Any]:
    """A firing that waited and could not be concluded in its batch, tried again by itself."""
    made = waiting.conclude_one(firing_id, now=timezone.now())
    return {"firing_id": firing_id, "outcome": made.outcome if made is not None else "skipped"}


@shared_task(name="automation.tasks.look_for_silence")
def look_for_silence(contact_id: int) -> dict[str, Any]:
    """A contact that rules on silence could not look at in its batch, tried again by itself."""
    return {"contact_id": contact_id, "quiet": silence.look_at(contact_id, now=timezone.now())}


@shared_task(name="automation.tasks.run_time_rule")
def run_time_rule(rule_id: int, at: str, after_id: int, missed: int) -> dict[str, Any]:
    """A page of the contacts that a rule on time runs for."""
    return timers.run_page(rule_id, datetime.fromisoformat(at), after_id, missed, now=timezone.now())


@shared_task(name="automation.tasks.follow_change")
def follow_change(contact_id: int, changes: dict[str, list[str]]) -> dict[str, Any]:
    """What was changed by hand on a contact and could not be followed, tried again by itself."""
    return {"contact_id": contact_id, "noted": contacts.follow_again(contact_id, changes, now=timezone.now())}


@shared_task(name="automation.tasks.run_time_rule_for_contact")
def run_time_rule_for_contact(rule_id: int, at: str, contact_id: int, missed: int) -> dict[str, Any]:
    """A contact that a rule on time could not be run for with the others, tried again by itself."""
    return timers.run_for_contact(rule_id, datetime.fromisoformat(at), contact_id, missed, now=timezone.now())


@shared_task(name="automation.tasks.take_up")
def take_up(kind: str, pk: int, at: str) -> dict[str, Any]:
    """A row that a sweep put aside, put back and tried again by itself."""
    done = sweeps.take_up(kind, pk, datetime.fromisoformat(at), now=timezone.now())
    return {"kind": kind, "id": pk, "done": done}


@shared_task(name="automation.tasks.apply_rule")
def apply_rule(rule_id: int, at: str, after_id: int) -> dict[str, Any]:
    """A page of the records that matched a rule when it was switched on, since somebody asked for them."""
    return activation.apply(rule_id, datetime.fromisoformat(at), after_id, now=timezone.now())


@shared_task(name="automation.tasks.apply_rule_to_one")
def apply_rule_to_one(rule_id: int, at: str, subject_id: int) -> dict[str, Any]:
    """A record that such a page could not deal with, tried again by itself."""
    return activation.apply_one(rule_id, datetime.fromisoformat(at), subject_id, now=timezone.now())


@shared_task(name="automation.tasks.auto_schedule_overdue_tasks")
def auto_schedule_overdue_tasks(team_id: int | None = None) -> dict[str, Any]:
    """One urgent task for each contact whose follow-up was missed."""
    now = timezone.now()
    return _each_team(team_id, lambda team: overdue.create_overdue(team.pk, now=now))


@shared_task(name="automation.tasks.process_automation_workflows")
def process_automation_workflows() -> dict[str, Any]:
    """Whatever is due in any team's automations now: a second look, should every bell have been lost."""
    now = timezone.now()
    return _each_team(
        None, lambda team: {**engine.drain(team.pk, now=now), "enrolments": enrolments.run_due(team.pk, now=now)}
    )


@shared_task(name="automation.tasks.run_enrolment")
def run_enrolment(enrolment_id: int, over: str | None = None) -> dict[str, Any]:
    """Takes up an enrolment whose step, or the end of whose pause, failed unforeseen; retried, then dead."""
    ended = datetime.fromisoformat(over) if over else None
    enrolment = enrolments.run_one(enrolment_id, ended, now=timezone.now())
    if enrolment is None:
        return {"enrolment_id": enrolment_id, "skipped": "there is no such enrolment"}
    return {"enrolment_id": enrolment_id, "state": enrolment.state}


@shared_task(name="automation.tasks.schedule_recurring_contact_tasks")
def schedule_recurring_contact_tasks(team_id: int | None = None) -> dict[str, Any]:
    """The tasks of contact cadences that have come round."""
    now = timezone.now()
    return _each_team(team_id, lambda team: cadence.schedule_due(team.pk, now=now))


@shared_task(name="automation.tasks.send_task_reminders")
def send_task_reminders() -> dict[str, int]:
    return reminders.send(now=timezone.now())


@shared_task(name="automation.tasks.send_delivery", external=True, lane="notices")
def send_delivery(delivery_id: str, *, key: str) -> dict[str, Any]:  # noqa: ARG001 (every call to the outside has one)
    """Sends one notice to one person by one channel."""
    return delivery.send(UUID(delivery_id), now=timezone.now())


@shared_task(name="automation.tasks.send_webhook", external=True, lane="webhooks")
def send_webhook(dispatch_id: str, turn: int, *, key: str) -> dict[str, Any]:  # noqa: ARG001 (every call to the outside has one)
    """Tells one endpoint of one event, as often as its schedule says."""
    return sending.send(UUID(dispatch_id), turn, now=timezone.now())


@shared_task(name="automation.tasks.read_busy_times", external=True, lane="calendars")
def read_busy_times(user_id: int, turn: int, *, key: str) -> dict[str, Any]:  # noqa: ARG001 (every call to the outside has one)
    """Reads when a person is busy from the address of their calendar, and again in an hour."""
    return busy_times.read(user_id, turn, now=timezone.now())


@shared_task(name="automation.tasks.push_calendar", external=True, lane="calendars")
def push_calendar(user_id: int, turn: int, *, key: str) -> dict[str, Any]:  # noqa: ARG001 (every call to the outside has one)
    """Sends to somebody's calendar what changed among their tasks."""
    return pushing.push(user_id, turn, now=timezone.now())


@shared_task(name="automation.tasks.look_at_pushes", base=BellTask, ignore_result=True)
def look_at_pushes(team_id: int) -> dict[str, Any]:
    """Whose tasks have changed since they were pushed: looked at every minute, in two queries."""
    return pushing.look(team_id, now=timezone.now())


@shared_task(name="automation.tasks.assign_task")
def assign_task(task_id: int) -> dict[str, Any]:
    """Gives a task that nobody holds to the best person."""
    task = Task.objects.select_related("team").filter(pk=task_id).first()
    if task is None or task.assignee_id is not None or not task.is_open:
        return {"task_id": task_id, "skipped": "gone, finished or taken"}
    choice = dispatch.assign_best(task, now=timezone.now())
    return {"task_id": task_id, "user_id": choice.person_id, "code": choice.code}


@shared_task(name="automation.tasks.assign_next_task_for_user")
def assign_next_task_for_user(user_id: int) -> dict[str, Any]:
    """Hands the person the waiting task that is most worth their time."""
    user = arguments.found("user_id", user_id, User.objects.active().select_related("team"))
    if user is None:
        return {"user_id": user_id, "assigned": None, "skipped": "there is no such active user"}
    return next_task.give(user, now=timezone.now())


@shared_task(name="automation.tasks.find_and_assign_tasks_for_available_users", external=True, lane="plans")
def find_and_assign_tasks_for_available_users(team_id: int | None = None, *, key: str) -> dict[str, Any]:
    """Gives out the waiting work: each team is a job of its own when run for all, and task by task, not at one go."""
    now = timezone.now()
    if team_id is not None:
        return runs.summary(runs.run(Team.objects.get(pk=team_id), now=now, key=key))
    teams = list(Team.objects.order_by("pk").values_list("pk", flat=True))
    requests = [
        queue.Request(
            "automation.tasks.find_and_assign_tasks_for_available_users",
            kwargs={"team_id": pk},
            key=f"assign:{pk}:{now:%Y%m%dT%H%M%S%f}",
            team_id=pk,
        )
        for pk in teams
    ]
    queue.enqueue(*requests, now=now)
    return {"teams": teams}


@shared_task(name="automation.tasks.update_user_performance_metrics")
def update_user_performance_metrics(user_id: int) -> dict[str, Any]:
    """Computes and keeps the person's score, and lets them know when it moved."""
    now = timezone.now()
    user = arguments.found("user_id", user_id, User.objects.active().select_related("team"))
    if user is None:
        return {"user_id": user_id, "skipped": "there is no such active user"}
    before = scores.latest(user)
    old = scores.as_dict(before)["performance_score"] if before else None
    new = scores.as_dict(scores.recompute(user, now=now))
    if new["performance_score"] != old:
        request = queue.Request(
            "automation.tasks.send_performance_update_notification",
            [user_id],
            key=f"performance:{user_id}:{scores.local_day(user.team, now)}:told",
            team_id=user.team_id,
            user_id=user_id,
        )
        queue.enqueue(request, now=now)
    return {"user_id": user_id, "before": old, "performance_score": new["performance_score"]}


@shared_task(name="automation.tasks.recalculate_team_performance")
def recalculate_team_performance(team_id: int | None = None) -> dict[str, Any]:
    now = timezone.now()
    return _each_team(team_id, lambda team: {"scores": len(scores.recompute_team(team, now=now))})


@shared_task(name="automation.tasks.send_task_assignment_notification")
def send_task_assignment_notification(assignment_id: int) -> dict[str, Any]:
    """Tells the person of an assignment, unless they were told."""
    assignment = arguments.found("assignment_id", assignment_id, Assignment.objects.select_related("user", "task"))
    if assignment is None or not assignment.task.is_open:
        return {"assignment_id": assignment_id, "skipped": "gone or finished"}
    dispatch.tell_assigned([assignment], now=timezone.now())
    return {"assignment_id": assignment_id, "user_id": assignment.user_id}


@shared_task(name="automation.tasks.send_performance_update_notification")
def send_performance_update_notification(user_id: int) -> dict[str, Any]:
    """Tells the person their score, once a day of their team at most."""
    now = timezone.now()
    user = arguments.found("user_id", user_id, User.objects.active().select_related("team"))
    if user is None:
        return {"user_id": user_id, "skipped": "there is no such active user"}
    score = scores.current(user, now=now)["performance_score"]
    if score is None:
        return {"user_id": user_id, "skipped": "not enough data for a score"}
    outbox.tell(
        user,
        kind=Notification.PERFORMANCE,
        key=f"performance:{user_id}:{scores.local_day(user.team, now)}",
        title=f"Your performance score is {score:g}",
        path="/team/performance",
        now=now,
    )
    return {"user_id": user_id, "performance_score": score}


@shared_task(name="automation.tasks.cleanup_old_assignments", external=True)
def cleanup_old_assignments(team_id: int | None = None, *, key: str) -> dict[str, Any]:  # noqa: ARG001
    """Deletes assignments that ended and sign-ins of over 90 days ago, jobs and webhooks that were done over 30 days
    ago, and sessions that have run out: piece by piece, not in the one transaction of a job, and doing it again finds
    less to do.
    """
    now = timezone.now()
    deleted = _each_team(team_id, lambda team: {"assignments": housekeeping.delete_old_assignments(team, now=now)})
    done = {"jobs": queue.prune(now=now), "runs": runs.prune(now=now), "webhooks": webhook_housekeeping.prune(now=now)}
    done["imports"] = imports.forget_old(now=now)
    done["backtests"] = backtests.prune(now=now)
    done["rule_changes"] = rule_changes.prune()
    done["undo_notes"] = undo_notes.prune(now=now)
    return {**deleted, **done, **devices.prune(now=now), **tallies.prune(now=now)}


@shared_task(name="automation.tasks.replay_rule", external=True, in_steps=True, lane="plans")
def replay_rule(backtest_id: str, *, key: str) -> dict[str, Any]:  # noqa: ARG001
    """Replays a rule for whoever asked, outside of a transaction: it writes how far it is and what it found."""
    return backtests.replay(UUID(backtest_id))


@shared_task(name="automation.tasks.count_figures")
def count_figures(team_id: int) -> dict[str, Any]:
    """Counts what the team's rules, sequences and campaigns did, for the pages and programs that ask next."""
    team = arguments.found("team_id", team_id, Team.objects.all())
    if team is None:
        return {"team_id": team_id, "skipped": "there is no such team"}
    return {"team_id": team_id, "rules": len(tallies.count(team, now=timezone.now()).rules)}


@shared_task(name="automation.tasks.generate_daily_reports")
def generate_daily_reports(team_id: int | None = None) -> dict[str, Any]:
    """Recomputes the scores and makes the day's report, with the suggestions that stand."""
    now = timezone.now()

    def report(team: Team) -> dict[str, Any]:
        scores.recompute_team(team, now=now)
        return {"report_id": reporting.make(team, now=now).pk}

    return _each_team(team_id, report)


@shared_task(name="automation.tasks.suggest_team_rebalancing")
def suggest_team_rebalancing(team_id: int | None = None) -> dict[str, Any]:
    """Works out moves that end overload, and tells the leads when there is some."""
    now = timezone.now()

    def suggest(team: Team) -> dict[str, Any]:
        moves, stuck = rebalancing.suggestions(team, now=now)
        rebalancing.tell_leads(team, moves, stuck, now=now)
        return {"suggestions": [move.pk for move in moves], "stuck": stuck}

    return _each_team(team_id, suggest)


@shared_task(name="automation.tasks.learn_from_outcomes", external=True, lane="plans")
def learn_from_outcomes(team_id: int | None = None, *, key: str) -> dict[str, Any]:  # noqa: ARG001
    """Learns from what happened: best times, scores of leads, estimates. Each team is a job of its own when run for
    all, and a ledger that is too long for one goes on in another.
    """
    now = timezone.now()
    if team_id is None:
        teams = list(Team.objects.order_by("pk").values_list("pk", flat=True))
        _learn_later(teams, now)
        return {"teams": teams}
    team = arguments.found("team_id", team_id, Team.objects.all())
    if team is None:
        return {"team_id": team_id, "skipped": "there is no such team"}
    done = nights.learn(team, now=now)
    if done["finished"]:
        done["experiments"] = experimenting.look(team, now=now)
    else:
        _learn_later([team.pk], now)
    return {"team_id": team_id, **done}


def _learn_later(teams: Sequence[int], now: datetime) -> None:
    name = "automation.tasks.learn_from_outcomes"
    requests = [
        queue.Request(name, kwargs={"team_id": pk}, key=f"learn:{pk}:{now:%Y%m%dT%H%M%S%f}", team_id=pk) for pk in teams
    ]
    queue.enqueue(*requests, now=now)


@shared_task(name="automation.tasks.read_import", external=True, in_steps=True)
def read_import(import_id: str, *, key: str) -> dict[str, str]:  # noqa: ARG001
    """Reads the rows of a large file: outside of a transaction, for that takes its time; done twice it is done once."""
    return {"import_id": import_id, "state": imports.read(UUID(import_id))}


@shared_task(name="automation.tasks.check_import", external=True, in_steps=True)
def check_import(import_id: str, round: int, *, key: str) -> dict[str, Any]:  # noqa: ARG001
    """Compares the rows of a large file with what is there. It writes nothing but what it found."""
    row = imports.compare(UUID(import_id), round, now=timezone.now())
    return {"import_id": import_id, "state": row.state, **row.counts}


@shared_task(name="automation.tasks.run_import")
def run_import(import_id: str, part: int) -> dict[str, Any]:
    """Carries out one part of a file; the next is a job of its own, written with it."""
    return {"import_id": import_id, "part": part, "done": imports.carry_on(UUID(import_id), part, now=timezone.now())}
