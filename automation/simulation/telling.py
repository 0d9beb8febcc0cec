"""What a dry run, a backtest and an explanation found, as plain values: the same for the API and the command line."""

from datetime import datetime, timedelta
from typing import Any

from automation.models import TaskAutomationRule
from automation.simulation import backtest, dry_run
from automation.simulation.dry_run import DryRun
from automation.simulation.explain import Explanation, Look
from automation.simulation.trial import Result
from domain import conditions

Told = dict[str, Any]


def of_dry_run(found: DryRun) -> Told:
    return {
        "examined": found.examined,
        "cut_off": found.cut_off,
        "would_create": found.counts["create"],
        **{name: found.counts[name] for name in ("suppressed", "no_match", "failed", "waiting", "out_of_scope")},
        "reasons": dict(found.reasons),
        "samples": {name: [sample(one) for one in kept] for name, kept in found.samples.items()},
    }


def of_backtest(
    rule: TaskAutomationRule,
    *,
    start: datetime,
    end: datetime,
    done_after: timedelta | None = None,
    step: backtest.Step = lambda _share: None,
) -> Told:
    """Replays the rule and, when it has unsaved changes, the live version beside it. Raises BadRule, BadSpan, and what
    `step` raises."""
    live = backtest.live_version(rule)
    both = 1 if live is None else 2
    span: dict[str, Any] = {"start": start, "end": end, "done_after": done_after}
    found = backtest.backtest(rule, **span, step=lambda share: step(share / both))
    other = backtest.backtest(live, **span, step=lambda share: step((1 + share) / both)) if live else None
    counts = found.counts
    return {
        "start": start,
        "end": end,
        "done_after_hours": found.done_after.total_seconds() / 3600 if found.done_after else None,
        "created": counts["create"],
        **{name: counts[name] for name in ("suppressed", "no_match", "failed")},
        "reasons": dict(found.reasons),
        "by_day": [_load(load) for load in backtest.loads(found)],
        "really_created": backtest.real_firings(rule, start, end),
        "difference": backtest.difference(found, other) if other is not None else None,
        "samples": [sample(one) for one in found.created[: dry_run.SAMPLES]],
    }


def of_explanation(found: Explanation) -> Told:
    return {
        "sentence": found.sentence,
        "active": found.active,
        "in_scope": found.in_scope,
        "parked": found.parked.reason if found.parked is not None else None,
        "conditions": [_clause(clause) for clause in found.clauses],
        "events": [_look(look) for look in found.looks],
    }


def sample(result: Result) -> Told:
    contact, draft, task = result.event.contact, result.draft, result.event.task
    return {
        "event": result.event.key,
        "contact_id": contact.pk if contact is not None else None,
        "contact": contact.name if contact is not None else "",
        "task_id": task.pk if task is not None else None,
        "reason": result.reason,
        "clause": _clause(result.clause) if result.clause is not None else None,
        "title": draft.title if draft is not None else None,
        "due_date": draft.due_date if draft is not None else None,
        "owner_id": draft.owner.pk if draft is not None else None,
    }


def _load(load: backtest.Load) -> Told:
    return {
        "on": load.on,
        "owner_id": load.owner.pk,
        "owner": load.owner.display_name,
        "tasks": load.tasks,
        "hours": float(load.hours),
        "capacity_hours": float(load.capacity),
    }


def _clause(clause: conditions.Clause) -> Told:
    return {"text": clause.text, "holds": clause.holds, "values": dict(clause.values), "fault": clause.fault}


def _look(look: Look) -> Told:
    firing, would = look.firing, look.would
    outcome = firing.outcome if firing is not None else f"would {would.outcome}" if would is not None else None
    reason = firing.reason if firing is not None else would.reason if would is not None else ""
    return {
        "event": look.event.activity_type or look.event.kind,
        "occurred_at": look.event.occurred_at,
        "starts": look.starts,
        "outcome": outcome,
        "reason": reason or ("the rule was off then" if look.off else ""),
        "task_id": firing.task_id if firing is not None else None,
    }
