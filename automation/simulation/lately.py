"""A rule tried on the last day, or on one event that did not happen: what a form shows beside it. Writes nothing."""

from datetime import datetime, timedelta
from itertools import islice

from automation import events
from automation.events import Event
from automation.history import LedgerHistory
from automation.models import TaskAutomationRule
from automation.simulation.backtest import in_order
from automation.simulation.dry_run import DryRun, sound
from automation.simulation.trial import Trial
from automation.triggers import inactivity, overdue, time
from automation.triggers.past import Past
from crm.models import Activity, Contact
from work.models import Task

DAY = timedelta(hours=24)


class NoExample(ValueError):
    """Nothing can stand in for the event; the message says what there must be."""


def last_day(rule: TaskAutomationRule, *, now: datetime, most: int) -> DryRun:
    """What the rule, saved or not, would have made of the last 24 hours: as if it had been on and made nothing yet.

    Looks at no more than `most` events. Raises BadRule for one that cannot run.
    """
    trial = Trial(sound(rule), done_after=None)
    found = DryRun()
    for event in islice(in_order(rule, Past(rule.team, now - DAY, now)), most + 1):
        if found.examined == most:
            found.cut_off = True
            break
        found.examined += 1
        for result in (*trial.advance(event.received_at), *trial.consider(event, now=event.received_at)):
            found.add(result)
    for result in trial.advance(now):
        found.add(result)
    return found


def example(rule: TaskAutomationRule, contact: Contact | None, *, now: datetime) -> DryRun:
    """What the rule would make of its event, were it to happen to this contact now. Raises BadRule, NoExample."""
    ready = sound(rule)
    event = _invented(rule, contact, now)
    found = DryRun(examined=1)
    ledger = LedgerHistory if rule.pk else None
    for result in Trial(ready, done_after=None, ledger=ledger, settled=True).consider(event, now=now):
        found.add(result)
    return found


def _invented(rule: TaskAutomationRule, contact: Contact | None, now: datetime) -> Event:
    kind, config = rule.trigger_type, rule.trigger_config
    if kind == TaskAutomationRule.TIME and not time.is_for_contacts(rule):
        return time.run(rule, now, None)
    if contact is None:
        raise NoExample("Choose a contact to try it with.")
    if kind == TaskAutomationRule.ACTIVITY:
        return _activity(contact, config["activity_types"][0], now)
    if kind == TaskAutomationRule.STATUS_CHANGE:
        old = config.get("from_status") or ("active" if contact.status == "lead" else "lead")
        new = config.get("to_status") or contact.status
        return _activity(contact, Activity.STATUS_CHANGED, now, {"old_status": old, "new_status": new})
    if kind == TaskAutomationRule.TASK_COMPLETED or (kind == TaskAutomationRule.OVERDUE and _is_of_tasks(config)):
        tasks = Task.objects.filter(contact=contact, due_date__isnull=False).select_related("contact", "assignee")
        task = tasks.order_by("-pk").first()
        if task is None:
            raise NoExample(f"{contact.name} has no task with a due date: choose a contact that has one.")
        if kind == TaskAutomationRule.TASK_COMPLETED:
            return _activity(contact, Activity.TASK_COMPLETED, now, task=task)
        return overdue.of_task(task, overdue.after(config))
    if kind == TaskAutomationRule.INACTIVITY:
        return inactivity.silence(config, contact, now - inactivity.span(config))
    return events.at_instant(kind, f"contact:{contact.pk}", now, team_id=rule.team_id, contact=contact)


def _is_of_tasks(config: dict[str, object]) -> bool:
    return config.get("what", overdue.TASK) == overdue.TASK


def _activity(
    contact: Contact, kind: str, now: datetime, data: dict[str, str] | None = None, task: Task | None = None
) -> Event:
    """By a person and live: what a program did, or an import brought, is not what one tries a rule on."""
    row = Activity(
        team_id=contact.team_id,
        contact=contact,
        activity_type=kind,
        occurred_at=now,
        received_at=now,
        origin=Activity.LIVE,
        signal=Activity.HUMAN,
        data=data or {},
    )
    return events.of_activity(row, task=task)
