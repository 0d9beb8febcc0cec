"""`migrate automation` builds the whole schema: the rooms below it are part of what it needs."""

from typing import Any

from django.core.management.commands.migrate import Command as MigrateCommand

from automation import rule_changes
from crm.models import Contact
from work.models import Task


class Command(MigrateCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        """Reads the bare label `automation` as "all"; with a migration's name it behaves as Django's own.

        What finds rows by letters, and what counts changes of rules, is nothing that Django knows, and SQLite loses it
        when a migration makes a table anew: it is looked after each time.
        """
        if options.get("app_label") == "automation" and not options.get("migration_name"):
            options["app_label"] = None
        super().handle(*args, **options)
        if not (options["plan"] or options["check_unapplied"]):
            Contact.TRIGRAMS.build()
            Task.TRIGRAMS.build()
            rule_changes.build()
