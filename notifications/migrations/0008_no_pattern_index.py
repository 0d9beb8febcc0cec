"""PostgreSQL's second index of a unique text, which only patterns would use, costs each new row and finds nothing: it goes.

Going back leaves it out: all works the same without it.
"""

from django.db import migrations

GONE = ["notifications_notification_key_21d62a12_like"]


class Migration(migrations.Migration):
    dependencies = [("notifications", "0007_fewer_indexes")]

    operations = [
        migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in GONE
    ]
