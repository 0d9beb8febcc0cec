"""Rows for tests, with defaults that make sense: a test spells out only what matters to it."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from assignment.models import Suggestion
from automation import backtests, rulebook
from automation.models import (
    AutomationStep,
    Backtest,
    Campaign,
    Enrolment,
    EnrolmentStep,
    Firing,
    ScheduledTaskBatch,
    Sequence,
    StepsVersion,
    TaskAutomationRule,
)
from crm.models import Activity, ActivityConflict, Contact, InboundSource
from jobs.models import Job
from notifications import addresses, gateways
from notifications.models import Address, Delivery, Gateway, Notification
from people.models import SavedView, Skill, Team, TimeOff, User, UserSkill, WorkingSpan
from performance.models import DailyReport, ScoreSnapshot
from webhooks.models import KINDS, Dispatch, Endpoint, Event
from work.models import Assignment, Task, TaskSkill

NOW = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
"""A Wednesday morning, for tests that stop the clock."""

_numbers = count(1)


def number() -> int:
    """A number no other row of this process has had."""
    return next(_numbers)


def make_team(**fields: Any) -> Team:
    team = Team.objects.create(**{"name": f"Team {number()}", "timezone": "UTC"} | fields)
    rulebook.forget(team.pk)  # one of its number, and all its changes of rules, may have been rolled back
    return team


def make_user(*, team: Team | None = None, role: str = User.MEMBER, password: str | None = None, **fields: Any) -> User:
    """A member of a new team, unless said. Without a password nobody can sign in as them, which is fast."""
    name = f"user{number()}"
    user = User(
        **{"username": name, "email": f"{name}@example.org", "team": team or make_team(), "role": role} | fields
    )
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    user.save()
    return user


def make_lead(**fields: Any) -> User:
    return make_user(role=User.LEAD, **fields)


def make_manager(**fields: Any) -> User:
    return make_user(role=User.MANAGER, **fields)


def make_token(user: User, *, scopes: tuple[str, ...] = ("*",), days: int = 365, now: datetime | None = None) -> str:
    """The secret, as it goes behind `Bearer`."""
    from people import tokens

    _, secret = tokens.issue(user, name="test", scopes=scopes, days=days, now=now or datetime.now(UTC))
    return secret


def make_skill(user: User | None = None, *, level: int = 3, **fields: Any) -> Skill:
    """A skill, and the person who has it when one is given."""
    team = fields.pop("team", None) or (user.team if user else make_team())
    name = fields.pop("name", None) or f"Skill {number()}"
    skill, _ = Skill.objects.get_or_create(team=team, name=name, defaults=fields)
    if user is not None:
        UserSkill.objects.create(user=user, skill=skill, level=level)
    return skill


def make_view(user: User, **fields: Any) -> SavedView:
    """What they see of urgent tasks, under a name."""
    defaults = {"page": SavedView.TASKS, "name": f"View {number()}", "query": "priority=urgent"}
    return SavedView.objects.create(user=user, **defaults | fields)


def make_working_week(user: User, *, starts: str = "09:00", ends: str = "17:00", days: range = range(5)) -> None:
    WorkingSpan.objects.bulk_create(WorkingSpan(user=user, weekday=day, starts=starts, ends=ends) for day in days)


def make_time_off(user: User, *, starts_on: Any, ends_on: Any = None, **fields: Any) -> TimeOff:
    return TimeOff.objects.create(user=user, starts_on=starts_on, ends_on=ends_on or starts_on, **fields)


def make_contact(owner: User | None = None, **fields: Any) -> Contact:
    """A lead of a new member, unless an owner or a team is said."""
    if owner is None and "team" not in fields:
        owner = make_user()
    n = number()
    return Contact.objects.create(
        **{"owner": owner, "name": f"Contact {n}", "email": f"contact{n}@example.com"} | fields
    )


def make_contacts(owner: User, count: int, **fields: Any) -> list[Contact]:
    """Many of them in one statement."""
    rows = []
    for n in (number() for _ in range(count)):
        named = {"owner": owner, "team": owner.team, "name": f"Contact {n}", "email": f"contact{n}@example.com"}
        rows.append(Contact(**named | fields))
    return Contact.objects.bulk_create(rows)


def make_activity(contact: Contact | None = None, **fields: Any) -> Activity:
    """An opened mail that waits for the engine."""
    return Activity.objects.create(
        **{"contact": contact or make_contact(), "activity_type": Activity.EMAIL_OPENED} | fields
    )


def make_unmatched(team: Team, *, address: str = "who@nowhere.example", **fields: Any) -> Activity:
    """A reply of somebody nobody knows, which waits for a person to say whose it is."""
    defaults = {"activity_type": Activity.EMAIL_REPLIED, "source": "postmark", "processed_at": NOW}
    return Activity.objects.create(**{"team": team, "data": {"from": address, "subject": "Offer"}} | defaults | fields)


def make_conflict(activity: Activity, **fields: Any) -> ActivityConflict:
    """The same event told a second time with other words."""
    defaults = {"content_hash": f"{number():064}", "data": {"url": "https://other.example"}}
    return ActivityConflict.objects.create(**{"activity": activity} | defaults | fields)


def make_task(assignee: User | None = None, *, skills: dict[Skill, int] | None = None, **fields: Any) -> Task:
    """An open task. With an assignee it comes with the assignment that says so; `skills` are needed levels."""
    owner = fields.pop("owner", None) or assignee
    if owner is None and "team" not in fields and "contact" not in fields:
        owner = make_user()
    task = Task.objects.create(**{"title": f"Task {number()}", "owner": owner, "assignee": assignee} | fields)
    TaskSkill.objects.bulk_create(
        TaskSkill(task=task, skill=skill, min_level=level) for skill, level in (skills or {}).items()
    )
    if assignee is not None:
        make_assignment(task, assignee)
    return task


def make_assignment(task: Task, user: User, **fields: Any) -> Assignment:
    defaults = {
        "method": "manual",
        "assigned_at": task.created_at,
        "due_date": task.due_date,
        "estimated_hours": task.estimated_hours,
    }
    return Assignment.objects.create(task=task, user=user, **defaults | fields)


def make_done_task(user: User, *, at: datetime | None = None, hours: float = 2, **fields: Any) -> Task:
    """A finished task with the assignment that a score counts."""
    at = at or datetime.now(UTC)
    task = make_task(
        **{
            "assignee": user,
            "status": Task.DONE,
            "completed_at": at,
            "estimated_hours": hours,
            "actual_hours": hours,
            "created_at": at - timedelta(days=1),
        }
        | fields
    )
    task.assignments.update(ended_at=at, outcome=Assignment.COMPLETED, actual_hours=task.actual_hours, skill_match=100)
    return task


def make_rule(owner: User | None = None, **fields: Any) -> TaskAutomationRule:
    """Clicked: call within four hours."""
    defaults = {
        "owner": owner or make_user(),
        "name": f"Rule {number()}",
        "trigger_type": TaskAutomationRule.ACTIVITY,
        "trigger_config": {"activity_types": [Activity.EMAIL_CLICKED]},
        "task_title_template": "Call {{contact_name}}",
        "delay_hours": 4,
    }
    return TaskAutomationRule.objects.create(**defaults | fields)


def make_firing(rule: TaskAutomationRule, *, task: Task | None = None, **fields: Any) -> Firing:
    defaults = {
        "trigger_key": f"made:{number()}",  # never the key of an activity, whose numbers begin anywhere
        "outcome": Firing.FIRED,
        "at": datetime.now(UTC),
        "contact": task.contact if task else None,
    }
    return Firing.objects.create(rule=rule, task=task, **defaults | fields)


def make_batch(owner: User | None = None, *, tasks: int = 0, **fields: Any) -> ScheduledTaskBatch:
    """A sequence on a contact, with as many open tasks as asked for."""
    owner = owner or make_user()
    contact = fields.pop("contact", None) or make_contact(owner)
    defaults = {
        "name": "Standard follow-up",
        "kind": ScheduledTaskBatch.SEQUENCE,
        "created_at": datetime.now(UTC),
    }
    batch = ScheduledTaskBatch.objects.create(owner=owner, contact=contact, **defaults | fields)
    for _ in range(tasks):
        make_task(owner, contact=contact, group_key=batch.group_key)
    return batch


def make_job(user: User | None = None, **fields: Any) -> Job:
    """A pending job of a person, or of nobody."""
    at = fields.pop("at", None) or datetime.now(UTC)
    defaults = {
        "key": f"test:{number()}",
        "name": "automation.tasks.update_user_performance_metrics",
        "args": [user.pk] if user else [],
        "run_at": at,
        "send_at": at,
        "created_at": at,
        "user_id": user.pk if user else None,
        "team_id": user.team_id if user else None,
    }
    return Job.objects.create(**defaults | fields)


def make_notification(user: User, **fields: Any) -> Notification:
    defaults = {
        "team": user.team,
        "key": f"test:{number()}",
        "kind": Notification.ASSIGNED,
        "title": "A task is yours",
        "created_at": datetime.now(UTC),
    }
    return Notification.objects.create(user=user, **defaults | fields)


def make_delivery(user: User, **fields: Any) -> Delivery:
    """A mail of a notice that was sent to them."""
    now = datetime.now(UTC)
    defaults = {"id": uuid.uuid4(), "channel": "email", "state": Delivery.SENT, "created_at": now, "due_at": now}
    notification = fields.pop("notification", None) or make_notification(user)
    return Delivery.objects.create(user=user, notification=notification, **defaults | fields)


TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": "1" * 32, "sender": "+15551234567"}


def make_address(user: User, *, channel: str = "chat", service: str = "ntfy", **given: str) -> Address:
    """Where they are reached; a phone number waits for its code."""
    given = given or {"topic": "mine"}
    row = addresses.give(user, channel, service=service, given=given, now=datetime.now(UTC))
    row.refresh_from_db()
    return row


def make_gateway(team: Team, *, channel: str = "sms", service: str = "twilio", **given: str) -> Gateway:
    by = User.objects.filter(team=team).first() or make_manager(team=team)
    return gateways.enter(team, channel, service=service, given=given or TWILIO, by=by, now=datetime.now(UTC))


def make_webhook(team: Team | None = None, **fields: Any) -> Endpoint:
    """An address that wants to hear of everything, with a secret of its own."""
    from people import sealing
    from webhooks import signing

    defaults = {
        "url": "https://hooks.example.org/nextmove",
        "kinds": list(KINDS),
        "secret": sealing.seal(signing.new_secret()),
        "created_at": datetime.now(UTC),
    }
    return Endpoint.objects.create(team=team or make_team(), **defaults | fields)


def make_dispatch(endpoint: Endpoint, **fields: Any) -> Dispatch:
    """A completed task that the endpoint was told of."""
    now = datetime.now(UTC)
    event = Event.objects.create(
        id=uuid.uuid4(),
        team=endpoint.team,
        kind=fields.pop("kind", "task.completed"),
        key=f"test:{number()}",
        subject_id=1,
        data={"id": 1, "path": "/tasks/1", "task": {}},
        at=now,
        created_at=now,
    )
    defaults = {
        "id": uuid.uuid4(),
        "state": Dispatch.SENT,
        "tries": 1,
        "status": 204,
        "created_at": now,
        "sent_at": now,
    }
    return Dispatch.objects.create(event=event, endpoint=endpoint, **defaults | fields)


def make_suggestion(task: Task, *, to: User, **fields: Any) -> Suggestion:
    """Move this task from its holder to another."""
    defaults = {
        "team": task.team,
        "from_user": task.assignee,
        "hours": task.estimated_hours or 1,
        "loads": {"from_before": 120, "from_after": 95, "to_before": 40, "to_after": 65},
        "reason": "The load is uneven",
        "created_at": datetime.now(UTC),
    }
    return Suggestion.objects.create(task=task, to_user=to, **defaults | fields)


def make_score(user: User, **fields: Any) -> ScoreSnapshot:
    now = datetime.now(UTC)
    defaults = {"on": now.date(), "total": 85, "provisional": False, "label": "high", "computed_at": now}
    return ScoreSnapshot.objects.create(user=user, **defaults | fields)


def make_backtest(rule: TaskAutomationRule, *, by: User) -> Backtest:
    """One that is asked for: of the thirty days up to now."""
    now = timezone.now()
    return backtests.ask(rule, start=now - timedelta(days=30), end=now, by=by, now=now)


def make_report(team: Team, *, now: datetime | None = None) -> DailyReport:
    """The team's report of the day, with all its parts."""
    from automation import reporting

    return reporting.make(team, now=now or datetime.now(UTC))


def make_source(team: Team | None = None, **fields: Any) -> InboundSource:
    """An inbound address of a mail provider."""
    return InboundSource.objects.create(
        **{"team": team or make_team(), "provider": "sendgrid", "name": "SendGrid"} | fields
    )


def step(hours: float, **fields: Any) -> dict[str, Any]:
    """A step of a sequence, so many hours after enrolment."""
    return {"title": "Call {{contact_name}}", "delay": {"kind": "elapsed", "hours": hours}} | fields


def make_sequence(owner: User | None = None, *, days: Iterable[float] = (1, 2, 3), **fields: Any) -> Sequence:
    """A sequence of a team's own: tasks one by one on these days, unless said. Checked as the API does."""
    from automation.programmes import sequences

    steps = [step(24 * day, key=f"s{place}") for place, day in enumerate(days, start=1)]
    return sequences.create(owner or make_user(), **{"name": f"Sequence {number()}", "steps": steps} | fields)


def make_campaign(owner: User | None = None, *steps: dict[str, Any], **fields: Any) -> Campaign:
    """A campaign with these steps written as rows by hand: a call after a day, unless said."""
    campaign = Campaign.objects.create(**{"owner": owner or make_manager(), "name": f"Campaign {number()}"} | fields)
    for order, one in enumerate(steps or ({"delay_days": 1},), start=1):
        AutomationStep.objects.create(campaign=campaign, **{"name": "Call {{contact_name}}", "order": order} | one)
    return campaign


def make_enrolment(contact: Contact, sequence: Sequence, *, done: int = 0, **fields: Any) -> Enrolment:
    """Under way: as many of its three steps done as said, each with its task finished, and the next one planned."""
    owner = fields.pop("owner", None) or contact.owner or sequence.owner
    version, _ = StepsVersion.objects.get_or_create(
        sequence=sequence,
        content_hash="test",
        defaults={"number": 1, "content": {"steps": sequence.steps}, "frozen_at": NOW},
    )
    batch = make_batch(owner, contact=contact, sequence=sequence)
    defaults = {
        "team": contact.team,
        "owner": owner,
        "version": version,
        "batch": batch,
        "started_at": NOW,
        "next_step_at": NOW + timedelta(days=done + 1),
        "active_key": f"sequence:{sequence.pk}:{contact.pk}",
        "created_at": NOW,
    }
    enrolment = Enrolment.objects.create(contact=contact, sequence=sequence, **defaults | fields)
    for place in (1, 2, 3):
        task = None
        if place <= done:
            task = make_done_task(owner, at=NOW, contact=contact, group_key=batch.group_key)
        EnrolmentStep.objects.create(
            enrolment=enrolment,
            key=f"s{place}",
            number=place,
            due_at=NOW + timedelta(days=place),
            state=EnrolmentStep.DONE if task else EnrolmentStep.PLANNED,
            at=NOW if task else None,
            task=task,
        )
    return enrolment
