"""From events to work: drains a team's unprocessed activities through its rules, each event once.

One worker at a time drains a team, so repeat policies, order and limits cannot race; workers scale across teams.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from automation import bulk, events, occurring, reactions, rulebook
from automation.models import EngineQueue, Firing
from automation.occurring import alone, occur
from automation.readiness import Ready, ready_rules
from automation.setting_aside import set_aside
from crm import contacts, strays
from crm.models import Activity, Contact
from jobs import bell, broker, queue
from jobs.models import Job
from jobs.rows import at_hand
from people.models import Team, User

__all__ = ["alone", "drain", "occur", "pending_teams", "process", "redo_id"]

log = logging.getLogger("nextmove.automation")

LEAST, FIRST, MOST = 50, 200, 2_000
"""Activities of one batch: as many as fit into LOCK_SECONDS, by how long they took in the batch before."""
LOCK_SECONDS = {"sqlite": 0.1, "postgresql": 0.25}
"""How long a batch should hold its locks: on SQLite nobody else writes meanwhile."""
BATCH_SECONDS = 0.5
"""After which a batch is committed as far as it came. Until then nobody else writes to SQLite, and a process that is
killed leaves nothing of it: a queue would never get shorter where that happens more often than batches end."""
DRAIN_SECONDS = 2.0
"""After which jobs have their turn, where one thread does both."""
DRAIN_SECONDS_WITH_BROKER = 60.0
"""Other workers do the jobs meanwhile, and a bell that is rung again stands behind all their messages. Below Celery's
time limit of a task."""
REDO_JOB = "automation.tasks.process_activity_triggers"


def pending_teams(now: datetime) -> list[int]:
    """Teams with something to look at; reads two partial indexes that are empty when there is nothing."""
    del now  # what is unprocessed is due
    waiting = set(Activity.objects.unprocessed().values_list("team_id", flat=True).distinct())
    waiting |= set(Contact.objects.changed_by_hand().values_list("team_id", flat=True).distinct())
    return sorted(waiting)


def drain(team_id: int, *, now: datetime) -> dict[str, int]:
    """Processes what has happened to the team's contacts. Leaves at once when somebody else is at it.

    Returns how many activities were processed, fired, suppressed, failed, put on hold, and handed to a job for
    another try.
    """
    totals = {"processed": 0, "fired": 0, "suppressed": 0, "failed": 0, "retried": 0}
    contacts.notice_changes_by_hand(team_id=team_id, now=now)
    until = time.monotonic() + (DRAIN_SECONDS_WITH_BROKER if broker.configured() else DRAIN_SECONDS)
    while _drain_batch(team_id, now, totals):
        if time.monotonic() >= until:
            bell.ring(team_id)
            break
    return totals


def process(activity: Activity, *, now: datetime) -> list[Firing]:
    """Runs the team's rules over one activity, now.

    One already processed answers what was done then, so a rule made later does not fire for what was before it;
    unless its processing failed and became a job, which is then done here.
    """
    with alone(activity.team_id):
        mine = Activity.objects.filter(pk=activity.pk, processed_at__isnull=True).update(processed_at=now)
        if not mine and not Job.objects.filter(pk=redo_id(activity)).exists():
            return list(activity.firings.select_related("task", "rule").order_by("pk"))
        return _process(activity, ready_rules(activity.team_id, now), now)


def _redo_key(activity: Activity) -> str:
    return f"activity:{activity.pk}:triggers"


def redo_id(activity: Activity) -> UUID:
    """Of the job that runs an activity's rules again, if ever they failed as a whole."""
    return queue.job_id(_redo_key(activity))


def _drain_batch(team_id: int, now: datetime, totals: dict[str, int]) -> bool:
    """One transaction of as many activities as fit into it, or BATCH_SECONDS; True when there may be more."""
    try:
        with alone(team_id, skip=True) as mine:
            if not mine:
                return False
            team = Team.objects.get(pk=team_id)
            batch, full = _next_batch(team)
            done, outcomes = _follow(team, batch, now) if batch else ([], Counter())
            more = _mark_processed(team_id, done, batch, full, now)
    except Exception:
        log.warning("a batch of team %s failed; its records are redone one by one", team_id, exc_info=True)
        rulebook.forget(team_id)
        return _redo_one_by_one(team_id, now, totals)
    _count(outcomes, len(done), totals)
    return more


def size_of_batch(team_id: int) -> int:
    seconds = _seconds_each.get(team_id)
    if seconds is None:
        return FIRST
    return max(LEAST, min(MOST, int(LOCK_SECONDS[connection.vendor] / seconds)))


_seconds_each: dict[int, float] = {}
"""What an activity of a team took in this process, the last time there were many."""


def _follow(team: Team, batch: list[Activity], now: datetime) -> tuple[list[Activity], Counter[str]]:
    """The activities there was time for, and how many firings came of them, by outcome."""
    started = time.monotonic()
    following = bulk.Batch(team, rulebook.of_team(team.pk, now=now), batch, now=now)
    done = []
    for activity in _in_time(batch):
        following.follow(activity)
        done.append(activity)
    outcomes = following.finish()
    if len(done) >= LEAST:
        _seconds_each[team.pk] = (time.monotonic() - started) / len(done)
    return done, outcomes


def _next_batch(team: Team) -> tuple[list[Activity], bool]:
    """The oldest that wait, and whether they are as many as may be.

    With their contacts, which nobody else changes or excludes people from meanwhile.
    """
    most = size_of_batch(team.pk)
    batch = list(Activity.objects.unprocessed().filter(team=team).order_by("id")[:most])
    rows = Contact.objects.filter(pk__among={one.contact_id for one in batch if one.contact_id is not None})
    contacts = {contact.id: contact for contact in rows.select_for_update(no_key=True).order_by("pk")}
    owners = User.objects.select_related("team").in_bulk({one.owner_id for one in contacts.values() if one.owner_id})
    for contact in contacts.values():
        at_hand(contact, team=team, owner=owners.get(contact.owner_id))
    for activity in batch:
        at_hand(activity, team=team, contact=contacts.get(activity.contact_id))
    return batch, len(batch) == most


def _in_time(batch: list[Activity]) -> Iterator[Activity]:
    """At least one of them, and no more once BATCH_SECONDS are over."""
    until = time.monotonic() + BATCH_SECONDS
    for activity in batch:
        yield activity
        if time.monotonic() >= until:
            return


def _mark_processed(team_id: int, done: list[Activity], batch: list[Activity], full: bool, now: datetime) -> bool:
    """Whether there may be more; `full`: the batch was as large as it may be."""
    Activity.objects.filter(pk__among=[activity.id for activity in done]).update(processed_at=now)
    more = full or len(done) < len(batch)
    if not more:
        EngineQueue.objects.filter(team_id=team_id).update(drained_at=now)
    return more


def _redo_one_by_one(team_id: int, now: datetime, totals: dict[str, int]) -> bool:
    """Each record in a transaction of its own; only the bad one becomes a job, which retries and tells."""
    with alone(team_id, skip=True) as mine:
        if not mine:
            return False
        batch, full = _next_batch(Team.objects.get(pk=team_id))
        ready = ready_rules(team_id, now)
        done = []
        for activity in _in_time(batch):
            done.append(activity)
            try:
                with transaction.atomic():
                    fired = _process(activity, ready, now)
                _count(Counter(one.outcome for one in fired), 1, totals)
            except Exception:
                set_aside(REDO_JOB, [activity.pk], key=_redo_key(activity), team_id=team_id, now=now)
                totals["retried"] += 1
        return _mark_processed(team_id, done, batch, full, now)


def _process(activity: Activity, ready: Iterable[Ready], now: datetime) -> list[Firing]:
    """What follows of itself from one activity, then its firings; those it already has are answered, not repeated."""
    if not strays.bring_home(activity):
        return []
    rules = list(ready)
    reactions.follow(activity, rules, now=now)
    return occurring.settle_all(rules, events.of_activity(activity), now)


def _count(outcomes: Counter[str], processed: int, totals: dict[str, int]) -> None:
    totals["processed"] += processed
    for outcome, times in outcomes.items():
        if outcome in totals:
            totals[outcome] += times
