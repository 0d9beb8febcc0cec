"""Rules that may set each other off: found when one is saved, and named, so that a circle is somebody's decision."""

from collections.abc import Iterable

from automation.models import TaskAutomationRule
from crm.models import Activity

Path = list[TaskAutomationRule]


def through(rule: TaskAutomationRule, others: Iterable[TaskAutomationRule]) -> Path:
    """The shortest circle that the rule closes, itself first; empty when it closes none.

    A rule alone is no circle: one never fires on what it caused itself.
    """
    rules = {one.pk: one for one in others if one.is_active and one.archived_at is None and one.pk != rule.pk}
    paths: list[Path] = [[rule, one] for one in rules.values() if may_follow(one, rule)]
    seen: set[int] = set()
    while paths:
        path = paths.pop(0)
        last = path[-1]
        if may_follow(rule, last):
            return path
        if last.pk in seen:
            continue
        seen.add(last.pk)
        paths += [[*path, one] for one in rules.values() if one not in path and may_follow(one, last)]
    return []


def may_follow(rule: TaskAutomationRule, cause: TaskAutomationRule) -> bool:
    """Whether a task of the cause, once completed or late, can start the rule."""
    config = rule.trigger_config if isinstance(rule.trigger_config, dict) else {}
    if rule.trigger_type == TaskAutomationRule.TASK_COMPLETED:
        named, priorities = config.get("rule_ids"), config.get("priorities")
        return (not named or cause.pk in named) and (not priorities or cause.task_priority in priorities)
    if rule.trigger_type == TaskAutomationRule.OVERDUE:
        return bool(config.get("what", "task") == "task")
    types = config.get("activity_types")
    return isinstance(types, list) and Activity.TASK_COMPLETED in types


def warning(rule: TaskAutomationRule) -> str:
    """What to say when the rule is saved, with the names in order; empty when there is nothing to say."""
    live = TaskAutomationRule.objects.live().filter(team_id=rule.team_id)
    path = through(rule, live)
    if not path:
        return ""
    names = " → ".join(f"“{one.name}”" for one in [*path, rule])
    return (
        f"This rule closes a circle: {names}. Each stops after the tasks it has led to itself; "
        "narrow one of their triggers, such as by rule_ids, unless you mean it."
    )
