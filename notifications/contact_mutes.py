"""What mutes need when two contacts become one: whoever muted either hears nothing of both, until they part."""

from typing import Any

from crm import merge
from crm.models import Contact
from notifications.models import Mute


def settle(one: merge.Merging) -> dict[str, Any]:
    """Ids of the mutes that now are of the survivor, and whose were of both."""
    old, new = _of(one.absorbed), _of(one.survivor)
    twins = Mute.objects.filter(subject=old, user__in=Mute.objects.filter(subject=new).values("user"))
    both = list(twins.order_by("user").values_list("user", flat=True))
    twins.delete()
    moved = list(Mute.objects.filter(subject=old).order_by("pk").values_list("pk", flat=True))
    Mute.objects.filter(pk__in=moved).update(subject=new)
    return {"moved": moved, "both": both}


def part(one: merge.Merging, kept: dict[str, Any]) -> None:
    """Who heard of it again meanwhile goes on hearing of both."""
    old, new = _of(one.absorbed), _of(one.survivor)
    deaf_again = Mute.objects.filter(subject=old).values("user")
    Mute.objects.filter(pk__in=kept.get("moved", []), subject=new).exclude(user__in=deaf_again).update(subject=old)
    still = Mute.objects.filter(subject=new, user__in=kept.get("both", []))
    rows = [Mute(user_id=user, subject=old, made_at=at) for user, at in still.values_list("user", "made_at")]
    Mute.objects.bulk_create(rows, ignore_conflicts=True)


def _of(contact: Contact) -> str:
    return f"contact:{contact.pk}"


STEP = merge.Step("notifications", settle, part)
