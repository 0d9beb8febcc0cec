"""Delays of a rule that are tried: what a test would take, beginning, the daily look, and what becomes of it.

While one is under way its contacts get one of the delays each; who is in it follows from the firings, those that made
no task among them.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max, Min

from automation import rules
from automation.audited import RULE
from automation.models import Firing, TaskAutomationRule
from automation.triggers import time as time_trigger
from crm.models import Contact
from domain import calendars
from domain.learning import experiments as trials
from domain.learning.experiments import Plan
from learning import arms, experiments, optimising, sentences, settings
from learning.experiments import CannotStart, OthersTried
from learning.models import Experiment
from people.models import Team, User

DAY = timedelta(days=1)
LATELY = timedelta(weeks=trials.WEEKS_LATELY)
LOOKED_AT = time(3)
"""By the team's clock, as config.celery has it: when a look is due does not depend on what it would show."""
MEASURED = 1_000
"""The latest contacts of a rule, by which the share that answers is measured."""


def key_of(rule: TaskAutomationRule) -> str:
    return f"rule:{rule.pk}"


def rule_of(experiment: Experiment) -> TaskAutomationRule | None:
    """The rule that it is about; None once that is gone."""
    number = experiment.subject_key.removeprefix("rule:")
    return TaskAutomationRule.objects.filter(pk=int(number), team=experiment.team_id).first()


def plan(
    rule: TaskAutomationRule, *, delays_hours: Sequence[int], effect: float, base: float | None, now: datetime
) -> Plan:
    """What an experiment would take, by what the rule did lately. `base` is measured where it is not given.

    Raises CannotStart, also where nothing can be measured yet.
    """
    _check(rule)
    if base is None:
        base = _measured(rule, delays_hours, now)
    if base is None:
        raise CannotStart("Too few contacts of this rule had the time to answer yet: give the share that you expect.")
    planned = experiments.plan(delays_hours, base=base, effect=effect, weekly=0)
    firings = Firing.objects.filter(rule=rule, contact__isnull=False).values("contact")
    came = firings.annotate(first=Min("at"), last=Max("at"))
    lately, new = came.filter(last__gt=now - LATELY).count(), came.filter(first__gt=now - LATELY).count()
    return replace(planned, weeks=trials.weeks_for(planned.total, lately=lately, new=new))


def start(
    rule: TaskAutomationRule,
    *,
    delays_hours: Sequence[int],
    effect: float,
    base: float | None = None,
    by: User | None,
    now: datetime,
) -> Experiment:
    """Begins one; the first delay is the control. Raises CannotStart."""
    planned = plan(rule, delays_hours=delays_hours, effect=effect, base=base, now=now)
    with transaction.atomic(), RULE.changing(rule, by=by, now=now):
        _check_now(rule)
        made = experiments.start(
            rule.team,
            key_of(rule),
            delays_hours=delays_hours,
            base=planned.base,
            effect=effect,
            weekly=planned.total / planned.weeks,
            by=by,
            now=now,
        )
        TaskAutomationRule.objects.filter(pk=rule.pk).update(experiment=made)
    return made


def optimise(rule: TaskAutomationRule, *, delays_hours: Sequence[int], by: User | None, now: datetime) -> Experiment:
    """Begins to share contacts out by what was answered so far, which proves nothing. Raises CannotStart."""
    with transaction.atomic(), RULE.changing(rule, by=by, now=now):
        _check_now(rule)
        made = optimising.start(rule.team, key_of(rule), delays_hours=delays_hours, by=by, now=now)
        TaskAutomationRule.objects.filter(pk=rule.pk).update(experiment=made)
    return made


def _check(rule: TaskAutomationRule) -> None:
    if rule.delay_kind != "elapsed" or rule.best_time_within_hours is not None:
        raise CannotStart("Only a delay in hours can be tried, without best times: change the rule first.")
    if rule.trigger_type == TaskAutomationRule.TIME and not time_trigger.is_for_contacts(rule):
        raise CannotStart("This rule runs for nobody who could answer: choose contacts as its audience first.")


def _check_now(rule: TaskAutomationRule) -> None:
    """By the rule as it stands under its lock, which keeps it so until the experiment is on it."""
    rule.refresh_from_db()
    _check(rule)
    if not rule.is_active:
        raise CannotStart("This rule is off, so nobody would come: switch it on first.")


def look(team: Team, *, now: datetime) -> dict[str, str]:
    """The day's look at each experiment of the team that is under way: its verdict by the experiment's id."""
    told = {}
    for row in Experiment.objects.filter(team=team, ended_at__isnull=True).order_by("pk"):
        with transaction.atomic():  # before the rule is locked: who draws contacts meanwhile counts them in it
            settings.enter(team.pk)
            arms.take_in(row, _triggers(row))
        with transaction.atomic():
            _hold_rule(row)
            verdict = _looked_at(row, now)
        if verdict is not None:
            told[str(row.pk)] = verdict
    return told


def take_in(team_id: int, contacts: Collection[Contact]) -> None:
    """Writes down in which arms these are, as they triggered rules until now: before they become one.

    The team's reading is held, as `learning.settings.enter` has it.
    """
    for row in Experiment.objects.filter(team=team_id, ended_at__isnull=True).order_by("pk"):
        arms.take_in(row, _triggers(row, contacts))


def _looked_at(row: Experiment, now: datetime) -> str | None:
    """What the look said, or that the shares were made anew; None where it was done today."""
    if row.optimises:
        return row.verdict if optimising.share_anew(row, now=now) is not None else None
    found = experiments.look_at(row, now=now)
    row.refresh_from_db()
    if not row.is_running:
        _let_go(row)
    return found.verdict if found is not None else None


def stop(experiment: Experiment, *, by: User | None, now: datetime) -> None:
    """Ends it; the rule goes on with its own delay. Raises HasEnded."""
    rule = rule_of(experiment)
    with transaction.atomic():
        if rule is None:
            experiments.end(experiment, Experiment.STOPPED, now=now)
            return
        with RULE.changing(rule, by=by, now=now):
            experiments.end(experiment, Experiment.STOPPED, now=now)
            _let_go(experiment)


def adopt(experiment: Experiment, arm: int, *, by: User | None, now: datetime) -> TaskAutomationRule:
    """Gives the rule the delay of an arm and ends the experiment.

    Raises HasEnded, OthersTried while another one is under way on the rule, and CannotStart for no such arm, or where
    the rule cannot be saved as it is.
    """
    rule = rule_of(experiment)
    if rule is None or not 0 <= arm < len(experiment.delays_hours):
        raise CannotStart("There is no such delay, or the rule is gone.")
    with transaction.atomic():
        _hold_rule(experiment)
        rule.refresh_from_db(fields=["experiment"])
        if rule.experiment_id not in (None, experiment.pk):
            raise OthersTried("Other delays of this rule are tried now: stop that first, then adopt this one.")
        experiments.end(experiment, Experiment.ADOPTED, now=now)
        _let_go(experiment)
        try:
            return rules.update(rule, by=by, now=now, **_delay_of(experiment, arm))
        except rules.BadRule as bad:
            raise CannotStart(f"The rule cannot be saved as it is: mend it first. {bad}") from None


def _delay_of(experiment: Experiment, arm: int) -> dict[str, Any]:
    """In hours that pass, as they were tried: since it ran out, the rule may have come to count in something else."""
    hours = Decimal(experiment.delays_hours[arm])
    return {"delay_kind": "elapsed", "delay_hours": hours, "delay_days": None, "delay_at": None}


def figures(experiment: Experiment, *, now: datetime) -> dict[str, Any]:
    """Its arms as they stand, and the newest look; without the counts that an invalid split would let be read.

    One that optimises has shares for whoever comes next instead of looks, and no plan.
    """
    counts = experiments.counts(experiment, now=now)
    shares = optimising.shares(experiment) if experiment.optimises else [None] * len(counts)
    newest = experiment.looks.order_by("-on").first()
    hidden = experiment.verdict == trials.INVALID
    return {
        "arms": [
            {"delay_hours": hours, "contacts": arm["contacts"], "matured": arm["matured"], "share": share}
            | {"answered": None if hidden else arm["answered"]}
            | {"rate": None if hidden or not arm["matured"] else arm["answered"] / arm["matured"]}
            for hours, arm, share in zip(experiment.delays_hours, counts, shares, strict=True)
        ],
        "left_out": experiments.left_out(experiment),
        "planned": experiment.per_arm * len(counts) if experiment.per_arm is not None else None,
        "looked_at": newest.at if newest is not None else None,
        "next_look": _next_look(experiment, now),
        "reason": sentences.experiment_of(experiment, fraction=newest.fraction if newest is not None else 0.0),
        "comparisons": newest.data["comparisons"] if newest is not None else [],
        "harmed_by": newest.data["harmed_by"] if newest is not None else None,
    }


def _next_look(experiment: Experiment, now: datetime) -> datetime | None:
    if not experiment.is_running:
        return None
    zone = calendars.first_zone(experiment.team.timezone).zone
    today = now.astimezone(zone).date()
    nights = (calendars.from_wall(datetime.combine(today + day * DAY, LOOKED_AT), zone) for day in range(2))
    return next(at for at in nights if at > now)


def _hold_rule(experiment: Experiment) -> None:
    """Locks the rule until the transaction ends. Always before the experiment: whoever changes the rule holds it then,
    and may end the experiment.
    """
    rows = TaskAutomationRule.objects.filter(pk=int(experiment.subject_key.removeprefix("rule:")))
    list(rows.select_for_update(no_key=True).values_list("pk"))


def _let_go(experiment: Experiment) -> None:
    TaskAutomationRule.objects.filter(experiment=experiment).update(experiment=None)


def _triggers(experiment: Experiment, contacts: Collection[Contact] | None = None) -> list[tuple[int, datetime]]:
    """Who triggered the rule since the start and when, the earliest first; what it did with them does not matter.

    Of these contacts alone, where they are named.
    """
    rule = rule_of(experiment)
    firings = Firing.objects.filter(
        rule=rule, contact__isnull=False, contact__erased_at__isnull=True, occurred_at__gte=experiment.started_at
    )
    if contacts is not None:
        firings = firings.filter(contact__in=contacts)
    rows = firings.order_by("occurred_at", "pk").values_list("contact", "occurred_at")
    return [(contact, at) for contact, at in rows if at is not None]


def _measured(rule: TaskAutomationRule, delays_hours: Sequence[int], now: datetime) -> float | None:
    window = experiments.window_of(delays_hours)
    firings = Firing.objects.filter(rule=rule, contact__isnull=False, occurred_at__lt=now - window)
    rows = firings.order_by("-occurred_at").values_list("contact", "occurred_at")[:MEASURED]
    latest = dict(reversed([(contact, at) for contact, at in rows if at is not None]))
    return experiments.share_answered(latest, window, now=now)
