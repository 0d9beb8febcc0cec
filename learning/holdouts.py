"""What best times bring a team: counted every night, beside the tenth of its contacts that is kept out of them."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT

from domain.learning import best_time, holdout
from domain.learning.experiments import Arm
from domain.learning.holdout import Comparison
from learning.models import BestTimeCheck, ContactAttempt
from people.models import Team
from work.models import Task


def count(team: Team, *, now: datetime) -> BestTimeCheck:
    """Counts each contact once, by its first attempt for a task whose hour was chosen, or kept for comparison.

    Groups are those of the draw for that task, whatever became of the choice: a person may have called at another hour,
    and the contact may be part of another one since. Before there was enough history nothing was chosen for anybody, so
    those attempts tell nothing.
    """
    drawn = Task.objects.filter(pk=OuterRef("task_id")).values(reason=KT("timing__reason"))[:1]
    firsts = first_ones(team).filter(contact__merged_into__isnull=True, matured_at__lte=now)
    rows = firsts.annotate(drawn=Subquery(drawn)).values_list("drawn", "answered_at", "matured_at")
    kept: list[bool] = []
    chosen: list[bool] = []
    for reason, answered_at, matured_at in rows.iterator():
        group = kept if reason == best_time.HELD_OUT else chosen
        group.append(answered_at is not None and answered_at <= matured_at)
    row, _ = BestTimeCheck.objects.update_or_create(
        team=team,
        defaults={
            "at": now,
            "kept": len(kept),
            "kept_answered": sum(kept),
            "chosen": len(chosen),
            "chosen_answered": sum(chosen),
        },
    )
    return row


def first_ones(team: Team) -> QuerySet[ContactAttempt]:
    """The attempts that contacts are counted by, which are kept: once they were gone, others would be the first."""
    earlier = _telling(team).filter(
        Q(sent_at__lt=OuterRef("sent_at")) | Q(sent_at=OuterRef("sent_at"), pk__lt=OuterRef("pk")),
        contact=OuterRef("contact"),
    )
    return _telling(team).filter(~Exists(earlier))


def _telling(team: Team) -> QuerySet[ContactAttempt]:
    """For tasks whose hour was chosen, or kept for comparison."""
    told = Task.objects.filter(team=team, timing__isnull=False).exclude(timing__reason=best_time.TOO_FEW)
    return ContactAttempt.objects.filter(team=team, task_id__in=told.values("pk"))


def of(team: Team) -> Comparison | None:
    """What there is to say of it; None before it was counted."""
    row = BestTimeCheck.objects.filter(team=team).first()
    if row is None:
        return None
    return holdout.compare(Arm(row.kept, row.kept_answered), Arm(row.chosen, row.chosen_answered))


def sentence_of(found: Comparison) -> str:
    """What chosen hours bring, and how much is missing to tell."""
    few, points = holdout.FEWEST, round(100 * holdout.EFFECT)
    there = found.kept.n + found.chosen.n
    if found.low is None or found.high is None:
        said = f"Too early to tell: each group needs {few} contacts, and they have {found.kept.n} and {found.chosen.n}."
    else:
        low, high = 100 * found.low, 100 * found.high
        if found.verdict == holdout.UNCLEAR:
            said = f"No difference can be told yet: plausibly it lies between {low:+.1f} and {high:+.1f} points."
        elif found.verdict == holdout.MORE:
            said = f"Fast answers are more frequent at chosen hours, plausibly by {low:.1f} to {high:.1f} points."
        else:
            said = f"Fast answers are rarer at chosen hours, plausibly by {-high:.1f} to {-low:.1f} points: go without."
    if found.needed is None or found.verdict in (holdout.MORE, holdout.FEWER):
        return said
    missing = f"To see {points} points takes {found.needed:,} contacts; there are {there:,}."
    return " ".join((said, missing))
