"""Indexes that begin as another one does cost each write and find nothing more: they go.

By name, without making the tables anew as SQLite otherwise would.
"""

import django.db.models.deletion
from django.db import migrations, models


GONE = [
    ("automation_firing_contact_id_fb71eca4", "automation_firing", "contact_id"),
    ("automation_firing_rule_id_74a04d68", "automation_firing", "rule_id"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("automation", "0010_learned_options"),
        ("crm", "0010_stories"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", f"CREATE INDEX {name} ON {table} ({column})")
                for name, table, column in GONE
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="firing",
                    name="contact",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="firings",
                        to="crm.contact",
                    ),
                ),
                migrations.AlterField(
                    model_name="firing",
                    name="rule",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="firings",
                        to="automation.taskautomationrule",
                    ),
                ),
            ],
        )
    ]
