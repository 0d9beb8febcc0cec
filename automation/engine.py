"""From events to work: drains a team's unprocessed activities through its rules, each event once.

One worker at a time drains a team, so repeat policies, order and limits cannot race; workers scale across teams.
"""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from automation import firing as firings
from automation import rules
from automation.models import EngineQueue, Firing, RuleVersion, TaskAutomationRule
from automation.triggers import KINDS
from crm import contacts
from crm.models import Activity, Contact
from jobs import queue
from jobs.models import Job

log = logging.getLogger("nextmove.automation")

BATCH = 200
MOST_BATCHES = 25
REDO_JOB = "automation.tasks.process_activity_triggers"


def pending_teams(now: datetime) -> list[int]:
    """Teams with something to look at; reads two partial indexes that are empty when there is nothing."""
    del now  # what is unprocessed is due
    waiting = set(Activity.objects.unprocessed().values_list("team_id", flat=True).distinct())
    waiting |= set(Contact.objects.changed_by_hand().values_list("team_id", flat=True).distinct())
    return sorted(waiting)


def drain(team_id: int, *, now: datetime) -> dict[str, int]:
    """Processes what has happened to the team's contacts. Leaves at once when somebody else is at it.

    Returns how many activities were processed, fired, suppressed, failed, and handed to a job for another try.
    """
    totals = {"processed": 0, "fired": 0, "suppressed": 0, "failed": 0, "retried": 0}
    contacts.notice_changes_by_hand(team_id=team_id, now=now)
    for _ in range(MOST_BATCHES):
        if not _drain_batch(team_id, now, totals):
            break
    return totals


@contextlib.contextmanager
def alone(team_id: int, *, skip: bool = False) -> Iterator[bool]:
    """One transaction that holds the team's queue. With `skip`, yields False when somebody else holds it."""
    EngineQueue.objects.get_or_create(team_id=team_id)
    with transaction.atomic():
        held = EngineQueue.objects.select_for_update(skip_locked=skip).filter(team_id=team_id).first()
        yield held is not None


def process(activity: Activity, *, now: datetime) -> list[Firing]:
    """Runs the team's rules over one activity, now.

    One already processed answers what was done then, so a rule made later does not fire for what was before it;
    unless its processing failed and became a job, which is then done here.
    """
    with alone(activity.team_id):
        mine = Activity.objects.filter(pk=activity.pk, processed_at__isnull=True).update(processed_at=now)
        if not mine and not Job.objects.filter(pk=queue.job_id(_redo_key(activity))).exists():
            return list(activity.firings.select_related("task", "rule").order_by("pk"))
        return _process(activity, compiled(activity.team_id, now), now)


def _redo_key(activity: Activity) -> str:
    return f"activity:{activity.pk}:triggers"


def compiled(team_id: int, now: datetime) -> list["Compiled"]:
    """The team's live rules that are sound. One that is not is parked with the reason, and says so on its page."""
    live = TaskAutomationRule.objects.live().filter(team_id=team_id).select_related("owner", "team").order_by("pk")
    return [ready for rule in live if (ready := _compile(rule, now)) is not None]


class Compiled:
    """A rule ready to run, and the version its firings name: frozen when it first fires after a change."""

    def __init__(self, rule: TaskAutomationRule, content_hash: str) -> None:
        self.rule = rule
        self.content_hash = content_hash
        self._version: RuleVersion | None = None

    def covers(self, event: Activity) -> bool:
        """Whether the event starts this rule, for a contact that is the rule's business."""
        if event.contact is None or not KINDS[self.rule.trigger_type].matches(self.rule.trigger_config, event):
            return False
        return self.rule.scope == TaskAutomationRule.TEAM or event.contact.owner_id == self.rule.owner_id

    def version(self, now: datetime) -> RuleVersion:
        if self._version is None:
            known = RuleVersion.objects.filter(rule=self.rule)
            self._version = known.filter(content_hash=self.content_hash).first() or RuleVersion.objects.create(
                rule=self.rule,
                number=(known.order_by("-number").values_list("number", flat=True).first() or 0) + 1,
                content_hash=self.content_hash,
                content=rules.content_of(self.rule),
                frozen_at=now,
            )
        return self._version


def _compile(rule: TaskAutomationRule, now: datetime) -> Compiled | None:
    """Checks a rule again only when its content changed since it was last checked, whoever wrote the row."""
    del now
    digest = rules.content_hash(rule)
    if rule.content_hash != digest:
        errors = _errors_of(rule)
        rule.content_hash = digest
        rule.parked_reason = str(rules.BadRule(errors)) if errors else ""
        TaskAutomationRule.objects.filter(pk=rule.pk).update(
            content_hash=rule.content_hash, parked_reason=rule.parked_reason
        )
        if errors:
            log.warning("rule %s is parked: %s", rule.pk, rule.parked_reason)
    return None if rule.parked_reason else Compiled(rule, digest)


def _errors_of(rule: TaskAutomationRule) -> rules.Errors:
    """What is wrong with a rule. One written past every check may hold anything: what it breaks is its own fault."""
    try:
        return rules.check(rule)
    except Exception as error:
        log.warning("rule %s cannot be checked", rule.pk, exc_info=True)
        return {"rule": [f"It cannot be read: {error!r}"]}


def _drain_batch(team_id: int, now: datetime, totals: dict[str, int]) -> bool:
    """One transaction of up to BATCH activities; True when there may be more."""
    try:
        with alone(team_id, skip=True) as mine:
            if not mine:
                return False
            batch = _next_batch(team_id)
            ready = compiled(team_id, now) if batch else []
            fired = [one for activity in batch for one in _process(activity, ready, now)]
            Activity.objects.filter(pk__in=[activity.pk for activity in batch]).update(processed_at=now)
    except Exception:
        log.warning("a batch of team %s failed; its records are redone one by one", team_id, exc_info=True)
        return _redo_one_by_one(team_id, now, totals)
    _count(fired, len(batch), totals)
    return len(batch) == BATCH


def _next_batch(team_id: int) -> list[Activity]:
    waiting = Activity.objects.unprocessed().filter(team_id=team_id).order_by("id")
    return list(waiting.select_related("contact__owner", "contact__team", "team")[:BATCH])


def _redo_one_by_one(team_id: int, now: datetime, totals: dict[str, int]) -> bool:
    """Each record in a transaction of its own; only the bad one becomes a job, which retries and tells."""
    with alone(team_id, skip=True) as mine:
        if not mine:
            return False
        batch = _next_batch(team_id)
        ready = compiled(team_id, now)
        for activity in batch:
            try:
                with transaction.atomic():
                    fired = _process(activity, ready, now)
                _count(fired, 1, totals)
            except Exception:
                log.warning("activity %s failed and becomes a job", activity.pk, exc_info=True)
                again = now + timedelta(seconds=60)
                request = queue.Request(REDO_JOB, [activity.pk], key=_redo_key(activity), team_id=team_id, run_at=again)
                queue.enqueue(request, now=now)
                totals["retried"] += 1
        Activity.objects.filter(pk__in=[activity.pk for activity in batch]).update(processed_at=now)
    return len(batch) == BATCH


def _process(activity: Activity, ready: Iterable[Compiled], now: datetime) -> list[Firing]:
    """The firings of one activity; those it already has are answered, not repeated."""
    matching = [one for one in ready if one.covers(activity)]
    if matching and activity.task_id is not None:
        # What a rule caused itself never starts it again: its own task being done is no news to it.
        causes = set(Firing.objects.filter(task=activity.task_id).values_list("rule", flat=True))
        matching = [one for one in matching if one.rule.pk not in causes]
    if not matching:
        return []
    key = f"activity:{activity.pk}"
    known = {
        firing.rule_id: firing
        for firing in Firing.objects.filter(rule__in=[one.rule for one in matching], trigger_key=key).select_related(
            "task"
        )
    }
    result = []
    for one in matching:
        firing = known.get(one.rule.pk)
        if firing is None:
            firing = firings.fire(one.rule, one.version(now), activity, key=key, now=now)
            if firing.outcome == Firing.FIRED:
                TaskAutomationRule.objects.filter(pk=one.rule.pk).update(
                    times_triggered=F("times_triggered") + 1, tasks_created=F("tasks_created") + 1
                )
        result.append(firing)
    return result


def _count(fired: list[Firing], processed: int, totals: dict[str, int]) -> None:
    totals["processed"] += processed
    for one in fired:
        totals[one.outcome] += 1
