"""Why a task exists: a rule, a scheduled series, or somebody's hand. For many tasks at once, in two queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from automation.models import Firing, ScheduledTaskBatch
from web import words
from work.models import Task


@dataclass(frozen=True)
class Origin:
    kind: str
    label: str
    icon: str
    sentence: str
    href: str = ""


def add_to(tasks: Iterable[Task]) -> list[Task]:
    """The same tasks, each with its `origin`. Whoever sees a task may know where it came from."""
    rows = list(tasks)
    firings = _firings([task.pk for task in rows])
    batches = _batches({task.group_key for task in rows if task.group_key})
    for task in rows:
        task.origin = _origin(task, firings, batches)  # type: ignore[attr-defined]
    return rows


def _firings(task_ids: list[int]) -> dict[int, Any]:
    found = Firing.objects.filter(task_id__in=task_ids).order_by("id")
    columns = ("task_id", "rule_id", "rule__name", "rule__archived_at", "activity__activity_type")
    return {row["task_id"]: row for row in found.values(*columns)}


def _batches(keys: set[str]) -> dict[str, ScheduledTaskBatch]:
    ids = [key.removeprefix("batch:") for key in keys if key.startswith("batch:")]
    found = ScheduledTaskBatch.objects.filter(pk__in=[pk for pk in ids if pk.isdecimal()])
    found = found.select_related("sequence", "campaign")
    return {batch.group_key: batch for batch in found} if ids else {}


def _programme(batch: ScheduledTaskBatch) -> str:
    """Where its sequence or campaign is, while it is on the lists."""
    whole = batch.sequence or batch.campaign
    if whole is None or whole.archived_at is not None:
        return ""
    return reverse("web:sequence" if batch.sequence_id else "web:campaign", args=[whole.pk])


def _origin(task: Task, firings: dict[int, Any], batches: dict[str, ScheduledTaskBatch]) -> Origin:
    firing, batch = firings.get(task.pk), batches.get(task.group_key)
    if firing is not None:
        kind = firing["activity__activity_type"]
        what = str(words.activity(kind).label) if kind else _("Something happened")
        sentence = _("%(event)s, so the rule “%(rule)s” created it.") % {"event": what, "rule": firing["rule__name"]}
        href = "" if firing["rule__archived_at"] else reverse("web:rule", args=[firing["rule_id"]])
        return Origin("rule", firing["rule__name"], "zap", sentence, href)
    if batch is not None and batch.kind in (ScheduledTaskBatch.SEQUENCE, ScheduledTaskBatch.CAMPAIGN):
        icon = "list-ordered" if batch.kind == ScheduledTaskBatch.SEQUENCE else "megaphone"
        sentence = _("It is a step of “%(name)s”.") % {"name": batch.name}
        return Origin(batch.kind, batch.name, icon, sentence, _programme(batch))
    if batch is not None:
        return Origin("recurring", batch.name, "repeat", _("It comes again: “%(name)s”.") % {"name": batch.name})
    if task.origin_key:
        return Origin("automatic", _("Automatic"), "zap", _("It was created automatically."))
    return Origin("hand", _("By hand"), "pencil", _("Somebody created it by hand."))
