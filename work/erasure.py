"""Erasing a person from their tasks: open ones are cancelled, texts go, who held them when stays."""

from django.db.models import QuerySet

from crm import erase
from crm.models import Activity
from people.models import Change
from work import finishing
from work.audited import TASK
from work.models import Assignment, Task

TEXTS = ("title", "description", "notes", "added_notes")
"""Of a line of the audit log, what somebody wrote."""
LONG_ENOUGH = 8
"""A shorter title, such as "Call", stands in many sentences that are about somebody else."""


def wipe(subject: erase.Subject) -> None:
    """Cancels and wipes the tasks; notes their titles, for sentences elsewhere quote them."""
    tasks = Task.objects.filter(contact__in=subject.ids)
    ids = list(tasks.order_by("pk").values_list("pk", flat=True))
    subject.titles |= {title for title in tasks.values_list("title", flat=True) if len(title) >= LONG_ENOUGH}
    for task in tasks.open():
        _cancel(task, subject)
    for part in erase.parts(ids):
        _wipe_texts(Task.objects.filter(pk__in=part), subject)
        Assignment.objects.filter(task__in=part).update(reasons={"sentence": erase.REASON})
        _wipe_lines(part, subject)
        erase.forget(Activity.objects.filter(task_id__in=part).iterator(chunk_size=erase.CHUNK))
    erase.wipe_admin_log(Task, ids, subject.stand_in)
    erase.wipe_admin_log(Assignment, Assignment.objects.filter(task__in=tasks).values_list("pk", flat=True), "")
    _wipe_sentences(subject)


def _cancel(task: Task, subject: erase.Subject) -> None:
    finishing.end_assignment(task, Assignment.DROPPED, now=subject.now)
    Activity.objects.create(
        team_id=task.team_id,
        contact_id=task.contact_id,
        task_id=task.pk,
        actor=subject.by,
        activity_type=Activity.TASK_STATUS_CHANGED,
        occurred_at=subject.now,
        received_at=subject.now,
        source=erase.SOURCE,
        origin=Activity.SYSTEM,
        data={"old_status": task.status, "new_status": Task.CANCELLED},
        processed_at=subject.now,
    )
    Task.objects.filter(pk=task.pk).update(
        status=Task.CANCELLED, once_key=None, remind_at=None, chase_at=None, version=task.version + 1
    )


def _wipe_texts(tasks: "QuerySet[Task]", subject: erase.Subject) -> None:
    tasks.update(
        title=f"Task for {subject.stand_in[0].lower()}{subject.stand_in[1:]}",
        description="",
        notes="",
        banner="",
        close_reason="",
        due_spec=None,
        due_wall="",
        due_zone="",
        timing=None,
    )
    tasks.filter(status=Task.CANCELLED).update(close_reason=erase.REASON)


def _wipe_lines(tasks: list[int], subject: erase.Subject) -> None:
    """Of each line of the audit log the texts go, however short; statuses, people, dates and hours stay."""
    lines = Change.objects.filter(team_id=subject.team_id, kind=TASK.name, subject_id__in=[str(pk) for pk in tasks])
    for line in lines.iterator(chunk_size=erase.CHUNK):
        before, after = (
            {name: value for name, value in facts.items() if name not in TEXTS} for facts in (line.before, line.after)
        )
        Change.objects.filter(pk=line.pk).update(subject=subject.stand_in, before=before, after=after)


def _wipe_sentences(subject: erase.Subject) -> None:
    """Why somebody got another task may name these: each choice tells what it was chosen over."""
    erase.redact_in(Assignment.objects.filter(task__team_id=subject.team_id), ("reasons",), subject)
