"""The demo workspace: a sales team of eight with two months of history, alike on every installation.

Rows of the past are written as they would stand today, in bulk; nothing of them is processed again or told to anybody.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from faker import Faker

from automation import rules
from automation.models import Firing, RuleVersion, TaskAutomationRule
from crm.models import Activity, Contact, InboundSource
from domain import matching
from people.models import Skill, Team, TimeOff, User, UserSkill, WorkingSpan
from performance import scores
from work.models import Assignment, Task, TaskSkill

SEED = 7
DAYS = 60
CONTACTS = 200
TEAM_NAME = "Northbeam Sales"
SKILLS = ("Cold calls", "Negotiation", "Product demo", "Onboarding", "Technical", "Spanish")
PEOPLE: tuple[tuple[str, str, str, dict[str, int]], ...] = (
    ("Lena", "Vogel", User.LEAD, {"Negotiation": 5, "Cold calls": 4, "Product demo": 3}),
    ("Priya", "Nair", User.MEMBER, {"Product demo": 5, "Technical": 4, "Onboarding": 3}),
    ("Tomás", "Rivera", User.MEMBER, {"Spanish": 5, "Cold calls": 4, "Negotiation": 2}),
    ("Aisha", "Bello", User.MEMBER, {"Onboarding": 5, "Product demo": 3}),
    ("Jonas", "Lindqvist", User.MEMBER, {"Technical": 5, "Product demo": 4}),
    ("Mei", "Tanaka", User.MEMBER, {"Cold calls": 5, "Negotiation": 3}),
    ("Sam", "Okafor", User.MEMBER, {"Cold calls": 3, "Onboarding": 4, "Spanish": 2}),
)
MANAGER_SKILLS = {"Negotiation": 4, "Product demo": 3}
CLICK_RULE = "Link clicked: call within 4 hours"
RULES: tuple[dict[str, Any], ...] = (
    {
        "name": CLICK_RULE,
        "trigger_type": "activity",
        "trigger_config": {"activity_types": [Activity.EMAIL_CLICKED]},
        "task_title_template": "Call {{contact_name}} about the link they clicked",
        "task_description_template": "{{contact_name}} followed a link. What do they want? {{contact_email}}",
        "task_priority": Task.HIGH,
        "delay_hours": Decimal(4),
        "reminder_offset_hours": Decimal(1),
        "assign": "best_match",
        "required_skills": [{"skill": "Cold calls", "level": 2}],
        "estimated_hours": Decimal("0.5"),
    },
    {
        "name": "Form sent: answer within an hour",
        "trigger_type": "activity",
        "trigger_config": {"activity_types": [Activity.FORM_SUBMITTED]},
        "task_title_template": "Answer {{contact_name}}\u2019s form",
        "task_priority": Task.URGENT,
        "delay_hours": Decimal(1),
        "assign": "best_match",
        "estimated_hours": Decimal("0.5"),
    },
    {
        "name": "New customer: onboarding call",
        "trigger_type": "status_change",
        "trigger_config": {"from_status": Contact.LEAD, "to_status": Contact.ACTIVE},
        "task_title_template": "Onboard {{contact_name}}",
        "task_description_template": "Send the welcome mail and agree on a kick-off call.",
        "task_priority": Task.URGENT,
        "delay_hours": Decimal(2),
        "assign": "best_match",
        "required_skills": [{"skill": "Onboarding", "level": 3}],
        "estimated_hours": Decimal("1.5"),
    },
    {
        "name": "Reply received: answer the same day",
        "trigger_type": "activity",
        "trigger_config": {"activity_types": [Activity.EMAIL_REPLIED]},
        "task_title_template": "Reply to {{contact_name}}",
        "task_priority": Task.HIGH,
        "delay_hours": Decimal(8),
        "estimated_hours": Decimal("0.5"),
    },
    {
        "name": "Mail opened: have a look",
        "trigger_type": "activity",
        "trigger_config": {"activity_types": [Activity.EMAIL_OPENED]},
        "task_title_template": "See whether {{contact_name}} is ready for a call",
        "task_priority": Task.LOW,
        "delay_hours": Decimal(24),
        "is_active": False,
    },
)
BY_HAND = (
    ("Prepare a demo for {name}", "Product demo", 3, Decimal(2)),
    ("Send {name} the proposal", None, 0, Decimal("1.5")),
    ("Negotiate the renewal with {name}", "Negotiation", 3, Decimal(2)),
    ("Answer {name}\u2019s security questions", "Technical", 3, Decimal("2.5")),
    ("Quarterly review with {name}", None, 0, Decimal(1)),
    ("Clear up the invoice with {name}", None, 0, Decimal("0.5")),
)
SHARES = (5, 8, 10, 7, 6, 20, 9, 8)
"""Open tasks of this week, person by person: the sixth has too much."""
HISTORY = (
    (Activity.EMAIL_OPENED, 46),
    (Activity.EMAIL_CLICKED, 18),
    (Activity.EMAIL_REPLIED, 9),
    (Activity.FORM_SUBMITTED, 5),
    (Activity.CALL, 14),
    (Activity.NOTE, 8),
)


@dataclass
class Workspace:
    """What is being filled, and the one source of chance."""

    team: Team
    now: datetime
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 (not for secrets)
    people: list[User] = field(default_factory=list)
    skills: dict[str, Skill] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    rules: list[TaskAutomationRule] = field(default_factory=list)


def is_empty() -> bool:
    """Whether nobody has put anything into this installation yet."""
    return not Contact.objects.exists() and not Task.objects.exists()


def fill(*, now: datetime, manager: User | None = None) -> dict[str, Any]:
    """Fills the default team, in one transaction. `manager` (else the first superuser) joins it as the eighth.

    Returns what was made, and the address that SendGrid's event webhook may post to.
    """
    with transaction.atomic():
        team = Team.objects.default()
        Team.objects.filter(pk=team.pk).update(name=TEAM_NAME)
        team.refresh_from_db()
        space = Workspace(team, now)
        _people(space, manager or User.objects.filter(is_superuser=True).order_by("pk").first())
        _contacts(space)
        _rules(space)
        activities = _activities(space)
        tasks = _tasks(space, activities)
        source = InboundSource.objects.create(team=team, provider="sendgrid", name="SendGrid", created_at=now)
        for rule in space.rules:
            rules.rebuild_counters(rule)
        scores.recompute_team(team, now=now)
    return {
        "people": len(space.people),
        "contacts": len(space.contacts),
        "activities": len(activities),
        "tasks": len(tasks),
        "rules": len(space.rules),
        "sendgrid_path": f"/hooks/mail/sendgrid/{source.secret}",
    }


def _people(space: Workspace, manager: User | None) -> None:
    space.skills = {name: Skill.objects.create(team=space.team, name=name) for name in SKILLS}
    if manager is not None:
        manager.team, manager.role = space.team, User.MANAGER
        manager.first_name, manager.last_name = manager.first_name or "Maya", manager.last_name or "Chen"
        manager.save()
        space.people.append(manager)
    levels = {manager.pk: MANAGER_SKILLS} if manager else {}
    for first, last, role, skills in PEOPLE:
        user = User(
            username=slugify(first),
            first_name=first,
            last_name=last,
            role=role,
            team=space.team,
            email=f"{slugify(first)}@northbeam.example",
            date_joined=space.now - timedelta(days=400),
        )
        user.set_unusable_password()
        user.save()
        space.people.append(user)
        levels[user.pk] = skills
    UserSkill.objects.bulk_create(
        UserSkill(user_id=pk, skill=space.skills[name], level=level)
        for pk, skills in levels.items()
        for name, level in skills.items()
    )
    WorkingSpan.objects.bulk_create(
        WorkingSpan(user=user, weekday=day, starts=time(9), ends=time(17)) for user in space.people for day in range(5)
    )
    today = space.now.date()
    for user, start, days in ((space.people[3], 2, 2), (space.people[5], 9, 5), (space.people[6], -12, 5)):
        first_day = today + timedelta(days=start)
        TimeOff.objects.create(
            user=user, starts_on=first_day, ends_on=first_day + timedelta(days=days - 1), reason="Holiday"
        )


def _contacts(space: Workspace) -> None:
    invent = Faker("en_GB")
    invent.seed_instance(SEED)
    statuses = [Contact.LEAD] * 9 + [Contact.ACTIVE] * 7 + [Contact.INACTIVE] * 3 + [Contact.LOST]
    companies = [invent.unique.company() for _ in range(70)]
    rows = []
    for number in range(CONTACTS):
        name = invent.name()
        rows.append(
            Contact(
                team=space.team,
                owner=space.people[number % len(space.people)],
                name=name,
                email=f"{slugify(name).replace('-', '.')}.{number + 1}@example.com",
                phone=f"+44 20 7946 {number:04d}",
                company=space.chance.choice(companies),
                status=space.chance.choice(statuses),
                contact_cadence=space.chance.choice(
                    ["", "", "", "", Contact.CADENCE_MONTHLY, Contact.CADENCE_QUARTERLY]
                ),
                lead_score=space.chance.randint(5, 95),
                created_at=space.now - timedelta(days=space.chance.randint(DAYS, 400)),
            )
        )
    for contact in rows:
        if contact.contact_cadence:
            touch = space.now + timedelta(days=space.chance.randint(1, 60))
            contact.next_touch_at = touch.replace(hour=8, minute=0, second=0, microsecond=0)
    space.contacts = Contact.objects.bulk_create(rows)


def _rules(space: Workspace) -> None:
    owner = next(user for user in space.people if user.leads)
    for fields in RULES:
        rule = rules.create(owner, scope=TaskAutomationRule.TEAM, created_at=space.now - timedelta(days=DAYS), **fields)
        RuleVersion.objects.create(
            rule=rule,
            number=1,
            content_hash=rules.content_hash(rule),
            content=rules.content_of(rule),
            frozen_at=rule.created_at,
        )
        space.rules.append(rule)


def _activities(space: Workspace) -> list[Activity]:
    """What contacts did, on working days, more of it lately; all of it processed."""
    kinds = [kind for kind, weight in HISTORY for _ in range(weight)]
    rows: list[Activity] = []
    for day in range(DAYS, 0, -1):
        morning = (space.now - timedelta(days=day)).replace(hour=8, minute=0, second=0, microsecond=0)
        if morning.weekday() >= 5:
            continue
        for _ in range(space.chance.randint(16, 34)):
            contact = space.chance.choice(space.contacts)
            kind = space.chance.choice(kinds)
            at = morning + timedelta(minutes=space.chance.randint(0, 600))
            mail = kind.startswith("email")
            rows.append(
                Activity(
                    team=space.team,
                    contact=contact,
                    activity_type=kind,
                    occurred_at=at,
                    received_at=at,
                    processed_at=at,
                    source="sendgrid" if mail else "nextmove",
                    source_key=f"demo:{len(rows)}",
                    signal=Activity.HUMAN if kind != Activity.EMAIL_OPENED else Activity.UNKNOWN,
                    data={"url": "https://northbeam.example/pricing"} if kind == Activity.EMAIL_CLICKED else {},
                    actor=None if mail or kind == Activity.FORM_SUBMITTED else contact.owner,
                )
            )
    return Activity.objects.bulk_create(rows, batch_size=500)


@dataclass
class Plan:
    """One task of the past or present, before its rows are written."""

    task: Task
    holder: User | None
    skill: tuple[str, int] | None
    sentence: str
    rule: TaskAutomationRule | None = None
    cause: Activity | None = None


def _tasks(space: Workspace, activities: Sequence[Activity]) -> list[Task]:
    plans = [*_from_rules(space, activities), *_made_by_hand(space), *_this_week(space)]
    for number, plan in enumerate(plans):
        _settle(space, plan, number)
    tasks = Task.objects.bulk_create([plan.task for plan in plans], batch_size=200)
    TaskSkill.objects.bulk_create(
        TaskSkill(task=plan.task, skill=space.skills[plan.skill[0]], min_level=plan.skill[1])
        for plan in plans
        if plan.skill
    )
    _assignments(space, plans)
    _ledger(space, plans)
    return tasks


def _from_rules(space: Workspace, activities: Sequence[Activity]) -> list[Plan]:
    """The tasks that the rules would have made of the history: one open at a time for a contact."""
    by_kind = {
        rule.trigger_config["activity_types"][0]: rule
        for rule in space.rules
        if "activity_types" in rule.trigger_config
    }
    plans: list[Plan] = []
    last: dict[tuple[int, int | None], datetime] = {}
    for activity in activities:
        rule = by_kind.get(activity.activity_type)
        if rule is None or not rule.is_active or activity.contact is None:
            continue
        before = last.get((rule.pk, activity.contact_id))
        if before is not None and activity.occurred_at - before < timedelta(days=4):
            continue
        last[rule.pk, activity.contact_id] = activity.occurred_at
        needs = rule.required_skills
        skill = (needs[0]["skill"], needs[0]["level"]) if needs else None
        holder = _skilled(space, skill) if rule.assign == "best_match" else activity.contact.owner
        assert holder is not None
        title = rule.task_title_template.replace("{{contact_name}}", activity.contact.name)
        task = _task(space, title, activity.contact, activity.occurred_at, rule.task_priority, rule.estimated_hours)
        task.due_date = activity.occurred_at + timedelta(hours=float(rule.delay_hours))
        whose = (
            f"{holder.display_name} owns the contact."
            if rule.assign == "owner"
            else f"{holder.display_name}: best skill and most room."
        )
        plans.append(Plan(task, holder, skill, whose, rule, activity))
    return plans


def _made_by_hand(space: Workspace) -> list[Plan]:
    plans = []
    for number in range(150):
        title, skill_name, level, hours = BY_HAND[number % len(BY_HAND)]
        contact = space.chance.choice(space.contacts)
        created = space.now - timedelta(days=space.chance.uniform(0.2, DAYS))
        skill = (skill_name, level) if skill_name else None
        task = _task(
            space,
            title.format(name=contact.name),
            contact,
            created,
            space.chance.choice([Task.LOW, Task.MEDIUM, Task.MEDIUM, Task.HIGH]),
            hours,
        )
        task.due_date = created + timedelta(days=space.chance.uniform(1, 9))
        holder = _skilled(space, skill) if skill else contact.owner
        assert holder is not None
        plans.append(Plan(task, holder, skill, f"{holder.display_name} took it."))
    return plans


def _this_week(space: Workspace) -> list[Plan]:
    """Open work of about three quarters of the team's hours, more than one of them can do."""
    plans = []
    for user, share in zip(space.people, SHARES, strict=False):
        for number in range(share):
            title, _, _, hours = BY_HAND[number % len(BY_HAND)]
            contact = space.chance.choice(space.contacts)
            created = space.now - timedelta(hours=space.chance.uniform(2, 60))
            task = _task(space, title.format(name=contact.name), contact, created, Task.MEDIUM, hours * Decimal("1.25"))
            task.due_date = created + timedelta(days=2)
            plans.append(Plan(task, user, None, f"{user.display_name} took it."))
    return plans


def _task(
    space: Workspace, title: str, contact: Contact, created: datetime, priority: str, hours: Decimal | None
) -> Task:
    return Task(
        team=space.team,
        title=title,
        contact=contact,
        owner=contact.owner,
        priority=priority,
        estimated_hours=hours,
        created_at=created,
    )


def _settle(space: Workspace, plan: Plan, number: int) -> None:
    """Gives a task the state it would have today: old work is done, mostly in time; of the rest some of everything."""
    task, chance = plan.task, space.chance
    assert task.due_date is not None
    task.assignee = plan.holder
    age = space.now - task.created_at
    if age > timedelta(days=3) and chance.random() < 0.94:
        task.status = Task.DONE if chance.random() < 0.96 else Task.CANCELLED
    else:
        task.status = chance.choice([Task.TODO] * 6 + [Task.IN_PROGRESS] * 2 + [Task.BLOCKED, Task.DONE])
        if task.status in Task.OPEN:
            # What is open is due around today, so that the first look shows a day's work and not two months of dust.
            task.due_date = (space.now + timedelta(days=chance.randint(-1, 6))).replace(
                hour=chance.randint(8, 16), minute=chance.choice([0, 15, 30, 45]), second=0, microsecond=0
            )
            may_wait = task.status == Task.TODO and plan.rule is None
            if number % 4 == 0 and may_wait and task.estimated_hours in (Decimal(1), Decimal("0.5")):
                task.assignee = plan.holder = None
    if number % 97 == 96:
        task.status = Task.OBSOLETE
    if task.status in (Task.IN_PROGRESS, Task.DONE):
        task.started_at = task.created_at + timedelta(hours=chance.uniform(0.2, 3))
    if task.status == Task.DONE:
        late = chance.random() < 0.14
        latest = max(task.due_date, task.created_at + timedelta(hours=1))
        done = (
            latest + timedelta(hours=chance.uniform(1, 30))
            if late
            else task.created_at + (latest - task.created_at) * chance.uniform(0.3, 0.98)
        )
        task.completed_at = min(done, space.now - timedelta(minutes=20))
        estimate = task.estimated_hours or Decimal(1)
        task.actual_hours = round(estimate * Decimal(str(round(chance.lognormvariate(0.05, 0.28), 2))) * 4) / Decimal(
            4
        ) or Decimal("0.25")


def _skilled(space: Workspace, skill: tuple[str, int] | None) -> User:
    if skill is None:
        return space.chance.choice(space.people)
    fit = UserSkill.objects.filter(skill=space.skills[skill[0]], level__gte=skill[1]).order_by("pk")
    return space.chance.choice([one.user for one in fit.select_related("user")])


def _assignments(space: Workspace, plans: Sequence[Plan]) -> None:
    levels: dict[int, dict[int, int]] = {}
    for user_id, skill_id, level in UserSkill.objects.values_list("user", "skill", "level"):
        levels.setdefault(user_id, {})[skill_id] = level
    ended = {Task.DONE: Assignment.COMPLETED, Task.CANCELLED: Assignment.DROPPED, Task.OBSOLETE: Assignment.DROPPED}
    rows = []
    for plan in plans:
        if plan.holder is None:
            continue
        task = plan.task
        required = ((space.skills[plan.skill[0]].pk, plan.skill[1]),) if plan.skill else ()
        match = matching.skill_match(required, levels.get(plan.holder.pk, {})) if required else None
        rows.append(
            Assignment(
                task=task,
                user=plan.holder,
                method="best_match" if plan.rule and plan.rule.assign == "best_match" else "owner",
                reasons={"sentence": plan.sentence},
                assigned_at=task.created_at,
                due_date=task.due_date,
                estimated_hours=task.estimated_hours,
                actual_hours=task.actual_hours,
                skill_match=None if match is None else Decimal(match) / 10,
                ended_at=task.completed_at or (space.now if task.status in ended else None),
                outcome=ended.get(task.status, ""),
            )
        )
    Assignment.objects.bulk_create(rows, batch_size=500)


def _ledger(space: Workspace, plans: Sequence[Plan]) -> None:
    """The firings behind the rules' tasks, and the facts of each task's life."""
    versions = {version.rule_id: version for version in RuleVersion.objects.filter(rule__in=space.rules)}
    firings, facts = [], []
    for plan in plans:
        task = plan.task
        if plan.rule is not None and plan.cause is not None:
            firings.append(
                Firing(
                    rule=plan.rule,
                    version=versions[plan.rule.pk],
                    trigger_key=f"activity:{plan.cause.pk}",
                    activity=plan.cause,
                    contact=task.contact,
                    task=task,
                    outcome=Firing.FIRED,
                    at=plan.cause.occurred_at,
                )
            )
        facts.append(_fact(space, task, Activity.TASK_CREATED, task.created_at, None))
        if task.status == Task.DONE and task.completed_at is not None:
            facts.append(_fact(space, task, Activity.TASK_COMPLETED, task.completed_at, plan.holder))
    Firing.objects.bulk_create(firings, batch_size=500)
    Activity.objects.bulk_create(facts, batch_size=500)


def _fact(space: Workspace, task: Task, kind: str, at: datetime, actor: User | None) -> Activity:
    return Activity(
        team=space.team,
        contact=task.contact,
        task_id=task.pk,
        actor=actor,
        activity_type=kind,
        occurred_at=at,
        received_at=at,
        processed_at=at,
        source="nextmove",
        origin=Activity.SYSTEM,
    )
