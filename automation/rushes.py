"""Counting what a rule makes, and the breaker: one that suddenly makes far more than usual switches itself off."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F

from automation import pauses
from automation.audited import RULE
from automation.models import Firing, TaskAutomationRule
from automation.readiness import Ready
from domain import policies
from notifications import outbox
from notifications.models import Notification

DAYS, HOUR, INSTANT = timedelta(days=7), timedelta(hours=1), timedelta(microseconds=1)
FRESH = timedelta(minutes=10)


def count(ready: Ready, made: Firing, now: datetime) -> Firing:
    """Moves the rule's counters by what was really made, and watches for a rush. Call it once for each firing."""
    if made.outcome == Firing.FIRED:
        TaskAutomationRule.objects.filter(pk=ready.rule.pk).update(
            times_triggered=F("times_triggered") + 1, tasks_created=F("tasks_created") + 1
        )
        watch(ready, now)
    return made


def watch(ready: Ready, now: datetime, *, written: bool = True) -> None:
    """Looks at what the rule made now; `written`: it is in the database already.

    Nearly always one comparison; the history is read only in a rush.
    """
    rule = ready.rule
    if not rule.burst:
        return
    if ready.this_hour is None:
        ready.this_hour = made_this_hour(rule, now) + (not written)
    else:
        ready.this_hour += 1
    if ready.this_hour < rule.burst:
        return
    if policies.is_rush(ready.this_hour, _usual_hours(ready, now), least=rule.burst):
        ready.stopped = True
        _pause(rule, ready.this_hour, now)


def count_ahead(rules: Iterable[Ready], now: datetime) -> None:
    """Counts what several rules made within the last hour by one statement; a rule is counted up to where it matters.

    Who made that many is counted by itself once it makes more.
    """
    watched = [ready for ready in rules if ready.this_hour is None and ready.rule.burst]
    if not watched:
        return
    most = max(ready.rule.burst for ready in watched)
    spans = [(ready.rule.pk, _since(ready.rule, now)) for ready in watched]
    one_row = "(%s, %s::timestamptz)" if connection.vendor == "postgresql" else "(%s, %s)"
    table = Firing._meta.db_table
    made = f"SELECT 1 FROM {table} AS f WHERE f.rule_id = v.id AND f.outcome = %s AND f.at >= v.since LIMIT %s"  # noqa: S608
    statement = (
        f"WITH v(id, since) AS (VALUES {', '.join([one_row] * len(spans))}) "  # noqa: S608
        f"SELECT v.id, (SELECT count(*) FROM ({made}) AS made) FROM v"
    )
    stored = Firing._meta.get_field("at").get_db_prep_value
    given = [value for pk, since in spans for value in (pk, stored(since, connection))]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*given, Firing.FIRED, most])
        counts = dict(cursor.fetchall())
    for ready in watched:
        ready.this_hour = counts[ready.rule.pk] if counts[ready.rule.pk] < ready.rule.burst else None


def made_this_hour(rule: TaskAutomationRule, now: datetime) -> int:
    """Tasks of the last hour."""
    return Firing.objects.filter(rule=rule, outcome=Firing.FIRED, at__gte=_since(rule, now)).count()


def _since(rule: TaskAutomationRule, now: datetime) -> datetime:
    """What it made before it was switched on somebody has seen: it does not count again."""
    return max(filter(None, (now - HOUR + INSTANT, rule.active_since)))


def _usual_hours(ready: Ready, now: datetime) -> list[int]:
    """Counted anew every ten minutes at most."""
    known = ready.busy_hours
    if known is None or not now - FRESH <= known[0] <= now:
        ready.busy_hours = known = (now, busy_hours(made_lately(ready.rule, now), now))
    return known[1]


def made_lately(rule: TaskAutomationRule, now: datetime) -> list[datetime]:
    """When the rule made its tasks of the last seven days, up to an hour ago."""
    made = Firing.objects.filter(rule=rule, outcome=Firing.FIRED, at__gt=now - DAYS, at__lte=now - HOUR)
    return list(made.values_list("at", flat=True))


def busy_hours(made: Iterable[datetime], now: datetime) -> list[int]:
    """Tasks of each whole hour before the last one, of the last seven days, without the hours in which it rested."""
    return list(Counter((now - at) // HOUR for at in made if HOUR <= now - at < DAYS).values())


def _pause(rule: TaskAutomationRule, this_hour: int, now: datetime) -> None:
    rule.is_active = False  # for whoever goes on with this row in the same batch
    reason = f"It made {this_hour} tasks within an hour, over ten times what is usual for it."
    mine = TaskAutomationRule.objects.filter(pk=rule.pk, is_active=True)
    off = {"off_since": now, "off_before": rule.stretches_off()}
    with RULE.changing(rule, by=None, now=now, verb="paused"):
        if not mine.update(is_active=False, seen_active=False, paused_reason=reason, **off):
            return
        pauses.announce(rule, pauses.RUSH, reason, now=now)
    outbox.tell(
        rule.owner,
        kind=Notification.RULE,
        key=f"rush:{rule.pk}:{now:%Y%m%dT%H%M%S}",
        title=f"“{rule.name}” switched itself off",
        body=f"{reason} Look at what it made, then switch it on again or raise its limit.",
        path=f"/automations/task-scheduling/{rule.pk}",
        now=now,
    )
