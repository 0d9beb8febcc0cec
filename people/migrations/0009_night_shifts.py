"""Working time may run into the next day."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0008_calendar_feed'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='teamspan',
            name='team_span_ends_after_start',
        ),
        migrations.RemoveConstraint(
            model_name='workingspan',
            name='span_ends_after_start',
        ),
    ]
