"""The lists of people, contacts and their work, and what comes of it."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Row
from datetime import datetime
from typing import Any

from django.db.models import Case, Q, Value, When

from automation import task_kinds
from automation.exports.tables import Computed, Table, before, equal, identified, yes
from crm import unmatched
from crm.models import Activity, Contact
from learning import estimate_reports
from people import rights
from people.models import Skill, Team, User
from performance import reports, scores
from performance.models import DailyReport, ScoreSnapshot
from work import capacity, lifecycle
from work.models import Task

AT_ONCE = 500


def _tags(tags: Any) -> Any:
    """One tag that holds a comma would be read as two."""
    return f"{tags[0]};" if isinstance(tags, list) and len(tags) == 1 and "," in str(tags[0]) else tags


def _searched(rows: Any, value: str, user: User) -> Any:  # noqa: ARG001
    return rows.found_by(value)


def _with_email(rows: Any, value: str, user: User) -> Any:  # noqa: ARG001
    return rows.with_email(value)


def _tasks(user: User) -> Any:
    """With the contact's address for those who may see the contact: of others' contacts a task says the name alone."""
    seen = Q() if user.leads else Q(contact__owner=user)
    return Task.objects.visible_to(user).annotate(
        contact_address=Case(When(seen & Q(contact__isnull=False), "contact__email"), default=Value(""))
    )


def _status(rows: Any, value: str, user: User) -> Any:  # noqa: ARG001
    if value == "all":
        return rows
    return rows.open() if value == "open" else rows.filter(status=lifecycle.parse_status(value))


def _reports(user: User, now: datetime) -> Iterator[Row[Any]]:  # noqa: ARG001
    for row in DailyReport.objects.visible_to(user).order_by("-pk").iterator(chunk_size=AT_ONCE):
        yield [row.pk, row.on, reports.summary(row.data)]


def _performance(user: User, now: datetime) -> Iterator[Row[Any]]:  # noqa: ARG001
    """Newest kept scores: one's own; leads see everybody's, as on the page."""
    people = User.objects.visible_to(user).active().order_by("username")
    people = people if rights.may(user, "view_team") else people.filter(pk=user.pk)
    kept = {row.user_id: row for row in ScoreSnapshot.objects.visible_to(user).newest_of(people)}
    for person in people:
        score = scores.as_dict(kept[person.pk]) if person.pk in kept else {}
        yield [person.pk, person.display_name, *(score.get(name) for name in SCORE)]


def _estimates(user: User, now: datetime) -> Iterator[Row[Any]]:  # noqa: ARG001
    """How estimates went: of one's own tasks; for leads of the team, its kinds of tasks and its people."""
    told = estimate_reports.told_to(user)
    if told is None:
        return
    report = told.report
    kinds = task_kinds.names(user.team_id, report.kinds)
    people = {person.pk: person.display_name for person in User.objects.visible_to(user).filter(pk__in=report.people)}
    lines = [("team", "", user.team.name, report.workspace)] if report.workspace is not None else []
    lines += [("kind", kind, kinds[kind], bias) for kind, bias in report.kinds.items()]
    lines += [("person", str(pk), people[pk], bias) for pk, bias in report.people.items() if pk in people]
    for group, key, name, bias in lines:
        yield [group, key, name, bias.n, *(round(getattr(bias, part), 3) for part in BIAS)]


BIAS = ["low", "middle", "high", "coverage"]


SCORE = [
    "performance_score", "completion_rate", "on_time_rate", "estimation_accuracy", "workload_balance",
    "skill_utilization", "total_assignments", "completed_assignments",
]  # fmt: skip


def _workload(user: User, now: datetime) -> Iterator[Row[Any]]:
    people = list(User.objects.visible_to(user).active().select_related("team").order_by("username"))
    weeks = capacity.weeks(people, now=now)
    for person in people:
        week = weeks[person.pk].as_dict()
        yield [person.pk, person.display_name, *(week[name] for name in WEEK)]


WEEK = ["max_hours", "used_hours", "available_capacity", "is_overloaded"]


def _unmatched(user: User, now: datetime) -> Iterator[Row[Any]]:  # noqa: ARG001
    for row in unmatched.waiting(user).order_by("-pk").iterator(chunk_size=AT_ONCE):
        yield [row.pk, row.activity_type, row.occurred_at, unmatched.address_of(row), row.source, row.source_key]


PEOPLE_AND_WORK: Mapping[str, Table | Computed] = {
    "contacts": Table(
        "contacts:read",
        lambda user: Contact.objects.visible_to(user),
        {
            "Nextmove id": "pk",
            "Name": "name",
            "E-mail": "email",
            "Phone": "phone",
            "Company": "company",
            "Status": "status",
            "Cadence": "contact_cadence",
            "Next follow-up": "next_follow_up_at",
            "Time zone": "timezone",
            "Score": "lead_score",
            "Tags": "tags",
            "Owner": "owner__username",
            "Do not contact": "do_not_contact",
            "Touch planned": "next_touch_at",
            "Last touch": "last_touch_at",
            "Added": "created_at",
        },
        order=("name", "pk"),
        filters={
            "q": _searched,
            "email": _with_email,
            "status": equal("status", among=[word for word, _ in Contact.STATUSES]),
            "owner_id": identified("owner"),
        },
        shown={"Tags": _tags},
    ),
    "tasks": Table(
        "tasks:read",
        _tasks,
        {
            "Nextmove id": "pk",
            "Title": "title",
            "Description": "description",
            "Priority": "priority",
            "Status": "status",
            "Due": "due_date",
            "Reminder, hours before": "reminder_offset_hours",
            "Contact": "contact_address",
            "Contact name": "contact__name",
            "Assignee": "assignee__username",
            "Owner": "owner__username",
            "Estimated hours": "estimated_hours",
            "Actual hours": "actual_hours",
            "Notes": "notes",
            "Outcome": "outcome",
            "Added": "created_at",
            "Started": "started_at",
            "Completed": "completed_at",
        },
        order=("-pk",),
        filters={
            "status": _status,
            "assignee_id": identified("assignee"),
            "contact_id": identified("contact"),
            "due_before": before("due_date"),
        },
    ),
    "activities": Table(
        "activities:read",
        lambda user: Activity.objects.visible_to(user),
        {
            "Id": "pk",
            "Type": "activity_type",
            "At": "occurred_at",
            "Received": "received_at",
            "Contact id": "contact_id",
            "Contact": "contact__name",
            "Task id": "task_id",
            "By": "actor__username",
            "Source": "source",
            "Key": "source_key",
        },
        order=("-occurred_at", "-pk"),
        filters={
            "contact_id": identified("contact"),
            "task_id": identified("task_id"),
            "activity_type": equal("activity_type"),
        },
    ),
    "unmatched": Computed("activities:read", ["Id", "Type", "At", "Address", "Source", "Key"], _unmatched),
    "conflicts": Table(
        "activities:read",
        unmatched.conflicts,
        {
            "Id": "pk",
            "Received": "received_at",
            "Activity id": "activity_id",
            "Type": "activity__activity_type",
            "At": "activity__occurred_at",
            "Source": "activity__source",
            "Key": "activity__source_key",
            "First": "activity__data",
            "Later": "data",
        },
        order=("-pk",),
    ),
    "users": Table(
        "team:read",
        lambda user: User.objects.visible_to(user),
        {
            "Id": "pk",
            "User name": "username",
            "First name": "first_name",
            "Last name": "last_name",
            "E-mail": "email",
            "Role": "role",
            "Active": "is_active",
            "Time zone": "timezone",
        },
        order=("pk",),
        filters={"is_active": yes("is_active")},
    ),
    "skills": Table(
        "team:read", lambda user: Skill.objects.visible_to(user), {"Id": "pk", "Name": "name"}, order=("name", "pk")
    ),
    "teams": Table(
        "team:read",
        lambda user: Team.objects.visible_to(user),
        {
            "Id": "pk",
            "Name": "name",
            "Time zone": "timezone",
            "Country": "country",
            "Region": "region",
            "Scoring": "scoring",
        },
        order=("pk",),
    ),
    "workload": Computed("workload:read", ["Id", "Person", *WEEK], _workload, right="view_team"),
    "performance": Computed("performance:read", ["Id", "Person", *SCORE], _performance),
    "estimates": Computed("performance:read", ["Group", "Key", "Name", "Tasks", *BIAS], _estimates),
    "reports": Computed("performance:read", ["Id", "On", "Summary"], _reports, right="view_team"),
}
