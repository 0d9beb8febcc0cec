"""The default team exists from the start, with or without the demo."""

from django.conf import settings
from django.db import migrations


def make_default_team(apps, schema_editor):
    apps.get_model("people", "Team").objects.get_or_create(
        is_default=True, defaults={"name": "Team", "timezone": settings.DEFAULT_TEAM_ZONE}
    )


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [migrations.RunPython(make_default_team, migrations.RunPython.noop)]
