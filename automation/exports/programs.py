"""The lists of what runs by itself, what it told, and how it is set up. Secrets are in none of them."""

import json
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Row
from datetime import datetime
from typing import Any

from assignment.models import Run
from automation import batches, log
from automation.exports.tables import Computed, Table, before, equal, identified, since, yes
from automation.models import Campaign, Enrolment, Firing, ScheduledTaskBatch, Sequence, TaskAutomationRule
from crm.files.models import Import
from crm.models import InboundForm, InboundSource
from jobs.models import Job
from notifications.models import Delivery, Notification
from people.models import ApiToken, Change, User
from webhooks.models import Dispatch, Endpoint

AT_ONCE = 500


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if value else ""


def _unread(rows: Any, value: str, user: User) -> Any:  # noqa: ARG001
    return rows.unread() if value == "true" else rows


def _log(user: User, now: datetime) -> Iterator[Row[Any]]:
    """All of it, a page at a time."""
    place = None
    while page := log.entries(user, limit=AT_ONCE, now=now, before=place):
        for entry in page:
            yield [entry[name] for name in LOG]
        place = (page[-1]["at"], page[-1]["id"])


LOG = ["id", "at", "kind", "actor", "task_id", "rule_id", "job_id", "outcome", "reason"]


def _batches(user: User, now: datetime) -> Iterator[Row[Any]]:  # noqa: ARG001
    rows = ScheduledTaskBatch.objects.visible_to(user).select_related("owner", "contact").order_by("-pk")
    part = list(rows[:AT_ONCE])
    while part:
        figures = batches.figures(part)
        for row in part:
            done, still = figures[row.pk].done, figures[row.pk].open
            contact = row.contact.name if row.contact is not None else ""
            yield [row.pk, row.name, row.kind, contact, row.owner.username, done + still, done, row.created_at]
        part = list(rows.filter(pk__lt=part[-1].pk)[:AT_ONCE])


def _programme(model: type[Sequence] | type[Campaign]) -> Table:
    columns = {
        "Id": "pk",
        "Name": "name",
        "Description": "description",
        "Active": "is_active",
        "Owner": "owner__username",
        "Added": "created_at",
    }
    return Table("rules:read", lambda user: model.objects.visible_to(user), columns, order=("-pk",))


AUTOMATION: Mapping[str, Table | Computed] = {
    "rules": Table(
        "rules:read",
        lambda user: TaskAutomationRule.objects.visible_to(user),
        {
            "Id": "pk",
            "Name": "name",
            "Trigger": "trigger_type",
            "Title": "task_title_template",
            "Priority": "task_priority",
            "Delay, hours": "delay_hours",
            "Active": "is_active",
            "Scope": "scope",
            "Owner": "owner__username",
            "Times triggered": "times_triggered",
            "Tasks created": "tasks_created",
        },
        order=("pk",),
        filters={"is_active": yes("is_active")},
    ),
    "firings": Table(
        "rules:read",
        lambda user: Firing.objects.visible_to(user).filter(rule__in=TaskAutomationRule.objects.visible_to(user)),
        {
            "Id": "pk",
            "Rule id": "rule_id",
            "Rule": "rule__name",
            "At": "at",
            "Event at": "occurred_at",
            "Contact id": "contact_id",
            "Task id": "task_id",
            "Outcome": "outcome",
            "Reason": "reason",
        },
        order=("-at", "-pk"),
        filters={
            "rule_id": identified("rule"),
            "contact_id": identified("contact"),
            "outcome": equal("outcome", among=(Firing.FIRED, Firing.SUPPRESSED, Firing.FAILED, Firing.WAITING)),
        },
    ),
    "sequences": _programme(Sequence),
    "campaigns": _programme(Campaign),
    "batches": Computed(
        "tasks:read",
        ["Id", "Name", "Kind", "Contact", "Owner", "Tasks", "Completed", "Added"],
        _batches,
    ),
    "enrolments": Table(
        "tasks:read",
        lambda user: Enrolment.objects.visible_to(user),
        {
            "Id": "pk",
            "Contact id": "contact_id",
            "Contact": "contact__name",
            "Sequence": "sequence__name",
            "Campaign": "campaign__name",
            "Owner": "owner__username",
            "State": "state",
            "Started": "started_at",
            "Next step": "next_step_at",
        },
        order=("-pk",),
        filters={
            "contact_id": identified("contact"),
            "sequence_id": identified("sequence"),
            "campaign_id": identified("campaign"),
            "state": equal("state"),
        },
    ),
    "runs": Table(
        "workload:read",
        lambda user: Run.objects.visible_to(user),
        {
            "Id": "pk",
            "State": "state",
            "At": "created_at",
            "Ended": "ended_at",
            "By": "by__username",
            "Value": "value",
            "Bound": "bound",
            "Solver": "solver",
        },
        order=("-created_at", "-pk"),
        right="view_team",
    ),
    "automation-log": Computed("jobs:read", LOG, _log),
    "jobs": Table(
        "jobs:read",
        lambda user: Job.objects.visible_to(user),
        {
            "Id": "pk",
            "Name": "name",
            "State": "state",
            "Due": "run_at",
            "Retries": "retries",
            "Error": "error",
            "Added": "created_at",
            "Done": "done_at",
        },
        order=("-created_at", "-pk"),
        filters={"state": equal("state", among=(Job.PENDING, Job.DONE, Job.DEAD, Job.REVOKED))},
    ),
    "notifications": Table(
        "notifications:read",
        lambda user: Notification.objects.visible_to(user),
        {
            "Id": "pk",
            "Kind": "kind",
            "Title": "title",
            "Text": "body",
            "Task id": "task_id",
            "At": "created_at",
            "Read": "read_at",
        },
        order=("-pk",),
        filters={"unread": _unread},
    ),
    "deliveries": Table(
        "notifications:read",
        lambda user: Delivery.objects.visible_to(user),
        {
            "Id": "pk",
            "Person": "user__username",
            "Kind": "notification__kind",
            "Channel": "channel",
            "State": "state",
            "Reason": "reason",
            "At": "created_at",
            "Sent": "sent_at",
        },
        order=("-created_at", "-pk"),
    ),
    "imports": Table(
        "files:read",
        lambda user: Import.objects.visible_to(user),
        {
            "Id": "pk",
            "File": "file_name",
            "Kind": "kind",
            "State": "state",
            "Rows": "rows",
            "By": "by__username",
            "At": "created_at",
            "Finished": "finished_at",
        },
        order=("-created_at", "-pk"),
        filters={"kind": equal("kind", among=(Import.CONTACTS, Import.TASKS))},
    ),
    "audit": Table(
        "team:read",
        lambda user: Change.objects.visible_to(user),
        {
            "Id": "pk",
            "At": "at",
            "Who": "actor__username",
            "Kind": "kind",
            "Subject id": "subject_id",
            "Subject": "subject",
            "Done": "verb",
            "Before": "before",
            "After": "after",
        },
        order=("-pk",),
        filters={
            "kind": equal("kind"),
            "subject_id": equal("subject_id"),
            "actor_id": identified("actor_id"),
            "since": since("at"),
            "until": before("at"),
        },
        right="manage_team",
        shown={"Before": _as_json, "After": _as_json},
    ),
    "tokens": Table(
        "tokens:read",
        lambda user: ApiToken.objects.visible_to(user),
        {
            "Id": "pk",
            "Name": "name",
            "Begins": "hint",
            "Scopes": "scopes",
            "Added": "created_at",
            "Expires": "expires_at",
            "Last used": "last_used_at",
            "Revoked": "revoked_at",
        },
        order=("-pk",),
    ),
    "webhooks": Table(
        "team:read",
        lambda user: Endpoint.objects.visible_to(user),
        {
            "Id": "pk",
            "Address": "url",
            "Events": "kinds",
            "Active": "is_active",
            "Off because": "off_reason",
            "Failing since": "failing_since",
            "By": "made_by__username",
            "Added": "created_at",
        },
        order=("pk",),
        right="manage_team",
    ),
    "webhook-deliveries": Table(
        "team:read",
        lambda user: Dispatch.objects.visible_to(user),
        {
            "Id": "pk",
            "Webhook id": "endpoint_id",
            "Event id": "event_id",
            "Event": "event__kind",
            "Subject id": "event__subject_id",
            "State": "state",
            "Tries": "tries",
            "Status": "status",
            "Answer": "answer",
            "At": "created_at",
            "Sent": "sent_at",
        },
        order=("-created_at", "-pk"),
        filters={"webhook_id": identified("endpoint"), "state": equal("state", among=Dispatch.STATES)},
        right="manage_team",
    ),
    "sources": Table(
        "team:read",
        lambda user: InboundSource.objects.filter(team_id=user.team_id),
        {
            "Id": "pk",
            "Provider": "provider",
            "Name": "name",
            "Makes contacts": "creates_contacts",
            "To do": "notice",
            "Added": "created_at",
        },
        order=("pk",),
        right="manage_team",
    ),
    "forms": Table(
        "team:read",
        lambda user: InboundForm.objects.filter(team_id=user.team_id),
        {
            "Id": "pk",
            "Name": "name",
            "Active": "is_active",
            "Makes contacts": "creates_contacts",
            "Owner": "owner__username",
            "At most a minute": "rate_per_minute",
            "Traps hit": "trapped",
            "Added": "created_at",
        },
        order=("pk",),
        right="manage_team",
    ),
}
