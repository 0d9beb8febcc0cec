"""Somebody's tasks kept in a calendar of theirs elsewhere (CalDAV, RFC 4791).

What should be there is compared with what was put there, and only differences are sent. Resources have fixed names, so
a push that is killed is simply run again. Nothing is touched there that was not made here: what is overwritten without
a known tag is read first, and must carry the task's own UID. What got lost there is put there again; what its person
changed on an entry stays until the task changes, since calendar programs note on it what they need themselves.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from django.db import transaction
from django.db.models import Count, Max, Q, Sum
from icalendar import vText

from jobs import outgoing
from people import sealing
from people.models import User
from people.turns import Turns
from work import calendar
from work.audited import PUSH
from work.caldav import Calendar, Refused, Trouble, judge
from work.models import UNFINISHED, CalendarPush, PushedItem, Task

PUSH_JOB = "automation.tasks.push_calendar"
AT_ONCE = 60.0
"""Seconds of one run, after which the next turn goes on: a job may take no longer than four minutes."""
EVERY = timedelta(hours=1)
"""Everything is looked at this often, also what nothing tells of; changed tasks within a minute."""
LONGEST_URL = 2000
TURNS = Turns(
    model=CalendarPush,
    audited=PUSH,
    job=PUSH_JOB,
    prefix="push",
    column="next_at",
    first_wait=timedelta(minutes=5),
    lost="It could not be sent: managers find why among the jobs.",
)
"""Taking it away forgets the calendar and its password; what was put there stays there."""
tell_of_stopping, end, end_for = TURNS.tell, TURNS.end, TURNS.end_for
give_up, take_up_again = TURNS.give_up, TURNS.take_up_again


class BadPush(ValueError):
    """It cannot be kept like this. `field` is what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def connect(user: User, *, url: str, username: str, password: str, shows: str, by: User, now: datetime) -> CalendarPush:
    """Keeps the person's tasks in this calendar from now on; an empty address or password keeps the one there is.

    What was put into another calendar before stays there. Raises BadPush.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        before = CalendarPush.objects.filter(pk=user.pk).first()
        old = _config(before) if before is not None else {}
        url = _checked(url or old.get("url", ""))
        if not password:
            if old.get("url") != url or old.get("username") != username:
                raise BadPush("password", "Enter the password of this calendar.")
            password = old["password"]
        row = CalendarPush(
            user=user,
            config=sealing.seal(json.dumps({"url": url, "username": username, "password": password})),
            shows=shows,
            made_at=now,
        )
        TURNS.put(row, by=by, now=now)
        if old.get("url") != url:
            PushedItem.objects.filter(push=row).delete()
        TURNS.begin(row, at=now, now=now)
    return row


def push_soon(user: User, *, now: datetime) -> bool:
    """Tries it now, also one that has stopped; False when there is none."""
    with transaction.atomic():
        row = CalendarPush.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
        return row is not None and TURNS.begin(row, at=now, now=now, state=CalendarPush.ON)


def shown_address(row: CalendarPush) -> str:
    """By what its person knows it again: the host and the user name, and nothing to get in with."""
    config = _config(row)
    return f"{config['username']} · {urlsplit(config['url']).hostname}" if config else sealing.masked("")


def username_of(row: CalendarPush) -> str:
    """Empty when it can't be read here any more."""
    return _config(row).get("username", "")


def teams(now: datetime) -> list[int]:  # noqa: ARG001 (what drains ask with)
    """Teams in which somebody's tasks are pushed."""
    rows = CalendarPush.objects.filter(state=CalendarPush.ON).order_by("user__team_id")
    return list(rows.values_list("user__team_id", flat=True).distinct())


def look(team_id: int, *, now: datetime) -> dict[str, Any]:
    """Brings forward the push of those whose tasks have changed since theirs; two queries for a team."""
    rows = list(CalendarPush.objects.filter(user__team_id=team_id, state=CalendarPush.ON).select_related("user"))
    seen = _seen([row.pk for row in rows], now)
    # One that fails is left to its wait, and one that is due or under way to its job.
    waiting = [row for row in rows if not row.failures and row.next_at is not None and row.next_at > now]
    changed = [row for row in waiting if row.seen != seen[row.pk]]
    return {"pushed": [row.pk for row in changed if TURNS.begin(row, at=now, now=now)]}


def push(user_id: int, turn: int, *, now: datetime) -> dict[str, Any]:
    """Sends what differs, if it is this turn's to send, and says when the next one comes."""
    rows = CalendarPush.objects.select_related("user__team").filter(pk=user_id, turn=turn, state=CalendarPush.ON)
    row = rows.first()
    if row is None or not row.user.is_active:
        return {"user_id": user_id, "skipped": "gone, stopped, or left to another job"}
    seen = _seen([row.pk], now)[row.pk]
    run = _Run(row, now)
    try:
        run.all()
    except (Refused, Trouble, outgoing.Forbidden, sealing.Unreadable) as failure:
        stops = not isinstance(failure, Trouble)
        state = CalendarPush.STOPPED if stops else CalendarPush.ON
        TURNS.fail(row, str(failure), now=now, stops=stops, state=state)
        return {"user_id": user_id, **run.done, "error": row.error}
    changes = {"error": run.odd[:255], "failures": 0, "failing_since": None, "told_at": None}
    if run.left:
        TURNS.begin(row, at=now, now=now, **changes)
    else:
        TURNS.begin(row, at=now + EVERY, now=now, **changes, seen=seen, synced_at=now)
    return {"user_id": user_id, **run.done, "left": run.left}


@dataclass(frozen=True)
class _Wanted:
    """What should be there of one task."""

    uid: str
    body: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class _Run:
    """One comparison of what should be there with what was put there."""

    def __init__(self, row: CalendarPush, now: datetime) -> None:
        self.row, self.now = row, now
        self.kind = "VTODO" if row.shows == CalendarPush.TODO else "VEVENT"
        self.done = {"put": 0, "deleted": 0}
        self.left, self.odd = 0, ""

    def all(self) -> None:
        """Raises Refused, Trouble, Forbidden, Unreadable."""
        self.there = Calendar(**json.loads(sealing.unseal(self.row.config)))
        until = time.monotonic() + AT_ONCE
        had = {item.task_id: item for item in PushedItem.objects.filter(push=self.row)}
        wanted = dict(self._wanted(had))
        if not had or self.row.failures or self.row.synced_at is None:
            self.there.check(self.kind)
        lost = self.there.missing([item.name for item in had.values()])
        work = [
            (pk, one)
            for pk, one in wanted.items()
            if pk not in had or had[pk].digest != one.digest or had[pk].name in lost
        ]
        gone = [item for pk, item in had.items() if pk not in wanted]
        for at, (pk, one) in enumerate(work):
            if time.monotonic() > until:
                self.left = len(work) - at + len(gone)
                return
            self._put(pk, one, had.get(pk))
        for at, item in enumerate(gone):
            if time.monotonic() > until:
                self.left = len(gone) - at
                return
            self._delete(item)

    def _wanted(self, had: Mapping[int, PushedItem]) -> Iterator[tuple[int, _Wanted]]:
        """An entry keeps the id with which it was made: this place may have got another address since."""
        for task, entry in calendar.entries(self.row.user, self.row.shows, now=self.now):
            if task.pk in had:
                entry["uid"] = vText(had[task.pk].uid)
            yield task.pk, _Wanted(str(entry["uid"]), calendar.alone(entry))

    def _put(self, pk: int, one: _Wanted, item: PushedItem | None) -> None:
        """Made if nothing is there, else changed if what is there is ours."""
        name = item.name if item is not None else f"{quote(one.uid, safe='@')}.ics"
        tag = item.etag if item is not None else ""
        answer = self.there.put(name, one.body, tag)
        if answer.status == 412 or (answer.status == 404 and tag):
            found = self.there.found(name, one.uid)
            if found is None:
                self.odd = "An entry of somebody else has the name of one of your tasks there: it was left alone."
                return
            answer = self.there.put(name, one.body, found)
        if answer.status == 409:
            self.there.check(self.kind)
            self.odd = "The calendar does not take one of your tasks: an entry with its id may be there already."
            return
        judge(answer)
        etag = answer.headers.get("etag", "") or self.there.tag(name)
        self._note(pk, uid=one.uid, name=name, etag=etag[:255], digest=one.digest)
        self.done["put"] += 1

    def _note(self, pk: int, **facts: str) -> None:
        """Of this turn only: meanwhile its person may have chosen another calendar, in which nothing is yet."""
        with transaction.atomic():
            mine = CalendarPush.objects.select_for_update(no_key=True).filter(pk=self.row.pk, turn=self.row.turn)
            if mine.first() is None:
                raise Trouble("Another push has begun meanwhile.")
            PushedItem.objects.update_or_create(push_id=self.row.pk, task_id=pk, defaults=facts)

    def _delete(self, item: PushedItem) -> None:
        answer = self.there.delete(item.name, item.etag)
        if answer.status == 412:
            found = self.there.found(item.name, item.uid)
            if found and not self._is_anothers(item, found):
                answer = self.there.delete(item.name, found)
        if answer.status not in (404, 410, 412):
            judge(answer)
        item.delete()
        self.done["deleted"] += 1

    def _is_anothers(self, item: PushedItem, tag: str) -> bool:
        """Whoever holds the task now may keep theirs in the same calendar, and may have been there first."""
        others = PushedItem.objects.filter(task_id=item.task_id, etag=tag).exclude(push_id=item.push_id)
        return others.exists()


def _checked(url: str) -> str:
    url = url.strip().rstrip("/") + "/"
    if len(url) > LONGEST_URL:
        raise BadPush("url", f"This address is too long: write one of at most {LONGEST_URL:,} letters.")
    try:
        outgoing.check(url)
    except outgoing.Forbidden as refusal:
        raise BadPush("url", f"{refusal}.") from None
    if urlsplit(url).query or urlsplit(url).fragment:
        raise BadPush("url", "Leave out what follows a ? or # in the address of a calendar.")
    return url


def _config(row: CalendarPush) -> dict[str, str]:
    """Empty when it can't be read here any more."""
    try:
        found: dict[str, str] = json.loads(sealing.unseal(row.config))
    except sealing.Unreadable:
        return {}
    return found


def _seen(user_ids: list[int], now: datetime) -> dict[int, str]:
    """By user a word that changes when the tasks that they hold do; one query for all."""
    held = Task.objects.filter(assignee_id__in=user_ids)
    shown = held.filter(UNFINISHED | Q(status=Task.DONE, completed_at__gte=now - calendar.FINISHED_FOR))
    rows = shown.values_list("assignee_id").annotate(Count("pk"), Sum("version"), Sum("pk"), Max("completed_at"))
    found = {user_id: ":".join(map(str, facts)) for user_id, *facts in rows.order_by()}
    return {user_id: found.get(user_id, "none") for user_id in user_ids}
