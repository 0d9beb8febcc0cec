"""What was worked on is taken out of the index of new events by vacuuming alone. On a large table PostgreSQL would wait
for a fifth of it to change, and meanwhile whoever looks for new ones reads past all that came since.
"""

from django.db import migrations

SOONER = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02"
USUAL = "autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor"


def sooner(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE crm_activity SET ({SOONER})")


def as_usual(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE crm_activity RESET ({USUAL})")


class Migration(migrations.Migration):
    dependencies = [("crm", "0012_keys_are_sealed")]

    operations = [migrations.RunPython(sooner, as_usual)]
