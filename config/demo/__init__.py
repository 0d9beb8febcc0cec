"""The demo workspace: a sales team of eight with two months of history, alike on every installation.

Rows of the past are written as they would stand today, in bulk; nothing of them is processed again or told to anybody.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from automation import rules
from config.demo import history, team, work
from config.demo.space import Workspace
from crm.models import Contact, InboundSource
from learning import nights
from people.models import Team, User
from performance import scores
from work.models import Task

TEAM_NAME = "Northbeam Sales"


def is_empty() -> bool:
    """Whether nobody has put anything into this installation yet."""
    return not Contact.objects.exists() and not Task.objects.exists()


def fill(*, now: datetime, manager: User | None = None) -> dict[str, Any]:
    """Fills the default team, in one transaction. `manager` (else the first superuser) joins it as the eighth.

    Returns what was made, and the address that SendGrid's event webhook may post to.
    """
    with transaction.atomic():
        own = Team.objects.default()
        Team.objects.filter(pk=own.pk).update(name=TEAM_NAME)
        own.refresh_from_db()
        space = Workspace(own, now)
        team.people(space, manager or User.objects.filter(is_superuser=True).order_by("pk").first())
        team.contacts(space)
        team.make_rules(space)
        activities = history.activities(space)
        tasks = work.make_tasks(space, activities)
        source = InboundSource.objects.create(team=own, provider="sendgrid", name="SendGrid", created_at=now)
        for rule in space.rules:
            rules.rebuild_counters(rule)
        scores.recompute_team(own, now=now)
        nights.learn(own, now=now)  # leads have the scores that the product gives them, not invented ones
    return {
        "people": len(space.people),
        "contacts": len(space.contacts),
        "activities": len(activities),
        "tasks": len(tasks),
        "rules": len(space.rules),
        "sendgrid_path": f"/hooks/mail/sendgrid/{source.secret}",
    }
