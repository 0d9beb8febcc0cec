"""PostgreSQL's second index of a unique text, which only patterns would use, costs each new row and finds nothing: it goes.

Going back leaves it out: all works the same without it.
"""

from django.db import migrations

GONE = ["jobs_job_key_c36b5a2a_like"]


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_workers")]

    operations = [
        migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in GONE
    ]
