"""Who is in the demo: the team, its contacts and its rules."""

from datetime import time, timedelta
from decimal import Decimal
from typing import Any

from django.utils.text import slugify
from faker import Faker

from automation import rules
from automation.models import TaskAutomationRule
from config.demo.space import DAYS, SEED, Workspace
from crm.models import Activity, Contact
from people.models import Skill, TimeOff, User, UserSkill, WorkingSpan
from work.models import Task

CONTACTS = 200
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
FOCUS = {"Aisha": Decimal("0.6")}
"""The share of her hours that tasks may fill: the rest goes to training."""
LIMITS = {"Sam": 15}
"""How many tasks he may hold before he is given no more."""
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
    {
        "name": "Silent for a month: ask how it goes",
        "trigger_type": "inactivity",
        "trigger_config": {"days": 30, "statuses": [Contact.LEAD]},
        "condition": "contact.lead_score >= 35",
        "task_title_template": "Ask {{contact_name}} how it goes",
        "delay_kind": "business",
        "delay_days": 2,
        "limit_owner_day": 10,
    },
    {
        "name": "Monday: look through the pipeline",
        "trigger_type": "time",
        "trigger_config": {"cron": "0 9 * * 1"},
        "task_title_template": "Look through the pipeline of the week",
        "delay_hours": Decimal(8),
        "repeat_policy": "every_time",
    },
    {
        "name": "A day late: take it up",
        "trigger_type": "overdue",
        "trigger_config": {"what": "task", "after_hours": 24},
        "task_title_template": "Take up what is late for {{ contact_name | default: 'the team' }}",
        "task_priority": Task.HIGH,
        "delay_hours": Decimal(4),
        "is_active": False,
    },
)
AFTER_ONBOARDING: dict[str, Any] = {
    "name": "Onboarded: check in after a week",
    "trigger_type": "task_completed",
    "task_title_template": "Check in with {{contact_name}} after the first week",
    "delay_kind": "business",
    "delay_days": 5,
    "delay_at": time(10),
}


def people(space: Workspace, manager: User | None) -> None:
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
            focus_factor=FOCUS.get(first, Decimal(1)),
            wip_limit=LIMITS.get(first),
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


def contacts(space: Workspace) -> None:
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
                created_at=space.now - timedelta(days=space.chance.randint(DAYS, 400)),
            )
        )
    for contact in rows:
        if contact.contact_cadence:
            touch = space.now + timedelta(days=space.chance.randint(1, 60))
            contact.next_touch_at = touch.replace(hour=8, minute=0, second=0, microsecond=0)
    space.contacts = Contact.objects.bulk_create(rows)


def make_rules(space: Workspace) -> None:
    owner = next(user for user in space.people if user.leads)
    for fields in RULES:
        _make_rule(space, owner, fields)
    onboarding = next(rule for rule in space.rules if rule.trigger_type == TaskAutomationRule.STATUS_CHANGE)
    _make_rule(space, owner, {**AFTER_ONBOARDING, "trigger_config": {"rule_ids": [onboarding.pk]}})


def _make_rule(space: Workspace, owner: User, fields: dict[str, Any]) -> None:
    made = space.now - timedelta(days=DAYS)
    space.rules.append(rules.create(owner, scope=TaskAutomationRule.TEAM, now=made, **fields))
