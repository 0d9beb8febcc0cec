"""A task was completed: by a person, of any rule or of given ones. This is how rules follow one another."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from automation import events
from automation.events import Event
from automation.models import Firing, TaskAutomationRule
from automation.triggers import configs
from automation.triggers.past import Past
from crm.models import Activity, Contact

KIND = TaskAutomationRule.TASK_COMPLETED
LABEL = "A task was completed"
RECENT = timedelta(days=30)


class Config(configs.Config):
    rule_ids: configs.Ids = []
    priorities: list[Literal["low", "medium", "high", "urgent"]] = []
    title_contains: str = ""


def check(config: dict[str, Any]) -> list[str]:
    return configs.faults(Config, config)


def sentence(config: dict[str, Any]) -> str:
    names = dict(TaskAutomationRule.objects.filter(pk__in=config.get("rule_ids") or []).values_list("pk", "name"))
    words = [" or ".join(config["priorities"])] if config.get("priorities") else []
    told = configs.one(" ".join([*words, "task"]))
    if config.get("rule_ids"):
        told += " of " + " or ".join(f"“{names.get(pk, f'rule {pk}')}”" for pk in config["rule_ids"])
    if config.get("title_contains"):
        told += f" titled “…{config['title_contains']}…”"
    return f"{told} is completed"


def matches(config: dict[str, Any], event: Event) -> bool:
    if event.activity_type != Activity.TASK_COMPLETED or event.task is None:
        return False
    if config.get("priorities") and event.task.priority not in config["priorities"]:
        return False
    if str(config.get("title_contains") or "").casefold() not in event.task.title.casefold():
        return False
    wanted = config.get("rule_ids")
    return not wanted or Firing.objects.filter(task=event.task, rule__in=wanted).exists()


def current(rule: TaskAutomationRule, *, now: datetime, only: Contact | None = None) -> Iterator[Event]:
    """What was completed within 30 days, each task once."""
    rows = Activity.objects.filter(
        team_id=rule.team_id,
        activity_type=Activity.TASK_COMPLETED,
        occurred_at__gte=now - RECENT,
        **({"contact": only} if only else {}),
    ).select_related("contact__owner", "contact__team")
    seen: set[int | None] = set()
    for activity in rows.order_by("task_id", "-occurred_at", "-pk").iterator(chunk_size=500):
        event = events.of_activity(activity)
        if activity.task_id not in seen and matches(rule.trigger_config, event):
            seen.add(activity.task_id)
            yield event


def past(rule: TaskAutomationRule, ledger: Past) -> Iterator[Event]:
    return (event for event in ledger.events() if matches(rule.trigger_config, event))
