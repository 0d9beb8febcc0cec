"""The people of a team as the matching engine sees them: what they can do, and the hours they have."""

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from domain import calendars
from domain.matching import Person, Work
from people import hours
from people.models import Team, User, UserSkill
from work import capacity
from work.models import Assignment

HORIZON = timedelta(days=7)
"""Whose hours count: the week that begins now, so that a Friday's task finds Monday's hours."""
FARTHEST = timedelta(days=28)
"""Until when hours are counted by due date, so that run after run gives nobody more than fits before a far one."""
RECENT = timedelta(days=90)
_QUARTER_US = 900_000_000


def members(team: Team) -> list[User]:
    found = list(User.objects.active().filter(team=team).order_by("pk"))
    for user in found:
        user.team = team  # known already: joined, it would be read once a person
    return found


def quarters(amount: Decimal) -> int:
    """Hours as whole quarter hours, up: work is never rounded away."""
    return math.ceil(amount * 4)


class Crew:
    """Some people at one instant, read in a constant number of queries.

    `anew` are the ids of tasks that they hold and that are to be given out once more: these book nobody's hours.
    """

    def __init__(self, users: Sequence[User], *, now: datetime, anew: Collection[int] = ()) -> None:
        self.users, self.now = list(users), now
        self.levels = _levels([user.pk for user in self.users])
        self.plans = hours.schedules(self.users)
        self.held = {
            pk: [one for one in held if one.task_id not in anew] for pk, held in capacity.bookings(self.users).items()
        }
        self._clocks: dict[calendars.Schedule, calendars.Clock] = {}

    def people(self, works: Collection[Work] = (), users: Sequence[User] | None = None) -> list[Person]:
        """They, or some of them, as the engine sees them: of history and of hours by a date what these works need."""
        asked = self.users if users is None else users
        end, far = self.now + HORIZON, self.now + FARTHEST
        dues = sorted({work.due for work in works if work.due is not None and self.now < work.due < far})
        instants = [*dues, far] if dues else []
        within = bisect_left(instants, end)
        contacts, groups = self._recent(works, [user.pk for user in asked])
        found = []
        for user in asked:
            held = self.held[user.pk]
            worked = self._worked(user, [*instants, end])
            spoken_for = capacity.booked_by(held, instants)
            total = -(-worked[-1] // _QUARTER_US)
            booked = sum((one.left for one in held if one.due is None or one.due < end), Decimal(0))
            free = total - quarters(booked)
            left = [
                (due, math.floor(Decimal(until) / _QUARTER_US - taken * 4))
                for due, until, taken in zip(instants, worked, spoken_for, strict=False)
            ]
            found.append(
                Person(
                    id=user.pk,
                    name=user.display_name,
                    skills=self.levels.get(user.pk, {}),
                    free_q=free,
                    capacity_q=total,
                    away=self.is_away(user),
                    recent_contacts=frozenset(contacts.get(user.pk, ())),
                    recent_groups=frozenset(groups.get(user.pk, ())),
                    # What is due later than the week is given hours of the week all the same.
                    free_by=(*left[:within], (end, free), *left[within:]) if left else (),
                    may_take=None if user.wip_limit is None else max(0, user.wip_limit - len(held)),
                    holding=len(held),
                )
            )
        return found

    def is_away(self, user: User) -> bool:
        plan = self.plans[user.pk]
        return self.now.astimezone(plan.zone).date() in plan.days_off

    def _worked(self, user: User, instants: Iterable[datetime]) -> list[int]:
        """The time that tasks may fill until each instant, in microseconds."""
        plan = self.plans[user.pk]
        if plan not in self._clocks:  # most of a team work the same hours: these are counted once
            self._clocks[plan] = calendars.Clock(plan, start=self.now, end=self.now + FARTHEST)
        clock, focus = self._clocks[plan], int(user.focus_factor * 100)
        return [clock.microseconds(instant) * focus // 100 for instant in instants]

    def _recent(self, works: Iterable[Work], ids: list[int]) -> tuple[dict[int, set[int]], dict[int, set[str]]]:
        """Who worked lately for the contacts and in the groups of these works."""
        contact_ids, group_keys = set(), set()
        for one in works:
            if one.contact_id is not None:
                contact_ids.add(one.contact_id)
            if one.group_key:
                group_keys.add(one.group_key)
        lately = Assignment.objects.filter(assigned_at__gte=self.now - RECENT)
        contacts: dict[int, set[int]] = {}
        groups: dict[int, set[str]] = {}
        if contact_ids:
            # Of one person their own history is read; of many that of the contacts: few worked for any one of them.
            if len(ids) == 1:
                some = lately.filter(user_id__in=ids, task__contact__isnull=False)
            else:
                some = lately.filter(task__contact_id__in=contact_ids)
            for user_id, contact_id in some.values_list("user", "task__contact").distinct():
                contacts.setdefault(user_id, set()).add(contact_id)
        if group_keys:
            some = lately.filter(user_id__in=ids, task__group_key__in=group_keys)
            for user_id, key in some.values_list("user", "task__group_key").distinct():
                groups.setdefault(user_id, set()).add(key)
        return contacts, groups


def _levels(ids: Collection[int]) -> Mapping[int, Mapping[int, int]]:
    """By user id the level (1 to 5) of each skill."""
    found: dict[int, dict[int, int]] = {}
    for user_id, skill_id, level in UserSkill.objects.filter(user_id__in=ids).values_list("user", "skill", "level"):
        found.setdefault(user_id, {})[skill_id] = level
    return found
