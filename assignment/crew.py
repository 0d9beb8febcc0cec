"""The people of a team as the matching engine sees them: what they can do, and the hours they have."""

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from operator import itemgetter

from django.db.models import OuterRef, Subquery

from domain import calendars
from domain.matching import Person, Work
from people import hours
from people.models import Team, User, UserSkill
from work import capacity
from work.models import Assignment, Task

HORIZON = timedelta(days=7)
"""Whose hours count: the week that begins now, so that a Friday's task finds Monday's hours."""
FARTHEST = timedelta(days=28)
"""Until when hours are counted by due date, so that run after run gives nobody more than fits before a far one."""
RECENT = timedelta(days=90)
_HOUR_US = 3_600_000_000
_QUARTER_US = _HOUR_US // 4


_CONTACT = Subquery(Task.objects.filter(pk=OuterRef("task")).values("contact"))
"""Of an assignment: asked row by row, since for a join databases read all tasks there are."""


_NOT_OF_INTEREST = ("password", "email", "date_joined", "last_login", "is_staff", "is_superuser", "role")


def members(team: Team) -> list[User]:
    found = list(User.objects.active().filter(team=team).defer(*_NOT_OF_INTEREST).order_by("pk"))
    for user in found:
        user.team = team  # known already: joined, it would be read once a person
    return found


def quarters(amount: Decimal) -> int:
    """Hours as whole quarter hours, up: work is never rounded away."""
    return math.ceil(amount * 4)


class Books:
    """A team at one instant: its hours and usual estimates, read once for all who look at its people and its work."""

    def __init__(self, team: Team, now: datetime) -> None:
        self.team, self.now = team, now
        self.hours, self.usual = hours.TeamHours(team), capacity.UsualEstimates()


class Crew:
    """Some people of a team, read in a constant number of queries.

    `anew` are the ids of tasks that they hold and that are to be given out once more: these book nobody's hours.
    """

    def __init__(self, users: Sequence[User], books: Books, *, anew: Collection[int] = ()) -> None:
        self.users, self.now = list(users), books.now
        self.levels = _levels([user.pk for user in self.users])
        self.plans = books.hours.of_people(self.users)
        self.held = {
            pk: [one for one in held if one.task_id not in anew]
            for pk, held in capacity.bookings(self.users, books.usual).items()
        }
        clocks = {
            plan: calendars.Clock(plan, start=self.now, end=self.now + FARTHEST) for plan in set(self.plans.values())
        }
        self._clocks = {pk: clocks[plan] for pk, plan in self.plans.items()}  # most of a team work the same hours
        self._weeks = {user.pk: self._week(user) for user in self.users}

    def people(self, works: Collection[Work] = (), users: Sequence[User] | None = None) -> list[Person]:
        """They, or some of them, as the engine sees them: of history and of hours by a date what these works need."""
        asked = self.users if users is None else users
        end, far = self.now + HORIZON, self.now + FARTHEST
        dues = {work.due for work in works if work.due is not None and self.now < work.due < far}
        contacts, groups = self._recent(works, [user.pk for user in asked])
        found = []
        for user in asked:
            held, (total, free) = self.held[user.pk], self._weeks[user.pk]
            left = self._left(user, dues, far) if dues else []
            within = bisect_left(left, end, key=itemgetter(0))
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

    def _week(self, user: User) -> tuple[int, int]:
        """All quarter hours of the week that tasks may fill, and those that are left."""
        end = self.now + HORIZON
        total = -(-self._worked(user, end) // _QUARTER_US)
        booked = sum((one.left for one in self.held[user.pk] if one.due is None or one.due < end), Decimal(0))
        return total, total - quarters(booked)

    def _left(self, user: User, dues: set[datetime], far: datetime) -> list[tuple[datetime, int]]:
        """The quarter hours that are left until each of these dates, and until those by which the person's own work is
        due: what is due before it must leave it the hours.
        """
        held = [(one.due, one.left) for one in self.held[user.pk] if one.due is not None and one.due < far]
        instants = [*sorted(dues.union(due for due, _ in held if due > self.now)), far]
        taken = [0] * len(instants)
        for due, hours_left in held:
            taken[bisect_left(instants, due)] += int(hours_left * _HOUR_US)
        return [
            (instant, (self._worked(user, instant) - spoken_for) // _QUARTER_US)
            for instant, spoken_for in zip(instants, accumulate(taken), strict=True)
        ]

    def _worked(self, user: User, instant: datetime) -> int:
        """The time that tasks may fill until then, in microseconds."""
        return self._clocks[user.pk].microseconds(instant) * int(user.focus_factor * 100) // 100

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
                found = lately.filter(user_id__in=ids).values_list("user", _CONTACT)
            else:
                found = lately.filter(task__contact_id__in=contact_ids).values_list("user", "task__contact").distinct()
            for user_id, contact_id in found:
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
