"""Tasks that were there before: those still to fall due are told when they are late; those late already were."""

from django.db import migrations
from django.db.models import F
from django.utils import timezone

OPEN = ("todo", "in_progress", "blocked")


def fill(apps, schema_editor):
    tasks = apps.get_model("work", "Task").objects.filter(due_date__isnull=False)
    tasks.update(chased_for=F("due_date"))
    tasks.filter(status__in=OPEN, due_date__gt=timezone.now()).update(chase_at=F("due_date"))


class Migration(migrations.Migration):
    dependencies = [("work", "0002_crm_in_full")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
