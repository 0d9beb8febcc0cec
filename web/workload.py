"""The team's week: people by days with how full each is, what waits with whoever fits best, and a day's work."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from assignment import crew, matches, snapshot
from assignment.matches import Match
from automation import responses
from domain import calendars
from domain.matching import choice as choices
from people import absences
from people.models import User, UserSkill
from performance import weekly
from performance.models import DailyReport
from web import board_filters, doing, live
from web.access import Request, for_leads
from web.templatetags.face import percent
from work import boards
from work.models import Task

HOURS, TASKS = "hours", "tasks"
MOST = 100
"""Tasks of a day that are listed."""
SHOWN = 12
"""Waiting tasks that the page lists; all of them are a link away in Tasks."""
AHEAD = timedelta(days=3650)
"""How far from today weeks are shown."""


@dataclass(frozen=True)
class Figure:
    """One of the figures on top. `change` is the difference to last week, empty where that is not known."""

    label: str
    value: str
    change: str = ""
    tone: str = ""
    note: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Waiting:
    """A task of the queue, whoever fits best, and why; or why nobody does."""

    task: Task
    person: User | None
    why: str
    sentence: str


@dataclass(frozen=True)
class Line:
    """A person's row of the board: the cells of the days that are shown, and what they are best at."""

    row: boards.Row
    cells: list[boards.Cell]
    skill: str


@dataclass(frozen=True)
class Team:
    """The people of the viewer's team with all that the board and the queue are made of, read once."""

    users: list[User]
    books: crew.Books
    everybody: crew.Crew

    @classmethod
    def of(cls, user: User, now: datetime) -> "Team":
        users = list(User.objects.visible_to(user).active().select_related("team").order_by("first_name", "username"))
        books = crew.Books(user.team, now)
        return cls(users, books, crew.Crew(users, books))

    @property
    def by_id(self) -> dict[int, User]:
        return {user.pk: user for user in self.users}

    def week(self, monday: date) -> list[boards.Row]:
        off = absences.between(self.users, first=monday, last=monday + timedelta(days=boards.DAYS - 1))
        plans, held = self.everybody.plans, self.everybody.held
        return boards.week(self.users, monday=monday, now=self.books.now, plans=plans, held=held, off=off)


@require_GET
@for_leads
def page(request: Request) -> HttpResponse:
    user, now = request.user, timezone.now()
    team, monday, today = Team.of(user, now), monday_of(request.GET.get("week", "")), timezone.localdate()
    rows = team.week(monday)
    this_week = rows if monday == _monday(today) else team.week(_monday(today))
    waiting, columns, skills = queue(team), _columns(rows, monday), _main_skills(team.users)
    filters = board_filters.Filters.of(request.GET)
    context = {
        "view": TASKS if request.GET.get("in") == TASKS else HOURS,
        "figures": figures(user, this_week, now),
        "lines": [
            Line(row, [row.cells[(on - monday).days] for on in columns], skills.get(row.user.pk, ""))
            for row in filters.narrow(rows)
        ],
        "everybody": len(rows),
        "filters": filters,
        "loads": board_filters.LOADS,
        "skills": board_filters.skills_of(user),
        "columns": columns,
        "last": columns[-1],
        "monday": monday,
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
        "is_this_week": monday == _monday(today),
        "today": today,
        "waiting": waiting,
        "waiting_count": len(waiting) if len(waiting) < SHOWN else Task.objects.visible_to(user).waiting().count(),
        "may_give": user.manages,
    }
    return live.page(request, "web/team/workload.html", "web/team/board.html", context)


def people_shown(request: Request) -> set[int]:
    """The ids of the people whom the board shows at this address."""
    team = Team.of(request.user, timezone.now())
    rows = team.week(monday_of(request.GET.get("week", "")))
    return {row.user.pk for row in board_filters.Filters.of(request.GET).narrow(rows)}


@require_GET
@for_leads
def day(request: Request, person: int, on: str) -> HttpResponse:
    """What is due on one day of a person, today with what is overdue, and what was done on it."""
    now, when = timezone.now(), _date(on)
    if when is None or abs(when - timezone.localdate()) >= AHEAD:
        raise Http404
    member = get_object_or_404(User.objects.visible_to(request.user).active().select_related("team"), pk=person)
    books = crew.Books(request.user.team, now)
    alone = crew.Crew([member], books)
    off = absences.between([member], first=when, last=when)
    (row,) = boards.week([member], monday=_monday(when), now=now, plans=alone.plans, held=alone.held, off=off)
    cell = row.cells[when.weekday()]
    plan, left = alone.plans[member.pk], {one.task_id: one.left for one in alone.held[member.pk]}
    ends = calendars.from_wall(datetime.combine(when + timedelta(days=1), time()), plan.zone)
    held = Task.objects.visible_to(request.user).open().filter(assignee=member, due_date__lte=ends)
    if not cell.is_today:  # which has what is overdue as well
        held = held.filter(due_date__gt=calendars.from_wall(datetime.combine(when, time()), plan.zone))
    tasks = [] if cell.is_past else held.select_related("contact").order_by("due_date", "id")[:MOST]
    context = {
        "person": member,
        "cell": cell,
        "tasks": [(task, left.get(task.pk)) for task in tasks],
        "may_give": request.user.manages,
    }
    return render(request, _template(request, "web/team/day.html"), {**context, "part": "web/team/day.html"})


@require_GET
@for_leads
def choose(request: Request, pk: int) -> HttpResponse:
    """To whom a task may be given, whoever fits best first, and on which day: what dragging does, without dragging."""
    task, team = doing.task_of(request, pk), Team.of(request.user, timezone.now())
    match, fits = matches.compared(team.books, team.everybody, snapshot.row_of(task))
    by_id = team.by_id
    today = timezone.localdate()
    until = _monday(today) + timedelta(days=14)
    days = [today + timedelta(days=n) for n in range((until - today).days)]
    context = {
        "task": task,
        "best": by_id.get(match.choice.person_id or 0),
        "why": why(match),
        "fits": [(by_id[fit.person_id], fit) for fit in fits if fit.person_id != task.assignee_id],
        "days": [one for one in days if one.weekday() < 5 or one == today],
        "may_give": request.user.manages and task.is_open,
        "may_take": task.is_open and task.assignee_id is None and not request.user.manages,
    }
    return render(request, _template(request, "web/team/choose.html"), {**context, "part": "web/team/choose.html"})


def queue(team: Team) -> list[Waiting]:
    """The first of what waits, by due date, each with its best match."""
    found = matches.of_waiting(team.books, team.everybody, most=SHOWN)
    tasks = Task.objects.select_related("contact").in_bulk([match.task_id for match in found])
    people = team.by_id
    names = {pk: user.display_name for pk, user in people.items()}
    return [
        Waiting(
            tasks[match.task_id],
            people.get(match.choice.person_id or 0),
            why(match),
            match.choice.sentence(names),
        )
        for match in found
        if match.task_id in tasks
    ]


def why(match: Match) -> str:
    """In a few words: why this person, or why nobody."""
    choice = match.choice
    if choice.value is None:
        return str(NOBODY.get(choice.code or "", _("Nobody can take it now")))
    reasons = []
    if choice.value.same == "contact":
        reasons.append(_("knows the contact"))
    elif choice.value.same:
        reasons.append(_("has others of it"))
    if match.skills:
        name, _least, level = max(match.skills, key=lambda skill: skill[2])
        reasons.append(f"{name} {level}/5")
    reasons.append(_("%(load)s loaded") % {"load": percent(choice.load_before)})
    if choice.late:
        reasons.append(_("will be late"))
    return " · ".join(reasons)


NOBODY = {
    choices.NO_SKILLED_PERSON: gettext_lazy("Nobody has the skills"),
    choices.NO_CAPACITY_BEFORE_DUE: gettext_lazy("Nobody has the hours"),
}


def figures(user: User, rows: Sequence[boards.Row], now: datetime) -> list[Figure]:
    """What is due, given out by itself, in time, how fast, and how full the week is; beside last week where known."""
    this, before = weekly.weeks(user.team, now=now)
    fast, was_fast = responses.medians(user.team, now=now)
    return [
        _due(user, now),
        Figure(
            _("Auto-assigned"),
            percent(this.by_itself_share),
            *_points(this.by_itself_share, before.by_itself_share),
            note=_("of %(n)s this week") % {"n": f"{this.assigned:,}"} if this.assigned else _("none given this week"),
        ),
        Figure(
            _("On time"),
            percent(this.on_time_share),
            *_points(this.on_time_share, before.on_time_share),
            note=_("of %(n)s finished this week") % {"n": f"{this.with_due:,}"}
            if this.with_due
            else _("none due was finished"),
        ),
        Figure(_("Median response"), _length(fast), *_faster(fast, was_fast), note=_("from signal to done")),
        _load(user, rows),
    ]


def _due(user: User, now: datetime) -> Figure:
    start = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = (
        Task.objects.visible_to(user)
        .open()
        .filter(due_date__lt=start + timedelta(days=1))
        .aggregate(today=Count("pk", filter=Q(due_date__gte=start)), overdue=Count("pk", filter=Q(due_date__lt=now)))
    )
    overdue = counts["overdue"]
    note = _("%(n)s overdue") % {"n": f"{overdue:,}"} if overdue else _("none overdue")
    return Figure(_("Due today"), f"{counts['today']:,}", note=note, alarm=bool(overdue))


def _load(user: User, rows: Sequence[boards.Row]) -> Figure:
    hours = sum((row.contracted_hours for row in rows), Decimal(0))
    share = 100 * sum((row.used_hours for row in rows), Decimal(0)) / hours if hours else None
    over = sum(row.is_overloaded for row in rows)
    week_ago = timezone.localdate() - timedelta(days=7)
    kept = DailyReport.objects.visible_to(user).filter(on=week_ago)
    before = kept.values_list("data__workload__utilization_rate", flat=True).first()
    note = (
        ngettext("%(n)s person over capacity", "%(n)s people over capacity", over)
        if over
        else _("nobody over capacity")
    )
    change, _tone = _points(share, before)
    return Figure(_("Team load"), percent(share), change, note=note % {"n": over}, alarm=bool(over))


def _points(now: Any, before: Any) -> tuple[str, str]:
    """The difference in points, with its sign and tone; empty where either is not known or nothing changed."""
    if now is None or before is None:
        return "", ""
    change = round(Decimal(str(now)) - Decimal(str(before)))
    if not change:
        return _("as last week"), ""
    return f"{'+' if change > 0 else MINUS}{abs(change)}", "good" if change > 0 else "bad"


MINUS = "\N{MINUS SIGN}"


def _faster(now: timedelta | None, before: timedelta | None) -> tuple[str, str]:
    if now is None or before is None:
        return "", ""
    change = now - before
    if abs(change) < timedelta(minutes=1):
        return _("as last week"), ""
    return f"{'+' if change > timedelta(0) else MINUS}{_length(abs(change))}", "bad" if change > timedelta(
        0
    ) else "good"


def _length(span: timedelta | None) -> str:
    """A length of time in two units at most: 18m, 1h 42m, 3d 4h."""
    if span is None:
        return percent(None)
    minutes = round(span / timedelta(minutes=1))
    if minutes < 60:
        return _("%(n)sm") % {"n": minutes}
    if minutes < 48 * 60:
        return _("%(h)sh %(m)sm") % {"h": minutes // 60, "m": minutes % 60}
    return _("%(d)sd %(h)sh") % {"d": minutes // 1440, "h": minutes % 1440 // 60}


def _columns(rows: Iterable[boards.Row], monday: date) -> list[date]:
    """The days that are shown: a Saturday and a Sunday only where somebody works, or something is due or was done."""
    busy = {cell.on for row in rows for cell in row.cells if cell.hours or cell.tasks or cell.finished}
    days = [monday + timedelta(days=n) for n in range(boards.DAYS)]
    return [on for at, on in enumerate(days) if at < 5 or on in busy]


def _main_skills(users: Iterable[User]) -> dict[int, str]:
    """What each is best at."""
    rows = UserSkill.objects.filter(user__in=list(users)).order_by("level", "-skill__name")
    return dict(rows.values_list("user", "skill__name"))


def monday_of(asked: str) -> date:
    """The Monday of the week that holds the date asked for; of this week for what is no date, or years away."""
    today = timezone.localdate()
    found = _date(asked)
    return _monday(found if found is not None and abs(found - today) < AHEAD else today)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _template(request: Request, part: str) -> str:
    """The part alone by htmx, else on a page of its own."""
    return part if request.htmx else "web/team/panel.html"
