"""The demo's tasks in every state, who held them, and the facts of their lives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from automation.models import Firing, RuleVersion, TaskAutomationRule
from config.demo.space import DAYS, Workspace
from crm.models import Activity, Contact
from domain import matching
from people.models import User, UserSkill
from work.models import Assignment, Dependency, Task, TaskSkill

BY_HAND = (
    ("Prepare a demo for {name}", "Product demo", 3, Decimal(2)),
    ("Send {name} the proposal", None, 0, Decimal("1.5")),
    ("Negotiate the renewal with {name}", "Negotiation", 3, Decimal(2)),
    ("Answer {name}\u2019s security questions", "Technical", 3, Decimal("2.5")),
    ("Quarterly review with {name}", None, 0, Decimal(1)),
    ("Clear up the invoice with {name}", None, 0, Decimal("0.5")),
)
WAITING = 9
SHARES = (5, 8, 10, 7, 6, 30, 9, 8)
"""Open tasks of this week, person by person: the sixth has too much."""


@dataclass
class Plan:
    """One task of the past or present, before its rows are written."""

    task: Task
    holder: User | None
    skill: tuple[str, int] | None
    sentence: str
    rule: TaskAutomationRule | None = None
    cause: Activity | None = None
    this_week: bool = False


def make_tasks(space: Workspace, activities: Sequence[Activity]) -> list[Task]:
    plans = [*_from_rules(space, activities), *_made_by_hand(space), *_this_week(space)]
    for number, plan in enumerate(plans):
        _settle(space, plan, number)
    plans += _waiting(space)
    tasks = Task.objects.bulk_create([plan.task for plan in plans], batch_size=200)
    TaskSkill.objects.bulk_create(
        TaskSkill(task=plan.task, skill=space.skills[plan.skill[0]], min_level=plan.skill[1])
        for plan in plans
        if plan.skill
    )
    _tie(plans)
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
            plans.append(Plan(task, user, None, f"{user.display_name} took it.", this_week=True))
    return plans


def _waiting(space: Workspace) -> list[Plan]:
    """Work that nobody has yet: whoever finishes something gets one of these."""
    plans = []
    for number in range(WAITING):
        title, _, _, hours = BY_HAND[(number * 2 + 1) % len(BY_HAND)]
        contact = space.chance.choice(space.contacts)
        task = _task(
            space, title.format(name=contact.name), contact, space.now - timedelta(hours=number + 1), Task.LOW, hours
        )
        task.due_date = _soon(space)
        plans.append(Plan(task, None, None, ""))
    return plans


def _tie(plans: Sequence[Plan]) -> None:
    """Of what nobody has yet, the last waits for the one before it, and that one for something that somebody has."""
    held = next(plan.task for plan in plans if plan.this_week and plan.task.is_open)
    *_, before, last = [plan.task for plan in plans if plan.holder is None]
    Dependency.objects.bulk_create([Dependency(task=last, waits_for=before), Dependency(task=before, waits_for=held)])


def _soon(space: Workspace, days: int = 6) -> datetime:
    """A time of day from yesterday to some days ahead."""
    chance = space.chance
    return (space.now + timedelta(days=chance.randint(-1, days))).replace(
        hour=chance.randint(8, 16), minute=chance.choice([0, 15, 30, 45]), second=0, microsecond=0
    )


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
            task.due_date = _soon(space, 6 - space.now.weekday() if plan.this_week else 6)
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
                    kind=plan.rule.trigger_type,
                    occurred_at=plan.cause.occurred_at,
                    activity=plan.cause,
                    root=plan.cause,
                    owner=task.owner,
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
