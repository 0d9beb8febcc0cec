"""From the rows of a sequence or a campaign to the outline that is frozen and run."""

from datetime import timedelta
from typing import cast

from automation.models import Sequence
from automation.programmes import BadProgramme, Outline, Programme, campaigns, steps
from domain.sequencing import LEAST_GAP, Slip


def of(programme: Programme) -> Outline:
    """The outline as the rows stand now, also when they were written by hand. Raises BadProgramme."""
    if isinstance(programme, Sequence):
        return _of_sequence(programme)
    return campaigns.outline(programme)


def _of_sequence(sequence: Sequence) -> Outline:
    if errors := steps.check(sequence.steps, team=sequence.team, owner=sequence.owner):
        raise BadProgramme(errors)
    return Outline(
        steps=tuple(steps.read(step) for step in steps.keyed_by_place(sequence.steps)),
        slip=cast(Slip, sequence.slip),
        pacing=sequence.pacing,
        # The ready-made ones keep their days whatever happens.
        least_gap=timedelta() if sequence.preset else LEAST_GAP,
    )
