"""PostgreSQL's second index of a unique text, which only patterns would use, costs each new row and finds nothing: it goes.

Going back leaves it out: all works the same without it.
"""

from django.db import migrations

GONE = ["automation_scheduledtaskbatch_active_key_c883b92b_like", "automation_enrolment_active_key_00a4cdc6_like"]


class Migration(migrations.Migration):
    dependencies = [("automation", "0011_fewer_indexes")]

    operations = [
        migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in GONE
    ]
