"""Series keep their time of day and the zone that their next run was worked out in: so far those of today."""

from django.db import migrations, models

from domain import calendars


def fill(apps, schema_editor):
    series = apps.get_model("automation", "ScheduledTaskBatch").objects
    rows = series.filter(kind="recurring", ended_at__isnull=True, contact__isnull=False)
    for batch in rows.select_related("contact__team", "owner").iterator(chunk_size=500):
        zone = calendars.first_zone(batch.contact.timezone, batch.owner.timezone, batch.contact.team.timezone)
        began = batch.created_at.astimezone(zone.zone)
        series.filter(pk=batch.pk).update(time_of_day=began.time(), zone=zone.name if batch.next_run_at else "")


class Migration(migrations.Migration):
    dependencies = [("automation", "0003_rows_of_before"), ("people", "0004_followed_zones")]
    operations = [
        migrations.AddField(
            model_name="scheduledtaskbatch",
            name="time_of_day",
            field=models.TimeField(help_text="And at what local time", null=True),
        ),
        migrations.AddField(
            model_name="scheduledtaskbatch",
            name="zone",
            field=models.CharField(blank=True, help_text="Whose clock it was worked out on", max_length=64),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
