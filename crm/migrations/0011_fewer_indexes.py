"""Indexes that begin as another one does cost each write and find nothing more: they go.

By name, without making the tables anew as SQLite otherwise would.
"""

import django.db.models.deletion
from django.db import migrations, models


GONE = [
    ("crm_activity_contact_id_8da62d3a", "crm_activity", "contact_id"),
    ("crm_activity_team_id_5393ed8c", "crm_activity", "team_id"),
    ("crm_contact_team_id_f1a85829", "crm_contact", "team_id"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0010_stories"),
        ("people", "0014_undo_notes"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", f"CREATE INDEX {name} ON {table} ({column})")
                for name, table, column in GONE
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="activity",
                    name="contact",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="activities",
                        to="crm.contact",
                    ),
                ),
                migrations.AlterField(
                    model_name="activity",
                    name="team",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="activities",
                        to="people.team",
                    ),
                ),
                migrations.AlterField(
                    model_name="contact",
                    name="team",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contacts",
                        to="people.team",
                    ),
                ),
            ],
        )
    ]
