"""What happened, newest first: activities, and what the rules made of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from automation.models import Firing
from crm import noting
from crm.models import Activity, Contact
from people.models import User
from web import words
from work import lifecycle
from work.models import Task

MOST = 40


@dataclass(frozen=True)
class Entry:
    at: datetime
    icon: str
    text: str
    tone: str = ""
    notes: list[str] = field(default_factory=list)
    link: str = ""
    link_text: str = ""


def of_task(user: User, task: Task) -> list[Entry]:
    """What happened to the task and, where there is one, to its contact."""
    own = Activity.objects.filter(team_id=user.team_id, task_id=task.pk)  # whoever sees the task sees its story
    entries = _activities(own.select_related("actor").order_by("-occurred_at", "-id")[:MOST], user, here=task)
    if task.contact_id is not None:
        others = Activity.objects.visible_to(user).filter(contact_id=task.contact_id).exclude(task_id=task.pk)
        found = others.select_related("actor").order_by("-occurred_at", "-id")[:MOST]
        entries += _activities(found, user)
    return _newest(entries)


def of_contact(user: User, contact: Contact) -> list[Entry]:
    """The contact's activities, and the rules that ran for it."""
    activities = Activity.objects.visible_to(user).filter(contact=contact).select_related("actor")
    firings = Firing.objects.visible_to(user).filter(contact=contact).select_related("rule", "task")
    ran = list(firings.order_by("-at", "-id")[:MOST])
    told = {row.task_id for row in ran if row.task_id}
    happened = [
        row
        for row in activities.order_by("-occurred_at", "-id")[:MOST]
        if not (row.activity_type == Activity.TASK_CREATED and row.task_id in told)
    ]
    return _newest([_firing(row) for row in ran] + _activities(happened, user))


def _newest(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:MOST]


def _activities(found: Iterable[Activity], user: User, here: Task | None = None) -> list[Entry]:
    rows = list(found)
    titles = _titles(rows, user) if here is None else {}
    return [_activity(row, titles) for row in rows]


def _titles(rows: list[Activity], user: User) -> dict[int, str]:
    ids = {row.task_id for row in rows if row.task_id is not None}
    return dict(Task.objects.visible_to(user).filter(pk__in=ids).values_list("pk", "title")) if ids else {}


def _activity(row: Activity, titles: dict[int, str]) -> Entry:
    word = words.IN_THE_QUEUE if _is_nobodys(row) else words.activity(row.activity_type)
    title = titles.get(row.task_id or 0, "")
    return Entry(
        at=row.occurred_at,
        icon=word.icon,
        tone=word.tone,
        text=str(word.label),
        notes=_notes(row),
        link=reverse("web:task", args=[row.task_id]) if title else "",
        link_text=title,
    )


def _is_nobodys(row: Activity) -> bool:
    return row.activity_type == Activity.TASK_ASSIGNED and row.data.get("user_id") is None


def _notes(row: Activity) -> list[str]:
    """Who or what it came from, and the words it carries."""
    data: dict[str, Any] = row.data if isinstance(row.data, dict) else {}
    notes = []
    if "new_status" in data:
        notes.append(f"{_status(data.get('old_status'))} → {_status(data.get('new_status'))}")
    texts = [data.get(key) for key in ("subject", "note", "notes", "url", "form")]
    most = 200 if row.activity_type not in (Activity.TASK_COMMENTED, *noting.KINDS) else lifecycle.MOST_SAID
    notes += [text[:most] for text in texts if isinstance(text, str) and text]
    if isinstance(data.get("minutes"), int):
        notes.append(_("%(n)s min") % {"n": data["minutes"]})
    if row.actor is not None:
        notes.append(row.actor.display_name)
    elif row.origin != Activity.SYSTEM and row.source:
        notes.append(row.source)
    if row.signal == Activity.MACHINE:
        notes.append(_("by a program"))
    return notes


def _status(word: Any) -> str:
    known = {**dict(Contact.STATUSES), **dict(Task.STATUSES)}
    return str(known.get(word, word) or "?")


def _firing(row: Firing) -> Entry:
    texts = {
        Firing.FIRED: _("“%(rule)s” created a task"),
        Firing.SUPPRESSED: _("“%(rule)s” created nothing"),
        Firing.FAILED: _("“%(rule)s” failed"),
    }
    return Entry(
        at=row.at,
        icon="zap",
        tone="bad" if row.outcome == Firing.FAILED else "accent",
        text=texts.get(row.outcome, "%(rule)s") % {"rule": row.rule.name},
        notes=[row.reason] if row.reason else [],
        link=reverse("web:task", args=[row.task_id]) if row.task_id else "",
        link_text=row.task.title if row.task else "",
    )
