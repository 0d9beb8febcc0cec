"""What tasks need when two contacts become one: keys that name the contact they are for, and who must not have them."""

from typing import Any

from crm import merge, traces
from people.models import User
from work.models import Exclusion, Task


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
    return {"keys": changed, "excluded": _unite_exclusions(one)}


def _unite_exclusions(one: merge.Merging) -> list[int]:
    """Who must not have work of either must not have the survivor's. Ids of those who were excluded from both."""
    known = Exclusion.objects.filter(contact=one.survivor).values("user")
    twins = Exclusion.objects.filter(contact=one.absorbed, user__in=known)
    users = list(twins.order_by("user").values_list("user", flat=True))
    twins.delete()
    return users


def part(one: merge.Merging, kept: dict[str, Any]) -> None:
    """Tasks that went back keep their rule from making another for their own contact again."""
    changed = kept.get("keys", {})
    for task in Task.objects.filter(pk__in=[int(pk) for pk in changed], contact=one.absorbed):
        if task.is_open:
            traces.revert(task, changed[str(task.pk)], unique=("once_key",))
    users = User.objects.filter(pk__in=kept.get("excluded", []))
    Exclusion.objects.bulk_create((Exclusion(contact=one.absorbed, user=user) for user in users), ignore_conflicts=True)


STEP = merge.Step("work", settle, part)
