"""Who gets what from every endpoint. An endpoint that is missing here fails the last test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from api.urls import api
from assignment import rebalancing, runs
from assignment.models import Suggestion
from automation import experimenting, recurring
from automation.models import Enrolment, ParkedPair
from automation.programmes import enrolling, pausing, sequences
from crm import merge
from crm.files import imports
from crm.models import Activity, ActivityConflict, InboundForm
from learning import lead_models
from notifications import mutes
from notifications.channels import reporting
from people import busy_times
from people.models import User
from tests import builders
from tests.api.conftest import Caller, World
from work import pushing

ROLES = ("member", "lead", "manager", "stranger")


@dataclass(frozen=True)
class Row:
    """What each role is answered. The member owns the contact, the rule and the batch, and holds the task."""

    method: str
    path: str
    scope: str
    member: int
    lead: int
    manager: int
    stranger: int
    fill: Callable[[World], dict[str, Any]] = lambda world: {}
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def user(world: World) -> dict[str, Any]:
    return {"id": world.member.pk}


def colleague(world: World) -> dict[str, Any]:
    return {"id": builders.make_user(team=world.team).pk}


def task(world: World) -> dict[str, Any]:
    return {"id": world.task.pk}


def planned_run(world: World) -> dict[str, Any]:
    return {"id": runs.plan(world.team, now=timezone.now()).pk}


def applied_run(world: World) -> dict[str, Any]:
    return {"id": runs.apply(runs.plan(world.team, now=timezone.now()), now=timezone.now()).pk}


A_TRIAL = {"rule_id": "{rule_id}", "delays_hours": [24, 72], "effect": 0.5, "base": 0.3}


def tried_rule(world: World) -> dict[str, Any]:
    """A rule that was triggered often enough for an experiment."""
    for _ in range(40):
        builders.make_firing(world.rule, contact=builders.make_contact(world.member))
    return {"rule_id": world.rule.pk}


def experiment(world: World) -> dict[str, Any]:
    tried_rule(world)
    trial = {"delays_hours": [24, 72], "effect": 0.5, "base": 0.3}
    return {"id": experimenting.start(world.rule, by=world.member, now=timezone.now(), **trial).pk}


def lead_model(world: World) -> dict[str, Any]:
    made = lead_models.train(world.team, now=timezone.now())
    assert made is not None
    return {"version": made.version}


def contact(world: World) -> dict[str, Any]:
    return {"id": world.contact.pk, "name": world.contact.name}


NTFY = {"service": "ntfy", "fields": {"topic": "mine"}}


def an_address(world: World) -> dict[str, Any]:
    return {"channel": builders.make_address(world.member).channel}


def a_subject(world: World) -> dict[str, Any]:
    return {"subject": f"contact:{builders.make_contact(world.member).pk}"}


def a_mute(world: World) -> dict[str, Any]:
    found = a_subject(world)
    mutes.mute(world.member, found["subject"], now=builders.NOW)
    return found


def a_gateway(world: World) -> dict[str, Any]:
    return {"channel": builders.make_gateway(world.team).channel}


def rule(world: World) -> dict[str, Any]:
    return {"id": world.rule.pk}


def team_rule(world: World) -> dict[str, Any]:
    return {"id": builders.make_rule(world.manager).pk}


def job(world: World) -> dict[str, Any]:
    return {"id": world.job.pk}


def dead_job(world: World) -> dict[str, Any]:
    return {"id": builders.make_job(world.member, state="dead").pk}


def busy(world: World) -> dict[str, Any]:
    """The member reads a calendar."""
    busy_times.connect(world.member, url=A_FEED["url"], by=world.member, now=timezone.now())
    return {}


def pushed(world: World) -> dict[str, Any]:
    """And keeps tasks in one."""
    pushing.connect(world.member, **A_PUSH, shows="todo", by=world.member, now=timezone.now())
    return {}


def skill(world: World) -> dict[str, Any]:
    return {"id": builders.make_skill(team=world.team).pk}


def team(world: World) -> dict[str, Any]:
    return {"id": world.team.pk}


def suggestion(world: World) -> dict[str, Any]:
    return {"id": _suggested(world).pk}


def _suggested(world: World) -> Suggestion:
    builders.make_task(world.member, estimated_hours=60)  # nothing is taken from who is not overloaded
    return builders.make_suggestion(builders.make_task(world.member, estimated_hours=1), to=world.lead)


def applied_suggestion(world: World) -> dict[str, Any]:
    moved = _suggested(world)
    rebalancing.apply(moved, by=world.manager, now=timezone.now())
    return {"id": moved.pk}


def report(world: World) -> dict[str, Any]:
    return {"id": builders.make_report(world.team).pk}


def fresh_contact(world: World) -> dict[str, Any]:
    """One that nothing has happened to, which may be deleted."""
    return {"id": builders.make_contact(world.member).pk}


def other_contact(world: World) -> dict[str, Any]:
    """The member's contact, and another of theirs that may become part of it."""
    return {"id": world.contact.pk, "contact_id": builders.make_contact(world.member).pk}


def exported(world: World) -> dict[str, Any]:
    return {"list": "contacts"}


def brought(world: World) -> dict[str, Any]:
    """The member's file."""
    return {"id": imports.upload(b"Name\nAda\n", by=world.member, kind="contacts", now=timezone.now()).pk}


def merged_contact(world: World) -> dict[str, Any]:
    merge.merge(world.contact, builders.make_contact(world.member), by=world.member, now=timezone.now())
    return {"id": world.contact.pk}


def of_contact(world: World) -> dict[str, Any]:
    return {"contact_id": world.contact.pk}


def hook(world: World) -> dict[str, Any]:
    return {"provider": "sendgrid", "secret": world.source.secret}


def sequence(world: World) -> dict[str, Any]:
    return {"id": builders.make_sequence(world.member).pk, "contact_ids": [world.contact.pk]}


def ready_made(world: World) -> dict[str, Any]:
    return {"id": sequences.preset(world.team, "gentle", owner=world.manager, now=builders.NOW).pk}


def campaign(world: World) -> dict[str, Any]:
    return {"id": builders.make_campaign(world.member).pk, "contact_ids": [world.contact.pk]}


def enrolment(world: World) -> dict[str, Any]:
    made = enrolling.enrol(builders.make_sequence(world.member), world.contact, owner=world.member, now=builders.NOW)
    return {"id": made.pk}


def paused_enrolment(world: World) -> dict[str, Any]:
    values = enrolment(world)
    pausing.pause(Enrolment.objects.get(pk=values["id"]), now=builders.NOW)
    return values


def stopped_enrolment(world: World) -> dict[str, Any]:
    values = enrolment(world)
    pausing.stop(Enrolment.objects.get(pk=values["id"]), by=world.member, now=timezone.now())
    return values


def parked(world: World) -> dict[str, Any]:
    pair = ParkedPair.objects.create(rule=world.rule, contact=world.contact, reason="round and round", at=builders.NOW)
    return {"id": world.rule.pk, "pair_id": pair.pk}


def explained(world: World) -> dict[str, Any]:
    return {"id": world.rule.pk, "contact_id": world.contact.pk}


def series(world: World) -> dict[str, Any]:
    batch, _ = recurring.schedule_recurring(
        world.contact, "weekly", {"title": "Call"}, owner=world.member, now=timezone.now()
    )
    return {"id": batch.pk}


def nobodys(world: World) -> dict[str, Any]:
    row = Activity.objects.create(
        team=world.team, activity_type="email_opened", processed_at=builders.NOW, data={"recipient": "new@example.com"}
    )
    return {"id": row.pk, "contact_id": world.contact.pk}


def contradiction(world: World) -> dict[str, Any]:
    row = ActivityConflict.objects.create(activity=builders.make_activity(world.contact), content_hash="other")
    return {"id": row.pk}


def source(world: World) -> dict[str, Any]:
    return {"id": world.source.pk}


def form(world: World) -> dict[str, Any]:
    made = InboundForm.objects.create(team=world.team, name="Contact us", mapping={"E-Mail": "email"})
    return {"id": made.pk, "key": made.key}


def phone_reports(world: World) -> dict[str, Any]:
    return {"secret": reporting.named(builders.make_gateway(world.team).team_id, "sms")}


def webhook(world: World) -> dict[str, Any]:
    return {"id": builders.make_webhook(world.team).pk}


def dispatch(world: World) -> dict[str, Any]:
    return {"id": builders.make_dispatch(builders.make_webhook(world.team)).pk}


def others_task(world: World) -> dict[str, Any]:
    """A lead's task on the member's contact: the member sees it and holds nothing of it."""
    return {"id": builders.make_task(world.lead, contact=world.contact).pk}


def done_task(world: World) -> dict[str, Any]:
    return {"id": builders.make_done_task(world.member, contact=world.contact).pk}


def free_task(world: World) -> dict[str, Any]:
    return {"id": builders.make_task(owner=world.member).pk, "user_id": world.member.pk}


TO_USER = {"user_id": "{user_id}"}
RULES = "/api/task-automation/rules/"
A_RULE = {"trigger_type": "activity", "trigger_config": {"activity_types": ["call"]}, "task_title_template": "Call"}
SEQUENCES, CAMPAIGNS, ENROLMENTS = (
    f"/api/task-automation/{name}/" for name in ("sequences", "campaigns", "enrolments")
)
A_SEQUENCE = {"name": "Demo", "steps": [{"title": "Call", "delay": {"hours": 24}}]}
A_WEEK = {"start": "2026-06-01T00:00:00Z", "end": "2026-06-08T00:00:00Z"}
A_CAMPAIGN = {"name": "Spring", "steps": [{"name": "Call", "delay_days": 1}]}
THESE = {"contact_ids": "{contact_ids}"}
SUGGESTIONS = "/automation/workload/team/rebalance-suggestions"
A_WEBHOOK = {"url": "https://hooks.example.org/nextmove", "kinds": ["task.completed"]}

A_FEED = {"url": "https://calendar.example.org/mine.ics"}
A_PUSH = {"url": "https://dav.example.org/tasks/", "username": "ada", "password": "lovelace"}
AN_ICS = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"

TABLE = [
    Row("POST", "/automation/tasks/{id}/complete", "tasks:write", 200, 403, 200, 404, task),
    Row("POST", "/automation/tasks/{id}/complete", "tasks:write", 403, 200, 200, 404, others_task),
    Row("PUT", "/automation/tasks/{id}/status", "tasks:write", 200, 403, 200, 404, task, {"status": "in_progress"}),
    Row("PUT", "/automation/tasks/{id}/status", "tasks:write", 200, 403, 200, 404, task, {"status": "Done"}),
    Row("PUT", "/automation/tasks/{id}/outcome", "tasks:write", 200, 403, 200, 404, done_task, {"outcome": "won"}),
    Row("POST", "/automation/tasks/{id}/assign", "tasks:write", 403, 403, 200, 404, task, {}),
    Row("POST", "/automation/tasks/{id}/assign", "tasks:write", 200, 403, 200, 404, free_task, TO_USER),
    Row("POST", "/automation/users/{id}/next-task", "tasks:write", 200, 403, 200, 404, user),
    Row("POST", "/automation/assignments/run", "workload:write", 403, 403, 200, 200, body={"dry_run": True}),
    Row("GET", "/automation/assignments/runs", "workload:read", 403, 200, 200, 200),
    Row("GET", "/automation/assignments/runs/{id}", "workload:read", 403, 200, 200, 404, planned_run),
    Row("POST", "/automation/assignments/runs/{id}/apply", "workload:write", 403, 403, 200, 404, planned_run),
    Row("POST", "/automation/assignments/runs/{id}/undo", "workload:write", 403, 403, 200, 404, applied_run),
    Row("GET", "/automation/performance/user/{id}", "performance:read", 200, 200, 200, 404, user),
    Row("GET", "/automation/performance/user/{id}", "performance:read", 403, 200, 200, 404, colleague),
    Row("GET", "/automation/performance/team", "performance:read", 403, 200, 200, 200),
    Row("GET", "/automation/performance/high-performers", "performance:read", 403, 200, 200, 200),
    Row("GET", "/automation/performance/at-risk", "performance:read", 403, 200, 200, 200),
    Row("GET", "/api/reports", "performance:read", 403, 200, 200, 200),
    Row("GET", "/api/reports/estimates", "performance:read", 200, 200, 200, 200),
    Row("GET", "/api/reports/{id}", "performance:read", 403, 200, 200, 404, report),
    Row("GET", "/api/reports/{id}/html", "performance:read", 403, 200, 200, 404, report),
    Row("GET", "/api/reports/{id}/csv", "performance:read", 403, 200, 200, 404, report),
    Row("GET", "/automation/workload/user/{id}/capacity", "workload:read", 200, 200, 200, 404, user),
    Row("GET", "/automation/workload/user/{id}/capacity", "workload:read", 403, 200, 200, 404, colleague),
    Row("GET", "/automation/workload/team/status", "workload:read", 403, 200, 200, 200),
    Row("GET", SUGGESTIONS, "workload:read", 403, 200, 200, 200),
    Row("POST", f"{SUGGESTIONS}/{{id}}/apply", "workload:write", 403, 403, 200, 404, suggestion),
    Row("POST", f"{SUGGESTIONS}/{{id}}/undo", "workload:write", 403, 403, 200, 404, applied_suggestion),
    Row("POST", f"{SUGGESTIONS}/apply", "workload:write", 403, 403, 200, 200),
    Row("GET", "/automation/jobs/{id}/status", "jobs:read", 200, 200, 200, 404, job),
    Row("POST", "/automation/jobs/{id}/retry", "jobs:write", 403, 403, 202, 404, dead_job),
    Row("POST", "/automation/jobs/{id}/retry", "jobs:write", 403, 403, 409, 404, job),
    Row("POST", "/automation/jobs/{id}/cancel", "jobs:write", 403, 403, 200, 404, job),
    Row("POST", "/automation/jobs/{id}/cancel", "jobs:write", 403, 403, 409, 404, dead_job),
    Row("GET", "/automation/automation-log", "jobs:read", 200, 200, 200, 200),
    Row("GET", RULES, "rules:read", 200, 200, 200, 200),
    Row("POST", RULES, "rules:write", 201, 201, 201, 201, body=A_RULE),
    Row("GET", RULES + "{id}/", "rules:read", 200, 200, 200, 404, rule),
    Row("PUT", RULES + "{id}/", "rules:write", 200, 403, 200, 404, rule, A_RULE),
    Row("PATCH", RULES + "{id}/", "rules:write", 200, 403, 200, 404, rule, {"is_active": False}),
    Row("PATCH", RULES + "{id}/", "rules:write", 403, 403, 200, 404, team_rule, {"is_active": False}),
    Row("DELETE", RULES + "{id}/", "rules:write", 204, 403, 204, 404, rule),
    Row("POST", RULES + "dry-run/", "rules:read", 200, 200, 200, 200, body=A_RULE),
    Row("POST", RULES + "{id}/dry-run", "rules:read", 200, 200, 200, 404, rule, {}),
    Row("POST", RULES + "{id}/dry-run", "rules:read", 403, 200, 200, 404, team_rule, {}),
    Row("POST", RULES + "{id}/backtest", "rules:read", 200, 200, 200, 404, rule, A_WEEK),
    Row("POST", RULES + "{id}/explain", "rules:read", 200, 200, 200, 404, explained, {"contact_id": "{contact_id}"}),
    Row("POST", RULES + "{id}/activate", "rules:write", 200, 403, 200, 404, rule, {}),
    Row("GET", RULES + "{id}/firings", "rules:read", 200, 200, 200, 404, rule),
    Row("GET", RULES + "{id}/versions", "rules:read", 200, 200, 200, 404, rule),
    Row("GET", RULES + "{id}/parked", "rules:read", 200, 200, 200, 404, rule),
    Row("POST", RULES + "{id}/parked/{pair_id}/release", "rules:write", 200, 403, 200, 404, parked),
    Row("GET", "/api/task-automation/triggers/", "rules:read", 200, 200, 200, 200),
    Row("GET", "/api/task-automation/conditions/fields/", "rules:read", 200, 200, 200, 200),
    Row("POST", "/api/task-automation/conditions/check/", "rules:read", 200, 200, 200, 200, body={"source": ""}),
    Row("GET", "/api/task-automation/export", "rules:read", 200, 200, 200, 200),
    Row("POST", "/api/task-automation/import", "rules:write", 200, 200, 200, 200, body={"document": "nextmove: 1"}),
    Row("POST", "/api/task-automation/batches/{id}/end", "tasks:write", 200, 403, 200, 404, series),
    Row("GET", "/api/unmatched", "activities:read", 200, 200, 200, 200),
    Row("POST", "/api/unmatched/{id}/attach", "activities:write", 404, 200, 200, 404, nobodys, {
        "contact_id": "{contact_id}",
    }),
    Row("POST", "/api/unmatched/{id}/dismiss", "activities:write", 404, 204, 204, 404, nobodys),
    Row("GET", "/api/conflicts", "activities:read", 200, 200, 200, 200),
    Row("POST", "/api/conflicts/{id}/dismiss", "activities:write", 204, 204, 204, 404, contradiction),
    Row("GET", "/api/sources", "team:read", 403, 403, 200, 200),
    Row("POST", "/api/sources", "team:write", 403, 403, 201, 201, body={"provider": "mailgun", "name": "Mail"}),
    Row("GET", "/api/sources/{id}", "team:read", 403, 403, 200, 404, source),
    Row("PATCH", "/api/sources/{id}", "team:write", 403, 403, 200, 404, source, {"name": "Mail"}),
    Row("DELETE", "/api/sources/{id}", "team:write", 403, 403, 204, 404, source),
    Row("POST", "/api/sources/{id}/renew", "team:write", 403, 403, 200, 404, source),
    Row("GET", "/api/forms", "team:read", 403, 403, 200, 200),
    Row("POST", "/api/forms", "team:write", 403, 403, 201, 201, body={"name": "Contact us"}),
    Row("GET", "/api/forms/{id}", "team:read", 403, 403, 200, 404, form),
    Row("PATCH", "/api/forms/{id}", "team:write", 403, 403, 200, 404, form, {"name": "Ask us"}),
    Row("DELETE", "/api/forms/{id}", "team:write", 403, 403, 204, 404, form),
    Row("GET", "/api/webhooks", "team:read", 403, 403, 200, 200),
    Row("POST", "/api/webhooks", "team:write", 403, 403, 201, 201, body=A_WEBHOOK),
    Row("GET", "/api/webhooks/{id}", "team:read", 403, 403, 200, 404, webhook),
    Row("PATCH", "/api/webhooks/{id}", "team:write", 403, 403, 200, 404, webhook, {"is_active": False}),
    Row("DELETE", "/api/webhooks/{id}", "team:write", 403, 403, 204, 404, webhook),
    Row("POST", "/api/webhooks/{id}/rotate-secret", "team:write", 403, 403, 200, 404, webhook),
    Row("POST", "/api/webhooks/{id}/test", "team:write", 403, 403, 202, 404, webhook),
    Row("GET", "/api/webhooks/{id}/deliveries", "team:read", 403, 403, 200, 404, webhook),
    Row("POST", "/api/webhooks/deliveries/{id}/resend", "team:write", 403, 403, 202, 404, dispatch),
    Row("GET", "/api/me/busy-times", "team:read", 200, 404, 404, 404, busy),
    Row("PUT", "/api/me/busy-times", "team:write", 200, 200, 200, 200, body=A_FEED),
    Row("PUT", "/api/me/busy-times/file", "team:write", 200, 200, 200, 200, body=AN_ICS),
    Row("POST", "/api/me/busy-times/read", "team:write", 202, 404, 404, 404, busy),
    Row("DELETE", "/api/me/busy-times", "team:write", 204, 404, 404, 404, busy),
    Row("GET", "/api/me/calendar-push", "team:read", 200, 404, 404, 404, pushed),
    Row("PUT", "/api/me/calendar-push", "team:write", 200, 200, 200, 200, body=A_PUSH),
    Row("POST", "/api/me/calendar-push/now", "team:write", 202, 404, 404, 404, pushed),
    Row("DELETE", "/api/me/calendar-push", "team:write", 204, 404, 404, 404, pushed),
    Row("GET", "/api/teams/{id}/hours", "team:read", 200, 200, 200, 404, team),
    Row("PUT", "/api/teams/{id}/hours", "team:write", 403, 403, 200, 404, team, {"days_off": []}),
    Row("GET", "/api/users/{id}/hours", "team:read", 200, 200, 200, 404, user),
    Row("PUT", "/api/users/{id}/hours", "team:write", 200, 403, 200, 404, user, {"time_off": []}),
    Row("POST", "/api/task-automation/schedule-sequence/", "tasks:write", 201, 201, 201, 422, of_contact, {
        "contact_id": "{contact_id}", "sequence_type": "gentle",
    }),
    Row("POST", "/api/task-automation/schedule-recurring/", "tasks:write", 201, 201, 201, 422, of_contact, {
        "contact_id": "{contact_id}", "cadence": "weekly", "task_template": {"title": "Call"},
    }),
    Row("GET", "/api/task-automation/stats/", "rules:read", 200, 200, 200, 200),
    Row("GET", SEQUENCES, "rules:read", 200, 200, 200, 200),
    Row("POST", SEQUENCES, "rules:write", 201, 201, 201, 201, body=A_SEQUENCE),
    Row("GET", SEQUENCES + "{id}/", "rules:read", 200, 200, 200, 404, sequence),
    Row("PUT", SEQUENCES + "{id}/", "rules:write", 200, 403, 200, 404, sequence, A_SEQUENCE),
    Row("PATCH", SEQUENCES + "{id}/", "rules:write", 200, 403, 200, 404, sequence, {"is_active": False}),
    Row("PATCH", SEQUENCES + "{id}/", "rules:write", 409, 409, 409, 404, ready_made, {"is_active": False}),
    Row("DELETE", SEQUENCES + "{id}/", "rules:write", 204, 403, 204, 404, sequence),
    Row("POST", SEQUENCES + "{id}/copy", "rules:write", 201, 201, 201, 404, ready_made, {}),
    Row("POST", SEQUENCES + "{id}/preview", "tasks:read", 200, 200, 200, 404, sequence, THESE),
    Row("POST", SEQUENCES + "{id}/enrol", "tasks:write", 201, 201, 201, 404, sequence, THESE),
    Row("POST", SEQUENCES + "{id}/migrate-preview", "rules:read", 200, 200, 200, 404, sequence, {}),
    Row("POST", SEQUENCES + "{id}/migrate", "rules:write", 200, 403, 200, 404, sequence, {}),
    Row("GET", CAMPAIGNS, "rules:read", 200, 200, 200, 200),
    Row("POST", CAMPAIGNS, "rules:write", 201, 201, 201, 201, body=A_CAMPAIGN),
    Row("GET", CAMPAIGNS + "{id}/", "rules:read", 200, 200, 200, 404, campaign),
    Row("PUT", CAMPAIGNS + "{id}/", "rules:write", 200, 403, 200, 404, campaign, A_CAMPAIGN),
    Row("PATCH", CAMPAIGNS + "{id}/", "rules:write", 200, 403, 200, 404, campaign, {"is_active": False}),
    Row("DELETE", CAMPAIGNS + "{id}/", "rules:write", 204, 403, 204, 404, campaign),
    Row("POST", CAMPAIGNS + "{id}/preview", "tasks:read", 200, 200, 200, 404, campaign, THESE),
    Row("POST", CAMPAIGNS + "{id}/enrol", "tasks:write", 201, 201, 201, 404, campaign, THESE),
    Row("POST", CAMPAIGNS + "{id}/migrate-preview", "rules:read", 200, 200, 200, 404, campaign, {}),
    Row("POST", CAMPAIGNS + "{id}/migrate", "rules:write", 200, 403, 200, 404, campaign, {}),
    Row("GET", ENROLMENTS, "tasks:read", 200, 200, 200, 200),
    Row("GET", ENROLMENTS + "{id}/", "tasks:read", 200, 200, 200, 404, enrolment),
    Row("POST", ENROLMENTS + "{id}/pause", "tasks:write", 200, 200, 200, 404, enrolment, {}),
    Row("POST", ENROLMENTS + "{id}/resume", "tasks:write", 200, 200, 200, 404, paused_enrolment),
    Row("POST", ENROLMENTS + "{id}/stop", "tasks:write", 200, 200, 200, 404, enrolment),
    Row("POST", ENROLMENTS + "{id}/undo", "tasks:write", 200, 200, 200, 404, stopped_enrolment),
    Row("GET", "/api/task-automation/batches/", "tasks:read", 200, 200, 200, 200),
    Row("GET", "/api/activities", "activities:read", 200, 200, 200, 200),
    Row("POST", "/api/activities", "activities:write", 202, 202, 202, 422, of_contact, {
        "contact_id": "{contact_id}", "activity_type": "call",
    }),
    Row("GET", "/api/contacts", "contacts:read", 200, 200, 200, 200),
    Row("POST", "/api/contacts", "contacts:write", 201, 201, 201, 201, body={"name": "Ada"}),
    Row("GET", "/api/contacts/{id}", "contacts:read", 200, 200, 200, 404, contact),
    Row("PATCH", "/api/contacts/{id}", "contacts:write", 200, 200, 200, 404, contact, {"name": "Ada"}),
    Row("DELETE", "/api/contacts/{id}", "contacts:write", 204, 403, 204, 404, fresh_contact),
    Row("POST", "/api/contacts/{id}/merge", "contacts:write", 201, 403, 201, 404, other_contact, {
        "contact_id": "{contact_id}",
    }),
    Row("GET", "/api/contacts/{id}/merges", "contacts:read", 200, 200, 200, 404, contact),
    Row("POST", "/api/contacts/{id}/unmerge", "contacts:write", 200, 403, 200, 404, merged_contact, {}),
    Row("GET", "/api/exports/{list}", "files:read contacts:read", 200, 200, 200, 200, exported),
    Row("GET", "/api/imports", "files:read", 200, 200, 200, 200),
    Row("POST", "/api/imports", "files:write contacts:write", 415, 415, 415, 415),  # without a file
    Row("GET", "/api/imports/{id}", "files:read contacts:read", 200, 404, 200, 404, brought),
    Row("PUT", "/api/imports/{id}/mapping", "files:write contacts:write", 200, 404, 200, 404, brought, {
        "mapping": {"Name": "name"},
    }),
    Row("POST", "/api/imports/{id}/check", "files:write contacts:write", 200, 404, 200, 404, brought),
    Row("POST", "/api/imports/{id}/run", "files:write contacts:write", 202, 404, 202, 404, brought),
    Row("POST", "/api/imports/{id}/cancel", "files:write contacts:write", 200, 404, 200, 404, brought),
    Row("POST", "/api/contacts/{id}/opt-out", "contacts:write", 200, 200, 200, 404, contact, {}),
    Row("POST", "/api/contacts/{id}/opt-in", "contacts:write", 200, 200, 200, 404, contact, {"note": "Asked for it"}),
    Row("POST", "/api/contacts/{id}/erase", "contacts:write", 403, 403, 200, 404, contact, {"confirm": "{name}"}),
    Row("GET", "/api/contacts/{id}/best-time", "contacts:read", 200, 200, 200, 404, contact),
    Row("GET", "/api/contacts/{id}/score", "contacts:read", 200, 200, 200, 404, contact),
    Row("GET", "/api/tasks/{id}/forecast", "tasks:read", 200, 200, 200, 404, task),
    Row("GET", "/api/learning", "team:read", 200, 200, 200, 200),
    Row("PATCH", "/api/learning", "team:write", 403, 403, 200, 200, body={"times": False}),
    Row("GET", "/api/experiments", "rules:read", 200, 200, 200, 200),
    Row("POST", "/api/experiments/plan", "rules:write", 200, 403, 200, 404, tried_rule, A_TRIAL),
    Row("POST", "/api/experiments", "rules:write", 201, 403, 201, 404, tried_rule, A_TRIAL),
    Row("GET", "/api/experiments/{id}", "rules:read", 200, 200, 200, 404, experiment),
    Row("POST", "/api/experiments/{id}/stop", "rules:write", 200, 403, 200, 404, experiment),
    Row("POST", "/api/experiments/{id}/adopt", "rules:write", 200, 403, 200, 404, experiment, {"arm": 1}),
    Row("GET", "/api/lead-models", "team:read", 403, 200, 200, 200),
    Row("GET", "/api/lead-models/{version}", "team:read", 403, 200, 200, 404, lead_model),
    Row("POST", "/api/lead-models/train", "team:write", 403, 403, 201, 201),
    Row("POST", "/api/lead-models/{version}/activate", "team:write", 403, 403, 200, 404, lead_model),
    Row("POST", "/api/lead-models/release", "team:write", 403, 403, 200, 404, lead_model),
    Row("GET", "/api/tasks", "tasks:read", 200, 200, 200, 200),
    Row("POST", "/api/tasks", "tasks:write", 201, 201, 201, 201, body={"title": "Call"}),
    Row("GET", "/api/tasks/{id}", "tasks:read", 200, 200, 200, 404, task),
    Row("PATCH", "/api/tasks/{id}", "tasks:write", 200, 403, 200, 404, task, {"title": "Call"}),
    Row("DELETE", "/api/tasks/{id}", "tasks:write", 204, 403, 204, 404, task),
    Row("GET", "/api/tasks/{id}/comments", "tasks:read", 200, 200, 200, 404, task),
    Row("POST", "/api/tasks/{id}/comments", "tasks:write", 201, 201, 201, 404, task, {"text": "Called twice"}),
    Row("GET", "/api/users", "team:read", 200, 200, 200, 200),
    Row("POST", "/api/users", "team:write", 403, 403, 201, 201, body={"username": "newcomer"}),
    Row("GET", "/api/users/{id}", "team:read", 200, 200, 200, 404, user),
    Row("PATCH", "/api/users/{id}", "team:write", 403, 403, 200, 404, user, {"first_name": "Ada"}),
    Row("DELETE", "/api/users/{id}", "team:write", 403, 403, 204, 404, user),
    Row("GET", "/api/teams", "team:read", 200, 200, 200, 200),
    Row("POST", "/api/teams", "team:write", 403, 403, 403, 403, body={"name": "Support"}),
    Row("DELETE", "/api/teams/{id}", "team:write", 403, 403, 403, 404, team),
    Row("GET", "/api/teams/{id}", "team:read", 200, 200, 200, 404, team),
    Row("PATCH", "/api/teams/{id}", "team:write", 403, 403, 200, 404, team, {"name": "Sales"}),
    Row("GET", "/api/skills", "team:read", 200, 200, 200, 200),
    Row("POST", "/api/skills", "team:write", 403, 403, 201, 201, body={"name": "Patience"}),
    Row("GET", "/api/skills/{id}", "team:read", 200, 200, 200, 404, skill),
    Row("PATCH", "/api/skills/{id}", "team:write", 403, 403, 200, 404, skill, {"name": "Patience"}),
    Row("DELETE", "/api/skills/{id}", "team:write", 403, 403, 204, 404, skill),
    Row("GET", "/api/tokens", "tokens:read", 200, 200, 200, 200),
    Row("POST", "/api/tokens", "tokens:write", 201, 201, 201, 201, body={"name": "shop", "scopes": ["tokens:write"]}),
    Row("DELETE", "/api/tokens/{id}", "tokens:write", 204, 404, 404, 404, lambda world: own_token(world.member)),
    Row("GET", "/api/audit", "team:read", 403, 403, 200, 200),
    Row("GET", "/api/me", "", 200, 200, 200, 200),
    Row("GET", "/api/notifications", "notifications:read", 200, 200, 200, 200),
    Row("GET", "/api/notifications/deliveries", "notifications:read", 200, 200, 200, 200),
    Row("GET", "/api/notifications/deliveries/{id}", "notifications:read", 200, 404, 200, 404, lambda world: {
        "id": builders.make_delivery(world.member).pk
    }),
    Row("POST", "/api/notifications/test", "notifications:write", 201, 409, 409, 409, an_address, {"channel": "chat"}),
    Row("GET", "/api/notifications/addresses/{channel}", "notifications:read", 200, 404, 404, 404, an_address),
    Row("PUT", "/api/notifications/addresses/{channel}", "notifications:write", 200, 200, 200, 200, an_address, NTFY),
    Row("DELETE", "/api/notifications/addresses/{channel}", "notifications:write", 204, 404, 404, 404, an_address),
    Row("POST", "/api/notifications/addresses/{channel}/confirm", "notifications:write", 200, 404, 404, 404, an_address,
        {"code": "123456"}),
    Row("GET", "/api/notifications/gateways/{channel}", "notifications:read", 403, 403, 200, 404, a_gateway),
    Row("PUT", "/api/notifications/gateways/{channel}", "notifications:write", 403, 403, 200, 200, a_gateway, {
        "service": "twilio", "fields": builders.TWILIO
    }),
    Row("DELETE", "/api/notifications/gateways/{channel}", "notifications:write", 403, 403, 204, 404, a_gateway),
    Row("GET", "/api/notifications/preferences", "notifications:read", 200, 200, 200, 200),
    Row("PUT", "/api/notifications/preferences", "notifications:write", 200, 200, 200, 200, body={"quiet_hours": None}),
    Row("GET", "/api/notifications/mutes", "notifications:read", 200, 200, 200, 200),
    Row("PUT", "/api/notifications/mutes/{subject}", "notifications:write", 200, 200, 200, 404, a_subject),
    Row("DELETE", "/api/notifications/mutes/{subject}", "notifications:write", 204, 404, 404, 404, a_mute),
    Row("POST", "/api/notifications/read", "notifications:write", 200, 200, 200, 200),
    Row("POST", "/api/notifications/{id}/read", "notifications:write", 200, 404, 404, 404, lambda world: {
        "id": builders.make_notification(world.member).pk
    }),
]  # fmt: skip

OPEN = [
    Row("POST", "/hooks/mail/{provider}/{secret}", "", 202, 202, 202, 202, hook, []),
    Row("POST", "/hooks/mail/{provider}/{secret}/inbound", "", 400, 400, 400, 400, hook, []),
    Row("POST", "/hooks/messages/{secret}", "", 403, 403, 403, 403, phone_reports, {}),
    Row("POST", "/hooks/forms/{key}", "", 202, 202, 202, 202, form, {"E-Mail": "ada@example.com"}),
]


def own_token(user: User) -> dict[str, Any]:
    builders.make_token(user)
    return {"id": user.tokens.latest("pk").pk}


def ask(row: Row, caller: Caller, values: dict[str, Any]) -> Any:
    body = row.body
    if isinstance(body, dict):
        body = {name: values[value.strip("{}")] if _is_place(value) else value for name, value in body.items()}
    return caller(row.method, row.path.format(**values), body)


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("{")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", TABLE, ids=str)
def test_each_role_gets_what_the_table_says(row: Row, role: str, world: World) -> None:
    scopes = tuple(row.scope.split()) or ("tasks:read",)
    response = ask(row, Caller(getattr(world, role), scopes=scopes), row.fill(world))
    assert response.status_code == getattr(row, role), response.content
    if response.status_code == 403:
        assert any(word in response.json()["detail"] for word in ("manage_team", "view_team", "superuser"))


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_nobody_and_the_wrong_scope_get_nothing(row: Row, world: World) -> None:
    values = row.fill(world)
    refused = ask(row, Caller(), values)
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")
    for needed in row.scope.split():
        others = [scope for scope in row.scope.split() if scope != needed]
        others.append("jobs:read" if not needed.startswith("jobs:") else "tasks:read")
        refused = ask(row, Caller(world.manager, scopes=tuple(others)), values)
        assert refused.status_code == 403
        assert needed in refused.json()["detail"]


@pytest.mark.parametrize("row", OPEN, ids=str)
def test_what_is_open_needs_no_token(row: Row, world: World) -> None:
    assert ask(row, Caller(), row.fill(world)).status_code == row.member


def test_reading_alone_is_no_right_to_write(world: World) -> None:
    reader = Caller(world.member, scopes=("tasks:read",))
    assert reader.post(f"/automation/tasks/{world.task.pk}/complete").status_code == 403
    writer = Caller(world.member, scopes=("tasks:write",))
    assert writer.get(f"/api/tasks/{world.task.pk}").status_code == 200


def test_every_endpoint_is_in_the_table() -> None:
    documented = {
        (method.upper(), path) for path, methods in api.get_openapi_schema()["paths"].items() for method in methods
    }
    assert documented == {(row.method, row.path) for row in TABLE + OPEN}


def test_superusers_make_and_remove_teams(world: World) -> None:
    admin = builders.make_manager(team=world.team, is_superuser=True)
    made = Caller(admin)("POST", "/api/teams", {"name": "Support", "timezone": "Asia/Tokyo"})
    assert made.status_code == 201, made.content
    assert Caller(admin)("DELETE", f"/api/teams/{made.json()['id']}", None).status_code == 204
    assert Caller(admin)("DELETE", f"/api/teams/{world.team.pk}", None).status_code == 409, "people are in it"
