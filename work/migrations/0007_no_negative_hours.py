"""Hours below nothing, as rows written by hand could have, are forgotten and from now on refused."""

from django.db import migrations, models


def forget(apps, schema_editor):
    tasks = apps.get_model("work", "Task").objects
    tasks.filter(estimated_hours__lte=0).update(estimated_hours=None)
    tasks.filter(actual_hours__lt=0).update(actual_hours=None)
    tasks.filter(reminder_offset_hours__lt=0).update(reminder_offset_hours=None)


class Migration(migrations.Migration):
    dependencies = [("work", "0006_ties_and_kinds")]
    operations = [
        migrations.RunPython(forget, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("actual_hours__gte", 0), ("estimated_hours__gt", 0), ("reminder_offset_hours__gte", 0)
                ),
                name="task_hours_are_positive",
            ),
        ),
    ]
