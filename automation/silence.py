"""Contacts of which nothing was heard: when rules on silence look at a contact next, and what they find then.

`Contact.quiet_at` never lies behind the true instant: signs of life only move that later, and a contact is looked at
exactly when its turn comes. So a sign of life usually writes nothing here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Least

from automation import due_rows, occurring
from automation.models import TaskAutomationRule
from automation.readiness import Ready, ready_rules
from automation.setting_aside import set_aside
from automation.triggers import inactivity
from crm.models import Activity, Contact

BATCH = 100
MOST_BATCHES = 20
AT_ONCE = 5_000
"""Contacts that are no longer watched, as after an import into a team without such a rule."""
LOOK_JOB = "automation.tasks.look_for_silence"
KIND = TaskAutomationRule.INACTIVITY


def follow(activity: Activity, ready: Sequence[Ready]) -> None:
    """A sign of life is remembered, and the contact is looked at when the first silence after it is complete.

    What is known of the contact may be older than the row, as within a batch: the database takes the later sign and
    the earlier look.
    """
    heard = hear(activity, ready)
    changes: dict[str, Any] = {}
    if "last_activity_at" in heard:
        at = heard["last_activity_at"]
        changes["last_activity_at"] = Greatest(Coalesce(F("last_activity_at"), at), at)
    if "quiet_at" in heard:
        complete = heard["quiet_at"]
        changes["quiet_at"] = Least(Coalesce(F("quiet_at"), complete), complete)
    if changes and activity.contact is not None:
        Contact.objects.filter(pk=activity.contact.pk).update(**changes)


def hear(activity: Activity, ready: Sequence[Ready]) -> dict[str, datetime]:
    """Notes a sign of life on the contact in memory; what it changed there, by column, is left to be written."""
    contact, at = activity.contact, activity.occurred_at
    if contact is None or activity.activity_type in inactivity.OWN_MAKING:
        return {}
    changes = {}
    if contact.last_activity_at is None or contact.last_activity_at < at:
        changes["last_activity_at"] = contact.last_activity_at = at
    rules = [one.rule.trigger_config for one in ready if one.rule.trigger_type == KIND]
    spans = [inactivity.span(config) for config in rules if inactivity.counts(config, activity.activity_type)]
    complete = at + min(spans) if spans else None
    if complete is not None and (contact.quiet_at is None or complete < contact.quiet_at):
        changes["quiet_at"] = contact.quiet_at = complete
    return changes


def due_since(now: datetime, team_id: int | None = None) -> due_rows.Due:
    return due_rows.earliest(Contact.objects.filter(quiet_at__lte=now), "quiet_at", team_id)


def run_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Looks at the contacts whose turn it is, in committed batches."""
    quiet = 0
    for _ in range(MOST_BATCHES):
        looked_at, found = _run_batch(team_id, now)
        quiet += found
        if looked_at < BATCH:
            break
    return {"quiet": quiet}


def _run_batch(team_id: int, now: datetime) -> tuple[int, int]:
    """One transaction; how many contacts were looked at, and how many silences fired. Nobody waits without a rule."""
    with occurring.alone(team_id, skip=True) as mine:
        if not mine:
            return 0, 0
        ready = ready_rules(team_id, now, kinds=(KIND,))
        rows = Contact.objects.filter(team_id=team_id, quiet_at__lte=now).order_by("quiet_at")
        if not ready:
            return Contact.objects.filter(pk__in=rows.values("pk")[:AT_ONCE]).update(quiet_at=None), 0
        batch = list(rows.select_related("owner", "team")[:BATCH])
        return len(batch), sum(_guarded(contact, ready, now) for contact in batch)


def _guarded(contact: Contact, ready: Sequence[Ready], now: datetime) -> int:
    try:
        with transaction.atomic():
            return _look(contact, ready, now)
    except Exception:
        key = f"contact:{contact.pk}:silence:{contact.quiet_at:%Y%m%dT%H%M%S}"
        set_aside(LOOK_JOB, [contact.pk], key=key, team_id=contact.team_id, now=now)
        Contact.objects.filter(pk=contact.pk).update(quiet_at=None)
    return 0


def look_at(contact_id: int, *, now: datetime) -> int:
    """One contact that was set aside, tried again by its job."""
    contact = Contact.objects.standing().select_related("owner", "team").filter(pk=contact_id).first()
    if contact is None:
        return 0
    with occurring.alone(contact.team_id):
        return _look(contact, ready_rules(contact.team_id, now, kinds=(KIND,)), now)


def _look(contact: Contact, ready: Sequence[Ready], now: datetime) -> int:
    """Fires the silences that are complete, and sets the next look to the first that will be."""
    found, ahead = 0, []
    for one in ready:
        event = inactivity.silence(
            one.rule.trigger_config, contact, inactivity.last_sign(one.rule.trigger_config, contact)
        )
        if event.occurred_at > now:
            ahead.append(event.occurred_at)
        elif not _complete_before(one.rule, event.occurred_at):
            found += len(occurring.occur(event, now=now, rule=one.rule))
    Contact.objects.filter(pk=contact.pk).update(quiet_at=min(ahead, default=None))
    return found


def _complete_before(rule: TaskAutomationRule, due: datetime) -> bool:
    """A silence that was complete when the rule began, or began anew, is what it found, not what happened since."""
    return rule.planned_at is not None and due <= rule.planned_at


def plan(rule: TaskAutomationRule, *, now: datetime) -> int:
    """Watches the contacts whose silence may complete from now on. Call it when such a rule begins or changes."""
    config = rule.trigger_config
    length = inactivity.span(config)
    heard = Q(last_activity_at__gt=now - length) | Q(last_activity_at__isnull=True, created_at__gt=now - length)
    rows = Contact.objects.standing().filter(heard, team_id=rule.team_id)
    if config.get("activity_types"):
        # Its own signs may lie before the last one: each contact is looked at once, and then when its turn comes.
        return rows.update(quiet_at=Least(Coalesce(F("quiet_at"), now), now))
    due = Greatest(Coalesce(F("last_activity_at"), F("created_at")), F("created_at")) + length
    return rows.update(quiet_at=Least(Coalesce(F("quiet_at"), due), due))
