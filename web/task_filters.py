"""What narrows and orders the list of tasks, as it stands in the address."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from people.models import User
from web import mywork, words
from work.models import UNFINISHED, Task, TaskQuerySet

OPEN, ALL = "open", "all"
ME, NOBODY = "me", "none"
NEWEST, BY_DUE = "newest", "due"
OVERDUE, TODAY, WEEK, UNDATED = "overdue", "today", "week", "none"
DUES = {OVERDUE: _("Overdue"), TODAY: _("Due today"), WEEK: _("Due this week"), UNDATED: _("Without a due date")}


@dataclass(frozen=True)
class View:
    """A narrowing people ask for often."""

    label: str | Promise
    query: dict[str, str]

    @property
    def address(self) -> str:
        return f"?{urlencode(self.query)}"


VIEWS = (
    View(_("Open"), {}),
    View(_("Mine"), {"assignee": ME, "sort": BY_DUE}),
    View(_("Overdue"), {"due": OVERDUE, "sort": BY_DUE}),
    View(_("Nobody's"), {"assignee": NOBODY}),
    View(_("Done"), {"status": Task.DONE}),
)


@dataclass(frozen=True)
class Filters:
    status: str = OPEN
    assignee: str = ""
    priority: str = ""
    due: str = ""
    q: str = ""
    sort: str = NEWEST

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """What stands in the address; what is nonsense narrows nothing."""
        assignee = query.get("assignee", "")
        known = assignee in (ME, NOBODY) or (assignee.isdecimal() and len(assignee) < 19)
        return cls(
            status=_one_of(query.get("status"), (ALL, *words.STATUSES), OPEN),
            assignee=assignee if known else "",
            priority=_one_of(query.get("priority"), dict(Task.PRIORITIES), ""),
            due=_one_of(query.get("due"), DUES, ""),
            q=query.get("q", "").strip().replace("\0", "")[:100],
            sort=_one_of(query.get("sort"), (BY_DUE,), NEWEST),
        )

    def given(self) -> dict[str, str]:
        """Those that are not as they are without any."""
        plain = Filters()
        return {name: value for name, value in vars(self).items() if value != getattr(plain, name)}

    def narrow(self, tasks: TaskQuerySet, user: User, now: datetime) -> TaskQuerySet:
        if self.status != ALL:
            tasks = tasks.filter(UNFINISHED if self.status == OPEN else Q(status=self.status))
        if self.assignee:
            holder = None if self.assignee == NOBODY else user.pk if self.assignee == ME else int(self.assignee)
            tasks = tasks.filter(assignee_id=holder)
        if self.priority:
            tasks = tasks.filter(priority=self.priority)
        if self.q:
            tasks = tasks.about(self.q)
        if self.due:
            days = mywork.Days.of(now)
            tasks = tasks.filter(
                {
                    OVERDUE: Q(due_date__lt=now),
                    TODAY: Q(due_date__gte=days.today, due_date__lt=days.tomorrow),
                    WEEK: Q(due_date__lt=days.next_week),
                    UNDATED: Q(due_date=None),
                }[self.due]
            )
        return tasks


def _one_of(asked: str | None, known: Any, otherwise: str) -> str:
    return asked if asked and asked in known else otherwise
