"""What is done is taken out of the index of what is due by vacuuming alone. On a large table PostgreSQL would wait for a
fifth of it to change, and meanwhile whoever looks for due work reads past all that was done since.
"""

from django.db import migrations

SOONER = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02"
USUAL = "autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor"


def sooner(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE jobs_job SET ({SOONER})")


def as_usual(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE jobs_job RESET ({USUAL})")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0007_no_pattern_index")]

    operations = [migrations.RunPython(sooner, as_usual)]
