"""Rows by the hundred thousand for query plans and measurements: one statement a table, the same on both databases."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models

from automation.models import Enrolment, Firing, ScheduledTaskBatch, TaskAutomationRule
from automation.programmes import enrolling
from crm.models import Activity, Contact
from jobs.models import Job
from notifications.models import Notification
from people import hours
from people.models import Team, User
from tests import builders
from work.models import Task

SQL = tuple[str, list[Any]]
DAY = timedelta(days=1)


def fill(contacts: int, *, rules: int = 200, people: int = 20, now: datetime) -> Team:
    """One team with its history, in which nothing is due: contacts, each with an activity, a firing and a job, every
    fifth with a task and a notice of it, every twentieth in a sequence; rules of five kinds.
    """
    owners = [builders.make_manager(), *(builders.make_user() for _ in range(people - 1))]
    team = owners[0].team
    User.objects.filter(pk__in=[one.pk for one in owners]).update(team=team)
    _contacts(owners, contacts, now)
    contact = Contact.objects.filter(team=team).order_by("pk").first()
    assert contact is not None
    made = _rules(owners[0], rules, now)
    _tasks(contact, owners[0], contacts // 5, now)
    _history(contact, made[0], contacts, now)
    _enrolments(contact, contacts // 20, now)
    Team.objects.filter(pk=team.pk).update(calendar_digest=hours.digest(team), followed_zones=[hours.zones(team)])
    return team


def multiply(row: models.Model, count: int, **columns: str | SQL) -> None:
    """Inserts the unsaved row `count` times; a column given as SQL may use `i`, which counts from 0."""
    if hasattr(row, "fill_in"):
        row.fill_in()
    names, expressions, parameters = [], [], []
    for field in row._meta.concrete_fields:
        if field.primary_key and field.attname not in columns:
            continue
        own = columns.get(field.attname)
        sql, values = (own, []) if isinstance(own, str) else own or ("%s", [_stored(row, field)])
        names.append(f'"{field.column}"')
        expressions.append(sql)
        parameters += values
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s) "
            f'INSERT INTO "{row._meta.db_table}" ({", ".join(names)}) SELECT {", ".join(expressions)} FROM n',
            [count, *parameters],
        )


def spread(values: Sequence[Any]) -> SQL:
    """One of the values after the other."""
    stored = [connection.ops.adapt_datetimefield_value(one) if isinstance(one, datetime) else one for one in values]
    cases = " ".join(f"WHEN {place} THEN %s" for place in range(len(stored)))
    return f"CASE i %% {len(stored)} {cases} END", stored


def _stored(row: models.Model, field: Any) -> Any:
    return field.get_db_prep_save(getattr(row, field.attname), connection)


def _contacts(owners: list[User], count: int, now: datetime) -> None:
    """Half of them by cadence, planned; a quarter with a follow-up that a person set; some watched for silence."""
    ahead = [now + day * DAY for day in range(1, 60)]
    row = Contact(team=owners[0].team, owner=owners[0], name="x", contact_cadence="weekly", created_at=now - 90 * DAY)
    multiply(
        row,
        count,
        owner_id=spread([one.pk for one in owners]),
        seen_owner_id=spread([one.pk for one in owners]),
        name="'Contact ' || i",
        email="'volume' || i || '@example.com'",
        next_touch_at=spread(ahead),
        last_activity_at=spread([now - day * DAY for day in range(1, 30)]),
        quiet_at=spread(ahead[5:]),
    )


def _rules(owner: User, count: int, now: datetime) -> list[TaskAutomationRule]:
    configs: list[tuple[str, dict[str, Any]]] = [
        ("activity", {"activity_types": ["email_clicked"]}),
        ("status_change", {"from_status": "lead", "to_status": "active"}),
        ("time", {"cron": "0 9 * * 1", "audience": "contacts"}),
        ("inactivity", {"days": 30}),
        ("overdue", {"what": "task", "after_hours": 24}),
    ]
    made = []
    for number in range(count):
        kind, config = configs[number % len(configs)]
        made.append(builders.make_rule(owner, trigger_type=kind, trigger_config=config, created_at=now - 90 * DAY))
    TaskAutomationRule.objects.filter(owner=owner).update(
        planned_for="planned", planned_at=now - 80 * DAY, next_run_at=now + DAY, seen_active=True
    )
    return made


def _tasks(contact: Contact, owner: User, count: int, now: datetime) -> None:
    """Half of them done; the others due later, with a reminder, by a delay that follows the calendar."""
    due = now + 3 * DAY
    row = Task(
        team=contact.team,
        title="Call",
        owner=owner,
        assignee=owner,
        contact=contact,
        due_date=due,
        due_spec={"delay": {"kind": "business", "days": 3}, "start": now.isoformat()},
        created_at=now - DAY,
    )
    multiply(
        row,
        count,
        contact_id=f"{contact.pk} + 5 * i",
        status=spread(["todo", "done"]),
        remind_at=spread([now + 2 * DAY, now + DAY]),
        group_key="'batch:' || i",
    )


def _history(contact: Contact, rule: TaskAutomationRule, count: int, now: datetime) -> None:
    at = spread([now - day * DAY for day in range(1, 60)])
    activity = Activity(team=contact.team, contact=contact, activity_type="email_opened", processed_at=now - DAY)
    multiply(activity, count, contact_id=f"{contact.pk} + i", occurred_at=at, source_key="'volume:' || i")
    firing = Firing(rule=rule, trigger_key="x", kind="activity", contact=contact, outcome=Firing.FIRED, at=now - DAY)
    multiply(firing, count, contact_id=f"{contact.pk} + i", at=at, trigger_key="'volume:' || i")
    job = Job(name="automation.tasks.assign_task", state=Job.DONE, key="x", run_at=now, send_at=now, created_at=now)
    task = Task.objects.filter(contact__team=contact.team).order_by("pk").first()
    assert task is not None
    notice = Notification(team=contact.team, user=rule.owner, key="x", kind="assigned", task=task, created_at=now - DAY)
    multiply(notice, count // 5, task_id=f"{task.pk} + i", key="'volume:' || i")
    hexes = "'00000000-0000-4000-8000-' || substr('000000000000' || i, length('' || i) + 1)"
    uuid = f"({hexes})::uuid" if connection.vendor == "postgresql" else f"replace({hexes}, '-', '')"
    multiply(job, count, id=uuid, key="'volume:' || i", done_at=at)


def _enrolments(contact: Contact, count: int, now: datetime) -> None:
    """Under way, the next step to come; each fourth paused for ever, its series on the calendar beside it."""
    sequence = builders.make_sequence(contact.owner)
    first = enrolling.enrol(sequence, contact, owner=contact.owner, now=now)
    series = ScheduledTaskBatch(
        owner=first.owner, team=contact.team, name="x", kind="recurring", contact=contact, created_at=now
    )
    ahead = [now + day * DAY for day in range(1, 30)]
    multiply(series, count, contact_id=f"{contact.pk} + 20 * i", next_run_at=spread(ahead))
    row = Enrolment(
        team=contact.team,
        contact=contact,
        owner=first.owner,
        sequence=sequence,
        version=first.version,
        batch=first.batch,
        started_at=now,
        created_at=now,
    )
    multiply(
        row,
        count,
        contact_id=f"{contact.pk} + 20 * i",
        state=spread(["active", "active", "active", "paused"]),
        next_step_at=spread([*ahead[:3], None]),
    )
