"""`migrate automation` builds the whole schema: the rooms below it are part of what it needs."""

from typing import Any

from django.core.management.commands.migrate import Command as MigrateCommand


class Command(MigrateCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        """Reads the bare label `automation` as "all"; with a migration's name it behaves as Django's own."""
        if options.get("app_label") == "automation" and not options.get("migration_name"):
            options["app_label"] = None
        super().handle(*args, **options)
