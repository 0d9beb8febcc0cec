from typing import Any

from django.db import migrations, models
from django.db.models import F


def fill(apps: Any, schema_editor: Any) -> None:
    """Who has the score that was computed has it from there; any other is somebody's own."""
    rows = apps.get_model("learning", "ContactScore").objects.using(schema_editor.connection.alias)
    rows.filter(contact__lead_score=F("score")).update(told=F("score"))


class Migration(migrations.Migration):

    dependencies = [
        ('learning', '0007_zone_sources'),
    ]

    operations = [
        migrations.AddField(
            model_name='contactscore',
            name='told',
            field=models.PositiveSmallIntegerField(help_text="What Contact.lead_score was given last; empty where it is somebody's own", null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
