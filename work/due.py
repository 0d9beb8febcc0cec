"""Due dates that follow the calendar: derived from a delay, and again when a zone, working hours or holidays change."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from crm.models import Contact
from domain import calendars, delays
from people import hours
from people.models import Team, User
from work.models import FOLLOWING, UNFINISHED, Task

log = logging.getLogger("nextmove.work")

BATCH = 500


class Derived(NamedTuple):
    """The columns of a task whose due date was derived.

    `due_spec` is None for elapsed hours kept as they fall, and for a time of day that no delay tells (`at_wall`), which
    no calendar moves; else it holds the delay, its start,
    and what is to be flagged: a `note`, `unknown_zones`.
    """

    due_date: datetime
    due_wall: str
    due_zone: str
    due_spec: dict[str, Any] | None


def due_of(
    delay: delays.Delay,
    *,
    start: datetime,
    contact: Contact | None,
    owner: User | None,
    team: Team,
    known: hours.TeamHours | None = None,
) -> Derived:
    """When a task is due that is wanted `delay` after `start`, on the clock and by the working time that count for it.

    `contact` and `owner` are the task's: deriving again goes by these. Batches share `known`. Raises ValueError for a
    delay that `delays.check` complains about.
    """
    chosen = (known or hours.TeamHours(team)).of(contact=contact, user=owner)
    found = delays.due(delay, start=start, schedule=chosen.schedule)
    spec: dict[str, Any] | None = None
    if delays.follows_the_calendar(delay):
        spec = {"delay": delays.as_dict(delay), "start": start.astimezone(UTC).isoformat()}
        if found.note:
            spec["note"] = found.note
        if chosen.unknown:
            spec["unknown_zones"] = list(chosen.unknown)
    return Derived(found.instant, found.wall.isoformat(), found.zone, spec)


def rederive(tasks: Iterable[Task], *, now: datetime, known: hours.TeamHours | None = None) -> int:
    """Derives the due dates of open tasks anew; how many moved. Asking again moves nothing.

    Left alone are dates that have come by `now`, since being late is not undone by a day off entered afterwards, and
    dates that a person has set since: one set through `lifecycle.edit` has no spec, one written past it no longer
    agrees with the wall time kept beside it. A task that cannot be derived is logged and stops no other.
    """
    moved = 0
    for task in tasks:
        if not _pending(task, now) or _set_by_hand(task):
            continue
        try:
            moved += _derive_again(task, known)
        except Exception:
            log.exception("the due date of task %s could not be derived again", task.pk)
    return moved


def rederive_contact(contact: Contact, now: datetime) -> int:
    """After a contact's zone or owner changed: its open tasks; how many moved."""
    tasks = _derived().filter(contact=contact)
    return rederive(tasks.order_by("pk"), now=now)


def rederive_team(team: Team, now: datetime) -> int:
    """After a team's or its people's calendar changed: its open tasks, in batches; how many moved.

    Reads the partial index on derived tasks, each person's hours once.
    """
    known, moved, last = hours.TeamHours(team), 0, 0
    while batch := list(_derived().filter(team=team, pk__gt=last).order_by("pk")[:BATCH]):
        known.preload({task.owner_id: task.owner for task in batch if task.owner is not None}.values())
        moved += rederive(batch, now=now, known=known)
        last = batch[-1].pk
    return moved


def follow_calendars(team_id: int, *, now: datetime, first: Callable[[Team], int] | None = None) -> int:
    """Derives a team's due dates anew when its calendar has changed; how many moved. Seven queries when it has not.

    `first` moves whatever else goes by the calendar. The digest is read before all that, and kept last and only over
    the one it was read beside: killed before that, or with another change meanwhile, the next call does it again.
    """
    team = Team.objects.get(pk=team_id)
    digest = hours.digest(team)
    if digest == team.calendar_digest:
        return 0
    moved = (first(team) if first is not None else 0) + rederive_team(team, now)
    Team.objects.filter(pk=team.pk, calendar_digest=team.calendar_digest).update(calendar_digest=digest)
    return moved


def derived_teams() -> list[int]:
    """Teams with open tasks whose dates follow a calendar; reads their partial index."""
    open_ones = _derived().filter(team=OuterRef("pk"))
    return list(Team.objects.filter(Exists(open_ones)).order_by("pk").values_list("pk", flat=True))


def _derived() -> QuerySet[Task]:
    found: QuerySet[Task] = Task.objects.filter(UNFINISHED, due_spec__isnull=False)
    return found.select_related("contact", "team", "owner__team")


def _pending(task: Task, now: datetime) -> bool:
    return task.is_open and task.due_spec is not None and task.due_date is not None and task.due_date > now


def _set_by_hand(task: Task) -> bool:
    """Whether the date is another than the one derived, as after a plain `save()` or `.update()`."""
    if task.due_date is None or not task.due_wall or not task.due_zone:
        return True
    wall = task.due_date.astimezone(calendars.first_zone(task.due_zone).zone).replace(tzinfo=None, fold=0)
    return wall.isoformat() != task.due_wall


def _derive_again(task: Task, known: hours.TeamHours | None) -> bool:
    """True when the date moved. The compare-and-set loses to whoever finished the task or changed its date since."""
    assert task.due_spec is not None
    old = task.due_date
    derived = due_of(
        delays.from_dict(task.due_spec["delay"]),
        start=datetime.fromisoformat(task.due_spec["start"]),
        contact=task.contact,
        owner=task.owner,
        team=task.team,
        known=known,
    )
    if derived == (old, task.due_wall, task.due_zone, task.due_spec):
        return False
    mine = Task.objects.open().filter(pk=task.pk, due_date=old, due_spec__isnull=False)
    return _put(task, derived, mine) and derived.due_date != old


def _put(task: Task, derived: Derived, mine: QuerySet[Task]) -> bool:
    """Writes the columns, and those that follow from them, where the row is still the one that was read."""
    for name, value in derived._asdict().items():
        setattr(task, name, value)
    task.fill_in()
    changes = derived._asdict() | {name: getattr(task, name) for name in FOLLOWING}
    with transaction.atomic():  # so that one the database refuses stops no other
        return bool(mine.update(**changes, version=F("version") + 1))


def at_wall(instant: datetime, zone: ZoneInfo) -> Derived:
    """The columns of a task that is due at a local time of day, which no delay tells; `move_to_zone` moves it."""
    return Derived(instant, instant.astimezone(zone).replace(tzinfo=None, fold=0).isoformat(), zone.key, None)


def move_to_zone(task: Task, zone: ZoneInfo, *, now: datetime) -> bool:
    """The same local time in another zone, for a date from `at_wall`; True when it moved.

    Left alone are dates that have come by `now`, those set by hand, and tasks that somebody has touched.
    """
    old = task.due_date
    if old is None or old <= now or task.due_zone == zone.key or task.due_spec is not None or _set_by_hand(task):
        return False
    untouched = {"status": Task.TODO, "edited_at": None, "started_at": None}
    moved = calendars.from_wall(datetime.fromisoformat(task.due_wall), zone)
    return _put(task, at_wall(moved, zone), Task.objects.filter(pk=task.pk, due_date=old, **untouched))
