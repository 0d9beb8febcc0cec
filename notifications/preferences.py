"""What somebody wants to hear of, by which channel, and when they want to be left alone."""

from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any

from django.db import transaction

from notifications.kinds import KINDS
from notifications.models import Preference, QuietHours
from notifications.routing import CHANNELS, NOW, OFF, WISHES, wishes
from people.models import User

Wishes = Mapping[str, Mapping[str, str]]
"""By kind and channel: off, now, daily or weekly."""
Quiet = tuple[time, time]


def of(user: User) -> dict[str, dict[str, str]]:
    """Every kind and every channel there is, whether chosen or by default."""
    known = wishes([user], KINDS)
    return {kind: {channel: known[user.pk, kind, channel] for channel in CHANNELS} for kind in KINDS}


def quiet_of(user: User) -> Quiet | None:
    row = QuietHours.objects.filter(user=user).first()
    return None if row is None else (row.starts, row.ends)


def choose(user: User, wanted: Wishes) -> None:
    """Keeps what is given and leaves all else. Raises KeyError for a kind, a channel or a wish that there is not."""
    rows = [
        Preference(user=user, kind=KINDS[kind].code, channel=CHANNELS[channel].name, **_COLUMNS[wish])
        for kind, by_channel in wanted.items()
        for channel, wish in by_channel.items()
    ]
    Preference.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["user", "kind", "channel"], update_fields=["wanted", "digest"]
    )


def switch(user: User, kinds: Iterable[str], channel: str, *, on: bool) -> None:
    """Off, or on again as often as it was before."""
    rows = [Preference(user=user, kind=KINDS[kind].code, channel=CHANNELS[channel].name, wanted=on) for kind in kinds]
    Preference.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["user", "kind", "channel"], update_fields=["wanted"]
    )


_COLUMNS: dict[str, dict[str, Any]] = {
    wish: {"wanted": wish != OFF, "digest": "" if wish in (OFF, NOW) else wish} for wish in WISHES
}


def be_quiet(user: User, quiet: Quiet | None) -> None:
    """Sets the quiet hours, or lets them go."""
    with transaction.atomic():
        if quiet is None:
            QuietHours.objects.filter(user=user).delete()
        else:
            QuietHours.objects.update_or_create(user=user, defaults={"starts": quiet[0], "ends": quiet[1]})
