"""What is needed when two contacts become one, and when they part again: in an experiment a person counts once.

By intention to treat that is from their first trigger on, in the arm that was drawn then. The survivor has that row,
whichever of the two it is from; the other row stays with the absorbed contact, and is left out as long as it is one.
"""

from typing import Any

from crm import merge
from learning import settings
from learning.models import ContactAttempt, ExperimentContact, LeadOutcome


def enter(team_id: int) -> None:
    """Keeps a night from writing of either contact meanwhile."""
    settings.enter(team_id)


def settle(one: merge.Merging) -> dict[str, Any]:
    own = {row.experiment_id: row for row in ExperimentContact.objects.filter(contact=one.survivor)}
    kept: dict[str, Any] = {"moved": [], "exchanged": []}
    for row in ExperimentContact.objects.filter(contact=one.absorbed).order_by("pk"):
        other = own.get(row.experiment_id)
        if other is None:
            ExperimentContact.objects.filter(pk=row.pk).update(contact=one.survivor)
            kept["moved"].append(row.pk)
        elif row.triggered_at < other.triggered_at:
            _exchange(row, other)
            kept["exchanged"].append([row.pk, other.pk])
    return kept


def part(one: merge.Merging, kept: dict[str, Any]) -> None:
    moved = ExperimentContact.objects.filter(pk__in=kept.get("moved", []), contact=one.survivor)
    moved.update(contact=one.absorbed)
    for pair in kept.get("exchanged", []):
        rows = ExperimentContact.objects.in_bulk(pair)
        if len(rows) == len(pair):  # an experiment may be gone with its rows
            _exchange(*rows.values())
    for told in (ContactAttempt, LeadOutcome):  # what was read meanwhile goes with the activity that it is from
        rows_of_both = told._default_manager.filter(contact=one.survivor, activity__contact=one.absorbed)
        rows_of_both.update(contact=one.absorbed)


def _exchange(one: ExperimentContact, other: ExperimentContact) -> None:
    """Gives each what the other was drawn into; their contacts, one of each in an experiment, stay."""
    one.arm, other.arm = other.arm, one.arm
    one.triggered_at, other.triggered_at = other.triggered_at, one.triggered_at
    ExperimentContact.objects.bulk_update([one, other], ["arm", "triggered_at"])


STEP = merge.Step("learning", settle, part, enter)
