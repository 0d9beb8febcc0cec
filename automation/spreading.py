"""How many touches are planned for each day of an owner's, so that no day is flooded."""

from collections import Counter
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm.models import Contact
from domain import calendars, touches
from people.hours import TeamHours
from people.models import Team, User

WINDOW_DAYS = 64


class Days:
    """The days of a team's owners, counted when first asked for. Use it for one batch, while holding the team's queue.

    One query reads 64 days of one owner; a person's own dates count, and are never moved.
    """

    def __init__(self, team: Team) -> None:
        self.most = max(1, team.touches_per_day)
        self.hours = TeamHours(team)
        self._windows: dict[tuple[int, int], Counter[date]] = {}
        self._working: dict[tuple[int, date], bool] = {}

    def place(self, contact: Contact, wanted: datetime, zone: ZoneInfo) -> datetime:
        """The instant `wanted`, or the next on a working day of the owner's that has room, and books the day.

        A contact without an owner floods nobody. What it had booked before is free again.
        """
        owner = contact.owner
        if owner is None:
            return wanted
        schedule = self.hours.of(user=owner).schedule
        if contact.next_touch_at is not None and contact.next_touch_at >= wanted:
            self._book(owner, schedule.zone, contact.next_touch_at, -1)
        found = touches.with_room(
            wanted,
            zone=zone,
            owner_zone=schedule.zone,
            has_room=lambda day: self._window(owner, schedule.zone, day)[day] < self.most,
            is_working_day=lambda day: self._works(owner.pk, schedule, day),
        )
        self._book(owner, schedule.zone, found, 1)
        return found

    def _works(self, owner_id: int, schedule: calendars.Schedule, day: date) -> bool:
        if (owner_id, day) not in self._working:
            self._working[owner_id, day] = calendars.is_working_day(schedule, day)
        return self._working[owner_id, day]

    def _book(self, owner: User, zone: ZoneInfo, instant: datetime, count: int) -> None:
        day = instant.astimezone(zone).date()
        self._window(owner, zone, day)[day] += count

    def _window(self, owner: User, zone: ZoneInfo, day: date) -> Counter[date]:
        number = day.toordinal() // WINDOW_DAYS
        found = self._windows.get((owner.pk, number))
        if found is None:
            first = date.fromordinal(max(1, number * WINDOW_DAYS))
            start, end = (
                calendars.from_wall(datetime.combine(one, time()), zone)
                for one in (first, first + timedelta(days=WINDOW_DAYS))
            )
            planned = Contact.objects.filter(owner=owner, next_touch_at__gte=start, next_touch_at__lt=end)
            instants = planned.values_list("next_touch_at", flat=True)
            found = Counter(instant.astimezone(zone).date() for instant in instants)
            self._windows[owner.pk, number] = found
        return found
