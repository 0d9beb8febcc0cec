"""A team's accounts with services that carry messages to phones."""

from datetime import datetime

from django.db import transaction

from notifications import services
from notifications.audited import GATEWAY
from notifications.models import Gateway
from notifications.routing import CHANNELS
from notifications.services import Config
from people.models import Team, User


def enter(team: Team, channel: str, *, service: str, given: Config, by: User, now: datetime) -> Gateway:
    """Keeps the team's account for a channel. Raises services.Invalid."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        row = Gateway.objects.filter(team=team, channel=channel).first() or Gateway(team=team, channel=channel)
        with GATEWAY.changing(row, by=by, now=now):
            if services.fill(row, CHANNELS[channel].gateways, service, given, now=now):
                row.made_by = by
            row.save()
    return row


def remove(row: Gateway, *, by: User, now: datetime) -> None:
    with GATEWAY.changing(row, by=by, now=now):
        row.delete()
