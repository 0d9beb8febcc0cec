"""Whether other runs have given out work since a plan was made."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('assignment', '0005_replanning'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='given',
            field=models.PositiveIntegerField(help_text='How many tasks it has given, once carried out', null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='given_before',
            field=models.PositiveIntegerField(default=0, help_text="How many of the team's runs had given something when it was planned"),
        ),
    ]
