"""Erasing a person from what rules, sequences and campaigns did for them: everything ends, outcomes and counts stay."""

from automation import settling
from automation.models import Backtest, Enrolment, EnrolmentStep, Firing, ParkedPair, ScheduledTaskBatch, Tally
from automation.programmes import exits
from crm import erase
from crm.models import Contact
from domain import policies
from jobs.models import Job
from work.models import Task

JUDGED = {
    value for name, value in vars(policies).items() if name.isupper() and isinstance(value, str) and " " in value
} | {settling.MOVED_ON, settling.UNMET, settling.ELSEWHERE}
ENDED = {exits.REASONS[exits.STATUSES].format(status=status) for status, _ in Contact.STATUSES} | {
    *exits.REASONS.values(),
    exits.DELETED,
    exits.MERGED,
    exits.ERASED,
}
"""Reasons in the program's own words: figures are kept by them, and they say nothing of anybody."""
TASK_TEXTS = ("title", "description", "notes", "banner", "close_reason")


def wipe(subject: erase.Subject) -> None:
    _end_programmes(subject)
    _wipe_firings(subject)
    pairs = ParkedPair.objects.filter(contact__in=subject.ids)
    pairs.filter(released_at=None).update(released_at=subject.now)
    pairs.update(reason=erase.REASON, chain=[])
    for quoting in (Tally.objects.filter(team=subject.team_id), Backtest.objects.filter(rule__team=subject.team_id)):
        quoting.delete()  # they quote reasons
    batches = ScheduledTaskBatch.objects.filter(contact__in=subject.ids)
    batches.filter(ended_at=None).update(ended_at=subject.now)
    batches.update(name=subject.stand_in, task_template={}, active_key=None, next_run_at=None, zone="")
    erase.wipe_admin_log(ScheduledTaskBatch, batches.values_list("pk", flat=True), subject.stand_in)


def _end_programmes(subject: erase.Subject) -> None:
    enrolments = Enrolment.objects.filter(contact__in=subject.ids)
    steps = EnrolmentStep.objects.filter(enrolment__contact__in=subject.ids)
    steps.filter(state=EnrolmentStep.PLANNED).update(state=EnrolmentStep.CANCELLED, at=subject.now)
    steps.exclude(reason__in=("", *ENDED)).update(reason=erase.REASON)
    steps.update(due_wall="", due_zone="")
    enrolments.exclude(reason__in=("", *ENDED)).update(reason=erase.REASON)
    enrolments.filter(state__in=Enrolment.UNDER_WAY).update(
        state=Enrolment.EXITED, ended_at=subject.now, reason=erase.REASON
    )
    enrolments.update(active_key=None, next_step_at=None, resume_at=None, undo=None, undo_until=None)


def _wipe_firings(subject: erase.Subject) -> None:
    """What waits fires for nobody any more. A task that was moved to somebody else loses the words alone."""
    firings = Firing.objects.filter(contact__in=subject.ids)
    firings.filter(outcome=Firing.WAITING).update(outcome=Firing.SUPPRESSED, reason=erase.REASON, due_at=None)
    firings.exclude(reason__in=("", *JUDGED)).update(reason=erase.REASON)
    firings.update(data={})
    moved = Task.objects.filter(firings__contact__in=subject.ids).exclude(contact__in=subject.ids)
    erase.redact(moved, TASK_TEXTS, subject.redaction())
    activities = firings.exclude(activity=None).values_list("activity", flat=True)
    for part in erase.parts(activities):
        keys = [f"activity:{pk}:triggers" for pk in part]
        Job.objects.filter(key__in=keys).exclude(error="").update(error=erase.REASON)
