"""The verbs on an endpoint: made, changed, given a new secret, switched off and on, tested, deleted."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from jobs import deadlocks, outgoing
from people import audit, sealing
from people.models import Team, User
from webhooks import recording, signing
from webhooks.audited import WEBHOOK
from webhooks.models import KINDS, LONGEST_URL, PING, Dispatch, Endpoint, Event

MOST = 20
"""Endpoints of one team: each event is written once for each of them."""

Step = Callable[[Endpoint, datetime], None]
_told: list[Step] = []


class BadEndpoint(ValueError):
    """It cannot be saved like this. `field` is the column that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TooMany(Exception):
    """The team has as many as it may; the message says what to do."""


def tell_of_switching_off(step: Step) -> None:
    """Adds who hears that an endpoint was switched off by itself: step(endpoint, now), in the transaction."""
    if step not in _told:
        _told.append(step)


def create(team: Team, *, url: str, kinds: Sequence[str], by: User | None, now: datetime) -> tuple[Endpoint, str]:
    """A new endpoint and its secret, which is shown this once. Raises BadEndpoint, TooMany."""
    secret = signing.new_secret()
    row = Endpoint(
        team=team,
        url=_checked_url(url),
        kinds=_checked_kinds(kinds),
        secret=sealing.seal(secret),
        made_by=by,
        created_at=now,
    )
    with WEBHOOK.changing(row, by=by, now=now):
        if Endpoint.objects.filter(team=team).count() >= MOST:
            raise TooMany(f"A team has at most {MOST} webhooks: delete one that is not needed any more.")
        row.save()
    return row, secret


def change(row: Endpoint, *, by: User | None, now: datetime, **fields: Any) -> Endpoint:
    """Sets url, kinds or is_active. Switched on, it begins anew: its failures are forgotten. Raises BadEndpoint."""
    if "url" in fields:
        fields["url"] = _checked_url(fields["url"])
    if "kinds" in fields:
        fields["kinds"] = _checked_kinds(fields["kinds"])
    if "is_active" in fields:
        fields |= {"off_reason": "", "failing_since": None, "rests_until": None}
    return _write(row, fields, by=by, now=now)


def rotate(row: Endpoint, *, by: User | None, now: datetime) -> str:
    """A new secret, shown this once. The one before signs beside it for 24 hours; one before that no more."""
    secret = signing.new_secret()
    with transaction.atomic():
        kept = Endpoint.objects.select_for_update(no_key=True).get(pk=row.pk)
        fields = {
            "secret": sealing.seal(secret),
            "old_secret": kept.secret,
            "old_secret_until": now + signing.OVERLAP,
        }
        _write(row, fields, by=by, now=now, verb="renewed")
    return secret


def switch_off(row: Endpoint, *, why: str, now: datetime) -> bool:
    """Off by itself, which the team is told; False when it was off already."""
    with transaction.atomic():
        active = Endpoint.objects.select_for_update(no_key=True).filter(pk=row.pk, is_active=True)
        if not active.exists():
            return False
        _write(row, {"is_active": False, "off_reason": why[:255]}, by=None, now=now, verb="paused")
        for step in _told:
            step(row, now)
    return True


@deadlocks.begun_again
def delete(row: Endpoint, *, by: User | None, now: datetime) -> None:
    """With its log, and with the events that only it was told of.

    Whoever notes what came of a try takes its rows in the other order.
    """
    with WEBHOOK.changing(row, by=by, now=now, verb=audit.DELETED):
        # Waits for those who are writing dispatches for it; whoever comes later finds it gone.
        Endpoint.objects.select_for_update().filter(pk=row.pk).first()
        events = list(row.dispatches.values_list("event_id", flat=True))
        row.dispatches.all().delete()
        for start in range(0, len(events), recording.AT_ONCE):
            part = events[start : start + recording.AT_ONCE]
            Event.objects.filter(pk__in=part, dispatches__isnull=True).delete()
        Endpoint.objects.filter(pk=row.pk).delete()


def test(row: Endpoint, *, by: User, now: datetime) -> Dispatch:
    """Sends a ping, also to one that is switched off or rests. It is tried once: somebody is looking at the answer."""
    key = f"ping:{row.pk}:{recording.instant(now)}"
    event = Event(
        id=recording.event_id(key),
        team_id=row.team_id,
        kind=PING,
        key=key,
        subject_id=row.pk,
        data={"id": row.pk, "path": f"/settings/webhooks/{row.pk}", "actor_id": by.pk},
        at=now,
        created_at=now,
    )
    with transaction.atomic():
        made = recording.write([event], {key: [row.pk]})
    return made[0] if made else Dispatch.objects.get(event=event)


def _write(row: Endpoint, fields: dict[str, Any], *, by: User | None, now: datetime, verb: str = "") -> Endpoint:
    """These columns and no others: what became of sending is written beside it."""
    with WEBHOOK.changing(row, by=by, now=now, verb=verb):
        if fields:
            Endpoint.objects.filter(pk=row.pk).update(**fields)
    for name, value in fields.items():
        setattr(row, name, value)
    return row


def _checked_url(url: str) -> str:
    url = url.strip()
    if len(url) > LONGEST_URL:
        raise BadEndpoint("url", f"This address is too long: write one of at most {LONGEST_URL} letters.")
    try:
        outgoing.check(url)
    except outgoing.Forbidden as refusal:
        raise BadEndpoint("url", f"{refusal}.") from None
    return url


def _checked_kinds(kinds: Sequence[str]) -> list[str]:
    """Each once, in the order in which they are listed."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        named = ", ".join(unknown) or "none"
        raise BadEndpoint("kinds", f"Choose at least one of {', '.join(KINDS)}; {named} was given.")
    return [kind for kind in KINDS if kind in kinds]
