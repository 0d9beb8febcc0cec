"""What rules, sequences and campaigns need when two contacts become one, and when they part again."""

from typing import Any

from automation import experimenting, twin_enrolments, twin_tasks
from automation.models import EngineQueue, ParkedPair
from crm import merge, traces


def enter(team_id: int) -> None:
    """Takes the team's queue, so that nothing is processed for either contact meanwhile."""
    EngineQueue.objects.get_or_create(team_id=team_id)
    EngineQueue.objects.select_for_update().get(team_id=team_id)


def settle(one: merge.Merging) -> dict[str, Any]:
    """Firings need nothing: they move, so what a rule did for either of the two it did for the survivor. Whom they put
    into an experiment is written down before, since the arm is that of whoever triggered it.
    """
    experimenting.take_in(one.survivor.team_id, [one.survivor, one.absorbed])
    return {
        "tasks": twin_tasks.collapse(one),
        "enrolments": twin_enrolments.unite(one),
        "parked": _settle_parked(one),
    }


def part(one: merge.Merging, kept: dict[str, Any]) -> None:
    """Backwards, for a task may have been closed by both."""
    if not kept:
        return
    for pair in ParkedPair.objects.filter(pk__in=[int(pk) for pk in kept["parked"]]):
        traces.revert(pair, kept["parked"][str(pair.pk)])
    twin_enrolments.part(kept["enrolments"], now=one.now)
    twin_tasks.unfold(kept["tasks"], now=one.now)


def _settle_parked(one: merge.Merging) -> dict[str, traces.Trace]:
    """A rule that is parked for both is parked for the survivor once."""
    pairs = ParkedPair.objects.filter(released_at__isnull=True)
    double = pairs.filter(contact=one.absorbed, rule__in=pairs.filter(contact=one.survivor).values("rule"))
    return {str(pair.pk): traces.change(pair, released_at=one.now) for pair in double}


STEP = merge.Step("automation", settle, part, enter)
