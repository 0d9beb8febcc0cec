"""Indexes that begin as another one does cost each write and find nothing more: they go.

By name, without making the tables anew as SQLite otherwise would.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


GONE = [
    ("work_assignment_user_id_8b953f1e", "work_assignment", "user_id"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("work", "0012_outcomes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", f"CREATE INDEX {name} ON {table} ({column})")
                for name, table, column in GONE
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="assignment",
                    name="user",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        )
    ]
