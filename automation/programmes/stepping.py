"""One step of an enrolment, carried out: its condition judged, its task made and given to somebody."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from assignment import dispatch
from automation import drafting, giving, programmes, values
from automation.events import Event
from automation.models import Enrolment, EnrolmentStep
from automation.programmes import campaigns, steps
from automation.programmes.steps import Step
from crm.models import Contact
from domain import conditions, templating
from domain.conditions import ConditionFailed
from people.models import Skill, Team, User
from work import due, lifecycle
from work.models import Task

IN_TIME = timedelta(hours=1)
"""A step that runs later than this after its date gives its task the whole time from then on."""


def run(enrolment: Enrolment, row: EnrolmentStep, step: Step, *, at_once: bool, now: datetime) -> None:
    """Does the step, or skips it with the reason, or notes why it failed; the enrolment goes on in any case.

    The caller holds the enrolment's lock, so no two workers are here for one step; the task's key makes sure of it.
    """
    try:
        why_not = skipped_because(step, enrolment.contact, enrolment.team, row.due_at, _task_before(row), now=now)
    except ConditionFailed as failure:
        settle(row, EnrolmentStep.FAILED, str(failure), now=now)
        return
    if why_not:
        settle(row, EnrolmentStep.SKIPPED, why_not, now=now)
        return
    if step.channel != steps.TASK:
        settle(row, EnrolmentStep.FAILED, campaigns.cannot_send(step.channel, enrolment.team), now=now)
        return
    try:
        with transaction.atomic():
            row.task = _make_task(enrolment, row, step, at_once=at_once, now=now)
    except (templating.TemplateError, ValidationError, lifecycle.NotAllowed) as failure:
        settle(row, EnrolmentStep.FAILED, str(failure), now=now)
        return
    settle(row, EnrolmentStep.DONE, "", now=now)


def settle(row: EnrolmentStep, state: str, reason: str, *, now: datetime) -> None:
    """Leaves `planned` for good; only whoever finds it planned writes."""
    changes = {"state": state, "reason": reason[:255], "task": row.task, "at": now}
    if EnrolmentStep.objects.filter(pk=row.pk, state=EnrolmentStep.PLANNED).update(**changes):
        row.state, row.reason, row.at = state, reason[:255], now


def skipped_because(
    step: Step, contact: Contact, team: Team, instant: datetime, before: Task | None, *, now: datetime
) -> str:
    """Why the step's condition keeps it from being done; empty when it holds. Raises ConditionFailed.

    `contact` and `team` are as in rules; `task` is the one of the step before.
    """
    if not step.condition:
        return ""
    event = Event(
        kind="step",
        key=f"step:{step.key}",
        team_id=team.pk,
        occurred_at=instant,
        received_at=instant,
        contact=contact,
        task=before,
    )
    known = values.of(event, team, now=now)
    try:
        if conditions.compiled(step.condition).holds(known, now=now):
            return ""
    except conditions.ConditionError as failure:  # written past every check
        raise ConditionFailed(str(failure)) from failure
    return f"Its condition does not hold: {_failing(step.condition, known, now)}"


def _failing(condition: str, known: values.Values, now: datetime) -> str:
    """The first part that is not true, with what it read."""
    for clause in conditions.explain(condition, known, now=now):
        if not clause.holds:
            read = ", ".join(f"{name} is {value!r}" for name, value in clause.values.items())
            return f"{clause.text} ({read})" if read else clause.text
    return condition


def due_date(step: Step, planned: datetime, *, at_once: bool, now: datetime) -> datetime:
    """When the step's task is due: on its date when made on enrolment; else some hours after, to have time to do it."""
    if at_once:
        return planned
    start = planned if now - planned <= IN_TIME else now
    return start + timedelta(hours=float(step.due_within_hours))


def _task_before(row: EnrolmentStep) -> Task | None:
    before = EnrolmentStep.objects.filter(enrolment_id=row.enrolment_id, number__lt=row.number, task__isnull=False)
    last = before.select_related("task__assignee").order_by("-number").first()
    return last.task if last is not None else None


def _make_task(enrolment: Enrolment, row: EnrolmentStep, step: Step, *, at_once: bool, now: datetime) -> Task:
    origin = f"enrolment:{enrolment.pk}:{step.key}"
    made = Task.objects.filter(origin_key=origin).first()
    if made is not None:
        return made
    programme = programmes.of(enrolment)
    shown = drafting.template_values(enrolment.contact, None)
    owner = owner_for(step, enrolment)
    task = lifecycle.create(
        enrolment.team,
        title=templating.render_title(step.title, shown, fallback=programme.name),
        description=templating.render(step.description, shown),
        priority=step.priority,
        **_due_columns(enrolment, row, step, owner, at_once=at_once, now=now),
        reminder_offset_hours=step.reminder_offset_hours,
        estimated_hours=step.estimated_hours,
        required_skills=_requirements(step, enrolment.team),
        contact=enrolment.contact,
        owner=owner,
        group_key=enrolment.group_key,
        kind=f"{programmes.kind_of(programme)}:{programme.pk}:{step.key}"[:60],
        origin_key=origin,
        now=now,
    )
    _hand_out(step, task, enrolment, now)
    return task


def _due_columns(
    enrolment: Enrolment, row: EnrolmentStep, step: Step, owner: User, *, at_once: bool, now: datetime
) -> dict[str, Any]:
    """A date made in advance follows the calendar as long as it is the one that was derived."""
    when = due_date(step, row.due_at, at_once=at_once, now=now)
    if not at_once:
        return {"due_date": when}
    derived = due.due_of(
        step.delay, start=enrolment.started_at, contact=enrolment.contact, owner=owner, team=enrolment.team
    )
    return derived._asdict() if derived.due_date == when else {"due_date": when}


def owner_for(step: Step, enrolment: Enrolment) -> User:
    """The contact's owner while active, else whoever enrolled it, who also owns it where the step says so."""
    owner = enrolment.contact.owner
    if step.assign == "enroller" or owner is None or not owner.is_active:
        return enrolment.owner
    return owner


def _requirements(step: Step, team: Team) -> list[lifecycle.Requirement]:
    if not step.required_skills:
        return []
    levels = {name.lower(): level for name, level in step.required_skills}
    return [
        lifecycle.Requirement(skill, levels[skill.name.lower()])
        for skill in Skill.objects.filter(team=team)
        if skill.name.lower() in levels
    ]


def _hand_out(step: Step, task: Task, enrolment: Enrolment, now: datetime) -> None:
    """By the step's choice. Somebody who left gets nothing: the task then waits for whoever fits best."""
    if step.assign == "best_match":
        dispatch.assign_best(task, now=now)
    elif step.assign == "round_robin":
        dispatch.round_robin(task, now=now)
    elif step.assign.startswith("user:"):
        person = User.objects.active().filter(pk=int(step.assign.removeprefix("user:")), team=enrolment.team).first()
        if person is not None:
            name = programmes.of(enrolment).name
            sentence = f"“{name}” gives this step to {person.display_name}."
            giving.give(task, person, by=None, now=now, sentence=sentence)
    elif step.assign != "unassigned" and task.owner is not None and task.owner.is_active:
        by = enrolment.owner if task.owner_id == enrolment.owner_id else None
        giving.give(task, task.owner, by=by, now=now, sentence=_owner_sentence(task.owner, enrolment, step))


def _owner_sentence(owner: User, enrolment: Enrolment, step: Step) -> str:
    if step.assign != "enroller" and owner.pk == enrolment.contact.owner_id:
        return f"{owner.display_name} owns the contact."
    return f"{owner.display_name} scheduled it: {programmes.of(enrolment).name}."
