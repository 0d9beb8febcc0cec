"""What best times bring a team: counted every night, beside the tenth of its contacts that is kept out of them."""

from datetime import datetime

from domain.learning import best_time, holdout
from domain.learning.experiments import Arm
from domain.learning.holdout import Comparison
from learning.models import BestTimeCheck, ContactAttempt
from people.models import Team
from work.models import Task


def count(team: Team, *, now: datetime) -> BestTimeCheck:
    """Counts each contact once, by its first attempt for a task whose hour was chosen, or kept for comparison.

    Groups are those of the draw, whatever became of the choice: a person may have called at another hour. Before there
    was enough history nothing was chosen for anybody, so those attempts tell nothing.
    """
    told = Task.objects.filter(team=team, timing__isnull=False).exclude(timing__reason=best_time.TOO_FEW)
    attempts = ContactAttempt.objects.filter(
        team=team, task_id__in=told.values("pk"), contact__merged_into__isnull=True
    ).order_by("sent_at", "pk")
    columns = ("contact", "answered_at", "matured_at")
    first: dict[int, bool | None] = {}
    for contact, answered_at, matured_at in attempts.values_list(*columns).iterator():
        if contact not in first:
            answered = answered_at is not None and answered_at <= matured_at
            first[contact] = answered if matured_at <= now else None
    known = {contact: answered for contact, answered in first.items() if answered is not None}
    kept = [answered for contact, answered in known.items() if best_time.held_out(team.pk, contact)]
    chosen = [answered for contact, answered in known.items() if not best_time.held_out(team.pk, contact)]
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
