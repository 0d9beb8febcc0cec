"""Telling people of what rooms below do by themselves and cannot tell."""

from datetime import datetime

from notifications import outbox
from notifications.models import Notification
from people import busy_times
from people.models import BusySource, User
from webhooks.models import Endpoint
from work import pushing
from work.models import CalendarPush


def tell_of_webhook_off(endpoint: Endpoint, now: datetime) -> None:
    """Nothing is sent there any more until somebody switches it on again."""
    outbox.tell(
        User.objects.active().filter(team_id=endpoint.team_id, role=User.MANAGER).select_related("team"),
        kind=Notification.WEBHOOK,
        key=f"webhook:{endpoint.pk}:off:{now:%Y%m%dT%H%M%S}",
        title="A webhook was switched off",
        body=f"{endpoint.url}\n{endpoint.off_reason} Mend what listens there, then switch it on again.",
        path=f"/settings/webhooks/{endpoint.pk}",
        now=now,
    )


def tell_of_busy_times(source: BusySource, now: datetime) -> None:
    """The address of somebody's calendar has failed for a day; what was read before still counts."""
    outbox.tell(
        User.objects.active().filter(pk=source.pk).select_related("team"),
        kind=Notification.CALENDAR,
        key=f"busy:{source.pk}:{now:%Y%m%dT%H%M%S}",
        title="Your busy times can't be read any more",
        body=f"{busy_times.shown_address(source)}\n{source.error} Until then what was read last still counts.",
        path="/settings/calendar",
        now=now,
    )


def tell_of_push(push: CalendarPush, now: datetime) -> None:
    """Tasks do not reach somebody's calendar any more: until they change something, or for a day by now."""
    outbox.tell(
        User.objects.active().filter(pk=push.pk).select_related("team"),
        kind=Notification.CALENDAR,
        key=f"push:{push.pk}:{now:%Y%m%dT%H%M%S}",
        title="Your tasks don't reach your calendar any more",
        body=f"{pushing.shown_address(push)}\n{push.error}",
        path="/settings/calendar",
        now=now,
    )
