"""Reading the ledger: attempts, answers, and what became of leads. Whatever happens is recorded there, whoever does it.

A reading goes by ids, a window at a time, each in a transaction that ends with how far it came; so it may be cut off
anywhere, and the first one of a team is the backfill. Rows are unique by their activity: read again, they are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from crm.models import Activity, Contact
from jobs.rows import insert_new
from learning import answers, attempts, holdouts, settings
from learning.models import ContactAttempt, LeadOutcome, LedgerReading
from people.models import Team
from work.models import Task

WINDOW = 5_000
"""Ids of the ledger, of all teams, that one transaction looks at."""
AGAIN = 20_000
"""Ids before the last one that are looked at again: one given before it may have been committed after it."""
MOST = 40
"""Windows of one run; what is left is for the next."""
OF_TASKS = (Activity.TASK_COMPLETED, Activity.TASK_OUTCOME)
MERGES = (Activity.CONTACT_MERGED, Activity.CONTACT_PARTED)
KINDS = {*attempts.KINDS, *answers.KINDS, *MERGES, Activity.STATUS_CHANGED, Activity.TASK_STATUS_CHANGED}


@dataclass(frozen=True)
class Read:
    """What a run found that was not known before, and whether it came to the end."""

    attempts: int
    outcomes: int
    finished: bool


def read(team: Team, *, now: datetime, most: int = MOST) -> Read:
    """Takes in what the ledger has had since the last run, at most so many windows of it."""
    top = Activity.objects.aggregate(top=Max("pk"))["top"] or 0
    upto = LedgerReading.objects.filter(team=team).values_list("upto", flat=True).first() or 0
    at, found = max(0, upto - AGAIN), (0, 0)
    last = min(top, max(at, upto) + most * WINDOW)
    while at < last:
        upper = min(at + WINDOW, last)
        with transaction.atomic():
            settings.enter(team.pk)
            new = _take_in(team, at, upper, now)
            LedgerReading.objects.filter(team=team, upto__lt=upper).update(upto=upper)
        at, found = upper, (found[0] + new[0], found[1] + new[1])
    return Read(*found, finished=last == top)


def forget_old(team: Team, *, now: datetime) -> int:
    """Deletes attempts that are too old to tell anything; how many. Those that contacts are compared by stay."""
    old = ContactAttempt.objects.filter(team=team, sent_at__lt=now - attempts.KEPT_FOR)
    return old.exclude(pk__in=holdouts.first_ones(team).values("pk")).delete()[0]


def _take_in(team: Team, lower: int, upper: int, now: datetime) -> tuple[int, int]:
    """How many attempts and outcomes were new."""
    rows = list(
        Activity.objects.filter(
            team=team, pk__gt=lower, pk__lte=upper, activity_type__in=KINDS, contact__erased_at__isnull=True
        )
        .exclude(contact=None)
        .select_related("contact__owner")
        .order_by("pk")
    )
    anew = _said_anew(rows)
    standing = [row for row in rows if row.pk >= anew.get(row.task_id or 0, 0)]
    tasks = Task.objects.in_bulk({row.task_id for row in standing if row.activity_type in OF_TASKS})
    made = [
        made
        for row in standing
        if row.occurred_at > now - attempts.KEPT_FOR
        and (made := attempts.attempt_of(row, tasks.get(row.task_id or 0), team)) is not None
    ]
    outcomes = [outcome for row in standing if (outcome := _outcome_of(row, tasks.get(row.task_id or 0))) is not None]
    new = len(insert_new(made)), len(insert_new(outcomes))
    touched = {row.contact_id for row in rows if row.activity_type != Activity.STATUS_CHANGED}
    touched |= {_said(row).get("absorbed_id") for row in rows if row.activity_type in MERGES}
    answers.settle({pk for pk in touched if isinstance(pk, int)} | _take_back(anew))
    return new


def _take_back(anew: Mapping[int, int]) -> set[int]:
    """Deletes what was said of tasks before these activities; whose attempts went."""
    whose: set[int] = set()
    for task_id, pk in anew.items():
        LeadOutcome.objects.filter(task_id=task_id, activity__lt=pk).delete()
        doomed = ContactAttempt.objects.filter(task_id=task_id, activity__lt=pk)
        whose |= set(doomed.values_list("contact", flat=True))
        doomed.delete()
    return whose


def _said_anew(rows: Sequence[Activity]) -> dict[int, int]:
    """By task the last activity that took it up again, or said anew what came of it: what was said before is void."""
    return {
        row.task_id: row.pk
        for row in rows
        if row.task_id is not None
        and (
            row.activity_type == Activity.TASK_OUTCOME
            or (row.activity_type == Activity.TASK_STATUS_CHANGED and _said(row).get("old_status") == Task.DONE)
        )
    }


def _outcome_of(row: Activity, task: Task | None) -> LeadOutcome | None:
    """What a row says of how a lead ended: a task that was won or lost, or another status.

    A task that was completed first is an end by its completion: what was learned of the lead since gives it away.
    """
    said, is_status = _said(row), row.activity_type == Activity.STATUS_CHANGED
    statuses = [status for status, _ in Contact.STATUSES]
    word, was = said.get("new_status" if is_status else "outcome"), said.get("old_status")
    if word not in (statuses if is_status else (LeadOutcome.WON, LeadOutcome.LOST)):
        return None
    return LeadOutcome(
        team_id=row.team_id,
        contact=row.contact,
        activity=row,
        task_id=row.task_id,
        is_status=is_status,
        was=str(was) if is_status and was in statuses else "",
        word=str(word),
        at=attempts.made_at(row, task),
    )


def _said(row: Activity) -> Mapping[str, object]:
    return row.data if isinstance(row.data, Mapping) else {}
