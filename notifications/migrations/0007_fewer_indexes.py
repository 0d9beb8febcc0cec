"""Indexes that begin as another one does cost each write and find nothing more: they go.

By name, without making the tables anew as SQLite otherwise would.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


GONE = [
    ("notifications_notification_user_id_b5e8c0ff", "notifications_notification", "user_id"),
    ("notifications_delivery_notification_id_ea8dc048", "notifications_delivery", "notification_id"),
    ("notifications_delivery_user_id_70f8752d", "notifications_delivery", "user_id"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0006_lost_deliveries"),
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
                    model_name="delivery",
                    name="notification",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="notifications.notification",
                    ),
                ),
                migrations.AlterField(
                    model_name="delivery",
                    name="user",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    model_name="notification",
                    name="user",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notifications",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        )
    ]
