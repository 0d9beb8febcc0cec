"""Experiments on delays: begun with a plan, looked at daily, and ended. `arms` draws and takes in their contacts."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from crm.models import Activity
from domain import calendars
from domain.learning import experiments as trials
from domain.learning.experiments import Arm, Look, Plan
from learning import answers, settings
from learning.models import ContactAttempt, Experiment, ExperimentContact, ExperimentLook
from people.models import Team, User
from work.models import Task

HOUR = timedelta(hours=1)
MOST_HOURS = 24 * 60
HARMS = (Activity.EMAIL_UNSUBSCRIBED, Activity.EMAIL_COMPLAINED, Activity.DO_NOT_CONTACT)
CHUNK = 500
FINAL = (trials.BETTER, trials.NO_DIFFERENCE, trials.HARMFUL)
"""Verdicts that end an experiment. An invalid split is looked into by a person, until the planned end."""


class CannotStart(ValueError):
    """The experiment cannot begin; the message says what to change."""


class OthersTried(CannotStart):
    """Another experiment is under way on the same thing."""


class HasEnded(ValueError):
    """The experiment is over; the message says how."""


def plan(delays_hours: Sequence[int], *, base: float, effect: float, weekly: float) -> Plan:
    """How many contacts it takes and how long. Raises CannotStart for delays or shares that can't be."""
    check_delays(delays_hours)
    try:
        return trials.plan(arms=len(delays_hours), base=base, effect=effect, weekly=weekly)
    except ValueError as wrong:
        raise CannotStart(str(wrong)) from None


def check_delays(delays_hours: Sequence[int]) -> None:
    """Raises CannotStart for delays that cannot be tried against each other."""
    if not 2 <= len(delays_hours) <= trials.MOST_ARMS:
        raise CannotStart(f"Give 2 to {trials.MOST_ARMS} delays.")
    if len(set(delays_hours)) < len(delays_hours) or not all(0 <= hours <= MOST_HOURS for hours in delays_hours):
        raise CannotStart(f"Give different delays, each of 0 to {MOST_HOURS:,} hours.")


def window_of(delays_hours: Sequence[int]) -> timedelta:
    """How long after the trigger an answer counts, whatever the delay."""
    return trials.least_window([hours * HOUR for hours in delays_hours])


def start(
    team: Team,
    subject_key: str,
    *,
    delays_hours: Sequence[int],
    base: float,
    effect: float,
    weekly: float,
    by: User | None,
    now: datetime,
) -> Experiment:
    """Begins one. Raises CannotStart where one is under way, or for one that would take more than half a year."""
    planned = plan(delays_hours, base=base, effect=effect, weekly=weekly)
    if planned.refused:
        raise CannotStart(
            f"It would take more than {trials.MOST_WEEKS} weeks: choose a bigger difference, fewer delays, or a rule "
            "that is triggered more often; or have it optimised, which proves nothing."
        )
    facts = {"base": base, "effect": effect, "weekly": weekly, "per_arm": planned.per_arm}
    return begin(team, subject_key, delays_hours=delays_hours, by=by, now=now, verdict=trials.TOO_EARLY, **facts)


def begin(
    team: Team, subject_key: str, *, delays_hours: Sequence[int], by: User | None, now: datetime, **facts: Any
) -> Experiment:
    """Makes the row of one. Raises CannotStart where one is under way."""
    try:
        with transaction.atomic():
            return Experiment.objects.create(
                team=team,
                subject_key=subject_key,
                by=by,
                delays_hours=list(delays_hours),
                window_hours=window_of(delays_hours) // HOUR,
                salt=secrets.token_hex(16),
                started_at=now,
                **facts,
            )
    except IntegrityError:
        raise OthersTried("An experiment is under way here: stop it first.") from None


def look_at(experiment: Experiment, *, now: datetime) -> ExperimentLook | None:
    """The day's look, which may end the experiment; None when it was taken, or the experiment is over."""
    with transaction.atomic():
        settings.enter(experiment.team_id)
        row = Experiment.objects.select_for_update(no_key=True).get(pk=experiment.pk)
        today = now.astimezone(calendars.first_zone(row.team.timezone).zone).date()
        if not row.is_running or row.looks.filter(on__gte=today).exists():
            return None
        found = _look(row, now)
        made = _keep(row, found, today, now)
        row.verdict, row.winner = found.verdict, found.winner
        if found.verdict in FINAL or (found.verdict == trials.INVALID and found.fraction >= 1):
            row.ended_at, row.decision = now, Experiment.RUN_OUT
        row.save(update_fields=["verdict", "winner", "ended_at", "decision"])
    return made


def end(experiment: Experiment, decision: str, *, now: datetime) -> None:
    """Ends it by a person's decision, adopted or stopped; one that has run out may still be adopted, once."""
    with transaction.atomic():
        row = Experiment.objects.select_for_update(no_key=True).get(pk=experiment.pk)
        if not row.is_running and not (row.decision == Experiment.RUN_OUT and decision == Experiment.ADOPTED):
            raise HasEnded("This experiment is over already: begin another one.")
        row.ended_at, row.decision = row.ended_at or now, decision
        row.save(update_fields=["ended_at", "decision"])
    experiment.refresh_from_db()


def share_answered(triggers: Mapping[int, datetime], window: timedelta, *, now: datetime) -> float | None:
    """How many of the contacts answered within so long of their trigger; None with fewer than 50 that had the time."""
    outcomes = list(_outcomes(triggers, window, now).values())
    return sum(outcomes) / len(outcomes) if len(outcomes) >= 50 else None


def _look(experiment: Experiment, now: datetime) -> Look:
    rows = list(_counted(experiment).values_list("contact", "arm", "triggered_at"))
    window, arms = experiment.window_hours * HOUR, range(len(experiment.delays_hours))
    triggers = {pk: at for pk, _, at in rows}
    answered = _outcomes(triggers, window, now)
    harms = {"opt_outs": _opted_out(triggers, window), "overdue": _overdue(experiment, triggers, now)}
    matured = [[pk for pk, own, _ in rows if own == arm and pk in answered] for arm in arms]
    earlier = experiment.looks.filter(counted=True).order_by("on").values_list("fraction", flat=True)
    return trials.look(
        _plan_of(experiment),
        [Arm(len(pks), sum(answered[pk] for pk in pks)) for pks in matured],
        assigned=[sum(own == arm for _, own, _ in rows) for arm in arms],
        earlier=list(earlier),
        guardrails={
            name: [Arm(len(pks), sum(pk in harmed for pk in pks)) for pks in matured] for name, harmed in harms.items()
        },
    )


def _plan_of(experiment: Experiment) -> Plan:
    base, effect, per_arm = experiment.base, experiment.effect, experiment.per_arm
    assert base is not None
    assert effect is not None
    assert per_arm is not None
    return Plan(len(experiment.delays_hours), base, effect, per_arm, weeks=0.0)


def _keep(experiment: Experiment, found: Look, today: date, now: datetime) -> ExperimentLook:
    return ExperimentLook.objects.create(
        experiment=experiment,
        on=today,
        at=now,
        verdict=found.verdict,
        fraction=found.fraction,
        counted=found.counted,
        data={
            "split_chance": found.split_chance,
            "comparisons": [asdict(one) for one in found.comparisons],
            "harmed_by": found.harmed_by,
        },
    )


def counts(experiment: Experiment, *, now: datetime) -> list[dict[str, int]]:
    """Of each arm how many contacts it has, how many of them had their time, and how many of these answered."""
    rows = list(_counted(experiment).values_list("contact", "arm", "triggered_at"))
    answered = _outcomes({pk: at for pk, _, at in rows}, experiment.window_hours * HOUR, now)
    found = []
    for arm in range(len(experiment.delays_hours)):
        own = [pk for pk, place, _ in rows if place == arm]
        had = [answered[pk] for pk in own if pk in answered]
        found.append({"contacts": len(own), "matured": len(had), "answered": sum(had)})
    return found


def left_out(experiment: Experiment) -> int:
    """How many of its contacts do not count, being part of another one that does."""
    return experiment.contacts.filter(contact__merged_into__isnull=False).count()


def _counted(experiment: Experiment) -> QuerySet[ExperimentContact]:
    """Each person once, also who was two contacts when drawn."""
    return experiment.contacts.filter(contact__erased_at__isnull=True, contact__merged_into__isnull=True)


def _outcomes(triggers: Mapping[int, datetime], window: timedelta, now: datetime) -> dict[int, bool]:
    """Of contacts whose window is over, whether they answered within it."""
    first = _first_answers(triggers)
    told = {
        pk: trials.outcome(triggered_at=at, answered_at=first.get(pk), window=window, now=now)
        for pk, at in triggers.items()
    }
    return {pk: outcome for pk, outcome in told.items() if outcome is not None}


def _first_answers(triggers: Mapping[int, datetime]) -> dict[int, datetime]:
    """By mail, by a meeting, or by a call that reached them: the first after the trigger, which may be one itself."""
    found: dict[int, datetime] = {}
    for part in _parts(triggers):
        since = min(triggers[pk] for pk in part)
        replies = Activity.objects.filter(contact__in=part, activity_type__in=answers.KINDS, occurred_at__gte=since)
        reached = ContactAttempt.objects.filter(contact__in=part, reached=True, sent_at__gte=since)
        told = [
            *replies.exclude(signal=Activity.MACHINE).values_list("contact", "occurred_at"),
            *reached.values_list("contact", "sent_at"),
        ]
        for pk, at in told:
            if at > triggers[pk] and (pk not in found or at < found[pk]):
                found[pk] = at
    return found


def _opted_out(triggers: Mapping[int, datetime], window: timedelta) -> set[int]:
    found: set[int] = set()
    for part in _parts(triggers):
        rows = Activity.objects.filter(contact__in=part, activity_type__in=HARMS).values_list("contact", "occurred_at")
        found |= {pk for pk, at in rows if triggers[pk] <= at < triggers[pk] + window}
    return found


def _overdue(experiment: Experiment, triggers: Mapping[int, datetime], now: datetime) -> set[int]:
    """Contacts whose first task since the trigger was finished late, or is late: by the date it has now."""
    late: dict[int, bool] = {}
    for part in _parts(triggers):
        made = Task.objects.filter(team=experiment.team_id, kind=experiment.subject_key, contact__in=part)
        rows = made.exclude(due_date=None).order_by("created_at", "pk")
        for pk, at, due, completed, status in rows.values_list(
            "contact", "created_at", "due_date", "completed_at", "status"
        ):
            if at >= triggers[pk] and pk not in late:
                late[pk] = completed > due if completed is not None else status in Task.OPEN and due < now
    return {pk for pk, is_late in late.items() if is_late}


def _parts(triggers: Mapping[int, datetime]) -> Iterable[list[int]]:
    ids = sorted(triggers)
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
