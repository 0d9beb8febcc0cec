"""Numbers that their columns cannot hold are refused; those that SQLite took become the most there is."""

from decimal import Decimal

from django.db import migrations, models

MOST = Decimal("999999.99")
COLUMNS = {
    "TaskAutomationRule": ("delay_hours", "reminder_offset_hours", "estimated_hours",),
    "AutomationStep": ("delay_days",),
}


def bring_down(apps, schema_editor):
    for model, columns in COLUMNS.items():
        rows = apps.get_model("automation", model).objects
        for column in columns:
            rows.filter(**{f"{column}__gt": MOST}).update(**{column: MOST})


class Migration(migrations.Migration):
    dependencies = [("automation", "0004_series_on_a_clock")]
    operations = [
        migrations.RunPython(bring_down, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="taskautomationrule",
            constraint=models.CheckConstraint(
                condition=models.Q(delay_hours__lte=MOST, estimated_hours__lte=MOST, reminder_offset_hours__lte=MOST),
                name="rule_hours_fit",
            ),
        ),
        migrations.AddConstraint(
            model_name="automationstep",
            constraint=models.CheckConstraint(
                condition=models.Q(delay_days__lte=MOST),
                name="step_days_fit",
            ),
        ),
    ]
