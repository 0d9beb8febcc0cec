"""What tasks need when two contacts become one: the keys that name the contact they are for."""

from typing import Any

from crm import merge, traces
from work.models import Task


def settle(one: merge.Merging) -> dict[str, Any]:
    """Open tasks that keep their rule from making another now do so for the survivor, where none does already."""
    old, new = (f":contact:{contact.pk}" for contact in (one.absorbed, one.survivor))
    changed = {}
    keyed = Task.objects.filter(contact=one.absorbed, once_key__endswith=old)
    for task in keyed.select_for_update().order_by("pk"):
        key = task.once_key.removesuffix(old) + new
        Task.objects.filter(once_key=key).exclude(status__in=Task.OPEN).update(once_key=None)
        free = task.is_open and not Task.objects.filter(once_key=key).exists()
        changed[str(task.pk)] = traces.change(task, once_key=key if free else None)
    return {"keys": changed}


def part(one: merge.Merging, kept: dict[str, Any]) -> None:
    """Tasks that went back keep their rule from making another for their own contact again."""
    changed = kept.get("keys", {})
    for task in Task.objects.filter(pk__in=[int(pk) for pk in changed], contact=one.absorbed):
        if task.is_open:
            traces.revert(task, changed[str(task.pk)], unique=("once_key",))


STEP = merge.Step("work", settle, part)
