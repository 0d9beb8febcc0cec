"""Where a notice goes beside the inbox: by what each person chose, and not in their quiet hours."""

import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from domain import calendars
from jobs import queue
from jobs.rows import insert_new
from notifications import bundles
from notifications.channels import Channel
from notifications.channels.chat import Chat
from notifications.channels.email import Email
from notifications.channels.sms import Sms
from notifications.channels.whatsapp import WhatsApp
from notifications.kinds import KINDS
from notifications.models import Address, Delivery, Notification, Preference, QuietHours
from people import hours
from people.models import User

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (Email(), Sms(), WhatsApp(), Chat())}
SEND_JOB = "automation.tasks.send_delivery"
OFF, NOW = "off", "now"
WISHES = (OFF, NOW, Preference.DAILY, Preference.WEEKLY)
DIGEST_HOUR = 8


def route(notices: Sequence[Notification], *, now: datetime) -> None:
    """Writes what is to be sent of new notices, each with its job; once, however often this is tried.

    The notices are of one kind, with their users and these people's teams loaded.
    """
    told = {notice.user_id: notice.user for notice in notices}
    known = Address.objects.of(told.values()) if told else {}
    ways = {
        pk: [name for name, channel in CHANNELS.items() if channel.reaches(user, known.get((pk, name)))]
        for pk, user in told.items()
    }
    reached = [(notice, name) for notice in notices for name in ways[notice.user_id]]
    if not reached:
        return
    people = {pk: user for pk, user in told.items() if ways[pk]}
    wanted = wishes(people.values(), [reached[0][0].kind])
    quiet = {row.user_id: row for row in QuietHours.objects.filter(user__in=people)}
    deliveries = [
        _planned(notice, name, wanted[notice.user_id, notice.kind, name], quiet.get(notice.user_id), now)
        for notice, name in reached
        if wanted[notice.user_id, notice.kind, name] != OFF
    ]
    write(deliveries, now=now)


def _planned(notice: Notification, channel: str, wish: str, quiet: QuietHours | None, now: datetime) -> Delivery:
    """When it goes, and with what: at once by itself, with the rest of its burst, after the quiet hours, or in a
    digest.
    """
    digest = "" if wish == NOW else wish
    if digest:
        due = digest_after(notice.user, digest, now)
    else:
        due = bundles.end_of_burst(now) if bundles.in_bursts(notice) else now
    due = after_quiet(notice.user, quiet, due)
    delivery = delivery_of(notice, channel, due_at=due, now=now)
    delivery.bundle = bundles.key_of(notice, digest=digest, created_at=now, due_at=due)
    return delivery


def digest_after(user: User, digest: str, now: datetime) -> datetime:
    """The next eight o'clock by the person's clock, of the next day or of the next Monday."""
    zone = hours.zone_of(user).zone
    found = calendars.next_local_time(now, zone, DIGEST_HOUR)
    while digest == Preference.WEEKLY and found.astimezone(zone).weekday() != 0:
        found = calendars.next_local_time(found, zone, DIGEST_HOUR)
    return found


def delivery_of(notice: Notification, channel: str, *, due_at: datetime, now: datetime) -> Delivery:
    """The one delivery of a notice by a channel; its id follows from the two."""
    return Delivery(
        id=uuid.uuid5(queue.NAMESPACE, f"delivery:{notice.pk}:{channel}"),
        notification=notice,
        user=notice.user,
        channel=channel,
        created_at=now,
        due_at=due_at,
    )


def write(deliveries: Sequence[Delivery], *, now: datetime) -> None:
    """Each with its job; those that there are stay as they are."""
    insert_new(list(deliveries))
    queue.enqueue(*(job(delivery) for delivery in deliveries), now=now)


def wishes(people: Collection[User], kinds: Collection[str]) -> dict[tuple[int, str, str], str]:
    """How each wants a kind by a channel, one of WISHES: what they chose, else the kind's default."""
    found = {
        (user.pk, kind, name): NOW if kind in KINDS and KINDS[kind].by_default(name) else OFF
        for user in people
        for kind in kinds
        for name in CHANNELS
    }
    chosen = Preference.objects.filter(user__in=[user.pk for user in people], kind__in=kinds, channel__in=CHANNELS)
    return found | {(row.user_id, row.kind, row.channel): row.digest or NOW if row.wanted else OFF for row in chosen}


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
    end = datetime.combine(local.date() + timedelta(days=1 if over_midnight and since else 0), quiet.ends)
    first = calendars.from_wall(end, zone)
    # In the hour that clocks show twice in autumn the end may lie behind by the first of the two.
    return first if first > now else end.replace(tzinfo=zone, fold=1).astimezone(UTC)


def job(delivery: Delivery, again: str = "") -> queue.Request:
    """What sends it when it is due; `again` tells apart the jobs of one delivery that is planned anew."""
    return queue.Request(
        SEND_JOB,
        [str(delivery.pk)],
        key=":".join(("delivery", str(delivery.pk), *([again] if again else []))),
        run_at=delivery.due_at,
        team_id=delivery.user.team_id,
        user_id=delivery.user_id,
    )
