"""Delays that share a rule's contacts out among themselves by what was answered so far, anew every night.

For those who want answers rather than evidence: fewer are lost than by an even split, and nothing is proved. There is
no plan, no verdict and no winner; it goes on until a person ends it.
"""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from domain import calendars
from domain.learning import allocation
from domain.learning.experiments import Arm
from learning import experiments, settings
from learning.models import Experiment, ExperimentShares
from people.models import Team, User

DIGITS = 4


def start(team: Team, subject_key: str, *, delays_hours: Sequence[int], by: User | None, now: datetime) -> Experiment:
    """Begins with even shares. Raises CannotStart for delays that can't be, or where an experiment is under way."""
    experiments.check_delays(delays_hours)
    with transaction.atomic():
        made = experiments.begin(
            team,
            subject_key,
            delays_hours=delays_hours,
            by=by,
            now=now,
            kind=Experiment.OPTIMISE,
            verdict=allocation.OPTIMISING,
        )
        _share(made, [Arm(0, 0)] * len(delays_hours), now)
    return made


def share_anew(experiment: Experiment, *, now: datetime) -> ExperimentShares | None:
    """The day's shares, by those whose time to answer is over; None when they were made, or the experiment is over."""
    with transaction.atomic():
        settings.enter(experiment.team_id)
        row = Experiment.objects.select_for_update(no_key=True).get(pk=experiment.pk)
        if not row.is_running or row.days.filter(on__gte=_today(row, now)).exists():
            return None
        counts = experiments.counts(row, now=now)
        return _share(row, [Arm(one["matured"], one["answered"]) for one in counts], now)


def shares(experiment: Experiment) -> list[float]:
    """Of the arms, for whoever is triggered next."""
    newest: list[float] = experiment.days.order_by("-at")[0].shares
    return newest


def _share(experiment: Experiment, arms: Sequence[Arm], now: datetime) -> ExperimentShares:
    return ExperimentShares.objects.create(
        experiment=experiment,
        on=_today(experiment, now),
        at=now,
        shares=[round(share, DIGITS) for share in allocation.shares(arms)],
        known=[[arm.n, arm.wins] for arm in arms],
    )


def _today(experiment: Experiment, now: datetime) -> date:
    return now.astimezone(calendars.first_zone(experiment.team.timezone).zone).date()
