"""`nextmove rule`: which rules there are, what one would do, did or did not do and why, switching it on and off."""

from typing import Annotated, Any

import typer

from config import children
from config.commands import rule_files, rule_trials
from config.commands.answers import AsJson, print_json, table
from config.commands.rule_trials import RuleId

app = typer.Typer(help="Task automation rules.", no_args_is_help=True)
app.command("dry-run")(rule_trials.dry_run)
app.command("backtest")(rule_trials.backtest)
app.command("explain")(rule_trials.explain)
app.command("export")(rule_files.export)
app.command("import")(rule_files.bring_in)


@app.command("list")
def list_rules(as_json: AsJson = False) -> None:
    """All rules with their figures."""
    children.setup_django()
    from automation.models import TaskAutomationRule

    rows = list(TaskAutomationRule.objects.filter(archived_at__isnull=True).select_related("owner").order_by("pk"))
    if as_json:
        print_json([_facts(rule) for rule in rows])
        return
    cells = [
        (r.pk, r.name, r.trigger_type, r.owner.username, _state(r), r.times_triggered, r.tasks_created) for r in rows
    ]
    table(["id", "name", "trigger", "owner", "state", "triggered", "tasks"], cells, "No rules.")


def _facts(rule: Any) -> dict[str, Any]:
    return {
        "id": rule.pk,
        "name": rule.name,
        "owner": rule.owner.username,
        "scope": rule.scope,
        "trigger_type": rule.trigger_type,
        "trigger_config": rule.trigger_config,
        "is_active": rule.is_active,
        "paused_reason": rule.paused_reason,
        "parked_reason": rule.parked_reason,
        "times_triggered": rule.times_triggered,
        "tasks_created": rule.tasks_created,
    }


def _state(rule: Any) -> str:
    if rule.parked_reason:
        return f"cannot run: {rule.parked_reason}"
    if rule.paused_reason and not rule.is_active:
        return f"paused itself: {rule.paused_reason}"
    return "on" if rule.is_active else "off"


@app.command("activate")
def activate(
    rule_id: RuleId,
    apply: Annotated[bool, typer.Option("--apply", help="Also make the tasks of what matches already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Switch a rule on. What matches already gets no tasks unless asked for."""
    children.setup_django()
    from django.utils import timezone

    from automation import activation, rules
    from automation.simulation import dry_run

    rule = rule_trials.find(rule_id)
    with rule_trials.sound():  # nobody's request waits for it: it looks at more
        done = activation.activate(rule, now=timezone.now(), apply_to_current=apply, most=dry_run.MOST)
    matching = done.preview.counts["create"]
    warning = rules.warning(rule, now=timezone.now())
    if as_json:
        print_json(
            {
                "rule_id": rule.pk,
                "is_active": rule.is_active,
                "matching_now": matching,
                "examined": done.preview.examined,
                "cut_off": done.preview.cut_off,
                "job_id": done.job_id,
                "warning": warning,
            }
        )
        return
    typer.echo(f"Rule {rule.pk}, {rule.name}, is on. {_told(matching, done, apply=apply)}")
    if warning:
        typer.echo(f"Look at this: {warning}")


def _told(matching: int, done: Any, *, apply: bool) -> str:
    one = matching == 1
    count = f"{'At least ' if done.preview.cut_off else ''}{matching} {'record matches' if one else 'records match'}"
    if apply:
        return f"{count} already and {'gets its task' if one else 'get their tasks'} (job {done.job_id})."
    return f"{count} already and {'gets' if one else 'get'} none: it answers what happens from now on."


@app.command("off")
def switch_off(rule_id: RuleId, as_json: AsJson = False) -> None:
    """Switch a rule off at once. Nothing fires later for what happens meanwhile."""
    children.setup_django()
    from django.utils import timezone

    from automation import activation

    rule = rule_trials.find(rule_id)
    was_on = activation.deactivate(rule, now=timezone.now())
    if as_json:
        print_json({"rule_id": rule.pk, "is_active": False, "was_active": was_on})
    else:
        typer.echo(f"Rule {rule.pk}, {rule.name}, {'is off now' if was_on else 'was off already'}.")


@app.command("firings")
def firings(
    rule_id: RuleId,
    outcome: Annotated[str, typer.Option(help="fired, suppressed, failed or waiting; all when left out.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """What a rule made of its newest events: also what it held back, and why."""
    children.setup_django()
    from automation.models import Firing

    outcomes = (Firing.FIRED, Firing.SUPPRESSED, Firing.FAILED, Firing.WAITING)
    if outcome and outcome not in outcomes:
        raise typer.BadParameter(f"{outcome!r} is no outcome; there are {', '.join(outcomes)}")
    rule = rule_trials.find(rule_id)
    rows = Firing.objects.filter(rule=rule, **({"outcome": outcome} if outcome else {}))
    newest = list(rows.select_related("contact", "version").order_by("-at", "-pk")[:limit])
    if as_json:
        print_json([_firing(row) for row in newest])
        return
    cells = [
        (
            row.pk,
            f"{row.at:%Y-%m-%d %H:%M}",
            row.outcome,
            row.contact or "",
            row.trigger_key,
            row.task_id or "",
            row.reason,
        )
        for row in newest
    ]
    table(["id", "at (UTC)", "outcome", "contact", "event", "task", "why"], cells, "No firings.")


def _firing(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "rule_id": row.rule_id,
        "version": row.version.number if row.version is not None else None,
        "event": row.trigger_key,
        "occurred_at": row.occurred_at.isoformat() if row.occurred_at else None,
        "outcome": row.outcome,
        "reason": row.reason,
        "contact_id": row.contact_id,
        "task_id": row.task_id,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "depth": row.depth,
        "path": row.path,
        "at": row.at.isoformat(),
    }
