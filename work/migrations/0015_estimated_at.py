from typing import Any

from django.conf import settings
from django.db import migrations, models


def take_from_the_log(apps: Any, editor: Any) -> None:
    """Estimates that people changed until now: the audit log says when, the last line last."""
    task, lines = apps.get_model("work", "Task"), apps.get_model("people", "Change").objects
    changed = lines.filter(kind="task", verb="changed", after__has_key="estimated_hours").order_by("pk")
    for pk, at in changed.values_list("subject_id", "at").iterator():
        task.objects.filter(pk=int(pk)).update(estimated_at=at)


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0011_fewer_indexes"),
        ("people", "0014_undo_notes"),
        ("work", "0014_hours"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="task",
            name="estimated_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When the estimate was last changed; empty: never since",
                null=True,
            ),
        ),
        migrations.RunPython(take_from_the_log, migrations.RunPython.noop),
    ]
