"""PostgreSQL's second index of a unique text, which only patterns would use, costs each new row and finds nothing: it goes.

Going back leaves it out: all works the same without it.
"""

from django.db import migrations

GONE = ["webhooks_event_key_5d4722f5_like"]


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]

    operations = [
        migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", migrations.RunSQL.noop) for name in GONE
    ]
