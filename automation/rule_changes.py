"""Changes of rules, counted by the database itself whoever makes them: what is kept of rules in memory is never older.

Each change of what a rule says or whether it runs leaves a row. They are only ever added, so that nobody who changes a
rule waits for anybody.
"""

import hashlib
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Max, Sum

from automation.models import RuleChange, TaskAutomationRule

Stamp = tuple[int, int | None, int | None]
"""Another one after each change of a team's rules, also one that began earlier and was committed later."""

NOTED = frozenset(
    {
        *("times_triggered", "tasks_created"),
        *("next_run_at", "planned_for", "planned_at"),
        *("content_hash", "parked_reason"),
    }
)
"""What the product notes on a rule as it works: it changes nothing of what an event comes to."""
KEEP = 1_000
RULES, CHANGES, PREFIX = TaskAutomationRule._meta.db_table, RuleChange._meta.db_table, "rule_changed"


def stamp(team_id: int) -> Stamp:
    found = RuleChange.objects.filter(team_id=team_id).aggregate(Count("pk"), Max("pk"), Sum("pk"))
    return found["pk__count"], found["pk__max"], found["pk__sum"]


def prune() -> int:
    """Deletes all but the newest rows; whoever remembers an older stamp reads the rules once more."""
    newest = RuleChange.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return RuleChange.objects.filter(pk__lte=newest - KEEP).delete()[0]


def build() -> None:
    """Makes the triggers where they are not as they should be, and takes them away where nothing can be counted.

    On SQLite a migration that makes a table anew loses them, a new column of rules is to be watched too, and one that
    goes back to before there were changes must not leave triggers behind.
    """
    make = _on_postgres if connection.vendor == "postgresql" else _on_sqlite
    with transaction.atomic(), connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        if RULES not in tables:
            return
        names = [column.name for column in connection.introspection.get_table_description(cursor, RULES)]
        columns = ", ".join(f'"{name}"' for name in names if name not in NOTED)
        wanted = (
            make(f"{PREFIX}_{hashlib.sha256(columns.encode()).hexdigest()[:8]}", columns) if CHANGES in tables else {}
        )
        there = _there(cursor)
        if there != set(wanted):
            for name in there:
                cursor.execute(f'DROP TRIGGER "{name}"' + (f" ON {RULES}" if make is _on_postgres else ""))
            for statement in wanted.values():
                cursor.execute(statement)


def _there(cursor: Any) -> set[str]:
    if connection.vendor == "postgresql":
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [RULES])
    else:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [RULES])
    return {name for (name,) in cursor.fetchall() if name.startswith(PREFIX)}


def _on_postgres(name: str, columns: str) -> dict[str, str]:
    return {
        name: f"""
            CREATE OR REPLACE FUNCTION {PREFIX}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP <> 'INSERT' THEN INSERT INTO {CHANGES} (team_id) VALUES (OLD.team_id); END IF;
                IF TG_OP <> 'DELETE' THEN INSERT INTO {CHANGES} (team_id) VALUES (NEW.team_id); END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER {name} AFTER INSERT OR DELETE OR UPDATE OF {columns} ON {RULES}
            FOR EACH ROW EXECUTE FUNCTION {PREFIX}()
        """  # noqa: S608
    }


def _on_sqlite(name: str, columns: str) -> dict[str, str]:
    old, new = (f"INSERT INTO {CHANGES} (team_id) VALUES ({row}.team_id);" for row in ("old", "new"))  # noqa: S608
    after = {"INSERT": new, "DELETE": old, f"UPDATE OF {columns}": old + new}
    return {
        f"{name}_{number}": f"CREATE TRIGGER {name}_{number} AFTER {event} ON {RULES} BEGIN {does} END"
        for number, (event, does) in enumerate(after.items())
    }
