"""Numbers that their columns cannot hold are refused; those that SQLite took become the most there is."""

from decimal import Decimal

from django.db import migrations, models

MOST = Decimal("999999.99")
COLUMNS = {
    "Task": ("reminder_offset_hours", "estimated_hours", "actual_hours",),
}


def bring_down(apps, schema_editor):
    for model, columns in COLUMNS.items():
        rows = apps.get_model("work", model).objects
        for column in columns:
            rows.filter(**{f"{column}__gt": MOST}).update(**{column: MOST})


class Migration(migrations.Migration):
    dependencies = [("work", "0003_rows_of_before")]
    operations = [
        migrations.RunPython(bring_down, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(actual_hours__lte=MOST, estimated_hours__lte=MOST, reminder_offset_hours__lte=MOST),
                name="task_hours_fit",
            ),
        ),
    ]
