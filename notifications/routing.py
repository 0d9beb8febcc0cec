"""Where a notice goes beside the inbox: by what each person chose, and not in their quiet hours."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from domain import calendars
from jobs import queue
from jobs.rows import insert_new
from notifications.channels import Channel
from notifications.channels.email import Email
from notifications.kinds import KINDS
from notifications.models import Delivery, Notification, Preference, QuietHours
from people import hours
from people.models import User

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (Email(),)}
SEND_JOB = "automation.tasks.send_delivery"


def route(notices: Sequence[Notification], *, now: datetime) -> None:
    """Writes what is to be sent of new notices, each with its job; once, however often this is tried.

    The notices are of one kind, with their users and these people's teams loaded.
    """
    reached = [(notice, name) for notice in notices for name in CHANNELS if CHANNELS[name].reaches(notice.user)]
    if not reached:
        return
    people = {notice.user_id: notice.user for notice, _ in reached}
    wanted = wishes(people.values(), [reached[0][0].kind])
    quiet = {row.user_id: row for row in QuietHours.objects.filter(user__in=people)}
    deliveries = [
        Delivery(
            id=uuid.uuid5(queue.NAMESPACE, f"delivery:{notice.pk}:{name}"),
            notification=notice,
            user=notice.user,
            channel=name,
            created_at=now,
            due_at=after_quiet(notice.user, quiet.get(notice.user_id), now),
        )
        for notice, name in reached
        if wanted[notice.user_id, notice.kind, name]
    ]
    insert_new(deliveries)
    queue.enqueue(*(_job(delivery) for delivery in deliveries), now=now)


def wishes(people: Collection[User], kinds: Collection[str]) -> dict[tuple[int, str, str], bool]:
    """Who wants which kind by which channel: what they chose, else the kind's default."""
    found = {
        (user.pk, kind, name): kind in KINDS and KINDS[kind].mailed
        for user in people
        for kind in kinds
        for name in CHANNELS
    }
    chosen = Preference.objects.filter(user__in=[user.pk for user in people], kind__in=kinds, channel__in=CHANNELS)
    return found | {(row.user_id, row.kind, row.channel): row.wanted for row in chosen}


def after_quiet(user: User, quiet: QuietHours | None, now: datetime) -> datetime:
    """The first instant from now on that is outside the person's quiet hours, by their clock."""
    if quiet is None or quiet.starts == quiet.ends:
        return now
    zone = hours.zone_of(user).zone
    local = now.astimezone(zone)
    over_midnight = quiet.starts > quiet.ends
    since, until = local.time() >= quiet.starts, local.time() < quiet.ends
    if not (since or until if over_midnight else since and until):
        return now
    day = local.date() + timedelta(days=1 if over_midnight and since else 0)
    return calendars.from_wall(datetime.combine(day, quiet.ends), zone)


def _job(delivery: Delivery) -> queue.Request:
    return queue.Request(
        SEND_JOB,
        [str(delivery.pk)],
        key=f"delivery:{delivery.pk}",
        run_at=delivery.due_at,
        team_id=delivery.user.team_id,
        user_id=delivery.user_id,
    )
