"""PostgreSQL's second index of a unique text, which only patterns would use, costs each new row and finds nothing: it goes.

Going back leaves it out: all works the same without it.
"""

from django.db import migrations

GONE = ["work_task_origin_key_bee4fed5_like", "work_task_once_key_b48c7059_like"]


class Migration(migrations.Migration):
    dependencies = [("work", "0015_estimated_at")]

    operations = [
        migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in GONE
    ]
