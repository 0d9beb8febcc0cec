"""What the events find: two teams with their people, rules, contacts and webhooks. A process of its own, before any
fault; prints what the driver needs to know as JSON.

    python -m tests.chaos.scene EVENTS GATEWAY [--without-keys]
"""

import json
import sys
from typing import Any

TEAMS, PEOPLE, TOKENS = 2, 3, 8
FIRST, SECOND, CHAINED = "first", "second", "chained"
"""The rules: two of a click, and one of the first one's task being done."""


def main(events: int, gateway: str, *, without_keys: bool) -> None:
    import celery_app  # noqa: F401 (sets Django up)

    if without_keys:
        drop_unique_keys()
    tables()
    sys.stdout.write(json.dumps({"teams": [team(number, events, gateway) for number in range(TEAMS)]}))


def address(number: int) -> str:
    return f"e{number}@chaos.example"


def tables() -> None:
    """For the effects of jobs that nothing but the queue keeps from happening twice."""
    from django.db import connection

    serial = "BIGSERIAL PRIMARY KEY" if connection.vendor == "postgresql" else "INTEGER PRIMARY KEY"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE chaos_effect (id {serial}, what TEXT NOT NULL)")
        cursor.execute("CREATE TABLE chaos_counter (n BIGINT NOT NULL)")
        cursor.execute("INSERT INTO chaos_counter (n) VALUES (0)")


def team(number: int, events: int, gateway: str) -> dict[str, Any]:
    from django.utils import timezone

    from crm.models import Contact
    from notifications.models import Notification, Preference
    from tests import builders
    from webhooks import endpoints

    manager = builders.make_manager(username=f"chaos{number}")
    people = [builders.make_user(team=manager.team) for _ in range(PEOPLE)]
    Preference.objects.bulk_create(
        Preference(user=person, kind=Notification.PERFORMANCE, channel="email", wanted=True) for person in people
    )
    Contact.objects.bulk_create(
        Contact(owner=people[one // TEAMS % PEOPLE], team=manager.team, name=str(one), email=address(one))
        for one in range(number, events, TEAMS)
    )
    same = {"team": manager.team, "scope": "team", "repeat_policy": "every_time", "burst": 0}
    rules = {
        name: builders.make_rule(manager, name=name, task_title_template=f"{name} {{{{contact_name}}}}", **same | more)
        for name, more in ((FIRST, {"assign": "owner"}), (SECOND, {"assign": "unassigned"}))
    }
    builders.make_rule(
        manager,
        name=CHAINED,
        trigger_type="task_completed",
        trigger_config={"rule_ids": [rules[FIRST].pk]},
        task_title_template=f"{CHAINED} {{{{contact_name}}}}",
        assign="unassigned",
        **same,
    )
    now = timezone.now()
    endpoints.create(manager.team, url=f"{gateway}/{number}", kinds=["task.completed"], by=manager, now=now)
    return {
        "path": f"/hooks/mail/sendgrid/{builders.make_source(manager.team).secret}",
        "tokens": [builders.make_token(manager) for _ in range(TOKENS)],
        "people": [person.pk for person in people],
    }


def drop_unique_keys() -> None:
    """Those of the domain that keep what rules, tasks and notices do from being done twice. Left are the queue's own,
    and the one of the ledger, by which a sender's repetition is known at all."""
    from django.db import connection, models

    from automation.models import Firing
    from notifications.models import Notification
    from work.models import Assignment, Task

    with connection.schema_editor() as editor:
        for model in (Firing, Assignment):
            for constraint in model._meta.constraints:
                if isinstance(constraint, models.UniqueConstraint):
                    editor.remove_constraint(model, constraint)
        for model, name in ((Task, "origin_key"), (Task, "once_key"), (Notification, "key")):
            unique = model._meta.get_field(name)
            plain = unique.clone()
            plain._unique, plain.db_index = False, True
            plain.set_attributes_from_name(name)
            plain.model = model
            editor.alter_field(model, unique, plain)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], without_keys="--without-keys" in sys.argv)
