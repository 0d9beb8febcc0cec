"""Who is in which arm of an experiment: drawn by a digest at the first trigger, and never moved.

Rows of a test are made afterwards, from what really triggered, each contact once. Where contacts are shared out by what
was answered so far, the shares are others every day, so what was drawn is kept with the first task. Whoever has a row
has its arm, which of a merged contact may be the other one's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.learning import experiments as trials
from jobs.rows import insert_new
from learning.models import Experiment, ExperimentContact, ExperimentShares

HOUR = timedelta(hours=1)
CHUNK = 500


@dataclass(frozen=True)
class Drawn:
    """The arm that a contact has, with the trigger that asked for it."""

    experiment: Experiment
    contact_id: int
    arm: int
    triggered_at: datetime

    @property
    def delay(self) -> timedelta:
        hours: int = self.experiment.delays_hours[self.arm]
        return hours * HOUR


class Arms:
    """Draws contacts as they are triggered. A batch shares one, which knows what it has drawn before that is kept."""

    def __init__(self) -> None:
        self._shares: dict[int, list[ExperimentShares]] = {}
        self._known: dict[tuple[int, int], int] = {}

    def read(self, experiments: Iterable[Experiment], contacts: Iterable[int]) -> None:
        """Learns what was drawn before of these contacts; in one query, and none where nothing is tried."""
        asked, ids = [one.pk for one in experiments], sorted(set(contacts))
        for start in range(0, len(ids) if asked else 0, CHUNK):
            part = ids[start : start + CHUNK]
            rows = ExperimentContact.objects.filter(experiment__in=asked, contact__in=part)
            known = {(pk, contact): arm for pk, contact, arm in rows.values_list("experiment", "contact", "arm")}
            self._known |= {(pk, contact): known.get((pk, contact), _NEW) for pk in asked for contact in part}

    def of(self, experiment: Experiment, contact_id: int, *, at: datetime) -> Drawn:
        """The arm of a contact that was triggered at this instant, the same for ever once it is kept."""
        key = (experiment.pk, contact_id)
        if key not in self._known:
            self.read([experiment], [contact_id])
        if self._known[key] == _NEW:
            self._known[key] = _draw(experiment, contact_id, self._shares_at(experiment, at))
        return Drawn(experiment, contact_id, self._known[key], at)

    def _shares_at(self, experiment: Experiment, at: datetime) -> Sequence[float]:
        """Those of the day of the trigger; the first ones for what happened before the start and was heard of late.
        Even ones in a test.
        """
        if not experiment.optimises:
            return [1.0] * len(experiment.delays_hours)
        if experiment.pk not in self._shares:
            self._shares[experiment.pk] = list(experiment.days.order_by("at"))
        days = self._shares[experiment.pk]
        shares: Sequence[float] = next((day for day in reversed(days) if day.at <= at), days[0]).shares
        return shares


_NEW = -1


def keep(drawn: Iterable[Drawn]) -> int:
    """Writes down what was drawn, where that would be drawn otherwise another day; how many were new."""
    return _insert([one for one in drawn if one.experiment.optimises])


def take_in(experiment: Experiment, triggers: Iterable[tuple[int, datetime]]) -> int:
    """Puts contacts into their arms by their first trigger, the earliest first; how many were new."""
    first: dict[int, datetime] = {}
    for contact_id, at in triggers:
        if at >= experiment.started_at:
            first.setdefault(contact_id, at)
    arms = Arms()
    arms.read([experiment], first)
    return _insert([arms.of(experiment, pk, at=at) for pk, at in first.items()])


def _insert(drawn: Sequence[Drawn]) -> int:
    rows = [
        ExperimentContact(
            experiment=one.experiment, contact_id=one.contact_id, arm=one.arm, triggered_at=one.triggered_at
        )
        for one in sorted(drawn, key=lambda one: one.contact_id)  # so that two at once do not wait for each other
    ]
    return sum(len(insert_new(rows[start : start + CHUNK])) for start in range(0, len(rows), CHUNK))


def _draw(experiment: Experiment, contact_id: int, shares: Sequence[float]) -> int:
    return trials.arm_of(experiment.pk, experiment.salt, contact_id, shares)
